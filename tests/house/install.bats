# SPDX-License-Identifier: Apache-2.0
# What `make install` installs is complete and works from where it lies.

bats_require_minimum_version 1.5.0

setup_file() {
	export tree=$BATS_FILE_TMPDIR/tree
	cd "$BATS_TEST_DIRNAME/../.." || return
	# Not through make, which would rebuild: tests must not change what is tested.
	DESTDIR=$tree meson install --no-rebuild -C "$(dirname "${SUTURE:-build/suture}")" >/dev/null
	prefix=$(dirname "$(dirname "$(find "$tree" -name suture -path '*/bin/*')")")
	export prefix
}

@test "the installed program runs" {
	run -0 "$prefix/bin/suture" --version
	[[ $output == "suture "* ]]
}

@test "a program builds against the installed library and reads a hotpatch" {
	cat >"$BATS_TEST_TMPDIR/user.c" <<-'END'
		#include <stdio.h>
		#include <suture.h>
		int main(int argc, char **argv)
		{
			struct sut_file file;
			struct sut_patch patch;
			struct sut_err *err = sut_file_read(argv[argc - 1], &file);
			if (!err)
				err = sut_patch_read(file.view, &patch);
			puts(err ? err->msg : sut_patch_string(&patch, "name"));
			return err != NULL;
		}
	END
	pc=$(dirname "$(find "$tree" -name suture.pc)")
	# The file names the final prefix, below which nothing is yet.
	flags=$(PKG_CONFIG_PATH=$pc pkg-config --define-variable=prefix="$prefix" \
		--cflags --libs suture)
	# shellcheck disable=SC2086
	cc -Wall -Wextra -Werror "$BATS_TEST_TMPDIR/user.c" -o "$BATS_TEST_TMPDIR/user" $flags
	"$(dirname "${SUTURE:-$BATS_TEST_DIRNAME/../../build/suture}")/sample-patch" "$BATS_TEST_TMPDIR/s"
	run -0 "$BATS_TEST_TMPDIR/user" "$BATS_TEST_TMPDIR/s"
	[[ $output == server-1a2b3c4d-5e6f7081 ]]
	run -1 "$BATS_TEST_TMPDIR/user" "$BATS_TEST_TMPDIR/user.c"
	[[ $output == *"is not a hotpatch"* ]]
}

@test "there is a page for every command, and man shows it" {
	for command in '' $("$prefix/bin/suture" --help | sed -n 's/^  \([a-z]*\) .*/-\1/p'); do
		page=$prefix/share/man/man1/suture$command.1
		[[ -s $page ]] || { echo "no page suture$command(1)" && return 1; }
	done
}

@test "the hub and the agent are installed with a unit, a page, and what they look for" {
	for program in suture-hub sutured; do
		[[ -x $prefix/sbin/$program && -s $prefix/share/man/man8/$program.8 ]]
		unit=$(find "$tree" -name $program.service)
		start=$(sed -n 's/^ExecStart=\([^ ]*\).*/\1/p' "$unit")
		[[ -x $tree$start ]] || { echo "$unit starts $start, which is not there" && return 1; }
		run -0 "$prefix/sbin/$program" --version
	done
	# The folder is named for where it will lie in the end.
	page=$("$prefix/sbin/suture-hub" --help | sed -n 's/^  --web DIR .*(\(.*\))$/\1/p')
	[[ $page == /* && -s $tree$page/index.html ]]
}

@test "the completion completes commands, options and files" {
	cd "$BATS_TEST_TMPDIR"
	touch one.hotpatch two.txt
	PATH=$prefix/bin:$PATH
	# shellcheck source=/dev/null
	source "$prefix/share/bash-completion/completions/suture"
	complete_words() { # WORD...
		COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMPREPLY=()
		_suture
	}
	complete_words suture sh
	[[ ${COMPREPLY[*]} == show ]]
	complete_words suture show --d
	[[ ${COMPREPLY[*]} == --disasm ]]
	complete_words suture show ''
	[[ ${COMPREPLY[*]} == one.hotpatch ]]
}
