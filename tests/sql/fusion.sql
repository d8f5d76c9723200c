-- Functions for ranked lists: reciprocal_rank and relative_score.

-- The SQLSTATE and message of the error that a statement raises.
CREATE FUNCTION pg_temp.error_of(statement text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE statement;
	RETURN 'none';
EXCEPTION WHEN OTHERS THEN
	RETURN concat(SQLSTATE, ' ', SQLERRM);
END
$$;

-- a rank counts 1 / (k + rank), with k = 60 unless given
SELECT reciprocal_rank(1), reciprocal_rank(4, 12), reciprocal_rank(1, k => 1), reciprocal_rank(rank => 2, k => 6);
SELECT count(*) AS wrong FROM generate_series(1, 100) r, generate_series(1, 100) k
WHERE reciprocal_rank(r, k) <> 1::float8 / (k + r);
SELECT reciprocal_rank(r) = 1::float8 / (60 + r) AS same FROM generate_series(1, 3) r;
SELECT reciprocal_rank(9223372036854775807), reciprocal_rank(1, 2147483647);

-- a rank that is missing counts 0
SELECT reciprocal_rank(NULL), reciprocal_rank(NULL, 1), reciprocal_rank(NULL) + reciprocal_rank(4, 12);

-- a score counts by its place between worst and best, rising or falling
SELECT score, relative_score(score, 1, 5) AS rising, relative_score(score, 5, 1) AS falling
FROM unnest(ARRAY[1, 2, 3, 4, 5, 0, 6, '-Infinity', 'Infinity', NULL]::float8[]) score;
SELECT relative_score(0.25, 1, 0), relative_score(-2, -1, -5), relative_score(0.5::real, 0, 2), relative_score(3, 2, 8.0);
SELECT count(*) AS wrong FROM generate_series(-20, 20) s, generate_series(-9, 9) w, generate_series(-9, 9) b
WHERE w <> b AND relative_score(s, w, b) <> greatest(0, least(1, (s - w)::float8 / (b - w)));

-- all scores are equal; none
SELECT relative_score(2, 2, 2), relative_score(0, 0, '-0'), relative_score(NULL, 2, 2), relative_score(NULL, NULL, NULL);

-- numbers at the ends of what there is
SELECT relative_score(5e-324, 0, 5e-324), relative_score(5e-324, 0, 1e308), relative_score(-1.7e308, 0, 1.7e308);

SELECT statement, pg_temp.error_of('SELECT ' || statement)
FROM (VALUES
	($$reciprocal_rank(0)$$),
	($$reciprocal_rank(-1)$$),
	($$reciprocal_rank(-9223372036854775808)$$),
	($$reciprocal_rank(1, 0)$$),
	($$reciprocal_rank(1, -60)$$),
	($$reciprocal_rank(NULL, 0)$$),
	($$reciprocal_rank(1, NULL)$$),
	($$reciprocal_rank(NULL, NULL)$$),
	($$relative_score('NaN', 0, 1)$$),
	($$relative_score('[1]'::vector <=> '[0]', 1, 0)$$),
	($$relative_score(1, 'NaN', 1)$$),
	($$relative_score(1, 0, 'NaN')$$),
	($$relative_score(1, '-Infinity', 1)$$),
	($$relative_score(1, 0, 'Infinity')$$),
	($$relative_score(1, 'Infinity', 'Infinity')$$),
	($$relative_score(1, -1.7e308, 1.7e308)$$),
	($$relative_score(1, NULL, 1)$$),
	($$relative_score(1, 0, NULL)$$)
) AS rejected (statement);

-- Two lists as hybrid search has them: ties, rows that one list lacks.
CREATE TABLE a (key text, distance float8);
CREATE TABLE b (key text, relevance real);
INSERT INTO a VALUES ('both', 0.1), ('tied', 0.2), ('tied too', 0.2), ('only a', 0.4);
INSERT INTO b VALUES ('only b', 0.75), ('both', 0.5), ('tied', 0.25), ('tied too', 0.25);

CREATE VIEW by_rank AS
SELECT key, x.rank AS a, y.rank AS b, reciprocal_rank(x.rank) + reciprocal_rank(y.rank) AS score
FROM (SELECT key, rank() OVER (ORDER BY distance) FROM a) x
	FULL JOIN (SELECT key, rank() OVER (ORDER BY relevance DESC) FROM b) y USING (key);

CREATE VIEW by_sum AS
SELECT key, sum(score) AS score
FROM (SELECT key, reciprocal_rank(rank() OVER (ORDER BY distance)) AS score FROM a
	UNION ALL SELECT key, reciprocal_rank(rank() OVER (ORDER BY relevance DESC)) FROM b) list
GROUP BY key;

CREATE VIEW by_score AS
SELECT key, 0.75 * relative_score(distance, max(distance) OVER (), min(distance) OVER ())
	+ 0.25 * relative_score(relevance, min(relevance) OVER (), max(relevance) OVER ()) AS score
FROM a FULL JOIN b USING (key);

SELECT key, a, b, round(score::numeric, 6) AS score FROM by_rank ORDER BY by_rank.score DESC, key;
SELECT key, round(score::numeric, 6) AS score FROM by_sum ORDER BY by_sum.score DESC, key;
SELECT key, round(score::numeric, 6) AS score FROM by_score ORDER BY by_score.score DESC, key;

-- null keys: apart in a join, one group in a sum
INSERT INTO a VALUES (NULL, 0.05);
INSERT INTO b VALUES (NULL, 1);
SELECT a, b, round(score::numeric, 6) AS score FROM by_rank WHERE key IS NULL ORDER BY a;
SELECT round(score::numeric, 6) AS score FROM by_sum WHERE key IS NULL;
SELECT key, round(score::numeric, 6) AS score FROM by_score WHERE key IS NULL ORDER BY by_score.score;

-- empty lists: one, both
TRUNCATE b;
SELECT key, a, b, round(score::numeric, 6) AS score FROM by_rank ORDER BY by_rank.score DESC, key;
SELECT key, round(score::numeric, 6) AS score FROM by_score ORDER BY by_score.score DESC, key;
TRUNCATE a;
SELECT count(*) FROM by_rank;
SELECT count(*) FROM by_sum;
SELECT count(*) FROM by_score;
DROP VIEW by_rank, by_sum, by_score;
DROP TABLE a, b;

-- Each list takes its rows from its index; a window function keeps their order.
CREATE TABLE t (id uuid, v vector(64), words tsvector);
INSERT INTO t SELECT lpad(i::text, 32, '0')::uuid, array_agg((i * 37 + j * 101 + i * j) % 9973)::vector,
	to_tsvector('simple', 'n' || i % 1000)
FROM generate_series(1, 5000) i, generate_series(1, 64) j GROUP BY i;
CREATE INDEX t_v ON t USING hnsw (v vector_l2_ops);
CREATE INDEX t_words ON t USING gin (words);
ANALYZE t;
SELECT v AS q FROM t WHERE id = lpad('7', 32, '0')::uuid \gset
SET plan_cache_mode = force_generic_plan;
PREPARE fused(vector, tsquery) AS
WITH nearest AS (
	SELECT id, rank() OVER (ORDER BY v <-> $1) AS rank FROM t ORDER BY v <-> $1 LIMIT 20
), matching AS (
	SELECT id, rank() OVER (ORDER BY ts_rank(words, $2) DESC) AS rank FROM t WHERE words @@ $2
	ORDER BY rank, id LIMIT 20
)
SELECT right(id::text, 4) AS id, nearest.rank AS nearest, matching.rank AS matching
FROM nearest FULL JOIN matching USING (id)
ORDER BY reciprocal_rank(nearest.rank) + reciprocal_rank(matching.rank) DESC, id LIMIT 10;

CREATE FUNCTION scans() RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	line text;
BEGIN
	FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) EXECUTE fused(NULL, NULL)' LOOP
		IF line ~ 'Scan (using|on) t' THEN
			RETURN NEXT trim(' ->' FROM line);
		END IF;
	END LOOP;
END
$$;

SELECT scans();
CREATE TEMP TABLE indexed AS EXECUTE fused(:'q', 'n7');
SET enable_indexscan = off;
DISCARD PLANS;
SELECT scans();
CREATE TEMP TABLE exact AS EXECUTE fused(:'q', 'n7');
TABLE exact;
SELECT count(*) >= 9 AS same FROM (TABLE indexed INTERSECT TABLE exact) x;
DROP FUNCTION scans;
DROP TABLE t, indexed, exact;
