/* SPDX-License-Identifier: MIT */
/*
 * To free a set of two million members takes a good part of a second, to free a database of as many keys longer. What is big is
 * therefore only put away here, and freed in slices between other work (engine_run_timers), and when a write would find no
 * memory otherwise (engine_is_out_of_memory): nobody can tell but by the clock and by INFO's lazyfree_pending_objects.
 *
 * Everything is freed by its type's drain function, which takes a number of steps and comes back when they are used up. A value
 * is buried when its first GRAVE_AT_ONCE steps were not enough, so nothing has to tell beforehand how big it is.
 */
#include "keyspace/graveyard.h"

#include "base/mem.h"
#include "keyspace/items.h"
#include "keyspace/tracker.h"

/* A grave costs an allocation and a place in the line: not for less than this. Redis has the same number. */
#define GRAVE_AT_ONCE 64

/* A database's keys (they have a key_of then), its dormant ones or a chain of items (they are not empty then), or a value. */
struct grave {
    struct grave *next;
    struct map keys;
    struct dormant dormant;
    struct items_chain items;
    struct value value;
};

struct digger {
    struct graveyard *yard;
    size_t steps; /* that may still be made */
};

static void dig(struct graveyard *g, struct grave grave)
{
    struct grave *new = mem_alloc(sizeof(*new));
    *new = grave;
    new->next = g->first;
    g->first = new;
}

/* True when the value is freed, false when it got its grave. */
static bool end_value(struct graveyard *g, struct value *v, size_t *steps)
{
    bool is_small = value_drain(v, steps);
    if (is_small)
        value_deinit(v);
    else
        dig(g, (struct grave){.value = *v});
    return is_small;
}

void graveyard_give_value(struct graveyard *g, struct value *v)
{
    size_t steps = GRAVE_AT_ONCE;
    if (!end_value(g, v, &steps)) g->pending_count++;
}

static void end_entry(void *ctx, struct map_node *node)
{
    struct digger *d = ctx;
    struct entry *e = (struct entry *)node;
    size_t few = GRAVE_AT_ONCE;
    if (d->yard->tracker) tracker_freeing(d->yard->tracker, e);
    if (end_value(d->yard, &e->value, &few)) {
        d->yard->pending_count--;
        d->yard->freed_count++;
    }
    size_t made = GRAVE_AT_ONCE - few;
    d->steps -= made < d->steps ? made : d->steps;
    mem_free(e);
}

/* True when the grave is empty. */
static bool dig_out(struct digger *d, struct grave *grave)
{
    if (grave->keys.key_of) return map_drain(&grave->keys, end_entry, d, &d->steps);
    if (grave->dormant.buckets_count > 0) return dormant_drain(&grave->dormant, &d->steps);
    if (grave->items.first) return items_chain_drain(&grave->items, &d->steps);
    if (!value_drain(&grave->value, &d->steps)) return false;
    value_deinit(&grave->value);
    d->yard->pending_count--;
    d->yard->freed_count++;
    return true;
}

static void free_some(struct digger *d)
{
    struct graveyard *g = d->yard;
    while (g->first && d->steps > 0) {
        struct grave *grave = g->first;
        g->first = grave->next;
        if (dig_out(d, grave)) {
            mem_free(grave);
        } else {
            grave->next = g->first;
            g->first = grave;
        }
    }
}

void graveyard_give_items(struct graveyard *g, struct items_chain *items)
{
    size_t steps = GRAVE_AT_ONCE;
    if (!items_chain_drain(items, &steps)) dig(g, (struct grave){.items = items_chain_take(items)});
}

/* No value waits with them, so they do not count as pending. */
void graveyard_give_dormant(struct graveyard *g, struct dormant *dormant)
{
    size_t steps = GRAVE_AT_ONCE;
    if (!dormant_drain(dormant, &steps)) dig(g, (struct grave){.dormant = *dormant});
    *dormant = (struct dormant){0};
}

bool graveyard_free_some(struct graveyard *g, size_t steps)
{
    if (!g->first) return false;
    free_some(&(struct digger){g, steps});
    return true;
}

void graveyard_give_keys(struct graveyard *g, struct map *keys)
{
    g->pending_count += map_count(keys);
    dig(g, (struct grave){.keys = *keys});
    *keys = (struct map){.key_of = keys->key_of};
    graveyard_free_some(g, GRAVE_AT_ONCE);
}

void graveyard_deinit(struct graveyard *g)
{
    graveyard_free_some(g, SIZE_MAX);
}
