# SPDX-License-Identifier: Apache-2.0
# The doctor finds a healthy machine healthy, and names what is missing.

bats_require_minimum_version 1.5.0

setup() {
	load helpers
}

status_of() {
	json ".checks[] | select(.check == \"$1\") | .status"
}

@test "where the tests run, everything needed works" {
	run -0 "$suture" doctor --json
	[[ $(json .works <<<"$output") == true ]]
	[[ $(json '[.checks[] | select(.status == "broken")] | length' <<<"$output") == 0 ]]
	for check in tracing "reading memory" "writing code" "signal masks"; do
		[[ $(status_of "$check" <<<"$output") == ok ]]
	done
}

@test "a user without privileges is told what is limited" {
	open=$(mktemp -d)
	chmod 755 "$open"
	cp "$suture" "$open"
	run setpriv --reuid 65534 --regid 65534 --clear-groups "$open/suture" doctor --json
	rm -r "$open"
	[[ $status == 0 ]]
	[[ $(status_of user <<<"$output") == limited ]]
	[[ $(status_of seccomp <<<"$output") == limited ]]
	[[ $(status_of tracing <<<"$output") == ok ]]
}

@test "where tracing is forbidden, it says so and that nothing can work" {
	cat >"$BATS_TEST_TMPDIR/forbid.c" <<-'END'
		#include <errno.h>
		#include <linux/filter.h>
		#include <linux/seccomp.h>
		#include <stddef.h>
		#include <sys/prctl.h>
		#include <sys/syscall.h>
		#include <unistd.h>
		// Runs its arguments where ptrace(2) fails with EPERM.
		int main(int argc, char **argv)
		{
			struct sock_filter code[] = {
				BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
				BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_ptrace, 0, 1),
				BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
				BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
			};
			struct sock_fprog program = { 4, code };
			prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
			prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
			execv(argv[1], argv + 1);
			return 1;
		}
	END
	cc -o "$BATS_TEST_TMPDIR/forbid" "$BATS_TEST_TMPDIR/forbid.c"
	run -5 "$BATS_TEST_TMPDIR/forbid" "$suture" doctor --json
	[[ $(json .works <<<"$output") == false ]]
	[[ $(status_of tracing <<<"$output") == broken ]]
}
