-- Time in plain SQL. {x} is a time of the source, {p} the start of a bucket as time_bucket gives it.
-- Nothing here nests deeply: SQLite's parser has a stack of 100. start: the bucket of a time. lo, hi: the bucket's rows are those with lo <= time < hi.
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
(CAST(strftime('%s', {number_seconds x={x}}, 'unixepoch', 'start of month', '-'||(((strftime('%Y', {number_seconds x={x}}, 'unixepoch')*12+strftime('%m', {number_seconds x={x}}, 'unixepoch')-1-{offset})%{width}+{width})%{width})||' months') AS INTEGER)*{scale})

-- @number_months_hi
coalesce(CAST(strftime('%s', {p}/{scale}, 'unixepoch', '+{width} months') AS INTEGER)*{scale}, 9e999)

-- @number_bounds_start
({bound s={number_seconds x={x}}}*{scale})

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
strftime('{format}{shown}', substr({x}, 1, {length}), 'start of month', '-'||(((substr({x}, 1, 4)*12+substr({x}, 6, 2)-1-{offset})%{width}+{width})%{width})||' months')

-- @text_months_hi
coalesce(strftime('{format}', substr({p}, 1, {length}), '+{width} months'), '~')

-- @text_bounds_start
strftime('{format}{shown}', {bound s={text_seconds x={x}}}, 'unixepoch')

-- @text_bounds_hi
coalesce(strftime('{format}', (SELECT start FROM {bounds} WHERE start>{text_seconds x={p}} ORDER BY start LIMIT 1), 'unixepoch'), '~')

-- @any_seconds
CAST(strftime('%s', CASE WHEN substr({x}, 20, 1)='.' AND substr({x}, 21, 1) BETWEEN '0' AND '9'
 THEN substr({x}, 1, 19)||ltrim(substr({x}, 21), '0123456789') ELSE {x} END) AS INTEGER)

-- @any_format
(CASE WHEN length({x})=10 THEN '%Y-%m-%d' ELSE CASE WHEN substr({x}, 11, 1)='T' THEN '%Y-%m-%dT%H:%M:%S' ELSE '%Y-%m-%d %H:%M:%S' END
 ||'{fraction}'||CASE WHEN ltrim(substr({x}, 17), '0123456789:. ')<>'' THEN 'Z' ELSE '' END END)

-- @any_start
(CASE WHEN {x}<{times_lowest} OR {x}>={times_end} AND {x}<'' THEN NULL WHEN typeof({x})='integer' THEN {number_start x={x}} WHEN typeof({x})='real' THEN CAST({number_start x={x}} AS REAL)
 WHEN typeof({x})='text' AND {x} GLOB '[0-9][0-9][0-9][0-9]-*' THEN strftime({any_format x={x}}, {any_bucket x={x}}, 'unixepoch') END)

-- @any_fixed_bucket
({any_seconds x={x}}-(({any_seconds x={x}}-{offset})%{width}+{width})%{width})

-- @any_months_bucket
CAST(strftime('%s', {any_seconds x={x}}, 'unixepoch', 'start of month', '-'||(((strftime('%Y', {any_seconds x={x}}, 'unixepoch')*12+strftime('%m', {any_seconds x={x}}, 'unixepoch')-1-{offset})%{width}+{width})%{width})||' months') AS INTEGER)

-- @any_bounds_bucket
{bound s={any_seconds x={x}}}

-- @regular_date
coalesce({x}=date({x}, '+0 day'), 0)

-- The patterns hold the punctuation, date() the digits: it moves what overflows (February 31, 24:00) to another day,
-- as it may a fraction just below midnight, which is why it gets a second look. (Without a modifier older versions give
-- back what they read.)

-- @regular_text
coalesce(({x} GLOB '{pattern}{suffix}' OR {x} GLOB '{pattern}.[0-9]*{suffix}' AND {x} NOT GLOB '{pattern}.*[^0-9]*{suffix}')
 AND (instr({x}, date({x}, '+0 day'))=1 OR instr({x}, date(substr({x}, 1, 19), '+0 day'))=1), 0)

-- Runs on every insert, so it is short: all of a trigger's constants are set up each time. {usual} has as many digits
-- of a second as most rows, too few for an offset in their place. What is unusual may be regular all the same.

-- @usual_text
{x} GLOB '{pattern}{usual}{suffix}' AND instr({x}, date({x}, '+0 day'))=1

-- @usual_date
{x}=date({x}, '+0 day')

-- Many rows at once are looked at in two ways, for date() costs several times as much as a pattern: each row's time of
-- day by patterns, and each day once. What fits no pattern is looked at like a single row.

-- @clocked_text
({x} GLOB '????-??-??{separator}[01][0-9]:[0-5][0-9]:[0-5][0-9]{usual_digits}{suffix}' OR {x} GLOB '????-??-??{separator}2[0-3]:[0-5][0-9]:[0-5][0-9]{usual_digits}{suffix}')

-- @clocked_date
{x} GLOB '????-??-??'

-- @pattern_t
????-??-??T??:??:??

-- @pattern_blank
????-??-?? ??:??:??

-- @unit_start_text
{unit_start_ x={x}}

-- @unit_hi_text
{unit_hi_ p={p}}

-- A call of time_bucket whose argument may be any expression in any spelling.

-- @start_alone
{start x={x}}

-- @number_call
(SELECT CASE typeof(almanac_time) WHEN 'integer' THEN {number_start} WHEN 'real' THEN CAST({number_start} AS REAL) END FROM (SELECT {time} AS almanac_time) WHERE almanac_time>={times_lowest} AND almanac_time<{times_end})

-- @any_call
(SELECT {any_start x=almanac_time} FROM (SELECT {time} AS almanac_time))

-- Zones: the starts of the buckets stand in a table, which reaches from the oldest row to some years ahead. A time
-- beyond it fails (the overflow: no other built-in fails where a schema is not trusted) until the next refresh,
-- rather than be put into a wrong bucket. (-1e15 is below any year: the tail of a table that was empty so far.)

-- @bounds_create
CREATE TABLE {bounds}(start INTEGER PRIMARY KEY);

-- @bound
(CASE WHEN {s}>-1e15 AND ({s}<(SELECT min(start) FROM {bounds}) OR {s}>=(SELECT max(start) FROM {bounds})) THEN abs(-9223372036854775807-1)
 ELSE (SELECT start FROM {bounds} WHERE start<={s} ORDER BY start DESC LIMIT 1) END)

-- Is {p} the start of a bucket?

-- @plain_is_start
coalesce({p}={start x={lo p={p}}}, 0)

-- @number_bounds_is_start
EXISTS(SELECT 1 FROM {bounds} WHERE start={p}/{scale} AND start*{scale}={p})

-- @text_bounds_is_start
EXISTS(SELECT 1 FROM {bounds} WHERE start={text_seconds x={p}} AND strftime('{format}{shown}', start, 'unixepoch')={p})

-- @number_bounds_first
((SELECT min(start) FROM {bounds})*{scale})

-- @number_bounds_last
((SELECT max(start) FROM {bounds})*{scale})

-- @text_bounds_first
strftime('{format}', (SELECT min(start) FROM {bounds}), 'unixepoch')

-- @text_bounds_last
strftime('{format}', (SELECT max(start) FROM {bounds}), 'unixepoch')

-- @bounds_range
SELECT CAST(min(s) AS INTEGER), CAST(max(s) AS INTEGER) FROM (SELECT {seconds_of_time x=t} AS s FROM (SELECT min({time}) AS t FROM {source} WHERE {time}>={lowest} AND {time}<{above_times} UNION ALL SELECT max({time}) FROM {source} WHERE {time}<{above_times}{changed_times}))

-- @changed_times
 UNION ALL SELECT min(lo) FROM {region} WHERE hi<>x'ff' UNION ALL SELECT max(lo) FROM {region} WHERE hi<>x'ff' UNION ALL SELECT frozen_before FROM almanac_track WHERE id={track}
