/*
** Drives ext/scan/page_file.c and page_wal.c: what they take for a reader's snapshot is compared, byte for byte, with
** what SQLite itself reads in the same transaction (sqlite3_serialize). test_page_file.py runs it:
**
**   page_file step SEED ROUNDS FOLDER     one process, where other connections write and checkpoint between any two
**                                         of the calls that the code under test makes to the file
**   page_file hammer SEED SECONDS FOLDER  writers and checkpointers in processes of their own
**   page_file look URI SCHEMA [SQL...]    runs the statements ("-": waits for a line of input, "reserve": asks for
**                                         32 bytes at the end of each page) and says what
**                                         page_file_open does; waits for a line, with the file open, and one more, closed
**   page_file memory URI                  page_file_open with each of its allocations failing
*/
#include "ext/scan/page_file.h"
#include "driver.h"
#include <assert.h>
#include <dlfcn.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { WRITERS = 2, OTHERS = 2, NAME_BYTES = 512 };

static char path[NAME_BYTES];
static long rounds_of[2], opened, pages_compared, pages_ambiguous, ops, commits_beside, refused, snapshots;

static int one_of(int n) {
  return (int)(next() % (uint64_t)n);
}

static void fail(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  vprintf(format, arguments);
  printf("\n");
  exit(1);
}

static sqlite3 *connect(void) {
  sqlite3 *db;
  if (sqlite3_open(path, &db) != SQLITE_OK) fail("can't open %s", path);
  return db;
}

/* Busy, full of readers and so on is no error here. */
static int run(sqlite3 *db, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  char *sql = sqlite3_vmprintf(format, arguments);
  va_end(arguments);
  int rc = sqlite3_exec(db, sql, 0, 0, 0);
  if (rc && (rc & 0xff) != SQLITE_BUSY && (rc & 0xff) != SQLITE_LOCKED)
    fail("%s: %s", sql, sqlite3_errmsg(db));
  sqlite3_free(sql);
  return rc;
}

static void make_database(bool wal) {
  static const int sizes[] = {512, 1024, 4096, 4096, 65536};
  sqlite3 *db = connect();
  int size = sizes[one_of(5)];
  run(db, "PRAGMA page_size = %d; PRAGMA auto_vacuum = %d; PRAGMA journal_mode = %s", size, one_of(3),
      wal ? "wal" : "delete");
  run(db,
      "CREATE TABLE t(id INTEGER PRIMARY KEY, a, b); CREATE INDEX i ON t(a);"
      "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d)"
      "INSERT INTO t SELECT i, i * 7919 %% 1000003, randomblob(%d) FROM n",
      20 + one_of(100), size / 3);
  sqlite3_close(db);
}

/* Something that a writer or a checkpointer may do. */
static void disturb(sqlite3 *db) {
  static const int modes[] = {SQLITE_CHECKPOINT_PASSIVE, SQLITE_CHECKPOINT_FULL, SQLITE_CHECKPOINT_RESTART,
                              SQLITE_CHECKPOINT_TRUNCATE};
  int size = 1 + one_of(3000);
  ops++;
  switch (one_of(13)) {
  case 0:
  case 1:
    run(db, "INSERT INTO t(a, b) VALUES (%d, randomblob(%d))", one_of(1 << 30), size);
    break;
  case 2:
    run(db, "INSERT INTO t(a, b) SELECT a * 7919 %% 1000003, randomblob(%d) FROM t ORDER BY id LIMIT %d",
        size % 500, one_of(90));
    break;
  case 3:
  case 4:
    run(db, "UPDATE t SET a = a * 31 %% 1000003 WHERE id %% %d = %d", 1 + one_of(50), one_of(50));
    break;
  case 5:
    run(db, "UPDATE t SET b = randomblob(%d) WHERE id = (SELECT max(id) FROM t) - %d", size, one_of(40));
    break;
  case 6:
    run(db, "DELETE FROM t WHERE id %% %d = 0", 3 + one_of(30));
    break;
  case 7:
    run(db, "DELETE FROM t WHERE id > (SELECT max(id) FROM t) - %d", one_of(60));
    break;
  case 8:
    run(db, one_of(4) ? "PRAGMA incremental_vacuum" : "VACUUM");
    break;
  default:
    sqlite3_wal_checkpoint_v2(db, 0, one_of(2) ? SQLITE_CHECKPOINT_PASSIVE : modes[one_of(4)], 0, 0);
  }
}

/* What SQLite reads of the pages that `file` answers for is what the file has, in pieces of any size. */
static void compare(sqlite3 *reader, const char *schema, const struct page_file *file, unsigned char *seen,
                    const char *when) {
  sqlite3_int64 bytes = 0;
  unsigned char *truth = sqlite3_serialize(reader, schema, &bytes, 0);
  uint32_t pages = (uint32_t)(bytes / file->page_size);
  if (!truth) fail("no memory");
  for (uint32_t page = 1; page <= pages; page++) {
    if (page_file_is_ambiguous(file, page)) {
      pages_ambiguous++;
      continue;
    }
    if (page > file->page_count) fail("%s: page %u is neither in the file nor ambiguous", when, page);
    size_t at = (size_t)(page - 1) * file->page_size;
    if (memcmp(truth + at, seen + at, file->page_size))
      fail("%s: page %u of %u isn't what SQLite reads", when, page, pages);
    pages_compared++;
  }
  if (file->page_count > pages) fail("%s: %u pages, but the snapshot has %u", when, file->page_count, pages);
  sqlite3_free(truth);
}

static unsigned char *read_all(const struct page_file *file) {
  unsigned char *seen = malloc((size_t)file->page_count * file->page_size);
  for (uint32_t page = 1; page <= file->page_count;) {
    uint32_t n = 1 + (uint32_t)one_of(40);
    if (n > file->page_count - page + 1) n = file->page_count - page + 1;
    if (!page_file_read(file, page, n, seen + (size_t)(page - 1) * file->page_size))
      fail("pages %u to %u can't be read", page, page + n - 1);
    page += n;
  }
  assert(!page_file_read(file, file->page_count, 2, seen) && !page_file_read(file, 0, 1, seen));
  return seen;
}

/* One process: the reader's file has other methods, which let the writers act first. */
static struct {
  sqlite3 *db[WRITERS];
  const sqlite3_io_methods *real;
  sqlite3_io_methods methods;
  bool armed;
} step;

static void let_others_act(void) {
  if (!step.armed || one_of(3)) return;
  step.armed = false;
  for (int n = 1 + one_of(4); n > 0; n--) disturb(step.db[one_of(WRITERS)]);
  commits_beside++;
  step.armed = true;
}

static int step_read(sqlite3_file *file, void *to, int n, sqlite3_int64 at) {
  let_others_act();
  return step.real->xRead(file, to, n, at);
}

static int step_map(sqlite3_file *file, int region, int bytes, int extend, void volatile **to) {
  let_others_act();
  int rc = step.real->xShmMap(file, region, bytes, extend, to);
  let_others_act();
  return rc;
}

static void step_barrier(sqlite3_file *file) {
  let_others_act();
  step.real->xShmBarrier(file);
  let_others_act();
}

static sqlite3 *connect_stepped(void) {
  sqlite3 *db = connect();
  sqlite3_file *file = 0;
  sqlite3_exec(db, "SELECT * FROM t", 0, 0, 0);
  sqlite3_file_control(db, "main", SQLITE_FCNTL_FILE_POINTER, &file);
  step.real = file->pMethods;
  step.methods = *file->pMethods;
  step.methods.xRead = step_read;
  step.methods.xShmMap = step_map;
  step.methods.xShmBarrier = step_barrier;
  file->pMethods = &step.methods;
  return db;
}

/* Old snapshots, where SQLite was built with them. */
static struct {
  int (*get)(sqlite3 *, const char *, sqlite3_snapshot **);
  int (*open)(sqlite3 *, const char *, sqlite3_snapshot *);
  void (*free)(sqlite3_snapshot *);
  sqlite3_snapshot *kept;
} old;

static void find_snapshots(void) {
  *(void **)&old.get = dlsym(RTLD_DEFAULT, "sqlite3_snapshot_get");
  *(void **)&old.open = dlsym(RTLD_DEFAULT, "sqlite3_snapshot_open");
  *(void **)&old.free = dlsym(RTLD_DEFAULT, "sqlite3_snapshot_free");
}

/* The reader, within BEGIN, may go back to the snapshot that it kept, or keep the one that it has. */
static void use_snapshot(sqlite3 *reader) {
  if (!old.get) return;
  if (old.kept && one_of(2)) {
    snapshots += old.open(reader, "main", old.kept) == SQLITE_OK;
    if (one_of(2)) return;
    old.free(old.kept);
    old.kept = 0;
  } else if (!old.kept) {
    old.get(reader, "main", &old.kept);
  }
}

static void look_in_steps(sqlite3 *reader) {
  struct page_file file;
  const char *why = 0;
  step.armed = one_of(4) > 0;
  int rc = page_file_open(reader, "main", &file, &why);
  if (rc != SQLITE_OK) {
    step.armed = false;
    if (rc != -1 || !strstr(why, "being written")) fail("page_file_open: %d, %s", rc, why);
    refused++;
    return;
  }
  opened++;
  unsigned char *seen = read_all(&file);
  step.armed = false;
  compare(reader, "main", &file, seen, "step");
  free(seen);
  for (int n = one_of(6); n > 0; n--) disturb(step.db[one_of(WRITERS)]);
  seen = read_all(&file);
  compare(reader, "main", &file, seen, "later");
  free(seen);
  page_file_close(&file);
}

static void step_world(bool wal, long rounds) {
  sqlite3 *others[OTHERS];
  unlink(path);
  make_database(wal);
  for (int i = 0; i < WRITERS; i++) {
    step.db[i] = connect();
    run(step.db[i], "PRAGMA synchronous = off; PRAGMA wal_autocheckpoint = %d", one_of(2) * 20);
  }
  for (int i = 0; i < OTHERS; i++) others[i] = connect();
  sqlite3 *reader = connect_stepped();
  if (one_of(4) == 0) run(reader, "PRAGMA mmap_size = 10000000");
  for (long round = 0; round < rounds; round++) {
    rounds_of[wal]++;
    if (one_of(3) == 0) {
      sqlite3 *other = others[one_of(OTHERS)];
      run(other, sqlite3_get_autocommit(other) ? "BEGIN; SELECT * FROM t LIMIT 1" : "COMMIT");
    }
    if (one_of(2)) {
      run(reader, "BEGIN");
      if (one_of(5)) run(reader, "SELECT * FROM t LIMIT 1");
      use_snapshot(reader);
    }
    for (int n = one_of(12); n > 0; n--) disturb(step.db[one_of(WRITERS)]);
    look_in_steps(reader);
    if (!sqlite3_get_autocommit(reader)) run(reader, "COMMIT");
    /* A database in rollback mode can't be written to while others read it. */
    if (!wal)
      for (int i = 0; i < OTHERS; i++) sqlite3_exec(others[i], "COMMIT", 0, 0, 0);
  }
  sqlite3_file *file = 0;
  sqlite3_file_control(reader, "main", SQLITE_FCNTL_FILE_POINTER, &file);
  file->pMethods = step.real;
  if (old.kept) old.free(old.kept);
  old.kept = 0;
  sqlite3_close(reader);
  for (int i = 0; i < OTHERS; i++) sqlite3_close(others[i]);
  for (int i = 0; i < WRITERS; i++) sqlite3_close(step.db[i]);
}

/* Processes. */
static void hammer_as_child(uint64_t child_seed) {
  seed = child_seed;
  sqlite3 *db = connect();
  sqlite3_busy_timeout(db, 20);
  run(db, "PRAGMA synchronous = off; PRAGMA wal_autocheckpoint = %d", one_of(3) * 30);
  while (getppid() != 1) {
    bool together = one_of(4) == 0;
    if (together) run(db, "BEGIN IMMEDIATE");
    for (int n = 1 + one_of(together ? 10 : 1); n > 0; n--)
      if (!together || !sqlite3_get_autocommit(db)) {
        int kind = one_of(20);
        if (kind)
          run(db, "INSERT OR REPLACE INTO t(id, a, b) VALUES (%d, random(), randomblob(%d))", one_of(200),
              one_of(3000));
        else
          run(db, "DELETE FROM t WHERE id > %d", one_of(200));
      }
    if (!sqlite3_get_autocommit(db) && run(db, one_of(10) ? "COMMIT" : "ROLLBACK")) run(db, "ROLLBACK");
    if (one_of(5) == 0) disturb(db);
  }
  exit(0);
}

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void look_while_hammered(sqlite3 *reader) {
  struct page_file file;
  const char *why = 0;
  bool inside = one_of(2);
  if (inside && run(reader, "BEGIN; SELECT count(*) FROM t")) return;
  if (inside && one_of(2)) usleep((useconds_t)one_of(3000));
  if (page_file_open(reader, "main", &file, &why) == SQLITE_OK) {
    opened++;
    unsigned char *seen = read_all(&file);
    if (one_of(3) == 0) usleep((useconds_t)one_of(2000));
    compare(reader, "main", &file, seen, "hammered");
    free(seen);
    page_file_close(&file);
  } else {
    refused++;
    if (!strstr(why, "SQLite couldn't") && !strstr(why, "being written")) fail("page_file_open: %s", why);
  }
  if (inside) run(reader, "COMMIT");
}

static void hammer_world(bool wal, double seconds) {
  pid_t children[WRITERS + 1];
  unlink(path);
  make_database(wal);
  for (int i = 0; i <= WRITERS; i++) {
    uint64_t child_seed = next();
    if (!(children[i] = fork())) hammer_as_child(child_seed);
  }
  sqlite3 *reader = connect(), *other = connect();
  sqlite3_busy_timeout(reader, 2000);
  for (double until = now() + seconds; now() < until; rounds_of[wal]++) {
    if (wal && one_of(5) == 0)
      run(other, sqlite3_get_autocommit(other) ? "BEGIN; SELECT * FROM t LIMIT 1" : "COMMIT");
    look_while_hammered(reader);
  }
  sqlite3_close(reader);
  sqlite3_close(other);
  for (int i = 0; i <= WRITERS; i++) kill(children[i], SIGKILL);
  for (int i = 0; i <= WRITERS; i++) waitpid(children[i], 0, 0);
}

static void wait_for_line(const char *say) {
  if (*say) printf("%s\n", say);
  fflush(stdout);
  getchar();
}

static int look(char **arguments) {
  sqlite3 *db;
  struct page_file file;
  const char *why = 0;
  static sqlite3_vfs copy;
  copy = *sqlite3_vfs_find("unix");
  copy.zName = "copy";
  sqlite3_vfs_register(&copy, 0);
  if (sqlite3_open_v2(arguments[0], &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_URI, 0))
    fail("%s", sqlite3_errmsg(db));
  for (char **sql = arguments + 2; *sql; sql++)
    if (!strcmp(*sql, "-"))
      wait_for_line("waiting");
    else if (!strcmp(*sql, "reserve"))
      sqlite3_file_control(db, "main", SQLITE_FCNTL_RESERVE_BYTES, &(int){32});
    else if (sqlite3_exec(db, *sql, 0, 0, 0))
      fail("%s: %s", *sql, sqlite3_errmsg(db));
  int rc = page_file_open(db, arguments[1], &file, &why);
  if (rc == SQLITE_OK)
    printf("pages %u of %u, usable %u, encoding %d, format %u, ambiguous %u%s\n", file.page_count,
           file.page_size, file.usable, file.encoding, file.schema_format, file.n_ambiguous,
           page_file_is_ambiguous(&file, 1) ? " with 1" : "");
  else
    printf("%d: %s\n", rc, why);
  wait_for_line("");
  if (rc == SQLITE_OK) {
    unsigned char *seen = read_all(&file);
    compare(db, arguments[1], &file, seen, "look");
    free(seen);
    page_file_close(&file);
  }
  printf("closed, transaction %d\n", sqlite3_txn_state(db, 0));
  wait_for_line("");
  return sqlite3_close(db);
}

/* SQLite's memory, of which allocation number fail_at fails. */
static sqlite3_mem_methods memory;
static long allocations, fail_at;

static void *failing_malloc(int n) {
  return ++allocations == fail_at ? 0 : memory.xMalloc(n);
}
static void *failing_realloc(void *old, int n) {
  return ++allocations == fail_at ? 0 : memory.xRealloc(old, n);
}

static int fail_memory(const char *uri) {
  sqlite3_mem_methods failing;
  sqlite3_config(SQLITE_CONFIG_GETMALLOC, &memory);
  failing = memory;
  failing.xMalloc = failing_malloc;
  failing.xRealloc = failing_realloc;
  sqlite3_config(SQLITE_CONFIG_MALLOC, &failing);
  for (long at = 1;; at++) {
    sqlite3 *db;
    struct page_file file;
    const char *why = 0;
    fail_at = 0;
    if (sqlite3_open_v2(uri, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_URI, 0) ||
        sqlite3_exec(db, "SELECT count(*) FROM t", 0, 0, 0))
      fail("%s", sqlite3_errmsg(db));
    allocations = 0;
    fail_at = at;
    int rc = page_file_open(db, "main", &file, &why);
    bool all = allocations < at;
    fail_at = 0;
    if (rc != SQLITE_OK && rc != SQLITE_NOMEM && rc != -1) fail("allocation %ld: %d", at, rc);
    if ((rc == -1) != (why != 0)) fail("allocation %ld: %d without a reason", at, rc);
    if (rc == SQLITE_OK) {
      unsigned char *seen = read_all(&file);
      compare(db, "main", &file, seen, "without memory");
      free(seen);
      page_file_close(&file);
    }
    if (sqlite3_close(db)) fail("allocation %ld: a statement is left", at);
    if (all) {
      printf("%ld allocations\n", at - 1);
      return rc;
    }
  }
}

int main(int n, char **arguments) {
  if (n < 3) return 2;
  if (!strcmp(arguments[1], "look")) return look(arguments + 2);
  if (!strcmp(arguments[1], "memory")) return fail_memory(arguments[2]);
  if (n < 5) return 2;
  seed = strtoull(arguments[2], 0, 10);
  snprintf(path, sizeof path, "%s/stepped.db", arguments[4]);
  find_snapshots();
  if (!strcmp(arguments[1], "step"))
    for (long left = atol(arguments[3]); left > 0; left -= 50) step_world(left % 300 != 0, 50);
  else
    for (double until = now() + atof(arguments[3]); now() < until;) hammer_world(one_of(6) > 0, 0.5);
  printf("rounds %ld in WAL mode, %ld with a journal; opened %ld, refused %ld; pages compared %ld, ambiguous "
         "%ld; "
         "disturbed %ld times, %ld within; old snapshots %ld\n",
         rounds_of[1], rounds_of[0], opened, refused, pages_compared, pages_ambiguous, ops, commits_beside,
         snapshots);
  return 0;
}
