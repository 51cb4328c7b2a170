-- Sensor readings by time: 15 minutes, hours, days and weeks for each sensor.
--
-- For: readings(id INTEGER PRIMARY KEY, ts, sensor_id, value), with an index on ts:
--   CREATE INDEX readings_by_time ON readings(ts);
-- ts is Unix time in seconds, or text as SQLAlchemy, pandas and Django write it; for milliseconds write
-- time_bucket('1 hour', ts, 'ms'). Rename the table and the columns to yours, leave out what you don't chart.
-- Below each definition: the queries it is for, and what they replace.

-- A day of one sensor in 96 points.
CREATE MATERIALIZED VIEW readings_15min AS
SELECT time_bucket('15 minutes', ts) AS bucket, sensor_id,
       count(*) AS n, sum(value) AS value_sum, avg(value) AS value_avg, min(value) AS value_min, max(value) AS value_max
FROM readings
GROUP BY 1, 2;

-- query: last 24 hours of one sensor
--   SELECT bucket, value_avg, value_min, value_max
--   FROM readings_15min
--   WHERE sensor_id = 7 AND bucket > (SELECT max(ts) FROM readings) - 86400
--   ORDER BY bucket;
-- instead of:
--   SELECT ts / 900 * 900 AS bucket, avg(value), min(value), max(value)
--   FROM readings
--   WHERE sensor_id = 7 AND ts >= ((SELECT max(ts) FROM readings) - 86400) / 900 * 900 + 900
--   GROUP BY 1 ORDER BY 1;

-- Weeks and months of a sensor, and all sensors side by side.
CREATE MATERIALIZED VIEW readings_hourly AS
SELECT time_bucket('1 hour', ts) AS bucket, sensor_id,
       count(*) AS n, sum(value) AS value_sum, avg(value) AS value_avg, min(value) AS value_min, max(value) AS value_max
FROM readings
GROUP BY 1, 2;

-- query: one sensor, hour by hour
--   SELECT bucket, n, value_avg, value_min, value_max
--   FROM readings_hourly
--   WHERE sensor_id = 7
--   ORDER BY bucket;
-- instead of:
--   SELECT ts / 3600 * 3600 AS bucket, count(*), avg(value), min(value), max(value)
--   FROM readings
--   WHERE sensor_id = 7
--   GROUP BY 1 ORDER BY 1;

-- query: all sensors together, hour by hour
--   SELECT bucket, sum(n) AS n, sum(value_sum) / sum(n) AS value_avg, min(value_min) AS value_min, max(value_max) AS value_max
--   FROM readings_hourly
--   GROUP BY bucket
--   ORDER BY bucket;
-- instead of:
--   SELECT ts / 3600 * 3600 AS bucket, count(*), avg(value), min(value), max(value)
--   FROM readings
--   GROUP BY 1 ORDER BY 1;

CREATE MATERIALIZED VIEW readings_daily AS
SELECT time_bucket('1 day', ts) AS bucket, sensor_id,
       count(*) AS n, sum(value) AS value_sum, avg(value) AS value_avg, min(value) AS value_min, max(value) AS value_max
FROM readings
GROUP BY 1, 2;

-- query: the range of each sensor over all time
--   SELECT sensor_id, sum(n) AS n, sum(value_sum) / sum(n) AS value_avg, min(value_min) AS value_min, max(value_max) AS value_max
--   FROM readings_daily
--   GROUP BY sensor_id
--   ORDER BY sensor_id;
-- instead of:
--   SELECT sensor_id, count(*), avg(value), min(value), max(value)
--   FROM readings
--   GROUP BY sensor_id ORDER BY sensor_id;

-- Weeks begin on Mondays; for Sundays write time_bucket('1 week', ts, 'origin=2000-01-02').
CREATE MATERIALIZED VIEW readings_weekly AS
SELECT time_bucket('1 week', ts) AS bucket, sensor_id,
       count(*) AS n, sum(value) AS value_sum, avg(value) AS value_avg, min(value) AS value_min, max(value) AS value_max
FROM readings
GROUP BY 1, 2;

-- query: one sensor, week by week
--   SELECT bucket, n, value_avg
--   FROM readings_weekly
--   WHERE sensor_id = 7
--   ORDER BY bucket;
-- instead of:
--   SELECT (ts - 345600) / 604800 * 604800 + 345600 AS bucket, count(*), avg(value)
--   FROM readings
--   WHERE sensor_id = 7
--   GROUP BY 1 ORDER BY 1;

-- Variant: days of the local clock, which have 23, 24 or 25 hours. bucket is the instant at which the day began.
CREATE MATERIALIZED VIEW readings_daily_local AS
SELECT time_bucket('1 day', ts, 'America/Los_Angeles') AS bucket, sensor_id,
       count(*) AS n, sum(value) AS value_sum, avg(value) AS value_avg, min(value) AS value_min, max(value) AS value_max
FROM readings
GROUP BY 1, 2;

-- query: one sensor, local day by local day
--   SELECT bucket, n, value_avg, value_min, value_max
--   FROM readings_daily_local
--   WHERE sensor_id = 7
--   ORDER BY bucket;

-- The latest reading of each sensor in each hour: with max() alone, SQLite takes value from the row that has it.
CREATE MATERIALIZED VIEW readings_latest AS
SELECT time_bucket('1 hour', ts) AS bucket, sensor_id, max(ts) AS ts, value
FROM readings
GROUP BY 1, 2;

-- query: latest reading of each sensor
--   SELECT sensor_id, max(ts) AS ts, value
--   FROM readings_latest
--   GROUP BY sensor_id
--   ORDER BY sensor_id;
-- instead of:
--   SELECT sensor_id, max(ts), value
--   FROM readings
--   GROUP BY sensor_id ORDER BY sensor_id;
