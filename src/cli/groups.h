/* SPDX-License-Identifier: MIT */
/*
 * Errors that differ only in what changes from job to job are one group: numbers, ids, addresses and what stands in quotes are left out
 * before they are compared. Pure.
 */
#ifndef CLI_GROUPS_H
#define CLI_GROUPS_H

#include "base/arena.h"
#include "base/map.h"

/* Further ones are counted together. */
#define GROUPS_MAX 10000
#define GROUPS_SHAPE_BYTES 240

/* The error's first line without what changes: `user # "…" is not there`. In the arena. */
const char *groups_shape(struct arena *arena, const char *error);

struct group {
    struct map_node node;
    const char *shape;
    const char *sample_id, *sample; /* the newest job of it, and its error's first line */
    int64_t count, first_ms, last_ms;
};

/* `struct groups g = {.map = {.key_of = groups_key}};` is an empty one. */
struct groups {
    struct map map;
    struct arena arena;
    int64_t others; /* jobs of no group, because there were too many groups */
};

struct slice groups_key(const struct map_node *node);
void groups_deinit(struct groups *g);
/* Counts one more failed job. */
void groups_add(struct groups *g, const char *error, const char *id, int64_t at_ms);
/* All of them, the largest first, of equal ones the newest. In the arena of g. */
const struct group **groups_in_order(struct groups *g, size_t *out_count);

#endif
