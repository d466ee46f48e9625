/* SPDX-License-Identifier: MIT */
/* A large hash: a map of nodes, each with its field and value in one allocation. For hash.c and hash_pick.c only. */
#ifndef KEYSPACE_HASH_BIG_H
#define KEYSPACE_HASH_BIG_H

#include "base/map.h"

/* value.encoding of a hash; 0 is the empty value's. */
enum hash_encoding { HASH_PACKED, HASH_BIG };

struct hash_node {
    struct map_node node; /* first; aux: length of the field */
    uint32_t value_len;
    char bytes[]; /* field, value */
};

static inline struct slice hash_node_field(const struct hash_node *n)
{
    return slice_of(n->bytes, n->node.aux);
}

static inline struct slice hash_node_value(const struct hash_node *n)
{
    return slice_of(n->bytes + n->node.aux, n->value_len);
}

/* Owns: caller; hash_big_free. */
struct map *hash_big_new(void);
void hash_big_free(struct map *m);
/* Frees at most *steps nodes, counted down, as map_drain does. */
bool hash_big_drain(struct map *m, size_t *steps);
struct map *hash_big_copy(struct map *from);
/* Sets the value of `node`, or of a new node when it is NULL (the field must be absent then). */
void hash_big_put(struct map *m, struct hash_node *node, uint32_t hash, struct slice field, struct slice value);
/* Bytes owned; above `samples` nodes (samples > 0) extrapolated. */
size_t hash_big_bytes(struct map *m, size_t samples);

#endif
