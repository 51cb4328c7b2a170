from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("plant", "0001_readings")]
    operations = [migrations.AlterField("Reading", "value", models.FloatField())]
