# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# Small real packages and a repository of releases for them.

# shellcheck source=tests/lib/base.bash
source "${BASH_SOURCE[0]%/*}/base.bash"

# A program that waits, and answers each line on its input with FIX applied.
# channel_program OUT [FLAG]...: FLAG -DFIX=N chooses the build.
channel_program() {
	local out=$1
	shift
	"${CC:-cc}" -O2 -g0 -fPIE -pie -Wl,--build-id "$@" -o "$out" -x c - <<-'END'
		#include <stdio.h>
		#include <stdlib.h>
		#ifndef FIX
		#define FIX 0
		#endif
		#ifndef KIND
		#define KIND "plain"
		#endif
		int table[64];
		__attribute__((noipa)) int look(int at)
		{
			if (FIX > 0 && (at < 0 || at >= 64))
				return -1;
			if (FIX > 1 && at == 13)
				return -2;
			return table[at & 63] + at;
		}
		int main(void)
		{
			char line[64];
			setvbuf(stdout, NULL, _IOLBF, 0);
			while (fgets(line, sizeof(line), stdin))
				printf("%s %d\n", KIND, look(atoi(line)));
			return 0;
		}
	END
}

# channel_package OUT.deb NAME VERSION PROGRAM: a package with it as /usr/bin/NAME, and
# ballast such as a real one has.
channel_package() {
	local folder
	folder=$(mktemp -d "$work/package.XXXXXX")
	mkdir -p "$folder/DEBIAN" "$folder/usr/bin" "$folder/usr/share/doc/$2"
	cp "$4" "$folder/usr/bin/$2"
	head -c 300000 /dev/urandom >"$folder/usr/share/doc/$2/ballast"
	printf '%s\n' "Package: $2" "Version: $3" "Architecture: $(dpkg --print-architecture)" \
		'Maintainer: Nobody <nobody@localhost>' 'Description: for a test' >"$folder/DEBIAN/control"
	dpkg-deb --root-owner-group -Znone -b "$folder" "$1" >/dev/null
	rm -rf "$folder"
}

# Packages NAME_VERSION.deb in $work/debs: server 1, 2 and 3, each fixing more; other 1 and 2;
# odd 1 and 2, which cannot be hotpatched.
channel_packages() {
	local fix
	mkdir -p "$work/debs" "$work/bin"
	for fix in 0 1 2; do
		channel_program "$work/bin/server-$fix" "-DFIX=$fix"
		channel_package "$work/debs/server_$((fix + 1)).deb" server "1-$((fix + 1))" "$work/bin/server-$fix"
	done
	for fix in 0 1; do
		channel_program "$work/bin/other-$fix" "-DFIX=$fix" -DKIND='"other"'
		channel_package "$work/debs/other_$((fix + 1)).deb" other "1-$((fix + 1))" "$work/bin/other-$fix"
	done
	# A build without build-id cannot be found in a process.
	channel_program "$work/bin/odd-0" -DKIND='"odd"'
	channel_program "$work/bin/odd-1" -DFIX=1 -DKIND='"odd"' -Wl,--build-id=none
	channel_package "$work/debs/odd_1.deb" odd 1-1 "$work/bin/odd-0"
	channel_package "$work/debs/odd_2.deb" odd 1-2 "$work/bin/odd-1"
}

# Where the keys' passphrase is; all commands find it.
channel_passphrase() {
	echo 'correct horse battery staple' >"$work/passphrase"
	export SUTURE_PASSPHRASE_FILE=$work/passphrase
}

# A folder served on loopback; sets $url.
channel_serve() { # NAME FOLDER
	local port
	start "$1" python3 -u -m http.server 0 --bind 127.0.0.1 --directory "$2"
	wait_until 60 grep -q 'http://127.0.0.1:[0-9]*/' "$work/$1.out" ||
		fail "no web server: $(cat "$work/$1.out")"
	port=$(sed -n 's/.*http:\/\/127.0.0.1:\([0-9]*\)\/.*/\1/p' "$work/$1.out" | head -n 1)
	# shellcheck disable=SC2034 # for the caller
	url=http://127.0.0.1:$port
}
