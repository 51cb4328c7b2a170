"""A run of the tool that stands still at every boundary of its transactions (stops.c), until it is moved on."""
import os
import select
import signal
import subprocess
import tempfile

from almanac import BUILD, ROOT, TOOL

HALTS, GOES = 208, 209  # the descriptors in stops.c
MOVE_S = float(os.environ.get("ALMANAC_TIMEOUT_S", 15))  # for what takes a hundredth


class Stuck(Exception):
    pass


class Actor:
    """`holds`: 0 no transaction, 1 one that reads, 2 one that writes. `waits`: for a lock that another one holds."""

    def __init__(self, path, arguments, stdin=""):
        self.arguments, self.killed = arguments, False
        self.holds, self.waits, self.alive = 0, False, True
        self.errors = tempfile.TemporaryFile()  # a pipe could fill up
        self.halts, out = os.pipe()
        into, self.goes = os.pipe()
        os.dup2(out, HALTS)
        os.dup2(into, GOES)
        try:
            self.process = subprocess.Popen(
                [TOOL, arguments[0], path, *arguments[1:]], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=self.errors,
                pass_fds=(HALTS, GOES), env={**os.environ, "LD_PRELOAD": library()})
        finally:
            for descriptor in (HALTS, GOES, out, into):
                os.close(descriptor)
        self.process.stdin.write(stdin.encode())
        self.process.stdin.close()
        self._listen()

    def _listen(self):
        if not select.select([self.halts], [], [], MOVE_S)[0]:
            self.kill()
            raise Stuck(f"almanac {' '.join(self.arguments)} did not come to its next boundary in {MOVE_S} s")
        state = os.read(self.halts, 1)
        self.waits = state == b"w"
        if not state:
            self._end()
        elif not self.waits:
            self.holds = int(state)

    def _end(self):
        self.alive, self.waits, self.holds = False, False, 0
        os.close(self.halts)
        os.close(self.goes)
        self.code = self.process.wait()
        with self.errors as stream:
            stream.seek(0)
            self.error = stream.read().decode(errors="replace")

    def move(self):
        """To the next boundary. True if that ended a transaction that wrote."""
        held = self.holds
        os.write(self.goes, b".")
        self._listen()
        return held == 2 and self.holds != 2

    def kill(self):
        self.killed = True
        self.process.send_signal(signal.SIGKILL)
        self._end()


_library = []


def library():
    """stops.c, compiled once a process at most."""
    if not _library:
        source = os.path.join(ROOT, "tests", "property", "stops.c")
        path = os.path.join(BUILD, "tests", "stops.so")
        os.makedirs(os.path.dirname(path), exist_ok=True)
        if not os.path.exists(path) or os.path.getmtime(path) < os.path.getmtime(source):
            mine = f"{path}.{os.getpid()}"
            subprocess.run([os.environ.get("CC", "cc"), "-shared", "-fPIC", "-O1", "-o", mine, source, "-ldl"], check=True)
            os.rename(mine, path)
        _library.append(path)
    return _library[0]
