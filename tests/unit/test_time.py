"""The time kernels without SQLite, with sanitizers; see time.c beside this file."""
import os
import random
import subprocess
import zoneinfo

from almanac import ROOT, directory

KERNELS = ["time_grain.c", "time_grain_parse.c", "time_rule.c", "time_text.c", "time_zone.c"]
FILES = ["Europe/Berlin", "Africa/Casablanca", "America/St_Johns", "Europe/Dublin", "Asia/Kolkata", "Pacific/Apia", "EST5EDT"]


def test_kernel():
    program = os.path.join(directory(), "time")
    subprocess.run([os.environ.get("CC", "gcc"), "-std=c11", "-O1", "-g", "-Wall", "-Wextra", "-Werror", "-ffp-contract=off",
                    "-fsanitize=address,undefined", "-fno-sanitize-recover", "-Wl,--wrap=malloc,--wrap=calloc", "-I.", "-o", program,
                    "tests/unit/time.c", *(f"ext/kernel/{k}" for k in KERNELS), "-lm"], cwd=ROOT, check=True)
    files = [os.path.join(d, f) for d in zoneinfo.TZPATH for f in FILES if os.path.isfile(os.path.join(d, f))]
    seed = random.randrange(1 << 32)
    done = subprocess.run([program, str(seed), *files], capture_output=True, text=True)
    assert done.returncode == 0, f"seed {seed}\n{done.stdout}{done.stderr}"
