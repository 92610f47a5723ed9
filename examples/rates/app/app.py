"""Average prices of transports between ports, day by day.

migrate    creates the tables
load-dump  replaces the content of the database by a dump: files/dump.sql, all of it or nothing
serve      answers GET /rates?date_from=…&date_to=…&orig_code=…&dest_code=…
healthy    fails unless the address answers 200: the container's health check
"""

import os
import pathlib
import sys
import urllib.request

DUMP = pathlib.Path(os.environ.get("FILES", "files")) / "dump.sql"
PORT = os.environ.get("PORT", "8080")


def migrate():
    import database

    for name in database.migrate(pathlib.Path("migrations")):
        print(f"applied {name}")
    print(f"the schema is that of this image ({database.ENGINE})")


def load_dump():
    import database

    if not DUMP.is_file():
        sys.exit(f"there is no dump: put it into the stack's files as {DUMP.name}")
    try:
        database.restore(DUMP.read_text(encoding="utf-8"), replacing=("prices", "ports", "regions"))
    except database.Error as error:
        sys.exit(f"failed to load the dump, nothing was changed: {error}")
    ((prices,),) = database.query("SELECT count(*) FROM prices")
    print(f"loaded {prices} prices")


def serve():
    import waitress

    import web

    waitress.serve(web.app, host="0.0.0.0", port=int(PORT))


# It runs every few seconds, so nothing above imports the application.
def healthy():
    with urllib.request.urlopen(f"http://127.0.0.1:{PORT}{sys.argv[2]}", timeout=2):
        pass


if __name__ == "__main__":
    commands = {"migrate": migrate, "load-dump": load_dump, "serve": serve, "healthy": healthy}
    command = commands.get(sys.argv[1] if len(sys.argv) > 1 else "")
    if command is None:
        sys.exit(__doc__)
    command()
