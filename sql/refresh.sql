-- Claim, compute, publish.

-- Partitions that lost rows or got some since the tail last moved, then the tail itself. Among irregular times the
-- newest can't be told: the tail stays, and the summary reads all rows anyway.

-- @end_of_m
{hi p=({start x=m})}

-- @tail_end
SELECT t, lo, t>lo FROM (SELECT max({ends}) AS t FROM (SELECT (SELECT max({time}) FROM {source} WHERE {time}<{above_times}) AS m)), {region} WHERE hi=x'ff' AND NOT (SELECT irregular FROM almanac_track WHERE id={track})

-- @region_any_time
SELECT EXISTS(SELECT 1 FROM {region} WHERE hi<>x'ff')

-- @region_any
SELECT EXISTS(SELECT 1 FROM {region})

-- @tail
SELECT lo FROM {region} WHERE hi=x'ff'

-- @tail_dirty_stored
INSERT INTO {dirty}(p1) SELECT DISTINCT {partition} FROM {stored} WHERE {partition}>=(SELECT coalesce({start x=t}, t) FROM (SELECT ?1 AS t)) ON CONFLICT(p1) DO UPDATE SET token=NULL

-- @tail_move
UPDATE {region} SET lo=?2 WHERE hi=x'ff'

-- Where the partitions between the two are many, the tail is moved past so many of them first.

-- @tail_stop
SELECT min(max({unit_hi p=b}), ?2), count(*) FROM (WITH RECURSIVE walk(b) AS (
  SELECT (SELECT {unit_start x=m} FROM (SELECT min({time}) AS m FROM {source} WHERE {time}>=?1 AND {time}<?2))
  UNION ALL SELECT (SELECT {unit_start x=m} FROM (SELECT min({time}) AS m FROM {source} WHERE {time}>={unit_hi p=walk.b} AND {time}<?2)) FROM walk WHERE walk.b IS NOT NULL)
 SELECT b FROM walk WHERE b IS NOT NULL LIMIT {limit})

-- @tail_walk
INSERT INTO {region} SELECT b, {unit_hi p=b} FROM (WITH RECURSIVE walk(b) AS (
  SELECT (SELECT {unit_start x=m} FROM (SELECT min({time}) AS m FROM {source} WHERE {time}>=?1 AND {time}<?2))
  UNION ALL SELECT (SELECT {unit_start x=m} FROM (SELECT min({time}) AS m FROM {source} WHERE {time}>={unit_hi p=walk.b} AND {time}<?2)) FROM walk WHERE walk.b IS NOT NULL)
 SELECT b FROM walk WHERE b IS NOT NULL) WHERE 1 ON CONFLICT DO NOTHING

-- Every summary of a track gets its own list of what is dirty. A partition that somebody is computing now gets
-- its token cleared: what they computed is from before this change.

-- @fan_time
INSERT INTO {dirty}(p1) SELECT DISTINCT {start x=lo} FROM {region} WHERE hi<>x'ff' AND lo<={upto} AND {start x=lo} IS NOT NULL{since x=lo} ON CONFLICT(p1) DO UPDATE SET token=NULL

-- @fan_key
UPDATE {dirty} SET token=NULL WHERE token IS NOT NULL AND rowid IN (SELECT d.rowid FROM {region} r CROSS JOIN {dirty} d ON {region_dirty_matches} WHERE r.rowid<={upto});
INSERT INTO {dirty}({dirty_columns}) SELECT DISTINCT {region_columns} FROM {region} r WHERE r.rowid<={upto} AND NOT EXISTS(SELECT 1 FROM {dirty} d WHERE {region_dirty_matches});

-- Of a long region so many rows at a time that writers are not kept waiting; NULL where there are fewer.

-- @region_upto_time
SELECT quote(lo) FROM {region} WHERE hi<>x'ff' ORDER BY lo LIMIT 1 OFFSET {limit}

-- @region_upto_key
SELECT rowid FROM {region} ORDER BY rowid LIMIT 1 OFFSET {limit}

-- @region_clear_time
DELETE FROM {region} WHERE hi<>x'ff' AND lo<={upto}

-- @region_clear_key
DELETE FROM {region} WHERE rowid<={upto}

-- @region_clear
DELETE FROM {region}

-- Everything of a summary is dirty: its list is made anew before the stored rows count again.

-- @unfill
UPDATE almanac_summary SET state=0, token=NULL WHERE id={id}

-- @unfill_dirty
UPDATE {dirty} SET token=NULL WHERE token>=0

-- Taken from whoever was seen to have it, who was nobody or is dead, and only if nobody else was faster.

-- @take_filling
UPDATE almanac_summary SET token=?1 WHERE id={id} AND token IS ?2 AND state=0

-- @filling
SELECT token FROM almanac_summary WHERE id={id}

-- @fill
UPDATE almanac_summary SET state=1, token=NULL WHERE id={id}

-- @list_create
CREATE TEMP TABLE {list}({dirty_definitions}{list_unique});

-- @list_drop
DROP TABLE {list}

-- @list_count
SELECT count(*) FROM {list}

-- @is_suspect_text
SELECT irregular FROM almanac_track WHERE id={track}

-- @is_suspect_number
SELECT NOT EXISTS(SELECT 1 FROM {source} WHERE {time}<'') AND EXISTS(SELECT 1 FROM {source} WHERE {time}>='' AND {time}<x'')

-- @irregular_rows
SELECT EXISTS(SELECT 1 FROM main.{source} WHERE {time} IS NOT NULL AND NOT {clocked x={time}} AND NOT {regular x={time}})
 OR EXISTS(SELECT 1 FROM (WITH RECURSIVE day(d) AS (
  SELECT substr(min({time}), 1, 10) FROM main.{source} WHERE {time}>={lowest} AND {time}<{above_times}
  UNION ALL SELECT (SELECT substr(min({time}), 1, 10) FROM main.{source} WHERE {time}>=day.d||char(1114111) AND {time}<{above_times}) FROM day WHERE day.d IS NOT NULL)
 SELECT d FROM day WHERE d IS NOT NULL) WHERE d IS NOT date(d, '+0 day'))

-- Without an index each of those days would be a scan of its own.

-- @irregular_rows_scan
SELECT EXISTS(SELECT 1 FROM main.{source} WHERE {time} IS NOT NULL AND NOT {regular x={time}})

-- @irregular_example
SELECT {time} FROM main.{source} WHERE {time} IS NOT NULL AND NOT {regular x={time}} LIMIT 1

-- @mark_irregular
UPDATE almanac_track SET irregular=1 WHERE id={track}

-- @list_time_walk
INSERT INTO {list} SELECT b FROM (WITH RECURSIVE walk(b) AS (
  SELECT (SELECT {start x=m} FROM (SELECT min({time}) AS m FROM main.{source} WHERE {time}>={oldest} AND {time}<?1))
  UNION ALL SELECT (SELECT {start x=m} FROM (SELECT min({time}) AS m FROM main.{source} WHERE {time}>={hi p=walk.b} AND {time}<?1)) FROM walk WHERE walk.b IS NOT NULL)
 SELECT b FROM walk WHERE b IS NOT NULL)

-- @list_time_scan
INSERT INTO {list} SELECT DISTINCT {start x={time}} FROM main.{source} WHERE {time}>={oldest} AND {time}<?1

-- @list_time_stored
INSERT INTO {list} SELECT DISTINCT {partition} FROM main.{stored} WHERE 1{since_start x={partition}} ON CONFLICT DO NOTHING

-- What its parent has stored of time whose raw rows are pruned.

-- @list_time_parent
INSERT INTO {list} SELECT DISTINCT {start x={from_time}} FROM main.{from} WHERE 1{since_start x={from_time}} ON CONFLICT DO NOTHING

-- @list_key
INSERT INTO {list} SELECT DISTINCT {q_keys} FROM main.{source} q

-- @list_key_stored
INSERT INTO {list} SELECT DISTINCT {partitions} FROM main.{stored} s WHERE NOT EXISTS(SELECT 1 FROM {list} l WHERE {list_stored_matches})

-- @list_publish_time
INSERT INTO {dirty}(p1) SELECT p1 FROM {list} WHERE rowid BETWEEN ?1 AND ?2 ON CONFLICT(p1) DO UPDATE SET token=NULL

-- @list_publish_key
INSERT INTO {dirty}({dirty_columns}) SELECT {dirty_columns} FROM {list} l WHERE rowid BETWEEN ?1 AND ?2 AND NOT EXISTS(SELECT 1 FROM {dirty} d WHERE {list_dirty_matches})

-- What somebody has taken is left to them; of the dead it is taken back before.

-- @free
token IS NULL

-- @claim
UPDATE {dirty} SET token=?1 WHERE {dirty_row} IN (SELECT {dirty_row} FROM {dirty} WHERE {free} ORDER BY {dirty_order} LIMIT ?2)

-- @claim_owners
SELECT DISTINCT token FROM {dirty} WHERE token>=0

-- @claim_left
SELECT count(*) FROM (SELECT 1 FROM {dirty} WHERE {free} LIMIT ?1)

-- @claim_give_back
UPDATE {dirty} SET token=NULL WHERE token=?1

-- @claim_read
INSERT INTO {claimed}({dirty_columns}) SELECT {dirty_columns} FROM main.{dirty} WHERE token=?1 ORDER BY {dirty_order}

-- What is no start of a bucket (stored rows that somebody changed) has no rows.

-- @claimed_ranges
UPDATE {claimed} SET lo={part_lo p=p1}, hi={hi p=p1} WHERE {is_start p=p1}

-- What a scan is given of them: the first ?1, which are the newest (of a zoom the oldest), in the order of time. Those that are too many for it are anybody's again.

-- @scanned_partitions
SELECT i, CAST(p1 AS {partition_cast}), lo, hi FROM temp.{claimed} WHERE i<=?1 ORDER BY {scan_order}

-- @scanned_rest
DELETE FROM temp.{claimed} WHERE i>?1

-- @scanned_give_back
UPDATE {dirty} SET token=NULL WHERE token=?1 AND p1 NOT IN (SELECT p1 FROM temp.{claimed})

-- A batch is computed in slices: a sort that fits the processor's cache is faster than one that doesn't.

-- @sliced
{slice} m CROSS JOIN {claimed} d ON d.i BETWEEN m.first AND m.last

-- @slice_set
UPDATE temp.{slice} SET first=?1, last=?2

-- As in the view: without likelihood SQLite would rather build an index of its own over all rows for a pushed-down k=1.

-- @part_time_search
SELECT CAST(d.p1 AS {partition_cast}), {source_columns} FROM {sliced} CROSS JOIN {source} q ON likelihood(q.{time}>=d.lo, 0.000001) AND likelihood(q.{time}<d.hi, 0.000001)

-- @part_time_scan
SELECT CAST(d.p1 AS {partition_cast}), {source_columns} FROM {slice} m CROSS JOIN {source} q
 CROSS JOIN {claimed} d ON d.p1={start x=q.{time}} AND d.i BETWEEN m.first AND m.last WHERE q.{time}<{above_times}{since x=q.{time}}

-- @part_chain
SELECT CAST(d.p1 AS {partition_cast}), {source_columns} FROM {sliced} CROSS JOIN {from} q ON likelihood(q.{from_time}>=d.lo, 0.000001) AND likelihood(q.{from_time}<d.hi, 0.000001) AND {from_clean}
UNION ALL SELECT CAST({start x=q.{from_time}} AS {partition_cast}), {source_columns} FROM {from_fresh} q
 WHERE q.{from_time}<{above_times} AND {start x=q.{from_time}} IN (SELECT d.p1 FROM {sliced})

-- @part_key_search
SELECT {source_columns} FROM {sliced} CROSS JOIN {source} q ON {claimed_matches}

-- @part_key_scan
SELECT {source_columns} FROM {slice} m CROSS JOIN {source} q CROSS JOIN {claimed} d ON {claimed_matches} AND d.i BETWEEN m.first AND m.last

-- @compute
INSERT INTO {rows} SELECT {computed} FROM {scope body={part_body}} AS almanac_computed

-- @compute_whole
INSERT INTO {rows} SELECT {computed} FROM (WITH almanac_result({result_names}) AS (
{select}
) SELECT * FROM almanac_result) AS almanac_computed

-- Only the partitions whose token is still ours: of the others, somebody has changed rows since.

-- A batch that would hold the lock for long is published in pieces, claimed partitions number ?1 to ?2 each.

-- @publish_lost
DELETE FROM temp.{claimed} AS m WHERE i BETWEEN ?1 AND ?2 AND NOT EXISTS(SELECT 1 FROM main.{dirty} d WHERE d.token=?3 AND {claimed_dirty_matches})

-- @publish_left
SELECT count(*) FROM temp.{claimed} WHERE i BETWEEN ?1 AND ?2

-- @publish_partitions
SELECT count(*) FROM temp.{claimed} m WHERE m.i BETWEEN ?1 AND ?2 AND EXISTS(SELECT 1 FROM main.{stored} s WHERE {claimed_stored_matches})

-- @publish_delete
DELETE FROM main.{stored} WHERE rowid IN (SELECT s.rowid FROM temp.{claimed} m CROSS JOIN main.{stored} s ON {claimed_stored_matches} WHERE m.i BETWEEN ?1 AND ?2)

-- @publish_insert_all
INSERT INTO main.{stored} SELECT * FROM temp.{rows} r{stored_order}

-- @publish_insert
INSERT INTO main.{stored} SELECT r.* FROM temp.{claimed} m CROSS JOIN temp.{rows} r ON {claimed_rows_matches} WHERE m.i BETWEEN ?1 AND ?2{stored_order}

-- What is clustered by its key has no rowid to be found by.

-- @publish_delete_clustered
DELETE FROM main.{stored} WHERE ({partitions}) IN (SELECT {dirty_columns} FROM temp.{claimed} WHERE i BETWEEN ?1 AND ?2)

-- What a scan has computed is found by the number of its partition, and goes in by the order of time.

-- @scanned_declare
CREATE TABLE x({stored_definitions}, almanac_i HIDDEN)

-- @publish_insert_scanned
INSERT INTO main.{stored} SELECT r.* FROM temp.{claimed} m CROSS JOIN {scanned} r ON r.almanac_i=m.i WHERE m.i BETWEEN ?1 AND ?2{scanned_order}

-- @publish_index
CREATE INDEX IF NOT EXISTS temp.{rows}_p ON {rows}({partitions})

-- @publish_index_drop
DROP INDEX IF EXISTS temp.{rows}_p

-- @publish_clean
DELETE FROM main.{dirty} WHERE token=?3 AND {dirty_row} IN (SELECT d.{dirty_row} FROM temp.{claimed} m CROSS JOIN main.{dirty} d ON {claimed_dirty_matches} WHERE m.i BETWEEN ?1 AND ?2)

-- @publish_version
UPDATE almanac_summary SET stored_version=stored_version+1, refreshed_at=CAST(strftime('%s', 'now') AS INTEGER), last_error=NULL, stored_rows={stored_rows}, stored_partitions={stored_partitions} WHERE id={id}

-- A whole summary is written beside its old generation, whose name is the token of whoever wrote it; one row makes
-- the new one count, then go all but it and the one that somebody is writing now.

-- @whole_insert
INSERT INTO main.{stored} SELECT * FROM temp.{rows} WHERE rowid BETWEEN ?1 AND ?2

-- @whole_flip
UPDATE almanac_summary SET generation={token}, state=1, token=NULL WHERE id={id} AND token={token}

-- @stored_first
SELECT coalesce(min(rowid), 1) FROM {stored}

-- @stored_last
SELECT coalesce(max(rowid), 0) FROM {stored}

-- @whole_delete
DELETE FROM main.{stored} WHERE rowid BETWEEN ?1 AND ?2 AND almanac_generation NOT IN (SELECT generation FROM almanac_summary WHERE id={id} UNION ALL SELECT token FROM almanac_summary WHERE id={id} AND token IS NOT NULL)

-- Temporary tables of a refresh. Their names are random: a temporary table hides others of its name.

-- @rows_create
CREATE TEMP TABLE {rows} AS SELECT * FROM main.{stored} WHERE 0

-- @rows_drop
DROP TABLE IF EXISTS temp.{rows}

-- @rows_count
SELECT count(*) FROM temp.{rows}

-- @claimed_create_time
CREATE TEMP TABLE {claimed}(i INTEGER PRIMARY KEY, p1 {partition_type} UNIQUE, lo, hi);
CREATE TEMP TABLE {slice}(first INTEGER, last INTEGER);
INSERT INTO temp.{slice} VALUES(1, 0)

-- @claimed_create_key
CREATE TEMP TABLE {claimed}(i INTEGER PRIMARY KEY, {dirty_definitions});
CREATE INDEX temp.{claimed}_p ON {claimed}({dirty_columns});
CREATE TEMP TABLE {slice}(first INTEGER, last INTEGER);
INSERT INTO temp.{slice} VALUES(1, 0)

-- @claimed_drop
DROP TABLE IF EXISTS temp.{claimed};
DROP TABLE IF EXISTS temp.{slice};

-- @claimed_clear
DELETE FROM temp.{claimed};
DELETE FROM temp.{rows};

-- @claimed_last
SELECT coalesce(max(i), 0) FROM temp.{claimed}

-- @rows_foreign
SELECT count(*) FROM temp.{rows} r WHERE NOT EXISTS(SELECT 1 FROM temp.{claimed} m WHERE {claimed_rows_matches})

-- @claimed_count
SELECT count(*) FROM temp.{claimed}

-- @part_drop
DROP TABLE IF EXISTS temp.{claimed};
DROP TABLE IF EXISTS temp.{slice};
DROP TABLE IF EXISTS temp.{rows}_all;

-- @q_keys_text
{keys}

-- @keys_alone
{key_names}

-- @plan_time
EXPLAIN QUERY PLAN SELECT {source_columns} FROM temp.{claimed} d CROSS JOIN main.{from} q ON q.{from_time}>=d.lo AND q.{from_time}<d.hi

-- @plan_key
EXPLAIN QUERY PLAN SELECT {source_columns} FROM temp.{claimed} d CROSS JOIN main.{source} q ON {claimed_matches}

-- Is a definition the sum of its partitions? The newest three tell.

-- @prove_list_time
INSERT INTO temp.{claimed}(p1) SELECT b FROM (WITH RECURSIVE walk(b, n) AS (
  SELECT (SELECT {start x=m} FROM (SELECT max({time}) AS m FROM main.{source} WHERE {time}>={oldest} AND {time}<{above_times})), 1
  UNION ALL SELECT (SELECT {start x=m} FROM (SELECT max({time}) AS m FROM main.{source} WHERE {time}>={oldest} AND {time}<{lo p=walk.b})), n+1 FROM walk WHERE walk.b IS NOT NULL AND n<3)
 SELECT b FROM walk WHERE b IS NOT NULL) WHERE 1 ON CONFLICT DO NOTHING

-- @prove_list_key
INSERT INTO temp.{claimed}({dirty_columns}) SELECT DISTINCT {q_keys} FROM main.{source} q LIMIT 3

-- @prove_keep
CREATE TEMP TABLE {rows}_all AS SELECT * FROM temp.{rows};
DELETE FROM temp.{rows};

-- @prove_foreign
SELECT count(*) FROM temp.{rows} r WHERE NOT EXISTS(SELECT 1 FROM temp.{claimed} m WHERE m.i<={i} AND {claimed_rows_matches})

-- @prove_differs
SELECT EXISTS(SELECT *, count(*) FROM (SELECT {comparable} FROM temp.{rows}) GROUP BY {comparable_columns} EXCEPT SELECT *, count(*) FROM (SELECT {comparable} FROM temp.{rows}_all) GROUP BY {comparable_columns})
 OR (SELECT count(*) FROM temp.{rows})<>(SELECT count(*) FROM temp.{rows}_all)

-- Has it more than a changed row here and there?

-- @is_dirty
SELECT state=0 OR EXISTS(SELECT 1 FROM {dirty}) FROM almanac_summary WHERE id={id}

-- @dirty_any
SELECT EXISTS(SELECT 1 FROM {dirty} WHERE token IS NOT -1)

-- @partitions_known
SELECT max(coalesce(stored_partitions, 0), (SELECT count(*) FROM {dirty} WHERE token IS NOT -1)) FROM almanac_summary WHERE id={id}

-- @dirty_count
SELECT count(*) FROM {dirty} WHERE token IS NOT -1
