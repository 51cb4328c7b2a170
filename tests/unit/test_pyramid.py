"""The kernels that read pyramids without SQLite, with sanitizers and failing memory; see pyramid.c beside this file."""
import os
import random
import subprocess

from almanac import ROOT, directory

KERNELS = ["chunks.c", "lttb.c", "points.c", "points_sort.c", "pyramid_pick.c", "pyramid_plan.c", "pyramid_state.c", "time_text.c"]


def test_kernels():
    program = os.path.join(directory(), "pyramid")
    subprocess.run([os.environ.get("CC", "gcc"), "-std=c11", "-D_GNU_SOURCE", "-O1", "-g", "-Wall", "-Wextra", "-Werror", "-ffp-contract=off",
                    "-fsanitize=address,undefined", "-fno-sanitize-recover", "-Wl,--wrap=malloc,--wrap=realloc", "-I.", "-o", program,
                    "tests/unit/pyramid.c", *(f"ext/kernel/{k}" for k in KERNELS), "-lm"], cwd=ROOT, check=True)
    seed = int(os.environ.get("ALMANAC_SEED", random.randrange(1 << 32)))
    done = subprocess.run([program, str(seed)], capture_output=True, text=True)
    assert done.returncode == 0, f"ALMANAC_SEED={seed}\n{done.stdout}{done.stderr}"
