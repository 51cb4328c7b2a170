"""How it is built: with both compilers, against the oldest headers, formatted; what the library exports and keeps."""
import glob
import os
import re
import shutil
import subprocess
import sys

import versions
from almanac import BUILD, EXTENSION, ROOT, directory, equal
from builds import make, sanitized, variant

SECTIONS_OF_VARIABLES = re.compile(r"^\.(data(?!\.rel\.ro)|bss|tdata|tbss|sdata|sbss)|^\*COM\*")


def sources(*folders):
    for folder in folders:
        for path in sorted(glob.glob(os.path.join(ROOT, folder, "**", "*.[ch]"), recursive=True)):
            yield os.path.relpath(path, ROOT)


def includes(path):
    with open(os.path.join(ROOT, path)) as file:
        return re.findall(r'^#include [<"]([^>"]+)[>"]', file.read(), re.M)


def test_one_exported_symbol():
    done = subprocess.run(["nm", "-D", "--defined-only", EXTENSION + ".so"], capture_output=True, text=True, check=True)
    equal([line.split()[-1] for line in done.stdout.splitlines()], ["sqlite3_almanac_init"])


def test_no_mutable_globals():
    """Two connections in two threads share nothing but SQLite's own table of its functions, set at loading."""
    found = []
    for path in glob.glob(os.path.join(BUILD, "obj", "lib", "**", "*.o"), recursive=True):
        if not os.path.exists(os.path.join(ROOT, os.path.relpath(path, os.path.join(BUILD, "obj", "lib"))[:-2] + ".c")):
            continue  # left from a source that is gone
        table = subprocess.run(["objdump", "-t", path], capture_output=True, text=True, check=True).stdout
        for line in table.splitlines():
            fields = line.split("\t")
            if len(fields) == 2 and SECTIONS_OF_VARIABLES.match(fields[0].split()[-1]) and not fields[1].split()[-1].startswith("."):
                found.append((os.path.basename(path), fields[1].split()[-1]))
    equal(found, [("init.o", "sqlite3_api")])


def test_arrows_go_one_way():
    for path in sources("ext/kernel"):
        bad = [i for i in includes(path) if i.startswith("sqlite3") or i.startswith(("ext/", "tool/")) and not i.startswith("ext/kernel/")]
        equal(bad, [], f"{path}: kernels know neither SQLite nor the folders above")
    for path in sources("ext"):
        equal([i for i in includes(path) if i.startswith("tool/")], [], f"{path}: the extension knows no tool")
    for path in sources("tool/engine"):
        bad = [i for i in includes(path) if i.startswith("tool/") and not i.startswith("tool/engine/")]
        equal(bad, [], f"{path}: the engine knows no verbs")


def test_sleeps_are_short():
    """sqlite3_sleep takes whole seconds where SQLite was built without usleep, as 3.34.0 is by its defaults."""
    for path in glob.glob(os.path.join(ROOT, "tool", "**", "*.c"), recursive=True):
        with open(path) as file:
            assert "sqlite3_sleep(" not in file.read(), f"{path}: use engine_sleep"


def test_clang():
    build = variant("clang", "CC=clang", targets=("lib/almanac.so", "bin/almanac"))
    program = "import sys; sys.path.insert(0, 'tests'); import almanac; print(almanac.connect().execute('SELECT almanac_version()').fetchone())"
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, env={**os.environ, "ALMANAC_BUILD": build}, check=True,
                   stdout=subprocess.DEVNULL)


def test_headers_of_the_oldest_sqlite():
    """Nothing that came after 3.34 is called."""
    variant("oldest", f"CPPFLAGS=-I{versions.library(versions.OLDEST)}")
    objects = [p for p in glob.glob(os.path.join(BUILD, "obj", "core", "**", "*.o"), recursive=True)]
    called = subprocess.run(["nm", "-u", *objects], capture_output=True, text=True, check=True).stdout
    there = subprocess.run(["nm", "-D", "--defined-only", os.path.join(versions.library(versions.OLDEST), "libsqlite3.so.0")],
                           capture_output=True, text=True, check=True).stdout
    wanted = set(re.findall(r" U (sqlite3_(?!almanac_)\w+)", called))
    assert len(wanted) > 10, wanted
    equal(wanted - set(re.findall(r" T (sqlite3_\w+)", there)), set())


def test_sql_tests_with_sanitizers():
    """tests/sql once more in a Python with the sanitizers' run time, on a library built for it."""
    build = sanitized(("lib/almanac.so", "bin/almanac"))
    runtime = [subprocess.run(["gcc", f"-print-file-name={name}"], capture_output=True, text=True, check=True).stdout.strip()
               for name in ("libasan.so", "libubsan.so")]
    environment = {**os.environ, "ALMANAC_BUILD": build, "LD_PRELOAD": " ".join(runtime), "ASAN_OPTIONS": "detect_leaks=0"}
    done = subprocess.run([sys.executable, "-B", os.path.join(ROOT, "tests", "run.py"), "tests/sql/"], capture_output=True, text=True,
                          env=environment)
    assert done.returncode == 0 and re.search(r"^[1-9]\d* passed, 0 failed$", done.stdout, re.M), done.stdout[-3000:] + done.stderr[-3000:]


def test_formatted():
    """With Debian 12's clang-format; other versions format other things."""
    version = subprocess.run(["clang-format", "--version"], capture_output=True, text=True, check=True).stdout
    if not re.search(r"version 14\.", version):
        print(f"  (not checked: this is {version.strip()}, not 14)")
        return
    files = list(sources("ext", "tool", "tests"))
    done = subprocess.run(["clang-format", "--dry-run", *files], cwd=ROOT, capture_output=True, text=True)
    equal(sorted(set(re.findall(r"^(\S+?):\d+", done.stderr, re.M))), [], "not formatted: make format")


def test_install():
    stage = directory()
    make("install", f"BUILD={BUILD}", f"DESTDIR={stage}", "PREFIX=/opt/almanac")
    for path in ("bin/almanac", "lib/almanac.so"):
        assert os.path.exists(f"{stage}/opt/almanac/{path}"), path
    installed = {os.path.basename(p) for p in glob.glob(f"{stage}/opt/almanac/share/almanac/recipes/*.sql")}
    equal(installed, {os.path.basename(p) for p in glob.glob(os.path.join(ROOT, "sql", "recipes", "*.sql"))})


def test_missing_headers_are_named():
    if shutil.which("gcc"):
        said = make("check-sqlite", "CC=gcc -nostdinc", code=2)
        assert "apt-get install libsqlite3-dev" in said, said
