-- Type vector: text format, type modifier, storage.

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
SELECT '[1,2,3]'::vector;
SELECT '[-1,-2,-3]'::vector;
SELECT '[1.,2.,3.]'::vector;
SELECT '[.5,+.5,-.5]'::vector;
SELECT '[+1,-0,0]'::vector;
SELECT '[1e2,1E2,1e+2,1e-2]'::vector;
SELECT '[0x10,-0X1.8p1,0x.8,0x1p-2]'::vector;
SELECT ' [ 1,  2 ,    3  ] '::vector;
SELECT E'\t\n\r\x0b\f[\t1\n,\r2\x0b,\f3\t]\t\n\r\x0b\f'::vector;
SELECT '[1.23456789]'::vector;
SELECT '[0.1,16777217,3.14159265358979]'::vector;
SELECT '[100000,1000000,0.0001,0.00001]'::vector;
SELECT '[1.5e38,-1.5e38]'::vector;
SELECT '[3.4028235e38,1.17549435e-38,1e-45]'::vector;

-- numbers too small become zero
SELECT '[1e-46,-1e-46,1e-999999999999999999999]'::vector;
SELECT '[0x1p-150,0x1.8p-150]'::vector;

-- text that is not
SELECT literal, pg_temp.error_of(format('SELECT %L::vector', literal))
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
	('[4e38]'), ('[1,-4e38]'), ('[ +1e39 ,1]'), ('[1e400]'), ('[1e999999999999999999999]'),
	('[0x1p128]'), ('[3.4028236e38]'), ('[4e38x]'), ('[4e38'), ('[1,2')
) AS rejected (literal);

-- at most 16000 dimensions
SELECT vector_dims(('[1' || repeat(',1', 15999) || ']')::vector);
SELECT pg_temp.error_of($$SELECT ('[1' || repeat(',1', 16000) || ']')::vector$$);
SELECT pg_temp.error_of($$SELECT ('[1' || repeat(',1', 16000) || 'x')::vector$$);
SELECT pg_temp.error_of($$SELECT ('[1' || repeat(',1', 15999) || ',')::vector$$);

-- output reads back as the same value
SELECT count(*) FROM (
	SELECT array_agg(((i * 2654435761 % 4294967296) / 1e9 * 10 ^ (i % 60 - 30))::real) AS numbers
	FROM generate_series(1, 10000) i GROUP BY i / 100
) s
WHERE numbers::vector::text::vector::real[] <> numbers;

-- and is that of real
SELECT count(*) FROM generate_series(1, 10000) i,
	LATERAL (SELECT ((i * 2654435761 % 4294967296) / 1e9 * 10 ^ (i % 60 - 30))::real AS number) s
WHERE ARRAY[number]::vector::text <> format('[%s]', number);

-- type modifier
SELECT '[1,2,3]'::vector(3);
SELECT '[1]'::vector(1);
SELECT vector_dims(('[1' || repeat(',1', 15999) || ']')::vector(16000));
SELECT statement, pg_temp.error_of(statement)
FROM (VALUES
	($$SELECT '[1,2,3]'::vector(2)$$),
	($$SELECT '[1,2]'::vector(3)$$),
	($$SELECT '[1,2,3]'::vector::vector(2)$$),
	($$SELECT '[1,2,3]'::vector(0)$$),
	($$SELECT '[1,2,3]'::vector(-1)$$),
	($$SELECT '[1,2,3]'::vector(16001)$$),
	($$SELECT '[1,2,3]'::vector(3, 2)$$),
	($$SELECT '[1,2,3]'::vector('a')$$),
	($$SELECT '[1,2,3]'::vector(99999999999)$$),
	($$SELECT '{"[1,2,3]"}'::vector(2)[]$$),
	($$SELECT vector_in('[1,2,3]', 0, 4)$$),
	($$SELECT vector_typmod_in('{}')$$),
	($$SELECT vector_typmod_in('{1,2}')$$),
	($$SELECT vector_typmod_in('{NULL}')$$),
	($$SELECT vector_typmod_in('{{1},{2}}')$$)
) AS rejected (statement);
SELECT '{"[1,2,3]","[4,5,6]"}'::vector(3)[];
SELECT vector_typmod_in('{16000}');

CREATE TABLE typed (v vector(3));
SELECT format_type(atttypid, atttypmod) FROM pg_attribute
WHERE attrelid = 'typed'::regclass AND attname = 'v';
INSERT INTO typed VALUES ('[1,2,3]'), (NULL);
SELECT pg_temp.error_of($$INSERT INTO typed VALUES ('[1,2]')$$);
SELECT pg_temp.error_of($$INSERT INTO typed VALUES ('[1,2,3,4]'::vector)$$);
SELECT pg_temp.error_of($$UPDATE typed SET v = v || '[1]' WHERE v IS NOT NULL$$);
SELECT pg_temp.error_of($$ALTER TABLE typed ALTER v TYPE vector(4)$$);
ALTER TABLE typed ALTER v TYPE vector;
INSERT INTO typed VALUES ('[1,2]');
SELECT * FROM typed;
DROP TABLE typed;

-- in a row: short header, none, out of line; 4 bytes a dimension and 8 more
CREATE TABLE stored (id integer, v vector);
INSERT INTO stored
	SELECT dimensions, array_agg(i)::vector
	FROM (VALUES (1), (3), (29), (30), (31), (499), (2000), (16000)) d (dimensions),
		generate_series(1, dimensions) i
	GROUP BY dimensions;
SELECT id, vector_dims(v), pg_column_size(v), pg_column_size(v || '[0]') AS not_stored,
	v::text = array_agg::vector::text AS same
FROM stored, LATERAL (SELECT array_agg(i) FROM generate_series(1, id) i) a
WHERE id < 16000 ORDER BY id;
SELECT id, vector_dims(v), pg_column_size(v), vector_norm(v) FROM stored WHERE id = 16000;
SELECT pg_relation_size(reltoastrelid) > 64000 AS toasted, attstorage
FROM pg_class c JOIN pg_attribute ON attrelid = c.oid
WHERE c.oid = 'stored'::regclass AND attname = 'v';
DROP TABLE stored;
