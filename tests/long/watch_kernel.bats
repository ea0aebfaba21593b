# SPDX-License-Identifier: Apache-2.0
# suture watch on Linux 6.1, whose execve holds the lock that seizing needs.

bats_require_minimum_version 1.5.0

setup() {
	load ../live/helpers
	load ../lib/vm
}

write_script() {
	cat >"$BATS_TEST_TMPDIR/script" <<-'END'
		echo "kernel $(uname -r) with $(nproc) processors"
		./suture watch --json --file /test/live-early --file /test/live-early-static \
			--file /test/liblive-early.so live-early-imports.hotpatch \
			live-early-static.hotpatch live-early-lib.hotpatch >/tmp/events 2>&1 &
		watcher=$!
		for i in $(seq 600); do
			grep -q watching /tmp/events && break
			sleep 0.2
		done
		cp_script() { echo "#!/test/live-early"; }
		cp_script >/test/interpreted
		chmod +x /test/interpreted
		for what in live-early live-early-static interpreted; do
			for i in $(seq 40); do timeout 120 ./$what; done 2>&1 | sort | uniq -c |
				sed "s/^ */$what /"
			seq 40 | xargs -P 8 -n 1 timeout 120 ./$what 2>&1 | sort | uniq -c |
				sed "s/^ */8 $what /"
		done
		seq 40 | xargs -P 8 -n 1 sh -c 'timeout 120 ./live-early-opener /test/liblive-early.so' 2>&1 |
			sort | uniq -c | sed "s/^ */8 opener /"
		kill $watcher
		wait $watcher
		echo "watcher ended with $?"
		grep -E '"late":true|missed|error|refused|busy' /tmp/events | sed 's/^/trouble /'
		echo "patched $(grep -c '"event":"patched"' /tmp/events)"
	END
}

@test "Linux 6.1: no vulnerable call in programs, static ones, scripts and opened libraries" {
	fetch_kernel 6.1 "$BATS_TEST_TMPDIR"
	write_script
	make_root "$BATS_TEST_TMPDIR/root" "$BATS_TEST_TMPDIR/script"
	add_programs "$BATS_TEST_TMPDIR/root" "$suture" "$built"/live-early{,-static,-opener} \
		"$built/liblive-early.so"
	cp "$built"/live-early{-imports,-static,-lib}.hotpatch "$BATS_TEST_TMPDIR/root/test/"
	run -0 run_vm "$BATS_TEST_TMPDIR/root" 1200 2
	echo "$output"
	[[ $output == *"kernel 6.1."*"with 2 processors"* ]]
	[[ $output == *"watcher ended with 0"*"patched 280"* ]]
	for what in live-early live-early-static interpreted; do
		grep -qx "$what 40 43 43" <<<"$output"
		grep -qx "8 $what 40 43 43" <<<"$output"
	done
	grep -qx "8 opener 40 43 43" <<<"$output"
	[[ $output != *trouble* ]]
}
