/* SPDX-License-Identifier: MIT */
#include "keyspace/value.h"

#include "base/err.h"
#include "keyspace/hash.h"
#include "keyspace/list.h"
#include "keyspace/set.h"
#include "keyspace/stream.h"
#include "keyspace/string.h"
#include "keyspace/zset.h"

/* What every type provides, one row each. */
struct value_ops {
    const char *name;
    void (*init)(struct value *v);
    void (*deinit)(struct value *v);
    bool (*drain)(struct value *v, size_t *steps); /* frees all that is many; deinit can follow at any time */
    void (*copy)(const struct value *v, struct value *out);
    const char *(*encoding_name)(const struct value *v);
    size_t (*bytes)(const struct value *v, size_t samples);
    uint64_t (*digest)(const struct value *v);
    size_t (*count)(const struct value *v); /* NULL: an empty value is a value (strings, streams) */
};

static bool string_drain(struct value *v, size_t *steps)
{
    (void)v, (void)steps;
    return true;
}

#define OPS(type, count_fn)                                                                                            \
    {                                                                                                                  \
        .name = #type, .init = type##_init, .deinit = type##_deinit, .drain = type##_drain, .copy = type##_copy,       \
        .encoding_name = type##_encoding_name, .bytes = type##_bytes, .digest = type##_digest, .count = count_fn       \
    }

static const struct value_ops ops[VALUE_TYPES_COUNT] = {
    [VALUE_STRING] = OPS(string, NULL),   [VALUE_LIST] = OPS(list, list_count), [VALUE_SET] = OPS(set, set_count),
    [VALUE_ZSET] = OPS(zset, zset_count), [VALUE_HASH] = OPS(hash, hash_count), [VALUE_STREAM] = OPS(stream, NULL),
};

void value_init(struct value *v, enum value_type type)
{
    uint32_t aux = v->aux;
    *v = (struct value){.type = (uint8_t)type, .aux = aux};
    ops[type].init(v);
}

void value_deinit(struct value *v)
{
    ops[v->type].deinit(v);
}

bool value_drain(struct value *v, size_t *steps)
{
    return ops[v->type].drain(v, steps);
}

void value_copy(const struct value *v, struct value *out)
{
    value_init(out, (enum value_type)v->type);
    uint32_t aux = out->aux;
    ops[v->type].copy(v, out);
    out->aux = aux;
}

const char *value_type_name(enum value_type type)
{
    return ops[type].name;
}

const char *value_encoding_name(const struct value *v)
{
    return ops[v->type].encoding_name(v);
}

size_t value_bytes(const struct value *v, size_t samples)
{
    return ops[v->type].bytes(v, samples);
}

bool value_is_empty(const struct value *v)
{
    return ops[v->type].count && ops[v->type].count(v) == 0;
}

uint64_t value_digest(const struct value *v)
{
    return ops[v->type].digest(v);
}
