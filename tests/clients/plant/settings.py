import os

SECRET_KEY = "of a test"
USE_TZ = False
INSTALLED_APPS = ["plant"]
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": os.environ["PLANT_DATABASE"]}}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
