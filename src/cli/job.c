/* SPDX-License-Identifier: MIT */
/* oxq job: everything that is known of one job. */
#include "cli/flow.h"
#include "cli/store.h"
#include "cli/table.h"
#include "cli/text.h"
#include "cli/timeline.h"
#include "os/clock.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LINE_BYTES_MAX ((size_t)1 << 30)
#define LABEL_CHARS 14

static const char help[] =
    "Usage: oxq job QUEUE ID [flags]\n\n"
    "Everything about a job: its state and times, options, data, progress, result, errors with their stacks, what\n"
    "happened to it as far as the queue's events are kept, its logs, its parent and its children.\n";

struct job_view {
    struct cli_store s;
    oxq_job *job; /* owned, as is what follows */
    oxq_state state;
    oxq_names *logs;
    oxq_flow *flow;
    char dead_queue[OXQ_ID_MAX]; /* where its dead letter is; empty: it has none */
    struct timeline timeline;
    struct arena arena; /* what is printed */
    int64_t now_ms;
};

static void deinit(struct job_view *v)
{
    oxq_job_free(v->job);
    oxq_names_free(v->logs);
    oxq_flow_free(v->flow);
    timeline_deinit(&v->timeline);
    arena_deinit(&v->arena);
    cli_store_deinit(&v->s);
}

/* ---------------------------------------------------------------- reading */

static int read_all(struct job_view *v, const char *id)
{
    struct oxq_error err;
    oxq_err e = oxq_queue_get(v->s.queue, id, &v->job, &err);
    if (e == OXQ_ERR_NOT_FOUND)
        return cli_fail("queue %s has no job %s: oxq jobs %s shows what it has", oxq_queue_name(v->s.queue), id,
                        oxq_queue_name(v->s.queue));
    if (!e) e = oxq_queue_state(v->s.queue, id, &v->state, &err);
    if (!e) e = oxq_queue_logs(v->s.queue, id, 0, -1, &v->logs, &err);
    if (!e) e = oxq_flow_get_brief(v->s.queue, id, 0, 0, &v->flow, &err);
    if (!e && oxq_job_fields(v->job)->dead_id) e = oxq_queue_get_dead_letters(v->s.queue, v->dead_queue, &err);
    if (!e) e = timeline_read(&v->timeline, v->s.queue, v->job, v->state, &err);
    return cli_found(e, &err);
}

/* ---------------------------------------------------------------- for programs */

static void write_timeline(struct json_writer *w, const struct timeline *t)
{
    json_write_name(w, "timeline");
    json_write_open(w, '[');
    for (size_t i = 0; i < t->count; i++) {
        const struct timeline_step *step = &t->steps[i];
        json_write_open(w, '{');
        json_write_some_integer(w, "timestamp", step->at_ms);
        text_write(w, "event", step->kind);
        for (size_t k = 0; k < step->fields_count; k++) text_write(w, step->fields[k].name, step->fields[k].value);
        json_write_close(w, '}');
    }
    json_write_close(w, ']');
}

static int print_json(const struct job_view *v)
{
    OWNED(buf_deinit) struct buf line = {.limit_bytes = LINE_BYTES_MAX};
    struct json_writer w = {.out = &line};
    json_write_open(&w, '{');
    text_write_job(&w, v->job, v->state);
    json_write_name(&w, "logs");
    json_write_open(&w, '[');
    for (size_t i = 0; i < oxq_names_count(v->logs); i++) text_write(&w, NULL, oxq_names_at(v->logs, i));
    json_write_close(&w, ']');
    write_timeline(&w, &v->timeline);
    if (v->dead_queue[0]) text_write(&w, "deadLetterQueue", v->dead_queue);
    flow_write_children(&w, v->flow);
    json_write_close(&w, '}');
    return text_end_line(&w);
}

/* ---------------------------------------------------------------- for people */

OXQ_PRINTF(3, 4) static void print_field(struct job_view *v, const char *label, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    const char *text = arena_vprint(&v->arena, format, args);
    va_end(args);
    printf("  %-*s %s\n", LABEL_CHARS, label, table_clean(&v->arena, text, false));
}

static void print_text(struct job_view *v, const char *label, const char *text)
{
    if (text && text[0]) print_field(v, label, "%s", text);
}

static void print_when(struct job_view *v, const char *label, int64_t at_ms)
{
    char at[TABLE_TEXT_CHARS], when[TEXT_WHEN_CHARS];
    if (at_ms > 0) print_field(v, label, "%s  (%s)", table_time(at_ms, at), text_when(at_ms, v->now_ms, when));
}

static void print_heading(const char *heading)
{
    bool is_bold = isatty(STDOUT_FILENO) == 1;
    printf("\n%s%s%s\n", is_bold ? "\033[1m" : "", heading, is_bold ? "\033[0m" : "");
}

static void print_block(struct job_view *v, const char *heading, const char *json)
{
    if (!json) return;
    print_heading(heading);
    printf("  %s\n", table_clean(&v->arena, text_layout(&v->arena, json, 2), true));
}

/* A text of several lines, each so far in. */
static void print_lines(struct job_view *v, const char *text, int indent)
{
    for (const char *p = table_clean(&v->arena, text, true); *p;) {
        int len = (int)strcspn(p, "\n");
        printf("%*s%.*s\n", indent, "", len, p);
        p += len;
        if (*p) p++;
    }
}

static void print_times(struct job_view *v, const struct oxq_job_fields *f)
{
    char text[TABLE_TEXT_CHARS];
    print_when(v, "added", f->added_ms);
    if (v->state == OXQ_STATE_DELAYED && f->attempts_made == 0) print_when(v, "due", f->added_ms + f->delay_ms);
    print_when(v, "began", f->processed_ms);
    print_when(v, "finished", f->finished_ms);
    int64_t till_ms = v->state == OXQ_STATE_ACTIVE ? v->now_ms : f->finished_ms;
    if (f->processed_ms && till_ms)
        print_field(v, v->state == OXQ_STATE_ACTIVE ? "runs for" : "ran", "%s",
                    table_duration(till_ms - f->processed_ms, text));
}

/* "bull:orders:3" as the job that it is; whole, when it begins with another prefix than ours. */
static void print_parent(struct job_view *v, const char *key)
{
    const char *prefix = v->s.prefix ? v->s.prefix : "bull";
    size_t len = strlen(prefix);
    if (!key) return;
    const char *queue = strncmp(key, prefix, len) == 0 && key[len] == ':' ? key + len + 1 : NULL;
    const char *id = queue ? strchr(queue, ':') : NULL;
    if (id)
        print_field(v, "parent", "job %s of queue %.*s", id + 1, (int)(id - queue), queue);
    else
        print_field(v, "parent", "%s", key);
}

/* Of a dead letter: which job died. */
static void print_letter(struct job_view *v)
{
    struct oxq_dead_letter letter;
    struct oxq_error ignored;
    if (oxq_job_dead_letter(v->job, &letter, &ignored) != OXQ_OK) return;
    print_field(v, "letter of", "job %s of queue %s", letter.id ? letter.id : "?", letter.queue ? letter.queue : "?");
    print_text(v, "it died of", letter.failure);
}

static void print_fields(struct job_view *v)
{
    const struct oxq_job_fields *f = oxq_job_fields(v->job);
    char text[TABLE_TEXT_CHARS];
    print_text(v, "name", f->name);
    print_text(v, "state", oxq_state_name(v->state));
    print_times(v, f);
    print_field(v, "attempts", "%lld of %lld made, %lld started", (long long)f->attempts_made,
                (long long)f->attempts_max, (long long)f->attempts_started);
    if (f->stalled_count) print_field(v, "stalled", "%lld times", (long long)f->stalled_count);
    if (f->priority) print_field(v, "priority", "%lld", (long long)f->priority);
    if (f->delay_ms) print_field(v, "delay", "%s", table_duration(f->delay_ms, text));
    print_text(v, "worker", f->processed_by);
    print_text(v, "scheduler", f->scheduler_id);
    print_text(v, "deduplication", f->deduplication_id);
    print_parent(v, f->parent_key);
    if (v->dead_queue[0]) print_field(v, "dead letter", "job %s of queue %s", f->dead_id, v->dead_queue);
    print_letter(v);
    bool has_progress = f->progress && strcmp(f->progress, "0") != 0;
    if (has_progress) print_text(v, "progress", text_plain(&v->arena, f->progress));
}

/* What each attempt that failed left, as far as it is kept; the last one's error alone when no stack is. */
static void print_failures(struct job_view *v)
{
    const struct oxq_job_fields *f = oxq_job_fields(v->job);
    struct json *stacks = NULL;
    struct oxq_error ignored;
    if (f->stacktrace && json_read_value(slice_from_text(f->stacktrace), &stacks, &ignored) != OXQ_OK) stacks = NULL;
    size_t count = json_count(stacks);
    if (f->failure) {
        print_heading("error");
        print_lines(v, f->failure, 2);
    }
    for (size_t i = 0; i < count; i++) {
        char heading[64];
        snprintf(heading, sizeof(heading), "stack of failure %zu of %zu", i + 1, count);
        print_heading(heading);
        print_lines(v, json_text(json_at(stacks, i)).at, 2);
    }
    json_release(stacks);
}

static void print_timeline(struct job_view *v)
{
    print_heading("timeline");
    for (size_t i = 0; i < v->timeline.count; i++) {
        const struct timeline_step *step = &v->timeline.steps[i];
        char at[TABLE_TEXT_CHARS], after[TABLE_TEXT_CHARS] = "";
        if (i > 0) table_duration(step->at_ms - v->timeline.steps[i - 1].at_ms, after);
        printf("  %s.%03d  %8s  %s\n", table_time(step->at_ms, at), (int)(step->at_ms % 1000), after,
               table_clean(&v->arena, timeline_tell(&v->arena, step), false));
    }
}

static void print_logs(struct job_view *v)
{
    size_t count = oxq_names_count(v->logs);
    if (count == 0) return;
    print_heading("logs");
    for (size_t i = 0; i < count; i++) print_lines(v, oxq_names_at(v->logs, i), 2);
}

static int print_people(struct job_view *v)
{
    const struct oxq_job_fields *f = oxq_job_fields(v->job);
    printf("job %s of queue %s\n", table_clean(&v->arena, f->id, false), table_clean(&v->arena, f->queue, false));
    print_fields(v);
    print_block(v, "data", f->data);
    if (strcmp(f->opts, "{}") != 0) print_block(v, "options", f->opts);
    print_block(v, "result", f->result);
    print_failures(v);
    print_timeline(v);
    print_logs(v);
    if (oxq_flow_children_count(v->flow) > 0) {
        print_heading("children");
        flow_print(&v->arena, v->flow, 2);
    }
    return CLI_OK;
}

int cli_job(int argc, char **argv)
{
    OWNED(deinit) struct job_view v = {.now_ms = clock_wall_ms(os_clock())};
    int code = cli_take_store(&argc, argv, &v.s, NULL, 0);
    if (code) return code;
    if (v.s.is_help) return cli_print_help(help);
    if (argc != 2) return cli_refuse("job takes a queue and the id of a job: oxq job QUEUE ID");
    code = cli_open_queue(&v.s, argv[0]);
    if (!code) code = read_all(&v, argv[1]);
    if (code) return code;
    return v.s.is_json ? print_json(&v) : print_people(&v);
}
