-- Rows come in the exact order of the operator, whatever the index stores.
CREATE TABLE points (id int, v vector(20));
CREATE TABLE queries (q vector(20));

-- digits of no special kind, the same everywhere
CREATE FUNCTION digits(i int) RETURNS vector LANGUAGE sql IMMUTABLE AS $$
	SELECT array_agg((i::bigint * 7919 + j * 104729 + i::bigint * i * j * 31) % 1009 / 1009.0 - 0.4 ORDER BY j)::vector(20)
	FROM generate_series(1, 20) j
$$;
INSERT INTO points SELECT i, digits(i) FROM generate_series(1, 400) i;
INSERT INTO queries SELECT digits(i) FROM generate_series(1001, 1010) i;

-- How many queries find other distances through the index than without it.
CREATE FUNCTION differences(operator text, k int) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
	query text;
	q text;
	plan json;
	found float8[];
	expected float8[];
	different int := 0;
BEGIN
	FOR q IN SELECT * FROM queries LOOP
		query := format('SELECT array_agg(d) FROM (SELECT v %1$s %3$L AS d FROM points ORDER BY v %1$s %3$L LIMIT %2$s) nearest', operator, k, q);
		SET LOCAL enable_seqscan = off;
		EXECUTE 'EXPLAIN (FORMAT json) ' || query INTO plan;
		ASSERT plan::text LIKE '%points_v%', 'the index is not used';
		EXECUTE query INTO found;
		SET LOCAL enable_seqscan = on;
		SET LOCAL enable_indexscan = off;
		EXECUTE query INTO expected;
		SET LOCAL enable_indexscan = on;
		IF found IS DISTINCT FROM expected THEN
			different := different + 1;
		END IF;
	END LOOP;
	RETURN different;
END
$$;

-- the storages of one operator class after the other, built and inserted
CREATE FUNCTION try(class text, operator text) RETURNS TABLE (storage text, built int, inserted int) LANGUAGE plpgsql AS $$
BEGIN
	FOREACH storage IN ARRAY ARRAY['float32', 'float16', 'int8', 'auto'] LOOP
		EXECUTE format('CREATE INDEX points_v ON points USING hnsw (v %s) WITH (storage = %s)', class, storage);
		built := differences(operator, 250);
		DROP INDEX points_v;
		CREATE TABLE copy AS SELECT * FROM points;
		TRUNCATE points;
		EXECUTE format('CREATE INDEX points_v ON points USING hnsw (v %s) WITH (storage = %s)', class, storage);
		INSERT INTO points SELECT * FROM copy;
		inserted := differences(operator, 250);
		DROP INDEX points_v;
		DROP TABLE copy;
		RETURN NEXT;
	END LOOP;
END
$$;

SET hnsw.ef_search = 1000;
SELECT * FROM try('vector_l2_ops', '<->');
SELECT * FROM try('vector_ip_ops', '<#>');
SELECT * FROM try('vector_cosine_ops', '<=>');
SELECT * FROM try('vector_l1_ops', '<+>');

-- vectors of very different length, far from the origin
UPDATE points SET v = (SELECT array_agg(x * id * id + 1000) FROM unnest(v::real[]) x)::vector;
SELECT * FROM try('vector_l2_ops', '<->');
SELECT * FROM try('vector_ip_ops', '<#>');
SELECT * FROM try('vector_cosine_ops', '<=>');
SELECT * FROM try('vector_l1_ops', '<+>');
RESET hnsw.ef_search;

-- ties
TRUNCATE points;
INSERT INTO points SELECT i, digits(i % 10) FROM generate_series(1, 400) i;
SET hnsw.ef_search = 1000;
SELECT * FROM try('vector_l2_ops', '<->');
SELECT * FROM try('vector_ip_ops', '<#>');
SELECT * FROM try('vector_cosine_ops', '<=>');
SELECT * FROM try('vector_l1_ops', '<+>');

-- halves
TRUNCATE points;
INSERT INTO points SELECT i, digits(i) FROM generate_series(1, 400) i;
ALTER TABLE points ALTER v TYPE halfvec(20);
ALTER TABLE queries ALTER q TYPE halfvec(20);
SELECT * FROM try('halfvec_l2_ops', '<->');
SELECT * FROM try('halfvec_ip_ops', '<#>');
SELECT * FROM try('halfvec_cosine_ops', '<=>');
SELECT * FROM try('halfvec_l1_ops', '<+>');
TRUNCATE points;
INSERT INTO points SELECT i, digits(i % 10) FROM generate_series(1, 400) i;
SELECT * FROM try('halfvec_l2_ops', '<->');
SELECT * FROM try('halfvec_ip_ops', '<#>');
SELECT * FROM try('halfvec_cosine_ops', '<=>');
SELECT * FROM try('halfvec_l1_ops', '<+>');

DROP TABLE points, queries;
DROP FUNCTION try, differences, digits;
