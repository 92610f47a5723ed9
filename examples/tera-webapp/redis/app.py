"""NOT Redis: stands in for it on one machine, so that the example needs nothing installed. It knows PING, GET and SET of Redis's
protocol, and keeps its words in a file.

serve    speaks RESP on the port
healthy  fails unless a PING is answered: the container's health check
"""

import json
import os
import pathlib
import signal
import socket
import socketserver
import sys
import threading

KEPT = pathlib.Path(os.environ.get("FILES", "files")) / "words.json"
LOCK = threading.Lock()


def words():
    return json.loads(KEPT.read_text()) if KEPT.exists() else {}


def keep(key, value):
    with LOCK:
        written = KEPT.with_suffix(".new")
        written.write_text(json.dumps({**words(), key: value}))
        written.replace(KEPT)


class Connection(socketserver.StreamRequestHandler):
    def handle(self):
        while (command := self.read()) is not None:
            self.wfile.write(self.answer(command))

    def read(self):
        """A command: an array of strings. None at the end of the connection."""
        head = self.rfile.readline()
        if not head.startswith(b"*"):
            return None
        return [self.rfile.read(int(self.rfile.readline()[1:]) + 2)[:-2].decode() for _ in range(int(head[1:]))]

    @staticmethod
    def answer(command):
        match [command[0].upper(), *command[1:]]:
            case ["PING"]:
                return b"+PONG\r\n"
            case ["GET", key]:
                value = words().get(key)
                return b"$-1\r\n" if value is None else b"$%d\r\n%s\r\n" % (len(value.encode()), value.encode())
            case ["SET", key, value]:
                keep(key, value)
                return b"+OK\r\n"
        return b"-ERR this stand-in knows PING, GET key and SET key value\r\n"


class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True


def serve():
    server = Server(("127.0.0.1", int(os.environ["PORT"])), Connection)
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
    print(f"stands in for Redis on port {server.server_address[1]}", flush=True)
    server.serve_forever()


def healthy():
    with socket.create_connection(("127.0.0.1", int(os.environ["PORT"])), timeout=2) as connection:
        connection.sendall(b"*1\r\n$4\r\nPING\r\n")
        if connection.recv(16) != b"+PONG\r\n":
            sys.exit("PING was not answered")


if __name__ == "__main__":
    commands = {"serve": serve, "healthy": healthy}
    command = sys.argv[1] if len(sys.argv) > 1 else ""
    if command not in commands:
        sys.exit(__doc__)
    commands[command]()
