#include "tool/jobs.h"
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef MSG_NOSIGNAL
#define MSG_NOSIGNAL 0
#endif

/* What one process tells the first. */
struct message {
  int64_t name; /* its number in the order; END_OF_ORDER */
  struct jobs_sum done;
};

enum { END_OF_ORDER = -1, POLL_MS = 100 };

/* ------------------------------------------------------------------------------------------------ both sides */

static bool resize(struct jobs *jobs, size_t n) {
  sqlite3_free(jobs->sums);
  jobs->sums = sqlite3_malloc64((n + 1) * sizeof *jobs->sums);
  jobs->n_sums = jobs->sums ? n : 0;
  if (jobs->sums) memset(jobs->sums, 0, (n + 1) * sizeof *jobs->sums);
  return jobs->sums != 0;
}

/* All of it, or false. */
static bool send_all(int socket, const void *data, size_t size, int flags) {
  const char *at = data;
  while (size > 0) {
    ssize_t sent = send(socket, at, size, flags);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) return false;
    at += sent;
    size -= (size_t)sent;
    flags &= ~MSG_DONTWAIT; /* what has begun is brought to its end */
  }
  return true;
}

static bool receive_all(int socket, void *data, size_t size) {
  char *at = data;
  while (size > 0) {
    ssize_t received = recv(socket, at, size, 0);
    if (received < 0 && errno == EINTR) continue;
    if (received <= 0) return false;
    at += received;
    size -= (size_t)received;
  }
  return true;
}

/* --------------------------------------------------------------------------------------------------- forking */

/* In the new process: only the way to the first one stays open. */
static void become_other(struct jobs *jobs, struct settings *settings, int boss) {
  for (int i = 0; i < jobs->n; i++) close(jobs->others[i].socket);
  jobs->n = 0;
  jobs->boss = boss;
  settings->quiet = true;
  settings->verbose = settings->json = settings->full = false;
}

bool jobs_fork(struct jobs *jobs, struct settings *settings) {
  memset(jobs, 0, sizeof *jobs);
  jobs->boss = -1;
  jobs->forked_s = engine_clock_s();
  settings->team = jobs;
  while (jobs->n < settings->jobs - 1 && jobs->n < JOBS_MAX && !settings->dry_run) {
    int sockets[2];
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, sockets) != 0) break;
    pid_t pid = fork();
    if (pid == 0) {
      close(sockets[0]);
      become_other(jobs, settings, sockets[1]);
      return false;
    }
    close(sockets[1]);
    if (pid < 0) {
      close(sockets[0]);
      break;
    }
    jobs->others[jobs->n++] = (struct job){pid, sockets[0], false};
  }
  return true;
}

/* ----------------------------------------------------------------------------------------- the first process */

static void lose(struct job *other) {
  close(other->socket);
  other->socket = -1;
  other->works = false;
}

void jobs_order(struct jobs *jobs, char *const *names, size_t n) {
  if (jobs->n == 0 || n == 0) return;
  uint64_t head[2] = {n, 0};
  for (size_t i = 0; i < n; i++) head[1] += strlen(names[i]) + 1;
  char *text = sqlite3_malloc64(head[1]), *at = text;
  if (!text || !resize(jobs, n)) {
    sqlite3_free(text);
    return; /* without memory for it, the others rest */
  }
  for (size_t i = 0; i < n; i++, at += strlen(at) + 1) memcpy(at, names[i], strlen(names[i]) + 1);
  for (int i = 0; i < jobs->n; i++) {
    struct job *other = &jobs->others[i];
    if (other->socket < 0) continue;
    other->works = send_all(other->socket, head, sizeof head, MSG_NOSIGNAL) &&
                   send_all(other->socket, text, head[1], MSG_NOSIGNAL);
    if (!other->works) lose(other);
  }
  sqlite3_free(text);
}

/* One message, if it is there in full. */
static bool listen_to(struct jobs *jobs, struct job *other) {
  struct message message;
  ssize_t there = recv(other->socket, &message, sizeof message, MSG_DONTWAIT | MSG_PEEK);
  if (there == 0 || (there < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)) lose(other);
  if (there != (ssize_t)sizeof message || !receive_all(other->socket, &message, sizeof message)) return false;
  if (message.name == END_OF_ORDER) other->works = false;
  if (message.name >= 0 && (size_t)message.name < jobs->n_sums) {
    jobs->sums[message.name].partitions += message.done.partitions;
    jobs->sums[message.name].rows += message.done.rows;
  }
  return true;
}

void jobs_listen(struct jobs *jobs) {
  for (int i = 0; i < jobs->n; i++)
    while (jobs->others[i].works && listen_to(jobs, &jobs->others[i])) continue;
}

/* Passes on the signal that this process got. */
static void pass_signal(struct jobs *jobs) {
  if (!engine_interrupted() || jobs->signaled) return;
  jobs->signaled = true;
  for (int i = 0; i < jobs->n; i++)
    if (jobs->others[i].socket >= 0) kill(jobs->others[i].pid, SIGTERM);
}

void jobs_wait(struct jobs *jobs) {
  for (;;) {
    struct pollfd ways[JOBS_MAX];
    nfds_t n = 0;
    jobs_listen(jobs);
    for (int i = 0; i < jobs->n; i++)
      if (jobs->others[i].works) ways[n++] = (struct pollfd){jobs->others[i].socket, POLLIN, 0};
    if (n == 0) return;
    pass_signal(jobs);
    poll(ways, n, POLL_MS);
  }
}

struct jobs_sum jobs_done(const struct jobs *jobs, size_t i) {
  return i < jobs->n_sums ? jobs->sums[i] : (struct jobs_sum){0, 0};
}

void jobs_dismiss(struct jobs *jobs) {
  pass_signal(jobs);
  for (int i = 0; i < jobs->n; i++) {
    if (jobs->others[i].socket >= 0) close(jobs->others[i].socket);
    while (waitpid(jobs->others[i].pid, 0, 0) < 0 && errno == EINTR) continue;
  }
  jobs->n = 0;
  sqlite3_free(jobs->sums);
  jobs->sums = 0;
}

/* ------------------------------------------------------------------------------------------------ the others */

char *jobs_next(struct jobs *jobs, size_t *n) {
  uint64_t head[2];
  if (!receive_all(jobs->boss, head, sizeof head) || !resize(jobs, (size_t)head[0])) return 0;
  char *names = sqlite3_malloc64(head[1]);
  if (!names || !receive_all(jobs->boss, names, (size_t)head[1])) {
    sqlite3_free(names);
    return 0;
  }
  *n = (size_t)head[0];
  return names;
}

/* Without waiting where `flags` say so: what was not told is told with the next. */
static void tell(struct jobs *jobs, size_t i, int flags) {
  struct message message = {(int64_t)i, jobs->sums[i]};
  if (message.done.partitions == 0 && message.done.rows == 0) return;
  if (send_all(jobs->boss, &message, sizeof message, flags)) jobs->sums[i] = (struct jobs_sum){0, 0};
}

void jobs_tell(struct jobs *jobs, size_t i, int64_t partitions, int64_t rows) {
  jobs->sums[i].partitions += partitions;
  jobs->sums[i].rows += rows;
  tell(jobs, i, MSG_DONTWAIT);
}

void jobs_tell_end(struct jobs *jobs) {
  for (size_t i = 0; i < jobs->n_sums; i++) tell(jobs, i, 0);
  struct message end = {END_OF_ORDER, {0, 0}};
  send_all(jobs->boss, &end, sizeof end, 0);
}
