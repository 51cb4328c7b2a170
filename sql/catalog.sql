-- The tables that tell what there is. `state` of a summary: 0 nothing is known to be stored right (its name
-- reads raw rows), 1 what is stored is right but for what region and dirty list. `proven`: the definition was
-- seen to be the sum of its partitions. `token`: who is filling it now; whoever changes what it reads clears it.
-- `frozen_before`: raw rows of times before it are gone (or may go), what is stored of them counts whatever happens;
-- `late`: how many partitions got changes there that no summary shows. `kept_from`: what is older is not stored.

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
  stored_rows INTEGER NOT NULL DEFAULT 0, kept_from);
CREATE TABLE almanac_depends(summary INTEGER NOT NULL, track INTEGER NOT NULL, PRIMARY KEY(summary, track)) WITHOUT ROWID;
{run_create}

-- @run_create
CREATE TABLE almanac_run(id INTEGER PRIMARY KEY, name TEXT NOT NULL, started_at INTEGER NOT NULL, seconds REAL NOT NULL,
  partitions INTEGER NOT NULL, rows INTEGER NOT NULL, error TEXT);

-- @catalog_drop
DROP VIEW IF EXISTS almanac_status;
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
ALTER TABLE almanac_summary ADD COLUMN kept_from;
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
UPDATE almanac_summary SET stored_rows=(SELECT count(*) FROM {stored}) WHERE id={id}

-- @count_stored_whole
UPDATE almanac_summary SET stored_rows=(SELECT count(*) FROM {stored} WHERE almanac_generation=almanac_summary.generation) WHERE id={id}

-- @status_view
CREATE VIEW almanac_status(name, kind, exact, refreshed_at, stored_to, dirty, stored_version, last_error) AS
SELECT s.name, s.kind, s.exact, strftime('%Y-%m-%dT%H:%M:%SZ', s.refreshed_at, 'unixepoch'),
  CASE s.id{stored_to} END, CASE s.id{dirty} END, s.stored_version, s.last_error
FROM almanac_summary s ORDER BY s.name;

-- @status_view_paused
CREATE VIEW almanac_status(name, kind, exact, refreshed_at, stored_to, dirty, stored_version, last_error) AS
SELECT s.name, s.kind, s.exact, strftime('%Y-%m-%dT%H:%M:%SZ', s.refreshed_at, 'unixepoch'), NULL, NULL, s.stored_version, s.last_error
FROM almanac_summary s ORDER BY s.name;

-- @stored_to
(SELECT max({partition}) FROM {stored})

-- @dirty_time
(SELECT count(*) FROM (SELECT {start x=lo} FROM {region} WHERE hi<>x'ff' UNION SELECT p1 FROM {dirty}))+NOT {ok}

-- A change may lie beyond the bounds of a time zone until the next refresh, so that its bucket is not known yet.

-- @dirty_zone
(SELECT count(*) FROM {dirty})+(SELECT count(*) FROM {region} WHERE hi<>x'ff')+NOT {ok}

-- @dirty_key
(SELECT count(*) FROM (SELECT {region_columns} FROM {region} UNION SELECT {dirty_columns} FROM {dirty}))+NOT {ok}

-- @dirty_whole
(NOT {ok})
