# SPDX-License-Identifier: Apache-2.0
# The hub's core: first start, sessions, roles, tokens, devices, the audit log.

load lib

setup() {
	start_hub
}

teardown() {
	stop_hub
}

@test "the first start makes a certificate authority, and an administrator printed once" {
	[[ ${#password} == 43 ]]
	[[ $(stat -c %a "$data/ca.key") == 600 ]]
	[[ $(stat -c %a "$data/hub.db") == 600 ]]
	openssl verify -CAfile "$data/ca.crt" -purpose sslserver "$data/server.crt"
	stop_hub
	start_hub
	run ! grep -q Password "$work/out"
	sign_in
	[[ $status_code == 200 ]]
}

@test "a second hub does not start in the same folder" {
	run -1 "$build/suture-hub" --data "$data" --listen 127.0.0.1:0
	[[ $output == *"another suture-hub uses this folder"* ]]
}

@test "a new password for admin ends all sessions, while the hub runs" {
	sign_in
	new=$("$build/suture-hub" admin reset --data "$data" | sed -n 's/^Password: //p')
	as_user GET /api/v1/session
	[[ $status_code == 401 ]]
	sign_in
	[[ $status_code == 401 ]]
	sign_in admin "$new"
	[[ $status_code == 200 ]]
}

@test "a session's cookie is out of reach for pages, and a change needs the CSRF token" {
	sign_in
	[[ $status_code == 200 && $(jq -c .user <<<"$body") == '{"name":"admin","role":"administrator"}' ]]
	grep -qi '^set-cookie: __Host-suture=.*; Path=/; Secure; HttpOnly; SameSite=Strict' "$work/headers"
	ask POST /api/v1/api-tokens '{"label":"x","role":"viewer"}' -b "$cookies"
	[[ $status_code == 403 && $(jq -r .code <<<"$body") == csrf ]]
	ask POST /api/v1/api-tokens '{"label":"x","role":"viewer"}' -b "$cookies" -H 'X-CSRF-Token: abc'
	[[ $status_code == 403 ]]
	as_user POST /api/v1/api-tokens '{"label":"x","role":"viewer"}'
	[[ $status_code == 201 ]]
	as_user DELETE /api/v1/session
	[[ $status_code == 204 ]]
	as_user GET /api/v1/session
	[[ $status_code == 401 ]]
}

@test "who fails often has to wait, also with the right password" {
	# The first wait is two seconds: where asking takes longer, it is over, and all begins anew.
	for _ in {1..10}; do
		for _ in {1..6}; do
			sign_in admin wrong-password
			[[ $status_code == 401 ]] || break
		done
		[[ $status_code == 429 ]] || continue
		grep -qi '^retry-after: [0-9]' "$work/headers"
		sign_in
		[[ $status_code != 429 ]] || return 0
		[[ $status_code == 200 ]]
	done
	false
}

@test "a role may do what it may, and no more" {
	sign_in
	for role in viewer operator; do
		as_user POST /api/v1/users "{\"name\":\"$role\",\"password\":\"long enough\",\"role\":\"$role\"}"
		[[ $status_code == 201 ]]
	done
	as_user POST /api/v1/users '{"name":"viewer","password":"long enough","role":"viewer"}'
	[[ $status_code == 409 ]]
	as_user DELETE /api/v1/users/admin
	[[ $status_code == 409 && $(jq -r .code <<<"$body") == last-administrator ]]
	as_user GET '/api/v1/users?limit=2'
	[[ $(jq -c '[[.items[].name], .next, .total]' <<<"$body") == '[["admin","operator"],"operator",3]' ]]
	as_user GET "/api/v1/users?limit=2&cursor=$(jq -r .next <<<"$body")"
	[[ $(jq -c '[[.items[].name], .next]' <<<"$body") == '[["viewer"],null]' ]]

	sign_in viewer "long enough"
	as_user GET /api/v1/audit
	[[ $status_code == 200 ]]
	as_user GET /api/v1/enrolment-tokens
	[[ $status_code == 403 ]]
	sign_in operator "long enough"
	as_user POST /api/v1/enrolment-tokens '{}'
	[[ $status_code == 201 ]]
	as_user POST /api/v1/users '{"name":"more","password":"long enough","role":"viewer"}'
	[[ $status_code == 403 ]]

	sign_in
	as_user DELETE /api/v1/users/operator
	[[ $status_code == 204 ]]
	as_user DELETE /api/v1/users/operator
	[[ $status_code == 404 ]]
	ask GET /api/v1/session '' -b "$work/cookies-operator"
	[[ $status_code == 401 ]]
}

hub_command() {
	XDG_CONFIG_HOME=$work/config HOME=$work "$build/suture" hub "$@"
}

@test "who knows the current password changes it, an administrator anybody's, and other sessions end" {
	sign_in
	as_user POST /api/v1/users '{"name":"eve","password":"long enough","role":"viewer"}'
	[[ $status_code == 201 ]]
	local admin_cookies=$cookies admin_csrf=$csrf
	sign_in eve "long enough"
	cp "$cookies" "$work/elsewhere"
	sign_in eve "long enough"
	as_user PUT /api/v1/session/password '{"current":"not it at all","password":"quite another"}'
	[[ $status_code == 403 && $(jq -r .code <<<"$body") == wrong-password ]]
	as_user PUT /api/v1/session/password '{"current":"long enough","password":"short"}'
	[[ $status_code == 400 ]]
	as_user PUT /api/v1/users/eve/password '{"password":"quite another"}'
	[[ $status_code == 403 ]]
	as_user PUT /api/v1/session/password '{"current":"long enough","password":"quite another"}'
	[[ $status_code == 204 ]]
	# This session goes on, the other one ended.
	as_user GET /api/v1/session
	[[ $status_code == 200 ]]
	ask GET /api/v1/session '' -b "$work/elsewhere"
	[[ $status_code == 401 ]]
	sign_in eve "long enough"
	[[ $status_code == 401 ]]
	sign_in eve "quite another"
	[[ $status_code == 200 ]]

	local eve_cookies=$cookies
	cookies=$admin_cookies csrf=$admin_csrf
	as_user PUT /api/v1/users/eve/password '{"password":"a third one"}'
	[[ $status_code == 204 ]]
	as_user PUT /api/v1/users/adam/password '{"password":"a third one"}'
	[[ $status_code == 404 ]]
	ask GET /api/v1/session '' -b "$eve_cookies"
	[[ $status_code == 401 ]]
	as_user POST /api/v1/api-tokens '{"label":"ci","role":"administrator"}'
	ask PUT /api/v1/session/password '{"current":"long enough","password":"quite another"}' \
		-H "Authorization: Bearer $(jq -r .token <<<"$body")"
	[[ $status_code == 403 ]]
	as_user GET '/api/v1/audit?action=user.password'
	[[ $(jq -c '[.items[] | [.actor, .object]]' <<<"$body") == '[["user:admin","eve"],["user:eve","eve"]]' ]]

	# The same from the shell.
	echo "$password" >"$work/first"
	echo "new for the shell" >"$work/second"
	hub_command login "$url" --ca-file "$data/ca.crt" --password-file "$work/first"
	hub_command password --password-file "$work/first" --new-password-file "$work/second"
	hub_command users password eve --password-file "$work/first"
	sign_in admin "new for the shell"
	[[ $status_code == 200 ]]
	sign_in eve "$password"
	[[ $status_code == 200 ]]
}

@test "an API token opens the API until it is deleted or expires" {
	sign_in
	as_user POST /api/v1/api-tokens '{"label":"ci","role":"viewer"}'
	token=$(jq -r .token <<<"$body") id=$(jq -r .id <<<"$body")
	as_user POST /api/v1/api-tokens '{"label":"short","role":"viewer","expires_s":1}'
	short=$(jq -r .token <<<"$body")
	ask GET /api/v1/audit '' -H "Authorization: Bearer $token"
	[[ $status_code == 200 ]]
	ask POST /api/v1/enrolment-tokens '{}' -H "Authorization: Bearer $token"
	[[ $status_code == 403 ]]
	run ! grep -qF -- "$token" "$data"/hub.db*
	is_expired() {
		ask GET /api/v1/audit '' -H "Authorization: Bearer $short"
		[[ $status_code == 401 ]]
	}
	wait_for 60 is_expired
	as_user DELETE "/api/v1/api-tokens/$id"
	[[ $status_code == 204 ]]
	ask GET /api/v1/audit '' -H "Authorization: Bearer $token"
	[[ $status_code == 401 ]]
}

@test "a device whose enrolment was not answered asks again and is the same one" {
	sign_in
	as_user POST /api/v1/enrolment-tokens '{"uses":1,"label":"rack 1"}'
	token=$(jq -r .token <<<"$body")
	enrol_with one "$token"
	first=$device
	asked=$(jq -n --arg token "$token" --rawfile csr "$work/one.csr" '{$token, $csr, hostname: "one", attributes: {}}')
	ask POST /api/v1/enroll "$asked"
	[[ $status_code == 201 && $(jq -r .device <<<"$body") == "$first" ]]
	jq -r .certificate <<<"$body" >"$work/one.crt"
	as_device one POST /api/v1/device/report "$(report "$first" 1)"
	[[ $status_code == 200 ]]
	as_user GET /api/v1/devices
	[[ $(jq .total <<<"$body") == 1 ]]
	as_user GET /api/v1/enrolment-tokens
	[[ $(jq '.items[0].used' <<<"$body") == 1 ]]
	# With another key it is another device, and the token is used up.
	enrol_with two "$token"
	[[ $status_code == 401 ]]
	# Removed, it stays removed.
	as_user DELETE "/api/v1/devices/$first"
	ask POST /api/v1/enroll "$asked"
	[[ $status_code == 401 ]]
}

@test "a device enrols with a token, which is used up, and knows the hub by its end" {
	sign_in
	as_user POST /api/v1/enrolment-tokens '{"uses":1,"ring":"fast","label":"rack 1"}'
	token=$(jq -r .token <<<"$body")
	[[ ${token##*.} == "$(openssl x509 -in "$data/ca.crt" -outform DER | sha256sum | cut -d' ' -f1)" ]]
	enrol_with one "$token"
	[[ $status_code == 201 ]]
	openssl verify -CAfile "$data/ca.crt" -purpose sslclient "$work/one.crt"
	run ! openssl verify -CAfile "$data/ca.crt" -purpose sslserver "$work/one.crt"
	[[ $(openssl x509 -in "$work/one.crt" -noout -subject -nameopt RFC2253) == "subject=CN=$device" ]]
	enrol_with two "$token"
	[[ $status_code == 401 && $(jq -r .code <<<"$body") == bad-token ]]
	as_user GET /api/v1/enrolment-tokens
	[[ $(jq -c '.items[0] | [.uses, .used, .ring, .label]' <<<"$body") == '[1,1,"fast","rack 1"]' ]]
}

@test "a report is taken from its device only, and a new one replaces the old" {
	sign_in
	enrol one '"fast"'
	as_device one POST /api/v1/device/report "$(report "$device" 1)"
	[[ $status_code == 200 ]]
	[[ $(jq -c . <<<"$body") == '{"ring":"fast","report_s":60,"change":1,"hold":null,"paused":false}' ]]
	as_device one POST /api/v1/device/report "$(report "$device" 1)"
	[[ $status_code == 200 ]]
	as_device one POST /api/v1/device/report "$(report "$device" 2 '.processes[0].tries = 3')"
	[[ $status_code == 200 ]]
	ask POST /api/v1/device/report "$(report "$device" 3)"
	[[ $status_code == 401 && $(jq -r .code <<<"$body") == no-certificate ]]
	first=$device
	enrol two
	as_device two POST /api/v1/device/report "$(report "$first" 3)"
	[[ $status_code == 403 ]]
	as_device one POST /api/v1/device/renew "$(jq -n --rawfile csr "$work/one.csr" '{$csr}')"
	jq -r .certificate <<<"$body" >"$work/one.crt"
	as_device one POST /api/v1/device/report "$(report "$first" 3)"
	[[ $status_code == 200 ]]
	stop_hub
	[[ $(sqlite3 "$data/hub.db" 'select count(*), max(tries) from processes') == '1|0' ]]
	[[ $(sqlite3 "$data/hub.db" 'select count(*) from device_events') == 3 ]]
}

@test "a device's history is kept for as long as the hub was told" {
	sign_in
	enrol one
	as_device one POST /api/v1/device/report "$(report "$device" 1)"
	as_device one POST /api/v1/device/report "$(report "$device" 2)"
	[[ $status_code == 200 ]]
	stop_hub
	# As if the first had come half a day ago; and 2,500 of a device that is no more, long ago.
	sqlite3 "$data/hub.db" "update device_events set received = received - 43200000000 where seq = 1;
		with recursive n(i) as (select 1 union all select i + 1 from n where i < 2500)
		insert into device_events select 'default', 'gone', i, 1, 1000000 + i, 'error', null, '' from n;"
	numbers() {
		[[ $(sqlite3 "$data/hub.db" "select count(*), max(seq) from device_events") == "$1" ]]
	}
	start_hub --keep-events 13h
	wait_for 60 numbers '2|2'
	stop_hub
	start_hub --keep-events 11h
	wait_for 60 numbers '1|2'
	run -2 "$build/suture-hub" --keep-events 1s
	[[ $output == *"--keep-events is from 60s to 3650d"* ]]
}

@test "a certificate of somebody else does not open a connection" {
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 10 \
		-subj "/CN=0190b0a0-0000-7000-8000-000000000000" -addext extendedKeyUsage=clientAuth \
		-keyout "$work/other.key" -out "$work/other.crt" 2>/dev/null
	run ! curl -sS --max-time 60 --cacert "$data/ca.crt" --cert "$work/other.crt" --key "$work/other.key" \
		"$url/healthz"
}

@test "the audit log has an entry for each change, in a chain that shows an alteration" {
	sign_in
	enrol one
	as_user GET '/api/v1/audit?limit=2'
	[[ $(jq -c '[.items[].action]' <<<"$body") == '["device.enrol","enrolment-token.add"]' ]]
	as_user GET "/api/v1/audit?limit=200&cursor=$(jq -r .next <<<"$body")"
	[[ $(jq -c '[.items[].action]' <<<"$body") == '["session.begin","user.add"]' ]]
	as_user GET '/api/v1/audit?action=user.add'
	[[ $(jq -c '[.total, .items[0].actor, .items[0].object]' <<<"$body") == '[1,"console","admin"]' ]]
	as_user GET /api/v1/audit/check
	[[ $(jq -c '[.ok, .entries]' <<<"$body") == '[true,4]' ]]
	alter "update audit set actor = 'user:other' where seq = 2"
	as_user GET /api/v1/audit/check
	[[ $(jq -c .ok <<<"$body") == false ]]
}

@test "whatever is altered in the audit log, the check says so, and the rest can be read" {
	sign_in
	enrol one
	enrol two
	as_user GET /api/v1/audit/check
	[[ $(jq -c '[.ok, .entries]' <<<"$body") == '[true,6]' ]]
	head=$(jq -r .head <<<"$body")
	alter "create table before as select * from audit"
	for change in "update audit set time = time + 1 where seq = 3" \
		"update audit set detail = 'no JSON' where seq = 3" \
		"update audit set detail = '{}', object = '' where seq = 6" \
		"update audit set hash = 'short' where seq = 2" \
		"update audit set hash = hash || hash where seq = 6" \
		"update audit set prev = '' where seq = 1" \
		"update audit set seq = seq + 1 where seq = 6" \
		"delete from audit where seq = 4" \
		"delete from audit where seq = 1"; do
		alter "$change"
		as_user GET /api/v1/audit/check
		[[ $status_code == 200 && $(jq -c .ok <<<"$body") == false ]] || { echo "$change: $body"; false; }
		as_user GET /api/v1/audit
		[[ $status_code == 200 && $(jq '.items | length' <<<"$body") -ge 5 ]]
		alter "delete from audit; insert into audit select * from before"
	done
	as_user GET /api/v1/audit/check
	[[ $(jq -c .ok <<<"$body") == true ]]
	# That the newest are missing only who kept the head can see.
	alter "delete from audit where seq = 6"
	as_user GET /api/v1/audit/check
	[[ $(jq -r .head <<<"$body") != "$head" ]]
}

@test "the first start tells the fingerprint by which the hub is known" {
	local fingerprint
	fingerprint=$(sed -n 's/^Fingerprint: //p' "$work/out")
	[[ $(openssl x509 -in "$data/ca.crt" -noout -fingerprint -sha256 | sed 's/.*=//; s/://g' | tr A-F a-f) == "$fingerprint" ]]
	printf '%s\n' "$password" >"$work/password"
	XDG_CONFIG_HOME=$work/config HOME=$work "$build/suture" hub login "$url" --fingerprint "$fingerprint" \
		--password-file "$work/password"
	XDG_CONFIG_HOME=$work/config HOME=$work "$build/suture" hub status
	run -1 env XDG_CONFIG_HOME="$work/other" HOME="$work" "$build/suture" hub login "$url" \
		--fingerprint "${fingerprint//[0-9]/a}" --password-file "$work/password"
}

@test "a stranger who guesses at a name does not keep its owner out" {
	guess() {
		ask POST /api/v1/session '{"name":"admin","password":"a guess"}' --interface 127.0.0.2
		[[ $status_code == 429 ]] && wait_s=$(sed -n 's/^[Rr]etry-[Aa]fter: *\([0-9]*\).*/\1/p' "$work/headers")
		((${wait_s:-0} > 4))
	}
	wait_for 120 guess
	signs_in() {
		sign_in
		[[ $status_code == 200 ]] && return
		(($(sed -n 's/^[Rr]etry-[Aa]fter: *\([0-9]*\).*/\1/p' "$work/headers") <= 4)) || touch "$work/kept-out"
		return 1
	}
	wait_for 60 signs_in
	[[ ! -e $work/kept-out ]]
}
