"""Random worlds for the stepper: schemas, definitions and steps, all from one seed.

A world is a list of entries that can be run again, each on its own, so that a failing one can be cut down:

    ("sql", who, [statement, ...])       run on one of the connections, and on the twin
    ("apply", {name: (options, select)}) declared in one definitions file
    ("tool", [argument, ...])            the tool on the database
    ("stops", [argument, ...], {n: entry or "kill" or "check"})   the tool, halted at its n-th change of transaction
    ("reopen", who)

Statements don't depend on what is in the tables: they choose from small pools, so that they meet.
"""
import random
import time as clock

BASE_S = 1704067200  # 2024-01-01 00:00:00, a Monday

# What the README's limits leave out: years beyond 9999, text among the numbers of a time column, and arms of a UNION ALL
# whose columns differ in affinity, in a whole summary.
LIMITS = {"far years", "text among numbers", "text of arm", "null bucket arm"}

# Features that the generator leaves out because of a bug that is known and reported: {feature: bug}.
KNOWN = {
    "broken resume": "P38: after pause and resume, a summary whose times can't be told any more has no view",
    "status of whole": "P40: almanac_status.dirty is NULL for a summary that became whole at a refresh",
    "shape again": "P28: a refresh beside another one that finds another shape of the times fails, and the next one goes on",
}


def one_of(r, weighted):
    """A key of {key: weight}, without those that KNOWN or LIMITS list."""
    keys = [k for k in weighted if k not in KNOWN and k not in LIMITS and weighted[k]]
    return r.choices(keys, [weighted[k] for k in keys])[0]


def literal(value):
    if value is None:
        return "NULL"
    if isinstance(value, bytes):
        return f"x'{value.hex()}'"
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    if value in (float("inf"), float("-inf")):
        return "9e999" if value > 0 else "-9e999"
    return repr(value)


# ---------------------------------------------------------------------------------------------------------- times

def iso(seconds, separator=" "):
    days, rest = divmod(int(seconds), 86400)
    import datetime
    day = datetime.date(1970, 1, 1) + datetime.timedelta(days=days)
    return f"{day.year:04d}-{day.month:02d}-{day.day:02d}{separator}{rest // 3600:02d}:{rest // 60 % 60:02d}:{rest % 60:02d}"


def with_fraction(r, text, chance, suffix=""):
    return text + (f".{r.choice(['5', '000001', '123456', '999999', '250'])}" if r.random() < chance else "") + suffix


class Times:
    """How a world's time column is declared and what it holds."""
    SHAPES = {
        "int": (["INTEGER", "INT", "BIGINT", "TIMESTAMP"], lambda r, s: s),
        "ms": (["INTEGER", "BIGINT"], lambda r, s: s * 1000 + r.choice([0, 1, 500, 999])),
        "us": (["INTEGER"], lambda r, s: s * 1000000 + r.choice([0, 1, 999999])),
        "real": (["REAL", "DOUBLE"], lambda r, s: s + r.choice([0.0, 0.25, 0.5, 0.75])),
        "mixed": (["NUMERIC", ""], lambda r, s: s + r.choice([0, 0, 0.5])),
        "sqlalchemy": (["DATETIME", "TIMESTAMP", "TEXT"], lambda r, s: iso(s) + f".{r.choice([0, 1, 123456, 999999]):06d}"),
        "pandas": (["TIMESTAMP", "TEXT"], lambda r, s: with_fraction(r, iso(s), 0.1)),
        "django": (["datetime"], lambda r, s: with_fraction(r, iso(s), 0.5)),
        "T": (["TEXT", "VARCHAR(30)", ""], lambda r, s: with_fraction(r, iso(s, "T"), 0.2)),
        "TZ": (["TEXT", "DATETIME"], lambda r, s: with_fraction(r, iso(s, "T"), 0.3, "Z")),
        "+00:00": (["TEXT", "TIMESTAMP"], lambda r, s: with_fraction(r, iso(s), 0.3, "+00:00")),
        "date": (["DATE", "TEXT"], lambda r, s: iso(s)[:10]),
    }
    WEIGHTS = {"int": 5, "ms": 2, "us": 1, "real": 2, "mixed": 1, "sqlalchemy": 2, "pandas": 1, "django": 2, "T": 1, "TZ": 2,
               "+00:00": 2, "date": 1}
    SPREADS_S = [7200, 86400, 3 * 86400, 40 * 86400, 800 * 86400]
    ODD_NUMBERS = [-1, -3600, -86400 * 400, 0, 4102444800, 253402300799, 253402300800, 10**12 + 1]
    ODDEST_NUMBERS = [float("inf"), float("-inf"), 2**63 - 1, -2**63, 1e18, 9.3e18, "junk", "", b"", b"\x00"] + ["2024-01-01"] * ("text among numbers" not in LIMITS)
    ODD_TEXTS = ["1969-12-31 23:59:59", "0001-01-01 00:00:00", "9999-12-31 23:59:59", "2024-02-29 12:00:00"]
    ODDEST_TEXTS = ["", "junk", "2024-01-01 10:00", "2024-13-45 99:99:99", "2024-01-01 24:00:00", "2024-02-30 10:00:00",
                    "10000-01-01 00:00:00", " 2024-01-01 10:00:00", "2024-01-01T10:00:00+02:00", "2024-01-01 10:00:00.",
                    "2024-01-01 10:00:00.12x", "2024-01-01 10:00:00 ", "2024-01-01", b"x", b""]

    def __init__(self, r):
        self.shape = one_of(r, self.WEIGHTS)
        types, self.write = self.SHAPES[self.shape]
        self.type = r.choice(types)
        self.is_text = self.shape not in ("int", "ms", "us", "real", "mixed")
        self.spread_s = r.choice(self.SPREADS_S)
        self.step_s = r.choice([1, 60, 900, self.spread_s // 12])
        # How often something is not what the column is for: never in most worlds, as one such row makes all reads slow.
        self.odd = r.choice([0, 0, 0.02])
        self.oddest = r.choice([0, 0, 0, 0.01])
        self.null = r.choice([0, 0.03, 0.1])
        if "junk" in KNOWN and (self.is_text or self.type in ("TIMESTAMP", "")):
            self.oddest = 0
        self.unit = {"ms": 1000, "us": 1000000}.get(self.shape, 1)

    def seconds(self, r, ahead=0):
        """A time of the world; with `ahead`, one at or after its end, as appended rows have."""
        s = BASE_S + r.randrange(0, self.spread_s, max(1, self.step_s))
        if ahead:
            s = BASE_S + self.spread_s + r.randrange(ahead)
        return s + r.choice([0, 0, 0, 1, -1, 3599])

    def value(self, r, ahead=0):
        chance = r.random()
        if chance < self.null:
            return None
        if chance < self.null + self.oddest:
            return r.choice(self.ODDEST_TEXTS if self.is_text else self.ODDEST_NUMBERS[6 if "far years" in LIMITS else 0:])
        if chance < self.null + self.oddest + self.odd:
            if self.is_text:
                text = r.choice(self.ODD_TEXTS)
                text += {"TZ": "Z", "+00:00": "+00:00"}.get(self.shape, "")
                return text[:10] if self.shape == "date" else text.replace(" ", "T") if self.shape in ("T", "TZ") else text
            return r.choice(self.ODD_NUMBERS[:5] if "far years" in LIMITS else self.ODD_NUMBERS) * self.unit
        return self.write(r, self.seconds(r, ahead))

    def shifted(self, r, column):
        """An expression that moves the time of a row."""
        by_s = r.choice([1, -1, 3600, -3600, 86400, self.spread_s // 3, -self.spread_s])
        if not self.is_text:
            return f"{column}+{by_s * self.unit}"
        if self.shape == "date":
            return f"date({column}, '{by_s // 86400 or 1:+d} days')"
        return literal(self.value(r))

    WIDTHS = ["15 minutes", "1 hour", "1 hour", "1 day", "1 day", "1 week", "1 month", "3 months", "1 year", "7 seconds", "90 minutes",
              "2 days", "hour", "1h", "PT15M", "P1M", "5 months"]

    def bucket(self, r, column, width=None):
        """A call of time_bucket on the column."""
        arguments = [literal(width or self.width(r)), column]
        if self.shape in ("ms", "us"):
            arguments.append(literal(self.shape))
        if r.random() < 0.15:
            arguments.append(literal("origin=" + r.choice(["2024-04-01", "2000-01-02", "2024-01-01T06:30:00", "1999-07-01"])))
        if self.is_text and r.random() < 0.1:
            arguments.append("'fraction=6'")
        if r.random() < 0.05:
            arguments.append(literal(r.choice(["Europe/Berlin", "America/New_York", "Australia/Lord_Howe"])))
        if not self.is_text and r.random() < 0.1:
            arguments[0] = str(r.choice([3600, 86400, 900, 7]) * self.unit)
        return f"time_bucket({', '.join(arguments)})"

    def width(self, r):
        if self.shape == "date":
            return r.choice(["1 day", "1 week", "1 month", "3 months", "2 days", "1 day", "1 hour"])
        # 7 seconds over years would be a million partitions; the walk over an open tail is fine with some.
        return r.choice([w for w in self.WIDTHS if not (w == "7 seconds" and self.step_s < 60 and self.spread_s > 86400)])


# ----------------------------------------------------------------------------------------------------------- keys

KEYS = {
    "INTEGER": [1, 2, 3, 4, None, -1, "x", 1.5, b""],
    "TEXT": ["a", "b", "c", "A", "", None, b"", b"a", "a "],
    "TEXT COLLATE NOCASE": ["a", "b", "A", "B", None, ""],
    "": [1, 1.0, "1", 2, "a", None, b"", "", 2.5],
    "REAL": [1.0, 2.5, 3, None, "x"],
    "NUMERIC": [1, "2", 2.5, "x", None],
    "VARCHAR(8)": ["a", "b", "c", None, 1],
    "BLOB": [b"\x01", b"", "a", 1, None],
}
VALUES = [0, 0.25, -1.5, 2, 3.75, 10, -7, None, 0.25, 1, 4, 5.5, -2.25, 1000]
ODD_VALUES = ["zz", b"\x00\xff", "1.5", 0.1]


def quote(r, name):
    """A name as definitions may write it."""
    if not name.isidentifier() or name.lower() in ("group", "order", "select"):
        return r.choice([f'"{name}"', f"[{name}]", f"`{name}`"])
    return r.choice([name, name, name, f'"{name}"', name.upper()])


class Schema:
    """One source table with what hangs on it."""

    def __init__(self, r):
        self.r = r
        self.times = Times(r)
        odd_names = r.random() < 0.15
        self.table = r.choice(["my readings", "Order", "r-1"]) if odd_names else r.choice(["readings", "Readings", "data"])
        self.ts, self.k, self.k2, self.v, self.note = (
            ["the time", "group", "key 2", "select", "note"] if odd_names else ["ts", "k", "k2", "v", "note"])
        self.key_type = one_of(r, {"INTEGER": 4, "TEXT": 3, "TEXT COLLATE NOCASE": 1, "": 2, "REAL": 1, "NUMERIC": 1,
                                   "VARCHAR(8)": 1, "BLOB": 1})
        self.key2_type = r.choice(["INTEGER", "TEXT", ""])
        self.folds_case = "NOCASE" in self.key_type
        self.primary = one_of(r, {"integer": 5, "autoincrement": 1, "none": 3, "text": 1, "int": 1, "without rowid": 2,
                                  "without rowid, two": 1})
        self.generated = r.choice(["", "", "", "", "virtual", "stored"])
        self.foreign = r.random() < 0.3
        self.has_rowid = not self.primary.startswith("without")
        self.uniques = []
        self.dimension = "sensors"
        self.flags = {"foreign_keys": self.foreign, "recursive_triggers": r.random() < 0.15}
        self.journal = r.choice(["DELETE", "WAL", "WAL", "TRUNCATE"])

    def q(self, name):
        return '"' + name.replace('"', '""') + '"'

    def statements(self):
        r, q = self.r, self.q
        columns = []
        id_types = {"integer": "id INTEGER PRIMARY KEY", "autoincrement": "id INTEGER PRIMARY KEY AUTOINCREMENT", "none": "id INTEGER",
                    "text": "id TEXT PRIMARY KEY", "int": "id INT PRIMARY KEY", "without rowid": "id INTEGER PRIMARY KEY NOT NULL",
                    "without rowid, two": "id INTEGER NOT NULL"}
        columns.append(id_types[self.primary])
        columns.append(f"{q(self.ts)} {self.times.type}")
        reference = ""
        if self.foreign:
            action = r.choice(["CASCADE", "SET NULL", "SET DEFAULT", "CASCADE"])
            reference = f" REFERENCES sensors(k) ON DELETE {action} ON UPDATE {r.choice(['CASCADE', 'SET NULL'])}"
            reference += r.choice(["", " DEFERRABLE INITIALLY DEFERRED"])
        columns.append(f"{q(self.k)} {self.key_type}{reference}")
        columns.append(f"{q(self.k2)} {self.key2_type}")
        columns.append(f"{q(self.v)} {r.choice(['REAL', '', 'NUMERIC', 'INTEGER'])}")
        columns.append(f"{q(self.note)} TEXT")
        if r.random() < 0.5:
            r.shuffle(columns)
        if self.generated:
            columns.append(f"twice GENERATED ALWAYS AS ({q(self.v)}*2) {self.generated.upper()}")
        constraints = []
        if r.random() < 0.25:
            constraints.append(f"UNIQUE({q(self.k)}, {q(self.ts)})")
            self.uniques.append((self.k, self.ts))
        if r.random() < 0.15:
            constraints.append(f"UNIQUE({q(self.note)}) ON CONFLICT {r.choice(['REPLACE', 'IGNORE', 'ABORT'])}")
            self.uniques.append((self.note,))
        if self.primary == "without rowid, two":
            constraints.append(f"PRIMARY KEY({q(self.k2)}, id)")
        if not self.has_rowid and self.primary == "without rowid, two":
            columns = [c + " NOT NULL" if c.startswith(q(self.k2)) else c for c in columns]
        tail = " WITHOUT ROWID" if not self.has_rowid else ""
        yield "CREATE TABLE sensors(k PRIMARY KEY, label TEXT, factor REAL)" if not self.folds_case else \
            "CREATE TABLE sensors(k TEXT COLLATE NOCASE PRIMARY KEY, label TEXT, factor REAL)"
        yield f"CREATE TABLE {q(self.table)}({', '.join(columns + constraints)}){tail}"
        yield from self.indexes()
        yield from self.triggers()
        yield f"CREATE VIEW joined AS SELECT q.*, s.label, s.factor FROM {q(self.table)} q LEFT JOIN sensors s ON s.k = q.{q(self.k)}"
        yield "CREATE TABLE unrelated(a, b)"

    def indexes(self):
        r, q, table = self.r, self.q, self.q(self.table)
        if r.random() < 0.65:
            yield f"CREATE INDEX by_time ON {table}({q(self.ts)}{r.choice(['', '', ' DESC'])})"
        if r.random() < 0.4:
            yield f"CREATE INDEX by_key ON {table}({q(self.k)}{r.choice(['', ', ' + q(self.k2), ', ' + q(self.ts)])})"
        if r.random() < 0.35:
            kind = one_of(r, {"note": 4, "two": 2, "partial": 1, "expression": 1, "nocase": 1, "generated": 1 if self.generated else 0})
            columns = {"note": q(self.note), "two": f"{q(self.k2)}, {q(self.note)}", "partial": f"{q(self.note)}) WHERE ({q(self.v)} > 0",
                       "expression": f"lower({q(self.note)})", "nocase": f"{q(self.note)} COLLATE NOCASE",
                       "generated": f"twice, {q(self.note)}"}[kind]
            yield f"CREATE UNIQUE INDEX by_note ON {table}({columns})"
            self.uniques.append((self.note,))

    def triggers(self):
        r, q, table = self.r, self.q, self.q(self.table)
        row = "NEW.rowid" if self.has_rowid else "NEW.id"
        own = "rowid" if self.has_rowid else "id"
        if r.random() < 0.1:
            yield (f"CREATE TRIGGER app_clamp AFTER INSERT ON {table} WHEN NEW.{q(self.v)} > 5 BEGIN "
                   f"UPDATE {table} SET {q(self.v)} = 5 WHERE {own} = {row}; END")
        if r.random() < 0.07:
            yield f"CREATE TRIGGER app_ignore BEFORE INSERT ON {table} WHEN NEW.{q(self.v)} = -7 BEGIN SELECT RAISE(IGNORE); END"
        if r.random() < 0.07:
            yield (f"CREATE TRIGGER app_move AFTER UPDATE OF {q(self.v)} ON {table} WHEN NEW.{q(self.v)} = 4 BEGIN "
                   f"UPDATE {table} SET {q(self.k2)} = 9, {q(self.ts)} = {literal(self.times.value(r))} WHERE {own} = {row}; END")
        if r.random() < 0.07:
            yield (f"CREATE TRIGGER app_remove BEFORE DELETE ON {table} WHEN OLD.{q(self.v)} = 2 BEGIN "
                   f"DELETE FROM {table} WHERE {q(self.v)} = 3.75; END")
        if r.random() < 0.07:
            yield (f"CREATE TRIGGER app_replace AFTER INSERT ON unrelated BEGIN "
                   f"INSERT OR REPLACE INTO {table}(id, {q(self.ts)}, {q(self.v)}, {q(self.note)}) VALUES(NEW.a, {literal(self.times.value(r))}, 1, 'n1'); END")

    # ------------------------------------------------------------------------------------------------------ steps

    def identity(self):
        if self.primary == "text":
            return self.r.choice(["p", "q", "r", "s", "t", None])
        return self.r.choice([None, None, None] if self.has_rowid and self.r.random() < 0.5 else list(range(1, 25)))

    def key(self):
        # The first few most of the time.
        pool = KEYS[self.key_type]
        return self.r.choice(pool[:4] if self.r.random() < 0.7 else pool)

    def other_key(self):
        return self.r.choice([1, 2, 3, 1, 2, 9, "z", 1.0, b"" if not self.primary.endswith("two") else 0])

    def number(self):
        return self.r.choice(ODD_VALUES) if self.r.random() < 0.02 else self.r.choice(VALUES)

    def text(self):
        return self.r.choice(["n1", "n2", "n3", "N1", "N2", None, None, None, "n4", "n5", "n6"])

    def row(self, ahead=0):
        return [self.identity(), self.times.value(self.r, ahead), self.key(), self.other_key(), self.number(), self.text()]

    def names(self):
        return ", ".join(["id"] + [self.q(n) for n in (self.ts, self.k, self.k2, self.v, self.note)])

    def conflict(self):
        return self.r.choice(["", "", "", " OR REPLACE", " OR REPLACE", " OR IGNORE", " OR ABORT", " OR FAIL", " OR ROLLBACK"])

    def insert(self, n=None):
        r = self.r
        n = n or r.choice([1, 1, 1, 2, 3, 8])
        ahead = r.choice([0, 0, 3600, 86400])
        rows = ", ".join("(" + ", ".join(map(literal, self.row(ahead))) + ")" for _ in range(n))
        verb = r.choice(["INSERT" + self.conflict(), "INSERT" + self.conflict(), "REPLACE"])
        text = f"{verb} INTO {self.q(self.table)}({self.names()}) VALUES {rows}"
        if r.random() < 0.03:
            text += " RETURNING id"
        return text

    def insert_rowid(self):
        """A rowid said by the writer, on a table that may have no column for it."""
        names, row = self.names(), self.row()
        if self.primary in ("integer", "autoincrement"):
            names, row = names.split(", ", 1)[1], row[1:]
        name = self.r.choice(["rowid", "_rowid_", "oid"])
        return (f"INSERT{self.conflict()} INTO {self.q(self.table)}({name}, {names}) "
                f"VALUES({self.r.randrange(1, 25)}, {', '.join(map(literal, row))})")

    def insert_select(self):
        return (f"INSERT{self.conflict()} INTO {self.q(self.table)}({self.names()}) SELECT "
                f"{'NULL' if self.has_rowid else 'id+' + str(self.r.randrange(3))}, {self.times.shifted(self.r, self.q(self.ts))}, "
                f"{', '.join(self.q(n) for n in (self.k, self.k2, self.v))}, NULL FROM {self.q(self.table)} WHERE {self.where()} ORDER BY 2, 3, 4, 5, 1 LIMIT 5")

    def upsert(self):
        q = self.q
        targets = [(n,) for n in ("id",) if self.primary in ("integer", "autoincrement", "text", "int", "without rowid")] + self.uniques
        if not targets:
            return self.insert()
        target = ", ".join("id" if n == "id" else q(n) for n in self.r.choice(targets))
        target = self.r.choice([f"({target})"] * 3 + [""])
        do = "NOTHING" if not target or self.r.random() < 0.2 else "UPDATE SET " + self.assignments() + self.r.choice(["", f" WHERE {q(self.v)} > 0"])
        return f"INSERT INTO {q(self.table)}({self.names()}) VALUES({', '.join(map(literal, self.row()))}) ON CONFLICT{target} DO {do}"

    def assignments(self):
        r, q = self.r, self.q
        choices = [lambda: f"{q(self.v)} = {literal(self.number())}", lambda: f"{q(self.v)} = {q(self.v)} + 0.25",
                   lambda: f"{q(self.ts)} = {literal(self.times.value(r))}", lambda: f"{q(self.ts)} = {self.times.shifted(r, q(self.ts))}",
                   lambda: f"{q(self.k)} = {literal(self.key())}", lambda: f"{q(self.k2)} = {literal(self.other_key())}",
                   lambda: f"{q(self.note)} = {literal(self.text())}",
                   lambda: f"id = {literal(self.identity())}", lambda: f"id = id + {r.choice([1, 3])}"]
        if self.has_rowid:
            choices += [lambda: f"{r.choice(['rowid', '_rowid_', 'oid'])} = {r.choice(['rowid+1', '7', str(r.randrange(1, 20))])}"]
        assignments = {}
        for _ in range(r.choice([1, 1, 1, 2])):
            text = r.choice(choices)()
            assignments[text.split(" = ")[0]] = text
        return ", ".join(assignments.values())

    def where(self):
        r, q = self.r, self.q
        return r.choice([
            lambda: f"id = {literal(r.randrange(1, 25))}", lambda: f"id = {literal(r.randrange(1, 25))}",
            lambda: f"{q(self.k)} IS {literal(self.key())}", lambda: f"{q(self.ts)} >= {literal(self.times.value(r))}",
            lambda: f"{q(self.ts)} = (SELECT max({q(self.ts)}) FROM {q(self.table)})", lambda: f"{q(self.ts)} IS NULL",
            lambda: f"{q(self.v)} > {literal(r.choice([3, 1, 5]))}", lambda: f"{q(self.note)} = {literal(self.text())}",
            lambda: f"{'rowid' if self.has_rowid else 'id'} % 5 = {r.randrange(5)}",
            lambda: f"{q(self.ts)} IN (SELECT {q(self.ts)} FROM {q(self.table)} ORDER BY 1 LIMIT {r.choice([1, 3])})"])()

    def update(self):
        conflict, assignments = self.conflict(), self.assignments()
        text = f"UPDATE{conflict} {self.q(self.table)} SET {assignments}"
        if self.r.random() < 0.3:
            row = "(" + self.q(self.k2) + ", id)" if self.primary.endswith("two") else "rowid" if self.has_rowid else "id"
            return text + f" WHERE {row} = (SELECT {row.strip('()')} FROM {self.q(self.table)} WHERE {self.where()} ORDER BY 1, {row.strip('()')} LIMIT 1)"
        if self.r.random() < 0.04:
            return text + f" FROM sensors s WHERE s.k IS {self.q(self.table)}.{self.q(self.k)}"
        return text + (f" WHERE {self.where()}" if self.r.random() < 0.93 else "")

    def delete(self):
        return f"DELETE FROM {self.q(self.table)}" + (f" WHERE {self.where()}" if self.r.random() < 0.95 else "")

    def dimension_step(self):
        r = self.r
        key, factor = literal(self.key()), r.choice([1, 2, 0.5])
        return r.choice([
            f"INSERT OR {r.choice(['REPLACE', 'IGNORE'])} INTO sensors VALUES({key}, {literal(r.choice(['x', 'y', None]))}, {factor})",
            f"UPDATE sensors SET factor = {factor} WHERE k IS {key}", f"UPDATE sensors SET label = {literal(r.choice(['x', 'y', 'z']))}",
            f"DELETE FROM sensors WHERE k IS {key}", f"UPDATE OR {r.choice(['REPLACE', 'IGNORE'])} sensors SET k = {literal(self.key())} WHERE k IS {key}"])

    def write(self):
        return one_of(self.r, {self.insert: 8, self.insert_rowid: 1 if self.has_rowid else 0, self.insert_select: 1, self.upsert: 2,
                               self.update: 5, self.delete: 3})()

    def fill(self):
        """The rows that are there at first."""
        for key in KEYS[self.key_type]:
            if key is not None:
                yield f"INSERT OR IGNORE INTO sensors VALUES({literal(key)}, {literal(self.r.choice(['x', 'y']))}, {self.r.choice([1, 2, 0.5])})"
        for _ in range(self.r.choice([0, 1, 4, 10])):
            yield self.insert(8)


# ---------------------------------------------------------------------------------------------------- definitions

class Definitions:
    """SELECTs of the kinds that a summary may be."""

    def __init__(self, schema, writes_dimension):
        self.s, self.r, self.n = schema, schema.r, 0
        self.writes_dimension = writes_dimension

    def name(self):
        self.n += 1
        return self.r.choice([f"summary_{self.n}", f"s{self.n}", f"hourly {self.n}", f"S{self.n}"])

    def time(self):
        """(options, select) of a summary by time."""
        r, s = self.r, self.s
        n = lambda name: quote(r, name)
        table, ts, k, k2, v = n(s.table), n(s.ts), n(s.k), n(s.k2), n(s.v)
        b = s.times.bucket(r, ts)
        ba = b.replace(ts, "a." + ts, 1) if b.count(ts) == 1 else None
        where = r.choice(["", "", "", f" WHERE {v} > 0", f" WHERE {ts} IS NOT NULL", f" WHERE {k} IS NOT NULL"])
        kinds = {
            "grouped": 6, "without bucket": 1, "bucket last": 1, "alias": 2, "nested": 2, "ranked": 2, "rows": 2, "joined": 2, "static": 0 if self.writes_dimension else 1,
            "self-join": 1, "union": 2, "cte": 2, "distinct": 1, "having": 1, "correlated": 1, "exists": 1, "star": 1, "lag": 1, "plain columns": 1, "bucket twice": 1,
            "computed bucket": 1, "expression key": 1, "filter": 1, "subquery alias": 1, "in": 1, "values": 1, "text of arm": 1, "null bucket arm": 1, "left join": 1, "case bucket": 1}
        kind = one_of(r, kinds)
        if kind == "computed bucket" and s.times.shape in ("mixed", "real"):
            kind = "grouped"  # 1 and 1.0 are one group, shown as either
        if kind in ("alias", "joined", "static", "self-join", "correlated", "star", "left join") and not ba:
            kind = "grouped"
        join = f"FROM {table} AS a JOIN sensors s ON s.k = a.{k}"
        select = {
            "grouped": f"SELECT {b} AS bucket, {k}, count(*) AS n, sum({v}) AS total, avg({v}) AS mean, min({v}) AS low, max({v}) AS high FROM {table}{where} GROUP BY 1, 2",
            "without bucket": f"SELECT {k}, count(*) AS n FROM {table}{where} GROUP BY {b}, {k}",
            "bucket last": f"SELECT count(*) AS n, count(DISTINCT {k}) AS ks, {b} AS t FROM {table}{where} GROUP BY t",
            "alias": f"SELECT a.{k} AS \"the key\", {ba} AS bucket, sum(a.{v}) AS total FROM {table} {r.choice(['AS a', 'a'])} GROUP BY 2, 1",
            "nested": f"SELECT bucket, max(n) AS most, min(n) AS least FROM (SELECT {b} AS bucket, {k}, count(*) AS n FROM {table}{where} GROUP BY 1, 2) GROUP BY bucket",
            "ranked": f"SELECT {b} AS bucket, {k}, {v}, rank() OVER (PARTITION BY {b}, {k} ORDER BY {v} DESC) AS place FROM {table}{where}",
            "rows": f"SELECT {ts} AS at, {b} AS bucket, {v} * 2 AS double, {k} FROM {table}{where}",
            "joined": f"SELECT {ba} AS bucket, s.label, sum(a.{v} * s.factor) AS total, count(*) AS n {join} GROUP BY 1, 2",
            "static": f"SELECT {ba} AS bucket, s.label, count(*) AS n {join} GROUP BY 1, 2",
            "left join": f"SELECT {ba} AS bucket, a.{k}, s.label AS label, count(*) AS n FROM {table} AS a LEFT JOIN sensors s ON s.k = a.{k} GROUP BY 1, 2, 3",
            "self-join": f"SELECT {ba} AS bucket, count(*) AS pairs FROM {table} a JOIN {table} b ON a.{k} = b.{k} AND {ba} IS {(ba or '').replace('a.', 'b.', 1)} GROUP BY 1",
            "union": f"SELECT {b} AS bucket, {k} AS what, count(*) AS n FROM {table} GROUP BY 1, 2 UNION ALL SELECT {b}, 'all', sum({v}) FROM {table} GROUP BY 1",
            "text of arm": f"SELECT {b} AS bucket, {k}, {v} FROM {table} UNION ALL SELECT {b}, '1', '2.50' FROM {table} WHERE {v} > 1",
            "null bucket arm": f"SELECT {b} AS bucket, {k} FROM {table} WHERE {ts} IS NOT NULL UNION ALL SELECT NULL, {k2} FROM {table} WHERE {ts} IS NULL",
            "cte": f"WITH x AS (SELECT {b} AS bucket, {k} AS key, {v} AS value FROM {table}{where}), y AS (SELECT bucket, key, sum(value) AS total FROM x GROUP BY 1, 2) SELECT bucket, key, total, rank() OVER (PARTITION BY bucket ORDER BY total) AS place FROM y",
            "distinct": f"SELECT DISTINCT {b} AS bucket, {k} FROM {table}{where}",
            "having": f"SELECT {b} AS bucket, {k2}, count(*) AS n FROM {table} GROUP BY 1, 2 HAVING count(*) > 1",
            "correlated": f"SELECT {ba} AS bucket, a.{k}, (SELECT count(*) FROM sensors WHERE sensors.k IS a.{k}) AS n FROM {table} a",
            "exists": f"SELECT {b} AS bucket, count(*) AS n FROM {table} WHERE EXISTS (SELECT 1 FROM sensors WHERE factor > 1 AND k = {table}.{k}) GROUP BY 1",
            "in": f"SELECT {b} AS bucket, sum({v}) AS total FROM {table} WHERE {k} IN (SELECT k FROM sensors WHERE factor >= 1) GROUP BY 1",
            "star": f"SELECT {ba} AS bucket, a.* FROM {table} a",
            "lag": f"SELECT {b} AS bucket, {ts} AS at, count(*) OVER (PARTITION BY {b} ORDER BY {ts}) AS nth FROM {table}",
            "plain columns": f"SELECT {ts}, {k}, {v}, {b} AS bucket FROM {table}{where}",
            "bucket twice": f"SELECT {b} AS bucket, {b} AS again, count(*) AS n FROM {table}{where} GROUP BY 1",
            "computed bucket": f"SELECT {b} || '' AS bucket, {b} AS b, total({v}) AS t FROM {table} GROUP BY {b}",
            "case bucket": f"SELECT CASE WHEN {k} IS NULL THEN 'none' ELSE {b} END AS bucket, count(*) AS n FROM {table} GROUP BY 1, {b}",
            "expression key": f"SELECT {b} AS bucket, {v} > 0 AS positive, count(*) AS n, sum({v}) FILTER (WHERE {k2} = 1) AS ones FROM {table} GROUP BY 1, 2",
            "filter": f"SELECT {b} AS bucket, count(*) FILTER (WHERE {v} > 1) AS n, max({v}) - min({v}) AS span FROM {table} GROUP BY 1 ORDER BY 1 DESC",
            "subquery alias": f"SELECT x.bucket, count(*) AS n FROM (SELECT {b} AS bucket, * FROM {table}) AS x GROUP BY x.bucket",
            "values": f"SELECT {b} AS bucket, column1 AS side, count(*) AS n FROM {table}, (VALUES ('low'), ('high')) WHERE ({v} > 1) = (column1 = 'high') GROUP BY 1, 2",
        }[kind]
        options = []
        if kind == "static":
            options.append("static = sensors")
        if r.random() < 0.15:
            options.append(f"source = {table}")
        if r.random() < 0.1 and " AS bucket" in select:
            options.append("index = 'bucket'")
        return "time: " + kind, options, select

    def keyed(self):
        r, s = self.r, self.s
        n = lambda name: quote(r, name)
        table, ts, k, k2, v, note = n(s.table), n(s.ts), n(s.k), n(s.k2), n(s.v), n(s.note)
        key = one_of(r, {"k": 5, "two": 3, "lower": 1, "positive": 1, "modulo": 1, "coalesce": 1, "first": 1, "two expressions": 1, "k2": 1})
        if s.folds_case and key in ("lower", "coalesce", "first"):
            key = "k"
        partition = {"k": k, "two": f"{k}, {k2}", "lower": f"lower({k})", "positive": f"{v} > 0", "modulo": "id % 3",
                     "coalesce": f"coalesce({k}, 'none')", "first": f"substr({k}, 1, 1)", "two expressions": f"{v} > 0, id % 2", "k2": k2}[key]
        kinds = {"grouped": 5, "ranked": 3, "row number": 1, "hidden": 1, "rows": 1, "with time": 1, "union": 1, "joined": 1, "self-join": 1 if key == "k" else 0, "text of arm": 1, "median": 1, "left join": 1}
        kind = one_of(r, kinds)
        group = ", ".join(str(i + 1) for i in range(len(partition.split(", ")) if key in ("two", "two expressions") else 1))
        shown = {"two": f"{k}, {k2}", "two expressions": f"{v} > 0 AS positive, id % 2 AS odd", "k": k, "k2": k2}.get(key, partition + " AS part")
        parts = partition
        qualified = ", ".join(f"{table}.{part}" for part in partition.split(", "))
        join = f"FROM {table} JOIN sensors s ON s.k = {table}.{k}"
        select = {
            "grouped": f"SELECT {shown}, count(*) AS n, sum({v}) AS total, max({v}) AS high FROM {table} GROUP BY {group}",
            "ranked": f"SELECT {shown}, {v} AS value, rank() OVER (PARTITION BY {parts} ORDER BY {v} DESC) AS place FROM {table}",
            "row number": f"SELECT {shown}, {ts} AS at, count(*) OVER (PARTITION BY {parts} ORDER BY {ts}, {v}) AS nth FROM {table}",
            "hidden": f"SELECT count(*) AS n, min({note}) AS first FROM {table} GROUP BY {parts}",
            "rows": f"SELECT {shown}, {note} AS what, {v} AS value FROM {table} WHERE {v} IS NOT NULL",
            "with time": f"SELECT {s.times.bucket(r, ts)} AS bucket, {shown}, count(*) AS n FROM {table} GROUP BY 1, {parts}",
            "union": f"SELECT {shown}, count(*) AS n FROM {table} GROUP BY {parts} UNION ALL SELECT {partition}, -1 FROM {table} WHERE {v} > 2",
            "text of arm": f"SELECT {shown}, {v} FROM {table} UNION ALL SELECT {partition}, '2.50' FROM {table} WHERE {v} > 1",
            "joined": f"SELECT {qualified}, s.label AS label, sum(s.factor) AS f {join} GROUP BY {qualified}, s.label" if key in ("k", "two", "k2") else
                      f"SELECT {shown}, count(*) AS n FROM {table}, (SELECT label FROM sensors WHERE factor > 1) GROUP BY {parts}",
            "left join": f"SELECT {qualified}, label FROM {table} LEFT JOIN sensors s ON s.k = {table}.{k}" if key in ("k", "two", "k2") else
                         f"SELECT {shown}, count(*) AS n FROM {table} GROUP BY {parts}",
            "self-join": f"SELECT a.{k}, count(*) AS pairs FROM {table} a JOIN {table} b ON a.{k} IS b.{k} GROUP BY 1",
            "median": f"SELECT {shown.replace(' AS part', ' AS part')}, max(value) AS upper FROM (SELECT *, {v} AS value, row_number() OVER (PARTITION BY {parts} ORDER BY {v}) AS nth, count(*) OVER (PARTITION BY {parts}) AS n FROM {table}) WHERE nth <= (n + 1) / 2 GROUP BY {parts}",
        }[kind]
        if "," in partition or r.random() < 0.3 or key not in ("k", "k2"):
            partition = literal(partition)
        options = [f"partition = {partition}"]
        if kind in ("joined", "left join", "self-join") or r.random() < 0.2:
            options.append(f"source = {table}")
        return "key: " + kind + ", " + key, options, select

    def whole(self):
        r, s = self.r, self.s
        n = lambda name: quote(r, name)
        table, ts, k, k2, v = n(s.table), n(s.ts), n(s.k), n(s.k2), n(s.v)
        b = s.times.bucket(r, ts)
        selects = {
            "rank": f"SELECT {k}, {v}, RANK() OVER (PARTITION BY {k2} ORDER BY {v} DESC) AS rank FROM {table}",
            "total": f"SELECT count(*) AS n, sum({v}) AS total FROM {table}",
            "view": f"SELECT label, count(*) AS n, sum({v} * factor) AS total FROM joined GROUP BY 1",
            "view by time": f"SELECT {b} AS bucket, label, count(*) AS n FROM joined GROUP BY 1, 2",
            "limit": f"SELECT {b} AS bucket, count(*) AS n FROM {table} WHERE {ts} IS NOT NULL GROUP BY 1 ORDER BY 1 DESC LIMIT 3",
            "except": f"SELECT {k} FROM {table} EXCEPT SELECT k FROM sensors",
            "recursive": f"WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < 3) SELECT i, (SELECT count(*) FROM {table} WHERE {k2} = i) AS n FROM c",
            "two tables": f"SELECT 'rows' AS what, count(*) AS n FROM {table} UNION ALL SELECT 'sensors', count(*) FROM sensors",
            "two buckets": f"SELECT {s.times.bucket(r, ts, '1 day')} AS day, {s.times.bucket(r, ts, '1 month')} AS month, count(*) AS n FROM {table} GROUP BY 1, 2",
            "distinct": f"SELECT DISTINCT {k} FROM {table}",
            "bucket of expression": f"SELECT {s.times.bucket(r, 'coalesce(' + ts + ', ' + literal(s.times.write(r, BASE_S)) + ')')} AS bucket, count(*) AS n FROM {table} GROUP BY 1",
            "running": f"SELECT {b} AS bucket, {ts} AS at, sum({v}) OVER (ORDER BY {ts}) AS total FROM {table}",
            "share": f"SELECT {b} AS bucket, count(*) AS n, (SELECT count(*) FROM {table}) AS of FROM {table} GROUP BY 1",
        }
        kind = one_of(r, {k: 1 for k in selects})
        options = []
        return "whole: " + kind, options, selects[kind]

    def one(self):
        kind, options, select = one_of(self.r, {self.time: 10, self.keyed: 6, self.whole: 4})()
        return self.name(), (kind, options, select)


def text_of(name, definition):
    _, options, select = definition
    with_ = f" WITH ({', '.join(options)})" if options else ""
    return f"CREATE MATERIALIZED VIEW \"{name}\"{with_} AS\n{select};\n"


# --------------------------------------------------------------------------------------------------------- worlds

class World:
    """All entries of one seed: `setup` first, then `steps`."""

    def __init__(self, seed, n_steps):
        r = self.r = random.Random(seed)
        self.schema = s = Schema(r)
        self.writes_dimension = r.random() < 0.6 or s.foreign
        self.definitions = Definitions(s, self.writes_dimension)
        self.declared = []
        self.paused = False
        self.setup = [("sql", "stock", [statement]) for statement in s.statements()]
        self.setup += [("sql", "stock", [statement]) for statement in s.fill()]
        self.setup.append(self.apply(r.choice([1, 2, 4, 6])))
        if r.random() < 0.9:
            self.setup.append(("tool", ["refresh"]))
        self.steps = [self.step() for _ in range(n_steps)]

    def apply(self, n):
        declared = dict(self.definitions.one() for _ in range(n))
        self.declared += list(declared)
        return ("apply", declared)

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

    def refresh(self):
        r = self.r
        arguments = ["refresh"]
        if self.declared and r.random() < 0.25:
            arguments.append(r.choice(self.declared))
        if r.random() < 0.1:
            arguments.append("--full")
        if r.random() < 0.2:
            arguments += ["--lock-ms", "1"]
        return ("tool", arguments)

    def stops(self):
        """A refresh that is halted between its transactions, where others write, refresh too, or kill it."""
        r = self.r
        actions = {}
        for _ in range(r.choice([1, 2, 4])):
            actions[r.randrange(4, 120)] = one_of(r, {"write": 6, "check": 2, "refresh": 2, "kill": 2})
        for n, action in list(actions.items()):
            if action == "write":
                actions[n] = ("sql", self.who(), [self.schema.write() for _ in range(r.choice([1, 3]))])
            elif action == "refresh":
                actions[n] = ("tool", self.refresh()[1] + ["--max-time", "50ms"])  # it would wait for the one that stands still
        return ("stops", self.refresh()[1], actions)

    def apply_again(self):
        return self.apply(1) if len(self.declared) < 9 else ("tool", ["status"])

    def drop(self):
        if len(self.declared) < 2:
            return self.refresh()
        name = self.declared.pop(self.r.randrange(len(self.declared)))
        return ("tool", ["drop", name])

    def redefine(self):
        """Another definition under the name of one that exists."""
        if not self.declared:
            return self.refresh()
        name = self.r.choice(self.declared)
        return ("apply", {name: self.definitions.one()[1]})

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

    def definitions_use_star(self):
        return True  # `*` in a definition means the columns of when it was declared

    def step(self):
        r, s = self.r, self.schema
        if self.paused and r.random() < 0.5:
            return self.pause()
        kinds = {"write": 50, "transaction": 12, "dimension": 8 if self.writes_dimension else 0, "refresh": 14, "stops": 5, "apply": 2,
                          "drop": 1, "redefine": 1, "pause": 1, "neutral": 4, "reopen": 1, "status": 1, "plan": 1}
        kind = one_of(r, kinds)
        if self.paused and kind in ("refresh", "stops", "apply", "drop", "redefine", "plan"):
            kind = "write"
        return {
            "write": lambda: ("sql", self.who(), [s.write()]), "transaction": self.transaction,
            "dimension": lambda: ("sql", self.who(), [s.dimension_step()]), "refresh": self.refresh, "stops": self.stops,
            "apply": self.apply_again, "drop": self.drop, "redefine": self.redefine, "pause": self.pause, "neutral": self.neutral,
            "reopen": lambda: ("reopen", r.choice(["ext", "stock", "attached"])), "status": lambda: ("tool", ["status"]),
            "plan": lambda: ("tool", ["plan", r.choice(self.declared)]) if self.declared else ("tool", ["status"]),
        }[kind]()
