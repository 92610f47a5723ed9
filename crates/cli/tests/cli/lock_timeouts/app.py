"""An application whose migration is a file of SQL, run by psql: of the standard library alone."""

import http.server
import os
import pathlib
import subprocess
import sys
import time
import urllib.request

PORT = os.environ.get("PORT", "8080")
FILES = pathlib.Path(os.environ.get("FILES", "files"))


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


def migrate():
    url = os.environ["DATABASE_URL"]
    (FILES / "url").write_text(url)
    began = time.monotonic()
    code = subprocess.run(["psql", url, "--no-psqlrc", "--set", "ON_ERROR_STOP=1", "--file", "migration.sql"]).returncode
    with (FILES / "runs").open("a") as runs:
        print(time.monotonic() - began, code, file=runs)
    sys.exit(code)


if sys.argv[1] == "serve":
    http.server.ThreadingHTTPServer(("127.0.0.1", int(PORT)), Handler).serve_forever()
elif sys.argv[1] == "healthy":
    urllib.request.urlopen(f"http://127.0.0.1:{PORT}{sys.argv[2]}", timeout=2).close()
else:
    migrate()
