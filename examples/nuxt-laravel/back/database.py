"""The database by Laravel's names: MySQL where DB_CONNECTION says so, or else a file of SQLite at DATABASE_PATH."""

import contextlib
import os
import sqlite3

IS_MYSQL = os.environ.get("DB_CONNECTION") == "mysql"


@contextlib.contextmanager
def cursor():
    """A cursor whose changes are kept if nothing goes wrong."""
    with contextlib.closing(_connect()) as connection:
        with contextlib.closing(connection.cursor()) as found:
            yield found
        connection.commit()


def run(statement, *values):
    """Runs a statement with ? for its values, and gives its rows."""
    with cursor() as found:
        found.execute(statement.replace("?", "%s") if IS_MYSQL else statement, values)
        return found.fetchall()


def _connect():
    if not IS_MYSQL:
        return sqlite3.connect(os.environ.get("DATABASE_PATH", "data/database.db"), timeout=10)
    import pymysql  # only the image for AWS has it

    return pymysql.connect(
        host=os.environ["DB_HOST"],
        port=int(os.environ["DB_PORT"]),
        database=os.environ["DB_DATABASE"],
        user=os.environ["DB_USERNAME"],
        password=os.environ["DB_PASSWORD"],
        # RDS refuses connections without TLS, and is known by its own authorities.
        ssl_ca=os.environ["MYSQL_ATTR_SSL_CA"],
        ssl_verify_cert=True,
        ssl_verify_identity=True,
        connect_timeout=10,
    )
