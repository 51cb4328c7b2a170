// Drives the extension through one of Node's SQLite drivers and prints what it gives as JSON:
//   node node.js better-sqlite3|node:sqlite EXTENSION SQL ...
'use strict';
const { Worker, isMainThread, parentPort, workerData } = require('node:worker_threads');

function open(driver, extension) {
  let db;
  if (driver === 'node:sqlite') {
    const { DatabaseSync } = require('node:sqlite');
    db = new DatabaseSync(':memory:', { allowExtension: true });
  } else {
    const Database = require('better-sqlite3');
    db = new Database(':memory:');
  }
  db.loadExtension(extension);
  db.loadExtension(extension); // again
  return db;
}

function rows(db, sql) {
  return db.prepare(sql).all().map((row) => Object.values(row));
}

function run({ driver, extension, statements }) {
  const db = open(driver, extension);
  const results = statements.map((sql) => rows(db, sql));
  const iterator = db.prepare(statements[statements.length - 1]).iterate();
  iterator.next();
  iterator.return(); // leaves the statement in the middle of its rows
  let message = 'no error';
  try {
    rows(db, "SELECT rolling_drawdown(1, 'percent')");
  } catch (error) {
    message = error.message;
  }
  const version = rows(db, 'SELECT sqlite_version()')[0][0];
  db.close();
  return { version, results, message };
}

if (isMainThread) {
  const [driver, extension, ...statements] = process.argv.slice(2);
  const workerData = { driver, extension, statements };
  const workers = [1, 2, 3].map(() => new Promise((resolve, reject) => {
    const worker = new Worker(__filename, { workerData });
    worker.on('message', resolve);
    worker.on('error', reject);
  }));
  const here = run(workerData);
  Promise.all(workers).then((there) => {
    here.workers_agree = there.every((t) => JSON.stringify(t.results) === JSON.stringify(here.results));
    console.log(JSON.stringify(here));
  });
} else {
  parentPort.postMessage(run(workerData));
}
