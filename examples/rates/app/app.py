"""Stands in for a rates service: average prices of transports between ports, day by day, out of a dump.

migrate    brings the database to the schema of this image
load-dump  puts the dump into the database: files/dump.sql, all of it or nothing
serve      answers GET /rates?date_from=…&date_to=…&origin=…&destination=…
healthy    fails unless the address answers 200: the container's health check
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
import urllib.parse
import urllib.request

DATABASE = os.environ.get("DATABASE_PATH", "data/database.db")
DUMP = pathlib.Path(os.environ.get("FILES", "files")) / "dump.sql"
FEWEST_PRICES = 3  # An average of fewer says nothing: the day has none.

AVERAGES = """
WITH RECURSIVE
  within (side, slug) AS (
    VALUES ('origin', :origin), ('destination', :destination)
    UNION SELECT within.side, regions.slug FROM regions JOIN within ON regions.parent_slug = within.slug
  ),
  chosen (side, code) AS (
    SELECT within.side, ports.code FROM ports JOIN within ON ports.parent_slug = within.slug OR ports.code = within.slug
  )
SELECT day, CASE WHEN count(*) >= :fewest THEN CAST(round(avg(price)) AS INTEGER) END
FROM prices
WHERE day BETWEEN :first AND :last
  AND orig_code IN (SELECT code FROM chosen WHERE side = 'origin')
  AND dest_code IN (SELECT code FROM chosen WHERE side = 'destination')
GROUP BY day
"""


class Refused(Exception):
    """The request is wrong; the text says what to change."""


def connect():
    return sqlite3.connect(DATABASE, timeout=10)


def migrate():
    connection = connect()
    connection.execute("CREATE TABLE IF NOT EXISTS migrations (name TEXT PRIMARY KEY)")
    seen = {name for (name,) in connection.execute("SELECT name FROM migrations")}
    for file in sorted(pathlib.Path("migrations").glob("*.sql")):
        if file.name not in seen:
            run_script(connection, file.read_text(), f"INSERT INTO migrations VALUES ('{file.name}')")
            print(f"migration {file.name} is done")
    print("the database has the schema of this image")


def load_dump():
    if not DUMP.is_file():
        sys.exit(f"there is no dump: put it where the stack's files are, as {DUMP.name}")
    connection = connect()
    try:
        run_script(connection, "DELETE FROM prices; DELETE FROM ports; DELETE FROM regions;", DUMP.read_text())
    except sqlite3.Error as error:
        sys.exit(f"the dump was not loaded, and nothing was changed: {error}")
    (prices,) = connection.execute("SELECT count(*) FROM prices").fetchone()
    print(f"the dump is loaded: {prices} prices")


def run_script(connection, *parts):
    """Runs SQL in one transaction: all of it or nothing."""
    try:
        connection.executescript("BEGIN;\n" + "\n".join(parts) + ";\nCOMMIT;")
    except sqlite3.Error:
        if connection.in_transaction:
            connection.rollback()
        raise


def rates(query):
    values = {name: query.get(name, [""])[0] for name in ("date_from", "date_to", "origin", "destination")}
    first, last = (day(name, values[name]) for name in ("date_from", "date_to"))
    if last < first:
        raise Refused("date_to is before date_from")
    if (last - first).days > 366:
        raise Refused("date_from and date_to are more than a year apart")
    for name in ("origin", "destination"):
        if not values[name]:
            raise Refused(f"{name} is missing: a port's code or a region's name")
    found = dict(connect().execute(AVERAGES, {
        "origin": values["origin"], "destination": values["destination"],
        "first": first.isoformat(), "last": last.isoformat(), "fewest": FEWEST_PRICES,
    }))
    days = (first + datetime.timedelta(days=n) for n in range((last - first).days + 1))
    return [{"day": each.isoformat(), "average_price": found.get(each.isoformat())} for each in days]


def day(name, text):
    try:
        return datetime.date.fromisoformat(text)
    except ValueError:
        raise Refused(f"{name} is a day such as 2016-01-31") from None


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        address = urllib.parse.urlsplit(self.path)
        try:
            if address.path == "/healthz":
                connect().execute("SELECT 1 FROM prices LIMIT 1")
                self.answer(200, {"ok": True})
            elif address.path == "/rates":
                self.answer(200, rates(urllib.parse.parse_qs(address.query)))
            else:
                self.answer(404, {"error": "there are /rates and /healthz"})
        except Refused as refused:
            self.answer(400, {"error": str(refused)})
        except sqlite3.Error as error:
            print(f"the database said: {error}", flush=True)
            self.answer(500, {"error": "the database did not answer"})

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
    commands = {"migrate": migrate, "load-dump": load_dump, "serve": serve, "healthy": healthy}
    command = sys.argv[1] if len(sys.argv) > 1 else ""
    if command not in commands:
        sys.exit(__doc__)
    commands[command]()
