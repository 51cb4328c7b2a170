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

-- @covered
coalesce({x}<(SELECT hi FROM {region} WHERE lo<={x} ORDER BY lo DESC LIMIT 1), 0)

-- @uncovered_number
({x}<'' AND coalesce(NOT {x}<(SELECT hi FROM {region} WHERE lo<={x} ORDER BY lo DESC LIMIT 1), 1))

-- @uncovered_text
({x} IS NOT NULL AND NOT ({covered x={x}} AND {regular x={x}}))

-- @mark_number
INSERT INTO {region} SELECT b, {unit_hi p=b} FROM (SELECT {unit_start x={x}} AS b) WHERE {uncovered x={x}} ON CONFLICT DO NOTHING;

-- @mark_text
INSERT INTO {region} SELECT b, {unit_hi p=b} FROM (SELECT {unit_start x={x}} AS b) WHERE {regular x={x}} AND NOT {covered x={x}} ON CONFLICT DO NOTHING;
UPDATE almanac_track SET irregular=1 WHERE id={track} AND NOT irregular AND {x} IS NOT NULL AND NOT {regular x={x}};

-- @uncovered_key
NOT EXISTS(SELECT 1 FROM {region} WHERE {region_matches})

-- @mark_key
INSERT INTO {region} SELECT {keys} WHERE {uncovered_key};

-- @trigger_insert
CREATE TRIGGER {trigger}_ins AFTER INSERT ON {source} WHEN {new_uncovered} BEGIN
{mark_new}
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

-- REPLACE deletes the rows in its way without firing DELETE triggers: look at them before they go.

-- @conflict_exists
EXISTS(SELECT 1 FROM {source} q WHERE {conflict} AND {q_uncovered})

-- @conflict_mark_time
INSERT INTO {region} SELECT DISTINCT b, {unit_hi p=b} FROM (SELECT {unit_start x=q.{time}} AS b FROM {source} q WHERE {conflict} AND {q_uncovered} AND {q_regular}) WHERE 1 ON CONFLICT DO NOTHING;

-- @conflict_mark_key
INSERT INTO {region} SELECT DISTINCT {q_keys} FROM {source} q WHERE {conflict} AND {q_uncovered};

-- @trigger_before_insert
CREATE TRIGGER {trigger}_bins BEFORE INSERT ON {source} WHEN {guards} BEGIN
{marks}
END;

-- @trigger_before_update
CREATE TRIGGER {trigger}_bupd BEFORE UPDATE{of} ON {source} WHEN {guards} BEGIN
{marks}
END;

-- @trigger_whole
CREATE TRIGGER {trigger}_{suffix} AFTER {event} ON {source} WHEN NOT EXISTS(SELECT 1 FROM {region}) BEGIN
INSERT INTO {region} VALUES(1) ON CONFLICT DO NOTHING;
END;
