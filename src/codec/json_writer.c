/* SPDX-License-Identifier: MIT */
#include "codec/json_writer.h"

#include "base/num.h"

#include <jansson.h>
#include <math.h>

static void put(struct json_writer *w, struct slice bytes)
{
    if (!w->error) w->error = buf_append(w->out, bytes);
}

static void begin_value(struct json_writer *w)
{
    if (w->needs_comma) put(w, SLICE_LIT(","));
    w->needs_comma = true;
}

void json_write_open(struct json_writer *w, char bracket)
{
    begin_value(w);
    put(w, slice_of(&bracket, 1));
    w->needs_comma = false;
}

void json_write_close(struct json_writer *w, char bracket)
{
    put(w, slice_of(&bracket, 1));
    w->needs_comma = true;
}

void json_write_name(struct json_writer *w, const char *name)
{
    json_write_name_slice(w, slice_from_text(name));
}

void json_write_name_slice(struct json_writer *w, struct slice utf8)
{
    json_write_text(w, utf8);
    put(w, SLICE_LIT(":"));
    w->needs_comma = false;
}

void json_write_null(struct json_writer *w)
{
    json_write_raw(w, SLICE_LIT("null"));
}

void json_write_bool(struct json_writer *w, bool b)
{
    json_write_raw(w, b ? SLICE_LIT("true") : SLICE_LIT("false"));
}

void json_write_integer(struct json_writer *w, int64_t n)
{
    char digits[NUM_INT_MAX_CHARS];
    json_write_raw(w, slice_of(digits, num_format_int(digits, n)));
}

void json_write_real(struct json_writer *w, double d)
{
    char digits[NUM_DOUBLE_MAX_CHARS];
    if (!isfinite(d)) {
        json_write_null(w);
    } else {
        json_write_raw(w, slice_of(digits, num_format_double(digits, d)));
    }
}

void json_write_text(struct json_writer *w, struct slice utf8)
{
    begin_value(w);
    if (!w->error) w->error = json_put_text(w->out, utf8);
}

void json_write_some_integer(struct json_writer *w, const char *name, int64_t n)
{
    if (n == 0) return;
    json_write_name(w, name);
    json_write_integer(w, n);
}

void json_write_some_text(struct json_writer *w, const char *name, struct slice utf8)
{
    if (utf8.len == 0) return;
    json_write_name(w, name);
    json_write_text(w, utf8);
}

void json_write_raw(struct json_writer *w, struct slice json)
{
    begin_value(w);
    put(w, json);
}

static int append(const char *bytes, size_t len, void *ctx)
{
    struct json_writer *w = ctx;
    put(w, slice_of(bytes, len));
    return w->error ? -1 : 0;
}

void json_write_value(struct json_writer *w, const struct json *v)
{
    begin_value(w);
    if (w->error) return;
    int failed = json_dump_callback((const json_t *)(const void *)v, append, w, JSON_COMPACT | JSON_ENCODE_ANY);
    if (failed && !w->error) w->error = OXQ_ERR_MEMORY;
}
