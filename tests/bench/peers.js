// DuckDB and ClickHouse on tables of their own, made by data.py's formulas.
//   node peers.js make   ENGINE ROWS DIRECTORY                makes its tables there, unless they are there
//   node peers.js time   ENGINE ROWS DIRECTORY THREADS ROUNDS prints {version, seconds: {work: median}} as JSON
// ENGINE is duckdb or clickhouse; a process each, so that the peak of memory is its own.
'use strict';
const fs = require('node:fs');
const path = require('node:path');
const { performance } = require('node:perf_hooks');

const [command, engine, rowsText, home, threadsText, roundsText] = process.argv.slice(2);
const rows = Number(rowsText);
const points = rows / 2;
const FORMAT = 1; // of the tables; raise it when the formulas change
const place = path.join(home, `${engine}-${rows}-${FORMAT}`);

const hash = '((i * 2654435761) & 4294967295)';
const readingsOf = `i AS id, 1704067200 + i AS ts, (${hash} >> 9) % 100 AS sensor_id,
  50.0 + i % 1000003 / 20000.0 + ${hash} / 4294967296.0 AS value`;
const pointsOf = 'i AS id, (h % 1009 + h % 1013 + h % 1019) / 3041.0 * 100 AS x, (h % 1021 + h % 1031 + h % 1033) / 3085.0 * 100 AS y';
const frame = 'OVER (ORDER BY id ROWS 10079 PRECEDING)';

// Each work as a statement: DuckDB's rows are read, ClickHouse's thrown away. `hours` asks for less than rollup_scan gives.
const duckdbWorks = {
  sums: 'SELECT sum(ts), sum(value) FROM readings',
  hours: 'SELECT ts // 3600 * 3600, sensor_id, avg(value), min(value), max(value), count(*) FROM readings GROUP BY 1, 2',
  density: 'SELECT least(floor(y), 99), least(floor(x), 99), count(*) FROM points WHERE x >= 0 AND x <= 100 AND y >= 0 AND y <= 100 GROUP BY 1, 2',
  drawdown: `SELECT sum(d) FROM (SELECT max(value) ${frame} AS d FROM readings WHERE id <= ${rows / 10})`,
};
const clickhouseWorks = {
  sums: 'SELECT sum(ts), sum(value) FROM bench.readings',
  hours: 'SELECT intDiv(ts, 3600) * 3600 AS b, sensor_id, avg(value), min(value), max(value), count(*) FROM bench.readings GROUP BY b, sensor_id',
  density: 'SELECT least(floor(y), 99) AS b, least(floor(x), 99) AS a, count(*) FROM bench.points WHERE x >= 0 AND x <= 100 AND y >= 0 AND y <= 100 GROUP BY a, b',
  lttb: 'SELECT lttb(1000)(ts, value) FROM bench.readings',
};

async function median(rounds, run) {
  await run();
  const taken = [];
  for (let i = 0; i < rounds; i++) {
    const started = performance.now();
    await run();
    taken.push((performance.now() - started) / 1000);
  }
  return taken.sort((a, b) => a - b)[rounds >> 1];
}

async function openDuckdb() {
  const { DuckDBInstance } = require('@duckdb/node-api');
  const connection = await (await DuckDBInstance.create(place)).connect();
  return {
    works: duckdbWorks,
    run: (sql) => connection.runAndReadAll(sql),
    threads: (n) => connection.run(`SET threads = ${n}`),
    version: async () => (await connection.runAndReadAll('SELECT version()')).getRowsJson()[0][0],
    make: async () => {
      await connection.run(`CREATE TABLE readings AS SELECT ${readingsOf} FROM (SELECT range + 1 AS i FROM range(${rows}))`);
      await connection.run(`CREATE TABLE points AS SELECT ${pointsOf} FROM (SELECT i, ${hash} AS h FROM (SELECT range + 1 AS i FROM range(${points})))`);
      await connection.run('CHECKPOINT');
    },
    close: () => connection.closeSync(),
  };
}

async function openClickhouse() {
  const { Session } = require('chdb');
  const session = new Session(place);
  const ask = (sql) => session.query(sql, 'JSONCompact');
  const hashThere = 'bitAnd(i * 2654435761, 4294967295)';
  const rewritten = (text) => text.replaceAll(hash, hashThere).replaceAll(`(${hashThere} >> 9)`, `bitShiftRight(${hashThere}, 9)`);
  let settings = '';
  return {
    works: clickhouseWorks,
    run: async (sql) => ask(`${sql} FORMAT Null${settings}`),
    threads: async (n) => { settings = ` SETTINGS max_threads = ${n}`; },
    version: async () => JSON.parse(ask('SELECT version()')).data[0][0],
    make: async () => {
      ask('CREATE DATABASE bench');
      ask(`CREATE TABLE bench.readings ENGINE = MergeTree ORDER BY id AS SELECT ${rewritten(readingsOf)}
        FROM (SELECT toInt64(number + 1) AS i FROM numbers(${rows}))`);
      ask(`CREATE TABLE bench.points ENGINE = MergeTree ORDER BY id AS SELECT ${pointsOf}
        FROM (SELECT i, ${hashThere} AS h FROM (SELECT toInt64(number + 1) AS i FROM numbers(${points})))`);
    },
    close: () => {},
  };
}

async function main() {
  const made = `${place}.made`;
  if (command === 'make') {
    if (fs.existsSync(made)) return;
    fs.rmSync(place, { recursive: true, force: true });
  }
  const database = await (engine === 'duckdb' ? openDuckdb() : openClickhouse());
  if (command === 'make') {
    await database.make();
    database.close();
    fs.writeFileSync(made, '');
    return;
  }
  await database.threads(Number(threadsText));
  const seconds = {};
  for (const [work, sql] of Object.entries(database.works)) seconds[work] = await median(Number(roundsText), () => database.run(sql));
  const version = await database.version();
  database.close();
  console.log(JSON.stringify({ version, seconds }));
}

main();
