-- Everything in this server that carries a description: functions, aggregates, operators, types,
-- settings, extensions, text search and the like; views and catalogs are described by their
-- columns. Left out are the functions behind operators and types, described as
-- "implementation of + operator" or "I/O": the operator or type itself says more.
WITH described(kind, name, words, description) AS (
    SELECT CASE prokind WHEN 'a' THEN 'aggregate' ELSE 'function' END,
           format('%s(%s)', proname, pg_get_function_identity_arguments(p.oid)),
           proname::text, d.description
      FROM pg_proc p JOIN pg_description d ON d.objoid = p.oid AND d.classoid = 'pg_proc'::regclass
     WHERE d.description !~ '^(implementation of|I/O|internal )'
    UNION ALL
    SELECT 'operator',
           concat_ws(' ', nullif(oprleft, 0)::regtype, oprname, oprright::regtype),
           concat_ws(' ', nullif(oprleft, 0)::regtype, oprright::regtype), d.description
      FROM pg_operator o JOIN pg_description d ON d.objoid = o.oid AND d.classoid = 'pg_operator'::regclass
    UNION ALL
    SELECT 'type', format_type(t.oid, NULL), t.typname::text, d.description
      FROM pg_type t JOIN pg_description d ON d.objoid = t.oid AND d.classoid = 'pg_type'::regclass
    UNION ALL
    SELECT 'setting', name, name, concat_ws(' ', short_desc, extra_desc)
      FROM pg_settings
    UNION ALL
    SELECT 'extension', name, name, comment
      FROM pg_available_extensions
    UNION ALL
    SELECT 'text search', cfgname::text, cfgname::text, d.description
      FROM pg_ts_config c JOIN pg_description d ON d.objoid = c.oid AND d.classoid = 'pg_ts_config'::regclass
    UNION ALL
    SELECT 'conversion', conname::text, '', d.description
      FROM pg_conversion c JOIN pg_description d ON d.objoid = c.oid AND d.classoid = 'pg_conversion'::regclass
    UNION ALL
    SELECT CASE relkind WHEN 'v' THEN 'view' ELSE 'catalog' END, c.oid::regclass::text, c.relname::text,
           'columns: ' || string_agg(a.attname, ', ' ORDER BY a.attnum)
      FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
     WHERE c.relkind IN ('v', 'r')
       AND c.relnamespace IN ('pg_catalog'::regnamespace, 'information_schema'::regnamespace)
     GROUP BY c.oid
)
SELECT DISTINCT kind, name, words, description
  FROM described
 ORDER BY kind, name, description
