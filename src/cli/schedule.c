/* SPDX-License-Identifier: MIT */
#include "cli/job_options.h"
#include "cli/store.h"
#include "cli/table.h"
#include "cli/text.h"
#include "codec/json_writer.h"
#include "os/clock.h"

#include <stdio.h>

static const char help[] =
    "Usage: oxq schedule QUEUE ID --cron TEXT|--every TIME [flags]\n\n"
    "Makes a scheduler, a job that comes again, or changes the one of that id.\n\n"
    "  --cron <text>      [second] minute hour day month weekday: \"30 4 * * 1-5\"; L, W, #, names, @daily\n"
    "  --tz <zone>        of the cron text: Europe/Berlin; otherwise this machine's\n"
    "  --every <time>     every so often instead: 30s, 10m\n"
    "  --offset <time>    with --every: so long after each multiple of it since 1970, in UTC\n"
    "  --limit <number>   so many runs in all\n"
    "  --start <when>     none before: 2026-03-01T00:00:00Z\n"
    "  --end <when>       none after\n"
    "  --immediately      the first run is now; with --every it always is\n"
    "  --name <text>      of its jobs, otherwise the id\n"
    "  --data <json>      of its jobs, otherwise {}\n\n";

/* Beside those of a job. */
#define OWN_FLAGS_COUNT 10

struct schedule {
    struct cli_store store;
    const char *every, *offset, *limit, *start, *end;
    struct oxq_schedule spec;
    struct oxq_job_template job;
    struct job_flags flags;
    struct oxq_job_opts opts;
    struct arena arena;
};

static int read_flags(struct schedule *s)
{
    if (!s->spec.pattern == !s->every)
        return cli_refuse("a scheduler needs either --cron, such as \"30 4 * * *\", or --every, such as 10m");
    int code = cli_read_duration("--every", s->every, &s->spec.every_ms);
    if (!code && s->every && s->spec.every_ms == 0)
        code = cli_refuse("--every %s: it must be longer than nothing", s->every);
    if (!code) code = cli_read_span("--offset", s->offset, 1, &s->spec.offset_ms);
    if (!code) code = cli_read_number("--limit", s->limit, 1, INT64_MAX, &s->spec.limit);
    if (!code) code = cli_read_time("--start", s->start, &s->spec.start_ms);
    if (!code) code = cli_read_time("--end", s->end, &s->spec.end_ms);
    if (!code) code = job_flags_read(&s->flags, clock_wall_ms(os_clock()), &s->arena, &s->opts);
    if (!code && s->offset && (!s->every || s->spec.offset_ms >= s->spec.every_ms))
        return cli_refuse("--offset goes with --every, and is shorter than that");
    if (s->spec.tz && s->every) return cli_refuse("--tz is for --cron");
    return code;
}

static int print_json(const char *id, const char *job_id, int64_t next_ms)
{
    OWNED(buf_deinit) struct buf text = {.limit_bytes = SIZE_MAX};
    struct json_writer w = {.out = &text};
    json_write_open(&w, '{');
    json_write_name(&w, "scheduler");
    json_write_text(&w, slice_from_text(id));
    json_write_name(&w, "next_id");
    json_write_text(&w, slice_from_text(job_id));
    json_write_name(&w, "next_ms");
    json_write_integer(&w, next_ms);
    json_write_close(&w, '}');
    return text_end_line(&w);
}

static int report(struct schedule *s, const char *id, const char *job_id)
{
    oxq_schedulers *list;
    struct oxq_error err;
    char at[TABLE_TEXT_CHARS];
    int code = cli_result(oxq_scheduler_get(s->store.queue, id, &list, &err), &err);
    if (code) return code;
    int64_t next_ms = oxq_schedulers_at(list, 0)->next_ms;
    if (s->store.is_json)
        code = print_json(id, job_id, next_ms);
    else
        printf("%s runs next at %s\n", table_clean(&s->arena, id, false), table_time(next_ms, at));
    oxq_schedulers_free(list);
    return code;
}

static int run(struct schedule *s, int argc, char **argv)
{
    char job_id[OXQ_ID_MAX];
    struct oxq_error err;
    if (argc != 2) return cli_refuse("schedule takes a queue and an id: oxq schedule QUEUE ID --every 10m");
    int code = read_flags(s);
    if (code) return code;
    s->store.makes_store = true;
    s->job.opts = &s->opts;
    code = cli_open_queue(&s->store, argv[0]);
    if (!code) code = cli_result(oxq_scheduler_upsert(s->store.queue, argv[1], &s->spec, &s->job, job_id, &err), &err);
    return code ? code : report(s, argv[1], job_id);
}

int cli_schedule(int argc, char **argv)
{
    struct schedule s = {0};
    struct cli_flag own[JOB_FLAGS_OF_SCHEDULERS + OWN_FLAGS_COUNT] = {
        {"--cron", &s.spec.pattern, NULL}, {"--tz", &s.spec.tz, NULL},
        {"--every", &s.every, NULL},       {"--offset", &s.offset, NULL},
        {"--limit", &s.limit, NULL},       {"--start", &s.start, NULL},
        {"--end", &s.end, NULL},           {"--immediately", NULL, &s.spec.immediately},
        {"--name", &s.job.name, NULL},     {"--data", &s.job.data, NULL},
    };
    job_flags_name(&s.flags, own + OWN_FLAGS_COUNT, JOB_FLAGS_OF_SCHEDULERS);
    int code = cli_take_store(&argc, argv, &s.store, own, sizeof(own) / sizeof(own[0]));
    if (!code && s.store.is_help) {
        printf("%s%s\n", help, job_flags_help);
        puts(cli_store_flags);
    } else if (!code) {
        code = run(&s, argc, argv);
    }
    arena_deinit(&s.arena);
    cli_store_deinit(&s.store);
    return code;
}

/* ---------------------------------------------------------------- unschedule */

static int unschedule(struct cli_store *s, const char *queue, const char *id)
{
    struct oxq_error err;
    bool was_there = false;
    int code = cli_open_queue(s, queue);
    if (!code) code = cli_result(oxq_scheduler_remove(s->queue, id, &was_there, &err), &err);
    if (code) return code;
    if (s->is_json) printf("{\"removed\":%s}\n", was_there ? "true" : "false");
    return was_there ? CLI_OK : cli_fail("queue %s has no scheduler %s", queue, id);
}

int cli_unschedule(int argc, char **argv)
{
    struct cli_store s = {0};
    int code = cli_take_store(&argc, argv, &s, NULL, 0);
    if (code) return code;
    if (s.is_help)
        return cli_print_help("Usage: oxq unschedule QUEUE ID [flags]\n\n"
                              "Removes a scheduler and its next run. A run that a worker has begun goes on.\n");
    if (argc != 2) return cli_refuse("unschedule takes a queue and the scheduler's id: oxq unschedule QUEUE ID");
    code = unschedule(&s, argv[0], argv[1]);
    cli_store_deinit(&s);
    return code;
}
