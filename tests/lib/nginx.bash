# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# An unpacked nginx on loopback: a master and two workers, static files with
# gzip, pages put together from subrequests, a proxy with kept connections in
# front of a back end, HTTP/2, and three places where the old package has a
# hole that the new one closes.

# shellcheck source=tests/lib/base.bash
source "${BASH_SOURCE[0]%/*}/base.bash"

# nginx_setup FOLDER PORT: writes a site and its configuration. PORT and the
# three after it are used.
nginx_setup() {
	local folder=$1 port=$2 i
	mkdir -p "$folder"/{www/parts,tmp,logs}
	chmod 777 "$folder/tmp"
	for ((i = 0; i < 400; i++)); do
		printf '%d %d %d lines of a page that compresses well\n' $i $((i * i)) $((i % 7))
	done >"$folder/www/long.txt"
	printf 'hello\n' >"$folder/www/index.html"
	printf '<p><!--# set var="a" value="one" --><!--# echo var="a" -->, <!--# include virtual="/parts/b.txt" -->, <!--# include virtual="/api/three?x=3" --></p>\n' \
		>"$folder/www/page.shtml"
	printf 'two' >"$folder/www/parts/b.txt"
	cat >"$folder/nginx.conf" <<-END
		worker_processes 2;
		daemon off;
		pid $folder/nginx.pid;
		error_log $folder/logs/error.log notice;
		events { worker_connections 512; }
		http {
			access_log off;
			default_type text/plain;
			client_body_temp_path $folder/tmp/body;
			proxy_temp_path $folder/tmp/proxy;
			fastcgi_temp_path $folder/tmp/fastcgi;
			uwsgi_temp_path $folder/tmp/uwsgi;
			scgi_temp_path $folder/tmp/scgi;
			keepalive_requests 1000000;
			gzip on;
			gzip_types text/plain application/json;
			gzip_min_length 100;
			gzip_proxied any;
			map \$arg_a \$mapped { default none; "~^(.+)\$" m; }
			map \$uri \$kind { default page; "~^/api/(?<verb>[a-z]+)" "call of \$verb"; }
			limit_req_zone \$binary_remote_addr zone=all:1m rate=100000r/s;
			upstream back { server 127.0.0.1:$((port + 1)); keepalive 16; keepalive_timeout 1s; }
			server {
				listen 127.0.0.1:$port;
				listen 127.0.0.1:$((port + 2)) http2;
				root $folder/www;
				ssi on;
				ssi_types text/html;
				location / { limit_req zone=all burst=1000 nodelay; types { text/html shtml html; text/plain txt; } }
				location /api/ {
					proxy_pass http://back;
					proxy_http_version 1.1;
					proxy_set_header Connection "";
					proxy_set_header X-Kind \$kind;
				}
				location = /status { stub_status; }
				location /alias/ {
					alias $folder/www/;
					rewrite ^/alias/(.*)\$ /elsewhere/\$1;
					set \$file \$request_filename;
					return 200 "[\$file]\n";
				}
				location ~ ^/twice/(.*)\$ { return 200 "[\$1|\$mapped|\$1]\n"; }
			}
			server {
				listen 127.0.0.1:$((port + 1));
				default_type application/json;
				location / {
					return 200 '{"uri":"\$uri","args":"\$args","kind":"\$http_x_kind","method":"\$request_method"}\n';
				}
				location /api/large { alias $folder/www/long.txt; }
			}
		}
	END
}

# nginx_start NAME ROOT FOLDER PORT: the binary unpacked in ROOT on the site in
# FOLDER. Sets $pid to the master's.
nginx_start() {
	start "$1" "$2/usr/sbin/nginx" -p "$3" -c "$3/nginx.conf"
	wait_port "$4" || { cat "$work/$1.out" "$3/logs/error.log" >&2; return 1; }
	# A worker is there before the master has said so in the log.
	wait_until 120 nginx_has_workers "$pid" 2 && wait_until 120 nginx_has_told "$3" 2
}

nginx_workers() { # MASTER
	descendants "$1"
}

nginx_has_workers() { # MASTER N
	(($(nginx_workers "$1" | wc -l) == $2))
}

nginx_has_told() { # FOLDER N: the log of the site tells of the start of so many workers
	(($(grep -c 'start worker process [0-9]' "$1/logs/error.log") >= $2))
}

# The same answers as text, without what differs from run to run.
nginx_answer() { # CURL-ARGUMENT...
	curl -s -i --max-time 120 "$@" | tr -d '\r' |
		sed -E '/^(Date|Last-Modified|ETag|Server):/Id'
}

# nginx_probe FOLDER PORT: what the server answers, one block per question.
# Folder and ports of the site are written as words, so that two sites compare.
nginx_probe() {
	local url=http://127.0.0.1:$2 long
	printf -v long 'B%.0s' {1..600}
	{
		echo "== static"; nginx_answer "$url/"
		echo "== missing"; nginx_answer "$url/nothing"
		echo "== gzip"; curl -s --compressed "$url/long.txt" | sha256sum
		echo "== compressed"; curl -s -H 'Accept-Encoding: gzip' "$url/long.txt" | wc -c
		echo "== range"; nginx_answer -r 10-59,100-120 "$url/long.txt" | sed 's/[0-9]\{20\}/BOUNDARY/'
		echo "== page from parts"; nginx_answer "$url/page.shtml"
		echo "== proxied"; nginx_answer "$url/api/list?x=1"
		echo "== proxied, posted"; nginx_answer -d "$long" "$url/api/post"
		echo "== proxied, large"; curl -s --compressed "$url/api/large" | sha256sum
		echo "== method"; nginx_answer -X DELETE "$url/"
		echo "== malformed"; nginx_answer --request-target 'no-slash' "$url/"
		echo "== HTTP/2"; nginx_answer --http2-prior-knowledge "http://127.0.0.1:$(($2 + 2))/page.shtml"
		echo "== alias after rewrite"; nginx_answer "$url/alias/abc"
		echo "== group shrinks"; curl -s "$url/twice/$long?a=b" | wc -c
		echo "== group grows"; nginx_answer "$url/twice/x?a=$long" | head -n 1
		echo "== 900 streams in one go"; python3 "$top/tests/lib/h2flood.py" $(($2 + 2)) 900
	} 2>&1 | sed "s|$1|FOLDER|g; s|:$2|:PORT|g; s|:$(($2 + 2))|:PORT2|g"
}

# The four functions of a scenario (scenario.bash).

server_start() { # ROLE ROOT
	free_ports "port_$1"
	local port=port_$1
	rm -rf "$work/${1:?}"
	nginx_setup "$work/$1" "${!port}"
	nginx_start "$1" "$2" "$work/$1" "${!port}"
	printf -v "master_$1" %s "$pid"
}

server_pids() { # ROLE
	local master=master_$1
	echo "${!master}"
	nginx_workers "${!master}"
}

probe() { # ROLE
	local port=port_$1
	nginx_probe "$work/$1" "${!port}"
}

use_begin() {
	# shellcheck disable=SC2154 # server_start sets it
	load_begin parts "http://127.0.0.1:$port_target/page.shtml"
	load_begin zipped "http://127.0.0.1:$port_target/api/large" -H 'Accept-Encoding: gzip'
	sleep 0.5
}

use_end() {
	load_end parts
	load_end zipped
}
