-- What a summary leaves in the database: its stored rows, its list of dirty partitions, and its view.

-- @dirty_create_time
CREATE TABLE {dirty}(p1 {partition_type} NOT NULL, token INTEGER, PRIMARY KEY(p1)) WITHOUT ROWID;
{dirty_index}

-- @dirty_create_key
CREATE TABLE {dirty}({dirty_definitions}, token INTEGER);
CREATE INDEX {dirty}_p ON {dirty}({dirty_columns});
{dirty_index}

-- @dirty_index
CREATE INDEX {dirty}_t ON {dirty}(token) WHERE token IS NOT NULL;

-- @stored_create
CREATE TABLE {stored}({stored_definitions}{stored_key}){stored_kind};

-- The triggers and unique indexes that capture relies on: dropped with a rebuilt table, without a word. Those that
-- somebody made again after rows were changed unseen stand behind the view that asks, and a rebuilt table behind the
-- region: VACUUM and .dump keep that order.

-- @captured
((SELECT sum(CASE type WHEN 'trigger' THEN 1 ELSE 1000 END) FROM sqlite_master WHERE tbl_name={source_text} AND (type='trigger' AND name IN ({trigger_names}) OR type='index' AND (sql IS NULL OR sql LIKE 'CREATE UNIQUE%') AND coalesce(sql, name) NOT IN ({indexes})))={trigger_count} AND {undisturbed})

-- @captured_table
((SELECT count(*) FROM sqlite_master WHERE tbl_name={source_text} AND type='trigger' AND name IN ({trigger_names}))={trigger_count} AND {undisturbed})

-- @undisturbed
(SELECT name FROM sqlite_master WHERE name IN ({trigger_names}, '{ok_view}') ORDER BY rowid DESC LIMIT 1)='{ok_view}' AND (SELECT name FROM sqlite_master WHERE type='table' AND name IN ({source_text}, '{region}') ORDER BY rowid LIMIT 1)={source_text}

-- What a name of another table or of a view means.

-- @same_text
(SELECT sql FROM sqlite_master WHERE type IN ('table', 'view') AND name={name_text})={text}

-- @filled
(SELECT min(state) FROM almanac_summary WHERE id IN ({ids}))

-- @view_ok
CREATE VIEW {ok_view}(ok) AS SELECT coalesce({condition}, 0);

-- @ok
(SELECT ok FROM {ok_view})

-- Until a definition is proven to be the sum of its partitions, stored rows count only when nothing at all changed.

-- @unproven_time
NOT EXISTS(SELECT 1 FROM {source} q WHERE q.{time} IS NULL) AND NOT EXISTS(SELECT 1 FROM {source} q WHERE q.{time}<{lowest}) AND NOT EXISTS(SELECT 1 FROM {source} q WHERE q.{time}>={above_times}) AND NOT EXISTS(SELECT 1 FROM {region} WHERE hi<>x'ff') AND NOT EXISTS(SELECT 1 FROM {dirty}) AND coalesce((SELECT max(q.{time})<(SELECT lo FROM {region} WHERE hi=x'ff') FROM {source} q WHERE q.{time}<{above_times}), 1)

-- @unproven_key
NOT EXISTS(SELECT 1 FROM {region}) AND NOT EXISTS(SELECT 1 FROM {dirty})

-- @within_limits
coalesce((SELECT min(q.{time})>={lowest_time} FROM {source} q), 1) AND coalesce((SELECT max(q.{time})<{highest_time} FROM {source} q WHERE q.{time}<{above_times}), 1)

-- @regular_track
NOT (SELECT irregular FROM almanac_track WHERE id={track})

-- @unchanged
NOT EXISTS(SELECT 1 FROM {region})

-- @view_tail
CREATE VIEW {tail_view}(start, lo) AS SELECT p, {lo p=p} FROM (SELECT coalesce({start x=lo}, lo) AS p FROM {region} WHERE hi=x'ff');

-- Partitions whose stored rows don't count: dirty ones, and by skip-scan those that have rows in the tail. Only where
-- all times are regular does each step of the scan lead on.

-- @view_due
CREATE VIEW {due_view}(p) AS
SELECT {start x=lo} AS p FROM {region} WHERE hi<>x'ff'{since x=lo}
UNION SELECT p1 FROM {dirty} WHERE 1{since_start x=p1}
UNION SELECT b FROM (WITH RECURSIVE walk(b) AS (
  SELECT (SELECT {start x=m} FROM (SELECT min(q.{time}) AS m FROM {source} q WHERE q.{time}>=(SELECT lo FROM {tail_view}) AND q.{time}<{above_times})) WHERE {ok}
  UNION ALL SELECT (SELECT {start x=m} FROM (SELECT min(q.{time}) AS m FROM {source} q WHERE q.{time}>={hi p=walk.b} AND q.{time}<{above_times})) FROM walk WHERE walk.b IS NOT NULL)
 SELECT b FROM walk WHERE b IS NOT NULL);

-- The user's SELECT over a part of its source: within this scope the source's name means the part. The part stands
-- outside of the inner WITH and under other names, for before SQLite 3.36 a name of a WITH leaks into views below it,
-- and RENAME COLUMN must find its way through.

-- A column's name has its row before it in all that is stored: alone and in quotes, SQLite would take it for a text once
-- the column is gone.

-- @scope
(WITH {part}({part_names}) AS ({body})
SELECT * FROM (WITH {reads}({scope_names}) AS (SELECT {part_names} FROM {part}), almanac_result({result_names}) AS (
{select}
) SELECT * FROM almanac_result))

-- @changed_time
SELECT CAST(d.p AS {partition_cast}), {source_columns} FROM {due_view} d
 CROSS JOIN {source} q ON likelihood(q.{time}>={part_lo p=d.p}, 0.000001) AND likelihood(q.{time}<{hi p=d.p}, 0.000001) AND {ok}

-- What has no place on the time axis (other types, NULL), and everything when the stored rows can't be trusted.

-- @other_time
SELECT CAST({any x=q.{time}} AS {partition_cast}), {source_columns} FROM {source} q WHERE likelihood(q.{time}>=CASE WHEN {ok} THEN {above_times} ELSE {least} END, 0.000001)
UNION ALL SELECT CAST(NULL AS {partition_cast}), {source_columns} FROM {source} q WHERE likelihood(q.{time} IS NULL, 0.000001)
{low_arm}

-- Numbers below all times. An arm of their own, for SQLite would scan for an OR.

-- @low_arm_number
UNION ALL SELECT CAST(NULL AS {partition_cast}), {source_columns} FROM {source} q WHERE likelihood(q.{time}<{lowest}, 0.000001)

-- @low_arm_text

-- @number_any
CASE WHEN {x}>={times_lowest} AND {x}<{times_end} THEN {start x={x}} END

-- @text_any
{any_start x={x}}

-- The stored rows that count. What is parked (sql/retention.sql) has none.

-- @clean_time
{row}.{partition} NOT IN (SELECT {start x=lo} FROM {region} WHERE hi<>x'ff'{since_root x=lo} UNION ALL SELECT p1 FROM {dirty} WHERE token IS NOT -1{dirty_above}) AND +{row}.{partition}<(SELECT start FROM {tail_view}) AND {ok}

-- The part of a chain is the parent's name, arm by arm, for SQLite would not look for a join's rows by index in a view of
-- several arms: the stored rows that count, by range, and what the parent computes, all of which is due here, too. Each of
-- the parent's views stands in it once: every mention is expanded, and so on down the chain, and SQLite counts tables.

-- @changed_chain
SELECT CAST({any x=q.{from_time}} AS {partition_cast}), {source_columns}
 FROM (SELECT {lo p=p} AS lo, {hi p=p} AS hi FROM {due_view} WHERE {ok} UNION ALL SELECT {least}, {above_times} WHERE NOT {ok}) d
 CROSS JOIN {from} q ON likelihood(q.{from_time}>=d.lo, 0.000001) AND likelihood(q.{from_time}<d.hi, 0.000001) AND {from_clean}
UNION ALL SELECT CAST({any x=q.{from_time}} AS {partition_cast}), {source_columns} FROM {from_fresh} q

-- What is dirty in a parent is due in its children, too: so the arms fit together whichever of them was refreshed.

-- @view_due_chain
CREATE VIEW {due_view}(p) AS SELECT p1 FROM {dirty}{dirty_above} UNION SELECT {start x=p} FROM {root_due};

-- What of a summary is not stored.

-- @fresh_rows
(SELECT * FROM {changed_view} UNION ALL SELECT * FROM {other_view})

-- @fresh_rows_chain
{changed_view}

-- @view_chain
CREATE {temp}VIEW {name}({result_names}) AS
SELECT {stored_columns} FROM {stored} s WHERE {clean row=s}
UNION ALL SELECT {computed_columns} FROM {changed_arm};

-- @view_arm
CREATE VIEW {changed_view}({result_names}) AS SELECT * FROM {scope body={changed_part}};

-- @view_time
CREATE {temp}VIEW {name}({result_names}) AS
SELECT {stored_columns} FROM {stored} s WHERE {clean row=s}
UNION ALL SELECT {computed_columns} FROM {changed_arm}
UNION ALL SELECT {computed_columns} FROM {other_arm};

-- SQLite's RENAME looks for the part's name outside of the scope that has it; finding nothing, it loses its way and takes
-- the scope's {source} for the table. So there is a view of that name, which nothing reads. It also tells which columns
-- the SELECT read when it was declared, by their present names.

-- @view_part
CREATE VIEW {part}({part_names}) AS SELECT {part_origins} FROM {from} q WHERE 0;

-- The names of tables and columns that the definition has, for SQLite's RENAME to write the new ones here.

-- @view_names
CREATE VIEW {query_view} AS SELECT * FROM (
{select}
){mentions} LIMIT 0

-- Each arm is a view of its own: RENAME COLUMN finds its way through one such scope in a view, not through two.

-- @view_arms
CREATE VIEW {changed_view}({result_names}) AS SELECT * FROM {scope body={changed_part}};
CREATE VIEW {other_view}({result_names}) AS SELECT * FROM {scope body={other_part}};

-- CROSS JOIN with a row that may not be there, because a plain WHERE would read all rows to test it on each.

-- @changed_key
SELECT {source_columns} FROM (SELECT {region_columns} FROM {region} UNION SELECT {dirty_columns} FROM {dirty}) d
 CROSS JOIN {source} q ON {changed_matches row=q} AND {ok}
UNION ALL SELECT {source_columns} FROM (SELECT 1 AS almanac_one WHERE NOT {ok}) CROSS JOIN {source} q

-- @view_key
CREATE {temp}VIEW {name}({result_names}) AS
SELECT {stored_columns} FROM {stored} s
 WHERE NOT EXISTS(SELECT 1 FROM {region} r WHERE {stored_region_matches}) AND NOT EXISTS(SELECT 1 FROM {dirty} d WHERE {stored_dirty_matches}) AND {ok}
UNION ALL SELECT {computed_columns} FROM {changed_arm};

-- @view_whole
CREATE {temp}VIEW {name}({result_names}) AS
SELECT {stored_columns} FROM {stored} WHERE almanac_generation=(SELECT generation FROM almanac_summary WHERE id={id}) AND {ok}
UNION ALL SELECT {computed_columns} FROM (SELECT 1 AS almanac_one WHERE NOT ({ok})) CROSS JOIN (WITH almanac_result({result_names}) AS (
{select}
) SELECT * FROM almanac_result);

-- A definition that calls the extension's functions: its rows as of the last refresh.

-- @view_query
CREATE {temp}VIEW {name}({result_names}) AS SELECT {computed_columns} FROM (WITH almanac_result({result_names}) AS (
{select}
) SELECT * FROM almanac_result);

-- @view_stored
CREATE {temp}VIEW {name}({result_names}) AS SELECT {stored_columns} FROM {stored}{of_generation_};

-- @of_generation
 WHERE almanac_generation=(SELECT generation FROM almanac_summary WHERE id={id})

-- To see that a SELECT works over a part, and what its columns are: nothing is read.

-- @check_list
CREATE TEMP TABLE {list}(p)

-- @check_time
SELECT d.p, {source_columns} FROM {list} d CROSS JOIN {from} q

-- @check_key
SELECT {source_columns} FROM {list} d CROSS JOIN {source} q

-- @check_select_time
SELECT * FROM {scope body={check_time}}

-- @check_select_key
SELECT * FROM {scope body={check_key}}

-- What a summary that is read means while a definition is looked at.

-- @stand_in
CREATE TEMP VIEW {name} AS SELECT {columns} FROM main.{stored}

-- @check_drop
DROP TABLE temp.{list}

-- @partition_column
{partition}

-- @stored_index
CREATE INDEX almanac_stored_{id}_{suffix} ON {stored}({columns})

-- @stored_index_partition
CREATE INDEX almanac_stored_{id}_p ON {stored}({partitions})

-- @declare_whole
DROP TABLE {stored};
DROP TABLE {dirty};
UPDATE almanac_summary SET kind='whole', exact={exact}, source=NULL, proven=0 WHERE id={id};

-- @drop_summary
DROP TABLE IF EXISTS {stored};
DROP TABLE IF EXISTS {dirty};
DROP TABLE IF EXISTS {bounds};
DELETE FROM almanac_depends WHERE summary={id};
DELETE FROM almanac_summary WHERE id={id};
