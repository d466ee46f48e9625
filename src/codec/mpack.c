/* SPDX-License-Identifier: MIT */
/*
 * The reader is msgpack-c's parser template, made for uses like this one: it is included once with names that say what
 * to call for each value. The template's own stack of containers lies on ours, hence its bound.
 */
#include "codec/mpack.h"

#define MSGPACK_EMBED_STACK_SIZE MPACK_DEPTH_MAX
#include <assert.h>
#include <msgpack/pack.h>
#include <msgpack/sysdep.h>
#include <msgpack/unpack.h>
#include <msgpack/unpack_define.h>

/* ---- reading ---- */

struct reading {
    const struct mpack_visitor *visitor;
    void *ctx;
};

#define msgpack_unpack_struct(name) struct parser##name
#define msgpack_unpack_func(ret, name) static inline ret parser##name
#define msgpack_unpack_callback(name) tell##name
/* What the template keeps for each open array: how many elements it has. */
#define msgpack_unpack_object uint32_t
#define msgpack_unpack_user struct reading

static uint32_t tell_root(struct reading *r)
{
    (void)r;
    return 0;
}

static int tell_integer(struct reading *r, int64_t n)
{
    r->visitor->integer(r->ctx, n);
    return 0;
}

#define INTEGER_CALLBACK(name, type)                                                                                   \
    static int tell_##name(struct reading *r, type n, uint32_t *o)                                                     \
    {                                                                                                                  \
        *o = 0;                                                                                                        \
        return tell_integer(r, n);                                                                                     \
    }
INTEGER_CALLBACK(uint8, uint8_t)
INTEGER_CALLBACK(uint16, uint16_t)
INTEGER_CALLBACK(uint32, uint32_t)
INTEGER_CALLBACK(int8, int8_t)
INTEGER_CALLBACK(int16, int16_t)
INTEGER_CALLBACK(int32, int32_t)
INTEGER_CALLBACK(int64, int64_t)
#undef INTEGER_CALLBACK

static int tell_uint64(struct reading *r, uint64_t n, uint32_t *o)
{
    *o = 0;
    if (n <= INT64_MAX) return tell_integer(r, (int64_t)n);
    r->visitor->big(r->ctx, n);
    return 0;
}

static int tell_double(struct reading *r, double d, uint32_t *o)
{
    *o = 0;
    r->visitor->real(r->ctx, d);
    return 0;
}

static int tell_float(struct reading *r, float f, uint32_t *o)
{
    return tell_double(r, f, o);
}

static int tell_nil(struct reading *r, uint32_t *o)
{
    *o = 0;
    r->visitor->null(r->ctx);
    return 0;
}

static int tell_true(struct reading *r, uint32_t *o)
{
    *o = 0;
    r->visitor->boolean(r->ctx, true);
    return 0;
}

static int tell_false(struct reading *r, uint32_t *o)
{
    *o = 0;
    r->visitor->boolean(r->ctx, false);
    return 0;
}

static int tell_str(struct reading *r, const char *base, const char *at, unsigned len, uint32_t *o)
{
    (void)base;
    *o = 0;
    r->visitor->text(r->ctx, slice_of(at, len));
    return 0;
}

static int tell_bin(struct reading *r, const char *base, const char *at, unsigned len, uint32_t *o)
{
    (void)r, (void)base, (void)at, (void)len;
    *o = 0;
    return MSGPACK_UNPACK_PARSE_ERROR;
}

static int tell_ext(struct reading *r, const char *base, const char *at, unsigned len, uint32_t *o)
{
    return tell_bin(r, base, at, len, o);
}

static int tell_array(struct reading *r, unsigned count, uint32_t *o)
{
    *o = 0;
    r->visitor->open_array(r->ctx, count);
    return 0;
}

static int tell_array_item(struct reading *r, uint32_t *array, uint32_t item)
{
    (void)item;
    r->visitor->element(r->ctx, ++*array);
    return 0;
}

static int tell_map(struct reading *r, unsigned count, uint32_t *o)
{
    *o = 0;
    r->visitor->open_map(r->ctx, count);
    return 0;
}

static int tell_map_item(struct reading *r, const uint32_t *map, uint32_t key, uint32_t value)
{
    (void)map, (void)key, (void)value;
    r->visitor->pair(r->ctx);
    return 0;
}

#include <msgpack/unpack_template.h>

oxq_err mpack_visit(struct slice *input, const struct mpack_visitor *visitor, void *ctx)
{
    if (input->len == 0) return OXQ_ERR_AGAIN;
    struct parser_context parser;
    parser.user = (struct reading){.visitor = visitor, .ctx = ctx};
    parser_init(&parser);
    size_t used = 0;
    int outcome = parser_execute(&parser, input->at, input->len, &used);
    if (outcome == 0) return OXQ_ERR_AGAIN;
    if (outcome == MSGPACK_UNPACK_NOMEM_ERROR) return OXQ_ERR_LIMIT;
    if (outcome < 0) return OXQ_ERR_FORMAT;
    *input = slice_from(*input, used);
    return OXQ_OK;
}

/* ---- writing ---- */

static int append(void *out, const char *at, size_t len)
{
    return (int)buf_append(out, slice_of(at, len));
}

/* The packer's functions return what the callback returned: an oxq_err. */
#define PACKER(out) (&(msgpack_packer){.data = (out), .callback = append})

oxq_err mpack_put_null(struct buf *out)
{
    return (oxq_err)msgpack_pack_nil(PACKER(out));
}

oxq_err mpack_put_bool(struct buf *out, bool b)
{
    return (oxq_err)(b ? msgpack_pack_true(PACKER(out)) : msgpack_pack_false(PACKER(out)));
}

oxq_err mpack_put_integer(struct buf *out, int64_t n)
{
    return (oxq_err)msgpack_pack_int64(PACKER(out), n);
}

oxq_err mpack_put_real(struct buf *out, double d)
{
    float f = (float)d;
    return (oxq_err)((double)f == d ? msgpack_pack_float(PACKER(out), f) : msgpack_pack_double(PACKER(out), d));
}

oxq_err mpack_put_text(struct buf *out, struct slice bytes)
{
    return (oxq_err)msgpack_pack_str_with_body(PACKER(out), bytes.at, bytes.len);
}

oxq_err mpack_put_array(struct buf *out, uint32_t count)
{
    return (oxq_err)msgpack_pack_array(PACKER(out), count);
}

oxq_err mpack_put_map(struct buf *out, uint32_t count)
{
    return (oxq_err)msgpack_pack_map(PACKER(out), count);
}
