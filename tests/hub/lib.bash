# SPDX-License-Identifier: Apache-2.0
# A real hub for each test, on a port that is free, in a folder that goes away.

bats_require_minimum_version 1.5.0

# shellcheck source=tests/lib/jq.bash
source "$BATS_TEST_DIRNAME/../lib/jq.bash"

top=$BATS_TEST_DIRNAME/../..
build=${SUTURE:-$top/build/suture}
build=${build%/*}
work=$BATS_TEST_TMPDIR
data=$work/hub

# start_hub [OPTION]...: sets $url and, at the first start, $password.
start_hub() {
	: >"$work/out"
	"$build/suture-hub" --data "$data" --listen 127.0.0.1:0 "$@" \
		>>"$work/out" 2>>"$work/log" 3>&- &
	hub=$!
	wait_for 60 grep -q '^Listening' "$work/out" || {
		cat "$work/out" "$work/log"
		return 1
	}
	url=$(sed -n 's|^Listening on https://.*:\([0-9]*\)$|https://127.0.0.1:\1|p' "$work/out")
	if grep -q '^Password' "$work/out"; then
		password=$(sed -n 's/^Password: //p' "$work/out")
	fi
}

# stop_hub [SIGNAL]: fails when the hub was gone already, or ends with a failure.
stop_hub() {
	local signal=${1:-TERM} status=0 alive=1
	[ "${hub:-}" ] || return 0
	kill "-$signal" "$hub" 2>/dev/null || alive=0
	wait "$hub" 2>/dev/null || status=$?
	hub=
	((alive)) && [[ $signal = KILL || $status = 0 ]] || {
		echo "The hub ended with status $status:"
		cat "$work/log"
		return 1
	}
}

# wait_for SECONDS COMMAND...: until it succeeds.
wait_for() {
	local end=$((SECONDS + $1))
	shift
	until "$@"; do
		[ $SECONDS -lt $end ] || return 1
		sleep 0.05
	done
}

# ask METHOD PATH [JSON] [CURL OPTION]...: the answer is in $body, its status in $status_code.
ask() {
	local method=$1 path=$2 json=${3:-}
	shift 2
	[ $# = 0 ] || shift
	local options=(-sS --max-time 100 --cacert "$data/ca.crt" -X "$method" -D "$work/headers" -o "$work/body")
	[ -z "$json" ] || options+=(-H 'Content-Type: application/json' --data-binary "$json")
	rm -f "$work/body"
	status_code=$(curl "${options[@]}" -w '%{http_code}' "$@" "$url$path")
	body=$(cat "$work/body" 2>/dev/null || true)
}

# alter SQL: what somebody does to the database while the hub runs, which writes now and then too.
alter() {
	sqlite3 -cmd '.timeout 60000' "$data/hub.db" "$1"
}

# sign_in [NAME PASSWORD]: sets $cookies and $csrf, for as_user.
sign_in() {
	cookies=$work/cookies-${1:-admin}
	ask POST /api/v1/session "{\"name\":\"${1:-admin}\",\"password\":\"${2:-$password}\"}" -c "$cookies"
	csrf=$(jq -r .csrf <<<"$body")
}

# as_user METHOD PATH [JSON]: with the session of sign_in.
as_user() {
	ask "$1" "$2" "${3:-}" -b "$cookies" -H "X-CSRF-Token: $csrf"
}

# enrol NAME: a device of that host name; sets $device, its key and certificate are NAME.key, NAME.crt.
enrol() {
	as_user POST /api/v1/enrolment-tokens "{\"uses\":1,\"label\":\"$1\",\"ring\":${2:-null}}"
	[ "$status_code" = 201 ]
	enrol_with "$1" "$(jq -r .token <<<"$body")"
}

enrol_with() {
	openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=anything" \
		-keyout "$work/$1.key" -out "$work/$1.csr" 2>/dev/null
	ask POST /api/v1/enroll "$(jq -n --arg token "$2" --rawfile csr "$work/$1.csr" --arg hostname "$1" \
		'{$token, $csr, $hostname, attributes: {}}')"
	# shellcheck disable=SC2034 # for the tests
	device=$(jq -r .device <<<"$body")
	jq -r .certificate <<<"$body" >"$work/$1.crt"
}

# as_device NAME METHOD PATH [JSON]
as_device() {
	ask "$2" "$3" "${4:-}" --cert "$work/$1.crt" --key "$work/$1.key"
}

# report DEVICE SEQ [JQ FILTER]: a report as text.
report() {
	jq -n --arg device "$1" --argjson seq "$2" '{$device, $seq, sent: "2026-11-10T12:00:00Z",
		hostname: "web-1", boot_id: "b", agent: "0.1.0", kernel: "6.1", os: "debian-12",
		attributes: {role: "web"}, baseline: "2026.10", release: null, train: "hotpatch",
		readiness: [], ring: null, tuf: {root: 1, timestamp: 12, expires: "2026-11-11T12:00:00Z"},
		next: {what: "waits", when: null}, coverage: {protected: 0, exposed: 1, in_progress: 0},
		processes: [{pid: 10, start: 5, name: "server", path: "/usr/sbin/server", unit: null,
			container: null, build_id: "00ff", hotpatch: null, release: null, state: "exposed",
			reason: "not-fetched", detail: "", proof: null, verified: null, pause_us: null, tries: 0}],
		events: [{seq: $seq, time: "2026-11-10T11:59:59Z", type: "refreshed", hotpatch: null, detail: "d"}]}
		| '"${3:-.}"
}
