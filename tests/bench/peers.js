// Times DuckDB and ClickHouse on tables made by data.py's formulas: node peers.js ROWS ROUNDS DIRECTORY
// Prints [[work, seconds], ...] as JSON.
'use strict';
const fs = require('node:fs');
const path = require('node:path');
const { performance } = require('node:perf_hooks');

const rows = Number(process.argv[2]);
const rounds = Number(process.argv[3]);
const home = process.argv[4];
const results = [];

async function median(run) {
  await run();
  const taken = [];
  for (let i = 0; i < rounds; i++) {
    const started = performance.now();
    await run();
    taken.push((performance.now() - started) / 1000);
  }
  return taken.sort((a, b) => a - b)[rounds >> 1];
}

const hash = '((i * 2654435761) & 4294967295)';
const readings = (divide) => `i AS id, 1704067200 + i AS ts, (${hash} >> 9) % 100 AS sensor_id,
  50.0 + i % 1000003 / 20000.0 + ${hash} / 4294967296.0 AS value`;
const points = `i AS id, (h % 1009 + h % 1013 + h % 1019) / 3041.0 * 100 AS x, (h % 1021 + h % 1031 + h % 1033) / 3085.0 * 100 AS y`;
const n = Math.floor(rows / 10);
const count = (k) => k.toLocaleString('en-US');

async function duckdb() {
  const { DuckDBInstance } = require('@duckdb/node-api');
  const file = path.join(home, 'bench.duckdb');
  fs.rmSync(file, { force: true });
  const instance = await DuckDBInstance.create(file);
  const c = await instance.connect();
  const run = (sql) => () => c.runAndReadAll(sql);
  await c.run(`CREATE TABLE readings AS SELECT ${readings()} FROM (SELECT range + 1 AS i FROM range(${rows}))`);
  await c.run(`CREATE TABLE points AS SELECT ${points} FROM (SELECT i, ${hash} AS h FROM (SELECT range + 1 AS i FROM range(${rows >> 1})))`);
  await c.run('CHECKPOINT');
  const version = (await c.runAndReadAll('SELECT version()')).getRowsJson()[0][0];
  for (const threads of [1, 2]) {
    await c.run(`SET threads = ${threads}`);
    const who = `DuckDB ${version}, ${threads} thread${threads > 1 ? 's' : ''}`;
    results.push([`${who}: hour x sensor, avg, min, max, count`, await median(run(
      'SELECT ts // 3600 * 3600, sensor_id, avg(value), min(value), max(value), count(*) FROM readings GROUP BY 1, 2'))]);
    results.push([`${who}: 100 x 100 density of ${count(rows >> 1)}`, await median(run(
      'SELECT least(floor(y), 99), least(floor(x), 99), count(*) FROM points GROUP BY 1, 2'))]);
    results.push([`${who}: max() OVER 10,080 rows, ${count(n)} rows`, await median(run(
      `SELECT sum(d) FROM (SELECT max(value) OVER (ORDER BY id ROWS 10079 PRECEDING) AS d FROM readings WHERE id <= ${n})`))]);
    results.push([`${who}: sum(ts), sum(value)`, await median(run('SELECT sum(ts), sum(value) FROM readings'))]);
  }
  c.closeSync();
  fs.rmSync(file, { force: true });
}

async function clickhouse() {
  const { Session } = require('chdb');
  const directory = path.join(home, 'bench.chdb');
  fs.rmSync(directory, { recursive: true, force: true });
  const session = new Session(directory);
  const query = (sql) => session.query(sql, 'JSONCompact');
  const chash = 'bitAnd(i * 2654435761, 4294967295)';
  const rewrite = (text) => text.replaceAll(hash, chash).replaceAll(`(${chash} >> 9)`, `bitShiftRight(${chash}, 9)`);
  query('CREATE DATABASE bench');
  query(`CREATE TABLE bench.readings ENGINE = MergeTree ORDER BY id AS SELECT ${rewrite(readings())}
    FROM (SELECT toInt64(number + 1) AS i FROM numbers(${rows}))`);
  query(`CREATE TABLE bench.points ENGINE = MergeTree ORDER BY id AS SELECT ${points}
    FROM (SELECT i, ${chash} AS h FROM (SELECT toInt64(number + 1) AS i FROM numbers(${rows >> 1})))`);
  const version = JSON.parse(query('SELECT version()')).data[0][0];
  const who = `ClickHouse ${version}`;
  const run = (sql) => async () => query(sql);
  results.push([`${who}: hour x sensor, avg, min, max, count`, await median(run(
    'SELECT intDiv(ts, 3600) * 3600 AS b, sensor_id, avg(value), min(value), max(value), count(*) FROM bench.readings GROUP BY b, sensor_id FORMAT Null'))]);
  results.push([`${who}: 100 x 100 density of ${count(rows >> 1)}`, await median(run(
    'SELECT least(floor(y), 99) AS b, least(floor(x), 99) AS a, count(*) FROM bench.points GROUP BY a, b FORMAT Null'))]);
  results.push([`${who}: lttb of ${count(rows)} to 1,000`, await median(run(
    'SELECT lttb(1000)(ts, value) FROM bench.readings FORMAT Null'))]);
  session.cleanup();
  fs.rmSync(directory, { recursive: true, force: true });
}

(async () => {
  await duckdb();
  await clickhouse();
  console.log(JSON.stringify(results));
})();
