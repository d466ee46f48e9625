/* SPDX-License-Identifier: MIT */
#include "cli/store.h"

#include <stdio.h>

static const char help[] =
    "Usage: oxq change QUEUE ID [flags]\n\n"
    "Changes a job that is there: what its flags name, and in this order.\n\n"
    "  --data <json>        its data\n"
    "  --delay <time>       a delayed job is due so long from now: 0, 30s, 2h\n"
    "  --priority <number>  1 comes first .. 2097151; 0: none, it comes before all that have one\n"
    "  --lifo               with --priority: before the other jobs of that priority\n";

struct change {
    struct cli_store store;
    const char *data, *delay, *priority_text;
    bool is_lifo;
    int64_t delay_ms, priority;
};

static int check(struct change *c, int argc)
{
    if (argc != 2) return cli_refuse("change takes the name of a queue and a job's id: oxq change QUEUE ID --delay 5m");
    if (!c->data && !c->delay && !c->priority_text)
        return cli_refuse("change needs what to change: --data, --delay or --priority");
    if (c->is_lifo && !c->priority_text) return cli_refuse("--lifo goes with --priority; --priority 0 is none");
    int code = cli_read_span("--delay", c->delay, 0, &c->delay_ms);
    if (!code) code = cli_read_number("--priority", c->priority_text, 0, OXQ_PRIORITY_MAX, &c->priority);
    return code;
}

static int change(struct change *c, const char *id)
{
    oxq_queue *q = c->store.queue;
    struct oxq_error err;
    oxq_err e = c->data ? oxq_queue_update_data(q, id, c->data, &err) : OXQ_OK;
    if (!e && c->delay) e = oxq_queue_change_delay(q, id, c->delay_ms, &err);
    if (!e && c->priority_text) e = oxq_queue_change_priority(q, id, c->priority, c->is_lifo, &err);
    return cli_result(e, &err);
}

int cli_change(int argc, char **argv)
{
    struct change c = {0};
    const struct cli_flag own[] = {{"--data", &c.data, NULL},
                                   {"--delay", &c.delay, NULL},
                                   {"--priority", &c.priority_text, NULL},
                                   {"--lifo", NULL, &c.is_lifo}};
    int code = cli_take_store(&argc, argv, &c.store, own, sizeof(own) / sizeof(own[0]));
    if (code) return code;
    if (c.store.is_help) return cli_print_help(help);
    code = check(&c, argc);
    if (!code) code = cli_open_queue(&c.store, argv[0]);
    if (!code) code = change(&c, argv[1]);
    if (!code) puts(c.store.is_json ? "{\"changed\":1}" : "changed 1 job");
    cli_store_deinit(&c.store);
    return code;
}
