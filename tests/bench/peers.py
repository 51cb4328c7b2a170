"""numpy, DuckDB and ClickHouse on the same data, where tests/needs has installed them."""
import json
import os
import shutil

import data
from almanac import BUILD, connect
from measure import heading, interleaved, line, shown, watched

HOME = os.path.join(BUILD, "peers")
ENGINES = {"duckdb": "DuckDB", "clickhouse": "ClickHouse"}


def present():
    """Are DuckDB and ClickHouse there? If not, says how to get them."""
    there = os.path.exists(os.path.join(HOME, "node_modules")) and shutil.which("node")
    if not there:
        print("(DuckDB and ClickHouse are not there: tests/needs peers installs them)")
    return there


def node(*arguments):
    """(peak memory in bytes, what peers.js says). Its own look at itself would begin at our peak."""
    os.environ["NODE_PATH"] = os.path.join(HOME, "node_modules")
    _, peak, said = watched(["node", os.path.join(os.path.dirname(__file__), "peers.js"), *map(str, arguments)])
    return peak, said


def times(rows, rounds):
    """{(engine, threads): {"version", "seconds": {work: median}, "peak": bytes}}; none where they are not installed."""
    found = {}
    if present():
        for engine in ENGINES:
            node("make", engine, rows, HOME)
            for threads in (1, 2):
                peak, said = node("time", engine, rows, HOME, threads, rounds)
                found[engine, threads] = {**json.loads(said), "peak": peak}
    return found


def with_numpy(rows, rounds):
    import numpy
    db = connect(data.points(rows // 2), extension=False)
    x, y = numpy.array(db.execute("SELECT x, y FROM points").fetchall()).T
    t = interleaved(rounds, {"density": lambda: numpy.histogram2d(x, y, 100, [[0, 100], [0, 100]])})
    line(f"numpy: 100 x 100 density of {rows // 2:,}, in memory", shown(t["density"]), "", "", "", "", "")
    db = connect(data.readings(rows), extension=False)
    ts = numpy.fromiter((r[0] for r in db.execute("SELECT ts FROM readings")), dtype=numpy.int64, count=rows)
    sensor = numpy.fromiter((r[0] for r in db.execute("SELECT sensor_id FROM readings")), dtype=numpy.int64, count=rows)
    value = numpy.fromiter((r[0] for r in db.execute("SELECT value FROM readings")), dtype=float, count=rows)

    def hours():
        group = (ts // 3600 - ts[0] // 3600) * 100 + sensor
        n = numpy.bincount(group)
        average = numpy.bincount(group, value) / n
        order = numpy.argsort(group, kind="stable")
        starts = numpy.concatenate([[0], numpy.cumsum(n[n > 0])[:-1]])
        return average, numpy.minimum.reduceat(value[order], starts), numpy.maximum.reduceat(value[order], starts)

    t = interleaved(min(rounds, 3), {"hours": hours})
    line("numpy: hour x sensor, avg, min, max, count, in memory", shown(t["hours"]), "", "", "", "", "")


def run(rows, rounds):
    heading("numpy, in memory")
    with_numpy(rows, rounds)
