/* SPDX-License-Identifier: MIT */
/*
 * Tables for people. Rows are kept until a page of them is there, so that the columns fit, and then printed; a table of a million rows
 * takes no more memory than a page.
 *
 *     static const struct table_column columns[] = {{"QUEUE", false}, {"WAITING", true}, {0}};
 *     OWNED(table_deinit) struct table t = {0};
 *     table_init(&t, columns);
 *     table_cell(&t, "%s", name);
 *     table_cell(&t, "%lld", count);       the last column ends the row
 *     table_flush(&t);
 *
 * Where standard output is a terminal, columns of texts are made narrower until rows fit it, rows end at its edge, and the heading is bold. Bytes
 * that would steer the terminal, or are no UTF-8, are shown as \x1b.
 */
#ifndef CLI_TABLE_H
#define CLI_TABLE_H

#include "base/arena.h"
#include "base/err.h"

#define TABLE_COLUMNS_MAX 16
#define TABLE_PAGE 200

struct table_column {
    const char *title;
    bool is_right; /* numbers */
};

/* All zero is fine for table_deinit. */
struct table {
    const struct table_column *columns; /* borrowed; ended by one without a title */
    size_t columns_count, at, rows;     /* at: the next cell's column; rows: in this page */
    size_t widths[TABLE_COLUMNS_MAX];   /* that the cells need, in columns of the terminal */
    size_t shown[TABLE_COLUMNS_MAX];    /* that they have */
    bool has_heading;                   /* it was printed */
    bool is_terminal;
    size_t terminal_width;
    struct arena arena;
    char *cells[TABLE_PAGE][TABLE_COLUMNS_MAX]; /* in the arena */
};

void table_init(struct table *t, const struct table_column *columns);
void table_deinit(struct table *t);
void table_cell(struct table *t, const char *format, ...) OXQ_PRINTF(2, 3);
/* Prints what is there; the heading too, before the first rows. */
void table_flush(struct table *t);

/* ---- texts for people ---- */

#define TABLE_TEXT_CHARS 32
/* How long: "350 ms", "12 s", "4 min", "3 h", "2 d". Returns `out`. */
const char *table_duration(int64_t ms, char out[TABLE_TEXT_CHARS]);
/* A time as "2026-03-01 12:30:05" in local time; "-" for 0. Returns `out`. */
const char *table_time(int64_t at_ms, char out[TABLE_TEXT_CHARS]);
/* A copy with \x1b for what would steer a terminal; line ends become spaces unless keeps_lines. In the arena. */
const char *table_clean(struct arena *arena, const char *text, bool keeps_lines);

#endif
