/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The kernel path by the sockets of the LAN path (docs/kernel.md): probes to the peers' kernels,
 * and their answers. Of each peer and link the newest answer is kept until it is handed out, so
 * a flood of recorded ones neither grows anything nor hides it.
 */
#include "hb/lan.h"

#include <sys/socket.h>

void hb_lan_send_probe(struct hb_lan *lan, uint8_t peer, const struct probe *probe, ha_time now)
{
	struct hb_probe_route route = {
		.cluster_id = lan->limits.cluster_id, .from = lan->self, .to = peer};

	if (peer >= lan->limits.n_nodes || peer == lan->self || probe->incarnation == 0)
		return;
	lan_choose_key(lan, now);
	lan->probe_keys.sign = lan->keys.sign;
	for (; route.link < lan->n_links; route.link++) {
		struct lan_path *path = &lan->peer[peer].path[route.link];
		uint8_t out[HB_PROBE_BYTES];

		if (lan->link[route.link].fd < 0 || path->address_bytes == 0 ||
		    !ha_time_before(path->probed, probe->stamp))
			continue;
		path->probed = probe->stamp;
		hb_probe_encode(&route, probe, &lan->probe_keys, out);
		if (sendto(lan->link[route.link].fd, out, sizeof out, MSG_DONTWAIT,
			   &path->address.any, path->address_bytes) < 0)
			path->stats.send_errors++;
		else
			path->stats.probes++;
	}
}

enum hb_refusal lan_take_answer(struct hb_lan *lan, uint8_t node, const struct lan_arrival *a)
{
	struct lan_path *path = &lan->peer[node].path[a->link];
	const struct hb_probe_route route = {.cluster_id = lan->limits.cluster_id,
					     .from = lan->self,
					     .to = node,
					     .link = a->link};
	struct probe_answer answer;
	enum hb_refusal refusal;

	refusal = hb_probe_decode(&(struct hb_datagram){a->data, a->n}, &route, &lan->probe_keys,
				  &answer);
	if (refusal != HB_OK)
		return refusal;
	/* Only what this life of ours asked, by this link, and each but once. */
	if (answer.incarnation != lan->incarnation || ha_time_before(path->probed, answer.stamp) ||
	    !ha_time_before(path->answered, answer.stamp))
		return HB_REFUSED_REPLAY;
	path->answered = answer.stamp;
	/* On the road or in our socket: what it tells is as old as that. */
	if (ha_time_since(a->at, answer.stamp) > lan->timeout_us ||
	    ha_time_since(a->now, a->at) > lan->timeout_us)
		return HB_REFUSED_STALE;
	path->stats.answers++;
	path->answer = answer;
	lan->peer[node].answers |= (uint8_t)(1U << a->link);
	return HB_OK;
}

bool lan_next_answer(struct hb_lan *lan, struct hb_lan_message *ret)
{
	for (uint8_t n = 0; n < lan->limits.n_nodes; n++) {
		struct lan_peer *peer = &lan->peer[n];

		if (!peer->answers)
			continue;
		ret->link = (uint8_t)__builtin_ctz(peer->answers);
		ret->repeated = false;
		ret->decoded.type = HB_MESSAGE_ANSWER;
		ret->decoded.from = n;
		ret->decoded.answer = peer->path[ret->link].answer;
		peer->answers &= (uint8_t)(peer->answers - 1);
		return true;
	}
	return false;
}
