#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# A stock mosquitto broker with clients subscribed and publishing: patched,
# proved, given back.

bats_require_minimum_version 1.5.0

setup_file() {
	source "$BATS_TEST_DIRNAME/../lib/scenario.bash"
	need_commands python3 jq
	work_begin
	export work known_pair
	deb_fetch_both mosquitto 2.0.11-1.2+deb12u1 2.0.11-1.2+deb12u2
	local each
	for each in old new; do
		local deb=${each}_deb clients
		clients=$(deb_fetch mosquitto-clients "$(deb_version "${!deb}")")
		deb_unpack "$work/$each" "${!deb}" "$clients"
		deb_libraries "$work/$each" "${!deb}" "$clients"
	done
	# Both run as long as the broker does. What changed in them is a list that
	# they print on a signal, for debugging. db__open() runs at the start only; it clears
	# old fields together with a new one, which stands elsewhere.
	hotpatch_build "$work/old/usr/sbin/mosquitto" "$work/new/usr/sbin/mosquitto" "$work/hotpatches" \
		--leave mosquitto_main_loop --leave db__open --accept 'never-returns:main=only prints for debugging'
}

setup() {
	source "$BATS_TEST_DIRNAME/../lib/scenario.bash"
	hotpatch=$(hotpatch_of "$work/hotpatches" "$work/old/usr/sbin/mosquitto")
}

teardown() {
	stop_all
}

teardown_file() {
	source "$BATS_TEST_DIRNAME/../lib/base.bash"
	work_end
}

server_start() { # ROLE ROOT
	local port=port_$1 bridge=bridge_$1
	free_ports "$port" "$bridge"
	rm -rf "$work/${1:?}"
	mkdir -p "$work/$1"
	chmod 777 "$work/$1" # the broker gives up its rights
	cat >"$work/$1/mosquitto.conf" <<-END
		listener ${!port} 127.0.0.1
		allow_anonymous true
		persistence true
		persistence_location $work/$1/
		log_dest file $work/$1/log
		log_type warning
		log_type error
		log_type subscribe
		connection upstream
		address 127.0.0.1:${!bridge}
		topic bridged/# in 1
		restart_timeout 1
		notifications false
		try_private false
	END
	LD_LIBRARY_PATH=$(library_path "$2") start "$1" \
		"$2/usr/sbin/mosquitto" -c "$work/$1/mosquitto.conf"
	wait_port "${!port}" || { cat "$work/$1.out" "$work/$1/log" >&2; return 1; }
	printf -v "server_$1" %s "$pid"
}

server_pids() { # ROLE
	local server=server_$1
	echo "${!server}"
}

client() { # COMMAND PORT ARGUMENT...
	local command=$1 port=$2
	shift 2
	LD_LIBRARY_PATH=$(library_path "$work/new") timeout 120 \
		"$work/new/usr/bin/mosquitto_$command" -h 127.0.0.1 -p "$port" "$@" 2>&1 || echo "exit status $?"
}

# How often client $2 of the broker of role $1 has subscribed, by the broker's own words.
subscriptions() { # ROLE CLIENT
	grep -cE "^[0-9]+: $2 [0-2] " "$work/$1/log" || true
}

has_subscribed() { # ROLE CLIENT TIMES
	(($(subscriptions "$1" "$2") > $3))
}

# What a subscriber gets of what is published meanwhile.
heard() { # ROLE COUNT TOPIC PUBLISHER-ARGUMENT...
	local role=$1 port=port_$1 count=$2 topic=$3 listener before
	port=${!port}
	shift 3
	before=$(subscriptions "$role" hearer)
	client sub "$port" -i hearer -t "$topic" -C "$count" -W 300 -v >"$work/heard" &
	listener=$!
	wait_until 120 has_subscribed "$role" hearer "$before" || echo "nobody subscribes"
	client pub "$port" "$@"
	wait "$listener"
	cat "$work/heard"
}

probe() { # ROLE
	local port=port_$1 bridge=bridge_$1
	echo "== quality 0"; heard "$1" 1 'room/+' -t room/a -m hello
	echo "== quality 2"; heard "$1" 1 'room/#' -t room/a/b -m hello -q 2
	echo "== version 5"; heard "$1" 1 'five/#' -V 5 -q 1 -t five/x -m hello -D publish user-property k v
	echo "== nobody listens"; client pub "${!port}" -V 5 -q 1 -t nobody/here -m lost -d -i lonely | grep -E 'PUBACK|Warning'
	echo "== shared"; heard "$1" 1 "\$share/group/jobs/+" -t jobs/one -m job -q 1
	echo "== retained"; client pub "${!port}" -t kept -m still -r; client sub "${!port}" -t kept -C 1 -W 60
	client pub "${!port}" -t kept -n -r
	echo "== kept session"
	client sub "${!port}" -i sleeper -c -q 1 -t 'inbox/#' -E
	client pub "${!port}" -q 1 -t inbox/1 -m while-away
	client sub "${!port}" -i sleeper -c -q 1 -t 'inbox/#' -C 1 -W 60
	client sub "${!port}" -i sleeper -t 'inbox/#' -E
	echo "== an answer without codes over a bridge"
	python3 "$BATS_TEST_DIRNAME/../lib/mqtt_upstream.py" "${!bridge}"
}

use_begin() {
	# shellcheck disable=SC2154 # server_start sets it
	local tools=$work/new/usr/bin
	export LD_LIBRARY_PATH
	LD_LIBRARY_PATH=$(library_path "$work/new")
	start listener "$tools/mosquitto_sub" -h 127.0.0.1 -p "$port_target" -q 1 -t 'load/#' -i listener
	start shared "$tools/mosquitto_sub" -h 127.0.0.1 -p "$port_target" -q 1 -t "\$share/g/load/#" -i shared
	local each
	for each in listener shared; do
		wait_until 120 has_subscribed target "$each" 0 || fail "client $each does not subscribe" || return
	done
	# shellcheck disable=SC2016 # for the inner shell
	start publisher bash -c 'i=0; while [[ ! -e $3/stop ]]; do echo $((++i)); sleep 0.002; done | tee "$3/published" |
		"$1/mosquitto_pub" -h 127.0.0.1 -p "$2" -q 1 -t load/x -l' _ "$tools" "$port_target" "$work"
	unset LD_LIBRARY_PATH
	sleep 0.5
}

# Every message arrives, in order, at the plain subscriber and at the shared one.
use_end() {
	local each
	: >"$work/stop"
	wait_until 120 is_gone "$(<"$work/publisher.pid")" || fail "the publisher does not end" || return
	[[ ! -s $work/publisher.out ]] || fail "the publisher said: $(<"$work/publisher.out")" || return
	for each in listener shared; do
		wait_until 120 cmp "$work/published" "$work/$each.out" || true
		is_alive "$(<"$work/$each.pid")" || fail "client $each ended: $(tail -n 3 "$work/$each.out")" || return
		cmp "$work/published" "$work/$each.out" || fail "$each missed a message" || return
		(($(wc -l <"$work/$each.out") > 50)) || fail "$each got only $(wc -l <"$work/$each.out") messages" || return
	done
}

is_gone() {
	! is_alive "$1"
}

@test "mosquitto with clients takes the fix, proves it and gives it back" {
	# An upstream's answer without reason codes.
	scenario mosquitto "$hotpatch" 1
}
