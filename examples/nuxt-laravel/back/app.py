"""Stands in for the back end of a web shop: an API, a worker that takes jobs from a queue, a command for a schedule.

migrate  brings the database to the schema of this image
serve    answers GET /api/status and /api/ticks, and POST /api/jobs, which puts jobs into the queue
work     takes jobs from the queue until it is told to stop
tick     notes in the database that the schedule ran
healthy  fails unless the address answers 200: the container's health check
"""

import datetime
import http.server
import json
import os
import pathlib
import signal
import sqlite3
import sys
import threading
import time
import urllib.request

from queue_client import Queue

DATABASE = os.environ.get("DATABASE_PATH", "data/database.db")
RELEASE = json.load(open("release.json", encoding="utf-8"))["number"]
SECONDS_A_JOB = 0.5


def connect():
    return sqlite3.connect(DATABASE, timeout=10)


def now():
    return datetime.datetime.now(datetime.timezone.utc).isoformat()


def migrate():
    connection = connect()
    connection.execute("CREATE TABLE IF NOT EXISTS migrations (name TEXT PRIMARY KEY)")
    seen = {name for (name,) in connection.execute("SELECT name FROM migrations")}
    for file in sorted(pathlib.Path("migrations").glob("*.sql")):
        if file.name not in seen:
            note = f"INSERT INTO migrations VALUES ('{file.name}')"
            connection.executescript(f"BEGIN;\n{file.read_text()}\n{note};\nCOMMIT;")
            print(f"migration {file.name} is done")
    print(f"the database has the schema of release {RELEASE}")


def status():
    try:
        connection = connect()
        (jobs,) = connection.execute("SELECT count(*) FROM jobs").fetchone()
        (workers,) = connection.execute("SELECT count(DISTINCT worker) FROM jobs").fetchone()
        (ticks,) = connection.execute("SELECT count(*) FROM ticks").fetchone()
    except sqlite3.Error as error:
        return {"back end": f"release {RELEASE}", "database": f"did not answer: {error}"}
    return {
        "back end": f"release {RELEASE}", "database": "answered",
        "jobs done": jobs, "workers so far": workers, "ticks": ticks,
    }


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/healthz":
            said = status()
            self.answer(200 if said["database"] == "answered" else 503, said)
        elif self.path == "/api/status":
            self.answer(200, status())
        elif self.path == "/api/ticks":
            self.answer(200, [at for (at,) in connect().execute("SELECT at FROM ticks ORDER BY id")])
        else:
            self.answer(404, {"error": "there are /api/status, /api/ticks, /api/jobs and /healthz"})

    def do_POST(self):
        if self.path != "/api/jobs":
            return self.answer(404, {"error": "there is /api/jobs"})
        if os.environ.get("READ_ONLY") == "true":
            return self.answer(503, {"error": "the shop is read-only while it is being changed"})
        try:
            body = json.loads(self.rfile.read(int(self.headers.get("content-length", "0"))))
            count = int(body["count"])
            if not 1 <= count <= 100:
                raise ValueError
        except (ValueError, KeyError, TypeError):
            return self.answer(400, {"error": 'say {"count": 10}: 1 to 100 jobs'})
        queue = Queue(os.environ["QUEUE_URL_WORKER"])
        for number in range(count):
            queue.send(f"job {number + 1} of {count}")
        return self.answer(202, {"queued": count})

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
    print(f"release {RELEASE} listens on port {server.server_port}", flush=True)
    server.serve_forever()


def work():
    """A job is taken out of the queue once its result is written, so one whose worker dies is done by another."""
    stopped = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopped.set())
    queue, worker = Queue(os.environ["QUEUE_URL"]), str(os.getpid())
    print(f"worker {worker} of release {RELEASE} takes jobs", flush=True)
    while not stopped.is_set():
        message = queue.receive(seconds=1)
        if message is None:
            continue
        time.sleep(SECONDS_A_JOB)
        with connect() as connection:
            connection.execute("INSERT INTO jobs (name, worker, done_at) VALUES (?, ?, ?)", (message["Body"], worker, now()))
        queue.delete(message)


def tick():
    with connect() as connection:
        connection.execute("INSERT INTO ticks (at) VALUES (?)", (now(),))


def healthy():
    address = f"http://127.0.0.1:{os.environ['PORT']}{sys.argv[2]}"
    with urllib.request.urlopen(address, timeout=2):
        pass


if __name__ == "__main__":
    commands = {"migrate": migrate, "serve": serve, "work": work, "tick": tick, "healthy": healthy}
    command = sys.argv[1] if len(sys.argv) > 1 else ""
    if command not in commands:
        sys.exit(__doc__)
    commands[command]()
