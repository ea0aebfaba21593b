#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# A stock haproxy with four threads under load: patched, proved, given back.

bats_require_minimum_version 1.5.0

setup_file() {
	source "$BATS_TEST_DIRNAME/../lib/scenario.bash"
	need_commands wrk curl jq
	work_begin
	export work known_pair
	deb_fetch_both haproxy 2.6.12-1+deb12u3 2.6.12-1+deb12u4
	deb_unpack "$work/old" "$old_deb"
	deb_unpack "$work/new" "$new_deb"
	deb_libraries "$work/old" "$old_deb"
	deb_libraries "$work/new" "$new_deb"
	hotpatch_build "$old_deb" "$new_deb" "$work/hotpatches"
}

setup() {
	source "$BATS_TEST_DIRNAME/../lib/scenario.bash"
	hotpatch=$(hotpatch_of "$work/hotpatches" usr/sbin/haproxy)
}

teardown() {
	stop_all
}

teardown_file() {
	source "$BATS_TEST_DIRNAME/../lib/base.bash"
	work_end
}

configuration() { # PORT: it, and the two after it
	cat <<-END
		global
			nbthread 4
			maxconn 500
		defaults
			mode http
			timeout client 10s
			timeout server 10s
			timeout connect 10s
			timeout http-keep-alive 60s
			option http-buffer-request
		frontend front
			bind 127.0.0.1:$1
			bind 127.0.0.1:$(($1 + 1)) proto h2
			compression algo gzip
			compression type text/plain application/json
			http-request set-header X-Hash %[path,sdbm]
			http-request deny deny_status 403 if { path_beg /denied }
			http-request redirect location /elsewhere if { path /moved }
			use_backend chosen if { path_beg /chosen } || { req.body -m sub choose-me }
			default_backend back
		backend back
			balance leastconn
			server one 127.0.0.1:$(($1 + 2))
			server two 127.0.0.1:$(($1 + 2))
		backend chosen
			http-request return status 200 content-type text/plain lf-string "chosen %[method] %[path]\n"
		frontend origin
			bind 127.0.0.1:$(($1 + 2))
			http-request return status 200 content-type application/json lf-string '{"path":"%[path]","hash":"%[req.hdr(x-hash)]","n":"%[req.body,json_query(\$.n)]","regsub":"%[path,regsub(a+,b,g)]"}\n'
	END
}

server_start() { # ROLE ROOT
	free_ports "port_$1"
	local port=port_$1
	mkdir -p "$work/$1"
	configuration "${!port}" >"$work/$1/haproxy.cfg"
	LD_LIBRARY_PATH=$(library_path "$2") start "$1" \
		"$2/usr/sbin/haproxy" -db -f "$work/$1/haproxy.cfg"
	wait_port $((${!port} + 2)) || { cat "$work/$1.out" >&2; return 1; }
	printf -v "server_$1" %s "$pid"
}

server_pids() { # ROLE
	local server=server_$1
	echo "${!server}"
}

answer() { # CURL-ARGUMENT...
	curl -s -i --max-time 120 "$@" | tr -d '\r'
	echo
}

# A chunk whose size is written with more digits than a buffer holds: the old
# package waits for the line's end until it times out.
long_chunk_line() { # PORT
	# shellcheck disable=SC2016 # for the inner shell
	{
		printf 'POST /chunk HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n'
		printf '0%.0s' {1..20000}
		printf '5\r\nhello\r\n0\r\n\r\n'
	} | timeout 120 bash -c 'exec 3<>"/dev/tcp/127.0.0.1/$1"; cat >&3; head -n 1 <&3' _ "$1" 2>&1
}

probe() { # ROLE
	local port=port_$1 url
	url=http://127.0.0.1:${!port}
	echo "== proxied"; answer "$url/some/path"
	echo "== converted"; answer "$url/aaabaaa"
	echo "== posted"; answer -d '{"n": 5, "m": [1, 2]}' "$url/post"
	echo "== chosen by path"; answer "$url/chosen/one"
	echo "== chosen by body"; answer -H 'Transfer-Encoding: chunked' -d 'please choose-me' "$url/x"
	echo "== denied"; answer "$url/denied/x"
	echo "== moved"; answer "$url/moved"
	echo "== malformed"; answer --request-target 'no slash' "$url/"
	echo "== HTTP/2"; answer --http2-prior-knowledge "http://127.0.0.1:$((${!port} + 1))/two"
	echo "== HTTP/2, posted"; answer --http2-prior-knowledge -d '{"n": 7}' "http://127.0.0.1:$((${!port} + 1))/two"
	echo "== long chunk line"; long_chunk_line "${!port}"
}

use_begin() {
	# shellcheck disable=SC2154 # server_start sets it
	load_begin proxied "http://127.0.0.1:$port_target/some/path"
	load_begin chosen "http://127.0.0.1:$port_target/chosen" -H 'Connection: close'
	sleep 0.5
}

use_end() {
	load_end proxied
	load_end chosen
}

@test "haproxy under load takes the fix, proves it and gives it back" {
	# A chunk-size line longer than a buffer.
	scenario haproxy "$hotpatch" 1
}
