-- A distance that only orders, and that nobody reads, is not computed for the rows that a scan returns.
SET enable_seqscan = off;
CREATE TABLE junk (id int, v vector(3));
INSERT INTO junk SELECT i, ARRAY[i, i % 7, i % 5]::vector FROM generate_series(1, 2000) i;
CREATE INDEX ON junk USING hnsw (v vector_l2_ops);
VACUUM ANALYZE junk;

-- A statement that loads the library while it is planned comes too early.
\c -
SET enable_seqscan = off;
EXPLAIN (VERBOSE, COSTS OFF) SELECT id FROM generate_series(7, 7) n, LATERAL (SELECT id FROM junk ORDER BY v <-> ARRAY[n, 0, 0]::vector LIMIT 2) t;
EXPLAIN (VERBOSE, COSTS OFF) SELECT id FROM generate_series(7, 7) n, LATERAL (SELECT id FROM junk ORDER BY v <-> ARRAY[n, 0, 0]::vector LIMIT 2) t;
SELECT id FROM generate_series(7, 7) n, LATERAL (SELECT id FROM junk ORDER BY v <-> ARRAY[n, 0, 0]::vector LIMIT 2) t;
-- a value of a type of ours loads it before
\c -
SET enable_seqscan = off;
EXPLAIN (VERBOSE, COSTS OFF) SELECT id FROM junk ORDER BY v <-> '[7,0,0]' LIMIT 5;

-- changed: a query; with OFFSET, rows locked and a condition; without LIMIT; subqueries
SELECT id FROM junk ORDER BY v <-> '[7,0,0]' LIMIT 5;
EXPLAIN (VERBOSE, COSTS OFF) SELECT id FROM junk WHERE id % 2 = 0 ORDER BY v <-> '[7,0,0]' OFFSET 1 LIMIT 3 FOR UPDATE;
SELECT id FROM junk WHERE id % 2 = 0 ORDER BY v <-> '[7,0,0]' OFFSET 1 LIMIT 3 FOR UPDATE;
EXPLAIN (VERBOSE, COSTS OFF) SELECT id FROM junk WHERE v <-> '[7,0,0]' <= 4 ORDER BY v <-> '[7,0,0]';
SELECT id FROM junk WHERE v <-> '[7,0,0]' <= 4 ORDER BY v <-> '[7,0,0]';
EXPLAIN (VERBOSE, COSTS OFF) SELECT t FROM (SELECT id FROM junk ORDER BY v <-> '[7,0,0]' LIMIT 3) t;
SELECT t FROM (SELECT id FROM junk ORDER BY v <-> '[7,0,0]' LIMIT 3) t;
SELECT q.id, ARRAY(SELECT id FROM junk ORDER BY v <-> q.v LIMIT 3) FROM junk q WHERE q.id <= 2;
EXPLAIN (VERBOSE, COSTS OFF) (SELECT id FROM junk ORDER BY v <-> '[7,0,0]' LIMIT 2) UNION ALL (SELECT id FROM junk ORDER BY v <-> '[70,0,0]' LIMIT 2);
(SELECT id FROM junk ORDER BY v <-> '[7,0,0]' LIMIT 2) UNION ALL (SELECT id FROM junk ORDER BY v <-> '[70,0,0]' LIMIT 2);
WITH t AS MATERIALIZED (SELECT id FROM junk ORDER BY v <-> '[7,0,0]' LIMIT 2) SELECT t, t.id FROM t;
SELECT (1, ROW(7, '[7,0,2]'::vector)) = (SELECT 1, ROW(id, v) FROM junk ORDER BY v <-> '[7,0,2]' LIMIT 1) AS same;
CREATE TABLE taken AS SELECT id FROM junk ORDER BY v <-> '[7,0,0]' LIMIT 2;
INSERT INTO taken SELECT id FROM junk ORDER BY v <-> '[70,0,0]' LIMIT 2;
SELECT * FROM taken;

-- not changed: the distance is asked for, or compared, or the order needs more
EXPLAIN (VERBOSE, COSTS OFF) SELECT id, v <-> '[7,0,0]' AS distance FROM junk ORDER BY distance LIMIT 3;
SELECT id, v <-> '[7,0,0]' AS distance FROM junk ORDER BY distance LIMIT 3;
EXPLAIN (VERBOSE, COSTS OFF) SELECT id, round((v <-> '[7,0,0]')::numeric, 3) FROM junk ORDER BY v <-> '[7,0,0]' LIMIT 3;
SELECT id, round((v <-> '[7,0,0]')::numeric, 3) FROM junk ORDER BY v <-> '[7,0,0]' LIMIT 3;
EXPLAIN (VERBOSE, COSTS OFF) SELECT id FROM junk ORDER BY v <-> '[7,0,0]' FETCH FIRST 3 ROWS WITH TIES;
SELECT id FROM junk ORDER BY v <-> '[7,2,2]' FETCH FIRST 2 ROWS WITH TIES;
SELECT id FROM junk ORDER BY v <-> '[7,0,0]', id LIMIT 3;
EXPLAIN (VERBOSE, COSTS OFF) SELECT DISTINCT ON (v <-> '[7,0,0]') id FROM junk ORDER BY v <-> '[7,0,0]' LIMIT 3;
EXPLAIN (VERBOSE, COSTS OFF) SELECT id FROM junk ORDER BY '[7,0,0]' <-> v LIMIT 3;
SELECT id FROM junk ORDER BY '[7,0,0]' <-> v LIMIT 3;
EXPLAIN (VERBOSE, COSTS OFF) SELECT id FROM junk WHERE pg_backend_pid() > 0 ORDER BY v <-> '[7,0,0]' LIMIT 3;
SELECT id, random() * 0 + (v <-> '[7,0,0]') AS distance FROM junk ORDER BY v <-> '[7,0,0]' LIMIT 3;
SELECT DISTINCT ON (id) id, random() * 0 + (v <-> '[7,0,0]') AS distance FROM junk WHERE id = 7 ORDER BY id, v <-> '[7,0,0]' FETCH FIRST 2 ROWS WITH TIES;

-- nor where partitions are merged
CREATE TABLE parted (id int, v vector(3)) PARTITION BY LIST (id);
CREATE TABLE parted_1 PARTITION OF parted FOR VALUES IN (1, 3, 5);
CREATE TABLE parted_2 PARTITION OF parted FOR VALUES IN (2, 4, 6);
INSERT INTO parted SELECT id, v FROM junk WHERE id <= 6;
CREATE INDEX ON parted USING hnsw (v vector_l2_ops);
EXPLAIN (VERBOSE, COSTS OFF) SELECT id FROM parted ORDER BY v <-> '[3,3,3]' LIMIT 4;
SELECT id FROM parted ORDER BY v <-> '[3,3,3]' LIMIT 4;
EXPLAIN (VERBOSE, COSTS OFF) SELECT id FROM parted_1 ORDER BY v <-> '[3,3,3]' LIMIT 2;

-- nor in indexes of other access methods
CREATE TABLE points (id int, p point);
INSERT INTO points SELECT i, point(i, i) FROM generate_series(1, 100) i;
CREATE INDEX ON points USING gist (p);
EXPLAIN (VERBOSE, COSTS OFF) SELECT id FROM points ORDER BY p <-> '(3,3)' LIMIT 2;

-- parameters, and plans that are kept
SET plan_cache_mode = force_generic_plan;
PREPARE nearest(vector, int) AS SELECT id FROM junk ORDER BY v <-> $1 LIMIT $2;
EXPLAIN (VERBOSE, COSTS OFF) EXECUTE nearest('[7,0,0]', 2);
EXECUTE nearest('[7,0,0]', 2);
EXECUTE nearest('[70,0,0]', 3);
RESET plan_cache_mode;

-- cursors
BEGIN;
EXPLAIN (VERBOSE, COSTS OFF) DECLARE back SCROLL CURSOR FOR SELECT id FROM junk ORDER BY v <-> '[7,0,0]' LIMIT 5;
DECLARE back SCROLL CURSOR FOR SELECT id FROM junk ORDER BY v <-> '[7,0,0]' LIMIT 5;
FETCH 3 FROM back;
FETCH BACKWARD 2 FROM back;
DECLARE changing CURSOR FOR SELECT id FROM junk ORDER BY v <-> '[7,0,0]' FOR UPDATE;
FETCH 2 FROM changing;
UPDATE junk SET id = -id WHERE CURRENT OF changing RETURNING id, v;
DECLARE kept CURSOR WITH HOLD FOR SELECT id FROM junk ORDER BY v <-> '[70,0,0]' LIMIT 3;
COMMIT;
FETCH ALL FROM kept;
CLOSE kept;

-- other types, other orders, and expressions
CREATE TABLE kinds (id int, h halfvec(3), s sparsevec(3), b bit(8), w vector);
INSERT INTO kinds SELECT id, v::halfvec(3), v::sparsevec(3), id::bit(8), v FROM junk WHERE id BETWEEN 1 AND 30;
CREATE INDEX ON kinds USING hnsw (h halfvec_ip_ops);
CREATE INDEX ON kinds USING hnsw (s sparsevec_cosine_ops);
CREATE INDEX ON kinds USING hnsw (b bit_hamming_ops);
CREATE INDEX ON kinds USING hnsw ((w::halfvec(3)) halfvec_l1_ops);
CREATE INDEX ON kinds USING hnsw ((w::vector(3)) vector_cosine_ops, id);
EXPLAIN (VERBOSE, COSTS OFF) SELECT id, -(h <#> '[1,2,3]') AS product FROM kinds ORDER BY h <#> '[1,2,3]' LIMIT 2;
SELECT id, -(h <#> '[1,2,3]') AS product FROM kinds ORDER BY h <#> '[1,2,3]' LIMIT 2;
EXPLAIN (VERBOSE, COSTS OFF) SELECT id FROM kinds ORDER BY s <=> '{1:1,2:2,3:3}/3' LIMIT 2;
SELECT id FROM kinds ORDER BY s <=> '{1:1,2:2,3:3}/3' LIMIT 2;
EXPLAIN (VERBOSE, COSTS OFF) SELECT b FROM kinds ORDER BY b <~> B'00000011' LIMIT 2;
SELECT b FROM kinds ORDER BY b <~> B'00000011' LIMIT 2;
EXPLAIN (VERBOSE, COSTS OFF) SELECT id FROM kinds ORDER BY w::halfvec(3) <+> '[7,0,0]' LIMIT 2;
SELECT id FROM kinds ORDER BY w::halfvec(3) <+> '[7,0,0]' LIMIT 2;
EXPLAIN (VERBOSE, COSTS OFF) SELECT id FROM kinds WHERE id = ANY ('{7,17,27}') ORDER BY w::vector(3) <=> '[7,0,0]' LIMIT 2;
SELECT id FROM kinds WHERE id = ANY ('{7,17,27}') ORDER BY w::vector(3) <=> '[7,0,0]' LIMIT 2;

-- A user who may not call the operator is told so.
CREATE ROLE regress_junk;
GRANT SELECT ON junk TO regress_junk;
REVOKE EXECUTE ON FUNCTION l2_distance(vector, vector) FROM PUBLIC;
SET ROLE regress_junk;
SELECT id FROM junk ORDER BY v <-> '[7,0,0]' LIMIT 1;
RESET ROLE;
GRANT EXECUTE ON FUNCTION l2_distance(vector, vector) TO PUBLIC;
DROP OWNED BY regress_junk;
DROP ROLE regress_junk;

-- Vectors out of line are not fetched for the ten rows returned: a page each of the TOAST table and its index.
CREATE TABLE long (id int, v vector(768));
SELECT setseed(0.5);
INSERT INTO long SELECT i, (SELECT array_agg(random() ORDER BY j) FROM generate_series(1, 768 + 0 * i) j)::vector FROM generate_series(1, 200) i;
CREATE INDEX ON long USING hnsw (v vector_l2_ops);
VACUUM ANALYZE long;
CREATE FUNCTION pages(query text) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
	plan json;
BEGIN
	EXECUTE 'EXPLAIN (ANALYZE, BUFFERS, FORMAT json) ' || query INTO plan;
	RETURN (plan #>> '{0,Plan,Shared Hit Blocks}')::int + (plan #>> '{0,Plan,Shared Read Blocks}')::int;
END
$$;
SELECT v AS q FROM long WHERE id = 1 \gset
-- once for the catalogues
SELECT pages(format('SELECT id, v <-> %L FROM long ORDER BY 2 LIMIT 10', :'q')) > 0 AS read;
SELECT pages(format('SELECT id, v <-> %1$L FROM long ORDER BY v <-> %1$L LIMIT 10', :'q'))
	>= pages(format('SELECT id FROM long ORDER BY v <-> %L LIMIT 10', :'q')) + 20 AS fewer;
DROP FUNCTION pages;
DROP TABLE junk, taken, parted, points, kinds, long;
