"""Random worlds of the stepper, the same each time, until one of them shows a bug: hunt.py KIND N. Ends with 1 and says what it was.

KIND: `worlds` are the stepper's own, numbers 1 to N. In `races` two refreshes and a writer meet over the same few partitions; in
`tails` rows come after all others while one is computed, and go again.
"""
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, ".."), os.path.join(HERE, "..", "property")]

from chance import literal, one_of
from definitions import Definitions
from model import World
from play import STEPS_PER_WORLD, play
from schemas import BASE_S

SPREAD_S = 2 * 86400


class Crowded(Definitions):
    """Summaries whose partitions are few."""
    weights = {"time": 6, "key": 3, "whole": 2}

    def __init__(self, schema, writes_dimension):
        super().__init__(schema, writes_dimension)
        times = schema.times
        times.odd = times.oddest = 0
        times.spread_s, times.step_s = SPREAD_S, 600
        times.WIDTHS = ["15 minutes", "1 hour", "1 day", "1 day"]

    def one(self, name, declared):
        kind = one_of(self.r, self.weights)
        return self.show(name, *{"time": lambda: self.time("grouped"), "key": self.keyed, "whole": self.whole}[kind]())


class Races(World):
    """What one refresh has claimed is changed, and another one hands out the change, before the first goes on."""
    definitions_class = Crowded

    def race(self):
        r = self.r
        moves = []
        for _ in range(r.choice([1, 1, 2])):
            moves += [("commit", 0, r.choice([1, 2, 2, 4, 6])), ("move", 0, r.choice([1, 2, 3])),
                      ("do", ("sql", self.who(), [self.schema.write() for _ in range(6)])),
                      (r.choice(["commit", "commit", "move"]), 1, r.choice([1, 1, 2, 3])), *r.choice([[("kill", 1)], [], [("commit", 0, 1)]])]
        return ("race", [(self.refresh()[1], {}), (["refresh"], {})], moves)

    def write(self):
        return ("sql", self.who(), [self.schema.write()])

    def step(self):
        return one_of(self.r, {self.race: 5, self.write: 4, self.refresh: 1})()


class Grouped(Crowded):
    weights = {"time": 1}


class Tails(Races):
    """A row comes into the open partition after it was claimed, and goes after it was computed, when a later one comes."""
    definitions_class = Grouped
    newest_s = BASE_S + SPREAD_S

    def arrive(self, after_s):
        s = self.schema
        self.newest_s += after_s
        row = s.row()
        row[1] = s.times.write(self.r, self.newest_s)
        return f"INSERT OR IGNORE INTO {s.q(s.table)}({s.names()}) VALUES({', '.join(map(literal, row))})"

    def leave(self):
        s = self.schema
        return f"DELETE FROM {s.q(s.table)} WHERE {s.q(s.ts)} >= {literal(s.times.write(self.r, self.newest_s - 2))}"

    def race(self):
        r = self.r
        comes = self.arrive(r.choice([900, 1800, 3600]))
        goes = [self.leave(), self.arrive(r.choice([3600, 86400, 86400, 2 * 86400]))]
        moves = [("commit", 0, r.choice([2, 2, 4, 4, 6])), ("do", ("sql", self.who(), [comes])), ("move", 0, r.choice([1, 2, 3, 4])),
                 ("do", ("sql", self.who(), goes)), ("commit", 1, 1)]
        return ("race", [(["refresh"], {}), (["refresh"], {})], moves)

    def write(self):
        return ("sql", self.who(), [self.r.choice([self.arrive(1800), self.arrive(86400), self.leave(), self.schema.write()])])


KINDS = {"worlds": World, "races": Races, "tails": Tails}

for seed in range(1, int(sys.argv[2]) + 1):
    world = KINDS[sys.argv[1]](seed, STEPS_PER_WORLD)
    failed = play(world, world.setup + world.steps)[1]
    if failed:
        print(f"world {seed}: {failed[1]}")
        sys.exit(1)
