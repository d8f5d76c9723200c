-- Rows that come and go in subtransactions, triggers, foreign keys and ON CONFLICT.
CREATE TABLE t (id int PRIMARY KEY, v vector(2));
CREATE INDEX t_v ON t USING hnsw (v vector_l2_ops);
INSERT INTO t SELECT i, ARRAY[i, i % 7]::vector FROM generate_series(1, 50) i;

-- Whether the index lists what the table has, and how many rows that is.
CREATE FUNCTION pg_temp.listed(relation regclass, OUT rows bigint, OUT same boolean) LANGUAGE plpgsql AS $$
DECLARE
	found text[];
	stored text[];
	query text := format('SELECT array_agg(x::text ORDER BY x::text) FROM (SELECT * FROM %s WHERE v <-> ''[3,3]'' <= ''infinity'') x', relation);
BEGIN
	PERFORM set_config('enable_seqscan', 'off', true);
	EXECUTE query INTO found;
	ASSERT hnsw_last_scan()->>'index' = relation || '_v';
	PERFORM set_config('enable_seqscan', 'on', true), set_config('enable_indexscan', 'off', true);
	EXECUTE query INTO stored;
	PERFORM set_config('enable_indexscan', 'on', true);
	rows := cardinality(stored);
	same := found IS NOT DISTINCT FROM stored;
END
$$;
SELECT * FROM pg_temp.listed('t');

-- savepoints: the inner one is taken back, then both, then none
BEGIN;
SAVEPOINT a;
INSERT INTO t SELECT i, ARRAY[i, 1]::vector FROM generate_series(101, 110) i;
SAVEPOINT b;
UPDATE t SET v = v + '[0,5]' WHERE id <= 20;
DELETE FROM t WHERE id BETWEEN 30 AND 35;
SELECT * FROM pg_temp.listed('t');
ROLLBACK TO b;
SELECT * FROM pg_temp.listed('t');
UPDATE t SET v = v + '[0,6]' WHERE id <= 20;
ROLLBACK TO a;
SELECT * FROM pg_temp.listed('t');
SAVEPOINT c;
UPDATE t SET v = '[3,3]' WHERE id <= 20;
RELEASE c;
COMMIT;
SELECT * FROM pg_temp.listed('t');

-- one subtransaction a row, every third of which fails behind the insert into the index
DO $$
BEGIN
	FOR i IN 201..300 LOOP
		BEGIN
			INSERT INTO t VALUES (i, ARRAY[i, i % 3]::vector);
			PERFORM 1 / (i % 3);
		EXCEPTION WHEN division_by_zero THEN NULL;
		END;
	END LOOP;
END
$$;
SELECT * FROM pg_temp.listed('t');

-- a row that does not fit takes those before it along, but for a subtransaction
INSERT INTO t SELECT i, CASE i WHEN 303 THEN '[1,2,3]' ELSE '[1,2]' END::vector FROM generate_series(301, 305) i;
DO $$
BEGIN
	INSERT INTO t VALUES (306, '[1,2,3]');
EXCEPTION WHEN data_exception THEN
	INSERT INTO t VALUES (306, '[1,2]');
END
$$;
SELECT * FROM pg_temp.listed('t');
VACUUM t;
SELECT * FROM pg_temp.listed('t');

-- ON CONFLICT: rows that are there, rows that are not, and a condition
INSERT INTO t VALUES (1, '[9,9]'), (401, '[9,9]') ON CONFLICT DO NOTHING;
INSERT INTO t VALUES (2, '[8,8]'), (402, '[8,8]') ON CONFLICT (id) DO UPDATE SET v = excluded.v;
INSERT INTO t VALUES (3, '[7,7]'), (4, '[7,7]') ON CONFLICT (id) DO UPDATE SET v = excluded.v WHERE t.id = 3;
INSERT INTO t VALUES (5, '[6,6]') ON CONFLICT (id) DO UPDATE SET v = NULL;
SELECT id, v FROM t WHERE id IN (1, 2, 3, 4, 5, 401, 402) ORDER BY id;
SELECT * FROM pg_temp.listed('t');

-- MERGE does all of it
MERGE INTO t USING (SELECT i, ARRAY[i, -1]::vector AS v FROM generate_series(40, 60) i) s ON t.id = s.i
WHEN MATCHED AND s.i < 45 THEN DELETE
WHEN MATCHED THEN UPDATE SET v = s.v
WHEN NOT MATCHED THEN INSERT VALUES (s.i, s.v);
SELECT * FROM pg_temp.listed('t');

-- triggers: one changes the vector before it is stored, one keeps a copy of the row
CREATE TABLE copies (id int, v vector(2));
CREATE INDEX copies_v ON copies USING hnsw (v vector_l2_ops);
CREATE FUNCTION pg_temp.mirrored() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.v := subvector(NEW.v || NEW.v, 2, 2); RETURN NEW; END $$;
CREATE FUNCTION pg_temp.copied() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	DELETE FROM copies WHERE id = OLD.id;
	IF TG_OP <> 'DELETE' THEN INSERT INTO copies SELECT NEW.id, NEW.v; END IF;
	RETURN NULL;
END
$$;
CREATE TRIGGER mirrored BEFORE INSERT OR UPDATE ON t FOR EACH ROW EXECUTE FUNCTION pg_temp.mirrored();
CREATE TRIGGER copied AFTER INSERT OR UPDATE OR DELETE ON t FOR EACH ROW EXECUTE FUNCTION pg_temp.copied();
INSERT INTO t SELECT i, ARRAY[i, i % 5]::vector FROM generate_series(501, 600) i;
UPDATE t SET v = '[1,2]' WHERE id BETWEEN 501 AND 520;
DELETE FROM t WHERE id BETWEEN 511 AND 530;
SELECT id, v FROM t WHERE id IN (501, 600) ORDER BY id;
SELECT * FROM pg_temp.listed('t');
SELECT * FROM pg_temp.listed('copies');
DROP TRIGGER mirrored ON t;
DROP TRIGGER copied ON t;

-- foreign keys: rows go with those that they belong to, or lose them
CREATE TABLE owners (id int PRIMARY KEY);
INSERT INTO owners SELECT generate_series(0, 9);
CREATE TABLE owned (id int, owner int REFERENCES owners ON DELETE CASCADE ON UPDATE CASCADE, other int REFERENCES owners ON DELETE SET NULL ON UPDATE SET NULL, v vector(2));
CREATE INDEX owned_v ON owned USING hnsw (v vector_l2_ops);
INSERT INTO owned SELECT i, i % 10, (i + 1) % 10, ARRAY[i, i % 4]::vector FROM generate_series(1, 200) i;
DELETE FROM owners WHERE id IN (3, 7);
UPDATE owners SET id = id + 100 WHERE id = 5;
INSERT INTO owned VALUES (999, 3, 3, '[3,3]');
SELECT * FROM pg_temp.listed('owned');
SELECT count(*), count(other) FROM owned;
VACUUM owned;
SELECT * FROM pg_temp.listed('owned');

-- a deferred constraint takes back what is in the index at the end
ALTER TABLE owned ADD CONSTRAINT late FOREIGN KEY (id) REFERENCES t DEFERRABLE INITIALLY DEFERRED NOT VALID;
BEGIN;
INSERT INTO owned VALUES (100000, 1, 1, '[3,3]');
SELECT * FROM pg_temp.listed('owned');
COMMIT;
SELECT * FROM pg_temp.listed('owned');

DROP TABLE owned, owners, copies, t;
