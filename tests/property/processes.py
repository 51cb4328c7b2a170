"""Writers, readers and refreshers of one database, each a process of its own; refreshers are killed at random moments (promises 4-6).

`run()` starts them all and sums up what they did. One of them alone, as it is started:

    python3 tests/property/processes.py ROLE DATABASE SEED SECONDS
"""
import collections
import contextlib
import json
import os
import random
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.dirname(HERE)]

import meters
import traffic
from almanac import TOOL, connect, directory, tool
from comparison import difference

SUMMARIES = {**traffic.SUMMARIES, **meters.SUMMARIES}

BUSY_S = 30
HANGS_S = 120        # a run of the tool that takes longer has hung
USUAL_S_MAX = 1      # beside busy others a run may take long
REPORTED_EVERY_S = 0.2  # what a killed writer has done since is not counted


class Worker:
    """One process: its random numbers, its end, its counts, which it writes to standard output as it goes."""

    def __init__(self, role, path, seed, seconds):
        self.role, self.path, self.r = role, path, random.Random(f"{role} {seed}")
        self.until, self.reported = time.time() + seconds, 0
        self.counts = collections.Counter()
        self.usual_s = {}  # of runs of the tool

    def goes_on(self):
        now = time.time()
        if now - self.reported > REPORTED_EVERY_S or now >= self.until:
            print(json.dumps(self.counts), flush=True)
            self.counts.clear()
            self.reported = now
        return now < self.until

    def open(self):
        """A connection as applications have it: without the extension; of some the database is attached."""
        attached = self.role.endswith("attached")
        db = sqlite3.connect(":memory:" if attached else self.path, timeout=BUSY_S, isolation_level=None)
        if attached:
            db.execute("ATTACH ? AS plant", (self.path,))
        db.create_function("berlin_day", 1, traffic.berlin_day, deterministic=True)
        db.execute("PRAGMA foreign_keys=ON")
        return db

    # ------------------------------------------------------------------------------------------------------ writers

    def write(self):
        db, one = self.open(), traffic.writes(self.r)
        db.execute("PRAGMA busy_timeout=0")
        while self.goes_on():
            if self.r.random() < 0.5:
                self.statement(db, *one())
            else:
                self.transaction(db, one)
            self.counts["transactions"] += 1
            time.sleep(self.r.choice([0, 0.002, 0.01, 0.03]))

    def write_meters(self):
        db = self.open()
        db.execute("PRAGMA busy_timeout=0")
        while self.goes_on():
            self.insist(db, "BEGIN IMMEDIATE")
            for statement in meters.write(self.r):
                self.statement(db, "meters", statement)
            self.insist(db, "COMMIT")
            self.counts["transactions"] += 1
            time.sleep(self.r.choice([0.01, 0.03]))

    def insist(self, db, sql):
        """SQLite's own waiting sleeps up to 100 ms at a time: a refresher would mostly be alone."""
        until = time.time() + BUSY_S
        while True:
            try:
                return db.execute(sql)
            except sqlite3.OperationalError as error:
                # The commit of an INSERT OR FAIL that failed may be what met the lock.
                if not re.search("locked|constraint", str(error)) or time.time() > until:
                    raise
            self.counts["waits"] += 1
            time.sleep(0.001)

    def statement(self, db, kind, sql):
        try:
            self.insist(db, sql)
            self.counts["writes"] += 1
            self.counts[f"write: {kind}"] += 1
        except sqlite3.IntegrityError:
            self.counts["refused writes"] += 1

    def transaction(self, db, one):
        self.insist(db, "BEGIN IMMEDIATE")
        saved = 0
        for _ in range(self.r.choice([1, 3, 8])):
            chance = self.r.random()
            if chance < 0.15:
                db.execute("SAVEPOINT s")
                saved += 1
            elif chance < 0.25 and saved:
                db.execute("ROLLBACK TO s")
                self.counts["rolled back"] += 1
            elif chance < 0.3 and saved:
                db.execute("RELEASE s")
                saved -= 1
            else:
                self.statement(db, *one())
            if not db.in_transaction:  # OR ROLLBACK
                return
        end = self.r.choice(["COMMIT", "COMMIT", "COMMIT", "ROLLBACK"])
        self.insist(db, end)
        self.counts["rolled back"] += end == "ROLLBACK"

    # ------------------------------------------------------------------------------------------------------ readers

    def read(self):
        db = self.open()
        while self.goes_on():
            if self.r.random() < 0.05:  # a new connection reads the schema again
                db.close()
                db = self.open()
            names = self.r.sample(list(SUMMARIES), self.r.choice([1, 1, len(SUMMARIES)]))
            one_statement = self.r.random() < 0.5
            db.execute("BEGIN")
            for name in names:
                wrong = compare(db, name, one_statement)
                if wrong:
                    raise AssertionError(f"{name} differs from its query: {wrong}\nas it was then: {keep(db)}")
                self.counts["comparisons"] += 1
            db.execute("COMMIT")

    # --------------------------------------------------------------------------------------------------- the tool's

    def tool(self, counted, arguments, stdin="", may_say="", codes=(0,)):
        """Runs the tool; most runs may be killed, at any moment of about the time that one takes."""
        usual_s, stays = self.usual_s.setdefault(counted, 0.5), "--every" in arguments
        process = subprocess.Popen([TOOL, arguments[0], self.path, "--busy-timeout", f"{BUSY_S}s", *arguments[1:]], stdin=subprocess.PIPE,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        process.stdin.write(stdin)
        process.stdin.close()
        process.stdin = None
        self.counts[counted] += 1
        began = time.time()
        try:
            process.wait(usual_s * self.r.random() * (2 if stays else 1.3) if stays or self.r.random() < 0.85 else HANGS_S)
            self.usual_s[counted] = min(0.9 * usual_s + 0.1 * (time.time() - began), USUAL_S_MAX)
        except subprocess.TimeoutExpired:
            self.end(process, counted, gently=stays and self.r.random() < 0.3)
        error = "".join(line for line in process.communicate(timeout=HANGS_S)[1].splitlines(True) if not (may_say and re.search(may_say, line)))
        # SIGTERM may come before the tool has got ready for it.
        if process.returncode not in (*codes, -signal.SIGKILL, -signal.SIGTERM) or error:
            raise AssertionError(f"almanac {' '.join(arguments)} ended with {process.returncode}: {error}")

    def end(self, process, counted, gently):
        """By a signal; with --jobs it may be one of the others that is killed."""
        others = []
        if not gently and self.r.random() < 0.5:
            with contextlib.suppress(OSError), open(f"/proc/{process.pid}/task/{process.pid}/children") as children:
                others = children.read().split()
        for pid in others:
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGKILL)
        if not others:
            process.send_signal(signal.SIGTERM if gently else signal.SIGKILL)
        self.counts["killed jobs" if others else "terminations" if gently else f"killed {counted}"] += 1

    def refresh(self):
        while self.goes_on():
            options = self.r.choice([[], [], [], ["--lock-ms", "1"], ["--full"], [self.r.choice(list(SUMMARIES))], ["--jobs", "2"], ["--every", "50ms", "--quiet"]])
            # Beside writers that never pause and others that hand out their changes, a refresh may not come to an end.
            self.tool("refreshes", ["refresh", "--max-time", self.r.choice(["200ms", "1s", "5s"]), *options], may_say="prune has frozen")

    def verify(self):
        """There is nothing to find, whoever writes meanwhile."""
        while self.goes_on():
            self.tool("verifications", ["verify", *self.r.choice([[], ["--sample", "30%"], [self.r.choice(list(SUMMARIES))]])])
            time.sleep(0.1)

    def prune(self):
        """Ever more goes, to the end of the run."""
        first = time.time()
        while self.goes_on():
            share = min((time.time() - first) / max(self.until - first, 1), 1)
            self.tool("declarations", ["apply", "-"], meters.definition("meter_hours", share))
            self.tool("prunes", ["prune", *self.r.choice([["--lock-ms", "1"], []])], may_say="prune has frozen|not pruned: .*rely|not pruned: .*relied", codes=(0, 1))
            time.sleep(0.1)


def compare(db, name, one_statement):
    """Name and query at one instant. None where they are equal."""
    query = SUMMARIES[name][2]
    if one_statement:
        rows = db.execute(f"SELECT 0, * FROM {name} UNION ALL SELECT 1, * FROM ({query})").fetchall()
        got, expected = ([row[1:] for row in rows if row[0] == side] for side in (0, 1))
    else:
        got, expected = db.execute(f"SELECT * FROM {name}").fetchall(), db.execute(query).fetchall()
    return None if sorted(map(repr, got)) == sorted(map(repr, expected)) else difference(got, expected, False)


def keep(db):
    """A copy of the database as the connection's transaction sees it, for who looks for the reason."""
    path = os.path.join(tempfile.mkdtemp(prefix="almanac-differs-"), "seen.db")
    with sqlite3.connect(path) as copy:
        db.backup(copy, name="plant" if db.execute("SELECT 1 FROM pragma_database_list WHERE name='plant'").fetchone() else "main")
    return path


# ------------------------------------------------------------------------------------------------------------- all

WORKERS = ["writer", "writer attached", "victim", "meters", "reader", "reader attached", "refresher 1", "refresher 2", "verifier", "pruner"]
VICTIM_LIVES_S = 2  # a writer that is killed and starts again: it leaves hot journals


class Process:
    def __init__(self, role, path, seed, seconds):
        self.role, self.out, self.err = role, tempfile.TemporaryFile("w+"), tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen([sys.executable, "-B", os.path.abspath(__file__), role, path, str(seed), str(seconds)], stdout=self.out, stderr=self.err)

    def text(self, file):
        file.seek(0)
        return file.read()

    def counts(self):
        total = collections.Counter()
        for line in self.text(self.out).splitlines():
            if line.endswith("}"):
                total.update(json.loads(line))
        return total


def database(journal, r):
    path = os.path.join(directory(), "plant.db")
    db = connect(path, extension=False)
    db.execute(f"PRAGMA journal_mode={journal}").fetchall()
    traffic.fill(db, r)
    meters.fill(db, r)
    db.close()
    tool("apply", path, "-", stdin="".join(map(traffic.definition, traffic.SUMMARIES)) + "".join(meters.definition(name, 0) for name in meters.SUMMARIES))
    return path


def settled(path):
    """With nobody else there: a refresh leaves nothing dirty and nothing to find, and all names equal to their queries."""
    tool("refresh", path)
    tool("verify", path)
    db = Worker("reader", path, 0, 0).open()
    left = db.execute("SELECT name, dirty, last_error FROM almanac_status WHERE dirty<>0 OR last_error IS NOT NULL").fetchall()
    assert not left, f"left by a refresh: {left}"
    for name in SUMMARIES:
        wrong = compare(db, name, True)
        assert not wrong, f"{name} differs at last: {wrong}"
    assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    assert db.execute("PRAGMA foreign_key_check").fetchall() == []
    db.close()


def run(journal, seconds, seed):
    """Counts of what was done; AssertionError when something was wrong."""
    r = random.Random(seed)
    path = database(journal, r)
    until, ended, total = time.time() + seconds, [], collections.Counter()
    running = [Process(role, path, seed, seconds) for role in WORKERS]
    dies_at = time.time() + r.random() * VICTIM_LIVES_S
    while running:
        time.sleep(0.02)
        for each in [p for p in running if p.role == "victim" and dies_at < time.time() < until]:
            each.process.kill()
            each.process.wait()
            total["killed writers"] += 1
            ended.append(each)
            running.remove(each)
            running.append(Process("victim", path, r.random(), until - time.time()))
            dies_at = time.time() + r.random() * VICTIM_LIVES_S
        for each in [p for p in running if p.process.poll() is not None]:
            running.remove(each)
            ended.append(each)
            if each.process.returncode:
                for other in running:
                    other.process.kill()
                    other.process.wait()
                raise AssertionError(f"{each.role} (ALMANAC_SEED={seed}, {journal}): {each.text(each.err)[-3000:]}")
    for each in ended:
        total.update(each.counts())
    settled(path)
    shutil.rmtree(os.path.dirname(path))
    return total


if __name__ == "__main__":
    role, path, seed, seconds = sys.argv[1:]
    worker = Worker(role, path, seed, float(seconds))
    {"writer": worker.write, "victim": worker.write, "meters": worker.write_meters, "reader": worker.read, "refresher": worker.refresh,
     "verifier": worker.verify, "pruner": worker.prune}[role.split()[0]]()
