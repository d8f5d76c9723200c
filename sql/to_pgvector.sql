-- Drops what pgvector does not have

DROP FUNCTION hnsw_last_scan(), reciprocal_rank(bigint, integer), relative_score(float8, float8, float8);

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
