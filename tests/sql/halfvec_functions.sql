-- Functions and operators of halfvecs.

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
SELECT '[1,2,3]'::halfvec + '[4,5,6]';
SELECT '[65504,2048,2048]'::halfvec + '[15,1,3]', '[6e-8]'::halfvec * '[0.6]';
SELECT '[1,2,3]'::halfvec - '[4,5,6]';
SELECT '[1,2,3]'::halfvec * '[4,5,-6]';
SELECT '[0,6e-8,-0]'::halfvec * '[5,0,3]';
SELECT '[6e-8]'::halfvec - '[6e-8]', '[-0]'::halfvec + '[-0]';
SELECT halfvec_add('[1]', '[2]'), halfvec_sub('[1]', '[2]'), halfvec_mul('[1]', '[2]');
SELECT statement, pg_temp.error_of(statement)
FROM (VALUES
	($$SELECT '[65504]'::halfvec + '[65504]'$$),
	($$SELECT '[65504]'::halfvec + '[16]'$$),
	($$SELECT '[1,-4e4]'::halfvec + '[1,-4e4]'$$),
	($$SELECT '[-65504]'::halfvec - '[65504]'$$),
	($$SELECT '[256]'::halfvec * '[256]'$$),
	($$SELECT '[1e-4]'::halfvec * '[1e-4]'$$),
	($$SELECT '[1e-4,1e3]'::halfvec * '[-1e-4,1e3]'$$),
	($$SELECT '[1e3,1e-4]'::halfvec * '[1e3,1e-4]'$$),
	($$SELECT '[1,2]'::halfvec + '[3]'$$),
	($$SELECT '[1]'::halfvec - '[3,4]'$$),
	($$SELECT '[1,2]'::halfvec * '[3]'$$)
) AS rejected (statement);

-- concatenation and parts
SELECT '[1,2,3]'::halfvec || '[4,5]';
SELECT halfvec_concat('[1]', '[2]');
SELECT vector_dims(array_fill(0, ARRAY[8000])::halfvec || array_fill(0, ARRAY[8000])::halfvec);
SELECT pg_temp.error_of($$SELECT array_fill(0, ARRAY[16000])::halfvec || '[1]'$$);
SELECT subvector('[1,2,3,4,5]'::halfvec, 1, 3), subvector('[1,2,3,4,5]'::halfvec, 3, 2),
	subvector('[1,2,3,4,5]'::halfvec, 5, 1);
SELECT subvector('[1,2,3,4,5]'::halfvec, 3, 9), subvector('[1,2,3,4,5]'::halfvec, -1, 3),
	subvector('[1,2,3,4,5]'::halfvec, 0, 2);
SELECT subvector('[1,2,3,4,5]'::halfvec, 2, 2147483647),
	subvector('[1,2,3,4,5]'::halfvec, -2147483643, 2147483647);
SELECT statement, pg_temp.error_of(statement)
FROM (VALUES
	($$SELECT subvector('[1,2,3,4,5]'::halfvec, 1, 0)$$),
	($$SELECT subvector('[1,2,3,4,5]'::halfvec, 3, -1)$$),
	($$SELECT subvector('[1,2,3,4,5]'::halfvec, 6, 1)$$),
	($$SELECT subvector('[1,2,3,4,5]'::halfvec, -1, 2)$$),
	($$SELECT subvector('[1,2,3,4,5]'::halfvec, 0, 1)$$),
	($$SELECT subvector('[1,2,3,4,5]'::halfvec, 2147483647, 2147483647)$$),
	($$SELECT subvector('[1,2,3,4,5]'::halfvec, -2147483648, 2147483647)$$),
	($$SELECT subvector('[1,2,3,4,5]'::halfvec, 1, -2147483648)$$),
	($$SELECT subvector('[1,2,3,4,5]'::halfvec, -2147483648, -2147483648)$$)
) AS rejected (statement);

-- properties
SELECT vector_dims('[1,2,3]'::halfvec);
SELECT round(l2_norm('[1,1]'::halfvec)::numeric, 5);
SELECT l2_norm('[3,4]'::halfvec), l2_norm('[0,0]'::halfvec), l2_norm('[0,-2]'::halfvec);
SELECT l2_norm('[30000,40000]'::halfvec), l2_norm('[65504,65504]'::halfvec);
SELECT l2_normalize('[3,4]'::halfvec), l2_normalize('[3,0]'::halfvec),
	l2_normalize('[0,0.1]'::halfvec), l2_normalize('[0,0]'::halfvec);
SELECT l2_normalize('[65504]'::halfvec), l2_normalize('[-65504,0]'::halfvec),
	l2_normalize('[6e-8,6e-8]'::halfvec);
SELECT binary_quantize('[1,0,-1]'::halfvec),
	binary_quantize('[0,0.1,-0.2,-0.3,0.4,0.5,0.6,-0.7,0.8,-0.9,1]'::halfvec);
SELECT binary_quantize('[-0,6e-8]'::halfvec), binary_quantize('[1,1,1,1,1,1,1,1]'::halfvec),
	binary_quantize('[-1]'::halfvec);
SELECT pg_typeof(binary_quantize('[1]'::halfvec)),
	length(binary_quantize(array_fill(1, ARRAY[16000])::halfvec));
SELECT binary_quantize('[1,-1,1]'::halfvec)::bit(3) = B'101', binary_quantize('[1,1,1]'::halfvec) = B'111';

-- distances
SELECT l2_distance('[0,0]'::halfvec, '[3,4]'), l2_distance('[0,0]'::halfvec, '[0,1]'),
	'[0,0]'::halfvec <-> '[3,4]';
SELECT l2_distance('[65504]'::halfvec, '[-65504]'),
	l2_distance('[1,1,1,1,1,1,1,1,1]'::halfvec, '[1,1,1,1,1,1,1,4,5]');
SELECT halfvec_l2_squared_distance('[0,0]', '[3,4]');
SELECT inner_product('[1,2]'::halfvec, '[3,4]'), inner_product('[65504]'::halfvec, '[65504]'),
	'[1,2]'::halfvec <#> '[3,4]';
SELECT inner_product('[1,1,1,1,1,1,1,1,1]'::halfvec, '[1,2,3,4,5,6,7,8,9]');
SELECT halfvec_negative_inner_product('[1,2]', '[3,4]'), halfvec_negative_inner_product('[0]', '[1]');
SELECT cosine_distance('[1,2]'::halfvec, '[2,4]'), cosine_distance('[1,1]'::halfvec, '[1,1]');
SELECT cosine_distance('[1,0]'::halfvec, '[0,2]'), cosine_distance('[1,1]'::halfvec, '[-1,-1]'),
	round(cosine_distance('[1,1]'::halfvec, '[1.1,1.1]')::numeric, 6);
SELECT round(cosine_distance('[1,1]'::halfvec, '[-1.1,-1.1]')::numeric, 6),
	cosine_distance('[1,2]'::halfvec, '[0,0]'), cosine_distance('[65504]'::halfvec, '[65504]');
SELECT '[1,0]'::halfvec <=> '[0,2]', cosine_distance('[6e-8]'::halfvec, '[6e-8]');
SELECT cosine_distance('[1,2,3,4,5,6,7,8,9]'::halfvec, '[1,2,3,4,5,6,7,8,9]');
SELECT l1_distance('[0,0]'::halfvec, '[3,4]'), l1_distance('[0,0]'::halfvec, '[0,-1]'),
	l1_distance('[65504]'::halfvec, '[-65504]');
SELECT '[0,0]'::halfvec <+> '[3,4]', l1_distance('[1,2,3,4,5,6,7,8,9]'::halfvec, '[0,3,2,5,4,7,6,9,8]');
SELECT halfvec_spherical_distance('[1,0]', '[0,1]'), halfvec_spherical_distance('[1,0]', '[1,0]'),
	halfvec_spherical_distance('[1,0]', '[-1,0]'), halfvec_spherical_distance('[2]', '[2]');
SELECT statement, pg_temp.error_of(statement)
FROM (VALUES
	($$SELECT l2_distance('[1,2]'::halfvec, '[3]')$$),
	($$SELECT halfvec_l2_squared_distance('[1,2]', '[3]')$$),
	($$SELECT inner_product('[1,2]'::halfvec, '[3]')$$),
	($$SELECT halfvec_negative_inner_product('[1]', '[3,4]')$$),
	($$SELECT cosine_distance('[1,2]'::halfvec, '[3]')$$),
	($$SELECT l1_distance('[1,2]'::halfvec, '[3]')$$),
	($$SELECT halfvec_spherical_distance('[1,2]', '[3]')$$),
	($$SELECT '[1,2]'::halfvec <-> '[3]'$$)
) AS rejected (statement);

-- nulls
SELECT l2_distance('[1]'::halfvec, NULL) IS NULL, vector_dims(NULL::halfvec) IS NULL, '[1]'::halfvec + NULL IS NULL,
	subvector('[1]'::halfvec, NULL, 1) IS NULL, NULL::halfvec <-> '[1]' IS NULL;

-- many dimensions, stored in all ways: what SQL computes from the elements
CREATE TABLE measured AS
	SELECT d, array_agg(((i * 37 + d) % 21 - 10) / 2.0 ORDER BY i)::halfvec AS a,
		array_agg(((i * 59 + d * 3) % 19 - 9) / 2.0 ORDER BY i)::halfvec AS b
	FROM unnest(ARRAY[1,2,3,7,8,9,15,16,17,29,30,31,33,63,64,65,127,500,1536,3000]) d,
		generate_series(1, d) i
	GROUP BY d;
SELECT d,
	l2_squared = halfvec_l2_squared_distance(a, b) AND sqrt(l2_squared) = (a <-> b) AS l2,
	ip = inner_product(a, b) AND -ip = (a <#> b) AS ip,
	abs(1 - ip / sqrt(aa * bb) - (a <=> b)) < 1e-6 AS cosine,
	l1 = (a <+> b) AS l1,
	sqrt(aa) = l2_norm(a) AS norm,
	abs(l2_norm(l2_normalize(a)) - 1) < 1e-3 AS unit,
	bits = binary_quantize(a)::text AS bits
FROM measured, LATERAL (
	SELECT sum((x - y)::float8 ^ 2) AS l2_squared, sum(x::float8 * y) AS ip, sum(x::float8 ^ 2) AS aa,
		sum(y::float8 ^ 2) AS bb, sum(abs(x - y)::float8) AS l1,
		string_agg((x > 0)::integer::text, '' ORDER BY i) AS bits
	FROM unnest(a::real[], b::real[]) WITH ORDINALITY u (x, y, i)
) s ORDER BY d;
DROP TABLE measured;

SELECT oid::regoperator AS operator, oprresult::regtype, oprcom::regoperator
FROM pg_operator WHERE oprleft = 'halfvec'::regtype AND oprresult <> 'boolean'::regtype
ORDER BY oprname COLLATE "C";
SELECT DISTINCT provolatile, proisstrict, proparallel, prolang = 13 AS c FROM pg_proc
WHERE proname ~ '^(halfvec_|array_to_halfvec|l2_norm)' AND prokind = 'f';
