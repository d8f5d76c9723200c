-- When the planner takes the index.
CREATE TABLE t (id int, v vector(64), tag int);
INSERT INTO t SELECT i, array_agg((i * 37 + j * 101 + i * j) % 97)::vector, i % 10
FROM generate_series(1, 5000) i, generate_series(1, 64) j GROUP BY i;
CREATE INDEX t_v ON t USING hnsw (v vector_l2_ops);
ANALYZE t;
SELECT v AS q FROM t WHERE id = 1 \gset
SET plan_cache_mode = force_generic_plan;

-- The plan of a query with a vector for $1.
CREATE FUNCTION plan(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE 'PREPARE planned(vector) AS ' || query;
	RETURN QUERY EXECUTE 'EXPLAIN (COSTS OFF) EXECUTE planned(NULL)';
	DEALLOCATE planned;
END
$$;

SELECT * FROM plan('SELECT id FROM t ORDER BY v <-> $1 LIMIT 5');
SELECT * FROM plan('SELECT id FROM t WHERE tag = 1 ORDER BY v <-> $1 LIMIT 3');

-- not for all rows, nor in other orders
SELECT * FROM plan('SELECT id FROM t ORDER BY v <-> $1');
SELECT * FROM plan('SELECT id FROM t ORDER BY v <-> $1 DESC LIMIT 5');
SELECT * FROM plan('SELECT id FROM t ORDER BY v <=> $1 LIMIT 5');

-- never without an order, whatever is forbidden
SET enable_seqscan = off;
SELECT count(*) FROM plan('SELECT count(*) FROM t') line WHERE line LIKE '%Index%';
SELECT count(*) FROM t;
SELECT count(*) FROM plan('SELECT id FROM t WHERE v IS NOT NULL') line WHERE line LIKE '%Index%';
SELECT count(*) FROM plan('SELECT id FROM t WHERE v = $1') line WHERE line LIKE '%Index%';
SELECT count(*) FROM plan('SELECT id FROM t LIMIT 1') line WHERE line LIKE '%Index%';
-- nor with two: rows at the same distance would come as they lie
SELECT count(*) FROM plan('SELECT id FROM t ORDER BY v <-> $1, v <-> $1 + $1 LIMIT 5') line WHERE line LIKE '%Index%';
RESET enable_seqscan;

-- the larger the beam, the dearer
CREATE FUNCTION cost(query text, OUT startup float8, OUT total float8) LANGUAGE plpgsql AS $$
DECLARE
	plan json;
BEGIN
	EXECUTE 'EXPLAIN (FORMAT json) ' || query INTO plan;
	startup := plan #>> '{0,Plan,Startup Cost}';
	total := plan #>> '{0,Plan,Total Cost}';
END
$$;
SELECT format('SELECT id FROM t ORDER BY v <-> %L LIMIT 5', :'q') AS query \gset
SELECT startup AS startup_40 FROM cost(:'query') \gset
SET hnsw.ef_search = 80;
SELECT startup > :startup_40 AS dearer FROM cost(:'query');
RESET hnsw.ef_search;
DROP TABLE t;
DROP FUNCTION cost, plan;
