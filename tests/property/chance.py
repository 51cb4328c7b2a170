"""What the random worlds choose from, and what they leave out for now."""

# What the README's limits leave out: years beyond 9999, text among the numbers of a time column, and arms of a UNION ALL
# whose columns differ in affinity, in a whole summary.
LIMITS = {"far years", "text among numbers", "text of arm", "null bucket arm"}

# Features that the generator leaves out because of a bug that is known and reported: {feature: bug}.
KNOWN = {
    "broken resume": "P38: after pause and resume, a summary whose times can't be told any more has no view",
    "status of whole": "P40: almanac_status.dirty is NULL for a summary that became whole at a refresh",
    "shape again": "P28: a refresh beside another one that finds another shape of the times fails, and the next one goes on",
}


BOUNDARIES_MAX = 2000  # of a move: to the end, for nearly all runs


def one_of(r, weighted):
    """A key of {key: weight}, without those that KNOWN or LIMITS list."""
    keys = [k for k in weighted if k not in KNOWN and k not in LIMITS and weighted[k]]
    return r.choices(keys, [weighted[k] for k in keys])[0]


def literal(value):
    if value is None:
        return "NULL"
    if isinstance(value, bytes):
        return f"x'{value.hex()}'"
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    if value in (float("inf"), float("-inf")):
        return "9e999" if value > 0 else "-9e999"
    return repr(value)
