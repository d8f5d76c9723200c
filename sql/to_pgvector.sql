-- Drops the functions that pgvector does not have

DROP FUNCTION hnsw_check(regclass, boolean), hnsw_last_scan(), reciprocal_rank(bigint, integer), relative_score(float8, float8, float8);
DROP OPERATOR FAMILY bool_ops USING hnsw;
DROP OPERATOR FAMILY integer_ops USING hnsw;
DROP OPERATOR FAMILY oid_ops USING hnsw;
DROP OPERATOR FAMILY float_ops USING hnsw;
DROP OPERATOR FAMILY numeric_ops USING hnsw;
DROP OPERATOR FAMILY text_ops USING hnsw;
DROP OPERATOR FAMILY bpchar_ops USING hnsw;
DROP OPERATOR FAMILY uuid_ops USING hnsw;
DROP OPERATOR FAMILY datetime_ops USING hnsw;
DROP OPERATOR FAMILY time_ops USING hnsw;
DROP OPERATOR FAMILY inet_ops USING hnsw;
DROP OPERATOR FAMILY enum_ops USING hnsw;
DROP OPERATOR FAMILY array_ops USING hnsw;

-- Links every function to pgvector's library, by the names that it has there. Operators of the
-- extension's schema, where others may have put some, are not looked at.

SET LOCAL search_path TO pg_catalog, pg_temp;

DO $$
DECLARE
	-- Names that several types share stand for functions with the type before their name
	shared CONSTANT text[] := ARRAY[
		'l2_distance', 'inner_product', 'cosine_distance', 'l1_distance', 'vector_dims', 'l2_norm',
		'l2_normalize', 'binary_quantize', 'subvector'];
	link record;
BEGIN
	FOR link IN
		SELECT pg_catalog.pg_get_functiondef(p.oid) AS definition,
			CASE
				WHEN p.proname = 'halfvec_combine' THEN 'vector_combine'
				WHEN p.proname = ANY (shared) AND t.typname IN ('halfvec', 'sparsevec')
					THEN t.typname || '_' || p.proname
				ELSE p.proname
			END AS symbol
		FROM pg_catalog.pg_proc p
			JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass
				AND d.objid = p.oid AND d.deptype = 'e'
			JOIN pg_catalog.pg_extension e ON e.oid = d.refobjid AND e.extname = 'vector'
				AND d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass
			LEFT JOIN pg_catalog.pg_type t ON t.oid = p.proargtypes[0]
		WHERE p.probin = '$libdir/pg_hnsw'
		ORDER BY p.oid
	LOOP
		EXECUTE pg_catalog.regexp_replace(link.definition, 'AS ''\$libdir/pg_hnsw''.*$',
			pg_catalog.format('AS %L, %L', '$libdir/vector', link.symbol));
	END LOOP;
END
$$;

-- Drops the operators that pgvector does not have. Only now: this calls the access methods, whose
-- library must be pgvector's, and a session cannot have both

DO $$
DECLARE
	statement text;
BEGIN
	-- All names before the first of them is gone
	FOREACH statement IN ARRAY ARRAY(
		WITH within AS (
			SELECT n.nspname AS schema, f.opfname AS family, m.amname AS method, o.oid::pg_catalog.regoperator AS operator,
				o.oprcode::pg_catalog.regprocedure AS function, o.oprleft::pg_catalog.regtype AS type,
				o.oprright::pg_catalog.regtype AS sphere
			FROM pg_catalog.pg_amop a
				JOIN pg_catalog.pg_opfamily f ON f.oid = a.amopfamily
				JOIN pg_catalog.pg_namespace n ON n.oid = f.opfnamespace
				JOIN pg_catalog.pg_am m ON m.oid = a.amopmethod
				JOIN pg_catalog.pg_operator o ON o.oid = a.amopopr
				JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_operator'::pg_catalog.regclass
					AND d.objid = o.oid AND d.deptype = 'e'
				JOIN pg_catalog.pg_extension e ON e.oid = d.refobjid AND e.extname = 'vector'
					AND d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass
			WHERE m.amname IN ('hnsw', 'ivfflat') AND a.amopstrategy = 2
		)
		SELECT pg_catalog.format('ALTER OPERATOR FAMILY %I.%I USING %I DROP OPERATOR 2 (%s, %s)',
			schema, family, method, type, sphere) FROM within
		UNION ALL (SELECT DISTINCT pg_catalog.format('DROP OPERATOR %s', operator) FROM within)
		UNION ALL (SELECT DISTINCT pg_catalog.format('DROP FUNCTION %s', function) FROM within)
		UNION ALL (SELECT DISTINCT pg_catalog.format('DROP TYPE %s', sphere) FROM within))
	LOOP
		EXECUTE statement;
	END LOOP;
END
$$;
