/* SPDX-License-Identifier: MIT */
#include "cli/store.h"
#include "cli/table.h"
#include "cli/text.h"
#include "codec/json_writer.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const char help[] = "Usage: oxq limit QUEUE [flags]\n\n"
                           "Sets how much of a queue is done at a time, by all its workers together, and shows it.\n\n"
                           "  --concurrency <number>  so many of its jobs run at a time; none: no limit\n"
                           "  --rate <number/time>    so many are begun in that time: 100/1m; none: no limit\n"
                           "  --hold <time>           none is begun for so long: 30s; 0: from now on they are\n";

struct limit {
    struct cli_store store;
    const char *concurrency_text, *rate, *hold; /* the flags */
    int64_t concurrency, max, duration_ms, hold_ms;
};

static bool is_none(const char *text)
{
    return text && strcmp(text, "none") == 0;
}

static int check(struct limit *l, int argc)
{
    if (argc != 1) return cli_refuse("limit takes the name of a queue: oxq limit QUEUE --concurrency 10");
    int code = CLI_OK;
    if (!is_none(l->concurrency_text))
        code = cli_read_number("--concurrency", l->concurrency_text, 1, INT32_MAX, &l->concurrency);
    if (!code && !is_none(l->rate)) code = cli_read_rate("--rate", l->rate, &l->max, &l->duration_ms);
    if (!code) code = cli_read_span("--hold", l->hold, 0, &l->hold_ms);
    return code;
}

static int set(const struct limit *l)
{
    oxq_queue *q = l->store.queue;
    struct oxq_error err;
    oxq_err e = l->concurrency_text ? oxq_queue_set_concurrency(q, l->concurrency, &err) : OXQ_OK;
    if (!e && l->rate) e = oxq_queue_set_rate_limit(q, l->max, l->duration_ms, &err);
    if (!e && l->hold) e = oxq_queue_rate_limit(q, l->hold_ms, &err);
    return cli_result(e, &err);
}

static int get(struct limit *l)
{
    oxq_queue *q = l->store.queue;
    struct oxq_error err;
    oxq_err e = oxq_queue_get_concurrency(q, &l->concurrency, &err);
    if (!e) e = oxq_queue_get_rate_limit(q, &l->max, &l->duration_ms, &err);
    if (!e) e = oxq_queue_rate_limit_ttl(q, &l->hold_ms, &err);
    return cli_found(e, &err);
}

/* What is no limit is null. */
static void write_limit(struct json_writer *w, const char *name, int64_t n)
{
    json_write_name(w, name);
    if (n > 0)
        json_write_integer(w, n);
    else
        json_write_null(w);
}

static int print_json(const struct limit *l, const char *queue)
{
    OWNED(buf_deinit) struct buf text = {.limit_bytes = 64 * 1024};
    struct json_writer w = {.out = &text};
    json_write_open(&w, '{');
    text_write(&w, "queue", queue);
    write_limit(&w, "concurrency", l->concurrency);
    write_limit(&w, "max", l->max);
    write_limit(&w, "duration", l->max > 0 ? l->duration_ms : 0);
    write_limit(&w, "held", l->hold_ms);
    json_write_close(&w, '}');
    return text_end_line(&w);
}

/* As --rate takes it. */
static void print_rate(int64_t max, int64_t ms)
{
    static const struct {
        const char *unit;
        int64_t ms;
    } units[] = {{"d", 86400000}, {"h", 3600000}, {"m", 60000}, {"s", 1000}, {"ms", 1}};
    size_t i = 0;
    while (ms % units[i].ms != 0) i++;
    printf("rate         %" PRId64 "/%" PRId64 "%s\n", max, ms / units[i].ms, units[i].unit);
}

static void print(const struct limit *l)
{
    char span[TABLE_TEXT_CHARS];
    if (l->concurrency > 0)
        printf("concurrency  %" PRId64 "\n", l->concurrency);
    else
        puts("concurrency  none");
    if (l->max > 0)
        print_rate(l->max, l->duration_ms);
    else
        puts("rate         none");
    /* What is left of 5 min is told as that, and not as 4 min. */
    int64_t hold_ms = (l->hold_ms + 999) / 1000 * 1000;
    printf("hold         %s\n", hold_ms > 0 ? table_duration(hold_ms, span) : "none");
}

int cli_limit(int argc, char **argv)
{
    struct limit l = {0};
    const struct cli_flag own[] = {
        {"--concurrency", &l.concurrency_text, NULL}, {"--rate", &l.rate, NULL}, {"--hold", &l.hold, NULL}};
    int code = cli_take_store(&argc, argv, &l.store, own, sizeof(own) / sizeof(own[0]));
    if (code) return code;
    if (l.store.is_help) return cli_print_help(help);
    code = check(&l, argc);
    if (!code) code = cli_open_queue(&l.store, argv[0]);
    if (!code) code = set(&l);
    if (!code) code = get(&l);
    if (!code && l.store.is_json)
        code = print_json(&l, argv[0]);
    else if (!code)
        print(&l);
    cli_store_deinit(&l.store);
    return code;
}
