#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""crowd.py PORT CA PID CLIENTS REQUESTS: more requests at a time (CLIENTS) than the hub takes
(REQUESTS): none has its body yet. The others wait without costing the hub more descriptors
than their connections; each gets its answer when the bodies come."""

import http.client
import os
import socket
import ssl
import sys
import time

port, ca, pid, n_clients, n_requests = int(sys.argv[1]), sys.argv[2], *map(int, sys.argv[3:])
context = ssl.create_default_context(cafile=ca)


def n_files():
    return len(os.listdir(f"/proc/{pid}/fd"))


def wait_files(is_good, seconds):
    end = time.monotonic() + seconds
    while not is_good(n_files()):
        assert time.monotonic() < end, f"{n_files()} descriptors, {before} at first"
        time.sleep(0.02)


def connect():
    """A client that was served, and may now be silent for long: a first request may not be late."""
    tls = context.wrap_socket(socket.create_connection(("localhost", port)), server_hostname="localhost")
    tls.settimeout(60)
    tls.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
    answer = http.client.HTTPResponse(tls)
    answer.begin()
    answer.read()
    assert answer.status == 200, answer.status
    return tls


def begin(tls):
    tls.sendall(b"POST /api/v1/session HTTP/1.1\r\nHost: localhost\r\n"
                b"Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{")


before = n_files()
clients = [connect() for _ in range(n_clients)]
# Each is a descriptor now: the pairs of sockets that the requests went through are closed.
wait_files(lambda n: n <= before + n_clients + 20, 60)
# From the first head on the hub lets down who waits for half a minute.
for tls in clients:
    begin(tls)
# When this many are there, the ones before have been served as far as they can be.
wait_files(lambda n: n >= before + n_clients + 2 * n_requests - 20, 25)
most = n_files()
assert before + n_clients + 2 * n_requests - 60 <= most <= before + n_clients + 2 * n_requests + 60, (before, most)
print("ok - the hub has", most - before, "descriptors for", n_clients, "clients")
for tls in clients:
    tls.sendall(b"}")
for number, tls in enumerate(clients):
    answer = http.client.HTTPResponse(tls)
    answer.begin()
    assert answer.status == 400, (number, answer.status)
print("ok - each has its answer")
