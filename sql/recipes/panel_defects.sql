-- Where panels have their defects: density grids for each panel and layer, and the points of a box on top.
--
-- For: defects(id INTEGER PRIMARY KEY, panel_id, layer, x, y, kind), with an index that starts with the keys:
--   CREATE INDEX defects_by_panel ON defects(panel_id, layer, x);
-- The panels here are 1500 x 1850 mm: change the grids' range (0, 1500, 0, 1850) and the cells' size below to yours.

-- A whole Plotly trace in one value: Plotly.newPlot(element, [JSON.parse(trace_100)]). Cells are as numpy.histogram2d's.
-- density_grid_trace is a function of the extension: these rows are as of the last refresh (see almanac_live).
CREATE MATERIALIZED VIEW defect_traces WITH (partition = 'panel_id, layer') AS
SELECT panel_id, layer, count(*) AS n,
       density_grid_trace(x, y, 50, 50, 0, 1500, 0, 1850) AS trace_50,
       density_grid_trace(x, y, 100, 100, 0, 1500, 0, 1850) AS trace_100
FROM defects
GROUP BY panel_id, layer;

-- query: heatmap of one panel and layer
--   SELECT trace_100
--   FROM defect_traces
--   WHERE panel_id = 3 AND layer = 1;
-- instead of:
--   SELECT density_grid_trace(x, y, 100, 100, 0, 1500, 0, 1850)
--   FROM defects
--   WHERE panel_id = 3 AND layer = 1;

-- The same as rows, for charts that take rows and for adding panels up; plain SQL, so always exact.
-- A cell is 30 x 37 mm; a defect on the far edge counts to the last cell.
CREATE MATERIALIZED VIEW defect_grid_50 WITH (partition = 'panel_id, layer') AS
SELECT panel_id, layer, min(CAST(x / 30.0 AS INTEGER), 49) AS ix, min(CAST(y / 37.0 AS INTEGER), 49) AS iy, count(*) AS n
FROM defects
WHERE x BETWEEN 0 AND 1500 AND y BETWEEN 0 AND 1850
GROUP BY 1, 2, 3, 4;

-- query: all panels on top of each other
--   SELECT ix, iy, sum(n) AS n
--   FROM defect_grid_50
--   GROUP BY ix, iy
--   ORDER BY ix, iy;
-- instead of:
--   SELECT min(CAST(x / 30.0 AS INTEGER), 49) AS ix, min(CAST(y / 37.0 AS INTEGER), 49) AS iy, count(*)
--   FROM defects
--   WHERE x BETWEEN 0 AND 1500 AND y BETWEEN 0 AND 1850
--   GROUP BY 1, 2 ORDER BY 1, 2;

-- A cell is 15 x 18.5 mm.
CREATE MATERIALIZED VIEW defect_grid_100 WITH (partition = 'panel_id, layer') AS
SELECT panel_id, layer, min(CAST(x / 15.0 AS INTEGER), 99) AS ix, min(CAST(y / 18.5 AS INTEGER), 99) AS iy, count(*) AS n
FROM defects
WHERE x BETWEEN 0 AND 1500 AND y BETWEEN 0 AND 1850
GROUP BY 1, 2, 3, 4;

-- query: the ten worst cells of one panel
--   SELECT layer, ix * 15 AS x_mm, iy * 18.5 AS y_mm, n
--   FROM defect_grid_100
--   WHERE panel_id = 3
--   ORDER BY n DESC, layer, ix, iy
--   LIMIT 10;
-- instead of:
--   SELECT layer, min(CAST(x / 15.0 AS INTEGER), 99) * 15 AS x_mm, min(CAST(y / 18.5 AS INTEGER), 99) * 18.5 AS y_mm, count(*) AS n
--   FROM defects
--   WHERE panel_id = 3 AND x BETWEEN 0 AND 1500 AND y BETWEEN 0 AND 1850
--   GROUP BY 1, 2, 3
--   ORDER BY n DESC, layer, x_mm, y_mm
--   LIMIT 10;

-- The scatter overlay needs no summary, the index finds the box. When there are more than the limit (500 here, twice),
-- every n / 500th is taken, so that dense spots stay dense; with fewer, all are.
-- query: defects inside a box, at most 500
--   SELECT x, y, kind
--   FROM (SELECT x, y, kind, row_number() OVER (ORDER BY id) AS i, count(*) OVER () AS n
--         FROM defects
--         WHERE panel_id = 3 AND layer = 1 AND x BETWEEN 300 AND 900 AND y BETWEEN 600 AND 1200)
--   WHERE n <= 500 OR i * 500 / n > (i - 1) * 500 / n
--   ORDER BY i;
