"""make soak: the long forms of the random tests, one part after the other, each on all cores. Ends with 1 if one has failed.

    tests/soak.py                        everything: a million steps, 5 minutes in each journal mode, 10,000 scanned files, every fault point; many hours
    tests/soak.py --minutes 60           what of it fits into an hour: the parts share the time
    tests/soak.py stepper processes      these parts only

At the end stands a table of what was counted; of what failed first, the message with the seed that replays it.
"""
import argparse
import collections
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field

HERE = os.path.dirname(os.path.abspath(__file__))
STEPS = 1_000_000
STEPS_A_TURN = 5_000  # after which the counts so far are shown
WORLDS, WORLDS_A_TURN = 10_000, 500  # of scans
PAGES, PAGES_A_TURN = 10_000_000, 500_000
SECONDS_A_MODE = 300  # of the processes


@dataclass(frozen=True)
class Part:
    name: str
    files: tuple          # words of their paths
    setting: tuple        # of the environment: (name, value where there is time enough)
    share: float          # of --minutes
    until: tuple = None   # (what is counted, how many): again until then
    tests: int = 0        # how many run one after the other for ALMANAC_SECONDS each


PARTS = [
    Part("processes", ("property/test_processes",), ("ALMANAC_SECONDS", SECONDS_A_MODE), 0.1, tests=2),
    Part("scans", ("property/test_scans",), ("ALMANAC_WORLDS", WORLDS_A_TURN), 0.1, ("worlds", WORLDS)),
    Part("pages", ("property/test_fuzzed_pages",), ("ALMANAC_PAGES", PAGES_A_TURN), 0.1, ("fuzzed pages", PAGES)),
    Part("stepper", ("property/test_stepper",), ("ALMANAC_STEPS", STEPS_A_TURN), 0.3, ("steps", STEPS)),
    Part("faults", ("faults/test_disk", "faults/test_power"), ("ALMANAC_FAULTS", "all"), 0.3, tests=5),
    Part("memory", ("faults/test_memory",), ("ALMANAC_FAULTS", "all"), 0.1, tests=2),
]


@dataclass
class Outcome:
    state: str = "ok"     # or failed, or cut short
    spent_s: float = 0
    counts: collections.Counter = field(default_factory=collections.Counter)
    failure: str = ""


def counted(text):
    """Sums of what the tests print: `610 steps, 4145 comparisons`, alone in a line but for a `WAL:` or brackets."""
    total = collections.Counter()
    for line in text.splitlines():
        found = re.fullmatch(r"\s+\(?(?:\w+: )?(\d+ [a-z ]+(?:, \d+ [a-z ]+)*)\)?", line)
        for count in found.group(1).split(", ") if found else []:
            n, what = count.split(" ", 1)
            total[what] += int(n)
    return total


def turn(part, limit_s):
    """One run of the part's files: (exit code or None where the time was up, what was printed)."""
    name, value = part.setting
    if part.tests and limit_s:
        seconds = limit_s / (part.tests + 2)  # and time to start and to settle
        name, value = "ALMANAC_SECONDS", min(value, seconds) if name == "ALMANAC_SECONDS" else seconds
    with tempfile.TemporaryFile("w+") as out:
        process = subprocess.Popen([sys.executable, "-B", os.path.join(HERE, "run.py"), *part.files], stdout=out, stderr=subprocess.STDOUT,
                                   env={**os.environ, name: str(value)}, start_new_session=True)
        try:
            code = process.wait(limit_s)
        except subprocess.TimeoutExpired:
            code = None
        finally:
            if process.poll() is None:  # also when we are interrupted: it, and all that it started
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        out.seek(0)
        return code, out.read()


def soak(part, limit_s):
    outcome, started = Outcome(), time.time()
    while outcome.state == "ok":
        code, text = turn(part, limit_s and max(1, limit_s - (time.time() - started)))
        outcome.spent_s = time.time() - started
        outcome.counts.update(counted(text))
        if code is None:
            outcome.state = "cut short"
        elif code:
            outcome.state, outcome.failure = "failed", text[max(text.find("FAILED"), 0):]
        elif not part.until or outcome.counts[part.until[0]] >= part.until[1]:
            break
        print(row(part, outcome), flush=True)
    return outcome


def row(part, outcome):
    counts = ", ".join(f"{n:,} {what}" for what, n in outcome.counts.items())
    return f"{part.name:12} {outcome.state:10} {outcome.spent_s / 60:7.1f} min  {counts}"


def main():
    arguments = argparse.ArgumentParser(prog="soak.py", description="the long forms of the random tests")
    arguments.add_argument("--minutes", type=float, help="stop after this time; the parts share it")
    arguments.add_argument("parts", nargs="*", metavar="PART", help=", ".join(part.name for part in PARTS))
    asked = arguments.parse_args()
    unknown = set(asked.parts) - {part.name for part in PARTS}
    if unknown:
        arguments.error(f"no such part: {', '.join(sorted(unknown))}")
    parts = [part for part in PARTS if not asked.parts or part.name in asked.parts]
    shares = sum(part.share for part in parts)
    outcomes = [(part, soak(part, asked.minutes and asked.minutes * 60 * part.share / shares)) for part in parts]
    failed = [outcome for _, outcome in outcomes if outcome.state == "failed"]
    print("\n" + "\n".join(row(part, outcome) for part, outcome in outcomes))
    if failed:
        print("\n" + failed[0].failure)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
