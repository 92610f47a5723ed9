"""Stands in for the back end of a web shop in Laravel: an API, a worker that takes jobs from a queue, a command for a schedule. It
knows its environment by Laravel's names.

migrate  brings the database to the schema of this image
serve    answers GET /api/status and /api/ticks, and POST /api/jobs, which puts jobs into the queue
work     takes jobs from the queue until it is told to stop
tick     notes in the database that the schedule ran
healthy  fails unless the address answers 200: the container's health check
"""

import base64
import datetime
import http.server
import json
import os
import pathlib
import signal
import socket
import sys
import threading
import time
import urllib.request

import database
from queue_client import Queue

RELEASE = json.load(open("release.json", encoding="utf-8"))["number"]
SECONDS_A_JOB = 0.5


def check_key():
    """Laravel's APP_KEY: 32 bytes as they are, or as `base64:` and their Base64. With another length every page of Laravel is an error."""
    key = os.environ.get("APP_KEY", "")
    if len(base64.b64decode(key[7:]) if key.startswith("base64:") else key.encode()) != 32:
        sys.exit("APP_KEY has to be of 32 bytes: generate a secret of length 32")


def now():
    return datetime.datetime.now(datetime.timezone.utc).isoformat()


def migrate():
    database.run("CREATE TABLE IF NOT EXISTS migrations (name VARCHAR(64) PRIMARY KEY)")
    seen = {name for (name,) in database.run("SELECT name FROM migrations")}
    for file in sorted(pathlib.Path("migrations").glob("*.sql")):
        if file.name not in seen:
            with database.cursor() as cursor:
                for statement in filter(str.strip, file.read_text(encoding="utf-8").split(";")):
                    cursor.execute(statement)
            database.run("INSERT INTO migrations VALUES (?)", file.name)
            print(f"migration {file.name} is done")
    print(f"the database has the schema of release {RELEASE}")


def status():
    try:
        ((jobs, workers),) = database.run("SELECT count(*), count(DISTINCT worker) FROM jobs")
        ((ticks,),) = database.run("SELECT count(*) FROM ticks")
    except Exception as error:  # the two drivers have no error in common
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
            self.answer(200, [at for (at,) in database.run("SELECT at FROM ticks ORDER BY at")])
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
        queue = Queue(os.environ["SQS_QUEUE"])
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
    check_key()
    server = http.server.ThreadingHTTPServer(("0.0.0.0", int(os.environ["PORT"])), Handler)
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
    print(f"release {RELEASE} listens on port {server.server_port}", flush=True)
    server.serve_forever()


def work():
    """A job is taken out of the queue once its result is written, so one whose worker dies is done by another."""
    check_key()
    stopped = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopped.set())
    queue, worker = Queue(os.environ["SQS_QUEUE"]), f"{socket.gethostname()} {os.getpid()}"
    print(f"worker {worker} of release {RELEASE} takes jobs", flush=True)
    while not stopped.is_set():
        message = queue.receive(seconds=1)
        if message is None:
            continue
        time.sleep(SECONDS_A_JOB)
        database.run("INSERT INTO jobs (name, worker, done_at) VALUES (?, ?, ?)", message["Body"], worker, now())
        queue.delete(message)


def tick():
    database.run("INSERT INTO ticks (at) VALUES (?)", now())


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
