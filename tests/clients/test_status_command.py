"""The command status: as text and as JSON. The oracle is almanac_status, which test_status.py compares with plain SQL, and the stock
shell's dbstat."""
import json
import os
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from almanac import TOOL, connect, directory, equal, shell, tool
from test_status import PARTITIONS, plant


def view(path):
    """almanac_status as dictionaries, without what goes with the clock."""
    db = connect(path, extension=False)
    cursor = db.execute("SELECT * FROM almanac_status")
    rows = [dict(zip([column[0] for column in cursor.description], row)) for row in cursor]
    db.close()
    return [{key: value for key, value in row.items() if key != "lag_seconds"} for row in rows]


def as_json(path, **options):
    rows = json.loads(subprocess.run([TOOL, "status", path, "--json"], stdout=subprocess.PIPE, check=True, **options).stdout)
    more = [{key: row.pop(key) for key in ("bytes", "bytes_estimated", "owners")} for row in rows]
    for row in rows:
        row.pop("lag_seconds")
    return rows, {row["name"]: extra for row, extra in zip(rows, more)}


def test_json():
    """All columns of the view, paused as well; the bytes that the stock shell counts; nobody at work."""
    path = plant()
    for step in ("apply", "refresh", "change", "pause"):
        if step == "change":
            shell(path, "DELETE FROM readings WHERE id < 9")
        elif step != "apply":
            tool(step, path)
        rows, more = as_json(path)
        equal(rows, view(path), step)
        counted = shell(path, "SELECT m.tbl_name, sum(pgsize) FROM dbstat d JOIN sqlite_master m ON m.name = d.name GROUP BY 1")
        sizes = dict(line.split("|") for line in counted.splitlines())
        equal(more, {name: {"bytes": int(sizes[name + "_stored"]), "bytes_estimated": False, "owners": []} for name in PARTITIONS}, step)


def test_bytes_without_dbstat():
    """A SQLite without dbstat (here: one that says so) gives an estimate, and says that it is one."""
    path = plant(8000)
    tool("refresh", path)
    exact = as_json(path)[1]
    shim = os.path.join(directory(), "shim.so")
    subprocess.run(["cc", "-shared", "-fPIC", "-x", "c", "-o", shim, "-"], input=b"int sqlite3_compileoption_used(const char *name) { return 0; }", check=True)
    estimates = as_json(path, env={**os.environ, "LD_PRELOAD": shim})[1]
    for name, estimate in estimates.items():
        assert estimate["bytes_estimated"], estimate
        if exact[name]["bytes"] > 50000:
            assert 0.5 < estimate["bytes"] / exact[name]["bytes"] < 2, (name, estimate, exact[name])
    assert exact["hourly"]["bytes"] > 50000


def test_owners():
    """Who has claimed how much: a refresh in the middle of its work, and nobody once it is dead."""
    path = plant(60000)
    db = connect(path, extension=False)
    db.execute("PRAGMA journal_mode = wal")
    process = subprocess.Popen([TOOL, "refresh", path, "hourly"])
    try:
        until, claimed = time.time() + 20, 0
        while not claimed:
            assert time.time() < until and process.poll() is None, "the refresh was not caught at work"
            process.send_signal(signal.SIGSTOP)
            os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
            claimed, = db.execute("SELECT count(*) FROM almanac_dirty_1 WHERE token IS NOT NULL").fetchone()
            if not claimed:
                process.send_signal(signal.SIGCONT)
                time.sleep(0.002)
        _, more = as_json(path)
        equal(more["hourly"]["owners"], [{"pid": process.pid, "partitions": claimed}])
        equal(more["monthly"]["owners"], [])
        assert f"process {process.pid}, {claimed} partitions" in tool("status", path, "--verbose")[0]
    finally:
        process.kill()
        process.wait()
    equal(as_json(path)[1]["hourly"]["owners"], [])
    db.close()


def test_text():
    """Readable at 100 columns; below it what needs somebody."""
    path = plant()
    tool("refresh", path)
    shell(path, "DELETE FROM readings WHERE id = 9; INSERT INTO readings(ts, sensor) VALUES(1, 's0')")
    lines = tool("status", path)[0].splitlines()
    equal(lines[0].split(), ["name", "kind", "refreshed", "stored", "to", "rows", "dirty", "clean", "lag"])
    equal([line.split()[0] for line in lines[1:]], sorted(PARTITIONS))
    assert all(len(line) <= 100 for line in lines), lines
    db = connect(path, extension=False)
    for line in lines[1:]:
        name, kind, rows, dirty, clean = db.execute("SELECT name, kind, stored_rows, dirty, CAST(clean * 100 AS INTEGER) FROM almanac_status WHERE name = ?", line.split()[:1]).fetchone()
        words = line.split()
        equal((words[:2], words[-6:-2]), ([name, kind], [str(rows), str(dirty), str(clean), "%"]), line)
    # A long time is told in larger units.
    db.execute("UPDATE almanac_summary SET refreshed_at = refreshed_at - CASE name WHEN 'hourly' THEN 1000 WHEN 'monthly' THEN 20000 ELSE 800000 END")
    text = tool("status", path)[0]
    for name, age in (("hourly", "16 min ago"), ("monthly", "5 h ago"), ("ranks", "9 d ago")):
        assert any(line.startswith(name + " ") and age in line for line in text.splitlines()), text
    details = tool("status", path, "--verbose")[0]
    assert "  stored_from " in details and "  bytes " in details, details
    db.close()


def test_what_is_amiss():
    """A broken definition and why, lost triggers, lost views, the file's error; none of it stops status, also where the view
    itself can't be read."""
    path = plant()
    tool("refresh", path)
    for change, expected in [
        ("DROP TRIGGER almanac_1_ins", ["hourly: amiss: triggers are missing", "almanac refresh"]),
        ("DROP VIEW almanac_ok_1", ["almanac_status can't be read: no such table: almanac_ok_1", "almanac refresh"]),
        ("DROP VIEW almanac_status", []),
        ("INSERT INTO events(at) VALUES('2024-03-01T10:00:00')", ["text_daily: amiss: times are in several spellings"]),
        ("DROP TABLE events", ["text_daily: amiss: ", "by_kind: amiss: ", "no such table: events"]),
    ]:
        shell(path, change)
        text = tool("status", path)[0]
        for part in expected:
            assert part in text, f"{change}\n{text}"
        equal(len([line for line in text.splitlines() if line.split()[0] in PARTITIONS and ":" not in line.split()[0]]), len(PARTITIONS))
        equal([row["name"] for row in json.loads(tool("status", path, "--json")[0])], sorted(PARTITIONS))
        tool("refresh", path, code=None)
    equal(len(view(path)), len(PARTITIONS))
    shell(path, "CREATE TABLE events(id INTEGER PRIMARY KEY, at TEXT, kind INTEGER, site TEXT)")
    tool("refresh", path, code=None)
    assert "amiss" not in tool("status", path)[0]
