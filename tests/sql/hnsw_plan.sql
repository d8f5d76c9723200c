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

-- conditions on key columns: those that sketches do not tell leave the search as long as it is without them, and longer
CREATE TABLE keyed (id int, v vector(64), n int, t text, tz timestamptz);
INSERT INTO keyed SELECT i, array_agg((i * 7919 + j * 104729 + i * i % 1013 * j * 31) % 1009)::vector, i % 100, to_char(i % 100, 'FM00'), timestamptz '2020-01-01 00:00+00' + i % 100 * interval '1 hour'
FROM generate_series(1, 5000) i, generate_series(1, 64) j GROUP BY i;
CREATE INDEX keyed_v ON keyed USING hnsw (v vector_l2_ops, n, t, tz);
VACUUM ANALYZE keyed;
SELECT * FROM plan('SELECT id FROM keyed WHERE n < 1 ORDER BY v <-> $1 LIMIT 5');
SELECT * FROM plan('SELECT id FROM keyed WHERE t = ''00'' ORDER BY v <-> $1 LIMIT 5');
SELECT * FROM plan('SELECT id FROM keyed WHERE t < ''01'' ORDER BY v <-> $1 LIMIT 5');
SELECT * FROM plan('SELECT id FROM keyed WHERE n = 5 AND t < ''01'' ORDER BY v <-> $1 LIMIT 5');
SELECT * FROM plan('SELECT id FROM keyed WHERE tz <= timestamp ''2019-12-31 16:00'' AND tz IS NOT NULL ORDER BY v <-> $1 LIMIT 5');
SET enable_seqscan = off;
CREATE FUNCTION startup(conditions text) RETURNS float8 LANGUAGE sql AS $$
	SELECT startup FROM cost(format('SELECT id FROM keyed WHERE %s ORDER BY v <-> array_fill(1, ARRAY[64])::vector LIMIT 5', conditions))
$$;
SELECT startup('t < ''01''') > 5 * startup('n < 1') AS dearer,
	startup('n = 5 AND t < ''01''') = startup('n = 5') AS same,
	startup('t < ''50''') > 1.5 * startup('t IS NOT NULL') AS twice,
	startup('tz < timestamp ''2020-01-01 01:00+00''') < startup('tz < ANY (ARRAY[timestamp ''2020-01-01 01:00+00'', ''2020-01-01''])') AS times;
RESET enable_seqscan;
DROP TABLE keyed;
DROP FUNCTION startup, cost, plan;
