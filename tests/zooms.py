"""Databases with zooms that change between refreshes, and what zoom_points and zoom_buckets must give of them, from all raw rows."""
import datetime
import math
import random

from almanac import connect, directory, tool

UTC = datetime.timezone.utc
START = 1700000000
MONDAY = 946857600  # the origin of time_bucket: 2000-01-03
UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


def text_of(seconds, form):
    return datetime.datetime.fromtimestamp(seconds, UTC).strftime(form)


def seconds_of(text):
    return int(datetime.datetime.fromisoformat(text[:19]).replace(tzinfo=UTC).timestamp())


class World:
    """A table with a zoom. Of a subclass: `table`, `definition`, `ladder`, `keys` to ask for, and how its times are."""
    name = "z"
    per_second = 1
    number_widths = False

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.path = directory() + "/t.db"
        self.db = connect(self.path)
        self.db.executescript(self.table)
        self.newest = 0.0
        for _ in range(self.rows):
            self.newest += self.random.expovariate(1 / self.step)
            self.insert(self.newest)
        with_options = f"zoom = '{', '.join(self.ladder)}'{self.options}"
        tool("apply", self.path, "-", stdin=f"CREATE MATERIALIZED VIEW z WITH ({with_options}) AS {self.definition};")

    options = ""
    rows = 400
    step = 20.0

    def number(self):
        return self.random.choice([self.random.randrange(-50, 50), round(self.random.gauss(0, 20), 3)])

    def change(self):
        """One thing that writers or the tool do."""
        r = self.random
        kind = r.choice(["late", "late", "tail", "delete", "update", "move", "refresh", "level"])
        count = self.db.execute("SELECT count(*) FROM raw").fetchone()[0]
        somewhere = r.randrange(max(count, 1))
        if kind == "late":
            at = r.uniform(0, self.newest)
            for _ in range(r.randrange(1, 6)):
                self.insert(at + r.uniform(0, 3 * self.step))
        elif kind == "tail":
            for _ in range(r.randrange(1, 40)):
                self.newest += r.expovariate(1 / self.step) * r.choice([1, 1, 1, 50])
                self.insert(self.newest)
        elif kind == "delete":
            self.db.execute(f"DELETE FROM raw WHERE rowid IN (SELECT rowid FROM raw LIMIT {r.randrange(1, 30)} OFFSET {somewhere})")
        elif kind == "update":
            self.db.execute(f"UPDATE raw SET {self.value} = ?1 WHERE rowid IN (SELECT rowid FROM raw LIMIT 3 OFFSET {somewhere})", (self.number(),))
        elif kind == "move":
            self.db.execute(f"UPDATE raw SET {self.time} = ?1 WHERE rowid IN (SELECT rowid FROM raw LIMIT 2 OFFSET {somewhere})",
                            (self.spell(r.uniform(0, self.newest)),))
        elif kind == "refresh":
            tool("refresh", self.path)
        else:
            tool("refresh", self.path, "z_" + r.choice(self.ladder))
        return kind

    # ---- The oracle ----

    def tick(self, time):
        return math.floor(time)

    def show(self, tick):
        return tick

    def counted(self, lo, hi, key):
        """Time and value of the rows that count, in order."""
        found = []
        for time, value, *keys in self.db.execute(self.all_rows):
            if type(time) not in self.time_types or type(value) not in (int, float) or (type(value) is float and math.isinf(value)):
                continue
            if (lo is None or lo <= time) and (hi is None or time <= hi) and self.matches(keys, key):
                found.append((time, value))
        return sorted(found)

    def matches(self, keys, key):
        return key is None or keys == [key]

    def asked(self, key):
        return key

    def grid(self, level):
        """Width and phase of a level, or of a multiple of one, in ticks."""
        if self.number_widths:
            return int(level), 0
        width = int(level[:-1]) * UNITS[level[-1]] * self.per_second
        return width, MONDAY * self.per_second % width

    def buckets_between(self, level, lo, hi):
        width, phase = self.grid(level)
        return (hi - phase) // width - (lo - phase) // width + 1

    def level(self, lo, hi, most):
        """The finest level that fits, or the coarsest, doubled until it does."""
        for level in self.ladder:
            if self.buckets_between(level, lo, hi) <= most:
                return level
        coarsest = self.ladder[-1]
        number, unit = (int(coarsest), "") if self.number_widths else (int(coarsest[:-1]), coarsest[-1])
        for factor in (1 << k for k in range(1, 60)):
            level = f"{number * factor}{unit}"
            if self.grid(level)[0] > 2e17:
                break
            if self.buckets_between(level, lo, hi) <= most:
                return level
        return None

    def buckets(self, lo, hi, most, key):
        """What zoom_buckets must give: its rows, and the level; None: an error."""
        rows = self.counted(lo, hi, key)
        if (lo is None or hi is None) and not rows or (lo is not None and hi is not None and lo > hi):
            return [], None
        level = self.level(self.tick(rows[0][0] if lo is None else lo), self.tick(rows[-1][0] if hi is None else hi), most)
        if level is None:
            return None, None
        width, phase = self.grid(level)
        groups = {}
        for time, value in rows:
            groups.setdefault((self.tick(time) - phase) // width * width + phase, []).append((time, value))
        result = []
        for start, group in sorted(groups.items()):
            values = [value for _, value in group]
            first = min(value for time, value in group if time == group[0][0])
            last = max(value for time, value in group if time == group[-1][0])
            result.append((self.show(start), self.show(start + width), len(group), sum(values), sum(values) / len(values),
                           min(values), max(values), first, last))
        return result, level

    # ---- What is asked ----

    def end(self):
        """An end of a range: none, at a bucket's start or beside it, a row's time, anywhere."""
        r = self.random
        kind = r.choice(["none", "start", "start", "row", "row", "anywhere"])
        if kind == "none":
            return None
        if kind == "row":
            row = self.db.execute(f"SELECT {self.time} FROM raw ORDER BY random() LIMIT 1").fetchone()
            if row and type(row[0]) in self.time_types:
                return row[0]
        at = r.uniform(-200, self.newest + 200)
        if kind == "anywhere":
            return self.spell(at)
        width, phase = self.grid(r.choice(self.ladder))
        return self.bound((self.tick(self.spell(at)) - phase) // width * width + phase + r.choice([0, 0, 0, -1, 1]))

    def bound(self, tick):
        return self.show(tick)

    def span(self):
        lo, hi = self.end(), self.end()
        if lo is not None and hi is not None and lo > hi and self.random.random() < 0.95:
            lo, hi = hi, lo
        return lo, hi


class Numbers(World):
    """Whole seconds, one key."""
    table = "CREATE TABLE raw(ts INTEGER, sensor_id INTEGER, value REAL); CREATE INDEX raw_ts ON raw(ts); CREATE INDEX raw_key ON raw(sensor_id, ts)"
    definition = "SELECT ts, sensor_id, value FROM raw"
    all_rows = "SELECT ts, value, sensor_id FROM raw"
    ladder = ["10s", "1m", "10m", "1h"]
    time, value, time_types = "ts", "value", (int,)
    key_values = [1, 2, 99]

    def spell(self, at):
        return START + int(at)

    def insert(self, at):
        value = self.random.choice([None, 1e999] + [self.number()] * 18)
        self.db.execute("INSERT INTO raw VALUES (?,?,?)", (self.spell(at), self.random.choice([1, 1, 2, None]), value))


class Texts(World):
    """Text times with and without a fraction, two keys, a key that compares without case."""
    table = ("CREATE TABLE raw(at TEXT, site TEXT COLLATE NOCASE, channel INTEGER, level); CREATE INDEX raw_at ON raw(at);"
             "CREATE INDEX raw_key ON raw(site, channel, at)")
    definition = "SELECT at, site, channel, level FROM raw"
    all_rows = "SELECT at, level, site, channel FROM raw"
    ladder = ["1m", "10m", "1h", "1d"]
    time, value, time_types = "at", "level", (str,)
    key_values = [("a", 1), ("A", 2), ("b", 1), ("b", "2"), ("c", 7)]
    form, bound_form = "%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M:%S"

    def spell(self, at):
        return text_of(START + int(at), self.form) + self.random.choice(["", "", ".5", ".123456"])

    def insert(self, at):
        r = self.random
        value = r.choice([None, "much", b"x"] + [self.number()] * 17)
        self.db.execute("INSERT INTO raw VALUES (?,?,?,?)", (self.spell(at), r.choice(["a", "A", "b"]), r.choice([1, 2]), value))

    def tick(self, time):
        return seconds_of(time if len(time) > 10 else time + "T00:00:00")

    def show(self, tick):
        return text_of(tick, self.form)

    def bound(self, tick):
        text = self.show(tick)
        return text[:10] if text[11:19] == "00:00:00" and self.random.random() < 0.5 else text

    def matches(self, keys, key):
        return keys[0].lower() == key[0].lower() and keys[1] == int(key[1])

    def asked(self, key):
        site, channel = key
        return f'["{site}", {channel}]' if isinstance(channel, int) else f' [ "{site}" ,"{channel}"]'


class Zulu(Texts):
    """Text times with T and Z."""
    form = "%Y-%m-%dT%H:%M:%SZ"

    def spell(self, at):
        return text_of(START + int(at), self.form)

    def bound(self, tick):
        return self.show(tick)


class Days(World):
    """Dates, one row a day and key."""
    table = "CREATE TABLE raw(day TEXT, symbol TEXT, close REAL); CREATE INDEX raw_key ON raw(symbol, day); CREATE INDEX raw_day ON raw(day)"
    definition = "SELECT day, symbol, close FROM raw"
    all_rows = "SELECT day, close, symbol FROM raw"
    ladder = ["1d", "1w"]
    time, value, time_types = "day", "close", (str,)
    key_values = ["X", "Y"]
    step = 40000.0

    def spell(self, at):
        return text_of(START + int(at), "%Y-%m-%d")

    def insert(self, at):
        self.db.execute("INSERT INTO raw VALUES (?,?,?)", (self.spell(at), self.random.choice("XY"), self.number()))

    def tick(self, time):
        return seconds_of(time + "T00:00:00")

    def show(self, tick):
        return text_of(tick, "%Y-%m-%d")


class Reals(World):
    """REAL times, also negative, no keys, a WHERE, widths that are plain numbers; rows at the same time."""
    table = "CREATE TABLE raw(t REAL, v, good INTEGER); CREATE INDEX raw_t ON raw(t)"
    definition = "SELECT t, v FROM raw WHERE good"
    all_rows = "SELECT t, v FROM raw WHERE good"
    ladder = ["100", "500", "5000"]
    time, value, time_types = "t", "v", (float,)
    key_values = [None]
    number_widths = True

    def spell(self, at):
        return round(at - 3000, self.random.choice([0, 0, 1, 3])) + 0.0

    def show(self, tick):
        return float(tick)

    def insert(self, at):
        value = self.random.choice([None, "1", 1e999, -1e999] + [self.number()] * 16)
        self.db.execute("INSERT INTO raw VALUES (?,?,?)", (self.spell(at), value, self.random.random() < 0.9))


class Milliseconds(Numbers):
    """Milliseconds; large whole values, whose sums are exact."""
    table = "CREATE TABLE raw(ts INTEGER, tag TEXT, value INTEGER); CREATE INDEX raw_ts ON raw(ts); CREATE INDEX raw_key ON raw(tag, ts)"
    definition = "SELECT ts, tag, value FROM raw"
    all_rows = "SELECT ts, value, tag FROM raw"
    options = ", unit = 'ms'"
    ladder = ["10s", "1m", "1h"]
    per_second = 1000
    key_values = ["a", "[b]"]

    def spell(self, at):
        return START * 1000 + int(at * 1000)

    def number(self):
        return (1 << 53) + self.random.randrange(-99, 99)

    def insert(self, at):
        self.db.execute("INSERT INTO raw VALUES (?,?,?)", (self.spell(at), self.random.choice(["a", "[b]"]), self.number()))


WORLDS = [Numbers, Texts, Zulu, Days, Reals, Milliseconds]
