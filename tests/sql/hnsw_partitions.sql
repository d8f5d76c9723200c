-- Key columns in the indexes of partitions and of children.
SET enable_seqscan = off;
CREATE TABLE items (id int, tenant int, name text, v vector(2), at date) PARTITION BY RANGE (at);
CREATE TABLE items_1 PARTITION OF items FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
CREATE TABLE items_2 PARTITION OF items FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
-- one whose columns stand in another order, with an index that fits
CREATE TABLE items_3 (dropped int, v vector(2), name text, tenant int, at date, id int);
ALTER TABLE items_3 DROP COLUMN dropped;
INSERT INTO items_3 SELECT ARRAY[i, i % 7]::vector, 'n' || i % 5, i % 20, date '2026-01-01' + i % 300, i FROM generate_series(2001, 3000) i;
CREATE INDEX items_3_keys ON items_3 USING hnsw (v vector_l2_ops, tenant, name);
CREATE INDEX items_keys ON items USING hnsw (v vector_l2_ops, tenant, name);
ALTER TABLE items ATTACH PARTITION items_3 FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
INSERT INTO items SELECT i, i % 20, 'n' || i % 5, ARRAY[i, i % 7]::vector, date '2024-01-01' + i % 300 + 366 * (i / 1001)
FROM generate_series(1, 2000) i;
ANALYZE items;
SELECT i.relname, pg_get_indexdef(i.oid) FROM pg_inherits JOIN pg_class i ON i.oid = inhrelid WHERE inhparent = 'items_keys'::regclass ORDER BY 1;

-- each partition's index has the conditions, also where the planner leaves out lists
EXPLAIN (COSTS OFF) SELECT id FROM items WHERE tenant IN (3, 4) AND name = 'n3' ORDER BY v <-> '[1000.2,3]' LIMIT 4;
EXPLAIN (COSTS OFF) SELECT id FROM items WHERE tenant = 3 AND at >= '2025-06-01' ORDER BY v <-> '[1000.2,3]' LIMIT 4;
CREATE FUNCTION nearest(conditions text, OUT ids int[], OUT same boolean) LANGUAGE plpgsql AS $$
DECLARE
	query text := format('SELECT array_agg(id) FROM (SELECT id FROM items WHERE %s ORDER BY v <-> ''[1000.2,3.1]'' LIMIT 5) x', conditions);
	exact int[];
BEGIN
	PERFORM set_config('enable_indexscan', 'off', true);
	EXECUTE query INTO exact;
	PERFORM set_config('enable_indexscan', 'on', true);
	EXECUTE query INTO ids;
	same := ids IS NOT DISTINCT FROM exact;
END $$;
SELECT c, (nearest(c)).* FROM unnest(ARRAY['true', 'tenant = 3', 'tenant IN (3, 4) AND name = ''n3''', 'name >= ''n4''', 'tenant = ANY (NULL)',
	'tenant = 3 AND at >= ''2025-06-01''', 'at > ''2027-01-01''', 'tenant < 2 AND v <-> ''[1000.2,3.1]'' < 900']) c;

-- a plan for all parameters, of which some rule out partitions when it is executed
SET plan_cache_mode = force_generic_plan;
PREPARE q(int[], date) AS SELECT id FROM items WHERE tenant = ANY ($1) AND at >= $2 ORDER BY v <-> '[1000.2,3.1]' LIMIT 3;
EXPLAIN (COSTS OFF) EXECUTE q('{3,4}', '2026-01-01');
EXECUTE q('{3,4}', '2026-01-01');
EXECUTE q('{3,4}', '2024-01-01');
EXECUTE q('{}', '2024-01-01');
RESET plan_cache_mode;

-- rows that move, partitions that go and come
UPDATE items SET at = at + 366, tenant = 99 WHERE id IN (998, 999);
SELECT (nearest('tenant = 99')).*;
ALTER TABLE items DETACH PARTITION items_2;
SELECT (nearest('tenant IN (99, 3)')).*;
ALTER TABLE items ATTACH PARTITION items_2 FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
SELECT (nearest('tenant IN (99, 3)')).*;
SELECT relname, (SELECT count(*) FROM hnsw_check(i.oid, true)) AS findings FROM pg_inherits JOIN pg_class i ON i.oid = inhrelid
WHERE inhparent = 'items_keys'::regclass ORDER BY 1;

-- children: each with an index of its own, one without
CREATE TABLE parent (id int, v vector(2), tenant int);
CREATE TABLE child_1 () INHERITS (parent);
CREATE TABLE child_2 () INHERITS (parent);
CREATE INDEX ON parent USING hnsw (v vector_l2_ops, tenant);
CREATE INDEX ON child_1 USING hnsw (v vector_l2_ops, tenant);
INSERT INTO parent SELECT i, ARRAY[i, 0]::vector, i % 3 FROM generate_series(1, 100) i;
INSERT INTO child_1 SELECT i, ARRAY[i - 99.5, 0]::vector, i % 3 FROM generate_series(101, 200) i;
INSERT INTO child_2 VALUES (301, '[50.1,0]', 1);
SELECT id FROM parent WHERE tenant IN (1, 2) ORDER BY v <-> '[50,0]' LIMIT 5;
DROP TABLE items, parent, child_1, child_2;
DROP FUNCTION nearest;
