"""The kernel that groups batches, without SQLite, with sanitizers and failing memory; see rollup.c beside this file."""
import glob
import os
import random
import subprocess

from almanac import ROOT, directory


def test_kernel():
    program = os.path.join(directory(), "rollup")
    kernels = [os.path.relpath(path, ROOT) for path in glob.glob(os.path.join(ROOT, "ext/kernel/rollup*.c")) + glob.glob(os.path.join(ROOT, "ext/kernel/time_*.c"))]
    subprocess.run([os.environ.get("CC", "gcc"), "-std=c11", "-D_GNU_SOURCE", "-O1", "-g", "-Wall", "-Wextra", "-Werror", "-ffp-contract=off",
                    "-fsanitize=address,undefined", "-fno-sanitize-recover", "-Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=free", "-I.",
                    "-o", program, "tests/unit/rollup.c", "ext/kernel/chunks.c", *kernels, "-lm"], cwd=ROOT, check=True)
    seed = int(os.environ.get("ALMANAC_SEED", random.randrange(1 << 32)))
    done = subprocess.run([program, str(seed), "100"], capture_output=True, text=True)
    assert done.returncode == 0, f"seed {seed}\n{done.stdout}{done.stderr}"
