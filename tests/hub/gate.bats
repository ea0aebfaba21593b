# SPDX-License-Identifier: Apache-2.0
# The request gate, over real TLS connections.

load lib

setup() {
	start_hub
}

teardown() {
	stop_hub
}

@test "every request that two readers could read as two things is answered 400 and closed" {
	run python3 "$BATS_TEST_DIRNAME/raw.py" "${url##*:}" "$data/ca.crt"
	echo "$output" | grep -v '^ok' || true
	[[ $status == 0 ]]
	[[ $(grep -c '^ok' <<<"$output") -gt 80 ]]
}

@test "what is no TLS gets no answer, and the hub goes on" {
	run timeout 60 bash -c "exec 3<>/dev/tcp/127.0.0.1/${url##*:}; printf 'GET / HTTP/1.1\r\n\r\n' >&3; cat <&3"
	[[ $output != *HTTP/* ]]
	ask GET /healthz
	[[ $status_code == 200 ]]
}

@test "old versions of TLS are not spoken" {
	run ! curl -sS --max-time 60 --cacert "$data/ca.crt" --tls-max 1.1 "$url/healthz"
	ask GET /healthz '' --tls-max 1.2
	[[ $status_code == 200 ]]
	ask GET /healthz '' --tlsv1.3
	[[ $status_code == 200 ]]
}

@test "a body must be one JSON object, and say so" {
	ask POST /api/v1/session '{"name":"a","name":"b","password":"c"}'
	[[ $status_code == 400 && $(jq -r .detail <<<"$body") == *duplicate* ]]
	for json in '[]' '{' '{}x' '{"a":"\u0000"}' "$(printf '{"a":%017d0}' 0)" \
		"$(printf '{"a":%0.s' {1..17})0$(printf '}%0.s' {1..17})"; do
		ask POST /api/v1/session "$json"
		[[ $status_code == 400 && $(jq -r .code <<<"$body") == invalid ]]
	done
	ask POST /api/v1/session '' --data-binary '{"name":"a","password":"b"}' -H 'Content-Type: text/plain'
	[[ $status_code == 415 ]]
	ask PUT /api/v1/session '{}'
	[[ $status_code == 405 ]]
	ask GET /api/v1/nothing
	[[ $status_code == 404 && $(jq -r .title <<<"$body") == "Not Found" ]]
	ask GET '/api/v1/nothing?%ff'
	[[ $status_code == 400 && $(jq -r .code <<<"$body") == invalid ]]
}

@test "every answer tells a browser to be strict" {
	mkdir -p "$work/web/vendor"
	echo '<p>page</p>' >"$work/web/index.html"
	echo 'export {}' >"$work/web/vendor/a.js"
	echo secret >"$work/secret"
	stop_hub
	mkdir -p "$work/repository/metadata" "$work/repository/staged"
	echo '{}' >"$work/repository/metadata/timestamp.json"
	echo '{}' >"$work/repository/staged/x.json"
	ln -s ../../secret "$work/repository/metadata/link.json"
	start_hub --web "$work/web" --repository "$work/repository"
	for path in / /vendor/a.js /healthz /api/v1/session /nothing /repository/metadata/timestamp.json; do
		ask GET "$path"
		grep -qi "^content-security-policy: default-src 'none'; script-src 'self'; style-src 'self';" "$work/headers"
		grep -qi '^x-content-type-options: nosniff' "$work/headers"
		grep -qi '^strict-transport-security: max-age=' "$work/headers"
	done
	ask GET /
	[[ $body == '<p>page</p>' ]]
	etag=$(sed -n 's/^[Ee][Tt]ag: \(.*\)\r$/\1/p' "$work/headers")
	ask GET / '' -H "If-None-Match: $etag"
	[[ $status_code == 304 && -z $body ]]
	ask GET /vendor/a.js
	grep -qi '^cache-control: .*immutable' "$work/headers"
	grep -qi '^content-type: text/javascript' "$work/headers"
	ask GET /repository/metadata/timestamp.json
	[[ $status_code == 200 && $body == '{}' ]]
	etag=$(sed -n 's/^[Ee][Tt]ag: \(.*\)\r$/\1/p' "$work/headers")
	ask GET /repository/metadata/timestamp.json '' -H "If-None-Match: $etag"
	[[ $status_code == 304 ]]
	for path in /repository/metadata/link.json /repository/staged/x.json /repository/metadata /repository/metadata/ /secret; do
		ask GET "$path"
		[[ $status_code == 404 ]]
	done
	ask HEAD / '' --head
	[[ $status_code == 200 && $body != *page* ]]
}
