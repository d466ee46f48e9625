/* SPDX-License-Identifier: MIT */
#include "base/mem.h"
#include "cli/store.h"
#include "cli/table.h"
#include "cli/text.h"
#include "codec/json_writer.h"

#include <stdio.h>

static const char help[] = "Usage: oxq queues [QUEUE...] [flags]\n\n"
                           "The queues of the store, or those named, and how many jobs of each state they have.\n\n"
                           "  --prometheus  in Prometheus' text format, under the names that BullMQ gives them\n";

static const struct table_column columns[] = {
    {"QUEUE", false},    {"WAITING", true}, {"PRIORITIZED", true},      {"DELAYED", true}, {"ACTIVE", true},
    {"COMPLETED", true}, {"FAILED", true},  {"WAITING-CHILDREN", true}, {"", false},       {0},
};
static const oxq_state states[] = {OXQ_STATE_WAITING,         OXQ_STATE_PRIORITIZED, OXQ_STATE_DELAYED,
                                   OXQ_STATE_ACTIVE,          OXQ_STATE_COMPLETED,   OXQ_STATE_FAILED,
                                   OXQ_STATE_WAITING_CHILDREN};
#define STATES_COUNT (sizeof(states) / sizeof(states[0]))

static int print_json(const char *name, const struct oxq_counts *counts)
{
    OWNED(buf_deinit) struct buf text = {.limit_bytes = 64 * 1024};
    struct json_writer w = {.out = &text};
    json_write_open(&w, '{');
    json_write_name(&w, "queue");
    json_write_text(&w, slice_from_text(name));
    for (size_t i = 0; i < STATES_COUNT; i++) {
        json_write_name(&w, oxq_state_name(states[i]));
        json_write_integer(&w, counts->of[states[i]]);
    }
    json_write_name(&w, "paused");
    json_write_bool(&w, counts->is_paused);
    json_write_close(&w, '}');
    return text_end_line(&w);
}

struct listing {
    struct cli_store store;
    struct table table;
    bool has_refused; /* the server, to tell of one of the queues, which was told */
};

static void deinit(struct listing *l)
{
    table_deinit(&l->table);
    cli_store_deinit(&l->store);
}

static int show(struct listing *l, const char *name)
{
    struct oxq_error err;
    struct oxq_counts counts;
    struct cli_store *s = &l->store;
    int code = cli_open_queue(s, name);
    if (code) return code;
    oxq_err e = oxq_queue_counts(s->queue, &counts, &err);
    oxq_queue_close(s->queue);
    s->queue = NULL;
    if (e == OXQ_ERR_SERVER) {
        l->has_refused = true;
        (void)cli_fail("queue %s: %s", name, err.text);
        return CLI_OK;
    }
    if (e) return cli_result(e, &err);
    if (s->is_json) return print_json(name, &counts);
    table_cell(&l->table, "%s", name);
    for (size_t i = 0; i < STATES_COUNT; i++) table_cell(&l->table, "%lld", (long long)counts.of[states[i]]);
    table_cell(&l->table, "%s", counts.is_paused ? "paused" : "");
    return CLI_OK;
}

static int show_all(struct listing *l)
{
    oxq_names *names;
    struct oxq_error err;
    int code = cli_result(oxq_queues(l->store.store, &names, &err), &err);
    if (code) return code;
    for (size_t i = 0; i < oxq_names_count(names) && !code; i++) code = show(l, oxq_names_at(names, i));
    if (!code && oxq_names_count(names) == 0 && !l->store.is_json) fputs("no queues\n", stderr);
    oxq_names_free(names);
    return code;
}

/* ---------------------------------------------------------------- for Prometheus */

struct opened {
    oxq_queue **queues; /* owned, and so is each */
    size_t count;
};

static void close_all(struct opened *o)
{
    for (size_t i = 0; i < o->count; i++) oxq_queue_close(o->queues[i]);
    mem_free((void *)o->queues);
}

/* Those of `all`, or, when it is NULL, those given. */
static oxq_err open_all(oxq *store, const oxq_names *all, char **given, size_t count, struct opened *out,
                        struct oxq_error *err)
{
    out->queues = (oxq_queue **)mem_alloc_zero((count + 1) * sizeof(*out->queues));
    oxq_err e = OXQ_OK;
    for (size_t i = 0; !e && i < count; i++) {
        e = oxq_queue_open(store, all ? oxq_names_at(all, i) : given[i], NULL, &out->queues[i], err);
        if (!e) out->count++;
    }
    return e;
}

static oxq_err print_opened(const struct opened *o, struct oxq_error *err)
{
    char *text;
    oxq_err e = oxq_queues_prometheus(o->queues, o->count, NULL, 0, &text, err);
    if (e) return e;
    fputs(text, stdout);
    oxq_text_free(text);
    return OXQ_OK;
}

/* No names: all there are. */
static int print_prometheus(oxq *store, char **given, size_t count)
{
    struct oxq_error err;
    oxq_names *all = NULL;
    OWNED(close_all) struct opened opened = {0};
    oxq_err e = count > 0 ? OXQ_OK : oxq_queues(store, &all, &err);
    if (!e) e = open_all(store, all, given, all ? oxq_names_count(all) : count, &opened, &err);
    if (!e) e = print_opened(&opened, &err);
    oxq_names_free(all);
    return cli_result(e, &err);
}

int cli_queues(int argc, char **argv)
{
    OWNED(deinit) struct listing l = {0};
    bool is_prometheus = false;
    const struct cli_flag own[] = {{"--prometheus", NULL, &is_prometheus}};
    int code = cli_take_store(&argc, argv, &l.store, own, 1);
    if (code) return code;
    if (l.store.is_help) return cli_print_help(help);
    if (is_prometheus && l.store.is_json) return cli_refuse("--prometheus and --json exclude each other");
    code = cli_open(&l.store);
    if (code) return code;
    if (is_prometheus) return print_prometheus(l.store.store, argv, (size_t)argc);
    table_init(&l.table, columns);
    if (argc == 0) code = show_all(&l);
    for (int i = 0; i < argc && !code; i++) code = show(&l, argv[i]);
    table_flush(&l.table);
    return !code && l.has_refused ? CLI_FAILED : code;
}
