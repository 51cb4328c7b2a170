"""Reads a README's examples: its fenced blocks, in order, with what must come out of them.

A block is known by its language (test_readme.py runs them):

    sh python js    run as they stand
    sql             statements for the sqlite3 shell on my.db with the extension loaded; definitions go to almanac apply
    cron ini yaml dockerfile
                    a crontab's lines, a systemd unit, a Dockerfile: their form is checked and their command run
    text            the output of the block before it; `...` in a line stands for anything, `...` alone for any lines
    (none)          a picture

A block whose first line is a comment with nothing but a path is that file: it is written, not run. Comments in HTML say
what a reader need not see:

    <!-- run: COMMAND -->       a command of the shell that sets the scene; it may have several lines
    <!-- exit: 3 -->            how the next block ends, if not with 0
    <!-- not run: REASON -->    of the next block: only the shell's grammar is checked
"""
import glob
import os
import re
from dataclasses import dataclass

from almanac import ROOT

LANGUAGES = {"sh", "python", "js", "sql", "cron", "ini", "yaml", "dockerfile", "text", ""}

_PIECE = re.compile(r"^<!-- (run|exit|not run): ?(.*?) -->$|^```([\w-]*)\n(.*?)^```$", re.M | re.S)
_FILE = re.compile(r"\A(?:--|#|//) (/?[\w.-]+(?:/[\w.-]+)*\.\w+)\n")


@dataclass
class Example:
    line: int
    language: str
    text: str
    file: str = None      # the block is this file
    exit: int = 0
    not_run: str = None   # the reason
    expected: str = None  # the text block after it


def readmes():
    """Every README of the repository, by its path from the top."""
    found = [os.path.relpath(path, ROOT) for path in glob.glob(os.path.join(ROOT, "**", "README.md"), recursive=True)]
    return sorted(path for path in found if not re.match(r"build/|.*node_modules/", path))


def examples(text):
    """The examples in order; a hidden `run` is one of language sh."""
    found, settings = [], {}
    for piece in _PIECE.finditer(text):
        kind, value, language, block = piece.groups()
        line = text.count("\n", 0, piece.start()) + 1
        if kind == "run":
            found.append(Example(line, "sh", value + "\n"))
        elif kind:
            settings["exit" if kind == "exit" else "not_run"] = int(value) if kind == "exit" else value
        elif language not in LANGUAGES:
            raise AssertionError(f"line {line}: ```{language} is no language of an example (see readme.py)")
        elif language == "text":
            if not found or found[-1].expected is not None:
                raise AssertionError(f"line {line}: this output belongs to no example")
            found[-1].expected = block
        elif language:
            name = _FILE.match(block)
            found.append(Example(line, language, block, name and name.group(1), **settings))
            settings = {}
    return found


def stray_code(text):
    """The lines of code that are in no fence, which nothing would run: blocks that are only indented."""
    plain = re.sub(r"^```.*?^```$|^<!--.*?-->$", lambda m: "\n" * m.group().count("\n"), text, flags=re.M | re.S)
    return [line for before, line in zip(plain.split("\n"), plain.split("\n")[1:]) if not before.strip() and line.startswith("    ")]


def matches(expected, output):
    """Is the output what the text block shows?"""
    pattern = ""
    for line in expected.rstrip("\n").split("\n"):
        if line.strip() == "...":
            pattern += r"(?:.*\n)*?"
        else:
            pattern += ".*?".join(re.escape(part) for part in line.rstrip().split("...")) + r"[ \t]*\n"
    return re.fullmatch(pattern, output.rstrip("\n") + "\n") is not None
