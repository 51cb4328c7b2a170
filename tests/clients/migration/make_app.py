"""The application before the migration: app.db at revision 0001, with readings and a summary of them."""
import datetime
import subprocess

import sqlalchemy as sa

subprocess.run(["alembic", "upgrade", "0001"], check=True, capture_output=True)
engine = sa.create_engine("sqlite:///app.db")
readings = sa.Table("readings", sa.MetaData(), autoload_with=engine)
start = datetime.datetime(2024, 5, 1)
with engine.begin() as connection:
    rows = [{"ts": start + datetime.timedelta(minutes=i, microseconds=i % 2), "sensor_id": i % 3, "value": i % 7 / 2} for i in range(3000)]
    connection.execute(readings.insert(), rows)
definition = ("CREATE MATERIALIZED VIEW readings_hourly AS SELECT time_bucket('1 hour', ts) AS bucket, sensor_id, count(*) AS n,"
              " sum(value) AS value_sum FROM readings GROUP BY 1, 2;")
subprocess.run(["almanac", "apply", "app.db", "-"], input=definition, text=True, check=True)
subprocess.run(["almanac", "refresh", "app.db"], check=True)
