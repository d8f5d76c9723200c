-- Scans of the index in parallel workers.
CREATE TABLE p (id int, v vector(3), tag int) PARTITION BY HASH (id);
CREATE TABLE p0 PARTITION OF p FOR VALUES WITH (MODULUS 3, REMAINDER 0);
CREATE TABLE p1 PARTITION OF p FOR VALUES WITH (MODULUS 3, REMAINDER 1);
CREATE TABLE p2 PARTITION OF p FOR VALUES WITH (MODULUS 3, REMAINDER 2);
INSERT INTO p SELECT i, ARRAY[i, i % 7, i % 11]::vector, i % 10 FROM generate_series(1, 6000) i;
CREATE INDEX p_v ON p USING hnsw (v vector_l2_ops, tag);
DELETE FROM p WHERE id % 50 = 0;
ANALYZE p;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET min_parallel_index_scan_size = 0;
SET max_parallel_workers_per_gather = 2;
SET enable_seqscan = off;

-- each worker scans some of the partitions
CREATE FUNCTION plan(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
	RETURN QUERY EXECUTE 'EXPLAIN (COSTS OFF) ' || query;
END $$;
SELECT substring(line FROM 'Parallel Append|Index Scan') AS node, count(*)
FROM plan($$SELECT count(*), sum(id) FROM p WHERE v <-> '[3000,3,3]' < 200$$) line
WHERE line ~ 'Parallel Append|Index Scan' GROUP BY node ORDER BY node;
SELECT count(*), sum(id) FROM p WHERE v <-> '[3000,3,3]' < 200;
SELECT count(*), sum(id) FROM p WHERE v <-> '[3000,3,3]' < 200;
SELECT count(*), sum(id) FROM p WHERE v <-> '[3000,3,3]' < 200 AND tag = 3;
SET enable_indexscan = off;
SET enable_seqscan = on;
SELECT count(*), sum(id) FROM p WHERE v <-> '[3000,3,3]' < 200;
SELECT count(*), sum(id) FROM p WHERE v <-> '[3000,3,3]' < 200 AND tag = 3;
RESET enable_indexscan;
SET enable_seqscan = off;

DROP FUNCTION plan;
DROP TABLE p;
