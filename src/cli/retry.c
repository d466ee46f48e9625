/* SPDX-License-Identifier: MIT */
#include "cli/action.h"

struct retry {
    struct action action; /* first */
    bool is_rerun, keeps_attempts;
};

/* It may be of either state; the text says what would help. */
static oxq_err retry_one(struct action *a, const char *id, struct oxq_error *err)
{
    const struct retry *r = (const struct retry *)a;
    oxq_queue *queue = a->store.queue;
    struct oxq_error ignored;
    oxq_state state;
    oxq_err e = oxq_queue_retry(queue, id, OXQ_STATE_FAILED, !r->keeps_attempts, err);
    if (e == OXQ_ERR_STATE && r->is_rerun) e = oxq_queue_retry(queue, id, OXQ_STATE_COMPLETED, !r->keeps_attempts, err);
    if (e != OXQ_ERR_STATE || oxq_queue_state(queue, id, &state, &ignored) != OXQ_OK) return e;
    if (state == OXQ_STATE_COMPLETED) return err_set(err, e, "job %s is completed: --rerun lets it run again", id);
    return err_set(err, e, "job %s is %s: only jobs that have finished are retried", id, oxq_state_name(state));
}

static oxq_err retry_matching(struct action *a, const struct oxq_list_opts *which, const struct oxq_many_opts *opts,
                              int64_t *out_count, struct oxq_error *err)
{
    return oxq_queue_retry_matching(a->store.queue, which, opts, out_count, err);
}

static int check(struct action *a, bool has_ids)
{
    const struct retry *r = (const struct retry *)a;
    if (r->is_rerun) a->states |= 1U << OXQ_STATE_COMPLETED;
    if (!has_ids && r->keeps_attempts) return cli_refuse("--keep-attempts is for jobs that are named by id");
    return CLI_OK;
}

int cli_retry(int argc, char **argv)
{
    struct retry r = {
        .action = {
            .verb = "retry",
            .done_word = "retried",
            .usage = "oxq retry QUEUE ID...",
            .states = 1U << OXQ_STATE_FAILED,
            .one = retry_one,
            .matching = retry_matching,
            .check = check,
            .help = "Usage: oxq retry QUEUE ID... [flags]\n"
                    "       oxq retry QUEUE --all [flags]\n\n"
                    "Failed jobs wait again, as if they had never run: their attempts are counted anew.\n\n"
                    "  --rerun                completed ones too\n"
                    "  --keep-attempts        of jobs named by id: the attempts made go on counting, so that one\n"
                    "                         that has used them up is tried once more\n"
                    "  --dry-run              only say how many it would be\n"
                    "  --all                  all of them, or those that these flags leave:\n",
        }};
    const struct cli_flag own[] = {{"--rerun", NULL, &r.is_rerun}, {"--keep-attempts", NULL, &r.keeps_attempts}};
    return action_run(&r.action, argc, argv, own, sizeof(own) / sizeof(own[0]));
}
