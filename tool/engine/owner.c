#include "tool/engine/owner.h"
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILE_MODE = 0777 };

int64_t owner_token(void) {
  int64_t token;
  sqlite3_randomness(sizeof token, &token);
  return (token & (INT64_MAX >> 1)) | 1;
}

static char *file_name(struct engine *engine) {
  const char *database = sqlite3_db_filename(engine->db, "main");
  return database && *database ? engine_printf(engine, "%s-almanac", database) : 0;
}

/* Whoever may write the database may own a token: the same mode and, where root runs a cron, the same user. */
static int create(const char *name, const char *database) {
  struct stat like;
  if (stat(database, &like) != 0) return -1;
  int file = open(name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, like.st_mode & FILE_MODE);
  struct stat made;
  if (file < 0 || fstat(file, &made) != 0 || made.st_size != 0) return file;
  /* Where these are refused, the file serves its maker all the same. */
  if ((made.st_mode & FILE_MODE) != (like.st_mode & FILE_MODE) && fchmod(file, like.st_mode & FILE_MODE) != 0)
    return file;
  if (geteuid() == 0 && made.st_uid != like.st_uid && fchown(file, like.st_uid, like.st_gid) != 0)
    return file;
  return file;
}

/* The file, opened once: to close any descriptor of it would give up all locks of the process. */
static int owner_file(struct engine *engine, bool make) {
  struct stat opened;
  /* After a `drop --all` others meet at another file. */
  if (engine->owner_file > 0 && fstat(engine->owner_file, &opened) == 0 && opened.st_nlink == 0)
    owner_close(engine);
  if (engine->owner_file > 0) return engine->owner_file;
  char *name = file_name(engine);
  if (!name) return -1;
  int file = make ? create(name, sqlite3_db_filename(engine->db, "main")) : open(name, O_RDWR | O_CLOEXEC);
  if (file < 0) file = open(name, O_RDONLY | O_CLOEXEC); /* enough to see others' locks */
  if (file >= 0) engine->owner_file = file;
  return file;
}

static struct flock at(short type, int64_t token, int64_t n) {
  return (struct flock){.l_type = type, .l_whence = SEEK_SET, .l_start = token, .l_len = n};
}

void owner_take(struct engine *engine, int64_t token) {
  struct flock lock = at(F_WRLCK, token, 1);
  int file = owner_file(engine, true);
  if (file >= 0) (void)fcntl(file, F_SETLK, &lock);
}

void owner_release(struct engine *engine, int64_t token) {
  struct flock lock = at(F_UNLCK, token, 1);
  if (engine->owner_file > 0) (void)fcntl(engine->owner_file, F_SETLK, &lock);
}

bool owner_lives(struct engine *engine, int64_t token, pid_t *pid) {
  struct flock lock = at(F_WRLCK, token, 1);
  int file = owner_file(engine, false);
  bool lives = file >= 0 && token > 0 && fcntl(file, F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
  if (pid) *pid = lives && lock.l_pid > 0 ? lock.l_pid : 0;
  return lives;
}

void owner_close(struct engine *engine) {
  if (engine->owner_file > 0) close(engine->owner_file);
  engine->owner_file = 0;
}

void owner_remove(struct engine *engine) {
  char *name = file_name(engine);
  if (name) (void)unlink(name);
}
