# SPDX-License-Identifier: Apache-2.0
# The hub against docs/openapi.json.

load lib

setup() {
	start_fleet
}

teardown() {
	stop_hub
}

@test "every route is described, and answers as docs/openapi.json says" {
	publish 2026.11
	wait_for 60 published_is 2026.11 '.rings[0].state == "open"'
	publish 2026.10.1
	release_is_known() { as_user GET /api/v1/releases/2026.10.1; [[ $status_code == 200 ]]; }
	wait_for 60 release_is_known
	"$build/suture-hub" --routes >"$work/routes"
	as_user POST /api/v1/api-tokens '{"label":"check","role":"administrator"}'
	token=$(jq -r .token <<<"$body")
	as_user POST /api/v1/enrolment-tokens '{"uses":1}'
	enrolment=$(jq -r .token <<<"$body")
	report "$(<"$work/test-1.id")" 100 >"$work/test-1.csr.report"
	python3 "$BATS_TEST_DIRNAME/check_api.py" "$top/docs/openapi.json" "$work/routes" "$url" "$data/ca.crt" \
		"$token" "$(<"$work/test-1.id")" "$work/test-1.crt" "$work/test-1.key" "$work/test-1.csr" "$enrolment"
}
