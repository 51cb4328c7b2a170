"""Measures: make bench. Prints Markdown tables of times, ratios and goals (design: what must be reached, by ratio), and
records them (record.py).

Each time is the median of some runs in one process with a warm cache, taken in turn with what it is compared with.
  --only WORD   runs the sections whose name contains the word
  --rows N      instead of 10,000,000 readings and half as many points (goals are for that size); nothing is recorded
  --rounds N    5 by default
  --large       100,000,000 readings, for the sections that are about size: make bench-large
  --check       compares with the ratios recorded last: make bench-check. Ends with 1 if one is above 5 % worse, in three
                runs: the best of them counts, for a slow moment is no regression
Ends with 1 if a section could not run. A missed goal is printed as MISSED, and is no failure: machines differ.
"""
import argparse
import os
import sqlite3
import sys
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.dirname(HERE)]

import aggregates
import chains
import contention
import measure
import peers
import record
import scans
import summaries
import zooms

SECTIONS = {"aggregates": aggregates.run, "scans": scans.run, "fill": summaries.fill, "reads": summaries.read, "chains": chains.run,
            "zooms": zooms.run, "appends": summaries.append, "contention": contention.run, "numpy": peers.run}
LARGE = {"scans": scans.run_at, "fill": summaries.large_fill, "zooms": zooms.run}
USUAL_ROWS, LARGE_ROWS = 10_000_000, 100_000_000
CHECK_RUNS = 3


def run_sections(sections, rows, rounds):
    """Names of the sections that could not run."""
    failed = []
    for name, run in sections.items():
        try:
            run(rows, rounds)
        except Exception as error:
            failed.append(name)
            print(f"\nsection {name} could not run: {error}", flush=True)
            if not isinstance(error, (RuntimeError, OSError, sqlite3.Error)):
                traceback.print_exc()
    return failed


def check(sections, rows, rounds):
    """Only the sections in which something is worse run again."""
    best, failed = {}, []
    for turn in range(CHECK_RUNS):
        measure.ratios.clear()
        failed = run_sections(sections, rows, rounds)
        for key, now in measure.ratios.items():
            if key not in best or now["ratio"] < best[key]["ratio"]:
                best[key] = now
        worse = record.worse(best)
        if failed or not worse:
            break
    for key, recorded, now in worse:
        print(f"WORSE: {key}: {now:.3g} x, recorded: {recorded:.3g} x")
    compared = len(best.keys() & record.read().keys())
    print(f"\n{compared} ratios compared with the recorded ones, {len(worse)} worse" + (f"; could not run: {' '.join(failed)}" if failed else ""))
    return 1 if failed or worse else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="")
    parser.add_argument("--rows", type=int)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--large", action="store_true")
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args()
    of_size = LARGE if options.large else SECTIONS
    sections = {name: run for name, run in of_size.items() if options.only in name}
    if not sections:
        parser.error(f"no section called {options.only}: {' '.join(of_size)}")
    rows = options.rows or (LARGE_ROWS if options.large else USUAL_ROWS)
    if rows < 100_000:
        parser.error("--rows: at least 100000")
    head = f"{measure.machine()}; {rows:,} readings, medians of {options.rounds}"
    print(head)
    if options.check:
        return check(sections, rows, options.rounds)
    failed = run_sections(sections, rows, options.rounds)
    missed = [cells for cells in measure.results if cells[-1] == "MISSED"]
    print(f"\n{len(measure.ratios)} ratios measured, {len(missed)} goals missed" + (f"; could not run: {' '.join(failed)}" if failed else ""))
    if not options.rows and not failed:
        record.write("bench-large" if options.large else "bench", head, measure.results, measure.ratios, whole=not options.only)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
