/*
** Preloaded into the tool (or the stock shell): counts what it does to files, lets one of these operations fail, and writes
** down what was done, from which test_power.py makes the files that a power failure could have left.
**
**   DISK_CLASS  "change" (the default): creating, writing, syncing, truncating and removing files;
**               "read": reading and mapping them; "lock": locking and unlocking them
**   DISK_FIRST  the number of the operation that fails, from 1; together with
**   DISK_LAST   the last one that does
**   DISK_ERROR  what it fails with, an errno; without it the process and its group are killed instead
**   DISK_COUNT  a descriptor to which the number of operations is written at exit
**   DISK_LOG    a file to which a record of each operation is appended: "KIND OFFSET BYTES PATH\n" and the bytes
**
** It stands below SQLite's own VFS, so that SQLite's handling of errno is part of the test, and other files of the tool too.
** A write that fails has written its first half, as on a disk that becomes full. Processes that are forked count together.
*/
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

static long *count;
static long first, last;
static int error, log_file = -1;
static enum class { CHANGE, READ, LOCK } counted;

static long setting(const char *name, long otherwise) {
  const char *text = getenv(name);
  return text ? atol(text) : otherwise;
}

__attribute__((constructor)) static void begin(void) {
  const char *class = getenv("DISK_CLASS"), *path = getenv("DISK_LOG");
  first = setting("DISK_FIRST", 0);
  last = setting("DISK_LAST", first);
  error = (int)setting("DISK_ERROR", 0);
  counted = class && strcmp(class, "read") == 0 ? READ : class && strcmp(class, "lock") == 0 ? LOCK : CHANGE;
  count =
      (long *)syscall(SYS_mmap, 0, sizeof *count, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (path)
    log_file = (int)syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
}

__attribute__((destructor)) static void end(void) {
  if (setting("DISK_COUNT", 0)) dprintf((int)setting("DISK_COUNT", 0), "%ld\n", *count);
}

/* Counts an operation, if its class is counted; true when it must fail. */
static int fails(enum class class) {
  if (class != counted) return 0;
  long n = __atomic_add_fetch(count, 1, __ATOMIC_SEQ_CST);
  if (first == 0 || n < first || n > last) return 0;
  if (error == 0) kill(0, SIGKILL);
  errno = error;
  return 1;
}

static void record(const char *kind, off_t at, const void *bytes, size_t n, const char *path) {
  char head[4200];
  struct iovec parts[2] = {{head, 0}, {(void *)bytes, bytes ? n : 0}};
  if (log_file < 0) return;
  parts[0].iov_len = (size_t)snprintf(head, sizeof head, "%s %lld %zu %s\n", kind, (long long)at, n, path);
  if (writev(log_file, parts, 2) != (ssize_t)(parts[0].iov_len + parts[1].iov_len)) abort();
}

static void record_file(const char *kind, off_t at, const void *bytes, size_t n, int file) {
  char link[40], path[4096];
  if (log_file < 0) return;
  int before = errno;
  snprintf(link, sizeof link, "/proc/self/fd/%d", file);
  ssize_t length = readlink(link, path, sizeof path - 1);
  if (length < 0) abort();
  path[length] = 0;
  record(kind, at, bytes, n, path);
  errno = before;
}

int open64(const char *path, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  int mode = flags & O_CREAT ? va_arg(arguments, int) : 0;
  va_end(arguments);
  int creates = flags & O_CREAT && access(path, F_OK) != 0;
  if (creates && fails(CHANGE)) return -1;
  int file = (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
  if (creates && file >= 0) record_file("create", 0, 0, 0, file);
  return file;
}

ssize_t pwrite64(int file, const void *from, size_t n, off_t at) {
  int failed = fails(CHANGE), why = errno;
  ssize_t written = syscall(SYS_pwrite64, file, from, failed ? n / 2 : n, at);
  if (written > 0) record_file("write", at, from, (size_t)written, file);
  if (!failed) return written;
  errno = why;
  return -1;
}

int fdatasync(int file) {
  if (fails(CHANGE)) return -1;
  record_file("sync", 0, 0, 0, file); /* nothing here survives by being on a real disk */
  return 0;
}

int ftruncate64(int file, off_t size) {
  if (fails(CHANGE)) return -1;
  int result = (int)syscall(SYS_ftruncate, file, size);
  if (result == 0) record_file("truncate", size, 0, 0, file);
  return result;
}

int unlink(const char *path) {
  if (fails(CHANGE)) return -1;
  int result = (int)syscall(SYS_unlinkat, AT_FDCWD, path, 0);
  if (result == 0) record("remove", 0, 0, 0, path);
  return result;
}

ssize_t pread64(int file, void *to, size_t n, off_t at) {
  return fails(READ) ? -1 : syscall(SYS_pread64, file, to, n, at);
}

void *mmap64(void *where, size_t size, int protection, int flags, int file, off_t at) {
  if (!(flags & MAP_ANONYMOUS) && fails(READ)) return MAP_FAILED;
  return (void *)syscall(SYS_mmap, where, size, protection, flags, file, at);
}

int fcntl64(int file, int command, ...) {
  va_list arguments;
  va_start(arguments, command);
  void *argument = va_arg(arguments, void *);
  va_end(arguments);
  if ((command == F_SETLK || command == F_SETLKW) && fails(LOCK)) return -1;
  return (int)syscall(SYS_fcntl, file, command, argument);
}

/* The names without "64" are the same functions; the checked one is what _FORTIFY_SOURCE calls. */
int open(const char *path, int flags, ...) __attribute__((alias("open64")));
int fcntl(int file, int command, ...) __attribute__((alias("fcntl64")));
ssize_t pwrite(int file, const void *from, size_t n, off_t at) __attribute__((alias("pwrite64")));
int fsync(int file) __attribute__((alias("fdatasync")));
int ftruncate(int file, off_t size) __attribute__((alias("ftruncate64")));
ssize_t pread(int file, void *to, size_t n, off_t at) __attribute__((alias("pread64")));
void *mmap(void *where, size_t size, int protection, int flags, int file, off_t at)
    __attribute__((alias("mmap64")));

ssize_t __pread64_chk(int file, void *to, size_t n, off_t at, size_t room);
ssize_t __pread64_chk(int file, void *to, size_t n, off_t at, size_t room) {
  if (n > room) abort();
  return pread64(file, to, n, at);
}
