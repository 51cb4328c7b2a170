"""almanac_version()."""
import os
import re

from almanac import ROOT, connect, equal, error_of


def test_one_version_everywhere():
    with open(os.path.join(ROOT, "ext", "version.h")) as file:
        version = re.search(r'ALMANAC_VERSION "(\d+\.\d+\.\d+)"', file.read()).group(1)
    db = connect()
    equal(db.execute("SELECT almanac_version(), typeof(almanac_version())").fetchall(), [(version, "text")])
    assert "wrong number of arguments" in error_of(db, "SELECT almanac_version(1)")
