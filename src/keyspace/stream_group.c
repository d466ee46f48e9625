/* SPDX-License-Identifier: MIT */
/*
 * Groups and consumers stand in arrays sorted by name, which is the order that replies list them in; there are few.
 *
 * Invariants (stream_groups_check):
 *  1. names ascend.
 *  2. each pending entry of a group is in the list of just its consumer, and nothing else is in such a list.
 *  3. those of stream_pel.h for each list.
 *
 * entries_read counts what a group has read as if nothing was ever deleted, so that the lag is a subtraction. A deletion
 * behind the group's place does not matter; one ahead of it makes the count unknown until the group has passed it, or
 * stands where the count can be told again: at the end, or before or at the first entry. The rules are Redis's.
 */
#include "keyspace/stream_group.h"

#include "base/err.h"
#include "base/mem.h"
#include "keyspace/digest.h"

/* ---- names ---- */

/* The place of the first name at or after this one. */
static uint32_t find_name(const struct stream_names *n, struct slice name, bool *out_is_there)
{
    uint32_t low = 0, high = n->count;
    *out_is_there = false;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        int order = slice_compare(stream_name_text(n->items[middle]), name);
        if (order == 0) *out_is_there = true;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void *get_name(const struct stream_names *n, struct slice name)
{
    bool is_there;
    uint32_t at = find_name(n, name, &is_there);
    return is_there ? n->items[at] : NULL;
}

/* A zeroed struct of `bytes` that starts with the name, put in its place. */
static void *add_name(struct stream_names *n, struct slice name, size_t bytes)
{
    CHECK(name.len <= UINT32_MAX);
    struct stream_name *item = mem_alloc(bytes + name.len);
    memset(item, 0, bytes);
    char *text = (char *)item + bytes;
    if (name.len) memcpy(text, name.at, name.len);
    *item = (struct stream_name){(uint32_t)name.len, text};

    bool is_there;
    uint32_t at = find_name(n, name, &is_there);
    SLOW_CHECK(!is_there);
    if (n->count == n->cap) {
        n->cap = n->cap ? n->cap * 2 : 4;
        n->items = mem_resize(n->items, n->cap * sizeof(struct stream_name *));
    }
    memmove(n->items + at + 1, n->items + at, (n->count - at) * sizeof(struct stream_name *));
    n->items[at] = item;
    n->count++;
    return item;
}

/* Takes the struct out; it is the caller's to free. */
static void take_name(struct stream_names *n, const struct stream_name *name)
{
    bool is_there;
    uint32_t at = find_name(n, stream_name_text(name), &is_there);
    CHECK(is_there && n->items[at] == name);
    n->count--;
    memmove(n->items + at, n->items + at + 1, (n->count - at) * sizeof(struct stream_name *));
}

/* ---- consumers ---- */

struct stream_consumer *stream_consumer_at(const struct stream_group *g, uint32_t index)
{
    return (struct stream_consumer *)g->consumers.items[index];
}

struct stream_consumer *stream_consumer_find(const struct stream_group *g, struct slice name)
{
    return get_name(&g->consumers, name);
}

struct stream_consumer *stream_consumer_create(struct stream_group *g, struct slice name)
{
    struct stream_consumer *c = add_name(&g->consumers, name, sizeof(*c));
    c->pending.element_bytes = sizeof(struct stream_id);
    return c;
}

static void consumer_free(struct stream_consumer *c)
{
    stream_pel_deinit(&c->pending);
    mem_free(c);
}

void stream_consumer_delete(struct stream_group *g, struct stream_consumer *c)
{
    struct stream_pel_iter it;
    stream_pel_iter_begin(&it, &c->pending, STREAM_ID_MIN);
    for (const struct stream_id *id = stream_pel_iter_next(&it); id; id = stream_pel_iter_next(&it))
        CHECK(stream_pel_remove(&g->pending, *id));
    take_name(&g->consumers, &c->name);
    consumer_free(c);
}

/* ---- groups ---- */

struct stream_group *stream_group_at(const struct value *v, uint32_t index)
{
    return (struct stream_group *)stream_borrow(v)->groups.items[index];
}

struct stream_group *stream_group_find(const struct value *v, struct slice name)
{
    return get_name(&stream_borrow(v)->groups, name);
}

static struct stream_group *create_group(struct stream_names *groups, struct slice name)
{
    struct stream_group *g = add_name(groups, name, sizeof(*g));
    g->entries_read = STREAM_READ_UNKNOWN;
    g->pending.element_bytes = sizeof(struct stream_pending);
    return g;
}

struct stream_group *stream_group_create(struct value *v, struct slice name)
{
    return create_group(&stream_make(v)->groups, name);
}

static bool group_drain(struct stream_group *g, size_t *steps)
{
    for (; g->consumers.count > 0; g->consumers.count--) {
        struct stream_consumer *c = stream_consumer_at(g, g->consumers.count - 1);
        if (!stream_pel_drain(&c->pending, steps) || *steps == 0) return false;
        --*steps;
        consumer_free(c);
    }
    return stream_pel_drain(&g->pending, steps);
}

static void group_free(struct stream_group *g)
{
    size_t steps = SIZE_MAX;
    group_drain(g, &steps);
    mem_free(g->consumers.items);
    stream_pel_deinit(&g->pending);
    mem_free(g);
}

void stream_group_delete(struct value *v, struct stream_group *g)
{
    take_name(&stream_make(v)->groups, &g->name);
    group_free(g);
}

/* ---- pending entries ---- */

struct stream_pending *stream_pending_find(const struct stream_group *g, struct stream_id id)
{
    return stream_pel_find(&g->pending, id);
}

void stream_pending_set(struct stream_group *g, const struct stream_pending *pending)
{
    bool is_new;
    struct stream_pending *p = stream_pel_insert(&g->pending, pending->id, &is_new);
    if (is_new || p->consumer != pending->consumer) {
        bool is_new_there;
        if (!is_new) CHECK(stream_pel_remove(&p->consumer->pending, pending->id));
        stream_pel_insert(&pending->consumer->pending, pending->id, &is_new_there);
        CHECK(is_new_there);
    }
    *p = *pending;
}

bool stream_pending_delete(struct stream_group *g, struct stream_id id)
{
    const struct stream_pending *p = stream_pending_find(g, id);
    if (!p) return false;
    CHECK(stream_pel_remove(&p->consumer->pending, id));
    CHECK(stream_pel_remove(&g->pending, id));
    return true;
}

/* ---- reading and lag ---- */

/* Was an entry deleted at or after `from`, not before the first that is left? */
static bool has_gaps_after(const struct value *v, struct stream_id from)
{
    const struct stream *s = stream_borrow(v);
    if (s->count == 0 || stream_id_is_zero(s->max_deleted_id)) return false;
    if (stream_id_less(s->max_deleted_id, stream_first_id(v))) return false;
    return !stream_id_less(s->max_deleted_id, from);
}

int64_t stream_entries_up_to(const struct value *v, struct stream_id id)
{
    const struct stream *s = stream_borrow(v);
    int64_t added = (int64_t)s->entries_added, dropped = added - (int64_t)s->count;
    if (added == 0) return 0;
    if (s->count == 0 && !stream_id_less(s->last_id, id)) return added;
    if (stream_id_equal(id, s->last_id)) return added;
    if (stream_id_less(s->last_id, id)) return STREAM_READ_UNKNOWN;

    struct stream_id first = stream_first_id(v);
    if (!stream_id_is_zero(s->max_deleted_id) && !stream_id_less(s->max_deleted_id, first)) return STREAM_READ_UNKNOWN;
    if (stream_id_less(id, first)) return dropped;
    return stream_id_equal(id, first) ? dropped + 1 : STREAM_READ_UNKNOWN;
}

int64_t stream_group_read_after(const struct value *v, const struct stream_group *g, struct stream_id id)
{
    if (g->entries_read != STREAM_READ_UNKNOWN && !has_gaps_after(v, id)) return g->entries_read + 1;
    return stream_borrow(v)->entries_added > 0 ? stream_entries_up_to(v, id) : g->entries_read;
}

bool stream_group_lag(const struct value *v, const struct stream_group *g, int64_t *out)
{
    int64_t added = (int64_t)stream_borrow(v)->entries_added, read = g->entries_read;
    if (added == 0) {
        *out = 0;
        return true;
    }
    if (read == STREAM_READ_UNKNOWN || has_gaps_after(v, g->last_id)) read = stream_entries_up_to(v, g->last_id);
    if (read == STREAM_READ_UNKNOWN) return false;
    *out = added - read;
    return true;
}

/* ---- all groups ---- */

bool stream_groups_drain(struct stream_names *groups, size_t *steps)
{
    for (; groups->count > 0; groups->count--) {
        struct stream_group *g = (struct stream_group *)groups->items[groups->count - 1];
        if (!group_drain(g, steps) || *steps == 0) return false;
        --*steps;
        group_free(g);
    }
    return true;
}

void stream_groups_deinit(struct stream_names *groups)
{
    size_t steps = SIZE_MAX;
    stream_groups_drain(groups, &steps);
    mem_free(groups->items);
    *groups = (struct stream_names){0};
}

static void copy_consumer(const struct stream_consumer *from, struct stream_group *g)
{
    struct stream_consumer *to = stream_consumer_create(g, stream_name_text(&from->name));
    to->seen_ms = from->seen_ms;
    stream_pel_copy(&from->pending, &to->pending);
}

static void copy_group(const struct stream_group *from, struct stream_names *out)
{
    struct stream_group *to = create_group(out, stream_name_text(&from->name));
    to->last_id = from->last_id;
    to->entries_read = from->entries_read;
    for (uint32_t i = 0; i < from->consumers.count; i++) copy_consumer(stream_consumer_at(from, i), to);
    stream_pel_copy(&from->pending, &to->pending);

    struct stream_pel_iter it;
    stream_pel_iter_begin(&it, &to->pending, STREAM_ID_MIN);
    for (struct stream_pending *p = stream_pel_iter_next(&it); p; p = stream_pel_iter_next(&it))
        p->consumer = stream_consumer_find(to, stream_name_text(&p->consumer->name));
}

void stream_groups_copy(const struct stream_names *groups, struct stream_names *out)
{
    *out = (struct stream_names){0};
    for (uint32_t i = 0; i < groups->count; i++) copy_group((const struct stream_group *)groups->items[i], out);
}

static size_t group_bytes(const struct stream_group *g)
{
    size_t bytes = mem_size(g) + mem_size(g->consumers.items) + stream_pel_bytes(&g->pending);
    for (uint32_t i = 0; i < g->consumers.count; i++) {
        const struct stream_consumer *c = stream_consumer_at(g, i);
        bytes += mem_size(c) + stream_pel_bytes(&c->pending);
    }
    return bytes;
}

size_t stream_groups_bytes(const struct stream_names *groups)
{
    size_t bytes = mem_size(groups->items);
    for (uint32_t i = 0; i < groups->count; i++) bytes += group_bytes((const struct stream_group *)groups->items[i]);
    return bytes;
}

static uint64_t digest_id(uint64_t digest, struct stream_id id)
{
    return digest_chain_int(digest_chain_int(digest, (int64_t)id.ms), (int64_t)id.seq);
}

static uint64_t digest_group(const struct stream_group *g, uint64_t digest)
{
    digest = digest_id(digest_chain(digest, stream_name_text(&g->name)), g->last_id);
    digest = digest_chain_int(digest, g->entries_read);
    for (uint32_t i = 0; i < g->consumers.count; i++) {
        const struct stream_consumer *c = stream_consumer_at(g, i);
        digest = digest_chain_int(digest_chain(digest, stream_name_text(&c->name)), c->seen_ms);
    }
    struct stream_pel_iter it;
    stream_pel_iter_begin(&it, &g->pending, STREAM_ID_MIN);
    for (const struct stream_pending *p = stream_pel_iter_next(&it); p; p = stream_pel_iter_next(&it)) {
        digest = digest_chain(digest_id(digest, p->id), stream_name_text(&p->consumer->name));
        digest = digest_chain_int(digest_chain_int(digest, p->delivered_ms), p->delivery_count);
    }
    return digest;
}

uint64_t stream_groups_digest(const struct stream_names *groups, uint64_t digest)
{
    for (uint32_t i = 0; i < groups->count; i++)
        digest = digest_group((const struct stream_group *)groups->items[i], digest);
    return digest;
}

static void check_names(const struct stream_names *n)
{
    for (uint32_t i = 1; i < n->count; i++)
        CHECK(slice_compare(stream_name_text(n->items[i - 1]), stream_name_text(n->items[i])) < 0); /* 1 */
}

static void check_group(const struct stream_group *g)
{
    check_names(&g->consumers);
    stream_pel_check(&g->pending);
    size_t owned = 0;
    for (uint32_t i = 0; i < g->consumers.count; i++) {
        struct stream_consumer *c = stream_consumer_at(g, i);
        stream_pel_check(&c->pending);
        owned += c->pending.count;
        struct stream_pel_iter it;
        stream_pel_iter_begin(&it, &c->pending, STREAM_ID_MIN);
        for (const struct stream_id *id = stream_pel_iter_next(&it); id; id = stream_pel_iter_next(&it)) {
            const struct stream_pending *p = stream_pending_find(g, *id);
            CHECK(p && p->consumer == c); /* 2 */
        }
    }
    CHECK(owned == g->pending.count);
}

void stream_groups_check(const struct stream_names *groups)
{
    check_names(groups);
    for (uint32_t i = 0; i < groups->count; i++) check_group((const struct stream_group *)groups->items[i]);
}
