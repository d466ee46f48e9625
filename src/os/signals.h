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

#endif
