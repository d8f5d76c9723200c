-- Casts between halfvec, vector and arrays.

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

-- arrays
SELECT ARRAY[1,2,3]::halfvec;
SELECT ARRAY[1.5,-2,1e-3]::halfvec;
SELECT ARRAY[1.5,-2,0.1]::real[]::halfvec;
SELECT ARRAY[1.5,-2,0.1]::float8[]::halfvec;
SELECT ARRAY[1.5,-2,0.1]::numeric[]::halfvec;
SELECT '{1,2,3}'::real[]::halfvec(3);
SELECT '{65504,-65519,2049}'::integer[]::halfvec;
SELECT '{65519.99}'::real[]::halfvec, '{1e-8,-1e-300,1e-320}'::float8[]::halfvec, '{0,-0}'::float8[]::halfvec;
SELECT '[5:7]={1,2,3}'::integer[]::halfvec;
SELECT '[1.5,-0,65504]'::halfvec::real[], pg_typeof('[1]'::halfvec::real[]);

-- vectors
SELECT '[1.5,-0,65504,0.1]'::halfvec::vector, '[1.5,-0,65519.99,0.1,1e-30]'::vector::halfvec;
SELECT '[1,2,3]'::halfvec::vector(3), '[1,2,3]'::vector::halfvec(3), '[1,2,3]'::halfvec::halfvec(3);
SELECT vector_dims(array_fill(0, ARRAY[16000])::vector::halfvec::vector);
SELECT pg_typeof('[1]'::halfvec::vector), pg_typeof('[1]'::vector::halfvec);

SELECT statement, pg_temp.error_of(statement)
FROM (VALUES
	($$SELECT '{}'::integer[]::halfvec$$),
	($$SELECT '{}'::real[]::halfvec(3)$$),
	($$SELECT '{{1}}'::real[]::halfvec$$),
	($$SELECT '{{NULL}}'::integer[]::halfvec$$),
	($$SELECT '{NULL}'::real[]::halfvec$$),
	($$SELECT '{1,NULL,3}'::integer[]::halfvec(2)$$),
	($$SELECT '{NaN}'::real[]::halfvec$$),
	($$SELECT '{1,NaN}'::float8[]::halfvec$$),
	($$SELECT '{NaN,70000}'::float8[]::halfvec$$),
	($$SELECT '{NaN}'::numeric[]::halfvec$$),
	($$SELECT '{Infinity}'::real[]::halfvec$$),
	($$SELECT '{-Infinity}'::float8[]::halfvec$$),
	($$SELECT '{65520}'::integer[]::halfvec$$),
	($$SELECT '{-2147483648}'::integer[]::halfvec$$),
	($$SELECT '{-70000.5}'::real[]::halfvec$$),
	($$SELECT '{1,65519.9999}'::float8[]::halfvec$$),
	($$SELECT '{4e38}'::float8[]::halfvec$$),
	($$SELECT '{70000.5}'::numeric[]::halfvec$$),
	($$SELECT '{4e38}'::numeric[]::halfvec$$),
	($$SELECT '{1,2,3}'::real[]::halfvec(2)$$),
	($$SELECT '{70000}'::real[]::halfvec(2)$$),
	($$SELECT array_fill(0, ARRAY[16001])::halfvec$$),
	($$SELECT '[1,2,3]'::halfvec::halfvec(2)$$),
	($$SELECT '[1,2,3]'::halfvec::vector(2)$$),
	($$SELECT '[1,2,3]'::vector::halfvec(2)$$),
	($$SELECT '[70000,1]'::vector::halfvec(3)$$),
	($$SELECT '[1,70000]'::vector::halfvec$$),
	($$SELECT '[-1e38]'::vector::halfvec$$),
	($$SELECT '{1,2}'::bigint[]::halfvec$$),
	($$SELECT '[1,2]'::halfvec::float8[]$$),
	($$SELECT '[1,2]'::halfvec::integer[]$$)
) AS rejected (statement);

-- the cast functions, called directly
SELECT array_to_halfvec('{1,2,3}'::integer[], -1, false), halfvec_to_float4('[1,2]', -1, true);
SELECT halfvec('[1,2,3]', 3, true), halfvec_to_vector('[1,2,3]', 3, true), vector_to_halfvec('[1,2,3]', -1, false);
SELECT pg_temp.error_of($$SELECT vector_to_halfvec('[1,2,3]', 2, true)$$);

-- which contexts apply them
CREATE TABLE assigned (v vector, h halfvec(2), a real[]);
INSERT INTO assigned VALUES ('[1,2]'::halfvec, '[3,4]'::vector, '[5,6]'::halfvec), (NULL, ARRAY[1,2]::float8[], NULL);
SELECT pg_temp.error_of($$INSERT INTO assigned (h) VALUES ('[1,2,3]'::vector)$$);
SELECT * FROM assigned;
SELECT h <-> v, v <-> h, pg_typeof(v + h) FROM assigned WHERE v IS NOT NULL;
SELECT pg_temp.error_of($$SELECT '[70000]'::vector <-> '[1]'::halfvec$$);
SELECT pg_temp.error_of($$SELECT array_length('[1,2,3]'::halfvec, 1)$$);
SELECT pg_temp.error_of($$SELECT vector_norm('[1,2,3]'::halfvec)$$);
DROP TABLE assigned;

-- a vector column compared as halves
SELECT '[0.1,0.2]'::vector = '[0.1,0.2]'::halfvec AS equal_as_halves, '[0.1,0.2]'::vector = '[0.1,0.2]'::halfvec::vector AS equal;

SELECT format('%s -> %s', castsource::regtype, casttarget::regtype) AS cast,
	castfunc::regprocedure, castcontext, castmethod
FROM pg_cast
WHERE 'halfvec'::regtype IN (castsource, casttarget)
	AND 'sparsevec'::regtype NOT IN (castsource, casttarget)
ORDER BY 1;
