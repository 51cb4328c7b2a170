"""Reads a recipe of sql/recipes: its definitions, and the dashboard queries that stand as comments below them.

    -- query: NAME
    --   SELECT ... ;
    -- instead of:            (the query that it replaces, on the raw tables; not every query has one)
    --   SELECT ... ;
"""
import os
import re
from collections import namedtuple

from almanac import ROOT

FOLDER = os.path.join(ROOT, "sql", "recipes")
Definition = namedtuple("Definition", "name select")
Query = namedtuple("Query", "name sql raw")

_CREATE = re.compile(r"^CREATE MATERIALIZED VIEW (\w+)(?: WITH \(.*?\))? AS\n(.*?);$", re.S | re.M)
_QUERY = re.compile(r"^-- query: (.+)\n((?:--   .*\n?)+)(?:-- instead of:\n((?:--   .*\n?)+))?", re.M)


def path_of(recipe):
    return os.path.join(FOLDER, recipe + ".sql")


def text_of(recipe):
    with open(path_of(recipe)) as file:
        return file.read()


def names():
    return sorted(name[:-4] for name in os.listdir(FOLDER) if name.endswith(".sql"))


def definitions_in(text):
    return [Definition(*found.groups()) for found in _CREATE.finditer(text)]


def queries_in(text):
    sql = lambda block: block and re.sub(r"^--   ", "", block, flags=re.M).strip().rstrip(";")
    return [Query(name, sql(ours), sql(raw)) for name, ours, raw in _QUERY.findall(text)]
