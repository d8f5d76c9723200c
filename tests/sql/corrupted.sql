-- Stored values that are none of their type raise errors.

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

-- a way to make such values
CREATE CAST (bytea AS vector) WITHOUT FUNCTION;

SELECT value, pg_temp.error_of(format('SELECT vector_dims(%L::bytea::vector)', value))
FROM (VALUES
	('\x'), ('\x00'), ('\x0101'), ('\x00000000'), ('\x0000000000000000'), ('\xffff0000'),
	('\x0101000000000000'), ('\xffff000000000000'), ('\x02020000000000000000')
) AS damaged (value);

CREATE TABLE damaged (v vector);
INSERT INTO damaged VALUES ('\x0101000000000000'::bytea::vector);
SELECT statement, pg_temp.error_of(statement)
FROM (VALUES
	('SELECT v::text FROM damaged'),
	('SELECT vector_send(v) FROM damaged'),
	('SELECT v::real[] FROM damaged'),
	('SELECT v::vector(1) FROM damaged'),
	('SELECT v <-> ''[1]'' FROM damaged'),
	('SELECT v = ''[1]'' FROM damaged'),
	('SELECT avg(v) FROM damaged')
) AS reads (statement);
DROP TABLE damaged;
DROP CAST (bytea AS vector);

-- the other types; halfvec: dimensions, unused, elements
CREATE CAST (bytea AS halfvec) WITHOUT FUNCTION;
SELECT value, pg_temp.error_of(format('SELECT %L::bytea::halfvec::text', value))
FROM (VALUES ('\x'), ('\x0100'), ('\x00000000'), ('\x01000000'), ('\x010000000000000000'), ('\x0200000000'), ('\xffff00000000')) AS damaged (value);
SELECT '\x01000000003c'::bytea::halfvec AS sound;
DROP CAST (bytea AS halfvec);

-- sparsevec: dimensions, elements, unused, indices, values
CREATE CAST (bytea AS sparsevec) WITHOUT FUNCTION;
SELECT value, pg_temp.error_of(format('SELECT %L::bytea::sparsevec::vector', value))
FROM (VALUES
	('\x'), ('\x0200000000000000'), ('\x000000000000000000000000'), ('\xffffffff0000000000000000'), ('\x02000000ffffffff00000000'),
	('\x020000000100000000000000'), ('\x02000000010000000000000000000000'), ('\x020000000000000000000000000000000000803f'),
	('\x020000000100000000000000000000000000803f00'), ('\x020000000100000000000000020000000000803f'), ('\x020000000100000000000000ffffffff0000803f')
) AS damaged (value);
SELECT '\x020000000100000000000000010000000000803f'::bytea::sparsevec AS sound;
DROP CAST (bytea AS sparsevec);

-- bit: length, bits
CREATE CAST (bytea AS varbit) WITHOUT FUNCTION;
SELECT value, pg_temp.error_of(format('SELECT %L::bytea::varbit <~> %1$L::bytea::varbit', value))
FROM (VALUES ('\x'), ('\x010000'), ('\x01000000'), ('\x0100000000'), ('\xffffffff'), ('\x0900000000')) AS damaged (value);
SELECT '\x0100000080'::bytea::varbit <~> B'0' AS sound;
DROP CAST (bytea AS varbit);
