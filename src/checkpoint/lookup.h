/* SPDX-License-Identifier: MIT */
/*
 * Finds single rows in the file, by reads instead of through LMDB's map.
 *
 * What is mapped counts as resident: with each page that is looked at in the map the system maps sixteen, so some thousand cold
 * values looked up would map the whole file. A read takes a copy from the page cache and nothing else, needs no lock, and does
 * not wait while LMDB is opened anew.
 *
 * Rows are found in the state that lookup_refresh saw. A transaction takes pages again only when they were free before the
 * transaction before the last one; so the state is whole until the second commit after it at least, and whoever refreshes after
 * each commit, before the next transaction begins, never reads pages of two states.
 *
 * Threads: one.
 */
#ifndef CHECKPOINT_LOOKUP_H
#define CHECKPOINT_LOOKUP_H

#include "base/slice.h"
#include "os/disk.h"

struct lookup {
    struct disk_file file;
    uint32_t page_bytes;
    uint16_t depth; /* of the tree; 0: it is empty */
    uint64_t root, last_page;
    char *page; /* owned: page_bytes */
    char *row;  /* owned: the last row that lay in pages of its own */
};

/* `struct lookup l = LOOKUP_CLOSED;` */
#define LOOKUP_CLOSED ((struct lookup){.file = DISK_CLOSED})

/* The file in that folder: at the start, since later there may be no descriptor left. Errors: disk_open's. */
OXQ_MUST_USE oxq_err lookup_open(struct lookup *l, const char *folder, struct oxq_error *err);
/* `table` names the table, txn_id the transaction that was committed last. Errors: IO, FORMAT. */
OXQ_MUST_USE oxq_err lookup_refresh(struct lookup *l, struct slice table, uint64_t txn_id, struct oxq_error *err);
void lookup_close(struct lookup *l);
/* The row's bytes, borrowed until the next call. Errors: NOT_FOUND, FORMAT: a page is damaged, IO. */
OXQ_MUST_USE oxq_err lookup_find(struct lookup *l, struct slice key, struct slice *out, struct oxq_error *err);

#endif
