# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# A signed repository behind a web server on loopback, and a client of it.
# Source tests/lib/base.bash first and call work_begin.

# Beside the program that is tested, which may be one with sanitizers.
tuf_client=${suture%/suture}/tests/tuf/tuf-conformance-client
tuf_repository=${suture%/suture}/tests/tuf/tuf-repository
# faketime comes in by LD_PRELOAD, which the sanitizers take for a mistake.
export ASAN_OPTIONS=verify_asan_link_order=0${ASAN_OPTIONS:+:$ASAN_OPTIONS}

# A repository in $work/repo with its keys in $work/keys, published once with one hotpatch and one
# rollout; the server's address in $url. Signatures hold $1 seconds (100 days).
tuf_begin() {
	repository init "${1:-8640000}"
	repository add hotpatches hotpatches/2026.11/a.hotpatch "the first hotpatch"
	repository add rollouts rollouts/2026.11.json '{"ring":"test"}'
	repository all
	cp "$work/repo/metadata/1.root.json" "$work/root.json"
	tuf_serve
}

tuf_serve() {
	mkdir -p "$work/control"
	start server python3 "$top/tests/tuf/server.py" "$work/repo" "$work/control"
	wait_until 60 test -e "$work/control/port" || fail "the server does not start"
	url=http://127.0.0.1:$(<"$work/control/port")
}

repository() { # WORD...
	"$tuf_repository" "$work/repo" "$work/keys" "$@"
}

# client COMMAND...: with the store in $work/store, over HTTP.
client() {
	client_of "$work/store" "$url" "$@"
}

# client_of STORE BASE WORD...
client_of() {
	local store=$1 base=$2
	shift 2
	"$tuf_client" --metadata-dir "$store" --metadata-url "$base/metadata" \
		--target-base-url "$base/targets" --target-dir "$work/files" --stall "${stall:-120}" "$@"
}

# What the store trusts, as "root timestamp snapshot targets".
trusted() { # [STORE]
	local role
	for role in root timestamp snapshot targets; do
		jq -r .signed.version "${1:-$work/store}/$role.json" 2>/dev/null || echo -
	done | paste -sd' '
}

# published VERSION ROLE: the file of it.
published() {
	echo "$work/repo/metadata/$1.$2.json"
}

fault() { # KIND NAME
	echo "$@" >>"$work/control/faults"
}

# edit FILE FILTER [ARGUMENT...]: changes it with jq.
edit() {
	jq "${@:3}" "$2" "$1" >"$work/edited" && mv "$work/edited" "$1"
}

key_of() { # ROLE: the id of its first key, as the root has it
	jq -r ".signed.roles.$1.keyids[0]" "$work/root.json"
}
