"""Lines of all kinds, and what Largest Triangle Three Buckets makes of them: the thesis's arithmetic in Python."""
import itertools
import math


def reference(points, n, number=float):
    """Steinarsson's Largest Triangle Three Buckets: the points it picks, as they came. `number` turns an x into a double."""
    count = len(points)
    if n >= count:
        return list(points)
    if n < 3:
        return [points[0], points[-1]][:n]
    x, y = [number(p[0]) for p in points], [float(p[1]) for p in points]
    every = (count - 2) / (n - 2)
    picked, a = [0], 0
    for i in range(n - 2):
        start, end = math.floor((i + 1) * every) + 1, min(math.floor((i + 2) * every) + 1, count)
        mean_x = mean_y = 0.0
        for j in range(start, end):
            mean_x += x[j]
            mean_y += y[j]
        mean_x /= end - start
        mean_y /= end - start
        largest = -1.0
        for j in range(math.floor(i * every) + 1, math.floor((i + 1) * every) + 1):
            area = abs((x[a] - mean_x) * (y[j] - y[a]) - (x[a] - x[j]) * (mean_y - y[a])) * 0.5
            if area > largest:
                largest, best = area, j
        picked.append(best)
        a = best
    return [points[i] for i in picked + [count - 1]]


def series(rng, kind, count):
    """`count` points in order of x."""
    if kind == "walk":
        y = list(itertools.accumulate(rng.gauss(0, 1) for _ in range(count)))
        return [(i, v) for i, v in enumerate(y)]
    if kind == "equal":
        return [(i, 5.5) for i in range(count)]
    if kind == "plateaus":
        return [(i, rng.choice([1, 1, 1, 2, 2, 3])) for i in range(count)]
    if kind == "huge offset":
        return [(1700000000000 + 1000 * i, 1e15 + rng.randrange(100)) for i in range(count)]
    if kind == "beyond 2^53":
        return [(1700000000000000000 + 3 * i + rng.randrange(3), rng.random()) for i in range(count)]
    if kind == "equal x":
        return [(i // 7, rng.randrange(100)) for i in range(count)]
    if kind == "all x equal":
        return [(3.25, rng.randrange(100)) for i in range(count)]
    if kind == "irregular":
        return [(x, math.sin(x)) for x in sorted(rng.uniform(-1e3, 1e3) for _ in range(count))]
    if kind == "spikes":
        return [(i / 10, 1e6 * (rng.random() < 0.01) + rng.random()) for i in range(count)]
    if kind == "tiny":
        return [(i * 1e-300, rng.random() * 1e-300) for i in range(count)]
    if kind == "mixed":
        return [(i, rng.choice([i % 13, float(i % 13), i % 13 + 0.5])) for i in range(count)]
    assert kind == "mixed x"
    return [(rng.choice([i, float(i), i + 0.25]), rng.choice([i % 11, i % 7 / 4])) for i in range(count)]


KINDS = ["walk", "equal", "plateaus", "huge offset", "beyond 2^53", "equal x", "all x equal", "irregular", "spikes", "tiny", "mixed",
         "mixed x"]
