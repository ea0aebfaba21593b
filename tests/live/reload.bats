# SPDX-License-Identifier: Apache-2.0
# A library that is closed after it was patched, or meanwhile, and opened again: the
# original again, and known to be.

bats_require_minimum_version 1.5.0

setup() {
	load helpers
	d=$BATS_TEST_TMPDIR
	hotpatch=$d/library.hotpatch
	compose=$built/live-compose
	# The new answer counts its calls: 43, 143, 243 …
	echo 'int bias = 1; __attribute__((noinline)) int answer(int x) { return x + bias; }' >"$d/library.c"
	echo 'int bias = 3; __attribute__((noinline)) int answer(int x) { return x + bias; }' >"$d/other.c"
	cat >"$d/fix.c" <<-'END'
		extern int bias __attribute__((visibility("hidden")));
		int answer(int x)
		{
			static int n;
			return x + 36 + bias + 100 * n++;
		}
	END
	cc -O2 -fPIC -shared -Wl,--build-id -o "$d/library.so" "$d/library.c"
	cc -O2 -fPIC -shared -Wl,--build-id -o "$d/other.so" "$d/other.c"
	cc -O2 -fPIC -c -o "$d/fix.o" "$d/fix.c"
	"$compose" "$hotpatch" "$d/library.so" "$d/fix.o" answer
}

teardown() {
	[[ -z ${watcher:-} ]] || kill_watch
	kill_victim
}

row() {
	json ".processes[] | select(.pid == $pid) | .$1"
}

# State and module of all hotpatches that it carries.
carries() {
	"$suture" status --pid "$pid" --json |
		json '[.processes[0].hotpatches[] | "\(.state) \(.module)"] | sort | join(", ")'
}

# Start the victim, open the library and patch it.
start_patched() {
	start_victim live-reload "$d/library.so" "$d/other.so"
	[[ $(ask o) == ok && $(ask a) == 7 ]]
	run -0 "$suture" apply --pid "$pid" "$hotpatch"
	[[ $(ask a) == 43 && $(ask a) == 143 ]]
	[[ $(carries) == "applied loaded" ]]
}

@test "a library that was closed is told, and reverting it is no mistake" {
	start_patched
	[[ $(ask c) == ok ]]
	[[ $(carries) == "applied unloaded" ]]
	[[ $("$suture" status --pid "$pid") == *" unloaded "* ]]
	run -5 "$suture" verify --pid "$pid" --json
	[[ $(row reason <<<"$output") == *"has been unloaded" ]]
	run -5 "$suture" apply --pid "$pid" --json "$hotpatch"
	[[ $(row reason <<<"$output") == "does not map the build" ]]
	run -0 "$suture" revert --pid "$pid" --json "$hotpatch"
	[[ $(row outcome <<<"$output") == reverted ]]
	run -0 "$suture" revert --pid "$pid" --json "$hotpatch"
	[[ $(row outcome <<<"$output") == already ]]
	[[ $(carries) == "reverted unloaded" ]]
	stop_victim
}

@test "a library that was closed and opened again is told, and patched anew" {
	start_patched
	[[ $(ask c) == ok && $(ask o) == ok && $(ask a) == 7 ]]
	[[ $(carries) == "applied reloaded" ]]
	[[ $("$suture" status --pid "$pid") == *" reloaded "* ]]
	run -5 "$suture" verify --pid "$pid" --json
	[[ $(row reason <<<"$output") == *"loaded again as it was" ]]
	run -0 "$suture" apply --pid "$pid" --json "$hotpatch"
	[[ $(row outcome <<<"$output") == patched ]]
	# The variable begins anew, as the library's own.
	[[ $(ask a) == 43 && $(ask a) == 143 ]]
	[[ $(carries) == "applied loaded, reverted reloaded" ]]
	run -0 "$suture" verify --pid "$pid" "$hotpatch"
	run -0 "$suture" apply --pid "$pid" --json "$hotpatch"
	[[ $(row outcome <<<"$output") == already ]]
	run -0 "$suture" revert --pid "$pid" "$hotpatch"
	[[ $(ask a) == 7 ]]
	run -0 "$suture" apply --pid "$pid" "$hotpatch"
	[[ $(ask a) == 243 ]]
	[[ $(carries) == "applied loaded, reverted reloaded" ]]
	stop_victim
}

@test "what was reverted before the library was closed is not used again" {
	start_patched
	run -0 "$suture" revert --pid "$pid" "$hotpatch"
	[[ $(ask c) == ok && $(ask o) == ok ]]
	run -0 "$suture" apply --pid "$pid" "$hotpatch"
	[[ $(ask a) == 43 ]]
	[[ $(carries) == "applied loaded, reverted reloaded" ]]
	stop_victim
}

@test "a library that comes and goes all the time is patched or not, and nothing else is" {
	start_victim live-reload "$d/library.so" "$d/other.so"
	[[ $(ask s) == ok ]]
	for _ in {1..40}; do
		"$suture" apply --pid "$pid" --json "$hotpatch" >>"$d/out" || [[ $? == 5 ]]
	done
	[[ $(json '.processes[].outcome' <"$d/out" | grep -cxE 'patched|already|refused|busy') == 40 ]]
	run -0 ask e
	[[ $output =~ ^"old "[1-9][0-9]*" new "[0-9]+" other "[1-9][0-9]*" wrong 0"$ ]]
	stop_victim
}

@test "a watcher patches a library each time that it is opened, before anything of it is called" {
	load ../lib/watch
	start_watch --file "$d/library.so" "$hotpatch"
	start_victim live-reload "$d/library.so" "$d/other.so"
	for _ in 1 2 3 4 5; do
		[[ $(ask o) == ok ]]
		[[ $(ask a) == 43 && $(ask a) == 143 ]]
		[[ $(ask c) == ok ]]
	done
	stop_watch
	stop_victim
}
