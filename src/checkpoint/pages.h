/* SPDX-License-Identifier: MIT */
/* The structure of an LMDB file, looked at before LMDB does: LMDB trusts its pages and may crash on damaged ones. */
#ifndef CHECKPOINT_PAGES_H
#define CHECKPOINT_PAGES_H

#include "base/err.h"

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

#endif
