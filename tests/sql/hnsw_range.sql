-- Conditions on the distance end a scan at the radius.
SET enable_seqscan = off;
CREATE TABLE t (id int, v vector(3), tag int);
INSERT INTO t SELECT i, ARRAY[i, 0, 0]::vector, i % 2 FROM generate_series(0, 2999) i;
CREATE INDEX t_v ON t USING hnsw (v vector_l2_ops);
ANALYZE t;
CREATE VIEW last AS
SELECT r->>'index' AS index, (r->>'rows')::int < 30 AS few_rows, r->>'ended' AS ended, (r->>'nodes')::int < 200 AS few_nodes FROM hnsw_last_scan() r;

-- with an order, with and without LIMIT
EXPLAIN (COSTS OFF) SELECT id FROM t WHERE v <-> '[99.9,0,0]' < 2.5 ORDER BY v <-> '[99.9,0,0]';
SELECT id FROM t WHERE v <-> '[99.9,0,0]' < 2.5 ORDER BY v <-> '[99.9,0,0]';
SELECT * FROM last;
SELECT id FROM t WHERE v <-> '[99.9,0,0]' < 2.5 ORDER BY v <-> '[99.9,0,0]' LIMIT 2;
SELECT id FROM t WHERE v <-> '[99.9,0,0]' < 2.5 ORDER BY v <-> '[99.9,0,0]' LIMIT 20;
SELECT * FROM last;
-- without an order
EXPLAIN (COSTS OFF) SELECT id FROM t WHERE v <-> '[99.9,0,0]' < 2.5;
SELECT array_agg(id ORDER BY id) FROM t WHERE v <-> '[99.9,0,0]' < 2.5;
SELECT * FROM last;
SELECT count(*) FROM (SELECT id FROM t WHERE v <-> '[99.9,0,0]' < 2.5 LIMIT 3) x;
-- the radius itself
SELECT id FROM t WHERE v <-> '[100,0,0]' < 1 ORDER BY v <-> '[100,0,0]';
SELECT count(*) FROM t WHERE v <-> '[100,0,0]' < 1;
SELECT count(*) FROM t WHERE v <-> '[100,0,0]' <= 1;
SELECT count(*) FROM t WHERE 1 >= '[100,0,0]' <-> v;
SELECT count(*) FROM t WHERE 1::real > v <-> '[100,0,0]';
SELECT count(*) FROM t WHERE NOT v <-> '[100,0,0]' > 1;
-- rings
SELECT id FROM t WHERE v <-> '[100.1,0,0]' > 1.5 AND v <-> '[100.1,0,0]' < 3 ORDER BY v <-> '[100.1,0,0]';
SELECT * FROM last;
SELECT id FROM t WHERE v <-> '[100.1,0,0]' BETWEEN 1.5 AND 3 ORDER BY v <-> '[100.1,0,0]' LIMIT 2;
SELECT count(*) FROM t WHERE v <-> '[100,0,0]' BETWEEN 1 AND 3;
-- only what is farther: nothing that the index could use
EXPLAIN (COSTS OFF) SELECT id FROM t WHERE v <-> '[100.1,0,0]' > 2990 ORDER BY v <-> '[100.1,0,0]';
-- several conditions: the least radius
SELECT id FROM t WHERE v <-> '[100.1,0,0]' < 3 AND v <-> '[100.1,0,0]' <= 1 ORDER BY v <-> '[100.1,0,0]';
SELECT * FROM last;
-- distances from several values
SELECT id FROM t WHERE v <-> '[100,0,0]' < 3 AND v <-> '[103,0,0]' < 3 ORDER BY id;
SELECT id FROM t WHERE v <-> '[100,0,0]' < 3 ORDER BY v <-> '[102.2,0,0]' LIMIT 4;
-- which do not end the scan together
EXPLAIN (COSTS OFF) SELECT id FROM t WHERE v <-> '[100,0,0]' < 3 ORDER BY v <-> '[102.2,0,0]';
-- other conditions
SELECT id FROM t WHERE v <-> '[100.1,0,0]' < 3 AND tag = 1 ORDER BY v <-> '[100.1,0,0]';
SELECT count(*) FROM t WHERE v <-> '[100.1,0,0]' < 3 OR id = 7;

-- the operator itself
SELECT count(*) FROM t WHERE v <<->> ROW('[100,0,0]', 1);
SELECT count(*) FROM t WHERE v <<->> '("[100,0,0]",1)';
EXPLAIN (COSTS OFF) SELECT count(*) FROM t WHERE v <<->> ROW('[100,0,0]', 1);
SELECT v <<->> ROW('[100,0,0]', 1) AS within, v <<->> ROW('[100,0,0]', NULL) AS null FROM t WHERE id = 100;
-- where it cannot be read as a comparison
CREATE FUNCTION around(id int, radius float8) RETURNS vector_sphere LANGUAGE plpgsql STABLE AS
$$BEGIN RETURN ROW(ARRAY[id, 0, 0]::vector, radius); END$$;
EXPLAIN (COSTS OFF) SELECT id FROM t WHERE v <<->> around(100, 1);
SELECT array_agg(id ORDER BY id) FROM t WHERE v <<->> around(100, 1);
SELECT id FROM t WHERE v <<->> around(100, 1) ORDER BY v <-> '[101.2,0,0]';
SELECT count(*) FROM t WHERE v <<->> around(100, NULL);
SELECT count(*) FROM t WHERE v <<->> NULL;

-- a similarity above a threshold is a distance below one
EXPLAIN (COSTS OFF) SELECT id FROM t WHERE 1 - (v <-> '[100.1,0,0]') > -1.5 ORDER BY v <-> '[100.1,0,0]' LIMIT 9;
SELECT id FROM t WHERE 1 - (v <-> '[100.1,0,0]') > -1.5 ORDER BY v <-> '[100.1,0,0]' LIMIT 9;
SELECT * FROM last;
SELECT count(*) FROM t WHERE -1.5::real < 1 - (v <-> '[100.1,0,0]');
SELECT count(*) FROM t WHERE -(v <-> '[100,0,0]') >= -1;
SELECT count(*) FROM t WHERE (v <-> '[100,0,0]') * -1 > -1;
SELECT count(*) FROM t WHERE -1 * (v <-> '[100,0,0]') BETWEEN -2 AND -1;
EXPLAIN (COSTS OFF) SELECT id FROM t WHERE -1 * (v <-> '[100,0,0]') >= -1;
-- one that rounding lets pass, though the difference says no
SELECT count(*) FROM t WHERE 0.1 - (v <-> '[100,0,0]') >= 0.1 - 1;
SELECT count(*) FROM t WHERE 1e6 - (v <-> '[100,0,0]') >= 999999;
SELECT count(*) FROM t WHERE 1e308 - (v <-> '[100,0,0]') > -1e308;
-- none that bounds the distance from above
SET enable_seqscan = on;
EXPLAIN (COSTS OFF) SELECT id FROM t WHERE 1 - (v <-> '[100,0,0]') < 0.5;
EXPLAIN (COSTS OFF) SELECT id FROM t WHERE (v <-> '[100,0,0]') * 2 > 1;
EXPLAIN (COSTS OFF) SELECT id FROM t WHERE (v <-> '[100,0,0]') - 1 > 1;
SET enable_seqscan = off;

-- parameters, in a plan for all of them
SET plan_cache_mode = force_generic_plan;
PREPARE within(vector, float8) AS SELECT array_agg(id ORDER BY id) FROM t WHERE v <-> $1 < $2;
PREPARE nearest(vector, float8) AS SELECT id FROM t WHERE v <-> $1 <= $2 ORDER BY v <-> $1 LIMIT 3;
EXPLAIN (COSTS OFF) EXECUTE nearest(NULL, NULL);
EXECUTE within('[7.1,0,0]', 2);
EXECUTE nearest('[7.1,0,0]', 2);
EXECUTE within('[7,0,0]', 0);
EXECUTE nearest('[7,0,0]', 0);
EXECUTE within('[7,0,0]', -1);
SELECT * FROM last;
EXECUTE nearest('[7,0,0]', -1);
EXECUTE within('[7,0,0]', '-infinity');
EXECUTE nearest('[7,0,0]', '-infinity');
EXECUTE within('[7,0,0]', NULL);
EXECUTE nearest('[7,0,0]', NULL);
EXECUTE within(NULL, 2);
EXECUTE nearest(NULL, 2);
EXECUTE nearest('[7.1,0,0]', 'infinity');
EXECUTE nearest('[7.1,0,0]', 'NaN');
PREPARE counted(vector, float8) AS SELECT count(*) FROM t WHERE v <-> $1 < $2;
EXECUTE counted('[7,0,0]', 'infinity');
EXECUTE counted('[7,0,0]', 'NaN');
SELECT * FROM last;
EXECUTE within('[7,0]', 1);
PREPARE alike(vector, float8) AS SELECT id FROM t WHERE 1 - (v <-> $1) > $2 ORDER BY v <-> $1 LIMIT 9;
EXPLAIN (COSTS OFF) EXECUTE alike(NULL, NULL);
EXECUTE alike('[7.1,0,0]', -1);
SELECT * FROM last;
EXECUTE alike('[7.1,0,0]', 'infinity');
EXECUTE alike('[7.1,0,0]', NULL);
-- bounds that are differences themselves
PREPARE below(vector, float8) AS SELECT count(*) FROM t WHERE v <-> $1 < 3 - $2 AND v <-> $1 < -$2 + 3;
EXPLAIN (COSTS OFF) EXECUTE below(NULL, NULL);
EXECUTE below('[7.1,0,0]', 1);
-- two values are taken for two
PREPARE apart(vector, float8, vector) AS SELECT id FROM t WHERE v <-> $1 < $2 ORDER BY v <-> $3 LIMIT 2;
EXPLAIN (COSTS OFF) EXECUTE apart(NULL, NULL, NULL);
EXECUTE apart('[7.1,0,0]', 3, '[9.1,0,0]');
RESET plan_cache_mode;

-- joins
CREATE INDEX t_id ON t (id);
EXPLAIN (COSTS OFF) SELECT a.id, b.id FROM t a JOIN t b ON a.v <-> b.v < 1.5 WHERE a.id = 5;
SELECT a.id, b.id FROM t a JOIN t b ON a.v <-> b.v < 1.5 WHERE a.id IN (5, 500) ORDER BY 1, 2;
SELECT a.id, array_agg(b.id ORDER BY b.id) FROM t a LEFT JOIN t b ON b.v <-> a.v * '[2,2,2]' < 0.5 WHERE a.id IN (5, 1400, 1600) GROUP BY 1 ORDER BY 1;
EXPLAIN (COSTS OFF) SELECT a.id, b.id FROM t a, LATERAL (SELECT id FROM t WHERE t.v <-> a.v <= 1 ORDER BY t.v <-> a.v LIMIT 3) b WHERE a.id = 5;
SELECT a.id, b.id FROM t a, LATERAL (SELECT id FROM t WHERE t.v <-> a.v <= 1 ORDER BY t.v <-> a.v LIMIT 3) b WHERE a.id IN (0, 5) ORDER BY 1, 2;
SELECT id, EXISTS (SELECT FROM t b WHERE b.v <-> a.v < 2 AND b.tag <> a.tag) FROM t a WHERE id IN (0, 2999) ORDER BY 1;
DROP INDEX t_id;
-- a radius of the row itself
SET enable_seqscan = on;
EXPLAIN (COSTS OFF) SELECT id FROM t WHERE v <-> '[100,0,0]' < tag;
SET enable_seqscan = off;

-- other statements: what changes rows reads the table for the condition that chooses them
CREATE FUNCTION index_conditions(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE line text;
BEGIN
	FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP
		IF line ~ 'Index Cond' THEN RETURN NEXT trim(line); END IF;
	END LOOP;
END $$;
SELECT index_conditions($$SELECT id FROM t WHERE v <-> '[100,0,0]' < 1.5 FOR UPDATE$$);
SELECT index_conditions($$UPDATE t SET tag = 9 WHERE v <-> '[100,0,0]' < 1.5$$);
SELECT index_conditions($$DELETE FROM t WHERE v <-> '[200,0,0]' <= 1$$);
SELECT index_conditions($$DELETE FROM t WHERE id IN (SELECT id FROM t near WHERE v <-> '[200,0,0]' <= 1)$$);
SELECT index_conditions($$DELETE FROM t USING t b WHERE t.v <-> b.v < 0.02 AND t.id > b.id AND b.id < 3$$);
SELECT index_conditions($$UPDATE t SET tag = 1 WHERE EXISTS (SELECT FROM t b WHERE b.v <-> t.v < 0.02 AND b.id = 3)$$);
DROP FUNCTION index_conditions;
WITH u AS (UPDATE t SET tag = 9 WHERE v <-> '[100,0,0]' < 1.5 RETURNING id) SELECT id FROM u ORDER BY 1;
WITH d AS (DELETE FROM t WHERE v <-> '[200,0,0]' <= 1 RETURNING id) SELECT id FROM d ORDER BY 1;
SELECT count(*) FROM t WHERE v <-> '[200,0,0]' < 3;
SELECT id FROM t WHERE v <-> '[100,0,0]' < 1.5 ORDER BY v <-> '[100.2,0,0]' FOR UPDATE;

-- settings
SET hnsw.iterative_scan = relaxed_order;
SELECT count(*) FROM t WHERE v <-> '[1000,0,0]' < 200;
SELECT count(*) FROM (SELECT id FROM t WHERE v <-> '[1000,0,0]' < 200 ORDER BY v <-> '[1000,0,0]') x;
SET hnsw.iterative_scan = off;
SELECT count(*) FROM t WHERE v <-> '[1000,0,0]' < 200;
SELECT * FROM last;
RESET hnsw.iterative_scan;
-- limits are those of ordered scans
\set VERBOSITY terse
SET hnsw.max_scan_tuples = 50;
SELECT count(*) FROM t WHERE v <-> '[1000,0,0]' < 100;
SELECT count(*) BETWEEN 40 AND 100 FROM (SELECT id FROM t WHERE v <-> '[1000,0,0]' < 100 ORDER BY v <-> '[1000,0,0]') x;
RESET hnsw.max_scan_tuples;
SET work_mem = '64kB';
SELECT count(*) FROM t WHERE v <-> '[1000,0,0]' < 1900;
RESET work_mem;
\set VERBOSITY default

-- several indexes: each for its distance
CREATE INDEX t_cosine ON t USING hnsw (v vector_cosine_ops);
CREATE INDEX t_half ON t USING hnsw ((v::halfvec(3)) halfvec_l2_ops);
EXPLAIN (COSTS OFF) SELECT id FROM t WHERE v <=> '[1,0,0]' < 0.1;
EXPLAIN (COSTS OFF) SELECT id FROM t WHERE v::halfvec(3) <-> '[100,0,0]' < 2;
SELECT count(*) FROM t WHERE v::halfvec(3) <-> '[100,0,0]' < 2;
SET enable_seqscan = on;
EXPLAIN (COSTS OFF) SELECT id FROM t WHERE v <#> '[1,0,0]' < -2990;
SET enable_seqscan = off;
DROP INDEX t_cosine, t_half;

-- partial indexes
DROP INDEX t_v;
CREATE INDEX t_part ON t USING hnsw (v vector_l2_ops) WHERE tag = 1;
SET enable_seqscan = on;
EXPLAIN (COSTS OFF) SELECT id FROM t WHERE v <-> '[100.1,0,0]' < 3;
SET enable_seqscan = off;
EXPLAIN (COSTS OFF) SELECT id FROM t WHERE v <-> '[50.1,0,0]' < 3 AND tag = 1;
SELECT count(*) FROM t WHERE v <-> '[50.1,0,0]' < 3 AND tag = 1;
-- partitions and children
CREATE TABLE p (id int, v vector(1)) PARTITION BY RANGE (id);
CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (500);
CREATE TABLE p2 PARTITION OF p FOR VALUES FROM (500) TO (1000);
CREATE INDEX ON p USING hnsw (v vector_l2_ops);
INSERT INTO p SELECT i, ARRAY[i]::vector FROM generate_series(0, 999) i;
ANALYZE p;
EXPLAIN (COSTS OFF) SELECT id FROM p WHERE v <-> '[499.1]' < 2 ORDER BY v <-> '[499.1]';
SELECT id FROM p WHERE v <-> '[499.1]' < 2 ORDER BY v <-> '[499.1]';
EXPLAIN (COSTS OFF) SELECT id FROM p WHERE v <-> '[499.1]' < 2;
SELECT count(*) FROM p WHERE v <-> '[499.1]' < 2;
SELECT count(*) FROM p WHERE v <-> '[499.1]' < 2 AND id > 1000;
CREATE TABLE child () INHERITS (t);
CREATE INDEX ON child USING hnsw (v vector_l2_ops);
CREATE INDEX t_v ON t USING hnsw (v vector_l2_ops);
INSERT INTO child VALUES (-1, '[77.5,0,0]', 1);
SELECT id FROM t WHERE v <-> '[77.5,0,0]' < 1 ORDER BY v <-> '[77.5,0,0]', id;
SELECT count(*) FROM t TABLESAMPLE bernoulli (100) WHERE v <-> '[77.5,0,0]' < 1;
DROP TABLE child;

-- row security: what the user may not see stays behind the policy
CREATE TABLE s (id int, v vector(1), owner text);
INSERT INTO s SELECT i, ARRAY[i]::vector, CASE i % 2 WHEN 0 THEN 'nobody' ELSE 'hnsw_range_user' END FROM generate_series(1, 500) i;
CREATE INDEX ON s USING hnsw (v vector_l2_ops);
ALTER TABLE s ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON s USING (owner = current_user);
CREATE ROLE hnsw_range_user;
GRANT SELECT ON s TO hnsw_range_user;
SET ROLE hnsw_range_user;
SET enable_seqscan = on;
EXPLAIN (COSTS OFF) SELECT id FROM s WHERE v <-> '[9]' < 3;
SET enable_seqscan = off;
SELECT id FROM s WHERE v <-> '[9]' < 3 ORDER BY v <-> '[9]', id;
RESET ROLE;
DROP TABLE s;
DROP ROLE hnsw_range_user;

-- a few nodes tell the planner how many rows are within, unless rows are hidden from the user
-- (version 18 prefers a parallel scan of the table even where that is off)
CREATE FUNCTION cost(radius float8) RETURNS float8 LANGUAGE plpgsql
SET max_parallel_workers_per_gather = 0 AS $$
DECLARE
	plan json;
BEGIN
	EXECUTE format('EXPLAIN (FORMAT json) SELECT id FROM t WHERE v <-> ''[0,0,0]'' < %L::float8', radius) INTO plan;
	RETURN plan #>> '{0,Plan,Total Cost}';
END
$$;
SELECT cost(2000) > 10 * cost(0.5) AS known;
CREATE ROLE hnsw_range_user;
GRANT SELECT ON t TO hnsw_range_user;
ALTER TABLE t ENABLE ROW LEVEL SECURITY;
CREATE POLICY even ON t USING (tag = 0);
SET ROLE hnsw_range_user;
SELECT cost(2000) = cost(0.5) AS hidden;
RESET ROLE;
ALTER TABLE t DISABLE ROW LEVEL SECURITY;
DROP POLICY even ON t;
REVOKE SELECT ON t FROM hnsw_range_user;
DROP ROLE hnsw_range_user;
DROP FUNCTION cost;

DROP FUNCTION around;
DROP VIEW last;
DROP TABLE t, p;
