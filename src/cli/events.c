/* SPDX-License-Identifier: MIT */
/* oxq events: a queue's events, those that are kept and with --follow those that come. */
#include "cli/kept.h"
#include "cli/store.h"
#include "cli/table.h"
#include "cli/text.h"

#include <stdio.h>
#include <string.h>

#define LINE_BYTES_MAX ((size_t)1 << 30)

static const char help[] =
    "Usage: oxq events QUEUE [flags]\n\n"
    "The events of a queue, one a line: those that are still kept (about 10,000), the oldest first.\n\n"
    "  --follow         and those that come, until Ctrl-C\n"
    "  --after <place>  only those after this place in the stream, the second field of a line; $: only those that come\n"
    "  --count <number> end after so many\n"
    "  --kind <kinds>   only of these: added, waiting, active, progress, completed, failed, delayed, stalled, ...;\n"
    "                   several with commas between them\n";

struct events {
    struct cli_store s;
    const char *kinds; /* NULL: all */
    int64_t count;     /* 0: all */
    bool follows;
    oxq_events *reader; /* owned */
    struct arena arena;
    struct buf line; /* owned */
    struct kept kept;
};

static void deinit(struct events *v)
{
    oxq_events_close(v->reader);
    arena_deinit(&v->arena);
    buf_deinit(&v->line);
    cli_store_deinit(&v->s);
}

static bool is_wanted(const struct events *v, const char *kind)
{
    size_t kind_len = strlen(kind);
    for (const char *p = v->kinds; p;) {
        size_t len = strcspn(p, ",");
        if (len == kind_len && strncmp(p, kind, len) == 0) return true;
        p = p[len] ? p + len + 1 : NULL;
    }
    return !v->kinds;
}

static int print_json(struct events *v, const struct oxq_event *event)
{
    struct json_writer w = {.out = &v->line};
    json_write_open(&w, '{');
    text_write(&w, "place", event->at);
    json_write_some_integer(&w, "timestamp", event->at_ms);
    for (size_t i = 0; i < event->fields_count; i++) text_write(&w, event->fields[i].name, event->fields[i].value);
    json_write_close(&w, '}');
    return text_end_line(&w);
}

static void print_line(struct events *v, const struct oxq_event *event)
{
    char at[TABLE_TEXT_CHARS];
    printf("%s.%03d  %s  %-16s  %s", table_time(event->at_ms, at), (int)(event->at_ms % 1000), event->at,
           table_clean(&v->arena, event->kind, false),
           table_clean(&v->arena, event->job_id ? event->job_id : "-", false));
    for (size_t i = 0; i < event->fields_count; i++) {
        const struct oxq_event_field *f = &event->fields[i];
        if (strcmp(f->name, "event") == 0 || strcmp(f->name, "jobId") == 0) continue;
        printf("  %s=%s", table_clean(&v->arena, f->name, false), table_clean(&v->arena, f->value, false));
    }
    putchar('\n');
    arena_reset(&v->arena);
}

/* NULL at the end, which there is none of with --follow. */
static oxq_err next(struct events *v, const struct oxq_event **out, struct oxq_error *err)
{
    if (!v->follows) return kept_next(&v->kept, out, err);
    if (oxq_events_next(v->reader, 0, out, err) == OXQ_OK && *out) return OXQ_OK;
    /* A server that went is waited for, too. */
    fflush(stdout);
    return oxq_events_next(v->reader, -1, out, err);
}

static int print_all(struct events *v)
{
    const struct oxq_event *event = NULL;
    struct oxq_error err;
    int64_t shown = 0;
    while ((v->count == 0 || shown < v->count) && !ferror(stdout)) {
        int code = cli_result(next(v, &event, &err), &err);
        if (code) return code;
        if (!event) break;
        if (!is_wanted(v, event->kind)) continue;
        shown++;
        if (v->s.is_json)
            code = print_json(v, event);
        else
            print_line(v, event);
        if (code) return code;
    }
    return CLI_OK;
}

/* "1700000000000-3", or only the milliseconds. */
static bool is_place(const char *text)
{
    size_t ms = strspn(text, "0123456789");
    if (ms == 0 || ms > 19) return false;
    if (!text[ms]) return true;
    size_t number = text[ms] == '-' ? strspn(text + ms + 1, "0123456789") : 0;
    return number > 0 && number <= 19 && !text[ms + 1 + number];
}

static int open_reader(struct events *v, const char *after)
{
    struct oxq_error err;
    if (!after) after = "0";
    bool is_end = strcmp(after, "$") == 0;
    if (!is_end && !is_place(after))
        return cli_refuse("--after %s: write a place such as 1700000000000-0, or $", after);
    struct oxq_events_opts opts = {.after = is_end ? NULL : after};
    int code = cli_result(oxq_events_open(v->s.queue, &opts, &v->reader, &err), &err);
    if (!code) kept_begin(&v->kept, v->reader);
    return code;
}

int cli_events(int argc, char **argv)
{
    OWNED(deinit) struct events v = {.line = {.limit_bytes = LINE_BYTES_MAX}};
    const char *after = NULL, *count = NULL;
    const struct cli_flag flags[] = {{"--follow", NULL, &v.follows},
                                     {"--after", &after, NULL},
                                     {"--count", &count, NULL},
                                     {"--kind", &v.kinds, NULL}};
    int code = cli_take_store(&argc, argv, &v.s, flags, sizeof(flags) / sizeof(flags[0]));
    if (code) return code;
    if (v.s.is_help) return cli_print_help(help);
    if (argc != 1) return cli_refuse("events takes the name of a queue: oxq events QUEUE");
    code = cli_read_number("--count", count, 0, INT64_MAX, &v.count);
    if (!code) code = cli_open_queue(&v.s, argv[0]);
    if (!code) code = open_reader(&v, after);
    return code ? code : print_all(&v);
}
