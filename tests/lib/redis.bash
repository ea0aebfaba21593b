# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# An unpacked redis-server on loopback, with append-only file, snapshots and
# Lua scripts in use.

# shellcheck source=tests/lib/packages.bash
source "${BASH_SOURCE[0]%/*}/packages.bash"

# Unpacks both versions into $work/old and $work/new; sets old_deb and new_deb.
redis_unpack() {
	# The server is a link, in the package redis-server, to a program in
	# redis-tools.
	local each deb
	deb_fetch_both redis-tools 5:7.0.15-1~deb12u7 5:7.0.15-1~deb12u10
	for each in old new; do
		deb=${each}_deb
		deb_libraries "$work/$each" "${!deb}"
		deb_unpack "$work/$each" "${!deb}" \
			"$(deb_fetch redis-server "$(deb_version "${!deb}")")"
	done
}

# redis_start NAME ROOT FOLDER PORT [OPTION VALUE]...: sets $pid.
redis_start() {
	local name=$1 root=$2 folder=$3 port=$4
	shift 4
	mkdir -p "$folder"
	LD_LIBRARY_PATH=$(library_path "$root") start "$name" "$root/usr/bin/redis-server" \
		--port "$port" --bind 127.0.0.1 --dir "$folder" --daemonize no \
		--logfile "$folder/log" --appendonly yes --enable-debug-command local "$@"
	wait_port "$port" || { cat "$folder/log" >&2; return 1; }
}

# A tool of the new package, with the libraries that lie beside it.
redis_tool() { # NAME [ARGUMENT]...
	LD_LIBRARY_PATH=$(library_path "$work/new") "$work/new/usr/bin/redis-$1" "${@:2}"
}

# Commands on standard input, one a line; answers in the client's words, without
# how long a slow one took.
redis_ask() { # PORT
	redis_tool cli --no-raw -h 127.0.0.1 -n 1 -p "$1" | sed '/^([0-9.]*s)$/d'
}

# redis_probe PORT: one block per question, on a data base of its own. The two
# values restored are hashes in the oldest encoding, with right checksums; the
# second one gives a short length in the long form.
redis_probe() {
	local line
	while IFS= read -r line; do
		case $line in
		'== '*) echo "$line" ;;
		*) printf '%s\n' "$line" | redis_ask "$1" ;;
		esac
	done 2>&1 <<-'END'
		== strings
		FLUSHDB
		SET a "one two"
		APPEND a three
		GETRANGE a 2 6
		INCRBYFLOAT n 10.5
		== lists and sets
		RPUSH l 3 1 2
		SORT l DESC
		SADD s x y z
		SMISMEMBER s x q
		ZADD z 1 a 2 b 3 c
		ZRANGE z (1 +inf BYSCORE REV
		ZRANGE z +inf (1 BYSCORE REV
		== streams
		XADD st 1-1 f v
		XGROUP CREATE st g 0
		XREADGROUP GROUP g me COUNT 1 STREAMS st >
		XPENDING st g
		== wrong use
		LPUSH a x
		GET
		NOSUCH command
		== script
		EVAL "local t = {} for i = 1, 5 do t[i] = redis.call('INCR', KEYS[1]) end return t" 1 counter
		EVAL "return redis.error_reply('broken by\\r\\nhand')" 0
		EVAL "return cjson.encode({struct.unpack('>I2', 'ab')})" 0
		EVAL "return nosuch" 0
		== functions
		FUNCTION LOAD "#!lua name=lib\nredis.register_function('twice', function(k, a) return 2 * a[1] end)"
		FCALL twice 0 21
		FUNCTION DELETE lib
		== geography
		GEOADD town 13.361389 38.115556 Palermo 15.087269 37.502669 Catania
		GEODIST town Palermo Catania km
		== saved and loaded again
		DEBUG RELOAD
		DEBUG DIGEST-VALUE a n l s z st counter town
		== restored
		RESTORE zip 0 "\x09\x0e\x01\x05color\x04\x00blue\xff\x09\x00\x87\xff\x4f\xd5\x4e\x46\x8f\xb1"
		HGETALL zip
		== restored, malformed
		RESTORE odd 0 "\x09\x12\x01\x05color\xfe\x04\x00\x00\x00\x00blue\xff\x09\x00\xa2\xa4\x07\x89\x0a\x9f\xfa\x37"
		HGETALL odd
		== dumped
		DUMP a
		FLUSHDB
	END
}

# redis_load_begin PORT: plain commands and scripts for ever, a client blocked
# on a list, and one subscribed to a channel.
redis_load_begin() {
	local tools=$work/new/usr/bin
	local -x LD_LIBRARY_PATH
	LD_LIBRARY_PATH=$(library_path "$work/new")
	start load-plain "$tools/redis-benchmark" -h 127.0.0.1 -p "$1" -c 8 -n 100000 -r 1000 -l -q \
		-t set,get,incr,lpush,lpop,sadd,hset,zadd,mset
	start load-script "$tools/redis-benchmark" -h 127.0.0.1 -p "$1" -c 4 -n 100000 -l -q \
		eval "for i = 1, 10 do redis.call('zincrby', KEYS[1], i, 'm' .. i) end return redis.call('zrange', KEYS[1], 0, -1)" 1 scores
	start blocked "$tools/redis-cli" -h 127.0.0.1 -p "$1" BLPOP waiting 0
	start subscribed "$tools/redis-cli" -h 127.0.0.1 -p "$1" SUBSCRIBE news
	sleep 0.5
}

# redis_load_end PORT: fails when a command failed, a connection broke or the
# two waiting clients were disturbed.
redis_load_end() {
	local each
	for each in plain script; do
		is_alive "$(<"$work/load-$each.pid")" ||
			fail "load $each ended: $(tail -c 500 "$work/load-$each.out")" || return
		! grep -aiE 'error|could not' "$work/load-$each.out" || fail "load $each saw an error" || return
		stop "$(<"$work/load-$each.pid")"
	done
	[[ ! -s $work/blocked.out ]] || fail "the blocked client was woken: $(<"$work/blocked.out")" || return
	redis_ask "$1" <<<'PUBLISH news "all is well"' >/dev/null
	redis_tool cli -p "$1" RPUSH waiting item >/dev/null
	wait_until 120 grep -q item "$work/blocked.out" || fail "the blocked client got nothing" || return
	wait_until 120 grep -q 'all is well' "$work/subscribed.out" || fail "the subscribed client got nothing" || return
	stop "$(<"$work/subscribed.pid")"
}

# Neither writes a process of its own the snapshot or the append-only file, nor waits one to
# begin.
redis_is_at_rest() { # PORT
	local facts one
	facts=$(redis_ask "$1" <<<'INFO persistence')
	for one in rdb_bgsave_in_progress aof_rewrite_in_progress aof_rewrite_scheduled; do
		[[ $facts == *"$one:0"* ]] || return
	done
}

# From here on it writes its files anew when it is asked to, however long it is in use and
# however fast.
redis_on_request() { # PORT
	redis_ask "$1" <<-'END'
		CONFIG SET save ""
		CONFIG SET auto-aof-rewrite-percentage 0
	END
}

# What the log tells, but of a slow disk.
redis_log() { # FOLDER
	grep -v 'Asynchronous AOF fsync is taking too long' "$1/log"
}

# redis_files_are_sound FOLDER PORT: rewrites the append-only file and checks
# it and the snapshot with the package's own tools.
redis_files_are_sound() {
	redis_on_request "$2" >/dev/null
	wait_until 120 redis_is_at_rest "$2" || fail "it never comes to rest"
	redis_ask "$2" <<<BGREWRITEAOF | grep -q started || fail "BGREWRITEAOF failed"
	wait_until 120 redis_is_at_rest "$2" || fail "the append-only file is not rewritten"
	[[ $(redis_ask "$2" <<<'INFO persistence') == *aof_last_bgrewrite_status:ok* ]] ||
		fail "the append-only file was not rewritten"
	redis_ask "$2" <<<SAVE | grep -q OK || fail "SAVE failed"
	redis_tool check-rdb "$1/dump.rdb" >"$work/check" || fail "$(<"$work/check")"
	redis_tool check-aof "$1"/appendonlydir/*.manifest >"$work/check" || fail "$(<"$work/check")"
}

# The four functions of a scenario (scenario.bash).

server_start() { # ROLE ROOT
	free_ports "port_$1"
	local port=port_$1
	rm -rf "$work/${1:?}"
	redis_start "$1" "$2" "$work/$1" "${!port}"
	printf -v "server_$1" %s "$pid"
}

server_pids() { # ROLE
	local server=server_$1
	echo "${!server}"
}

probe() { # ROLE
	local port=port_$1
	redis_probe "${!port}"
}

use_begin() {
	# shellcheck disable=SC2154 # server_start sets it
	redis_load_begin "$port_target"
}

use_end() {
	redis_load_end "$port_target"
}
