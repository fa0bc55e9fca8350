#!/bin/sh
# Make Vedette's database, roles and rights on a PostgreSQL of yours, with psql alone: what
# `vedette db create --admin-url URL` does. Safe to repeat: a role that exists keeps its password.
#
#   deploy/createdb.sh postgresql://admin@host/postgres [DATABASE]
#
# It prints the URLs to use. Afterwards: VEDETTE_DATABASE_URL=<URL of vedette_owner> vedette db upgrade
set -eu

admin=${1:?usage: createdb.sh ADMIN_URL [DATABASE]}
database=${2:-vedette}
case $database in
*[!a-z0-9_]*) echo "createdb.sh: a database is called by a-z, 0-9 and _" >&2; exit 2 ;;
esac

ask() { psql --no-psqlrc --quiet --tuples-only --no-align --set=ON_ERROR_STOP=1 --dbname="$admin" "$@"; }

if [ "$(ask -c 'SHOW server_version_num')" -lt 150000 ]; then
    echo "createdb.sh: Vedette needs PostgreSQL 15 or newer" >&2
    exit 8
fi

word() { od -An -N24 -tx1 /dev/urandom | tr -d ' \n'; }

# Where the database is, for the URLs; libpq knows it better than a pattern over the admin's URL.
where=$(ask <<'SQL'
\echo :HOST :PORT
SQL
)
host=${where% *}
port=${where#* }
case $host in
/*) printf_url() { printf 'postgresql://%s@/%s?host=%s&port=%s\n' "$1" "$database" "$host" "$port"; } ;;
*) printf_url() { printf 'postgresql://%s@%s:%s/%s\n' "$1" "$host" "$port" "$database"; } ;;
esac

ask -c "SELECT 1 FROM pg_roles WHERE rolname = 'vedette_reader'" | grep -q 1 ||
    ask -c 'CREATE ROLE vedette_reader NOLOGIN'

for role in vedette_owner vedette_app vedette_grafana; do
    if ask -c "SELECT 1 FROM pg_roles WHERE rolname = '$role'" | grep -q 1; then
        printf '%s: ' "$role"
        printf_url "$role"
        continue
    fi
    password=$(word)
    # By standard input: a command line can be read by everybody on this machine.
    printf "SET password_encryption = 'scram-sha-256';\nCREATE ROLE %s LOGIN PASSWORD '%s';\n" \
        "$role" "$password" | ask
    printf '%s: ' "$role"
    printf_url "$role:$password"
done

ask <<'SQL'
GRANT vedette_owner TO CURRENT_USER;
GRANT vedette_reader TO vedette_owner;
ALTER ROLE vedette_grafana SET default_transaction_read_only = on;
ALTER ROLE vedette_grafana SET statement_timeout = '30s';
ALTER ROLE vedette_grafana SET search_path = grafana;
ALTER ROLE vedette_grafana SET timezone = 'UTC';
SQL

ask -c "SELECT 1 FROM pg_database WHERE datname = '$database'" | grep -q 1 ||
    ask -c "CREATE DATABASE $database OWNER vedette_owner ENCODING 'UTF8' TEMPLATE template0"

# \connect changes nothing but the database, whatever shape the admin's URL has.
ask --set=database="$database" <<'SQL'
\connect :"database"
REVOKE ALL ON DATABASE :"database" FROM PUBLIC;
GRANT CONNECT ON DATABASE :"database" TO vedette_app, vedette_grafana;
REVOKE USAGE ON LANGUAGE plpgsql FROM PUBLIC;
GRANT USAGE ON LANGUAGE plpgsql TO vedette_owner;
REVOKE ALL ON SCHEMA public FROM PUBLIC;
DO $$
DECLARE
    harmful regprocedure;
BEGIN
    FOR harmful IN
        SELECT oid
        FROM pg_proc
        WHERE pronamespace = 'pg_catalog'::regnamespace
          AND proname ~ '^(pg_(try_)?advisory_|lo_|lowrite)'
    LOOP
        EXECUTE format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC', harmful);
        EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO vedette_owner, vedette_app', harmful);
    END LOOP;
EXCEPTION
    WHEN insufficient_privilege THEN NULL;
END
$$;
SQL
