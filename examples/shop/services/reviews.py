"""Reviews of an item. Head and body leave in one write, so that Nagle's algorithm never waits."""
import json
import os
import signal
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit


class Reviews(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1

    def do_GET(self):
        item = parse_qs(urlsplit(self.path).query).get("item", ["?"])[0]
        body = json.dumps({"item": item, "stars": 4.5, "language": "Python"}).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    def log_message(self, *args):
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
Server((os.environ.get("HOST", "127.0.0.1"), int(os.environ.get("PORT", "8080"))), Reviews).serve_forever()
