-- Verify: what is stored, and what a name shows, beside the rows that the definition gives now. Nothing is written but
-- temporary tables, until partitions that differ are marked.

-- @verify_create_differing
CREATE TEMP TABLE {differing}(i INTEGER PRIMARY KEY, missing NOT NULL DEFAULT 0, extra NOT NULL DEFAULT 0, shown NOT NULL DEFAULT 0)

-- @verify_create
CREATE TEMP TABLE {list}({dirty_definitions}{list_unique});
CREATE TEMP TABLE {todo}(i INTEGER PRIMARY KEY, {dirty_definitions});
CREATE TEMP TABLE {seen} AS SELECT {result_names} FROM main.{stored} WHERE 0;

-- @verify_drop
DROP TABLE IF EXISTS temp.{differing};
DROP TABLE IF EXISTS temp.{list};
DROP TABLE IF EXISTS temp.{todo};
DROP TABLE IF EXISTS temp.{seen};
DROP TABLE IF EXISTS temp.{lower};

-- Do the stored rows count at all?

-- @verify_counts
SELECT ok FROM main.{ok_view}

-- From where on: a partition, and the time at which it begins. ?1 is a time in the column's own form, or ISO text. The
-- buckets of a time zone are known within its table only.

-- @bound_lowest
CREATE TEMP TABLE {lower} AS SELECT {lowest} AS p, {lowest} AS lo

-- @bound_since
UPDATE temp.{lower} SET (p, lo)=(SELECT p, {lo p=p} FROM (SELECT {bound_start} AS p FROM (SELECT {bound_time} AS x)))

-- @bound_time_number
CASE WHEN ?1 GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]*' THEN strftime('%s', ?1)*{scale} ELSE ?1+0 END

-- @bound_time_text
CASE WHEN ?1 GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]*' THEN strftime('{format}', ?1) ELSE strftime('{format}', ?1, 'unixepoch') END

-- @bound_start_grain
{start x=x}

-- @bound_start_zone
CASE WHEN x<{lowest_time} THEN {lowest} WHEN x>={highest_time} THEN x ELSE {start x=x} END

-- @bound_is_time
SELECT p IS NOT NULL FROM temp.{lower}

-- @bound_raw
SELECT lo FROM temp.{lower}

-- @bound_stored
SELECT p FROM temp.{lower}

-- The partitions one after the other: of the raw rows below the tail, from a time on, and of the stored rows, above a
-- partition. The second column is from where on to look for the next one. A text in another spelling than the
-- others may stand above its own partition's end; then reads run the full query, and there is nothing to compare.

-- @next_raw
SELECT CASE WHEN next>m THEN b END, next FROM (SELECT b, {hi p=b} AS next, m FROM (SELECT {start x=m} AS b, m FROM (SELECT min({time}) AS m FROM main.{source} WHERE {time}>=?1 AND {time}<(SELECT lo FROM main.{tail_view}))))

-- @next_stored
SELECT b, b FROM (SELECT min({partition}) AS b FROM main.{stored} WHERE {partition}>?1)

-- @partition_add
INSERT INTO temp.{list}(p1) VALUES(?1) ON CONFLICT DO NOTHING

-- The bound's own partition, and stored rows of none.

-- @partition_add_first
INSERT INTO temp.{list}(p1) SELECT p FROM temp.{lower} WHERE EXISTS(SELECT 1 FROM main.{stored} s WHERE s.{partition}=p) ON CONFLICT DO NOTHING

-- @partition_add_null
INSERT INTO temp.{list}(p1) SELECT NULL WHERE EXISTS(SELECT 1 FROM main.{stored} s WHERE s.{partition} IS NULL)

-- @partition_scan
INSERT INTO temp.{list}(p1) SELECT DISTINCT {start x={time}} FROM main.{source} WHERE {time}>=(SELECT lo FROM temp.{lower}) AND {time}<(SELECT lo FROM main.{tail_view})

-- @partition_remove
DELETE FROM temp.{list} WHERE rowid=?1

-- @partition_order
INSERT INTO temp.{todo}({dirty_columns}) SELECT {dirty_columns} FROM temp.{list} ORDER BY {dirty_order}

-- A batch: those of its partitions whose stored rows count. What is frozen has no raw rows to compute it from.

-- @verify_take
INSERT INTO temp.{claimed}({dirty_columns}) SELECT {dirty_columns} FROM temp.{todo} m WHERE m.i BETWEEN ?1 AND ?2 AND {is_clean} AND NOT {is_frozen} ORDER BY m.i

-- @clean_bucket
(m.p1 IS NULL OR m.p1<(SELECT start FROM main.{tail_view}) AND m.p1 NOT IN (SELECT {start x=lo} FROM main.{region} WHERE hi<>x'ff' UNION ALL SELECT p1 FROM main.{dirty}))

-- @clean_key
(NOT EXISTS(SELECT 1 FROM main.{region} r WHERE {claimed_region_matches}) AND NOT EXISTS(SELECT 1 FROM main.{dirty} d WHERE {claimed_dirty_matches}))

-- @frozen_bucket
coalesce({lo p=m.p1}<(SELECT frozen_before FROM almanac_track WHERE id={track}), 0)

-- @verify_count_frozen
SELECT count(*) FROM temp.{todo} m WHERE m.i BETWEEN ?1 AND ?2 AND {is_frozen}

-- What WITH (keep = ...) leaves out of the stored rows.

-- @verify_count_parked
SELECT count(*) FROM temp.{todo} m WHERE m.i BETWEEN ?1 AND ?2 AND EXISTS(SELECT 1 FROM main.{dirty} d WHERE d.token=-1 AND {claimed_dirty_matches}) AND NOT {is_frozen}

-- @verify_clear
DELETE FROM temp.{seen};
DELETE FROM temp.{differing};

-- The rows that the name shows for the batch. Its first and last bucket lead to its rows only.

-- @verify_range
SELECT min(p1), max(p1) FROM temp.{claimed}

-- @verify_see_range
INSERT INTO temp.{seen} SELECT {result_names} FROM main.{name} WHERE {partition} BETWEEN ?1 AND ?2 AND {partition} IN (SELECT p1 FROM temp.{claimed})

-- @verify_see_keys
INSERT INTO temp.{seen} SELECT {result_names} FROM main.{name} WHERE ({partitions}) IN (SELECT {dirty_columns} FROM temp.{claimed})

-- @verify_null_keys
SELECT {dirty_columns} FROM temp.{claimed} m WHERE {claimed_null}

-- @verify_see_null_keys
INSERT INTO temp.{seen} SELECT {result_names} FROM main.{name} r WHERE {name_matches}

-- The sides that are compared.

-- @verify_computed
temp.{rows} r CROSS JOIN temp.{claimed} m ON {claimed_rows_matches}

-- @verify_stored
temp.{claimed} m CROSS JOIN main.{stored} r ON {claimed_rows_matches}

-- @verify_seen
temp.{seen} r CROSS JOIN temp.{claimed} m ON {claimed_rows_matches}

-- @verify_computed_whole
temp.{rows} r

-- @verify_stored_whole
main.{stored} r WHERE r.almanac_generation=(SELECT generation FROM almanac_summary WHERE id={id})

-- @verify_name
main.{name} r

-- @verify_query
(WITH almanac_result({result_names}) AS (
{select_live}
) SELECT * FROM almanac_result) r

-- @verify_foreign
SELECT (SELECT count(*) FROM temp.{rows})-(SELECT count(*) FROM {verify_computed})

-- What is on one side only, and how often: integers and reals of one value are one to SQLite. Rows that differ in reals
-- only stand together, each side in the order of its reals.

-- @verify_differences
WITH almanac_side(i, w, {cells}) AS (SELECT {group}, 1, {row_cells} FROM {one} UNION ALL SELECT {group}, -1, {row_cells} FROM {other})
SELECT i, sum(w), {cells} FROM almanac_side GROUP BY i, {cells_binary} HAVING sum(w)<>0 ORDER BY i, {cells_kinds}, {cells_binary}

-- @verify_scales
SELECT {cells_scales} FROM {one}

-- @verify_differs_stored
INSERT INTO temp.{differing}(i, missing, extra) VALUES(?1, ?2, ?3)

-- @verify_differs_shown
INSERT INTO temp.{differing}(i, shown) VALUES(?1, ?2+?3) ON CONFLICT(i) DO UPDATE SET shown=excluded.shown

-- @verify_any
SELECT EXISTS(SELECT 1 FROM temp.{differing})

-- Where stored rows are wrong the name is, too.

-- @only_shown
CASE WHEN d.missing+d.extra=0 THEN d.shown ELSE 0 END

-- @verify_findings
SELECT d.missing, d.extra, {only_shown}, {claimed_text}, {claimed_json}, NOT {is_partition} FROM temp.{differing} d JOIN temp.{claimed} m ON m.i=d.i ORDER BY d.i

-- @verify_findings_all
SELECT d.missing, d.extra, {only_shown}, NULL, 'null', 0 FROM temp.{differing} d

-- Partitions that differ are dirty from now on. Stored rows of what is no partition at all go: no refresh would.

-- @verify_mark_buckets
INSERT INTO main.{dirty}(p1) SELECT m.p1 FROM temp.{claimed} m WHERE m.i BETWEEN ?1 AND ?2 AND m.i IN (SELECT i FROM temp.{differing}) AND {is_partition} ON CONFLICT(p1) DO UPDATE SET token=NULL

-- The buckets of another summary, which reads this one, that hold them.

-- @claimed_name
{claimed}

-- @differing_name
{differing}

-- @verify_mark_chain
INSERT INTO main.{dirty}(p1) SELECT DISTINCT {start x=m.lo} FROM temp.{claimed} m WHERE m.i BETWEEN ?1 AND ?2 AND m.i IN (SELECT i FROM temp.{differing}) AND {start x=m.lo} IS NOT NULL ON CONFLICT(p1) DO UPDATE SET token=NULL

-- @verify_mark_keys
UPDATE main.{dirty} AS d SET token=NULL WHERE EXISTS(SELECT 1 FROM temp.{claimed} m WHERE m.i BETWEEN ?1 AND ?2 AND m.i IN (SELECT i FROM temp.{differing}) AND {claimed_dirty_matches})

-- @verify_mark_new_keys
INSERT INTO main.{dirty}({dirty_columns}) SELECT {dirty_columns} FROM temp.{claimed} m WHERE m.i BETWEEN ?1 AND ?2 AND m.i IN (SELECT i FROM temp.{differing}) AND NOT EXISTS(SELECT 1 FROM main.{dirty} d WHERE {claimed_dirty_matches})

-- @verify_sweep
DELETE FROM main.{stored} WHERE rowid IN (SELECT r.rowid FROM temp.{claimed} m CROSS JOIN main.{stored} r ON {claimed_rows_matches} WHERE m.i BETWEEN ?1 AND ?2 AND m.i IN (SELECT i FROM temp.{differing}) AND NOT {is_partition})

-- @verify_sweep_clustered
DELETE FROM main.{stored} WHERE {partition} IN (SELECT m.p1 FROM temp.{claimed} m WHERE m.i BETWEEN ?1 AND ?2 AND m.i IN (SELECT i FROM temp.{differing}) AND NOT {is_partition})

-- @verify_swept
UPDATE almanac_summary SET stored_version=stored_version+1 WHERE id={id}

-- Nobody knows what was done to the stored rows: they are counted again, while none is published.

-- @verify_count
SELECT (SELECT count(*) FROM main.{stored}), (SELECT count(*) FROM (SELECT DISTINCT {partitions} FROM main.{stored})), stored_version FROM almanac_summary WHERE id={id}

-- @verify_counted
UPDATE almanac_summary SET stored_rows=?1, stored_partitions=?2 WHERE id={id} AND stored_version=?3
