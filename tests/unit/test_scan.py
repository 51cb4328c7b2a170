"""Scans as a C program of their own, with sanitizers and failing memory (scan.c beside this file), against SELECTs of Python's sqlite3."""
import functools
import glob
import json
import os
import random
import struct
import subprocess

from almanac import ROOT, connect, directory, equal

SEED = int(os.environ.get("ALMANAC_SEED", random.randrange(1 << 32)))


@functools.cache
def driver():
    """The path of the program; `agree` and others use it, too."""
    program = os.path.join(directory(), "scan")
    sources = [os.path.relpath(p, ROOT) for p in sorted(glob.glob(os.path.join(ROOT, "ext", "scan", "*.c")))]
    subprocess.run([os.environ.get("CC", "gcc"), "-std=c11", "-D_GNU_SOURCE", "-DSQLITE_CORE", "-O1", "-g", "-Wall", "-Wextra", "-Werror",
                    "-ffp-contract=off", "-fsanitize=address,undefined", "-fno-sanitize-recover",
                    "-Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc", "-I.", "-o", program, "tests/unit/scan.c", *sources,
                    "ext/kernel/json_read.c", "ext/kernel/json_write.c", "-lsqlite3", "-lm", "-lpthread"], cwd=ROOT, check=True)
    return program


def ask(path, *requests, code=0):
    """The program's answers to these requests, as lines."""
    text = "".join(json.dumps(request) + "\n" for request in requests)
    done = subprocess.run([driver(), path], input=text, capture_output=True, text=True)
    assert done.returncode == code, f"seed {SEED}: {done.returncode}\n{text[-3000:]}\n{done.stdout[-3000:]}{done.stderr[-3000:]}"
    return done.stdout.splitlines()


def shown(value):
    """A value as the program prints it."""
    if value is None:
        return "n"
    if isinstance(value, int):
        return f"i{value}"
    if isinstance(value, float):
        return "r" + struct.pack(">d", value).hex()
    return ("t" + value.encode().hex()) if isinstance(value, str) else "b" + bytes(value).hex()


def rows_of(db, sql, *parameters):
    return sorted(" ".join(map(shown, row)) for row in db.execute(sql, parameters))


def test_values():
    path = directory() + "/t.db"
    db = connect(path, extension=False)
    db.execute("CREATE TABLE t(a, b INTEGER, c REAL, d TEXT, e BLOB)")
    values = (None, 0, 1, -1, 2**63 - 1, -(2**63), 0.5, -0.0, 1e308, float("inf"), "", "x", "é\0ü", "12", b"", b"\0\xff")
    chance = random.Random(SEED)
    for _ in range(5000):
        db.execute("INSERT INTO t VALUES (?, ?, ?, ?, ?)", [chance.choice(values) for _ in range(5)])
    got = ask(path, {"table": "t", "columns": ["a", "b", "c", "d", "e", "rowid"]})
    assert got[-1].startswith("way "), got[-1]
    equal(sorted(got[:-1]), rows_of(db, "SELECT a, b, c, d, e, rowid FROM t"), SEED)
