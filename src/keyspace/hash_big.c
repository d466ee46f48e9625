/* SPDX-License-Identifier: MIT */
#include "keyspace/hash_big.h"

#include "base/err.h"
#include "base/mem.h"

static struct slice field_of_node(const struct map_node *node)
{
    return hash_node_field((const struct hash_node *)node);
}

struct map *hash_big_new(void)
{
    struct map *m = mem_alloc(sizeof(*m));
    *m = (struct map){.key_of = field_of_node};
    return m;
}

static void free_node(void *ctx, struct map_node *node)
{
    (void)ctx;
    mem_free(node);
}

bool hash_big_drain(struct map *m, size_t *steps)
{
    return map_drain(m, free_node, NULL, steps);
}

void hash_big_free(struct map *m)
{
    map_deinit(m, free_node, NULL);
    mem_free(m);
}

static size_t node_bytes(const struct hash_node *n)
{
    return sizeof(*n) + n->node.aux + n->value_len;
}

struct map *hash_big_copy(struct map *from)
{
    struct map *to = hash_big_new();
    struct map_iter it;
    map_iter_begin(&it, from);
    for (struct map_node *node = map_iter_next(&it); node; node = map_iter_next(&it)) {
        size_t bytes = node_bytes((const struct hash_node *)node);
        struct map_node *copy = mem_alloc(bytes);
        memcpy(copy, node, bytes);
        map_insert_hashed(to, copy, node->hash);
    }
    map_iter_end(&it);
    return to;
}

static void insert(struct map *m, uint32_t hash, struct slice field, struct slice value)
{
    CHECK(field.len < UINT32_MAX);
    struct hash_node *n = mem_alloc(sizeof(*n) + field.len + value.len);
    n->node.aux = (uint32_t)field.len;
    n->value_len = (uint32_t)value.len;
    if (field.len) memcpy(n->bytes, field.at, field.len);
    if (value.len) memcpy(n->bytes + field.len, value.at, value.len);
    map_insert_hashed(m, &n->node, hash);
}

void hash_big_put(struct map *m, struct hash_node *node, uint32_t hash, struct slice field, struct slice value)
{
    CHECK(value.len < UINT32_MAX);
    if (!node) {
        insert(m, hash, field, value);
        return;
    }
    if (node->value_len != value.len) {
        struct hash_node *moved = mem_resize(node, sizeof(*node) + field.len + value.len);
        if (moved != node) map_replace(m, &node->node, &moved->node);
        node = moved;
        node->value_len = (uint32_t)value.len;
    }
    if (value.len) memcpy(node->bytes + field.len, value.at, value.len);
}

size_t hash_big_bytes(struct map *m, size_t samples)
{
    size_t seen = 0, bytes = 0, count = map_count(m);
    struct map_iter it;
    map_iter_begin(&it, m);
    for (struct map_node *node = map_iter_next(&it); node; node = map_iter_next(&it)) {
        bytes += mem_size(node);
        if (++seen == samples) break;
    }
    map_iter_end(&it);
    if (seen > 0 && seen < count) bytes = (size_t)((double)bytes / (double)seen * (double)count);
    return bytes + mem_size(m) + mem_size(m->table[0].buckets) + mem_size(m->table[1].buckets);
}
