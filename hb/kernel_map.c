/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the agent writes into the maps and reads from them: plain memory but for the addresses. */
#include "hb/kernel.h"
#include "util/clock.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/mman.h>

/* ---- who we are ---- */

static const struct sockaddr_storage NO_ADDRESS;

/* All zeros: no address. */
static void put_address(const struct sockaddr_storage *from, __u8 ret[16])
{
	const struct sockaddr_in *v4 = (const struct sockaddr_in *)from;
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)from;

	memset(ret, 0, 16);
	if (from->ss_family == AF_INET) {
		memset(ret + 10, 0xff, 2);
		memcpy(ret + 12, &v4->sin_addr, 4);
	} else if (from->ss_family == AF_INET6) {
		memcpy(ret, &v6->sin6_addr, 16);
	}
}

static void configure_peer(struct kernel_state *s, const struct hb_kernel_config *c, uint8_t n)
{
	struct kernel_peer *peer = &s->peer[n];
	bool configured = n < c->n_nodes && n != c->self;

	peer->configured = configured;
	peer->votes = configured ? c->votes[n] : 0;
	for (uint8_t k = 0; k < LINKS_MAX; k++) {
		bool is_there = configured && k < c->n_links;

		put_address(is_there ? &c->address[n][k] : &NO_ADDRESS, peer->address[k]);
	}
}

void kernel_map_configure(struct hb_kernel *kernel, const struct hb_kernel_config *config)
{
	struct kernel_state *s = kernel->state;

	if (s->cluster_id != config->cluster_id || s->self != config->self) {
		/* what was counted and seen there was of others */
		memset(s->peer, 0, sizeof s->peer);
		memset(s->count, 0, sizeof s->count);
	}
	s->cluster_id = config->cluster_id;
	s->self = config->self;
	s->n_nodes = config->n_nodes;
	s->n_links = config->n_links;
	s->port = config->port;
	s->votes_self = config->votes[config->self];
	s->votes_total = 0;
	for (uint8_t n = 0; n < NODES_MAX; n++) {
		s->votes_total += n < config->n_nodes ? config->votes[n] : 0;
		configure_peer(s, config, n);
	}
	for (uint8_t k = 0; k < LINKS_MAX; k++)
		put_address(k < config->n_links ? &config->address[config->self][k] : &NO_ADDRESS,
			    s->address[k]);
	hb_kernel_set_keys(kernel, config->keys);
}

static void set_key(struct kernel_key *slot, const struct hb_probe_keys *keys, uint8_t i)
{
	bool present = i < keys->n;

	if (slot->present == present &&
	    (!present || (slot->id == keys->id[i] && slot->k0 == keys->key[i][0] &&
			  slot->k1 == keys->key[i][1])))
		return;
	LEASE_WRITE(slot->present, 0);
	LEASE_BARRIER();
	slot->id = present ? keys->id[i] : 0;
	slot->k0 = present ? keys->key[i][0] : 0;
	slot->k1 = present ? keys->key[i][1] : 0;
	LEASE_BARRIER();
	LEASE_WRITE(slot->present, present);
}

void hb_kernel_set_keys(struct hb_kernel *kernel, const struct hb_keys *keys)
{
	struct hb_probe_keys derived;

	hb_probe_keys_derive(keys, &derived);
	/* The second first: a key that becomes the second is never missing. */
	for (uint8_t i = HB_KEYS_MAX; i-- > 0;)
		set_key(&kernel->state->key[i], &derived, i);
	explicit_bzero(&derived, sizeof derived);
}

void hb_kernel_begin(struct hb_kernel *kernel, uint64_t incarnation)
{
	struct kernel_state *s = kernel->state;

	LEASE_WRITE(s->progress, 0);
	LEASE_WRITE(s->progress_at, clock_boot().us);
	LEASE_BARRIER();
	LEASE_WRITE(s->incarnation, incarnation);
}

void hb_kernel_progress(struct hb_kernel *kernel, uint64_t sequence, ha_time now)
{
	LEASE_WRITE(kernel->state->progress, sequence);
	LEASE_WRITE(kernel->state->progress_at, now.us);
}

/* ---- leases ---- */

void hb_kernel_lease(struct hb_kernel *kernel, uint64_t number, ha_time until, uint64_t epoch,
		     uint64_t installed)
{
	struct kernel_state *s = kernel->state;
	__u64 generation = lease_generation(LEASE_READ(s->word));

	/* One that has never begun in this process is none that grants were given to. */
	if (!kernel->numbered || number != kernel->number)
		generation++;
	kernel->number = number;
	kernel->numbered = true;
	lease_set_word(s, generation, until.us, epoch, installed);
}

void hb_kernel_delegate(struct hb_kernel *kernel, const struct delegation *delegation,
			ha_time ret_granted_at[NODES_MAX])
{
	__u64 incarnation[NODES_MAX], excluded[NODES_MAX], granted_at[NODES_MAX];

	for (unsigned int n = 0; n < NODES_MAX; n++) {
		incarnation[n] = delegation->incarnation[n];
		excluded[n] = delegation->excluded[n];
	}
	lease_delegate(kernel->state, incarnation, excluded, delegation->lease_us, granted_at);
	for (unsigned int n = 0; n < NODES_MAX; n++)
		ret_granted_at[n] = (ha_time){granted_at[n]};
}

void hb_kernel_read(const struct hb_kernel *kernel, ha_time now, struct hb_kernel_lease *ret)
{
	const struct kernel_state *s = kernel->state;
	__u64 generation = lease_generation(LEASE_READ(s->word));

	*ret = (struct hb_kernel_lease){.number = kernel->number, .valid = lease_valid(s, now.us)};
	for (unsigned int n = 0; n < NODES_MAX; n++)
		ret->until[n] = (ha_time){lease_granted_until(s, n)};
	if (!lease_refused(s, generation))
		return;
	LEASE_BARRIER(); /* the program wrote these before */
	ret->refused_epoch = LEASE_READ(s->refused_epoch);
	ret->refused_by = (uint8_t)LEASE_READ(s->refused_by);
	/* Where stores of another CPU come in any order: no refusal is by an older epoch. */
	if (ret->refused_epoch <= LEASE_READ(s->installed))
		ret->refused_epoch = LEASE_READ(s->installed) + 1;
}

/* ---- protected addresses ---- */

static __u32 hint_class(const uint8_t key[16])
{
	__u32 tail;

	memcpy(&tail, key + 12, sizeof tail);
	return kernel_hint_class(tail);
}

/* The hints of what is protected; exact, since only the agent changes the map. */
static void write_hints(struct hb_kernel *kernel)
{
	__u64 hint[KERNEL_HINT_WORDS] = {};

	for (unsigned int i = 0; i < kernel->n_addresses; i++) {
		__u32 class = hint_class(kernel->address[i].key);

		hint[class / 64] |= 1ULL << class % 64;
	}
	for (unsigned int i = 0; i < KERNEL_HINT_WORDS; i++)
		LEASE_WRITE(kernel->state->hint[i], hint[i]);
	LEASE_BARRIER();
}

static struct kernel_address *find_address(struct hb_kernel *kernel, const uint8_t key[16])
{
	for (unsigned int i = 0; i < kernel->n_addresses; i++) {
		if (memcmp(kernel->address[i].key, key, 16) == 0)
			return &kernel->address[i];
	}
	return NULL;
}

static void drop_address(struct hb_kernel *kernel, struct kernel_address *a)
{
	*a = kernel->address[--kernel->n_addresses];
	write_hints(kernel);
}

static bool make_key(int family, const void *ip, uint8_t ret[16])
{
	memset(ret, 0, 10);
	memset(ret + 10, 0xff, 2);
	if (family == AF_INET)
		memcpy(ret + 12, ip, 4);
	else if (family == AF_INET6)
		memcpy(ret, ip, 16);
	return family == AF_INET || family == AF_INET6;
}

int hb_kernel_protect(struct hb_kernel *kernel, int family, const void *ip)
{
	struct kernel_address *a;
	const __u32 one = 1;
	uint8_t key[16];
	int r;

	if (!make_key(family, ip, key))
		return -EAFNOSUPPORT;
	a = find_address(kernel, key);
	if (!a) {
		if (kernel->n_addresses == KERNEL_ADDRESSES_MAX)
			return -ENOSPC;
		a = &kernel->address[kernel->n_addresses++];
		*a = (struct kernel_address){};
		memcpy(a->key, key, sizeof key);
		write_hints(kernel); /* before the address: what has no hint is not looked up */
	}
	a->ours = true;
	r = bpf_map_update_elem(kernel->addresses_fd, key, &one, BPF_ANY);
	if (r >= 0)
		return 0;
	drop_address(kernel, a);
	return r == -E2BIG ? -ENOSPC : r;
}

static void unprotect(struct hb_kernel *kernel, struct kernel_address *a)
{
	int r = bpf_map_delete_elem(kernel->addresses_fd, a->key);

	if (r >= 0 || r == -ENOENT) /* else it stays protected, and hinted */
		drop_address(kernel, a);
}

void hb_kernel_unprotect(struct hb_kernel *kernel, int family, const void *ip)
{
	struct kernel_address *a = NULL;
	uint8_t key[16];

	if (make_key(family, ip, key))
		a = find_address(kernel, key);
	if (a)
		unprotect(kernel, a);
}

unsigned int hb_kernel_prune(struct hb_kernel *kernel)
{
	unsigned int before = kernel->n_addresses;

	for (unsigned int i = before; i-- > 0;) {
		if (!kernel->address[i].ours)
			unprotect(kernel, &kernel->address[i]);
	}
	return before - kernel->n_addresses;
}

static void note_addresses(struct hb_kernel *kernel)
{
	uint8_t *last = NULL;

	while (kernel->n_addresses < KERNEL_ADDRESSES_MAX) {
		struct kernel_address *a = &kernel->address[kernel->n_addresses];

		if (bpf_map_get_next_key(kernel->addresses_fd, last, a->key) < 0)
			break;
		last = a->key;
		kernel->n_addresses++;
	}
	write_hints(kernel);
}

int kernel_map_open(struct hb_kernel *kernel, char error[HB_ERROR_SIZE])
{
	struct kernel_state *s =
		mmap(NULL, sizeof *s, PROT_READ | PROT_WRITE, MAP_SHARED, kernel->state_fd, 0);

	if (s == MAP_FAILED)
		return kernel_error(error, -errno, "cannot map the memory of our BPF programs");
	kernel->state = s;
	s->bytes = sizeof *s;
	s->abi = KERNEL_ABI;
	note_addresses(kernel);
	return 0;
}
