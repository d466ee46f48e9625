/* SPDX-License-Identifier: MIT */
#include "cli/confirm.h"
#include "cli/tally.h"

#include <inttypes.h>

static const char help[] =
    "Usage: oxq obliterate QUEUE [flags]\n\n"
    "Removes a queue with all that it has: jobs of all states, schedulers, events, metrics, settings. It asks before.\n"
    "The queue is paused first, and stays so when this is stopped.\n\n"
    "  --force            though workers run jobs of it; what they make of them is lost\n"
    "  --yes              do not ask\n"
    "  --dry-run          only say how many jobs it has\n";

struct obliteration {
    struct cli_store store;
    bool is_forced, is_agreed, is_dry;
};

static int64_t sum_of(const struct oxq_counts *counts)
{
    int64_t sum = 0;
    for (int s = OXQ_STATE_WAITING; s < OXQ_STATES_COUNT; s++) sum += counts->of[s];
    return sum;
}

static int ask(const struct obliteration *o, const char *name, const struct oxq_counts *counts)
{
    int64_t active = counts->of[OXQ_STATE_ACTIVE];
    if (active > 0 && !o->is_forced)
        return cli_fail("queue %s has %" PRId64 " active job%s: wait for them, or remove them too with --force", name,
                        active, active == 1 ? "" : "s");
    int64_t sum = sum_of(counts);
    return cli_confirm(o->is_agreed, name, "this removes the queue %s with %" PRId64 " job%s, for good", name, sum,
                       sum == 1 ? "" : "s");
}

static int run(struct obliteration *o, const char *name)
{
    struct tally t;
    struct oxq_error err;
    struct oxq_counts counts;
    int code = cli_open_queue(&o->store, name);
    if (!code) code = cli_result(oxq_queue_counts(o->store.queue, &counts, &err), &err);
    if (!code && o->is_dry) return tally_would(&o->store, "removed", sum_of(&counts));
    if (!code) code = ask(o, name, &counts);
    if (code) return code;
    tally_begin(&t, &o->store, "obliterate", "removed");
    t.total = (uint64_t)sum_of(&counts);
    struct oxq_many_opts opts = tally_opts(&t);
    oxq_err e = oxq_queue_obliterate(o->store.queue, o->is_forced, &opts, &err);
    tally_all(&t, t.told, e, &err);
    return tally_end(&t);
}

int cli_obliterate(int argc, char **argv)
{
    struct obliteration o = {0};
    const struct cli_flag own[] = {
        {"--force", NULL, &o.is_forced}, {"--yes", NULL, &o.is_agreed}, {"--dry-run", NULL, &o.is_dry}};
    int code = cli_take_store(&argc, argv, &o.store, own, sizeof(own) / sizeof(own[0]));
    if (code) return code;
    if (o.store.is_help) return cli_print_help(help);
    if (argc != 1) return cli_refuse("obliterate takes the name of a queue: oxq obliterate QUEUE");
    code = run(&o, argv[0]);
    cli_store_deinit(&o.store);
    return code;
}
