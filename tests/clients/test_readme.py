"""Every example in every README is run, in order, as by a reader who pastes one after the other. ../readme.py says how
they are found.

Each README has a directory of its own, with Almanac installed under PREFIX: where an example names /usr/local, that is
meant, and the directory itself where it names /srv/app, /data or node_exporter's. `make` builds and installs in earnest; what would run
this very test (make test, demo, bench) is only looked up in the Makefile.
"""
import configparser
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)

from almanac import BUILD, ROOT, directory, equal, shell, tool
from readme import examples, matches, readmes, stray_code
from test_node import installed

TIMEOUT_S = 60
DAEMON_S = 1.0  # how long a command that stays is watched

MAKE = """#!/bin/sh
case "$*" in "" | *install*) exec {make} -s -C {root} "$@" ;; *) exec {make} -n -C {root} "$@" >/dev/null ;; esac
"""

DOCKER = set("FROM RUN COPY WORKDIR VOLUME ENV STOPSIGNAL CMD ENTRYPOINT USER".split())


class Scene:
    """The directory in which a README's examples run."""

    def __init__(self):
        self.directory = directory()
        self.prefix = os.path.join(self.directory, "usr-local")
        commands = os.path.join(self.directory, "commands")
        os.mkdir(commands)
        os.symlink(sys.executable, os.path.join(commands, "python3"))
        with open(os.path.join(commands, "make"), "w") as file:
            file.write(MAKE.format(make=shutil.which("make"), root=shlex.quote(ROOT)))
        os.chmod(file.name, 0o755)
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("MAKE", "MFLAGS", "LD_"))}
        self.environment = {**kept, "BUILD": BUILD, "ALMANAC_BUILD": BUILD, "PREFIX": self.prefix, "TESTS": os.path.dirname(HERE),
                            "PATH": f"{self.prefix}/bin:{commands}:{os.environ['PATH']}", "PYTHONDONTWRITEBYTECODE": "1"}
        self.run(["make", "install"])

    def localized(self, text):
        text = re.sub(r"/usr/local\b", self.prefix, text)
        return re.sub(r"(?<![\w/])/(srv/app|data|var/lib/prometheus/node-exporter)\b", self.directory, text)

    def run(self, command, stdin=None, **environment):
        """(exit code, what it wrote)"""
        done = subprocess.run(command, cwd=self.directory, env={**self.environment, **environment}, text=True, timeout=TIMEOUT_S,
                              input=stdin, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        return done.returncode, done.stdout

    def stays(self, command):
        """Runs a command that stays until it is told to end. (exit code, what it wrote)"""
        with open(os.path.join(self.directory, "stays.log"), "w+") as log:
            process = subprocess.Popen(command, cwd=self.directory, env=self.environment, stdout=log, stderr=subprocess.STDOUT)
            time.sleep(DAEMON_S)
            assert process.poll() is None, f"{command} ended by itself with {process.returncode}"
            process.send_signal(signal.SIGTERM)
            code = process.wait(TIMEOUT_S)
            log.seek(0)
            return code, log.read()

    def write(self, name, text):
        path = os.path.join(self.directory, name.lstrip("/"))
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as file:
            file.write(text)
        return path


# ------------------------------------------------------------------------------------------------- languages

def run_sh(scene, text):
    return scene.run(["sh", "-e", "-c", text])


def run_sql(scene, text):
    if "MATERIALIZED VIEW" in text:
        return scene.run(["almanac", "apply", "my.db", "-"], stdin=text)
    return scene.run(["sqlite3", "-batch", "-cmd", f".load {scene.prefix}/lib/almanac", "my.db"], stdin=text)


def run_python(scene, text):
    return scene.run(["python3", "-c", text])


def run_js(scene, text):
    node, home = installed()
    return scene.run([node, "-e", text], NODE_PATH=os.path.join(home, "node_modules"))


def run_cron(scene, text):
    """Five fields and a command each, which gets by with cron's short PATH."""
    output = ""
    for line in text.splitlines():
        if not line or line.startswith("#"):
            continue
        fields = re.fullmatch(r"((?:[\d*,/-]+ +){5})(.+)", line)
        assert fields, f"no line of a crontab: {line}"
        assert "%" not in fields.group(2), f"cron makes a line's end of %: {line}"
        code, said = scene.run(["sh", "-c", fields.group(2)], PATH="/usr/bin:/bin")
        if code:
            return code, said
        output += said
    return 0, output


def check_unit(scene, path):
    """A systemd unit: systemd's own check where there is one, and the command in it."""
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.optionxform = str
    assert unit.read(path), path
    assert "Unit" in unit or "Timer" in unit, f"{path} is no unit"
    units = [os.path.join(os.path.dirname(path), name) for name in sorted(os.listdir(os.path.dirname(path)))]
    if shutil.which("systemd-analyze"):
        code, said = scene.run(["systemd-analyze", "verify", "--man=no", *units])
        ours = [line for line in said.splitlines() if "almanac" in line]
        assert code == 0 and not ours, f"systemd-analyze verify ended with {code}\n{said}"
    if "Service" not in unit:
        return
    command = shlex.split(unit["Service"]["ExecStart"])
    code, said = scene.run(command) if unit["Service"].get("Type") == "oneshot" else scene.stays(command)
    equal(code, 0, f"{command}\n{said}")


def check_rules(scene, path):
    """Rules for Prometheus: promtool's own check where it is, and each metric is one that the tool writes."""
    with open(path) as file, open(os.path.join(ROOT, "tool", "textfile.c")) as source:
        rules, ours = file.read(), source.read()
    metrics = set(re.findall(r"\balmanac_\w+", "".join(re.findall(r"expr: (.*)", rules))))
    assert metrics and all(f'"{metric}"' in ours for metric in metrics), metrics
    if shutil.which("promtool"):
        equal(scene.run(["promtool", "check", "rules", path])[0], 0)


def run_dockerfile(scene, text):
    """The form of each instruction, and the last CMD on the scene's database until SIGTERM, as `docker stop` sends it."""
    command = None
    for line in re.sub(r"\\\n\s*", "", text).splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        instruction, rest = line.split(None, 1)
        assert instruction in DOCKER, f"no instruction of a Dockerfile: {line}"
        if instruction == "RUN":
            equal(scene.run(["sh", "-n", "-c", rest]), (0, ""), line)
        if instruction == "CMD":
            command = json.loads(rest)
    assert command, "no CMD"
    return scene.stays(command)


RUN = {"sh": run_sh, "sql": run_sql, "python": run_python, "js": run_js, "cron": run_cron, "dockerfile": run_dockerfile}


def play(scene, example):
    text = scene.localized(example.text)
    if example.file:
        path = scene.write(scene.localized(example.file), text)
        check = {"ini": check_unit, "yaml": check_rules}.get(example.language)
        return check(scene, path) if check else None
    if example.not_run:
        equal(scene.run(["sh", "-n", "-c", text]), (0, ""))
        return None
    code, output = RUN[example.language](scene, text)
    equal(code, example.exit, f"the exit code, and it said:\n{output}")
    if example.expected is not None and not matches(example.expected, output):
        raise AssertionError(f"expected\n{example.expected}\ngot\n{output}")
    return None


def run_readme(path):
    with open(os.path.join(ROOT, path)) as file:
        found = examples(file.read())
    scene = Scene() if found else None
    for example in found:
        try:
            play(scene, example)
        except (AssertionError, subprocess.TimeoutExpired) as error:
            raise AssertionError(f"{path}:{example.line}: {error}\n{example.text}") from None


def test_top():
    run_readme("README.md")


def test_ext():
    run_readme("ext/README.md")


def test_tool():
    run_readme("tool/README.md")


def test_sql():
    run_readme("sql/README.md")


def test_tests():
    run_readme("tests/README.md")


def test_data():
    run_readme("tests/data/README.md")


# --------------------------------------------------------------------------------- what the pages must mention

def page(path):
    with open(os.path.join(ROOT, path)) as file:
        return file.read()


def test_every_readme_is_run():
    equal(readmes(), ["README.md", "ext/README.md", "sql/README.md", "tests/README.md", "tests/data/README.md", "tool/README.md"])


def test_no_code_outside_of_fences():
    for path in readmes():
        equal(stray_code(page(path)), [], path)


def test_links_lead_somewhere():
    for path in readmes():
        for link in re.findall(r"\]\((?!https?://)([^)]+)\)", page(path)):
            target, _, anchor = link.partition("#")
            there = os.path.normpath(os.path.join(os.path.dirname(path), target)) if target else path
            assert os.path.exists(os.path.join(ROOT, there)), f"{path}: {link}"
            if anchor:
                headings = [re.sub(r"[^\w\- ]", "", h.lower()).replace(" ", "-") for h in re.findall(r"^#+ (.+)$", page(there), re.M)]
                assert anchor in headings, f"{path}: {link} is not among {headings}"


def test_commands_and_options_are_in_the_tools_page():
    reference = page("tool/README.md")
    commands = re.findall(r"^  (\w+) {2,}\S", tool("help")[0], re.M)
    assert len(commands) > 5
    for command in commands:
        assert f"`{command}" in reference, command
        for option in re.findall(r"^  (--[\w-]+)", tool("help", command)[0], re.M):
            assert f"`{option}" in reference, f"{command} {option}"


def test_objects_are_in_the_tools_page():
    """Every kind of object that the tool leaves in a database, with T and S for the numbers of tracks and summaries."""
    path = os.path.join(directory(), "t.db")
    shell(path, "CREATE TABLE r(id INTEGER PRIMARY KEY, ts INTEGER, k)", "INSERT INTO r(ts, k) VALUES (0, 1), (90000, 2), (180000, 3)")
    select = "count(*) AS n FROM r GROUP BY 1"
    tool("apply", path, "-", stdin=f"""
        CREATE MATERIALIZED VIEW t AS SELECT time_bucket('1 day', ts, 'Europe/Berlin') AS b, k, count(*) AS n FROM r GROUP BY 1, 2;
        CREATE MATERIALIZED VIEW k WITH (partition = k, index = n) AS SELECT k, {select};
        CREATE MATERIALIZED VIEW w AS SELECT k, {select};""")
    known = re.sub(r"_[TS](?=_|\b)", "_#", page("tool/README.md"))
    for name in shell(path, "SELECT name FROM sqlite_master WHERE name LIKE 'almanac%'").split():
        kind = re.sub(r"_\d+", "_#", name) if not re.search(r"_stored_\d+_\d+$", name) else "almanac_stored_#_1"
        assert f"`{kind}`" in known, f"tool/README.md says nothing of {name}"


def test_files_are_on_their_maps():
    """Each source file is named on the map of its folder, without its ending."""
    for readme, folders in {"ext/README.md": ["ext", "ext/function", "ext/kernel", "ext/pyramid", "ext/scan", "ext/table"],
                            "tool/README.md": ["tool", "tool/engine"], "sql/README.md": ["sql", "sql/recipes"]}.items():
        for folder in folders:
            for name in os.listdir(os.path.join(ROOT, folder)):
                stem, ending = os.path.splitext(name)
                if ending in (".c", ".sql"):
                    assert re.search(rf"\b{stem}\b", page(readme)), f"{readme} says nothing of {folder}/{name}"
