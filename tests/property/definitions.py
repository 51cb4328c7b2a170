"""Random definitions: SELECTs of the kinds that a summary may be."""
from chance import KNOWN, literal, one_of
from schemas import BASE_S, quote

DEPTH_MAX = 4  # of a chain of summaries


class Shown:
    """What a summary shows, for the definitions that read it. `grain` and `bucket` are None where it has no time."""

    def __init__(self, grain, bucket, keys, numbers, depth=1):
        self.grain, self.bucket, self.keys, self.numbers, self.depth = grain, bucket, keys, numbers, depth


class Definitions:
    """SELECTs of the kinds that a summary may be."""

    def __init__(self, schema, writes_dimension):
        self.s, self.r, self.n = schema, schema.r, 0
        self.writes_dimension = writes_dimension
        self.shown = {}  # name: Shown, of those that others may read

    def name(self):
        self.n += 1
        return self.r.choice([f"summary_{self.n}", f"s{self.n}", f"hourly {self.n}", f"S{self.n}"])

    # What a summary by time shows: the bucket, the keys, the numbers.
    SHOWN = {
        "grouped": ("bucket", ["k"], ["n", "total", "high"]), "bucket last": ("t", [], ["n", "ks"]), "alias": ("bucket", ["the key"], ["total"]),
        "nested": ("bucket", [], ["most", "least"]), "ranked": ("bucket", ["k"], ["place"]), "rows": ("bucket", ["k"], ["double"]),
        "joined": ("bucket", ["label"], ["total", "n"]), "static": ("bucket", ["label"], ["n"]), "having": ("bucket", ["k2"], ["n"]),
        "distinct": ("bucket", ["k"], []), "cte": ("bucket", ["key"], ["total", "place"]), "filter": ("bucket", [], ["n", "span"]),
        "union": ("bucket", ["what"], ["n"]), "exists": ("bucket", [], ["n"]), "in": ("bucket", [], ["total"]), "bucket twice": ("again", [], ["n"]),
        "star": ("bucket", ["k", "k2"], ["v"]), "lag": ("bucket", [], ["nth"]), "without bucket": (None, ["k"], ["n"])}

    def time(self, kind=None):
        """(kind, options, select), what it shows: a summary by time."""
        r, s = self.r, self.s
        n = lambda name: quote(r, name)
        table, ts, k, k2, v = n(s.table), n(s.ts), n(s.k), n(s.k2), n(s.v)
        grain = s.times.grain(r)
        b, ba = s.times.call(ts, grain), s.times.call("a." + ts, grain)
        where = r.choice(["", "", "", f" WHERE {v} > 0", f" WHERE {ts} IS NOT NULL", f" WHERE {k} IS NOT NULL"])
        kinds = {
            "grouped": 6, "without bucket": 1, "bucket last": 1, "alias": 2, "nested": 2, "ranked": 2, "rows": 2, "joined": 2, "static": 0 if self.writes_dimension else 1,
            "self-join": 1, "union": 2, "cte": 2, "distinct": 1, "having": 1, "correlated": 1, "exists": 1, "star": 1, "lag": 1, "plain columns": 1, "bucket twice": 1,
            "computed bucket": 1, "expression key": 1, "filter": 1, "subquery alias": 1, "in": 1, "values": 1, "text of arm": 1, "null bucket arm": 1, "left join": 1, "case bucket": 1}
        kind = kind or one_of(r, kinds)
        if kind == "computed bucket" and s.times.shape in ("mixed", "real"):
            kind = "grouped"  # 1 and 1.0 are one group, shown as either
        join = f"FROM {table} AS a JOIN sensors s ON s.k = a.{k}"
        select = {
            "grouped": f"SELECT {b} AS bucket, {k}, count(*) AS n, sum({v}) AS total, avg({v}) AS mean, min({v}) AS low, max({v}) AS high FROM {table}{where} GROUP BY 1, 2",
            "without bucket": f"SELECT {k}, count(*) AS n FROM {table}{where} GROUP BY {b}, {k}",
            "bucket last": f"SELECT count(*) AS n, count(DISTINCT {k}) AS ks, {b} AS t FROM {table}{where} GROUP BY t",
            "alias": f"SELECT a.{k} AS \"the key\", {ba} AS bucket, sum(a.{v}) AS total FROM {table} {r.choice(['AS a', 'a'])} GROUP BY 2, 1",
            "nested": f"SELECT bucket, max(n) AS most, min(n) AS least FROM (SELECT {b} AS bucket, {k}, count(*) AS n FROM {table}{where} GROUP BY 1, 2) GROUP BY bucket",
            "ranked": f"SELECT {b} AS bucket, {k}, {v}, rank() OVER (PARTITION BY {b}, {k} ORDER BY {v} DESC) AS place FROM {table}{where}",
            "rows": f"SELECT {ts} AS at, {b} AS bucket, {v} * 2 AS double, {k} FROM {table}{where}",
            "joined": f"SELECT {ba} AS bucket, s.label, sum(a.{v} * s.factor) AS total, count(*) AS n {join} GROUP BY 1, 2",
            "static": f"SELECT {ba} AS bucket, s.label, count(*) AS n {join} GROUP BY 1, 2",
            "left join": f"SELECT {ba} AS bucket, a.{k}, s.label AS label, count(*) AS n FROM {table} AS a LEFT JOIN sensors s ON s.k = a.{k} GROUP BY 1, 2, 3",
            "self-join": f"SELECT {ba} AS bucket, count(*) AS pairs FROM {table} a JOIN {table} b ON a.{k} = b.{k} AND {ba} IS {s.times.call('b.' + ts, grain)} GROUP BY 1",
            "union": f"SELECT {b} AS bucket, {k} AS what, count(*) AS n FROM {table} GROUP BY 1, 2 UNION ALL SELECT {b}, 'all', sum({v}) FROM {table} GROUP BY 1",
            "text of arm": f"SELECT {b} AS bucket, {k}, {v} FROM {table} UNION ALL SELECT {b}, '1', '2.50' FROM {table} WHERE {v} > 1",
            "null bucket arm": f"SELECT {b} AS bucket, {k} FROM {table} WHERE {ts} IS NOT NULL UNION ALL SELECT NULL, {k2} FROM {table} WHERE {ts} IS NULL",
            "cte": f"WITH x AS (SELECT {b} AS bucket, {k} AS key, {v} AS value FROM {table}{where}), y AS (SELECT bucket, key, sum(value) AS total FROM x GROUP BY 1, 2) SELECT bucket, key, total, rank() OVER (PARTITION BY bucket ORDER BY total) AS place FROM y",
            "distinct": f"SELECT DISTINCT {b} AS bucket, {k} FROM {table}{where}",
            "having": f"SELECT {b} AS bucket, {k2}, count(*) AS n FROM {table} GROUP BY 1, 2 HAVING count(*) > 1",
            "correlated": f"SELECT {ba} AS bucket, a.{k}, (SELECT count(*) FROM sensors WHERE sensors.k IS a.{k}) AS n FROM {table} a",
            "exists": f"SELECT {b} AS bucket, count(*) AS n FROM {table} WHERE EXISTS (SELECT 1 FROM sensors WHERE factor > 1 AND k = {table}.{k}) GROUP BY 1",
            "in": f"SELECT {b} AS bucket, sum({v}) AS total FROM {table} WHERE {k} IN (SELECT k FROM sensors WHERE factor >= 1) GROUP BY 1",
            "star": f"SELECT {ba} AS bucket, a.* FROM {table} a",
            "lag": f"SELECT {b} AS bucket, {ts} AS at, count(*) OVER (PARTITION BY {b} ORDER BY {ts}) AS nth FROM {table}",
            "plain columns": f"SELECT {ts}, {k}, {v}, {b} AS bucket FROM {table}{where}",
            "bucket twice": f"SELECT {b} AS bucket, {b} AS again, count(*) AS n FROM {table}{where} GROUP BY 1",
            "computed bucket": f"SELECT {b} || '' AS bucket, {b} AS b, total({v}) AS t FROM {table} GROUP BY {b}",
            "case bucket": f"SELECT CASE WHEN {k} IS NULL THEN 'none' ELSE {b} END AS bucket, count(*) AS n FROM {table} GROUP BY 1, {b}",
            "expression key": f"SELECT {b} AS bucket, {v} > 0 AS positive, count(*) AS n, sum({v}) FILTER (WHERE {k2} = 1) AS ones FROM {table} GROUP BY 1, 2",
            "filter": f"SELECT {b} AS bucket, count(*) FILTER (WHERE {v} > 1) AS n, max({v}) - min({v}) AS span FROM {table} GROUP BY 1 ORDER BY 1 DESC",
            "subquery alias": f"SELECT x.bucket, count(*) AS n FROM (SELECT {b} AS bucket, * FROM {table}) AS x GROUP BY x.bucket",
            "values": f"SELECT {b} AS bucket, column1 AS side, count(*) AS n FROM {table}, (VALUES ('low'), ('high')) WHERE ({v} > 1) = (column1 = 'high') GROUP BY 1, 2",
        }[kind]
        options = []
        if kind == "static":
            options.append("static = sensors")
        if r.random() < 0.15:
            options.append(f"source = {table}")
        if r.random() < 0.1 and " AS bucket" in select:
            options.append("index = 'bucket'")
        shown = self.SHOWN.get(kind)
        if shown:
            keys = [{"k": s.k, "k2": s.k2}.get(key, key) for key in shown[1]]
            shown = Shown(shown[0] and grain, shown[0], keys, [s.v if n == "v" else n for n in shown[2]])
        return ("time: " + kind, options, select), shown

    def chained(self, parents):
        """A summary over another one: the rows of its query are those over the rows of the other one's query."""
        r, s = self.r, self.s
        name = r.choice(parents)
        parent = self.shown[name]
        n = lambda name: quote(r, name) if name.isidentifier() else f'"{name}"'
        p, table = n(name), n(s.table)
        number = n(r.choice(parent.numbers)) if parent.numbers else "1"
        key = n(r.choice(parent.keys)) if parent.keys else None
        where = r.choice(["", "", f" WHERE {number} > 1", f" WHERE {key or number} IS NOT NULL"])
        kind = one_of(r, {"rollup": 6 * bool(key), "rollup all": 4, "rows": 2, "ranked": 2, "joined": 2 * bool(key), "nested": 1 * bool(key), "union": 1, "having": 1,
                          "distinct": 1 * bool(key), "self-join": 1, "with root": 1, "cte": 1, "alias": 1, "total": 1, "latest": 1, "by key": 1 * bool(key)})
        if not parent.bucket and kind not in ("total", "by key"):
            kind = "by key" if key else "total"
        at = n(parent.bucket) if parent.bucket else None
        grain = s.times.coarser(r, parent.grain) if parent.bucket else None
        b, ba, bb = (s.times.call(prefix + at, grain) if at else None for prefix in ("", "a.", "b."))
        select, shown = {
            "rollup": lambda: (f"SELECT {b} AS bucket, {key}, sum({number}) AS n, max({number}) AS high, count(*) AS parts FROM {p}{where} GROUP BY 1, 2", ([key], ["n", "high", "parts"])),
            "rollup all": lambda: (f"SELECT {b} AS bucket, sum({number}) AS n, min({number}) AS low, count(*) AS parts FROM {p}{where} GROUP BY 1", ([], ["n", "low", "parts"])),
            "rows": lambda: (f"SELECT {b} AS bucket, {at} AS at, {number} AS n FROM {p}{where}", ([], ["n"])),
            "ranked": lambda: (f"SELECT {b} AS bucket, {at} AS at, rank() OVER (PARTITION BY {b} ORDER BY {number} DESC) AS place FROM {p}{where}", ([], ["place"])),
            "joined": lambda: (f"SELECT {ba} AS bucket, s.label, sum({number if number == '1' else 'a.' + number}) AS n FROM {p} AS a JOIN sensors s ON s.k = a.{key} GROUP BY 1, 2", (["label"], ["n"])),
            "nested": lambda: (f"SELECT bucket, max(n) AS most FROM (SELECT {b} AS bucket, {key}, sum({number}) AS n FROM {p} GROUP BY 1, 2) GROUP BY bucket", ([], ["most"])),
            "union": lambda: (f"SELECT {b} AS bucket, 'sum' AS what, sum({number}) AS n FROM {p} GROUP BY 1 UNION ALL SELECT {b}, 'rows', count(*) FROM {p}{where} GROUP BY 1", (["what"], ["n"])),
            "having": lambda: (f"SELECT {b} AS bucket, sum({number}) AS n FROM {p} GROUP BY 1 HAVING count(*) > 1", ([], ["n"])),
            "distinct": lambda: (f"SELECT DISTINCT {b} AS bucket, {key} FROM {p}{where}", ([key], [])),
            "self-join": lambda: (f"SELECT {ba} AS bucket, count(*) AS pairs FROM {p} a JOIN {p} b ON {ba} IS {bb} GROUP BY 1", ([], ["pairs"])),
            "with root": lambda: (f"SELECT {b} AS bucket, sum({number}) AS n, (SELECT count(*) FROM {table}) AS raw FROM {p} GROUP BY 1", ([], ["n", "raw"])),
            "cte": lambda: (f"WITH x AS (SELECT {b} AS bucket, {number} AS n FROM {p}{where}) SELECT bucket, sum(n) AS n, count(*) AS parts FROM x GROUP BY 1", ([], ["n", "parts"])),
            "alias": lambda: (f"SELECT {ba} AS bucket, count(*) AS n FROM {p} {r.choice(['a', 'AS a'])} GROUP BY 1", ([], ["n"])),
            "total": lambda: (f"SELECT count(*) AS n, sum({number}) AS total FROM {p}", None),
            "latest": lambda: (f"SELECT DISTINCT {at} AS bucket FROM {p} WHERE {at} IS NOT NULL ORDER BY 1 DESC LIMIT 3", None),
            "by key": lambda: (f"SELECT {key}, sum({number}) AS n, count(*) AS parts FROM {p} GROUP BY 1", ([key], ["n", "parts"])),
        }[kind]()
        options = [f"source = {p}"] if r.random() < 0.1 else []
        if kind == "by key" and r.random() < 0.3:
            options.append(f"partition = {key}")
        if shown:
            keys = [next((k for k in parent.keys if n(k).lower().strip('"[]`') == key.lower().strip('"[]`')), key) for key in shown[0]]
            shown = Shown(grain, "bucket" if grain and kind != "by key" else None, keys, shown[1], parent.depth + 1)
        return ("chain: " + kind, options, select, name), shown

    def keyed(self):
        r, s = self.r, self.s
        n = lambda name: quote(r, name)
        table, ts, k, k2, v, note = n(s.table), n(s.ts), n(s.k), n(s.k2), n(s.v), n(s.note)
        key = one_of(r, {"k": 5, "two": 3, "lower": 1, "positive": 1, "modulo": 1, "coalesce": 1, "first": 1, "two expressions": 1, "k2": 1})
        if s.folds_case and key in ("lower", "coalesce", "first"):
            key = "k"
        partition = {"k": k, "two": f"{k}, {k2}", "lower": f"lower({k})", "positive": f"{v} > 0", "modulo": "id % 3",
                     "coalesce": f"coalesce({k}, 'none')", "first": f"substr({k}, 1, 1)", "two expressions": f"{v} > 0, id % 2", "k2": k2}[key]
        kinds = {"grouped": 5, "ranked": 3, "row number": 1, "hidden": 1, "rows": 1, "with time": 1, "union": 1, "joined": 1, "self-join": 1 if key == "k" else 0, "text of arm": 1, "median": 1, "left join": 1}
        kind = one_of(r, kinds)
        group = ", ".join(str(i + 1) for i in range(len(partition.split(", ")) if key in ("two", "two expressions") else 1))
        shown = {"two": f"{k}, {k2}", "two expressions": f"{v} > 0 AS positive, id % 2 AS odd", "k": k, "k2": k2}.get(key, partition + " AS part")
        parts = partition
        qualified = ", ".join(f"{table}.{part}" for part in partition.split(", "))
        join = f"FROM {table} JOIN sensors s ON s.k = {table}.{k}"
        select = {
            "grouped": f"SELECT {shown}, count(*) AS n, sum({v}) AS total, max({v}) AS high FROM {table} GROUP BY {group}",
            "ranked": f"SELECT {shown}, {v} AS value, rank() OVER (PARTITION BY {parts} ORDER BY {v} DESC) AS place FROM {table}",
            "row number": f"SELECT {shown}, {ts} AS at, count(*) OVER (PARTITION BY {parts} ORDER BY {ts}, {v}) AS nth FROM {table}",
            "hidden": f"SELECT count(*) AS n, min({note}) AS first FROM {table} GROUP BY {parts}",
            "rows": f"SELECT {shown}, {note} AS what, {v} AS value FROM {table} WHERE {v} IS NOT NULL",
            "with time": f"SELECT {s.times.bucket(r, ts)} AS bucket, {shown}, count(*) AS n FROM {table} GROUP BY 1, {parts}",
            "union": f"SELECT {shown}, count(*) AS n FROM {table} GROUP BY {parts} UNION ALL SELECT {partition}, -1 FROM {table} WHERE {v} > 2",
            "text of arm": f"SELECT {shown}, {v} FROM {table} UNION ALL SELECT {partition}, '2.50' FROM {table} WHERE {v} > 1",
            "joined": f"SELECT {qualified}, s.label AS label, sum(s.factor) AS f {join} GROUP BY {qualified}, s.label" if key in ("k", "two", "k2") else
                      f"SELECT {shown}, count(*) AS n FROM {table}, (SELECT label FROM sensors WHERE factor > 1) GROUP BY {parts}",
            "left join": f"SELECT {qualified}, label FROM {table} LEFT JOIN sensors s ON s.k = {table}.{k}" if key in ("k", "two", "k2") else
                         f"SELECT {shown}, count(*) AS n FROM {table} GROUP BY {parts}",
            "self-join": f"SELECT a.{k}, count(*) AS pairs FROM {table} a JOIN {table} b ON a.{k} IS b.{k} GROUP BY 1",
            "median": f"SELECT {shown.replace(' AS part', ' AS part')}, max(value) AS upper FROM (SELECT *, {v} AS value, row_number() OVER (PARTITION BY {parts} ORDER BY {v}) AS nth, count(*) OVER (PARTITION BY {parts}) AS n FROM {table}) WHERE nth <= (n + 1) / 2 GROUP BY {parts}",
        }[kind]
        if "," in partition or r.random() < 0.3 or key not in ("k", "k2"):
            partition = literal(partition)
        options = [f"partition = {partition}"]
        if kind in ("joined", "left join", "self-join") or r.random() < 0.2:
            options.append(f"source = {table}")
        shown = Shown(None, None, [s.k] if key in ("k", "two") else [], ["n", "total", "high"]) if kind == "grouped" and key != "two expressions" else None
        return ("key: " + kind + ", " + key, options, select), shown

    def whole(self):
        r, s = self.r, self.s
        n = lambda name: quote(r, name)
        table, ts, k, k2, v = n(s.table), n(s.ts), n(s.k), n(s.k2), n(s.v)
        b = s.times.bucket(r, ts)
        selects = {
            "rank": f"SELECT {k}, {v}, RANK() OVER (PARTITION BY {k2} ORDER BY {v} DESC) AS rank FROM {table}",
            "total": f"SELECT count(*) AS n, sum({v}) AS total FROM {table}",
            "view": f"SELECT label, count(*) AS n, sum({v} * factor) AS total FROM joined GROUP BY 1",
            "view by time": f"SELECT {b} AS bucket, label, count(*) AS n FROM joined GROUP BY 1, 2",
            "limit": f"SELECT {b} AS bucket, count(*) AS n FROM {table} WHERE {ts} IS NOT NULL GROUP BY 1 ORDER BY 1 DESC LIMIT 3",
            "except": f"SELECT {k} FROM {table} EXCEPT SELECT k FROM sensors",
            "recursive": f"WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < 3) SELECT i, (SELECT count(*) FROM {table} WHERE {k2} = i) AS n FROM c",
            "two tables": f"SELECT 'rows' AS what, count(*) AS n FROM {table} UNION ALL SELECT 'sensors', count(*) FROM sensors",
            "two buckets": f"SELECT {s.times.bucket(r, ts, '1 day')} AS day, {s.times.bucket(r, ts, '1 month')} AS month, count(*) AS n FROM {table} GROUP BY 1, 2",
            "distinct": f"SELECT DISTINCT {k} FROM {table}",
            "bucket of expression": f"SELECT {s.times.bucket(r, 'coalesce(' + ts + ', ' + literal(s.times.write(r, BASE_S)) + ')')} AS bucket, count(*) AS n FROM {table} GROUP BY 1",
            "running": f"SELECT {b} AS bucket, {ts} AS at, sum({v}) OVER (ORDER BY {ts}) AS total FROM {table}",
            "share": f"SELECT {b} AS bucket, count(*) AS n, (SELECT count(*) FROM {table}) AS of FROM {table} GROUP BY 1",
        }
        kind = one_of(r, {k: 1 for k in selects})
        options = []
        return ("whole: " + kind, options, selects[kind]), None

    def one(self, name, declared):
        """A definition under that name, perhaps over one of those that are declared."""
        r = self.r
        parents = [n for n in declared if n != name and n in self.shown and self.shown[n].depth < DEPTH_MAX]
        if parents and "chain" not in KNOWN and r.random() < 0.45:
            # The deeper ones are the rarer ones.
            definition, shown = self.chained(parents + [n for n in parents if self.shown[n].depth > 1] * 2)
        else:
            definition, shown = one_of(r, {self.time: 10, self.keyed: 6, self.whole: 4})()
        return self.show(name, definition, shown)

    def show(self, name, definition, shown):
        self.shown.pop(name, None)
        if shown:
            self.shown[name] = shown
        return definition

    def alike(self, name, old):
        """Another definition with the same columns under the name, so that what reads it goes on."""
        kind, *_ = old
        if kind.startswith("time: "):
            return self.show(name, *self.time(kind[6:]))
        return old


def reads(definition, name):
    """Does the definition read the summary of that name?"""
    return name in definition[3:]


def text_of(name, definition):
    options, select = definition[1:3]
    with_ = f" WITH ({', '.join(options)})" if options else ""
    return f"CREATE MATERIALIZED VIEW \"{name}\"{with_} AS\n{select};\n"
