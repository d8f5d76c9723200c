-- Indexes on bit.
CREATE FUNCTION bits(i int, n int) RETURNS text LANGUAGE sql IMMUTABLE AS
	$$SELECT string_agg((hashint8(i::int8 * 100000 + j) >> 7 & 1)::text, '' ORDER BY j) FROM generate_series(1, n) j$$;

CREATE TABLE items (id int, b bit(100));
INSERT INTO items SELECT i, bits(i, 100)::bit(100) FROM generate_series(1, 1000) i;
CREATE INDEX items_hamming ON items USING hnsw (b bit_hamming_ops);
CREATE INDEX items_jaccard ON items USING hnsw (b bit_jaccard_ops);
SELECT relname, reltuples FROM pg_class WHERE relname ~ '^items_' ORDER BY relname;

-- Whether rows come in order, and whether at least 99 in 100 of the nearest are found.
CREATE FUNCTION compare(rows int, OUT ordered bool, OUT enough bool) LANGUAGE plpgsql AS $$
DECLARE
	operator text;
	query bit(100);
	near float8[];
	exact float8[];
	hits int := 0;
BEGIN
	ordered := true;
	FOREACH operator IN ARRAY ARRAY['<~>', '<%>'] LOOP
		FOR i IN 1..20 LOOP
			query := bits(CASE WHEN i % 2 = 0 THEN i * 37 ELSE -i END, 100)::bit(100);
			SET LOCAL enable_seqscan = off;
			EXECUTE format('SELECT array_agg(d) FROM (SELECT b %s $1 AS d FROM items ORDER BY b %1$s $1 LIMIT $2) s', operator)
				INTO near USING query, rows;
			SET LOCAL enable_seqscan = on;
			SET LOCAL enable_indexscan = off;
			EXECUTE format('SELECT array_agg(d) FROM (SELECT b %s $1 AS d FROM items ORDER BY b %1$s $1 LIMIT $2) s', operator)
				INTO exact USING query, rows;
			SET LOCAL enable_indexscan = on;
			ordered := ordered AND near = (SELECT array_agg(d ORDER BY d) FROM unnest(near) d);
			hits := hits + (SELECT count(*) FROM unnest(near) d WHERE d <= exact[rows]);
		END LOOP;
	END LOOP;
	enough := hits >= 0.99 * 40 * rows;
END
$$;
SET hnsw.ef_search = 400;
SELECT * FROM compare(20);

SET enable_seqscan = off;
SET enable_sort = off;
EXPLAIN (COSTS OFF) SELECT id FROM items ORDER BY b <~> bits(1, 100)::bit(100) LIMIT 3;
SELECT id, b <~> bits(17, 100)::bit(100) AS distance FROM items ORDER BY b <~> bits(17, 100)::bit(100) LIMIT 1;
EXPLAIN (COSTS OFF) SELECT id FROM items ORDER BY b <%> bits(1, 100)::bit(100) LIMIT 3;
SELECT id, b <%> bits(17, 100)::bit(100) AS distance FROM items ORDER BY b <%> bits(17, 100)::bit(100) LIMIT 1;

-- queries that are no value of the index
SELECT id FROM items ORDER BY b <~> B'101' LIMIT 1;
SELECT id FROM items ORDER BY b <%> '' LIMIT 1;
SELECT id FROM items ORDER BY b <%> '2' LIMIT 1;
SELECT count(*) FROM (SELECT id FROM items ORDER BY b <~> NULL LIMIT 10) x;

-- inserts, updates, duplicates, NULL, no bit, all bits
INSERT INTO items SELECT i, bits(i, 100)::bit(100) FROM generate_series(1001, 1500) i;
INSERT INTO items SELECT 2000 + i, bits(3, 100)::bit(100) FROM generate_series(1, 300) i;
INSERT INTO items SELECT 3000 + i, repeat('0', 100)::bit(100) FROM generate_series(1, 50) i;
INSERT INTO items VALUES (4001, NULL), (4002, repeat('1', 100)::bit(100));
UPDATE items SET b = ~b WHERE id % 10 = 0;
SELECT count(*) FROM (SELECT id FROM items ORDER BY b <~> bits(3, 100)::bit(100) LIMIT 290) x WHERE id = 3 OR id BETWEEN 2001 AND 2300;
SELECT b <%> repeat('1', 100)::bit(100) AS distance FROM items ORDER BY b <%> repeat('1', 100)::bit(100) LIMIT 1;
SELECT b <~> repeat('1', 100)::bit(100) AS distance FROM items ORDER BY b <~> repeat('1', 100)::bit(100) LIMIT 1;
-- nothing is nearer to no bit than anything else
SELECT count(*), min(d), max(d) FROM (SELECT b <%> repeat('0', 100)::bit(100) AS d FROM items ORDER BY b <%> repeat('0', 100)::bit(100) LIMIT 100) x;
SELECT * FROM compare(20);

-- delete, vacuum, insert again
DELETE FROM items WHERE id % 3 = 0 OR id = 4002;
SELECT * FROM compare(20);
VACUUM items;
SELECT * FROM compare(20);
INSERT INTO items SELECT i, bits(i, 100)::bit(100) FROM generate_series(5001, 5500) i;
SELECT * FROM compare(20);
REINDEX TABLE items;
SELECT * FROM compare(20);
DELETE FROM items;
VACUUM items;
SELECT count(*) FROM (SELECT id FROM items ORDER BY b <~> bits(1, 100)::bit(100) LIMIT 10) x;
INSERT INTO items VALUES (1, bits(1, 100)::bit(100));
SELECT id FROM items ORDER BY b <%> bits(1, 100)::bit(100);
DROP TABLE items;

-- bits of embeddings, and the order of what they find by the embeddings themselves
CREATE TABLE documents (id int, embedding vector(32));
INSERT INTO documents SELECT i, array_agg(hashint8(i::int8 * 100000 + j) / 2147483648.0 ORDER BY j)::vector(32)
	FROM generate_series(1, 500) i, generate_series(1, 32) j GROUP BY i;
CREATE INDEX ON documents USING hnsw ((binary_quantize(embedding)::bit(32)) bit_hamming_ops);
EXPLAIN (COSTS OFF) SELECT id FROM documents ORDER BY binary_quantize(embedding)::bit(32) <~> bits(7, 32)::bit(32) LIMIT 20;
SELECT id FROM (
	SELECT * FROM documents ORDER BY binary_quantize(embedding)::bit(32) <~> binary_quantize((SELECT embedding FROM documents WHERE id = 7)) LIMIT 20
) s ORDER BY embedding <=> (SELECT embedding FROM documents WHERE id = 7) LIMIT 1;
DROP TABLE documents;

-- what is refused
CREATE TABLE other (b bit(64001), v varbit, w varbit(8));
CREATE INDEX ON other USING hnsw (b bit_hamming_ops);
CREATE INDEX ON other USING hnsw (v bit_hamming_ops);
CREATE INDEX ON other USING hnsw (w bit_hamming_ops);
CREATE INDEX ON other USING hnsw (b);
CREATE INDEX ON other USING hnsw ((b::bit(64)) vector_l2_ops);
CREATE INDEX ON other USING hnsw ((b::bit(64)) bit_hamming_ops) WITH (storage = int8);
CREATE INDEX ON other USING hnsw ((b::bit(64)) bit_hamming_ops) WITH (m = 100, ef_construction = 200);
CREATE INDEX ON other USING hnsw ((v::bit(3)) bit_jaccard_ops);
INSERT INTO other (v) VALUES ('1'), ('10110');
SELECT v FROM other ORDER BY v::bit(3) <%> B'101';
DROP TABLE other;

-- one bit, and the longest
CREATE TABLE short (b bit);
CREATE INDEX ON short USING hnsw (b bit_hamming_ops);
INSERT INTO short VALUES ('1'), ('0'), ('1');
SELECT b FROM short ORDER BY b <~> B'0';
DROP TABLE short;
CREATE TABLE long (id int, b bit(64000));
INSERT INTO long SELECT i, repeat(rpad(repeat('1', i), 10, '0'), 6400)::bit(64000) FROM generate_series(1, 8) i;
CREATE INDEX long_hamming ON long USING hnsw (b bit_hamming_ops);
CREATE INDEX long_jaccard ON long USING hnsw (b bit_jaccard_ops);
INSERT INTO long SELECT 9, repeat(rpad(repeat('1', 9), 10, '0'), 6400)::bit(64000);
DELETE FROM long WHERE id = 8;
VACUUM long;
INSERT INTO long SELECT 10, repeat('1', 64000)::bit(64000);
SELECT id, b <~> repeat('1', 64000)::bit(64000) AS distance FROM long ORDER BY b <~> repeat('1', 64000)::bit(64000);
SELECT id, b <%> repeat('1', 64000)::bit(64000) AS distance FROM long ORDER BY b <%> repeat('1', 64000)::bit(64000);
DROP TABLE long;
DROP FUNCTION compare, bits;
