"""make mutants: bugs put into the tool on purpose (bugs.py); each must be found by the short property tests.

Ends with 1 where a mutant survives, where its text is no longer in the source or where the tests fail on the source as it is.
`run.py token REPLACE` tries only those whose name contains one of the words.
"""
import concurrent.futures
import os
import queue
import shutil
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, HERE)

from bugs import MUTANTS

WORLDS = {"worlds": 40, "races": 40, "tails": 40}  # hunt.py's; the slowest to be found needs less than half of them
HUNT_S_MAX = 600  # what hangs is found, too


class Lane:
    """A copy of the sources with a build of its own, in which one mutant after the other is made, tried and undone."""

    def __init__(self, home):
        self.tree, self.build = os.path.join(home, "tree"), os.path.join(home, "build")
        shutil.copytree(ROOT, self.tree, ignore=shutil.ignore_patterns("build", ".git", "__pycache__", "node_modules"))

    def run(self, *command, **options):
        return subprocess.run(command, cwd=self.tree, capture_output=True, text=True, env={"ALMANAC_TIMEOUT_S": "60", **os.environ, "ALMANAC_BUILD": self.build}, **options)

    def make(self):
        # A mutant may leave a variable unused.
        done = self.run("make", "-s", f"BUILD={self.build}", "CFLAGS=-O1 -Wno-error")
        if done.returncode:
            raise RuntimeError("does not build: " + next((line for line in done.stderr.splitlines() if "error:" in line), done.stderr.strip())[-300:])

    def hunt(self, name):
        """What showed the bug, or None."""
        script = [os.path.join("tests", "mutants", "hunt.py"), name, str(WORLDS[name])] if name in WORLDS else [os.path.join("tests", "run.py"), name]
        try:
            done = self.run(sys.executable, "-B", *script, timeout=HUNT_S_MAX)
        except subprocess.TimeoutExpired:
            return f"{name}: hangs"
        said = (done.stdout + done.stderr).strip()
        # The exit code of run.py is 1 as well where no test was found.
        if done.returncode and said.endswith("0 passed, 0 failed"):
            raise RuntimeError(f"no such test: {name}")
        return f"{name}: {said[max(said.find('FAILED'), 0):]}" if done.returncode else None

    def read(self, file):
        with open(os.path.join(self.tree, file)) as f:
            return f.read()

    def write(self, file, text):
        with open(os.path.join(self.tree, file), "w") as f:
            f.write(text)

    def sow(self, mutant):
        for file, old, new in mutant.edits:
            text = self.read(file)
            if text.count(old) != 1:
                raise RuntimeError(f"{file} has {text.count(old)} times: {old}")
            self.write(file, text.replace(old, new))

    def attempt(self, mutant):
        """(what found it or what is wrong, was it found?)"""
        sources = {file: self.read(file) for file, _, _ in mutant.edits}
        try:
            self.sow(mutant)
            self.make()
            found = next((found for found in map(self.hunt, mutant.hunts) if found), None)
            return found or "SURVIVES", bool(found)
        except RuntimeError as error:
            return str(error), False
        finally:
            for file, text in sources.items():
                self.write(file, text)


def control(lanes, hunts):
    """The source as it is passes all hunts: then what a mutant fails is the mutant's."""
    def one(hunt):
        lane = lanes.get()
        try:
            lane.make()
            return lane.hunt(hunt)
        finally:
            lanes.put(lane)
    with concurrent.futures.ThreadPoolExecutor(lanes.qsize()) as pool:
        return [found for found in pool.map(one, hunts) if found]


def main(words):
    mutants = [m for m in MUTANTS if not words or any(w in m.name for w in words)]
    lanes = queue.Queue()
    started = time.time()
    with tempfile.TemporaryDirectory(prefix="almanac-mutants-") as home:
        for i in range(len(os.sched_getaffinity(0))):
            lanes.put(Lane(os.path.join(home, str(i))))
        wrong = control(lanes, sorted({hunt for m in mutants for hunt in m.hunts}))
        if wrong:
            print("the tests fail without any mutant:\n  " + "\n  ".join(wrong))
            return 1
        print(f"without any mutant nothing fails ({time.time() - started:.0f} s)", flush=True)

        def attempt(mutant):
            lane, began = lanes.get(), time.time()
            try:
                by, found = lane.attempt(mutant)
            finally:
                lanes.put(lane)
            print(f"{mutant.name:54} {' '.join(by.split())[:80]:80} {time.time() - began:6.1f} s", flush=True)
            return found
        with concurrent.futures.ThreadPoolExecutor(lanes.qsize()) as pool:
            found = sum(pool.map(attempt, mutants))
    print(f"{found} of {len(mutants)} mutants found ({time.time() - started:.0f} s)")
    return 0 if mutants and found == len(mutants) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
