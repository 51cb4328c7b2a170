"""Measures: make bench. Prints Markdown tables of times, ratios and goals (design: what must be reached, by ratio).

Each time is the median of some runs in one process with a warm cache, taken in turn with what it is compared with.
  --only WORD   runs the sections whose name contains the word: aggregates fill reads chains appends contention peers
  --rows N      scales the data down from 10,000,000 readings and half as many points (goals are for the full size)
  --rounds N    5 by default
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
import summaries

SECTIONS = {"aggregates": aggregates.run, "fill": summaries.fill, "reads": summaries.read, "chains": chains.run,
            "appends": summaries.append, "contention": contention.run, "peers": peers.run}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="")
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    sections = {name: run for name, run in SECTIONS.items() if options.only in name}
    if not sections:
        parser.error(f"no section called {options.only}: {' '.join(SECTIONS)}")
    if options.rows < 100_000:
        parser.error("--rows: at least 100000")
    print(f"{measure.machine()}; {options.rows:,} readings, medians of {options.rounds}")
    failed = []
    for name, run in sections.items():
        try:
            run(options.rows, options.rounds)
        except Exception as error:
            failed.append(name)
            print(f"\nsection {name} could not run: {error}", flush=True)
            if not isinstance(error, (RuntimeError, OSError, sqlite3.Error)):
                traceback.print_exc()
    missed = [cells for cells in measure.results if cells[-1] == "MISSED"]
    print(f"\n{len(measure.results)} measured, {len(missed)} goals missed" + (f"; could not run: {' '.join(failed)}" if failed else ""))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
