-- Signals of hundreds of thousands of points: an envelope by the minute, and an overview that keeps the shape.
--
-- For: signals(id INTEGER PRIMARY KEY, recording_id, signal, t, value), t in Unix seconds (with a fraction, if you like),
-- with two indexes:
--   CREATE INDEX signals_by_time ON signals(t);
--   CREATE INDEX signals_by_recording ON signals(recording_id, signal);

-- A minute's lowest, highest, first and last value: a candlestick, or the band around a line while zooming.
CREATE MATERIALIZED VIEW signals_by_minute AS
SELECT DISTINCT minute, recording_id, signal, count(*) OVER entire AS n,
       min(value) OVER entire AS value_min, max(value) OVER entire AS value_max,
       first_value(value) OVER entire AS value_first, last_value(value) OVER entire AS value_last
FROM (SELECT time_bucket('1 minute', t) AS minute, id, recording_id, signal, t, value FROM signals)
WINDOW entire AS (PARTITION BY minute, recording_id, signal ORDER BY t, id
                  ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING);

-- query: one signal, minute by minute
--   SELECT minute, value_min, value_max, value_first, value_last
--   FROM signals_by_minute
--   WHERE recording_id = 1 AND signal = 'vibration'
--   ORDER BY minute;
-- instead of:
--   SELECT DISTINCT CAST(t AS INTEGER) / 60 * 60.0 AS minute, min(value) OVER entire, max(value) OVER entire,
--          first_value(value) OVER entire, last_value(value) OVER entire
--   FROM signals
--   WHERE recording_id = 1 AND signal = 'vibration'
--   WINDOW entire AS (PARTITION BY CAST(t AS INTEGER) / 60 ORDER BY t, id
--                     ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING)
--   ORDER BY 1;

-- 2,000 points that look like all of them (Largest Triangle Three Buckets), as JSON [[t, value], ...]. lttb is a function
-- of the extension: these rows are as of the last refresh (see almanac_live).
CREATE MATERIALIZED VIEW signal_overviews WITH (partition = 'recording_id, signal') AS
SELECT recording_id, signal, count(*) AS n, min(t) AS t_first, max(t) AS t_last, lttb(t, value, 2000) AS points
FROM signals
GROUP BY recording_id, signal;

-- query: overview of one recording
--   SELECT signal, n, points
--   FROM signal_overviews
--   WHERE recording_id = 1
--   ORDER BY signal;
-- instead of:
--   SELECT signal, count(*), lttb(t, value, 2000)
--   FROM signals
--   WHERE recording_id = 1
--   GROUP BY signal ORDER BY signal;
