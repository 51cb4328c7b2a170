"""A refresh that stops at every boundary between its transactions, so that a test can act there."""
import os
import signal
import subprocess

from almanac import TOOL, directory

HERE = os.path.dirname(os.path.abspath(__file__))


def stops_library():
    """../property/stops.c, built anew."""
    library = os.path.join(directory(), "stops.so")
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", library, os.path.join(HERE, "../property/stops.c"), "-ldl"], check=True)
    return library


class Halted:
    def __init__(self, library, path, *options):
        self.halts, theirs_out = os.pipe()
        theirs_in, self.goes = os.pipe()
        self.process = subprocess.Popen(
            [TOOL, "refresh", path, *options], env={**os.environ, "LD_PRELOAD": library}, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            text=True, close_fds=False, preexec_fn=lambda: (os.dup2(theirs_out, 208), os.dup2(theirs_in, 209)))
        os.close(theirs_out)
        os.close(theirs_in)

    def halt(self):
        """b'0' outside transactions, b'1' reading, b'2' writing, b'' at the end."""
        return os.read(self.halts, 1)

    def go_on(self):
        os.write(self.goes, b"x")

    def run_until(self, reached):
        """Lets it run to the first stop outside its transactions where `reached()` is true."""
        state = self.halt()
        while state and not (state == b"0" and reached()):
            self.go_on()
            state = self.halt()
        assert state, "it ended before it got there"

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.run_out()

    def run_out(self):
        """Lets it run to its end: (exit code, standard error). What it printed is kept in self.printed."""
        os.close(self.goes)
        self.printed, error = self.process.communicate(timeout=20)
        os.close(self.halts)
        return self.process.returncode, error
