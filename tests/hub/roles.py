#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""roles.py PORT CA CERTIFICATE KEY COOKIE ROLE=TOKEN... <ROUTES: asks for every route (lines "METHOD PATTERN WHO")
as everybody, and prints "ok" or "not ok" for each. COOKIE is an administrator's session."""

import http.client
import json
import re
import ssl
import sys

port, ca, certificate, key, cookie = int(sys.argv[1]), *sys.argv[2:6]
tokens = dict(pair.split("=", 1) for pair in sys.argv[6:])
ranks = {"viewer": 1, "operator": 2, "administrator": 3}


def connect(has_certificate=False):
    context = ssl.create_default_context(cafile=ca)
    if has_certificate:
        context.load_cert_chain(certificate, key)
    return http.client.HTTPSConnection("localhost", port, context=context, timeout=100)


def ask(connection, method, path, headers):
    # What is streamed or held would not end: its head tells enough.
    if path in ("/api/v1/events", "/api/v1/device/changes"):
        method = "HEAD"
    headers = dict(headers)
    if method in ("POST", "PUT", "PATCH"):
        headers["Content-Type"] = "application/json"
        connection.request(method, path, "{}", headers)
    else:
        connection.request(method, path, None, headers)
    answer = connection.getresponse()
    text = answer.read()
    try:
        code = json.loads(text).get("code") if method != "HEAD" else None
    except (ValueError, AttributeError):
        code = None
    return answer.status, code


def say(is_good, *what):
    print("ok" if is_good else "not ok", *what, flush=True)


plain, device = connect(), connect(True)
for line in sys.stdin:
    method, pattern, who = line.split()
    path = re.sub(r"{\w+}", "0190b0a0-0000-7000-8000-000000000000", pattern).replace("{*}", "nothing")
    nobody = ask(plain, method, path, {})
    if who == "public":
        # The session's own route takes a password: {} is none.
        say(nobody[0] not in (401, 403), line.strip(), "nobody", *nobody)
        continue
    say(nobody[0] == 401, line.strip(), "nobody", *nobody)
    if who == "device":
        for role, token in tokens.items():
            status = ask(plain, method, path, {"Authorization": f"Bearer {token}"})
            say(status[0] == 401, line.strip(), role, *status)
        continue
    say(ask(device, method, path, {})[0] == 401, line.strip(), "a device's certificate")
    say(ask(plain, method, path, {"Authorization": "Bearer " + "A" * 43})[0] == 401, line.strip(), "an unknown token")
    if method != "GET":
        status = ask(plain, method, path, {"Cookie": cookie})
        say(status == (403, "csrf"), line.strip(), "a session without its CSRF token", *status)
        say(who != "viewer" or pattern.startswith("/api/v1/session"), line.strip(), "a viewer changes nothing")
    for role, token in tokens.items():
        status = ask(plain, method, path, {"Authorization": f"Bearer {token}"})
        if ranks[role] < ranks[who]:
            say(status[0] == 403, line.strip(), role, *status)
        else:
            say(status[0] not in (401, 403) and status[0] < 500 or status[1] == "no-repository", line.strip(), role, *status)
