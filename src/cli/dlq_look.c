/* SPDX-License-Identifier: MIT */
/* oxq dlq list and show. As JSON a letter has the members of docs/dead-letters.md, and `letter`, its own id. */
#include "cli/dlq.h"
#include "cli/table.h"
#include "cli/tally.h"
#include "cli/text.h"
#include "os/clock.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LINE_BYTES_MAX ((size_t)1 << 30)

static const struct table_column columns[] = {
    {"ID", false},      {"QUEUE", false}, {"JOB", false},   {"NAME", false},
    {"ATTEMPTS", true}, {"DIED", true},   {"ERROR", false}, {0},
};

struct letters {
    struct cli_store s;
    struct cli_filter filter;
    bool is_newest, has_any;
    struct table table;
    struct arena arena; /* of the flags */
    struct arena row;   /* of the letter that is printed */
    int64_t now_ms;
};

static void deinit(struct letters *l)
{
    cli_store_deinit(&l->s);
    table_deinit(&l->table);
    arena_deinit(&l->arena);
    arena_deinit(&l->row);
}

/* ---------------------------------------------------------------- one letter */

static int print_json(const char *id, const struct oxq_dead_letter *d)
{
    OWNED(buf_deinit) struct buf line = {.limit_bytes = LINE_BYTES_MAX};
    struct json_writer w = {.out = &line};
    json_write_open(&w, '{');
    text_write(&w, "letter", id);
    text_write(&w, "queue", d->queue);
    text_write(&w, "id", d->id);
    text_write(&w, "name", d->name);
    text_write_json(&w, "data", d->data);
    text_write_json(&w, "opts", d->opts);
    text_write(&w, "failedReason", d->failure);
    text_write_json(&w, "stacktrace", d->stacktrace);
    json_write_name(&w, "attemptsMade");
    json_write_integer(&w, d->attempts_made);
    json_write_name(&w, "attemptsStarted");
    json_write_integer(&w, d->attempts_started);
    json_write_name(&w, "stalledCount");
    json_write_integer(&w, d->stalled_count);
    text_write(&w, "processedBy", d->processed_by);
    text_write(&w, "parentKey", d->parent_key);
    json_write_some_integer(&w, "timestamp", d->added_ms);
    json_write_some_integer(&w, "processedOn", d->processed_ms);
    json_write_some_integer(&w, "finishedOn", d->failed_ms);
    json_write_close(&w, '}');
    return text_end_line(&w);
}

static const char *or_dash(const char *text)
{
    return text ? text : "-";
}

/* A job that somebody put there by hand is none. */
static int print_row(struct letters *l, oxq_job *job)
{
    struct oxq_dead_letter d;
    char age[TABLE_TEXT_CHARS];
    if (oxq_job_dead_letter(job, &d, NULL) != OXQ_OK) return CLI_OK;
    l->has_any = true;
    if (l->s.is_json) return print_json(oxq_job_id(job), &d);
    arena_reset(&l->row);
    table_cell(&l->table, "%s", oxq_job_id(job));
    table_cell(&l->table, "%s", or_dash(d.queue));
    table_cell(&l->table, "%s", or_dash(d.id));
    table_cell(&l->table, "%s", or_dash(d.name));
    table_cell(&l->table, "%" PRId64, d.attempts_made);
    table_cell(&l->table, "%s", d.failed_ms > 0 ? table_duration(l->now_ms - d.failed_ms, age) : "-");
    table_cell(&l->table, "%s", d.failure ? text_first_line(&l->row, d.failure) : "-");
    return CLI_OK;
}

/* ---------------------------------------------------------------- list */

static int list(struct letters *l, const char *name)
{
    struct oxq_list_opts which;
    struct oxq_error err;
    int64_t ignored;
    oxq_list *jobs;
    oxq_job *job = NULL;
    int code = cli_filter_read(&l->filter, &l->arena, &which, &which.count, &ignored);
    which.newest_first = l->is_newest;
    if (!code) code = dlq_open(&l->s, name);
    if (!code) code = cli_result(oxq_queue_list(l->s.queue, &which, &jobs, &err), &err);
    if (code) return code;
    table_init(&l->table, columns);
    do {
        code = cli_result(oxq_list_next(jobs, &job, NULL, &err), &err);
        if (!code && job) code = print_row(l, job);
    } while (!code && job);
    table_flush(&l->table);
    oxq_list_free(jobs);
    if (!code && !l->has_any && !l->s.is_json) fputs("no dead letters\n", stderr);
    return code;
}

int dlq_list(int argc, char **argv)
{
    struct letters l = {.now_ms = clock_wall_ms(os_clock())};
    const struct cli_flag own[] = {{"--newest", NULL, &l.is_newest},   {"--name", &l.filter.name, NULL},
                                   {"--error", &l.filter.error, NULL}, {"--data", &l.filter.data, NULL},
                                   {"--older", &l.filter.older, NULL}, {"--newer", &l.filter.newer, NULL},
                                   {"--count", &l.filter.count, NULL}};
    int code = cli_take_store(&argc, argv, &l.s, own, sizeof(own) / sizeof(own[0]));
    if (!code && l.s.is_help)
        return cli_print_help(
            "Usage: oxq dlq list QUEUE [flags]\n\n"
            "The dead letters of a queue, the oldest first.\n\n"
            "  --newest               the newest first\n"
            "  --name <text>          only those of jobs of this name\n"
            "  --error <text>         only those whose error contains this\n"
            "  --data <path[=value]>  only those that have something at this place of the letter, or this:\n"
            "                         /data/user/id=7\n"
            "  --older <time>         only jobs that died longer ago than this: 250ms, 5s, 10m, 2h, 7d\n"
            "  --newer <time>         only jobs that died since then\n"
            "  --count <number>       at most so many\n");
    if (!code && argc != 1) code = cli_refuse("dlq list takes the name of a queue: oxq dlq list QUEUE");
    if (!code) code = list(&l, argv[0]);
    deinit(&l);
    return code;
}

/* ---------------------------------------------------------------- show */

OXQ_PRINTF(3, 4) static void print_field(struct letters *l, const char *label, const char *format, ...)
{
    char text[4096];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    printf("  %-10s %s\n", label, table_clean(&l->row, text, false));
}

static void print_when(struct letters *l, const char *label, int64_t at_ms)
{
    char at[TABLE_TEXT_CHARS], when[TEXT_WHEN_CHARS];
    if (at_ms > 0) print_field(l, label, "%s  (%s)", table_time(at_ms, at), text_when(at_ms, l->now_ms, when));
}

static void print_block(struct letters *l, const char *heading, const char *text)
{
    bool is_bold = isatty(STDOUT_FILENO) == 1;
    if (!text || !text[0]) return;
    printf("\n%s%s%s\n", is_bold ? "\033[1m" : "", heading, is_bold ? "\033[0m" : "");
    for (const char *p = table_clean(&l->row, text, true); *p;) {
        int len = (int)strcspn(p, "\n");
        printf("  %.*s\n", len, p);
        p += len;
        if (*p) p++;
    }
}

static void print_stacks(struct letters *l, oxq_job *job)
{
    const oxq_json *stacks = oxq_json_at(oxq_job_json(job), "/stacktrace");
    for (size_t i = 0; i < oxq_json_count(stacks); i++) {
        char heading[64];
        snprintf(heading, sizeof(heading), "stack %zu", i + 1);
        print_block(l, heading, oxq_json_text(oxq_json_element(stacks, i), "", NULL));
    }
}

static void print_letter(struct letters *l, oxq_job *job, const struct oxq_dead_letter *d)
{
    printf("dead letter %s of %s\n", table_clean(&l->row, oxq_job_id(job), false),
           table_clean(&l->row, oxq_queue_name(l->s.queue), false));
    print_field(l, "queue", "%s", or_dash(d->queue));
    print_field(l, "job", "%s", or_dash(d->id));
    print_field(l, "name", "%s", or_dash(d->name));
    print_field(l, "attempts", "%" PRId64 "%s", d->attempts_made, d->stalled_count > 0 ? ", stalled" : "");
    print_when(l, "added", d->added_ms);
    print_when(l, "began", d->processed_ms);
    print_when(l, "died", d->failed_ms);
    if (d->processed_by) print_field(l, "worker", "%s", d->processed_by);
    if (d->parent_key) print_field(l, "parent", "%s", d->parent_key);
    print_block(l, "error", d->failure);
    if (d->data) print_block(l, "data", text_layout(&l->row, d->data, 0));
    if (d->opts) print_block(l, "options", text_layout(&l->row, d->opts, 0));
    print_stacks(l, job);
}

static int show(struct letters *l, const char *name, const char *id)
{
    struct oxq_error err;
    struct oxq_dead_letter d;
    oxq_job *job;
    int code = dlq_open(&l->s, name);
    if (code) return code;
    oxq_err e = oxq_queue_get(l->s.queue, id, &job, &err);
    if (e == OXQ_ERR_NOT_FOUND)
        return cli_fail("queue %s has no dead letter %s: oxq dlq list %s shows them", oxq_queue_name(l->s.queue), id,
                        name);
    if (e) return cli_result(e, &err);
    e = oxq_job_dead_letter(job, &d, &err);
    if (e)
        code = cli_fail("%s", err.text);
    else if (l->s.is_json)
        code = print_json(id, &d);
    else
        print_letter(l, job, &d);
    oxq_job_free(job);
    return code;
}

int dlq_show(int argc, char **argv)
{
    struct letters l = {.now_ms = clock_wall_ms(os_clock())};
    int code = cli_take_store(&argc, argv, &l.s, NULL, 0);
    if (!code && l.s.is_help)
        return cli_print_help("Usage: oxq dlq show QUEUE ID [flags]\n\n"
                              "Everything about one dead letter: the job, its data and options, errors and stacks.\n");
    if (!code && argc != 2)
        code = cli_refuse("dlq show takes a queue and the id of a dead letter: oxq dlq show QUEUE ID");
    if (!code) code = show(&l, argv[0], argv[1]);
    deinit(&l);
    return code;
}
