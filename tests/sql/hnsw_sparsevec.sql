-- Indexes on sparsevec.
-- A value of 1000 dimensions with some elements of a group's and some of its own.
CREATE FUNCTION elements(i int) RETURNS sparsevec LANGUAGE sql IMMUTABLE AS $$
	SELECT ('{' || string_agg(k || ':' || v, ',') || '}/1000')::sparsevec FROM (
		SELECT DISTINCT ON (k) k, v FROM (
			SELECT (hashint8(i % 40 * 1000::int8 + j) & 1023) % 1000 + 1 AS k, 3 + (j & 7) AS v FROM generate_series(1, 30) j
			UNION ALL
			SELECT (hashint8(i * 1000000::int8 + j) & 1023) % 1000 + 1, 1 + (j & 3) FROM generate_series(1, 30) j) e
		ORDER BY k, v) s
$$;

CREATE TABLE items (id int, s sparsevec(1000));
INSERT INTO items SELECT i, elements(i) FROM generate_series(1, 1000) i;
CREATE INDEX items_l2 ON items USING hnsw (s sparsevec_l2_ops);
CREATE INDEX items_ip ON items USING hnsw (s sparsevec_ip_ops);
CREATE INDEX items_cosine ON items USING hnsw (s sparsevec_cosine_ops);
CREATE INDEX items_l1 ON items USING hnsw (s sparsevec_l1_ops);
SELECT relname, reltuples FROM pg_class WHERE relname ~ '^items_' ORDER BY relname;

-- Whether rows come in order, and whether at least 98 in 100 of the nearest are found.
CREATE FUNCTION compare(rows int, OUT ordered bool, OUT enough bool) LANGUAGE plpgsql AS $$
DECLARE
	operator text;
	query sparsevec(1000);
	near float8[];
	exact float8[];
	hits int := 0;
BEGIN
	ordered := true;
	FOREACH operator IN ARRAY ARRAY['<->', '<#>', '<=>', '<+>'] LOOP
		FOR i IN 1..20 LOOP
			query := elements(CASE WHEN i % 2 = 0 THEN i * 37 ELSE 100000 + i END);
			SET LOCAL enable_seqscan = off;
			EXECUTE format('SELECT array_agg(d) FROM (SELECT s %s $1 AS d FROM items ORDER BY s %1$s $1 LIMIT $2) s', operator)
				INTO near USING query, rows;
			SET LOCAL enable_seqscan = on;
			SET LOCAL enable_indexscan = off;
			EXECUTE format('SELECT array_agg(d) FROM (SELECT s %s $1 AS d FROM items WHERE s IS NOT NULL AND (l2_norm(s) > 0 OR %L <> ''<=>'') ORDER BY s %1$s $1 LIMIT $2) s', operator, operator)
				INTO exact USING query, rows;
			SET LOCAL enable_indexscan = on;
			ordered := ordered AND near = (SELECT array_agg(d ORDER BY d) FROM unnest(near) d);
			hits := hits + (SELECT count(*) FROM unnest(near) d WHERE d <= exact[rows]);
		END LOOP;
	END LOOP;
	enough := hits >= 0.98 * 80 * rows;
END
$$;
SET hnsw.ef_search = 200;
SELECT * FROM compare(10);

SET enable_seqscan = off;
SET enable_sort = off;
EXPLAIN (COSTS OFF) SELECT id FROM items ORDER BY s <-> '{1:1}/1000' LIMIT 3;
SELECT id, s <-> elements(17) AS distance FROM items ORDER BY s <-> elements(17) LIMIT 1;
EXPLAIN (COSTS OFF) SELECT id FROM items ORDER BY s <#> '{1:1}/1000' LIMIT 3;
SELECT s <#> elements(17) = (SELECT min(s <#> elements(17)) FROM items) AS nearest FROM items ORDER BY s <#> elements(17) LIMIT 1;
EXPLAIN (COSTS OFF) SELECT id FROM items ORDER BY s <=> '{1:1}/1000' LIMIT 3;
SELECT id, s <=> elements(17) < 1e-6 AS zero FROM items ORDER BY s <=> elements(17) LIMIT 1;
EXPLAIN (COSTS OFF) SELECT id FROM items ORDER BY s <+> '{1:1}/1000' LIMIT 3;
SELECT id, s <+> elements(17) AS distance FROM items ORDER BY s <+> elements(17) LIMIT 1;

-- queries that are no value of the index
SELECT id FROM items ORDER BY s <-> '{1:1}/3' LIMIT 1;
SELECT count(*) FROM (SELECT id FROM items ORDER BY s <-> NULL LIMIT 10) x;
SELECT count(*) FROM (SELECT id FROM items ORDER BY s <=> '{}/1000' LIMIT 10) x;

-- inserts, updates, duplicates, NULL, no element, the largest and the least numbers
INSERT INTO items SELECT i, elements(i) FROM generate_series(1001, 1500) i;
INSERT INTO items SELECT 2000 + i, elements(3) FROM generate_series(1, 300) i;
INSERT INTO items VALUES (4001, NULL), (4002, '{}/1000'), (4003, '{7:3e38,8:-3e38}/1000'), (4004, '{7:1e-45}/1000');
UPDATE items SET s = elements(id + 10000) WHERE id % 10 = 0;
SELECT count(*) FROM (SELECT id FROM items ORDER BY s <-> elements(3) LIMIT 271) x WHERE id = 3 OR id BETWEEN 2001 AND 2300;
SELECT id, s <-> '{}/1000' AS distance FROM items ORDER BY s <-> '{}/1000' LIMIT 1;
SELECT id FROM items WHERE id >= 4000 ORDER BY s <+> '{7:1}/1000' LIMIT 2;
DELETE FROM items WHERE id >= 4000;
SELECT * FROM compare(10);

-- delete, vacuum, insert again
DELETE FROM items WHERE id % 3 = 0;
SELECT * FROM compare(10);
VACUUM items;
SELECT * FROM compare(10);
INSERT INTO items SELECT i, elements(i) FROM generate_series(5001, 5500) i;
SELECT * FROM compare(10);
REINDEX TABLE items;
SELECT * FROM compare(10);
DELETE FROM items;
VACUUM items;
SELECT count(*) FROM (SELECT id FROM items ORDER BY s <-> elements(1) LIMIT 10) x;
INSERT INTO items VALUES (1, elements(1));
SELECT id FROM items ORDER BY s <=> elements(1);
DROP TABLE items;

-- what is refused
CREATE TABLE other (s sparsevec, v vector(3));
CREATE INDEX ON other USING hnsw (s sparsevec_l2_ops);
CREATE INDEX ON other USING hnsw (s);
CREATE INDEX ON other USING hnsw ((s::sparsevec(3)) vector_l2_ops);
CREATE INDEX ON other USING hnsw ((s::sparsevec(3)) sparsevec_l2_ops) WITH (storage = float16);
CREATE INDEX ON other USING hnsw ((s::sparsevec(3)) sparsevec_l2_ops);
INSERT INTO other VALUES ('{1:1}/2');
INSERT INTO other VALUES ('{1:1}/3');
CREATE INDEX ON other USING hnsw ((v::sparsevec(3)) sparsevec_cosine_ops);
DROP TABLE other;

-- the most dimensions and elements
CREATE TABLE long (id int, s sparsevec(1000000000));
CREATE FUNCTION many(i int) RETURNS sparsevec LANGUAGE sql IMMUTABLE AS
	$$SELECT ('{' || string_agg((j * 60000 + i * 7) || ':' || i, ',') || '}/1000000000')::sparsevec FROM generate_series(1, 16000 - i) j$$;
INSERT INTO long SELECT i, many(i) FROM generate_series(0, 8) i WHERE i > 0;
CREATE INDEX long_l2 ON long USING hnsw (s sparsevec_l2_ops);
CREATE INDEX long_cosine ON long USING hnsw (s sparsevec_cosine_ops);
INSERT INTO long VALUES (9, many(9)), (10, (SELECT ('{' || string_agg(j || ':1', ',') || '}/1000000000')::sparsevec FROM generate_series(1, 16000) j)), (11, '{1000000000:2}/1000000000');
DELETE FROM long WHERE id = 8;
VACUUM long;
INSERT INTO long VALUES (12, many(12));
SELECT id, s <-> '{1000000000:1}/1000000000' AS distance FROM long ORDER BY s <-> '{1000000000:1}/1000000000';
SELECT id FROM long ORDER BY s <=> many(12) LIMIT 1;
DROP TABLE long;
DROP FUNCTION compare, elements, many;
