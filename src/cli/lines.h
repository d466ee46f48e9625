/* SPDX-License-Identifier: MIT */
/*
 * A file, or standard input, that a command reads line by line, with a progress line of its own.
 *
 *     while (!code && !lines.is_at_end) {
 *         code = lines_read(&lines);
 *         while (!code && lines_take(&lines, &text)) code = ...;   lines.number is this line's
 *     }
 */
#ifndef CLI_LINES_H
#define CLI_LINES_H

#include "base/buf.h"
#include "base/err.h"
#include "cli/progress.h"

struct lines {
    const char *name;            /* of the file, for errors; borrowed from the path */
    int fd;                      /* owned unless it is standard input */
    struct buf held;             /* read, and not taken */
    size_t taken, searched;      /* of it: given out; without a line's end */
    uint64_t number;             /* of the line that was taken last, from 1 */
    uint64_t bytes, total_bytes; /* read; of the file, 0: nobody knows */
    bool is_at_end;              /* of the file: what is left has been read */
    struct progress progress;    /* begun by the caller */
};

/* "-" is standard input. Returns an exit code, after a line on standard error. Owns: caller, lines_close. */
OXQ_MUST_USE int lines_open(struct lines *l, const char *path);
/* NULL-safe in that all zero is closed. */
void lines_close(struct lines *l);
/* Reads more: blocks as the file does. */
OXQ_MUST_USE int lines_read(struct lines *l);
/* The next line that is whole, without its end; at the file's end what is left, too. Borrowed until lines_read. */
bool lines_take(struct lines *l, struct slice *out);
/* "FILE line 12: ..." on standard error; the progress line goes. Returns CLI_FAILED. */
int lines_fail(struct lines *l, uint64_t number, const char *format, ...) OXQ_PRINTF(3, 4);

#endif
