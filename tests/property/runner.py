"""Runs a world of model.py and compares every summary's name with its query after every step.

Beside the database stands a twin: the same tables in memory, without Almanac, and a plain view for each summary.
Every statement runs on both, must succeed or fail on both with the same words, and leaves the same rows; the query is
evaluated on the twin. Nobody moves but us: refreshes that overlap are halted at the boundaries of their transactions
(actor.py) and moved on one at a time.
"""
import itertools
import os
import re
import sqlite3
import subprocess
import traceback

from actor import Actor, Stuck
from almanac import TOOL, connect
from comparison import difference
from chance import BOUNDARIES_MAX, KNOWN
from definitions import reads, text_of

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
    r"the schema has changed since it was declared: its SELECT gives other columns now, or its source has other types",
    r"don't nest in these",
    r"WITH \(partition = .*\): no table of the SELECT has that column",
    r"of which only time_bucket\(width, its bucket\) makes partitions",
    r"its source .* is a summary without a bucket in its result",
    r"can't be dropped, for the summary .* reads it",
    r"is paused; run almanac resume first",
    r"there is no summary",  # its apply was refused
]


# Buckets in a zone are known for the years around those of the rows; a read of others fails until the next refresh.
ZONES = "Europe/|America/|Australia/"

NAMED = r"(?:warning|\d+:\d+): (.*?):"  # a message about a summary

TIMEOUT_S = float(os.environ.get("ALMANAC_TIMEOUT_S", 15))  # for what takes some hundredths
ROUNDS_MAX = 1000  # in which runs of the tool that wait for each other must end


def parents_first(declared):
    """The names in an order in which each comes after those that it reads."""
    names, waiting = [], dict(declared)
    while waiting:
        ready = [n for n in waiting if not any(reads(waiting[n], other) for other in waiting if other != n)] or list(waiting)
        names += ready
        for name in ready:
            del waiting[name]
    return names


class Failure(Exception):
    """What went wrong, at which entry. `kind` stays the same while the log is cut down."""

    def __init__(self, kind, message):
        super().__init__(message)
        self.kind = kind


# --------------------------------------------------------------------------------------------------------- runner

class Runner:
    def __init__(self, world, directory):
        self.world = world
        self.path = os.path.join(directory, "world.db")
        self.summaries = {}   # name: (kind, options, select), as far as they were accepted
        self.tried = {}       # all that were declared or refused
        self.paused = False
        self.expected = {}    # name: what its query gave on the twin, as of the twin's version
        self.version = 0      # of the twin: changes with every statement
        self.not_exact = {}   # connection: the summaries whose names give the rows of the last refresh
        self.actors = []      # of the race that is on
        self.unknown = set()  # those of them that may have changed which definitions there are
        self.reader = itertools.cycle(["stock", "ext", "stock", "ext", "attached"])
        self.counts = {"steps": 0, "comparisons": 0, "unanswered": 0, "refused": 0, "boundaries": 0, "kills": 0, "order": 0, "locked": 0}
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
        db.execute("PRAGMA busy_timeout=0")  # nobody moves while we wait
        self.connections[who] = db
        self.not_exact.pop(who, None)

    # ------------------------------------------------------------------------------------------------ statements

    def attempt(self, db, statement):
        try:
            rows = db.execute(statement).fetchall()
            return rows, db.execute("SELECT changes()").fetchone(), None
        except sqlite3.Error as error:
            # What an INSERT OR FAIL had inserted could not be committed: the message is that of the constraint, the code is SQLITE_BUSY.
            if isinstance(error, sqlite3.OperationalError) and "constraint failed" in str(error):
                return None, None, "database is locked"
            return None, None, re.sub(r"\b(elsewhere|main)\.", "", str(error))

    def sql(self, who, statements):
        db = self.connections[who]
        for i, statement in enumerate(statements):
            if who == "attached" and re.match(r"(CREATE|DROP|ALTER|VACUUM|ANALYZE|REINDEX|PRAGMA)", statement):
                db = self.connections["stock"]
            self.acting = db
            mine = self.attempt(db, statement)
            if mine[2] == "database is locked" and self.actors:
                self.counts["locked"] += 1
                continue
            theirs = self.attempt(self.twin, statement)
            self.version += 1
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
                self.version += 1

    def depends_on_order(self, mine, theirs):
        """An UPDATE that meets a conflict half-way leaves what the order of its rows decides, which triggers may change.

        The twin then gets the rows that are there. Most conflicts have one row only and are compared."""
        table = self.world.schema.q(self.world.schema.table)
        names = ", ".join(["rowid"] * self.world.schema.has_rowid + self.world.schema.names().split(", "))
        read = lambda db: self.attempt(db, f"SELECT {names} FROM {table} ORDER BY 1, 2, 3")[0]
        db = self.acting
        # Which of two unique constraints is said to fail, the first row that meets one decides.
        same = mine[2] == theirs[2] or (mine[2] is None) == (theirs[2] is None) and not all("UNIQUE" in each[2] for each in (mine, theirs))
        if same and read(db) == read(self.twin) or db.in_transaction != self.twin.in_transaction:
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

    def judge(self, arguments, code, error, applied=()):
        """Is it right that the tool ended like this?"""
        if code == 0 and not error.strip():
            return
        reasons = [line for line in error.strip().splitlines() if line.strip()]
        for line in reasons:
            name = re.search(NAMED, line)
            kind = self.tried[name.group(1)][0] if name and name.group(1) in self.tried else ""
            if re.search("sum of its partitions|carry another one's", line) and kind and not re.search("whole|computed|case bucket|with root", kind):
                raise Failure("disproof", f"almanac {' '.join(arguments)}: {line}\n{kind}")
        if reasons and all(any(re.search(p, line) for p in REFUSED) or self.is_notice(line) or self.is_beyond_zone(line) or self.has_no_answer(line, applied) for line in reasons):
            self.counts["refused"] += 1
            self.refusals.append(error.strip())
            return
        raise Failure("tool " + re.sub(r'"[^"]*"|[0-9a-f]{8,}|[0-9]+|-:\S+ \S+|warning: .*?:', "", error)[-60:], f"almanac {' '.join(arguments)} ended with {code}: {error.strip()}")

    def has_no_answer(self, line, applied):
        """Is it about a query that SQLite refuses as well, for what it reads was declared anew, or would be by what is applied?"""
        name = re.search(NAMED, line)
        if not name or not re.search("no such column|misuse of", line):
            return False
        for definitions in (self.summaries, self.tried):
            _, _, select, *parents = definitions.get(name.group(1), (None, None, "SELECT 1"))
            if any(parent in applied for parent in parents) or self.attempt(self.twin, f"SELECT * FROM ({select}) LIMIT 0")[2]:
                return True
        return False

    @staticmethod
    def is_notice(line):
        return "warning: " in line and ("no index" in line or "looks like milliseconds" in line or "mixed" in line)

    def is_beyond_zone(self, line):
        """A year that came after the refresh had looked for new ones: the next refresh knows it."""
        found = re.fullmatch("almanac: warning: (.*): integer overflow", line)
        return found and found.group(1) in self.summaries and re.search(ZONES, self.lineage(found.group(1)))

    def tool(self, arguments, stdin=None, applied=()):
        command = [arguments[0], self.path, *arguments[1:]]
        try:
            done = subprocess.run([TOOL, *command], input=stdin, capture_output=True, text=True, timeout=TIMEOUT_S)
        except subprocess.TimeoutExpired:
            raise Failure("slow", f"almanac {' '.join(arguments)} took more than {TIMEOUT_S} s\n{stdin or ''}")
        self.not_exact.clear()
        self.judge(arguments, done.returncode, done.stderr, applied)
        return done.returncode, done.stdout

    def apply(self, declared):
        """All in one file as it stands; where that is refused each for itself, so that one doesn't undo the others."""
        for name, definition in declared.items():
            self.tried[name] = definition
        declared = {n: d for n, d in declared.items() if all(parent in self.summaries or parent in declared for parent in d[3:])}
        if len(declared) > 1 and self.tool(["apply", "-"], "".join(text_of(*each) for each in declared.items()), declared)[0] == 0:
            self.declare(declared)
            return
        for name in parents_first(declared):
            if all(parent in self.summaries for parent in declared[name][3:]) and self.tool(["apply", "-"], text_of(name, declared[name]), [name])[0] == 0:
                self.declare({name: declared[name]})

    def declare(self, declared):
        for name, definition in declared.items():
            self.forget(name)
            self.summaries[name] = definition
            if not self.paused:
                self.twin.execute(f'CREATE VIEW "{name}" AS {definition[2]}')

    def alter(self, there, back):
        """A rename. SQLite refuses some where there are views; ordinary ones of the same SELECTs are in its way on the twin."""
        if self.paused or self.summaries and self.inexact("stock"):
            return  # nothing follows it then
        mine, theirs = (self.attempt(db, there)[2] for db in (self.connections["stock"], self.twin))
        self.version += 1
        if theirs is None and mine is not None:
            raise Failure("rename", f"{there}\n  with Almanac    {mine}\n  without Almanac {theirs}")
        if (mine is None) != (theirs is None):
            self.counts["refused"] += 1
            undone = self.attempt(self.twin if theirs is None else self.connections["stock"], back)[2]
            if undone:
                raise Failure("rename", f"{back} after {there}: {undone}")

    def park(self, paused):
        """A pause takes the names away, also on the twin, where they would be in the way of a rebuild as well."""
        if paused == self.paused:
            return
        self.paused = paused
        for name, definition in self.summaries.items():
            self.twin.execute(f'DROP VIEW "{name}"' if paused else f'CREATE VIEW "{name}" AS {definition[2]}')

    def forget(self, name):
        self.version += 1
        self.summaries.pop(name, None)
        self.twin.execute(f'DROP VIEW IF EXISTS "{name}"')

    def run_tool(self, arguments):
        code, out = self.tool(arguments)
        if code == 0 and arguments[0] in ("pause", "resume"):
            self.park(arguments[0] == "pause")
        if code == 0 and arguments[0] == "resume" and "broken resume" in KNOWN:
            views = {n for n, in self.connections["stock"].execute("SELECT name FROM sqlite_master WHERE type='view'")}
            for name in set(self.summaries) - views:
                self.forget(name)
        if code == 0 and arguments[0] == "drop":
            self.forget(arguments[1])
        if code == 0 and arguments[0] == "refresh" and not any(name in arguments for name in self.tried) and "--max-time" not in arguments:
            self.nothing_dirty()

    def nothing_dirty(self):
        """After a refresh of everything, with nobody else there, all is stored."""
        # Fewer than three partitions prove nothing; rows without a place on the axis then keep the summary whole.
        rows = self.connections["stock"].execute("SELECT name, dirty, last_error FROM almanac_status s WHERE NOT (dirty=1 AND EXISTS"
                                                 "(SELECT 1 FROM almanac_summary t WHERE t.name=s.name AND NOT t.proven AND t.kind<>'whole'))").fetchall()
        left = [row for row in rows if row[1] != 0 and not (row[1] is None and "status of whole" in KNOWN) or row[2] is not None]
        if left:
            raise Failure("dirty", f"after a refresh almanac_status has {left}")

    # ------------------------------------------------------------------------------------------------------ race

    def race(self, runs, moves):
        """Runs of the tool that overlap: `moves` says who goes on when, and what others do meanwhile."""
        actors = {}
        self.actors = actors.values()
        try:
            for verb, *operands in moves:
                if verb == "do":
                    self.meanwhile(operands[0])
                elif verb == "kill":
                    self.kill(actors.get(operands[0]))
                else:
                    number, boundaries = operands
                    if number not in actors:
                        actors[number] = self.begin(*runs[number])
                    # One that stays has no end.
                    self.advance(actors[number], min(boundaries, 60) if "--every" in runs[number][0] else boundaries, verb == "commit")
            self.run_out(list(actors.values()))
        except Stuck as stuck:
            raise Failure("slow", str(stuck))
        finally:
            for actor in actors.values():
                if actor.alive:
                    actor.kill()
            self.actors = []
        for actor in actors.values():
            self.unknown.add(actor)
        self.keep_up()
        for actor in actors.values():
            if actor.arguments[0] == "verify" and re.search("no such table: main.almanac_", actor.error) and any(run[0][0] in ("pause", "drop", "apply") for run in runs):
                continue  # what it verifies was taken away; the next run verifies what there is then
            if not actor.killed and not ("shape again" in KNOWN and re.search("no such table: almanac_|UNIQUE constraint failed: almanac_summary", actor.error)):
                self.judge(actor.arguments, actor.code, actor.error, actor.declared)

    def begin(self, arguments, declared):
        for name, definition in declared.items():
            self.tried[name] = definition
        declared = {n: d for n, d in declared.items() if all(parent in self.summaries for parent in d[3:])}
        actor = Actor(self.path, arguments, "".join(text_of(*each) for each in declared.items()))
        actor.declared = declared
        return actor

    def keep_up(self):
        """After commits of runs that declare, drop or park: which definitions count now? Only the database can tell."""
        while self.unknown:
            actor = next(iter(self.unknown))
            if actor.arguments[0] != "refresh":
                self.keep_up_with(actor, lambda sql: self.connections["stock"].execute(sql).fetchall())
            self.unknown.discard(actor)

    def keep_up_with(self, actor, read):
        # With the last summary all tables go.
        stored = {name.lower(): text for name, text in read("SELECT name, definition FROM almanac_summary")} if read(
            "SELECT 1 FROM sqlite_master WHERE name='almanac_summary'") else {}
        for name, definition in actor.declared.items():
            if stored.get(name.lower(), "").strip() == text_of(name, definition).strip().rstrip(";"):
                self.declare({name: definition})
        if actor.arguments[0] == "drop" and actor.arguments[1].lower() not in stored:
            self.forget(actor.arguments[1])
        if actor.arguments[0] == "pause" and stored and read("SELECT value FROM almanac_setting WHERE name='paused'") == [(1,)]:
            self.park(True)

    def advance(self, actor, boundaries, to_commit):
        """By that many boundaries, or commits; no further than to where it waits for another one."""
        while actor.alive and boundaries > 0:
            committed = actor.move()
            self.counts["boundaries"] += 1
            boundaries -= committed if to_commit else 1
            if committed:
                self.look(actor)
                self.counts["steps"] += 1
            if actor.waits:
                return

    def look(self, actor):
        """What readers see after a commit."""
        self.not_exact.clear()
        self.unknown.add(actor)
        self.compare(next(self.reader), "at a boundary of a refresh")

    def run_out(self, actors):
        for actor in actors:
            if actor.alive and "--every" in actor.arguments:
                actor.process.terminate()
        for _ in range(ROUNDS_MAX):
            for actor in actors:
                self.advance(actor, BOUNDARIES_MAX, False)
            if not any(actor.alive for actor in actors):
                return
        raise Failure("slow", "runs of the tool wait for each other: " + "; ".join(f"{' '.join(a.arguments)}: {a.holds}" for a in actors if a.alive))

    def kill(self, actor):
        if actor and actor.alive:
            actor.kill()
            self.counts["kills"] += 1
            self.unknown.add(actor)
            self.not_exact.clear()
            # Nobody can roll a dead one's journal back while another run reads, nor read while one waits to commit.
            if self.world.schema.journal == "WAL" or not any(other.holds or other.waits for other in self.actors):
                self.compare(next(self.reader), "after a kill")

    def meanwhile(self, entry):
        """Others may write while the runs stand still, unless one of them holds a lock against that."""
        # One that waits may be in the middle of a statement that writes.
        held = max((max(actor.holds, actor.waits) for actor in self.actors), default=0)
        if held < (2 if self.world.schema.journal == "WAL" else 1):
            self.entry(entry)
            self.compare(next(self.reader), "while a refresh stands still")
            self.counts["steps"] += 1

    # -------------------------------------------------------------------------------------------------- compare

    def inexact(self, who):
        """The summaries that call the extension: exact where it is loaded, after almanac_live()."""
        if who not in self.not_exact:
            db, schema = self.connections[who], "elsewhere." if who == "attached" else ""
            if who == "ext":
                db.execute("SELECT almanac_live()").fetchall()
            self.not_exact[who] = {n for n, in db.execute(f"SELECT name FROM {schema}almanac_summary WHERE exact<>'live'{' AND live_sql IS NULL' * (who == 'ext')}")}
        return self.not_exact[who]

    def query(self, name):
        """The rows of the name's query on the twin, or None where it has no answer."""
        version, rows = self.expected.get(name, (None, None))
        if version != self.version:
            try:
                rows = self.twin.execute(f'SELECT * FROM "{name}"').fetchall()
            except sqlite3.Error:
                rows = None
                self.counts["unanswered"] += 1
            if not self.twin.in_transaction:
                self.expected[name] = self.version, rows
        return rows

    def compare(self, who, when):
        db = self.connections[who]
        try:
            self.keep_up()
            if self.paused or not self.summaries:
                return
            inexact = self.inexact(who)
            for name in self.summaries:
                expected = self.query(name)
                if name not in inexact and expected is not None:
                    self.compare_one(who, db, name, expected, when)
        except sqlite3.OperationalError as error:
            # In rollback mode a writer that waits for readers lets no new ones in.
            excused = any(actor.holds or actor.waits or "--jobs" in actor.arguments for actor in self.actors)  # what --jobs forks isn't halted
            if not str(error).endswith("database is locked") or not excused or self.world.schema.journal == "WAL":
                raise
            self.counts["locked"] += 1

    def compare_one(self, who, db, name, expected, when):
        kind = self.summaries[name][0]
        try:
            got = db.execute(f'SELECT * FROM "{name}"').fetchall()
        except sqlite3.Error as error:
            if str(error) == "integer overflow" and re.search(ZONES, self.lineage(name)):
                return
            if str(error) == "database is locked":
                raise
            raise Failure("view", f"{who}: SELECT * FROM \"{name}\" {when}: {error}\n  {self.lineage(name)}")
        self.counts["comparisons"] += 1
        wrong = difference(got, expected, self.world.schema.folds_case)
        if wrong:
            raise Failure("differs " + kind.split(":")[0], f"{who}: \"{name}\" {when} differs from its query: {wrong}\n{self.lineage(name)}")

    def lineage(self, name):
        """The definition, after those that it reads."""
        definition = self.summaries[name]
        return "".join(self.lineage(parent) for parent in self.summaries if parent != name and reads(definition, parent)) + text_of(name, definition)

    def compare_all(self, when):
        for who in ("ext", "stock"):
            self.compare(who, when)

    def compare_tables(self):
        schema = self.world.schema
        for table in (schema.q(schema.table), "sensors", "unrelated"):
            (mine, _, error), (theirs, _, _) = (self.attempt(db, f"SELECT * FROM {table}") for db in (self.connections["stock"], self.twin))
            if error is None and repr(mine) != repr(theirs) and sorted(map(repr, mine)) != sorted(map(repr, theirs)):
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
        elif verb == "race":
            self.race(*entry[1:])
        elif verb == "reopen":
            self.open(entry[1])
        elif verb == "alter":
            self.alter(*entry[1:])
        elif verb == "sabotage":
            entry[1](self)

    def run(self, entries, until=None):
        """Runs the entries; returns None or (index, Failure). The readers take turns, and all read at the end."""
        ready = False
        for i, entry in enumerate(entries):
            if until and until():
                return None
            try:
                self.entry(entry)
                ready = ready or entry[0] == "apply"
                if ready and entry[0] == "sql":
                    self.compare_tables()
                if ready and (entry[0] != "sql" or i == len(entries) - 1):
                    self.compare_all("after the step")
                elif ready:
                    self.compare(next(self.reader), "after the step")
                self.counts["steps"] += 1
            except Failure as failure:
                return i, failure
            except sqlite3.Error:
                return i, Failure("stepper", traceback.format_exc())
        return None
