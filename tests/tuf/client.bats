# SPDX-License-Identifier: Apache-2.0
# The client of a signed repository against a web server that attacks it, over real HTTP on
# loopback. What the public conformance suite has too is in tests/tuf/conformance.

bats_require_minimum_version 1.5.0

setup() {
	# shellcheck source=tests/lib/base.bash
	source "$BATS_TEST_DIRNAME/../lib/base.bash"
	# shellcheck source=tests/lib/tuf.bash
	source "$top/tests/lib/tuf.bash"
	need_commands jq python3 faketime
	work_begin
	tuf_begin
	client init "$work/root.json"
}

teardown() {
	work_end
}

refused() { # CODE TEXT COMMAND...
	run --separate-stderr "${@:3}"
	((status == 1)) || fail "status $status, not 1: $output"
	[[ $stderr == "$1: "*"$2"* ]] || fail "it says: $stderr"
}

@test "refresh, list and fetch" {
	client refresh
	[[ $(trusted) == "1 1 1 1" ]]
	[[ $(client list hotpatches) == "hotpatches/2026.11/a.hotpatch 18" ]]
	[[ $(client show rollouts/2026.11.json) == '{"ring":"test"}' ]]
	client --target-name hotpatches/2026.11/a.hotpatch download
	[[ $(<"$work/files/hotpatches/2026.11/a.hotpatch") == "the first hotpatch" ]]
	refused usage "no such target" client show rollouts/none.json
}

@test "what is unchanged is not fetched again" {
	client --target-name hotpatches/2026.11/a.hotpatch download
	: >"$work/control/requests"
	client --target-name hotpatches/2026.11/a.hotpatch download
	[[ $(sort "$work/control/requests") == $'/metadata/2.root.json\n/metadata/timestamp.json' ]]
}

@test "a publication reaches the client" {
	client refresh
	repository add hotpatches hotpatches/2026.12/b.hotpatch "the second"
	repository all
	client refresh
	[[ $(trusted) == "1 2 2 1" ]]
	[[ $(client show hotpatches/2026.12/b.hotpatch) == "the second" ]]
}

@test "an older timestamp is refused" {
	cp "$work/repo/metadata/timestamp.json" "$work/old.json"
	repository all
	client refresh
	cp "$work/old.json" "$work/repo/metadata/timestamp.json"
	refused untrusted "turns the repository back" client refresh
	[[ $(trusted) == "1 2 1 1" ]]
}

@test "an older snapshot is refused, even when the timestamp's key vouches for it" {
	client refresh
	repository add hotpatches hotpatches/2026.12/b.hotpatch "the second"
	repository all
	client refresh
	local timestamp=$work/repo/metadata/timestamp.json
	edit "$timestamp" '.signed.version = 9 | .signed.meta."snapshot.json" = {version: 1}'
	repository forge "$timestamp" "$(key_of timestamp)=online"
	refused untrusted "version 1 was offered where version 2 was seen" client refresh
	[[ $(trusted) == "1 2 2 1" ]]
}

@test "an older role is refused, even when timestamp's and snapshot's key vouch for it" {
	repository add hotpatches hotpatches/2026.12/b.hotpatch "the second"
	repository all
	client refresh
	local snapshot timestamp=$work/repo/metadata/timestamp.json
	snapshot=$(published 3 snapshot)
	cp "$(published 2 snapshot)" "$snapshot"
	edit "$snapshot" '.signed.version = 3 | .signed.meta."hotpatches.json" = {version: 1}'
	repository forge "$snapshot" "$(key_of snapshot)=online"
	edit "$timestamp" '.signed.version = 9 | .signed.meta."snapshot.json" = {version: 3}'
	repository forge "$timestamp" "$(key_of timestamp)=online"
	refused untrusted "hotpatches.json: version 1 was offered where version 2" client refresh
	# Nor may it go missing.
	edit "$snapshot" 'del(.signed.meta."hotpatches.json")'
	repository forge "$snapshot" "$(key_of snapshot)=online"
	refused untrusted "hotpatches.json was in it and is missing" client refresh
}

@test "a repository that nobody renews is refused when it has expired" {
	client refresh
	refused expired "keeps newer metadata from this machine" faketime '+101 days' \
		"$tuf_client" --metadata-dir "$work/store" --metadata-url "$url/metadata" refresh
	client refresh
}

@test "a clock that is set back does not revive what has expired" {
	local later=("$tuf_client" --metadata-dir "$work/store" --metadata-url "$url/metadata" refresh)
	# 90 days on, the repository is renewed and the client sees it.
	faketime '+90 days' "$tuf_repository" "$work/repo" "$work/keys" all
	faketime '+95 days' "${later[@]}"
	[[ $(<"$work/store/seen") > $(date -u -d '+94 days' +%FT%TZ) ]]
	# The clock falls back: what is valid still is, and the later time is remembered.
	client refresh
	[[ $(<"$work/store/seen") > $(date -u -d '+94 days' +%FT%TZ) ]]
	# An attacker serves a new timestamp that expires between the two times.
	local timestamp=$work/repo/metadata/timestamp.json
	edit "$timestamp" '.signed.version = 9 | .signed.expires = $t' \
		--arg t "$(date -u -d '+50 days' +%FT%TZ)"
	repository forge "$timestamp" "$(key_of timestamp)=online"
	refused expired "clock is behind" client refresh
	[[ $(trusted) == "1 2 2 1" ]]
}

@test "a snapshot, a role and a file that belong to another state are refused" {
	client refresh
	repository add hotpatches hotpatches/2026.12/b.hotpatch "the second"
	repository all
	cp "$(published 2 snapshot)" "$work/good.json"
	cp "$(published 1 snapshot)" "$(published 2 snapshot)"
	refused untrusted "snapshot: " client refresh
	cp "$work/good.json" "$(published 2 snapshot)"
	client refresh
	cp "$(published 2 hotpatches)" "$work/good.json"
	cp "$(published 1 hotpatches)" "$(published 2 hotpatches)"
	refused untrusted "hotpatches: " client list hotpatches
	cp "$work/good.json" "$(published 2 hotpatches)"
	[[ $(client list hotpatches | wc -l) == 2 ]]
}

@test "bytes without end are cut off" {
	fault endless timestamp.json
	refused untrusted "over the 65536 bytes" client refresh
	rm "$work/control/faults"
	fault endless 1.hotpatches.json
	refused untrusted "bytes it may have" client list hotpatches
	rm "$work/control/faults"
	fault huge 2.root.json
	# Not even its first byte is taken.
	cp "$work/root.json" "$work/repo/metadata/2.root.json"
	refused untrusted "over the 524288 bytes" client refresh
	[[ $(trusted) == "1 1 1 1" ]]
}

@test "a file without end, and one that has other bytes, leave nothing behind" {
	local file
	file=$(cd "$work/repo/targets/hotpatches/2026.11" && echo *.a.hotpatch)
	fault endless "$file"
	refused untrusted "over the 18 bytes" client --target-name hotpatches/2026.11/a.hotpatch download
	rm "$work/control/faults"
	echo -n "the other hotpatch" >"$work/repo/targets/hotpatches/2026.11/$file"
	refused untrusted "not the file that was signed" \
		client --target-name hotpatches/2026.11/a.hotpatch download
	refused untrusted "not the file that was signed" client show hotpatches/2026.11/a.hotpatch
	[[ ! $(find "$work/files" -type f) ]]
	echo -n "shorter" >"$work/repo/targets/hotpatches/2026.11/$file"
	refused untrusted "has 7 bytes where signed metadata says 18" \
		client show hotpatches/2026.11/a.hotpatch
}

@test "a server that is slow, mute, broken or elsewhere is given up" {
	local stall=2
	fault slow timestamp.json
	refused network "too slow" client refresh
	rm "$work/control/faults"
	fault mute timestamp.json
	refused network "too slow" client refresh
	stall=120
	rm "$work/control/faults"
	fault error timestamp.json
	refused network "answers 500" client refresh
	rm "$work/control/faults"
	fault redirect timestamp.json
	refused network "redirects" client refresh
	rm "$work/control/faults"
	fault short timestamp.json
	refused network "timestamp.json" client refresh
	rm "$work/control/faults"
	client refresh
}

@test "a server that cannot be reached is an error that names it" {
	client refresh
	stop "$(<"$work/server.pid")"
	refused network "$url" client refresh
	client resume
}

@test "over HTTPS, a server with another authority's certificate is not talked to" {
	local name
	for name in ours theirs; do
		openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 \
			-subj "/CN=$name" -addext subjectAltName=IP:127.0.0.1 \
			-keyout "$work/$name.key" -out "$work/$name.crt" 2>"$work/openssl.log"
	done
	mkdir "$work/tls"
	start tls python3 "$top/tests/tuf/server.py" "$work/repo" "$work/tls" "$work/ours.crt" "$work/ours.key"
	wait_until 60 test -e "$work/tls/port"
	url=https://127.0.0.1:$(<"$work/tls/port")
	refused network "certificate" client --ca-file "$work/theirs.crt" refresh
	[[ ! -e $work/tls/requests ]]
	client --ca-file "$work/ours.crt" refresh
	[[ $(trusted) == "1 1 1 1" ]]
}

@test "too few signatures are refused, also for a delegated role" {
	edit "$(published 1 hotpatches)" 'del(.signatures[1])'
	local snapshot
	snapshot=$(published 1 snapshot)
	# Whoever has the online key can make the digests fit, and still not sign for the role.
	edit "$snapshot" '.signed.meta."hotpatches.json" = {version: 1}'
	repository forge "$snapshot" "$(key_of snapshot)=online"
	edit "$work/repo/metadata/timestamp.json" '.signed.meta."snapshot.json" = {version: 1}'
	repository forge "$work/repo/metadata/timestamp.json" "$(key_of timestamp)=online"
	client refresh
	refused untrusted "hotpatches: signed by 1 of the 2 keys" client list hotpatches
	[[ ! -e $work/store/hotpatches.json ]]
}

@test "the same key under two ids counts once" {
	local root=$work/repo/metadata/2.root.json id
	id=$(key_of timestamp)
	cp "$work/root.json" "$root"
	edit "$root" '.signed.version = 2 | .signed.keys.twin = .signed.keys[$id]
		| .signed.roles.timestamp = {keyids: [$id, "twin"], threshold: 2}' --arg id "$id"
	repository forge "$root" "$(jq -r .signed.roles.root.keyids[0] "$root")=root1" \
		"$(jq -r .signed.roles.root.keyids[1] "$root")=root2"
	repository forge "$work/repo/metadata/timestamp.json" "$id=online" twin=online
	refused untrusted "timestamp: signed by 1 of the 2 keys" client refresh
	# A root that vouches for itself in that way is no root of trust.
	edit "$root" '.signed.roles.root = .signed.roles.timestamp'
	repository forge "$root" "$id=online" twin=online
	refused untrusted "root: signed by 1 of the 2 keys" \
		"$tuf_client" --metadata-dir "$work/other" init "$root"
	[[ ! -e $work/other/root.json ]]
}

@test "a role cannot list what belongs to another" {
	local role
	role=$(published 2 rollouts)
	cp "$(published 1 rollouts)" "$role"
	edit "$role" '.signed.version = 2 | .signed.targets["hotpatches/2026.11/evil.hotpatch"] =
		.signed.targets["rollouts/2026.11.json"]'
	repository forge "$role" "$(jq -r '.signatures[0].keyid' "$role")=hub"
	local snapshot
	snapshot=$(published 2 snapshot)
	cp "$(published 1 snapshot)" "$snapshot"
	edit "$snapshot" '.signed.version = 2 | .signed.meta."rollouts.json" = {version: 2}'
	repository forge "$snapshot" "$(key_of snapshot)=online"
	edit "$work/repo/metadata/timestamp.json" \
		'.signed.version = 2 | .signed.meta."snapshot.json" = {version: 2}'
	repository forge "$work/repo/metadata/timestamp.json" "$(key_of timestamp)=online"
	[[ $(client list rollouts) == "rollouts/2026.11.json 15" ]]
	refused usage "no such target" client show hotpatches/2026.11/evil.hotpatch
}

@test "new keys of root and of a role reach the client, old ones are worth nothing then" {
	client refresh
	repository key root3
	repository key hub2
	repository add-key root root3
	repository remove-key root root1
	repository add-key rollouts hub2
	repository remove-key rollouts hub
	repository all
	client list rollouts
	[[ $(trusted) == "2 2 2 2" ]]
	rm "$work/keys/root1.key"
	repository key online2
	repository add-key timestamp online2
	repository remove-key timestamp online
	repository all
	client refresh
	[[ $(trusted) == "3 3 2 2" ]]
	# The old key signs once more.
	local timestamp=$work/repo/metadata/timestamp.json
	edit "$timestamp" '.signed.version = 9'
	repository forge "$timestamp" "$(key_of timestamp)=online"
	refused untrusted "timestamp: signed by 0 of the 1" client refresh
	# A client that slept through all of it walks the chain of roots.
	"$tuf_client" --metadata-dir "$work/late" init "$work/root.json"
	repository all
	client_of "$work/late" "$url" refresh
	[[ $(trusted "$work/late") == "3 10 2 2" ]]
}

@test "new keys of timestamp and snapshot end the reign of versions that an attacker raised" {
	local timestamp=$work/repo/metadata/timestamp.json
	cp "$timestamp" "$work/good.json"
	edit "$timestamp" '.signed.version = 2000000000'
	repository forge "$timestamp" "$(key_of timestamp)=online"
	client refresh
	cp "$work/good.json" "$timestamp"
	refused untrusted "turns the repository back" client refresh
	repository key online2
	local role
	for role in timestamp snapshot; do
		repository add-key "$role" online2
		repository remove-key "$role" online
	done
	repository all
	client refresh
	[[ $(trusted) == "2 2 2 1" ]]
}

@test "a crash between forgetting the old versions and the new root changes nothing" {
	client refresh
	repository key online2
	repository add-key timestamp online2
	repository remove-key timestamp online
	repository all
	# The second of: remove timestamp, remove snapshot, store root.
	run strace -f -qq -o /dev/null -e trace=unlink -e inject=unlink:signal=SIGKILL:when=2 \
		"$tuf_client" --metadata-dir "$work/store" --metadata-url "$url/metadata" refresh
	((status == 137))
	[[ $(trusted) == "1 - 1 1" ]]
	client refresh
	[[ $(trusted) == "2 2 1 1" ]]
}

@test "a mirror in a folder has all that a client needs, and no more" {
	repository add hotpatches hotpatches/2026.12/b.hotpatch "the second"
	repository all
	client --target-name 'hotpatches/2026.11/*' --target-name 'rollouts/*' \
		mirror "$work/stick" hotpatches rollouts
	[[ $(cd "$work/stick/targets" && find . -type f | wc -l) == 2 ]]
	stop "$(<"$work/server.pid")"
	"$tuf_client" --metadata-dir "$work/inner" init "$work/root.json"
	[[ $(client_of "$work/inner" "$work/stick" show hotpatches/2026.11/a.hotpatch) == "the first hotpatch" ]]
	[[ $(client_of "$work/inner" "$work/stick" list hotpatches | wc -l) == 2 ]]
	refused network "does not have it" \
		client_of "$work/inner" "$work/stick" show hotpatches/2026.12/b.hotpatch
	# The one who carries the stick is not trusted either.
	sed -i s/first/worst/ "$work"/stick/targets/hotpatches/2026.11/*
	refused untrusted "not the file that was signed" \
		client_of "$work/inner" "$work/stick" show hotpatches/2026.11/a.hotpatch
}

@test "a mirror follows its repository and forgets what is old" {
	client mirror "$work/stick" hotpatches rollouts
	repository remove hotpatches hotpatches/2026.11/a.hotpatch
	repository add hotpatches hotpatches/2026.12/b.hotpatch "the second"
	repository add-key root online
	repository all
	client mirror "$work/stick" hotpatches rollouts
	local names
	names=$(cd "$work/stick/metadata" && echo *)
	[[ $names == "1.rollouts.json 1.root.json 1.targets.json 2.hotpatches.json 2.root.json 2.snapshot.json timestamp.json" ]] ||
		fail "$names"
	[[ $(find "$work/stick/targets" -name '*.hotpatch' | wc -l) == 1 ]]
}

@test "a full disk is an error, and the store goes on when there is room" {
	client refresh
	local before
	before=$(trusted)
	repository add hotpatches hotpatches/2026.12/b.hotpatch "the second"
	repository all
	mkdir "$work/small"
	# A file system of 64 KiB with room for two pages.
	# shellcheck disable=SC2016 # the inner shell expands them
	run --separate-stderr unshare --mount bash -c '
		mount -t tmpfs -o size=64k none "$1/small"
		cp -r "$1/store" "$1/small/store"
		"$2" --metadata-dir "$1/small/store" init "$1/root.json"
		head -c 1M /dev/zero >"$1/small/fill" 2>/dev/null
		"$2" --metadata-dir "$1/small/store" --metadata-url "$3/metadata" refresh && exit 3
		rm "$1/small/fill"
		"$2" --metadata-dir "$1/small/store" --metadata-url "$3/metadata" refresh || exit 4
		jq .signed.version "$1/small/store/timestamp.json"
		find "$1/small/store" -name ".new-*"' _ "$work" "$tuf_client" "$url"
	[[ $stderr == *"os: "*"No space left on device"* ]] || fail "$status $stderr"
	[[ $output == 2 ]] || fail "$status $output"
	[[ $(trusted) == "$before" ]]
}

@test "damaged files in the store are fetched again, a damaged root is an error" {
	client refresh
	local file
	for file in timestamp snapshot targets; do
		head -c 100 "$work/repo/metadata/timestamp.json" >"$work/store/$file.json"
	done
	: >"$work/store/seen"
	client refresh
	[[ $(trusted) == "1 1 1 1" ]]
	: >"$work/store/root.json"
	refused usage "no root of trust" client refresh
}

@test "a store is one client's at a time" {
	start holder flock "$work/store/.lock" sleep 600
	local holder=$pid
	wait_until 60 is_locked
	start waiting "$tuf_client" --metadata-dir "$work/store" --metadata-url "$url/metadata" refresh
	wait_until 60 has_open "$pid" "$work/store/.lock"
	[[ ! -e $work/store/timestamp.json ]]
	stop "$holder"
	wait_until 60 test -e "$work/store/seen"
}

has_open() { # PID FILE
	readlink "/proc/$1/fd"/* | grep -qxF "$2"
}

is_locked() {
	! flock --nonblock "$work/store/.lock" true
}
