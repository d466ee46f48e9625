/* SPDX-License-Identifier: MIT */
#include "native/bullmq_args.h"

#include "base/num.h"
#include "codec/mpack_next.h"

#include <math.h>
#include <stdio.h>

static const struct bullmq_value nil = {.kind = BULLMQ_NIL, .size = 1};

/* ---- unpacking ---- */

/* A container that lacks values still: of a map two for each pair. */
struct open {
    struct bullmq_value *container;
    uint32_t left;
};

struct unpacking {
    struct bullmq_value *next, *end; /* where the next value goes; there is room up to the end */
    uint32_t depth;
    struct open open[BULLMQ_DEPTH_MAX];
};

/* Values are whole, and with the last one perhaps what they lie in. */
static void close_containers(struct unpacking *u)
{
    while (u->depth > 0 && --u->open[u->depth - 1].left == 0) {
        struct bullmq_value *container = u->open[--u->depth].container;
        container->size = (uint32_t)(u->next - container);
    }
}

/* False: it is deeper than there may be. */
static bool open_container(struct unpacking *u, struct bullmq_value *v, enum bullmq_kind kind, uint32_t count)
{
    v->kind = kind;
    v->count = count;
    if (count == 0) {
        close_containers(u);
        return true;
    }
    if (count > BULLMQ_VALUES_MAX || u->depth == BULLMQ_DEPTH_MAX) return false;
    u->open[u->depth++] = (struct open){v, kind == BULLMQ_MAP ? 2 * count : count};
    return true;
}

static bool is_at_key(const struct unpacking *u)
{
    if (u->depth == 0) return false;
    const struct open *o = &u->open[u->depth - 1];
    return o->left % 2 == 0 && o->container->kind == BULLMQ_MAP;
}

/* Numbers of Lua are doubles; those above 2^63 its readers take for negative or not. */
static bool take_scalar(struct bullmq_value *v, const struct mpack_token *t)
{
    switch (t->kind) {
    case MPACK_NULL: v->kind = BULLMQ_NIL; return true;
    case MPACK_BOOLEAN: v->kind = t->boolean ? BULLMQ_TRUE : BULLMQ_FALSE; return true;
    case MPACK_INTEGER: v->kind = BULLMQ_NUMBER, v->number = (double)t->integer; return true;
    case MPACK_REAL: v->kind = BULLMQ_NUMBER, v->number = t->real; return true;
    case MPACK_TEXT: v->kind = BULLMQ_TEXT, v->text = t->text; return true;
    case MPACK_BIG:
    case MPACK_ARRAY:
    case MPACK_MAP: return false;
    }
    return false;
}

/* False: it is refused. */
static bool take(struct unpacking *u, struct slice *packed)
{
    struct mpack_token t;
    if (u->next == u->end || !mpack_next(packed, &t)) return false;
    if (t.kind != MPACK_TEXT && is_at_key(u)) return false;
    struct bullmq_value *v = u->next++;
    v->size = 1;
    if (t.kind >= MPACK_ARRAY) return open_container(u, v, t.kind == MPACK_MAP ? BULLMQ_MAP : BULLMQ_ARRAY, t.count);
    if (!take_scalar(v, &t)) return false;
    close_containers(u);
    return true;
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
    if (packed.len > BULLMQ_BYTES_MAX) return false;
    size_t values_max = packed.len < BULLMQ_VALUES_MAX ? packed.len : BULLMQ_VALUES_MAX;
    struct bullmq_value *values = ARENA_ARRAY(ctx->scratch, struct bullmq_value, values_max);
    struct unpacking u;
    u.next = values;
    u.end = values + values_max;
    u.depth = 0;
    do {
        if (!take(&u, &packed)) return false;
    } while (u.depth > 0);
    if (packed.len > 0) return false;
    for (const struct bullmq_value *v = values; v < u.next; v++)
        if (v->kind == BULLMQ_MAP && !has_keys_once(v)) return false;
    *out = values;
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
