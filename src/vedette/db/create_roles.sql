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
