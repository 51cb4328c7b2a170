"""Other builds of the project than the plain one: with clang, with sanitizers, against older headers."""
import fcntl
import os
import subprocess

from almanac import BUILD, ROOT

SANITIZE = "-O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all"


def make(*arguments, code=0):
    done = subprocess.run(["make", "-s", "-j2", *arguments], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == code, f"make {arguments} ended with {done.returncode}\n{done.stdout[-1000:]}{done.stderr[-3000:]}"
    return done.stdout + done.stderr


def variant(name, *settings, targets=("lib/almanac.so",)):
    """Builds BUILD/NAME with make's settings and returns that directory. Test files share them, one builds at a time."""
    target = os.path.join(BUILD, name)
    os.makedirs(target, exist_ok=True)
    with open(os.path.join(target, ".lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        make(f"BUILD={target}", *settings, *(os.path.join(target, path) for path in targets))
    return target


def sanitized(targets=("lib/almanac.so",)):
    return variant("sanitized", "CC=gcc", f"CFLAGS={SANITIZE}", targets=targets)
