# Loads a dump from S3 into the database of the stack: all of it, or nothing (of MySQL, up to the first error).
# Arguments: bucket, key, postgres or mysql, and the names of the variables with host, port, database, user and password.
set -eu

fail() { echo "load-dump: $2" >&2; exit "$1"; }
need() { command -v "$1" >/dev/null 2>&1 || fail 69 "the image has no $1: add it to the image and release again"; }

bucket=$1 key=$2 engine=$3
host=$(printenv "$4") || fail 78 "the variable $4 is not set"
port=$(printenv "$5") || fail 78 "the variable $5 is not set"
name=$(printenv "$6") || fail 78 "the variable $6 is not set"
user=$(printenv "$7") || fail 78 "the variable $7 is not set"
password=$(printenv "$8") || fail 78 "the variable $8 is not set"

need aws
case $engine:$key in
  mysql:*) need mysql ;;
  *.dump) need pg_restore ;;
  *) need psql; need awk ;;
esac
case $key in *.gz) need gunzip ;; esac

aws s3api head-object --bucket "$bucket" --key "$key" >/dev/null ||
  fail 66 "there is no dump s3://$bucket/$key that this task may read: upload it, then run the task again"

dump=$(mktemp -d)
trap 'rm -rf "$dump"' EXIT
aws s3 cp --only-show-errors "s3://$bucket/$key" "$dump/in" || fail 74 "s3://$bucket/$key could not be fetched"
case $key in *.gz) mv "$dump/in" "$dump/in.gz"; gunzip "$dump/in.gz" || fail 65 "$key is not what gzip writes" ;; esac
[ -s "$dump/in" ] || fail 65 "s3://$bucket/$key is empty"

export PGHOST="$host" PGPORT="$port" PGDATABASE="$name" PGUSER="$user" PGPASSWORD="$password" PGSSLMODE=require
case $engine:$key in
  # Two programs have this name, and each its own word for TLS.
  mysql:*)
    case $(mysql --version) in *MariaDB*) tls=--ssl ;; *) tls=--ssl-mode=REQUIRED ;; esac
    MYSQL_PWD=$password mysql "$tls" --host="$host" --port="$port" --user="$user" "$name" <"$dump/in" ;;
  *.dump) pg_restore --exit-on-error --single-transaction --no-owner --no-privileges --dbname="$name" "$dump/in" ;;
  # A dump names the owners that its tables had, and who might use them, where it was made. Here everything is the stack's user's.
  # What stands between COPY and \. are rows, whatever they look like.
  *)
    awk '
      /^COPY .* FROM stdin;$/ { rows = 1 }
      rows { print; if ($0 == "\\.") rows = 0; next }
      /^ALTER [A-Z ]+ .* OWNER TO .*;$/ { next }
      /^(GRANT|REVOKE) .* ON .* (TO|FROM) .*;$/ { next }
      /^ALTER DEFAULT PRIVILEGES .*;$/ { next }
      { print }
    ' "$dump/in" >"$dump/own" || fail 65 "$key could not be read"
    psql --no-psqlrc --quiet --set=ON_ERROR_STOP=1 --single-transaction --file="$dump/own" ;;
esac || fail 70 "the database refused the dump: its message is above"

echo "load-dump: s3://$bucket/$key is loaded"
