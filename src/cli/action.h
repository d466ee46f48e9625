/* SPDX-License-Identifier: MIT */
/*
 * The commands that do one thing to jobs, named by their ids or by what they have in common: retry, promote, remove, dlq replay, dlq
 * discard. A command fills the first part in, embeds the struct in its own where it has flags, and calls action_run. Private to cli/.
 */
#ifndef CLI_ACTION_H
#define CLI_ACTION_H

#include "cli/tally.h"

struct action {
    const char *verb, *done_word, *help; /* "retry", "retried", what --help prints above the flags */
    const char *usage;                   /* "oxq retry QUEUE ID..." */
    unsigned states;                     /* where it can be done; 0: everywhere */
    bool by_state;                       /* which jobs is said by --state instead of --all */
    bool (*is_meant)(oxq_job *job);      /* NULL, or which of the jobs found count */
    /* To one job. */
    oxq_err (*one)(struct action *a, const char *id, struct oxq_error *err);
    /* To all that a list would give. */
    oxq_err (*matching)(struct action *a, const struct oxq_list_opts *which, const struct oxq_many_opts *opts,
                        int64_t *out_count, struct oxq_error *err);
    /* NULL, or looks at the flags of the command's own before anything is opened. Returns an exit code. */
    int (*check)(struct action *a, bool has_ids);
    /* NULL, or what comes between the opening of the queue and the first job; ids_count 0: they are not named. Likewise. */
    int (*prepare)(struct action *a, int ids_count);

    /* Read by action_run. */
    struct cli_store store;
    struct cli_filter filter;
    bool are_all, is_dry;
    struct oxq_list_opts which; /* the filter, read; texts are of the flags and the arena */
    int64_t limit, per_second;
    struct arena arena;
};

/* The whole command; `own` are flags beside --all, --dry-run, those of the filter and those of the store. Returns the exit code. */
int action_run(struct action *a, int argc, char **argv, const struct cli_flag *own, size_t own_count);
/*
 * For `matching`: removes the jobs that are meant one by one, which a list with the options `which` gives. As oxq_queue_remove_matching, what
 * cannot go is passed over.
 */
OXQ_MUST_USE oxq_err action_remove_each(struct action *a, const struct oxq_list_opts *which,
                                        const struct oxq_many_opts *opts, bool with_children, int64_t *out_count,
                                        struct oxq_error *err);

#endif
