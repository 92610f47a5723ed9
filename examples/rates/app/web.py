"""The application."""

import datetime

import flask
import werkzeug.exceptions

import database

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
