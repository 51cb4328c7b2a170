-- Zooms: their tables, and what their levels are. A level's definition is the tool's own text, in the words of a definitions
-- file; names and expressions in it are the user's.

-- @zoom_create
CREATE TABLE almanac_zoom(name TEXT PRIMARY KEY COLLATE NOCASE, definition TEXT NOT NULL, view_sql TEXT NOT NULL,
  time TEXT NOT NULL, keys TEXT NOT NULL, value TEXT NOT NULL, unit TEXT NOT NULL, guessed INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE almanac_zoom_level(zoom TEXT NOT NULL COLLATE NOCASE, level INTEGER NOT NULL, name TEXT NOT NULL COLLATE NOCASE, width_text TEXT NOT NULL,
  width INTEGER NOT NULL, phase INTEGER NOT NULL, PRIMARY KEY(zoom, level)) WITHOUT ROWID;
UPDATE almanac_setting SET value={format} WHERE name='format';

-- @zoom_drop
DROP TABLE IF EXISTS almanac_zoom;
DROP TABLE IF EXISTS almanac_zoom_level;

-- Without zooms nothing is in the way of a tool that knows of none.

-- @zoom_drop_last
{zoom_drop}
UPDATE almanac_setting SET value={format} WHERE name='format';

-- @zoom_forget
DELETE FROM almanac_zoom WHERE name={zoom};
DELETE FROM almanac_zoom_level WHERE zoom={zoom};

-- @zoom_insert
INSERT INTO almanac_zoom(name, definition, view_sql, time, keys, value, unit, guessed) VALUES({zoom}, {definition}, {view_sql}, {time}, json_array({keys}), {value}, {unit}, {guessed});

-- @zoom_insert_level
INSERT INTO almanac_zoom_level(zoom, level, name, width_text, width, phase) VALUES({zoom}, {level}, {name}, {width_text}, {width}, {phase});

-- @zoom_view
CREATE VIEW {name}({columns}) AS
{select}

-- The finest level, of raw rows; each other one, of the level below. A group's extremes are known in each of its rows by the
-- windows, which have the same PARTITION BY: so it takes one pass over one mention of the source. Numbers beyond the
-- limits are infinities; NULL, text and blobs are not between them.

-- @zoom_level_first
CREATE MATERIALIZED VIEW {level_name} WITH (zoom_level = {zoom}{options}) AS
SELECT bucket{keys}, count(*) AS n, sum(almanac_v) AS sum,
  min(almanac_v) AS min, min(CASE WHEN almanac_v=almanac_lo THEN almanac_t END) AS min_at,
  max(almanac_v) AS max, min(CASE WHEN almanac_v=almanac_hi THEN almanac_t END) AS max_at,
  min(CASE WHEN almanac_t=almanac_t0 THEN almanac_v END) AS first, min(almanac_t0) AS first_at,
  max(CASE WHEN almanac_t=almanac_t1 THEN almanac_v END) AS last, max(almanac_t1) AS last_at
FROM (SELECT {bucket} AS bucket{key_items}, {time} AS almanac_t, {value} AS almanac_v,
  min({value}) OVER almanac_w AS almanac_lo, max({value}) OVER almanac_w AS almanac_hi,
  min({time}) OVER almanac_w AS almanac_t0, max({time}) OVER almanac_w AS almanac_t1
  FROM {from} WHERE {where}{bucket} IS NOT NULL AND {value} BETWEEN -1.7976931348623157e308 AND 1.7976931348623157e308{key_conditions}
  WINDOW almanac_w AS (PARTITION BY {bucket}{key_expressions}))
GROUP BY bucket{keys}

-- @zoom_level_next
CREATE MATERIALIZED VIEW {level_name} WITH (zoom_level = {zoom}{options}) AS
SELECT bucket{keys}, sum(n) AS n, sum(sum) AS sum,
  min(min) AS min, min(CASE WHEN min=almanac_lo THEN min_at END) AS min_at,
  max(max) AS max, min(CASE WHEN max=almanac_hi THEN max_at END) AS max_at,
  min(CASE WHEN first_at=almanac_t0 THEN first END) AS first, min(almanac_t0) AS first_at,
  max(CASE WHEN last_at=almanac_t1 THEN last END) AS last, max(almanac_t1) AS last_at
FROM (SELECT {bucket} AS bucket{keys}, n, sum, min, min_at, max, max_at, first, first_at, last, last_at,
  min(min) OVER almanac_w AS almanac_lo, max(max) OVER almanac_w AS almanac_hi,
  min(first_at) OVER almanac_w AS almanac_t0, max(last_at) OVER almanac_w AS almanac_t1
  FROM {from} WHERE bucket IS NOT NULL
  WINDOW almanac_w AS (PARTITION BY {bucket}{keys}))
GROUP BY bucket{keys}

-- A zoom over space: its data sets' ranges, and the cells of its grids (tool/engine/zoom_cells.h). A range of one value is
-- widened by a half to each side.

-- @zoom_widened
CASE WHEN almanac_x0=almanac_x1 THEN almanac_x0-0.5 ELSE almanac_x0 END, CASE WHEN almanac_x0=almanac_x1 THEN almanac_x1+0.5 ELSE almanac_x1 END,
  CASE WHEN almanac_y0=almanac_y1 THEN almanac_y0-0.5 ELSE almanac_y0 END, CASE WHEN almanac_y0=almanac_y1 THEN almanac_y1+0.5 ELSE almanac_y1 END

-- @zoom_counts
{where}{x} BETWEEN -1.7976931348623157e308 AND 1.7976931348623157e308 AND {y} BETWEEN -1.7976931348623157e308 AND 1.7976931348623157e308{key_conditions}

-- Is a range neither too narrow nor too wide for cells? 2^38 is what a guess that is wrong by one at most needs.

-- @zoom_fits
almanac_{a}1-almanac_{a}0 BETWEEN 1e-290 AND 1.7976931348623157e308 AND (almanac_{a}1-almanac_{a}0)*274877906944.0>=max(abs(almanac_{a}0), abs(almanac_{a}1))

-- @zoom_extent
CREATE MATERIALIZED VIEW {level_name} {options} AS
WITH almanac_e({k}almanac_x0, almanac_x1, almanac_y0, almanac_y1, almanac_n) AS (
 SELECT {key_items}min({x})+0.0, max({x})+0.0, min({y})+0.0, max({y})+0.0, count(*) FROM {from} WHERE {zoom_counts}{group}),
almanac_w({k}almanac_x0, almanac_x1, almanac_y0, almanac_y1, almanac_n) AS (
 SELECT {k}{zoom_widened}, almanac_n FROM almanac_e)
SELECT {key_names}almanac_x0 AS x0, almanac_x1 AS x1, almanac_y0 AS y0, almanac_y1 AS y1, almanac_n AS n,
 CASE WHEN {zoom_fits a=x} AND {zoom_fits a=y} THEN {nx} ELSE 0 END AS nx, CASE WHEN {zoom_fits a=x} AND {zoom_fits a=y} THEN {ny} ELSE 0 END AS ny
FROM almanac_w WHERE almanac_n>0

-- The cell that is guessed, one less, or one more: that between whose edges the value is.

-- @zoom_cell
CASE WHEN almanac_{a}<almanac_i{a}*almanac_d{a}+almanac_{a}0 THEN almanac_i{a}-1 WHEN almanac_i{a}<{n}-1 AND almanac_{a}>=(almanac_i{a}+1)*almanac_d{a}+almanac_{a}0 THEN almanac_i{a}+1 ELSE almanac_i{a} END

-- Each row knows its data set's range by a window: one pass over one mention of the source. LIMIT -1 keeps SQLite from
-- writing the guesses out at each of their uses.

-- @zoom_cells
CREATE MATERIALIZED VIEW {level_name} {options} AS
WITH almanac_r({k}almanac_x, almanac_y, almanac_x0, almanac_x1, almanac_y0, almanac_y1) AS (
 SELECT {key_items}{x}+0.0, {y}+0.0, min({x}) OVER almanac_s+0.0, max({x}) OVER almanac_s+0.0, min({y}) OVER almanac_s+0.0, max({y}) OVER almanac_s+0.0
 FROM {from} WHERE {zoom_counts} WINDOW almanac_s AS ({partition_by})),
almanac_w({k}almanac_x, almanac_y, almanac_x0, almanac_x1, almanac_y0, almanac_y1) AS (
 SELECT {k}almanac_x, almanac_y, {zoom_widened} FROM almanac_r),
almanac_g({k}almanac_x, almanac_x0, almanac_dx, almanac_ix, almanac_y, almanac_y0, almanac_dy, almanac_iy) AS (
 SELECT {k}almanac_x, almanac_x0, (almanac_x1-almanac_x0)/{nx}.0, min(CAST((almanac_x-almanac_x0)*({nx}.0/(almanac_x1-almanac_x0)) AS INTEGER), {nx}-1),
  almanac_y, almanac_y0, (almanac_y1-almanac_y0)/{ny}.0, min(CAST((almanac_y-almanac_y0)*({ny}.0/(almanac_y1-almanac_y0)) AS INTEGER), {ny}-1)
 FROM almanac_w WHERE {zoom_fits a=x} AND {zoom_fits a=y} LIMIT -1),
almanac_l1({k}almanac_iy, almanac_ix, almanac_n) AS (
 SELECT {k}{zoom_cell a=y n={ny}}, {zoom_cell a=x n={nx}}, count(*) FROM almanac_g GROUP BY {grouped}{iy}, {ix}){levels}
SELECT {key_names}almanac_level AS level, almanac_iy AS iy, almanac_ix AS ix, almanac_n AS n
FROM ({arms})

-- @zoom_cells_level
almanac_l{i}({k}almanac_iy, almanac_ix, almanac_n) AS (
 SELECT {k}almanac_iy/2, almanac_ix/2, sum(almanac_n) FROM almanac_l{below} GROUP BY {grouped}{iy}, {ix})

-- @zoom_cells_arm
SELECT {k}{level} AS almanac_level, almanac_iy, almanac_ix, almanac_n FROM almanac_l{i}

-- How dense the rows of a key are, from some stretches of rows: by an index on the time where there is one, else in the
-- order of the rowids.

-- @zoom_sample_create
CREATE TEMP TABLE almanac_zoom_sample(stretch INTEGER, t, k)

-- @zoom_sample_drop
DROP TABLE IF EXISTS temp.almanac_zoom_sample

-- @zoom_sample_ends
SELECT min({along}), max({along}) FROM {source}{along_times}

-- @zoom_sample_text_ends
SELECT min(CAST(strftime('%s', {along}) AS INTEGER)), max(CAST(strftime('%s', {along}) AS INTEGER)) FROM (SELECT min({along}) AS {along} FROM {source} WHERE {along}>='' AND {along}<x'' UNION ALL SELECT max({along}) FROM {source} WHERE {along}>='' AND {along}<x'')

-- @zoom_sample_take
INSERT INTO temp.almanac_zoom_sample SELECT ?1, {t}, {k} FROM (SELECT * FROM {source} WHERE {along}>={from_here} ORDER BY {along} LIMIT {stretch_rows}) AS {alias} WHERE {where}{time} IS NOT NULL

-- @zoom_sample_take_first
INSERT INTO temp.almanac_zoom_sample SELECT ?1, {t}, {k} FROM (SELECT * FROM {source} LIMIT {stretch_rows}) AS {alias} WHERE {where}{time} IS NOT NULL AND ?2=?2

-- The mean of the steps from a key's row to its next, without the longest of a hundred, which may be gaps.

-- @zoom_steps
WITH d(d) AS (SELECT t-lag(t) OVER (PARTITION BY stretch, k ORDER BY t) FROM temp.almanac_zoom_sample),
 r(d, i, n) AS (SELECT d, row_number() OVER (ORDER BY d), count(*) OVER () FROM d WHERE d IS NOT NULL)
SELECT avg(d), n FROM r WHERE i<=n*0.99+1

-- Where a key is hardly ever seen twice in a stretch: all keys that are seen, evenly.

-- @zoom_spread
SELECT sum(length)*1.0*(SELECT count(DISTINCT k) FROM temp.almanac_zoom_sample)/max(sum(n), 1), sum(n), (SELECT max(t)-min(t) FROM temp.almanac_zoom_sample) FROM (SELECT max(t)-min(t) AS length, count(*) AS n FROM temp.almanac_zoom_sample GROUP BY stretch)
