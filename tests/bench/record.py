"""What the last run measured: its tables in build/bench/bench.md; ratios.json beside this file, its ratios, with which
`make bench-check` compares; and the tables in the README, of the lines that have a goal or a
peer, or tell of memory."""
import json
import os
import re

from almanac import BUILD, ROOT

RATIOS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "ratios.json")
README = os.path.join(ROOT, "README.md")
BLOCK = r"(<!-- make {target} writes from here -->\n).*?(<!-- to here -->\n)"
COLUMNS = "| work | time | beside | its time | ratio | goal | |\n| --- | --- | --- | --- | --- | --- | --- |\n"
WORSE_MAX = 1.05
PEERS = ("DuckDB", "ClickHouse")
SECONDS_MIN = 0.01  # what is shorter says more about the moment than about the code


def tables(results, wanted):
    """Markdown: a table for each heading that has a wanted line."""
    text, open_heading = "", None
    for cells in results:
        if isinstance(cells, str):
            open_heading = cells
        elif wanted(cells):
            if open_heading:
                text += f"\n**{open_heading}**\n\n{COLUMNS}"
                open_heading = None
            text += "| " + " | ".join(cells) + " |\n"
    return text


def is_telling(cells):
    return cells[-1] or cells[2].startswith(PEERS) or "peak memory" in cells[0]


def write(target, machine, results, ratios, whole):
    """Keeps a run of `make bench` or `make bench-large`; one of some sections only (not `whole`) leaves the README alone."""
    with open(os.path.join(BUILD, "bench", f"{target}.md"), "w") as file:
        file.write(f"{machine}\n{tables(results, lambda cells: True)}")
    kept = {"machine": machine, "ratios": {**read(), **ratios}}
    with open(RATIOS, "w") as file:
        json.dump(kept, file, indent=1, sort_keys=True)
        file.write("\n")
    if whole:
        with open(README) as file:
            text = file.read()
        shown = f"{machine}\n{tables(results, is_telling)}\n"
        with open(README, "w") as file:
            file.write(re.sub(BLOCK.format(target=target), lambda found: found.group(1) + shown + found.group(2), text, flags=re.DOTALL))


def read():
    if not os.path.exists(RATIOS):
        return {}
    with open(RATIOS) as file:
        return json.load(file)["ratios"]


def worse(ratios):
    """[(key, recorded ratio, ratio now)] of those that are more than 5 % above the recorded ones."""
    recorded = read()
    return [(key, recorded[key]["ratio"], now["ratio"]) for key, now in sorted(ratios.items())
            if key in recorded and min(now["seconds"], now["beside"], recorded[key]["seconds"], recorded[key]["beside"]) >= SECONDS_MIN
            and now["ratio"] > recorded[key]["ratio"] * WORSE_MAX]
