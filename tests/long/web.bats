# SPDX-License-Identifier: Apache-2.0
# The hub's web pages in Chromium, against a real hub with a fleet that enrolled and
# reported. tests/e2e/browser/scenarios.js has the scenarios; they run once, in one world,
# and each test here tells of one.

bats_require_minimum_version 1.5.0

setup_file() {
	local top=$BATS_TEST_DIRNAME/../..
	export e2e=$top/tests/e2e
	export SUTURE=${SUTURE:-$top/build/suture}
	export SUTURE_HUB=${SUTURE_HUB:-${SUTURE%/*}/suture-hub}
	export work=$BATS_FILE_TMPDIR
	"$e2e/install"
	timeout --kill-after=30 3600 node "$e2e/browser/run.js" "$work" >"$work/log" 2>&1 ||
		echo "the run ended with status $?" >>"$work/log"
}

# scenario NAME: whether it passed, and what went wrong.
scenario() {
	if grep -lxF -- "$1" "$work"/results/*.ok; then
		return 0
	fi
	cat "$work"/results/*.failed 2>/dev/null | grep -F -A30 -- "$1" || cat "$work/log"
	return 1
}

@test "pages: a wrong password is refused, the right one leads to the page that was asked for" {
	scenario "a wrong password is refused, the right one leads to the page that was asked for"
}

@test "pages: the overview shows the numbers that the API has" {
	scenario "the overview shows the numbers that the API has"
}

@test "pages: filters and pages of the devices are in the address" {
	scenario "filters and pages of the devices are in the address"
}

@test "pages: a device shows its processes with proof, can be held and let go" {
	scenario "a device shows its processes with proof, can be held and let go"
}

@test "pages: a release shows advisories and sizes" {
	scenario "a release shows advisories and sizes"
}

@test "pages: light and dark, as the system or a person says, and all text can be read" {
	scenario "light and dark, as the system or a person says, and all text can be read"
}

@test "pages: no page is wider than a telephone" {
	scenario "no page is wider than a telephone"
}

@test "pages: everything can be done by keyboard, and the focus is seen" {
	scenario "everything can be done by keyboard, and the focus is seen"
}

@test "pages: a viewer sees no action, and the hub refuses one" {
	scenario "a viewer sees no action, and the hub refuses one"
}

@test "pages: pausing asks for a reason, which the audit log then has; resuming goes on" {
	scenario "pausing asks for a reason, which the audit log then has; resuming goes on"
}

@test "pages: what happens elsewhere shows without loading the page again" {
	scenario "what happens elsewhere shows without loading the page again"
}

@test "pages: what happens before the stream of events is open is shown" {
	scenario "what happens before the stream of events is open is shown"
}

@test "pages: a late answer to a dialog breaks nothing, and closes no other one" {
	scenario "a late answer to a dialog breaks nothing, and closes no other one"
}

@test "pages: what is chosen in a dialog stays, whatever happens meanwhile" {
	scenario "what is chosen in a dialog stays, whatever happens meanwhile"
}

@test "pages: rolling back names how many devices it touches" {
	scenario "rolling back names how many devices it touches"
}

@test "pages: starting a rollout asks for a reason, is in the audit log, and the rollout runs" {
	scenario "starting a rollout asks for a reason, is in the audit log, and the rollout runs"
}

@test "pages: approving a ring opens it, with who approved and why" {
	scenario "approving a ring opens it, with who approved and why"
}

@test "pages: expediting opens all rings; a paused rollout says what to do first" {
	scenario "expediting opens all rings; a paused rollout says what to do first"
}

@test "pages: recalling takes a release back for good, with the reason" {
	scenario "recalling takes a release back for good, with the reason"
}

@test "pages: an administrator changes the gates of a ring" {
	scenario "an administrator changes the gates of a ring"
}

@test "pages: rings are made, moved and removed" {
	scenario "rings are made, moved and removed"
}

@test "pages: a user is made, signs in, and is taken away" {
	scenario "a user is made, signs in, and is taken away"
}

@test "pages: people change their own password, and stay signed in there" {
	scenario "people change their own password, and stay signed in there"
}

@test "pages: an API token is shown once, works, and is taken back" {
	scenario "an API token is shown once, works, and is taken back"
}

@test "pages: a page that lost the hub finds it again by itself" {
	scenario "a page that lost the hub finds it again by itself"
}

@test "pages: nothing runs that is not a file of the hub" {
	scenario "nothing runs that is not a file of the hub"
}

@test "pages: each scenario is told of here" {
	local file name
	for file in "$work"/results/*.ok "$work"/results/*.failed; do
		[[ -e $file ]] || continue
		name=$(head -n 1 "$file")
		grep -qxF "	scenario \"$name\"" "$BATS_TEST_FILENAME" || {
			echo "no test for: $name"
			return 1
		}
	done
}
