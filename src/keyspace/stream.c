/* SPDX-License-Identifier: MIT */
/*
 * A stream is a queue of blocks (stream_block.h), each of about a hundred entries:
 *
 *   value.ptr --> struct stream --> blocks: | first id, block | first id, block | ...     (stream_dir.h)
 *                              \--> groups: by name, each with its consumers and pending entries (stream_group.h)
 *
 * Appending writes into the last block; dropping the oldest takes whole blocks away and flags entries of the one that is
 * then first. An entry is found by binary search over the blocks' first ids and a walk inside the block. A stream that
 * never had anything is no allocation at all.
 *
 * Invariants (stream_check):
 *  1. blocks stand in the order of their entries' ids (deleted ones left aside), none of them above last_id; each starts
 *     at the id that its slot says.
 *  2. each block has an entry that is not deleted; together they have `count` of them.
 *  3. those of stream_block.h for each block and of stream_group.h for each group.
 *
 * Redis drops the block in which it trims only when that can go as a whole, so after XTRIM MINID it may keep one without
 * live entries; we do not, and nothing but XINFO's radix-tree-keys shows it.
 */
#include "keyspace/stream.h"

#include "base/err.h"
#include "base/mem.h"
#include "keyspace/digest.h"
#include "keyspace/stream_group.h"

/* A stream's first block starts small, for there are queues that see ten events in all. */
#define FIRST_BLOCK_ROOM 192u

static const struct stream nothing;

const struct stream *stream_borrow(const struct value *v)
{
    return v->ptr ? v->ptr : &nothing;
}

struct stream *stream_make(struct value *v)
{
    if (!v->ptr) v->ptr = mem_alloc_zero(sizeof(struct stream));
    return v->ptr;
}

static struct stream_block *block_at(const struct stream *s, uint32_t index)
{
    return stream_dir_at(&s->blocks, index)->piece;
}

void stream_init(struct value *v)
{
    v->ptr = NULL;
    v->encoding = 0;
}

bool stream_drain(struct value *v, size_t *steps)
{
    struct stream *s = v->ptr;
    if (!s) return true;
    for (; s->blocks.count > 0; --*steps) {
        if (*steps == 0) return false;
        mem_free(block_at(s, --s->blocks.count));
    }
    return stream_groups_drain(&s->groups, steps);
}

void stream_deinit(struct value *v)
{
    struct stream *s = v->ptr;
    if (!s) return;
    size_t steps = SIZE_MAX;
    stream_drain(v, &steps);
    stream_dir_deinit(&s->blocks);
    stream_groups_deinit(&s->groups);
    mem_free(s);
    stream_init(v);
}

void stream_copy(const struct value *v, struct value *out)
{
    *out = *v;
    if (!v->ptr) return;
    const struct stream *s = v->ptr;
    struct stream *copy = mem_alloc(sizeof(*copy));
    *copy = *s;
    copy->blocks = (struct stream_dir){0};
    for (uint32_t i = 0; i < s->blocks.count; i++) {
        struct stream_slot slot = {block_at(s, i)->first, stream_block_copy(block_at(s, i))};
        stream_dir_insert(&copy->blocks, i, slot);
    }
    stream_groups_copy(&s->groups, &copy->groups);
    out->ptr = copy;
}

const char *stream_encoding_name(const struct value *v)
{
    (void)v;
    return "stream";
}

size_t stream_count(const struct value *v)
{
    return stream_borrow(v)->count;
}

size_t stream_bytes(const struct value *v, size_t samples)
{
    const struct stream *s = stream_borrow(v);
    uint32_t looked_at = samples > 0 && samples < s->blocks.count ? (uint32_t)samples : s->blocks.count;
    size_t bytes = 0;
    for (uint32_t i = 0; i < looked_at; i++) bytes += mem_size(block_at(s, i));
    if (looked_at > 0) bytes = bytes * s->blocks.count / looked_at;
    return bytes + mem_size(v->ptr) + mem_size(s->blocks.slots) + stream_groups_bytes(&s->groups);
}

/* ---- appending ---- */

/* A new last block, as large as the one before it became: their entries are alike. */
static void open_block(struct stream *s, struct stream_id first, const struct slice *items, size_t items_count)
{
    size_t room = stream_block_room(items, items_count), usual = FIRST_BLOCK_ROOM;
    if (s->blocks.count > 0) {
        struct stream_slot *slot = stream_dir_at(&s->blocks, s->blocks.count - 1);
        struct stream_block *last = slot->piece;
        usual = last->end - sizeof(*last);
        stream_block_trim(&last);
        slot->piece = last;
    }
    struct stream_block *b = stream_block_new(first, room > usual ? room : usual);
    stream_dir_insert(&s->blocks, s->blocks.count, (struct stream_slot){first, b});
}

void stream_add(struct value *v, struct stream_id id, const struct slice *items, size_t items_count,
                const struct stream_limits *limits)
{
    struct stream *s = stream_make(v);
    SLOW_CHECK(stream_id_less(s->last_id, id));
    size_t items_bytes = 0;
    for (size_t i = 0; i < items_count; i++) items_bytes += items[i].len;
    CHECK(items_bytes <= STREAM_ENTRY_MAX_BYTES);

    uint32_t blocks = s->blocks.count;
    if (blocks == 0 || stream_block_is_full(block_at(s, blocks - 1), limits, items_bytes))
        open_block(s, id, items, items_count);
    struct stream_slot *slot = stream_dir_at(&s->blocks, s->blocks.count - 1);
    struct stream_block *b = slot->piece;
    stream_block_append(&b, id, items, items_count);
    slot->piece = b;
    s->last_id = id;
    s->count++;
    s->entries_added++;
}

/* ---- taking away ---- */

static void drop_block(struct stream *s, uint32_t index)
{
    mem_free(block_at(s, index));
    stream_dir_remove(&s->blocks, index);
}

/* Where an entry is that is not deleted; STREAM_AT_NONE when it is not there. */
static uint32_t find_entry(const struct stream *s, struct stream_id id, uint32_t *out_index)
{
    if (s->blocks.count == 0) return STREAM_AT_NONE;
    *out_index = stream_dir_find(&s->blocks, id);
    const struct stream_block *b = block_at(s, *out_index);
    uint32_t at = stream_block_first(b);
    while (at != STREAM_AT_NONE && stream_id_less(stream_block_id(b, at), id)) at = stream_block_next(b, at);
    if (at == STREAM_AT_NONE || !stream_id_equal(stream_block_id(b, at), id)) return STREAM_AT_NONE;
    return at;
}

bool stream_delete(struct value *v, struct stream_id id)
{
    struct stream *s = v->ptr;
    uint32_t index, at = s ? find_entry(s, id, &index) : STREAM_AT_NONE;
    if (at == STREAM_AT_NONE) return false;
    stream_block_delete(block_at(s, index), at);
    if (block_at(s, index)->live_count == 0) drop_block(s, index);
    s->count--;
    if (stream_id_less(s->max_deleted_id, id)) s->max_deleted_id = id;
    return true;
}

void stream_drop(struct value *v, size_t n)
{
    struct stream *s = v->ptr;
    while (n > 0 && s && s->count > 0) {
        struct stream_block *b = block_at(s, 0);
        size_t live = b->live_count;
        if (live <= n) {
            drop_block(s, 0);
            s->count -= live;
            n -= live;
            continue;
        }
        s->count -= n;
        for (; n > 0; n--) stream_block_delete(b, stream_block_first(b));
    }
}

void stream_set_id(struct value *v, struct stream_id last_id, uint64_t entries_added, struct stream_id max_deleted_id)
{
    struct stream *s = stream_make(v);
    if (s->blocks.count > 0) {
        /* Set back below entries that were deleted: what follows may not stand behind those in one block. */
        struct stream_block *b = block_at(s, s->blocks.count - 1);
        if (stream_id_less(last_id, stream_block_last_id(b))) b->is_closed = true;
    }
    s->last_id = last_id;
    s->entries_added = entries_added;
    s->max_deleted_id = max_deleted_id;
}

/* ---- trimming ---- */

static size_t count_below(const struct stream_block *b, struct stream_id min_id)
{
    size_t count = 0;
    for (uint32_t at = stream_block_first(b); at != STREAM_AT_NONE; at = stream_block_next(b, at)) {
        if (!stream_id_less(stream_block_id(b, at), min_id)) break;
        count++;
    }
    return count;
}

size_t stream_trim_count(const struct value *v, const struct stream_trim *trim)
{
    const struct stream *s = stream_borrow(v);
    bool is_by_count = trim->by == STREAM_TRIM_MAXLEN;
    size_t surplus = s->count > trim->max_count ? s->count - trim->max_count : 0, dropped = 0;
    if (trim->by == STREAM_TRIM_NONE || (is_by_count && surplus == 0)) return 0;
    if (is_by_count && !trim->is_approximate) return surplus;
    for (uint32_t i = 0; i < s->blocks.count; i++) {
        const struct stream_block *b = block_at(s, i);
        if (trim->limit && dropped + b->live_count > trim->limit) break;
        bool goes =
            is_by_count ? dropped + b->live_count <= surplus : stream_id_less(stream_block_last_id(b), trim->min_id);
        if (!goes) return trim->is_approximate ? dropped : dropped + count_below(b, trim->min_id);
        dropped += b->live_count;
    }
    return dropped;
}

/* ---- looking ---- */

bool stream_has(const struct value *v, struct stream_id id)
{
    uint32_t index;
    return find_entry(stream_borrow(v), id, &index) != STREAM_AT_NONE;
}

struct stream_id stream_first_id(const struct value *v)
{
    const struct stream *s = stream_borrow(v);
    if (s->blocks.count == 0) return STREAM_ID_MIN;
    const struct stream_block *b = block_at(s, 0);
    return stream_block_id(b, stream_block_first(b));
}

struct stream_id stream_newest_id(const struct value *v)
{
    const struct stream *s = stream_borrow(v);
    if (s->blocks.count == 0) return STREAM_ID_MIN;
    const struct stream_block *b = block_at(s, s->blocks.count - 1);
    return stream_block_id(b, stream_block_last(b));
}

static void enter_block(struct stream_iter *it, uint32_t index)
{
    it->index = index;
    it->block = index < it->stream->blocks.count ? block_at(it->stream, index) : NULL;
    if (it->block) it->at = it->is_reverse ? stream_block_last(it->block) : stream_block_first(it->block);
}

static void leave_block(struct stream_iter *it)
{
    if (it->is_reverse && it->index == 0)
        it->block = NULL;
    else
        enter_block(it, it->is_reverse ? it->index - 1 : it->index + 1);
}

static void step(struct stream_iter *it)
{
    it->at = it->is_reverse ? stream_block_prev(it->block, it->at) : stream_block_next(it->block, it->at);
    if (it->at == STREAM_AT_NONE) leave_block(it);
}

/* Is the entry that the iteration stands at still before the range, in its direction? */
static bool is_before_range(const struct stream_iter *it)
{
    struct stream_id id = stream_block_id(it->block, it->at);
    return it->is_reverse ? stream_id_less(it->last, id) : stream_id_less(id, it->first);
}

void stream_iter_begin(struct stream_iter *it, const struct value *v, struct stream_id first, struct stream_id last,
                       bool is_reverse)
{
    *it = (struct stream_iter){.stream = stream_borrow(v), .is_reverse = is_reverse, .first = first, .last = last};
    if (stream_id_less(last, first)) return;
    enter_block(it, stream_dir_find(&it->stream->blocks, is_reverse ? last : first));
    while (it->block && is_before_range(it)) step(it);
}

bool stream_iter_next(struct stream_iter *it, struct stream_entry *out)
{
    if (!it->block) return false;
    stream_block_read(it->block, it->at, out);
    if (it->is_reverse ? stream_id_less(out->id, it->first) : stream_id_less(it->last, out->id)) {
        it->block = NULL;
        return false;
    }
    step(it);
    return true;
}

/* ---- checking ---- */

static uint64_t digest_id(uint64_t digest, struct stream_id id)
{
    return digest_chain_int(digest_chain_int(digest, (int64_t)id.ms), (int64_t)id.seq);
}

uint64_t stream_digest(const struct value *v)
{
    const struct stream *s = stream_borrow(v);
    uint64_t digest = digest_id(digest_id(VALUE_STREAM, s->last_id), s->max_deleted_id);
    digest = digest_chain_int(digest, (int64_t)s->entries_added);
    struct stream_iter it;
    struct stream_entry entry;
    stream_iter_begin(&it, v, STREAM_ID_MIN, STREAM_ID_MAX, false);
    while (stream_iter_next(&it, &entry)) {
        digest = digest_chain_int(digest_id(digest, entry.id), entry.fields_left);
        while (entry.fields_left > 0) {
            struct slice field, value;
            stream_entry_next(&entry, &field, &value);
            digest = digest_chain(digest_chain(digest, field), value);
        }
    }
    return stream_groups_digest(&s->groups, digest);
}

void stream_check(const struct value *v)
{
    CHECK(v->type == VALUE_STREAM);
    const struct stream *s = stream_borrow(v);
    struct stream_id last = STREAM_ID_MIN;
    size_t count = 0;
    for (uint32_t i = 0; i < s->blocks.count; i++) {
        const struct stream_block *b = block_at(s, i);
        stream_block_check(b);
        CHECK(b->live_count > 0);                        /* 2 */
        CHECK(i == 0 || stream_id_less(last, b->first)); /* 1 */
        CHECK(stream_id_equal(stream_dir_at(&s->blocks, i)->first, b->first));
        last = stream_block_id(b, stream_block_last(b));
        CHECK(!stream_id_less(s->last_id, last));
        count += b->live_count;
    }
    CHECK(count == s->count);
    stream_groups_check(&s->groups);
}
