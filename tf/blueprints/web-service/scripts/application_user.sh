# Makes the application's user of the database, gives it today's password, and lets it read and write rows, also those of tables to come.
# Runs before every migration: the second time changes the password alone.
# Arguments: postgres or mysql, and the names of the variables with host, port, database, owner, the owner's password, user and password.
set -eu

fail() { echo "application-user: $2" >&2; exit "$1"; }
need() { command -v "$1" >/dev/null 2>&1 || fail 69 "the image has no $1: add it to the image and release again"; }

engine=$1
host=$(printenv "$2") || fail 78 "the variable $2 is not set"
port=$(printenv "$3") || fail 78 "the variable $3 is not set"
name=$(printenv "$4") || fail 78 "the variable $4 is not set"
owner=$(printenv "$5") || fail 78 "the variable $5 is not set"
owner_password=$(printenv "$6") || fail 78 "the variable $6 is not set"
user=$(printenv "$7") || fail 78 "the variable $7 is not set"
password=$(printenv "$8") || fail 78 "the variable $8 is not set"

# Names and passwords are letters, digits and underscores: what is written into a statement is what it looks like.
case $user$password$name in *[!A-Za-z0-9_]*) fail 78 "a name or the password has other characters than letters, digits and _" ;; esac

case $engine in
  mysql)
    need mysql
    case $(mysql --version) in *MariaDB*) tls=--ssl ;; *) tls=--ssl-mode=REQUIRED ;; esac
    MYSQL_PWD=$owner_password mysql "$tls" --host="$host" --port="$port" --user="$owner" "$name" <<SQL
CREATE USER IF NOT EXISTS '$user'@'%' IDENTIFIED BY '$password' REQUIRE SSL;
ALTER USER '$user'@'%' IDENTIFIED BY '$password' REQUIRE SSL;
GRANT SELECT, INSERT, UPDATE, DELETE, EXECUTE, SHOW VIEW, CREATE TEMPORARY TABLES ON \`$name\`.* TO '$user'@'%';
SQL
    ;;
  *)
    need psql
    export PGHOST="$host" PGPORT="$port" PGDATABASE="$name" PGUSER="$owner" PGPASSWORD="$owner_password" PGSSLMODE="${PGSSLMODE:-require}"
    psql --no-psqlrc --quiet --set=ON_ERROR_STOP=1 --single-transaction <<SQL
DO \$\$ BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '$user') THEN CREATE ROLE "$user"; END IF;
END \$\$;
ALTER ROLE "$user" LOGIN PASSWORD '$password';
GRANT CONNECT, TEMPORARY ON DATABASE "$name" TO "$user";
GRANT USAGE ON SCHEMA public TO "$user";
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO "$user";
GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO "$user";
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO "$user";
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT USAGE, SELECT ON SEQUENCES TO "$user";
SQL
    ;;
esac || fail 70 "the database refused: its message is above"

echo "application-user: $user may read and write rows"
