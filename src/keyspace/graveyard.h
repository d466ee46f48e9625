/* SPDX-License-Identifier: MIT */
/*
 * Values and databases that nobody can reach any more, and that are too big to be freed at once. See graveyard.c.
 */
#ifndef KEYSPACE_GRAVEYARD_H
#define KEYSPACE_GRAVEYARD_H

#include "base/map.h"
#include "keyspace/dormant.h"
#include "keyspace/value.h"

struct grave;
struct items_chain;
struct tracker;

/* All zero is empty. */
struct graveyard {
    struct tracker *tracker; /* borrowed: told of each entry before it is freed; may be NULL */
    struct grave *first;     /* owned */
    size_t pending_count;    /* values that wait to be freed */
    size_t freed_count;      /* those that waited and are freed by now */
};

void graveyard_deinit(struct graveyard *g);
/* Frees a small value now, a big one later. v is left without content, as after value_deinit. */
void graveyard_give_value(struct graveyard *g, struct value *v);
/* The entries of a database and their values. The map is left empty. */
void graveyard_give_keys(struct graveyard *g, struct map *keys);
/* Keys that have no entries. Left empty. */
void graveyard_give_dormant(struct graveyard *g, struct dormant *dormant);
/* What waited for a checkpoint; the chain is left empty. */
void graveyard_give_items(struct graveyard *g, struct items_chain *items);
/* Frees about `steps` allocations. False when there was nothing to free. */
bool graveyard_free_some(struct graveyard *g, size_t steps);

static inline bool graveyard_is_empty(const struct graveyard *g)
{
    return !g->first;
}

#endif
