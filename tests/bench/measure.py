"""Clocks and the table of results."""
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time

from almanac import TOOL

COMMAND_S_MAX = 900  # a command that takes longer is killed and fails its section

results = []  # the cells of each line
ratios = {}  # "heading: work / beside" -> {"seconds", "beside", "ratio"}: what record.py keeps
title = ""  # the last heading


def clocked(function):
    started = time.perf_counter()
    function()
    return time.perf_counter() - started


def interleaved(rounds, functions):
    """{name: median seconds}: each once to warm up, then `rounds` times in turn, so that a slow moment hits all."""
    taken = {name: [] for name in functions}
    for turn in range(rounds + 1):
        for name, function in functions.items():
            seconds = clocked(function)
            if turn:
                taken[name].append(seconds)
    return {name: statistics.median(seconds) for name, seconds in taken.items()}


def queries(db, rounds, statements):
    """The same for SQL statements whose rows are read to the end."""
    return interleaved(rounds, {name: lambda sql=sql: db.execute(sql).fetchall() for name, sql in statements.items()})


def shown(seconds):
    if seconds >= 10:
        return f"{seconds:.1f} s"
    if seconds >= 0.1:
        return f"{seconds:.2f} s"
    return f"{seconds * 1000:.3g} ms" if seconds >= 1e-4 else f"{seconds * 1e6:.3g} us"


def report(work, seconds, other="", other_seconds=None, at_most=None, limit=None, rows=None):
    """One line: `seconds`, of so many rows, beside `other_seconds`; the goal is a ratio (`at_most`), a limit in seconds, or none."""
    ratio = seconds / other_seconds if other_seconds else None
    if ratio:
        ratios[f"{title}: {work} / {other}"] = {"seconds": seconds, "beside": other_seconds, "ratio": ratio}
    goal = verdict = ""
    if at_most is not None:
        goal, verdict = f"{at_most:g} x", "ok" if ratio <= at_most else "MISSED"
    elif limit is not None:
        goal, verdict = shown(limit), "ok" if seconds <= limit else "MISSED"
    taken = shown(seconds) + (f", {seconds / rows * 1e9:.1f} ns a row" if rows else "")
    line(work, taken, other, shown(other_seconds) if other_seconds else "", f"{ratio:.3g} x" if ratio else "", goal, verdict)


def line(*cells):
    results.append(cells)
    print("| " + " | ".join(cells) + " |", flush=True)
    return cells


def heading(text):
    global title
    title = text
    results.append(text)
    print(f"\n**{text}**\n\n| work | time | beside | its time | ratio | goal | |\n| --- | --- | --- | --- | --- | --- | --- |", flush=True)


# Runs a command and writes its seconds and its peak memory: a process of its own, for the peak of a forked child
# starts at its parent's.
WATCHED = """
import resource, subprocess, sys, time
started = time.perf_counter()
status = subprocess.run(sys.argv[2:]).returncode
seconds = time.perf_counter() - started
with open(sys.argv[1], "w") as file:
    file.write(f"{seconds} {resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024}")
sys.exit(status)
"""


def watched(command, stdin=None):
    """Runs a command: (seconds, peak memory in bytes, stdout)."""
    with tempfile.NamedTemporaryFile("r") as measured:
        done = subprocess.run([sys.executable, "-S", "-c", WATCHED, measured.name, *command], input=stdin or "",
                              capture_output=True, text=True, timeout=COMMAND_S_MAX)
        if done.returncode:
            raise RuntimeError(f"{' '.join(command)[:500]} ended with {done.returncode}: {done.stderr.strip()[-500:]}")
        seconds, peak = measured.read().split()
        return float(seconds), int(peak), done.stdout


def tool(*arguments, stdin=None):
    return watched([TOOL, *arguments], stdin)


def machine():
    """What it ran on, for the head of the table."""
    import sqlite3
    model = "unknown CPU"
    if os.path.exists("/proc/cpuinfo"):
        with open("/proc/cpuinfo") as file:
            found = re.search(r"model name\s*:\s*(.+)", file.read())
            model = found.group(1) if found else model
    return f"{model}, {os.cpu_count()} cores, SQLite {sqlite3.sqlite_version}, Python {sys.version.split()[0]}"
