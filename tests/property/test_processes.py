"""Promises 4 and 6 among real processes (processes.py): writers with all kinds of DML, refreshers killed with SIGKILL, readers that compare.

For more than the short run of make test:

    ALMANAC_SECONDS=300 tests/run.py test_processes     that long in each journal mode
"""
import os
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from processes import run

SHORT_RUN_S = 6


def in_mode(journal):
    seconds = float(os.environ.get("ALMANAC_SECONDS", SHORT_RUN_S))
    seed = int(os.environ.get("ALMANAC_SEED", 0)) or int(time.time() * 1000) % 10**9
    counts = run(journal, seconds, seed)
    shown = {k: n for k, n in counts.items() if not k.startswith("write: ")}
    print(f"  {journal}: " + ", ".join(f"{n} {k}" for k, n in shown.items()))
    for kind in ("comparisons", "writes", "refreshes", "killed writers"):
        assert counts[kind], f"no {kind}: nothing was tested"
    kills = counts["killed refreshes"] + counts["killed jobs"]
    assert kills >= seconds / 3, f"{kills} killed refreshes only"


def test_wal():
    in_mode("WAL")


def test_rollback_journal():
    in_mode("DELETE")
