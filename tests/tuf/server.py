# SPDX-License-Identifier: Apache-2.0
"""usage: server.py FOLDER CONTROL [CERTIFICATE KEY]

Serves FOLDER over HTTP, or HTTPS, on a free port of 127.0.0.1, which it writes to CONTROL/port.
Each request is noted in CONTROL/requests. CONTROL/faults holds lines "KIND NAME": what
happens to requests for a file of that NAME:

    endless    bytes without end, of no announced size
    huge       an announced size of a gigabyte
    slow       a byte each 0.2 s
    mute       the request is never answered
    redirect   302 to /elsewhere
    error      500
    short      the connection ends in the middle
"""

import os
import ssl
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote

folder, control = sys.argv[1:3]


def fault_of(name):
    try:
        with open(os.path.join(control, "faults")) as file:
            for line in file:
                kind, _, pattern = line.strip().partition(" ")
                if pattern == name:
                    return kind
    except FileNotFoundError:
        pass
    return None


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def head(self, status, headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def do_GET(self):
        path = unquote(self.path)
        with open(os.path.join(control, "requests"), "a") as file:
            file.write(path + "\n")
        try:
            self.answer(path, fault_of(os.path.basename(path)))
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def answer(self, path, fault):
        if fault in ("endless", "slow", "mute", "short"):
            self.close_connection = True
        if fault == "mute":
            time.sleep(600)
            return
        if fault == "redirect":
            return self.head(302, {"Location": "/elsewhere", "Content-Length": "0"})
        if fault == "error":
            return self.head(500, {"Content-Length": "0"})
        try:
            with open(folder + path, "rb") as file:
                data = file.read()
        except OSError:
            return self.head(404, {"Content-Length": "0"})
        if fault == "endless":
            self.head(200, {"Connection": "close"})
            while True:
                self.wfile.write(b" " * 65536)
        if fault == "huge":
            self.close_connection = True
            return self.head(200, {"Content-Length": str(1 << 30)})
        self.head(200, {"Content-Length": str(len(data))})
        if fault == "slow":
            for i in range(len(data)):
                self.wfile.write(data[i : i + 1])
                time.sleep(0.2)
        elif fault == "short":
            self.wfile.write(data[: len(data) // 2])
        else:
            self.wfile.write(data)


server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
server.daemon_threads = True
if len(sys.argv) > 3:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*sys.argv[3:])
    server.socket = context.wrap_socket(server.socket, server_side=True)
with open(os.path.join(control, "port.new"), "w") as file:
    file.write(str(server.server_address[1]))
os.rename(os.path.join(control, "port.new"), os.path.join(control, "port"))
server.serve_forever()
