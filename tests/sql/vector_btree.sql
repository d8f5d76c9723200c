-- Order of vectors: comparison operators and B-tree operator class.

SELECT '[1,2,3]'::vector < '[1,2,3]', '[1,2,3]'::vector < '[1,2]', '[1,2]'::vector < '[1,2,3]';
SELECT '[1,2,3]'::vector <= '[1,2,3]', '[1,2,3]'::vector <= '[1,2]', '[2]'::vector <= '[1,2,3]';
SELECT '[1,2,3]'::vector = '[1,2,3]', '[1,2,3]'::vector = '[1,2]', '[0]'::vector = '[-0]';
SELECT '[1,2,3]'::vector <> '[1,2,3]', '[1,2,3]'::vector <> '[1,2]', '[0]'::vector <> '[-0]';
SELECT '[1,2,3]'::vector >= '[1,2,3]', '[1,2,3]'::vector >= '[1,2]', '[1,2]'::vector >= '[1,2,3]';
SELECT '[1,2,3]'::vector > '[1,2,3]', '[1,2,3]'::vector > '[1,2]', '[1,2]'::vector > '[1,2,3]';

SELECT vector_cmp('[1,2,3]', '[1,2,3]');
SELECT vector_cmp('[1,2,3]', '[0,0,0]');
SELECT vector_cmp('[0,0,0]', '[1,2,3]');
SELECT vector_cmp('[1,2]', '[1,2,3]');
SELECT vector_cmp('[1,2,3]', '[1,2]');
SELECT vector_cmp('[1,2]', '[2,3,4]');
SELECT vector_cmp('[2,3]', '[1,2,3]');
SELECT vector_cmp('[0,1]', '[-0,1]');
SELECT vector_cmp('[-1e-45]', '[0]'), vector_cmp('[3.4028235e38]', '[-3.4028235e38]');
SELECT vector_cmp(NULL, '[1]') IS NULL;

CREATE TABLE sorted (id integer, v vector);
INSERT INTO sorted VALUES
	(1, '[1,2,3]'), (2, '[1,1,1]'), (3, '[1]'), (4, NULL), (5, '[-0,1]'), (6, '[0,1]'), (7, '[1,2]'),
	(8, '[1,2,3]'), (9, '[-1e38]');
SELECT v FROM sorted ORDER BY v, id;
SELECT v FROM sorted ORDER BY v DESC NULLS LAST, id;
SELECT v, count(*) FROM sorted GROUP BY v HAVING count(*) > 1 AND v > '[1]';
SELECT count(DISTINCT v) FROM sorted;
SELECT a.id, b.id FROM sorted a JOIN sorted b USING (v) WHERE a.id < b.id ORDER BY a.id;

CREATE INDEX sorted_v ON sorted (v);
SET enable_seqscan = off;
SET enable_bitmapscan = off;
EXPLAIN (COSTS OFF) SELECT id FROM sorted WHERE v = '[1,2,3]';
SELECT id FROM sorted WHERE v = '[1,2,3]' ORDER BY id;
SELECT id FROM sorted WHERE v < '[1,1]' ORDER BY id;
SELECT id FROM sorted WHERE v >= '[1,2]' ORDER BY id;
SELECT v FROM sorted WHERE v > '[0,1]' ORDER BY v LIMIT 2;
SELECT id FROM sorted WHERE v IS NULL;
RESET enable_seqscan;
RESET enable_bitmapscan;
DROP TABLE sorted;

CREATE TABLE distinct_values (v vector PRIMARY KEY);
INSERT INTO distinct_values VALUES ('[1,2,3]'), ('[1,2]');
INSERT INTO distinct_values VALUES ('[1,2,3]');
INSERT INTO distinct_values VALUES ('[1,2]') ON CONFLICT DO NOTHING;
DROP TABLE distinct_values;

-- values stored out of line
CREATE TABLE wide AS
	SELECT (array_fill(0, ARRAY[3000]) || ARRAY[(i * 7919) % 1000])::vector AS v
	FROM generate_series(1, 200) i;
SELECT count(*), count(DISTINCT v) FROM wide;
SELECT bool_and(lower <= v AND vector_cmp(v, lower) >= 0) FROM (
	SELECT v, lag(v) OVER (ORDER BY v) AS lower FROM wide
) s;
DROP TABLE wide;

-- no hash operator class, no default index access method but B-tree
SELECT opcname, amname, opcdefault FROM pg_opclass JOIN pg_am a ON a.oid = opcmethod
WHERE opcintype = 'vector'::regtype AND amname <> 'ivfflat' AND opcdefault;
SELECT oprname, oprcode, oprcom::regoperator, oprnegate::regoperator, oprrest, oprjoin,
	oprcanmerge, oprcanhash
FROM pg_operator WHERE oprleft = 'vector'::regtype AND oprright = oprleft AND oprresult = 'boolean'::regtype
ORDER BY oprname COLLATE "C";
