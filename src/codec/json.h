/* SPDX-License-Identifier: MIT */
/*
 * JSON over jansson: a text is read into a tree; strings are written. codec/json_writer.h writes whole values.
 *
 * Bytes that are not UTF-8 have no place in JSON: they are written, and read, as {"base64": "..."}.
 */
#ifndef CODEC_JSON_H
#define CODEC_JSON_H

#include "base/arena.h"
#include "base/buf.h"

/* Arrays and objects within each other that json_check lets pass; jansson has the same limit. */
#define JSON_DEPTH_MAX 2048

/* A value in a tree; lives as long as the root. */
struct json;

enum json_kind {
    JSON_KIND_ABSENT, /* of NULL */
    JSON_KIND_NULL,
    JSON_KIND_BOOL,
    JSON_KIND_INTEGER,
    JSON_KIND_REAL,
    JSON_KIND_TEXT,
    JSON_KIND_LIST,
    JSON_KIND_MAP
};

/*
 * From now on jansson takes its memory from base/mem.h: where there is none it would read a text without some of its characters. For a
 * program of our own, before anything else; not for a library in somebody else's.
 */
void json_adopt_memory(void);

/*
 * Reads one JSON object or array that fills the text. A name that is given twice is an error. Errors: FORMAT; the text has the
 * column (of characters, from 1) and what is wrong. Owns: caller, json_release.
 */
OXQ_MUST_USE oxq_err json_read(struct slice text, struct json **out_root, struct oxq_error *err);
/*
 * The same for any value, which is what JavaScript writes: a number or a text alone too; of a name that is given twice the
 * last counts; an integer beyond 64 bits is a real.
 */
OXQ_MUST_USE oxq_err json_read_value(struct slice text, struct json **out_root, struct oxq_error *err);
/*
 * Is the text one JSON value (RFC 8259) and nothing else? Builds nothing, in one pass. Errors: FORMAT (the text of err has the
 * byte, from 1), LIMIT (deeper than JSON_DEPTH_MAX).
 */
OXQ_MUST_USE oxq_err json_check(struct slice text, struct oxq_error *err);
/*
 * The value of a member of the object that a sound text is, as it stands there: a number with all its digits. Empty when there is none;
 * of a name that is given twice the last counts. Names are compared as they are written, so that escapes in them are not understood.
 */
struct slice json_raw_member(struct slice text, struct slice name);
/* The root. NULL is fine. */
void json_release(struct json *root);

enum json_kind json_kind_of(const struct json *v);
/* NULL when v is not a map or has no such member. */
const struct json *json_member(const struct json *v, const char *name);
/*
 * The members of a map, in their order: *place is NULL before the first call. False when there are no more, or v is no map.
 */
bool json_next_member(const struct json *v, void **place, struct slice *out_name, const struct json **out_value);
/* Of a list; 0 for anything else. */
size_t json_count(const struct json *v);
const struct json *json_at(const struct json *v, size_t index);
/* Of a text; empty for anything else. */
struct slice json_text(const struct json *v);
/* Of an integer, and of a real that is whole and at most 2^53 from 0; 0 for anything else. */
int64_t json_number(const struct json *v);
/* Of an integer or a real; 0 for anything else. */
double json_double(const struct json *v);
bool json_truth(const struct json *v);
/* A text or {"base64": ...}: false when it is neither. *out is borrowed from the tree or the arena. */
bool json_bytes(const struct json *v, struct arena *arena, struct slice *out);

bool json_is_utf8(struct slice bytes);
/* Appends a string with its quotes. Errors: those of buf_append. */
OXQ_MUST_USE oxq_err json_put_text(struct buf *out, struct slice utf8);
/* Appends a string, or {"base64": ...} when the bytes are not UTF-8. */
OXQ_MUST_USE oxq_err json_put_bytes(struct buf *out, struct slice bytes);

#endif
