"""The drawdown kernel without SQLite, with sanitizers; see drawdown.c beside this file."""
import os
import random
import subprocess

from almanac import ROOT, directory

WALK, TIES, FALL, CLIMB, DEEPER = range(5)


def test_kernel():
    program = os.path.join(directory(), "drawdown")
    subprocess.run([os.environ.get("CC", "gcc"), "-std=c11", "-O1", "-g", "-Wall", "-Wextra", "-Werror", "-ffp-contract=off",
                    "-fsanitize=address,undefined", "-fno-sanitize-recover", "-I.", "-o", program, "tests/unit/drawdown.c", "-lm"], cwd=ROOT, check=True)
    seed = random.randrange(1 << 32)
    done = subprocess.run([program, str(seed)], capture_output=True, text=True)
    assert done.returncode == 0, f"seed {seed}\n{done.stdout}{done.stderr}"
    sizes = {int(k): int(v) for _, k, v in (line.split() for line in done.stdout.splitlines())}
    # (10) Ten million values: next to nothing where peaks are reached again, 24 bytes a value in one long fall.
    assert all(0 < sizes[kind] <= 1 << 20 for kind in (TIES, CLIMB, DEEPER)), f"seed {seed} {sizes}"
    # What a random walk keeps depends on the walk: of 120 seeds 119 stayed below 1 MiB, one took 1.5.
    assert 0 < sizes[WALK] <= 8 << 20, f"seed {seed} {sizes}"
    assert 240e6 <= sizes[FALL] <= 480e6, f"seed {seed} {sizes}"


def test_frame():
    """R-3, R-4 of ext/table/drawdown_scan.c: the peak as it came, all 64 bits of it."""
    program = os.path.join(directory(), "frame")
    subprocess.run([os.environ.get("CC", "gcc"), "-std=c11", "-O1", "-g", "-Wall", "-Wextra", "-Werror", "-ffp-contract=off",
                    "-fsanitize=address,undefined", "-fno-sanitize-recover", "-Wl,--wrap=malloc,--wrap=realloc", "-I.", "-o", program,
                    "tests/unit/drawdown_frame.c", "ext/kernel/drawdown_frame.c", "ext/kernel/drawdown.c", "-lm"], cwd=ROOT, check=True)
    seed = random.randrange(1 << 32)
    done = subprocess.run([program, str(seed)], capture_output=True, text=True)
    assert done.returncode == 0, f"seed {seed}\n{done.stdout}{done.stderr}"
