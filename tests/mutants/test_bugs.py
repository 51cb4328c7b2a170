"""The seeded bugs still fit the sources: each edit's text is there once. Whether tests find them, `make mutants` shows."""
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from almanac import ROOT
from bugs import MUTANTS


def test_each_edit_fits():
    for mutant in MUTANTS:
        for file, old, new in mutant.edits:
            with open(os.path.join(ROOT, file)) as source:
                found = source.read().count(old)
            assert found == 1 and old != new, f"{mutant.name}: {file} has {found} times:\n{old}"
