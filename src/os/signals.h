/* SPDX-License-Identifier: MIT */
/*
 * Signals as bytes of a file descriptor, so that they come in at one known place of a loop.
 *
 * SIGTERM and SIGINT are held back and read from the descriptor; SIGPIPE and SIGHUP are ignored: a closed socket is the
 * write's own error, and there is nothing to reopen (logs go to stderr). SIGCHLD is not: who starts us may have ignored it, and then nobody
 * learns how a program ended.
 */
#ifndef OS_SIGNALS_H
#define OS_SIGNALS_H

#include "base/err.h"

/* Call before any other thread exists: they inherit what is held back. Owns: caller, close(2). */
OXQ_MUST_USE oxq_err signals_open(int *out_fd, struct oxq_error *err);
/* The number of the next signal, 0 when there is none. Does not block. */
int signals_take(int fd);
/* "SIGTERM"; static storage. */
const char *signals_name(int number);

/*
 * Where memory that is a file's cannot be read, as after its disk failed or somebody cut the file short, the system ends a process with SIGBUS and
 * no word. From now on it says this line first; it ends as before, with a core where there is one. Copied. For a program of our own.
 */
void signals_tell_bus(const char *line);

#endif
