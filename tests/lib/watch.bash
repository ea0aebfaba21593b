# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# A watcher for tests, and many starts of victims that say what they ran. The caller
# has sourced tests/live/helpers.bash ($suture, $built).

# Watch with arguments "$@"; sets $watcher and $events. Returns when it is watching.
start_watch() {
	events=$BATS_TEST_TMPDIR/events
	: >"$events"
	"$suture" watch --json "$@" >>"$events" 2>&1 3>&- &
	watcher=$!
	for _ in {1..1200}; do
		! grep -q '"event":"watching"' "$events" || return 0
		kill -0 "$watcher" || break
		sleep 0.1
	done
	cat "$events"
	return 1
}

# End it in order.
stop_watch() {
	kill "$watcher"
	wait "$watcher"
	watcher=
}

# After a failed test.
kill_watch() {
	if [[ ${watcher:-} ]]; then
		kill -KILL "$watcher" 2>/dev/null || true
		wait "$watcher" 2>/dev/null || true
	fi
}

# start_many N PARALLEL COMMAND...: start it N times, PARALLEL at once, none for longer
# than 120 seconds, and print how often each line was said: "100 43 43".
start_many() {
	local n=$1 parallel=$2
	shift 2
	seq "$n" | xargs -P "$parallel" -I%% timeout 120 "$@" 2>&1 | sort | uniq -c |
		sed 's/^ *//'
}

# How many events have .$1 == $2.
count_events() {
	jq -r "select(.$1 == \"$2\") | .$1" "$events" | wc -l
}
