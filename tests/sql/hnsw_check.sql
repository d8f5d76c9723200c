-- hnsw_check(): nothing is wrong with indexes of any type, whatever happened to their tables; who may ask.
CREATE FUNCTION pg_temp.numbers(i int) RETURNS real[] LANGUAGE sql AS
	'SELECT array_agg(((i * (k * 7 + 3) + k) % 101)::real) FROM generate_series(1, 12) k';
CREATE TABLE t (id int, v vector(12), h halfvec(12), b bit(12), s sparsevec(12));
INSERT INTO t SELECT i, n::vector, n::halfvec, binary_quantize(n::vector - array_fill(50, ARRAY[12])::vector)::bit(12), n::vector::sparsevec
FROM generate_series(1, 600) i, pg_temp.numbers(i % 400) n;
INSERT INTO t (id) VALUES (0);
CREATE INDEX v_l2 ON t USING hnsw (v vector_l2_ops) WITH (m = 4, ef_construction = 20);
CREATE INDEX v_ip ON t USING hnsw (v vector_ip_ops) WITH (storage = float32);
CREATE INDEX v_cosine ON t USING hnsw (v vector_cosine_ops) WITH (storage = float16);
CREATE INDEX v_l1 ON t USING hnsw (v vector_l1_ops) WITH (storage = int8);
CREATE INDEX h_l2 ON t USING hnsw (h halfvec_l2_ops);
CREATE INDEX b_hamming ON t USING hnsw (b bit_hamming_ops);
CREATE INDEX b_jaccard ON t USING hnsw (b bit_jaccard_ops);
CREATE INDEX s_l2 ON t USING hnsw (s sparsevec_l2_ops);
CREATE INDEX s_cosine ON t USING hnsw (s sparsevec_cosine_ops);
CREATE INDEX thirds ON t USING hnsw (v vector_l2_ops) WHERE id % 3 = 0;
CREATE INDEX half ON t USING hnsw ((subvector(v, 1, 6)::vector(6)) vector_l2_ops);
CREATE INDEX keys ON t USING hnsw (v vector_l2_ops, id, (repeat('long', id % 20)), (ARRAY[id % 3, id % 5]));
CREATE VIEW problems AS
SELECT c.relname, p.* FROM pg_class c JOIN pg_am a ON a.oid = c.relam AND a.amname = 'hnsw', hnsw_check(c.oid, true) p;
SELECT * FROM problems;

-- inserts, updates in place and elsewhere, deletes, with and without vacuum
INSERT INTO t SELECT i, n::vector, n::halfvec, binary_quantize(n::vector - array_fill(50, ARRAY[12])::vector)::bit(12), n::vector::sparsevec
FROM generate_series(601, 800) i, pg_temp.numbers(i % 400) n;
UPDATE t SET id = id + 1000 WHERE id % 5 = 1;
UPDATE t SET v = v * v, h = NULL WHERE id % 5 = 2;
DELETE FROM t WHERE id % 5 = 3;
SELECT * FROM problems;
VACUUM t;
SELECT * FROM problems;
BEGIN;
INSERT INTO t SELECT * FROM t WHERE id < 50;
SAVEPOINT s;
DELETE FROM t WHERE id % 5 = 4;
SELECT * FROM problems;
ROLLBACK TO s;
SELECT * FROM problems;
ROLLBACK;
SELECT * FROM problems;
DELETE FROM t;
VACUUM t;
SELECT * FROM problems;
TRUNCATE t;
SELECT * FROM problems;
INSERT INTO t (id, v) SELECT i, pg_temp.numbers(i)::vector FROM generate_series(1, 50) i;
SELECT * FROM problems;
DROP VIEW problems;

-- many equal rows, vectors over several pages, vectors of length zero
CREATE TABLE equal (v vector(3));
CREATE INDEX equal_v ON equal USING hnsw (v vector_l2_ops);
INSERT INTO equal SELECT '[1,2,3]' FROM generate_series(1, 5000);
SELECT * FROM hnsw_check('equal_v', true);
CREATE TABLE long (v vector(5000));
INSERT INTO long SELECT array_agg(((i * k) % 13)::real)::vector FROM generate_series(1, 40) i, generate_series(1, 5000) k GROUP BY i;
CREATE INDEX long_v ON long USING hnsw (v vector_l2_ops) WITH (storage = float32);
SELECT * FROM hnsw_check('long_v', heapallindexed => true);

-- the first rows of a build have no mean: rows that come later keep its centre
CREATE TABLE zeros (v vector(3));
INSERT INTO zeros SELECT '[0,0,0]' FROM generate_series(1, 10000);
INSERT INTO zeros SELECT ARRAY[i, 1, 0]::vector FROM generate_series(1, 100) i;
CREATE INDEX zeros_v ON zeros USING hnsw (v vector_cosine_ops);
INSERT INTO zeros SELECT ARRAY[i, 1, 1]::vector FROM generate_series(1, 100) i;
SELECT * FROM hnsw_check('zeros_v', true);
SET enable_seqscan = off;
SET hnsw.ef_search = 400;
SELECT count(*) FROM zeros z, LATERAL (SELECT v FROM zeros ORDER BY v <=> z.v LIMIT 1) n WHERE z.v <> '[0,0,0]' AND n.v <=> z.v > 1e-6;
RESET enable_seqscan;
RESET hnsw.ef_search;

-- what is no index of this kind
CREATE INDEX t_id ON t (id);
SELECT hnsw_check('t_id');
\set VERBOSITY sqlstate
SELECT hnsw_check('t');
SELECT hnsw_check(1);
\set VERBOSITY default
SELECT hnsw_check(NULL);
CREATE TABLE p (v vector(3)) PARTITION BY LIST (vector_dims(v));
CREATE INDEX p_v ON p USING hnsw (v vector_l2_ops);
SELECT hnsw_check('p_v');
UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'thirds'::regclass;
SELECT hnsw_check('thirds');

-- a snapshot that is older than an index over changed rows
CREATE TABLE changed (id int, v vector(3)) WITH (fillfactor = 50);
INSERT INTO changed SELECT i, ARRAY[i, 0, 0]::vector FROM generate_series(1, 50) i;
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT count(*) FROM changed;
UPDATE changed SET v = v + v;
CREATE INDEX changed_v ON changed USING hnsw (v vector_l2_ops);
SAVEPOINT s;
SELECT hnsw_check('changed_v', true);
ROLLBACK TO s;
COMMIT;
SELECT hnsw_check('changed_v', true);

-- the largest numbers overflow, which is no damage
CREATE TABLE large (v vector(2));
INSERT INTO large VALUES ('[3e38,3e38]'), ('[-3e38,3e38]'), ('[1,2]');
CREATE INDEX large_v ON large USING hnsw (v vector_ip_ops);
SELECT hnsw_check('large_v', true);
DROP TABLE large;

-- who may: who may read all rows
CREATE ROLE hnsw_check_reader;
SET ROLE hnsw_check_reader;
SELECT hnsw_check('v_l2');
RESET ROLE;
GRANT SELECT ON t TO hnsw_check_reader;
SET ROLE hnsw_check_reader;
SELECT hnsw_check('v_l2', true);
RESET ROLE;
ALTER TABLE t ENABLE ROW LEVEL SECURITY;
SET ROLE hnsw_check_reader;
SELECT hnsw_check('v_l2');
RESET ROLE;
SELECT hnsw_check('v_l2');

-- functions in an index run as the owner of the table
CREATE FUNCTION who(v vector) RETURNS vector IMMUTABLE LANGUAGE plpgsql AS $$
BEGIN
	IF current_user = 'hnsw_check_reader' THEN RAISE EXCEPTION 'run as the caller'; END IF;
	RETURN v;
END $$;
CREATE TABLE e AS SELECT v FROM equal LIMIT 10;
CREATE INDEX e_v ON e USING hnsw ((who(v)::vector(3)) vector_l2_ops);
GRANT SELECT ON e TO hnsw_check_reader;
SET ROLE hnsw_check_reader;
SELECT hnsw_check('e_v', true);
SELECT current_user, current_setting('is_superuser');
RESET ROLE;

-- and never call one that the caller has put in the place of another
CREATE OR REPLACE FUNCTION who(v vector) RETURNS vector IMMUTABLE LANGUAGE plpgsql AS $$
BEGIN
	PERFORM upper('a');
	RETURN v;
END $$;
CREATE SCHEMA hnsw_check_reader AUTHORIZATION hnsw_check_reader;
SET ROLE hnsw_check_reader;
CREATE FUNCTION hnsw_check_reader.upper(text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	RAISE EXCEPTION 'run in the place of another';
END $$;
SET search_path = hnsw_check_reader, public, pg_catalog;
SELECT hnsw_check('e_v', true);
SHOW search_path;
RESET search_path;
RESET ROLE;
DROP FUNCTION hnsw_check_reader.upper(text);
DROP SCHEMA hnsw_check_reader;
DROP TABLE t, equal, long, zeros, p, changed, e;
DROP FUNCTION who(vector);
DROP ROLE hnsw_check_reader;
