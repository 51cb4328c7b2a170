"""A power failure at any instant of the tool's work, or of an application's between two runs: of what was not synced, any part
may be on the disk, in any order, torn at sectors, and some of it is trash. All promises stand (promise 6).

What was done to the files is written down once (disk.c); from that come the files at any instant, as often as one likes.
The model is the one SQLite is built for, with powersafe overwrite: sectors that are not written to keep their bytes.
ALMANAC_FAULTS=all takes every instant."""
import os
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from almanac import TOOL, directory, equal
from worlds import SCENARIOS, World, check, library, visit

RUN_S = 12
SECTOR = 512


class File:
    """What is on the disk for certain, and what was done to it since."""

    def __init__(self, synced=b""):
        self.synced, self.done = synced, []

    def now(self):
        """What the system sees."""
        image = bytearray(self.synced)
        for kind, at, data in self.done:
            if kind == "truncate":
                image = image[:at].ljust(at, b"\0")
            else:
                image[at:at + len(data)] = data if at <= len(image) else bytes(at - len(image)) + data
        return bytes(image)

    def sync(self):
        self.synced, self.done = self.now(), []

    def left(self, r):
        """What a power failure leaves: of each sector, and of the size, what it was after some of the operations."""
        sizes = [len(self.synced)]
        for kind, at, data in self.done:
            sizes.append(at if kind == "truncate" else max(sizes[-1], at + len(data)))
        reached, known = r.choice([lambda: 0, lambda: len(self.done), lambda: r.randrange(len(sizes))]), {}
        resized, trash = reached(), r.random() < 0.3
        image = bytearray(self.synced.ljust(max(sizes), b"\0"))
        for i, (kind, at, data) in enumerate(self.done):
            if kind == "truncate" and i < resized:
                image[at:] = bytes(len(image) - at)
            while kind == "write" and data:
                sector, n = at // SECTOR, min(len(data), SECTOR - at % SECTOR)
                if i < known.setdefault(sector, reached()):
                    image[at:at + n] = data[:n]
                elif trash and r.random() < 0.1:
                    image[at:at + n] = r.randbytes(n)
                at, data = at + n, data[n:]
        return bytes(image[:sizes[resized]])


class Disk:
    """A folder of files, to which operations are done."""

    def __init__(self, folder, contents):
        self.folder, self.files = folder, {name: File(content) for name, content in contents.items()}
        self.sync()

    def sync(self):
        """The folder itself: the states of each name since it was synced."""
        self.names = {name: [file] for name, file in self.files.items()}

    def do(self, kind, at, data, path):
        folder, name = os.path.split(path)
        if path == self.folder:
            self.sync()
        if folder != self.folder or name.endswith(("-shm", " (deleted)")):
            return
        if kind == "create":
            self.files[name] = File()
        if kind == "remove":
            del self.files[name]
        if kind in ("create", "remove"):
            self.names.setdefault(name, [None]).append(self.files.get(name))
        if kind in ("write", "truncate"):
            self.files[name].done.append((kind, at, data))
        if kind == "sync":
            self.files[name].sync()

    def left(self, r):
        files = {name: r.choice(states) for name, states in self.names.items()}
        return {name: file.left(r) for name, file in files.items() if file}


def contents(folder):
    found = {}
    for name in os.listdir(folder):
        if not name.endswith("-shm"):
            with open(os.path.join(folder, name), "rb") as file:
                found[name] = file.read()
    return found


def operations(path):
    with open(path, "rb") as log:
        while head := log.readline():
            kind, at, n, name = head.rstrip(b"\n").decode().split(" ", 3)
            yield kind, int(at), log.read(int(n)) if kind == "write" else b"", name


class Recording:
    """All that a world's command, then an application and the next runs of the tool did to the files."""

    def __init__(self, world, disk):
        log, folder = os.path.join(directory(), "log"), os.path.dirname(world.path)
        environment = {**os.environ, "LD_PRELOAD": disk, "DISK_LOG": log}

        def run(*arguments):
            done = subprocess.run(arguments, env=environment, capture_output=True, text=True)
            equal((done.returncode, done.stderr), (0, ""), arguments)

        world.copy()
        self.folder, self.before = folder, contents(folder)
        equal(world.run(environment).returncode, world.scenario.code)
        self.n_command = len(list(operations(log)))
        # In WAL mode an application may well trade durability for speed.
        speed, writes = ["PRAGMA synchronous=NORMAL"] if world.journal == "WAL" else [], world.scenario.meanwhile
        run("sqlite3", "-batch", world.path, *speed, *writes[:2], "PRAGMA wal_checkpoint(TRUNCATE)", *writes[2:])
        if world.scenario.leaves and world.scenario.command != ["pause"]:
            run(TOOL, "refresh", world.path)
        self.operations = list(operations(log))
        disk = self.after(len(self.operations))
        assert {name: file.now() for name, file in disk.files.items()} == contents(folder), f"{world.name}: not all was written down"

    def after(self, n):
        disk = Disk(self.folder, self.before)
        for operation in self.operations[:n]:
            disk.do(*operation)
        return disk


def test_power_failure():
    library_of_disk, recordings = library("disk"), {}
    worlds = [World(scenario, journal) for scenario in SCENARIOS for journal in ("DELETE", "WAL")]

    def count(world, _):
        recordings[world.name] = Recording(world, library_of_disk)
        return len(recordings[world.name].operations) + 1

    def disturb(world, fault, n, r, what):
        recording, scenario = recordings[world.name], world.scenario
        world.fill(recording.after(n - 1).left(r))
        durable = world.journal == "WAL" and n > recording.n_command
        check(world, what, [scenario.after] if durable else [scenario.before, scenario.after])

    visit(worlds, ["power failure"], RUN_S, count, disturb)
