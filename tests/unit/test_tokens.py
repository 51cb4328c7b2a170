"""The tokens of SQL, with sanitizers (see tokens.c): against a table, against an independent reader in regular
expressions on random bytes, and against what SQLite makes of the tokens."""
import os
import random
import re
import sqlite3
import subprocess

from almanac import ROOT, directory, equal

WORD, QUOTED, STRING, NUMBER, BLOB, PARAMETER, OPERATOR, ILLEGAL = range(8)

_built = []


def program():
    if not _built:
        path = os.path.join(directory(), "tokens")
        subprocess.run([os.environ.get("CC", "gcc"), "-std=c11", "-D_GNU_SOURCE", "-O1", "-g", "-Wall", "-Wextra", "-Werror",
                        "-fsanitize=address,undefined", "-fno-sanitize-recover", "-I.", "-o", path, "tests/unit/tokens.c",
                        "tool/engine/token.c", "-lsqlite3"], cwd=ROOT, check=True)
        _built.append(path)
    return _built[0]


def run(texts, *arguments):
    """The tokens of each text, as (type, text, value)."""
    done = subprocess.run([program(), *arguments], input=b"\0".join(texts), capture_output=True)
    assert done.returncode == 0, done.stderr.decode()
    results, tokens = [], []
    for line in done.stdout.decode().split("\n")[:-1]:
        if line == "end":
            results.append(tokens)
            tokens = []
        elif line == "memory":
            tokens.append(None)
        else:
            kind, offset, length, value = line.split(" ")
            text = texts[len(results)]
            tokens.append((int(kind), text[int(offset) : int(offset) + int(length)], bytes.fromhex(value)))
    equal(len(results), len(texts))
    return results


def tokens(text):
    return [(kind, token.decode()) for kind, token, _ in run([text.encode()])[0]]


def test_kinds():
    equal(tokens("SELECT a, \"b c\", [d]]e], `f` FROM t;"),
          [(WORD, "SELECT"), (WORD, "a"), (OPERATOR, ","), (QUOTED, '"b c"'), (OPERATOR, ","), (QUOTED, "[d]"), (ILLEGAL, "]"),
           (WORD, "e"), (ILLEGAL, "]"), (OPERATOR, ","), (QUOTED, "`f`"), (WORD, "FROM"), (WORD, "t"), (OPERATOR, ";")])
    for number in ["0", "12", "1.", ".5", "1.5", "1e5", "1E+5", "1.e-5", ".5e3", "0xfF", "1_000", "1_0.0_1e1_0", "0x1_f"]:
        equal(tokens(number + " "), [(NUMBER, number)])
    for illegal in ["12ab", "1__0", "1_", "0x", "0xg", "1e", "1e+", "x'0'", "x'0g'", "x'00", "'a", '"a', "`a", "[a", "/* a", "/*/",
                    "'a''", "$(a)", ":", "@", "$", "\\", "{", "^", "#", "\x01", "!"]:
        assert tokens(illegal)[0][0] == ILLEGAL, illegal
    for parameter in ["?", "?12", ":a", "@a1", "$a", "$a::b", "$a(b)", ":ü"]:
        equal(tokens(parameter), [(PARAMETER, parameter)])
    operators = "( ) + - * / % , ; . = < > | & ~ == != <> <= >= << >> || -> ->>".split()
    equal(tokens(" ".join(operators)), [(OPERATOR, o) for o in operators])
    equal(tokens("a->>b||c<>d>=1"), [(WORD, "a"), (OPERATOR, "->>"), (WORD, "b"), (OPERATOR, "||"), (WORD, "c"), (OPERATOR, "<>"),
                                     (WORD, "d"), (OPERATOR, ">="), (NUMBER, "1")])
    equal(tokens("größe _a a$b 変数"), [(WORD, "größe"), (WORD, "_a"), (WORD, "a$b"), (WORD, "変数")])


def test_blanks_and_comments():
    equal(tokens("\ufeffa -- b ' c\n/* d\n * ' ; **/ e/**/f--"), [(WORD, "a"), (WORD, "e"), (WORD, "f")])
    equal(tokens("a - -b"), [(WORD, "a"), (OPERATOR, "-"), (OPERATOR, "-"), (WORD, "b")])
    equal(tokens("'-- no /* comment'"), [(STRING, "'-- no /* comment'")])
    equal(tokens(""), [])
    equal(tokens(" \t\r\n\f\v"), [])


def test_values():
    texts = ["'it''s'", "''''", "''", '"a""b"', "`a``b`", "[a[b]", "a", "x'00'", "'\"'", "'unclosed"]
    expected = ["it's", "'", "", 'a"b', "a`b", "a[b", "a", "x'00'", '"', "'unclosed"]
    equal([r[0][2].decode() for r in run([t.encode() for t in texts])], expected)


WORDS = rb"[A-Za-z0-9_$\x80-\xff]"
DIGITS = rb"[0-9](?:_?[0-9])*"
HEX = rb"[0-9a-fA-F](?:_?[0-9a-fA-F])*"
AMOUNT = (rb"(?>0[xX]" + HEX + rb"|(?:" + DIGITS + rb"(?:\.(?:" + DIGITS + rb")?)?|\." + DIGITS + rb")(?:[eE][+-]?" + DIGITS + rb")?)")
RULES = [  # the first that matches counts
    (ILLEGAL, rb"/\*.*"),
    (STRING, rb"'(?:[^']|'')*'(?!')"), (ILLEGAL, rb"'.*"),
    (QUOTED, rb'"(?:[^"]|"")*"(?!")'), (ILLEGAL, rb'".*'),
    (QUOTED, rb"`(?:[^`]|``)*`(?!`)"), (ILLEGAL, rb"`.*"),
    (QUOTED, rb"\[[^]]*\]"), (ILLEGAL, rb"\[.*"),
    (BLOB, rb"[xX]'(?:[0-9a-fA-F]{2})*'"), (ILLEGAL, rb"[xX]'[^']*'?"),
    (NUMBER, AMOUNT + rb"(?!" + WORDS + rb")"), (ILLEGAL, AMOUNT + WORDS + rb"+"),
    (WORD, rb"[A-Za-z_\x80-\xff]" + WORDS + rb"*"),
    (PARAMETER, rb"\?[0-9]*"),
    (ILLEGAL, rb"[:@$](?:::)*(?!" + WORDS + rb"|::)"),
    (PARAMETER, rb"[:@$](?:::|" + WORDS + rb")+\([^\s)]*\)"),
    (ILLEGAL, rb"[:@$](?:::|" + WORDS + rb")+\([^\s)]*"),
    (PARAMETER, rb"[:@$](?:::|" + WORDS + rb")+"),
    (OPERATOR, rb"->>|->|\|\||<>|!=|<=|>=|==|<<|>>|[()+\-*/%,;.=<>|&~]"),
    (ILLEGAL, rb"."),
]
BLANKS = re.compile(rb"(?:[ \t\n\v\f\r]|--[^\n]*|/\*.*?\*/|\xef\xbb\xbf)*", re.S)
RULES = [(kind, re.compile(pattern, re.S)) for kind, pattern in RULES]


def reference(text):
    result, at = [], BLANKS.match(text).end()
    while at < len(text):
        for kind, pattern in RULES:
            match = pattern.match(text, at)
            if match:
                break
        result.append((kind, match.group()))
        at = BLANKS.match(text, match.end()).end()
    return result


PIECES = [b"'", b"''", b'"', b"`", b"[", b"]", b"--", b"/*", b"*/", b"\n", b" ", b"x'", b"0x", b"1", b"_", b".", b"e", b"+", b"-", b">", b"<",
          b"=", b"!", b"|", b"a", b"Z9", b"$", b":", b"@", b"?", b"(", b")", b";", b",", b"\xc3\xa9", b"\xff", b"\xef\xbb\xbf", b"#", b"\\",
          b"SELECT", b"\v", b"\r", b"\x01", b"00", b"ff"]


def test_random_bytes_against_regular_expressions():
    seed = random.randrange(1 << 32)
    rng = random.Random(seed)
    texts = [b"".join(rng.choice(PIECES) for _ in range(rng.randrange(12))) for _ in range(20000)]
    texts += [bytes(rng.randrange(1, 256) for _ in range(rng.randrange(30))) for _ in range(5000)]
    for text, got in zip(texts, run(texts)):
        equal([(kind, token) for kind, token, _ in got], reference(text), f"seed {seed}: {text!r}")


def test_sqlite_reads_the_tokens_alike():
    """A text without illegal tokens is never "unrecognized" to SQLite, and literals and names have SQLite's values."""
    seed = random.randrange(1 << 32)
    rng = random.Random(seed)
    db = sqlite3.connect(":memory:")
    pieces = [p for p in PIECES if p not in (b"_", b"\xff", b"\v")]  # older SQLites have no digit separators
    texts = [b"".join(rng.choice(pieces) for _ in range(rng.randrange(1, 8))) for _ in range(10000)]
    checked = 0
    for text, got in zip(texts, run(texts)):
        for kind, token, value in got:
            sql = {STRING: "SELECT %s", QUOTED: "SELECT 1 AS %s", NUMBER: "SELECT %s", BLOB: "SELECT %s", ILLEGAL: "SELECT %s"}.get(kind)
            # SQLite lets an open comment run to the end, and before 3.46 a name begin right behind a hex number.
            if not sql or token.startswith(b"/*") or kind == ILLEGAL and token[:2].lower() == b"0x":
                continue
            try:
                cursor = db.execute(sql % token.decode("utf-8", "replace"))
                row, error = cursor.fetchone(), None
            except sqlite3.Error as failure:
                error = str(failure)
            what = f"seed {seed}: {token!r}: {error}"
            assert bool(error) == (kind == ILLEGAL), what
            if kind == STRING:
                equal(row[0], value.decode(), what)
            if kind == QUOTED:
                equal(cursor.description[0][0], value.decode(), what)
            checked += 1
    assert checked > 1000


def test_no_memory():
    text = b" ".join(b"a" for _ in range(200))
    for n in range(6):
        result = run([text], str(n))[0]
        assert None in result, n
    assert None not in run([text], "1000")[0]
