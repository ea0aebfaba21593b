#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""usage: clerk.py ADDRESS PORT CA TOKEN-FILE FOLDER FACTS

Changes a hub through its API without a pause, and writes down in the file FACTS what the hub
acknowledged, one line each, as tests/lib/facts.sql tells it of the hub's database. Devices of
its own are made by real enrolments, held, report, and are removed again. A request without an
answer is no fact; an answer that should not be is told on standard output, and ends it with
status 1. TERM ends it after the request under way.
"""

import http.client
import json
import signal
import ssl
import subprocess
import sys
import time

address, port, ca, token_file, folder, facts = sys.argv[1], int(sys.argv[2]), *sys.argv[3:]
with open(token_file) as file:
    token = file.read().strip()
out = open(facts, "a", buffering=1)
is_ended = False


class Line:
    """A connection to the hub, made anew when it broke."""

    def __init__(self, name=None):
        self.context = ssl.create_default_context(cafile=ca)
        if name:
            self.context.load_cert_chain(f"{folder}/{name}.crt", f"{folder}/{name}.key")
        self.connection = None

    def ask(self, method, path, body=None, **fields):
        """The answer's (status, JSON), or None when there was no answer."""
        if not self.connection:
            self.connection = http.client.HTTPSConnection(address, port, context=self.context, timeout=120)
        if body is not None:
            fields["Content-Type"] = "application/json"
            body = json.dumps(body)
        try:
            self.connection.request(method, f"/api/v1/{path}", body, fields)
            answer = self.connection.getresponse()
            text = answer.read()
        except (OSError, http.client.HTTPException):
            self.connection.close()
            self.connection = None
            time.sleep(0.05)
            return None
        if answer.status >= 400:
            print(f"{method} {path}: {answer.status} {text.decode(errors='replace')}", flush=True)
            sys.exit(1)
        return json.loads(text) if text else {}


people = Line()


def order(method, path, body=None):
    return people.ask(method, path, body, Authorization=f"Bearer {token}")


def fact(*words):
    out.write(" ".join(str(word) for word in words) + "\n")


def insist(method, path, body=None):
    """Asks again until there is an answer."""
    while not is_ended:
        answer = order(method, path, body)
        if answer is not None:
            return answer
    sys.exit(0)


class Device:
    """One that enrolled itself; None of it when the hub was killed meanwhile."""

    def __init__(self, name, answer):
        self.name, self.id, self.seq = name, answer["device"], 1
        with open(f"{folder}/{name}.crt", "w") as file:
            file.write(answer["certificate"])
        self.line = Line(name)

    def report(self):
        body = {
            "device": self.id, "seq": self.seq, "sent": "2026-11-10T12:00:00Z", "hostname": self.name, "boot_id": "b",
            "agent": "0", "kernel": "6", "os": "o", "attributes": {}, "baseline": None, "release": None,
            "train": "hotpatch", "readiness": [], "ring": None, "tuf": None, "next": None,
            "coverage": {"protected": 0, "exposed": 0, "in_progress": 0}, "processes": [],
            "events": [{"seq": self.seq, "time": "2026-11-10T12:00:00Z", "type": "refreshed", "hotpatch": None,
                        "detail": ""}],
        }
        if self.line.ask("POST", "device/report", body) is not None:
            fact("report", self.id, self.seq)
            self.seq += 1


def enrol(name):
    made = order("POST", "enrolment-tokens", {"uses": 1, "label": name, "ring": "broad"})
    if made is None:
        return None
    fact("token", name)
    subprocess.run(["openssl", "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                    "-subj", "/CN=any", "-keyout", f"{folder}/{name}.key", "-out", f"{folder}/{name}.csr"],
                   check=True, stderr=subprocess.DEVNULL)
    with open(f"{folder}/{name}.csr") as file:
        asked = {"token": made["token"], "csr": file.read(), "hostname": name, "attributes": {}}
    answer = None
    # The same request until it is answered: it must be the same device.
    while answer is None and not is_ended:
        answer = people.ask("POST", "enroll", asked)
    if answer is None:
        return None
    fact("device", answer["device"], name)
    fact("audit", "device.enrol", answer["device"])
    # Nobody waits for one that is held.
    insist("PATCH", f"devices/{answer['device']}", {"hold": {"reason": f"not {name}"}})
    fact("hold", answer["device"], f"not {name}")
    fact("audit", "device.change", answer["device"])
    return Device(name, answer)


def remove(device):
    if order("DELETE", f"devices/{device.id}") is not None:
        fact("removed", device.id)
        fact("audit", "device.remove", device.id)


def make(n):
    if order("POST", "groups", {"name": f"g{n}", "label": f"Group {n}"}) is not None:
        fact("group", f"g{n}")
        fact("audit", "group.create", f"g{n}")
    if n % 5 == 0:
        user = {"name": f"u{n}", "role": "viewer", "password": f"a long password {n}"}
        if order("POST", "users", user) is not None:
            fact("user", f"u{n}")
            fact("audit", "user.add", f"u{n}")
    else:
        made = order("POST", "api-tokens", {"label": f"t{n}", "role": "viewer"})
        if made is not None:
            fact("api-token", f"t{n}")


def end(*_):
    global is_ended
    is_ended = True


def work():
    devices, n = [], 0
    while not is_ended:
        n += 1
        make(n)
        if device := enrol(f"d{n}"):
            devices.append(device)
        for _ in range(5):
            for device in devices:
                device.report()
        if len(devices) > 6:
            remove(devices.pop(0))
        time.sleep(0.2)


signal.signal(signal.SIGTERM, end)
work()
