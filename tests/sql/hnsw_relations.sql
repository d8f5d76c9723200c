-- Indexes on all kinds of relations, and what is done to relations.
SET enable_seqscan = off;
CREATE TABLE t (id int PRIMARY KEY, v vector(3), tag int);
INSERT INTO t SELECT i, ARRAY[i, 0, 0]::vector, i % 10 FROM generate_series(1, 300) i;

-- partial
CREATE INDEX t_partial ON t USING hnsw (v vector_l2_ops) WHERE tag = 3;
EXPLAIN (COSTS OFF) SELECT id FROM t WHERE tag = 3 ORDER BY v <-> '[100,0,0]' LIMIT 3;
SELECT id FROM t WHERE tag = 3 ORDER BY v <-> '[100,0,0]' LIMIT 3;
INSERT INTO t VALUES (1001, '[100,0,1]', 3), (1002, '[100,0,1]', 4);
SELECT id FROM t WHERE tag = 3 ORDER BY v <-> '[100,0,0]' LIMIT 3;
SELECT reltuples FROM pg_class WHERE relname = 't_partial';
DROP INDEX t_partial;

-- expression
CREATE INDEX t_expression ON t USING hnsw ((subvector(v, 1, 2)::vector(2)) vector_l2_ops);
SELECT id FROM t ORDER BY subvector(v, 1, 2)::vector(2) <-> '[7.1,0]' LIMIT 2;
INSERT INTO t VALUES (1003, '[7.05,0,9]', 4);
SELECT id FROM t ORDER BY subvector(v, 1, 2)::vector(2) <-> '[7.1,0]' LIMIT 2;
DROP INDEX t_expression;

-- concurrently
CREATE INDEX CONCURRENTLY t_v ON t USING hnsw (v vector_l2_ops);
SELECT id FROM t ORDER BY v <-> '[7.2,0,0]' LIMIT 2;
SELECT hnsw_last_scan()->>'index' AS index;
REINDEX INDEX CONCURRENTLY t_v;
SELECT id FROM t ORDER BY v <-> '[7.2,0,0]' LIMIT 2;
SELECT hnsw_last_scan()->>'index' AS index;
REINDEX INDEX t_v;
SELECT id FROM t ORDER BY v <-> '[7.2,0,0]' LIMIT 2;
SELECT hnsw_last_scan()->>'index' AS index;
REINDEX TABLE t;
VACUUM FULL t;
SELECT id FROM t ORDER BY v <-> '[7.2,0,0]' LIMIT 2;
SELECT hnsw_last_scan()->>'index' AS index;
CLUSTER t USING t_pkey;
SELECT id FROM t ORDER BY v <-> '[7.2,0,0]' LIMIT 2;
SELECT hnsw_last_scan()->>'index' AS index;

-- in another schema, under another name
CREATE SCHEMA elsewhere;
ALTER INDEX t_v RENAME TO t_w;
ALTER TABLE t SET SCHEMA elsewhere;
SELECT id FROM elsewhere.t ORDER BY v <-> '[7.2,0,0]' LIMIT 2;
SELECT hnsw_last_scan()->>'index' AS index;
ALTER TABLE elsewhere.t SET SCHEMA public;
DROP SCHEMA elsewhere;

-- a type that changes
ALTER TABLE t ALTER v TYPE vector(3) USING v + '[1,0,0]';
SELECT id FROM t ORDER BY v <-> '[7.2,0,0]' LIMIT 2;
SELECT hnsw_last_scan()->>'index' AS index;
ALTER TABLE t ALTER v TYPE vector(2) USING subvector(v, 1, 2);
SELECT id FROM t ORDER BY v <-> '[7.2,0]' LIMIT 2;
SELECT hnsw_last_scan()->>'index' AS index;

-- truncated, also in a transaction that is taken back
TRUNCATE t;
SELECT id FROM t ORDER BY v <-> '[7.2,0]' LIMIT 2;
INSERT INTO t VALUES (1, '[1,1]', 1), (2, '[2,2]', 2);
SELECT id FROM t ORDER BY v <-> '[7.2,0]' LIMIT 2;
BEGIN;
TRUNCATE t;
INSERT INTO t VALUES (3, '[3,3]', 3);
SELECT id FROM t ORDER BY v <-> '[7.2,0]' LIMIT 2;
ROLLBACK;
SELECT id FROM t ORDER BY v <-> '[7.2,0]' LIMIT 2;

-- made and filled in one transaction
BEGIN;
CREATE TABLE n (v vector(2));
CREATE INDEX ON n USING hnsw (v vector_l2_ops);
INSERT INTO n SELECT ARRAY[i, i]::vector FROM generate_series(1, 200) i;
SAVEPOINT s;
INSERT INTO n SELECT ARRAY[i, i]::vector FROM generate_series(201, 400) i;
ROLLBACK TO s;
SELECT v FROM n ORDER BY v <-> '[500,500]' LIMIT 2;
COMMIT;
SELECT v FROM n ORDER BY v <-> '[500,500]' LIMIT 2;

-- partitioned
CREATE TABLE p (id int, v vector(2)) PARTITION BY RANGE (id);
CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (100);
CREATE INDEX p_v ON p USING hnsw (v vector_l2_ops);
CREATE TABLE p2 PARTITION OF p FOR VALUES FROM (100) TO (200);
INSERT INTO p SELECT i, ARRAY[i, 0]::vector FROM generate_series(0, 199) i;
EXPLAIN (COSTS OFF) SELECT id FROM p ORDER BY v <-> '[99.6,0]' LIMIT 4;
SELECT id FROM p ORDER BY v <-> '[99.6,0]' LIMIT 4;

-- unlogged, temporary
CREATE UNLOGGED TABLE u (v vector(2));
CREATE INDEX u_v ON u USING hnsw (v vector_l2_ops);
INSERT INTO u SELECT ARRAY[i, 0]::vector FROM generate_series(1, 100) i;
SELECT v FROM u ORDER BY v <-> '[50.2,0]' LIMIT 2;
ALTER TABLE u SET LOGGED;
SELECT v FROM u ORDER BY v <-> '[50.2,0]' LIMIT 2;
SELECT hnsw_last_scan()->>'index' AS index;
ALTER TABLE u SET UNLOGGED;
SELECT v FROM u ORDER BY v <-> '[50.2,0]' LIMIT 2;
CREATE TEMP TABLE tmp (v vector(2));
INSERT INTO tmp SELECT ARRAY[i, 0]::vector FROM generate_series(1, 1000) i;
CREATE INDEX ON tmp USING hnsw (v vector_l2_ops);
INSERT INTO tmp SELECT ARRAY[i, 1]::vector FROM generate_series(1, 1000) i;
DELETE FROM tmp WHERE v < '[500,0]';
VACUUM tmp;
SELECT v FROM tmp ORDER BY v <-> '[50.2,0]' LIMIT 2;

-- a materialised view
CREATE MATERIALIZED VIEW mv AS SELECT v FROM u;
CREATE INDEX ON mv USING hnsw (v vector_l2_ops);
REFRESH MATERIALIZED VIEW mv;
SELECT v FROM mv ORDER BY v <-> '[50.2,0]' LIMIT 2;
SELECT hnsw_last_scan()->>'index' AS index;

-- temporary, emptied at each commit
CREATE TEMP TABLE passing (v vector(2)) ON COMMIT DELETE ROWS;
CREATE INDEX passing_v ON passing USING hnsw (v vector_l2_ops);
BEGIN;
INSERT INTO passing SELECT ARRAY[i, 0]::vector FROM generate_series(1, 100) i;
SELECT v FROM passing ORDER BY v <-> '[50.2,0]' LIMIT 2;
COMMIT;
SELECT v FROM passing ORDER BY v <-> '[50.2,0]' LIMIT 2;
BEGIN;
INSERT INTO passing VALUES ('[1,1]');
SELECT v FROM passing ORDER BY v <-> '[50.2,0]' LIMIT 2;
COMMIT;
SELECT * FROM hnsw_check('passing_v', true);

-- columns that go, in front of the vector and of keys
CREATE TABLE dropped (a int, id int, b text, v vector(2), c int, tag int);
INSERT INTO dropped SELECT i, i, i, ARRAY[i, 0]::vector, i, i % 10 FROM generate_series(1, 200) i;
CREATE INDEX dropped_v ON dropped USING hnsw (v vector_l2_ops, tag);
ALTER TABLE dropped DROP COLUMN a, DROP COLUMN b, DROP COLUMN c;
INSERT INTO dropped SELECT i, ARRAY[i, 1]::vector, i % 10 FROM generate_series(201, 400) i;
SELECT id FROM dropped WHERE tag = 3 ORDER BY v <-> '[199.9,1]' LIMIT 3;
SELECT hnsw_last_scan()->>'index' AS index;
SELECT * FROM hnsw_check('dropped_v', true);
REINDEX INDEX dropped_v;
SELECT id FROM dropped WHERE tag = 3 ORDER BY v <-> '[199.9,1]' LIMIT 3;

-- partitions that come with an index and go
CREATE TABLE p3 (id int, v vector(2));
INSERT INTO p3 SELECT i, ARRAY[i, 0]::vector FROM generate_series(200, 299) i;
CREATE INDEX p3_v ON p3 USING hnsw (v vector_l2_ops);
ALTER TABLE p ATTACH PARTITION p3 FOR VALUES FROM (200) TO (300);
SELECT inhparent::regclass FROM pg_inherits WHERE inhrelid = 'p3_v'::regclass;
SELECT id FROM p ORDER BY v <-> '[199.6,0]' LIMIT 4;
ALTER TABLE p DETACH PARTITION p3;
SELECT id FROM p3 ORDER BY v <-> '[199.6,0]' LIMIT 2;
SELECT hnsw_last_scan()->>'index' AS index;

-- options that hold from the next build on
ALTER INDEX p3_v SET (m = 24, storage = int8);
INSERT INTO p3 SELECT i, ARRAY[i, 0]::vector FROM generate_series(300, 399) i;
SELECT id FROM p3 ORDER BY v <-> '[299.6,0]' LIMIT 2;
SELECT * FROM hnsw_check('p3_v', true);
REINDEX INDEX p3_v;
SELECT id FROM p3 ORDER BY v <-> '[299.6,0]' LIMIT 2;

-- one column, an index for each number of dimensions
CREATE TABLE mixed (id int, v vector);
INSERT INTO mixed VALUES (1, '[1,2]'), (2, '[1,2,3]'), (3, '[4,5,6]');
CREATE INDEX mixed_3 ON mixed USING hnsw ((v::vector(3)) vector_l2_ops) WHERE vector_dims(v) = 3;
INSERT INTO mixed VALUES (4, '[7,8]'), (5, '[7,8,9]'), (6, NULL);
SELECT id FROM mixed WHERE vector_dims(v) = 3 ORDER BY v::vector(3) <-> '[7,8,8]' LIMIT 2;
SELECT hnsw_last_scan()->>'index' AS index;

-- threads and memory
SET maintenance_work_mem = '1MB';
CREATE TABLE big (v vector(10)) WITH (autovacuum_enabled = off);
INSERT INTO big SELECT array_agg((i * 37 + j * 101 + i * j) % 97 + i / 1000.0)::vector
FROM generate_series(1, 5000) i, generate_series(1, 10) j GROUP BY i;
SET max_parallel_maintenance_workers = 4;
CREATE INDEX big_4 ON big USING hnsw (v vector_l2_ops);
ALTER TABLE big SET (parallel_workers = 0);
CREATE INDEX big_0 ON big USING hnsw (v vector_l2_ops);
SELECT * FROM hnsw_check('big_4', true);
SELECT * FROM hnsw_check('big_0', true);
RESET max_parallel_maintenance_workers;
RESET maintenance_work_mem;
SELECT relname, reltuples FROM pg_class WHERE relname LIKE 'big\__' ORDER BY relname;
SET hnsw.ef_search = 5000;
SELECT count(DISTINCT ctid) FROM (SELECT ctid FROM big ORDER BY v <-> '[1,2,3,4,5,6,7,8,9,10]' LIMIT 5000) x;

DROP MATERIALIZED VIEW mv;
DROP TABLE t, n, p, p3, u, tmp, passing, dropped, mixed, big;
