-- How changes of rows are noticed: a region of dirty partitions for each track, and triggers that add to it.
-- A row of a time region covers [lo, hi); the tail, the row with hi = x'ff', covers everything from lo on.
-- ON CONFLICT DO NOTHING, not OR IGNORE: a trigger's OR would yield to that of the outer statement.

-- @region_create_time
CREATE TABLE {region}(lo {type} NOT NULL, hi {type} NOT NULL, PRIMARY KEY(lo)) WITHOUT ROWID;
INSERT INTO {region} VALUES({lowest}, x'ff');

-- @region_create_key
CREATE TABLE {region}({region_definitions});
CREATE INDEX {region}_k ON {region}({region_columns});

-- @region_create_whole
CREATE TABLE {region}(k INTEGER PRIMARY KEY);

-- @region_take
CREATE TEMP TABLE almanac_region_taken AS SELECT * FROM main.{region};
DROP TABLE main.{region};

-- @region_give
DELETE FROM main.{region};
INSERT INTO main.{region} SELECT * FROM temp.almanac_region_taken;
DROP TABLE temp.almanac_region_taken;

-- Was the table made after its region? One that was there first is in front of it.

-- @region_is_older
SELECT (SELECT name FROM sqlite_master WHERE type='table' AND name IN ({source_text}, '{region}') ORDER BY rowid LIMIT 1)<>{source_text}

-- @covered
coalesce({x}<(SELECT hi FROM {region} WHERE lo<={x} ORDER BY lo DESC LIMIT 1), 0)

-- @uncovered_number
({x}<{above_times} AND coalesce(NOT {x}<(SELECT hi FROM {region} WHERE lo<={x} ORDER BY lo DESC LIMIT 1), 1) AND {x}>={lowest})

-- @uncovered_text
({x} IS NOT NULL AND NOT ({covered x={x}} AND {regular x={x}}))

-- What is changed seldom is new to its region: the triggers on the source only look, and leave the writing to a view's
-- trigger, for SQLite sets up all of a trigger's program each time that it runs.

-- Is a change of the row perhaps one that is not covered yet? What the triggers on the source ask; the mark's own
-- trigger asks precisely.

-- @suspect_number
{uncovered_number x={x}}

-- @suspect_text
NOT coalesce({x}<(SELECT hi FROM {region} WHERE lo<={x} ORDER BY lo DESC LIMIT 1) AND {usual_row x={x}}, 0)

-- @mark_time
CREATE VIEW {mark}(x) AS SELECT lo FROM {region} WHERE 0;

-- @mark_number
CREATE TRIGGER {mark}_ins INSTEAD OF INSERT ON {mark} WHEN {uncovered x=NEW.x} BEGIN
INSERT INTO {region} SELECT b, {unit_hi p=b} FROM (SELECT {unit_start x=NEW.x} AS b) WHERE 1 ON CONFLICT DO NOTHING;
END;

-- @mark_text
CREATE TRIGGER {mark}_ins INSTEAD OF INSERT ON {mark} WHEN {uncovered x=NEW.x} BEGIN
INSERT INTO {region} SELECT b, {unit_hi p=b} FROM (SELECT {unit_start x=NEW.x} AS b) WHERE {regular x=NEW.x} ON CONFLICT DO NOTHING;
UPDATE almanac_track SET irregular=1 WHERE id={track} AND NOT irregular AND NOT {regular x=NEW.x};
END;

-- @mark_key
CREATE VIEW {mark}({region_columns}) AS SELECT {region_columns} FROM {region} WHERE 0;
CREATE TRIGGER {mark}_ins INSTEAD OF INSERT ON {mark} WHEN NOT EXISTS(SELECT 1 FROM {region} r WHERE {new_region_matches}) BEGIN
INSERT INTO {region} VALUES({new_keys});
END;

-- @mark_drop
DROP VIEW IF EXISTS {mark}

-- @mark_new_time
INSERT INTO {mark} VALUES({row}.{time});

-- @mark_new_key
INSERT INTO {mark} VALUES({keys});

-- @uncovered_key
NOT EXISTS(SELECT 1 FROM {region} WHERE {region_matches})

-- Before the insert, so that one trigger looks both at the new row and at those that REPLACE is about to delete
-- without firing DELETE triggers.

-- @trigger_insert
CREATE TRIGGER {trigger}_ins BEFORE INSERT ON {source} WHEN {new_uncovered} OR {guards} BEGIN
{mark_new}
{marks}
END;

-- Before it SQLite doesn't know a rowid that it chooses itself, nor generated columns.

-- @trigger_insert_after
CREATE TRIGGER {trigger}_ins AFTER INSERT ON {source} WHEN {new_uncovered} BEGIN
{mark_new}
END;
CREATE TRIGGER {trigger}_bins BEFORE INSERT ON {source} WHEN {guards} BEGIN
{marks}
END;

-- @trigger_delete
CREATE TRIGGER {trigger}_del AFTER DELETE ON {source} WHEN {old_uncovered} BEGIN
{mark_old}
END;

-- @trigger_update
CREATE TRIGGER {trigger}_upd AFTER UPDATE{of} ON {source} WHEN {old_uncovered} OR {new_uncovered} BEGIN
{mark_old}
{mark_new}
END;

-- @conflict_exists
EXISTS(SELECT 1 FROM {source} q WHERE {conflict})

-- @conflict_mark_time
INSERT INTO {mark} SELECT q.{time} FROM {source} q WHERE {conflict};

-- @conflict_mark_key
INSERT INTO {mark} SELECT {keys row=q} FROM {source} q WHERE {conflict};

-- @trigger_before_update
CREATE TRIGGER {trigger}_bupd BEFORE UPDATE{of} ON {source} WHEN {guards} BEGIN
{marks}
END;

-- @trigger_whole
CREATE TRIGGER {trigger}_{suffix} AFTER {event} ON {source} WHEN NOT EXISTS(SELECT 1 FROM {region}) BEGIN
INSERT INTO {region} VALUES(1) ON CONFLICT DO NOTHING;
END;

-- A table that was renamed has taken its triggers along.

-- @leave_gone_tables
DELETE FROM almanac_depends WHERE summary={id} AND track IN (SELECT id FROM almanac_track t WHERE kind='whole'
 AND NOT EXISTS(SELECT 1 FROM sqlite_master WHERE type='table' AND name=t.source COLLATE NOCASE))

-- @rename_tables
UPDATE almanac_track SET source=coalesce((SELECT tbl_name FROM sqlite_master WHERE type='trigger' AND name='almanac_'||almanac_track.id||'_ins'), source)
 WHERE kind='whole' AND id IN (SELECT track FROM almanac_depends WHERE summary={id})
