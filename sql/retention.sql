-- Retention: raw rows that go, and stored rows that stay or go.

-- A track is frozen before a time: of what is older the stored rows count, whatever happens, and raw rows never do.
-- Only the views of a track that was frozen once have these conditions, so that others don't pay for them.

-- @frozen_lo
(SELECT frozen_before FROM almanac_track WHERE id={track})

-- @frozen_start
(SELECT {start x=frozen_before} FROM almanac_track WHERE id={track})

-- @since_frozen
 AND {x}>={frozen_lo}

-- @since_frozen_start
 AND {x}>={frozen_start}

-- A summary that was declared later may have a bucket that begins before and ends after: its rows from there on count.

-- @part_lo_frozen
max({lo p={p}}, {frozen_lo})

-- @clean_frozen
(+{row}.{partition}<{frozen_start} OR {clean_time})

-- @stored_counts
{clean}

-- The fallback takes the place of what isn't frozen. Where times are in several spellings their seconds tell.

-- @frozen_least_number
{frozen_lo}

-- @frozen_least_text
{least}

-- @frozen_other_number

-- @frozen_other_text
 AND ({ok} OR typeof(q.{time})<>'text' OR coalesce({any_seconds x=q.{time}}>=(SELECT CAST(strftime('%s', frozen_before) AS INTEGER) FROM almanac_track WHERE id={track}), 1))

-- @other_frozen
SELECT CAST({any x=q.{time}} AS {partition_cast}), {source_columns} FROM {source} q WHERE likelihood(q.{time}>=CASE WHEN {ok} THEN {above_times} ELSE {frozen_least} END, 0.000001){frozen_other}
UNION ALL SELECT CAST(NULL AS {partition_cast}), {source_columns} FROM {source} q WHERE likelihood(q.{time} IS NULL, 0.000001)

-- Nobody takes a frozen partition to compute it: not even who doesn't know yet that it is.

-- @free_unfrozen
token IS NULL AND coalesce(p1>={frozen_start}, 1)

-- Changes of frozen partitions come too late: they are counted, and handed to no summary.

-- @count_late
UPDATE almanac_track SET late=late+(SELECT count(*) FROM {region} WHERE hi<>x'ff' AND lo<={upto} AND lo<frozen_before) WHERE id={track}

-- What prune asks. A boundary is where a bucket starts: ?1 is a time, the boundary is one, too.

-- @boundary_of_seconds_number
SELECT ?1*{scale}

-- @boundary_of_seconds_text
SELECT strftime('{format}', ?1, 'unixepoch')

-- @boundary_before
SELECT {lo p=({start x=?1})}

-- @boundary_after
SELECT {hi p=({start x=?1})}

-- A time zone's boundaries are known within its table only.

-- @boundary_before_bounds
SELECT CASE WHEN ?1>={lowest_time} AND ?1<{highest_time} THEN {lo p=({start x=?1})} END

-- @boundary_after_bounds
SELECT CASE WHEN ?1>={lowest_time} AND ?1<{highest_time} THEN {hi p=({start x=?1})} END

-- @boundary_shown_number
SELECT ?1||coalesce(' ('||datetime(?1/{scale}, 'unixepoch')||')', '')

-- @boundary_shown_text
SELECT ?1

-- @prune_frozen
SELECT frozen_before FROM almanac_track WHERE id={track}

-- @prune_oldest
SELECT min({time}) FROM {source} WHERE {time}>={oldest} AND {time}<?1

-- @prune_nth
SELECT {time} FROM {source} WHERE {time}>={oldest} AND {time}<?1 ORDER BY {time} LIMIT 1 OFFSET ?2

-- @prune_first_dirty
SELECT {lo p=(min(p1))} FROM {dirty} WHERE token IS NOT -1{since_start x=p1}

-- @prune_first_changed
SELECT min(lo) FROM {region} WHERE hi<>x'ff'{since x=lo}

-- @prune_tail
SELECT lo FROM {region} WHERE hi=x'ff'

-- @prune_left
SELECT EXISTS(SELECT 1 FROM {source} WHERE {time}>={lowest} AND {time}<?1)

-- @prune_count
SELECT count(*) FROM {source} WHERE {time}>={lowest} AND {time}<?1

-- @prune_freeze
UPDATE almanac_track SET frozen_before=?1 WHERE id={track}

-- The deletes are our own: while they run, all of it is noted already.

-- @prune_cover
INSERT INTO {region}(lo, hi) SELECT {lowest}, frozen_before FROM almanac_track WHERE id={track}

-- @prune_uncover
DELETE FROM {region} WHERE hi<>x'ff' AND lo<{frozen_lo}

-- @prune_delete
DELETE FROM {source} WHERE ({row_id}) IN (SELECT {row_id} FROM {source} WHERE {time}>={lowest} AND {time}<{frozen_lo}{in_order} LIMIT ?2)

-- Does a summary that can't be derived read the table?

-- @prune_needs
SELECT EXISTS(SELECT 1 FROM almanac_summary s WHERE s.id={id} AND (s.source={source_text} COLLATE NOCASE OR EXISTS(
 SELECT 1 FROM almanac_depends d JOIN almanac_track t ON t.id=d.track WHERE d.summary=s.id AND t.source={source_text} COLLATE NOCASE)))

-- @prune_ok
SELECT ok FROM {ok_view}

-- Partitions that were not stored are not there any more.

-- @prune_unlist
DELETE FROM {dirty} WHERE p1<{frozen_start}

-- @frozen_any
SELECT EXISTS(SELECT 1 FROM {stored} WHERE {partition}<{frozen_start})

-- WITH (keep = ...). Parked is what stands in the dirty list with -1 for a token: nobody's, and nobody takes it.
-- ?1 is the first partition that is kept.

-- @keep_from
SELECT {start x=t} FROM (SELECT {at} AS t)

-- @keep_from_bounds
SELECT {start x=t} FROM (SELECT {at} AS t) WHERE t>={lowest_time} AND t<{highest_time}

-- @keep_open_time
CREATE TEMP TABLE {list}({dirty_definitions})

-- @keep_close_time
DROP TABLE IF EXISTS temp.{list}

-- Kept are the keys of the newest rows. In that order, for DISTINCT takes the first row of each: by the table, not by an index.

-- @keep_open_key
CREATE TEMP TABLE {list}({dirty_definitions});
CREATE TEMP TABLE {kept}({dirty_definitions});
INSERT INTO temp.{kept} SELECT DISTINCT {q_keys} FROM main.{source} q NOT INDEXED ORDER BY {newest_first} LIMIT {newest}

-- @keep_close_key
DROP TABLE IF EXISTS temp.{list};
DROP TABLE IF EXISTS temp.{kept}

-- @keep_any_time
SELECT EXISTS(SELECT 1 FROM main.{dirty} WHERE p1<?1 AND token IS NOT -1) OR EXISTS(SELECT 1 FROM main.{stored} WHERE {partition}<?1{since_start x={partition}})

-- @keep_any_key
SELECT EXISTS(SELECT 1 FROM main.{dirty} d WHERE d.token IS NOT -1 AND NOT EXISTS(SELECT 1 FROM temp.{kept} l WHERE {list_dirty_matches}))
 OR EXISTS(SELECT 1 FROM main.{stored} s WHERE NOT EXISTS(SELECT 1 FROM temp.{kept} l WHERE {list_stored_matches}))
 OR EXISTS(SELECT 1 FROM temp.{kept} l CROSS JOIN main.{dirty} d ON {list_dirty_matches} WHERE d.token=-1)

-- @keep_unpark_key
UPDATE main.{dirty} SET token=NULL WHERE rowid IN (SELECT d.rowid FROM temp.{kept} l CROSS JOIN main.{dirty} d ON {list_dirty_matches} WHERE d.token=-1)

-- @keep_dirty_time
UPDATE main.{dirty} SET token=-1 WHERE p1 IN (SELECT p1 FROM main.{dirty} WHERE p1<?1 AND token IS NOT -1 LIMIT ?2)

-- @keep_dirty_key
UPDATE main.{dirty} SET token=-1 WHERE rowid IN (SELECT d.rowid FROM main.{dirty} d WHERE d.token IS NOT -1 AND NOT EXISTS(SELECT 1 FROM temp.{kept} l WHERE {list_dirty_matches}) LIMIT ?2)

-- @keep_list_clear
DELETE FROM temp.{list}

-- @keep_list_time
INSERT INTO temp.{list}(p1) SELECT DISTINCT {partition} FROM main.{stored} WHERE {partition}<?1{since_start x={partition}} ORDER BY 1 LIMIT ?2

-- @keep_list_key
INSERT INTO temp.{list} SELECT DISTINCT {partitions} FROM main.{stored} s WHERE NOT EXISTS(SELECT 1 FROM temp.{kept} l WHERE {list_stored_matches}) LIMIT ?2

-- @keep_park_time
INSERT INTO main.{dirty}(p1, token) SELECT p1, -1 FROM temp.{list} WHERE 1 ON CONFLICT(p1) DO UPDATE SET token=-1

-- @keep_park_key
UPDATE main.{dirty} SET token=-1 WHERE rowid IN (SELECT d.rowid FROM temp.{list} l CROSS JOIN main.{dirty} d ON {list_dirty_matches});
INSERT INTO main.{dirty}({dirty_columns}, token) SELECT {dirty_columns}, -1 FROM temp.{list} l WHERE NOT EXISTS(SELECT 1 FROM main.{dirty} d WHERE {list_dirty_matches})

-- @keep_delete
DELETE FROM main.{stored} WHERE rowid IN (SELECT s.rowid FROM temp.{list} l CROSS JOIN main.{stored} s ON {list_stored_matches})

-- @keep_delete_clustered
DELETE FROM main.{stored} WHERE {partition} IN (SELECT p1 FROM temp.{list})

-- @keep_count
UPDATE almanac_summary SET stored_version=stored_version+1, stored_rows=stored_rows-{rows}, stored_partitions=stored_partitions-{partitions_gone} WHERE id={id}

-- Of frozen time what isn't kept is gone for good.

-- @keep_count_frozen
SELECT count(*) FROM {stored} WHERE {partition}<?1 AND {partition}<{frozen_start}

-- @keep_list_frozen
INSERT INTO temp.{list}(p1) SELECT DISTINCT {partition} FROM main.{stored} WHERE {partition}<?1 AND {partition}<{frozen_start} ORDER BY 1 LIMIT ?2

-- More may be kept from now on: the next refresh sees to it.

-- @keep_unpark
UPDATE {dirty} SET token=NULL WHERE token=-1

-- @keep_parked
SELECT EXISTS(SELECT 1 FROM {dirty} WHERE token=-1)
