-- What EXPLAIN (ANALYZE) tells of a scan, which is something from PostgreSQL 18 on.
SET enable_seqscan = off;
CREATE TABLE t (id int, v vector(3));
INSERT INTO t SELECT i, ARRAY[i, i % 7, i % 5]::vector FROM generate_series(1, 2000) i;
CREATE INDEX t_v ON t USING hnsw (v vector_l2_ops);
CREATE INDEX t_id ON t (id);
CREATE FUNCTION explained(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE line text;
BEGIN
	FOR line IN EXECUTE 'EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) ' || query LOOP
		IF line ~ 'HNSW' THEN
			RETURN NEXT regexp_replace(btrim(line), '\d+', 'N');
		END IF;
	END LOOP;
END $$;
SELECT explained($$SELECT id FROM t ORDER BY v <-> '[7,0,0]' LIMIT 5$$);
SET hnsw.max_scan_tuples = 100;
SET client_min_messages = error;
SELECT explained($$SELECT id FROM t WHERE id + 0 < 0 ORDER BY v <-> '[7,0,0]' LIMIT 5$$);
-- other indexes have nothing to tell
SELECT explained($$SELECT id FROM t WHERE id = 5$$);
-- nor scans that did not run
SELECT explained($$SELECT id FROM t WHERE false ORDER BY v <-> '[7,0,0]' LIMIT 5$$);
EXPLAIN (COSTS OFF) SELECT id FROM t ORDER BY v <-> '[7,0,0]' LIMIT 5;
DROP FUNCTION explained;
DROP TABLE t;
