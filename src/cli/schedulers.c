/* SPDX-License-Identifier: MIT */
/* oxq schedulers: what comes again by itself, and when next. */
#include "cli/store.h"
#include "cli/table.h"
#include "cli/text.h"
#include "os/clock.h"

#include <stdio.h>

#define LINE_BYTES_MAX ((size_t)64 << 20)

static const char help[] = "Usage: oxq schedulers QUEUE [flags]\n\n"
                           "The schedulers of a queue, by the time of their next run.\n";

static const struct table_column columns[] = {
    {"ID", false}, {"NAME", false}, {"SCHEDULE", false}, {"RUNS", true}, {"NEXT", false}, {"", false}, {0},
};

static int print_json(struct json_writer *w, const struct oxq_scheduler *s)
{
    json_write_open(w, '{');
    text_write(w, "id", s->id);
    text_write(w, "name", s->name);
    text_write(w, "pattern", s->pattern);
    text_write(w, "tz", s->tz);
    json_write_some_integer(w, "every", s->every_ms);
    json_write_some_integer(w, "offset", s->offset_ms);
    json_write_some_integer(w, "next", s->next_ms);
    json_write_name(w, "iterationCount");
    json_write_integer(w, s->runs_count);
    json_write_some_integer(w, "limit", s->limit);
    json_write_some_integer(w, "startDate", s->start_ms);
    json_write_some_integer(w, "endDate", s->end_ms);
    text_write_json(w, "data", s->data);
    text_write_json(w, "opts", s->opts);
    json_write_close(w, '}');
    return text_end_line(w);
}

static void print_row(struct table *t, const struct oxq_scheduler *s, int64_t now_ms)
{
    char text[TABLE_TEXT_CHARS], when[TEXT_WHEN_CHARS];
    table_cell(t, "%s", s->id);
    table_cell(t, "%s", s->name ? s->name : s->id);
    if (s->pattern)
        table_cell(t, "%s%s%s", s->pattern, s->tz ? " " : "", s->tz ? s->tz : "");
    else
        table_cell(t, "every %s", table_duration(s->every_ms, text));
    if (s->limit)
        table_cell(t, "%lld/%lld", (long long)s->runs_count, (long long)s->limit);
    else
        table_cell(t, "%lld", (long long)s->runs_count);
    table_cell(t, "%s", table_time(s->next_ms, text));
    table_cell(t, "%s", s->next_ms ? text_when(s->next_ms, now_ms, when) : "");
}

static int print_all(const struct cli_store *s, const oxq_schedulers *list)
{
    OWNED(table_deinit) struct table t = {0};
    OWNED(buf_deinit) struct buf line = {.limit_bytes = LINE_BYTES_MAX};
    struct json_writer w = {.out = &line};
    int code = CLI_OK;
    int64_t now_ms = clock_wall_ms(os_clock());
    size_t count = oxq_schedulers_count(list);
    table_init(&t, columns);
    for (size_t i = 0; i < count && !code; i++) {
        if (s->is_json)
            code = print_json(&w, oxq_schedulers_at(list, i));
        else
            print_row(&t, oxq_schedulers_at(list, i), now_ms);
    }
    table_flush(&t);
    if (count == 0 && !s->is_json) fputs("no schedulers\n", stderr);
    return code;
}

int cli_schedulers(int argc, char **argv)
{
    OWNED(cli_store_deinit) struct cli_store s = {0};
    struct oxq_error err;
    oxq_schedulers *list;
    int code = cli_take_store(&argc, argv, &s, NULL, 0);
    if (code) return code;
    if (s.is_help) return cli_print_help(help);
    if (argc != 1) return cli_refuse("schedulers takes the name of a queue: oxq schedulers QUEUE");
    code = cli_open_queue(&s, argv[0]);
    if (!code) code = cli_found(oxq_schedulers_list(s.queue, 0, 0, &list, &err), &err);
    if (code) return code;
    code = print_all(&s, list);
    oxq_schedulers_free(list);
    return code;
}
