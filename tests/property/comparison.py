"""Are the rows of a name the rows of its query?"""
from collections import Counter


def canonical(value, fold):
    """Equal for values that count as equal: 1 and 1.0, sums that differ by the order of addition."""
    if isinstance(value, (int, float)):
        return (1, value if value == value // 1 else float(f"{value:.9g}"))
    if isinstance(value, str):
        return (2, value.lower() if fold else value)
    return (0, b"") if value is None else (3, value)


def close(a, b, fold):
    if isinstance(a, (int, float)) and isinstance(b, (int, float)):
        return a == b or abs(a - b) <= 1e-9 * max(abs(a), abs(b))
    return canonical(a, fold) == canonical(b, fold)


def difference(got, expected, fold):
    """None where the two are equal as multisets; otherwise rows that only one of them has."""
    # Nearly always they are equal to the last digit, which is cheap to see.
    if got == expected or len(got) == len(expected) and Counter(got) == Counter(expected):
        return None
    if len(got) == len(expected):
        order = lambda row: [canonical(v, fold) for v in row]
        if all(len(a) == len(b) and all(close(x, y, fold) for x, y in zip(a, b))
               for a, b in zip(sorted(got, key=order), sorted(expected, key=order))):
            return None
    keys = lambda rows: {repr([canonical(v, fold) for v in row]): row for row in rows}
    mine, theirs = keys(got), keys(expected)
    only = [mine[k] for k in mine if k not in theirs], [theirs[k] for k in theirs if k not in mine]
    return f"{len(got)} rows, {len(expected)} expected\n  too many: {only[0][:6]}\n  missing:  {only[1][:6]}"
