-- A LIMIT above a scan is known to it: one search finds all rows that it takes.
SET enable_seqscan = off;
CREATE TABLE limits (id int, part int, v vector(8));
SELECT setseed(0.5);
INSERT INTO limits SELECT i, i % 3, ARRAY[random(), random(), random(), random(), random(), random(), random(), random()]::vector
FROM generate_series(1, 3000) i;
CREATE INDEX ON limits USING hnsw (v vector_l2_ops);
VACUUM ANALYZE limits;
CREATE VIEW last AS SELECT r->'rows' AS rows, r->'batches' AS batches FROM hnsw_last_scan() r;
\set query '''[0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5]'''

-- more rows than ef_search
SELECT count(*) FROM (SELECT id FROM limits ORDER BY v <-> :query LIMIT 100) t;
SELECT * FROM last;
SELECT count(*) FROM (SELECT id FROM limits ORDER BY v <-> :query OFFSET 80 LIMIT 20) t;
SELECT * FROM last;
SELECT count(*) FROM (SELECT id FROM limits ORDER BY v <-> :query FETCH FIRST 100 ROWS WITH TIES) t;
SELECT batches FROM last;

-- known only when the query runs
PREPARE nearest(int) AS SELECT id FROM limits ORDER BY v <-> :query LIMIT $1;
SET plan_cache_mode = force_generic_plan;
CREATE TEMP TABLE taken AS EXECUTE nearest(100);
SELECT * FROM last;
-- how many rows come late depends on the levels that are drawn
SET client_min_messages = error;
CREATE TEMP TABLE taken_again AS EXECUTE nearest(NULL);
RESET client_min_messages;
SELECT batches::int > 1 AS several FROM last;
RESET plan_cache_mode;

-- each time that a subquery runs, with rows locked, and with a filter that lets few pass
SELECT count(*) FROM (SELECT v FROM limits WHERE id <= 3) q, LATERAL (SELECT id FROM limits ORDER BY v <-> q.v LIMIT 20 * 5) t;
SELECT * FROM last;
SELECT count(*) FROM (SELECT id FROM limits ORDER BY v <-> :query LIMIT 100 FOR UPDATE) t;
SELECT * FROM last;
SELECT count(*) FROM (SELECT id FROM limits WHERE part = 0 ORDER BY v <-> :query LIMIT 30) t;
SELECT batches::int > 1 AS several FROM last;

-- not above the scan: what is in between takes fewer rows
SELECT count(*) FROM (SELECT DISTINCT ON (v <-> :query) id FROM limits ORDER BY v <-> :query LIMIT 100) t;
SELECT batches::int > 1 AS several FROM last;

-- not at all
BEGIN;
DECLARE all_rows CURSOR FOR SELECT id FROM limits ORDER BY v <-> :query;
MOVE 100 IN all_rows;
CLOSE all_rows;
SELECT rows, batches::int > 1 AS several FROM last;
COMMIT;

-- nor where a scan does not go on
SET hnsw.iterative_scan = off;
SELECT count(*) FROM (SELECT id FROM limits ORDER BY v <-> :query LIMIT 100) t;
RESET hnsw.iterative_scan;

-- nor where a radius ends it
SELECT count(*) BETWEEN 1 AND 100 AS few FROM (SELECT id FROM limits WHERE v <-> :query < 0.4 ORDER BY v <-> :query LIMIT 1000) t;
SELECT r->>'ended' AS ended, (r->>'nodes')::int < 500 AS few_nodes FROM hnsw_last_scan() r;

-- a query that fails is forgotten
SELECT id / (id - id) FROM limits ORDER BY v <-> :query LIMIT 100;
SELECT count(*) FROM (SELECT id FROM limits ORDER BY v <-> :query LIMIT 100) t;
SELECT * FROM last;

-- nor does one that may not begin
CREATE ROLE regress_limits;
SET ROLE regress_limits;
SELECT id FROM limits ORDER BY v <-> :query LIMIT 100;
RESET ROLE;
DROP ROLE regress_limits;

DROP VIEW last;
DROP TABLE limits;
