"""Random worlds for the stepper: schemas, definitions and steps, all from one seed.

A world is a list of entries that can be run again, each on its own, so that a failing one can be cut down:

    ("sql", who, [statement, ...])       run on one of the connections, and on the twin
    ("apply", {name: (options, select)}) declared in one definitions file
    ("tool", [argument, ...])            the tool on the database
    ("race", [([argument, ...], {name: (options, select)}), ...], [move, ...])
                                         runs of the tool that overlap; a move is ("move", run, boundaries),
                                         ("commit", run, commits), ("kill", run) or ("do", entry)
    ("alter", statement, statement)      a rename, where SQLite takes it, and what undoes it
    ("reopen", who)

Statements don't depend on what is in the tables: they choose from small pools, so that they meet.
"""
import random

from chance import BOUNDARIES_MAX, one_of
from definitions import Definitions
from schemas import Schema


class World:
    """All entries of one seed: `setup` first, then `steps`."""
    definitions_class = Definitions

    def __init__(self, seed, n_steps):
        r = self.r = random.Random(seed)
        self.schema = s = Schema(r)
        self.writes_dimension = r.random() < 0.6 or s.foreign
        self.definitions = self.definitions_class(s, self.writes_dimension)
        self.declared = {}  # name: definition
        self.paused = False
        self.schema_statements = list(s.statements())
        self.setup = [("sql", "stock", [statement]) for statement in self.schema_statements]
        self.setup += [("sql", "stock", [statement]) for statement in s.fill()]
        self.setup.append(self.apply(r.choice([1, 2, 4, 6])))
        if r.random() < 0.9:
            self.setup.append(("tool", ["refresh"]))
        self.steps = []
        while len(self.steps) < n_steps:
            step = self.step()
            if isinstance(step, list):
                self.steps += step
                continue
            self.steps.append(step)
            if step[0] == "race" and any(run[0] == ["pause"] for run in step[1]):
                self.steps.append(("tool", ["resume"]))

    def apply(self, n):
        declared = {}
        for _ in range(n):
            name = self.definitions.name()
            declared[name] = self.definitions.one(name, list(self.declared) + list(declared))
        self.declared.update(declared)
        names = list(declared)
        self.r.shuffle(names)
        return ("apply", {name: declared[name] for name in names})

    def who(self):
        return self.r.choice(["ext", "stock", "stock", "attached"])

    def transaction(self):
        r, s = self.r, self.schema
        statements = [r.choice(["BEGIN", "BEGIN IMMEDIATE"])]
        saved = 0
        for _ in range(r.randrange(1, 7)):
            chance = r.random()
            if chance < 0.15:
                statements.append("SAVEPOINT a")
                saved += 1
            elif chance < 0.3 and saved:
                statements.append("ROLLBACK TO a")
            elif chance < 0.4 and saved:
                statements.append("RELEASE a")
                saved -= 1
            else:
                statements.append(s.write())
        return ("sql", self.who(), statements + [r.choice(["COMMIT", "COMMIT", "ROLLBACK"])])

    def refresh(self, in_race=False):
        r = self.r
        arguments = ["refresh"]
        if self.declared and r.random() < 0.25:
            arguments.append(r.choice(list(self.declared)))
        if r.random() < 0.1:
            arguments.append("--full")
        if r.random() < 0.2:
            arguments += ["--lock-ms", "1"]
        if r.random() < 0.04:
            arguments += ["--max-time", r.choice(["1ms", "5ms"])]
        if r.random() < 0.08:
            arguments += ["--every", "1ms"] if in_race else ["--jobs", r.choice(["2", "3"])]
        return ("tool", arguments)

    def race(self):
        """Runs of the tool that overlap, are halted between their transactions, where others write, and are killed."""
        r = self.r
        runs = [self.run() for _ in range(r.choice([1, 2, 2, 3]))]
        moves = []
        for _ in range(r.choice([2, 5, 12])):
            run = r.randrange(len(runs))
            kind = one_of(r, {"move": 6, "commit": 4, "run": 2, "write": 6, "rebuild": 0.3, "kill": 2})
            moves.append({
                "move": lambda: ("move", run, r.choice([1, 2, 3, 5, 9, 20, 40])), "commit": lambda: ("commit", run, r.choice([1, 1, 2, 4])),
                "kill": lambda: ("kill", run), "run": lambda: ("move", run, BOUNDARIES_MAX),
                "write": lambda: ("do", ("sql", self.who(), [self.schema.write() for _ in range(r.choice([1, 3]))])),
                "rebuild": lambda: ("do", self.rebuild())}[kind]())
        return ("race", runs, moves)

    def run(self):
        """(arguments, definitions) of a run of the tool that overlaps with others."""
        kind = one_of(self.r, {"refresh": 12, "verify": 1, "apply": 1, "redefine": 1, "drop": 1, "pause": 1})
        verb, operand = {"refresh": lambda: self.refresh(True), "apply": lambda: self.apply(1), "redefine": self.redefine, "drop": self.drop,
                         "verify": self.verify, "pause": lambda: ("tool", ["pause"])}[kind]()
        return (["apply", "-"], operand) if verb == "apply" else (operand, {})

    def verify(self):
        """Nothing was done behind our back, so it finds nothing."""
        r = self.r
        return ("tool", ["verify"] + r.choice([[], [], ["--sample", "40%"], [r.choice(list(self.declared) or ["none"])]]))

    def apply_again(self):
        return self.apply(1) if len(self.declared) < 9 else ("tool", ["status"])

    def drop(self):
        if len(self.declared) < 2:
            return self.refresh()
        name = self.r.choice(list(self.declared))
        del self.declared[name]
        return ("tool", ["drop", name])

    def redefine(self):
        """Another definition under the name of one that exists."""
        if not self.declared:
            return self.refresh()
        name = self.r.choice(list(self.declared))
        if self.r.random() < 0.5:
            self.declared[name] = self.definitions.alike(name, self.declared[name])
        else:
            # Not over one that came later: those may read this one.
            older = list(self.declared)[:list(self.declared).index(name)]
            self.declared[name] = self.definitions.one(name, older)
        return ("apply", {name: self.declared[name]})

    def pause(self):
        self.paused = not self.paused
        return ("tool", ["pause" if self.paused else "resume"])

    def neutral(self):
        r, table = self.r, self.schema.q(self.schema.table)
        s = self.schema
        steps = {"VACUUM": 2, "ANALYZE": 2, "REINDEX": 1, "CREATE TABLE IF NOT EXISTS other(a)": 1, "DROP TABLE IF EXISTS other": 1,
                 f"CREATE INDEX IF NOT EXISTS by_time ON {table}({s.q(s.ts)})": 2, "DROP INDEX IF EXISTS by_time": 2,
                 "DROP INDEX IF EXISTS by_key": 1, "PRAGMA wal_checkpoint(TRUNCATE)": 1,
                 f"CREATE UNIQUE INDEX IF NOT EXISTS late_unique ON {table}({s.q(s.note)}, {s.q(s.k)})": 2, "DROP INDEX IF EXISTS late_unique": 1,
                 f"ALTER TABLE {table} ADD COLUMN more TEXT": 1, "INSERT INTO unrelated VALUES(" + str(r.randrange(1, 20)) + ", 2)": 3,
                 "DELETE FROM unrelated": 1, f"CREATE TRIGGER IF NOT EXISTS app_late AFTER INSERT ON {table} BEGIN INSERT INTO unrelated VALUES(1, 1); END": 1,
                 "DROP TRIGGER IF EXISTS app_late": 1}
        statement = one_of(r, steps)
        if statement.startswith("ALTER") and self.definitions_use_star():
            statement = "ANALYZE"
        return ("sql", "stock", [statement])

    def rebuild(self):
        """The table is copied, dropped and put back, as migrations do it and pandas' to_sql, without a word to Almanac."""
        r, table = self.r, self.schema.q(self.schema.table)
        create = next(c for c in self.schema_statements if c.startswith("CREATE TABLE " + table))
        hung_on = [c for c in self.schema_statements if c.startswith(("CREATE INDEX", "CREATE UNIQUE INDEX", "CREATE TRIGGER"))]
        names = self.schema.names()
        order = "rowid" if self.schema.has_rowid else "id"
        # Without their collation keys would be others.
        if r.random() < 0.3 and not self.schema.folds_case:
            statements = [f"CREATE TABLE rebuilt AS SELECT {names} FROM {table} ORDER BY {order}", f"DROP TABLE {table}",
                          f"CREATE TABLE {table} AS SELECT * FROM rebuilt", "DROP TABLE rebuilt"]
        else:
            statements = [create.replace(table, "rebuilt", 1), f"INSERT INTO rebuilt({names}) SELECT {names} FROM {table} ORDER BY {order}",
                          f"DROP TABLE {table}", f"ALTER TABLE rebuilt RENAME TO {table}", *hung_on]
        return ("sql", "stock", ["PRAGMA foreign_keys=0", "PRAGMA legacy_alter_table=1", "BEGIN", *statements, "COMMIT", "PRAGMA legacy_alter_table=0",
                                 f"PRAGMA foreign_keys={int(self.schema.foreign)}"])

    def rename(self):
        """There and back, for the other statements know the first name only."""
        r, s = self.r, self.schema
        table = s.q(s.table)
        column = s.q(r.choice([s.ts, s.k, s.k2, s.v, s.note]))
        there, back = r.choice([(f"ALTER TABLE {table} RENAME COLUMN {column} TO renamed", f"ALTER TABLE {table} RENAME COLUMN renamed TO {column}"),
                                (f"ALTER TABLE {table} RENAME TO renamed", f"ALTER TABLE renamed RENAME TO {table}")])
        return [("alter", there, back), *[r.choice([self.refresh, self.verify])() for _ in range(r.choice([0, 1, 1, 2]))], ("alter", back, there)]

    def definitions_use_star(self):
        return True  # `*` in a definition means the columns of when it was declared

    def step(self):
        r, s = self.r, self.schema
        if self.paused and r.random() < 0.5:
            return self.pause()
        kinds = {"write": 50, "transaction": 12, "dimension": 8 if self.writes_dimension else 0, "refresh": 10, "race": 9, "apply": 2,
                          "drop": 1, "redefine": 1, "pause": 1, "neutral": 4, "rebuild": 1, "rename": 1, "reopen": 1, "status": 1, "plan": 1, "verify": 2}
        kind = one_of(r, kinds)
        if self.paused and kind in ("refresh", "race", "apply", "drop", "redefine", "plan", "verify", "rename"):
            kind = "write"
        return {
            "write": lambda: ("sql", self.who(), [s.write()]), "transaction": self.transaction,
            "dimension": lambda: ("sql", self.who(), [s.dimension_step()]), "refresh": self.refresh, "race": self.race,
            "apply": self.apply_again, "drop": self.drop, "redefine": self.redefine, "pause": self.pause, "neutral": self.neutral, "rebuild": self.rebuild, "rename": self.rename, "verify": self.verify,
            "reopen": lambda: ("reopen", r.choice(["ext", "stock", "attached"])), "status": lambda: ("tool", ["status"]),
            "plan": lambda: ("tool", ["plan", r.choice(list(self.declared))]) if self.declared else ("tool", ["status"]),
        }[kind]()
