-- Who may do what inside the database. Run by the owner after every upgrade, as a whole.
-- Roles themselves are made by an administrator: create_roles.sql.

-- Nobody runs a function because it exists.
ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
ALTER DEFAULT PRIVILEGES REVOKE USAGE ON TYPES FROM PUBLIC;

DO $$
DECLARE
    room text;
BEGIN
    FOR room IN
        SELECT nspname
        FROM pg_namespace
        WHERE nspname !~ '^pg_' AND nspname NOT IN ('information_schema', 'public')
          AND pg_has_role(nspowner, 'USAGE')
    LOOP
        EXECUTE format('REVOKE ALL ON SCHEMA %I FROM PUBLIC', room);
        EXECUTE format('REVOKE ALL ON ALL ROUTINES IN SCHEMA %I FROM PUBLIC', room);
        CONTINUE WHEN room = 'grafana';

        EXECUTE format('GRANT USAGE ON SCHEMA %I TO vedette_app', room);
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA %I TO vedette_app', room);
        EXECUTE format('GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA %I TO vedette_app', room);
        EXECUTE format('GRANT EXECUTE ON ALL ROUTINES IN SCHEMA %I TO vedette_app', room);
        EXECUTE format('ALTER DEFAULT PRIVILEGES IN SCHEMA %I GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO vedette_app', room);
        EXECUTE format('ALTER DEFAULT PRIVILEGES IN SCHEMA %I GRANT USAGE, SELECT ON SEQUENCES TO vedette_app', room);
        EXECUTE format('ALTER DEFAULT PRIVILEGES IN SCHEMA %I GRANT EXECUTE ON ROUTINES TO vedette_app', room);

        -- Secrets, token digests and the audit log are nothing for a dashboard.
        CONTINUE WHEN room IN ('access', 'vedette');
        EXECUTE format('GRANT USAGE ON SCHEMA %I TO vedette_reader', room);
        EXECUTE format('GRANT SELECT ON ALL TABLES IN SCHEMA %I TO vedette_reader', room);
        EXECUTE format('ALTER DEFAULT PRIVILEGES IN SCHEMA %I GRANT SELECT ON TABLES TO vedette_reader', room);
    END LOOP;
END
$$;

-- Recording stages each commit's latest reports in a temporary table (health/writes.sql).
DO $$
BEGIN
    EXECUTE format('GRANT TEMPORARY ON DATABASE %I TO vedette_app', current_database());
END
$$;

-- Nor are people's addresses.
REVOKE SELECT ON incidents.recipient FROM vedette_reader;
-- Nor what keys of MIG's clients and loaders are known by.
REVOKE SELECT ON actions.token_nonce, actions.api_key, actions.loader FROM vedette_reader;

-- What was done stays written: the application adds to the audit log and reads it, nothing else.
REVOKE UPDATE, DELETE ON access.audit FROM vedette_app;
-- The history of the tables is the owner's.
REVOKE INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA vedette FROM vedette_app;

-- The door for dashboards: its functions run with the rights of a role that can only SELECT.
GRANT USAGE ON SCHEMA grafana TO vedette_grafana, vedette_app, vedette_reader;
-- What they call in the rooms may read and nothing else.
DO $$
DECLARE
    thing record;
BEGIN
    FOR thing IN
        SELECT p.oid::regprocedure AS signature
        FROM pg_proc AS p
        WHERE p.pronamespace IN (
                SELECT oid FROM pg_namespace
                WHERE has_schema_privilege('vedette_reader', oid, 'USAGE')
                  AND nspname !~ '^pg_' AND nspname NOT IN ('information_schema', 'public', 'grafana')
            )
          AND NOT p.prosecdef
          AND p.provolatile IN ('i', 's')
    LOOP
        EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO vedette_reader', thing.signature);
    END LOOP;
END
$$;
GRANT CREATE ON SCHEMA grafana TO vedette_reader; -- for the change of ownership alone, see below
DO $$
DECLARE
    thing record;
BEGIN
    FOR thing IN
        SELECT p.oid::regprocedure AS signature
        FROM pg_proc AS p
        WHERE p.pronamespace = 'grafana'::regnamespace
          AND p.proowner <> 'vedette_reader'::regrole
    LOOP
        EXECUTE format('ALTER ROUTINE %s OWNER TO vedette_reader', thing.signature);
    END LOOP;
    FOR thing IN
        SELECT c.oid::regclass AS name
        FROM pg_class AS c
        WHERE c.relnamespace = 'grafana'::regnamespace
          AND c.relkind = 'v'
          AND c.relowner <> 'vedette_reader'::regrole
    LOOP
        EXECUTE format('ALTER VIEW %s OWNER TO vedette_reader', thing.name);
    END LOOP;
END
$$;
REVOKE CREATE ON SCHEMA grafana FROM vedette_reader;
GRANT EXECUTE ON ALL ROUTINES IN SCHEMA grafana TO vedette_grafana, vedette_app;
GRANT SELECT ON ALL TABLES IN SCHEMA grafana TO vedette_grafana, vedette_app;

-- The door for who knows MIG's tables: reading them all, writing investigators. What else is written is refused by
-- the views' triggers, which say what to do instead. A server made ready before there was this role gets both from
-- `vedette db create`, run again.
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'vedette_mig') THEN
        GRANT USAGE ON SCHEMA mig TO vedette_mig;
        GRANT EXECUTE ON ALL ROUTINES IN SCHEMA mig TO vedette_mig;
        GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA mig TO vedette_mig;
    END IF;
END
$$;
