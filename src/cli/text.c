/* SPDX-License-Identifier: MIT */
#include "cli/text.h"

#include "base/utf8.h"
#include "cli/cli.h"
#include "cli/table.h"

#include <stdio.h>
#include <string.h>

/* ---------------------------------------------------------------- for programs */

void text_write(struct json_writer *w, const char *name, const char *text)
{
    if (!text) return;
    struct slice bytes = slice_from_text(text);
    if (name) json_write_name(w, name);
    if (json_is_utf8(bytes)) {
        json_write_text(w, bytes);
        return;
    }
    OWNED(buf_deinit) struct buf value = {.limit_bytes = w->out->limit_bytes};
    oxq_err e = json_put_bytes(&value, bytes);
    if (e && !w->error) w->error = e;
    if (!e) json_write_raw(w, buf_borrow(&value));
}

/* Between its tokens JSON may have line ends; within a text they are escaped. */
static struct slice on_one_line(struct arena *arena, struct slice json)
{
    char *out = arena_alloc(arena, json.len + 1);
    for (size_t i = 0; i < json.len; i++) out[i] = json.at[i] == '\n' || json.at[i] == '\r' ? ' ' : json.at[i];
    return slice_of(out, json.len);
}

void text_write_json(struct json_writer *w, const char *name, const char *json)
{
    if (!json) return;
    struct arena arena = {0};
    struct oxq_error ignored;
    struct slice text = slice_from_text(json);
    if (json_check(text, &ignored) != OXQ_OK) {
        text_write(w, name, json);
    } else {
        json_write_name(w, name);
        json_write_raw(w, strpbrk(json, "\r\n") ? on_one_line(&arena, text) : text);
    }
    arena_deinit(&arena);
}

void text_write_number(struct json_writer *w, const char *name, int64_t n)
{
    json_write_name(w, name);
    json_write_integer(w, n);
}

void text_write_real(struct json_writer *w, const char *name, double x)
{
    json_write_name(w, name);
    json_write_real(w, x);
}

void text_write_job(struct json_writer *w, const oxq_job *job, oxq_state state)
{
    const struct oxq_job_fields *f = oxq_job_fields(job);
    text_write(w, "queue", f->queue);
    text_write(w, "id", f->id);
    text_write(w, "name", f->name);
    text_write(w, "state", oxq_state_name(state));
    text_write_json(w, "data", f->data);
    text_write_json(w, "opts", f->opts);
    json_write_some_integer(w, "timestamp", f->added_ms);
    text_write_number(w, "delay", f->delay_ms);
    text_write_number(w, "priority", f->priority);
    text_write_number(w, "attemptsMade", f->attempts_made);
    text_write_number(w, "attemptsStarted", f->attempts_started);
    text_write_number(w, "attempts", f->attempts_max);
    text_write_number(w, "stalledCounter", f->stalled_count);
    json_write_some_integer(w, "processedOn", f->processed_ms);
    json_write_some_integer(w, "finishedOn", f->finished_ms);
    text_write_json(w, "progress", f->progress);
    text_write_json(w, "returnvalue", f->result);
    text_write(w, "failedReason", f->failure);
    text_write_json(w, "stacktrace", f->stacktrace);
    text_write(w, "processedBy", f->processed_by);
    text_write(w, "parentKey", f->parent_key);
    text_write(w, "repeatJobKey", f->scheduler_id);
    text_write(w, "deduplicationId", f->deduplication_id);
    text_write(w, "deadLetterId", f->dead_id);
}

/* DEL and C1: two bytes of UTF-8 that begin with this one. */
static size_t find_control(struct slice json)
{
    size_t i = 0;
    while (i < json.len && json.at[i] != 0x7f && !((unsigned char)json.at[i] == 0xc2 && i + 1 < json.len)) i++;
    return i;
}

/* JSON of others may have what steers a terminal in its texts, where JSON asks for no escape. */
static void put_json(struct slice json)
{
    while (json.len > 0) {
        size_t plain = find_control(json);
        fwrite(json.at, 1, plain, stdout);
        json = slice_from(json, plain);
        if (json.len == 0) return;
        size_t len = json.at[0] == 0x7f ? 1 : 2;
        uint32_t code = utf8_code(json, len);
        if (utf8_is_control(code))
            printf("\\u%04x", (unsigned)code);
        else
            fwrite(json.at, 1, len, stdout);
        json = slice_from(json, len);
    }
}

int text_end_line(struct json_writer *w)
{
    if (w->error) return cli_fail("a line of JSON: %s", oxq_err_text(w->error));
    put_json(buf_borrow(w->out));
    putchar('\n');
    w->out->len = 0;
    w->needs_comma = false;
    return CLI_OK;
}

/* ---------------------------------------------------------------- for people */

/* What was laid out: never longer than the room that was counted for it. */
struct layout {
    char *out;
    size_t len, depth, indent;
    bool is_counting;
};

static void put(struct layout *l, char c)
{
    if (!l->is_counting) l->out[l->len] = c;
    l->len++;
}

static void break_line(struct layout *l)
{
    put(l, '\n');
    for (size_t i = 0; i < l->indent + l->depth * 2; i++) put(l, ' ');
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* The text that begins here, with its quotes; returns what follows. */
static const char *put_string(struct layout *l, const char *p)
{
    put(l, *p++);
    while (*p && *p != '"') {
        if (*p == '\\' && p[1]) put(l, *p++);
        put(l, *p++);
    }
    if (*p) put(l, *p++);
    return p;
}

static const char *put_open(struct layout *l, const char *p)
{
    const char *next = p + 1;
    put(l, *p);
    while (is_blank(*next)) next++;
    if (*next == '}' || *next == ']') {
        put(l, *next);
        return next + 1;
    }
    l->depth++;
    break_line(l);
    return next;
}

static void lay_out(struct layout *l, const char *p)
{
    while (*p) {
        char c = *p;
        if (c == '"') {
            p = put_string(l, p);
            continue;
        }
        if (c == '{' || c == '[') {
            p = put_open(l, p);
            continue;
        }
        if (c == '}' || c == ']') {
            l->depth--;
            break_line(l);
        }
        if (!is_blank(c)) put(l, c);
        if (c == ',') break_line(l);
        if (c == ':') put(l, ' ');
        p++;
    }
}

/* Deeper than anybody reads it; the indentation would outgrow the text. */
#define LAYOUT_DEPTH_MAX 64

static size_t depth_of(const char *json)
{
    size_t depth = 0, deepest = 0;
    struct layout skip = {.is_counting = true};
    for (const char *p = json; *p;) {
        if (*p == '"') {
            p = put_string(&skip, p);
            continue;
        }
        if (*p == '{' || *p == '[') depth++;
        if (depth > deepest) deepest = depth;
        if (*p == '}' || *p == ']') depth--;
        p++;
    }
    return deepest;
}

const char *text_layout(struct arena *arena, const char *json, size_t indent)
{
    struct oxq_error ignored;
    if (json_check(slice_from_text(json), &ignored) != OXQ_OK || depth_of(json) > LAYOUT_DEPTH_MAX) return json;
    struct layout l = {.indent = indent, .is_counting = true};
    lay_out(&l, json);
    l = (struct layout){.indent = indent, .out = arena_alloc(arena, l.len + 1)};
    lay_out(&l, json);
    l.out[l.len] = '\0';
    return l.out;
}

const char *text_first_line(struct arena *arena, const char *text)
{
    return arena_copy_text(arena, slice_of(text, strcspn(text, "\r\n")));
}

const char *text_plain(struct arena *arena, const char *json)
{
    struct json *v = NULL;
    struct oxq_error ignored;
    if (!json) return "";
    struct slice text = slice_from_text(json);
    if (json_read_value(text, &v, &ignored) == OXQ_OK && json_kind_of(v) == JSON_KIND_TEXT) text = json_text(v);
    const char *out = arena_copy_text(arena, text);
    json_release(v);
    return out;
}

const char *text_when(int64_t at_ms, int64_t now_ms, char out[TEXT_WHEN_CHARS])
{
    char span[TABLE_TEXT_CHARS];
    table_duration(at_ms > now_ms ? at_ms - now_ms : now_ms - at_ms, span);
    if (at_ms > now_ms)
        snprintf(out, TEXT_WHEN_CHARS, "in %s", span);
    else
        snprintf(out, TEXT_WHEN_CHARS, "%s ago", span);
    return out;
}
