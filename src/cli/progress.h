/* SPDX-License-Identifier: MIT */
/*
 * How far a long command has come: a line on standard error that is drawn anew a few times a second, where that is a terminal.
 *
 *   dump  [##########----------]  51%  1,204,311 keys  81,200/s  0:14 left
 */
#ifndef CLI_PROGRESS_H
#define CLI_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct progress {
    const char *verb; /* "dump" */
    const char *noun; /* "keys"; NULL: what is counted are bytes */
    bool is_shown;
    int64_t started_us, drawn_us;
};

/* Texts are borrowed for as long as it runs. */
void progress_begin(struct progress *p, const char *verb, const char *noun, bool is_quiet);
/* done of total (0: nobody knows) drives the bar; count is what is told. Cheap: most calls draw nothing. */
void progress_show(struct progress *p, uint64_t done, uint64_t total, uint64_t count);
/* Takes the line away, until the next one is drawn. */
void progress_clear(struct progress *p);
double progress_seconds(const struct progress *p);

#define PROGRESS_TEXT_CHARS 32
/* 1234567 as "1,234,567", and as "1.2 MB". Return `out`. */
const char *progress_count(uint64_t n, char out[PROGRESS_TEXT_CHARS]);
const char *progress_bytes(uint64_t n, char out[PROGRESS_TEXT_CHARS]);

#endif
