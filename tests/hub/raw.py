#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""raw.py PORT CA: sends requests byte by byte as they are over TLS, each on a connection of its
own, and prints TAP: each must be answered with the status named, by a problem, and the
connection closed behind it."""

import json
import socket
import ssl
import sys

port, ca = int(sys.argv[1]), sys.argv[2]
context = ssl.create_default_context(cafile=ca)
HOST = b"Host: localhost\r\n"
GET = b"GET /healthz HTTP/1.1\r\n" + HOST
POST = b"POST /api/v1/session HTTP/1.1\r\n" + HOST
INNER = b"GET /healthz HTTP/1.1\r\n" + HOST + b"\r\n"


def line(text, more=HOST):
    return text + b"\r\n" + more + b"\r\n"


REFUSED = {
    "CL and TE": POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "TE and CL": POST + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
    "TE alone": POST + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "TE twice": POST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n",
    "TE hidden by a tab": POST + b"Transfer-Encoding:\tchunked\r\n\r\n0\r\n\r\n",
    "TE hidden by a blank before the colon": POST + b"Transfer-Encoding : chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
    "TE xchunked": POST + b"Transfer-Encoding: xchunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
    "TE in HTTP/1.0": b"POST /api/v1/session HTTP/1.0\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunk extension": POST + b"Transfer-Encoding: chunked\r\n\r\n2;a=b\r\n{}\r\n0\r\n\r\n",
    "chunk size with a bare LF": POST + b"Transfer-Encoding: chunked\r\n\r\n2\n{}\r\n0\r\n\r\n",
    "Content-Length twice, the same": POST + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}",
    "Content-Length twice, different": POST + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}x",
    "Content-Length as a list": POST + b"Content-Length: 2, 2\r\n\r\n{}",
    "Content-Length with a sign": POST + b"Content-Length: +2\r\n\r\n{}",
    "Content-Length negative": POST + b"Content-Length: -2\r\n\r\n{}",
    "Content-Length in hex": POST + b"Content-Length: 0x2\r\n\r\n{}",
    "Content-Length with a zero in front": POST + b"Content-Length: 02\r\n\r\n{}",
    "Content-Length over 64 bits": POST + b"Content-Length: 18446744073709551618\r\n\r\n{}",
    "Content-Length empty": POST + b"Content-Length: \r\n\r\n{}",
    "Content-Length with a blank inside": POST + b"Content-Length: 2 2\r\n\r\n{}",
    "a body of a GET": GET + b"Content-Length: 2\r\n\r\n{}",
    "no Host": line(b"GET /healthz HTTP/1.1", b""),
    "no Host in HTTP/1.0": line(b"GET /healthz HTTP/1.0", b""),
    "Host twice": line(b"GET /healthz HTTP/1.1", HOST + HOST),
    "Host twice, different": line(b"GET /healthz HTTP/1.1", HOST + b"host: other\r\n"),
    "Host empty": line(b"GET /healthz HTTP/1.1", b"Host:\r\n"),
    "Host with a path": line(b"GET /healthz HTTP/1.1", b"Host: localhost/a\r\n"),
    "Host with a user": line(b"GET /healthz HTTP/1.1", b"Host: a@localhost\r\n"),
    "bare LF in the request line": b"GET /healthz HTTP/1.1\n" + HOST + b"\r\n",
    "bare LF behind a field": b"GET /healthz HTTP/1.1\r\nHost: localhost\n\r\n",
    "bare LF at the end": GET + b"\n",
    "bare LF everywhere": b"GET /healthz HTTP/1.1\nHost: localhost\n\n",
    "bare CR in a field": GET + b"X: a\rTransfer-Encoding: chunked\r\n\r\n",
    "CR CR LF": GET + b"X: a\r\r\n\r\n",
    "obs-fold with a blank": GET + b"X: a\r\n b\r\n\r\n",
    "obs-fold with a tab": GET + b"X: a\r\n\tTransfer-Encoding: chunked\r\n\r\n",
    "a blank before the first field": b"GET /healthz HTTP/1.1\r\n " + HOST + b"\r\n",
    "an empty line in front": b"\r\n" + GET + b"\r\n",
    "NUL in a value": GET + b"X: a\0b\r\n\r\n",
    "NUL in a name": GET + b"X\0: a\r\n\r\n",
    "NUL in the path": line(b"GET /health\0z HTTP/1.1"),
    "a control character in a value": GET + b"X: a\x01\r\n\r\n",
    "a byte outside of ASCII in a value": GET + b"X: \xff\r\n\r\n",
    "a field without a colon": GET + b"X\r\n\r\n",
    "a field without a name": GET + b": a\r\n\r\n",
    "a blank before the colon": GET + b"X : a\r\n\r\n",
    "a bad character in a name": GET + b"X[: a\r\n\r\n",
    "%00 in the path": line(b"GET /%00 HTTP/1.1"),
    "%00 in the query": line(b"GET /healthz?a=%00 HTTP/1.1"),
    "%0d%0a in the path": line(b"GET /%0d%0aX HTTP/1.1"),
    "a dot segment": line(b"GET /./healthz HTTP/1.1"),
    "two dots": line(b"GET /repository/../healthz HTTP/1.1"),
    "two dots at the end": line(b"GET /repository/.. HTTP/1.1"),
    "encoded dots": line(b"GET /repository/%2e%2e/healthz HTTP/1.1"),
    "half encoded dots": line(b"GET /repository/.%2E/healthz HTTP/1.1"),
    "an encoded slash": line(b"GET /repository%2fmetadata HTTP/1.1"),
    "an encoded backslash": line(b"GET /repository%5cmetadata HTTP/1.1"),
    "a backslash": line(b"GET /repository\\metadata HTTP/1.1"),
    "an empty segment": line(b"GET //healthz HTTP/1.1"),
    "a bad percent": line(b"GET /%zz HTTP/1.1"),
    "a percent at the end": line(b"GET /a% HTTP/1.1"),
    "a fragment": line(b"GET /healthz#a HTTP/1.1"),
    "a byte outside of ASCII in the path": line(b"GET /\xff HTTP/1.1"),
    "an overlong path": line(b"GET /" + b"a" * 2048 + b" HTTP/1.1"),
    "an overlong field": GET + b"X: " + b"a" * 9000 + b"\r\n\r\n",
    "an endless line": b"a" * 20000,
    "too many fields": GET + b"X: a\r\n" * 70 + b"\r\n",
    "absolute form": line(b"GET https://localhost/healthz HTTP/1.1"),
    "absolute form of another scheme": line(b"GET file:///etc/passwd HTTP/1.1"),
    "authority form": line(b"CONNECT localhost:443 HTTP/1.1"),
    "asterisk form": line(b"OPTIONS * HTTP/1.1"),
    "a relative path": line(b"GET healthz HTTP/1.1"),
    "an unknown method": line(b"BREW /healthz HTTP/1.1"),
    "TRACE": line(b"TRACE /healthz HTTP/1.1"),
    "a method in lower case": line(b"get /healthz HTTP/1.1"),
    "two blanks": line(b"GET  /healthz HTTP/1.1"),
    "a tab for a blank": line(b"GET\t/healthz\tHTTP/1.1"),
    "a blank at the end of the line": line(b"GET /healthz HTTP/1.1 "),
    "no version": line(b"GET /healthz"),
    "HTTP/0.9": b"GET /healthz\r\n\r\n",
    "HTTP/2.0": line(b"GET /healthz HTTP/2.0"),
    "the preface of HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "a version in lower case": line(b"GET /healthz http/1.1"),
    "a request behind a request": INNER + INNER,
    "half a request behind a request": INNER + b"GET",
    "a byte behind a body": POST + b"Content-Length: 2\r\n\r\n{}x",
    "a request behind a body": POST + b"Content-Length: 2\r\n\r\n{}" + INNER,
    "an expectation that nobody knows": POST + b"Content-Length: 2\r\nExpect: money\r\n\r\n{}",
    "a Cookie twice": GET + b"Cookie: a=b\r\nCookie: c=d\r\n\r\n",
    "an Authorization twice": GET + b"Authorization: Bearer a\r\nAuthorization: Bearer b\r\n\r\n",
}
OTHERS = {
    "a body without a size": (POST + b"\r\n", 411),
    "a body over 1 MiB": (POST + b"Content-Length: 1048577\r\n\r\n", 413),
}


def exchange(request):
    """Send, then read up to the end of the connection."""
    with socket.create_connection(("localhost", port), timeout=60) as plain:
        with context.wrap_socket(plain, server_hostname="localhost") as tls:
            tls.sendall(request)
            answer = b""
            while True:
                piece = tls.recv(65536)
                if not piece:
                    return answer
                answer += piece


def check(request, status):
    answer = exchange(request)
    head, _, body = answer.partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    fields = dict(entry.lower().split(": ", 1) for entry in lines[1:])
    assert lines[0].startswith(f"HTTP/1.1 {status} "), answer[:200]
    assert fields["connection"] == "close" and fields["x-content-type-options"] == "nosniff", head
    assert fields["content-type"] == "application/problem+json", head
    assert int(fields["content-length"]) == len(body), answer
    assert json.loads(body)["status"] == status, body
    assert b"\r\nHTTP/1.1 " not in answer, answer


def check_good():
    """What is not refused: two requests one after the other, and a slow one."""
    with socket.create_connection(("localhost", port), timeout=60) as plain:
        with context.wrap_socket(plain, server_hostname="localhost") as tls:
            for pieces in [[INNER], [INNER], [INNER[i : i + 1] for i in range(len(INNER))]]:
                for piece in pieces:
                    tls.sendall(piece)
                answer = b""
                while b'"ok"' not in answer:
                    piece = tls.recv(65536)
                    assert piece, answer
                    answer += piece
                assert answer.startswith(b"HTTP/1.1 200 "), answer


cases = [(name, request, 400) for name, request in REFUSED.items()]
cases += [(name, *rest) for name, rest in OTHERS.items()]
failed = 0
print(f"1..{len(cases) + 1}")
for name, request, status in cases:
    try:
        check(request, status)
        print(f"ok - {name}: {status}, and closed")
    except (AssertionError, OSError, KeyError, ValueError) as error:
        failed += 1
        print(f"not ok - {name}: {error!r}")
check_good()
print("ok - requests one behind the other, and one that comes byte by byte, are answered")
sys.exit(failed > 0)
