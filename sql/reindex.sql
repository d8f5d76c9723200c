
-- The files of the indexes are those of the other library. Operators of the extension's schema,
-- where others may have put some, are not looked at.

SET LOCAL search_path TO pg_catalog, pg_temp;

DO $$
DECLARE
	i pg_catalog.regclass;
BEGIN
	FOR i IN
		SELECT c.oid
		FROM pg_catalog.pg_class c JOIN pg_catalog.pg_am a ON a.oid = c.relam
		WHERE a.amname IN ('hnsw', 'ivfflat') AND c.relkind = 'i'
			AND NOT pg_catalog.pg_is_other_temp_schema(c.relnamespace)
		ORDER BY c.oid
	LOOP
		EXECUTE pg_catalog.format('REINDEX INDEX %s', i);
	END LOOP;
END
$$;
