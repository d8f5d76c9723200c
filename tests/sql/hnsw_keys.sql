-- Key columns: conditions that are checked in the index.
CREATE TYPE mood AS ENUM ('bad', 'fair', 'good');
CREATE DOMAIN score AS int CHECK (VALUE >= 0);
CREATE TABLE items (id int, v vector(3), w vector(3), b boolean, i2 int2, i4 int4, i8 int8, o oid, f4 float4, f8 float8, n numeric,
    t text, vc varchar(10), bp char(5), u uuid, da date, ti time, ts timestamp, tz timestamptz, ip inet, e mood, d score,
    ia int[], ta text[], j json);
INSERT INTO items SELECT i, ARRAY[i, i % 7, i % 11]::vector, ARRAY[i, 1, 1]::vector, i % 2 = 0, i % 3, i % 10, i % 50, i % 5, i % 4, i % 6, i % 8,
    't' || i % 9, 'v' || i % 9, 'c' || i % 9, md5((i % 9)::text)::uuid, date '2020-01-01' + i % 9, time '10:00' + i % 9 * interval '1 hour',
    timestamp '2020-01-01' + i % 9 * interval '1 day', timestamptz '2020-01-01' + i % 9 * interval '1 day', '10.0.0.1'::inet + i % 9,
    (enum_range(NULL::mood))[1 + i % 3], i % 9, ARRAY[i % 5, i % 7], ARRAY['a' || i % 5, 'a' || i % 7], '{}'
FROM generate_series(1, 500) i;

-- every type
CREATE INDEX items_1 ON items USING hnsw (v vector_l2_ops, b, i2, i4, i8, o, f4, f8, n);
CREATE INDEX items_2 ON items USING hnsw (v vector_l2_ops, t, vc, bp, u, da, ti, ts, tz);
CREATE INDEX items_3 ON items USING hnsw (v vector_l2_ops, ip, e, d, ia, ta);
\d items_3
-- operator classes have names, too, and an index need not be of the default ones
CREATE INDEX items_4 ON items USING hnsw (v vector_ip_ops, i4 int4_ops, t text_ops, e enum_ops, ia array_ops);
\d items_4
DROP INDEX items_4;

-- what is refused
CREATE INDEX ON items USING hnsw (v vector_l2_ops, j);
CREATE INDEX ON items USING hnsw (v vector_l2_ops, i4 int8_ops);
CREATE INDEX ON items USING hnsw (v vector_l2_ops, w vector_l2_ops);
CREATE INDEX ON items USING hnsw (v vector_l2_ops, v vector_ip_ops);
CREATE INDEX ON items USING hnsw (i4, v vector_l2_ops);
CREATE INDEX ON items USING hnsw (i4);
CREATE INDEX ON items USING hnsw (v vector_l2_ops, b, i2, i4, i8, o, f4, f8, n, t);
CREATE INDEX ON items USING hnsw (v vector_l2_ops, i4 DESC);
CREATE INDEX ON items USING hnsw (v vector_l2_ops, i4 NULLS FIRST);
CREATE INDEX ON items USING hnsw (v vector_l2_ops, i4) INCLUDE (i8);
CREATE UNIQUE INDEX ON items USING hnsw (v vector_l2_ops, i4);

-- conditions are those of the index
SET enable_seqscan = off;
CREATE FUNCTION plan(conditions text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE line text;
BEGIN
	FOR line IN EXECUTE format('EXPLAIN (COSTS OFF) SELECT id FROM items WHERE %s ORDER BY v <-> ''[1,2,3]'' LIMIT 3', conditions) LOOP
		RETURN NEXT line;
	END LOOP;
END $$;
SELECT plan('i4 = 3');
SELECT plan('i4 >= 3 AND i8 BETWEEN 20 AND 30 AND f4 > 1');
SELECT plan('i2 IS NULL AND n IS NOT NULL');
SELECT plan('i4 = 3::int8 AND i8 < 3::int2 AND f4 >= 0.1::float8');
SELECT plan('b < true');
SELECT plan('b AND i4 = 3');
SELECT plan('NOT b');
SELECT plan('b IS TRUE AND i4 < 3');
SELECT plan('i4 IN (3, 4) AND i8 > 20 AND b IS FALSE');
SELECT plan('i4 = ANY (ARRAY[3, 4]::int8[])');
SELECT plan($$i4 < ANY ('{3,4}') AND vc IN ('v1', 'v2') IS TRUE$$);
SELECT plan($$vc IN ('v1', 'v2')$$);
SELECT plan($$da = ANY (ARRAY[timestamp '2020-01-01', NULL]) AND v <-> '[1,2,3]' < 10$$);
SELECT plan($$t >= 't3' AND vc = 'v2' AND bp = 'c1'$$);
SELECT plan($$da = timestamptz '2020-01-02' AND ts > date '2020-01-01'$$);
SELECT plan($$e > 'bad' AND d <= 3 AND ip < '10.0.0.5'$$);
SELECT plan($$ia && '{1,2}' AND ta @> '{a1}'$$);
SELECT plan('v IS NOT NULL AND i4 < 3');
-- those that it cannot check are the executor's
SELECT plan('i4 = 3 AND id % 2 = 0');
SELECT plan('i4 <> 3');
SELECT plan($$t = 't3' COLLATE "POSIX"$$);
SELECT plan($$t LIKE '%3'$$);
SELECT plan($$ia <@ '{1,2}'$$);
SELECT plan('i4 <> ALL (ARRAY[3, 4])');
SELECT plan('i4 = ANY (ARRAY[i8])');
SELECT plan($$t = ANY (ARRAY['t3' COLLATE "POSIX"])$$);
SELECT plan('b IS NOT TRUE');
SELECT plan('(b AND i4 = 3) IS TRUE');
SELECT plan('i4 = 3 OR i4 IS NULL');
-- without order, and for rows without a vector, the index is of no use
SET enable_seqscan = on;
EXPLAIN (COSTS OFF) SELECT id FROM items WHERE i4 = 3;
EXPLAIN (COSTS OFF) SELECT id FROM items WHERE v IS NULL ORDER BY v <-> '[1,2,3]' LIMIT 3;
SET enable_seqscan = off;

-- rows
CREATE FUNCTION nearest(conditions text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE ids text;
BEGIN
	EXECUTE format('SELECT string_agg(id::text, '' '' ORDER BY d, id) FROM (SELECT id, v <-> ''[100,1,1]'' AS d FROM items WHERE %s ORDER BY d LIMIT 5) x', conditions) INTO ids;
	RETURN ids;
END $$;
SELECT c, nearest(c) FROM unnest(ARRAY[
    'true', 'v IS NOT NULL', 'i4 = 3', 'i4 = 3 AND i8 = 13', 'i4 IN (3, 4)', 'i4 IN (3, NULL)', 'i4 = 11', 'i4 = ANY (ARRAY[]::int[])', 'i4 > 7 AND i4 < 3',
    'i4 = ANY (NULL::int[])', 'i4 = ANY (ARRAY[NULL]::int[])', 'i4 = ANY (ARRAY[3000000000, 3])', 'i4 = 3 OR i4 = 4', 'i4 = 3 OR i4 IS NULL', 'i4 < ANY (ARRAY[1, NULL])', 'i4 = ANY (ARRAY(SELECT 4 * n FROM generate_series(-500, 500) n))',
    'i4 IN (3, 4) AND i4 IN (4, 5) AND b', 'NOT b',
    'i4 = 3::int8', 'i4 = 3000000000', 'i8 > 40::int2', 'i4 < (SELECT NULL::int)', 'i4 = (SELECT 3)', 'b < true', 'b = false AND NOT b', 'o = 2', 'f4 = 1.5::float8',
    'f8 >= 5', $$f8 < 'NaN'$$, $$n >= '7.0'$$, $$t = 't3'$$, $$t > 't7'$$, $$vc IN ('v1', 'v2')$$, $$bp = 'c1   '$$, 'u = md5(''1'')::uuid', $$da = timestamp '2020-01-02'$$,
    $$ti > '17:30'$$, $$ts <= date '2020-01-01'$$, $$tz = '2020-01-03'$$, $$ip = '10.0.0.3'$$, $$e = 'good'$$, 'd BETWEEN 2 AND 4', $$ia && '{1}'$$, $$ia @> '{1,2}'$$, $$ia @> '{}'$$,
    $$ia && '{}'$$, $$ta @> '{a1,a3}'$$, 'i4 IS NULL', 't IS NOT NULL', 'v IS NULL']) c;

-- distances from a value as well, with and without order
EXPLAIN (COSTS OFF) SELECT count(*) FROM items WHERE v <-> '[100,1,1]' < 60 AND i4 IN (3, 4) AND NOT b;
CREATE FUNCTION within(mode text, radius float8, conditions text, OUT rows bigint, OUT exact bigint, OUT index text) LANGUAGE plpgsql AS $$
DECLARE
	query text := format('SELECT count(*) FROM items WHERE v <-> ''[100,1,1]'' < %s AND %s', radius, conditions);
BEGIN
	PERFORM set_config('hnsw.iterative_scan', mode, true), set_config('enable_indexscan', 'off', true);
	EXECUTE query INTO exact;
	PERFORM set_config('enable_indexscan', 'on', true);
	EXECUTE query INTO rows;
	index := hnsw_last_scan()->>'index';
END $$;
SELECT m, r, c, (within(m, r, c)).* FROM unnest('{strict_order,relaxed_order,off}'::text[]) m, unnest('{0,5.5,60,1000}'::float8[]) r,
	unnest(ARRAY['i4 IN (3, 4) AND NOT b', 'i8 = 13', 'i4 IS NULL']) c;
DROP FUNCTION within;

-- lists that come later: from a parameter, from another table
PREPARE lists(int[]) AS SELECT id FROM items WHERE i4 = ANY ($1) AND b ORDER BY v <-> '[100,1,1]' LIMIT 3;
SET plan_cache_mode = force_generic_plan;
EXPLAIN (COSTS OFF) EXECUTE lists('{}');
EXECUTE lists('{2,NULL,8,2}');
EXECUTE lists('{NULL}');
EXECUTE lists('{}');
EXECUTE lists(NULL);
RESET plan_cache_mode;
EXPLAIN (COSTS OFF) SELECT x, near.id FROM (VALUES ('{1,2}'::int[]), ('{}'), (NULL), ('{7}')) AS w (x),
	LATERAL (SELECT id FROM items WHERE i4 = ANY (w.x) ORDER BY v <-> '[100,1,1]' LIMIT 2) AS near;
SELECT x, near.id FROM (VALUES ('{1,2}'::int[]), ('{}'), (NULL), ('{7}')) AS w (x),
	LATERAL (SELECT id FROM items WHERE i4 = ANY (w.x) ORDER BY v <-> '[100,1,1]' LIMIT 2) AS near;

-- rows change
UPDATE items SET i4 = NULL, t = NULL WHERE id = 100;
UPDATE items SET i4 = 42 WHERE id IN (99, 105);
UPDATE items SET v = '[100,1,1]' WHERE id BETWEEN 300 AND 302;
DELETE FROM items WHERE id = 103;
SELECT c, nearest(c) FROM unnest(ARRAY['true', 'i4 IS NULL', 't IS NULL', 'i4 = 42', 'i4 = 3', 'i4 BETWEEN 3 AND 5']) c;
VACUUM items;
SELECT c, nearest(c) FROM unnest(ARRAY['true', 'i4 IS NULL', 't IS NULL', 'i4 = 42', 'i4 = 3', 'i4 BETWEEN 3 AND 5']) c;
REINDEX INDEX items_1;
SELECT c, nearest(c) FROM unnest(ARRAY['true', 'i4 IS NULL', 't IS NULL', 'i4 = 42', 'i4 = 3', 'i4 BETWEEN 3 AND 5']) c;

-- a value that is too long for the index is compared in the table
CREATE TABLE longs (id int, v vector(2), t text, a int[]);
CREATE INDEX ON longs USING hnsw (v vector_cosine_ops, t, a);
INSERT INTO longs SELECT i, ARRAY[i, 1]::vector, repeat('long', 300) || i % 4, ARRAY(SELECT generate_series(i % 4, 40)) FROM generate_series(1, 100) i;
SELECT id FROM longs WHERE t = repeat('long', 300) || 2 ORDER BY v <=> '[10,1]' LIMIT 3;
SELECT id FROM longs WHERE t < repeat('long', 300) || 1 ORDER BY v <=> '[10,1]' LIMIT 3;
SELECT id FROM longs WHERE a @> '{1,40}' AND NOT a && '{0}' ORDER BY v <=> '[10,1]' LIMIT 3;
SELECT id FROM longs WHERE t = 'long' ORDER BY v <=> '[10,1]' LIMIT 3;

-- what a scan says: rows that do not meet the index's conditions are rejected there
SELECT count(*) FROM (SELECT id FROM items WHERE i4 = 7 AND i8 BETWEEN 17 AND 27 ORDER BY v <-> '[100,1,1]' LIMIT 500) x;
SELECT r->'rows' AS rows, (r->>'rejected')::int < 500 AS rejected, r->'compared' AS compared, r->>'ended' AS ended FROM hnsw_last_scan() r;
SELECT count(*) FROM (SELECT id FROM longs WHERE t < repeat('long', 300) || 1 ORDER BY v <=> '[10,1]' LIMIT 500) x;
SELECT r->'rows' AS rows, r->>'ended' AS ended FROM hnsw_last_scan() r;

-- few rows have a value: those without are not looked at, unless the values are sets
CREATE TABLE gaps (id int, v vector(2), n numeric, t text, a int[]);
CREATE INDEX gaps_v ON gaps USING hnsw (v vector_l2_ops, n, t, a);
INSERT INTO gaps SELECT i, ARRAY[i, 1]::vector, CASE WHEN i % 100 = 0 THEN i - 500 END, CASE WHEN i % 100 = 1 THEN '' END, CASE WHEN i % 100 = 2 THEN '{}'::int[] END
FROM generate_series(1, 2000) i;
UPDATE gaps SET n = (ARRAY['NaN', 'Infinity', '-Infinity', '1e1000']::numeric[])[id / 100] WHERE id IN (100, 200, 300, 400);
REINDEX INDEX gaps_v;
SELECT count(*) FROM (SELECT id FROM gaps WHERE n IS NOT NULL ORDER BY v <-> '[100,1]' LIMIT 100) x;
SELECT r->'rows' AS rows, r->'nodes' AS nodes, r->'rejected' AS rejected FROM hnsw_last_scan() r;
SELECT count(*) FROM (SELECT id FROM gaps WHERE t IS NOT NULL ORDER BY v <-> '[100,1]' LIMIT 100) x;
SELECT r->'rows' AS rows, r->'nodes' AS nodes, r->'rejected' AS rejected FROM hnsw_last_scan() r;
SELECT count(*) FROM (SELECT id FROM gaps WHERE n IS NOT NULL AND n > 500 ORDER BY v <-> '[100,1]' LIMIT 100) x;
SELECT count(*) FROM (SELECT id FROM gaps WHERE a IS NOT NULL ORDER BY v <-> '[100,1]' LIMIT 100) x;
SELECT count(*) FROM (SELECT id FROM gaps WHERE n IS NOT NULL AND t IS NOT NULL ORDER BY v <-> '[100,1]' LIMIT 100) x;
DROP TABLE gaps;

-- an enum that gets another label, and one of another name
CREATE TABLE moods (id int, v vector(1), e mood);
INSERT INTO moods SELECT i, ARRAY[i]::vector, (enum_range(NULL::mood))[1 + i % 3] FROM generate_series(1, 90) i;
CREATE INDEX moods_v ON moods USING hnsw (v vector_l2_ops, e);
ALTER TYPE mood ADD VALUE 'poor' BEFORE 'fair';
INSERT INTO moods SELECT i, ARRAY[i]::vector, 'poor' FROM generate_series(91, 120) i;
SELECT array_agg(id) FROM (SELECT id FROM moods WHERE e >= 'poor' ORDER BY v <-> '[89.6]' LIMIT 5) x;
SELECT array_agg(id) FROM (SELECT id FROM moods WHERE e < 'fair' ORDER BY v <-> '[89.6]' LIMIT 5) x;
SELECT array_agg(id) FROM (SELECT id FROM moods WHERE e = 'poor' ORDER BY v <-> '[89.6]' LIMIT 3) x;
ALTER TYPE mood RENAME VALUE 'good' TO 'fine';
SELECT array_agg(id) FROM (SELECT id FROM moods WHERE e = 'fine' ORDER BY v <-> '[89.6]' LIMIT 3) x;
SELECT hnsw_last_scan()->>'index' AS index;
SELECT * FROM hnsw_check('moods_v', true);
DROP TABLE moods;

-- operator classes
SELECT opcname, opcintype::regtype, opcdefault, amvalidate(c.oid) FROM pg_opclass c JOIN pg_am a ON a.oid = opcmethod
WHERE amname = 'hnsw' AND opcdefault ORDER BY opcname;
CREATE OPERATOR CLASS wrong_ops FOR TYPE int4 USING hnsw AS OPERATOR 8 <;
SELECT amvalidate(oid) FROM pg_opclass WHERE opcname = 'wrong_ops';
DROP OPERATOR FAMILY wrong_ops USING hnsw;
CREATE OPERATOR CLASS wrong_ops FOR TYPE int4 USING hnsw AS OPERATOR 1 +;
CREATE OPERATOR CLASS vague_ops FOR TYPE int4 USING hnsw AS OPERATOR 3 =, OPERATOR 1 - FOR ORDER BY float_ops;
SELECT amvalidate(oid) FROM pg_opclass WHERE opcname = 'vague_ops';
DROP OPERATOR FAMILY vague_ops USING hnsw;

-- properties
SELECT p, pg_indexam_has_property(oid, p) FROM pg_am, unnest(ARRAY['can_order', 'can_unique', 'can_multi_col', 'can_exclude', 'can_include']) p
WHERE amname = 'hnsw';
SELECT p, pg_index_column_has_property('items_1', 1, p) AS vector, pg_index_column_has_property('items_1', 2, p) AS key FROM
	unnest(ARRAY['asc', 'orderable', 'distance_orderable', 'returnable', 'search_array', 'search_nulls']) p;

DROP TABLE items, longs;
DROP FUNCTION plan, nearest;
DROP TYPE mood;
DROP DOMAIN score;
