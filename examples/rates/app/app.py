"""Average prices of transports between ports, day by day.

migrate    creates the tables
load-dump  replaces the content of the database by a dump: files/dump.sql, all of it or nothing
serve      answers GET /rates?date_from=…&date_to=…&orig_code=…&dest_code=…
healthy    fails unless the address answers 200: the container's health check
"""

import datetime
import os
import pathlib
import sys
import urllib.request

import flask
import waitress
import werkzeug.exceptions

import database

DUMP = pathlib.Path(os.environ.get("FILES", "files")) / "dump.sql"
FEWEST_PRICES = 3  # An average of fewer prices means little, so the day has none.
LONGEST_RANGE = datetime.timedelta(days=366)

# A code is that of a port, or the slug of a region, which stands for all ports of the region and of the regions in it.
AVERAGES = """
WITH RECURSIVE
  within (side, slug) AS (
    SELECT CAST('orig' AS TEXT), CAST(:orig_code AS TEXT)
    UNION ALL SELECT 'dest', CAST(:dest_code AS TEXT)
    UNION SELECT within.side, regions.slug FROM regions JOIN within ON regions.parent_slug = within.slug
  ),
  chosen (side, code) AS (
    SELECT within.side, ports.code FROM ports JOIN within ON ports.parent_slug = within.slug OR ports.code = within.slug
  )
SELECT day, CASE WHEN count(*) >= :fewest THEN CAST(round(avg(price)) AS INTEGER) END, count(*)
FROM prices
WHERE day BETWEEN :date_from AND :date_to
  AND orig_code IN (SELECT code FROM chosen WHERE side = 'orig')
  AND dest_code IN (SELECT code FROM chosen WHERE side = 'dest')
GROUP BY day
"""

app = flask.Flask(__name__)


@app.get("/")
def hello():
    return {"message": "Hello! Ask /rates?date_from=…&date_to=…&orig_code=…&dest_code=…"}


@app.get("/healthz")
def is_healthy():
    database.query("SELECT 1 FROM prices LIMIT 1")
    return {"database": database.ENGINE}


@app.get("/rates")
def rates():
    date_from, date_to = day("date_from"), day("date_to")
    if date_to < date_from:
        flask.abort(400, "date_to is before date_from")
    if date_to - date_from > LONGEST_RANGE:
        flask.abort(400, "date_from and date_to are more than a year apart")
    rows = database.query(
        AVERAGES, date_from=date_from.isoformat(), date_to=date_to.isoformat(), fewest=FEWEST_PRICES,
        orig_code=required("orig_code"), dest_code=required("dest_code"),
    )
    found = {str(day): (price, count) for day, price, count in rows}
    days = [(date_from + datetime.timedelta(days=n)).isoformat() for n in range((date_to - date_from).days + 1)]
    return {"rates": [dict(zip(("day", "price", "count"), (day, *found.get(day, (None, 0))))) for day in days]}


def day(name):
    try:
        return datetime.date.fromisoformat(required(name))
    except ValueError:
        flask.abort(400, f"{name} must be a day such as 2016-01-31")


def required(name):
    return flask.request.args.get(name) or flask.abort(400, f"{name} is missing")


@app.errorhandler(database.Error)
def database_failed(error):
    print(f"the database failed: {error}", flush=True)
    return {"error": "the database did not answer"}, 500


@app.errorhandler(werkzeug.exceptions.HTTPException)
def refused(error):
    return {"error": error.description}, error.code


def migrate():
    for name in database.migrate(pathlib.Path("migrations")):
        print(f"applied {name}")
    print(f"the schema is that of this image ({database.ENGINE})")


def load_dump():
    if not DUMP.is_file():
        sys.exit(f"there is no dump: put it into the stack's files as {DUMP.name}")
    try:
        database.restore(DUMP.read_text(encoding="utf-8"), replacing=("prices", "ports", "regions"))
    except database.Error as error:
        sys.exit(f"failed to load the dump, nothing was changed: {error}")
    ((prices,),) = database.query("SELECT count(*) FROM prices")
    print(f"loaded {prices} prices")


def serve():
    waitress.serve(app, host="0.0.0.0", port=int(os.environ.get("PORT", "8080")))


def healthy():
    port = os.environ.get("PORT", "8080")
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{sys.argv[2]}", timeout=2):
        pass


if __name__ == "__main__":
    commands = {"migrate": migrate, "load-dump": load_dump, "serve": serve, "healthy": healthy}
    command = commands.get(sys.argv[1] if len(sys.argv) > 1 else "")
    if command is None:
        sys.exit(__doc__)
    command()
