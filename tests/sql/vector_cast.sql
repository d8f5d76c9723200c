-- Casts between vector and arrays.

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

SELECT ARRAY[1,2,3]::vector;
SELECT ARRAY[1.5,-2,1e-3]::vector;
SELECT ARRAY[1.5,-2,0.1]::real[]::vector;
SELECT ARRAY[1.5,-2,0.1]::float8[]::vector;
SELECT ARRAY[1.5,-2,0.1]::numeric[]::vector;
SELECT '{1,2,3}'::real[]::vector(3);
SELECT '{2147483647,-2147483648,16777217}'::integer[]::vector;
SELECT '{1e-46,-1e-300,1e-320}'::float8[]::vector;
SELECT '{0,-0}'::float8[]::vector;
SELECT '[1,2,3]'::vector::real[];
SELECT ('[1.5,-0,3.4028235e38]'::vector)::real[];
SELECT ('[1,2,3]'::vector)::vector(3);
SELECT pg_typeof('[1,2,3]'::vector::real[]);

-- other bounds, and a null bitmap without nulls
SELECT '[5:7]={1,2,3}'::integer[]::vector;
CREATE TABLE arrays (a float8[]);
INSERT INTO arrays VALUES ('{1,NULL,3}');
UPDATE arrays SET a[2] = 2;
SELECT a, a::vector FROM arrays;
DROP TABLE arrays;

SELECT statement, pg_temp.error_of(statement)
FROM (VALUES
	($$SELECT '{}'::integer[]::vector$$),
	($$SELECT '{}'::real[]::vector(3)$$),
	($$SELECT '{{1}}'::real[]::vector$$),
	($$SELECT '{{1,2},{3,4}}'::integer[]::vector$$),
	($$SELECT '{{NULL}}'::integer[]::vector$$),
	($$SELECT '{NULL}'::real[]::vector$$),
	($$SELECT '{1,NULL,3}'::numeric[]::vector$$),
	($$SELECT '{1,NULL,3}'::integer[]::vector(2)$$),
	($$SELECT '{NaN}'::real[]::vector$$),
	($$SELECT '{1,NaN}'::float8[]::vector$$),
	($$SELECT '{NaN}'::numeric[]::vector$$),
	($$SELECT '{Infinity}'::real[]::vector$$),
	($$SELECT '{-Infinity}'::float8[]::vector$$),
	($$SELECT '{Infinity}'::numeric[]::vector$$),
	($$SELECT '{4e38}'::float8[]::vector$$),
	($$SELECT '{-4e38}'::float8[]::vector$$),
	($$SELECT '{4e38}'::numeric[]::vector$$),
	($$SELECT '{1e-50}'::numeric[]::vector$$),
	($$SELECT '{1,2,3}'::real[]::vector(2)$$),
	($$SELECT '{1,2,3}'::integer[]::vector(4)$$),
	($$SELECT array_fill(0, ARRAY[16001])::vector$$),
	($$SELECT array_fill(0::numeric, ARRAY[16001])::vector$$),
	($$SELECT '[1,2,3]'::vector::vector(2)$$),
	($$SELECT '{1,2}'::bigint[]::vector$$),
	($$SELECT '{a}'::text[]::vector$$),
	($$SELECT '[1,2]'::vector::float8[]$$),
	($$SELECT '[1,2]'::vector::integer[]$$)
) AS rejected (statement);
SELECT vector_dims(array_fill(0, ARRAY[16000])::vector);

-- the cast functions, called directly
SELECT array_to_vector('{1,2,3}'::integer[], -1, false), vector_to_float4('[1,2]', -1, true);
SELECT vector('[1,2,3]', 3, true), vector('[1,2,3]', -1, false);
SELECT pg_temp.error_of($$SELECT vector('[1,2,3]', 2, true)$$);
SELECT pg_temp.error_of($$SELECT array_to_vector('{1,2,3}'::real[], 2, false)$$);

-- which contexts apply them
CREATE TABLE assigned (v vector, a real[]);
INSERT INTO assigned VALUES (ARRAY[1,2,3], '[4,5,6]'::vector);
INSERT INTO assigned (v) VALUES (ARRAY[1.5,2.5]), (ARRAY[1,2]::real[]), (ARRAY[1,2]::float8[]);
SELECT * FROM assigned;
DROP TABLE assigned;
SELECT array_length('[1,2,3]'::vector, 1);
SELECT ('[1,2,3]'::vector)[2];
SELECT pg_temp.error_of($$SELECT vector_dims(ARRAY[1,2,3])$$);
SELECT pg_temp.error_of($$SELECT ARRAY[1,2,3] <-> ARRAY[1,2,4]$$);
SELECT '[1,2,3]'::vector <-> ARRAY[1,2,4]::vector;

-- arrays keep their own operators
SELECT ARRAY[1,2,3] = ARRAY[1,2,3];
SELECT ARRAY[1,2,3]::real[] < ARRAY[1,2,4]::real[];
SELECT '[1,2,3]'::vector = '[1,2,3]';
SELECT '[1,2,3]' = '[1,2,3]'::vector;

SELECT format('%s -> %s', castsource::regtype, casttarget::regtype) AS cast,
	castfunc::regprocedure, castcontext, castmethod
FROM pg_cast
WHERE (castsource, casttarget) IN (
	('vector'::regtype, 'vector'::regtype), ('vector'::regtype, 'real[]'::regtype),
	('integer[]'::regtype, 'vector'::regtype), ('real[]'::regtype, 'vector'::regtype),
	('float8[]'::regtype, 'vector'::regtype), ('numeric[]'::regtype, 'vector'::regtype))
ORDER BY 1;
