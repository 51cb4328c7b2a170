"""Random schemas: a table with times of some kind, keys, unique indexes, triggers of the app, and statements that write to it."""
import datetime

from chance import KNOWN, LIMITS, literal, one_of

BASE_S = 1704067200  # 2024-01-01 00:00:00, a Monday


def iso(seconds, separator=" "):
    days, rest = divmod(int(seconds), 86400)
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
    ODD_TEXTS = ["1969-12-31 23:59:59", "0005-01-01 00:00:00", "9999-12-31 23:59:59", "2024-02-29 12:00:00"]
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
        return self.call(column, self.grain(r, width))

    def grain(self, r, width=None):
        """(width, modifiers) of a bucket, as SQL."""
        width = literal(width or self.width(r))
        modifiers = []
        if self.shape in ("ms", "us"):
            modifiers.append(literal(self.shape))
        if r.random() < 0.15:
            modifiers.append(literal("origin=" + r.choice(["2024-04-01", "2000-01-02", "2024-01-01T06:30:00", "1999-07-01"])))
        if self.is_text and r.random() < 0.1:
            modifiers.append("'fraction=6'")
        if r.random() < 0.05:
            modifiers.append(literal(r.choice(["Europe/Berlin", "America/New_York", "Australia/Lord_Howe"])))
        if not self.is_text and r.random() < 0.1:
            width = str(r.choice([3600, 86400, 900, 7]) * self.unit)
        return width, modifiers

    @staticmethod
    def call(column, grain):
        return f"time_bucket({', '.join([grain[0], column, *grain[1]])})"

    # What a bucket's width is a part of, by the spellings above.
    COARSER = {"7 seconds": ["7 seconds", "7 minutes"], "15 minutes": ["90 minutes", "1 hour", "1 day", "1 week", "1 month"],
               "90 minutes": ["1 day", "2 days", "1 month"], "1 hour": ["1 day", "2 days", "1 week", "1 month", "1 year", "hour"],
               "1 day": ["1 week", "1 month", "3 months", "1 year", "1 day"], "2 days": ["2 days", "4 days"], "1 week": ["1 week", "2 weeks"],
               "1 month": ["3 months", "1 year", "P1M"], "3 months": ["1 year", "6 months"], "5 months": ["5 months", "10 months"], "1 year": ["1 year", "5 years"]}
    SPELLINGS = {"hour": "1 hour", "1h": "1 hour", "PT15M": "15 minutes", "P1M": "1 month", "7 minutes": "7 seconds", "4 days": "2 days",
                 "2 weeks": "1 week", "6 months": "3 months", "10 months": "5 months", "5 years": "1 year"}

    def coarser(self, r, grain):
        """The grain of a summary over one with this grain: mostly one that its buckets are parts of."""
        if r.random() < 0.06:
            return self.grain(r)
        width = grain[0].strip("'")
        if not width.isdigit():
            return literal(r.choice(self.COARSER[self.SPELLINGS.get(width, width)])), grain[1]
        return str(int(width) * r.choice([1, 2, 4, 24])), grain[1]

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
