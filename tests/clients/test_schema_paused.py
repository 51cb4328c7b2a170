"""The changes of test_schema.py's table between `almanac pause` and `almanac resume`."""
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import test_schema


def test_each_change_while_paused():
    test_schema.every(True)
