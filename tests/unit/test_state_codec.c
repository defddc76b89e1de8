/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The formats of the store on disk: states, event records, ring header. */
#include "tests/unit/store_sample.h"
#include "util/hash.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static void put_u32(uint8_t *p, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		p[i] = (uint8_t)(v >> (24 - 8 * i));
}

/* Makes the checksum of a changed sector right again. */
static void reseal_sector(uint8_t slot[STATE_SLOT_BYTES], unsigned int sector)
{
	uint8_t *p = slot + (size_t)sector * STATE_SECTOR_BYTES;

	put_u32(p + STATE_SECTOR_BYTES - 4, crc32c(0, p, STATE_SECTOR_BYTES - 4));
}

/* RFC 3720, appendix B.4. */
static void test_checksum(void **state)
{
	uint8_t bytes[32];

	(void)state;
	assert_true(crc32c(0, "123456789", 9) == 0xe3069283);
	memset(bytes, 0, sizeof bytes);
	assert_true(crc32c(0, bytes, sizeof bytes) == 0x8a9136aa);
	memset(bytes, 0xff, sizeof bytes);
	assert_true(crc32c(0, bytes, sizeof bytes) == 0x62a8ab43);
	for (size_t i = 0; i < sizeof bytes; i++)
		bytes[i] = (uint8_t)i;
	assert_true(crc32c(0, bytes, sizeof bytes) == 0x46dd794e);
	assert_true(crc32c(crc32c(0, bytes, 11), bytes + 11, 21) == 0x46dd794e);
	assert_true(crc32c(5, bytes, 0) == 5);
}

/* Bit by bit, as it is defined. */
static uint32_t slow_crc32c(uint32_t crc, const uint8_t *p, size_t n)
{
	for (crc = ~crc; n > 0; n--) {
		crc ^= *p++;
		for (int k = 0; k < 8; k++)
			crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78 : 0);
	}
	return ~crc;
}

static void test_checksum_of_any_length(void **state)
{
	struct sample_random random = sample_seed(1);
	uint8_t bytes[1500];

	(void)state;
	for (size_t i = 0; i < sizeof bytes; i++)
		bytes[i] = (uint8_t)sample_next(&random);
	for (size_t n = 0; n <= 100; n++)
		for (size_t at = 0; at < 9; at++)
			assert_true(crc32c((uint32_t)n * 99, bytes + at, n) ==
				    slow_crc32c((uint32_t)n * 99, bytes + at, n));
	assert_true(crc32c(0, bytes, sizeof bytes) == slow_crc32c(0, bytes, sizeof bytes));
}

static void test_state_round_trip(void **state)
{
	uint8_t slot[STATE_SLOT_BYTES], again[STATE_SLOT_BYTES];
	struct durable_state in, out;

	(void)state;
	for (uint64_t generation = 1; generation < 200; generation++) {
		struct slot_info info;

		sample_state(generation, &in);
		assert_true(state_valid(&in));
		state_encode(&in, generation / 2, slot);
		assert_int_equal(state_decode(slot, &out), 0);
		assert_memory_equal(&in, &out, sizeof in);
		state_encode(&out, generation / 2, again);
		assert_memory_equal(slot, again, sizeof slot);
		state_slot_inspect(slot, STATE_SECTORS, &info);
		assert_int_equal(info.condition, SLOT_WHOLE);
		assert_int_equal(info.generation, generation);
		assert_int_equal(info.base, generation / 2);
	}
}

static void test_full_state_fits(void **state)
{
	uint8_t slot[STATE_SLOT_BYTES];
	struct durable_state in, out;

	(void)state;
	sample_state(3, &in);
	in.n_groups = GROUPS_MAX;
	in.n_nodes = NODES_MAX;
	in.n_resources = RESOURCES_MAX;
	in.n_monitors = MONITORS_MAX;
	for (unsigned int i = 0; i < GROUPS_MAX; i++) {
		(void)snprintf(in.group_names[i], NAME_SIZE, "a-name-of-31-characters-for-%03u", i);
		memset(in.group_intents[i].stopped, 0xff, sizeof in.group_intents[i].stopped);
	}
	for (unsigned int i = 0; i < RESOURCES_MAX; i++) {
		(void)snprintf(in.resource_names[i], NAME_SIZE, "a-name-of-31-characters-for-%03u",
			       i);
		in.resource_groups[i] = (uint16_t)(i % GROUPS_MAX);
	}
	for (unsigned int i = 0; i < MONITORS_MAX; i++) {
		(void)snprintf(in.monitor_names[i], NAME_SIZE, "a-name-of-31-characters-for-%03u",
			       i);
		in.monitor_intents[i].version.epoch = 1;
		in.monitor_intents[i].failing = 0xffffffff;
	}
	for (unsigned int i = 0; i < NODES_MAX; i++)
		(void)snprintf(in.node_names[i], NAME_SIZE, "node-%u", i);
	in.node_intents[NODES_MAX - 1].incarnation = 0x0123456789abcdef;
	in.group_intents[GROUPS_MAX - 1].attempt = 200;
	state_encode(&in, 0, slot);
	assert_int_equal(state_decode(slot, &out), 0);
	assert_memory_equal(&in, &out, sizeof in);
}

/* The bytes of one small state, so that the format cannot change by accident. */
static const uint8_t layout_head[] = {
	'H', 'F', 's', 't', 0, 0, 0, 0, /* magic, sector 0 */
	0,   0,	  0,   0,   0, 0, 0, 9, /* generation */
	0,   0,	  0,   0,   0, 0, 0, 8, /* base */
	0,   0,	  0,   2,		/* version */
};
static const uint8_t layout_body[] = {
	0,    0,   0,	0, 0, 0, 0,    7,		 /* incarnation */
	0,    0,   0,	0, 0, 0, 0x10, 0,		 /* epoch reserve */
	0,    0,   0,	0, 0, 1, 0x86, 0xa0,		 /* longest lease */
	0,    1,   0,	0, 0, 1, 0,    1,		 /* groups, nodes, monitors, resources */
	0,    0,   0,	0, 0, 0, 0,    99,		 /* ratio left */
	0,    0,   0,	0, 0, 0, 0,    4,    0, 0, 0, 3, /* cluster row: version */
	0,    0,   0,	0, 0, 0, 0,    0,    0, 0, 0, 0, 255, /* its request */
	1,    0,   10,					      /* suspended, ratio */
	0,    0,   0,	0, 0, 0, 0,    12,		      /* configuration: generation */
	0xa0, 0,   0,	0, 0, 0, 0,    13,		      /* and hash */
	'd',  'b', 0,	0, 0, 0, 0,    0,		      /* its name */
	0,    0,   0,	0, 0, 0, 0,    0,    0, 0, 0, 0, 0,   0, 0, 0,
	0,    0,   0,	0, 0, 0, 0,    0,    0, 0, 0, 0, 0,   0, 0, 5, /* its epoch */
	0,    0,   0,	6,					       /* counter */
	0,    0,   0,	0, 0, 0, 0,    3,			       /* request: incarnation */
	0,    0,   0,	2,					       /* number */
	1,							       /* node */
	1,    2,   255, 3, 4,		  /* wanted, owner, target, cause, attempt */
	8,    2,   0,	1,		  /* failovers, two bytes of stopped bits */
	'i',  'p', 0,	0, 0, 0, 0,    0, /* name of the resource */
	0,    0,   0,	0, 0, 0, 0,    0,    0, 0, 0, 0, 0,   0, 0, 0,
	0,    0,   0,	0, 0, 0, 0,    0,    0, 0, /* its group */
	'm',  0,   0,	0, 0, 0, 0,    0,	   /* name of the monitor */
	0,    0,   0,	0, 0, 0, 0,    0,    0, 0, 0, 0, 0,   0, 0, 0,
	0,    0,   0,	0, 0, 0, 0,    0,    0, 0, 0, 0, 0,   0, 0, 5, /* its epoch */
	0,    0,   0,	6,					       /* counter */
	0,    0,   0,	0, 0, 0, 0,    3,			       /* request: incarnation */
	0,    0,   0,	2,					       /* number */
	1,							       /* node */
	0,    0,   0,	3, 0, 0, 0,    4, /* suspended and failing on */
	0,
};

static void test_state_layout(void **state)
{
	struct durable_state s = {.generation = 9,
				  .incarnation = 7,
				  .epoch_reserve = 0x1000,
				  .lease_max_us = 100000,
				  .n_groups = 1,
				  .n_monitors = 1,
				  .n_resources = 1,
				  .ratio_left_us = 99,
				  .cluster = {.version = {4, 3},
					      .request.node = NODE_NONE,
					      .mode = CLUSTER_SUSPENDED,
					      .ratio = 10,
					      .config_generation = 12,
					      .config_hash = 0xa00000000000000d},
				  .resource_names[0] = "ip",
				  .monitor_names[0] = "m",
				  .monitor_intents[0] = {.version = {5, 6},
							 .request = {3, 2, 1},
							 .suspended = 3,
							 .failing = 4},
				  .group_names[0] = "db",
				  .group_intents[0] = {.version = {5, 6},
						       .request = {3, 2, 1},
						       .wanted = WANTED_ONLINE,
						       .owner = 2,
						       .target = NODE_NONE,
						       .cause = CAUSE_FAILOVER,
						       .attempt = 4,
						       .failovers = 8,
						       .stopped = {0, 1}}};
	uint8_t slot[STATE_SLOT_BYTES];

	(void)state;
	state_encode(&s, 8, slot);
	assert_memory_equal(slot, layout_head, sizeof layout_head);
	assert_memory_equal(slot + sizeof layout_head + 4, layout_body, sizeof layout_body);
	assert_int_equal(slot[STATE_SECTOR_BYTES + 5], 1); /* index of the second sector */
}

static void test_every_damaged_byte_is_noticed(void **state)
{
	uint8_t slot[STATE_SLOT_BYTES];
	struct durable_state in, out;
	struct slot_info info;

	(void)state;
	sample_state(77, &in);
	state_encode(&in, 76, slot);
	for (unsigned int at = 0; at < STATE_SLOT_BYTES; at += at % 512 < 24 ? 1 : 37) {
		slot[at] ^= 0x20;
		assert_int_equal(state_decode(slot, &out), -EBADMSG);
		state_slot_inspect(slot, STATE_SECTORS, &info);
		assert_int_equal(info.condition, SLOT_DAMAGED);
		assert_int_equal(info.sector, at / STATE_SECTOR_BYTES);
		slot[at] ^= 0x20;
	}
	assert_int_equal(state_decode(slot, &out), 0);
	memset(slot, 0, sizeof slot);
	assert_int_equal(state_decode(slot, &out), -EBADMSG);
}

/* A write that a power cut ended at any sector is torn, not damaged and not whole. */
static void test_torn_slot(void **state)
{
	uint8_t old[STATE_SLOT_BYTES], new[STATE_SLOT_BYTES], slot[STATE_SLOT_BYTES];
	struct durable_state s, out;
	struct slot_info info;

	(void)state;
	sample_state(10, &s);
	state_encode(&s, 9, old);
	sample_state(12, &s);
	state_encode(&s, 11, new);
	for (unsigned int n = 1; n < STATE_SECTORS; n++) {
		memcpy(slot, old, sizeof slot);
		memcpy(slot, new, (size_t)n * STATE_SECTOR_BYTES);
		state_slot_inspect(slot, STATE_SECTORS, &info);
		assert_int_equal(info.condition, SLOT_TORN);
		assert_int_equal(info.generation, 12);
		assert_int_equal(info.base, 11);
		assert_int_equal(state_decode(slot, &out), -EBADMSG);
	}
	/* two writes of one generation: every sector fits, the whole does not */
	sample_state(13, &s);
	s.generation = 12;
	state_encode(&s, 11, slot);
	memcpy(slot, new, STATE_SECTOR_BYTES);
	state_slot_inspect(slot, STATE_SECTORS, &info);
	assert_int_equal(info.condition, SLOT_TORN);
}

static void test_values_out_of_range(void **state)
{
	static const struct {
		unsigned int at; /* of the payload of sector 0 */
		uint8_t value;
	} cases[] = {
		{3, 3},	     /* version 3 */
		{3, 1},	     /* version 1, which has smaller slots */
		{8, 0x40},   /* incarnation above its limit */
		{16, 0x40},  /* epoch reserve above its limit */
		{32, 1},     /* 257 groups */
		{35, 33},    /* 33 nodes */
		{36, 3},     /* 769 monitors */
		{38, 3},     /* 769 resources */
		{41, 0x10},  /* ratio for too long */
		{48, 0x40},  /* epoch of the cluster row */
		{72, 32},    /* node of its request */
		{73, 2},     /* mode */
		{74, 0x28},  /* ratio */
		{76, 0x40},  /* generation of the configuration */
		{92, 0},     /* a row without a name */
		{123, 'x'},  /* a name without an end */
		{124, 0x40}, /* epoch of a row */
		{148, 32},   /* node of its request */
		{149, 2},    /* wanted */
		{150, 32},   /* owner */
		{151, 200},  /* target */
		{152, 10},   /* cause */
		{155, 65},   /* 65 bytes of stopped bits */
		{155, 1},    /* a byte of them that is 0 */
		{156, 0},    /* a resource without a name */
		{189, 1},    /* its group */
		{190, 0},    /* a monitor without a name */
		{222, 0x40}, /* its epoch */
		{246, 32},   /* node of its request */
		{255, 1},    /* behind the last row */
	};
	uint8_t clean[STATE_SLOT_BYTES], slot[STATE_SLOT_BYTES], payload[STATE_SECTORS * 484];
	struct durable_state s = {.generation = 1,
				  .n_groups = 1,
				  .n_resources = 1,
				  .n_monitors = 1,
				  .group_names[0] = "g",
				  .resource_names[0] = "r",
				  .monitor_names[0] = "m"};
	struct durable_state out;
	struct slot_info info;

	(void)state;
	state_encode(&s, 0, clean);
	assert_int_equal(state_decode(clean, &out), 0);
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		memcpy(slot, clean, sizeof slot);
		slot[24 + cases[i].at] = cases[i].value;
		for (unsigned int k = 0; k < STATE_SECTORS; k++)
			memcpy(payload + (size_t)k * 484, slot + (size_t)k * 512 + 24, 484);
		put_u32(slot + 28, crc32c(crc32c(0, payload, 4), payload + 8, sizeof payload - 8));
		reseal_sector(slot, 0);
		state_slot_inspect(slot, STATE_SECTORS, &info);
		assert_int_equal(info.condition, SLOT_FOREIGN);
		assert_int_equal(state_decode(slot, &out), -EBADMSG);
	}
}

static void test_invalid_states_are_known(void **state)
{
	struct durable_state s;

	(void)state;
	sample_state(5, &s);
	s.n_groups = s.n_nodes = s.n_monitors = s.n_resources = 1;
	s.resource_groups[0] = 0;
	(void)snprintf(s.resource_names[0], NAME_SIZE, "resource-0");
	(void)snprintf(s.monitor_names[0], NAME_SIZE, "monitor-0");
#define REFUSED(field, value)                       \
	do {                                        \
		struct durable_state broken = s;    \
		broken.field = (value);             \
		assert_false(state_valid(&broken)); \
	} while (0)
	REFUSED(generation, 0);
	REFUSED(incarnation, EPOCH_MAX + 1);
	REFUSED(epoch_reserve, EPOCH_MAX + 1);
	REFUSED(n_groups, GROUPS_MAX + 1);
	REFUSED(n_nodes, NODES_MAX + 1);
	REFUSED(group_names[0][0], '\0');
	REFUSED(group_names[0][NAME_SIZE - 1], 'x');
	REFUSED(node_names[0][0], '\0');
	REFUSED(group_intents[0].version.epoch, EPOCH_MAX + 1);
	REFUSED(group_intents[0].wanted, WANTED_COUNT_);
	REFUSED(group_intents[0].cause, CAUSE_COUNT_);
	REFUSED(group_intents[0].owner, NODES_MAX);
	REFUSED(group_intents[0].target, 100);
	REFUSED(group_intents[0].request.node, 254);
	REFUSED(node_intents[0].version.epoch, UINT64_MAX);
	REFUSED(node_intents[0].wanted, 9);
	REFUSED(node_intents[0].request.node, 32);
	REFUSED(n_monitors, MONITORS_MAX + 1);
	REFUSED(n_resources, RESOURCES_MAX + 1);
	REFUSED(ratio_left_us, RATIO_TIME_MAX_US + 1);
	REFUSED(cluster.version.epoch, EPOCH_MAX + 1);
	REFUSED(cluster.request.node, 99);
	REFUSED(cluster.mode, CLUSTER_MODE_COUNT_);
	REFUSED(cluster.ratio, RATIO_MAX + 1);
	REFUSED(cluster.config_generation, EPOCH_MAX + 1);
	REFUSED(node_intents[0].power, POWER_ACTION_COUNT_);
	REFUSED(resource_names[0][0], '\0');
	REFUSED(resource_groups[0], 1);
	REFUSED(monitor_names[0][NAME_SIZE - 1], 'x');
	REFUSED(monitor_intents[0].version.epoch, EPOCH_MAX + 1);
	REFUSED(monitor_intents[0].request.node, 254);
	assert_true(state_valid(&s));
}

static void check_remains(const uint8_t *slot, const struct durable_state *s)
{
	uint8_t sector[STATE_SECTOR_BYTES];
	struct slot_remains remains;

	memcpy(sector, slot, sizeof sector);
	assert_true(state_sector_remains(sector, &remains));
	assert_true(remains.generation == s->generation);
	assert_true(remains.epoch_reserve == s->epoch_reserve);
	assert_true(remains.incarnation == s->incarnation);
	assert_true(remains.lease_max_us == s->lease_max_us);
	for (size_t at = 0; at < sizeof sector; at += 7) {
		sector[at] ^= 1;
		assert_false(state_sector_remains(sector, &remains));
		sector[at] ^= 1;
	}
	memcpy(sector, slot + (size_t)5 * STATE_SECTOR_BYTES, sizeof sector);
	assert_true(state_sector_remains(sector, &remains));
	assert_true(remains.generation == s->generation);
	assert_int_equal(remains.epoch_reserve, 0);
}

static void test_remains_of_a_damaged_slot(void **state)
{
	uint8_t slot[STATE_SLOT_BYTES];
	struct durable_state s;

	(void)state;
	sample_state(40, &s);
	state_encode(&s, 39, slot);
	check_remains(slot, &s);
	sample_encode_1(&s, 39, slot);
	check_remains(slot, &s);
}

/* What release 1 wrote is read as it meant it. */
static void test_version_1(void **state)
{
	uint8_t slot[SAMPLE_SLOT_1];
	struct durable_state in, out;
	struct slot_info info;

	(void)state;
	for (uint64_t generation = 1; generation < 100; generation++) {
		(void)sample_state_1(generation, &in);
		sample_encode_1(&in, generation - 1, slot);
		assert_int_equal(state_slot_decode(slot, STATE_SECTORS_1, &out), 0);
		assert_memory_equal(&in, &out, sizeof in);
		state_slot_inspect(slot, STATE_SECTORS_1, &info);
		assert_int_equal(info.condition, SLOT_WHOLE);
		assert_int_equal(info.version, 1);
		assert_int_equal(info.generation, generation);
		assert_int_equal(info.base, generation - 1);
	}
	for (unsigned int at = 0; at < SAMPLE_SLOT_1; at += at % 512 < 24 ? 1 : 37) {
		slot[at] ^= 0x20;
		state_slot_inspect(slot, STATE_SECTORS_1, &info);
		assert_int_equal(info.condition, SLOT_DAMAGED);
		assert_int_equal(info.sector, at / STATE_SECTOR_BYTES);
		slot[at] ^= 0x20;
	}
}

/* Its bytes, from the documentation of release 1. */
static void test_version_1_layout(void **state)
{
	static const struct {
		unsigned int at;
		uint8_t value;
	} broken[] = {
		{3, 2},	 {8, 0x40}, {32, 1},	{35, 33}, {37, 1},
		{39, 1}, {40, 0},   {72, 0x40}, {102, 1},
	};
	static const uint8_t body[] = {
		0,   0,	  0,   1, 0, 0, 0,    0,    /* version, checksum */
		0,   0,	  0,   0, 0, 0, 0,    7,    /* incarnation */
		0,   0,	  0,   0, 0, 0, 0x10, 0,    /* epoch reserve */
		0,   0,	  0,   0, 0, 1, 0x86, 0xa0, /* longest lease */
		0,   1,	  0,   0, 0, 0, 0,    0,    /* one group, no node */
		'd', 'b', 0,   0, 0, 0, 0,    0,    /* its name */
		0,   0,	  0,   0, 0, 0, 0,    0,    0, 0, 0, 0, 0, 0, 0, 0,
		0,   0,	  0,   0, 0, 0, 0,    0,    0, 0, 0, 0, 0, 0, 0, 5, /* its epoch */
		0,   0,	  0,   6,					    /* counter */
		0,   0,	  0,   0, 0, 0, 0,    3, /* request: incarnation */
		0,   0,	  0,   2,		 /* number */
		1,				 /* node */
		1,   2,	  255, 3, 4,		 /* wanted, owner, target, cause, attempt */
	};
	uint8_t payload[32 * 484] = {0}, slot[SAMPLE_SLOT_1];
	struct durable_state out;
	struct slot_info info;

	(void)state;
	memcpy(payload, body, sizeof body);
	sample_seal(payload, 32, 9, 8, slot);
	assert_int_equal(state_slot_decode(slot, STATE_SECTORS_1, &out), 0);
	assert_int_equal(out.generation, 9);
	assert_int_equal(out.epoch_reserve, 0x1000);
	assert_int_equal(out.n_groups, 1);
	assert_string_equal(out.group_names[0], "db");
	assert_int_equal(out.group_intents[0].request.incarnation, 3);
	assert_int_equal(out.group_intents[0].attempt, 4);
	assert_int_equal(out.group_intents[0].failovers, 0);
	assert_int_equal(out.cluster.version.epoch, 0);
	assert_int_equal(out.n_monitors + out.n_resources, 0);
	for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++) {
		memset(payload, 0, sizeof payload);
		memcpy(payload, body, sizeof body);
		payload[broken[i].at] = broken[i].value;
		sample_seal(payload, 32, 9, 8, slot);
		state_slot_inspect(slot, STATE_SECTORS_1, &info);
		assert_int_equal(info.condition, SLOT_FOREIGN);
	}
}

static void test_record_round_trip(void **state)
{
	uint8_t bytes[EVENT_RECORD_BYTES];
	struct ring_record in, out;
	struct event_record plain;

	(void)state;
	for (uint64_t number = 1; number < 500; number++) {
		memset(&in, 0, sizeof in);
		sample_record(number, &in.record);
		in.sequence = number + 5;
		in.confirmed = number;
		ring_record_encode(&in, bytes);
		assert_int_equal(ring_record_decode(bytes, &out), 0);
		assert_true(sample_same_record(&in.record, &out.record));
		assert_int_equal(out.sequence, in.sequence);
		assert_int_equal(out.confirmed, in.confirmed);
		assert_int_equal(event_record_decode(bytes, &plain), 0);
		assert_true(sample_same_record(&in.record, &plain));
		assert_true(plain.number == number && plain.wall_us == number * 1000003 &&
			    plain.event.at.us == in.record.event.at.us &&
			    plain.event.arg[3] == in.record.event.arg[3] &&
			    strcmp(plain.event.text, in.record.event.text) == 0);
	}
}

static void test_every_damaged_byte_of_a_record_is_noticed(void **state)
{
	uint8_t bytes[EVENT_RECORD_BYTES];
	struct event_record record;

	(void)state;
	sample_record(4711, &record);
	event_record_encode(&record, bytes);
	for (unsigned int bit = 0; bit < 8 * EVENT_RECORD_BYTES; bit++) {
		bytes[bit / 8] ^= (uint8_t)(1U << bit % 8);
		assert_int_equal(event_record_decode(bytes, &record), -EBADMSG);
		bytes[bit / 8] ^= (uint8_t)(1U << bit % 8);
	}
	assert_int_equal(event_record_decode(bytes, &record), 0);
}

/* Sound by checksum, but with values that no store writes. */
static void test_record_values_out_of_range(void **state)
{
	static const struct {
		unsigned int at;
		uint8_t value;
	} cases[] = {{6, 0},   {8, 2},	   {10, 32}, {11, 77}, {12, 1},
		     {72, 64}, {207, 'x'}, {112, 0}, {208, 1}, {251, 9}};
	uint8_t bytes[EVENT_RECORD_BYTES];
	struct event_record record;

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		sample_record(3, &record);
		record.event.group = GROUPS_MAX - 1;
		record.event.resource = RESOURCES_MAX - 1;
		event_record_encode(&record, bytes);
		bytes[cases[i].at] = cases[i].value;
		if (cases[i].at == 6)
			bytes[7] = GROUPS_MAX;
		put_u32(bytes + 252, crc32c(0, bytes, 252));
		assert_int_equal(event_record_decode(bytes, &record), -EBADMSG);
	}
	sample_record(3, &record);
	record.number = 0;
	event_record_encode(&record, bytes);
	assert_int_equal(event_record_decode(bytes, &record), -EBADMSG);
}

static void test_ring_header(void **state)
{
	uint8_t header[RING_HEADER_BYTES];
	uint32_t records = 0;

	(void)state;
	ring_header_encode(8192, header);
	assert_int_equal(ring_header_decode(header, &records), 0);
	assert_int_equal(records, 8192);
	for (unsigned int at = 0; at < RING_HEADER_BYTES; at++) {
		header[at] ^= 0x10;
		assert_int_equal(ring_header_decode(header, &records), -EBADMSG);
		header[at] ^= 0x10;
	}
	ring_header_encode(STORE_RING_MIN - 1, header);
	assert_int_equal(ring_header_decode(header, &records), -EBADMSG);
	ring_header_encode(STORE_RING_MAX + 1, header);
	assert_int_equal(ring_header_decode(header, &records), -EBADMSG);
	ring_header_encode(STORE_RING_MAX, header);
	header[11] = 2;
	put_u32(header + RING_HEADER_BYTES - 4, crc32c(0, header, RING_HEADER_BYTES - 4));
	assert_int_equal(ring_header_decode(header, &records), -EPROTONOSUPPORT);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_checksum),
		cmocka_unit_test(test_checksum_of_any_length),
		cmocka_unit_test(test_state_round_trip),
		cmocka_unit_test(test_full_state_fits),
		cmocka_unit_test(test_state_layout),
		cmocka_unit_test(test_every_damaged_byte_is_noticed),
		cmocka_unit_test(test_torn_slot),
		cmocka_unit_test(test_values_out_of_range),
		cmocka_unit_test(test_invalid_states_are_known),
		cmocka_unit_test(test_remains_of_a_damaged_slot),
		cmocka_unit_test(test_version_1),
		cmocka_unit_test(test_version_1_layout),
		cmocka_unit_test(test_record_round_trip),
		cmocka_unit_test(test_every_damaged_byte_of_a_record_is_noticed),
		cmocka_unit_test(test_record_values_out_of_range),
		cmocka_unit_test(test_ring_header),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
