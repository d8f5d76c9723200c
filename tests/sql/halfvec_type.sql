-- Type halfvec: text format, type modifier, storage.

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

-- text that is accepted
SELECT '[1,2,3]'::halfvec;
SELECT '[-1,-2,-3]'::halfvec;
SELECT '[1.,2.,3.]'::halfvec;
SELECT '[.5,+.5,-.5]'::halfvec;
SELECT '[+1,-0,0]'::halfvec;
SELECT '[1e2,1E2,1e+2,1e-2]'::halfvec;
SELECT '[0x10,-0X1.8p1,0x.8,0x1p-2]'::halfvec;
SELECT ' [ 1,  2 ,    3  ] '::halfvec;
SELECT E'\t\n\r\x0b\f[\t1\n,\r2\x0b,\f3\t]\t\n\r\x0b\f'::halfvec;
SELECT '[1.23456789]'::halfvec;
SELECT '[0.1,2047,2049,2051,3.14159265358979]'::halfvec;
SELECT '[10000,65504,0.0001,0.00001]'::halfvec;
SELECT '[65519.99,-65519.99]'::halfvec;
SELECT '[65504,6.104e-05,6e-8]'::halfvec;

-- numbers too small become zero
SELECT '[2.9e-8,-2.9e-8,2.99e-8,1e-46,1e-999999999999999999999]'::halfvec;
SELECT '[0x1p-25,0x1.8p-25]'::halfvec;

-- text that is not
SELECT literal, pg_temp.error_of(format('SELECT %L::halfvec', literal))
FROM (VALUES
	(''), (' '), ('1'), ('{1,2,3}'), ('(1,2,3)'), ('hello'),
	('['), ('[ '), ('[1'), ('[1 '), ('[1,'), ('[1, '), ('[1,2,3'), ('[,'), ('[,1]'), ('[1,,3]'),
	('[1,]'), ('[1, ]'), ('[1 2]'), ('[1;2]'), ('[hello]'), ('[hello,1]'), ('[1,2,3x]'), ('[1a]'),
	('[e5]'), ('[1e]'), ('[.]'), ('[+]'), ('[-]'), ('[+-1]'), ('[0x]'), ('[0xg]'), ('[1,[2]]'),
	('[[1]]'), ('[1)'), ('[1}'),
	('[]'), ('[ ]'), ('[]x'),
	('[1,2,3]9'), ('[1,2,3]]'), ('[1,2,3] ,'), ('[1][2]'), (E'[1,2,3]\t.'),
	('[nan]'), ('[NaN]'), ('[1,-nan]'), ('[nanx]'), ('[nan'),
	('[inf]'), ('[-Infinity]'), ('[1,INF]'), ('[infx]'),
	('[65520]'), ('[1,-65520]'), ('[65519.999999]'), ('[ +1e39 ,1]'), ('[1e400]'), ('[1e999999999999999999999]'),
	('[0x1p16]'), ('[70000x]'), ('[70000'), ('[1,2')
) AS rejected (literal);

-- at most 16000 dimensions
SELECT vector_dims(('[1' || repeat(',1', 15999) || ']')::halfvec);
SELECT pg_temp.error_of($$SELECT ('[1' || repeat(',1', 16000) || ']')::halfvec$$);
SELECT pg_temp.error_of($$SELECT ('[1' || repeat(',1', 16000) || 'x')::halfvec$$);
SELECT pg_temp.error_of($$SELECT ('[1' || repeat(',1', 15999) || ',')::halfvec$$);

-- output reads back as the same value, and is that of real
SELECT count(*) AS numbers, count(DISTINCT v), bool_and(v::text::halfvec = v) AS same,
	bool_and(v::text = replace(replace(v::real[]::text, '{', '['), '}', ']')) AS as_real
FROM generate_series(0, 63487) i,
	LATERAL (SELECT ARRAY[(1 - i / 31744 * 2) * CASE i % 31744 / 1024
		WHEN 0 THEN 2.0::float8 ^ -24 * (i % 1024)
		ELSE 2.0::float8 ^ (i % 31744 / 1024 - 25) * (1024 + i % 1024) END]::halfvec AS v) s;

-- type modifier
SELECT '[1,2,3]'::halfvec(3);
SELECT '[1]'::halfvec(1);
SELECT vector_dims(('[1' || repeat(',1', 15999) || ']')::halfvec(16000));
SELECT statement, pg_temp.error_of(statement)
FROM (VALUES
	($$SELECT '[1,2,3]'::halfvec(2)$$),
	($$SELECT '[1,2]'::halfvec(3)$$),
	($$SELECT '[1,2,3]'::halfvec::halfvec(2)$$),
	($$SELECT '[1,2,3]'::halfvec(0)$$),
	($$SELECT '[1,2,3]'::halfvec(-1)$$),
	($$SELECT '[1,2,3]'::halfvec(16001)$$),
	($$SELECT '[1,2,3]'::halfvec(3, 2)$$),
	($$SELECT '[1,2,3]'::halfvec('a')$$),
	($$SELECT '[1,2,3]'::halfvec(99999999999)$$),
	($$SELECT '{"[1,2,3]"}'::halfvec(2)[]$$),
	($$SELECT halfvec_in('[1,2,3]', 0, 4)$$),
	($$SELECT halfvec_typmod_in('{}')$$),
	($$SELECT halfvec_typmod_in('{1,2}')$$),
	($$SELECT halfvec_typmod_in('{NULL}')$$),
	($$SELECT halfvec_typmod_in('{{1},{2}}')$$)
) AS rejected (statement);
SELECT '{"[1,2,3]","[4,5,6]"}'::halfvec(3)[];
SELECT halfvec_typmod_in('{16000}');

CREATE TABLE typed (v halfvec(3));
SELECT format_type(atttypid, atttypmod) FROM pg_attribute
WHERE attrelid = 'typed'::regclass AND attname = 'v';
INSERT INTO typed VALUES ('[1,2,3]'), (NULL);
SELECT pg_temp.error_of($$INSERT INTO typed VALUES ('[1,2]')$$);
SELECT pg_temp.error_of($$INSERT INTO typed VALUES ('[1,2,3,4]'::halfvec)$$);
SELECT pg_temp.error_of($$UPDATE typed SET v = v || '[1]' WHERE v IS NOT NULL$$);
SELECT pg_temp.error_of($$ALTER TABLE typed ALTER v TYPE halfvec(4)$$);
ALTER TABLE typed ALTER v TYPE halfvec;
INSERT INTO typed VALUES ('[1,2]');
SELECT * FROM typed;
DROP TABLE typed;

-- in a row: short header, none, out of line; 2 bytes a dimension and 8 more
CREATE TABLE stored (id integer, v halfvec);
INSERT INTO stored
	SELECT dimensions, array_agg(i)::halfvec
	FROM (VALUES (1), (3), (4), (60), (61), (62), (999), (4000), (16000)) d (dimensions),
		generate_series(1, dimensions) i
	GROUP BY dimensions;
SELECT id, vector_dims(v), pg_column_size(v), pg_column_size(v || '[0]') AS not_stored,
	v::text = array_agg::halfvec::text AS same
FROM stored, LATERAL (SELECT array_agg(i) FROM generate_series(1, id) i) a
WHERE id < 16000 ORDER BY id;
SELECT id, vector_dims(v), pg_column_size(v), l2_norm(v) FROM stored WHERE id = 16000;
SELECT pg_relation_size(reltoastrelid) > 32000 AS toasted, attstorage
FROM pg_class c JOIN pg_attribute ON attrelid = c.oid
WHERE c.oid = 'stored'::regclass AND attname = 'v';
DROP TABLE stored;
