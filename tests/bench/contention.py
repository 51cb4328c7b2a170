"""Writers at full speed beside a refresh; --jobs and commands that overlap."""
import json
import statistics
import subprocess
import time

import data
import locks
from almanac import TOOL
from measure import heading, line, report, shown
from summaries import definition, stock

BASELINE_S = 4
THROUGH_SQL = definition("hourly", "1 hour").replace(";", " HAVING count(*) > 0;")  # a scan is over before others could help


def verdict(good):
    return "ok" if good else "MISSED"


def prepared(rows, journal):
    """Readings with an hourly summary, and a table of a million rows with a whole one."""
    path = data.copy(data.readings(rows // 5, "integer", 1.44), "contention")
    db = stock(path)
    db.execute(f"PRAGMA journal_mode={journal}").fetchall()
    db.execute("CREATE TABLE items(id INTEGER PRIMARY KEY, grp INTEGER, value INTEGER)")
    db.execute(f"""WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {rows // 10})
                   INSERT INTO items SELECT i, i % 1000, i * 7919 % 1000003 FROM n""")
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    db.close()
    subprocess.run([TOOL, "apply", path, "-"], check=True, text=True, input=definition("hourly", "1 hour")
                   + "CREATE MATERIALIZED VIEW places WITH (index = place) AS SELECT id, grp, rank() OVER (ORDER BY value) AS place FROM items;")
    subprocess.run([TOOL, "refresh", path], check=True)
    return path


def beside_writers(rows, rounds):
    path = prepared(rows, "WAL")
    writers = locks.Writers(path)
    alone = time.monotonic()
    time.sleep(BASELINE_S)
    start = time.monotonic()
    seconds, _, writes = locks.measured("refresh", path, "--full")
    end = time.monotonic()
    writers.stop()
    rate, p99, worst = writers.between(alone, start)
    beside, p99_beside, worst_beside = writers.between(start, end)
    line("2 writers at full speed, WAL: transactions of 10 rows a second", f"{rate:,.0f}", "their wait for the lock, 99th percentile", shown(p99),
         f"longest {shown(worst)}", "", "")
    line(f"the same beside refresh --full of {rows // 5:,} readings and a whole summary of {rows // 10:,} rows", f"{beside:,.0f}", "alone", f"{rate:,.0f}",
         f"{beside / rate:.2g} x", "0.8 x", verdict(beside / rate >= 0.8))
    line("their wait for the lock, 99th percentile", shown(p99_beside), "alone", shown(p99), f"longest {shown(worst_beside)}", "10 ms", verdict(p99_beside <= 0.01))
    line("longest write lock of the refresh, measured within it", shown(writes.longest), "most of the processor's time in one", shown(writes.longest_cpu),
         "", "50 ms", verdict(writes.longest <= 0.05))
    line("all its write locks together", shown(writes.total), "the refresh", shown(seconds), f"{writes.total / seconds:.2g} x", "", "")


def run_jobs(path, commands):
    """Seconds until all commands are done, and what they say that they have computed."""
    started = time.monotonic()
    processes = [subprocess.Popen([TOOL, "refresh", path, "--json", *command], stdout=subprocess.PIPE, text=True) for command in commands]
    outs = [process.communicate(timeout=300)[0] for process in processes]
    seconds = time.monotonic() - started
    if any(process.returncode for process in processes):
        raise RuntimeError("a refresh failed")
    return seconds, sum(json.loads(text)["partitions"] for out in outs for text in out.splitlines())


def jobs(rows, rounds, journal):
    ways = {"--jobs 1": [[]], "--jobs 2": [["--jobs", "2"]], "two commands that overlap": [[], []]}
    taken, twice = {name: [] for name in ways}, 0
    for turn in range(min(rounds, 3)):
        for name, commands in ways.items():
            path = data.copy(data.readings(rows // 2, "integer"), "jobs")
            db = stock(path)
            db.execute(f"PRAGMA journal_mode={journal}").fetchall()
            db.execute("SELECT sum(value) FROM readings").fetchall()
            subprocess.run([TOOL, "apply", path, "-"], check=True, text=True, input=THROUGH_SQL)
            seconds, partitions = run_jobs(path, commands)
            taken[name].append(seconds)
            twice += partitions - db.execute("SELECT count(DISTINCT bucket) FROM readings_hourly_stored").fetchone()[0]
            db.close()
    t = {name: statistics.median(seconds) for name, seconds in taken.items()}
    for name in list(ways)[1:]:
        report(f"first fill, hour x sensor, {rows // 2:,} rows, {journal}: {name}", t[name], "--jobs 1", t["--jobs 1"], at_most=1 / 1.8)
    line("partitions that were computed twice", str(twice), "", "", "", "0", verdict(twice == 0))


def run(rows, rounds):
    heading("Contention")
    beside_writers(rows, rounds)
    for journal in ("WAL", "DELETE"):
        jobs(rows, rounds, journal)
