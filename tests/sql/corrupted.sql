-- Stored values that are no vectors raise errors.

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
