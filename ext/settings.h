/*
** What a connection is told once and several functions and tables look up: almanac_threads(). One object a connection,
** shared by reference count, so that nothing of it is global.
*/
#ifndef ALMANAC_SETTINGS_H
#define ALMANAC_SETTINGS_H

enum { THREADS_MAX = 64 };

struct settings {
  int references;
  int threads; /* that a scan may use, 1 to THREADS_MAX */
};

struct settings *settings_new(int threads); /* with one reference; NULL: no memory */
struct settings *settings_share(struct settings *settings);
void settings_release(void *settings); /* a destructor, as sqlite3_create_function_v2 takes them */

#endif
