"""A database with raw rows that grow old and summaries that outlive them, and its twin without Almanac, which keeps all rows."""
import time

from almanac import connect, directory, equal, tool

DAY_S = 86400
NOW_S = int(time.time())


def text(seconds, form):
    return time.strftime(form, time.gmtime(seconds))


# How times are written: the declared type, and a time of Unix seconds.
SHAPES = {
    "seconds": ("INTEGER", lambda s: s),
    "milliseconds": ("INTEGER", lambda s: s * 1000 + 7),
    "real": ("REAL", lambda s: s + 0.25),
    "text": ("TEXT", lambda s: text(s, "%Y-%m-%d %H:%M:%S")),
    "iso": ("TIMESTAMP", lambda s: text(s, "%Y-%m-%dT%H:%M:%S.5Z")),
    "dates": ("DATE", lambda s: text(s, "%Y-%m-%d")),
}


class World:
    """A database with summaries, and its twin."""

    def __init__(self, shape="seconds", widths=("1 hour", "1 day"), days=40, step_s=3 * 3600, keep_raw="10 days", zone="", primary="id INTEGER PRIMARY KEY",
                 tail="", options=None):
        self.path = directory() + "/w.db"
        declared, self.write = SHAPES[shape]
        self.db, self.twin = connect(self.path), connect()
        self.both(f"CREATE TABLE readings({primary}, ts {declared}, k INTEGER, v REAL){tail}", "CREATE INDEX readings_by_time ON readings(ts)")
        self.n = 0
        self.insert(range(NOW_S - days * DAY_S, NOW_S, step_s))
        unit = ", 'ms'" if shape == "milliseconds" else ""
        self.queries = {}
        for i, width in enumerate(widths):
            bucket = f"time_bucket('{width}', ts{unit}{zone})"
            self.queries[f"s{i}"] = f"SELECT {bucket} AS bucket, k, count(*) AS n, sum(v) AS total, min(v) AS low FROM readings GROUP BY 1, 2"
        self.options = options or {"s0": f"keep_raw = '{keep_raw}'"}
        self.apply()
        tool("refresh", self.path)

    def definitions(self):
        return "".join(f"CREATE MATERIALIZED VIEW {name} {'WITH (' + self.options[name] + ')' if self.options.get(name) else ''} AS {query};\n"
                       for name, query in self.queries.items())

    def apply(self, code=0):
        return tool("apply", self.path, "-", stdin=self.definitions(), code=code)

    def both(self, *statements):
        for statement in statements:
            self.db.execute(statement)
            self.twin.execute(statement)

    def insert(self, seconds, twin=True):
        rows = []
        for s in seconds:
            self.n += 1
            rows.append((self.n, self.write(s), self.n % 3, self.n * 0.5))
        for db in (self.db, self.twin) if twin else (self.db,):
            db.execute("BEGIN")
            db.executemany("INSERT INTO readings VALUES(?, ?, ?, ?)", rows)
            db.execute("COMMIT")

    def compare(self, what, where=""):
        for name, query in self.queries.items():
            got = self.db.execute(f"SELECT * FROM {name} {where}").fetchall()
            expected = self.twin.execute(f"SELECT * FROM ({query}) {where}").fetchall()
            equal(sorted(got, key=repr), sorted(expected, key=repr), f"{name} {what}")

    def prune(self, *arguments, code=0):
        return tool("prune", self.path, *arguments, code=code)

    def value(self, sql):
        return self.db.execute(sql).fetchone()[0]

    def rows(self):
        return self.value("SELECT count(*) FROM readings")

    def frozen_before(self):
        return self.value("SELECT frozen_before FROM almanac_track")
