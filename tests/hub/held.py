#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""held.py PORT CA FOLDER TOKEN ONE TWO: requests that the hub holds, of the devices ONE and TWO
(FOLDER/one.crt, FOLDER/one.key …), while an administrator with an API token changes them."""

import http.client
import json
import socket
import ssl
import sys
import time

port, ca, folder, token, one, two = int(sys.argv[1]), *sys.argv[2:]


def context(name=None):
    made = ssl.create_default_context(cafile=ca)
    if name:
        made.load_cert_chain(f"{folder}/{name}.crt", f"{folder}/{name}.key")
    return made


def ask(method, path, body=None):
    line = http.client.HTTPSConnection("localhost", port, context=context(), timeout=60)
    fields = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    line.request(method, path, json.dumps(body) if body else None, fields)
    answer = line.getresponse()
    text = answer.read().decode()
    assert answer.status == 200, (path, answer.status, text)
    return text


def n_held():
    lines = dict(line.rsplit(" ", 1) for line in ask("GET", "/metrics").splitlines() if line[:1] != "#")
    return int(lines["suture_hub_held"])


def wait_held(n):
    end = time.monotonic() + 60
    while n_held() != n:
        assert time.monotonic() < end, f"{n_held()} are held, not {n}"
        time.sleep(0.02)


class Device:
    """A connection of a device that is kept."""

    def __init__(self, name):
        self.tls = context(name).wrap_socket(socket.create_connection(("localhost", port)), server_hostname="localhost")

    def send(self, path, more=""):
        self.tls.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n{more}\r\n".encode())

    def wait(self, since, more="", query=""):
        self.send(f"/api/v1/device/changes?since={since}{query}", more)

    def has_answer(self):
        self.tls.settimeout(0.01)
        try:
            return bool(self.tls.recv(1))
        except TimeoutError:
            return False

    def answer(self):
        self.tls.settimeout(60)
        text = b""
        while b"\r\n\r\n" not in text or len(text.partition(b"\r\n\r\n")[2]) < self.length(text):
            piece = self.tls.recv(4096)
            assert piece, f"closed after {text}"
            text += piece
        assert len(text.partition(b"\r\n\r\n")[2]) == self.length(text), text
        return int(text[9:12]), json.loads(text.partition(b"\r\n\r\n")[2])

    @staticmethod
    def length(text):
        return int(text.lower().partition(b"content-length: ")[2].split()[0])

    def is_closed(self):
        self.tls.settimeout(60)
        return self.tls.recv(1) == b""


changes = 0


def change(device):
    """Changes the device, so that its change has a higher number."""
    global changes
    changes += 1
    ask("PATCH", f"/api/v1/devices/{device}", {"hold": {"reason": f"reason {changes}"}})


def last():
    """The number of the last change of the first device."""
    device = Device("one")
    device.wait(0)
    status, answer = device.answer()
    assert status == 200
    return answer["change"]


def expect_new(device, since):
    status, answer = device.answer()
    assert status == 200 and list(answer) == ["change"] and answer["change"] > since, (status, answer)
    return answer["change"]


def only_the_one_that_is_meant_is_woken():
    first, second = Device("one"), Device("two")
    first.wait(1)
    second.wait(1)
    wait_held(2)
    change(one)
    expect_new(first, 1)
    wait_held(1)
    assert not second.has_answer()
    change(two)
    expect_new(second, 1)


def the_next_request_of_a_connection_is_held_as_the_first_was():
    device = Device("one")
    since = last()
    for _ in range(3):
        device.wait(since)
        wait_held(1)
        change(one)
        since = expect_new(device, since)
        device.send("/healthz")
        assert device.answer()[0] == 200


def nothing_that_a_client_sends_makes_it_one_that_was_held():
    names = "Again", "Late", "Hold", "X-Again", "X-Late", "X-Hold", "X-Suture-Late", "X-Internal"
    device = Device("one")
    since = last()
    device.wait(since, "".join(f"{name}: 1\r\n" for name in names), "&again=1&late=1&is_late=true&asked=0&deadline=0&hold=0")
    wait_held(1)
    assert not device.has_answer()
    change(one)
    expect_new(device, since)


def what_comes_behind_a_held_request_is_refused():
    device = Device("one")
    device.wait(last())
    wait_held(1)
    device.tls.sendall(b"GET /healthz HTTP/1.1\r\n")
    status, problem = device.answer()
    assert status == 400 and "behind" in problem["detail"], problem
    assert device.is_closed()
    wait_held(0)


def who_closes_is_not_held_any_more():
    device = Device("one")
    device.wait(last())
    wait_held(1)
    device.tls.close()
    wait_held(0)


def a_change_in_the_moment_of_asking_is_not_missed():
    device = Device("one")
    since = last()
    for _ in range(40):
        begin = time.monotonic()
        device.wait(since)
        change(one)
        since = expect_new(device, since)
        # When its time is up, after 45 seconds, it would be told too.
        assert time.monotonic() < begin + 40


tests = [
    only_the_one_that_is_meant_is_woken,
    the_next_request_of_a_connection_is_held_as_the_first_was,
    nothing_that_a_client_sends_makes_it_one_that_was_held,
    what_comes_behind_a_held_request_is_refused,
    who_closes_is_not_held_any_more,
    a_change_in_the_moment_of_asking_is_not_missed,
]
for test in tests:
    test()
    print("ok -", test.__name__.replace("_", " "))
