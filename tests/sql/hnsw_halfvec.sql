-- Indexes on halfvec.
CREATE TABLE items (id int, h halfvec(3), w halfvec, v vector(3), u vector);
INSERT INTO items SELECT i, x, x, x, x FROM generate_series(1, 1000) i, LATERAL (SELECT ARRAY[i, i % 7, i % 11]::vector AS x) s;

CREATE INDEX items_l2 ON items USING hnsw (h halfvec_l2_ops);
CREATE INDEX items_ip ON items USING hnsw (h halfvec_ip_ops);
CREATE INDEX items_cosine ON items USING hnsw (h halfvec_cosine_ops);
CREATE INDEX items_l1 ON items USING hnsw (h halfvec_l1_ops);
SELECT relname, reltuples FROM pg_class WHERE relname ~ '^items_' ORDER BY relname;

SET enable_seqscan = off;
SET enable_sort = off;
SET hnsw.ef_search = 200;
EXPLAIN (COSTS OFF) SELECT id FROM items ORDER BY h <-> '[101,3,3]' LIMIT 3;
SELECT id, h, h <-> '[101,3,3]' AS distance FROM items ORDER BY h <-> '[101,3,3]' LIMIT 3;
EXPLAIN (COSTS OFF) SELECT id FROM items ORDER BY h <#> '[101,3,3]' LIMIT 3;
SELECT id, h <#> '[101,3,3]' AS distance FROM items ORDER BY h <#> '[101,3,3]' LIMIT 3;
EXPLAIN (COSTS OFF) SELECT id FROM items ORDER BY h <=> '[11,4,0]' LIMIT 3;
SELECT id, h <=> '[11,4,0]' < 1e-6 AS zero FROM items ORDER BY h <=> '[11,4,0]' LIMIT 1;
EXPLAIN (COSTS OFF) SELECT id FROM items ORDER BY h <+> '[101,3,3]' LIMIT 3;
SELECT id, h <+> '[101,3,3]' AS distance FROM items ORDER BY h <+> '[101,3,3]' LIMIT 1;

-- a query of type vector becomes one of halves
EXPLAIN (COSTS OFF) SELECT id FROM items ORDER BY h <-> '[101,3,3]'::vector LIMIT 1;
SELECT id FROM items ORDER BY h <-> '[101,3,3]'::vector LIMIT 1;

-- queries that are no value of the index
SELECT id FROM items ORDER BY h <-> '[1,2]' LIMIT 1;
SELECT id FROM items ORDER BY h <-> '[70000,1,1]' LIMIT 1;
SELECT count(*) FROM (SELECT id FROM items ORDER BY h <-> NULL LIMIT 10) x;
SELECT count(*) FROM (SELECT id FROM items ORDER BY h <=> '[0,0,0]' LIMIT 10) x;

-- inserts, NULL, zero, the largest and the least numbers
INSERT INTO items (id, h) VALUES
	(2001, NULL), (2002, '[0,0,0]'), (2003, '[65504,-65504,65504]'), (2004, '[6e-8,0,-6e-8]');
SELECT id, h <-> '[0,0,0]' AS distance FROM items ORDER BY h <-> '[0,0,0]' LIMIT 2;
SELECT id, h <=> '[1,-1,1]' < 1e-6 AS zero FROM items ORDER BY h <=> '[1,-1,1]' LIMIT 1;
SELECT id, h <=> '[1,0,-1]' < 1e-6 AS zero FROM items ORDER BY h <=> '[1,0,-1]' LIMIT 1;
SELECT id, h <#> '[65504,-65504,65504]' FROM items ORDER BY h <#> '[65504,-65504,65504]' LIMIT 1;
DELETE FROM items WHERE id = 2003;
VACUUM items;
SELECT id FROM items WHERE id > 1000 ORDER BY h <+> '[65504,-65504,65504]' LIMIT 1;
DROP INDEX items_l2, items_ip, items_cosine, items_l1;

-- expressions: vectors indexed as halves, values of any length
CREATE INDEX items_cast ON items USING hnsw ((v::halfvec(3)) halfvec_l2_ops);
EXPLAIN (COSTS OFF) SELECT id FROM items ORDER BY v::halfvec(3) <-> '[101,3,3]' LIMIT 3;
SELECT id, v::halfvec(3) <-> '[101,3,3]' AS distance FROM items ORDER BY v::halfvec(3) <-> '[101,3,3]' LIMIT 3;
CREATE INDEX ON items USING hnsw ((u::halfvec(3)) halfvec_l2_ops);
INSERT INTO items (id, u) VALUES (3001, '[1,2]');
INSERT INTO items (id, u) VALUES (3001, '[1,2,70000]');
CREATE INDEX ON items USING hnsw ((subvector(h, 1, 2)::halfvec(2)) halfvec_l1_ops);

-- what is refused
CREATE INDEX ON items USING hnsw (w halfvec_l2_ops);
CREATE INDEX ON items USING hnsw ((w::halfvec(2)) halfvec_l2_ops);
CREATE INDEX ON items USING hnsw (h);
CREATE INDEX ON items USING hnsw (h vector_l2_ops);
CREATE INDEX ON items USING hnsw (v halfvec_l2_ops);
CREATE OPERATOR CLASS wrong_ops FOR TYPE halfvec USING hnsw AS
	OPERATOR 1 <-> (halfvec, halfvec) FOR ORDER BY float_ops,
	FUNCTION 1 halfvec_spherical_distance(halfvec, halfvec);
CREATE INDEX ON items USING hnsw (h wrong_ops);
DROP OPERATOR FAMILY wrong_ops USING hnsw;
-- a class for one type with the distance of another: what is stored is checked
CREATE OPERATOR CLASS crossed_ops FOR TYPE vector USING hnsw AS
	OPERATOR 1 <-> (vector, vector) FOR ORDER BY float_ops,
	FUNCTION 1 halfvec_l2_squared_distance(halfvec, halfvec);
SELECT amvalidate(oid) FROM pg_opclass WHERE opcname = 'crossed_ops';
CREATE INDEX ON items USING hnsw (v crossed_ops);
DROP OPERATOR FAMILY crossed_ops USING hnsw;
DROP TABLE items;

-- The storage that an index was given: a byte of its first page.
CREATE FUNCTION storage_of(index regclass) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	CHECKPOINT;
	RETURN (ARRAY['float32', 'float16', 'int8'])[get_byte(pg_read_binary_file(pg_relation_filepath(index), 47, 1), 0)];
END
$$;
-- float32 is never chosen for halves, but can be asked for
CREATE TABLE wide (v vector(768), h halfvec(768));
CREATE INDEX wide_vector ON wide USING hnsw (v vector_l2_ops);
CREATE INDEX wide_auto ON wide USING hnsw (h halfvec_l2_ops);
CREATE INDEX wide_float32 ON wide USING hnsw (h halfvec_l2_ops) WITH (storage = float32);
CREATE INDEX wide_int8 ON wide USING hnsw (h halfvec_l2_ops) WITH (storage = int8);
CREATE INDEX wide_64_vector ON wide USING hnsw ((subvector(v, 1, 64)::vector(64)) vector_l2_ops);
CREATE INDEX wide_64 ON wide USING hnsw ((subvector(h, 1, 64)::halfvec(64)) halfvec_l2_ops);
CREATE INDEX wide_128 ON wide USING hnsw ((subvector(h, 1, 128)::halfvec(128)) halfvec_l2_ops);
SELECT relname, storage_of(oid) FROM pg_class WHERE relname ~ '^wide_' ORDER BY relname;
DROP TABLE wide;
DROP FUNCTION storage_of;

-- the longest that the type allows
CREATE TABLE long (id int, h halfvec(16000));
INSERT INTO long SELECT i, array_agg(j % i)::halfvec FROM generate_series(1, 5) i, generate_series(1, 16000) j GROUP BY i;
CREATE INDEX ON long USING hnsw (h halfvec_l2_ops);
INSERT INTO long SELECT 6, array_agg(j % 6)::halfvec FROM generate_series(1, 16000) j;
SELECT id FROM long ORDER BY h <-> (SELECT h FROM long WHERE id = 6) LIMIT 6;
DROP TABLE long;
