"""The conditions of scans: on batches, through SQL and from pages (scan.c beside this file), against a WHERE in SQL."""
import os
import random
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from almanac import connect, directory
from test_scan import SEED, ask

VALUES = (None, 0, 1, 2, -1, 3, 5, 2**53, 2**53 + 1, -(2**53) - 1, 2**63 - 1, -(2**63), -(2**63) + 1, 0.5, 1.0, -0.0, 1.5, 2.0**53, 2.0**63, -(2.0**63), 1e22, -1e22, 1e308, -1e308,
          "", "a", "A", "b", "B ", "a ", "a  ", "ab", "aB", "é", "É", "1", "1.0", " 1", "2", "1.5", "9007199254740993", "a\0b", "A\0c", "1e400", "zz", "0x1",
          b"", b"a", b"A", b"\xff", b"1")


def literal(value):
    if isinstance(value, str):
        return f"+CAST(x'{value.encode().hex()}' AS TEXT)"  # without the cast's affinity
    if isinstance(value, bytes):
        return f"x'{value.hex()}'"
    return "NULL" if value is None else repr(value)


def sent(value):
    return "blob:" + value.decode("latin1") if isinstance(value, bytes) else value


def said(column, entry):
    """Comparisons of a column as a filter has them, and in SQL."""
    name = f"r.[{column}]"
    special = {"=": f"{name} IS NULL", "!=": f"{name} IS NOT NULL"}
    return ({k: sent(v) for k, v in entry.items()},
            " AND ".join(special.get(k, "0") if v is None else f"{name} {k} {literal(v)}" for k, v in entry.items()))


def condition(chance, column, values):
    """A filter's entry for the column and the same in SQL."""
    values = [v for v in values if v != b"\xff"]  # JSON can't say it
    name = f"r.[{column}]"
    kind = chance.random()
    if kind < 0.25:
        list = [chance.choice(values) for _ in range(chance.choice((0, 1, 2, 5, 20)))]
        parts = [f"{name} IN ({', '.join(literal(v) for v in list if v is not None)})", *[f"{name} IS NULL"] * (None in list)]
        return [sent(v) for v in list], f"({' OR '.join(parts)})"
    if kind < 0.4:
        value = chance.choice(values)
        return sent(value), f"{name} IS {literal(value)}" if value is None else f"{name} = {literal(value)}"
    return said(column, {chance.choice(("=", "!=", "<", "<=", ">", ">=")): chance.choice(values) for _ in range(chance.choice((1, 1, 2, 3)))})


def test_each_value_with_each_operator():
    """Every value of every type beside every constant; and two comparisons of one column, which become one range."""
    path = directory() + "/t.db"
    db = connect(path, extension=False)
    db.execute("CREATE TABLE t(mixed, number, integer, real, text, nocase COLLATE NOCASE, rtrim COLLATE RTRIM)")
    near = (2**53 - 1, 2**53 + 2, 2.0**53 + 2, 2.0**53 - 1, -(2.0**53), 5e-324, 9223372036854774784.0, 2**63 - 1024, float("inf"), -float("inf"))
    values = [v for v in VALUES + near if v != b"\xff"]
    pools = [values, *([v for v in values if isinstance(v, kind)] for kind in ((int, float, type(None)), int, float, str, str, str))]
    for i in range(len(values)):
        db.execute("INSERT INTO t VALUES (?, ?, ?, ?, ?, ?, ?)", [pool[i % len(pool)] for pool in pools])
    columns = ("mixed", "number", "integer", "real", "text", "nocase", "rtrim")
    operators = ("=", "!=", "<", "<=", ">", ">=")
    chance = random.Random(SEED)
    entries = [(column, {operator: value}) for column in columns for operator in operators for value in values
               if value not in near[-2:] and (columns.index(column) < 4 or not isinstance(value, (int, float)) or value in (0, 1.5))]
    entries += [(column, dict(zip(chance.sample(operators, 2), chance.choices([None, 0, 1, 2.0**53, 2**53 + 1, "a", 1.5, -1], k=2)))) for column in columns for _ in range(60)]
    requests = []
    for column, entry in entries:
        filter, where = said(column, entry)
        requests.append({"table": "t", "columns": [column, "rowid"], "filter": {column: filter}, "where": where, "do": "compare"})
    for column in columns:
        for _ in range(30):
            list = [v for v in chance.choices(values, k=chance.choice((2, 3, 9, 30))) if v not in near[-2:]]
            where = f"r.[{column}] IN ({', '.join(literal(v) for v in list if v is not None)})" + f" OR r.[{column}] IS NULL" * (None in list)
            requests.append({"table": "t", "columns": [column], "filter": {column: [sent(v) for v in list]}, "where": where, "do": "compare"})
    for request, answer in zip(requests, ask(path, *requests), strict=True):
        assert answer.startswith("same "), (SEED, request, answer)


def test_conditions():
    """Random tables of random types and collations; random conditions, through SQL, on batches, and from pages."""
    chance = random.Random(SEED)
    for world in range(6):
        path = directory() + "/t.db"
        db = connect(path, extension=False)
        types = [chance.choice(("", "INT", "INTEGER", "REAL", "TEXT", "BLOB", "NUMERIC")) + chance.choice(("", "", " COLLATE NOCASE", " COLLATE RTRIM")) for _ in range(5)]
        # Columns of one type are tested by loops of their own.
        pools = [chance.choice((VALUES, VALUES, [v for v in VALUES if type(v) is int], [v for v in VALUES if type(v) is float], [v for v in VALUES if type(v) in (int, float, type(None))],
                                [v for v in VALUES if type(v) is str], [v for v in VALUES if type(v) is bytes])) for _ in types]
        key = chance.choice(("", ", k INTEGER PRIMARY KEY", ", k PRIMARY KEY", ", k TEXT PRIMARY KEY"))
        without = " WITHOUT ROWID" if key and chance.random() < 0.3 else ""
        db.execute("CREATE TABLE t(%s%s)%s" % (", ".join(f"c{i} {t}" for i, t in enumerate(types)), key, without))
        for i in range(chance.choice((0, 1, 700, 2500))):
            row = [chance.choice(pool) for pool in pools] + [i - 5] * bool(key)
            db.execute(f"INSERT INTO t VALUES ({', '.join('?' * len(row))})", row)
        if chance.random() < 0.5:
            db.execute("CREATE INDEX i ON t(c0, c1)")
        columns = [f"c{i}" for i in range(len(types))] + ([] if without else ["rowid"]) + ["k"] * bool(key)
        requests = []
        for _ in range(60):
            entries, wheres = {}, ["1"]
            for column in chance.sample(columns, chance.choice((1, 1, 2, 3))):
                entries[column], where = condition(chance, column, VALUES)
                wheres.append(where)
            requests.append({"table": "t", "columns": chance.sample(columns, chance.randrange(len(columns) + 1)), "filter": entries, "where": " AND ".join(wheres), "do": "compare",
                             "sinks": chance.choice((1, 1, 2, 3))})
        got = ask(path, *requests)
        assert len(got) == len(requests) and all(line.startswith("same ") for line in got), (SEED, types, got)
