/* SPDX-License-Identifier: MIT */
#include "cli/tally.h"
#include "os/clock.h"

static const char help[] =
    "Usage: oxq clean QUEUE --state STATE --older TIME [flags]\n"
    "       oxq clean QUEUE --orphans [flags]\n\n"
    "Removes old jobs of a state, or what is left of jobs that are in no state any more, for good.\n\n"
    "  --state <state>    completed, failed, waiting, prioritized, delayed or active; of the active ones only those whose\n"
    "                     worker is gone\n"
    "  --older <time>     those that finished (or else began, or else were added) so long ago: 12h, 7d; 0 for all\n"
    "  --orphans          what is left of jobs that are in no state: BullMQ 5.66.6 and some after it leave such\n"
    "  --limit <number>   at most so many\n"
    "  --dry-run          only say how many it would be, at most\n";

struct clean {
    struct cli_store store;
    const char *state, *older, *limit; /* the flags */
    bool is_dry, are_orphans;
    oxq_state of; /* read from them */
    int64_t grace_ms, max;
};

static bool is_old(const struct clean *c, const struct oxq_job_fields *job, int64_t now_ms)
{
    int64_t since = job->finished_ms > 0 ? job->finished_ms : job->processed_ms > 0 ? job->processed_ms : job->added_ms;
    return now_ms - since >= c->grace_ms;
}

static int count_old(struct clean *c, int64_t *out)
{
    struct oxq_list_opts opts = {.states = 1U << c->of, .without_data = true};
    struct oxq_error err;
    oxq_list *list;
    oxq_job *job = NULL;
    int64_t count = 0, now_ms = clock_wall_ms(os_clock());
    int code = cli_result(oxq_queue_list(c->store.queue, &opts, &list, &err), &err);
    if (code) return code;
    do {
        code = cli_result(oxq_list_next(list, &job, NULL, &err), &err);
        count += !code && job && is_old(c, oxq_job_fields(job), now_ms);
    } while (!code && job && (c->max == 0 || count < c->max));
    oxq_list_free(list);
    if (!code) *out = count;
    return code;
}

static int remove_orphans(struct clean *c, const char *name)
{
    struct tally t;
    struct oxq_error err;
    int64_t count = 0;
    int code = cli_open_queue(&c->store, name);
    if (code) return code;
    tally_begin(&t, &c->store, "clean", "removed");
    struct oxq_many_opts opts = tally_opts(&t);
    opts.limit = c->max;
    oxq_err e = oxq_queue_remove_orphans(c->store.queue, &opts, &count, &err);
    tally_all(&t, count, e, &err);
    return tally_end(&t);
}

static int run(struct clean *c, const char *name)
{
    struct tally t;
    struct oxq_error err;
    struct oxq_counts counts;
    int64_t count = 0;
    int code = cli_open_queue(&c->store, name);
    if (!code && c->is_dry) {
        code = count_old(c, &count);
        return code ? code : tally_would(&c->store, "removed", count);
    }
    if (!code) code = cli_result(oxq_queue_counts(c->store.queue, &counts, &err), &err);
    if (code) return code;
    tally_begin(&t, &c->store, "clean", "removed");
    t.total = (uint64_t)(c->max > 0 && c->max < counts.of[c->of] ? c->max : counts.of[c->of]);
    struct oxq_many_opts opts = tally_opts(&t);
    opts.limit = c->max;
    oxq_err e = oxq_queue_clean(c->store.queue, c->of, c->grace_ms, &opts, &count, &err);
    tally_all(&t, count, e, &err);
    return tally_end(&t);
}

static int check(struct clean *c, int argc)
{
    if (argc != 1) return cli_refuse("clean takes the name of a queue: oxq clean QUEUE --state completed --older 7d");
    if (c->are_orphans && (c->state || c->older || c->is_dry))
        return cli_refuse("--orphans goes with --limit alone: such jobs have no state, and are not counted before");
    int code = cli_read_number("--limit", c->limit, 1, INT64_MAX, &c->max);
    if (code || c->are_orphans) return code;
    if (!c->state || !c->older)
        return cli_refuse(
            "clean needs a --state and an --older, such as --state completed --older 7d; --older 0 is all");
    code = cli_read_state("--state", c->state, &c->of);
    if (!code) code = cli_read_duration("--older", c->older, &c->grace_ms);
    if (!code && c->of == OXQ_STATE_WAITING_CHILDREN)
        return cli_refuse("--state waiting-children: such jobs are not cleaned; remove their parents or children");
    return code;
}

int cli_clean(int argc, char **argv)
{
    struct clean c = {0};
    const struct cli_flag own[] = {{"--state", &c.state, NULL},
                                   {"--older", &c.older, NULL},
                                   {"--limit", &c.limit, NULL},
                                   {"--orphans", NULL, &c.are_orphans},
                                   {"--dry-run", NULL, &c.is_dry}};
    int code = cli_take_store(&argc, argv, &c.store, own, sizeof(own) / sizeof(own[0]));
    if (code) return code;
    if (c.store.is_help) return cli_print_help(help);
    code = check(&c, argc);
    if (!code) code = c.are_orphans ? remove_orphans(&c, argv[0]) : run(&c, argv[0]);
    cli_store_deinit(&c.store);
    return code;
}
