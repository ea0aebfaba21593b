# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# The story that every real server goes through, told once:
#
#     old package runs, in use ──apply──> answers as the new package does
#                              ──verify─> memory is what the hotpatch says
#                              ──revert─> answers as the old package did
#
# A test file defines four functions, and calls `scenario`:
#
#     server_start ROLE ROOT   start what is unpacked in ROOT; ROLE is "target"
#                              (gets patched) or "reference" (stock, new)
#     server_pids ROLE         pids of the processes to patch
#     probe ROLE               ask it the same questions, print the answers;
#                              blocks begin with "== name"
#     use_begin, use_end       keep the target in use; use_end fails when
#                              anything that used it saw an error

# shellcheck source=tests/lib/packages.bash
source "${BASH_SOURCE[0]%/*}/packages.bash"

# hotpatch_build OLD NEW FOLDER [OPTION]...: builds from two packages or two
# programs; the report is FOLDER/report.json. Signs that no --accept names make
# hotpatch_of fail later, which says them.
hotpatch_build() {
	local old=$1 new=$2 folder=$3 output=$3 status=0
	shift 3
	mkdir -p "$folder"
	[[ $old == *.deb ]] || output=$folder/$(basename "$old").hotpatch
	"$suture" build "$old" "$new" -o "$output" --json "$@" \
		>"$folder/report.json" 2>"$folder/stderr" || status=$?
	[[ $status == [03] ]] ||
		fail "suture build: exit status $status: $(cat "$folder/stderr")"
}

# hotpatch_of FOLDER PATH: prints the hotpatch built for a file of the package.
hotpatch_of() {
	local path
	path=$(jq -r --arg path "$2" '.files[] | select(.path == $path) | .output // empty' "$1/report.json")
	if [[ ! $path ]]; then
		jq -r --arg path "$2" '.files[] | select(.path == $path)
			| "\(.path): \(.verdict)", (.reasons[] | "  \(.code):\(.function // "") \(.detail)")' \
			"$1/report.json" | head -n 20 >&2
		fail "no hotpatch was built for $2"
		return
	fi
	printf '%s\n' "$path"
}

verdict_of() { # FOLDER PATH
	jq -r --arg path "$2" '.files[] | select(.path == $path) | .verdict' "$1/report.json"
}

# Steps that complete the fix, as the hotpatch names them: "reload" or nothing.
steps_after() { # HOTPATCH
	"$suture" show "$1" --json | jq -r '.after[]?'
}

pid_options() { # PID...
	local each
	for each; do
		[[ $each == [0-9]* ]] || break
		printf -- '--pid\n%s\n' "$each"
		shift
	done
	(($# == 0)) || printf '%s\n' "$@"
}

# suture_do COMMAND FILE PID... [OPTION VALUE]: apply, verify or revert on just these
# processes; fails with the command's words when not all of them are done.
suture_do() {
	local command=$1 file=$2 options status=0
	shift 2
	mapfile -t options < <(pid_options "$@")
	"$suture" "$command" "$file" "${options[@]}" >"$work/$command.said" 2>&1 || status=$?
	((status == 0)) || fail "suture $command: exit status $status: $(cat "$work/$command.said")"
}

# The answers must be equal; shows where they are not.
same_answers() { # WHAT EXPECTED GOT
	diff -u --label "$2" --label "$3" "$work/$2.answers" "$work/$3.answers" >"$work/diff" ||
		fail "$1: $(cat "$work/diff")"
}

ask() { # ROLE NAME
	probe "$1" >"$work/$2.answers" || fail "probe $2 failed: $(cat "$work/$2.answers")"
}

# How many blocks of answers differ.
blocks_that_differ() { # A B
	awk '/^== / { block = $0 } { text[FILENAME, block] = text[FILENAME, block] "\n" $0; blocks[block] }
		END { for (b in blocks) n += text[ARGV[1], b] != text[ARGV[2], b]; print n + 0 }' \
		"$work/$1.answers" "$work/$2.answers"
}

# scenario NAME HOTPATCH [DIFFERS]: the story, on trees unpacked in $work/old and
# $work/new. DIFFERS is the least number of questions that must tell the two
# packages apart when they are the versions that the test knows (known_pair).
scenario() {
	local name=$1 hotpatch=$2 least=${3:-0} pids differ
	server_start reference "$work/new"
	ask reference new
	server_start target "$work/old"
	ask target old
	differ=$(blocks_that_differ old new)
	note "$name: $differ of $(grep -c '^== ' "$work/old.answers") questions tell old from new"
	[[ ! ${known_pair:-} ]] || ((differ >= least)) || fail "only $differ questions tell old from new"

	use_begin
	mapfile -t pids < <(server_pids target)
	suture_do apply "$hotpatch" "${pids[@]}"
	ask target patched
	same_answers "patched, it must answer as the new package" new patched
	suture_do verify "$hotpatch" "${pids[@]}"
	suture_do apply "$hotpatch" "${pids[@]}" # once more: nothing to do, and said so
	suture_do revert "$hotpatch" "${pids[@]}"
	ask target reverted
	same_answers "reverted, it must answer as the old package" old reverted
	use_end
	same_processes "${pids[@]}"
}

# A process that served a question may be about to end.
same_processes() { # PID...
	wait_until 120 are_processes "$@" ||
		fail "the server's processes were $*, and are now $(server_pids target | tr '\n' ' ')"
}

are_processes() { # PID...
	local now
	mapfile -t now < <(server_pids target)
	[[ "${now[*]}" == "$*" ]]
}

# cycles N HOTPATCH PID...: applies and reverts N times.
cycles() {
	local n=$1 hotpatch=$2 i
	shift 2
	for ((i = 1; i <= n; i++)); do
		suture_do apply "$hotpatch" "$@" || fail "cycle $i" || return
		suture_do revert "$hotpatch" "$@" || fail "cycle $i" || return
	done
}

# record_state NAME PID...: what each process has mapped and open. The server
# must be at rest. SCENARIO_GROWS=1: its allocator maps more memory under load.
record_state() {
	local name=$1 each
	shift
	for each; do
		mappings "$each" ${SCENARIO_GROWS:+grows} >"$work/$each.maps.$name"
		descriptors "$each" >"$work/$each.descriptors.$name"
		threads "$each" >"$work/$each.threads.$name"
	done
}

# The mappings that `suture status` gives an account of, as `mappings` prints them.
accounted_for() { # PID
	"$suture" status --pid "$1" --json | jq -r '
		.processes[].hotpatches[].payload[]
		| [.start, .start + .size, {"read-only": "r--p", "read-execute": "r-xp", "read-write": "rw-p"}[.access]]
		| @tsv' | while read -r start end access; do
		printf '%x-%x %s \n' "$start" "$end" "$access"
	done
}

is_as_before() { # PID...
	local each what
	record_state after "$@"
	for each; do
		accounted_for "$each" >"$work/accounted"
		grep -vxFf "$work/accounted" "$work/$each.maps.after" >"$work/unaccounted"
		mv "$work/unaccounted" "$work/$each.maps.after"
		for what in maps descriptors threads; do
			diff "$work/$each.$what.before" "$work/$each.$what.after" >"$work/diff" || {
				echo "process $each: $what differ:" >>"$work/diff"
				return 1
			}
		done
		# One payload, however often it was applied.
		(($(wc -l <"$work/accounted") <= 3)) || {
			echo "process $each: payloads pile up" >"$work/diff"
			return 1
		}
	done
}

# nothing_left_behind PID...: compares with `record_state before`, once the
# server has had time to close what its clients left. What a revert leaves is
# the payload, unused, and `suture status` says so.
nothing_left_behind() {
	wait_until 120 is_as_before "$@" || fail "$(cat "$work/diff")"
}

# HTTP load by wrk until load_end; answers other than 2xx and 3xx, refused or
# broken connections and timeouts are failures.
load_begin() { # NAME URL [WRK-OPTION]...
	local name=$1 url=$2
	shift 2
	start "load-$name" wrk -t1 -c8 -d600s --timeout 60s "$@" "$url"
}

load_end() { # NAME: prints the number of requests
	local each output=$work/load-$1.out
	each=$(<"$work/load-$1.pid")
	is_alive "$each" || fail "load $1 ended by itself: $(cat "$output")" || return
	kill -INT "$each"
	wait_until 120 grep -q 'requests in' "$output" || fail "load $1 does not end" || return
	! grep -E 'Socket errors|Non-2xx' "$output" || fail "load $1 saw failures" || return
	awk '/requests in/ { print $1; found = $1 > 0 } END { exit !found }' "$output"
}

# every_function OLD NEW FOLDER PID... -- [CODE[:FUNCTION]=WHY]...: builds the
# hotpatch that replaces every function of a file, without those that never
# leave a stack of the processes, and applies it. Sets $hotpatch, and $left to
# the options that name the functions left.
every_function() {
	local old=$1 new=$2 folder=$3 pids=() options=() status=0 round busy
	shift 3
	while [[ $1 != -- ]]; do pids+=("$1") && shift; done
	shift
	while (($#)); do options+=(--accept "$1") && shift; done
	left=()
	hotpatch=$folder/every.hotpatch
	mkdir -p "$folder"
	for ((round = 0; round < 40; round++)); do
		"$suture" build "$old" "$new" -o "$hotpatch" --json --every-function "${options[@]}" "${left[@]}" \
			>"$folder/every.json" 2>"$folder/stderr" ||
			fail "suture build: exit status $?: $(cat "$folder/stderr" "$folder/every.json")" || return
		status=0
		mapfile -t busy < <(pid_options "${pids[@]}")
		"$suture" apply "$hotpatch" "${busy[@]}" --timeout 1 --json >"$folder/applied.json" || status=$?
		((status)) || return 0
		mapfile -t busy < <(jq -r '.processes[] | select(.outcome == "busy") | .reason
			| capture("(is running|will return into) (?<name>[^ ,;()]+)").name' "$folder/applied.json" | sort -u)
		# On a busy machine a thread may get no processor to stop on; that says "try again".
		if ((${#busy[@]} == 0)) && grep -q 'could not be stopped in time' "$folder/applied.json"; then
			continue
		fi
		((${#busy[@]})) || fail "suture apply: $(jq -c '.processes[]' "$folder/applied.json")" || return
		for round_name in "${busy[@]}"; do left+=(--leave "$round_name"); done
		"$suture" revert "$hotpatch" $(pid_options "${pids[@]}") >/dev/null 2>&1 || true
	done
	fail "still busy after $round rounds: ${left[*]}"
}

# transplant NAME OLD-FILE NEW-FILE [CODE[:FUNCTION]=WHY]...: the story with a
# hotpatch that moves all code of a file that can be moved, changed or not.
transplant() {
	local name=$1 old=$2 new=$3 pids
	shift 3
	server_start reference "$work/new"
	ask reference new
	server_start target "$work/old"
	ask target old
	use_begin
	mapfile -t pids < <(server_pids target)
	every_function "$old" "$new" "$work/transplant" "${pids[@]}" -- "$@"
	note "$name: $(jq '.files[0].functions.changed' "$work/transplant/every.json") of $(jq '.files[0].functions.total' \
		"$work/transplant/every.json") functions moved, left:${left[*]//--leave/}"
	ask target patched
	same_answers "with every function moved, it must answer as the new package" new patched
	suture_do verify "$hotpatch" "${pids[@]}"
	suture_do revert "$hotpatch" "${pids[@]}"
	ask target reverted
	same_answers "reverted, it must answer as the old package" old reverted
	suture_do apply "$hotpatch" "${pids[@]}"
	ask target patched
	same_answers "with every function moved again, it must answer as the new package" new patched
	use_end
	same_processes "${pids[@]}"
}
