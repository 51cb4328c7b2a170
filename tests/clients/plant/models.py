from django.db import models


class Reading(models.Model):
    ts = models.DateTimeField(db_index=True)
    sensor_id = models.IntegerField()
    value = models.FloatField()

    class Meta:
        db_table = "readings"


class ReadingsHourly(models.Model):
    bucket = models.DateTimeField(primary_key=True)  # Django wants a key; nothing here relies on it
    sensor_id = models.IntegerField()
    n = models.IntegerField()
    value_sum = models.FloatField()

    class Meta:
        managed = False
        db_table = "readings_hourly"
