-- Scans: settings, more rows than the beam holds, rescans, parameters, cursors.
SET enable_seqscan = off;
CREATE TABLE t (id int, v vector(3), tag int);
INSERT INTO t SELECT i, ARRAY[i, 0, 0]::vector, i % 100 FROM generate_series(1, 2000) i;
CREATE INDEX ON t USING hnsw (v vector_l2_ops);

-- settings
SHOW hnsw.ef_search;
SHOW hnsw.iterative_scan;
SHOW hnsw.max_scan_tuples;
SHOW hnsw.scan_mem_multiplier;
SET hnsw.ef_search = 0;
SET hnsw.ef_search = 10001;
SET hnsw.iterative_scan = 'on';
SET hnsw.max_scan_tuples = 0;
SET hnsw.scan_mem_multiplier = 0;
SET hnsw.scan_mem_multiplier = 1001;
SET hnsw.no_such_setting = 1;

-- the nearest
SELECT id FROM t ORDER BY v <-> '[500.2,0,0]' LIMIT 5;

-- without iterative scans there are as many rows as candidates
SET hnsw.iterative_scan = off;
SELECT count(*) FROM (SELECT id FROM t ORDER BY v <-> '[0,0,0]' LIMIT 100) x;
SET hnsw.ef_search = 70;
SELECT count(*) FROM (SELECT id FROM t ORDER BY v <-> '[0,0,0]' LIMIT 100) x;
SELECT count(*) FROM (SELECT id FROM t WHERE tag = 3 ORDER BY v <-> '[0,0,0]' LIMIT 10) x;
RESET hnsw.ef_search;

-- with them there are as many as asked for, nearly all of them the nearest
SET hnsw.iterative_scan = strict_order;
SELECT count(*), count(*) FILTER (WHERE id <= 100) >= 95 AS near FROM (SELECT id FROM t ORDER BY v <-> '[0,0,0]' LIMIT 100) x;
SELECT count(*), count(*) FILTER (WHERE id <= 1000) >= 9 AS near FROM (SELECT id FROM t WHERE tag = 3 ORDER BY v <-> '[0,0,0]' LIMIT 10) x;
SET hnsw.iterative_scan = relaxed_order;
SELECT count(*), count(*) FILTER (WHERE id <= 100) >= 95 AS near FROM (SELECT id FROM t ORDER BY v <-> '[0,0,0]' LIMIT 100) x;
SELECT count(*) FROM (SELECT id FROM t ORDER BY v <-> '[0,0,0]') x;
-- in order, which the planner relies on
SET hnsw.ef_search = 1;
EXPLAIN (COSTS OFF) SELECT v <-> '[700.3,2.1,0]' AS d FROM t ORDER BY v <-> '[700.3,2.1,0]';
-- (how many rows come late depends on the levels that are drawn)
SET client_min_messages = error;
SELECT count(*) > 1900 AS most, bool_and(d >= previous) AS sorted FROM (
	SELECT d, lag(d) OVER () AS previous FROM (SELECT v <-> '[700.3,2.1,0]' AS d FROM t ORDER BY v <-> '[700.3,2.1,0]') x) y;
RESET client_min_messages;
SELECT (hnsw_last_scan()->>'batches')::int > 5 AS several;
RESET hnsw.ef_search;

-- up to a limit
SET hnsw.max_scan_tuples = 100;
\set VERBOSITY terse
SELECT count(*) < 150 AS few FROM (SELECT id FROM t ORDER BY v <-> '[0,0,0]') x;
\set VERBOSITY default
RESET hnsw.max_scan_tuples;
RESET hnsw.iterative_scan;

-- queries that are no vector of the index
SELECT id FROM t ORDER BY v <-> '[1,2]' LIMIT 1;
SELECT count(*) FROM (SELECT id FROM t ORDER BY v <-> NULL LIMIT 10) x;
-- every order is right then: no row comes too late
CREATE TABLE points (id int, v vector(24), tag int);
INSERT INTO points SELECT i, array_agg((i * 7919 + j * 104729 + i * i % 1013 * j * 31) % 1009 / 1009.0 - 0.4)::vector, i % 2
FROM generate_series(1, 3000) i, generate_series(1, 24) j GROUP BY i;
CREATE INDEX points_l2 ON points USING hnsw (v vector_l2_ops, tag);
CREATE INDEX points_cosine ON points USING hnsw (v vector_cosine_ops, tag);
SET hnsw.ef_search = 10;
SELECT count(*), count(DISTINCT id) AS ids FROM (SELECT id FROM points ORDER BY v <-> (SELECT v FROM points WHERE false)) x;
SELECT r->>'index' AS index, (r->>'batches')::int > 3 AS several, r->'late' AS late, r->'compared' AS compared, r->>'ended' AS ended FROM hnsw_last_scan() r;
SELECT count(*), count(DISTINCT id) AS ids FROM (SELECT id FROM points ORDER BY v <=> array_fill(0, ARRAY[24])::vector) x;
SELECT r->>'index' AS index, (r->>'batches')::int > 3 AS several, r->'late' AS late, r->'compared' AS compared, r->>'ended' AS ended FROM hnsw_last_scan() r;
SELECT count(*), count(DISTINCT id) AS ids FROM (SELECT id FROM points WHERE tag = 1 ORDER BY v <-> (SELECT v FROM points WHERE false)) x;
SELECT count(*), count(DISTINCT id) AS ids FROM (SELECT id FROM points WHERE tag = 1 ORDER BY v <=> array_fill(0, ARRAY[24])::vector) x;
RESET hnsw.ef_search;
DROP TABLE points;

-- rescans, with a beam that misses nothing here
SET hnsw.ef_search = 200;
EXPLAIN (COSTS OFF)
SELECT q, id FROM generate_series(10, 50, 20) q, LATERAL (SELECT id FROM t ORDER BY v <-> ARRAY[q, 0, 0]::vector LIMIT 2) x;
SELECT q, id FROM generate_series(10.1, 50.1, 20) q, LATERAL (SELECT id FROM t ORDER BY v <-> ARRAY[q, 0, 0]::vector LIMIT 2) x;
SELECT count(*), bool_and(abs(id - q) <= 2) AS near FROM generate_series(1, 300) q, LATERAL (SELECT id FROM t ORDER BY v <-> ARRAY[q, 0, 0]::vector LIMIT 1) x;

-- parameters
PREPARE nearest(vector) AS SELECT id FROM t ORDER BY v <-> $1 LIMIT 2;
SET plan_cache_mode = force_generic_plan;
EXPLAIN (COSTS OFF) EXECUTE nearest('[7.1,0,0]');
EXECUTE nearest('[7.1,0,0]');
EXECUTE nearest('[1500.9,0,0]');
RESET plan_cache_mode;
DEALLOCATE nearest;

-- cursors
BEGIN;
DECLARE c CURSOR FOR SELECT id FROM t ORDER BY v <-> '[100.1,0,0]';
FETCH 3 FROM c;
DELETE FROM t WHERE id = 102;
FETCH 3 FROM c;
FETCH BACKWARD 1 FROM c;
ROLLBACK;
BEGIN;
DECLARE c SCROLL CURSOR FOR SELECT id FROM t ORDER BY v <-> '[100.1,0,0]';
FETCH 3 FROM c;
FETCH BACKWARD 1 FROM c;
COMMIT;

-- rows that are locked or changed by where they are, also if the index does not know their exact order
CREATE TABLE r (id int, v vector(20));
INSERT INTO r SELECT i, array_agg((i * 7919 + j * 104729 + i * j * 31) % 1009 / 1009.0)::vector
FROM generate_series(1, 600) i, generate_series(1, 20) j GROUP BY i;
CREATE INDEX ON r USING hnsw (v vector_l2_ops) WITH (storage = int8);
SELECT v AS q FROM r WHERE id = 7 \gset
SELECT count(*), count(DISTINCT ctid) FROM (SELECT ctid FROM r ORDER BY v <-> :'q' LIMIT 300) x;
SELECT count(*) FROM (SELECT id FROM r ORDER BY v <-> :'q' LIMIT 300 FOR UPDATE) x;
DELETE FROM r WHERE ctid IN (SELECT ctid FROM r ORDER BY v <-> :'q' LIMIT 300);
SELECT count(*) FROM r;
BEGIN;
DECLARE c CURSOR FOR SELECT id FROM r ORDER BY v <-> :'q';
MOVE 100 FROM c;
DELETE FROM r WHERE CURRENT OF c;
COMMIT;
SELECT count(*) FROM r;
DROP TABLE r;

-- an error in the middle of a scan, and in a subtransaction
SELECT 1 / (id - 103) FROM t ORDER BY v <-> '[100.1,0,0]' LIMIT 10;
DO $$
BEGIN
	PERFORM 1 / (id - 103) FROM (SELECT id FROM t ORDER BY v <-> '[100.1,0,0]' LIMIT 10) x;
EXCEPTION WHEN division_by_zero THEN
	RAISE NOTICE 'caught';
END
$$;
SELECT id FROM t ORDER BY v <-> '[100.1,0,0]' LIMIT 1;

-- a longer vector from out of line
CREATE TABLE l (id int, v vector(3000));
INSERT INTO l SELECT i, array_agg(i * j % 1009 - 500)::vector FROM generate_series(1, 20) i, generate_series(1, 3000) j GROUP BY i;
CREATE INDEX ON l USING hnsw (v vector_cosine_ops);
SELECT id FROM l ORDER BY v <=> (SELECT v FROM l WHERE id = 3) LIMIT 1;
SELECT count(*) FROM (SELECT id FROM l ORDER BY v <=> (SELECT v FROM l WHERE id = 3)) x;
-- and rescans with such queries
SELECT count(*), bool_and(x.id = q.id) AS own FROM l q, LATERAL (SELECT id FROM l ORDER BY v <=> q.v LIMIT 1) x;

DROP TABLE t, l;
