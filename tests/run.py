"""Runs every test: make test. Ends with one line, `N passed, N failed`.

A test is a function test_* in tests/*/test_*.py (see README.md). `run.py time lttb` runs only the files whose
path contains one of the words. Each file is run in a process of its own, as many at a time as there are cores.
"""
import glob
import importlib.util
import os
import subprocess
import sys
import time
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)


def run_file(path):
    """Runs one file's tests in this process; prints a line a failure and, last, the counts."""
    spec = importlib.util.spec_from_file_location("tests_" + os.path.basename(path)[:-3], path)
    module = importlib.util.module_from_spec(spec)
    passed = failed = 0
    try:
        spec.loader.exec_module(module)
        tests = [(n, f) for n, f in vars(module).items() if n.startswith("test_") and callable(f)]
    except Exception:
        traceback.print_exc()
        tests, failed = [], 1
    for name, function in tests:
        started = time.time()
        try:
            function()
            passed += 1
            if time.time() - started > 5:
                print(f"  ({name}: {time.time() - started:.1f} s)")
        except Exception:
            failed += 1
            print(f"FAILED {os.path.relpath(path, HERE)}: {name}")
            traceback.print_exc(file=sys.stdout)
        sys.stdout.flush()
    print(f"COUNTS {passed} {failed}")


def main(words):
    files = sorted(glob.glob(os.path.join(HERE, "*", "test_*.py")))
    files = [f for f in files if not words or any(w in f for w in words)]
    waiting, running, passed, failed = list(files), [], 0, 0
    while waiting or running:
        while waiting and len(running) < (os.cpu_count() or 2):
            path = waiting.pop(0)
            log = open(os.path.join(os.environ.get("TMPDIR", "/tmp"), f"almanac-test-{os.getpid()}-{len(waiting)}"), "w+")
            process = subprocess.Popen([sys.executable, "-B", __file__, "--file", path], stdout=log, stderr=subprocess.STDOUT)
            running.append((path, process, log, time.time()))
        time.sleep(0.05)
        for entry in [e for e in running if e[1].poll() is not None]:
            running.remove(entry)
            path, process, log, started = entry
            log.seek(0)
            lines = log.read().splitlines()
            log.close()
            os.unlink(log.name)
            if process.returncode == 0 and lines and lines[-1].startswith("COUNTS "):
                _, good, bad = lines.pop().split()
            else:
                good, bad = 0, 1
                lines.append(f"FAILED {os.path.relpath(path, HERE)}: ended with {process.returncode}")
            passed += int(good)
            failed += int(bad)
            print(f"{os.path.relpath(path, HERE)}: {good} passed, {bad} failed ({time.time() - started:.1f} s)")
            for line in lines:
                print("  " + line)
            sys.stdout.flush()
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    if sys.argv[1:2] == ["--file"]:
        run_file(sys.argv[2])
        sys.exit(0)
    sys.exit(main(sys.argv[1:]))
