import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade():
    op.create_table(
        "readings",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("ts", sa.DateTime, nullable=False),
        sa.Column("sensor_id", sa.Integer, nullable=False),
        sa.Column("value", sa.Float))
    op.create_index("ix_readings_ts", "readings", ["ts"])
