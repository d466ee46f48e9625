/* SPDX-License-Identifier: MIT */
/* What dlq.c and dlq_look.c share. Private to cli/. */
#ifndef CLI_DLQ_H
#define CLI_DLQ_H

#include "cli/store.h"

/*
 * Opens the dead-letter queue of the queue `name`: the one that it has been given, or else, as jobs died in it, itself. s->queue is the
 * dead-letter queue. Returns CLI_OK, or the exit code after a line on standard error.
 */
OXQ_MUST_USE int dlq_open(struct cli_store *s, const char *name);
/* s->queue is the queue `name`: its dead-letter queue instead. Likewise. */
OXQ_MUST_USE int dlq_enter(struct cli_store *s);

/* dlq_look.c. argv[0 .. argc) follow the word. Return exit codes. */
int dlq_list(int argc, char **argv);
int dlq_show(int argc, char **argv);

#endif
