/* SPDX-License-Identifier: MIT */
/* What check.c, check_data.c and repair.c share. Private to cli/. */
#ifndef CLI_CHECK_H
#define CLI_CHECK_H

#include "base/arena.h"
#include "checkpoint/checkpoint.h"
#include "cli/cli.h"
#include "cli/progress.h"
#include "journal/reader.h"
#include "keyspace/db.h"

#include <limits.h>

/* Damages that are told one by one; the rest is counted. */
#define CHECK_TOLD_MAX 50

struct check {
    const char *folder;
    char checkpoint_folder[PATH_MAX], journal_folder[PATH_MAX];
    bool is_quick; /* the data is not put together */
    bool is_json;  /* one object at the end, and nothing before it */
    struct progress progress;

    struct keyspace data; /* what there is at the end, unless is_quick */
    struct rng rng;
    struct checkpoint_summary checkpoint; /* seq 0: there is none */
    struct journal_end journal;
    uint64_t keys[KEYSPACE_DBS_COUNT][VALUE_TYPES_COUNT];
    uint64_t effects_count;
    uint64_t lost_keys, lost_records, damages_count;
    uint64_t unread_bytes; /* of the journal, behind the damage */
    uint64_t last_seq;     /* that the data reflects */
    bool is_checkpoint_lost;
    bool is_read;     /* to the end: what is above holds */
    bool is_repaired; /* what could be kept is in the next */
    char repaired_folder[PATH_MAX];
    const char *told[CHECK_TOLD_MAX]; /* the first damages, in the arena */
    struct arena arena;
};

/* One damage: a line on standard output, or kept for check_print_json. */
void check_tell(struct check *c, const char *format, ...) OXQ_PRINTF(2, 3);
/* The same, as a checkpoint_damage_fn whose ctx is the check. */
void check_tell_text(void *ctx, const char *text);

/* check_data.c: reads checkpoint and journal to the end. Errors: IO and the like; damage is told, not returned. */
OXQ_MUST_USE oxq_err check_read(struct check *c, struct oxq_error *err);

/* check_json.c: all of it as one object. Returns an exit code. */
OXQ_MUST_USE int check_print_json(const struct check *c);

/* repair.c: writes c->data as a new data folder. Errors: IO. */
OXQ_MUST_USE oxq_err check_write_repaired(struct check *c, const char *folder, struct oxq_error *err);

#endif
