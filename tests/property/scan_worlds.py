"""One random file whose tables are scanned, at rest and beside a writer: what test_scans.py does again and again."""
import functools
import json
import os
import random
import sqlite3
import subprocess
import sys
import threading

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), "unit")]

import stored_tables
from almanac import directory
from chance import literal
from test_scan import driver

CHECKPOINTS = ["PASSIVE", "FULL", "RESTART", "TRUNCATE"]


END = {"do": "poll", "steps": 1}  # answered by one line that nothing else is answered by


@functools.cache
def program(process):
    """The driver, one for all worlds of a process."""
    return subprocess.Popen([driver(), ":memory:"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def ask(path, *requests):
    """The driver's answers on the database; any difference, and whatever a sanitizer says, is an error."""
    child = program(os.getpid())
    text = "".join(json.dumps(request) + "\n" for request in ({"open": path}, *requests, END))
    sender = threading.Thread(target=lambda: (child.stdin.write(text), child.stdin.flush()))
    sender.start()
    answers = []
    while (line := child.stdout.readline()) and not line.startswith("poll "):
        answers.append(line.rstrip())
    sender.join()
    wrong = [answer for answer in answers if not answer.startswith("same ")]
    assert line and not wrong, f"{text[-3000:]}\n" + "\n".join(wrong or answers)[:5000]
    return answers


def condition(chance, db, table):
    """A random condition as (filter's members, SQL), on values that are in the table, mostly."""
    name = chance.choice(table.names())
    kept = [row[0] for row in db.execute(f"SELECT {name} FROM {table.name} ORDER BY random() LIMIT 3")
            if isinstance(row[0], (int, str)) or isinstance(row[0], float) and abs(row[0]) < 1e300]
    values = [chance.choice(kept) if kept and chance.random() < 0.8 else chance.choice([0, 1, 5, 2.5, -3, "a", "12"]) for _ in range(3)]
    kind = chance.choice(["equal", "list", "range", "half", "other", "null"])
    column = name.strip('"')
    if kind == "equal":
        return {column: values[0]}, f"r.{name} = {literal(values[0])}"
    if kind == "list":
        return {column: [*values, None]}, f"(r.{name} IN ({', '.join(map(literal, values))}) OR r.{name} IS NULL)"
    if kind == "null":
        return {column: None}, f"r.{name} IS NULL"
    if kind == "other":
        return {column: {"!=": values[0]}}, f"r.{name} <> {literal(values[0])}"
    operators = [chance.choice([">", ">="])] + ([chance.choice(["<", "<="])] if kind == "range" else [])
    return ({column: dict(zip(operators, values))},
            " AND ".join(f"r.{name} {operator} {literal(v)}" for operator, v in zip(operators, values)))


def comparison(chance, db, table):
    names = table.names()
    columns = [name.strip('"') for name in chance.sample(names, chance.randint(1, len(names)))]
    request = {"do": "compare", "table": table.name, "columns": columns, "sinks": chance.choice([1, 1, 1, 2, 3])}
    filters, wheres = {}, []
    for _ in range(chance.choice([0, 0, 1, 1, 2])):
        more, where = condition(chance, db, table)
        if not filters.keys() & more.keys():
            filters.update(more)
            wheres.append(where)
    if filters:
        request.update(filter=filters, where=" AND ".join(wheres))
    return request


def in_transaction(requests):
    """All see the same rows, whoever writes."""
    return [{"sql": "BEGIN"}, *requests, {"sql": "COMMIT"}]


class Writer(threading.Thread):
    """Changes the tables as fast as it can until it is told to end."""

    def __init__(self, seed, path, tables):
        super().__init__()
        self.chance, self.path, self.tables, self.ends, self.problem = random.Random(seed), path, tables, threading.Event(), None

    def run(self):
        try:
            db = sqlite3.connect(self.path, isolation_level=None, timeout=20)
            db.execute("PRAGMA synchronous = OFF")
            for table in self.tables:
                table.chance = self.chance
            while not self.ends.is_set():
                self.turn(db)
            db.close()
        except Exception as problem:
            self.problem = problem

    def turn(self, db):
        if self.chance.random() < 0.3:
            db.execute(f"PRAGMA wal_checkpoint({self.chance.choice(CHECKPOINTS)})").fetchall()
            return
        table = self.chance.choice(self.tables)
        columns = list(table.columns)
        try:
            db.execute("BEGIN IMMEDIATE")
            table.change(db, 2000)
            if self.chance.random() < 0.7:
                db.execute("COMMIT")
                return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error):
                raise
        table.columns = columns
        if db.in_transaction:
            db.execute("ROLLBACK")


def counts(answers):
    """(comparisons, of them read from pages, rows)"""
    same = [answer for answer in answers if answer.startswith("same ")]
    return len(same), sum(answer.endswith("way pages") for answer in same), sum(int(answer.split()[1]) for answer in same)


def world(seed):
    """One file: at rest, then beside a writer. Any difference fails, with the seed."""
    chance = random.Random(seed)
    path = os.path.join(directory(), "world.db")
    db, tables = stored_tables.world(chance, path)
    requests = [comparison(chance, db, table) for table in tables for _ in range(3)]
    beside = [comparison(chance, db, table) for table in tables for _ in range(3)]
    wal = db.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
    if chance.random() < 0.3:
        db.close()  # checkpoints: there is no WAL any more
    try:
        answers = ask(path, *requests, *in_transaction(requests[:2]))
        writer = Writer(seed, path, tables)
        writer.start()
        try:
            for _ in range(2 if wal else 1):
                answers += ask(path, *(one for request in beside for one in in_transaction([request])))
        finally:
            writer.ends.set()
            writer.join()
        if writer.problem:
            raise writer.problem
    except Exception as problem:
        raise AssertionError(f"seed {seed}, journal {'WAL' if wal else 'rollback'}: {problem}\n{[table.sql for table in tables]}") from problem
    return counts(answers)
