-- Aggregates of halfvecs.

-- The SQLSTATE, message and DETAIL of the error that a statement raises.
CREATE FUNCTION pg_temp.error_of(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	message text;
	detail text;
BEGIN
	EXECUTE statement;
	RETURN 'none';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL;
	RETURN concat(SQLSTATE, ' ', message, ' DETAIL: ' || nullif(detail, ''));
END
$$;

SELECT avg(v) FROM unnest(ARRAY['[1,2,3]'::halfvec, '[3,5,7]']) v;
SELECT avg(v) FROM unnest(ARRAY['[1,2,3]'::halfvec, '[3,5,7]', NULL]) v;
SELECT avg(v) IS NULL FROM unnest(ARRAY[]::halfvec[]) v;
SELECT avg(v) IS NULL FROM unnest(ARRAY[NULL]::halfvec[]) v;
SELECT avg(v) FROM unnest(ARRAY['[65504]'::halfvec, '[65504]']) v;
SELECT avg(v) FROM unnest(ARRAY['[6e-8]'::halfvec, '[0]', '[0]']) v;
SELECT avg(v ORDER BY v), avg(DISTINCT v), avg(v) FILTER (WHERE v > '[2]')
FROM unnest(ARRAY['[1]'::halfvec, '[1]', '[4]']) v;
SELECT sum(v) FROM unnest(ARRAY['[1,2,3]'::halfvec, '[3,5,7]']) v;
SELECT sum(v) FROM unnest(ARRAY['[2048]'::halfvec, '[1]', '[1]', '[3]']) v;
SELECT sum(v) FROM unnest(ARRAY['[1,2,3]'::halfvec, '[3,5,7]', NULL]) v;
SELECT sum(v) IS NULL FROM unnest(ARRAY[]::halfvec[]) v;
SELECT pg_typeof(avg(v)), pg_typeof(sum(v)) FROM unnest(ARRAY['[1]'::halfvec]) v;

SELECT statement, pg_temp.error_of(statement)
FROM (VALUES
	($$SELECT avg(v) FROM unnest(ARRAY['[1,2]'::halfvec, '[3]']) v$$),
	($$SELECT avg(v) FROM unnest(ARRAY['[1]'::halfvec, '[2,3]']) v$$),
	($$SELECT sum(v) FROM unnest(ARRAY['[1,2]'::halfvec, '[3]']) v$$),
	($$SELECT sum(v) FROM unnest(ARRAY['[65504]'::halfvec, '[65504]']) v$$),
	($$SELECT halfvec_avg('{}')$$),
	($$SELECT halfvec_avg('{{1,2}}')$$),
	($$SELECT halfvec_avg('{1,NULL}')$$),
	($$SELECT halfvec_avg('{1}')$$),
	($$SELECT halfvec_avg('{1,NaN}')$$),
	($$SELECT halfvec_avg('{1,4e38}')$$),
	($$SELECT halfvec_avg('{1,65520}')$$),
	($$SELECT halfvec_avg('{1,-70000,NaN}')$$),
	($$SELECT halfvec_avg('{1,NaN,70000}')$$),
	($$SELECT halfvec_avg(array_fill(1::float8, ARRAY[16002]))$$),
	($$SELECT halfvec_accum('{}', '[1]')$$),
	($$SELECT halfvec_accum('{{0}}', '[1]')$$),
	($$SELECT halfvec_accum('{NULL}', '[1]')$$),
	($$SELECT halfvec_accum('{1,2}', '[1,2]')$$),
	($$SELECT halfvec_accum('{1,1,1}', '[1]')$$),
	($$SELECT halfvec_accum('{1,1.7976931348623157e308}', '[65504]') IS NULL$$),
	($$SELECT halfvec_accum('{1,Infinity}', '[1]')$$),
	($$SELECT halfvec_combine('{}', '{0}')$$),
	($$SELECT halfvec_combine('{0}', '{}')$$),
	($$SELECT halfvec_combine('{1}', '{{1}}')$$),
	($$SELECT halfvec_combine('{1,2}', '{1,2,3}')$$),
	($$SELECT halfvec_combine('{1,2,3}', '{1,2}')$$),
	($$SELECT halfvec_combine('{1,1e308}', '{1,1e308}')$$),
	($$SELECT halfvec_combine(array_fill(1::float8, ARRAY[16002]), array_fill(1::float8, ARRAY[16002]))$$)
) AS rejected (statement);

-- the functions behind avg
SELECT halfvec_accum('{0}', '[1,2,3]');
SELECT halfvec_accum('{1,1,2,3}', '[0.5,-1,0]');
SELECT halfvec_accum('{5}', '[1]');
SELECT halfvec_combine('{0}', '{0}'), halfvec_combine('{1,2}', '{0}'), halfvec_combine('{0}', '{1,2}');
SELECT halfvec_combine('{1,1,2,3}', '{2,3,4,5}'), halfvec_combine('{0,7}', '{1,2}');
SELECT halfvec_avg('{0}') IS NULL, halfvec_avg('{0,1}') IS NULL, halfvec_avg('{2,1,3}'), halfvec_avg('{1,0}'), halfvec_avg('{1,65519}');
SELECT halfvec_accum(NULL, '[1]') IS NULL, halfvec_combine('{1,2}', NULL) IS NULL, halfvec_avg(NULL) IS NULL;

-- groups, windows, more than one aggregate over one state, values out of line
CREATE TABLE rated (g integer, i integer, v halfvec);
INSERT INTO rated SELECT i % 3, i, ARRAY[i, -i, i % 3] FROM generate_series(1, 60) i;
SELECT g, avg(v), sum(v), count(v), avg(v)::text = avg(v)::halfvec(3)::text AS same
FROM rated GROUP BY g ORDER BY g;
SELECT i, avg(v) OVER (ORDER BY i), sum(v) OVER (ORDER BY i ROWS 1 PRECEDING),
	avg(v) OVER (ORDER BY i ROWS BETWEEN 1 PRECEDING AND 1 FOLLOWING)
FROM rated ORDER BY i LIMIT 4;
SELECT count(DISTINCT a) FROM (SELECT avg(v) OVER (PARTITION BY g) AS a FROM rated) s;
SELECT vector_dims(avg(w)), l2_norm(avg(w)) FROM (
	SELECT array_fill(i, ARRAY[2500])::halfvec AS w FROM generate_series(1, 3) i
) s;

-- in parallel
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET max_parallel_workers_per_gather = 2;
ALTER TABLE rated SET (parallel_workers = 2);
EXPLAIN (COSTS OFF) SELECT avg(v), sum(v) FROM rated;
SELECT avg(v), sum(v) FROM rated;
DROP TABLE rated;
