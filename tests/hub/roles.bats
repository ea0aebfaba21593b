# SPDX-License-Identifier: Apache-2.0
# Who may do what, over all routes that there are; and what an enrolment token is good for.

load lib

setup() {
	start_hub
	sign_in
}

teardown() {
	stop_hub
}

@test "every route asks for what it says: nobody, a device, each role, a session without its CSRF token" {
	pairs=()
	for role in viewer operator administrator; do
		as_user POST /api/v1/api-tokens "{\"label\":\"$role\",\"role\":\"$role\"}"
		pairs+=("$role=$(jq -r .token <<<"$body")")
	done
	enrol one
	cookie=$(awk '$6 ~ /suture$/ { print $6 "=" $7 }' "$cookies")
	[[ $cookie == __Host-suture=* ]]
	"$build/suture-hub" --routes >"$work/routes"
	run python3 "$BATS_TEST_DIRNAME/roles.py" "${url##*:}" "$data/ca.crt" "$work/one.crt" "$work/one.key" \
		"$cookie" "${pairs[@]}" <"$work/routes"
	grep -v '^ok' <<<"$output" || true
	[[ $status == 0 && $output != *"not ok"* ]]
	# Each route was asked for, most of them by seven.
	[[ $(grep -c '^ok' <<<"$output") -gt $(($(wc -l <"$work/routes") * 4)) ]]
}

# token JSON: a new enrolment token; sets $token and $id.
token() {
	as_user POST /api/v1/enrolment-tokens "$1"
	[ "$status_code" = 201 ]
	token=$(jq -r .token <<<"$body")
	# shellcheck disable=SC2034 # for the tests
	id=$(jq -r .id <<<"$body")
}

@test "an enrolment token is good for its uses, until it expires or is deleted, and for no other hub" {
	token '{"uses":2}'
	for status in 201 201 401; do
		enrol_with "d$status" "$token"
		[[ $status_code == "$status" ]]
	done
	token '{"uses":100,"expires_s":1}'
	is_expired() {
		enrol_with late "$token"
		[[ $status_code == 401 && $(jq -r .code <<<"$body") == bad-token ]]
	}
	wait_for 60 is_expired
	token '{"uses":100}'
	as_user DELETE "/api/v1/enrolment-tokens/$id"
	[[ $status_code == 204 ]]
	enrol_with deleted "$token"
	[[ $status_code == 401 ]]
	for bad in suture1 suture1. "suture2.${token#*.}" "${token#*.}" "suture1..${token##*.}"; do
		enrol_with bad "$bad"
		[[ $status_code == 401 && $(jq -r .code <<<"$body") == bad-token ]]
	done
	# Without a good token nothing of the request is even parsed.
	ask POST /api/v1/enroll "{\"token\":\"$token\",\"csr\":\"garbage\",\"hostname\":\"a\"}"
	[[ $status_code == 401 ]]
	token '{"uses":1}'
	ask POST /api/v1/enroll "{\"token\":\"$token\",\"csr\":\"garbage\",\"hostname\":\"a\"}"
	[[ $status_code == 400 ]]
	# ... and what was refused has used nothing up.
	enrol_with good "$token"
	[[ $status_code == 201 ]]
}

# Requests with the key of each number, all at the same time; the statuses are in answer-*.
enrol_at_once() { # NUMBER...
	local asking=() n i=0
	for n; do
		[[ -e $work/request-$n ]] || {
			openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=x \
				-keyout "$work/key" -out "$work/csr" 2>/dev/null
			jq -n --arg token "$token" --rawfile csr "$work/csr" '{$token, $csr, hostname: "a"}' >"$work/request-$n"
		}
	done
	for n; do
		i=$((i + 1))
		curl -sS --max-time 100 --cacert "$data/ca.crt" -H 'Content-Type: application/json' \
			--data-binary "@$work/request-$n" -o /dev/null -w '%{http_code}\n' "$url/api/v1/enroll" \
			>"$work/answer-$i" 3>&- &
		asking+=($!)
	done
	wait "${asking[@]}"
}

@test "of many devices that use the last use of a token at once, one enrols" {
	token '{"uses":1}'
	enrol_at_once 1 2 3 4 5 6 7 8
	[[ $(sort "$work"/answer-* | uniq -c | tr -s ' \n' ' ') == " 1 201 7 401 " ]]
}

@test "one device that asks many times at once is one device" {
	token '{"uses":1}'
	enrol_at_once 1 1 1 1 1 1 1 1
	[[ $(sort "$work"/answer-* | uniq -c | tr -s ' \n' ' ') == " 8 201 " ]]
	as_user GET /api/v1/devices
	[[ $(jq .total <<<"$body") == 1 ]]
}
