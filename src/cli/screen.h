/* SPDX-License-Identifier: MIT */
/*
 * The terminal as a screen that is drawn anew: the alternate one, without a cursor, keys as they are pressed. What was there before comes
 * back with screen_close, which also the signals that end the program lead to: they are noted and waited for here.
 */
#ifndef CLI_SCREEN_H
#define CLI_SCREEN_H

#include "base/buf.h"

#include <termios.h>

enum screen_key {
    SCREEN_NONE,   /* the time is over */
    SCREEN_RESIZE, /* the terminal has another size */
    SCREEN_END,    /* Ctrl-C, SIGTERM, SIGHUP */
    SCREEN_UP,
    SCREEN_DOWN,
    SCREEN_CHARS = 32 /* and above: the key's byte */
};

/* One at a time, because of the signals. */
struct screen {
    struct termios before;
    bool is_raw;      /* standard input is a terminal, and before is what it was */
    bool has_keys;    /* somebody may press some */
    char pending[64]; /* keys that were read and not yet told */
    size_t pending_at, pending_len;
};

/* Standard output must be a terminal. Errors: IO. */
OXQ_MUST_USE oxq_err screen_open(struct screen *s, struct oxq_error *err);
void screen_close(struct screen *s);
/* Rows and columns, 24 and 80 where the terminal does not say. */
void screen_size(size_t *out_rows, size_t *out_columns);
/* Shows a frame: lines that end with a line feed, each of no more columns than there are. */
void screen_draw(struct slice frame);
/* The next key; waits at most wait_ms. */
int screen_wait(struct screen *s, int64_t wait_ms);

#endif
