#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# The hub's SQL is one text for every database. Here a stock PostgreSQL reads it: the tables
# are made, and each statement that stands in the program is prepared, which looks up every
# table, column, function and type in it.

bats_require_minimum_version 1.5.0

setup() {
	source "$BATS_TEST_DIRNAME/../lib/packages.bash"
	need_commands strings setpriv
	work_begin
	hub=${SUTURE_HUB:-${suture%/*}/suture-hub}
	# PostgreSQL refuses to serve as root.
	as=()
	[[ $(id -u) != 0 ]] || as=(setpriv --reuid=65534 --regid=65534 --clear-groups)
	chmod 755 "$work"
	mkdir -m 700 "$work/data" "$work/run"
	[[ $(id -u) != 0 ]] || chown 65534:65534 "$work/data" "$work/run"
}

teardown() {
	work_end
}

# The server and its client of the archive, unpacked: nothing is installed.
postgresql_unpack() {
	local server client version
	version=$(deb_versions postgresql-15 | head -n 1)
	server=$(deb_fetch postgresql-15 "$version") || return
	client=$(deb_fetch postgresql-client-15 "$version") || return
	deb_unpack "$work/root" "$server" "$client"
	deb_libraries "$work/root" "$server" "$client"
	bin=$work/root/usr/lib/postgresql/15/bin
	LD_LIBRARY_PATH=$work/root/usr/lib/$(uname -m)-linux-gnu
	export LD_LIBRARY_PATH
}

postgresql_start() {
	"${as[@]}" "$bin/initdb" -D "$work/data" -L "$work/root/usr/share/postgresql/15" \
		--username=hub --auth=trust --encoding=UTF8 --locale=C >"$work/initdb.log" 2>&1 ||
		fail "initdb: $(tail -n 5 "$work/initdb.log")" || return
	start server "${as[@]}" "$bin/postgres" -D "$work/data" -k "$work/run" -c listen_addresses= -c fsync=off
	wait_until 60 ask 'SELECT 1'
}

ask() { # SQL
	"$bin/psql" -X -q -A -t -v ON_ERROR_STOP=1 -h "$work/run" -U hub -d postgres "${@:2}" -c "$1"
}

# Texts of SQL are constants of the program, each in one piece.
statements() { # WORD...
	local IFS='|'
	strings -a -n 8 "$hub" | grep -E "^($*) " | sort -u
}

# A PREPARE for each line. PostgreSQL finds out the types of parameters by itself, but for those
# that may be NULL ("no filter"): texts, and the time that a page of devices begins at.
prepares() {
	awk '
	function type(n) {
		if (index($0, "($" n " IS NULL OR COALESCE(seen")) return "bigint"
		return index($0, "($" n " IS NULL") ? "text" : "unknown"
	}
	{
		types = ""
		for (n = 1; index($0, "$" n); n++)
			types = types (n > 1 ? ", " : "") type(n)
		print "PREPARE s" NR (types ? " (" types ")" : "") " AS " $0 ";"
	}'
}

@test "PostgreSQL takes every table and every statement of the hub" {
	postgresql_unpack
	postgresql_start
	# By name they come in an order that works; what is altered is made before.
	{ statements 'CREATE TABLE' && statements 'ALTER TABLE'; } | sed 's/;*$/;/' >"$work/schema.sql"
	ask '' -f "$work/schema.sql"

	statements SELECT INSERT UPDATE DELETE | prepares >"$work/statements.sql"
	count=$(wc -l <"$work/statements.sql")
	echo "# $count statements" >&3
	((count > 80)) # else they are not found any more
	run "$bin/psql" -X -q -h "$work/run" -U hub -d postgres -f "$work/statements.sql"
	echo "$output"
	[[ $status == 0 && ! $output ]]
}
