/*
** The threads of one scan. The caller's thread alone reads the file, because it alone owns the connection; it gives
** pieces to the others, which decode them, each into a sink of its own, and it decodes one itself where all are busy.
*/
#ifndef ALMANAC_SCAN_CREW_H
#define ALMANAC_SCAN_CREW_H
#include "ext/scan/record.h"
#include <pthread.h>

/* What a thread asks of the caller: chains. */
struct crew_request {
  const struct chain *chains;
  size_t n;
  int code;
  const char *why;
  bool done;
  struct crew_request *next;
};

struct crew_worker {
  struct crew *crew;
  struct decoder *decoder;
  pthread_t thread;
};

struct crew {
  struct scan_pace *pace;
  struct chain_file *chains;
  struct decoder *decoder; /* the caller's */
  int64_t caller_piece;    /* the highest number that the caller's sink has had */
  int n_workers, n_started;
  bool tried_to_start;
  struct crew_worker *workers;
  uint32_t piece_size;

  pthread_mutex_t lock; /* for all that follows */
  pthread_cond_t to_workers, to_caller;
  struct piece *pieces; /* n_pieces, of which n_made have memory */
  int n_pieces, n_made;
  struct piece **idle, **queue; /* n_pieces: pieces without work, and those to be decoded, a ring */
  int n_idle, queue_first, n_queued, n_busy;
  struct crew_request *requests;
  bool closing;
  int code; /* the first that was not SQLITE_OK */
  const char *why;
};

/* What a crew is to do. Its pieces have room for piece_size bytes. */
struct crew_task {
  const struct scan *scan;
  const struct btree_shape *tree;
  enum page_encoding encoding;
  const struct scan_sink *sinks;
  int n_sinks;
  uint32_t piece_size;
  struct chain_file *chains;
  struct scan_pace *pace;
};

/* SQLITE_OK or SQLITE_NOMEM; also then to be closed. */
int crew_open(struct crew *crew, const struct crew_task *task);

/* An empty piece, to be filled and given back. NULL: the crew has stopped, crew->code says why. */
struct piece *crew_piece(struct crew *crew);
void crew_give(struct crew *crew, struct piece *piece);

/* Waits until all is decoded. Returns crew->code. */
int crew_finish(struct crew *crew);

/* Ends the threads, also in the middle of it. */
void crew_close(struct crew *crew);

#endif
