-- Type sparsevec: text format, type modifier, storage.

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
SELECT '{1:1.5,3:-3.5}/5'::sparsevec, '{}/5'::sparsevec, '{1:1}/1'::sparsevec;
SELECT '{3:1,1:2,2:3}/3'::sparsevec, '{1:1.,2:.5,3:+1,4:1e2,5:0x10}/5'::sparsevec, '{+1:1}/+2'::sparsevec;
SELECT ' { 1 : 1 , 2:  2 } / 5 '::sparsevec, E'\t\n\r\x0b\f{\t1\n:\r2\x0b,\f2:3\t}\n/\r5\x0b'::sparsevec, '{ }/ 3'::sparsevec;
SELECT '{1:0.1,2:16777217,3:1.5e38,4:1e-45}/4'::sparsevec, '{1:0x1p-149}/1'::sparsevec;
SELECT '{1000000000:1}/1000000000'::sparsevec, '{}/1000000000'::sparsevec;

-- zeros are left out, wherever they are
SELECT '{1:0,2:2,3:-0,4:0e-400}/4'::sparsevec, '{1:1,1:0}/3'::sparsevec, '{0:0}/3'::sparsevec, '{-7:0,99999999999:0}/3'::sparsevec;

-- text that is not
SELECT literal, pg_temp.error_of(format('SELECT %L::sparsevec', literal))
FROM (VALUES
	(''), (' '), ('1'), ('[1,2,3]'), ('hello'), ('1:1}/5'),
	('{'), ('{ '), ('{1'), ('{1 '), ('{1:'), ('{1: '), ('{1:1'), ('{1:1 '), ('{1:1,'), ('{1:1, '), ('{1:1,2'),
	('{1:1,}/5'), ('{,1:1}/5'), ('{1:1,,2:2}/5'), ('{ , }/5'), ('{1}/5'), ('{:1}/5'), ('{1:}/5'), ('{1 1}/5'),
	('{1;1}/5'), ('{1:1;2:2}/5'), ('{1:1 2:2}/5'), ('{a:1}/5'), ('{1:a}/5'), ('{1:1a}/5'), ('{1.5:1}/5'),
	('{0x1:1}/5'), ('{- 1:1}/5'), ('{{1:1}/5'), ('{1:1]/5'), ('{1:[1]}/5'),
	('{1:1}'), ('{}'), ('{1:1} '), ('{1:1}5'), ('{1:1}x'), ('{1:1}}/5'), ('{}, /5'),
	('{1:1}/'), ('{1:1}/ '), ('{1:1}//5'), ('{1:1}/a'), ('{1:1}/- 5'), ('{}/'),
	('{1:1}/5a'), ('{1:1}/1.5'), ('{1:1}/1e3'), ('{1:1}/0x5'), ('{1:1}/5 x'), ('{}/5,'), ('{1:1}/5}'),
	('{1:nan}/5'), ('{1:-NaN'), ('{1:nanx}/5'), ('{1:inf}/5'), ('{1:1,2:-Infinity}/5'),
	('{1:1e39}/5'), ('{1:-4e38x}/5'), ('{1:1e-46}/5'), ('{1:-1e-400}/5'), ('{1:0x1p-150}/5'), ('{9:1e99,1:1}/0'),
	('{1:1}/0'), ('{}/0'), ('{}/-1'), ('{1:1}/ -5'), ('{}/-99999999999'),
	('{}/1000000001'), ('{6:1}/2147483648'), ('{}/99999999999999999999'),
	('{0:1}/3'), ('{4:1}/3'), ('{-1:1}/3'), ('{2147483648:1}/3'), ('{-2147483649:1}/3'), ('{99999999999999999999:1}/3'),
	('{1:1,1:2}/3'), ('{3:1,2:1,2:1}/2'), ('{2:1,2:1}/1'), ('{1:1,2:1}/1')
) AS rejected (literal);

-- at most 16000 elements, counted by commas
SELECT length((SELECT format('{%s}/16000', string_agg(i || ':1', ',')) FROM generate_series(1, 16000) i)::sparsevec::text);
SELECT ('{1:1' || repeat(',1:0', 15999) || '}/1')::sparsevec;
SELECT pg_temp.error_of($$SELECT ('{1:1' || repeat(',1:0', 16000) || '}/1')::sparsevec$$);
SELECT pg_temp.error_of($$SELECT ('{1:1' || repeat(',', 16000))::sparsevec$$);
SELECT pg_temp.error_of($$SELECT ('[' || repeat(',', 15999))::sparsevec$$);

-- output reads back as the same value
SELECT count(*), bool_and(v::text::sparsevec = v) AS same FROM (
	SELECT format('{%s}/%s', string_agg(i * i % 100003 + 1 || ':' || i ^ 3 / 7.0, ','), 100003 + g)::sparsevec AS v
	FROM generate_series(1, 2000) i, LATERAL (SELECT i % 20 AS g) s GROUP BY g
) s;

-- type modifier
SELECT '{1:1}/3'::sparsevec(3), '{1:1}/1000000000'::sparsevec(1000000000);
SELECT statement, pg_temp.error_of(statement)
FROM (VALUES
	($$SELECT '{1:1}/5'::sparsevec(4)$$),
	($$SELECT '{1:1}/5'::sparsevec(6)$$),
	($$SELECT '{1:1}/5'::sparsevec(0)$$),
	($$SELECT '{1:1}/5'::sparsevec(-1)$$),
	($$SELECT '{1:1}/5'::sparsevec(1000000001)$$),
	($$SELECT '{1:1}/5'::sparsevec(5, 5)$$),
	($$SELECT '{1:1}/5'::sparsevec('a')$$),
	($$SELECT '{"{1:1}/3"}'::sparsevec(2)[]$$),
	($$SELECT sparsevec_in('{6:1}/5', 0, 4)$$),
	($$SELECT sparsevec_in('{1:1,1:1}/5', 0, 4)$$),
	($$SELECT sparsevec_in('{1:1}/0', 0, 4)$$),
	($$SELECT sparsevec_in('{1:1}/1000000001', 0, 4)$$),
	($$SELECT sparsevec_in('{1:1}/5x', 0, 4)$$),
	($$SELECT sparsevec_typmod_in('{}')$$),
	($$SELECT sparsevec_typmod_in('{NULL}')$$)
) AS rejected (statement);
CREATE TABLE typed (v sparsevec(3));
SELECT format_type(atttypid, atttypmod) FROM pg_attribute
WHERE attrelid = 'typed'::regclass AND attname = 'v';
INSERT INTO typed VALUES ('{1:1}/3'), (NULL);
SELECT pg_temp.error_of($$INSERT INTO typed VALUES ('{1:1}/2')$$);
SELECT pg_temp.error_of($$INSERT INTO typed VALUES ('{1:1}/4'::sparsevec)$$);
SELECT pg_temp.error_of($$ALTER TABLE typed ALTER v TYPE sparsevec(4)$$);
SELECT * FROM typed;
DROP TABLE typed;

-- in a row: short header, none, out of line; 8 bytes an element and 16 more
CREATE TABLE stored (id integer, v sparsevec);
INSERT INTO stored VALUES (0, '{}/7');
INSERT INTO stored
	SELECT count, format('{%s}/100000', string_agg(i * 6 || ':' || i, ','))::sparsevec
	FROM (VALUES (1), (13), (14), (15), (999), (2000), (16000)) c (count), generate_series(1, count) i
	GROUP BY count;
SELECT id, length(v::text), pg_column_size(v), pg_column_size(l2_normalize(v)) AS not_stored, l2_norm(v) FROM stored ORDER BY id;
SELECT pg_relation_size(reltoastrelid) > 128000 AS toasted, attstorage
FROM pg_class c JOIN pg_attribute ON attrelid = c.oid
WHERE c.oid = 'stored'::regclass AND attname = 'v';
DROP TABLE stored;
