"""ORMs on a database with summaries: Django's and SQLAlchemy's view of the schema, and migrations that rebuild the source,
with `almanac pause` and without. (Alembic's migration is an example of the README: test_readme.py, migration/.)"""
import datetime
import functools
import os
import shutil
import sqlite3
import subprocess
import sys

import sqlalchemy

from almanac import connect, directory, equal, tool

HERE = os.path.dirname(os.path.abspath(__file__))

DEFINITION = ("CREATE MATERIALIZED VIEW readings_hourly AS SELECT time_bucket('1 hour', ts) AS bucket, sensor_id, count(*) AS n,"
              " sum(value) AS value_sum FROM readings GROUP BY 1, 2;")
QUERY = "SELECT substr(ts, 1, 13) || ':00:00', sensor_id, count(*), sum(value) FROM readings GROUP BY 1, 2"


def django(path, *arguments, code=0):
    """Runs a command of Django's on the database (plant/ is the application); its output, or what it fails with."""
    environment = {**os.environ, "PYTHONPATH": HERE, "DJANGO_SETTINGS_MODULE": "plant.settings", "PLANT_DATABASE": path}
    done = subprocess.run([sys.executable, "-B", "-W", "ignore", "-m", "django", *arguments], capture_output=True, text=True, env=environment)
    assert done.returncode == code, f"{arguments} ended with {done.returncode}\n{done.stdout}{done.stderr[-2000:]}"
    return done.stderr if code else done.stdout


@functools.lru_cache(None)
def template():
    """A database at the first migration, with readings as Django writes them, and a summary."""
    path = os.path.join(directory(), "plant.db")
    sqlite3.connect(path).close()
    django(path, "migrate", "plant", "0001")
    db = connect(path, extension=False)
    start = datetime.datetime(2024, 5, 1)
    rows = [(str(start + datetime.timedelta(minutes=i, microseconds=i % 2)), i % 3, i % 7 / 2) for i in range(3000)]
    db.execute("BEGIN")
    db.executemany("INSERT INTO readings(ts, sensor_id, value) VALUES (?, ?, ?)", rows)
    db.execute("COMMIT")
    db.close()
    tool("apply", path, "-", stdin=DEFINITION)
    tool("refresh", path)
    return path


def application():
    path = shutil.copy(template(), directory())
    return path, connect(path, extension=False)


def is_right(db):
    """The name equals its query."""
    got, wanted = set(db.execute("SELECT * FROM readings_hourly")), set(db.execute(QUERY))
    equal(sorted(got - wanted)[:3], sorted(wanted - got)[:3], f"{len(wanted - got)} of {len(wanted)} rows differ")


def dirty(db):
    return db.execute("SELECT dirty FROM almanac_status").fetchone()[0]


def is_captured(path, db):
    tool("refresh", path)
    equal(dirty(db), 0)
    is_right(db)
    db.execute("DELETE FROM readings WHERE ts LIKE '2024-05-02 10:%'")
    db.execute("INSERT INTO readings(ts, sensor_id, value) VALUES ('2024-05-01 03:00:00.500000', 1, 8.0)")
    equal(dirty(db), 2)
    is_right(db)


def test_django_migrates_while_paused():
    path, db = application()
    tool("pause", path)
    django(path, "migrate", "plant", "0002")
    tool("resume", path)
    equal(db.execute("SELECT \"notnull\" FROM pragma_table_info('readings') WHERE name = 'value'").fetchone(), (1,))
    is_right(db)
    is_captured(path, db)


def test_a_migration_without_pause_fails_and_changes_nothing():
    path, db = application()
    message = django(path, "migrate", "plant", "0002", code=1)
    assert "error in view" in message, message
    is_right(db)
    is_captured(path, db)


def test_a_rebuild_without_pause_is_noticed():
    """One that goes through, for it doesn't look at views: the triggers are gone with the old table."""
    path, db = application()
    db.executescript("PRAGMA legacy_alter_table = ON; BEGIN; CREATE TABLE copy AS SELECT * FROM readings; DROP TABLE readings;"
                     " ALTER TABLE copy RENAME TO readings; COMMIT; UPDATE readings SET value = value + 1 WHERE ts < '2024-05-01 02'")
    is_right(db)
    is_captured(path, db)


def test_django_reads_a_summary():
    path, db = application()
    program = ("from datetime import datetime; from django.core.management import call_command; from plant.models import ReadingsHourly;"
               " print(ReadingsHourly.objects.filter(bucket=datetime(2024, 5, 1, 5), sensor_id=1).values_list('n', flat=True)[0]);"
               " call_command('inspectdb', include_views=True)")
    count, tables = django(path, "shell", "-c", program).split("\n", 1)
    hour = db.execute("SELECT n FROM readings_hourly WHERE bucket = '2024-05-01 05:00:00' AND sensor_id = 1").fetchone()[0]
    equal(count, str(hour))
    for name in ("readings_hourly", "readings_hourly_stored", "almanac_summary", "almanac_status"):
        assert f"db_table = '{name}'" in tables, tables


def test_sqlalchemy_reflects_all():
    path, db = application()
    engine = sqlalchemy.create_engine(f"sqlite:///{path}")
    metadata = sqlalchemy.MetaData()
    metadata.reflect(engine, views=True)
    hourly = metadata.tables["readings_hourly"]
    equal([column.name for column in hourly.columns], ["bucket", "sensor_id", "n", "value_sum"])
    query = sqlalchemy.select(sqlalchemy.func.sum(hourly.c.n)).where(hourly.c.bucket >= "2024-05-02 00:00:00")
    with engine.connect() as connection:
        equal(connection.execute(query).scalar(), 3000 - 1440)
        connection.execute(metadata.tables["readings"].insert().values(ts=datetime.datetime(2024, 5, 2, 7, 0, 0, 250), sensor_id=0, value=1))
        if connection.in_transaction():
            getattr(connection, "commit", lambda: None)()  # SQLAlchemy 2; 1.4 has committed by itself
        equal(connection.execute(query).scalar(), 3001 - 1440)
    is_right(db)
