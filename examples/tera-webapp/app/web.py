"""The application."""

import os

import flask
import redis
import werkzeug.exceptions

KEY = "name"
DEFAULT = "World"
LONGEST_NAME = 200

app = flask.Flask(__name__)


def connect():
    """By REDIS_URL, or by the names that web-service gives."""
    url = os.environ.get("REDIS_URL")
    if url:
        return redis.Redis.from_url(url, decode_responses=True, socket_timeout=5)
    return redis.Redis(
        host=os.environ.get("REDIS_HOST", "127.0.0.1"), port=int(os.environ.get("REDIS_PORT", "6379")),
        password=os.environ.get("REDIS_PASSWORD"), ssl=os.environ.get("REDIS_TLS") == "true",
        decode_responses=True, socket_timeout=5,
    )


store = connect()


@app.get("/")
@app.get("/hello")
def hello():
    return {"message": f"Hello {store.get(KEY) or DEFAULT}!"}


@app.post("/hello")
def keep():
    body = flask.request.get_json(silent=True)
    name = body.get("name") if isinstance(body, dict) else flask.request.form.get("name")
    if not isinstance(name, str) or not 1 <= len(name) <= LONGEST_NAME:
        flask.abort(400, f'send {{"name": "…"}} with a name of 1 to {LONGEST_NAME} characters')
    store.set(KEY, name)
    return hello()


@app.get("/healthz")
def is_healthy():
    store.ping()
    return {"redis": "answered"}


@app.errorhandler(redis.RedisError)
def redis_failed(error):
    print(f"Redis failed: {error}", flush=True)
    return {"error": "Redis did not answer"}, 503


@app.errorhandler(werkzeug.exceptions.HTTPException)
def refused(error):
    return {"error": error.description}, error.code
