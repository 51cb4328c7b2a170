"""--textfile: what Prometheus gets to know. Each file is read by a strict reader of the format, written here from its specification
(exposition_formats.md), and served by a real node_exporter, Debian's, which is asked over HTTP."""
import os
import re
import shutil
import signal
import socket
import subprocess
import threading
import time
import urllib.request

from almanac import BUILD, ROOT, TOOL, connect, directory, equal, shell, tool

RUN = ["almanac_up", "almanac_exit_code", "almanac_run_duration_seconds", "almanac_last_run_timestamp_seconds", "almanac_last_success_timestamp_seconds"]
SUMMARY = ["almanac_summary_run_rows", "almanac_summary_run_partitions", "almanac_summary_dirty_partitions", "almanac_summary_lag_seconds",
           "almanac_summary_refreshed_timestamp_seconds", "almanac_summary_stored_rows", "almanac_summary_error"]
LABEL = r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\\\|\\"|\\n)*)"'
SAMPLE = re.compile(rf"([a-zA-Z_:][a-zA-Z0-9_:]*)\{{({LABEL}(?:,{LABEL})*)\}} ([-+.0-9e]+)")


def unescape(text):
    return re.sub(r'\\(.)', lambda match: {"n": "\n"}.get(match[1], match[1]), text)


def read(text):
    """{(name, frozenset of labels): value}; anything that the format forbids is an error."""
    assert text.endswith("\n"), text[-200:]
    samples, seen, name = {}, [], None
    for line in text[:-1].split("\n"):
        if line.startswith("# HELP "):
            name = line.split(" ")[2]
            assert name not in seen, f"{name}: its lines must stand together"
            seen.append(name)
            assert len(line.split(" ", 3)[3]) > 5 and "\\" not in line
        elif line.startswith("# TYPE "):
            equal(line, f"# TYPE {name} gauge")
        else:
            match = SAMPLE.fullmatch(line)
            assert match and match[1] == name, line
            labels = frozenset((key, unescape(value)) for key, value in re.findall(LABEL, match[2]))
            assert (name, labels) not in samples, f"twice: {line}"
            samples[name, labels] = float(match[match.lastindex])
    return samples


def read_file(path):
    with open(path, encoding="utf-8", newline="\n") as file:
        return read(file.read())


def of(samples, name, **labels):
    """The value of one sample; None where there is none."""
    return samples.get((name, frozenset(labels.items())))


def plant():
    path = os.path.join(directory(), "plant.db")
    shell(path, """CREATE TABLE readings(id INTEGER PRIMARY KEY, ts INTEGER, sensor TEXT); CREATE INDEX by_time ON readings(ts);
        CREATE TABLE events(at TEXT); CREATE INDEX by_at ON events(at); INSERT INTO events VALUES('2024-01-01 10:00:00');
        WITH RECURSIVE i(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM i WHERE n < 199) INSERT INTO readings SELECT n, n * 1000, 's' || (n % 3) FROM i;""")
    tool("apply", path, "-", stdin="""
        CREATE MATERIALIZED VIEW hourly AS SELECT time_bucket('1 hour', ts) AS b, sensor, count(*) AS n FROM readings GROUP BY 1, 2;
        CREATE MATERIALIZED VIEW daily AS SELECT time_bucket('1 day', at) AS b, count(*) AS n FROM events GROUP BY 1;
        CREATE MATERIALIZED VIEW sensors WITH (partition = sensor) AS SELECT sensor, count(*) AS n FROM readings GROUP BY sensor;""")
    return path


def test_values():
    """After a good run, beside plain SQL."""
    path = plant()
    file = os.path.join(directory(), "almanac.prom")
    before = int(time.time())
    tool("refresh", path, "--textfile", file)
    shell(path, "DELETE FROM readings WHERE id IN (7, 100)")
    samples = read_file(file)
    run = {"database": path, "command": "refresh"}
    equal({name for name, _ in samples}, {*RUN, *SUMMARY})
    equal((of(samples, "almanac_up", **run), of(samples, "almanac_exit_code", **run)), (1, 0))
    for name in RUN[3:]:
        assert before <= of(samples, name, **run) <= time.time(), (name, samples)
    assert 0 < of(samples, "almanac_run_duration_seconds", **run) <= time.time() - before + 1
    db = connect(path, extension=False)
    for name in ("hourly", "daily", "sensors"):
        rows, = db.execute(f"SELECT count(*) FROM {name}_stored").fetchone()
        partitions, = db.execute(f"SELECT count(DISTINCT {'sensor' if name == 'sensors' else 'b'}) FROM {name}_stored").fetchone()
        got = [of(samples, metric, database=path, summary=name) for metric in SUMMARY]
        equal(got[:4] + got[5:], [rows, partitions, 0, 0, rows, 0], name)
        assert before <= got[4] <= time.time()
    # The next run tells of what it did; of what did nothing the last that did something stays.
    tool("refresh", path, "--textfile", file)
    again = read_file(file)
    equal([of(again, "almanac_summary_run_partitions", database=path, summary=name) for name in ("hourly", "daily", "sensors")], [2, 1, 1 if (7 - 100) % 3 == 0 else 2])
    # A refresh of one summary leaves the others' changes to be told.
    db.execute("UPDATE readings SET sensor = 's1'")
    tool("refresh", path, "daily", "--textfile", file)
    dirty = {line.split("|")[0]: float(line.split("|")[1]) for line in shell(path, "SELECT name, dirty FROM almanac_status").splitlines()}
    equal({name: of(read_file(file), "almanac_summary_dirty_partitions", database=path, summary=name) for name in dirty}, dirty)
    db.close()


def test_labels():
    """Quotes, backslashes, line ends and bytes that are no UTF-8 in names: read back as they are (but for those bytes)."""
    folder = directory()
    path = os.path.join(os.fsencode(folder), b'we"ird \\ n\nam\xff\xe2\x82.db')
    file = os.path.join(folder, "almanac.prom")
    db = connect(path, extension=False)
    db.execute("CREATE TABLE t(k)")
    db.close()
    subprocess.run([TOOL, "apply", path, "-"], input='CREATE MATERIALIZED VIEW "s""u\\m é\U0001F4C8" WITH (partition = k) AS SELECT k, count(*) AS n FROM t GROUP BY k;'.encode(), check=True)
    subprocess.run([TOOL, "refresh", path, "--textfile", file], check=True)
    samples = read_file(file)
    shown = os.path.join(folder, 'we"ird \\ n\nam???.db')
    equal(of(samples, "almanac_summary_error", database=shown, summary='s"u\\m é\U0001F4C8'), 0)
    equal(of(samples, "almanac_up", database=shown, command="refresh"), 1)
    with serving(folder) as ask:
        equal(of(ask(), "almanac_summary_error", database=shown, summary='s"u\\m é\U0001F4C8'), 0)


def test_failures():
    """Each writes the file as well, with its exit code, and keeps the time of the last success."""
    path = plant()
    folder = directory()
    file = os.path.join(folder, "almanac.prom")
    run = {"database": path, "command": "refresh"}

    def fails(code, *arguments, up=1, error=None, last=None):
        tool("refresh", path, "--textfile", file, *arguments, code=code)
        samples = read_file(file)
        equal((of(samples, "almanac_exit_code", **run), of(samples, "almanac_up", **run)), (code, up))
        equal(of(samples, "almanac_last_success_timestamp_seconds", **run), last() if callable(last) else last)
        assert time.time() - 60 < of(samples, "almanac_last_run_timestamp_seconds", **run) <= time.time()
        equal({labels for name, labels in samples if name == "almanac_summary_error" and samples[name, labels]},
              {frozenset({"database": path, "summary": error}.items())} if error else set())

    shell(path, "INSERT INTO events VALUES('2024-01-02T10:00:00')")
    fails(1, "no_such_summary", last=0)
    # No file tells of a success, but two summaries are well.
    fails(3, error="daily", last=lambda: int(shell(path, "SELECT CAST(max(started_at + seconds) AS INTEGER) FROM almanac_run WHERE error IS NULL")))
    shell(path, "DELETE FROM events WHERE at GLOB '*T*'")
    tool("refresh", path, "--textfile", file)
    last = of(read_file(file), "almanac_last_success_timestamp_seconds", **run)
    shell(path, "INSERT INTO events VALUES('2024-01-02T10:00:00')")
    fails(3, error="daily", last=last)
    fails(1, "daily", error="daily", last=last)
    db = connect(path, extension=False)
    db.execute("BEGIN IMMEDIATE")
    started = time.time()
    fails(11, "--busy-timeout", "200ms", error="daily", last=last)
    assert time.time() - started < 5
    db.execute("ROLLBACK")
    db.execute("BEGIN EXCLUSIVE")  # not even status can be read
    fails(11, "--busy-timeout", "200ms", up=0, last=last)
    db.execute("ROLLBACK")
    db.close()
    tool("pause", path)
    fails(1, error="daily", last=last)
    tool("resume", path)
    shutil.move(path, path + ".away")
    fails(10, up=0, last=last)
    with open(path, "w") as other:
        other.write("no database\n" * 500)
    fails(10, up=0, last=last)
    os.unlink(path)
    shutil.move(path + ".away", path)
    tool("drop", path, "--all")
    fails(1, up=0, last=last)
    equal(os.listdir(folder), ["almanac.prom"])


def test_interrupted():
    path = plant()
    file = os.path.join(directory(), "almanac.prom")
    db = connect(path, extension=False)
    db.execute("BEGIN IMMEDIATE")
    process = subprocess.Popen([TOOL, "refresh", path, "--textfile", file, "--busy-timeout", "60s"], stderr=subprocess.DEVNULL)
    time.sleep(0.5)
    process.send_signal(signal.SIGTERM)
    equal(process.wait(timeout=30), 130)
    samples = read_file(file)
    run = {"database": path, "command": "refresh"}
    equal((of(samples, "almanac_exit_code", **run), of(samples, "almanac_up", **run)), (130, 1))
    equal(of(samples, "almanac_summary_dirty_partitions", database=path, summary="sensors"), 1)
    db.close()


def test_the_file_itself():
    """Readable by node_exporter whatever the umask, replaced and not rewritten; where it can't be written, the refresh is done and
    the command says so."""
    path = plant()
    folder = directory()
    file = os.path.join(folder, "almanac.prom")
    subprocess.run(["sh", "-c", 'umask 077 && exec "$@"', "sh", TOOL, "refresh", path, "--textfile", file], check=True)
    equal(os.stat(file).st_mode & 0o777, 0o644)
    with open(file) as old:
        text = old.read()
        tool("refresh", path, "--textfile", file)
        old.seek(0)
        equal(old.read(), text, "who has the old file open goes on reading it")
    equal(os.listdir(folder), ["almanac.prom"])
    shell(path, "DELETE FROM readings WHERE id = 3")
    _, err = tool("refresh", path, "--textfile", os.path.join(folder, "missing", "almanac.prom"), code=1)
    assert "missing/almanac.prom: No such file or directory" in err, err
    equal(shell(path, "SELECT sum(dirty) FROM almanac_status"), "0\n")
    _, err = tool("refresh", path, "--textfile", folder, code=1)
    assert "directory" in err, err
    equal(os.listdir(folder), ["almanac.prom"])
    equal([name for name in os.listdir(os.path.dirname(folder)) if name.startswith(os.path.basename(folder) + ".")], [])
    assert "--textfile must be the path of a file" in tool("refresh", path, "--textfile", "", code=2)[1]
    os.unlink(file)
    tool("refresh", path, "--dry-run", "--textfile", file)
    equal(os.listdir(folder), [])


class serving:
    """A node_exporter that serves a directory; what it gives is a function that scrapes it."""

    def __init__(self, folder):
        self.folder = folder

    def __enter__(self):
        binary = shutil.which("prometheus-node-exporter") or os.path.join(BUILD, "node_exporter", "usr", "bin", "prometheus-node-exporter")
        if not os.path.exists(binary):
            subprocess.run([os.path.join(ROOT, "tests", "needs"), "exporter"], env={**os.environ, "ALMANAC_BUILD": BUILD}, check=True)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.url = f"http://127.0.0.1:{free.getsockname()[1]}/metrics"
        self.process = subprocess.Popen([binary, "--collector.disable-defaults", "--collector.textfile", "--web.disable-exporter-metrics",
                                         f"--collector.textfile.directory={self.folder}", f"--web.listen-address={self.url[7:-8]}"],
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for _ in range(200):
            try:
                self.scrape()
                return self.scrape
            except OSError:
                time.sleep(0.05)
        raise AssertionError("node_exporter does not answer")

    def scrape(self):
        text = urllib.request.urlopen(self.url, timeout=10).read().decode()
        kept = [line for line in text.splitlines(True) if not re.match(r"(# \w+ )?(node|go|process|promhttp)_", line)]
        error, = re.findall(r"^node_textfile_scrape_error (\S+)$", text, re.M)
        equal(error, "0", "node_exporter could not read a file")
        return read("".join(kept) or "\n") if kept else {}

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()


def test_node_exporter():
    """It serves all that the files say: of two databases, one of them gone, and of a failed run."""
    folder = directory()
    one, two = plant(), plant()
    shell(two, "INSERT INTO events VALUES('2024-01-02T10:00:00')")
    files = [os.path.join(folder, name) for name in ("one.prom", "two.prom", "gone.prom")]
    tool("refresh", one, "--textfile", files[0])
    tool("refresh", two, "--textfile", files[1], code=3)
    tool("refresh", "/nowhere/gone.db", "--textfile", files[2], code=10)
    with serving(folder) as ask:
        served = ask()
    written = {}
    for file in files:
        written.update(read_file(file))
    equal(served, written)


def test_scraped_while_it_is_written():
    """Many rewrites, and readers of the file and of node_exporter all the time: never half a file, never none."""
    path = plant()
    folder = directory()
    file = os.path.join(folder, "almanac.prom")
    tool("refresh", path, "--textfile", file)
    names = set(read_file(file))
    process = subprocess.Popen([TOOL, "refresh", path, "--every", "1ms", "--textfile", file])
    seen, wrong = set(), []

    def look():
        while process.poll() is None:
            try:
                equal(set(read_file(file)), names)
                seen.add(os.stat(file).st_mtime_ns)
            except Exception as error:
                wrong.append(error)

    reader = threading.Thread(target=look)
    reader.start()
    with serving(folder) as ask:
        scrapes = 0
        until = time.time() + 20
        while (scrapes < 100 or len(seen) < 50) and time.time() < until:
            equal(set(ask()), names)
            scrapes += 1
    process.send_signal(signal.SIGTERM)
    equal(process.wait(timeout=30), 0)
    reader.join()
    assert not wrong, wrong[0]
    assert scrapes >= 20 and len(seen) >= 20, (scrapes, len(seen))
    equal(of(read_file(file), "almanac_exit_code", database=path, command="refresh"), 0)
    equal(os.listdir(folder), ["almanac.prom"])


def test_every():
    """After each run; failures, too, which don't end it."""
    path = plant()
    file = os.path.join(directory(), "almanac.prom")
    run = {"database": path, "command": "refresh"}

    def wait_for(code):
        until = time.time() + 20
        while not os.path.exists(file) or of(read_file(file), "almanac_exit_code", **run) != code:
            assert time.time() < until, code
            time.sleep(0.02)
        return read_file(file)

    process = subprocess.Popen([TOOL, "refresh", path, "--every", "50ms", "--busy-timeout", "50ms", "--textfile", file], stderr=subprocess.DEVNULL)
    good = wait_for(0)
    assert of(good, "almanac_run_duration_seconds", **run) < 10
    db = connect(path, extension=False)
    db.execute("BEGIN IMMEDIATE")
    wait_for(11)
    db.execute("ROLLBACK")
    wait_for(0)
    db.execute("INSERT INTO events VALUES('2024-01-02T10:00:00')")
    bad = wait_for(3)
    equal(of(bad, "almanac_summary_error", database=path, summary="daily"), 1)
    assert of(bad, "almanac_last_success_timestamp_seconds", **run) >= of(good, "almanac_last_success_timestamp_seconds", **run)
    process.send_signal(signal.SIGTERM)
    equal(process.wait(timeout=30), 0)
    db.close()


def test_another_command():
    """It tells of itself under its own name, and leaves the summaries to the file of refresh: both are served together."""
    path = plant()
    folder = directory()
    tool("refresh", path, "--textfile", os.path.join(folder, "refresh.prom"))
    tool("prune", path, "--textfile", os.path.join(folder, "prune.prom"), code=None)
    samples = read_file(os.path.join(folder, "prune.prom"))
    equal({name for name, _ in samples}, set(RUN))
    equal(of(samples, "almanac_up", database=path, command="prune"), 1)
    with serving(folder) as ask:
        served = ask()
    equal((of(served, "almanac_up", database=path, command="prune"), of(served, "almanac_summary_error", database=path, summary="daily")), (1, 0))
