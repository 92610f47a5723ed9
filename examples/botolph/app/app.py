"""Stands in for a web application with people who log in.

migrate          brings the database to the schema of this image
createsuperuser  makes the administrator once, with a password that it invents and puts into files/admin-password
serve            answers GET / with how many people there are
healthy          fails unless the address answers 200: the container's health check
"""

import hashlib
import http.server
import json
import os
import pathlib
import secrets
import signal
import sqlite3
import sys
import threading
import urllib.request

DATABASE = os.environ.get("DATABASE_PATH", "data/database.db")
PASSWORD = pathlib.Path(os.environ.get("FILES", "files")) / "admin-password"
MIGRATIONS = sorted(pathlib.Path("migrations").glob("*.sql"))
# What the breaking migration renames: an image knows the schema of its own migrations alone.
NAME = "user_name" if any(file.name.startswith("002_") for file in MIGRATIONS) else "name"


def connect():
    return sqlite3.connect(DATABASE, timeout=10)


def migrate():
    connection = connect()
    connection.execute("CREATE TABLE IF NOT EXISTS migrations (name TEXT PRIMARY KEY)")
    seen = {name for (name,) in connection.execute("SELECT name FROM migrations")}
    for file in MIGRATIONS:
        if file.name not in seen:
            note = f"INSERT INTO migrations VALUES ('{file.name}')"
            connection.executescript(f"BEGIN;\n{file.read_text()}\n{note};\nCOMMIT;")
            print(f"migration {file.name} is done")
    print("the database has the schema of this image")


def create_superuser():
    password, salt = secrets.token_urlsafe(18), secrets.token_bytes(16)
    stored = f"{salt.hex()}:{hashlib.scrypt(password.encode(), salt=salt, n=2**14, r=8, p=1).hex()}"
    try:
        with connect() as connection:
            connection.execute(f"INSERT INTO people ({NAME}, admin, password_hash) VALUES ('admin', 1, ?)", (stored,))
            # Within the transaction: no administrator whose password nobody has.
            with open(os.open(PASSWORD, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
                file.write(f"{password}\n")
    except sqlite3.IntegrityError:
        sys.exit("there is an administrator already")
    print(f"the administrator is made; the password is in {PASSWORD.name}: read it, change it, delete the file")


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path not in ("/", "/healthz"):
            return self.answer(404, {"error": "there are / and /healthz"})
        try:
            query = f"SELECT count({NAME}), coalesce(sum(admin), 0) FROM people"
            people, admins = connect().execute(query).fetchone()
        except sqlite3.Error as error:
            print(f"the database said: {error}", flush=True)
            return self.answer(500, {"error": "the database did not answer"})
        read_only = os.environ.get("READ_ONLY") == "true"
        return self.answer(200, {"people": people, "admins": admins, "column": NAME, "read_only": read_only})

    def answer(self, status, body):
        body = f"{json.dumps(body)}\n".encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
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
    commands = {"migrate": migrate, "createsuperuser": create_superuser, "serve": serve, "healthy": healthy}
    command = sys.argv[1] if len(sys.argv) > 1 else ""
    if command not in commands:
        sys.exit(__doc__)
    commands[command]()
