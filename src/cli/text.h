/* SPDX-License-Identifier: MIT */
/* Jobs as text: one JSON object for programs, laid out JSON and single lines for people. Pure. */
#ifndef CLI_TEXT_H
#define CLI_TEXT_H

#include "codec/json_writer.h"

#include <oxq/job.h>

/* ---- for programs ---- */

/*
 * All that a job says of itself, as members of the object that is open: queue, id, name, state, data, opts, timestamp, delay, priority,
 * attemptsMade, ..., with BullMQ's names; what it does not have is left out.
 */
void text_write_job(struct json_writer *w, const oxq_job *job, oxq_state state);
/* A member, unless the text is NULL: a JSON value as it is (on one line), anything else as a text. */
void text_write_json(struct json_writer *w, const char *name, const char *json);
/* A member, unless the text is NULL; an element of a list when the name is. Bytes that are not UTF-8 come as {"base64": ...}. */
void text_write(struct json_writer *w, const char *name, const char *text);
void text_write_number(struct json_writer *w, const char *name, int64_t n);
void text_write_real(struct json_writer *w, const char *name, double x);
/* Ends the object's line on standard output, and empties the buffer. Returns the exit code. */
OXQ_MUST_USE int text_end_line(struct json_writer *w);

/* ---- for people; texts are in the arena ---- */

/* JSON with an element on each line, `indent` spaces further in than what is around it; what is not JSON as it is. */
const char *text_layout(struct arena *arena, const char *json, size_t indent);
/* Up to the first line end. */
const char *text_first_line(struct arena *arena, const char *text);
/* A JSON text without its quotes, other JSON on one line; empty for NULL. */
const char *text_plain(struct arena *arena, const char *json);
/* "3 min ago", "in 5 s". Returns `out`. */
#define TEXT_WHEN_CHARS 48
const char *text_when(int64_t at_ms, int64_t now_ms, char out[TEXT_WHEN_CHARS]);

#endif
