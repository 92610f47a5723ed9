"""Stands in for a web application that keeps one word in Redis.

serve    answers GET / with the word, and PUT / keeps a new one
healthy  fails unless the address answers 200: the container's health check
"""

import http.server
import os
import signal
import socket
import sys
import threading
import urllib.parse
import urllib.request

REDIS = urllib.parse.urlsplit(os.environ.get("REDIS_URL", ""))
LONGEST_WORD = 200


def redis(*command):
    """Sends a command to Redis; gives the text of the answer, or None where there is none."""
    parts = [f"${len(part.encode())}\r\n{part}\r\n" for part in command]
    with socket.create_connection((REDIS.hostname, REDIS.port), timeout=5) as connection:
        connection.sendall(f"*{len(parts)}\r\n{''.join(parts)}".encode())
        reader = connection.makefile("rb")
        head = reader.readline().decode().strip()
        if head.startswith("-"):
            raise OSError(head[1:])
        if head.startswith("$"):
            return None if head == "$-1" else reader.read(int(head[1:])).decode()
        return head[1:]


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path not in ("/", "/healthz"):
            return self.answer(404, "there are / and /healthz")
        try:
            word = redis("GET", "word")
        except OSError as error:
            print(f"Redis said: {error}", flush=True)
            return self.answer(503, "Redis did not answer")
        return self.answer(200, "ok" if self.path == "/healthz" else word or "no word yet: PUT one")

    def do_PUT(self):
        length = int(self.headers.get("content-length", "0"))
        if not 1 <= length <= LONGEST_WORD:
            return self.answer(400, f"send a word of 1 to {LONGEST_WORD} bytes")
        try:
            redis("SET", "word", self.rfile.read(length).decode())
        except UnicodeDecodeError:
            return self.answer(400, "send a word in UTF-8")
        except OSError as error:
            print(f"Redis said: {error}", flush=True)
            return self.answer(503, "Redis did not answer")
        return self.answer(200, "kept")

    def answer(self, status, text):
        body = f"{text}\n".encode()
        self.send_response(status)
        self.send_header("content-type", "text/plain; charset=utf-8")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        """Nothing is said of each request."""


def serve():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler)
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
    print(f"listens on port {server.server_port}", flush=True)
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
