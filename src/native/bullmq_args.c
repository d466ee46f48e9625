/* SPDX-License-Identifier: MIT */
#include "native/bullmq_args.h"

#include "base/num.h"
#include "codec/mpack.h"

#include <math.h>
#include <stdio.h>

static const struct bullmq_value nil = {.kind = BULLMQ_NIL, .size = 1};

/* ---- unpacking ---- */

struct open {
    uint32_t at;   /* of the container */
    uint32_t left; /* values that it still lacks; of a map two for each pair */
};

struct unpacking {
    struct bullmq_value *values; /* room for BULLMQ_VALUES_MAX, or for as many as the argument has bytes */
    uint32_t count;
    uint32_t depth;
    bool is_refused;
    struct open open[BULLMQ_DEPTH_MAX];
};

/* A value is whole, and with it perhaps what it lies in. */
static void end_value(struct unpacking *u)
{
    while (u->depth > 0) {
        struct open *o = &u->open[u->depth - 1];
        if (--o->left > 0) return;
        u->values[o->at].size = u->count - o->at;
        u->depth--;
    }
}

static void put(struct unpacking *u, struct bullmq_value value)
{
    bool is_key =
        u->depth > 0 && u->values[u->open[u->depth - 1].at].kind == BULLMQ_MAP && u->open[u->depth - 1].left % 2 == 0;
    if (u->count == BULLMQ_VALUES_MAX || (is_key && value.kind != BULLMQ_TEXT)) u->is_refused = true;
    if (u->is_refused) return;
    value.size = 1;
    u->values[u->count++] = value;
    if (value.kind < BULLMQ_ARRAY || value.count == 0) end_value(u);
}

static void put_container(struct unpacking *u, enum bullmq_kind kind, uint32_t count)
{
    uint32_t at = u->count;
    if (count > BULLMQ_VALUES_MAX || u->depth == BULLMQ_DEPTH_MAX) u->is_refused = true;
    put(u, (struct bullmq_value){.kind = kind, .count = count});
    if (!u->is_refused && count > 0) u->open[u->depth++] = (struct open){at, kind == BULLMQ_MAP ? 2 * count : count};
}

static void tell_null(void *u)
{
    put(u, nil);
}

static void tell_boolean(void *u, bool b)
{
    put(u, (struct bullmq_value){.kind = b ? BULLMQ_TRUE : BULLMQ_FALSE});
}

static void tell_integer(void *u, int64_t n)
{
    put(u, (struct bullmq_value){.kind = BULLMQ_NUMBER, .number = (double)n});
}

/* Lua has doubles, and readers take these for negative or not. */
static void tell_big(void *ctx, uint64_t n)
{
    struct unpacking *u = ctx;
    (void)n;
    u->is_refused = true;
}

static void tell_real(void *u, double d)
{
    put(u, (struct bullmq_value){.kind = BULLMQ_NUMBER, .number = d});
}

static void tell_text(void *u, struct slice text)
{
    put(u, (struct bullmq_value){.kind = BULLMQ_TEXT, .text = text});
}

static void tell_array(void *u, uint32_t count)
{
    put_container(u, BULLMQ_ARRAY, count);
}

static void tell_map(void *u, uint32_t count)
{
    put_container(u, BULLMQ_MAP, count);
}

static void tell_element(void *u, uint32_t number)
{
    (void)u, (void)number;
}

static void tell_pair(void *u)
{
    (void)u;
}

/* Of a key that is there twice Lua takes the last. */
static bool has_keys_once(const struct bullmq_value *map)
{
    const struct bullmq_value *key = map + 1;
    for (uint32_t i = 0; i < map->count; i++, key += 1 + key[1].size) {
        const struct bullmq_value *other = map + 1;
        for (uint32_t k = 0; k < i; k++, other += 1 + other[1].size)
            if (slice_equal(key->text, other->text)) return false;
    }
    return true;
}

bool bullmq_unpack(struct cmd_ctx *ctx, struct slice packed, const struct bullmq_value **out)
{
    static const struct mpack_visitor visitor = {.null = tell_null,
                                                 .boolean = tell_boolean,
                                                 .integer = tell_integer,
                                                 .big = tell_big,
                                                 .real = tell_real,
                                                 .text = tell_text,
                                                 .open_array = tell_array,
                                                 .open_map = tell_map,
                                                 .element = tell_element,
                                                 .pair = tell_pair};
    if (packed.len > BULLMQ_BYTES_MAX) return false;
    struct unpacking u = {0};
    size_t values_max = packed.len < BULLMQ_VALUES_MAX ? packed.len : BULLMQ_VALUES_MAX;
    u.values = ARENA_ARRAY(ctx->scratch, struct bullmq_value, values_max);
    if (mpack_visit(&packed, &visitor, &u) || packed.len > 0 || u.is_refused) return false;
    for (uint32_t i = 0; i < u.count; i++)
        if (u.values[i].kind == BULLMQ_MAP && !has_keys_once(&u.values[i])) return false;
    *out = u.values;
    return true;
}

/* ---- reading ---- */

const struct bullmq_value *bullmq_field(const struct bullmq_value *map, struct slice name)
{
    const struct bullmq_value *key = map + 1;
    for (uint32_t i = 0; i < map->count; i++, key += 1 + key[1].size)
        if (slice_equal(key->text, name)) return key + 1;
    return &nil;
}

void bullmq_elements(const struct bullmq_value *array, const struct bullmq_value **out, size_t count)
{
    const struct bullmq_value *v = array + 1;
    for (size_t i = 0; i < count; i++) {
        out[i] = i < array->count ? v : &nil;
        if (i < array->count) v += v->size;
    }
}

bool bullmq_whole(const struct bullmq_value *v, int64_t *out)
{
    double d = v->number;
    if (v->kind != BULLMQ_NUMBER || !(d >= 0 && d < (double)BULLMQ_WHOLE_MAX) || signbit(d)) return false;
    *out = (int64_t)d;
    return (double)*out == d;
}

/* ---- JSON ---- */

/* A number's text, or a constant's, is no longer; nor are the signs around any value. */
#define JSON_NUMBER_BYTES 24
#define JSON_SIGNS_BYTES 3
/* \u00ff */
#define JSON_ESCAPE_BYTES 6

static char *put_text(char *to, struct slice text)
{
    static const char letters[256] = {
        ['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f', ['\r'] = 'r', ['"'] = '"', ['\\'] = '\\', ['/'] = '/'};
    *to++ = '"';
    for (size_t i = 0; i < text.len; i++) {
        unsigned char byte = (unsigned char)text.at[i];
        if (letters[byte]) {
            *to++ = '\\';
            *to++ = letters[byte];
        } else if (byte < ' ' || byte == 127) {
            memcpy(to, "\\u00", 4);
            to[4] = "0123456789abcdef"[byte >> 4];
            to[5] = "0123456789abcdef"[byte & 15];
            to += JSON_ESCAPE_BYTES;
        } else {
            *to++ = (char)byte;
        }
    }
    *to++ = '"';
    return to;
}

static char *put_number(char *to, double d)
{
    bool is_plain = d > -(double)BULLMQ_WHOLE_MAX && d < (double)BULLMQ_WHOLE_MAX && (double)(int64_t)d == d &&
                    (d != 0 || !signbit(d));
    if (is_plain) return to + num_format_int(to, (int64_t)d);
    return to + snprintf(to, JSON_NUMBER_BYTES, "%.14g", d);
}

static char *put_word(char *to, struct slice word)
{
    memcpy(to, word.at, word.len);
    return to + word.len;
}

static char *put_scalar(char *to, const struct bullmq_value *v)
{
    if (v->kind == BULLMQ_TEXT) return put_text(to, v->text);
    if (v->kind == BULLMQ_NUMBER) return put_number(to, v->number);
    return put_word(to, v->kind == BULLMQ_TRUE ? SLICE_LIT("true") : SLICE_LIT("false"));
}

static char *put_json(char *to, const struct bullmq_value *v);

/* A table without members is an object, and a member that is nil is none. */
static char *put_members(char *to, const struct bullmq_value *container)
{
    bool is_array = container->kind == BULLMQ_ARRAY && container->count > 0;
    const char *first = to;
    const struct bullmq_value *v = container + 1;
    *to++ = is_array ? '[' : '{';
    for (uint32_t i = 0; i < container->count; i++, v += v->size) {
        const struct bullmq_value *key = is_array ? NULL : v++;
        if (v->kind == BULLMQ_NIL) continue;
        if (to != first + 1) *to++ = ',';
        if (key) {
            to = put_text(to, key->text);
            *to++ = ':';
        }
        to = put_json(to, v);
    }
    *to++ = is_array ? ']' : '}';
    return to;
}

/* Recursion: BULLMQ_DEPTH_MAX. */
static char *put_json(char *to, const struct bullmq_value *v)
{
    return v->kind >= BULLMQ_ARRAY ? put_members(to, v) : put_scalar(to, v);
}

static bool has_holes(const struct bullmq_value *array)
{
    const struct bullmq_value *v = array + 1;
    for (uint32_t i = 0; i < array->count; i++, v += v->size)
        if (v->kind == BULLMQ_NIL) return true;
    return false;
}

bool bullmq_json(struct cmd_ctx *ctx, const struct bullmq_value *v, struct slice *out)
{
    size_t bytes = 0;
    if (v->kind == BULLMQ_NIL) return false;
    for (const struct bullmq_value *at = v; at < v + v->size; at++) {
        if (at->kind == BULLMQ_NUMBER && !isfinite(at->number)) return false;
        if (at->kind == BULLMQ_ARRAY && has_holes(at)) return false;
        bytes += JSON_SIGNS_BYTES + (at->kind == BULLMQ_TEXT ? JSON_ESCAPE_BYTES * at->text.len : JSON_NUMBER_BYTES);
    }
    char *text = arena_alloc(ctx->scratch, bytes);
    *out = slice_of(text, (size_t)(put_json(text, v) - text));
    return true;
}

/* ---- KEYS ---- */

bool bullmq_is_key(struct slice name, struct slice prefix, struct slice suffix)
{
    return name.len == prefix.len + suffix.len && memcmp(name.at, prefix.at, prefix.len) == 0 &&
           memcmp(name.at + prefix.len, suffix.at, suffix.len) == 0;
}
