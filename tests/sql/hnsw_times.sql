-- Key columns of times, compared with times of the other kind: with a zone, without one.
SELECT setseed(0.25);
SET enable_seqscan = off;
SET datestyle = ISO;
CREATE TABLE times (id int, v vector(2), da date, ts timestamp, tz timestamptz);
-- around changes of the clock, by half an hour, an hour and a day
INSERT INTO times SELECT i, ARRAY[random(), random()]::vector, ts, ts, ts AT TIME ZONE 'UTC'
FROM generate_series(1, 1200) i,
	LATERAL (SELECT (ARRAY[timestamp '2020-03-29 01:00', '2020-10-25 01:00', '2020-11-01 06:00', '2020-04-04 15:00', '2011-12-30 10:00', '2045-10-29 01:00'])[1 + i % 6]
		+ (i * 7919 % 1000 - 500) * interval '7 minutes 30 seconds' AS ts) AS x;
INSERT INTO times SELECT 1200 + i, ARRAY[1, i::int]::vector, x::date, x::timestamp, x::timestamptz
FROM unnest(ARRAY['infinity', '-infinity', '4714-12-01 BC', '294276-12-20']) WITH ORDINALITY AS y (x, i);
-- days that no timestamp has
INSERT INTO times SELECT 1300, '[1,0]', '5874897-12-31', NULL, NULL;
CREATE INDEX times_v ON times USING hnsw (v vector_l2_ops, da, ts, tz);
ANALYZE times;

-- How many of random conditions find other rows through the index, and how many rows at most are looked at that
-- do not meet one of them.
CREATE FUNCTION try(zone text, own text, other text, tries int DEFAULT 60, OUT different int, OUT rejected int) LANGUAGE plpgsql AS $$
DECLARE
	-- no zone need be known by its name, nor be near UTC
	written text := CASE other WHEN 'timestamptz' THEN '(x AT TIME ZONE ''UTC'')::text || CASE WHEN isfinite(x) THEN '' UTC'' ELSE '''' END' ELSE 'x::text' END;
	operator text;
	argument text;
	query text;
	found text;
	expected text;
BEGIN
	PERFORM set_config('timezone', zone, true);
	different := 0;
	rejected := 0;
	FOR i IN 1..tries LOOP
		operator := (ARRAY['<', '<=', '=', '>=', '>', '= ANY'])[1 + i % 6];
		-- what equals a value of the column, as it is or nearly
		EXECUTE format('SELECT quote_literal(array_agg(%4$s)) || ''::%1$s[]''
			FROM (SELECT CASE WHEN random() < 0.7 OR NOT isfinite(%2$s) THEN %2$s::%1$s ELSE (%2$s::%1$s + (random() * 60)::int * interval ''5 minutes'')::%1$s END AS x
				FROM times WHERE id <= 1202 ORDER BY random() LIMIT %3$s) y',
			other, own, CASE operator WHEN '= ANY' THEN 1 + i % 11 ELSE 1 END, written) INTO argument;
		argument := format(CASE operator WHEN '= ANY' THEN '%s' ELSE '(%s)[1]' END, argument);
		query := format('SELECT count(*) || '' '' || coalesce(sum(id), 0) FROM (SELECT id FROM times WHERE %s %s (%s) ORDER BY v <-> ''[0,0]'' LIMIT 10000) x', own, operator, argument);
		SET LOCAL enable_sort = off;
		EXECUTE query INTO found;
		rejected := greatest(rejected, (hnsw_last_scan()->>'rejected')::int);
		SET LOCAL enable_sort = on;
		SET LOCAL enable_seqscan = on;
		SET LOCAL enable_indexscan = off;
		EXECUTE query INTO expected;
		SET LOCAL enable_seqscan = off;
		SET LOCAL enable_indexscan = on;
		IF found <> expected THEN
			different := different + 1;
			RAISE NOTICE '%: % instead of %: %', zone, found, expected, query;
		END IF;
	END LOOP;
END
$$;

SELECT zone, own, other, different, rejected < 200 AS few_rejected
FROM unnest(ARRAY['UTC', 'Europe/Berlin', 'America/New_York', 'Australia/Lord_Howe', 'Pacific/Apia', 'Asia/Kathmandu', '<-13>+13', 'AAA-14BBB-16,M3.5.0,M10.5.0']) AS zone,
	(VALUES ('da', 'timestamptz'), ('ts', 'timestamptz'), ('tz', 'date'), ('tz', 'timestamp')) AS x (own, other),
	LATERAL try(zone, own, other);
-- as far from UTC as a zone can be, in one half of the year on the other side of it
SELECT own, other, different
FROM (VALUES ('da', 'timestamptz'), ('ts', 'timestamptz'), ('tz', 'date'), ('tz', 'timestamp')) AS x (own, other),
	LATERAL try('AAA167BBB-167,M3.5.0,M10.5.0', own, other);

-- the same where the argument is known only when the query runs
CREATE FUNCTION rows_of(conditions text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	ids text;
BEGIN
	EXECUTE format('SELECT count(*) || coalesce('': '' || string_agg(id::text, '' '' ORDER BY id) FILTER (WHERE id > 1200), '''') FROM (SELECT id FROM times WHERE %s ORDER BY v <-> ''[0,0]'' LIMIT 10000) x', conditions) INTO ids;
	RETURN ids || CASE WHEN (hnsw_last_scan()->>'rejected')::int < 30 THEN ', few rejected' ELSE ', many rejected' END;
END
$$;
SET timezone = 'Europe/Berlin';
EXPLAIN (COSTS OFF) SELECT id FROM times WHERE tz >= current_date AND ts >= now() ORDER BY v <-> '[0,0]' LIMIT 10;
SELECT c, rows_of(c) FROM unnest(ARRAY['tz >= date ''2050-01-01'' + (SELECT 1)', 'ts > (SELECT timestamptz ''2050-01-01'')', 'da > (SELECT timestamptz ''2050-01-01'')',
	'tz = (SELECT date ''infinity'')', 'tz = (SELECT date ''5874897-12-31'')', 'tz < (SELECT date ''5874897-12-31'')', 'tz > (SELECT date ''5874897-12-31'')', 'tz > (SELECT date ''-infinity'')',
	'ts = (SELECT timestamptz ''infinity'')', 'ts <= (SELECT timestamptz ''-infinity'')', 'da > (SELECT timestamptz ''294276-12-31 20:00+00'')', 'ts < (SELECT timestamptz ''4713-01-02 BC'')',
	'tz = ANY ((SELECT ARRAY[NULL, date ''infinity''])::date[])', 'ts = ANY ((SELECT ARRAY[NULL, timestamptz ''-infinity'', ''infinity''])::timestamptz[])', 'ts = (SELECT NULL::timestamptz)', 'tz < (SELECT NULL::date)']) c;
DROP TABLE times;
DROP FUNCTION try, rows_of;
