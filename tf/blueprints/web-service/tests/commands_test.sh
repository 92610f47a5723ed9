#!/bin/sh
# The commands of scripts/ with programs that only say what they were called with: each failure has its exit code and its reason, no
# password is in an argument, and what comes from outside stays an argument.
set -eu

scripts=$(cd "$(dirname "$0")/../scripts" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# A folder of programs for each case: what is not in it, the image does not have.
image() {
    rm -rf "$work/bin" "$work/called" && mkdir "$work/bin"
    for tool in sh awk cat date gunzip gzip mktemp mv printenv rm touch; do ln -s "$(command -v "$tool")" "$work/bin/$tool"; done
    for tool in "$@"; do
        printf '#!/bin/sh\necho "%s $*" >>"%s/called"\n' "$tool" "$work" >"$work/bin/$tool"
        chmod +x "$work/bin/$tool"
    done
}

# What an otherwise silent program does: `does NAME COMMANDS`.
does() { printf '%s\n' "$2" >>"$work/bin/$1"; }

# Runs a script with arguments and expects an exit code and a text in what it says.
expect() {
    code=$1 text=$2 script=$3
    shift 3
    got=0
    said=$(env -i PATH="$work/bin" TMPDIR="$work" HOST=db PORT=5432 NAME=app USER_NAME=ada PASSWORD='s3cret $(touch x)' APP_USER=app_rw APP_PASSWORD=s3cret0 \
        "$work/bin/sh" -c "$(cat "$scripts/$script")" "$script" "$@" 2>&1) || got=$?
    case $said in *"$text"*) ;; *) echo "$script said '$said', not '$text'" >&2; exit 1 ;; esac
    [ "$got" = "$code" ] || { echo "$script ended with $got, not $code: $said" >&2; exit 1; }
    if grep -q s3cret "$work/called" 2>/dev/null; then echo "$script has the password in an argument" >&2; exit 1; fi
}
called() { grep -qF -- "$1" "$work/called" || { echo "nothing was called with '$1': $(cat "$work/called")" >&2; exit 1; }; }
names="HOST PORT NAME USER_NAME PASSWORD"
# `aws s3 cp FROM TO` is called with --only-show-errors before them.
fetch='[ "$2" != cp ] || printf "select 1;" >"$5"'

image psql
expect 69 "has no aws" load_dump.sh files first.sql postgres $names
image aws
expect 69 "has no psql" load_dump.sh files first.sql postgres $names
expect 69 "has no pg_restore" load_dump.sh files first.dump postgres $names
expect 69 "has no mysql" load_dump.sh files first.sql mysql $names
image aws psql
expect 78 "MISSING is not set" load_dump.sh files first.sql postgres HOST PORT NAME USER_NAME MISSING

does aws '[ "$2" != head-object ] || exit 254'
expect 66 "no dump s3://files/first.sql" load_dump.sh files first.sql postgres $names

image aws psql
does aws '[ "$2" != cp ] || exit 1'
expect 74 "could not be fetched" load_dump.sh files first.sql postgres $names
image aws psql
does aws '[ "$2" != cp ] || touch "$5"'
expect 65 "is empty" load_dump.sh files first.sql postgres $names
image aws psql
does aws "$fetch"
expect 65 "not what gzip writes" load_dump.sh files first.sql.gz postgres $names
does psql 'exit 3'
expect 70 "refused the dump" load_dump.sh files first.sql postgres $names

image aws psql
does aws '[ "$2" != cp ] || { printf "select 1;" >"$5" && gzip <"$5" >"$5.z" && mv "$5.z" "$5"; }'
does psql '[ "$PGHOST $PGPORT $PGDATABASE $PGUSER $PGSSLMODE" = "db 5432 app ada require" ] && [ -n "$PGPASSWORD" ]'
expect 0 "is loaded" load_dump.sh files 'odd$(touch x).sql.gz' postgres $names
called '--single-transaction'
called 's3://files/odd$(touch x).sql.gz'
[ ! -e x ] || { echo "an argument was run" >&2; exit 1; }

# The owners of a dump are those of another database; its rows are not statements.
owners='ALTER TABLE public.prices OWNER TO postgres;
GRANT SELECT ON TABLE public.prices TO readers;
ALTER TABLE ONLY public.prices ADD CONSTRAINT one CHECK (true);
COPY public.notes (text) FROM stdin;
GRANT ALL ON TABLE x TO y;
\.
REVOKE ALL ON SCHEMA public FROM PUBLIC;'
printf '%s\n' "$owners" >"$work/owners.sql"
image aws psql
does aws "[ \"\$2\" != cp ] || cat \"$work/owners.sql\" >\"\$5\""
does psql "for part; do case \$part in --file=*) cat \"\${part#--file=}\" >>\"$work/called\" ;; esac; done"
expect 0 "is loaded" load_dump.sh files owners.sql postgres $names
called 'ADD CONSTRAINT one'
called 'GRANT ALL ON TABLE x TO y;'
if grep -qE 'OWNER TO|TO readers|REVOKE' "$work/called"; then echo "the dump's owners are asked for: $(cat "$work/called")" >&2; exit 1; fi

image aws pg_restore
does aws "$fetch"
expect 0 "is loaded" load_dump.sh files first.dump postgres $names
called '--exit-on-error'

for client in "MySQL --ssl-mode=REQUIRED" "MariaDB --ssl "; do
    image aws mysql
    does aws "$fetch"
    does mysql "[ \"\$1\" = --version ] && echo \"mysql from ${client%% *}\" || cat >/dev/null"
    expect 0 "is loaded" load_dump.sh files first.sql mysql $names
    called "mysql ${client#* }"
done

image
expect 69 "has no aws" copy_files.sh files backups
image aws
does aws 'exit 1'
expect 74 "is not whole" copy_files.sh files backups
image aws
expect 0 "is copied to s3://backups/20" copy_files.sh files backups
called 's3 sync --only-show-errors s3://files s3://backups/20'

users="HOST PORT NAME USER_NAME PASSWORD APP_USER"
image
expect 69 "has no psql" application_user.sh postgres $users APP_PASSWORD
expect 69 "has no mysql" application_user.sh mysql $users APP_PASSWORD
image psql
expect 78 "MISSING is not set" application_user.sh postgres $users MISSING
# What is written into a statement is a word.
expect 78 "other characters" application_user.sh postgres $users PASSWORD
does psql 'exit 3'
expect 70 "the database refused" application_user.sh postgres $users APP_PASSWORD

image psql
does psql '[ "$PGHOST $PGPORT $PGDATABASE $PGUSER $PGSSLMODE" = "db 5432 app ada require" ]'
does psql "cat >\"$work/statements\""
expect 0 "app_rw may read and write" application_user.sh postgres $users APP_PASSWORD
called '--single-transaction'
for said in 'CREATE ROLE "app_rw"' "PASSWORD 's3cret0'" 'ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO "app_rw"'; do
    grep -qF -- "$said" "$work/statements" || { echo "psql did not get $said" >&2; exit 1; }
done
if grep -qE 'SUPERUSER|OWNER|CREATEDB' "$work/statements"; then echo "the user may change the schema" >&2; exit 1; fi

for client in "MySQL --ssl-mode=REQUIRED" "MariaDB --ssl "; do
    image mysql
    does mysql "[ \"\$1\" = --version ] && echo \"mysql from ${client%% *}\" || cat >\"$work/statements\""
    expect 0 "app_rw may read and write" application_user.sh mysql $users APP_PASSWORD
    called "mysql ${client#* }"
    grep -qF "GRANT SELECT, INSERT, UPDATE, DELETE" "$work/statements" && grep -qF "REQUIRE SSL" "$work/statements"
done

echo "the commands of web-service do and say what they should"
