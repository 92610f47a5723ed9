#!/usr/bin/env python3
"""Runs the back end of examples/nuxt-laravel against MySQL, as on RDS: by Laravel's names, over TLS that is verified, and no other way.

    scripts/test_mysql_example.py     needs MariaDB's server (Debian: mariadb-server), openssl, and .ci/requirements-blueprints.txt

On a machine the example uses SQLite, so nothing else runs this side of it. MariaDB stands in for RDS for MySQL.
"""

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

import pymysql

BACK = Path(__file__).resolve().parent.parent / "examples" / "nuxt-laravel" / "back"
# An anonymous user of localhost would come before the application's.
SET_UP = """DELETE FROM mysql.global_priv WHERE User = '';
FLUSH PRIVILEGES;
CREATE DATABASE shop;
CREATE USER laravel IDENTIFIED BY 'not-a-secret';
GRANT ALL ON shop.* TO laravel;
"""


@unittest.skipUnless(shutil.which("mariadbd") or os.environ.get("CI"), "MariaDB is not installed (Debian: apt-get install mariadb-server)")
class Back(unittest.TestCase):
    folder: Path
    port: int

    @classmethod
    def setUpClass(cls) -> None:
        cls.folder = Path(cls.enterClassContext(tempfile.TemporaryDirectory()))
        cls.folder.chmod(0o755)
        cls.certificate("authority")
        data, start = cls.folder / "data", cls.folder / "set-up.sql"
        data.mkdir()
        start.write_text(SET_UP, encoding="utf-8")
        cls.certificate("server")
        # It refuses to run as root.
        user = ["--user=mysql"] if os.geteuid() == 0 else []
        if user:
            for path in (data, cls.folder / "server.key"):
                shutil.chown(path, "mysql", "mysql")
        cls.quiet("mariadb-install-db", "--no-defaults", *user, f"--datadir={data}", "--auth-root-authentication-method=normal")
        with socket.create_server(("127.0.0.1", 0)) as free:
            cls.port = free.getsockname()[1]
        with (cls.folder / "log").open("wb") as log:
            server = subprocess.Popen(
                [
                    "mariadbd", "--no-defaults", *user, f"--datadir={data}", f"--socket={data}/socket", "--bind-address=127.0.0.1",
                    f"--port={cls.port}", f"--ssl-cert={cls.folder}/server.pem", f"--ssl-key={cls.folder}/server.key",
                    "--require-secure-transport=ON", f"--init-file={start}",
                ],
                stdout=log,
                stderr=log,
            )  # fmt: skip
        cls.addClassCleanup(server.wait)
        cls.addClassCleanup(server.terminate)
        while server.poll() is None:
            try:
                pymysql.connect(
                    host="127.0.0.1", port=cls.port, user="laravel", password="not-a-secret", ssl_verify_cert=False, ssl={}
                ).close()
            except pymysql.MySQLError:
                time.sleep(0.1)
            else:
                return
        raise AssertionError((cls.folder / "log").read_text(encoding="utf-8"))

    @classmethod
    def quiet(cls, *command: str) -> None:
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        if done.returncode:
            raise AssertionError(f"{command[0]}: {done.stdout}{done.stderr}")

    @classmethod
    def certificate(cls, name: str) -> None:
        """A certificate of localhost that only itself vouches for."""
        files = ("-keyout", str(cls.folder / f"{name}.key"), "-out", str(cls.folder / f"{name}.pem"))
        kind = ("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2")
        cls.quiet("openssl", *kind, "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", *files)

    def run_back(self, *arguments: str, trusts: str = "server", host: str = "localhost") -> subprocess.CompletedProcess[str]:
        environment = {
            "PATH": os.environ["PATH"],
            "DB_CONNECTION": "mysql",
            "DB_HOST": host,
            "DB_PORT": str(self.port),
            "DB_DATABASE": "shop",
            "DB_USERNAME": "laravel",
            "DB_PASSWORD": "not-a-secret",
            "MYSQL_ATTR_SSL_CA": str(self.folder / f"{trusts}.pem"),
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        return subprocess.run([sys.executable, *arguments], check=False, cwd=BACK, env=environment, capture_output=True, text=True)

    def test_migrations_ticks_and_status_by_the_names_of_laravel(self) -> None:
        for expected in ("migration 001_jobs_and_ticks.sql is done", "the database has the schema of release 1"):
            migrated = self.run_back("app.py", "migrate")
            self.assertEqual(migrated.returncode, 0, migrated.stderr)
            self.assertIn(expected, migrated.stdout)
        ticked = self.run_back("app.py", "tick")
        self.assertEqual(ticked.returncode, 0, ticked.stderr)
        asked = self.run_back("-c", "import app, json; print(json.dumps(app.status()))")
        status = json.loads(asked.stdout)
        self.assertEqual((status["database"], status["ticks"], status["jobs done"]), ("answered", 1, 0), asked.stderr)

    def test_a_server_that_is_not_known_gets_no_password(self) -> None:
        for trusts, host in (("authority", "localhost"), ("server", "127.0.0.1")):
            ticked = self.run_back("app.py", "tick", trusts=trusts, host=host)
            self.assertEqual(ticked.returncode, 1, ticked.stdout)
            self.assertIn("certificate verify failed", ticked.stderr)


if __name__ == "__main__":
    unittest.main()
