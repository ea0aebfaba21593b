#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""load.py PORT CA FOLDER FIRST ACKNOWLEDGED NAME=DEVICE...: each device (FOLDER/NAME.crt and .key)
reports as fast as it can, from sequence number FIRST on, until the hub is gone. Each number that
was answered 200 is in the file ACKNOWLEDGED."""

import http.client
import json
import ssl
import sys
import threading

port, ca, folder, first, acknowledged = int(sys.argv[1]), sys.argv[2], sys.argv[3], int(sys.argv[4]), sys.argv[5]
out = open(acknowledged, "a", buffering=1)
problems = []


def report(device, seq):
    return json.dumps(
        {
            "device": device, "seq": seq, "sent": "2026-11-10T12:00:00Z", "hostname": "h", "boot_id": "b",
            "agent": "0", "kernel": "6", "os": "o", "attributes": {}, "baseline": None, "release": None,
            "train": "hotpatch", "readiness": [], "ring": None, "tuf": None, "next": None,
            "coverage": {"protected": 0, "exposed": 0, "in_progress": 0}, "processes": [],
            "events": [{"seq": seq, "time": "2026-11-10T12:00:00Z", "type": "refreshed", "hotpatch": None, "detail": ""}],
        }
    )


def run(name, device):
    context = ssl.create_default_context(cafile=ca)
    context.load_cert_chain(f"{folder}/{name}.crt", f"{folder}/{name}.key")
    connection = http.client.HTTPSConnection("localhost", port, context=context, timeout=60)
    seq = first
    while True:
        try:
            connection.request("POST", "/api/v1/device/report", report(device, seq), {"Content-Type": "application/json"})
            answer = connection.getresponse()
            answer.read()
        except (OSError, http.client.HTTPException):
            return  # Killed: this one was not acknowledged.
        if answer.status != 200:
            problems.append(f"{device} {seq}: {answer.status}")
            return
        out.write(f"{device} {seq}\n")
        seq += 1


threads = [threading.Thread(target=run, args=pair.split("=")) for pair in sys.argv[6:]]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print("\n".join(problems))
sys.exit(bool(problems))
