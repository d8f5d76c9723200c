-- Row security: a policy's condition is checked before others, in the index or outside, and leaves out no row too many.
CREATE TYPE kind AS ENUM ('bad', 'fair', 'good');
CREATE TABLE items (id int, v vector(2), tenant text, kind kind, flag boolean, note text);
INSERT INTO items SELECT i, ARRAY[i, i % 7]::vector, CASE i % 3 WHEN 0 THEN 'hnsw_tenant' ELSE 'other' END,
    (enum_range(NULL::kind))[1 + i / 3 % 3], i % 2 = 0, 'n' || i
FROM generate_series(1, 3000) i;
CREATE INDEX items_v ON items USING hnsw (v vector_l2_ops, tenant, kind, flag);
ALTER TABLE items ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON items USING (tenant = current_setting('app.tenant'));
CREATE ROLE hnsw_tenant;
GRANT SELECT, INSERT, DELETE ON items TO hnsw_tenant;

-- A function that anybody may write, and that tells what it sees.
CREATE FUNCTION leaks(text) RETURNS boolean LANGUAGE plpgsql COST 0.0001 AS $$
BEGIN
	IF $1 ~ '^n(1|2|4|5|7|8|10)$' THEN RAISE EXCEPTION 'seen %', $1; END IF;
	RETURN true;
END $$;
-- Whether the ten nearest are those that a sequential scan has, and how many.
CREATE FUNCTION ten(conditions text, OUT rows bigint, OUT same boolean, OUT index text) LANGUAGE plpgsql AS $$
DECLARE
	query text := format('SELECT array_agg(id) FROM (SELECT id FROM items WHERE %s ORDER BY v <-> ''[7.1,3]'' LIMIT 10) x', conditions);
	found int[];
	exact int[];
BEGIN
	PERFORM set_config('enable_seqscan', 'off', true), set_config('enable_indexscan', 'on', true);
	EXECUTE query INTO found;
	index := hnsw_last_scan()->>'index';
	PERFORM set_config('enable_seqscan', 'on', true), set_config('enable_indexscan', 'off', true);
	EXECUTE query INTO exact;
	rows := cardinality(found);
	same := found = exact;
END $$;

SET ROLE hnsw_tenant;
SET app.tenant = 'hnsw_tenant';
SET enable_seqscan = off;
EXPLAIN (COSTS OFF) SELECT id FROM items ORDER BY v <-> '[7.1,3]' LIMIT 10;
EXPLAIN (COSTS OFF) SELECT id FROM items WHERE kind = ANY ('{bad,good}') ORDER BY v <-> '[7.1,3]' LIMIT 10;
EXPLAIN (COSTS OFF) SELECT id FROM items WHERE flag ORDER BY v <-> '[7.1,3]' LIMIT 10;
EXPLAIN (COSTS OFF) SELECT id FROM items WHERE leaks(note) ORDER BY v <-> '[7.1,3]' LIMIT 10;
SELECT c, (ten(c)).* FROM unnest(ARRAY['true', 'flag', 'NOT flag', $$kind = ANY ('{bad,good}')$$, $$kind > 'bad'$$, 'leaks(note)',
	'v <-> ''[7.1,3]'' < 200', $$flag AND kind IN ('bad', 'fair') AND leaks(note)$$]) c;
-- a row that the policy forbids is refused, one that it allows is found
INSERT INTO items VALUES (4000, '[7.1,3]', 'other', 'good', true, 'n4000');
INSERT INTO items VALUES (4001, '[7.1,3]', 'hnsw_tenant', 'good', true, 'n4001');
SELECT id FROM items ORDER BY v <-> '[7.1,3]' LIMIT 1;
DELETE FROM items WHERE id = 4001;
RESET ROLE;
RESET app.tenant;

-- as the owner all rows are there
SELECT count(*) FROM (SELECT id FROM items WHERE tenant = 'other' ORDER BY v <-> '[7.1,3]' LIMIT 10) x;

DROP FUNCTION leaks, ten;
DROP TABLE items;
DROP TYPE kind;
DROP ROLE hnsw_tenant;
