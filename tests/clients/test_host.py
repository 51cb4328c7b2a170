"""A C host (host.c) that loads, queries and closes again and again: plain, under valgrind, and with sanitizers."""
import os
import shutil
import subprocess

from almanac import EXTENSION, ROOT, directory
from builds import SANITIZE, sanitized
from surface import MISTAKES, SAMPLES

CC = "gcc"


def host(*flags):
    program = os.path.join(directory(), "host")
    subprocess.run([CC, "-std=c11", "-D_GNU_SOURCE", "-g", "-Wall", "-Wextra", "-Werror", *flags, "-o", program, "tests/clients/host.c",
                    "-lsqlite3", "-lpthread"], cwd=ROOT, check=True)
    return program


def run(command, statements=SAMPLES, code=0, **environment):
    done = subprocess.run([*command, *statements], capture_output=True, text=True, env={**os.environ, **environment})
    assert done.returncode == code, f"{command[0]} ended with {done.returncode}\n{done.stdout[-3000:]}{done.stderr[-3000:]}"
    return done.stderr


def test_open_load_query_reload_close_and_threads():
    run([host("-O1"), EXTENSION])


def test_a_mistake_ends_the_statement_and_not_the_host():
    program = host("-O1")
    for sql in MISTAKES:
        run([program, EXTENSION], [sql], code=1)  # 1: CHECK saw the error; a crash would be negative


def test_no_leak_and_no_wild_read_under_valgrind():
    assert shutil.which("valgrind"), "valgrind is missing: apt-get install valgrind"
    run(["valgrind", "-q", "--leak-check=full", "--error-exitcode=9", host("-O1"), EXTENSION])


def test_sanitizers():
    """Our own code compiled with them, so that it is seen from inside; mistakes too."""
    library = os.path.join(sanitized(), "lib", "almanac")
    program = host(*SANITIZE.split())
    run([program, library], ASAN_OPTIONS="detect_leaks=1")
    for sql in MISTAKES:
        run([program, library], [sql], code=1, ASAN_OPTIONS="detect_leaks=0:exitcode=2")  # CHECK leaves the connection open
