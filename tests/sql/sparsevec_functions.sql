-- Functions and operators of sparsevec.

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

SELECT l2_distance('{}/2'::sparsevec, '{1:3,2:4}/2'), l2_distance('{1:3}/2'::sparsevec, '{2:4}/2'), '{1:3}/2'::sparsevec <-> '{1:3}/2';
SELECT l2_distance('{1:3e38}/1'::sparsevec, '{1:-3e38}/1'), sparsevec_l2_squared_distance('{1:3}/2', '{2:4}/2');
SELECT inner_product('{1:1,2:2}/2'::sparsevec, '{1:2,2:4}/2'), inner_product('{1:1}/3'::sparsevec, '{3:4}/3'), '{1:1}/2'::sparsevec <#> '{1:2}/2';
SELECT inner_product('{}/2'::sparsevec, '{}/2'), sparsevec_negative_inner_product('{}/2', '{}/2'), inner_product('{1:3e38}/1'::sparsevec, '{1:3e38}/1');
SELECT cosine_distance('{1:1,2:2}/2'::sparsevec, '{1:2,2:4}/2'), cosine_distance('{1:1}/2'::sparsevec, '{2:2}/2'), '{1:1}/2'::sparsevec <=> '{1:-1}/2';
SELECT cosine_distance('{1:1}/2'::sparsevec, '{}/2'), cosine_distance('{}/2'::sparsevec, '{}/2'), cosine_distance('{1:3e38}/1'::sparsevec, '{1:3e38}/1'),
	cosine_distance('{1:1e-30}/1'::sparsevec, '{1:1e-30}/1');
SELECT l1_distance('{}/2'::sparsevec, '{1:3,2:-4}/2'), l1_distance('{1:3}/2'::sparsevec, '{2:4}/2'), '{1:1}/1'::sparsevec <+> '{}/1',
	l1_distance('{1:3e38}/1'::sparsevec, '{1:-3e38}/1');
SELECT l2_norm('{1:3,2:4}/2'::sparsevec), l2_norm('{}/2'::sparsevec), l2_norm('{1:-2}/9'::sparsevec), l2_norm('{1:3e38}/1'::sparsevec);
SELECT l2_normalize('{1:3,2:4}/2'::sparsevec), l2_normalize('{2:0.1}/2'::sparsevec), l2_normalize('{}/2'::sparsevec),
	l2_normalize('{1:3e38}/3'::sparsevec), l2_normalize('{1:1e-45,3:1e20}/3'::sparsevec);
SELECT statement, pg_temp.error_of(statement)
FROM (VALUES
	($$SELECT l2_distance('{}/2'::sparsevec, '{}/3')$$),
	($$SELECT sparsevec_l2_squared_distance('{}/2', '{}/3')$$),
	($$SELECT inner_product('{}/2'::sparsevec, '{}/3')$$),
	($$SELECT sparsevec_negative_inner_product('{}/2', '{}/3')$$),
	($$SELECT cosine_distance('{}/2'::sparsevec, '{}/3')$$),
	($$SELECT l1_distance('{}/2'::sparsevec, '{}/3')$$),
	($$SELECT '{}/1000000000'::sparsevec <-> '{}/1'$$),
	($$SELECT vector_dims('{}/2'::sparsevec)$$),
	($$SELECT '{}/2'::sparsevec + '{}/2'$$),
	($$SELECT avg('{}/2'::sparsevec)$$)
) AS rejected (statement);
SELECT l2_distance('{}/1'::sparsevec, NULL) IS NULL, l2_norm(NULL::sparsevec) IS NULL, NULL::sparsevec <-> '{}/1' IS NULL;

-- many elements: as vectors have it
CREATE TABLE measured AS
	SELECT d, array_agg(CASE i * 7 % 4 WHEN 0 THEN ((i * 37 + d) % 21 - 10) / 2.0 ELSE 0 END ORDER BY i)::vector AS a,
		array_agg(CASE (i + 1) % 3 WHEN 0 THEN ((i * 59 + d * 3) % 19 - 9) / 2.0 ELSE 0 END ORDER BY i)::vector AS b
	FROM unnest(ARRAY[1,2,3,7,12,31,33,100,500,1536,3000,16000]) d, generate_series(1, d) i
	GROUP BY d;
SELECT d, (s <-> t) = (a <-> b) AS l2, (s <#> t) = (a <#> b) AS ip,
	(s <=> t) = (a <=> b) AS cosine, (s <+> t) = (a <+> b) AS l1,
	l2_norm(s) = vector_norm(a) AS norm, l2_normalize(s)::vector = l2_normalize(a) AS unit,
	(s < t) = (a < b) AND (s = t) = (a = b) AND sparsevec_cmp(s, t) = vector_cmp(a, b) AS compared
FROM measured, LATERAL (SELECT a::sparsevec AS s, b::sparsevec AS t) s ORDER BY d;
DROP TABLE measured;

SELECT oid::regoperator AS operator, oprresult::regtype, oprcom::regoperator
FROM pg_operator WHERE oprleft = 'sparsevec'::regtype AND oprresult <> 'boolean'::regtype
ORDER BY oprname COLLATE "C";
SELECT DISTINCT provolatile, proisstrict, proparallel, prolang = 13 AS c FROM pg_proc
WHERE proname !~ '_within$' AND (proname ~ 'sparsevec' AND proname !~ '^hnsw' OR 'sparsevec'::regtype = ANY (proargtypes::oid[]));
