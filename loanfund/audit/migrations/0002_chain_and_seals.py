"""The chain over audit events and seals, the seals over stored rows, and the trigger that refuses changes.

Bytes. A digest is sha256(record_send(ROW(columns))): PostgreSQL's own binary form of a row, which is injective, has no
locale or time zone in it and is the wire format, so stable between versions.

Order. Events and seals are inserted freely; a deferred trigger links them at commit under one advisory lock, taken last
of all, which is what keeps concurrent transactions from waiting on each other in circles. READ COMMITTED is assumed: in
a higher level the link's number would collide, and the transaction would fail rather than fork the chain.

Plans are kept for a session that may begin on an empty table, so functions that look up by key switch sequential scans
off: a plan made then must still be right a million rows later.
"""

from django.db import migrations

REFUSE_CHANGE = """
CREATE FUNCTION audit_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'Rows of % are written once and never changed or deleted: book a correction instead.', TG_TABLE_NAME
        USING ERRCODE = 'LF006';
END $$;

CREATE FUNCTION audit_append_only(target regclass) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_trigger WHERE tgrelid = target AND tgname = 'audit_append_only') THEN
        EXECUTE format('CREATE TRIGGER audit_append_only BEFORE UPDATE OR DELETE ON %s
                        FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse_change()', target);
    END IF;
END $$;
"""

CHAIN = """
CREATE FUNCTION audit_event_digest(e audit_auditevent) RETURNS bytea LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT sha256(record_send(ROW(e.id, e.at, e."on", e.actor_id, e.actor, e.action, e.object_type, e.object_id,
                                  e.before, e.after, e.reason)))
$$;

CREATE FUNCTION audit_seal_digest(s audit_seal) RETURNS bytea LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT sha256(record_send(ROW(s.id, s."table", s.rows, s.keys, s.digests, s.batch, s.marks)))
$$;

CREATE FUNCTION audit_link(source_ text, ref_ bigint, digest_ bytea) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    last record;
BEGIN
    PERFORM pg_advisory_xact_lock(8314, 1);
    SELECT seq, hash INTO last FROM audit_auditlink ORDER BY seq DESC LIMIT 1;
    INSERT INTO audit_auditlink (seq, source, ref, hash)
    VALUES (coalesce(last.seq, 0) + 1, source_, ref_, sha256(coalesce(last.hash, ''::bytea) || digest_));
END $$;

CREATE FUNCTION audit_link_event() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp SET enable_seqscan = off AS $$
BEGIN
    IF TG_RELID <> 'public.audit_auditevent'::regclass THEN
        RAISE EXCEPTION 'audit_link_event belongs to the audit log alone.' USING ERRCODE = 'LF009';
    END IF;
    PERFORM audit_link('E', NEW.id, audit_event_digest(NEW));
    RETURN NULL;
END $$;

CREATE FUNCTION audit_link_seal() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp SET enable_seqscan = off AS $$
BEGIN
    IF TG_RELID <> 'public.audit_seal'::regclass THEN
        RAISE EXCEPTION 'audit_link_seal belongs to the seals alone.' USING ERRCODE = 'LF009';
    END IF;
    PERFORM audit_link('S', NEW.id, audit_seal_digest(NEW));
    RETURN NULL;
END $$;

CREATE CONSTRAINT TRIGGER audit_event_linked AFTER INSERT ON audit_auditevent
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION audit_link_event();
CREATE CONSTRAINT TRIGGER audit_seal_linked AFTER INSERT ON audit_seal
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION audit_link_seal();
SELECT audit_append_only('audit_auditevent');
SELECT audit_append_only('audit_auditlink');
SELECT audit_append_only('audit_seal');
CREATE INDEX audit_seal_table_id ON audit_seal ("table", id);
CREATE UNIQUE INDEX audit_seal_batch_once ON audit_seal ("table", batch) WHERE batch <> '';

-- Each link is joined to the one before it rather than read in order, so that the work is shared out over processors.
CREATE FUNCTION audit_broken_links() RETURNS TABLE (link bigint, kind text, object bigint, problem text)
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT l.seq, 'E', l.ref,
        CASE WHEN e.id IS NULL THEN 'gone' WHEN l.seq > 1 AND b.seq IS NULL THEN 'gap' ELSE 'changed' END
    FROM audit_auditlink l LEFT JOIN audit_auditlink b ON b.seq = l.seq - 1 LEFT JOIN audit_auditevent e ON e.id = l.ref
    WHERE l.source = 'E' AND (e.id IS NULL OR l.seq > 1 AND b.seq IS NULL
        OR l.hash <> sha256(coalesce(b.hash, ''::bytea) || audit_event_digest(e)))
    UNION ALL
    SELECT l.seq, 'S', l.ref,
        CASE WHEN s.id IS NULL THEN 'gone' WHEN l.seq > 1 AND b.seq IS NULL THEN 'gap' ELSE 'changed' END
    FROM audit_auditlink l LEFT JOIN audit_auditlink b ON b.seq = l.seq - 1 LEFT JOIN audit_seal s ON s.id = l.ref
    WHERE l.source = 'S' AND (s.id IS NULL OR l.seq > 1 AND b.seq IS NULL
        OR l.hash <> sha256(coalesce(b.hash, ''::bytea) || audit_seal_digest(s)))
    UNION ALL
    SELECT NULL, 'E', e.id, 'unlinked' FROM audit_auditevent e
    WHERE NOT EXISTS (SELECT FROM audit_auditlink l WHERE l.source = 'E' AND l.ref = e.id)
    UNION ALL
    SELECT NULL, 'S', s.id, 'unlinked' FROM audit_seal s
    WHERE NOT EXISTS (SELECT FROM audit_auditlink l WHERE l.source = 'S' AND l.ref = s.id)
$$;
"""

SEALS = """
-- The columns of a table in their order, each prefixed with t: what a row's digest covers.
CREATE FUNCTION audit_row_image(columns text[]) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT 'record_send(ROW(' || string_agg(format('t.%I', c), ', ' ORDER BY n) || '))'
    FROM unnest(columns) WITH ORDINALITY u (c, n)
$$;

CREATE FUNCTION audit_row_digest(columns text[]) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT 'sha256(' || audit_row_image(columns) || ')'
$$;

CREATE FUNCTION audit_row_key(key text[]) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT string_agg(format('t.%I::text', c), ' || ''/'' || ' ORDER BY n)
    FROM unnest(key) WITH ORDINALITY u (c, n)
$$;

CREATE FUNCTION audit_row_order(key text[]) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT string_agg(format('t.%I', c), ', ' ORDER BY n) FROM unnest(key) WITH ORDINALITY u (c, n)
$$;

CREATE FUNCTION audit_write_seal_function(name text, columns text[], key text[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format($f$
        CREATE OR REPLACE FUNCTION %1$I() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
        SET search_path = pg_catalog, public, pg_temp SET datestyle = 'ISO, YMD' AS $body$
        BEGIN
            IF TG_RELID <> %2$L::regclass THEN
                RAISE EXCEPTION '%1$s seals one table alone.' USING ERRCODE = 'LF009';
            END IF;
            INSERT INTO audit_seal ("table", batch, rows, keys, digests)
            SELECT %3$L, '', count(*), array_agg(%4$s), array_agg(CASE WHEN TG_OP <> 'DELETE' THEN %5$s END)
            FROM changed t HAVING count(*) > 0;
            RETURN NULL;
        END $body$;
        REVOKE EXECUTE ON FUNCTION %1$I() FROM PUBLIC
    $f$, 'audit_seal_of_' || name, 'public.' || quote_ident(name), name, audit_row_key(key), audit_row_digest(columns));
END $$;

CREATE FUNCTION audit_seal_triggers(target regclass, name text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    op text;
BEGIN
    FOREACH op IN ARRAY ARRAY['INSERT', 'UPDATE', 'DELETE'] LOOP
        CONTINUE WHEN EXISTS (SELECT FROM pg_trigger WHERE tgrelid = target AND tgname = 'audit_seal_' || lower(op));
        EXECUTE format('CREATE TRIGGER %I AFTER %s ON %s REFERENCING %s TABLE AS changed
                        FOR EACH STATEMENT EXECUTE FUNCTION %I()',
            'audit_seal_' || lower(op), op, target, CASE op WHEN 'DELETE' THEN 'OLD' ELSE 'NEW' END,
            'audit_seal_of_' || name);
    END LOOP;
END $$;

-- Put a table under seal; called again after its columns changed, seals every row anew over the present columns.
-- With a batch column, rows are sealed by audit_seal_batch() instead of as they are written.
CREATE FUNCTION audit_seal_table(target regclass, grouped_by text DEFAULT '') RETURNS void LANGUAGE plpgsql
SET datestyle = 'ISO, YMD' AS $$
DECLARE
    name text := (SELECT relname FROM pg_class WHERE oid = target);
    present text[];
    pk text[];
    known audit_sealedtable;
BEGIN
    SELECT array_agg(attname::text ORDER BY attnum) INTO present
    FROM pg_attribute WHERE attrelid = target AND attnum > 0 AND NOT attisdropped;
    SELECT array_agg(a.attname::text ORDER BY k.n) INTO pk
    FROM pg_index i, unnest(i.indkey) WITH ORDINALITY k (num, n), pg_attribute a
    WHERE i.indrelid = target AND i.indisprimary AND a.attrelid = target AND a.attnum = k.num;
    IF pk IS NULL THEN
        RAISE EXCEPTION 'Table % has no primary key, so its rows cannot be sealed.', name USING ERRCODE = 'LF009';
    END IF;
    SELECT * INTO known FROM audit_sealedtable WHERE "table" = name;
    IF known.columns = present AND known.key = pk AND known.batch_column = grouped_by THEN
        RETURN;
    END IF;
    INSERT INTO audit_sealedtable ("table", columns, key, batch_column) VALUES (name, present, pk, grouped_by)
    ON CONFLICT ("table") DO UPDATE SET columns = present, key = pk, batch_column = grouped_by;
    IF grouped_by = '' THEN
        PERFORM audit_write_seal_function(name, present, pk);
        PERFORM audit_seal_triggers(target, name);
        EXECUTE format('INSERT INTO audit_seal ("table", batch, rows, keys, digests)
                        SELECT %L, '''', count(*), array_agg(%s), array_agg(%s) FROM %s t HAVING count(*) > 0',
            name, audit_row_key(pk), audit_row_digest(present), target);
    END IF;
END $$;

-- One seal over the rows of a batch: the digest over all rows in key order, which detects, and eight bytes of a quick
-- hash of each, which point at the row.
CREATE FUNCTION audit_seal_batch(target text, batch_ text) RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp SET datestyle = 'ISO, YMD' AS $$
DECLARE
    known audit_sealedtable;
    kind text;
    sealed bigint;
BEGIN
    SELECT * INTO known FROM audit_sealedtable WHERE "table" = target AND batch_column <> '';
    IF NOT FOUND THEN
        RAISE EXCEPTION 'Table % is not sealed by batch.', target USING ERRCODE = 'LF009';
    END IF;
    SELECT format_type(atttypid, atttypmod) INTO kind FROM pg_attribute
    WHERE attrelid = ('public.' || quote_ident(target))::regclass AND attname = known.batch_column;
    EXECUTE format('INSERT INTO audit_seal ("table", rows, digests, batch, marks)
                    SELECT %1$L, count(*), ARRAY[sha256(string_agg(d.image, ''''))], $1,
                        string_agg(int8send(hash_record_extended(row(d.image), 0)), '''')
                    FROM (SELECT %2$s AS image FROM %4$I t WHERE t.%5$I = $1::%6$s ORDER BY %3$s) d
                    HAVING count(*) > 0 RETURNING rows',
        target, audit_row_image(known.columns), audit_row_order(known.key), target, known.batch_column, kind)
    INTO sealed USING batch_;
    RETURN coalesce(sealed, 0);
END $$;

-- Rows of a table that differ from their last seal. `problem` is changed, gone or unsealed.
CREATE FUNCTION audit_broken_rows(target text) RETURNS TABLE (object text, problem text) LANGUAGE plpgsql STABLE
SET datestyle = 'ISO, YMD' SET work_mem = '64MB' AS $$
DECLARE
    known audit_sealedtable;
BEGIN
    SELECT * INTO known FROM audit_sealedtable WHERE "table" = target;
    IF known.batch_column = '' THEN
        RETURN QUERY EXECUTE format('
            WITH last AS (
                SELECT DISTINCT ON (u.key) u.key, u.digest
                FROM audit_seal s, unnest(s.keys, s.digests) u (key, digest)
                WHERE s."table" = $1 AND s.batch = '''' ORDER BY u.key, s.id DESC
            ), present AS (SELECT %s AS key, %s AS digest FROM %I t)
            SELECT coalesce(p.key, l.key),
                CASE WHEN p.key IS NULL THEN ''gone'' WHEN l.digest IS NULL THEN ''unsealed'' ELSE ''changed'' END
            FROM last l FULL JOIN present p ON p.key = l.key WHERE l.digest IS DISTINCT FROM p.digest ORDER BY 1',
            audit_row_key(known.key), audit_row_digest(known.columns), target) USING target;
        RETURN;
    END IF;
    RETURN QUERY EXECUTE format('
        WITH present AS (
            SELECT t.%1$I::text AS batch, %2$s AS key, %3$s AS image, row_number() OVER (PARTITION BY t.%1$I ORDER BY %4$s) AS n
            FROM %5$I t
        ), whole AS (
            SELECT batch, count(*) AS rows, sha256(string_agg(image, '''' ORDER BY n)) AS digest FROM present GROUP BY batch
        ), broken AS (
            SELECT coalesce(w.batch, s.batch) AS batch, w.rows, s.rows AS sealed, s.marks
            FROM whole w FULL JOIN (SELECT * FROM audit_seal WHERE "table" = $1 AND audit_seal.batch <> '''') s
                ON s.batch = w.batch
            WHERE w.digest IS DISTINCT FROM s.digests[1]
        )
        SELECT coalesce((
                SELECT p.key FROM present p
                WHERE p.batch = b.batch
                    AND int8send(hash_record_extended(row(p.image), 0)) <> substr(b.marks, ((p.n - 1) * 8 + 1)::int, 8)
                ORDER BY p.n LIMIT 1), %6$L || coalesce(b.batch, ''none'')),
            CASE WHEN b.marks IS NULL THEN ''unsealed'' WHEN coalesce(b.rows, 0) < b.sealed THEN ''gone''
                 WHEN b.rows > b.sealed THEN ''unsealed'' ELSE ''changed'' END
        FROM broken b ORDER BY 1',
        known.batch_column, audit_row_key(known.key), audit_row_image(known.columns), audit_row_order(known.key), target,
        known.batch_column || '=') USING target;
END $$;
"""

UNDO = """
DO $$ DECLARE f regprocedure; BEGIN
    FOR f IN SELECT oid FROM pg_proc WHERE pronamespace = 'public'::regnamespace AND proname LIKE 'audit\\_%' LOOP
        EXECUTE format('DROP FUNCTION IF EXISTS %s CASCADE', f);
    END LOOP;
END $$;
DROP INDEX audit_seal_table_id, audit_seal_batch_once;
"""


class Migration(migrations.Migration):
    dependencies = [("audit", "0001_initial")]

    operations = [
        migrations.RunSQL(REFUSE_CHANGE + CHAIN + SEALS, UNDO),
    ]
