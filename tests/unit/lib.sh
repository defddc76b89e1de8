# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash
# For test runners: start programs, JOBS at a time, and sum up. A program leaves its output and a
# result line ("passed failed skipped") in $results; both are printed in the order of the start.

JOBS=${JOBS:-2}
results=$(mktemp -d "${TMPDIR:-/tmp}/holdfast-tests.XXXXXX") || exit 1
trap 'rm -rf "$results"' EXIT
started=()

# one NAME KIND COMMAND...: runs it and writes its result.
one() {
	local name=$1 kind=$2 out=$results/$1.out code passed failed skipped
	shift 2
	timeout --kill-after=10 "$LIMIT" "$@" >"$out" 2>&1 </dev/null
	code=$?
	passed=0 failed=0 skipped=0
	if [ "$kind" = cmocka ]; then
		passed=$(grep -ac '\[       OK \]' "$out") # not only at the start: programs print too
		skipped=$(sed -n 's/^\[  SKIPPED \] \([0-9]\+\) test(s).*/\1/p' "$out" | head -n 1)
		skipped=${skipped:-0}
		failed=$(($(grep -ac '\[ RUN      \]' "$out") - passed - skipped))
	elif [ $code = 0 ]; then
		passed=1
	fi
	if [ $code = 77 ]; then
		skipped=1 passed=0 failed=0
	elif [ $code != 0 ] && [ "$failed" = 0 ]; then
		failed=1 # it crashed, hung, or is a script
	elif [ $((passed + failed + skipped)) = 0 ]; then
		failed=1
		echo "no test ran" >>"$out"
	fi
	[ $code = 124 ] && echo "stopped after $LIMIT s" >>"$out"
	echo "$passed $failed $skipped $code" >"$results/$name.tmp"
	mv "$results/$name.tmp" "$results/$name.result"
}

launch() {
	local name=$1
	while [ "$(jobs -rp | wc -l)" -ge "$JOBS" ]; do
		wait -n
	done
	mkdir -p "$results/$(dirname "$name")"
	started+=("$name")
	one "$@" &
}

start_cmocka() { # PROGRAM
	launch "${1##*/}" cmocka "$1"
}

start_script() { # PROGRAM NAME
	launch "$2" script "$1"
}

# Prints everything and exits.
finish() {
	local name passed failed skipped code all_passed=0 all_failed=0 all_skipped=0
	wait
	for name in "${started[@]}"; do
		read -r passed failed skipped code <"$results/$name.result" || {
			passed=0 failed=1 skipped=0 code='?'
		}
		all_passed=$((all_passed + passed))
		all_failed=$((all_failed + failed))
		all_skipped=$((all_skipped + skipped))
		if [ "$failed" != 0 ]; then
			printf 'FAIL  %-28s %d passed, %d failed (exit %s)\n' "$name" "$passed" "$failed" "$code"
			sed 's/^/      | /' "$results/$name.out"
		elif [ "$skipped" != 0 ]; then
			printf 'SKIP  %-28s %d passed, %d SKIPPED\n' "$name" "$passed" "$skipped"
			grep -i 'skip' "$results/$name.out" | sed 's/^/      | /'
		else
			printf 'ok    %-28s %d passed\n' "$name" "$passed"
		fi
		if [ -n "${VERBOSE:-}" ] || grep -q '^figure:' "$results/$name.out"; then
			grep '^figure:' "$results/$name.out" | sed 's/^/      | /'
		fi
	done
	[ $all_skipped = 0 ] || printf '%d SKIPPED\n' "$all_skipped"
	printf '%d passed, %d failed\n' "$all_passed" "$all_failed"
	[ $all_failed = 0 ] && [ $((all_passed + all_skipped)) != 0 ]
	exit
}
