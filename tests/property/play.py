"""Playing the entries of a world, cutting down a list of them that fails, and telling it to people."""
import os
import tempfile
import time

from definitions import text_of
from model import World
from runner import Runner

STEPS_PER_WORLD = 60
SHRINK_S = float(os.environ.get("ALMANAC_SHRINK_S", 20))

# Kills lose nothing that the system holds, so a disk would only be slower than memory.
MEMORY = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


def play(world, entries, until=None):
    """(counts, None or (index, Failure), refusals) of one run in a fresh directory."""
    with tempfile.TemporaryDirectory(prefix="almanac-", dir=MEMORY) as directory:
        runner = Runner(world, directory)
        try:
            failed = runner.run(entries, until)
            return runner.counts, failed, runner.refusals
        finally:
            runner.close()


def shrink(world, entries, failure, until):
    """Fewer entries that fail in the same way."""
    def fails(candidate):
        failed = play(world, candidate)[1]
        return failed and failed[1].kind == failure.kind and (failed[0], failed[1])

    def parts(entries):
        size = max(1, len(entries) // 2)
        while size:
            i = 0
            while i < len(entries):
                if until():
                    return entries
                candidate = entries[:i] + entries[i + size:]
                found = candidate and fails(candidate)
                if found:
                    entries = candidate[:found[0] + 1]
                else:
                    i += size
            size //= 2
        return entries

    def inside(entries):
        """Statements of a list, definitions of a file, actions at stops."""
        for i, entry in enumerate(entries):
            for k in reversed(range(len(entry[-1]) if entry[0] in ("sql", "apply", "race") else 0)):
                if until():
                    return entries
                last = entry[-1]
                rest = last[:k] + last[k + 1:] if isinstance(last, list) else {n: a for j, (n, a) in enumerate(last.items()) if j != k}
                candidate = entries[:i] + [entry[:-1] + (rest,)] + entries[i + 1:]
                if len(last) > 1 and fails(candidate):
                    entry, entries = candidate[i], candidate
        return entries

    entries = inside(parts(entries))
    return parts(entries) if not until() else entries


def log_of(world, entries):
    """The entries as a text that a person can follow and repeat by hand."""
    lines = [f"-- PRAGMA journal_mode={world.schema.journal}; {'; '.join(f'PRAGMA {k}={int(v)}' for k, v in world.schema.flags.items())}"]
    for entry in entries:
        if entry[0] == "sql":
            lines.append(f"-- {entry[1]}\n" + "\n".join(s + ";" for s in entry[2]))
        elif entry[0] == "apply":
            lines.append("-- almanac apply DB -\n" + "".join(text_of(n, d) for n, d in entry[1].items()).rstrip())
        elif entry[0] == "tool":
            lines.append(f"-- almanac {entry[1][0]} DB {' '.join(entry[1][1:])}")
        elif entry[0] == "alter":
            lines.append(entry[1] + ";")
        elif entry[0] == "race":
            lines.append(f"-- {entry[0]} of " + ", ".join(f"{i}: almanac {' '.join(run[0])}" for i, run in enumerate(entry[1])))
            lines += [f"--   {move}" for move in entry[2]]
        else:
            lines.append(f"-- {entry}")
    return "\n".join(lines)


def told(seed, world, entries, failed):
    """The failure, with as few entries as can be found in a while."""
    index, failure = failed
    deadline = time.time() + SHRINK_S
    entries = shrink(world, entries[:index + 1], failure, lambda: time.time() > deadline)
    again = play(world, entries)[1]
    failure = again[1] if again else failure
    return f"ALMANAC_SEED={seed}\n{log_of(world, entries)}\n{failure}"


def play_world(seed, until=None):
    """(counts, None or what failed) of one world."""
    world = World(seed, STEPS_PER_WORLD)
    entries = world.setup + world.steps
    counts, failed, _ = play(world, entries, until)
    return counts, told(seed, world, entries, failed) if failed else None
