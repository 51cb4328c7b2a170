"""How long the tool's transactions last, measured within its process (locks.c), and how long writers wait, measured in theirs."""
import array
import os
import signal
import subprocess
import sys
import tempfile
import time

from almanac import TOOL, directory

HERE = os.path.dirname(os.path.abspath(__file__))
_library = []


def library():
    if not _library:
        _library.append(os.path.join(directory(), "locks.so"))
        subprocess.run(["gcc", "-O2", "-shared", "-fPIC", "-o", _library[0], os.path.join(HERE, "locks.c"), "-ldl"], check=True)
    return _library[0]


class Kind:
    """Of all transactions of a kind: how many, the longest, the most of the processor's time in one, and all together, in seconds."""
    n, longest, longest_cpu, total = 0, 0.0, 0.0, 0.0


def measured(*arguments, stdin=None, timeout=300):
    """Runs the tool: (seconds, its reads, its writes)."""
    with tempfile.NamedTemporaryFile("r") as told:
        environment = {**os.environ, "LD_PRELOAD": library(), "ALMANAC_LOCKS": told.name}
        started = time.monotonic()
        done = subprocess.run([TOOL, *map(str, arguments)], env=environment, input=stdin, capture_output=True, text=True, timeout=timeout)
        seconds = time.monotonic() - started
        if done.returncode:
            raise RuntimeError(f"almanac {arguments} ended with {done.returncode}: {done.stderr.strip()[-500:]}")
        kinds = {"1": Kind(), "2": Kind()}
        for line in told.read().splitlines():  # of each process
            kind, n, longest, longest_cpu, total = line.split()
            kinds[kind].n += int(n)
            kinds[kind].longest = max(kinds[kind].longest, float(longest))
            kinds[kind].longest_cpu = max(kinds[kind].longest_cpu, float(longest_cpu))
            kinds[kind].total += float(total)
    return seconds, kinds["1"], kinds["2"]


# Writes at full speed until it is told to stop, as an application would: a busy timeout, a few rows a transaction.
WRITER = """
import array, signal, sqlite3, sys, time
path, out, number, synchronous = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]
db = sqlite3.connect(path, isolation_level=None, timeout=60)
db.execute(f"PRAGMA synchronous={synchronous}")
stop = []
signal.signal(signal.SIGTERM, lambda *_: stop.append(1))
ts, columns = db.execute("SELECT max(ts) FROM readings").fetchone()[0], array.array("d")
print("ready", flush=True)
while not stop:
    ts += 1
    rows = [(ts - (86400 * 3 if i == 9 else 0), (ts + i) % 100, i * 0.5) for i in range(10)]
    began = time.monotonic()
    db.execute("BEGIN IMMEDIATE")
    waited = time.monotonic() - began
    db.executemany("INSERT INTO readings(ts, sensor_id, value) VALUES(?, ?, ?)", rows)
    db.execute("COMMIT")
    columns.extend((began, waited, time.monotonic() - began))
with open(out, "wb") as file:
    columns.tofile(file)
"""


class Writers:
    """Processes that write; what each of their transactions took is known after stop()."""

    def __init__(self, path, n=2, synchronous="NORMAL"):
        self.outs = [os.path.join(directory(), "waits") for _ in range(n)]
        self.processes = [subprocess.Popen([sys.executable, "-S", "-c", WRITER, path, out, str(i), synchronous], stdout=subprocess.PIPE)
                          for i, out in enumerate(self.outs)]
        for process in self.processes:
            process.stdout.readline()

    def stop(self):
        for process in self.processes:
            process.send_signal(signal.SIGTERM)
        self.rows = []
        for process, out in zip(self.processes, self.outs):
            if process.wait(60) != 0:
                raise RuntimeError("a writer failed")
            values = array.array("d")
            with open(out, "rb") as file:
                values.frombytes(file.read())
            self.rows += list(zip(values[0::3], values[1::3], values[2::3]))

    def between(self, start, end):
        """(transactions a second, 99th percentile of the waits for the lock, longest wait) of those that began in that time."""
        waits = sorted(wait for began, wait, _ in self.rows if start <= began < end)
        return len(waits) / (end - start), waits[int(len(waits) * 0.99)] if waits else 0, waits[-1] if waits else 0
