/*
** Who is alive: a refresher works under a random token, and owns it as long as it holds a lock on one byte, at
** the token's offset, of the file DATABASE-almanac. The system takes the lock away when the process ends,
** however it ends, so that a dead owner's work is taken over at once and a live one's never.
**
** Where the file can't be made or has no locks, nobody is known to live: refreshers then take each other's
** work, which is work lost and nothing wrong, for only the last token on a partition may publish it.
*/
#ifndef ALMANAC_OWNER_H
#define ALMANAC_OWNER_H
#include "tool/engine/engine.h"
#include <sys/types.h>

/* A token that nobody has: above 0, below 2^62. */
int64_t owner_token(void);

/* Owns the token from now on, until owner_release, owner_close or the end of the process. */
void owner_take(struct engine *engine, int64_t token);
void owner_release(struct engine *engine, int64_t token);

/* Does another process own the token now? *pid, which may be NULL, gets its number, 0 where it can't be told
   (a process of another container). Our own tokens count as nobody's: the system can't tell us of our locks. */
bool owner_lives(struct engine *engine, int64_t token, pid_t *pid);

/* Closes the file, which gives up all of our tokens. */
void owner_close(struct engine *engine);

/* Removes the file: with the last trace of Almanac. */
void owner_remove(struct engine *engine);

#endif
