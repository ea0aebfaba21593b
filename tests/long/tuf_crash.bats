# SPDX-License-Identifier: Apache-2.0
# SIGKILL at every write of the client's store and of the repository: what is left is valid, and
# trying again completes it.

bats_require_minimum_version 1.5.0

setup() {
	# shellcheck source=tests/lib/base.bash
	source "$BATS_TEST_DIRNAME/../lib/base.bash"
	# shellcheck source=tests/lib/tuf.bash
	source "$top/tests/lib/tuf.bash"
	need_commands jq python3 strace
	work_begin
	tuf_begin
}

teardown() {
	work_end
}

# kill_at CALL N COMMAND...: SIGKILL in the place of the N-th such system call; $killed is 0 when
# the command makes fewer and succeeds.
kill_at() {
	killed=0
	strace -f -qq -o /dev/null -e trace="$1" -e inject="$1:signal=SIGKILL:when=$2" "${@:3}" || killed=$?
	((killed == 0 || killed == 137)) || fail "$1 $2: status $killed"
}

leftovers() {
	find "$@" -name '.new-*'
}

# Everything new at once: keys of root and of the on-line roles, a file more and one less.
change_all() {
	repository key online2 >/dev/null
	repository key root3 >/dev/null
	local role
	for role in timestamp snapshot; do
		repository add-key "$role" online2
		repository remove-key "$role" online
	done
	repository add-key root root3
	repository remove-key root root1
	repository remove hotpatches hotpatches/2026.11/a.hotpatch
	repository add hotpatches hotpatches/2026.12/b.hotpatch "the second"
}

@test "the client survives SIGKILL at every write" {
	"$tuf_client" --metadata-dir "$work/before" init "$work/root.json"
	client_of "$work/before" "$work/repo" list hotpatches
	change_all
	repository all
	local call n killed kills=0
	for call in rename fsync unlink; do
		n=0
		while ((++n)); do
			rm -rf "$work/store" "$work/files"
			cp -r "$work/before" "$work/store"
			kill_at "$call" $n "$tuf_client" --metadata-dir "$work/store" \
				--metadata-url "$url/metadata" --target-base-url "$url/targets" \
				--target-dir "$work/files" \
				--target-name hotpatches/2026.12/b.hotpatch download
			((killed)) || break
			kills=$((kills + 1))
			client --target-name hotpatches/2026.12/b.hotpatch download
			[[ $(trusted) == "2 2 2 1" ]] || fail "$call $n: $(trusted)"
			[[ $(<"$work/files/hotpatches/2026.12/b.hotpatch") == "the second" ]]
			[[ ! $(leftovers "$work/store") ]] || fail "$call $n: $(leftovers "$work/store")"
		done
	done
	((kills >= 20)) || fail "only $kills times"
}

@test "the repository survives SIGKILL at every write, and its clients notice nothing" {
	"$tuf_client" --metadata-dir "$work/before" init "$work/root.json"
	client_of "$work/before" "$work/repo" list hotpatches
	change_all
	cp -r "$work/repo" "$work/base"
	local call n killed kills=0
	for call in rename fsync unlink; do
		n=0
		while ((++n)); do
			rm -rf "$work/repo" "$work/store"
			cp -r "$work/base" "$work/repo"
			cp -r "$work/before" "$work/store"
			kill_at "$call" $n "$tuf_repository" "$work/repo" "$work/keys" all
			((killed)) || break
			kills=$((kills + 1))
			# An old client sees the old state or the new one, whole.
			client_of "$work/store" "$work/repo" list hotpatches >"$work/list"
			[[ $(<"$work/list") == hotpatches/2026.1?/?.hotpatch* ]]
			[[ $(wc -l <"$work/list") == 1 ]]
			client_of "$work/store" "$work/repo" show "$(cut -d' ' -f1 "$work/list")"
			# Another try completes it, and what has a version in its name stays as it is:
			# a cache may have it.
			(cd "$work/repo/metadata" && sha256sum [0-9]*) >"$work/sums"
			repository add rollouts rollouts/another.json '{}'
			repository all
			(cd "$work/repo/metadata" && sha256sum --quiet --check "$work/sums")
			[[ ! $(leftovers "$work/repo") ]]
			client_of "$work/store" "$work/repo" show hotpatches/2026.12/b.hotpatch
			[[ $(jq .signed.version "$work/store/root.json") == 2 ]]
			[[ $(repository status | awk '$3 != 0') == "" ]]
		done
	done
	((kills >= 20)) || fail "only $kills times"
}

@test "a change that is being staged survives SIGKILL at every write" {
	cp -r "$work/repo" "$work/base"
	local call n killed
	for call in rename fsync; do
		n=0
		while ((++n)); do
			rm -rf "$work/repo"
			cp -r "$work/base" "$work/repo"
			kill_at "$call" $n "$tuf_repository" "$work/repo" "$work/keys" \
				add hotpatches hotpatches/2026.12/b.hotpatch "the second"
			((killed)) || break
			repository all
			repository add hotpatches hotpatches/2026.12/b.hotpatch "the second"
			repository all
			rm -rf "$work/store"
			"$tuf_client" --metadata-dir "$work/store" init "$work/root.json"
			[[ $(client_of "$work/store" "$work/repo" show hotpatches/2026.12/b.hotpatch) == "the second" ]]
		done
		((n > 2))
	done
}

# The files that publishing with these keys renames into metadata/, in their order.
written_by() { # KEY...
	strace -f -qq -o "$work/trace" -e trace=rename "$tuf_repository" "$work/repo" "$work/keys" publish "$@"
	grep -o 'metadata/[0-9a-z.]*json' "$work/trace" | cut -d/ -f2 | paste -sd' '
}

@test "what old and new keys sign is published before the new root, what only new ones sign after it" {
	repository key online2
	local role
	for role in timestamp snapshot; do
		repository add-key "$role" online2
		repository remove-key "$role" online
	done
	repository sign root1 root2
	cp -r "$work/repo" "$work/base"
	[[ $(written_by online online2) == "2.snapshot.json timestamp.json 2.root.json" ]]
	rm -rf "$work/repo"
	cp -r "$work/base" "$work/repo"
	[[ $(written_by online2) == "2.snapshot.json 2.root.json timestamp.json" ]]
	"$tuf_client" --metadata-dir "$work/store" init "$work/root.json"
	client list rollouts
	[[ $(trusted) == "2 2 2 1" ]]
}
