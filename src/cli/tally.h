/* SPDX-License-Identifier: MIT */
/*
 * What the commands that change many jobs have in common: which jobs, Ctrl-C between two portions, progress, and what is told at
 * the end.
 *
 *     struct tally t;
 *     tally_begin(&t, &store, "retry", "retried");
 *     for (...) if (!tally_one(&t, id, oxq_queue_retry(...), &err)) break;       one by one, or
 *     e = oxq_queue_retry_matching(queue, &which, &tally_opts(&t), &count, &err);
 *     tally_all(&t, count, e, &err);
 *     return tally_end(&t);
 */
#ifndef CLI_TALLY_H
#define CLI_TALLY_H

#include "base/arena.h"
#include "cli/progress.h"
#include "cli/store.h"

struct tally {
    const struct cli_store *store; /* borrowed */
    const char *done_word;         /* "retried"; also its name in JSON */
    struct progress progress;
    uint64_t total; /* 0: nobody knows */
    uint64_t done_count, failed_count;
    int64_t told;    /* jobs of the call that is under way, as it told them last */
    bool is_stopped; /* by Ctrl-C, or because the store is gone */
};

/* Texts are borrowed. From now on Ctrl-C stops between portions. */
void tally_begin(struct tally *t, const struct cli_store *s, const char *verb, const char *done_word);
/* What became of one job. False: no more of them, please. */
bool tally_one(struct tally *t, const char *id, oxq_err e, const struct oxq_error *err);
/* For a call that does many: they tell the tally. limit and per_second are the caller's. */
struct oxq_many_opts tally_opts(struct tally *t);
/* What became of such a call. */
void tally_all(struct tally *t, int64_t done, oxq_err e, const struct oxq_error *err);
/* Prints the counts. Returns the exit code: CLI_FAILED when there was anything that was not done. */
int tally_end(struct tally *t);
/* What --dry-run says: so many jobs would be. Returns CLI_OK. */
int tally_would(const struct cli_store *s, const char *done_word, int64_t count);

/* ---- which jobs ---- */

/* The flags, as they were given; NULL: not given. */
struct cli_filter {
    const char *state, *name, *error, *data, *older, *newer, *count, *rate;
};
#define CLI_FILTER_FLAGS(f)                                                                                            \
    {"--name", &(f)->name, NULL}, {"--error", &(f)->error, NULL}, {"--data", &(f)->data, NULL},                        \
        {"--older", &(f)->older, NULL}, {"--newer", &(f)->newer, NULL}, {"--count", &(f)->count, NULL},                \
    {                                                                                                                  \
        "--rate", &(f)->rate, NULL                                                                                     \
    }
/* These flags, as help prints them. */
extern const char cli_filter_help[];
/* Is there any of them but --rate? */
bool cli_filter_is_given(const struct cli_filter *f);
/*
 * Into options of a list (texts are borrowed from the flags and the arena) and of what is done to its jobs. Returns CLI_OK, or CLI_REFUSED after
 * a line on standard error.
 */
OXQ_MUST_USE int cli_filter_read(const struct cli_filter *f, struct arena *arena, struct oxq_list_opts *out,
                                 int64_t *out_limit, int64_t *out_per_second);
/* How many jobs a list has that are meant (NULL: any), up to `limit` (0: all). Returns an exit code. */
OXQ_MUST_USE int cli_filter_count(struct cli_store *s, const struct oxq_list_opts *which,
                                  bool (*is_meant)(oxq_job *job), int64_t limit, int64_t *out);

#endif
