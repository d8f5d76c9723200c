-- Distances between bit strings.

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

SELECT hamming_distance(B'111', B'111'), hamming_distance(B'111', B'110'), hamming_distance(B'111', B'100'),
	hamming_distance(B'111', B'000'), hamming_distance(B'', B'');
SELECT jaccard_distance(B'1111', B'1111'), jaccard_distance(B'1111', B'1110'), jaccard_distance(B'1111', B'1100'),
	jaccard_distance(B'1111', B'1000'), jaccard_distance(B'1100', B'1000'), jaccard_distance(B'1010', B'0110');
SELECT jaccard_distance(B'1111', B'0000'), jaccard_distance(B'0000', B'0000'), jaccard_distance(B'', B'');
SELECT B'10100101' <~> B'10100001', B'10100101' <%> B'10100001', hamming_distance('1', '0');
SELECT B'101'::varbit <~> B'100', B'101'::varbit <%> B'101'::bit(3), hamming_distance('101'::varbit, '100'::varbit);
SELECT hamming_distance(B'1', NULL) IS NULL, NULL::bit <%> B'1' IS NULL;
SELECT statement, pg_temp.error_of(statement)
FROM (VALUES
	($$SELECT hamming_distance(B'111', B'00')$$),
	($$SELECT jaccard_distance(B'11', B'000')$$),
	($$SELECT B'' <~> B'1'$$),
	($$SELECT B'1' <%> B'11'::varbit$$),
	($$SELECT hamming_distance(1, 2)$$)
) AS rejected (statement);

-- many bits, stored in all ways: what SQL computes from them
CREATE TABLE strings AS
	SELECT d, string_agg(((i * i + i * d) % 7 < 3)::integer::text, '' ORDER BY i)::varbit AS a,
		string_agg((i * (i + 3) % 11 < 5)::integer::text, '' ORDER BY i)::varbit AS b
	FROM unnest(ARRAY[1,7,8,9,63,64,65,127,128,129,255,256,257,511,512,513,1000,1024,5003,20000]) d,
		generate_series(1, d) i
	GROUP BY d;
SELECT d, length(a) = d AS length, a <~> b = bit_count(a # b) AS hamming,
	a <%> b = CASE WHEN bit_count(a & b) = 0 THEN 1 ELSE 1 - bit_count(a & b)::float8 / bit_count(a | b) END AS jaccard
FROM strings ORDER BY d;
SELECT count(*) FROM strings WHERE a <~> a <> 0 OR a <%> a <> 0;
DROP TABLE strings;

SELECT oid::regoperator AS operator, oprcode, oprresult::regtype, oprcom::regoperator, oprrest, oprjoin
FROM pg_operator WHERE oprcode IN ('hamming_distance'::regproc, 'jaccard_distance'::regproc)
ORDER BY oprname COLLATE "C";
SELECT oid::regprocedure, provolatile, proisstrict, proparallel, prorettype::regtype FROM pg_proc
WHERE proname IN ('hamming_distance', 'jaccard_distance') ORDER BY 1;
