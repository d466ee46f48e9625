/* SPDX-License-Identifier: MIT */
#include "cli/tally.h"

static const char help[] =
    "Usage: oxq drain QUEUE [flags]\n\n"
    "Removes the jobs that wait, for good. Those that run go on; the next runs of schedulers stay.\n\n"
    "  --delayed          those that are delayed too\n"
    "  --dry-run          only say how many that would be\n";

struct drain {
    struct cli_store store;
    bool with_delayed, is_dry;
};

static int run(struct drain *d, const char *name)
{
    struct tally t;
    struct oxq_error err;
    struct oxq_counts counts;
    int64_t done = 0;
    int code = cli_open_queue(&d->store, name);
    if (!code) code = cli_result(oxq_queue_counts(d->store.queue, &counts, &err), &err);
    if (code) return code;
    int64_t total = counts.of[OXQ_STATE_WAITING] + counts.of[OXQ_STATE_PRIORITIZED] +
                    (d->with_delayed ? counts.of[OXQ_STATE_DELAYED] : 0);
    if (d->is_dry) return tally_would(&d->store, "removed", total);
    tally_begin(&t, &d->store, "drain", "removed");
    t.total = (uint64_t)total;
    struct oxq_many_opts opts = tally_opts(&t);
    oxq_err e = oxq_queue_drain(d->store.queue, d->with_delayed, &opts, &done, &err);
    tally_all(&t, done, e, &err);
    return tally_end(&t);
}

int cli_drain(int argc, char **argv)
{
    struct drain d = {0};
    const struct cli_flag own[] = {{"--delayed", NULL, &d.with_delayed}, {"--dry-run", NULL, &d.is_dry}};
    int code = cli_take_store(&argc, argv, &d.store, own, sizeof(own) / sizeof(own[0]));
    if (code) return code;
    if (d.store.is_help) return cli_print_help(help);
    if (argc != 1) return cli_refuse("drain takes the name of a queue: oxq drain QUEUE");
    code = run(&d, argv[0]);
    cli_store_deinit(&d.store);
    return code;
}
