from django.db import migrations, models


class Migration(migrations.Migration):
    operations = [
        migrations.CreateModel("Reading", [
            ("id", models.BigAutoField(primary_key=True)),
            ("ts", models.DateTimeField(db_index=True)),
            ("sensor_id", models.IntegerField()),
            ("value", models.FloatField(null=True)),
        ], {"db_table": "readings"}),
        migrations.CreateModel("ReadingsHourly", [
            ("bucket", models.DateTimeField(primary_key=True)),
            ("sensor_id", models.IntegerField()),
            ("n", models.IntegerField()),
            ("value_sum", models.FloatField()),
        ], {"db_table": "readings_hourly", "managed": False}),
    ]
