-- Creating an index: operator classes, options, what is refused.
CREATE TABLE items (id int, v vector(3), w vector);
INSERT INTO items SELECT i, ARRAY[i, i % 7, i % 11]::vector, ARRAY[i, 1]::vector FROM generate_series(1, 100) i;

CREATE INDEX ON items USING hnsw (v vector_l2_ops);
CREATE INDEX ON items USING hnsw (v vector_ip_ops);
CREATE INDEX ON items USING hnsw (v vector_cosine_ops);
CREATE INDEX ON items USING hnsw (v vector_l1_ops);

-- rows are counted
SELECT relname, reltuples FROM pg_class WHERE relname LIKE 'items_v_%' ORDER BY relname;

-- options
CREATE INDEX items_options ON items USING hnsw (v vector_l2_ops) WITH (m = 4, ef_construction = 20, storage = float16);
SELECT reloptions FROM pg_class WHERE relname = 'items_options';
ALTER INDEX items_options SET (ef_construction = 100);
SELECT reloptions FROM pg_class WHERE relname = 'items_options';
ALTER INDEX items_options SET (m = 101);
ALTER INDEX items_options RESET (ef_construction);
CREATE INDEX ON items USING hnsw (v vector_l2_ops) WITH (storage = int8);
CREATE INDEX ON items USING hnsw (v vector_l2_ops) WITH (storage = float32);
CREATE INDEX ON items USING hnsw (v vector_l2_ops) WITH (storage = auto);
CREATE INDEX ON items USING hnsw (v vector_l2_ops) WITH (m = 1);
CREATE INDEX ON items USING hnsw (v vector_l2_ops) WITH (m = 101);
CREATE INDEX ON items USING hnsw (v vector_l2_ops) WITH (ef_construction = 3);
CREATE INDEX ON items USING hnsw (v vector_l2_ops) WITH (ef_construction = 1001);
CREATE INDEX ON items USING hnsw (v vector_l2_ops) WITH (m = 16, ef_construction = 31);
CREATE INDEX ON items USING hnsw (v vector_l2_ops) WITH (storage = float64);
CREATE INDEX ON items USING hnsw (v vector_l2_ops) WITH (lists = 100);

-- columns
CREATE INDEX ON items USING hnsw (w vector_l2_ops);
CREATE INDEX ON items USING hnsw ((w::vector(3)) vector_l2_ops);
CREATE INDEX ON items USING hnsw ((w::vector(2)) vector_l2_ops);
CREATE INDEX ON items USING hnsw (v);
CREATE INDEX ON items USING hnsw (id vector_l2_ops);
CREATE INDEX ON items USING hnsw (v vector_l2_ops, v vector_ip_ops);
CREATE INDEX ON items USING hnsw (v vector_l2_ops) INCLUDE (id);
CREATE UNIQUE INDEX ON items USING hnsw (v vector_l2_ops);
CREATE INDEX ON items USING hnsw (v vector_l2_ops DESC);
CREATE INDEX ON items USING hnsw (v vector_l2_ops NULLS FIRST);
CLUSTER items USING items_options;

-- the longest vectors that the type allows
CREATE TABLE long (v vector(16000));
INSERT INTO long SELECT array_agg(j % i)::vector FROM generate_series(1, 5) i, generate_series(1, 16000) j GROUP BY i;
CREATE INDEX ON long USING hnsw (v vector_l2_ops);
CREATE INDEX ON long USING hnsw (v vector_cosine_ops) WITH (m = 100, ef_construction = 200, storage = float32);
CREATE INDEX ON long USING hnsw (v vector_l1_ops);
INSERT INTO long SELECT array_agg(j % 6)::vector FROM generate_series(1, 16000) j;
SET enable_seqscan = off;
SELECT (SELECT max(x) FROM unnest(v::real[]) x) FROM long ORDER BY v <-> (SELECT v FROM long LIMIT 1) LIMIT 6;
RESET enable_seqscan;

-- an operator class of somebody else
CREATE OPERATOR CLASS other_ops FOR TYPE vector USING hnsw AS
	OPERATOR 1 <-> (vector, vector) FOR ORDER BY float_ops,
	FUNCTION 1 vector_l2_squared_distance(vector, vector);
CREATE INDEX items_other ON items USING hnsw (v other_ops);
DROP INDEX items_other;
CREATE OPERATOR CLASS wrong_ops FOR TYPE vector USING hnsw AS
	OPERATOR 1 <-> (vector, vector) FOR ORDER BY float_ops,
	FUNCTION 1 vector_spherical_distance(vector, vector);
CREATE INDEX ON items USING hnsw (v wrong_ops);

-- checks of operator classes
SELECT opcname, amvalidate(c.oid) FROM pg_opclass c JOIN pg_am a ON a.oid = opcmethod
WHERE amname = 'hnsw' ORDER BY opcname;
CREATE OPERATOR CLASS incomplete_ops FOR TYPE vector USING hnsw AS
	OPERATOR 9 < (vector, vector),
	FUNCTION 2 vector_norm(vector);
SELECT amvalidate(oid) FROM pg_opclass WHERE opcname = 'incomplete_ops';

-- properties
SELECT p, pg_indexam_has_property(oid, p) FROM pg_am,
	unnest(ARRAY['can_order', 'can_unique', 'can_multi_col', 'can_exclude', 'can_include']) p
WHERE amname = 'hnsw';
SELECT p, pg_index_has_property('items_options', p) FROM
	unnest(ARRAY['clusterable', 'index_scan', 'bitmap_scan', 'backward_scan']) p;
SELECT p, pg_index_column_has_property('items_options', 1, p) FROM
	unnest(ARRAY['asc', 'orderable', 'distance_orderable', 'returnable', 'search_array', 'search_nulls']) p;

DROP OPERATOR FAMILY other_ops USING hnsw;
DROP OPERATOR FAMILY wrong_ops USING hnsw;
DROP OPERATOR FAMILY incomplete_ops USING hnsw;
DROP TABLE items, long;
