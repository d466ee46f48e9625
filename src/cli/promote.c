/* SPDX-License-Identifier: MIT */
#include "cli/action.h"

static oxq_err promote_one(struct action *a, const char *id, struct oxq_error *err)
{
    return oxq_queue_promote(a->store.queue, id, err);
}

static oxq_err promote_matching(struct action *a, const struct oxq_list_opts *which, const struct oxq_many_opts *opts,
                                int64_t *out_count, struct oxq_error *err)
{
    return oxq_queue_promote_matching(a->store.queue, which, opts, out_count, err);
}

int cli_promote(int argc, char **argv)
{
    struct action a = {
        .verb = "promote",
        .done_word = "promoted",
        .usage = "oxq promote QUEUE ID...",
        .states = 1U << OXQ_STATE_DELAYED,
        .one = promote_one,
        .matching = promote_matching,
        .help = "Usage: oxq promote QUEUE ID... [flags]\n"
                "       oxq promote QUEUE --all [flags]\n\n"
                "Delayed jobs wait now, as if their time had come.\n\n"
                "  --dry-run              only say how many it would be\n"
                "  --all                  all that are delayed, or those of them that these flags leave:\n",
    };
    return action_run(&a, argc, argv, NULL, 0);
}
