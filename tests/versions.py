"""The SQLites to test with beside the system's: the oldest that is promised and a recent one.

Their sources come from old and new npm packages of better-sqlite3, which carry the amalgamation. Each is built once,
with the features that Debian's has, as build/sqlite/VERSION/libsqlite3.so.0, beside its headers: with LD_LIBRARY_PATH
set to that directory the system's python3 and build/bin/almanac run on it. (The system's sqlite3 shell does not: it
checks that it has its own library.) `versions.py` builds what is missing and prints the directories.
"""
import fcntl
import glob
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile

from almanac import BUILD

OLDEST, NEWEST = "3.34.0", "3.54.1"
PACKAGES = {OLDEST: "better-sqlite3@7.1.2", NEWEST: "better-sqlite3@13.2.0"}

# `PRAGMA compile_options` of Debian's, and JSON1 and DESERIALIZE, which became defaults after 3.34.
OPTIONS = """ENABLE_COLUMN_METADATA ENABLE_DBSTAT_VTAB ENABLE_DESERIALIZE ENABLE_FTS3 ENABLE_FTS3_PARENTHESIS
    ENABLE_FTS3_TOKENIZER ENABLE_FTS4 ENABLE_FTS5 ENABLE_JSON1 ENABLE_LOAD_EXTENSION ENABLE_MATH_FUNCTIONS
    ENABLE_PREUPDATE_HOOK ENABLE_RTREE ENABLE_SESSION ENABLE_STMTVTAB ENABLE_UNLOCK_NOTIFY LIKE_DOESNT_MATCH_BLOBS
    MAX_VARIABLE_NUMBER=250000 OMIT_LOOKASIDE SECURE_DELETE SOUNDEX THREADSAFE=1 USE_URI""".split()


def unpack(package, directory):
    """Downloads an npm package and returns the directory that holds its sqlite3.c."""
    if not shutil.which("npm"):
        raise RuntimeError("npm is missing, which fetches SQLite's sources: apt-get install npm")
    done = subprocess.run(["npm", "pack", "--silent", package], cwd=directory, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"npm pack {package} failed (no network?):\n{done.stderr.strip()}")
    for pattern in ("*.tgz", "package/deps/sqlite3.tar.gz"):  # the older one has an archive in the archive
        for path in glob.glob(os.path.join(directory, pattern)):
            with tarfile.open(path) as archive:
                archive.extractall(directory)
    for inside in ("package/deps/sqlite3", "."):
        if os.path.exists(os.path.join(directory, inside, "sqlite3.c")):
            return os.path.join(directory, inside)
    raise RuntimeError(f"{package} holds no sqlite3.c")


def build(version, target):
    with tempfile.TemporaryDirectory(prefix="almanac-sqlite-") as scratch:
        source = unpack(PACKAGES[version], scratch)
        with open(os.path.join(source, "sqlite3.h")) as header:
            if f'#define SQLITE_VERSION        "{version}"' not in header.read():
                raise RuntimeError(f"{PACKAGES[version]} is not SQLite {version}")
        os.makedirs(target, exist_ok=True)
        for header in ("sqlite3.h", "sqlite3ext.h"):
            shutil.copy(os.path.join(source, header), target)
        library = os.path.join(target, "libsqlite3.so.0")
        subprocess.run([os.environ.get("CC", "cc"), "-O1", "-w", "-fPIC", "-shared", "-Wl,-soname,libsqlite3.so.0",
                        *(f"-DSQLITE_{option}" for option in OPTIONS), "-o", library + ".new",
                        os.path.join(source, "sqlite3.c"), "-lm", "-ldl", "-lpthread"], check=True)
        os.rename(library + ".new", library)


def library(version):
    """The directory for LD_LIBRARY_PATH; builds the library if it isn't there."""
    target = os.path.join(BUILD, "sqlite", version)
    os.makedirs(os.path.dirname(target), exist_ok=True)
    with open(target + ".lock", "w") as lock:  # test files run at the same time
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not os.path.exists(os.path.join(target, "libsqlite3.so.0")):
            build(version, target)
    return target


def environment(version):
    """The environment in which python3 and almanac run on that SQLite."""
    return {**os.environ, "LD_LIBRARY_PATH": library(version)}


if __name__ == "__main__":
    try:
        for known in PACKAGES:
            print(library(known))
    except (RuntimeError, subprocess.CalledProcessError) as error:
        sys.exit(f"almanac: {error}")
