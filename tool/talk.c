#include "tool/talk.h"
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum {
  COLUMNS_UNKNOWN = 80, /* the width of a terminal that does not tell */
  COLUMNS_MAX = 240,    /* a longer line helps nobody */
  BAR_MAX = 24,         /* wide enough, and leaves room for figures to grow without moving it */
  BAR_MIN = 5,          /* a shorter bar is left out */
  NAME_MAX_SHOWN = 40
};

static const double redraw_s = 0.1;

static bool is_terminal(void) {
  return isatty(STDERR_FILENO) == 1;
}

static int terminal_columns(void) {
  struct winsize size;
  if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return COLUMNS_UNKNOWN;
  return size.ws_col < COLUMNS_MAX ? size.ws_col : COLUMNS_MAX;
}

/* Blanks over the line: that works on a dumb terminal too, where escape codes would show. The last column
   stays free, for some terminals wrap when it is written. */
static void clear_line(void) {
  fprintf(stderr, "\r%*s\r", terminal_columns() - 1, "");
}

static void say(const char *kind, const char *message) {
  if (is_terminal()) clear_line();
  fprintf(stderr, "almanac: %s%s\n", kind, message);
  fflush(stderr);
}

static void say_formatted(const char *kind, const char *format, va_list arguments) {
  char shortened[512]; /* where there is no memory for all of it */
  va_list again;
  va_copy(again, arguments);
  char *message = sqlite3_vmprintf(format, arguments);
  say(kind, message ? message : sqlite3_vsnprintf(sizeof shortened, shortened, format, again));
  sqlite3_free(message);
  va_end(again);
}

void talk_notice(const struct settings *settings, const char *format, ...) {
  if (settings->quiet || !(settings->verbose || is_terminal())) return;
  va_list arguments;
  va_start(arguments, format);
  say_formatted("", format, arguments);
  va_end(arguments);
}

void talk_warning(const struct settings *settings, const char *format, ...) {
  if (settings->quiet) return;
  va_list arguments;
  va_start(arguments, format);
  say_formatted("warning: ", format, arguments);
  va_end(arguments);
}

void talk_error(const char *message) {
  say("", message);
}

/* ---- the progress bar ---- */

/* 950, 1.2k, 35k, 1.2M, 120M: three digits at most, so that the line hardly moves. */
static void print_count(char *out, size_t size, double count) {
  static const char *const units[] = {"", "k", "M", "G", "T"};
  size_t unit = 0;
  while (count >= 999.5 && unit + 1 < sizeof units / sizeof *units) {
    count /= 1000;
    unit++;
  }
  snprintf(out, size, "%.*f%s", unit > 0 && count < 9.95 ? 1 : 0, count, units[unit]);
}

static void print_duration(char *out, size_t size, double seconds) {
  long long s = (long long)ceil(fmin(seconds, 1e9));
  if (s < 100)
    snprintf(out, size, "%lld s", s);
  else if (s < 3600)
    snprintf(out, size, "%lld min %02lld s", s / 60, s % 60);
  else
    snprintf(out, size, "%lld h %02lld min", s / 3600, s % 3600 / 60);
}

/* "43 %  1.2M rows/s  12 s left" or, without a total, "1.2M rows  1.2M rows/s". */
static void print_figures(char *out, size_t size, const struct progress *progress, int64_t done, int64_t rows,
                          double elapsed_s) {
  char rate[16], left[32];
  print_count(rate, sizeof rate, (double)rows / elapsed_s);
  if (progress->total <= 0) {
    char count[16];
    print_count(count, sizeof count, (double)rows);
    snprintf(out, size, "%s rows  %s rows/s", count, rate);
    return;
  }
  double part = (double)done / (double)progress->total;
  int n = snprintf(out, size, "%3.0f %%  %s rows/s", floor(100 * part), rate);
  if (done <= 0 || n < 0 || (size_t)n >= size) return;
  print_duration(left, sizeof left, elapsed_s * (1 - part) / part);
  snprintf(out + n, size - (size_t)n, "  %s left", left);
}

/* How many bytes of `text` its first `characters` characters take, and how many characters these are. */
static int prefix_bytes(const char *text, int characters, int *counted) {
  int bytes = 0;
  *counted = 0;
  for (; text[bytes]; bytes++) {
    if (((unsigned char)text[bytes] & 0xC0) == 0x80) continue;
    if (*counted == characters) break;
    ++*counted;
  }
  return bytes;
}

static void draw(const struct progress *progress, int64_t done, const char *figures) {
  int columns = terminal_columns() - 1;
  int name_columns;
  int name_bytes = prefix_bytes(progress->name, NAME_MAX_SHOWN, &name_columns);
  int figures_columns = (int)strlen(figures);
  int bar = columns - name_columns - figures_columns - 6; /* two blanks, two brackets, two blanks */
  if (bar > BAR_MAX) bar = BAR_MAX;
  clear_line();
  if (progress->total > 0 && bar >= BAR_MIN) {
    static const char full[] = "########################";
    static const char empty[] = "........................";
    int filled = (int)((double)bar * (double)done / (double)progress->total);
    fprintf(stderr, "%.*s  [%.*s%.*s]  %s", name_bytes, progress->name, filled, full, bar - filled, empty,
            figures);
  } else if (name_columns + 2 + figures_columns <= columns) {
    fprintf(stderr, "%.*s  %s", name_bytes, progress->name, figures);
  } else {
    fprintf(stderr, "%.*s", columns < 0 ? 0 : columns, figures);
  }
  fflush(stderr);
}

void progress_start(struct progress *progress, const struct settings *settings, const char *name,
                    int64_t total) {
  double now_s = engine_clock_s();
  bool shown = !settings->quiet && is_terminal();
  *progress = (struct progress){shown ? name : NULL, total, now_s, now_s, false};
}

void progress_step(struct progress *progress, int64_t done, int64_t rows) {
  if (!progress->name) return;
  double now_s = engine_clock_s();
  if (now_s - progress->drawn_s < redraw_s) return;
  progress->drawn_s = now_s;
  progress->drawn = true;
  if (done < 0) done = 0;
  if (progress->total > 0 && done > progress->total) done = progress->total;
  char figures[96];
  print_figures(figures, sizeof figures, progress, done, rows, now_s - progress->started_s);
  draw(progress, done, figures);
}

void progress_end(struct progress *progress) {
  if (!progress->drawn) return;
  progress->drawn = false;
  clear_line();
  fflush(stderr);
}
