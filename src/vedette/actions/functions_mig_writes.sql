-- Through MIG's views investigators may be written, as MIG's documentation has it, and nothing else: an order is what
-- people signed, and whom agents obey stands in the trust bundle.

CREATE OR REPLACE FUNCTION actions.add_mig_investigator() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
BEGIN
    PERFORM actions.hold_mig_investigator(NEW);
    INSERT INTO actions.investigator (id, name, fingerprint, public_key, status, permissions)
    VALUES (
        coalesce(NEW.id, nextval('actions.investigator_id_seq')),
        NEW.name,
        -- As the keys themselves give it; a fingerprint of OpenSSH (SHA256:…) is not to be bent.
        CASE WHEN NEW.pgpfingerprint ~ '^[0-9A-Fa-f]+$' THEN upper(NEW.pgpfingerprint) ELSE NEW.pgpfingerprint END,
        NEW.publickey,
        coalesce(NEW.status, 'active'),
        coalesce(NEW.permissions, 63)
    )
    RETURNING id, fingerprint, status, permissions, created_at, changed_at
    INTO NEW.id, NEW.pgpfingerprint, NEW.status, NEW.permissions, NEW.createdat, NEW.lastmodified;
    -- Whoever brings an id of his own must not be in the way of the next one.
    PERFORM setval('actions.investigator_id_seq', greatest(NEW.id::bigint, s.last_value), true)
    FROM actions.investigator_id_seq AS s
    WHERE NEW.id >= s.last_value;
    INSERT INTO access.audit (actor, source, action, object)
    VALUES (session_user, 'sql', 'investigator.add', 'investigator:' || NEW.id);
    RETURN NEW;
END
$$;

CREATE OR REPLACE FUNCTION actions.change_mig_investigator() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
BEGIN
    PERFORM actions.hold_mig_investigator(NEW);
    IF NEW.id IS DISTINCT FROM OLD.id OR NEW.pgpfingerprint IS DISTINCT FROM OLD.pgpfingerprint THEN
        RAISE EXCEPTION 'an investigator''s id and fingerprint do not change'
            USING ERRCODE = 'object_not_in_prerequisite_state', HINT = 'add another investigator';
    END IF;
    IF (NEW.name, NEW.publickey, NEW.status) IS DISTINCT FROM (OLD.name, OLD.publickey, OLD.status)
        AND EXISTS (SELECT FROM actions.investigator WHERE id = OLD.id AND in_bundle)
    THEN
        RAISE EXCEPTION 'investigator % stands in the trust bundle, which alone says who he is', OLD.name
            USING ERRCODE = 'object_not_in_prerequisite_state',
                HINT = 'change the bundle, let its roots sign it: vedette trust';
    END IF;
    UPDATE actions.investigator
    SET name = NEW.name,
        public_key = NEW.publickey,
        status = NEW.status,
        permissions = NEW.permissions,
        changed_at = now()
    WHERE id = OLD.id
    RETURNING changed_at INTO NEW.lastmodified;
    INSERT INTO access.audit (actor, source, action, object)
    VALUES (session_user, 'sql', 'investigator.change', 'investigator:' || OLD.id);
    RETURN NEW;
END
$$;

CREATE OR REPLACE FUNCTION actions.hold_mig_investigator(one mig.investigators) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
    IF one.privatekey IS NOT NULL OR one.apikey IS NOT NULL OR one.apisalt IS NOT NULL THEN
        RAISE EXCEPTION 'privatekey, apikey and apisalt are not kept here'
            USING ERRCODE = 'object_not_in_prerequisite_state', HINT = 'secret keys stay with their owners';
    END IF;
    -- Whatever else were put here would stand among the keys that signatures are tried with.
    IF one.publickey !~ '^\s*(-----BEGIN PGP PUBLIC KEY BLOCK-----|ssh-|ecdsa-|sk-)' THEN
        RAISE EXCEPTION 'publickey is no armoured OpenPGP key and no line of OpenSSH''s'
            USING ERRCODE = 'check_violation', HINT = 'gpg --armor --export FINGERPRINT';
    END IF;
END
$$;

CREATE OR REPLACE FUNCTION actions.refuse_mig_write() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
    RAISE EXCEPTION 'mig.% cannot be written: %', TG_TABLE_NAME, TG_ARGV[0]
        USING ERRCODE = 'object_not_in_prerequisite_state', HINT = TG_ARGV[1];
END
$$;

CREATE OR REPLACE TRIGGER add INSTEAD OF INSERT ON mig.investigators
FOR EACH ROW EXECUTE FUNCTION actions.add_mig_investigator();
CREATE OR REPLACE TRIGGER change INSTEAD OF UPDATE ON mig.investigators
FOR EACH ROW EXECUTE FUNCTION actions.change_mig_investigator();
CREATE OR REPLACE TRIGGER refuse INSTEAD OF DELETE ON mig.investigators
FOR EACH ROW EXECUTE FUNCTION actions.refuse_mig_write(
    'what an investigator signed stays', 'UPDATE investigators SET status = ''disabled'''
);
CREATE OR REPLACE TRIGGER refuse INSTEAD OF INSERT OR UPDATE OR DELETE ON mig.actions
FOR EACH ROW EXECUTE FUNCTION actions.refuse_mig_write(
    'an action is what people signed', 'hand it in: vedette act send, or the spool'
);
CREATE OR REPLACE TRIGGER refuse INSTEAD OF INSERT OR UPDATE OR DELETE ON mig.agents
FOR EACH ROW EXECUTE FUNCTION actions.refuse_mig_write(
    'agents enrol with keys of their own', 'vedette agents token, vedette agents retire'
);
CREATE OR REPLACE TRIGGER refuse INSTEAD OF INSERT OR UPDATE OR DELETE ON mig.commands
FOR EACH ROW EXECUTE FUNCTION actions.refuse_mig_write(
    'commands follow from actions', 'vedette act send, vedette act cancel'
);
CREATE OR REPLACE TRIGGER refuse INSTEAD OF INSERT OR UPDATE OR DELETE ON mig.signatures
FOR EACH ROW EXECUTE FUNCTION actions.refuse_mig_write(
    'a signature is verified when it is handed in', 'vedette act sign'
);
CREATE OR REPLACE TRIGGER refuse INSTEAD OF INSERT OR UPDATE OR DELETE ON mig.modules
FOR EACH ROW EXECUTE FUNCTION actions.refuse_mig_write(
    'they are what agents announce', 'start an agent that has the module'
);
CREATE OR REPLACE TRIGGER refuse INSTEAD OF INSERT OR UPDATE OR DELETE ON mig.agtmodreq
FOR EACH ROW EXECUTE FUNCTION actions.refuse_mig_write(
    'it shows the trust bundle', 'change the bundle, let its roots sign it: vedette trust'
);
CREATE OR REPLACE TRIGGER refuse INSTEAD OF INSERT OR UPDATE OR DELETE ON mig.invagtmodperm
FOR EACH ROW EXECUTE FUNCTION actions.refuse_mig_write(
    'it shows the trust bundle', 'change the bundle, let its roots sign it: vedette trust'
);
CREATE OR REPLACE TRIGGER refuse INSTEAD OF INSERT OR UPDATE OR DELETE ON mig.agents_stats
FOR EACH ROW EXECUTE FUNCTION actions.refuse_mig_write('it is counted when asked', '');
