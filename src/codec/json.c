/* SPDX-License-Identifier: MIT */
#include "codec/json.h"

#include "base/mem.h"
#include "base/utf8.h"
#include "codec/base64.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>

/* Up to here each whole number is one double. */
#define JSON_WHOLE_MAX 0x1p53

/* ---------------------------------------------------------------- reading */

static const json_t *tree(const struct json *v)
{
    return (const json_t *)(const void *)v;
}

void json_adopt_memory(void)
{
    json_set_alloc_funcs(mem_alloc, mem_free);
}

oxq_err json_read(struct slice text, struct json **out_root, struct oxq_error *err)
{
    json_error_t error;
    json_t *root = json_loadb(text.at ? text.at : "", text.len, JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES, &error);
    if (!root) return err_set(err, OXQ_ERR_FORMAT, "column %d: %s", error.column > 0 ? error.column : 1, error.text);
    *out_root = (struct json *)(void *)root;
    return OXQ_OK;
}

oxq_err json_read_value(struct slice text, struct json **out_root, struct oxq_error *err)
{
    const char *at = text.at ? text.at : "";
    json_error_t error;
    json_t *root = json_loadb(at, text.len, JSON_ALLOW_NUL | JSON_DECODE_ANY, &error);
    if (!root && json_error_code(&error) == json_error_numeric_overflow) {
        root = json_loadb(at, text.len, JSON_ALLOW_NUL | JSON_DECODE_ANY | JSON_DECODE_INT_AS_REAL, &error);
    }
    if (!root) return err_set(err, OXQ_ERR_FORMAT, "column %d: %s", error.column > 0 ? error.column : 1, error.text);
    *out_root = (struct json *)(void *)root;
    return OXQ_OK;
}

void json_release(struct json *root)
{
    if (root) json_decref((json_t *)(void *)root);
}

enum json_kind json_kind_of(const struct json *v)
{
    static const enum json_kind kinds[] = {
        [JSON_OBJECT] = JSON_KIND_MAP,      [JSON_ARRAY] = JSON_KIND_LIST, [JSON_STRING] = JSON_KIND_TEXT,
        [JSON_INTEGER] = JSON_KIND_INTEGER, [JSON_REAL] = JSON_KIND_REAL,  [JSON_TRUE] = JSON_KIND_BOOL,
        [JSON_FALSE] = JSON_KIND_BOOL,      [JSON_NULL] = JSON_KIND_NULL,
    };
    return v ? kinds[json_typeof(tree(v))] : JSON_KIND_ABSENT;
}

const struct json *json_member(const struct json *v, const char *name)
{
    return v ? (const struct json *)(const void *)json_object_get(tree(v), name) : NULL;
}

size_t json_count(const struct json *v)
{
    return v ? json_array_size(tree(v)) : 0;
}

const struct json *json_at(const struct json *v, size_t index)
{
    return v ? (const struct json *)(const void *)json_array_get(tree(v), index) : NULL;
}

struct slice json_text(const struct json *v)
{
    if (json_kind_of(v) != JSON_KIND_TEXT) return (struct slice){0};
    return slice_of(json_string_value(tree(v)), json_string_length(tree(v)));
}

int64_t json_number(const struct json *v)
{
    if (json_kind_of(v) != JSON_KIND_REAL) return v ? json_integer_value(tree(v)) : 0;
    double d = json_real_value(tree(v));
    return d >= -JSON_WHOLE_MAX && d <= JSON_WHOLE_MAX && d == trunc(d) ? (int64_t)d : 0;
}

double json_double(const struct json *v)
{
    return v ? json_number_value(tree(v)) : 0;
}

bool json_truth(const struct json *v)
{
    return v && json_typeof(tree(v)) == JSON_TRUE;
}

bool json_next_member(const struct json *v, void **place, struct slice *out_name, const struct json **out_value)
{
    if (json_kind_of(v) != JSON_KIND_MAP) return false;
    json_t *map = (json_t *)(void *)(uintptr_t)v; /* jansson's iterators want it so; nothing is changed */
    *place = *place ? json_object_iter_next(map, *place) : json_object_iter(map);
    if (!*place) return false;
    *out_name = slice_of(json_object_iter_key(*place), json_object_iter_key_len(*place));
    *out_value = (const struct json *)(void *)json_object_iter_value(*place);
    return true;
}

bool json_bytes(const struct json *v, struct arena *arena, struct slice *out)
{
    OWNED(buf_deinit) struct buf bytes = {.limit_bytes = SIZE_MAX};
    if (json_kind_of(v) == JSON_KIND_TEXT) {
        *out = json_text(v);
        return true;
    }
    const struct json *text = json_member(v, "base64");
    if (json_kind_of(text) != JSON_KIND_TEXT || base64_decode(json_text(text), &bytes) != OXQ_OK) return false;
    *out = arena_copy(arena, buf_borrow(&bytes));
    return true;
}

/* ---------------------------------------------------------------- writing */

bool json_is_utf8(struct slice bytes)
{
    while (bytes.len > 0) {
        size_t len = utf8_length(bytes);
        if (len == 0) return false;
        bytes = slice_from(bytes, len);
    }
    return true;
}

/* Characters that may stand in a string as they are. */
static size_t plain_bytes(struct slice text)
{
    size_t n = 0;
    while (n < text.len && (uint8_t)text.at[n] >= 0x20 && text.at[n] != '"' && text.at[n] != '\\') n++;
    return n;
}

static oxq_err put_escape(struct buf *out, char c)
{
    static const char shorts[] = "\"\"\\\\\bb\ff\nn\rr\tt"; /* pairs: the character, and its letter */
    for (const char *s = shorts; *s; s += 2) {
        if (*s == c) return buf_append(out, slice_of((const char[]){'\\', s[1]}, 2));
    }
    char text[8];
    return buf_append(out, slice_of(text, (size_t)snprintf(text, sizeof(text), "\\u%04x", (uint8_t)c)));
}

oxq_err json_put_text(struct buf *out, struct slice utf8)
{
    oxq_err e = buf_append(out, SLICE_LIT("\""));
    while (utf8.len > 0 && !e) {
        size_t n = plain_bytes(utf8);
        e = buf_append(out, slice_of(utf8.at, n));
        if (!e && n < utf8.len) e = put_escape(out, utf8.at[n++]);
        utf8 = slice_from(utf8, n);
    }
    return e ? e : buf_append(out, SLICE_LIT("\""));
}

oxq_err json_put_bytes(struct buf *out, struct slice bytes)
{
    if (json_is_utf8(bytes)) return json_put_text(out, bytes);
    oxq_err e = buf_append(out, SLICE_LIT("{\"base64\":\""));
    if (!e) e = base64_encode(bytes, out);
    return e ? e : buf_append(out, SLICE_LIT("\"}"));
}
