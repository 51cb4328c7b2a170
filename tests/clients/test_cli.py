"""The command line: usage, help, version, exit codes, what goes to which stream; definitions files with mistakes
through the real tool; the progress bar on a pseudo-terminal."""
import fcntl
import json
import os
import pty
import re
import shutil
import signal
import sqlite3
import struct
import subprocess
import termios

from almanac import TOOL, connect, directory, equal, tool

DONE, FAILED, USAGE, SOME_FAILED, NO_DATABASE, LOCKED = 0, 1, 2, 3, 10, 11
COMMANDS = ["apply", "refresh", "status", "verify", "plan", "drop", "pause", "resume", "help", "version"]


def database(rows=1000):
    path = os.path.join(directory(), "readings.db")
    db = connect(path, extension=False)
    db.execute("CREATE TABLE readings (id INTEGER PRIMARY KEY, ts INTEGER, sensor_id INTEGER, value REAL)")
    db.execute("CREATE INDEX readings_ts ON readings (ts)")
    db.execute("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?) "
               "INSERT INTO readings SELECT i, 1700000000 + i * 60, i % 10, i * 0.5 FROM n", (rows,))
    db.close()
    return path


HOURLY = ("CREATE MATERIALIZED VIEW readings_hourly AS SELECT time_bucket('1 hour', ts) AS bucket, sensor_id, count(*) AS n "
          "FROM readings GROUP BY 1, 2;\n")


def fails(code, *arguments, stdin=None):
    """The message of a command that must fail, with nothing on standard output."""
    out, err = tool(*arguments, code=code, stdin=stdin)
    equal(out, "", f"{arguments}: {err}")
    assert err.startswith("almanac: ") and err.endswith("\n"), err
    return err[9:-1]


def dump(path):
    db = connect(path, extension=False)
    text = "\n".join(db.iterdump())
    db.close()
    return text


def test_help():
    out, err = tool("help")
    equal(err, "")
    for command in COMMANDS:
        assert re.search(rf"^  {command} +\S", out, re.M), f"{command} is not in\n{out}"
        about, _ = tool("help", command)
        assert about.startswith(f"usage: almanac {command} "), about
        assert "--json" in about and max(map(len, about.splitlines())) <= 100, about
        equal(tool(command, "--help")[0], about)
        equal(tool("-h", command)[0], about)
    equal(tool("--help")[0], out)
    assert "--every" in tool("help", "refresh")[0] and "--every" not in tool("help", "status")[0]
    equal(tool(code=USAGE), ("", out))


def test_version():
    expected = re.search(r'ALMANAC_VERSION "(.*)"', open(os.path.join(os.path.dirname(__file__), "../../ext/version.h")).read())[1]
    out, _ = tool("version")
    assert re.fullmatch(rf"almanac {re.escape(expected)}, SQLite 3\.\d+\.\d+\n", out), out
    equal(tool("--version")[0], out)
    equal(json.loads(tool("version", "--json")[0])["almanac"], expected)


def test_usage():
    path = database(1)
    for arguments, expected in [
        (["refesh", path], "unknown command refesh: did you mean refresh?"),
        (["stat", path], "unknown command stat: did you mean status?"),
        (["optimize", path], "unknown command optimize: `almanac help` lists them"),
        ([path, "status"], f"the command comes first: almanac status {path}"),
        (["--json=1"], "--json takes no value"),
        (["status"], "which database? almanac status DATABASE"),
        (["apply", path], "apply needs more: almanac apply DATABASE FILE.sql..."),
        (["plan", path], "plan needs more: almanac plan DATABASE NAME"),
        (["plan", path, "a", "b"], "'b' is too much: almanac plan DATABASE NAME"),
        (["status", path, "a"], "'a' is too much: almanac status DATABASE"),
        (["drop", path], "drop needs more: almanac drop DATABASE NAME... | --all"),
        (["drop", path, "--all", "a"], "--all and a: choose one"),
        (["status", path, "--full"], "status has no --full: that is for refresh"),
        (["refresh", path, "--all"], "refresh has no --all: that is for drop"),
        (["refresh", path, "--fulll"], "unknown option --fulll: did you mean --full?"),
        (["refresh", path, "--turbo"], "unknown option --turbo: `almanac help COMMAND` lists them"),
        (["refresh", path, "-x"], "unknown option -x: `almanac help` lists them"),
        (["refresh", path, "--max-time"], "--max-time needs a value, such as --max-time 30s"),
        (["refresh", path, "-qv"], "--quiet and --verbose: choose one"),
        (["help", "refresj"], "unknown command refresj: did you mean refresh?"),
        (["help", "a", "b"], "'b' is too much: almanac help [COMMAND]"),
    ]:
        equal(fails(USAGE, *arguments), expected, str(arguments))
    for option in ["--every", "--max-time"]:
        for value in ["30", "0s", "-1s", "1x", "s", "", " 1s", "1 s", "1e3s", "0x1s", "infs", "1.2.3s", ".s"]:
            message = fails(USAGE, "refresh", path, f"{option}={value}")
            equal(message, f"{option} must be a time above zero with its unit, such as 500ms, 30s, 5m or 1h, not '{value}'")
    for option, values in [("--duty", ["0.5", "0%", "101%", "50", "%"]), ("--lock-ms", ["0", "1.5", "50ms", "60001", "9" * 400]),
                           ("--busy-timeout", ["5", "25d", "9" * 400 + "s"])]:
        for value in values:
            assert fails(USAGE, "refresh", path, option, value).startswith(f"{option} must be "), value
    equal(tool("drop", "--json", path, code=USAGE)[0], '{"error":"drop needs more: almanac drop DATABASE NAME... | --all","code":2}\n')


def test_no_database():
    folder = directory()
    text = os.path.join(folder, "notes.txt")
    with open(text, "w") as file:
        file.write("no database\n" * 500)
    for path in [os.path.join(folder, "missing.db"), os.path.join(folder, "missing", "a.db"), folder, text]:
        for command in ["status", "refresh"]:
            message = fails(NO_DATABASE, command, path)
            assert path in message, message
    equal(os.listdir(folder), ["notes.txt"])
    out, _ = tool("status", text, "--json", code=NO_DATABASE)
    equal(json.loads(out)["code"], NO_DATABASE)


def test_standard_output_that_is_full():
    with open("/dev/full", "w") as full:
        done = subprocess.run([TOOL, "help"], stdout=full, stderr=subprocess.PIPE, text=True)
    equal((done.returncode, done.stderr), (FAILED, "almanac: cannot write to standard output: No space left on device\n"))


def test_options_stand_anywhere():
    path = database()
    tool("--quiet", "apply", "--busy-timeout", "1s", path, "-", stdin=HOURLY)
    tool("--max-time=30s", "refresh", path, "--full", "readings_hourly", "--duty", "100%", "--lock-ms", "20")
    assert "readings_hourly" in tool("status", path)[0]
    assert "readings_hourly" in tool("status", "--", path)[0]
    json.loads(tool("status", path, "--json")[0])


def test_quiet_when_all_is_well():
    path = database()
    equal(tool("apply", path, "-", stdin=HOURLY), ("", ""))
    equal(tool("refresh", path), ("", ""))
    equal(tool("drop", path, "readings_hourly"), ("", ""))


def test_mistakes_in_definitions():
    """Each says where and what, exits with 1 and leaves the database as it was."""
    path = database()
    before = dump(path)
    file = os.path.join(directory(), "defs.sql")
    for text, expected in [
        ("-- comment\nCREATE MATERIALIZED VIEW a AS\n  SELECT count(*) FROM readings GROUP BY , 1;", "{file}:3:42: a: near \",\": syntax error"),
        ("CREATE TABLE x(a);\nCREATE MATERIALIZED VIEW a AS SELCT 1;", "{file}:2:31: expected SELECT, WITH or VALUES, found SELCT"),
        ("CREATE TABLE x(a);\nSELCT 1;", "{file}:2:1: near \"SELCT\": syntax error"),
        ("CREATE MATERIALIZED VIEW a AS SELECT * FROM nowhere;", "no such table: nowhere"),
        ("CREATE MATERIALIZED VIEW a AS SELECT colour FROM readings;", "no such column: colour"),
        ("CREATE TABLE x(a); BEGIN;", "{file}:1:20: BEGIN is refused: apply runs the file as one transaction"),
        ("CREATE TABLE x(a); COMMIT;", "{file}:1:20: COMMIT is refused"),
        ("VACUUM;", "{file}:1:1: VACUUM is refused"),
        ("ATTACH 'x' AS y;", "{file}:1:1: ATTACH is refused"),
        ("CREATE TABLE x(a); SELECT 'open;", "{file}:1:27: 'open;: a quote that is never closed"),
        (HOURLY + "CREATE TABLE readings(a);", "table readings already exists"),
        (HOURLY + "REFRESH MATERIALIZED VIEW other;", "other"),
        (HOURLY + "DROP MATERIALIZED VIEW other;", "other"),
        (HOURLY.replace("readings_hourly", "readings"), "readings"),
    ]:
        with open(file, "w") as out:
            out.write(text)
        message = fails(FAILED, "apply", path, file)
        assert expected.format(file=file) in message, f"{text}\n  {message}\n  {expected}"
        equal(dump(path), before, text)
    missing = os.path.join(directory(), "missing.sql")
    assert missing in fails(FAILED, "apply", path, missing)
    equal(dump(path), before)


def test_names_that_are_no_summaries():
    path = database()
    for command in ["refresh", "plan", "drop"]:
        assert "almanac apply" in fails(FAILED, command, path, "other"), command
    tool("apply", path, "-", stdin=HOURLY)
    before = dump(path)
    for command in ["refresh", "plan", "drop"]:
        for name in ["other", "readings", "readings_hourly_stored", "main.readings_hourly", ""]:
            message = fails(FAILED, command, path, name)
            assert "there is no summary " + name in message, message
    equal(dump(path), before)


def test_locked_and_read_only():
    path = database()
    tool("apply", path, "-", stdin=HOURLY)
    db = connect(path, extension=False)
    db.execute("BEGIN IMMEDIATE")
    message = fails(LOCKED, "apply", path, "-", "--busy-timeout", "50ms", stdin=HOURLY.replace("1 hour", "1 day"))
    assert "locked" in message and "--busy-timeout" in message, message
    db.execute("ROLLBACK")
    db.close()
    if os.geteuid():  # root writes everywhere
        os.chmod(path, 0o444)
        assert "read-only" in fails(FAILED, "apply", path, "-", stdin=HOURLY.replace("1 hour", "1 day"))
        assert "readings_hourly" in tool("status", path)[0]


def on_terminal(*arguments, columns=80, environment=None):
    """Runs the tool with its standard error on a terminal; what it wrote there, and its exit code."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    process = subprocess.Popen([TOOL, *arguments], stdout=subprocess.DEVNULL, stderr=theirs, env={**os.environ, **(environment or {})})
    os.close(theirs)
    written = b""
    try:
        while chunk := os.read(ours, 4096):
            written += chunk
    except OSError:  # Linux's way to say that the other end is closed
        pass
    os.close(ours)
    return written.decode(), process.wait()


def test_progress_bar():
    path = database(200000)
    tool("apply", path, "-", stdin=HOURLY.replace("count(*)", "count(DISTINCT value)"))  # a scan would be over before the first bar
    shutil.copy(path, path + "2")
    written, code = on_terminal("refresh", path)
    equal(code, DONE)
    lines = [line for line in re.split(r"[\r\n]+", written) if line.strip()]
    bars = [line for line in lines if re.fullmatch(r"readings_hourly  \[#*\.*\]  +\d+ %  [\d.]+[kMG]? rows/s(  [\dminhs ]+ left)?", line)]
    assert bars, written
    shares = [int(re.search(r"(\d+) %", line)[1]) for line in bars]
    equal(shares, sorted(shares))
    assert "\x1b" not in written and all(len(line) <= 79 for line in re.split(r"[\r\n]+", written)), written
    assert not re.split(r"[\r\n]", written)[-1].strip(), "the line is cleared at the end"
    narrow, code = on_terminal("refresh", path + "2", columns=30)
    assert code == DONE and all(len(line) <= 29 for line in re.split(r"[\r\n]+", narrow) if "rows/s" in line), narrow
    equal(on_terminal("refresh", path, "--full", "--quiet"), ("", DONE))


def test_notices():
    """Shown with --verbose and on a terminal; not in a cron job's mail, and never with --quiet."""
    path = database()
    shell_sql = sqlite3.connect(path)
    shell_sql.execute("DROP INDEX readings_ts")
    shell_sql.close()
    for options, expected in [([], False), (["--verbose"], True), (["--quiet"], False)]:
        out, err = tool("apply", path, "-", *options, stdin=HOURLY.replace("readings_hourly", "readings_" + str(len(options)) + str(expected)))
        equal(out, "")
        equal("CREATE INDEX" in err, expected, err)
    with open(path + ".sql", "w") as file:
        file.write(HOURLY)
    written, code = on_terminal("apply", path, path + ".sql")
    assert code == DONE and "CREATE INDEX" in written, written


def test_every_until_a_signal():
    path = database()
    tool("apply", path, "-", stdin=HOURLY)
    for number in [signal.SIGTERM, signal.SIGINT]:
        process = subprocess.Popen([TOOL, "refresh", path, "--every", "100ms", "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        equal(json.loads(process.stdout.readline())["name"], "readings_hourly")
        equal(json.loads(process.stdout.readline())["name"], "readings_hourly")
        process.send_signal(number)
        _, err = process.communicate(timeout=10)
        equal((process.returncode, err), (DONE, ""))


def test_journal_mode_is_left_alone():
    """(design 4) The tool never changes the journal mode."""
    for mode in ("wal", "delete"):
        path = database()
        db = connect(path, extension=False)
        db.execute(f"PRAGMA journal_mode = {mode}")
        db.close()
        tool("apply", path, "-", stdin=HOURLY)
        tool("refresh", path)
        db = connect(path, extension=False)
        equal(db.execute("PRAGMA journal_mode").fetchone(), (mode,))
        db.close()


def test_no_checkpoint():
    """(design 4) Nor does it checkpoint, however much it writes and also when it is the last to close: what it wrote
    stays in the WAL, and the database file keeps its bytes."""
    path = database(200_000)
    db = connect(path, extension=False)
    db.execute("PRAGMA journal_mode = wal")
    db.close()
    with open(path, "rb") as file:
        before = file.read()
    tool("apply", path, "-", stdin=HOURLY.replace("1 hour", "1 minute"))
    tool("refresh", path)
    tool("status", path)
    with open(path, "rb") as file:
        assert file.read() == before, "the database file was written"
    # 1,000 pages are where SQLite checkpoints by itself.
    assert os.path.getsize(path + "-wal") > 1000 * 4096, os.path.getsize(path + "-wal")
    equal(connect(path).execute("SELECT sum(n) FROM readings_hourly").fetchone(), (200_000,))
