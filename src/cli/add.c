/* SPDX-License-Identifier: MIT */
#include "cli/add.h"

#include "base/mem.h"
#include "cli/table.h"
#include "cli/text.h"
#include "codec/json_writer.h"
#include "os/clock.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DATA_BYTES_MAX ((size_t)1 << 30)
#define READ_BYTES ((size_t)64 * 1024)
/* How often a job that is waited for is looked at, though no event told of its end: events may be trimmed. */
#define LOOK_EVERY_MS 2000

static const char help[] =
    "Usage: oxq add QUEUE NAME [DATA] [flags]\n"
    "       oxq add QUEUE [NAME] --file JOBS [flags]\n\n"
    "Adds a job and prints its id. Its data are JSON: {} when they are left out on a terminal; - or nothing reads them from\n"
    "standard input.\n\n"
    "  --wait                    wait until it has finished and print its result\n"
    "  --wait-timeout <time>     but at most so long: 30s\n"
    "  --file <file>             a job from each line, {\"name\":\"...\",\"data\":...,\"opts\":{...}}, with the names of BullMQ's\n"
    "                            options; - is standard input. Flags and NAME are for lines that do not say\n"
    "  --from <line>             begin with this line\n"
    "  --skip-bad                leave out lines that make no sense, and count them\n"
    "  --quiet                   no progress\n\n";

/* ---------------------------------------------------------------- the data */

static int read_stdin(struct buf *out)
{
    size_t got;
    do {
        if (buf_reserve(out, READ_BYTES) != OXQ_OK)
            return cli_fail("standard input: data are at most %zu bytes", DATA_BYTES_MAX);
        got = fread(out->at + out->len, 1, READ_BYTES, stdin);
        out->len += got;
    } while (got > 0);
    if (ferror(stdin)) return cli_fail("standard input cannot be read: %s", strerror(errno));
    while (out->len > 0 && strchr(" \t\r\n", out->at[out->len - 1]) && out->at[out->len - 1]) out->len--;
    if (memchr(out->at, '\0', out->len)) return cli_refuse("standard input is not JSON: it has a byte 0");
    if (buf_append(out, slice_of("", 1)) != OXQ_OK) return cli_fail("not enough memory");
    return CLI_OK;
}

/* *out_data: NULL for {}. */
static int find_data(const char *given, struct buf *room, const char **out_data)
{
    bool is_stdin = given ? strcmp(given, "-") == 0 : isatty(STDIN_FILENO) != 1;
    *out_data = given;
    if (!is_stdin) return CLI_OK;
    int code = read_stdin(room);
    if (!code) *out_data = room->len > 1 ? room->at : NULL;
    if (!code && given && !*out_data) code = cli_refuse("standard input is empty: data are JSON, such as {}");
    return code;
}

/* ---------------------------------------------------------------- waiting for it */

struct ending {
    oxq_state state;
    char *text; /* owned */
};

static char *copy_text(const char *text)
{
    char *out = strdup(text ? text : "");
    CHECK(out);
    return out;
}

/* Fills *out in when the job itself says that it has ended. One that is gone has left its end in the events. */
static oxq_err look_at_job(oxq_queue *queue, const char *id, struct ending *out, struct oxq_error *err)
{
    oxq_job *job;
    oxq_err e = oxq_queue_get(queue, id, &job, err);
    if (e) return e == OXQ_ERR_NOT_FOUND ? OXQ_OK : e;
    const struct oxq_job_fields *f = oxq_job_fields(job);
    if (f->finished_ms > 0) {
        out->state = f->result ? OXQ_STATE_COMPLETED : OXQ_STATE_FAILED;
        out->text = copy_text(f->result ? f->result : f->failure);
    }
    oxq_job_free(job);
    return OXQ_OK;
}

static void read_event(const struct oxq_event *event, const char *id, struct ending *out)
{
    if (!event->job_id || strcmp(event->job_id, id) != 0) return;
    bool has_completed = strcmp(event->kind, "completed") == 0, has_failed = strcmp(event->kind, "failed") == 0;
    if (!has_completed && !has_failed && strcmp(event->kind, "removed") != 0) return;
    out->state = has_completed ? OXQ_STATE_COMPLETED : has_failed ? OXQ_STATE_FAILED : OXQ_STATE_UNKNOWN;
    out->text = copy_text(oxq_event_field(event, has_completed ? "returnvalue" : "failedReason"));
}

/* events: from before the job was added. timeout_ms -1: as long as it takes, also for a server that went. */
static oxq_err await_end(struct add *a, oxq_events *events, const char *id, int64_t timeout_ms, struct ending *out,
                         struct oxq_error *err)
{
    int64_t start_us = clock_mono_us(os_clock());
    oxq_err e = look_at_job(a->store.queue, id, out, err);
    while ((!e || client_is_away(e)) && !out->text) {
        const struct oxq_event *event;
        int64_t wait_ms = LOOK_EVERY_MS, spent_ms = (clock_mono_us(os_clock()) - start_us) / 1000;
        if (timeout_ms >= 0 && timeout_ms - spent_ms < wait_ms) wait_ms = timeout_ms - spent_ms;
        if (wait_ms < 0 && e) return e;
        if (wait_ms < 0)
            return err_set(err, OXQ_ERR_TIMEOUT, "job %s has not finished after %lld ms", id, (long long)timeout_ms);
        e = oxq_events_next(events, wait_ms, &event, err);
        if (!e && event) read_event(event, id, out);
        if (!e && !event) e = look_at_job(a->store.queue, id, out, err);
    }
    return e;
}

static int print_json(const char *id, const struct ending *ending)
{
    OWNED(buf_deinit) struct buf text = {.limit_bytes = SIZE_MAX};
    struct json_writer w = {.out = &text};
    json_write_open(&w, '{');
    json_write_name(&w, "id");
    json_write_text(&w, slice_from_text(id));
    if (ending) {
        bool has_completed = ending->state == OXQ_STATE_COMPLETED;
        json_write_name(&w, "state");
        json_write_text(
            &w, slice_from_text(ending->state == OXQ_STATE_UNKNOWN ? "removed" : oxq_state_name(ending->state)));
        json_write_name(&w, has_completed ? "result" : "failure");
        if (has_completed)
            json_write_raw(&w, slice_from_text(ending->text));
        else
            json_write_text(&w, slice_from_text(ending->text));
    }
    json_write_close(&w, '}');
    return text_end_line(&w);
}

static int report_end(struct add *a, const char *id, const struct ending *ending)
{
    bool has_completed = ending->state == OXQ_STATE_COMPLETED;
    int code = a->store.is_json ? print_json(id, ending) : CLI_OK;
    if (!a->store.is_json && has_completed) puts(table_clean(&a->arena, ending->text, true));
    if (code || has_completed) return code;
    if (ending->state == OXQ_STATE_UNKNOWN) return cli_fail("job %s was removed before it had finished", id);
    return cli_fail("job %s failed: %s", id, ending->text);
}

static int wait_for_it(struct add *a, oxq_events *events, const char *id)
{
    struct ending ending = {0};
    struct oxq_error err;
    int64_t timeout_ms = -1;
    int code = cli_read_duration("--wait-timeout", a->wait_timeout, &timeout_ms);
    if (!code) code = cli_result(await_end(a, events, id, timeout_ms, &ending, &err), &err);
    if (!code) code = report_end(a, id, &ending);
    free(ending.text);
    return code;
}

/* ---------------------------------------------------------------- the command */

static int add_one(struct add *a, const char *name, const char *data)
{
    char id[OXQ_ID_MAX];
    struct oxq_error err;
    oxq_events *events = NULL;
    oxq_err e = a->waits ? oxq_events_open(a->store.queue, NULL, &events, &err) : OXQ_OK;
    if (!e) e = oxq_queue_add(a->store.queue, name, data, &a->opts, id, &err);
    int code = cli_result(e, &err);
    if (!code && !a->waits && a->store.is_json) code = print_json(id, NULL);
    if (!code && !a->waits && !a->store.is_json) puts(table_clean(&a->arena, id, false));
    if (!code && a->waits) code = wait_for_it(a, events, id);
    oxq_events_close(events);
    return code;
}

static int add_given(struct add *a, const char *name, const char *given)
{
    OWNED(buf_deinit) struct buf room = {.limit_bytes = DATA_BYTES_MAX};
    const char *data;
    int code = find_data(given, &room, &data);
    return code ? code : add_one(a, name, data);
}

static int check_args(const struct add *a, int argc)
{
    int64_t ignored;
    if (a->file && argc != 1 && argc != 2)
        return cli_refuse("add --file takes a queue, and a name for lines without: oxq add QUEUE --file JOBS");
    if (!a->file && argc != 2 && argc != 3)
        return cli_refuse("add takes a queue, a name and data: oxq add QUEUE NAME '{\"to\":\"a@b.c\"}'");
    if (!a->file && (a->from || a->skips_bad)) return cli_refuse("--from and --skip-bad are for --file");
    if (a->file && a->waits) return cli_refuse("--wait is for one job, not for --file");
    if (a->file && a->job.id)
        return cli_refuse("--id would be the same for all lines: write it as \"opts\":{\"jobId\":...}");
    if (a->wait_timeout && !a->waits) return cli_refuse("--wait-timeout is for --wait");
    return cli_read_duration("--wait-timeout", a->wait_timeout, &ignored);
}

static int run(struct add *a, int argc, char **argv)
{
    int code = check_args(a, argc);
    if (!code) code = job_flags_read(&a->job, clock_wall_ms(os_clock()), &a->arena, &a->opts);
    if (code) return code;
    a->store.makes_store = true;
    code = cli_open_queue(&a->store, argv[0]);
    if (code) return code;
    if (a->file) return add_file(a, argc == 2 ? argv[1] : NULL);
    return add_given(a, argv[1], argc == 3 ? argv[2] : NULL);
}

int cli_add(int argc, char **argv)
{
    struct add a = {0};
    struct cli_flag own[JOB_FLAGS_COUNT + 6] = {
        {"--wait", NULL, &a.waits}, {"--wait-timeout", &a.wait_timeout, NULL}, {"--file", &a.file, NULL},
        {"--from", &a.from, NULL},  {"--skip-bad", NULL, &a.skips_bad},        {"--quiet", NULL, &a.is_quiet},
    };
    job_flags_name(&a.job, own + 6, JOB_FLAGS_COUNT);
    int code = cli_take_store(&argc, argv, &a.store, own, sizeof(own) / sizeof(own[0]));
    if (!code && a.store.is_help) {
        printf("%s%s%s\n", help, job_flags_help, job_flags_help_more);
        puts(cli_store_flags);
    } else if (!code) {
        code = run(&a, argc, argv);
    }
    arena_deinit(&a.arena);
    cli_store_deinit(&a.store);
    return code;
}
