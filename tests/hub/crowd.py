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


def begin():
    tls = context.wrap_socket(socket.create_connection(("localhost", port)), server_hostname="localhost")
    tls.settimeout(60)
    tls.sendall(b"POST /api/v1/session HTTP/1.1\r\nHost: localhost\r\n"
                b"Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{")
    return tls


before = n_files()
clients = [begin() for _ in range(n_clients)]
# When this many are there, the ones before have been served as far as they can be.
end = time.monotonic() + 20
while n_files() < before + n_clients + 2 * n_requests - 20 and time.monotonic() < end:
    time.sleep(0.02)
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
