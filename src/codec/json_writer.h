/* SPDX-License-Identifier: MIT */
/*
 * Writes one JSON value, compactly, into a buffer. Commas come by themselves; the first error stays and is asked for once, at the
 * end:
 *
 *     struct json_writer w = {.out = &text};
 *     json_write_open(&w, '{');
 *     json_write_name(&w, "attempts");
 *     json_write_integer(&w, 3);
 *     json_write_close(&w, '}');
 *     return w.error;
 */
#ifndef CODEC_JSON_WRITER_H
#define CODEC_JSON_WRITER_H

#include "codec/json.h"

struct json_writer {
    struct buf *out;  /* borrowed; written at its end */
    oxq_err error;    /* of the buffer: LIMIT, MEMORY */
    bool needs_comma; /* a value came before; true at the start to go on in an object that has members */
};

/* bracket: { or [; its like closes. */
void json_write_open(struct json_writer *w, char bracket);
void json_write_close(struct json_writer *w, char bracket);
/* Of the next value, in an object. */
void json_write_name(struct json_writer *w, const char *name);
void json_write_name_slice(struct json_writer *w, struct slice utf8);
void json_write_null(struct json_writer *w);
void json_write_bool(struct json_writer *w, bool b);
void json_write_integer(struct json_writer *w, int64_t n);
/* Infinity and NaN, which JSON lacks, are null. */
void json_write_real(struct json_writer *w, double d);
void json_write_text(struct json_writer *w, struct slice utf8);
/* Members of an object: name and value, or nothing where that is 0, or empty. */
void json_write_some_integer(struct json_writer *w, const char *name, int64_t n);
void json_write_some_text(struct json_writer *w, const char *name, struct slice utf8);
/* A value that is JSON already. */
void json_write_raw(struct json_writer *w, struct slice json);
/* A tree as it was read. Errors (in w): also MEMORY. */
void json_write_value(struct json_writer *w, const struct json *v);

#endif
