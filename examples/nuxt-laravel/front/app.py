"""Stands in for the front end of a web shop in Nuxt: a page that the server renders, which says whether the back end's database answered.

serve    answers GET / with the page
healthy  fails unless the address answers 200: the container's health check
"""

import html
import http.server
import json
import os
import signal
import sys
import threading
import urllib.error
import urllib.request

RELEASE = json.load(open("release.json", encoding="utf-8"))["number"]


def status():
    """What the back end says of itself, or why it says nothing."""
    try:
        with urllib.request.urlopen(f"{os.environ['BACK_URL']}/api/status", timeout=5) as answer:
            return json.load(answer)
    except (urllib.error.URLError, ValueError) as error:
        return {"database": f"not asked, because the back end did not answer: {error}"}


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/healthz":
            self.answer(200, "ok\n")
        elif self.path == "/":
            rows = {"front end": f"release {RELEASE}", **status()}
            lines = "".join(f"<dt>{html.escape(str(k))}</dt><dd>{html.escape(str(v))}</dd>" for k, v in rows.items())
            state = "DB connected" if rows["database"] == "answered" else "DB not connected"
            self.answer(200, f'<!doctype html><meta charset="utf-8"><title>Shop</title><h1>Shop</h1><p>{state}</p><dl>{lines}</dl>\n')
        else:
            self.answer(404, "there are / and /healthz\n")

    def answer(self, status, text):
        body = text.encode()
        self.send_response(status)
        self.send_header("content-type", "text/html; charset=utf-8")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        """Nothing is said of each request."""


def serve():
    server = http.server.ThreadingHTTPServer(("0.0.0.0", int(os.environ["PORT"])), Handler)
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
    print(f"release {RELEASE} listens on port {server.server_port}", flush=True)
    server.serve_forever()


def healthy():
    address = f"http://127.0.0.1:{os.environ['PORT']}{sys.argv[2]}"
    with urllib.request.urlopen(address, timeout=2):
        pass


if __name__ == "__main__":
    commands = {"serve": serve, "healthy": healthy}
    command = sys.argv[1] if len(sys.argv) > 1 else ""
    if command not in commands:
        sys.exit(__doc__)
    commands[command]()
