-- What scans say of themselves: hnsw_last_scan(), and a warning if a limit keeps rows back.
\set VERBOSITY terse
SET enable_seqscan = off;
CREATE TABLE t (id int, v vector(3), tag int);
INSERT INTO t SELECT i, ARRAY[i, i % 7, i % 5]::vector, i % 100 FROM generate_series(1, 2000) i;
CREATE INDEX t_v ON t USING hnsw (v vector_l2_ops);
CREATE VIEW last AS
SELECT r->>'index' AS index, r->'scans' AS scans, r->'rows' AS rows, r->>'ended' AS ended,
    (r->>'nodes')::int AS nodes, (r->>'batches')::int AS batches, (r->>'compared')::int AS compared, (r->>'late')::int AS late
FROM hnsw_last_scan() r;

-- a session without scans
SELECT hnsw_last_scan();

-- a scan that gave what was asked for
SELECT count(*) FROM (SELECT id FROM t ORDER BY v <-> '[7,0,0]' LIMIT 10) x;
SELECT index, scans, rows, ended, nodes BETWEEN 40 AND 400 AS visited, batches FROM last;

-- one that went on
SELECT count(*) FROM (SELECT id FROM t WHERE tag < 10 ORDER BY v <-> '[7,0,0]' LIMIT 30) x;
SELECT index, scans, rows::int >= 300 AS rows, ended, nodes >= 300 AS visited, batches > 1 AS went_on FROM last;

-- one that saw everything: no warning
SET hnsw.iterative_scan = relaxed_order;
SELECT count(*) FROM (SELECT id FROM t ORDER BY v <-> '[7,0,0]' LIMIT 3000) x;
SELECT index, scans, rows, ended, nodes, late FROM last;
SELECT count(*) FROM (SELECT id FROM t WHERE tag = -1 ORDER BY v <-> '[7,0,0]' LIMIT 1) x;
SELECT ended, nodes FROM last;

-- one that leaves out what comes late
SET hnsw.iterative_scan = strict_order;
SET client_min_messages = error;
SELECT count(*) > 1000 AS most FROM (SELECT id FROM t ORDER BY v <-> '[7,0,0]' LIMIT 3000) x;
RESET client_min_messages;
SELECT ended, nodes, rows::int + late AS rows_and_late FROM last;

-- without iterative scans, ef_search is the limit: no warning
SET hnsw.iterative_scan = off;
SELECT count(*) FROM (SELECT id FROM t ORDER BY v <-> '[7,0,0]' LIMIT 100) x;
SELECT rows, ended, batches FROM last;

-- limits
SET hnsw.iterative_scan = strict_order;
SET hnsw.max_scan_tuples = 100;
SELECT count(*) FROM (SELECT id FROM t WHERE tag = -1 ORDER BY v <-> '[7,0,0]' LIMIT 1) x;
SELECT ended, nodes BETWEEN 100 AND 150 AS visited FROM last;
\set VERBOSITY sqlstate
SELECT count(*) FROM (SELECT id FROM t WHERE tag = -1 ORDER BY v <-> '[7,0,0]' LIMIT 1) x;
\set VERBOSITY terse
-- no warning where nothing is missed
SELECT count(*) FROM (SELECT id FROM t ORDER BY v <-> '[7,0,0]' LIMIT 5) x;
-- one warning a statement, in each statement
SELECT q, (SELECT id FROM t WHERE tag = -q ORDER BY v <-> '[7,0,0]' LIMIT 1) FROM generate_series(1, 3) q;
SELECT scans, ended FROM last;
SELECT q, (SELECT id FROM t WHERE tag = -q ORDER BY v <-> '[7,0,0]' LIMIT 1) FROM generate_series(1, 2) q;
RESET hnsw.max_scan_tuples;

-- a scan whose memory does not last
CREATE TABLE m (v vector(2));
INSERT INTO m SELECT ARRAY[i % 100, i / 100]::vector FROM generate_series(0, 9999) i;
CREATE INDEX ON m USING hnsw (v vector_l2_ops);
SET work_mem = '64kB';
SELECT count(*) FROM (SELECT v FROM m WHERE v::text = '[-1,-1]' ORDER BY v <-> '[7,0]' LIMIT 1) x;
SELECT ended FROM last;
SET hnsw.scan_mem_multiplier = 1000;
SELECT count(*) FROM (SELECT v FROM m WHERE v::text = '[-1,-1]' ORDER BY v <-> '[7,0]' LIMIT 1) x;
SELECT ended FROM last;
RESET hnsw.scan_mem_multiplier;
RESET work_mem;

-- a cursor that is closed before its end
BEGIN;
DECLARE c CURSOR FOR SELECT id FROM t ORDER BY v <-> '[7,0,0]';
FETCH 2 FROM c;
CLOSE c;
COMMIT;
SELECT index, rows, ended FROM last;
DROP VIEW last;
DROP TABLE t, m;
