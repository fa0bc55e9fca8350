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
