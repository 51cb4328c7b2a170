"""The kernels of lttb, density_grid and JSON without SQLite, with sanitizers and failing memory; see points.c beside this file."""
import os
import random
import subprocess

from almanac import ROOT, directory

KERNELS = ["chunks.c", "density_grid.c", "density_grid_batch.c", "density_grid_json.c", "json_read.c", "json_write.c", "lttb.c", "lttb_stream.c", "points.c",
           "points_batch.c", "points_sort.c", "time_text.c"]


def test_kernels():
    program = os.path.join(directory(), "points")
    subprocess.run([os.environ.get("CC", "gcc"), "-std=c11", "-D_GNU_SOURCE", "-O1", "-g", "-Wall", "-Wextra", "-Werror", "-ffp-contract=off",
                    "-fsanitize=address,undefined", "-fno-sanitize-recover", "-Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=aligned_alloc",
                    "-Wl,--wrap=localeconv,--wrap=strtod", "-I.",
                    "-o", program, "tests/unit/points.c", *(f"ext/kernel/{k}" for k in KERNELS), "-lm"], cwd=ROOT, check=True)
    seed = random.randrange(1 << 32)
    done = subprocess.run([program, str(seed)], capture_output=True, text=True)
    assert done.returncode == 0, f"seed {seed}\n{done.stdout}{done.stderr}"
