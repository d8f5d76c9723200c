-- COPY of vectors in text, CSV and binary format.

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

CREATE TABLE source (v vector(3));
CREATE TABLE target (v vector(3));
CREATE TABLE untyped (v vector);
INSERT INTO source VALUES ('[0,0,0]'), ('[1.5,-2,3e-38]'), (NULL), ('[-0,3.4028235e38,1e-45]');

COPY source TO STDOUT;
COPY source TO STDOUT (FORMAT csv);
COPY target FROM STDIN;
[1,2,3]
 [ 4 , 5 , 6 ]
\N
\.
COPY target FROM PROGRAM 'printf "\"[7,8,9]\"\n\n"' (FORMAT csv);
SELECT * FROM target;
TRUNCATE target;

-- binary: through a file in the server's directory
COPY source TO PROGRAM 'cat > pg_hnsw_copy.tmp' (FORMAT binary);
SELECT substr(pg_read_binary_file('pg_hnsw_copy.tmp'), 20, 22);
COPY target FROM PROGRAM 'cat pg_hnsw_copy.tmp' (FORMAT binary);
SELECT * FROM target;
SELECT count(*) FROM source JOIN target USING (v);
INSERT INTO untyped SELECT array_agg(i)::vector FROM generate_series(1, 2500) i;
INSERT INTO untyped SELECT array_fill(-1.5, ARRAY[16000])::vector;
COPY untyped TO PROGRAM 'cat > pg_hnsw_copy.tmp' (FORMAT binary);
CREATE TABLE untyped_copy (v vector);
COPY untyped_copy FROM PROGRAM 'cat pg_hnsw_copy.tmp; rm pg_hnsw_copy.tmp' (FORMAT binary);
SELECT vector_dims(v), vector_norm(v) FROM untyped JOIN untyped_copy USING (v) ORDER BY 1;

SELECT vector_send('[1,-2.5]'), vector_send('[-0]');
SELECT octet_length(vector_send(array_fill(1, ARRAY[16000])::vector));

-- binary values, all but the first refused: length, then dimensions, unused and elements
SELECT value, pg_temp.error_of(format(
	$$COPY %I FROM PROGRAM 'printf "PGCOPY\\n\\377\\r\\n\\000%s\\000\\001%s\\377\\377"' (FORMAT binary)$$,
	into_table, repeat('\000', 8), value))
FROM (VALUES
	('untyped', '\000\000\000\010\000\001\000\000\077\200\000\000'),
	('target', '\000\000\000\010\000\001\000\000\077\200\000\000'),
	('untyped', '\000\000\000\010\000\001\000\001\077\200\000\000'),
	('untyped', '\000\000\000\010\000\001\377\377\077\200\000\000'),
	('untyped', '\000\000\000\010\000\001\000\000\177\300\000\000'),
	('untyped', '\000\000\000\010\000\001\000\000\377\200\000\000'),
	('untyped', '\000\000\000\010\000\002\000\000\077\200\000\000'),
	('untyped', '\000\000\000\014\000\001\000\000\077\200\000\000\000\000\000\000'),
	('untyped', '\000\000\000\004\000\000\000\000'),
	('untyped', '\000\000\000\004\377\377\000\000'),
	('untyped', '\000\000\000\004\076\201\000\000'),
	('untyped', '\000\000\000\003\000\001\000'),
	('untyped', '\000\000\000\000')
) AS message (into_table, value);
SELECT v FROM untyped WHERE vector_dims(v) = 1;

DROP TABLE source, target, untyped, untyped_copy;

-- halfvec
CREATE TABLE source (v halfvec(3));
CREATE TABLE target (v halfvec(3));
CREATE TABLE untyped (v halfvec);
INSERT INTO source VALUES ('[0,0,0]'), ('[1.5,-2,6e-8]'), (NULL), ('[-0,65504,0.1]');
COPY source TO STDOUT;
COPY source TO PROGRAM 'cat > pg_hnsw_copy.tmp' (FORMAT binary);
SELECT substr(pg_read_binary_file('pg_hnsw_copy.tmp'), 20, 16);
COPY target FROM PROGRAM 'cat pg_hnsw_copy.tmp; rm pg_hnsw_copy.tmp' (FORMAT binary);
SELECT * FROM target;
SELECT halfvec_send('[1,-2.5]'), halfvec_send('[-0]'), octet_length(halfvec_send(array_fill(1, ARRAY[16000])::halfvec));
SELECT value, pg_temp.error_of(format(
	$$COPY %I FROM PROGRAM 'printf "PGCOPY\\n\\377\\r\\n\\000%s\\000\\001%s\\377\\377"' (FORMAT binary)$$,
	into_table, repeat('\000', 8), value))
FROM (VALUES
	('untyped', '\000\000\000\006\000\001\000\000\074\000'),
	('target', '\000\000\000\006\000\001\000\000\074\000'),
	('untyped', '\000\000\000\006\000\001\000\001\074\000'),
	('untyped', '\000\000\000\006\000\001\000\000\176\000'),
	('untyped', '\000\000\000\006\000\001\000\000\374\000'),
	('untyped', '\000\000\000\006\000\002\000\000\074\000'),
	('untyped', '\000\000\000\010\000\001\000\000\074\000\000\000'),
	('untyped', '\000\000\000\004\000\000\000\000'),
	('untyped', '\000\000\000\004\377\377\000\000'),
	('untyped', '\000\000\000\004\076\201\000\000')
) AS message (into_table, value);
SELECT * FROM untyped;
DROP TABLE source, target, untyped;

-- sparsevec
CREATE TABLE source (v sparsevec(3));
CREATE TABLE target (v sparsevec(3));
CREATE TABLE untyped (v sparsevec);
INSERT INTO source VALUES ('{}/3'), ('{1:1.5,3:-2}/3'), (NULL);
COPY source TO STDOUT;
COPY source TO PROGRAM 'cat > pg_hnsw_copy.tmp' (FORMAT binary);
SELECT substr(pg_read_binary_file('pg_hnsw_copy.tmp'), 20, 52);
COPY target FROM PROGRAM 'cat pg_hnsw_copy.tmp; rm pg_hnsw_copy.tmp' (FORMAT binary);
SELECT * FROM target;
SELECT sparsevec_send('{1:1,3:-2.5}/5'), sparsevec_send('{}/1000000000');
SELECT value, pg_temp.error_of(format(
	$$COPY %I FROM PROGRAM 'printf "PGCOPY\\n\\377\\r\\n\\000%s\\000\\001%s\\377\\377"' (FORMAT binary)$$,
	into_table, repeat('\000', 8), value))
FROM (VALUES
	('untyped', '\000\000\000\014\000\000\000\003\000\000\000\000\000\000\000\000'),
	('untyped', '\000\000\000\024\000\000\000\003\000\000\000\001\000\000\000\000\000\000\000\002\077\200\000\000'),
	('target', '\000\000\000\024\000\000\000\002\000\000\000\001\000\000\000\001\000\000\000\001\077\200\000\000'),
	('target', '\000\000\000\024\000\000\000\002\000\000\000\003\000\000\000\000\000\000\000\001\077\200\000\000'),
	('untyped', '\000\000\000\024\000\000\000\002\000\000\100\000\000\000\000\000\000\000\000\001\077\200\000\000'),
	('untyped', '\000\000\000\024\000\000\000\002\377\377\377\377\000\000\000\001\000\000\000\001\077\200\000\000'),
	('untyped', '\000\000\000\024\000\000\000\000\377\377\377\377\000\000\000\001\000\000\000\001\077\200\000\000'),
	('untyped', '\000\000\000\024\377\377\377\377\000\000\000\001\000\000\000\001\000\000\000\001\077\200\000\000'),
	('untyped', '\000\000\000\024\177\377\377\377\000\000\000\001\000\000\000\001\000\000\000\001\077\200\000\000'),
	('untyped', '\000\000\000\024\000\000\000\003\000\000\000\001\000\000\000\001\000\000\000\003\077\200\000\000'),
	('untyped', '\000\000\000\024\000\000\000\003\000\000\000\001\000\000\000\000\000\000\000\003\077\200\000\000'),
	('untyped', '\000\000\000\024\000\000\000\003\000\000\000\001\000\000\000\000\377\377\377\377\077\200\000\000'),
	('untyped', '\000\000\000\024\000\000\000\003\000\000\000\001\000\000\000\000\000\000\000\001\000\000\000\000'),
	('untyped', '\000\000\000\024\000\000\000\003\000\000\000\001\000\000\000\000\000\000\000\001\200\000\000\000'),
	('untyped', '\000\000\000\024\000\000\000\003\000\000\000\001\000\000\000\000\000\000\000\001\177\300\000\000'),
	('untyped', '\000\000\000\024\000\000\000\003\000\000\000\001\000\000\000\000\000\000\000\001\377\200\000\000'),
	('untyped', '\000\000\000\034\000\000\000\003\000\000\000\002\000\000\000\000\000\000\000\001\000\000\000\001\077\200\000\000\077\200\000\000'),
	('untyped', '\000\000\000\034\000\000\000\003\000\000\000\002\000\000\000\000\000\000\000\001\000\000\000\000\077\200\000\000\077\200\000\000'),
	('untyped', '\000\000\000\034\000\000\000\003\000\000\000\002\000\000\000\000\000\000\000\001\000\000\000\007\000\000\000\000\177\300\000\000'),
	('untyped', '\000\000\000\010\000\000\000\003\000\000\000\000'),
	('untyped', '\000\000\000\024\000\000\000\003\000\000\000\002\000\000\000\000\000\000\000\001\077\200\000\000'),
	('untyped', '\000\000\000\024\000\000\000\003\000\000\000\000\000\000\000\000\000\000\000\001\077\200\000\000')
) AS message (into_table, value);
SELECT * FROM untyped;
DROP TABLE source, target, untyped;
