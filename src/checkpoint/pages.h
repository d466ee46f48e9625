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

/* Told what a file holds. */
struct pages_reader {
    /* Borrowed for the call. Tables come in the order of their names, rows of one in that of their keys but for damage. */
    void (*on_row)(void *ctx, struct slice table, struct slice key, struct slice bytes);
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
