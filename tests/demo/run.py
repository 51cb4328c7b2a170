"""make demo: the main job on real data. Loads some millions of rows, declares the recipes' summaries, refreshes them,
compares each dashboard query raw and from the summary, lets a stock sqlite3 change the data, and draws a page."""
import math
import os
import shutil
import sqlite3
import subprocess
import sys
import time

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path[:0] = [TESTS, os.path.join(TESTS, "data"), os.path.join(TESTS, "demo")]
import load  # noqa: E402
import page  # noqa: E402
import recipes  # noqa: E402
from almanac import BUILD, EXTENSION, ROOT  # noqa: E402

FOLDER = os.path.join(BUILD, "demo")
DATABASE = os.path.join(FOLDER, "demo.db")
READINGS = int(os.environ.get("ALMANAC_DEMO_ROWS", 3_000_000))
TABLES = (
    ("readings", "50 sensors, a reading a minute each, on Seattle's hourly temperatures", load.readings, dict(rows=READINGS)),
    ("defects", "20 panels of 3 layers, on a week's earthquakes", load.panel_defects, dict(rows=300_000)),
    ("unpivoted_data", "30 metabolites of 2,000 bacteria", load.metabolites, dict(rows=60_000)),
    ("trades", "4 portfolios of 5 strategies, on 20 years of the S&P 500", load.trades, dict(rows=420_000)),
    ("signals", "2 recordings of 2 signals, 100,000 points each, on flight delays", load.signals, dict(rows=400_000, recordings=2)),
)
RECIPES = ("sensors", "panel_defects", "top_metabolites", "portfolio", "signals")


def shown(path):
    """A path as the user would type it: relative when it is below here."""
    relative = os.path.relpath(path)
    return path if relative.startswith("..") else relative


def title(text):
    print(f"\n== {text}", flush=True)


def run(*command):
    """Shows a command, runs it, and ends the demo when it fails. Returns the seconds it took."""
    print("$ " + " ".join(shown(word) if os.path.isabs(word) else word for word in command), flush=True)
    started = time.perf_counter()
    talk = None if sys.stderr.isatty() else subprocess.STDOUT  # in a log, what the tool says stays in its place
    done = subprocess.run(command, stderr=talk)
    if done.returncode:
        sys.exit(f"demo: {command[0]} ended with {done.returncode}")
    return time.perf_counter() - started


def almanac(*arguments):
    return run(os.path.join(BUILD, "bin", "almanac"), *arguments)


def stock(*statements):
    """Statements through the sqlite3 shell, which has no extension."""
    for statement in statements:
        print(f"sqlite> {statement}", flush=True)
    done = subprocess.run(["sqlite3", "-batch", DATABASE], input="\n".join(statements), text=True)
    if done.returncode:
        sys.exit(f"demo: sqlite3 ended with {done.returncode}")


def connect(extension):
    db = sqlite3.connect(DATABASE, isolation_level=None)
    if extension and not hasattr(db, "enable_load_extension"):
        sys.exit("demo: this Python's sqlite3 can't load extensions (Apple's can't): make demo PYTHON=/path/to/another/python3")
    if extension:
        db.enable_load_extension(True)
        db.load_extension(EXTENSION)
    return db


def load_data():
    title("The data: dashboards' tables, made of real measurements")
    shutil.rmtree(FOLDER, ignore_errors=True)
    os.makedirs(FOLDER)
    db = connect(extension=False)
    total = 0
    for table, about, function, arguments in TABLES:
        function(db, **arguments)
        rows = db.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
        total += rows
        print(f"  {table:<15}{rows:>10,} rows   {about}", flush=True)
    db.close()
    print(f"  {shown(DATABASE)}: {os.path.getsize(DATABASE) / 1e6:.0f} MB")
    return total


def timed(db, sql):
    """The rows, and the best time of up to three runs (one, if that takes a second), in milliseconds."""
    best, spent, rows = math.inf, 0, None
    for _ in range(3):
        started = time.perf_counter()
        rows = db.execute(sql).fetchall()
        took = time.perf_counter() - started
        best, spent = min(best, took), spent + took
        if spent > 1:
            break
    return rows, best * 1000


def same(a, b):
    """Equal but for the last digits of sums, which depend on the order of addition."""
    close = lambda x, y: math.isclose(x, y, rel_tol=1e-9, abs_tol=1e-6) if isinstance(x, float) and isinstance(y, float) else x == y
    return len(a) == len(b) and all(len(x) == len(y) and all(map(close, x, y)) for x, y in zip(a, b))


def compare_queries():
    title("The dashboards' queries: on raw rows, and on the summaries (a stock SQLite, without the extension)")
    with_extension, without = connect(extension=True), connect(extension=False)
    print(f"  {'':<62}{'rows':>7}{'raw':>12}{'summary':>12}{'':>11}")
    different = []
    for recipe in RECIPES:
        for query in recipes.queries_in(recipes.text_of(recipe)):
            if not query.raw:
                continue
            raw, raw_ms = timed(with_extension, query.raw)
            rows, ms = timed(without, query.sql)
            if not same(rows, raw):
                different.append(query.name)
            name = query.name if len(query.name) <= 60 else query.name[:57] + "..."
            print(f"  {name:<62}{len(rows):>7,}{raw_ms:>9,.1f} ms{ms:>9,.2f} ms{raw_ms / ms:>9,.0f} x", flush=True)
    with_extension.close()
    without.close()
    if different:
        sys.exit(f"demo: these gave different rows: {', '.join(different)}")
    print("  Each pair gave the same rows.")


HOUR = load.START + READINGS // 50 // 1440 // 2 * 86400 + 8 * 3600  # a morning in the middle of the readings
CHANGES = (
    f"INSERT INTO readings(ts, sensor_id, value) SELECT ts + 1, sensor_id, value + 5 FROM readings WHERE ts >= {HOUR} AND ts < {HOUR + 1200};",
    f"DELETE FROM readings WHERE ts >= {HOUR + 86400} AND ts < {HOUR + 86400 + 1800} AND sensor_id < 40;",
)
# The name against its definition in plain SQL, both ways, in one statement.
DEFINITION = "SELECT ts / 3600 * 3600, sensor_id, count(*), min(value), max(value) FROM readings GROUP BY 1, 2"
KEPT = "SELECT bucket, sensor_id, n, value_min, value_max FROM readings_hourly"
DIFFERENCES = f"SELECT count(*) FROM (SELECT * FROM ({DEFINITION} EXCEPT {KEPT}) UNION ALL SELECT * FROM ({KEPT} EXCEPT {DEFINITION}))"
AFFECTED = (f"SELECT datetime(bucket, 'unixepoch') AS hour, sum(n) AS readings, round(sum(value_sum) / sum(n), 3) AS mean FROM readings_hourly "
            f"WHERE bucket IN ({HOUR}, {HOUR + 86400}) GROUP BY 1;")


def change_data(first_fill_s):
    title("Late rows and deletes, by a sqlite3 that knows nothing of Almanac")
    stock(AFFECTED)
    stock(*CHANGES)
    stock(AFFECTED)
    db = connect(extension=False)
    differences = db.execute(DIFFERENCES).fetchone()[0]
    rows = db.execute("SELECT count(*) FROM readings_hourly").fetchone()[0]
    print(f"  readings_hourly against its definition over the raw rows: {rows:,} rows, {differences} differences")
    if differences:
        sys.exit("demo: the summary is not what its definition gives")
    title("The next refresh recomputes the partitions that changed, and no others")
    took_s = almanac("refresh", DATABASE, "--verbose")
    print(f"  {took_s:.2f} s, {took_s / first_fill_s * 100:.1f} % of the first fill")
    db.close()


def draw(total):
    title("Something to look at")
    path = os.path.join(FOLDER, "index.html")
    db = connect(extension=False)
    took_ms = page.write(path, db, total)
    db.close()
    print(f"  {shown(path)}: four charts, read from the summaries in {took_ms:.0f} ms; open it in a browser")


def next_steps():
    tool = os.path.join(BUILD, "bin", "almanac")
    title("The three lines you need next")
    print(f"  sqlite3 {shown(DATABASE)}   then   .load {shown(EXTENSION)}")
    print("  SELECT * FROM readings_hourly WHERE sensor_id = 7 ORDER BY bucket DESC LIMIT 24;")
    print(f"  * * * * * {os.path.abspath(tool)} refresh {os.path.abspath(DATABASE)}   # the line for crontab -e")


def main():
    started = time.perf_counter()
    os.chdir(ROOT)
    total = load_data()
    title("Two commands: declare the summaries, then fill them")
    almanac("apply", DATABASE, *(recipes.path_of(recipe) for recipe in RECIPES))
    first_fill_s = almanac("refresh", DATABASE)
    print(f"  first fill of all summaries: {first_fill_s:.1f} s")
    compare_queries()
    change_data(first_fill_s)
    draw(total)
    next_steps()
    print(f"\nThe demo took {time.perf_counter() - started:.0f} s.")


if __name__ == "__main__":
    main()
