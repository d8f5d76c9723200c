-- Aggregates of vectors.

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

SELECT avg(v) FROM unnest(ARRAY['[1,2,3]'::vector, '[3,5,7]']) v;
SELECT avg(v) FROM unnest(ARRAY['[1,2,3]'::vector, '[3,5,7]', NULL]) v;
SELECT avg(v) IS NULL FROM unnest(ARRAY[]::vector[]) v;
SELECT avg(v) IS NULL FROM unnest(ARRAY[NULL]::vector[]) v;
SELECT avg(v) FROM unnest(ARRAY['[3e38]'::vector, '[3e38]']) v;
SELECT avg(v) FROM unnest(ARRAY['[1e-45]'::vector, '[0]', '[0]']) v;
SELECT avg(v ORDER BY v), avg(DISTINCT v), avg(v) FILTER (WHERE v > '[2]')
FROM unnest(ARRAY['[1]'::vector, '[1]', '[4]']) v;
SELECT sum(v) FROM unnest(ARRAY['[1,2,3]'::vector, '[3,5,7]']) v;
SELECT sum(v) FROM unnest(ARRAY['[1,2,3]'::vector, '[3,5,7]', NULL]) v;
SELECT sum(v) IS NULL FROM unnest(ARRAY[]::vector[]) v;
SELECT pg_typeof(avg(v)), pg_typeof(sum(v)) FROM unnest(ARRAY['[1]'::vector]) v;

SELECT statement, pg_temp.error_of(statement)
FROM (VALUES
	($$SELECT avg(v) FROM unnest(ARRAY['[1,2]'::vector, '[3]']) v$$),
	($$SELECT avg(v) FROM unnest(ARRAY['[1]'::vector, '[2,3]']) v$$),
	($$SELECT sum(v) FROM unnest(ARRAY['[1,2]'::vector, '[3]']) v$$),
	($$SELECT sum(v) FROM unnest(ARRAY['[3e38]'::vector, '[3e38]']) v$$),
	($$SELECT vector_avg('{}')$$),
	($$SELECT vector_avg('{{1,2}}')$$),
	($$SELECT vector_avg('{1,NULL}')$$),
	($$SELECT vector_avg('{1}')$$),
	($$SELECT vector_avg('{1,NaN}')$$),
	($$SELECT vector_avg('{1,4e38}')$$),
	($$SELECT vector_avg(array_fill(1::float8, ARRAY[16002]))$$),
	($$SELECT vector_accum('{}', '[1]')$$),
	($$SELECT vector_accum('{{0}}', '[1]')$$),
	($$SELECT vector_accum('{NULL}', '[1]')$$),
	($$SELECT vector_accum('{1,2}', '[1,2]')$$),
	($$SELECT vector_accum('{1,1,1}', '[1]')$$),
	($$SELECT vector_accum('{1,1.7976931348623157e308}', '[3e38]') IS NULL$$),
	($$SELECT vector_accum('{1,Infinity}', '[1]')$$),
	($$SELECT vector_combine('{}', '{0}')$$),
	($$SELECT vector_combine('{0}', '{}')$$),
	($$SELECT vector_combine('{1}', '{{1}}')$$),
	($$SELECT vector_combine('{1,2}', '{1,2,3}')$$),
	($$SELECT vector_combine('{1,2,3}', '{1,2}')$$),
	($$SELECT vector_combine('{1,1e308}', '{1,1e308}')$$),
	($$SELECT vector_combine(array_fill(1::float8, ARRAY[16002]), array_fill(1::float8, ARRAY[16002]))$$)
) AS rejected (statement);

-- the functions behind avg
SELECT vector_accum('{0}', '[1,2,3]');
SELECT vector_accum('{1,1,2,3}', '[0.5,-1,0]');
SELECT vector_accum('{5}', '[1]');
SELECT vector_combine('{0}', '{0}'), vector_combine('{1,2}', '{0}'), vector_combine('{0}', '{1,2}');
SELECT vector_combine('{1,1,2,3}', '{2,3,4,5}'), vector_combine('{0,7}', '{1,2}');
SELECT vector_avg('{0}') IS NULL, vector_avg('{0,1}') IS NULL, vector_avg('{2,1,3}'), vector_avg('{1,0}');
SELECT vector_accum(NULL, '[1]') IS NULL, vector_combine('{1,2}', NULL) IS NULL, vector_avg(NULL) IS NULL;

-- groups, windows, more than one aggregate over one state, values out of line
CREATE TABLE rated (g integer, i integer, v vector);
INSERT INTO rated SELECT i % 3, i, ARRAY[i, -i, i % 3] FROM generate_series(1, 1000) i;
SELECT g, avg(v), sum(v), count(v), avg(v)::text = avg(v)::vector(3)::text AS same
FROM rated GROUP BY g ORDER BY g;
SELECT i, avg(v) OVER (ORDER BY i), sum(v) OVER (ORDER BY i ROWS 1 PRECEDING),
	avg(v) OVER (ORDER BY i ROWS BETWEEN 1 PRECEDING AND 1 FOLLOWING)
FROM rated ORDER BY i LIMIT 4;
SELECT count(DISTINCT a) FROM (SELECT avg(v) OVER (PARTITION BY g) AS a FROM rated) s;
SELECT vector_dims(avg(w)), vector_norm(avg(w)) FROM (
	SELECT array_fill(i, ARRAY[2500])::vector AS w FROM generate_series(1, 3) i
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
