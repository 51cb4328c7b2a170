#include "ext/scan/crew.h"
#include <signal.h>
#include <stdlib.h>
#include <time.h>

enum { WAIT_NS = 1000000 };

/* The first failure stays. Under the lock. */
static void stop(struct crew *crew, int code, const char *why) {
  if (code == SQLITE_OK || crew->code != SQLITE_OK) return;
  crew->code = code;
  crew->why = why;
  pthread_cond_broadcast(&crew->to_workers);
  pthread_cond_signal(&crew->to_caller);
}

static struct piece *take_queued(struct crew *crew) {
  struct piece *piece = crew->queue[crew->queue_first];
  crew->queue_first = (crew->queue_first + 1) % crew->n_pieces;
  crew->n_queued--;
  return piece;
}

/* Decodes a piece out of the lock. */
static void decode(struct crew *crew, struct decoder *decoder, struct piece *piece) {
  crew->n_busy++;
  pthread_mutex_unlock(&crew->lock);
  int code = decoder_run(decoder, piece);
  pthread_mutex_lock(&crew->lock);
  crew->n_busy--;
  stop(crew, code, decoder->rows.why);
  crew->idle[crew->n_idle++] = piece;
}

/* A worker's chain_reader: the caller reads. */
static int request_chains(void *state, const struct chain *chains, size_t n, const char **why) {
  struct crew *crew = state;
  struct crew_request request = {.chains = chains, .n = n};
  pthread_mutex_lock(&crew->lock);
  if (crew->code != SQLITE_OK || crew->closing) {
    request.code = SQLITE_INTERRUPT;
  } else {
    request.next = crew->requests;
    crew->requests = &request;
    pthread_cond_signal(&crew->to_caller);
    while (!request.done) pthread_cond_wait(&crew->to_workers, &crew->lock);
  }
  pthread_mutex_unlock(&crew->lock);
  *why = request.why;
  return request.code;
}

/* Serves what workers ask for; where the crew stops, they are told so. Under the lock, but for the reading. */
static void serve(struct crew *crew) {
  while (crew->requests) {
    struct crew_request *request = crew->requests;
    crew->requests = request->next;
    request->code = SQLITE_INTERRUPT;
    if (crew->code == SQLITE_OK && !crew->closing) {
      pthread_mutex_unlock(&crew->lock);
      request->code = chain_file_read(crew->chains, request->chains, request->n, &request->why);
      pthread_mutex_lock(&crew->lock);
    }
    request->done = true;
    pthread_cond_broadcast(&crew->to_workers);
  }
}

static void *work(void *state) {
  struct crew_worker *worker = state;
  struct crew *crew = worker->crew;
  pthread_mutex_lock(&crew->lock);
  for (;;) {
    while (!crew->n_queued && !crew->closing && crew->code == SQLITE_OK)
      pthread_cond_wait(&crew->to_workers, &crew->lock);
    if (crew->closing || crew->code != SQLITE_OK) break;
    decode(crew, worker->decoder, take_queued(crew));
    pthread_cond_signal(&crew->to_caller);
  }
  pthread_mutex_unlock(&crew->lock);
  return NULL;
}

static bool make_lists(struct crew *crew, int n_sinks) {
  crew->n_workers = n_sinks - 1;
  crew->n_pieces = n_sinks > 1 ? n_sinks + 2 : 1;
  crew->workers = calloc((size_t)n_sinks, sizeof *crew->workers);
  crew->pieces = calloc((size_t)crew->n_pieces, sizeof *crew->pieces);
  crew->idle = calloc((size_t)crew->n_pieces, sizeof *crew->idle);
  crew->queue = calloc((size_t)crew->n_pieces, sizeof *crew->queue);
  return crew->workers && crew->pieces && crew->idle && crew->queue;
}

int crew_open(struct crew *crew, const struct crew_task *task) {
  *crew = (struct crew){
      .pace = task->pace, .chains = task->chains, .caller_piece = -1, .piece_size = task->piece_size};
  pthread_mutex_init(&crew->lock, NULL);
  pthread_cond_init(&crew->to_workers, NULL);
  pthread_cond_init(&crew->to_caller, NULL);
  if (!make_lists(crew, task->n_sinks)) return SQLITE_NOMEM;
  struct chain_reader mine = {chain_file_read, task->chains}, theirs = {request_chains, crew};
  crew->decoder = decoder_new(task->scan, task->tree, task->encoding, &task->sinks[0], mine);
  if (!crew->decoder) return SQLITE_NOMEM;
  for (int i = 0; i < crew->n_workers; i++) {
    crew->workers[i].crew = crew;
    crew->workers[i].decoder =
        decoder_new(task->scan, task->tree, task->encoding, &task->sinks[i + 1], theirs);
    if (!crew->workers[i].decoder) return SQLITE_NOMEM;
  }
  return SQLITE_OK;
}

/* Signals are the host's: its threads shall get them. Where no thread can be had, there are fewer. */
static void start_workers(struct crew *crew) {
  sigset_t all, before;
  crew->tried_to_start = true;
  sigfillset(&all);
  if (pthread_sigmask(SIG_SETMASK, &all, &before) != 0) return;
  while (crew->n_started < crew->n_workers) {
    struct crew_worker *worker = &crew->workers[crew->n_started];
    if (pthread_create(&worker->thread, NULL, work, worker) != 0) break;
    crew->n_started++;
  }
  pthread_sigmask(SIG_SETMASK, &before, NULL);
}

/* May the caller decode the first piece in the queue? Its sink gets pieces in ascending order. */
static bool caller_may(const struct crew *crew) {
  return crew->n_queued && crew->queue[crew->queue_first]->number > crew->caller_piece;
}

static void decode_by_caller(struct crew *crew) {
  struct piece *piece = take_queued(crew);
  crew->caller_piece = piece->number;
  decode(crew, crew->decoder, piece);
}

/* Waits for a worker, but for about a millisecond at most: the host may want to interrupt. */
static void wait_for_workers(struct crew *crew) {
  struct timespec until;
  clock_gettime(CLOCK_REALTIME, &until);
  until.tv_nsec += WAIT_NS;
  if (until.tv_nsec >= 1000000000) until.tv_sec++, until.tv_nsec -= 1000000000;
  pthread_cond_timedwait(&crew->to_caller, &crew->lock, &until);
}

static void ask_to_stop(struct crew *crew) {
  pthread_mutex_unlock(&crew->lock);
  int code = scan_pace_check(crew->pace);
  pthread_mutex_lock(&crew->lock);
  stop(crew, code, NULL);
}

static bool make_piece(struct crew *crew) {
  struct piece *piece = &crew->pieces[crew->n_made];
  piece->size = crew->piece_size;
  piece->bytes = malloc((size_t)piece->size + PAGE_SLACK);
  if (!piece->bytes) return false;
  memset(piece->bytes + piece->size, 0, PAGE_SLACK);
  crew->n_made++;
  crew->idle[crew->n_idle++] = piece;
  return true;
}

struct piece *crew_piece(struct crew *crew) {
  struct piece *piece = NULL;
  pthread_mutex_lock(&crew->lock);
  while (!piece) {
    ask_to_stop(crew);
    serve(crew);
    if (crew->code != SQLITE_OK) break;
    if (crew->n_idle)
      piece = crew->idle[--crew->n_idle];
    else if (crew->n_made < crew->n_pieces) {
      if (!make_piece(crew)) stop(crew, SQLITE_NOMEM, NULL);
    } else if (caller_may(crew))
      decode_by_caller(crew);
    else
      wait_for_workers(crew);
  }
  pthread_mutex_unlock(&crew->lock);
  if (!piece) return NULL;
  piece->pages_end = 0;
  piece->cells_begin = piece->size;
  piece->n_parts = 0;
  return piece;
}

void crew_give(struct crew *crew, struct piece *piece) {
  if (crew->caller_piece >= 0 && !crew->tried_to_start)
    start_workers(crew); /* there is more than one piece */
  pthread_mutex_lock(&crew->lock);
  crew->queue[(crew->queue_first + crew->n_queued++) % crew->n_pieces] = piece;
  if (crew->n_started)
    pthread_cond_broadcast(&crew->to_workers);
  else
    decode_by_caller(crew);
  pthread_mutex_unlock(&crew->lock);
}

int crew_finish(struct crew *crew) {
  pthread_mutex_lock(&crew->lock);
  while ((crew->n_queued || crew->n_busy) && crew->code == SQLITE_OK) {
    serve(crew);
    if (caller_may(crew))
      decode_by_caller(crew);
    else if (!crew->requests && crew->n_busy + crew->n_queued)
      wait_for_workers(crew);
    ask_to_stop(crew);
  }
  pthread_mutex_unlock(&crew->lock);
  return crew->code;
}

void crew_close(struct crew *crew) {
  pthread_mutex_lock(&crew->lock);
  crew->closing = true;
  serve(crew);
  pthread_cond_broadcast(&crew->to_workers);
  pthread_mutex_unlock(&crew->lock);
  for (int i = 0; i < crew->n_started; i++) pthread_join(crew->workers[i].thread, NULL);
  for (int i = 0; crew->workers && i < crew->n_workers; i++) decoder_free(crew->workers[i].decoder);
  decoder_free(crew->decoder);
  for (int i = 0; i < crew->n_made; i++) {
    free(crew->pieces[i].bytes);
    free(crew->pieces[i].parts);
  }
  free(crew->workers);
  free(crew->pieces);
  free(crew->idle);
  free(crew->queue);
  pthread_cond_destroy(&crew->to_caller);
  pthread_cond_destroy(&crew->to_workers);
  pthread_mutex_destroy(&crew->lock);
}
