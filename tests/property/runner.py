"""Runs a world of model.py and compares every summary's name with its query after every step.

Beside the database stands a twin: the same tables in memory, without Almanac. Every statement runs on both, must
succeed or fail on both with the same words, and leaves the same rows; the query is evaluated on the twin.
"""
import os
import re
import signal
import sqlite3
import subprocess
import tempfile

from almanac import BUILD, ROOT, TOOL, connect
from model import KNOWN, text_of

HERE = os.path.join(ROOT, "tests", "property")

# Reasons for which the tool may refuse a definition or leave a summary to be computed at each read.
REFUSED = [
    r"holds numbers and text; a time is one or the other",
    r"rows computed from one partition carry another one's",
    r"it is not the sum of its partitions",
    r"times that are dates only are in no time zone",
    r"times that are dates only need a width of whole days",
    r"is not in the spelling of the other times",
    r"the zone's clock went back over the start of a bucket",
    r"holds times too far apart for buckets in a time zone",
    r"is over an expression, through which REPLACE could remove rows unseen",
    r"write the columns out instead of \*",
    r"has no summaries: declare some",
    r"there is no summary",  # its apply was refused
]


# Buckets in a zone are known for the years around those of the rows; a read of others fails until the next refresh.
ZONES = "Europe/|America/|Australia/"

TIMEOUT_S = float(os.environ.get("ALMANAC_TIMEOUT_S", 15))  # for what takes some hundredths


class Failure(Exception):
    """What went wrong, at which entry. `kind` stays the same while the log is cut down."""

    def __init__(self, kind, message):
        super().__init__(message)
        self.kind = kind


# ----------------------------------------------------------------------------------------------------- comparison

def canonical(value, fold):
    """Equal for values that count as equal: 1 and 1.0, sums that differ by the order of addition."""
    if isinstance(value, (int, float)):
        return (1, value if value == value // 1 else float(f"{value:.9g}"))
    if isinstance(value, str):
        return (2, value.lower() if fold else value)
    return (0, b"") if value is None else (3, value)


def close(a, b, fold):
    if isinstance(a, (int, float)) and isinstance(b, (int, float)):
        return a == b or abs(a - b) <= 1e-9 * max(abs(a), abs(b))
    return canonical(a, fold) == canonical(b, fold)


def difference(got, expected, fold):
    """None where the two are equal as multisets; otherwise rows that only one of them has."""
    if len(got) == len(expected):
        order = lambda row: [canonical(v, fold) for v in row]
        if all(len(a) == len(b) and all(close(x, y, fold) for x, y in zip(a, b))
               for a, b in zip(sorted(got, key=order), sorted(expected, key=order))):
            return None
    keys = lambda rows: {repr([canonical(v, fold) for v in row]): row for row in rows}
    mine, theirs = keys(got), keys(expected)
    only = [mine[k] for k in mine if k not in theirs], [theirs[k] for k in theirs if k not in mine]
    return f"{len(got)} rows, {len(expected)} expected\n  too many: {only[0][:6]}\n  missing:  {only[1][:6]}"


# --------------------------------------------------------------------------------------------------------- runner

class Runner:
    def __init__(self, world, directory):
        self.world = world
        self.path = os.path.join(directory, "world.db")
        self.summaries = {}   # name: (kind, options, select), as far as they were accepted
        self.kinds = {}       # of all that were tried
        self.paused = False
        self.counts = {"steps": 0, "comparisons": 0, "refused": 0, "stops": 0, "kills": 0, "order": 0}
        self.refusals = []
        self.connections = {}
        db = connect(self.path, extension=False)
        db.execute(f"PRAGMA journal_mode={world.schema.journal}").fetchall()
        db.close()
        self.twin = connect()
        self.pragmas(self.twin)
        for who in ("ext", "stock", "attached"):
            self.open(who)

    def close(self):
        for db in self.connections.values():
            db.close()
        self.twin.close()

    def pragmas(self, db):
        for name, value in self.world.schema.flags.items():
            db.execute(f"PRAGMA {name}={int(value)}")

    def open(self, who):
        if who in self.connections:
            self.connections[who].close()
        if who == "attached":
            db = connect(":memory:", extension=False)
            db.execute("ATTACH ? AS elsewhere", (self.path,))
        else:
            db = connect(self.path, extension=who == "ext")
        self.pragmas(db)
        db.execute("PRAGMA synchronous=OFF")
        self.connections[who] = db

    # ------------------------------------------------------------------------------------------------ statements

    def attempt(self, db, statement):
        try:
            rows = db.execute(statement).fetchall()
            return rows, db.execute("SELECT changes()").fetchone(), None
        except sqlite3.Error as error:
            return None, None, re.sub(r"\b(elsewhere|main)\.", "", str(error))

    def sql(self, who, statements):
        db = self.connections[who]
        for i, statement in enumerate(statements):
            if who == "attached" and re.match(r"(CREATE|DROP|ALTER|VACUUM|ANALYZE|REINDEX|PRAGMA)", statement):
                db = self.connections["stock"]
            self.acting = db
            mine, theirs = self.attempt(db, statement), self.attempt(self.twin, statement)
            is_write = re.match(r"INSERT|REPLACE|UPDATE|DELETE", statement)
            if statement.startswith("UPDATE") and self.depends_on_order(mine, theirs):
                continue
            if "PRAGMA" not in statement and (mine[2] != theirs[2] or mine[0] != theirs[0] or is_write and mine[1] != theirs[1]):
                raise Failure("writer", f"{who}: {statement}\n  with Almanac    {mine}\n  without Almanac {theirs}")
            if db.in_transaction and i % 2:
                self.compare(who, "within a transaction")
        for each in (db, self.twin):
            if each.in_transaction:
                each.execute("ROLLBACK")

    def depends_on_order(self, mine, theirs):
        """An UPDATE that meets a conflict half-way leaves what the order of its rows decides, which triggers may change.

        The twin then gets the rows that are there. Most conflicts have one row only and are compared."""
        table = self.world.schema.q(self.world.schema.table)
        names = ", ".join(["rowid"] * self.world.schema.has_rowid + self.world.schema.names().split(", "))
        read = lambda db: self.attempt(db, f"SELECT {names} FROM {table} ORDER BY 1, 2, 3")[0]
        db = self.acting
        if (mine[2] is None) == (theirs[2] is None) and read(db) == read(self.twin) or db.in_transaction != self.twin.in_transaction:
            return False
        self.counts["order"] += 1
        triggers = self.twin.execute("SELECT name, sql FROM sqlite_master WHERE type='trigger'").fetchall()
        for name, _ in triggers:
            self.twin.execute(f"DROP TRIGGER {name}")
        self.twin.execute("PRAGMA defer_foreign_keys=1")
        self.twin.execute(f"DELETE FROM {table}")
        self.twin.executemany(f"INSERT INTO {table}({names}) VALUES({', '.join('?' * len(names.split(', ')))})", read(db))
        for _, sql in triggers:
            self.twin.execute(sql)
        return True

    # ------------------------------------------------------------------------------------------------------ tool

    def judge(self, arguments, code, error):
        """Is it right that the tool ended like this?"""
        if code == 0 and not error.strip():
            return
        reasons = [line for line in error.strip().splitlines() if line.strip()]
        for line in reasons:
            name = re.search(r"(?:warning|-:\d+:\d+): (.*?):", line)
            kind = self.kinds.get(name.group(1), "") if name else ""
            if re.search("sum of its partitions|carry another one's", line) and kind and not re.search("whole|computed|case bucket", kind):
                raise Failure("disproof", f"almanac {' '.join(arguments)}: {line}\n{kind}")
        if reasons and all(any(re.search(p, line) for p in REFUSED) or self.is_notice(line) for line in reasons):
            self.counts["refused"] += 1
            self.refusals.append(error.strip())
            return
        raise Failure("tool " + re.sub(r'"[^"]*"|[0-9a-f]{8,}|[0-9]+|-:\S+ \S+|warning: .*?:', "", error)[-60:], f"almanac {' '.join(arguments)} ended with {code}: {error.strip()}")

    @staticmethod
    def is_notice(line):
        return "warning: " in line and ("no index" in line or "looks like milliseconds" in line or "mixed" in line)

    def tool(self, arguments, stdin=None):
        command = [arguments[0], self.path, *arguments[1:]]
        try:
            done = subprocess.run([TOOL, *command], input=stdin, capture_output=True, text=True, timeout=TIMEOUT_S)
        except subprocess.TimeoutExpired:
            raise Failure("slow", f"almanac {' '.join(arguments)} took more than {TIMEOUT_S} s\n{stdin or ''}")
        self.judge(arguments, done.returncode, done.stderr)
        return done.returncode, done.stdout

    def apply(self, declared):
        for name, definition in declared.items():
            self.kinds[name] = definition[0]
            # One at a time: a refused one would undo the others.
            code, _ = self.tool(["apply", "-"], text_of(name, definition))
            if code == 0:
                self.summaries[name] = definition

    def run_tool(self, arguments):
        code, out = self.tool(arguments)
        if code == 0 and arguments[0] in ("pause", "resume"):
            self.paused = arguments[0] == "pause"
        if code == 0 and arguments[0] == "resume" and "broken resume" in KNOWN:
            views = {n for n, in self.connections["stock"].execute("SELECT name FROM sqlite_master WHERE type='view'")}
            self.summaries = {n: d for n, d in self.summaries.items() if n in views}
        if code == 0 and arguments[0] == "drop":
            self.summaries.pop(arguments[1], None)
        if code == 0 and arguments == ["refresh"]:
            self.nothing_dirty()

    def nothing_dirty(self):
        """After a refresh of everything, with nobody else there, all is stored."""
        # Fewer than three partitions prove nothing; rows without a place on the axis then keep the summary whole.
        rows = self.connections["stock"].execute("SELECT name, dirty, last_error FROM almanac_status s WHERE NOT (dirty=1 AND EXISTS"
                                                 "(SELECT 1 FROM almanac_summary t WHERE t.name=s.name AND NOT t.proven AND t.kind<>'whole'))").fetchall()
        left = [row for row in rows if row[1] != 0 and not (row[1] is None and "status of whole" in KNOWN) or row[2] is not None]
        if left:
            raise Failure("dirty", f"after a refresh almanac_status has {left}")

    # ----------------------------------------------------------------------------------------------------- stops

    def stops(self, arguments, actions):
        out_r, out_w = os.pipe()
        in_r, in_w = os.pipe()
        errors = tempfile.TemporaryFile("w+")

        def descriptors():
            os.dup2(out_w, 208)
            os.dup2(in_r, 209)

        process = subprocess.Popen([TOOL, arguments[0], self.path, *arguments[1:]], stdout=subprocess.DEVNULL, stderr=errors, close_fds=False,
                                   preexec_fn=descriptors, env={**os.environ, "LD_PRELOAD": stops_library()})
        os.close(out_w)
        os.close(in_r)
        killed, n = False, 0
        try:
            while not killed:
                state = os.read(out_r, 1)
                if not state:
                    break
                self.counts["stops"] += 1
                action = actions.get(n)
                if action == "kill":
                    process.send_signal(signal.SIGKILL)
                    killed = True
                    self.counts["kills"] += 1
                elif action is not None:
                    self.halted(state, action)
                n += 1
                if not killed:
                    os.write(in_w, b".")
        finally:
            os.close(out_r)
            os.close(in_w)
            code = process.wait(60)
        errors.seek(0)
        error = errors.read()
        if not killed and not ("shape again" in KNOWN and re.search("no such table: almanac_|UNIQUE constraint failed: almanac_summary", error)):
            self.judge(arguments, code, error)

    def halted(self, state, action):
        """What happens while the tool stands still: others may write unless it holds a lock against them."""
        may_write = state == b"0" or state == b"1" and self.world.schema.journal == "WAL"
        if action != "check" and not may_write:
            return
        if action != "check":
            self.entry(action)
        self.compare_all("while a refresh stands still")

    # -------------------------------------------------------------------------------------------------- compare

    def inexact(self, who):
        """The summaries that call the extension: exact where it is loaded, after almanac_live()."""
        schema = "elsewhere." if who == "attached" else ""
        names = {n for n, in self.connections[who].execute(f"SELECT name FROM {schema}almanac_status WHERE exact<>'live'")}
        if who == "ext":
            self.connections["ext"].execute("SELECT almanac_live()").fetchall()
            return {n for n, in self.connections["ext"].execute("SELECT name FROM almanac_summary WHERE exact<>'live' AND live_sql IS NULL")}
        return names

    def compare(self, who, when):
        if self.paused or not self.summaries:
            return
        db = self.connections[who]
        fold = self.world.schema.folds_case
        inexact = self.inexact(who)
        for name, (kind, _, select) in self.summaries.items():
            if name in inexact:
                continue
            try:
                expected = self.twin.execute(select).fetchall()
            except sqlite3.Error:
                continue
            try:
                got = db.execute(f'SELECT * FROM "{name}"').fetchall()
            except sqlite3.Error as error:
                if str(error) == "integer overflow" and re.search(ZONES, select):
                    continue
                raise Failure("view", f"{who}: SELECT * FROM \"{name}\" {when}: {error}\n  {text_of(name, self.summaries[name])}")
            self.counts["comparisons"] += 1
            wrong = difference(got, expected, fold)
            if wrong:
                raise Failure("differs " + kind.split(":")[0], f"{who}: \"{name}\" {when} differs from its query: {wrong}\n{text_of(name, self.summaries[name])}")

    def compare_all(self, when):
        for who in ("ext", "stock"):
            self.compare(who, when)

    def compare_tables(self):
        schema = self.world.schema
        for table in (schema.q(schema.table), "sensors", "unrelated"):
            (mine, _, error), (theirs, _, _) = (self.attempt(db, f"SELECT * FROM {table}") for db in (self.connections["stock"], self.twin))
            if error is None and sorted(map(repr, mine)) != sorted(map(repr, theirs)):
                raise Failure("writer", f"{table} differs from the twin's:\n  {mine}\n  {theirs}")

    # ------------------------------------------------------------------------------------------------------ run

    def entry(self, entry):
        verb = entry[0]
        if verb == "sql":
            self.sql(*entry[1:])
        elif verb == "apply":
            self.apply(entry[1])
        elif verb == "tool":
            self.run_tool(entry[1])
        elif verb == "stops":
            self.stops(*entry[1:])
        elif verb == "reopen":
            self.open(entry[1])
        elif verb == "sabotage":
            entry[1](self)

    def run(self, entries, until=None):
        """Runs the entries; returns None or (index, Failure)."""
        ready = False
        for i, entry in enumerate(entries):
            if until and until():
                return None
            try:
                self.entry(entry)
                ready = ready or entry[0] == "apply"
                if ready:
                    self.compare_tables()
                    self.compare_all("after the step")
                self.counts["steps"] += 1
            except Failure as failure:
                return i, failure
        return None


_stops = []


def stops_library():
    if not _stops:
        path = os.path.join(BUILD, "tests", "stops.so")
        os.makedirs(os.path.dirname(path), exist_ok=True)
        source = os.path.join(HERE, "stops.c")
        if not os.path.exists(path) or os.path.getmtime(path) < os.path.getmtime(source):
            done = subprocess.run([os.environ.get("CC", "cc"), "-shared", "-fPIC", "-O1", "-o", path + f".{os.getpid()}", source, "-ldl"],
                                  capture_output=True, text=True)
            if done.returncode:
                raise RuntimeError(done.stderr)
            os.rename(path + f".{os.getpid()}", path)
        _stops.append(path)
    return _stops[0]


# -------------------------------------------------------------------------------------------------------- shrinking

def play(world, entries, until=None):
    """(counts, None or (index, Failure), refusals) of one run in a fresh directory."""
    with tempfile.TemporaryDirectory(prefix="almanac-") as directory:
        runner = Runner(world, directory)
        try:
            failed = runner.run(entries, until)
            return runner.counts, failed, runner.refusals
        finally:
            runner.close()


def shrink(world, entries, failure, until):
    """Fewer entries that fail in the same way."""
    def fails(candidate):
        failed = play(world, candidate)[1]
        return failed and failed[1].kind == failure.kind and (failed[0], failed[1])

    def parts(entries):
        size = max(1, len(entries) // 2)
        while size:
            i = 0
            while i < len(entries):
                if until():
                    return entries
                candidate = entries[:i] + entries[i + size:]
                found = candidate and fails(candidate)
                if found:
                    entries = candidate[:found[0] + 1]
                else:
                    i += size
            size //= 2
        return entries

    def inside(entries):
        """Statements of a list, definitions of a file, actions at stops."""
        for i, entry in enumerate(entries):
            for k in reversed(range(len(entry[-1]) if entry[0] in ("sql", "apply", "stops") else 0)):
                if until():
                    return entries
                last = entry[-1]
                rest = last[:k] + last[k + 1:] if isinstance(last, list) else {n: a for j, (n, a) in enumerate(last.items()) if j != k}
                candidate = entries[:i] + [entry[:-1] + (rest,)] + entries[i + 1:]
                if len(last) > 1 and fails(candidate):
                    entry, entries = candidate[i], candidate
        return entries

    entries = inside(parts(entries))
    return parts(entries) if not until() else entries


def log_of(world, entries):
    """The entries as a text that a person can follow and repeat by hand."""
    lines = [f"-- PRAGMA journal_mode={world.schema.journal}; {'; '.join(f'PRAGMA {k}={int(v)}' for k, v in world.schema.flags.items())}"]
    for entry in entries:
        if entry[0] == "sql":
            lines.append(f"-- {entry[1]}\n" + "\n".join(s + ";" for s in entry[2]))
        elif entry[0] == "apply":
            lines.append("-- almanac apply DB -\n" + "".join(text_of(n, d) for n, d in entry[1].items()).rstrip())
        elif entry[0] == "tool":
            lines.append(f"-- almanac {entry[1][0]} DB {' '.join(entry[1][1:])}")
        else:
            lines.append(f"-- {entry}")
    return "\n".join(lines)
