-- Casts between sparsevec, vector, halfvec and arrays.

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
SELECT ARRAY[1,0,2]::sparsevec, ARRAY[1.5,0,-2]::sparsevec, ARRAY[0,0.1]::real[]::sparsevec, ARRAY[0,0.1]::float8[]::sparsevec, ARRAY[0,0.1]::numeric[]::sparsevec;
SELECT '{0,0}'::integer[]::sparsevec, '{1e-46,-0,2}'::float8[]::sparsevec(3), '[5:7]={1,0,3}'::integer[]::sparsevec;
SELECT array_fill(0, ARRAY[100000])::sparsevec, (array_fill(0, ARRAY[100000]) || 7)::sparsevec;

-- vectors
SELECT '[1,0,-0,2.5]'::vector::sparsevec, '[1,0,-0,2.5]'::halfvec::sparsevec, '[0]'::vector::sparsevec(1);
SELECT '{1:1,3:-2.5}/4'::sparsevec::vector, '{1:1,3:-2.5}/4'::sparsevec::halfvec, '{}/3'::sparsevec::vector(3), '{}/3'::sparsevec::halfvec(3);
SELECT '{1:65519.99,2:1e-30}/2'::sparsevec::halfvec, '{1:0.1}/1'::sparsevec::halfvec::sparsevec;
SELECT vector_dims('{}/16000'::sparsevec::vector), length(array_fill(1, ARRAY[16000])::vector::sparsevec::text);

SELECT statement, pg_temp.error_of(statement)
FROM (VALUES
	($$SELECT '{}'::integer[]::sparsevec$$),
	($$SELECT '{{1}}'::real[]::sparsevec$$),
	($$SELECT '{1,NULL}'::real[]::sparsevec$$),
	($$SELECT '{NaN}'::float8[]::sparsevec$$),
	($$SELECT '{0,NaN}'::numeric[]::sparsevec$$),
	($$SELECT '{Infinity}'::real[]::sparsevec$$),
	($$SELECT '{4e38}'::float8[]::sparsevec$$),
	($$SELECT '{4e38}'::numeric[]::sparsevec$$),
	($$SELECT '{1,0,2}'::integer[]::sparsevec(2)$$),
	($$SELECT '{1,2}'::bigint[]::sparsevec$$),
	($$SELECT array_fill(1, ARRAY[16001])::sparsevec$$),
	($$SELECT '{1:1}/5'::sparsevec::sparsevec(4)$$),
	($$SELECT '[1,0]'::vector::sparsevec(3)$$),
	($$SELECT '[1,0]'::halfvec::sparsevec(3)$$),
	($$SELECT '{1:1}/5'::sparsevec::vector(4)$$),
	($$SELECT '{1:70000}/5'::sparsevec::halfvec(4)$$),
	($$SELECT '{1:1}/16001'::sparsevec::vector$$),
	($$SELECT '{1:1}/16001'::sparsevec::vector(3)$$),
	($$SELECT '{1:1}/1000000000'::sparsevec::halfvec$$),
	($$SELECT '{1:-70000}/5'::sparsevec::halfvec$$),
	($$SELECT '{1:1}/5'::sparsevec::real[]$$)
) AS rejected (statement);

-- the cast functions, called directly
SELECT array_to_sparsevec('{1,0}'::integer[], -1, false), sparsevec('{1:1}/2', 2, true), vector_to_sparsevec('[1,0]', -1, false),
	halfvec_to_sparsevec('[1,0]', 2, false), sparsevec_to_vector('{}/2', 2, false), sparsevec_to_halfvec('{}/2', -1, false);
SELECT pg_temp.error_of($$SELECT sparsevec('{1:1}/2', 3, true)$$);

-- which contexts apply them
CREATE TABLE assigned (s sparsevec, v vector(2), h halfvec);
INSERT INTO assigned VALUES ('[1,0]'::vector, '{1:1}/2'::sparsevec, '{1:1}/2'::sparsevec), ('[0,2]'::halfvec, NULL, NULL), (ARRAY[0,3], NULL, NULL);
SELECT pg_temp.error_of($$INSERT INTO assigned (v) VALUES ('{1:1}/3'::sparsevec)$$);
SELECT * FROM assigned;
SELECT s <-> v, h <-> s, pg_typeof(l2_normalize(s)) FROM assigned WHERE v IS NOT NULL;
DROP TABLE assigned;

SELECT format('%s -> %s', castsource::regtype, casttarget::regtype) AS cast,
	castfunc::regprocedure, castcontext, castmethod
FROM pg_cast WHERE 'sparsevec'::regtype IN (castsource, casttarget) ORDER BY 1;
