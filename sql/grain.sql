-- Time in plain SQL. {x} is a time of the source, {p} the start of a bucket as time_bucket gives it.
-- start: the bucket of a time. lo, hi: the bucket's rows are those with lo <= time < hi.
-- Numbers are floored first, so that reals and negatives go to the same bucket as in time_bucket.

-- @number_floor
(CAST({x} AS INTEGER)-(CAST({x} AS INTEGER)>{x}))

-- @number_seconds
(({number_floor x={x}}-({number_floor x={x}}%{scale}+{scale})%{scale})/{scale})

-- @number_fixed_start
({number_floor x={x}}-(({number_floor x={x}}-{offset})%{width}+{width})%{width})

-- @number_fixed_hi
({p}+{width})

-- @number_months_start
(SELECT CAST(strftime('%s', printf('%04d-%02d-01', m/12, m%12+1)) AS INTEGER)*{scale}
 FROM (SELECT m-((m-{offset})%{width}+{width})%{width} AS m
  FROM (SELECT CAST(strftime('%Y', s, 'unixepoch') AS INTEGER)*12+CAST(strftime('%m', s, 'unixepoch') AS INTEGER)-1 AS m
   FROM (SELECT {number_seconds x={x}} AS s))) WHERE m IS NOT NULL)

-- @number_months_hi
(CAST(strftime('%s', {p}/{scale}, 'unixepoch', '+{width} months') AS INTEGER)*{scale})

-- @number_bounds_start
(SELECT b*{scale} FROM (SELECT {bound_of_s} AS b FROM (SELECT {number_seconds x={x}} AS s)))

-- @number_bounds_hi
((SELECT start FROM {bounds} WHERE start>{p}/{scale} ORDER BY start LIMIT 1)*{scale})

-- @text_seconds
CAST(strftime('%s', substr({x}, 1, 19)) AS INTEGER)

-- @text_fixed_start
strftime('{format}{shown}', {text_seconds x={x}}-(({text_seconds x={x}}-{offset})%{width}+{width})%{width}, 'unixepoch')

-- @text_hour_start
(substr({x}, 1, 13)||':00:00{shown}')

-- @text_day_start
(substr({x}, 1, 10)||'{midnight}{shown}')

-- @text_lo
substr({p}, 1, {length})

-- @text_fixed_hi
coalesce(strftime('{format}', {text_seconds x={p}}+{width}, 'unixepoch'), '~')

-- @text_months_start
(SELECT printf('%04d-%02d-01', m/12, m%12+1)||'{midnight}{shown}'
 FROM (SELECT m-((m-{offset})%{width}+{width})%{width} AS m
  FROM (SELECT CAST(substr({x}, 1, 4) AS INTEGER)*12+CAST(substr({x}, 6, 2) AS INTEGER)-1 AS m)) WHERE m IS NOT NULL)

-- @text_months_hi
coalesce(strftime('{format}', substr({p}, 1, {length}), '+{width} months'), '~')

-- @text_bounds_start
(SELECT strftime('{format}{shown}', b, 'unixepoch') FROM (SELECT {bound_of_s} AS b FROM (SELECT {text_seconds x={x}} AS s)))

-- @text_bounds_hi
coalesce(strftime('{format}', (SELECT start FROM {bounds} WHERE start>{text_seconds x={p}} ORDER BY start LIMIT 1), 'unixepoch'), '~')

-- @any_seconds
CAST(strftime('%s', CASE WHEN substr({x}, 20, 1)='.' AND substr({x}, 21, 1) BETWEEN '0' AND '9'
 THEN substr({x}, 1, 19)||ltrim(substr({x}, 21), '0123456789') ELSE {x} END) AS INTEGER)

-- @any_format
(CASE WHEN length({x})=10 THEN '%Y-%m-%d' ELSE CASE WHEN substr({x}, 11, 1)='T' THEN '%Y-%m-%dT%H:%M:%S' ELSE '%Y-%m-%d %H:%M:%S' END
 ||'{fraction}'||CASE WHEN ltrim(substr({x}, 17), '0123456789:. ')<>'' THEN 'Z' ELSE '' END END)

-- @any_start
(CASE WHEN typeof({x}) IN ('integer', 'real') THEN {number_start x={x}}
 WHEN typeof({x})='text' AND {x} GLOB '[0-9][0-9][0-9][0-9]-*' THEN strftime({any_format x={x}}, {any_bucket x={x}}, 'unixepoch') END)

-- @any_fixed_bucket
({any_seconds x={x}}-(({any_seconds x={x}}-{offset})%{width}+{width})%{width})

-- @any_months_bucket
(SELECT CAST(strftime('%s', printf('%04d-%02d-01', m/12, m%12+1)) AS INTEGER)
 FROM (SELECT m-((m-{offset})%{width}+{width})%{width} AS m
  FROM (SELECT CAST(strftime('%Y', s, 'unixepoch') AS INTEGER)*12+CAST(strftime('%m', s, 'unixepoch') AS INTEGER)-1 AS m
   FROM (SELECT {any_seconds x={x}} AS s))) WHERE m IS NOT NULL)

-- @any_bounds_bucket
(SELECT {bound_of_s} FROM (SELECT {any_seconds x={x}} AS s))

-- @regular_date
coalesce({x}=date({x}), 0)

-- @regular_text
(substr({x}, 1, 19) IS strftime('{format}', substr({x}, 1, 19)) AND typeof({x})='text' AND (substr({x}, 20)='{suffix}'
 OR substr({x}, 20) GLOB '.[0-9]*{suffix}' AND substr({x}, 21, length({x})-20-length('{suffix}')) NOT GLOB '*[^0-9]*'))

-- @unit_start_text
{unit_start_ x={x}}

-- @unit_hi_text
{unit_hi_ p={p}}

-- A call of time_bucket whose argument may be any expression in any spelling.

-- @start_alone
{start x={x}}

-- @number_call
(SELECT CASE WHEN typeof(almanac_time) IN ('integer', 'real') THEN {number_start} END FROM (SELECT {time} AS almanac_time))

-- @any_call
(SELECT {any_start x=almanac_time} FROM (SELECT {time} AS almanac_time))

-- Zones: the starts of the buckets stand in a table, which reaches from the oldest row to some years ahead. A time
-- beyond it fails (the overflow: no other built-in fails where a schema is not trusted) until the next refresh,
-- rather than be put into a wrong bucket. (-1e15 is below any year: the tail of a table that was empty so far.)

-- @bounds_create
CREATE TABLE {bounds}(start INTEGER PRIMARY KEY);

-- @bound_of_s
CASE WHEN s>-1e15 AND (s<(SELECT min(start) FROM {bounds}) OR s>=(SELECT max(start) FROM {bounds}))
 THEN abs(-9223372036854775807-1)
 ELSE (SELECT start FROM {bounds} WHERE start<=s ORDER BY start DESC LIMIT 1) END

-- @number_bounds_first
((SELECT min(start) FROM {bounds})*{scale})

-- @number_bounds_last
((SELECT max(start) FROM {bounds})*{scale})

-- @text_bounds_first
strftime('{format}', (SELECT min(start) FROM {bounds}), 'unixepoch')

-- @text_bounds_last
strftime('{format}', (SELECT max(start) FROM {bounds}), 'unixepoch')

-- @bounds_range
SELECT CAST(min(s) AS INTEGER), CAST(max(s) AS INTEGER) FROM (SELECT {seconds_of_time} AS s FROM (SELECT min({time}) AS t FROM {source} WHERE {time}>={lowest} AND {time}<{above_times} UNION ALL SELECT max({time}) FROM {source} WHERE {time}<{above_times}))

-- @bounds_number_seconds
{number_seconds x=t}

-- @bounds_text_seconds
{text_seconds x=t}
