"""numpy, DuckDB and ClickHouse on the same data, where `make bench-peers` has installed them. Printed, not judged."""
import json
import os
import shutil
import subprocess

import data
from almanac import BUILD, connect
from measure import heading, interleaved, line, shown

HOME = os.path.join(BUILD, "peers")


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
    heading("Peers")
    with_numpy(rows, rounds)
    if not os.path.exists(os.path.join(HOME, "node_modules")) or not shutil.which("node"):
        print("(DuckDB and ClickHouse: make bench-peers installs them)")
        return
    done = subprocess.run(["node", os.path.join(os.path.dirname(__file__), "peers.js"), str(rows), str(rounds), HOME],
                          capture_output=True, text=True, env={**os.environ, "NODE_PATH": os.path.join(HOME, "node_modules")})
    if done.returncode:
        raise RuntimeError(f"peers.js: {done.stderr.strip()[-500:]}")
    for work, seconds in json.loads(done.stdout):
        line(work, shown(seconds), "", "", "", "", "")
