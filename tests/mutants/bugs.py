"""The seeded bugs: each a few edits of the sources, (file, exactly one occurrence of this text, its replacement).

`hunts` are what must find it, tried in this order; see run.py. An edit whose text has changed fails `make mutants`: keep
the bug, write its edit anew.
"""
from dataclasses import dataclass


@dataclass(frozen=True)
class Mutant:
    name: str
    edits: tuple
    hunts: tuple = ("worlds",)


CAPTURE, REFRESH, SUMMARY, GRAIN, RETENTION = "sql/capture.sql", "sql/refresh.sql", "sql/summary.sql", "sql/grain.sql", "sql/retention.sql"
ENGINE = "tool/engine/"

MUTANTS = [
    # ------------------------------------------------------------------------------------------ noticing changes
    Mutant("no guards against REPLACE", ((CAPTURE, "EXISTS(SELECT 1 FROM {source} q WHERE {conflict})", "(0 AND EXISTS(SELECT 1 FROM {source} q WHERE {conflict}))"),)),
    Mutant("no guard against UPDATE OR REPLACE", ((CAPTURE, "CREATE TRIGGER {trigger}_bupd BEFORE UPDATE{of} ON {source} WHEN {guards}", "CREATE TRIGGER {trigger}_bupd BEFORE UPDATE{of} ON {source} WHEN 0"),)),
    Mutant("an update marks the new row only", ((CAPTURE, "BEGIN\n{mark_old}\n{mark_new}\nEND", "BEGIN\n{mark_new}\nEND"),)),
    Mutant("an update marks the old row only", ((CAPTURE, "BEGIN\n{mark_old}\n{mark_new}\nEND", "BEGIN\n{mark_old}\nEND"),)),
    Mutant("SET rowid = is not an update", ((ENGINE + "capture.c", 'sqlite3_str_appendf(out, "%srowid, _rowid_, oid"', 'if (0) sqlite3_str_appendf(out, "%srowid, _rowid_, oid"'),)),
    Mutant("deletes are invisible to a whole summary", ((ENGINE + "capture.c", '{"del", "DELETE"}', '{"del", "UPDATE"}'),)),
    Mutant("a joined table's changes don't count", ((SUMMARY, "-- @unchanged\nNOT EXISTS(SELECT 1 FROM {region})", "-- @unchanged\n1"),)),
    # ---------------------------------------------------------------------------------------- settling and claims
    Mutant("no fan-out to the second summary", ((ENGINE + "claim.c", '!sql_run(engine, time ? "fan_time"', 's == any && !sql_run(engine, time ? "fan_time"'),)),
    Mutant("DO NOTHING in the fan-out", ((REFRESH, "{since x=lo} ON CONFLICT(p1) DO UPDATE SET token=NULL", "{since x=lo} ON CONFLICT(p1) DO NOTHING"),
                                        (REFRESH, "WHERE token IS NOT NULL AND rowid IN (", "WHERE 0 AND rowid IN (")), ("races",)),
    Mutant("a tail at the finest grain", ((REFRESH, "(SELECT max({ends}) AS t", "(SELECT min({ends}) AS t"),), ("tails",)),
    Mutant("the first partition of the tail has the tail's key", (
        (ENGINE + "claim.c", 'if (!run_bound(engine, sql_text(engine, "tail_move", v), old, new)) return false;', ""),
        (ENGINE + "claim.c", 'return initial || run_bound(engine, sql_text(engine, "tail_walk", v), old, new);',
         'return (initial || run_bound(engine, sql_text(engine, "tail_walk", v), old, new)) && run_bound(engine, sql_text(engine, "tail_move", v), old, new);')), ("tails",)),
    Mutant("no stale marks above the old tail", ((REFRESH, "FROM {stored} WHERE {partition}>=(SELECT coalesce(", "FROM {stored} WHERE 0 AND {partition}>=(SELECT coalesce("),), ("tails",)),
    Mutant("nothing between the old tail and the new one", ((REFRESH, "SELECT b FROM walk WHERE b IS NOT NULL) WHERE 1 ON CONFLICT DO NOTHING\n\n-- Every", "SELECT b FROM walk WHERE b IS NOT NULL) WHERE 0 ON CONFLICT DO NOTHING\n\n-- Every"),), ("tails",)),
    Mutant("a full list leaves the tokens of those at work", ((REFRESH, "UPDATE {dirty} SET token=NULL WHERE token>=0\n", "UPDATE {dirty} SET token=NULL WHERE 0\n"),
                                                            (REFRESH, "BETWEEN ?1 AND ?2 ON CONFLICT(p1) DO UPDATE SET token=NULL", "BETWEEN ?1 AND ?2 ON CONFLICT(p1) DO NOTHING")), ("races",)),
    Mutant("a full list forgets partitions without rows", ((REFRESH, "INSERT INTO {list} SELECT DISTINCT {partition} FROM main.{stored} WHERE 1", "INSERT INTO {list} SELECT DISTINCT {partition} FROM main.{stored} WHERE 0"),
                                                         (REFRESH, "INSERT INTO {list} SELECT DISTINCT {partitions} FROM main.{stored} s WHERE", "INSERT INTO {list} SELECT DISTINCT {partitions} FROM main.{stored} s WHERE 0 AND"))),
    # --------------------------------------------------------------------------------------- computing, publishing
    Mutant("no look at the token when publishing", (
        (REFRESH, "d.token=?3 AND {claimed_dirty_matches}", "{claimed_dirty_matches}"), (REFRESH, "WHERE token=?3 AND {dirty_row} IN", "WHERE {dirty_row} IN")), ("races",)),
    Mutant("clean before published", (
        (ENGINE + "compute.c", "*published = *taken = 0;\n", '*published = *taken = 0;\n  sql_run_bound(engine, "clean_early", v, c->token, 0);\n'),
        (REFRESH, "-- @publish_delete\n", "-- @clean_early\nDELETE FROM main.{dirty} WHERE token=?1\n\n-- @publish_delete\n"),
        (REFRESH, "NOT EXISTS(SELECT 1 FROM main.{dirty} d WHERE d.token=?3", "0 AND NOT EXISTS(SELECT 1 FROM main.{dirty} d WHERE d.token=?3")), ("races",)),
    Mutant("computed from a snapshot before the claim", (
        (ENGINE + "compute.c", 'on_piece(engine, "publish_lost", c, piece);', 'on_piece(engine, "publish_reclaim", c, piece);\n  on_piece(engine, "publish_lost", c, piece);'),
        (REFRESH, "-- @publish_delete\n", "-- @publish_reclaim\nUPDATE main.{dirty} AS d SET token=?3 WHERE EXISTS(SELECT 1 FROM temp.{claimed} m WHERE m.i BETWEEN ?1 AND ?2 AND {claimed_dirty_matches})\n\n-- @publish_delete\n")), ("races",)),
    Mutant("deleting and inserting apart", ((ENGINE + "compute.c", '"publish_delete", c, piece);', '"publish_delete", c, piece);\n  if (!engine_commit(engine) || !engine_begin(engine)) return false;'),), ("races",)),
    Mutant("old rows stay when new ones are published", ((REFRESH, "DELETE FROM main.{stored} WHERE rowid IN (SELECT s.rowid", "DELETE FROM main.{stored} WHERE 0 AND rowid IN (SELECT s.rowid"),)),
    Mutant("any generation of a whole summary counts", ((SUMMARY, "SELECT {stored_columns} FROM {stored} WHERE almanac_generation=(SELECT generation FROM almanac_summary WHERE id={id}) AND {ok}", "SELECT {stored_columns} FROM {stored} WHERE {ok}"),), ("races",)),
    Mutant("any refresher may make a generation count", ((REFRESH, "token=NULL WHERE id={id} AND token={token}", "token=NULL WHERE id={id}"),), ("races",)),
    Mutant("three partitions never disprove", ((REFRESH, "SELECT EXISTS(SELECT *, count(*) FROM (SELECT {comparable}", "SELECT 0 AND EXISTS(SELECT *, count(*) FROM (SELECT {comparable}"),)),
    # -------------------------------------------------------------------------------------------------- by a scan
    Mutant("a time at a partition's end is in it", ((ENGINE + "scanning.c", "time.is.integer < last->hi.is.integer;", "time.is.integer <= last->hi.is.integer;"),), ("property/test_scanned",)),
    Mutant("rows behind a claimed partition are in it", ((ENGINE + "scanning.c", "low == 0 || !is_before(time, &scanning->partitions[low - 1].hi)", "low == 0"),), ("property/test_scanned", "worlds")),
    Mutant("a scan overlooks the WHERE", ((ENGINE + "scanning.c", "size_t n = form->n_conditions;", "size_t n = 0;"),), ("property/test_scanned",)),
    Mutant("a sum that doesn't fit is stored", ((ENGINE + "scanning.c", "if (summary.sum_overflows) return true;", ""),), ("clients/test_scan_way",)),
    Mutant("what is too much for a scan is lost", ((REFRESH, "UPDATE {dirty} SET token=NULL WHERE token=?1 AND p1 NOT IN", "DELETE FROM {dirty} WHERE token=?1 AND p1 NOT IN"),), ("clients/test_scan_way",)),
    Mutant("a keyword behind a result column is its name", ((ENGINE + "scan_form.c", "if (strcmp(shadow_value(r->engine, token), r->summary->columns[result].name) != 0)", "if (0)"),), ("clients/test_scan_way",)),
    # -------------------------------------------------------------------------------------------------- the views
    Mutant("NULL in the dirty list", ((SUMMARY, "{since_root x=lo} UNION ALL", "{since_root x=lo} UNION ALL SELECT NULL FROM {dirty} UNION ALL"),)),
    Mutant("NULL keys as NULL", ((ENGINE + "summary_sql.c", '"%e IS d.%p"', '"%e = d.%p"'),)),
    Mutant("stored rows in the tail count", ((SUMMARY, " AND +{row}.{partition}<(SELECT start FROM {tail_view}) AND {ok}", " AND {ok}"),)),
    Mutant("stored rows count whatever has been rebuilt", ((SUMMARY, "THEN 1 ELSE 1000 END) FROM sqlite_master", "THEN 1 ELSE 1000 END)*0+{trigger_count} FROM sqlite_master"),)),
    Mutant("negative times and fractions round to zero", ((GRAIN, "(CAST({x} AS INTEGER)-(CAST({x} AS INTEGER)>{x}))", "CAST({x} AS INTEGER)"),)),
    # ------------------------------------------------------------------------------------------------------ chains
    Mutant("no fan-out to a chain", ((ENGINE + "claim.c", '!sql_run(engine, time ? "fan_time"', '!s->parent && !sql_run(engine, time ? "fan_time"'),)),
    Mutant("what is dirty in a parent is not due in its children", ((SUMMARY, "FROM {dirty}{dirty_above} UNION SELECT {start x=p} FROM {root_due};", "FROM {dirty} UNION SELECT {start x=p} FROM {root_due};"),)),
    Mutant("what is due in the root is not due in its children", ((SUMMARY, "FROM {dirty}{dirty_above} UNION SELECT {start x=p} FROM {root_due};", "FROM {dirty}{dirty_above};"),)),
    Mutant("a chain reads what its parent has stored of dirty partitions", ((SUMMARY, "likelihood(q.{from_time}<d.hi, 0.000001) AND {from_clean}", "likelihood(q.{from_time}<d.hi, 0.000001)"),)),
    # --------------------------------------------------------------------------------------------------- retention
    Mutant("raw rows go before their time is frozen", (
        (ENGINE + "prune.c", "return freeze(engine, catalog, p, next) && delete_rows(engine, p, n, deleted);",
         'struct moment before = p->frozen;\n  return freeze(engine, catalog, p, next) && delete_rows(engine, p, n, deleted) && (moment_ask(engine, "prune_freeze", p->v, &before, 0), '
         "engine_commit(engine)) && engine_begin(engine) && freeze(engine, catalog, p, next);"),), ("property/test_processes", "faults/test_prune_stops")),
    Mutant("late rows empty what is frozen", ((RETENTION, "-- @since_frozen\n AND {x}>={frozen_lo}", "-- @since_frozen\n"), (RETENTION, "(+{row}.{partition}<{frozen_start} OR {clean_time})", "{clean_time}")), ("clients/test_prune",)),
    # ----------------------------------------------------------------------------------------------- among others
    Mutant("claims of the living are taken", ((ENGINE + "owner.c", "bool lives = file >= 0 &&", "bool lives = false && file >= 0 &&"),), ("faults/test_contention",)),
    Mutant("claims of the dead are respected", ((ENGINE + "owner.c", "bool lives = file >= 0 &&", "bool lives = true || file >= 0 &&"),), ("faults/test_contention",)),
    Mutant("a lock is not waited for", ((ENGINE + "engine.c", "sqlite3_busy_handler(engine->db, on_busy, engine);", "(void)on_busy;"),), ("property/test_processes",)),
]
