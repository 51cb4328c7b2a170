-- The tables that tell what there is. `state` of a summary: 0 nothing is known to be stored right (its name
-- reads raw rows), 1 what is stored is right but for what region and dirty list. `proven`: the definition was
-- seen to be the sum of its partitions. `token`: who is filling it now; whoever changes what it reads clears it.
-- `frozen_before`: raw rows of times before it are gone (or may go), what is stored of them counts whatever happens;
-- `late`: how many partitions got changes there that no summary shows.
-- `stored_rows`, `stored_partitions`: how many there are in the stored table (in a whole summary's generation; NULL: not
-- known); whoever adds or removes some counts them in the same transaction.

-- @catalog_create
CREATE TABLE almanac_setting(name TEXT PRIMARY KEY, value) WITHOUT ROWID;
INSERT INTO almanac_setting VALUES('format', 2), ('paused', 0);
CREATE TABLE almanac_track(id INTEGER PRIMARY KEY, source TEXT NOT NULL, kind TEXT NOT NULL, expression TEXT NOT NULL,
  shape TEXT NOT NULL, unit INTEGER NOT NULL, unit_offset INTEGER NOT NULL, irregular INTEGER NOT NULL DEFAULT 0, uniques TEXT NOT NULL DEFAULT '',
  frozen_before, late INTEGER NOT NULL DEFAULT 0);
CREATE TABLE almanac_summary(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE COLLATE NOCASE, definition TEXT NOT NULL,
  kind TEXT NOT NULL, exact TEXT NOT NULL, source TEXT, track INTEGER, state INTEGER NOT NULL DEFAULT 0,
  proven INTEGER NOT NULL DEFAULT 0, token INTEGER, generation INTEGER NOT NULL DEFAULT 0,
  stored_version INTEGER NOT NULL DEFAULT 0, refreshed_at INTEGER, last_error TEXT, live_sql TEXT,
  stored_rows INTEGER NOT NULL DEFAULT 0, stored_partitions INTEGER DEFAULT 0);
CREATE TABLE almanac_depends(summary INTEGER NOT NULL, track INTEGER NOT NULL, PRIMARY KEY(summary, track)) WITHOUT ROWID;
{run_create}

-- @run_create
CREATE TABLE almanac_run(id INTEGER PRIMARY KEY, name TEXT NOT NULL, started_at INTEGER NOT NULL, seconds REAL NOT NULL,
  partitions INTEGER NOT NULL, rows INTEGER NOT NULL, error TEXT);
CREATE INDEX almanac_run_n ON almanac_run(name);

-- Runs: the newest {kept} of each summary.

-- @run_clears_error
SELECT EXISTS(SELECT 1 FROM almanac_summary WHERE name={name} AND last_error IS NOT NULL)

-- @run_error
UPDATE almanac_summary SET last_error={error} WHERE name={name} AND last_error IS NOT {error}

-- @run_insert
INSERT INTO almanac_run(name, started_at, seconds, partitions, rows, error) SELECT name, {started_at}, {seconds}, {partitions}, {rows}, {error} FROM almanac_summary WHERE name={name};
DELETE FROM almanac_run WHERE name={name} AND id<=(SELECT id FROM almanac_run WHERE name={name} ORDER BY id DESC LIMIT 1 OFFSET {kept});

-- @runs_forget
DELETE FROM almanac_run WHERE name NOT IN (SELECT name FROM almanac_summary)

-- @catalog_drop
DROP VIEW IF EXISTS almanac_status;
{zoom_drop}
DROP TABLE IF EXISTS almanac_run;
DROP TABLE IF EXISTS almanac_depends;
DROP TABLE IF EXISTS almanac_summary;
DROP TABLE IF EXISTS almanac_track;
DROP TABLE IF EXISTS almanac_setting;

-- Formats of the catalog. What was made by an older tool is brought up to date by these.

-- @upgrade_from_1
ALTER TABLE almanac_track ADD COLUMN frozen_before;
ALTER TABLE almanac_track ADD COLUMN late INTEGER NOT NULL DEFAULT 0;
ALTER TABLE almanac_summary ADD COLUMN stored_rows INTEGER NOT NULL DEFAULT 0;
ALTER TABLE almanac_summary ADD COLUMN stored_partitions INTEGER DEFAULT 0;
{run_create}
UPDATE almanac_setting SET value=2 WHERE name='format';

-- @upgrade_drop_views_of_1
DROP VIEW IF EXISTS {name};
DROP VIEW IF EXISTS almanac_changed_{id};
DROP VIEW IF EXISTS almanac_other_{id};
DROP VIEW IF EXISTS almanac_due_{id};
DROP VIEW IF EXISTS almanac_tail_{id};
DROP VIEW IF EXISTS almanac_ok_{id};

-- @count_stored
UPDATE almanac_summary SET (stored_rows, stored_partitions)=(SELECT count(*), (SELECT count(*) FROM (SELECT DISTINCT {partitions} FROM {stored})) FROM {stored}) WHERE id={id}

-- @count_stored_whole
UPDATE almanac_summary SET (stored_rows, stored_partitions)=(SELECT count(*), almanac_summary.state FROM {stored} WHERE almanac_generation=almanac_summary.generation) WHERE id={id}

-- Which partitions a summary has that can't be derived now isn't known.

-- @count_stored_broken
UPDATE almanac_summary SET (stored_rows, stored_partitions)=(SELECT count(*), NULL FROM {stored}) WHERE id={id}

-- What of a summary's state the catalog alone doesn't tell. Its columns: is what is stored of use; how many partitions
-- have changed since; the range that is stored; are there rows above the tail; how many seconds of the source's time
-- are not stored yet; what is wrong.

-- @facts
SELECT {id}, ok, {dirty_count}, {stored_range}, {newer}, {behind}, {amiss} FROM (SELECT {ok} AS ok)

-- Without triggers and views.

-- @facts_own
SELECT {id}, NULL, NULL, {stored_range}, NULL, NULL, NULL

-- @stored_range_time
(SELECT min({partition}) FROM {stored}), (SELECT max({partition}) FROM {stored})

-- @newer_time
EXISTS(SELECT 1 FROM {source} q WHERE q.{time}>=(SELECT lo FROM {region} WHERE hi=x'ff') AND q.{time}<{above_times})

-- @behind_time
(SELECT max({seconds_of_time x=newest}-{seconds_of_time x=stored}, 0) FROM (SELECT newest, {hi p=last} AS stored FROM (SELECT (SELECT max(q.{time}) FROM {source} q WHERE q.{time}<{above_times}) AS newest, (SELECT max({partition}) FROM {stored}) AS last)))

-- @amiss
CASE WHEN NOT coalesce({captured}, 0) THEN 'triggers are missing, or a unique index is new: almanac refresh repairs it'{spelling} END

-- @amiss_spelling
 WHEN (SELECT irregular FROM almanac_track WHERE id={track}) THEN 'times are in several spellings: reads run the full query until they are in one'

-- @status_columns
name, kind, exact, refreshed_at, stored_to, dirty, stored_version, last_error, stored_from, partitions, clean, stored_rows, lag_seconds, behind_seconds, run_at, run_seconds, run_partitions, run_rows, frozen_before, late, amiss

-- @status_select
SELECT s.name, s.kind, s.exact||coalesce(', frozen before '||t.frozen_before, ''), strftime('%Y-%m-%dT%H:%M:%SZ', s.refreshed_at, 'unixepoch'), f.stored_to, f.dirty, s.stored_version, s.last_error,
  f.stored_from, s.stored_partitions,
  CASE WHEN f.ok THEN max(1.0-f.dirty*1.0/max(s.stored_partitions, 1), 0.0) WHEN f.dirty THEN 0.0 END, s.stored_rows,
  CASE WHEN f.dirty OR f.newer THEN max(strftime('%s', 'now')-s.refreshed_at, 0) WHEN NOT f.dirty AND NOT f.newer THEN 0 END, f.behind,
  strftime('%Y-%m-%dT%H:%M:%SZ', r.started_at, 'unixepoch'), r.seconds, r.partitions, r.rows, t.frozen_before, t.late, coalesce({paused}, f.amiss)
FROM almanac_summary s LEFT JOIN (
  SELECT NULL AS id, NULL AS ok, NULL AS dirty, NULL AS stored_from, NULL AS stored_to, NULL AS newer, NULL AS behind, NULL AS amiss WHERE 0{facts}) f ON f.id=s.id
  LEFT JOIN almanac_track t ON t.id=s.track LEFT JOIN almanac_run r ON r.id=(SELECT max(id) FROM almanac_run WHERE name=s.name)
ORDER BY s.name

-- @status_read
WITH almanac_status_now({status_columns}) AS (
{select}) SELECT *, strftime('%s', 'now')-strftime('%s', refreshed_at) AS age FROM almanac_status_now

-- @status_view
CREATE VIEW almanac_status({status_columns}) AS
{select};

-- @dirty_time
(SELECT count(*) FROM (SELECT {start x=lo} FROM {region} WHERE hi<>x'ff'{since x=lo} UNION SELECT p1 FROM {dirty} WHERE token IS NOT -1{since_start x=p1}))+NOT {ok}

-- A change may lie beyond the bounds of a time zone until the next refresh, so that its bucket is not known yet.

-- @dirty_zone
(SELECT count(*) FROM {dirty} WHERE token IS NOT -1{since_start x=p1})+(SELECT count(*) FROM {region} WHERE hi<>x'ff'{since x=lo})+NOT {ok}

-- @dirty_key
(SELECT count(*) FROM (SELECT {region_columns} FROM {region} UNION SELECT {dirty_columns} FROM {dirty} WHERE token IS NOT -1))+NOT {ok}

-- @dirty_whole
(NOT {ok})

-- What --textfile tells of each summary, and what of it the catalog alone can tell: where almanac_status can't be read,
-- for a table of its is gone.

-- @metrics
SELECT name, run_rows, run_partitions, dirty, lag_seconds, CAST(strftime('%s', refreshed_at) AS INTEGER), stored_rows, last_error IS NOT NULL FROM almanac_status

-- @metrics_own
SELECT name, NULL, NULL, NULL, NULL, refreshed_at, stored_rows, last_error IS NOT NULL FROM almanac_summary ORDER BY name

-- @metrics_readable
SELECT count(*) FROM almanac_summary

-- @metrics_success
SELECT CAST(max(started_at+seconds) AS INTEGER) FROM almanac_run WHERE error IS NULL

-- What only the command status tells: the size of a stored table with its indexes, the tokens on a summary.

-- @bytes
SELECT sum((SELECT pgsize FROM dbstat WHERE dbstat.name=m.name AND aggregate=1)) FROM sqlite_master m WHERE m.tbl_name={stored_text} AND m.rootpage>0

-- Each row and each index entry has some bytes of its own, and pages are three quarters full.

-- @bytes_estimated
SELECT coalesce((SELECT count(*) FROM {stored})*(SELECT avg(6+{row_bytes}) FROM (SELECT * FROM {stored} LIMIT {sample}))*1.3*(1+(SELECT count(*) FROM sqlite_master WHERE type='index' AND tbl_name={stored_text})), 0)

-- @value_bytes
(1+CASE typeof({column}) WHEN 'integer' THEN 4 WHEN 'real' THEN 8 WHEN 'null' THEN 0 ELSE length(CAST({column} AS BLOB)) END)

-- @filling_tokens
SELECT token, 0 FROM almanac_summary WHERE id={id} AND token IS NOT NULL

-- @tokens
{filling_tokens} UNION ALL SELECT token, count(*) FROM {dirty} WHERE token IS NOT NULL GROUP BY token
