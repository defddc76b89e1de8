#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Driver of the failover bench for Holdfast. --set detect=30ms [link=1: a killed node loses its link too]
# [interval=, timeout=, lease=] [kernel=off] [realtime=false]
# The bench's own drivers/lib.sh does the rest; BENCH_LIB names it.
. "$BENCH_LIB"
PROCS='holdfastd|holdfast-store'

timing() {
	local k
	[ -n "${P_timeout:-}" ] || printf 'detection_time = "%s"; ' "${P_detect:-1s}"
	for k in interval timeout lease; do
		local v=P_$k
		[ -z "${!v:-}" ] || printf '%s = "%s"; ' "$k" "${!v}"
	done
	[ -z "${P_kernel:-}" ] || printf 'kernel_path = "%s"; ' "$P_kernel"
}

config() {
	local m
	cat <<-CONF
	cluster = { name = "bench"; $(timing) };
	agent = { ${P_realtime:+realtime = $P_realtime;} key_file = "$WORK/key"; state_directory = "$WORK/$1/state"; run_directory = "$WORK/$1/run"; socket = "$WORK/$1/sock"; };
	nodes = (
	CONF
	for m in $NODES; do
		printf '\t{ name = "%s"; links = [ "%s" ]; }%s\n' "$m" "$(ip_of "$m")" "$([ "$m" = "${NODES##* }" ] || echo ,)"
	done
	cat <<-CONF
	);
	groups = ( { name = "web"; nodes = [ $(printf '"%s", ' $NODES | sed 's/, $//') ]; accept_agent_enforced_lease = true;
	  resources = ( { type = "fip"; name = "fip1"; address = "$VIP/24"; check = "50ms"; } ); } );
	CONF
}

start_node() {
	local n=$1 w=$WORK/$1
	mkdir -p "$w/state" "$w/run"
	[ -e "$WORK/key" ] || "$HOLDFAST_BIN/holdfast" keygen "$WORK/key" >/dev/null
	config "$n" >"$w/conf"
	bg "$n" "$w/log" "$HOLDFAST_BIN/holdfastd" --config "$w/conf" --node "$n"
}

# The harness kills what this prints. With link=1 the node's port goes with it, since a dead server has no link:
# a helper waits for the agent's end.
eval "_$(declare -f hook_pids)"
hook_pids() {
	local pids
	pids=$(_hook_pids "$@")
	if [ -n "${P_link:-}" ] && [ -n "$pids" ]; then
		setsid python3 -c '
import os, select, subprocess, sys
fd = os.pidfd_open(int(sys.argv[1]))
if select.select([fd], [], [], 10)[0]:
    subprocess.run(["ip", "-n", sys.argv[2], "link", "set", sys.argv[3], "down"])
' "$(head -1 <<<"$pids")" "${PFX}sw" "p-$1" >/dev/null 2>&1 </dev/null &
	fi
	[ -z "$pids" ] || echo "$pids"
}
main "$@"
