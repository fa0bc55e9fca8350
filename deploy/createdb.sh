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

known=$(ask -c "SELECT rolname FROM pg_roles WHERE rolname ~ '^vedette_'")

ask <<'SQL'
-- src/vedette/db/create_roles.sql
-- The roles, made by an administrator on the server; passwords are set apart. Repeating changes nothing.
-- With create_inside.sql the one source of db/create.py and deploy/createdb.sh.
DO $$
DECLARE
    role text;
BEGIN
    FOREACH role IN ARRAY ARRAY['vedette_owner', 'vedette_app', 'vedette_grafana', 'vedette_mig', 'vedette_reader'] LOOP
        BEGIN
            EXECUTE format('CREATE ROLE %I %s', role, CASE role WHEN 'vedette_reader' THEN 'NOLOGIN' ELSE 'LOGIN' END);
        EXCEPTION
            WHEN duplicate_object OR unique_violation THEN NULL;
        END;
    END LOOP;
END
$$;
-- A managed server's administrator is no superuser: it must belong to whom it makes owner.
GRANT vedette_owner TO CURRENT_USER;
-- The owner hands the functions of `grafana` to the reader, so it must belong to it.
GRANT vedette_reader TO vedette_owner;
ALTER ROLE vedette_grafana SET default_transaction_read_only = on;
ALTER ROLE vedette_grafana SET statement_timeout = '30s';
ALTER ROLE vedette_grafana SET search_path = grafana;
ALTER ROLE vedette_grafana SET timezone = 'UTC';
ALTER ROLE vedette_mig SET statement_timeout = '30s';
ALTER ROLE vedette_mig SET search_path = mig;
ALTER ROLE vedette_mig SET timezone = 'UTC';
SQL

for role in vedette_owner vedette_app vedette_grafana vedette_mig; do
    if printf '%s\n' "$known" | grep -qx "$role"; then
        printf '%s: ' "$role"
        printf_url "$role"
        continue
    fi
    password=$(word)
    # By standard input: a command line can be read by everybody on this machine.
    printf "SET password_encryption = 'scram-sha-256';\nALTER ROLE %s PASSWORD '%s';\n" "$role" "$password" | ask
    printf '%s: ' "$role"
    printf_url "$role:$password"
done

ask -c "SELECT 1 FROM pg_database WHERE datname = '$database'" | grep -q 1 ||
    ask -c "CREATE DATABASE $database OWNER vedette_owner ENCODING 'UTF8' TEMPLATE template0"

# \connect changes nothing but the database, whatever shape the admin's URL has.
{
    printf '\\connect "%s"\n' "$database"
    cat <<'SQL'
-- src/vedette/db/create_inside.sql
-- Rights inside the new database, given by an administrator. Repeating changes nothing.
-- What the owner may do alone is in roles.sql, applied after every upgrade.
DO $$
BEGIN
    EXECUTE format('REVOKE ALL ON DATABASE %I FROM PUBLIC', current_database());
    EXECUTE format('GRANT CONNECT ON DATABASE %I TO vedette_app, vedette_grafana, vedette_mig', current_database());
END
$$;
REVOKE ALL ON SCHEMA public FROM PUBLIC;
-- As in roles.sql: a database may be older than the role, and its rights were given then.
DO $$
BEGIN
    IF to_regnamespace('mig') IS NOT NULL THEN
        GRANT USAGE ON SCHEMA mig TO vedette_mig;
        GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA mig TO vedette_mig;
    END IF;
END
$$;
-- Taking our locks and filling large objects would be ways to harm; a managed server may not let us.
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
-- Anonymous code blocks are a way to run what the schema `grafana` does not offer. Last: the blocks above are some.
REVOKE USAGE ON LANGUAGE plpgsql FROM PUBLIC;
GRANT USAGE ON LANGUAGE plpgsql TO vedette_owner;
SQL
} | ask
