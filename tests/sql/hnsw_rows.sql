-- What is in an index: NULLs, zero vectors, duplicates; inserts, updates, deletes, vacuum.
SET enable_seqscan = off;
CREATE TABLE t (id serial, v vector(3));

-- nothing
CREATE INDEX t_v ON t USING hnsw (v vector_l2_ops);
SELECT id FROM t ORDER BY v <-> '[1,2,3]';

-- NULLs are not in the index
INSERT INTO t (v) VALUES ('[0,0,0]'), ('[1,1,1]'), (NULL), ('[1,2,4]');
SELECT id, v FROM t ORDER BY v <-> '[1,1,1]';
DROP INDEX t_v;
CREATE INDEX t_v ON t USING hnsw (v vector_l2_ops);
SELECT id, v FROM t ORDER BY v <-> '[1,1,1]';

-- neither are vectors of length zero, under cosine distance
DROP INDEX t_v;
CREATE INDEX t_v ON t USING hnsw (v vector_cosine_ops);
SELECT id, v FROM t ORDER BY v <=> '[1,1,1]';
INSERT INTO t (v) VALUES ('[0,0,0]'), ('[1,1,2]');
SELECT id, v FROM t ORDER BY v <=> '[1,1,1]';
SELECT count(*) FROM (SELECT id FROM t ORDER BY v <=> '[0,0,0]') x;

-- updates and deletes
DROP INDEX t_v;
CREATE INDEX t_v ON t USING hnsw (v vector_l2_ops);
UPDATE t SET v = '[9,9,9]' WHERE id = 2;
DELETE FROM t WHERE id = 4;
SELECT v FROM t ORDER BY v <-> '[1,1,1]';
VACUUM t;
SELECT v FROM t ORDER BY v <-> '[1,1,1]';
DELETE FROM t;
SELECT v FROM t ORDER BY v <-> '[1,1,1]';
VACUUM t;
SELECT v FROM t ORDER BY v <-> '[1,1,1]';
INSERT INTO t (v) VALUES ('[1,2,3]');
SELECT v FROM t ORDER BY v <-> '[1,1,1]';

-- a transaction that is taken back
BEGIN;
INSERT INTO t (v) VALUES ('[1,1,1]');
SELECT v FROM t ORDER BY v <-> '[1,1,1]';
ROLLBACK;
SELECT v FROM t ORDER BY v <-> '[1,1,1]';

-- other dimensions are refused by the type, or by the index
INSERT INTO t (v) VALUES ('[1,2]');
CREATE TABLE e (v vector);
CREATE INDEX ON e USING hnsw ((v::vector(3)) vector_l2_ops);
INSERT INTO e VALUES ('[1,2]');
DROP TABLE e;

-- duplicates: built, inserted, and as few as there are different ones
TRUNCATE t;
INSERT INTO t (v) SELECT ARRAY[i % 3, 0, 0]::vector FROM generate_series(1, 6000) i;
DROP INDEX t_v;
CREATE INDEX t_v ON t USING hnsw (v vector_l2_ops);
INSERT INTO t (v) SELECT ARRAY[i % 3, 0, 0]::vector FROM generate_series(1, 6000) i;
SELECT v, count(*) FROM (SELECT v FROM t ORDER BY v <-> '[0,0,0]') x GROUP BY v ORDER BY v;
SELECT pg_relation_size('t_v') < 300000 AS small;
DELETE FROM t WHERE id % 2 = 0;
VACUUM t;
SELECT v, count(*) FROM (SELECT v FROM t ORDER BY v <-> '[0,0,0]') x GROUP BY v ORDER BY v;
DELETE FROM t WHERE v = '[1,0,0]';
VACUUM t;
INSERT INTO t (v) SELECT ARRAY[i % 3, 0, 0]::vector FROM generate_series(1, 6000) i;
SELECT v, count(*) FROM (SELECT v FROM t ORDER BY v <-> '[0,0,0]') x GROUP BY v ORDER BY v;
SELECT pg_relation_size('t_v') < 300000 AS small;

-- space is used again
TRUNCATE t RESTART IDENTITY;
INSERT INTO t (v) SELECT ARRAY[i, i % 17, i % 31]::vector FROM generate_series(1, 2000) i;
SELECT pg_relation_size('t_v') AS before \gset
DELETE FROM t;
VACUUM t;
INSERT INTO t (v) SELECT ARRAY[i, i % 13, i % 29]::vector FROM generate_series(1, 2000) i;
DELETE FROM t WHERE id % 4 = 0;
VACUUM t;
INSERT INTO t (v) SELECT ARRAY[i, i % 7, i % 5]::vector FROM generate_series(1, 500) i;
SELECT pg_relation_size('t_v') <= :before * 1.1 AS reused;
SELECT reltuples FROM pg_class WHERE relname = 't_v';
SET hnsw.ef_search = 3000;
SELECT count(*), count(DISTINCT ctid) FROM (SELECT ctid FROM t ORDER BY v <-> '[5,5,5]' LIMIT 10000) x;
RESET hnsw.ef_search;

-- rows that a scan finds dead are passed over from then on, and come back with the next version
BEGIN;
DELETE FROM t;
COMMIT;
INSERT INTO t (v) VALUES ('[5,5,5]');
SELECT v FROM t ORDER BY v <-> '[5,5,5]' LIMIT 1;
SELECT v FROM t ORDER BY v <-> '[5,5,5]' LIMIT 1;
VACUUM t;
SELECT v FROM t ORDER BY v <-> '[5,5,5]';
DROP TABLE t;
