"""The models of the README's application, after its migrations."""
import sqlalchemy as sa

metadata = sa.MetaData()
readings = sa.Table(
    "readings", metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("ts", sa.DateTime, nullable=False, index=True),
    sa.Column("sensor_id", sa.Integer, nullable=False),
    sa.Column("value", sa.Float, nullable=False),
    sa.Column("unit", sa.String(8), nullable=False, server_default="C"),
)
