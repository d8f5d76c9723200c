-- Order of sparsevec: comparison operators and B-tree operator class.

CREATE TABLE pairs (a sparsevec, b sparsevec);
INSERT INTO pairs VALUES
	('{1:1}/2', '{1:1}/2'), ('{}/2', '{}/2'), ('{1:1}/2', '{1:1}/3'), ('{1:1}/2', '{2:1}/2'), ('{1:-1}/2', '{2:1}/2'),
	('{1:1,2:1}/2', '{1:1}/2'), ('{1:1,2:-1}/2', '{1:1}/2'), ('{1:1,2:-1}/2', '{1:1}/1'), ('{1:1}/1', '{1:1,2:-1}/2'),
	('{1:1}/1', '{1:1,2:1}/2'), ('{}/1', '{2:-1}/2'), ('{}/1', '{1:-1}/2'), ('{}/3', '{2:-1}/2'), ('{3:1}/3', '{2:-1}/2'),
	('{3:1}/3', '{2:1}/2'), ('{3:-1}/3', '{}/2'), ('{3:-1}/3', '{1:1}/2'), ('{1:1,2:-1}/2', '{1:1,3:5}/3'), ('{}/2', '{3:-5}/3');
SELECT a, b, sparsevec_cmp(a, b), a < b AS lt, a <= b AS le, a = b AS eq, a <> b AS ne, a >= b AS ge, a > b AS gt,
	sparsevec_cmp(a, b) = -sparsevec_cmp(b, a) AS mirrored
FROM pairs;
DROP TABLE pairs;

CREATE TABLE sorted (id integer, v sparsevec);
INSERT INTO sorted VALUES
	(1, '{1:1,2:2}/3'), (2, '{3:1}/3'), (3, '{}/3'), (4, NULL), (5, '{1:-1}/5'), (6, '{1:-1}/6'), (7, '{1:1,2:2}/3'), (8, '{}/2');
SELECT v FROM sorted ORDER BY v, id;
SELECT v, count(*) FROM sorted GROUP BY v HAVING count(*) > 1;
SELECT count(DISTINCT v) FROM sorted;
CREATE INDEX ON sorted (v);
SET enable_seqscan = off;
SET enable_bitmapscan = off;
EXPLAIN (COSTS OFF) SELECT id FROM sorted WHERE v = '{1:1,2:2}/3';
SELECT id FROM sorted WHERE v = '{1:1,2:2}/3' ORDER BY id;
SELECT id FROM sorted WHERE v < '{}/3' ORDER BY v;
SELECT id FROM sorted WHERE v >= '{3:1}/3' ORDER BY id;
RESET enable_seqscan;
RESET enable_bitmapscan;
DROP TABLE sorted;

CREATE TABLE distinct_values (v sparsevec PRIMARY KEY);
INSERT INTO distinct_values VALUES ('{1:1}/3'), ('{1:1}/4');
INSERT INTO distinct_values VALUES ('{2:0,1:1}/3');
DROP TABLE distinct_values;

SELECT opcname, amname, opcdefault FROM pg_opclass JOIN pg_am a ON a.oid = opcmethod
WHERE opcintype = 'sparsevec'::regtype AND opcdefault;
SELECT oprname, oprcode, oprcom::regoperator, oprnegate::regoperator, oprrest, oprjoin,
	oprcanmerge, oprcanhash
FROM pg_operator WHERE oprleft = 'sparsevec'::regtype AND oprright = oprleft AND oprresult = 'boolean'::regtype
ORDER BY oprname COLLATE "C";
