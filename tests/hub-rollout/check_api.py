#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""usage: check_api.py OPENAPI ROUTES URL CA TOKEN DEVICE CERTIFICATE KEY CSR ENROLMENT_TOKEN

Calls every operation that OPENAPI describes on the hub at URL, as an administrator with an API
token and as a device, and compares status, media type and body with the description. Also
compares the list of operations and who may call them with ROUTES, the hub's own list.
"""

import http.client
import json
import ssl
import sys
from urllib.parse import urlsplit

import jsonschema

(openapi, routes, url, ca, token, device, certificate, key, csr, enrolment) = sys.argv[1:]
api = json.load(open(openapi))
failures = []
called = set()


def fail(text):
    failures.append(text)


def call(method, path, body=None, who="token"):
    context = ssl.create_default_context(cafile=ca)
    if who == "device":
        context.load_cert_chain(certificate, key)
    place = urlsplit(url)
    connection = http.client.HTTPSConnection(place.hostname, place.port, context=context, timeout=120)
    headers = {"Authorization": "Bearer " + token} if who == "token" else {}
    if body is not None:
        headers["Content-Type"] = "application/json"
    connection.request(method, path, json.dumps(body) if body is not None else None, headers)
    answer = connection.getresponse()
    kind = (answer.getheader("Content-Type") or "").split(";")[0]
    # A stream does not end: its head is what is checked.
    text = b"" if kind == "text/event-stream" else answer.read()
    connection.close()
    return answer.status, kind, text


def resolve(node):
    while "$ref" in node:
        where = node["$ref"]
        node = api
        for part in where[2:].split("/"):
            node = node[part]
    return node


def conforms(schema, value, what):
    whole = dict(schema, components=api["components"])
    for error in jsonschema.Draft202012Validator(whole).iter_errors(value):
        fail(f"{what}: {'/'.join(map(str, error.absolute_path))}: {error.message}")


def ask(method, template, expected, body=None, who="token", query="", bad_body=False, **params):
    """One call, compared with the description; the answer's JSON."""
    operation = api["paths"][template][method.lower()]
    what = f"{method} {template} ({expected})"
    path = template
    for name, value in params.items():
        path = path.replace("{" + name + "}", value)
    if body is not None and not bad_body:
        conforms(operation["requestBody"]["content"]["application/json"]["schema"], body, what + " request")
    status, kind, text = call(method, path + query, body, who)
    if status != expected:
        fail(f"{what}: status {status}: {text[:300]!r}")
        return None
    called.add((method, template, status))
    response = operation["responses"].get(str(status))
    if response is None:
        fail(f"{what}: status {status} is not described")
        return None
    content = resolve(response).get("content")
    if not content:
        if text:
            fail(f"{what}: a body that is not described")
        return None
    if kind not in content:
        fail(f"{what}: {kind} is not described")
        return None
    if not kind.endswith("json"):
        return text
    value = json.loads(text)
    conforms(content[kind]["schema"], value, what)
    return value


def operations():
    return {(m.upper(), path): o for path, item in api["paths"].items() for m, o in item.items()}


def check_routes():
    served = {}
    for line in open(routes):
        method, path, access = line.split()
        # The page and the repository are files.
        if "{*}" not in path and path != "/":
            served[method, path] = access
    described = {at: o["x-access"] for at, o in operations().items()}
    for at in served.keys() | described.keys():
        if served.get(at) != described.get(at):
            fail(f"{' '.join(at)}: served for {served.get(at)}, described for {described.get(at)}")


A = "/api/v1"
WHY = {"reason": "the test says so"}


def check_reading():
    for path in ("/overview", "/policy", "/groups", "/releases", "/rollouts", "/enrolment-tokens", "/users",
                 "/api-tokens", "/audit", "/audit/check", "/events", "/openapi.json", "/calendar", "/devices"):
        ask("GET", A + path, 200)
    ask("GET", "/metrics", 200)
    ask("GET", "/healthz", 200, who="nobody")
    ask("GET", A + "/overview", 401, who="nobody")
    ask("GET", A + "/calendar", 200, query="?year=2027")
    ask("GET", A + "/calendar", 400, query="?year=x")
    ask("GET", A + "/audit", 200, query="?actor=hub&limit=3")
    for query in ("?sort=-last_seen&limit=2", "?status=exposed&ring=test", "?q=test"):
        ask("GET", A + "/devices", 200, query=query)
    for query in ("?status=fine", "?limit=0", "?limit=201", "?sort=age", "?cursor=x"):
        ask("GET", A + "/devices", 400, query=query)
    ask("GET", A + "/devices/{id}", 200, id=device)
    ask("GET", A + "/devices/{id}", 404, id="nobody")
    ask("GET", A + "/devices/{id}/history", 200, id=device)
    ask("GET", A + "/releases/{name}", 200, name="2026.11")
    ask("GET", A + "/releases/{name}", 404, name="2026.12")


def check_pages():
    seen, cursor = [], ""
    while True:
        page = ask("GET", A + "/devices", 200, query="?limit=1" + cursor)
        if not page or not page["items"]:
            return fail("GET /devices: an empty page")
        seen += [item["id"] for item in page["items"]]
        if page["next"] is None:
            break
        cursor = "&cursor=" + page["next"].replace(" ", "%20")
    if len(seen) != page["total"] or len(set(seen)) != len(seen):
        fail(f"GET /devices: pages of one tell {seen}, {page['total']} in all")


def check_rollouts():
    at = A + "/rollouts/{id}"
    ask("GET", at, 200, id="2026.11")
    ask("GET", at, 404, id="2026.12")
    ask("GET", at + "/why-not", 200, id="2026.11")
    ask("POST", A + "/rollouts", 409, {"release": "2026.11", **WHY})
    ask("POST", A + "/rollouts", 404, {"release": "2026.12", **WHY})
    # A release that a later one has superseded gets its rollout only by a person.
    ask("POST", A + "/rollouts", 201, {"release": "2026.10.1", **WHY})
    ask("POST", at + "/pause", 409, WHY, id="2026.10.1")
    ask("POST", at + "/start", 200, WHY, id="2026.10.1")
    ask("POST", at + "/pause", 400, {}, bad_body=True, id="2026.10.1")
    ask("POST", at + "/pause", 400, {"reason": "a\u0007b"}, bad_body=True, id="2026.10.1")
    ask("POST", at + "/pause", 200, WHY, id="2026.10.1")
    ask("POST", at + "/approve", 200, {"ring": "broad", **WHY}, id="2026.10.1")
    ask("POST", at + "/resume", 200, WHY, id="2026.10.1")
    ask("POST", at + "/expedite", 200, WHY, id="2026.10.1")
    ask("POST", at + "/roll-back", 200, WHY, id="2026.10.1")
    ask("POST", A + "/recalls", 404, {"releases": ["2026.12"], "hotpatches": [], **WHY})
    ask("POST", A + "/recalls", 200, {"releases": ["2026.10.1"], "hotpatches": [], **WHY})


def check_changes():
    policy = ask("GET", A + "/policy", 200)
    ask("PUT", A + "/policy", 200, policy)
    ask("PUT", A + "/policy", 400, {"rings": []}, bad_body=True)
    ask("POST", A + "/groups", 201, {"name": "front", "label": "Front"})
    ask("POST", A + "/groups", 409, {"name": "front"})
    at = A + "/devices/{id}"
    ask("PATCH", at, 200, {"ring": "fast", "group": "front", "hold": WHY}, id=device)
    ask("PATCH", at, 200, {"ring": None, "group": None, "hold": None}, id=device)
    ask("PATCH", at, 400, {"ring": "nowhere"}, id=device)
    ask("PATCH", at, 400, {"group": "nobody"}, id=device)
    ask("PATCH", at, 404, {"hold": None}, id="nobody")
    made = ask("POST", A + "/enrolment-tokens", 201, {"uses": 2, "expires_s": 60, "label": "x", "ring": "test"})
    ask("GET", A + "/enrolment-tokens", 200)
    if made:
        ask("DELETE", A + "/enrolment-tokens/{id}", 204, id=made["id"])
    ask("POST", A + "/users", 201, {"name": "eve", "password": "a long password", "role": "viewer"})
    ask("GET", A + "/users", 200)
    ask("PUT", A + "/users/{name}/password", 204, {"password": "another password"}, name="eve")
    ask("PUT", A + "/users/{name}/password", 400, {"password": "short"}, name="eve", bad_body=True)
    ask("PUT", A + "/users/{name}/password", 404, {"password": "another password"}, name="nobody")
    ask("DELETE", A + "/users/{name}", 204, name="eve")
    made = ask("POST", A + "/api-tokens", 201, {"label": "y", "role": "viewer", "expires_s": 60})
    ask("GET", A + "/api-tokens", 200)
    if made:
        ask("DELETE", A + "/api-tokens/{id}", 204, id=made["id"])


def check_session():
    ask("POST", A + "/session", 401, {"name": "nobody", "password": "wrong"}, who="nobody")
    ask("GET", A + "/session", 200)


def check_device():
    pem = open(csr).read()
    ask("GET", A + "/device/changes", 200, who="device", query="?since=999999")
    ask("GET", A + "/device/changes", 401, who="nobody")
    ask("POST", A + "/device/renew", 200, {"csr": pem}, who="device")
    ask("POST", A + "/device/report", 200, json.load(open(csr + ".report")), who="device")
    ask("POST", A + "/device/report", 400, {"device": device}, who="device", bad_body=True)
    ask("POST", A + "/enroll", 401, {"token": "suture1.x", "csr": pem, "hostname": "new-1"}, who="nobody")
    ask("POST", A + "/enroll", 201, {"token": enrolment, "csr": pem, "hostname": "new-1"}, who="nobody")
    ask("DELETE", A + "/devices/{id}", 204, id=device)
    ask("GET", A + "/devices/{id}", 404, id=device)


def check_all_called():
    # A session's password and cookie are the business of tests/hub.
    for (method, path), operation in operations().items():
        good = next(int(status) for status in operation["responses"] if status.startswith("2"))
        if (method, path, good) not in called and not path.startswith(A + "/session"):
            fail(f"{method} {path}: never answered {good}")


for check in (check_routes, check_reading, check_pages, check_rollouts, check_changes, check_session, check_device,
              check_all_called):
    check()
print("\n".join(failures) or f"{len(called)} kinds of answers are as described")
sys.exit(1 if failures else 0)
