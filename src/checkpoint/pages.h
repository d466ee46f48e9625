/* SPDX-License-Identifier: MIT */
/* The structure of an LMDB file, looked at before LMDB does: LMDB trusts its pages and may crash on damaged ones. */
#ifndef CHECKPOINT_PAGES_H
#define CHECKPOINT_PAGES_H

#include "base/err.h"
#include "base/slice.h"

#include <stdint.h>

struct pages_summary {
    uint64_t pages_count, free_count;
};

/* Can LMDB open the data file in this folder? No file, or an empty one, is fine. Errors: FORMAT, IO, PERMISSION. */
OXQ_MUST_USE oxq_err pages_check_head(const char *folder, struct oxq_error *err);
/*
 * Checks every page of the state that transaction txn_id wrote, which somebody keeps open for reading. out may be NULL.
 * Errors: FORMAT (which page, what), IO, PERMISSION.
 */
OXQ_MUST_USE oxq_err pages_check(const char *folder, uint64_t txn_id, struct pages_summary *out, struct oxq_error *err);

/*
 * The same check as a walk in steps that gives the rows of one table out as it comes by. The table comes last: by then all
 * other pages are checked.
 *
 * Opening it checks the heads and all tables but those two which may be long, `rows` and `later`; then LMDB may be asked for what is in
 * the others. The state must be kept open for reading until the walk is closed. Errors: as pages_check.
 */
struct pages_walk;
struct pages_long_tables {
    const char *later, *rows;
};
OXQ_MUST_USE oxq_err pages_walk_open(const char *folder, uint64_t txn_id, const struct pages_long_tables *tables,
                                     struct pages_walk **out, struct oxq_error *err);
void pages_walk_close(struct pages_walk *w);
/* The first and the last key of `rows` as they will be given out, if nothing is damaged; false: there are none. */
bool pages_walk_find_ends(const struct pages_walk *w, struct slice *out_first, struct slice *out_last);
enum pages_step { PAGES_ROW, PAGES_CHECKED, PAGES_END };
/* A row, borrowed until the walk is closed; or a few pages without one were checked; or all is checked. Errors: FORMAT; then it
 * has ended. */
OXQ_MUST_USE oxq_err pages_walk_next(struct pages_walk *w, enum pages_step *out, struct slice *out_key,
                                     struct slice *out_bytes, struct oxq_error *err);

/* Told what a file holds. */
struct pages_reader {
    /* Borrowed for the call. Tables come in the order of their names, rows of one in that of their keys but for damage. */
    void (*on_row)(void *ctx, struct slice table, struct slice key, struct slice bytes);
    /* Before the rows of a table: how many it tells of. */
    void (*on_table)(void *ctx, struct slice table, uint64_t rows_count);
    void (*on_damage)(void *ctx, const char *text);
    void *ctx;
};
/*
 * Reads all rows that can be reached in the state of transaction txn_id (0: the newest), around pages that are damaged.
 * Errors: FORMAT when no head can be used, IO, PERMISSION.
 */
OXQ_MUST_USE oxq_err pages_read(const char *folder, uint64_t txn_id, const struct pages_reader *reader,
                                struct oxq_error *err);

#endif
