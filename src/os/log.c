/* SPDX-License-Identifier: MIT */
/*
 * The one piece of state that is the process's: where its log goes. A line is built on the stack and leaves in one
 * write, so lines of several threads do not mix and logging needs no memory. If the write fails (a full disk behind
 * stderr) the line is lost; there is nowhere to say so. Where nobody reads any more (a pipe, a stopped terminal) lines are lost too,
 * instead of holding up whoever has something to say, and it is told how many once somebody reads again.
 */
#include "os/log.h"

#include "base/num.h"
#include "base/utf8.h"

#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

static struct {
    int fd;
    struct clock *clock;
    _Atomic enum log_level level;
    _Atomic enum log_format format;
    atomic_int_fast64_t lost_count; /* since the last line */
} log_state = {.fd = -1, .level = LOG_INFO};

static _Thread_local enum log_level thread_level = LOG_DEBUG;

static const char *const level_names[] = {"debug", "info", "warning", "error", "silent"};

/* A line in the making; room is kept for its end. */
struct line {
    char at[LOG_LINE_BYTES_MAX];
    size_t len;
    bool is_full;
};

/* For a reader that is slow, and not for each line of one that has gone. */
#define READER_WAIT_MS 200

/* "}" and a newline. */
#define LINE_END_BYTES 2

void log_start(int fd, struct clock *clock)
{
    log_state.fd = fd;
    log_state.clock = clock;
}

void log_set_level(enum log_level level)
{
    log_state.level = level;
}

void log_set_format(enum log_format format)
{
    log_state.format = format;
}

void log_limit_thread(enum log_level level)
{
    thread_level = level;
}

bool log_is_on(enum log_level level)
{
    return log_state.fd >= 0 && level >= log_state.level && level >= thread_level;
}

bool log_level_parse(struct slice name, enum log_level *out)
{
    for (int level = LOG_DEBUG; level <= LOG_SILENT; level++) {
        if (!slice_is(name, level_names[level])) continue;
        *out = (enum log_level)level;
        return true;
    }
    return false;
}

static void put(struct line *l, struct slice bytes)
{
    if (bytes.len > sizeof(l->at) - LINE_END_BYTES - l->len) {
        l->is_full = true;
        return;
    }
    memcpy(l->at + l->len, bytes.at, bytes.len);
    l->len += bytes.len;
}

static void put_text(struct line *l, const char *text)
{
    put(l, slice_from_text(text));
}

/* What does not stand in quotes as it is. A byte that is no UTF-8 has no place in JSON. */
static void put_escaped(struct line *l, uint32_t code, bool is_character)
{
    char escape[8];
    if (!is_character)
        put_text(l, "\\ufffd");
    else if (code == '\n')
        put_text(l, "\\n");
    else if (code == '"' || code == '\\')
        put(l, slice_of(escape, (size_t)snprintf(escape, sizeof(escape), "\\%c", (char)code)));
    else
        put(l, slice_of(escape, (size_t)snprintf(escape, sizeof(escape), "\\u%04x", (unsigned)code)));
}

/* JSON's quoting, which reads well in both formats: UTF-8 as it is, but for what would steer a terminal. Cut before the character that is too much. */
static void put_quoted(struct line *l, struct slice text)
{
    size_t shown = 0;
    put(l, SLICE_LIT("\""));
    while (shown < text.len) {
        struct slice rest = slice_from(text, shown);
        size_t len = utf8_length(rest), bytes = len > 0 ? len : 1;
        if (shown + bytes > LOG_TEXT_BYTES_MAX) break;
        uint32_t code = utf8_code(rest, len);
        if (len == 0 || utf8_is_control(code) || code == '"' || code == '\\')
            put_escaped(l, code, len > 0);
        else
            put(l, slice_of(rest.at, len));
        shown += bytes;
    }
    put(l, SLICE_LIT("\""));
}

static bool is_plain(struct slice text)
{
    if (text.len > LOG_TEXT_BYTES_MAX) return false;
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.at[i];
        if (c <= ' ' || c >= 0x7f || c == '"' || c == '\\' || c == '=') return false;
    }
    return text.len > 0;
}

static void put_time(struct line *l)
{
    int64_t us = clock_wall_us(log_state.clock);
    time_t seconds = us / 1000000;
    struct tm tm;
    char text[40];
    gmtime_r(&seconds, &tm);
    size_t len = strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
    len += (size_t)snprintf(text + len, sizeof(text) - len, ".%03dZ", (int)(us / 1000 % 1000));
    put(l, slice_of(text, len));
}

static void put_value(struct line *l, const struct log_field *f, bool is_json)
{
    char digits[NUM_INT_MAX_CHARS];
    if (f->is_number)
        put(l, slice_of(digits, num_format_int(digits, f->number)));
    else if (!is_json && is_plain(f->text))
        put(l, f->text);
    else
        put_quoted(l, f->text);
}

static void put_field(struct line *l, const struct log_field *f, bool is_json)
{
    size_t start = l->len;
    put_text(l, is_json ? ",\"" : " ");
    put_text(l, f->key);
    put_text(l, is_json ? "\":" : "=");
    put_value(l, f, is_json);
    if (l->is_full) l->len = start;
}

static void put_head(struct line *l, enum log_level level, const char *text, bool is_json)
{
    put_text(l, is_json ? "{\"time\":\"" : "");
    put_time(l);
    put_text(l, is_json ? "\",\"level\":\"" : " ");
    put_text(l, level_names[level]);
    put_text(l, is_json ? "\",\"text\":" : " ");
    if (is_json)
        put_quoted(l, slice_from_text(text));
    else
        put_text(l, text);
}

static bool has_room(void)
{
    struct pollfd out = {.fd = log_state.fd, .events = POLLOUT};
    return poll(&out, 1, atomic_load(&log_state.lost_count) ? 0 : READER_WAIT_MS) != 0;
}

static void write_line(enum log_level level, const char *text, const struct log_field *fields, size_t fields_count)
{
    bool is_json = log_state.format == LOG_FORMAT_JSON;
    struct line line = {.len = 0};
    put_head(&line, level, text, is_json);
    for (size_t i = 0; i < fields_count; i++) put_field(&line, &fields[i], is_json);
    if (is_json) line.at[line.len++] = '}';
    line.at[line.len++] = '\n';
    ssize_t written = write(log_state.fd, line.at, line.len);
    (void)written;
}

void log_write(enum log_level level, const char *text, const struct log_field *fields, size_t fields_count)
{
    if (!log_is_on(level)) return;
    if (!has_room()) {
        atomic_fetch_add(&log_state.lost_count, 1);
        return;
    }
    struct log_field lost = log_int("count", atomic_exchange(&log_state.lost_count, 0));
    if (lost.number > 0) write_line(LOG_WARNING, "lines of the log were lost, as nobody read them", &lost, 1);
    write_line(level, text, fields, fields_count);
}
