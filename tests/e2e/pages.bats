# SPDX-License-Identifier: Apache-2.0
# The hub's web pages without a browser: what they say for which answer of the API.

bats_require_minimum_version 1.5.0

setup_file() {
	"$BATS_TEST_DIRNAME/install"
}

setup() {
	cd "$BATS_TEST_DIRNAME" || return
}

@test "the pages' addresses ask the API only for what it has" {
	node --test unit/address.test.js
}

@test "the pages fetch what they missed, and ask again where no answer came" {
	node --test unit/store.test.js unit/events.test.js
}

@test "the pages' model has a word for each state, and says whom an action touches" {
	node --test unit/model.test.js unit/format.test.js
}

@test "the pages say what loads, what failed, what is empty, and show no button that may not act" {
	node --test unit/views.test.js
}

@test "the pages load no code but their own and what is listed with its digest" {
	node --test unit/vendor.test.js
}
