-- Functions and operators of vectors.

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

-- element-wise arithmetic
SELECT '[1,2,3]'::vector + '[4,5,6]';
SELECT '[1,2,3]'::vector - '[4,5,6]';
SELECT '[1,2,3]'::vector * '[4,5,-6]';
SELECT '[0,1e-45,-0]'::vector * '[5,0,3]';
SELECT '[1e-45]'::vector - '[1e-45]', '[-0]'::vector + '[-0]';
SELECT vector_add('[1]', '[2]'), vector_sub('[1]', '[2]'), vector_mul('[1]', '[2]');
SELECT statement, pg_temp.error_of(statement)
FROM (VALUES
	($$SELECT '[3e38]'::vector + '[3e38]'$$),
	($$SELECT '[1,-3e38]'::vector + '[1,-3e38]'$$),
	($$SELECT '[-3e38]'::vector - '[3e38]'$$),
	($$SELECT '[1e37]'::vector * '[1e37]'$$),
	($$SELECT '[1e-37]'::vector * '[1e-37]'$$),
	($$SELECT '[1e-37,1e37]'::vector * '[-1e-37,1e37]'$$),
	($$SELECT '[1e37,1e-37]'::vector * '[1e37,1e-37]'$$),
	($$SELECT '[1,2]'::vector + '[3]'$$),
	($$SELECT '[1]'::vector - '[3,4]'$$),
	($$SELECT '[1,2]'::vector * '[3]'$$)
) AS rejected (statement);

-- concatenation and parts
SELECT '[1,2,3]'::vector || '[4,5]';
SELECT vector_concat('[1]', '[2]');
SELECT vector_dims(array_fill(0, ARRAY[8000])::vector || array_fill(0, ARRAY[8000])::vector);
SELECT pg_temp.error_of($$SELECT array_fill(0, ARRAY[16000])::vector || '[1]'$$);
SELECT subvector('[1,2,3,4,5]'::vector, 1, 3), subvector('[1,2,3,4,5]'::vector, 3, 2),
	subvector('[1,2,3,4,5]'::vector, 5, 1);
SELECT subvector('[1,2,3,4,5]'::vector, 3, 9), subvector('[1,2,3,4,5]'::vector, -1, 3),
	subvector('[1,2,3,4,5]'::vector, 0, 2);
SELECT subvector('[1,2,3,4,5]'::vector, 2, 2147483647),
	subvector('[1,2,3,4,5]'::vector, -2147483643, 2147483647);
SELECT statement, pg_temp.error_of(statement)
FROM (VALUES
	($$SELECT subvector('[1,2,3,4,5]'::vector, 1, 0)$$),
	($$SELECT subvector('[1,2,3,4,5]'::vector, 3, -1)$$),
	($$SELECT subvector('[1,2,3,4,5]'::vector, 6, 1)$$),
	($$SELECT subvector('[1,2,3,4,5]'::vector, -1, 2)$$),
	($$SELECT subvector('[1,2,3,4,5]'::vector, 0, 1)$$),
	($$SELECT subvector('[1,2,3,4,5]'::vector, 2147483647, 2147483647)$$),
	($$SELECT subvector('[1,2,3,4,5]'::vector, -2147483648, 2147483647)$$),
	($$SELECT subvector('[1,2,3,4,5]'::vector, 1, -2147483648)$$),
	($$SELECT subvector('[1,2,3,4,5]'::vector, -2147483648, -2147483648)$$)
) AS rejected (statement);

-- properties
SELECT vector_dims('[1,2,3]'::vector);
SELECT round(vector_norm('[1,1]')::numeric, 5);
SELECT vector_norm('[3,4]'), vector_norm('[0,0]'), vector_norm('[0,-2]');
SELECT round((vector_norm('[3e37,4e37]') / 1e37)::numeric, 5);
SELECT l2_normalize('[3,4]'::vector), l2_normalize('[3,0]'::vector),
	l2_normalize('[0,0.1]'::vector), l2_normalize('[0,0]'::vector);
SELECT l2_normalize('[3e38]'::vector), l2_normalize('[-3e38,0]'::vector),
	l2_normalize('[1e-45]'::vector);
SELECT binary_quantize('[1,0,-1]'::vector),
	binary_quantize('[0,0.1,-0.2,-0.3,0.4,0.5,0.6,-0.7,0.8,-0.9,1]'::vector);
SELECT binary_quantize('[-0,1e-45]'::vector), binary_quantize('[1,1,1,1,1,1,1,1]'::vector),
	binary_quantize('[-1]'::vector);
SELECT pg_typeof(binary_quantize('[1]'::vector)),
	length(binary_quantize(array_fill(1, ARRAY[16000])::vector));
SELECT binary_quantize('[1,-1,1]'::vector)::bit(3) = B'101', binary_quantize('[1,1,1]'::vector) = B'111';

-- distances
SELECT l2_distance('[0,0]'::vector, '[3,4]'), l2_distance('[0,0]'::vector, '[0,1]'),
	'[0,0]'::vector <-> '[3,4]';
SELECT l2_distance('[3e38]'::vector, '[-3e38]'),
	l2_distance('[1,1,1,1,1,1,1,1,1]'::vector, '[1,1,1,1,1,1,1,4,5]');
SELECT vector_l2_squared_distance('[0,0]', '[3,4]');
SELECT inner_product('[1,2]'::vector, '[3,4]'), inner_product('[3e38]'::vector, '[3e38]'),
	'[1,2]'::vector <#> '[3,4]';
SELECT inner_product('[1,1,1,1,1,1,1,1,1]'::vector, '[1,2,3,4,5,6,7,8,9]');
SELECT vector_negative_inner_product('[1,2]', '[3,4]'), vector_negative_inner_product('[0]', '[1]');
SELECT cosine_distance('[1,2]'::vector, '[2,4]'), cosine_distance('[1,1]'::vector, '[1,1]');
SELECT cosine_distance('[1,0]'::vector, '[0,2]'), cosine_distance('[1,1]'::vector, '[-1,-1]'),
	round(cosine_distance('[1,1]'::vector, '[1.1,1.1]')::numeric, 6);
SELECT round(cosine_distance('[1,1]'::vector, '[-1.1,-1.1]')::numeric, 6),
	cosine_distance('[1,2]'::vector, '[0,0]'), cosine_distance('[3e38]'::vector, '[3e38]');
SELECT '[1,0]'::vector <=> '[0,2]', cosine_distance('[1e-20]'::vector, '[1e-20]');
SELECT cosine_distance('[1,2,3,4,5,6,7,8,9]'::vector, '[1,2,3,4,5,6,7,8,9]');
SELECT l1_distance('[0,0]'::vector, '[3,4]'), l1_distance('[0,0]'::vector, '[0,-1]'),
	l1_distance('[3e38]'::vector, '[-3e38]');
SELECT '[0,0]'::vector <+> '[3,4]', l1_distance('[1,2,3,4,5,6,7,8,9]'::vector, '[0,3,2,5,4,7,6,9,8]');
SELECT vector_spherical_distance('[1,0]', '[0,1]'), vector_spherical_distance('[1,0]', '[1,0]'),
	vector_spherical_distance('[1,0]', '[-1,0]'), vector_spherical_distance('[2]', '[2]');
SELECT statement, pg_temp.error_of(statement)
FROM (VALUES
	($$SELECT l2_distance('[1,2]'::vector, '[3]')$$),
	($$SELECT vector_l2_squared_distance('[1,2]', '[3]')$$),
	($$SELECT inner_product('[1,2]'::vector, '[3]')$$),
	($$SELECT vector_negative_inner_product('[1]', '[3,4]')$$),
	($$SELECT cosine_distance('[1,2]'::vector, '[3]')$$),
	($$SELECT l1_distance('[1,2]'::vector, '[3]')$$),
	($$SELECT vector_spherical_distance('[1,2]', '[3]')$$),
	($$SELECT '[1,2]'::vector <-> '[3]'$$)
) AS rejected (statement);

-- nulls
SELECT l2_distance('[1]'::vector, NULL) IS NULL, vector_dims(NULL::vector) IS NULL, '[1]'::vector + NULL IS NULL,
	subvector('[1]'::vector, NULL, 1) IS NULL, NULL::vector <-> '[1]' IS NULL;

-- many dimensions, stored in all ways: what SQL computes from the elements
CREATE TABLE measured AS
	SELECT d, array_agg(((i * 37 + d) % 21 - 10) / 2.0 ORDER BY i)::vector AS a,
		array_agg(((i * 59 + d * 3) % 19 - 9) / 2.0 ORDER BY i)::vector AS b
	FROM unnest(ARRAY[1,2,3,7,8,9,15,16,17,29,30,31,33,63,64,65,127,500,1536,3000]) d,
		generate_series(1, d) i
	GROUP BY d;
SELECT d,
	l2_squared = vector_l2_squared_distance(a, b) AND sqrt(l2_squared) = (a <-> b) AS l2,
	ip = inner_product(a, b) AND -ip = (a <#> b) AS ip,
	abs(1 - ip / sqrt(aa * bb) - (a <=> b)) < 1e-6 AS cosine,
	l1 = (a <+> b) AS l1,
	sqrt(aa) = vector_norm(a) AS norm,
	abs(vector_norm(l2_normalize(a)) - 1) < 1e-6 AS unit,
	bits = binary_quantize(a)::text AS bits
FROM measured, LATERAL (
	SELECT sum((x - y)::float8 ^ 2) AS l2_squared, sum(x::float8 * y) AS ip, sum(x::float8 ^ 2) AS aa,
		sum(y::float8 ^ 2) AS bb, sum(abs(x - y)::float8) AS l1,
		string_agg((x > 0)::integer::text, '' ORDER BY i) AS bits
	FROM unnest(a::real[], b::real[]) WITH ORDINALITY u (x, y, i)
) s ORDER BY d;
DROP TABLE measured;

SELECT oid::regoperator AS operator, oprresult::regtype, oprcom::regoperator
FROM pg_operator WHERE oprleft = 'vector'::regtype AND oprresult <> 'boolean'::regtype
ORDER BY oprname COLLATE "C";
SELECT DISTINCT provolatile, proisstrict, proparallel, prolang = 13 AS c FROM pg_proc
WHERE proname ~ '^(vector_|l2_|l1_|array_to_vector|inner_product|cosine_distance|binary_quantize|subvector)'
	AND proname !~ '_within$' AND prokind = 'f';
