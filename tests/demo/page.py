"""The page that the demo ends with: charts as SVG in one self-contained file, drawn from the summaries by plain SQL."""
import datetime
import html
import time

UTC = datetime.timezone.utc
COLOURS = ("#2f6fb5", "#c2571a", "#2e8b6a", "#8a5bb0", "#a8832a")  # told apart by lightness too, and labelled on the line

STYLE = """
:root { --paper: #fcfcfb; --ink: #1d2125; --faint: #6b7178; --line: #e3e4e1; --band: #2f6fb5; --heat: #16457f; }
@media (prefers-color-scheme: dark) {
  :root { --paper: #17191c; --ink: #e7e8e6; --faint: #9aa0a6; --line: #30343a; --band: #6ea8e0; --heat: #8fc2f5; } }
body { background: var(--paper); color: var(--ink); font: 15px/1.5 system-ui, sans-serif; max-width: 980px; margin: 2.5em auto; padding: 0 1.2em }
h1 { font-size: 1.5em; margin-bottom: .2em } h2 { font-size: 1.1em; margin: 2.2em 0 .3em }
p { margin: .3em 0; color: var(--faint) } svg { width: 100%; height: auto; display: block; margin: .8em 0 }
svg text { font: 12px system-ui, sans-serif; fill: var(--faint) } svg text.name { font-weight: 600 }
.grid { stroke: var(--line) } .curve { fill: none; stroke-width: 1.6; stroke-linejoin: round }
.frame { fill: none; stroke: var(--line) } .heat { fill: var(--heat) }
details { color: var(--faint); margin: .3em 0 } pre { font: 12.5px/1.45 ui-monospace, monospace; overflow-x: auto; margin: .4em 0 }
"""

HOURLY = """SELECT bucket, min(value_min), sum(value_sum) / sum(n), max(value_max)
FROM readings_hourly
GROUP BY bucket ORDER BY bucket"""

PANEL = """SELECT layer, ix, iy, n
FROM defect_grid_100
WHERE panel_id = 3"""

EQUITY = """SELECT strategy, max(day) AS day, equity
FROM equity_daily
WHERE portfolio_id = 1
GROUP BY strategy, day / 604800 ORDER BY strategy, day"""

DRAWDOWN = """SELECT strategy, max(day) AS day, min(drawdown)
FROM equity_daily
WHERE portfolio_id = 1
GROUP BY strategy, day / 604800 ORDER BY strategy, day"""


class Chart:
    """An SVG with a time axis below and a scale of round numbers on the left."""

    def __init__(self, x0, x1, y0, y1, height=300, right=16, number="{:g}"):
        self.x0, self.x1, self.y0, self.y1 = x0, x1, y0, y1
        self.width, self.height, self.left, self.right, self.top, self.bottom = 940, height, 64, right, 10, 26
        self.parts = []
        self.scale(number)
        self.dates()

    def x(self, value):
        return round(self.left + (value - self.x0) / (self.x1 - self.x0) * (self.width - self.left - self.right), 1)

    def y(self, value):
        return round(self.top + (self.y1 - value) / (self.y1 - self.y0) * (self.height - self.top - self.bottom), 1)

    def text(self, x, y, text, anchor="middle", extra=""):
        self.parts.append(f'<text x="{x}" y="{y}" text-anchor="{anchor}"{extra}>{html.escape(text)}</text>')

    def scale(self, number):
        rough = (self.y1 - self.y0) / 5
        unit = 10 ** len(str(int(rough))) / 10 if rough >= 1 else 0.01
        step = next(unit * m for m in (1, 2, 5, 10, 20, 50) if unit * m >= rough)
        value = -(-self.y0 // step) * step
        while value <= self.y1:
            y = self.y(value)
            self.parts.append(f'<line class="grid" x1="{self.left}" x2="{self.width - self.right}" y1="{y}" y2="{y}"/>')
            self.text(self.left - 8, y + 4, number.format(value + 0.0), "end")  # + 0.0: no -0
            value += step

    def dates(self):
        days = (self.x1 - self.x0) / 86400
        first = datetime.datetime.fromtimestamp(self.x0, UTC)
        if days > 1500:
            ticks = [(datetime.datetime(year, 1, 1, tzinfo=UTC), str(year)) for year in range(first.year, first.year + 99, 2)]
        else:
            midnight = datetime.datetime(first.year, first.month, first.day, tzinfo=UTC)
            ticks = [midnight + datetime.timedelta(days=n) for n in range(0, 1500, 7)]
            ticks = [(tick, f"{tick:%b} {tick.day}") for tick in ticks]
        for tick, label in ticks:
            if self.x0 <= tick.timestamp() <= self.x1 - (self.x1 - self.x0) / 60:
                self.text(self.x(tick.timestamp()), self.height - 6, label)

    def points(self, pairs):
        return " ".join(f"{self.x(x)},{self.y(y)}" for x, y in pairs)

    def curve(self, pairs, colour):
        self.parts.append(f'<polyline class="curve" style="stroke: {colour}" points="{self.points(pairs)}"/>')

    def band(self, low, high):
        self.parts.append(f'<polygon style="fill: var(--band); fill-opacity: .2" points="{self.points(low + high[::-1])}"/>')

    def names(self, ends):
        """Labels at the ends of the lines, pushed apart where they would overlap."""
        at = -99
        for value, name, colour in sorted(ends, reverse=True):
            at = max(self.y(value) + 4, at + 15)
            self.text(self.width - self.right + 6, at, name, "start", f' class="name" style="fill: {colour}"')

    def svg(self, label):
        return f'<svg viewBox="0 0 {self.width} {self.height}" role="img" aria-label="{html.escape(label)}">{"".join(self.parts)}</svg>'


def weather(rows):
    chart = Chart(rows[0][0], rows[-1][0], min(r[1] for r in rows), max(r[3] for r in rows), number="{:g} °C")
    chart.band([(r[0], r[1]) for r in rows], [(r[0], r[3]) for r in rows])
    chart.curve([(r[0], r[2]) for r in rows], "var(--band)")
    return chart.svg("Temperature by hour: mean and range of all sensors")


def panel(rows):
    """Three layers side by side; a cell's darkness is the root of its count, in ten steps, a path each."""
    most, size, steps = max(r[3] for r in rows), 3, 10
    parts = []
    for place, layer in enumerate(sorted({r[0] for r in rows})):
        left, paths = place * 320, [[] for _ in range(steps + 1)]
        for _, ix, iy, n in (r for r in rows if r[0] == layer):
            paths[max(1, round((n / most) ** 0.5 * steps))].append(f"M{left + ix * size} {(99 - iy) * size + 24}h{size}v{size}h-{size}z")
        parts.append(f'<text x="{left}" y="14" class="name">layer {layer}</text>'
                     f'<rect class="frame" x="{left}" y="24" width="300" height="300"/>')
        parts += [f'<path class="heat" fill-opacity="{level / steps:g}" d="{"".join(cells)}"/>' for level, cells in enumerate(paths) if cells]
    return f'<svg viewBox="0 0 940 326" role="img" aria-label="Density of defects on panel 3">{"".join(parts)}</svg>'


def strategies(rows, number, label, height):
    names = sorted({r[0] for r in rows})
    chart = Chart(min(r[1] for r in rows), max(r[1] for r in rows), min(r[2] for r in rows), max(r[2] for r in rows),
                  height, right=84, number=number)
    ends = []
    for name, colour in zip(names, COLOURS):
        pairs = [(day, value) for strategy, day, value in rows if strategy == name]
        chart.curve(pairs, colour)
        ends.append((pairs[-1][1], name, colour))
    chart.names(ends)
    return chart.svg(label)


SECTIONS = (
    ("Temperature by the hour", "The mean of all sensors and the range between the lowest and the highest reading.", HOURLY, weather),
    ("Defects of panel 3", "100 x 100 cells for each of its layers; the stronger the colour, the more defects.", PANEL, panel),
    ("Equity of portfolio 1", "Each strategy from a capital of 100,000, at the end of each week.", EQUITY,
     lambda rows: strategies(rows, "{:,.0f}", "Equity by strategy", 320)),
    ("Drawdown of portfolio 1", "Below the highest equity so far: at the deepest day of each week.", DRAWDOWN,
     lambda rows: strategies([(s, d, v * 100) for s, d, v in rows], "{:g} %", "Drawdown by strategy", 240)),
)


def write(path, db, raw_rows):
    """Draws every section from `db`, a connection without the extension; returns the milliseconds of all its SQL."""
    body, total_ms = [], 0
    for title, text, sql, draw in SECTIONS:
        started = time.perf_counter()
        rows = db.execute(sql).fetchall()
        took_ms = (time.perf_counter() - started) * 1000
        total_ms += took_ms
        body.append(f"<h2>{title}</h2><p>{text}</p>{draw(rows)}"
                    f"<details><summary>{len(rows):,} rows in {took_ms:.1f} ms</summary><pre>{html.escape(sql)};</pre></details>")
    with open(path, "w") as file:
        file.write(f"""<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Almanac: the demo's dashboard</title><style>{STYLE}</style>
<h1>A dashboard from summaries</h1>
<p>{raw_rows:,} raw rows in one SQLite file. Everything below was read from its summaries in {total_ms:.0f} ms, by a SQLite
that knows nothing of Almanac.</p>
{"".join(body)}
<p style="margin-top: 2.5em">Data: NOAA (Seattle's hourly normals), USGS (earthquakes), S&amp;P 500; see tests/data/README.md.</p></html>
""")
    return total_ms
