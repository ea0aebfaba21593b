# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2034
#
# A small fleet on this machine, for the demo and the long tests: machines in a site
# (machine.bash), each with the stock old server of a real package under steady load
# and an agent; a hub; a signed repository.
#
#     $work/repo      what is published (and staged/)     $work/keys   all keys
#     $work/hub       the hub's data                      $work/tree   the old package, unpacked
#
# The functions set $hub_url, $root (the root of trust), $kind, $old_deb and $new_deb.

# shellcheck source=tests/lib/machine.bash
source "${BASH_SOURCE[0]%/*}/machine.bash"
# shellcheck source=tests/lib/packages.bash
source "${BASH_SOURCE[0]%/*}/packages.bash"

# ---- the server ------------------------------------------------------------
#
# Each kind has: KIND_packages (sets old_deb and new_deb), KIND_site (what a machine's
# tree needs besides), KIND_spoil (makes the update that nobody tried), and the arrays
# KIND_command, KIND_paths (what visitors ask for), KIND_probe (lines of the agent's
# configuration), and KIND_file, the program.

nginx_command=(/usr/sbin/nginx)
nginx_file=/usr/sbin/nginx
nginx_paths=(/page.shtml /long.txt /api/one /parts/b.txt)
nginx_probe=('http = http://127.0.0.1/health')

nginx_packages() {
	deb_fetch_both nginx 1.22.1-9+deb12u9 1.22.1-9+deb12u11
}

# Pages put together from parts and through a proxy, and a health page that the server
# itself counts out.
nginx_site() { # FOLDER
	local i
	mkdir -p "$1"/etc/nginx "$1"/srv/www/parts "$1"/var/log/nginx
	for ((i = 0; i < 400; i++)); do
		printf '%d %d %d lines of a page that compresses well\n' $i $((i * i)) $((i % 7))
	done >"$1/srv/www/long.txt"
	printf '<p><!--# set var="a" value="one" --><!--# echo var="a" -->, <!--# include virtual="/parts/b.txt" -->, <!--# include virtual="/api/three?x=3" --></p>\n' \
		>"$1/srv/www/page.shtml"
	printf 'two' >"$1/srv/www/parts/b.txt"
	cat >"$1/etc/nginx/nginx.conf" <<-'END'
		worker_processes 2;
		daemon off;
		user root;
		pid /run/nginx.pid;
		error_log /var/log/nginx/error.log notice;
		events { worker_connections 512; }
		http {
			access_log off;
			default_type text/plain;
			client_body_temp_path /tmp/nginx-body;
			proxy_temp_path /tmp/nginx-proxy;
			fastcgi_temp_path /tmp/nginx-fastcgi;
			uwsgi_temp_path /tmp/nginx-uwsgi;
			scgi_temp_path /tmp/nginx-scgi;
			keepalive_requests 1000000;
			gzip on;
			gzip_types text/plain application/json;
			gzip_min_length 100;
			upstream back { server 127.0.0.1:81; keepalive 8; }
			server {
				listen 80;
				root /srv/www;
				ssi on;
				types { text/html shtml html; text/plain txt; }
				location /api/ {
					proxy_pass http://back;
					proxy_http_version 1.1;
					proxy_set_header Connection "";
				}
				location = /health { stub_status; }
			}
			server {
				listen 127.0.0.1:81;
				location / { return 200 '{"uri":"$uri","args":"$args"}\n'; }
			}
		}
	END
}

# A package that looks like the next update of DEB, with a health page that answers 500.
nginx_spoil() { # DEB OUT
	local folder=$work/spoilt
	dpkg-deb -R "$1" "$folder"
	sed -i 's/^Version: .*/&.1/' "$folder/DEBIAN/control"
	"$top/demo/spoil" "$folder/usr/sbin/nginx" 'Active connections: '
	deb_pack "$folder" "$2"
}

# The small server that comes along, for when the archive has no pair.
bundled_command=(/usr/sbin/shop-server 80 3 0.0.0.0)
bundled_file=/usr/sbin/shop-server
bundled_paths=('/count?n=40' / '/count?n=3')
bundled_probe=("command = curl -s -f 'http://127.0.0.1/echo?size=2&text=ok' | grep -q ok")

bundled_deb() { # NUMBER OUT [ECHO-FILE]
	local folder=$work/bundled.$1
	mkdir -p "$folder/usr/sbin" "$folder/DEBIAN"
	printf 'Package: shop-server\nVersion: 1.%s\nArchitecture: %s\nMaintainer: nobody\nDescription: a small server\n' \
		"$1" "$(dpkg --print-architecture)" >"$folder/DEBIAN/control"
	cc -O2 -D_GNU_SOURCE -fPIE -pie -s -Wl,--build-id=sha1 -o "$folder/usr/sbin/shop-server" \
		-I"$top/demo/server" "$top/demo/server"/{server,page}.c "${3:-$top/demo/server/echo_$1.c}"
	deb_pack "$folder" "$2"
}

# shellcheck disable=SC2034 # they are for the caller
bundled_packages() {
	old_deb=$work/shop-server_1.1.deb new_deb=$work/shop-server_1.2.deb
	bundled_deb 1 "$old_deb"
	bundled_deb 2 "$new_deb"
}

bundled_site() { # FOLDER
	:
}

bundled_spoil() { # DEB OUT
	bundled_deb 3 "$2"
}

deb_pack() { # FOLDER OUT
	(cd "$1" && find . -path ./DEBIAN -prune -o -type f -printf '%P\0' | xargs -0 md5sum >DEBIAN/md5sums)
	dpkg-deb --root-owner-group -Zgzip -z1 -b "$1" "$2" >/dev/null
	rm -rf "$1"
}

# fleet_packages [KIND]: of this kind, or of the one that is to be had. Sets $kind, $old_deb, $new_deb, and unpacks
# the old one into the tree of every machine.
fleet_packages() {
	kind=${1:-nginx}
	if [[ ${SUTURE_DEMO_BUNDLED:-} ]]; then
		kind=bundled
	elif [[ $kind == nginx ]] && ! nginx_packages 2>"$work/fetch.err"; then
		kind=bundled
	fi
	[[ $kind == nginx ]] || "${kind}_packages" || return
	deb_unpack "$work/tree" "$old_deb"
	deb_libraries "$work/tree" "$old_deb"
	"${kind}_site" "$work/tree"
	local -n _file=${kind}_file
	server_file=$_file
}

# server_begin MACHINE NUMBER: the server, and visitors who come from outside.
server_begin() {
	local -n _command=${kind}_command _paths=${kind}_paths
	machine_start "$1" server "${_command[@]}"
	wait_until 300 machine_do "$1" curl -s -f -o /dev/null "http://127.0.0.1${_paths[0]}" ||
		fail "$1: the server does not start: $(<"$work/$1-server.out")" || return
	[[ -x $work/visitor ]] ||
		cc -O2 -D_GNU_SOURCE -pthread -o "$work/visitor" "$top/tests/lib/visitor.c"
	site_start "$1-visitors" "$work/visitor" "$site_net.$2" 80 "${FLEET_RATE:-100}" "$work/$1.visits" "${_paths[@]}"
	wait_until 300 test -s "$work/$1.visits"
}

# visits MACHINE: "OK FAILED LONGEST-US" so far.
visits() {
	awk '{ print $2, $4, $6 }' "$work/$1.visits"
}

visits_failed() { # MACHINE...
	local each sum=0 failed
	for each; do
		read -r _ failed _ < <(visits "$each")
		sum=$((sum + failed))
	done
	echo $sum
}

# All that was asked, of all machines: "OK FAILED LONGEST-US".
visits_all() { # MACHINE...
	local each
	for each; do visits "$each"; done |
		awk '{ ok += $1; failed += $2; if ($3 > most) most = $3 } END { print ok, failed, most }'
}

# ---- the hub ---------------------------------------------------------------

# hub_start ADDRESS:PORT NAME [OPTION]...: a hub with its data in $work/hub. Sets $pid.
# With $site_pid it is in the site's network. Where $hub_keeper is set, `keeper` starts it again
# so many seconds after it ended.
hub_start() {
	local in=start
	hub_url=https://$1
	[[ ! ${site_pid:-} ]] || in=site_start
	mkdir -p "$work/hub"
	"$in" hub ${hub_keeper:+"$top/tests/lib/keeper" "$hub_keeper"} "${SUTURE_HUB:-$top/build/suture-hub}" --data "$work/hub" --listen "$1" --name "$2" --web "$top/web" "${@:3}"
	wait_until 300 hub_answers || fail "the hub does not start: $(<"$work/hub.out")"
}

hub_answers() {
	in_site curl -s -f -o /dev/null --max-time 5 --cacert "$work/hub/ca.crt" "$hub_url/healthz"
}

in_site() { # COMMAND...
	if [[ ${site_pid:-} ]]; then site_do "$@"; else "$@"; fi
}

# The first administrator signs in, with the password that the hub said once.
hub_login() {
	sed -n 's/^Password: //p' "$work/hub.out" >"$work/password"
	hub login "$hub_url" --ca-file "$work/hub/ca.crt" --password-file "$work/password" >/dev/null
	hub api-tokens create --label load --role administrator --json | jq -r .token >"$work/api-token"
}

hub() { # WORD...: `suture hub`
	XDG_CONFIG_HOME=$work/config in_site "$suture" hub "$@"
}

# Prints an enrolment token for USES devices of a ring.
hub_token() { # USES [RING]
	hub tokens create --uses "$1" --expires 86400 ${2:+--ring "$2"} --json | jq -r .token
}

# hub_policy SOAK-S [PERCENT-OF-TEST PERCENT-OF-FAST]: three rings; a device that nobody
# assigned belongs to one by percent.
hub_policy() {
	jq -n --argjson soak "$1" --argjson test "${2:-0}" --argjson fast "${3:-0}" '
		def ring($name; $title; $percent): {name: $name, label: $title, percent: $percent, match: null,
			deferral_s: 0, soak_s: $soak, min_sample: 1, success_rate: 0.98, error_rate: 0.02, approval: false};
		{on_red: "roll-back", auto_start: true,
		 rings: [ring("test"; "Test"; $test), ring("fast"; "Fast"; $fast), ring("broad"; "Broad"; null)]}' >"$work/policy.json"
	hub policy set "$work/policy.json" >/dev/null
}

rollout_is() { # RELEASE STATE
	[[ $(hub rollout "$1" --json 2>/dev/null | jq -r .state) == "$2" ]]
}

# ---- the repository --------------------------------------------------------

repo() { # COMMAND ARGUMENT...: `suture repo` on $work/repo
	local command=$1
	shift
	SUTURE_PASSPHRASE_FILE=$work/passphrase "$suture" repo "$command" "$work/repo" "$@"
}

# A repository whose first baseline is what these packages bring.
repo_begin() { # DEB...
	head -c 18 /dev/urandom | base64 >"$work/passphrase"
	repo init --keys "$work/keys" --product debian-12 >"$work/init.out"
	repo baseline 2026.10 "$@" >"$work/baseline.out"
	repo_publish
	root=$work/repo/metadata/1.root.json
}

repo_publish() {
	repo publish --keys "$work/keys" >"$work/publish.out" 2>&1 || fail "suture repo publish: $(<"$work/publish.out")"
}

# repo_release NAME OLD NEW ADVISORY SUMMARY: builds, with the signs that somebody weighed
# for this pair, and publishes.
repo_release() {
	local accept=()
	[[ $kind != nginx ]] || accept=(--accept 'allocation:ngx_http_v2_init=no HTTP/2 connection is open')
	repo advisory "$4" --severity high --published "$(date -u +%F)" --summary "$5" >"$work/advisory.out"
	repo add "$1" --baseline 2026.10 "$2" "$3" --advisory "$4" "${accept[@]}" >"$work/add.out" 2>&1 ||
		fail "suture repo add: exit status $?: $(<"$work/add.out")"
	repo_publish
}

# ---- agents ----------------------------------------------------------------

# agent_begin MACHINE RING: an agent that enrols itself, with a health probe for the server. Where
# $agent_keeper is set, `keeper` starts it again so many seconds after it ended.
agent_begin() {
	local -n _probe=${kind}_probe
	machine_put "$1" /usr/bin "$suture"
	machine_put "$1" /usr/sbin "$top/build/sutured" "$top/build/sutured-fetch"
	hub_token 1 "$2" >"$work/token"
	cp "$root" "$work/root.json"
	cp "$work/hub/ca.crt" "$work/hub.crt"
	machine_put "$1" /etc/suture "$work/token" "$work/root.json" "$work/hub.crt"
	cat >"$work/sutured.conf" <<-END
		[agent]
		state = /var/lib/suture
		runtime = /run/suture
		user = suture-fetch
		refresh = 5
		report = 5
		[repository]
		url = $hub_url/repository
		root = /etc/suture/root.json
		[hub]
		url = $hub_url
		token_file = /etc/suture/token
		ca_file = /etc/suture/hub.crt
		[probe web]
		path = $server_file
		${_probe[0]}
		interval = 1
		timeout = 60
		failures = 2
		watch = 60
	END
	machine_put "$1" /etc/suture "$work/sutured.conf"
	[[ ! ${agent_keeper:-} ]] || machine_put "$1" /usr/bin "$top/tests/lib/keeper"
	machine_start "$1" agent ${agent_keeper:+/usr/bin/keeper "$agent_keeper"} /usr/sbin/sutured --config /etc/suture/sutured.conf --foreground
}

# What the agent of a machine says, as JSON.
story() { # MACHINE
	machine_do "$1" cat /run/suture/agent.json
}

# device_of MACHINE: what the hub says about it, as JSON.
device_of() {
	local id
	id=$(hub devices --find "$1" --json | jq -r '.items[0].id // empty')
	[[ $id ]] && hub device "$id" --json
}

# is_protected MACHINE RELEASE: each process of the server is, proved, and the hub knows.
is_protected() {
	device_of "$1" | jq -e --arg release "$2" --arg path "$server_file" --argjson n "$(machine_do "$1" pgrep -c -x "${server_file##*/}")" '
		[.processes[] | select(.path == $path)] | length == $n and
			all(.[]; .state == "protected" and .release == $release and .proof)' >/dev/null
}

all_protected() { # RELEASE MACHINE...
	local each
	for each in "${@:2}"; do
		is_protected "$each" "$1" || return
	done
}

# Each process of the server carries just this hotpatch: told by the processes themselves.
all_carry() { # HOTPATCH MACHINE...
	local each n
	for each in "${@:2}"; do
		n=$(machine_do "$each" pgrep -c -x "${server_file##*/}")
		machine_do "$each" suture status --json | jq -e --arg name "$1" --argjson n "$n" '
			[.processes[].hotpatches[] | select(.state == "applied") | .name] | length == $n and all(.[]; . == $name)' >/dev/null || return
	done
}

# So many processes carry an applied hotpatch there.
carries() { # MACHINE N
	machine_do "$1" suture status --json |
		jq -e --argjson n "$2" '[.processes[] | select(any(.hotpatches[]; .state == "applied"))] | length == $n' >/dev/null
}

# Nothing carries a hotpatch there.
is_bare() { # MACHINE...
	local each
	for each; do
		machine_do "$each" suture status --json | jq -e '[.processes[].hotpatches[] | select(.state == "applied")] == []' >/dev/null || return
	done
}

# Whether a machine's hub history tells of a release's hotpatch.
had_hotpatch() { # MACHINE HOTPATCH
	hub history "$(device_of "$1" | jq -r .id)" --json |
		jq -e --arg name "$2" '[.items[] | select(.hotpatch == $name and .type == "applied")] != []' >/dev/null
}
