"""The database: PostgreSQL by DATABASE_URL or the DATABASE_ names, or else a file of SQLite at DATABASE_PATH."""

import contextlib
import os
import re
import sqlite3
import subprocess

import psycopg
import psycopg.conninfo

ENGINE = "postgres" if "DATABASE_URL" in os.environ or "DATABASE_HOST" in os.environ else "sqlite"
Error = psycopg.Error if ENGINE == "postgres" else sqlite3.Error

# A dump of pg_dump names roles of the database that it was made of, and settings that SQLite does not know.
FOREIGN = re.compile(r"^(ALTER .* OWNER TO .*|(GRANT|REVOKE) .*);$", re.MULTILINE)
OF_POSTGRES = re.compile(r"^(SET .*|SELECT pg_catalog\..*);$", re.MULTILINE)


@contextlib.contextmanager
def transaction():
    """A connection whose changes are kept together when the block ends, or not at all."""
    if ENGINE == "postgres":
        with psycopg.connect(address()) as connection:
            yield connection
        return
    with contextlib.closing(sqlite3.connect(os.environ["DATABASE_PATH"], timeout=10)) as connection, connection:
        yield connection


def address():
    if "DATABASE_URL" in os.environ:
        return os.environ["DATABASE_URL"]
    names = {"host": "HOST", "port": "PORT", "dbname": "NAME", "user": "USER", "password": "PASSWORD"}
    return psycopg.conninfo.make_conninfo(
        **{key: os.environ[f"DATABASE_{name}"] for key, name in names.items() if f"DATABASE_{name}" in os.environ}
    )


def query(sql, **values):
    if ENGINE == "postgres":
        sql = re.sub(r"(?<!:):([a-z_]+)", r"%(\1)s", sql)
    with transaction() as connection:
        return connection.execute(sql, values).fetchall()


def migrate(folder):
    """Applies the migrations that the database has not seen, each in a transaction of its own; gives their names."""
    with transaction() as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS migrations (name TEXT PRIMARY KEY)")
        seen = {name for (name,) in connection.execute("SELECT name FROM migrations")}
    for file in sorted(folder.glob("*.sql")):
        if file.name not in seen:
            with transaction() as connection:
                script(connection, f"{file.read_text(encoding='utf-8')}\nINSERT INTO migrations VALUES ('{file.name}');")
            yield file.name


def restore(dump, replacing):
    """Replaces tables by those of a dump. Only psql reads what pg_dump writes by default, which has COPY ... FROM stdin."""
    drop = "".join(f"DROP TABLE IF EXISTS {table};\n" for table in replacing)
    dump = drop + FOREIGN.sub("", dump)
    if ENGINE == "sqlite":
        with transaction() as connection:
            script(connection, OF_POSTGRES.sub("", dump).replace("public.", "").replace(" USING btree", ""))
        return
    psql = ["psql", "--no-psqlrc", "--quiet", "--single-transaction", "--set=ON_ERROR_STOP=1", "--output=/dev/null"]
    parts = psycopg.conninfo.conninfo_to_dict(address())
    names = {"host": "PGHOST", "port": "PGPORT", "dbname": "PGDATABASE", "user": "PGUSER", "password": "PGPASSWORD"}
    environment = os.environ | {names[key]: str(value) for key, value in parts.items() if key in names}
    loaded = subprocess.run(psql, input=dump, text=True, env=environment, stderr=subprocess.PIPE, check=False)
    if loaded.returncode != 0:
        raise Error(loaded.stderr.strip())


def script(connection, sql):
    if ENGINE == "postgres":
        connection.execute(sql)
    else:
        connection.executescript(f"BEGIN;\n{sql}\nCOMMIT;")
