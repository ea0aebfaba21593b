# SPDX-License-Identifier: Apache-2.0
"""mqtt_upstream.py PORT: the upstream broker of a bridge, which answers the
bridge's SUBSCRIBE with a SUBACK that holds no reason code, and sends it a message
then. Prints whether the bridge puts up with it and acknowledges the message
("stays") or ends the connection ("leaves")."""

import socket
import sys

CONNECT, PUBACK, SUBSCRIBE = 1, 4, 8

# To topic bridged/x, with quality 1, as number 1.
MESSAGE = b"\x32\x10" + b"\x00\x09bridged/x" + b"\x00\x01" + b"all"


def read_exactly(connection, size):
    data = b""
    while len(data) < size:
        more = connection.recv(size - len(data))
        if not more:
            raise EOFError
        data += more
    return data


def read_packet(connection):
    """Returns (type, body)."""
    kind = read_exactly(connection, 1)[0] >> 4
    size = shift = 0
    while True:
        byte = read_exactly(connection, 1)[0]
        size |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return kind, read_exactly(connection, size)


def main(port):
    listener = socket.create_server(("127.0.0.1", port))
    listener.settimeout(120)
    connection, _ = listener.accept()
    connection.settimeout(120)
    try:
        while True:
            kind, body = read_packet(connection)
            if kind == CONNECT:
                connection.sendall(b"\x20\x02\x00\x00")
            elif kind == SUBSCRIBE:
                connection.sendall(b"\x90\x02" + body[:2] + MESSAGE)
            elif kind == PUBACK:
                return "stays"
    except (EOFError, ConnectionError):
        return "leaves"


print(main(int(sys.argv[1])))
