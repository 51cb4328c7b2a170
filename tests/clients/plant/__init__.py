"""A Django application for test_orm.py: readings, and a summary of them as a model that Django leaves alone."""
