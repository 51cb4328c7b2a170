"""Random worlds of the stepper, the same each time, until one of them shows a bug: hunt.py KIND N. Ends with 1 and says what it was.

KIND: `worlds` are the stepper's own, numbers 1 to N. In `races` two refreshes and a writer meet over the same partitions; in
`tails` all is about the open end of summaries by time: rows that come after all others, and go again.
"""
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, ".."), os.path.join(HERE, "..", "property")]

from chance import one_of
from definitions import Definitions
from model import World
from play import STEPS_PER_WORLD, play


class Races(World):
    """What one refresh has claimed is changed, and another one hands out the change, before the first goes on."""

    def race(self):
        r = self.r
        moves = []
        for _ in range(r.choice([1, 1, 2])):
            moves += [("commit", 0, r.choice([1, 2, 2, 3])), ("do", ("sql", self.who(), [self.schema.write() for _ in range(6)])),
                      (r.choice(["commit", "commit", "move"]), 1, r.choice([1, 1, 2, 3])), *r.choice([[("kill", 1)], [], [("commit", 0, 1)]])]
        return ("race", [(self.refresh()[1],), (["refresh"],)], moves)

    def step(self):
        kind = one_of(self.r, {"race": 5, "write": 4, "refresh": 1})
        return {"race": self.race, "write": lambda: ("sql", self.who(), [self.schema.write()]), "refresh": self.refresh}[kind]()


class Grouped(Definitions):
    def one(self, name, declared):
        return self.show(name, *self.time("grouped"))


class Tails(World):
    definitions_class = Grouped

    def step(self):
        s, column = self.schema, self.schema.q(self.schema.ts)
        write = one_of(self.r, {"append": 4, "take back": 3, "any": 1})
        statement = {"append": s.insert, "take back": lambda: f"DELETE FROM {s.q(s.table)} WHERE {column} >= (SELECT max({column}) FROM {s.q(s.table)})",
                     "any": s.write}[write]
        kind = one_of(self.r, {"race": 3, "write": 5, "refresh": 2})
        return {"race": self.race, "write": lambda: ("sql", self.who(), [statement()]), "refresh": self.refresh}[kind]()


KINDS = {"worlds": World, "races": Races, "tails": Tails}

for seed in range(1, int(sys.argv[2]) + 1):
    world = KINDS[sys.argv[1]](seed, STEPS_PER_WORLD)
    failed = play(world, world.setup + world.steps)[1]
    if failed:
        said = " ".join(str(failed[1]).split())
        print(f"world {seed}: {said[:300]}")
        sys.exit(1)
