/* SPDX-License-Identifier: MIT */
#include "cli/action.h"

struct removal {
    struct action action; /* first */
    bool with_children;
};

static oxq_err remove_one(struct action *a, const char *id, struct oxq_error *err)
{
    return oxq_queue_remove(a->store.queue, id, ((const struct removal *)a)->with_children, err);
}

static oxq_err remove_matching(struct action *a, const struct oxq_list_opts *which, const struct oxq_many_opts *opts,
                               int64_t *out_count, struct oxq_error *err)
{
    if (((const struct removal *)a)->with_children) return action_remove_each(a, which, opts, true, out_count, err);
    return oxq_queue_remove_matching(a->store.queue, which, opts, out_count, err);
}

static int check(struct action *a, bool has_ids)
{
    const struct removal *r = (const struct removal *)a;
    if (!has_ids && r->with_children && a->filter.rate) return cli_refuse("--rate and --children exclude each other");
    return CLI_OK;
}

int cli_remove(int argc, char **argv)
{
    struct removal r = {
        .action = {
            .verb = "remove",
            .done_word = "removed",
            .usage = "oxq remove QUEUE ID...",
            .by_state = true,
            .one = remove_one,
            .matching = remove_matching,
            .check = check,
            .help =
                "Usage: oxq remove QUEUE ID... [flags]\n"
                "       oxq remove QUEUE --state STATE [flags]\n\n"
                "Removes jobs for good. One that a worker runs is not removed.\n\n"
                "  --children             and their children, of all levels\n"
                "  --dry-run              only say how many it would be\n"
                "  --state <state>        all that are waiting, active, delayed, prioritized, waiting-children, completed\n"
                "                         or failed, or those of them that these flags leave:\n",
        }};
    const struct cli_flag own[] = {{"--children", NULL, &r.with_children}};
    return action_run(&r.action, argc, argv, own, 1);
}
