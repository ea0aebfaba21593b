# SPDX-License-Identifier: Apache-2.0
"""h2flood.py PORT N: opens and at once resets N HTTP/2 streams in one write,
then prints how the server on loopback took it: "answers" or "goes away"."""

import socket
import struct
import sys

HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY = 1, 3, 4, 6, 7
ACK, END_STREAM_AND_HEADERS = 1, 5
# GET, http, / from HPACK's static table, and the authority "a".
REQUEST = b"\x82\x86\x84\x41\x01a"


def frame(kind, flags, stream, payload):
    size = struct.pack(">I", len(payload))[1:]
    return size + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def frames(connection):
    """Yields (kind, flags) until the server closes."""
    data = b""
    while True:
        while len(data) < 9 or len(data) < 9 + int.from_bytes(data[:3], "big"):
            more = connection.recv(65536)
            if not more:
                return
            data += more
        yield data[3], data[4]
        data = data[9 + int.from_bytes(data[:3], "big"):]


def main(port, count):
    connection = socket.create_connection(("127.0.0.1", port), timeout=10)
    out = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(SETTINGS, 0, 0, b"")
    for i in range(count):
        out += frame(HEADERS, END_STREAM_AND_HEADERS, 2 * i + 1, REQUEST)
        out += frame(RST_STREAM, 0, 2 * i + 1, struct.pack(">I", 8))
    connection.sendall(out + frame(PING, 0, 0, b"are here"))
    for kind, flags in frames(connection):
        if kind == GOAWAY:
            return "goes away"
        if kind == PING and flags & ACK:
            return "answers"
    return "closes"


print(main(int(sys.argv[1]), int(sys.argv[2])))
