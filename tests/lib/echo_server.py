# SPDX-License-Identifier: Apache-2.0
"""echo_server.py PORT...: web servers on loopback that answer with the request
they got, its headers sorted, or redirect: /to?URL."""

import http.server
import sys
import threading


class Echo(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        if self.path.startswith("/to?"):
            self.send_response(302)
            self.send_header("Location", self.path[len("/to?"):])
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        size = int(self.headers.get("Content-Length", "0"))
        lines = [f"{self.command} {self.path}"]
        lines += sorted(f"{name}: {value}" for name, value in self.headers.items()
                        if name != "Host")
        lines.append(self.rfile.read(size).decode())
        body = "\n".join(lines).encode() + b"\n"
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET

    def log_message(self, format, *args):
        pass


for port in sys.argv[2:]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", int(port)), Echo)
    threading.Thread(target=server.serve_forever, daemon=True).start()
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Echo).serve_forever()
