/* SPDX-License-Identifier: MIT */
/*
 * The log of the process: one line for each event.
 *
 *   2026-03-01T12:00:00.000Z info client closed id=7 addr=127.0.0.1:4711 reason="idle for 300 s"
 *   {"time":"2026-03-01T12:00:00.000Z","level":"info","text":"client closed","id":7,"addr":"127.0.0.1:4711", ...}
 *
 * Fields are facts about the event; job bodies, arguments of commands and secrets are none of them.
 * Until log_start nothing is written: a library is silent. Threads: any, once started; a line is one write. Blocks: for a moment at most,
 * while nobody reads; then lines are lost, and counted.
 */
#ifndef OS_LOG_H
#define OS_LOG_H

#include "base/clock.h"
#include "base/slice.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARNING, LOG_ERROR, LOG_SILENT };
enum log_format { LOG_FORMAT_TEXT, LOG_FORMAT_JSON };

/* A text is cut at its limit; a field that no longer fits its line is left out. */
#define LOG_TEXT_BYTES_MAX 256
#define LOG_LINE_BYTES_MAX 2048

struct log_field {
    const char *key;
    struct slice text; /* when it is a text */
    int64_t number;
    bool is_number;
};

static inline struct log_field log_text(const char *key, const char *text)
{
    return (struct log_field){.key = key, .text = slice_from_text(text)};
}

static inline struct log_field log_int(const char *key, int64_t number)
{
    return (struct log_field){.key = key, .number = number, .is_number = true};
}

/* log_event(LOG_INFO, "client closed", log_int("id", 7), log_text("reason", "idle")); a field at least. */
#define log_event(level, text, ...)                                                                                    \
    log_write(level, text, (const struct log_field[]){__VA_ARGS__},                                                    \
              sizeof((const struct log_field[]){__VA_ARGS__}) / sizeof(struct log_field))

/* Writes to fd from now on. The clock is borrowed for ever. */
void log_start(int fd, struct clock *clock);
void log_set_level(enum log_level level);
void log_set_format(enum log_format format);
/* This thread writes nothing below that level, whatever the process's is: what it does is not what the user watches. LOG_DEBUG: all. */
void log_limit_thread(enum log_level level);
/* Would an event of this level be written? */
bool log_is_on(enum log_level level);
void log_write(enum log_level level, const char *text, const struct log_field *fields, size_t fields_count);

/* By name ("info"); false when there is no such level. */
bool log_level_parse(struct slice name, enum log_level *out);

#endif
