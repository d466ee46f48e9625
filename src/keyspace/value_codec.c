/* SPDX-License-Identifier: MIT */
/*
 * value:   form, 1 byte    content
 *
 *   string   the text, up to the end
 *   list     count, elements from head to tail
 *   set      count, members
 *   zset     count, then for each: score, 8 bytes (a double, low byte first), member
 *   hash     count, then for each: field, value
 *   stream   last id, max deleted id, entries added
 *            blocks count, for each block: entries count, for each entry: id, fields count, then field, value, ...
 *            groups count, for each group: name, last id, entries read (folded), consumers count, for each: name, seen ms
 *            (folded); pending count, for each: id, delivered ms (folded), delivery count (folded), index of the consumer
 *
 * Counts and numbers are varints (base/varint.h), a text is its length and its bytes. An id is ms and seq; those of entries
 * and of pending entries are told from the one before (at first 0-0): ms - before.ms, and seq, which is less before.seq when
 * ms is the same.
 *
 * `form` remembers what the content does not tell: that a value left Redis's compact form (OBJECT ENCODING is sticky). Redis itself
 * forgets that when it loads an RDB file: a string that spells an integer is "int" again, a small table "listpack" again. We
 * remember it because a value may also leave memory and come back while the server runs, which nobody shall see.
 *
 * Blocks of a stream are told because "MAXLEN ~" drops whole ones. Deleted entries that a block still holds are not, so a
 * block may become a little fuller than the one in memory would have.
 */
#include "keyspace/value_codec.h"

#include "base/mem.h"
#include "base/varint.h"
#include "keyspace/hash.h"
#include "keyspace/list.h"
#include "keyspace/set.h"
#include "keyspace/stream.h"
#include "keyspace/stream_group.h"
#include "keyspace/string.h"
#include "keyspace/zset.h"

enum form {
    FORM_PLAIN,
    FORM_TABLE, /* hash, set, zset: "hashtable" or "skiplist", whatever is in it; string: a text that spells an integer */
    FORM_RAW    /* string: changed in place */
};

#define SCORE_BYTES VALUE_SCORE_BYTES
/* Strings from somewhere below this on are "raw" in Redis, changed or not. */
#define RAW_ANYWAY_BYTES 64u
/* Fields and values that are handed to a hash in one go: all of a hash that stays small. */
#define BATCH_ITEMS (2 * HASH_PACKED_MAX_FIELDS)

/* ---- writing: the first error stays, and nothing more is written ---- */

struct writer {
    struct buf *out;
    oxq_err error;
};

static void put_bytes(struct writer *w, struct slice bytes)
{
    if (!w->error) w->error = buf_append(w->out, bytes);
}

static void put_number(struct writer *w, uint64_t n)
{
    char bytes[VARINT_MAX_BYTES];
    put_bytes(w, slice_of(bytes, varint_put(bytes, n)));
}

static void put_signed(struct writer *w, int64_t n)
{
    put_number(w, varint_fold(n));
}

static void put_text(struct writer *w, struct slice text)
{
    put_number(w, text.len);
    put_bytes(w, text);
}

static void put_id(struct writer *w, struct stream_id id, struct stream_id before)
{
    put_number(w, id.ms - before.ms);
    put_number(w, id.ms == before.ms ? id.seq - before.seq : id.seq);
}

static void put_string(struct writer *w, const struct value *v)
{
    char digits[NUM_INT_MAX_CHARS];
    put_bytes(w, string_borrow(v, digits));
}

static void put_list(struct writer *w, const struct value *v)
{
    put_number(w, list_count(v));
    struct list_cursor c = list_from(v, LIST_HEAD);
    for (; list_is_inside(&c); list_step(&c, LIST_TAIL)) put_text(w, list_get(&c));
}

static void put_set(struct writer *w, const struct value *v)
{
    struct set_iter it;
    struct slice member;
    put_number(w, set_count(v));
    set_iter_begin(&it, v);
    while (set_iter_next(&it, &member)) put_text(w, member);
    set_iter_end(&it);
}

static void put_zset(struct writer *w, const struct value *v)
{
    struct zset_cursor c = zset_seek_rank(v, 0);
    struct zset_element e;
    char score[SCORE_BYTES];
    put_number(w, zset_count(v));
    while (zset_next(&c, &e)) {
        value_put_score(score, e.score);
        put_bytes(w, slice_of(score, SCORE_BYTES));
        put_text(w, e.member);
    }
}

static void put_hash(struct writer *w, const struct value *v)
{
    struct hash_iter it;
    struct slice field, value;
    put_number(w, hash_count(v));
    hash_iter_begin(&it, v);
    while (hash_iter_next(&it, &field, &value)) {
        put_text(w, field);
        put_text(w, value);
    }
    hash_iter_end(&it);
}

static void put_block(struct writer *w, const struct stream_block *b, struct stream_id *before)
{
    struct stream_entry entry;
    struct slice field, value;
    put_number(w, b->live_count);
    for (uint32_t at = stream_block_first(b); at != STREAM_AT_NONE; at = stream_block_next(b, at)) {
        stream_block_read(b, at, &entry);
        put_id(w, entry.id, *before);
        *before = entry.id;
        put_number(w, entry.fields_left);
        while (entry.fields_left > 0) {
            stream_entry_next(&entry, &field, &value);
            put_text(w, field);
            put_text(w, value);
        }
    }
}

static uint32_t consumer_index(const struct stream_group *g, const struct stream_consumer *c)
{
    uint32_t low = 0, high = g->consumers.count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        struct slice name = stream_name_text(&stream_consumer_at(g, middle)->name);
        if (slice_compare(name, stream_name_text(&c->name)) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void put_group(struct writer *w, const struct stream_group *g)
{
    put_text(w, stream_name_text(&g->name));
    put_id(w, g->last_id, STREAM_ID_MIN);
    put_signed(w, g->entries_read);
    put_number(w, g->consumers.count);
    for (uint32_t i = 0; i < g->consumers.count; i++) {
        const struct stream_consumer *c = stream_consumer_at(g, i);
        put_text(w, stream_name_text(&c->name));
        put_signed(w, c->seen_ms);
    }
    struct stream_id before = STREAM_ID_MIN;
    struct stream_pel_iter it;
    put_number(w, g->pending.count);
    stream_pel_iter_begin(&it, &g->pending, STREAM_ID_MIN);
    for (const struct stream_pending *p = stream_pel_iter_next(&it); p; p = stream_pel_iter_next(&it)) {
        put_id(w, p->id, before);
        before = p->id;
        put_signed(w, p->delivered_ms);
        put_signed(w, p->delivery_count);
        put_number(w, consumer_index(g, p->consumer));
    }
}

static void put_stream(struct writer *w, const struct value *v)
{
    const struct stream *s = stream_borrow(v);
    struct stream_id before = STREAM_ID_MIN;
    put_id(w, s->last_id, STREAM_ID_MIN);
    put_id(w, s->max_deleted_id, STREAM_ID_MIN);
    put_number(w, s->entries_added);
    put_number(w, s->blocks.count);
    for (uint32_t i = 0; i < s->blocks.count; i++) put_block(w, stream_dir_at(&s->blocks, i)->piece, &before);
    put_number(w, s->groups.count);
    for (uint32_t i = 0; i < s->groups.count; i++) put_group(w, stream_group_at(v, i));
}

/* The form that filling an empty value with the content would not give. */
static enum form form_of(const struct value *v)
{
    static const char *const tables[VALUE_TYPES_COUNT] = {
        [VALUE_SET] = "hashtable", [VALUE_ZSET] = "skiplist", [VALUE_HASH] = "hashtable"};
    const char *name = value_encoding_name(v);
    if (tables[v->type]) return strcmp(name, tables[v->type]) == 0 ? FORM_TABLE : FORM_PLAIN;
    if (v->type != VALUE_STRING || strcmp(name, "int") == 0) return FORM_PLAIN;
    int64_t n;
    if (strcmp(name, "raw") == 0) return string_len(v) < RAW_ANYWAY_BYTES ? FORM_RAW : FORM_PLAIN;
    return string_integer(v, &n) ? FORM_TABLE : FORM_PLAIN;
}

typedef void put_fn(struct writer *w, const struct value *v);

oxq_err value_encode(const struct value *v, struct buf *out)
{
    static put_fn *const puts[VALUE_TYPES_COUNT] = {put_string, put_list, put_set, put_zset, put_hash, put_stream};
    struct writer w = {.out = out};
    char form = (char)form_of(v);
    put_bytes(&w, slice_of(&form, 1));
    puts[v->type](&w, v);
    return w.error;
}

size_t value_count(const struct value *v)
{
    switch ((enum value_type)v->type) {
    case VALUE_STRING: break;
    case VALUE_LIST: return list_count(v);
    case VALUE_SET: return set_count(v);
    case VALUE_ZSET: return zset_count(v);
    case VALUE_HASH: return hash_count(v);
    case VALUE_STREAM: return stream_count(v);
    }
    return 1;
}

/* ---- reading: what does not fit makes is_broken true, and everything taken from then on is empty ---- */

struct reader {
    struct slice rest;
    bool is_broken;
};

static void break_off(struct reader *r)
{
    r->is_broken = true;
    r->rest = slice_of(NULL, 0);
}

static uint64_t take_number(struct reader *r)
{
    uint64_t n = 0;
    if (!varint_take(&r->rest, &n)) break_off(r);
    return n;
}

static int64_t take_signed(struct reader *r)
{
    return varint_unfold(take_number(r));
}

/* A count of things that take at least `least_bytes` each: no more than there is room for. */
static uint64_t take_count(struct reader *r, size_t least_bytes)
{
    uint64_t count = take_number(r);
    if (count <= r->rest.len / least_bytes) return count;
    break_off(r);
    return 0;
}

static struct slice take_text(struct reader *r, size_t limit)
{
    struct slice text = {NULL, 0};
    if (!varint_take_text(&r->rest, &text) || text.len > limit) {
        break_off(r);
        return slice_of(NULL, 0);
    }
    return text;
}

static double take_score(struct reader *r)
{
    struct slice bytes;
    double score = 0;
    if (varint_take_bytes(&r->rest, SCORE_BYTES, &bytes))
        score = value_get_score(bytes.at);
    else
        break_off(r);
    if (score == score) return score;
    break_off(r);
    return 0;
}

static struct stream_id take_id(struct reader *r, struct stream_id before)
{
    uint64_t ms = take_number(r), seq = take_number(r);
    uint64_t before_seq = ms == 0 ? before.seq : 0;
    if (ms > UINT64_MAX - before.ms || seq > UINT64_MAX - before_seq) break_off(r);
    return (struct stream_id){before.ms + ms, before_seq + seq};
}

/* An id that must be above the one before. */
static struct stream_id take_next_id(struct reader *r, struct stream_id before)
{
    struct stream_id id = take_id(r, before);
    if (!stream_id_less(before, id)) break_off(r);
    return id;
}

/* Nothing longer can have come in; and two lengths of this size can be added. */
#define TEXT_MAX_BYTES ((size_t)1 << 30)

static void read_string(struct reader *r, enum form form, struct value *v)
{
    struct slice text = r->rest;
    r->rest = slice_of(NULL, 0);
    if (text.len > STRING_MAX_BYTES) {
        r->is_broken = true;
        return;
    }
    if (form == FORM_PLAIN)
        string_set(v, text);
    else
        string_set_text(v, text);
    if (form == FORM_RAW && string_write(v, text.len, slice_of(NULL, 0)) != OXQ_OK) r->is_broken = true;
}

static void read_list(struct reader *r, enum form form, struct value *v)
{
    if (form != FORM_PLAIN) break_off(r);
    uint64_t count = take_count(r, 1);
    for (uint64_t i = 0; i < count && !r->is_broken; i++) {
        struct slice element = take_text(r, LIST_ELEMENT_MAX_BYTES);
        if (!r->is_broken) list_push(v, LIST_TAIL, element);
    }
}

/* Longer than anything in a value of the compact form, so it is not there; its coming and going makes the other form. */
static const struct slice long_text =
    SLICE_INIT("123456789 123456789 123456789 123456789 123456789 123456789 123456789");

void value_make_table(struct value *v)
{
    if (form_of(v) == FORM_TABLE) return;
    if (v->type == VALUE_HASH) {
        hash_set(v, long_text, long_text);
        hash_delete(v, long_text);
    } else if (v->type == VALUE_ZSET) {
        zset_add(v, long_text, 0, 0, NULL);
        zset_remove(v, long_text);
    } else if (v->type == VALUE_SET && set_count(v) > 0) {
        set_add(v, long_text);
        set_remove(v, long_text);
    }
}

static void read_set(struct reader *r, enum form form, struct value *v)
{
    uint64_t count = take_count(r, 1);
    for (uint64_t i = 0; i < count && !r->is_broken; i++) {
        struct slice member = take_text(r, SET_MEMBER_MAX_BYTES);
        if (!r->is_broken && !set_add(v, member)) break_off(r);
    }
    /* An empty set forgets its form. */
    if (form == FORM_TABLE) value_make_table(v);
}

static void read_zset(struct reader *r, enum form form, struct value *v)
{
    if (form == FORM_TABLE) value_make_table(v);
    uint64_t count = take_count(r, SCORE_BYTES + 1);
    for (uint64_t i = 0; i < count && !r->is_broken; i++) {
        double score = take_score(r);
        struct slice member = take_text(r, TEXT_MAX_BYTES);
        if (!r->is_broken && zset_add(v, member, score, 0, NULL) != ZSET_ADDED_NEW) break_off(r);
    }
}

static void read_hash(struct reader *r, enum form form, struct value *v)
{
    struct slice items[BATCH_ITEMS];
    if (form == FORM_TABLE) value_make_table(v);
    uint64_t count = take_count(r, 2), left = count;
    while (left > 0 && !r->is_broken) {
        size_t items_count = 0;
        for (; left > 0 && items_count < BATCH_ITEMS; left--) {
            items[items_count++] = take_text(r, TEXT_MAX_BYTES);
            items[items_count++] = take_text(r, TEXT_MAX_BYTES);
        }
        if (!r->is_broken) hash_set_many(v, items, items_count);
    }
    if (hash_count(v) != count) break_off(r);
}

/* ---- streams ---- */

/* Where the fields of an entry are gathered. */
struct items {
    struct slice *at; /* owned */
    size_t count, cap;
};

static void take_items(struct reader *r, struct items *items)
{
    uint64_t left = take_count(r, 2) * 2;
    size_t bytes = 0;
    if (left == 0) break_off(r);
    for (items->count = 0; left > 0 && !r->is_broken; left--) {
        if (items->count == items->cap) {
            items->cap = items->cap ? items->cap * 2 : 16;
            items->at = mem_resize(items->at, items->cap * sizeof(*items->at));
        }
        struct slice text = take_text(r, STREAM_ENTRY_MAX_BYTES - bytes);
        bytes += text.len;
        items->at[items->count++] = text;
    }
}

static void read_block(struct reader *r, struct value *v, struct items *items)
{
    uint64_t count = take_count(r, 4);
    if (count == 0) break_off(r);
    for (uint64_t i = 0; i < count && !r->is_broken; i++) {
        struct stream_id id = take_next_id(r, stream_borrow(v)->last_id);
        take_items(r, items);
        /* One entry at most: what was the last block takes no more. */
        const struct stream_limits limits = {.entries = i == 0 ? 1 : 0};
        if (!r->is_broken) stream_add(v, id, items->at, items->count, &limits);
    }
}

static void read_consumers(struct reader *r, struct stream_group *g)
{
    uint64_t count = take_count(r, 2);
    for (uint64_t i = 0; i < count && !r->is_broken; i++) {
        struct slice name = take_text(r, TEXT_MAX_BYTES);
        int64_t seen_ms = take_signed(r);
        if (stream_consumer_find(g, name)) break_off(r);
        if (!r->is_broken) stream_consumer_create(g, name)->seen_ms = seen_ms;
    }
}

static void read_pending(struct reader *r, struct stream_group *g)
{
    uint64_t count = take_count(r, 5);
    struct stream_pending pending = {.id = STREAM_ID_MIN};
    for (uint64_t i = 0; i < count && !r->is_broken; i++) {
        /* The first may be 0-0: XGROUP and XCLAIM can make an id pending that no entry has. */
        pending.id = i == 0 ? take_id(r, STREAM_ID_MIN) : take_next_id(r, pending.id);
        pending.delivered_ms = take_signed(r);
        pending.delivery_count = take_signed(r);
        uint64_t index = take_number(r);
        if (index >= g->consumers.count) break_off(r);
        if (r->is_broken) return;
        pending.consumer = stream_consumer_at(g, (uint32_t)index);
        stream_pending_set(g, &pending);
    }
}

static void read_group(struct reader *r, struct value *v)
{
    struct slice name = take_text(r, TEXT_MAX_BYTES);
    struct stream_id last_id = take_id(r, STREAM_ID_MIN);
    int64_t entries_read = take_signed(r);
    if (stream_group_find(v, name) || entries_read < STREAM_READ_UNKNOWN) break_off(r);
    if (r->is_broken) return;
    struct stream_group *g = stream_group_create(v, name);
    g->last_id = last_id;
    g->entries_read = entries_read;
    read_consumers(r, g);
    read_pending(r, g);
}

static void read_stream(struct reader *r, enum form form, struct value *v)
{
    if (form != FORM_PLAIN) break_off(r);
    struct stream_id last_id = take_id(r, STREAM_ID_MIN), max_deleted_id = take_id(r, STREAM_ID_MIN);
    uint64_t entries_added = take_number(r);
    struct items items = {0};
    uint64_t blocks = take_count(r, 5);
    for (uint64_t i = 0; i < blocks && !r->is_broken; i++) read_block(r, v, &items);
    mem_free(items.at);
    if (stream_id_less(last_id, stream_borrow(v)->last_id) || entries_added > INT64_MAX) break_off(r);
    if (!r->is_broken) stream_set_id(v, last_id, entries_added, max_deleted_id);
    uint64_t groups = take_count(r, 6);
    for (uint64_t i = 0; i < groups && !r->is_broken; i++) read_group(r, v);
}

typedef void read_fn(struct reader *r, enum form form, struct value *v);

oxq_err value_decode(enum value_type type, struct slice bytes, struct value *out)
{
    static read_fn *const reads[VALUE_TYPES_COUNT] = {read_string, read_list, read_set,
                                                      read_zset,   read_hash, read_stream};
    if ((unsigned)type >= VALUE_TYPES_COUNT || bytes.len == 0) return OXQ_ERR_FORMAT;
    uint8_t form = (uint8_t)bytes.at[0];
    if (form > FORM_RAW || (form == FORM_RAW && type != VALUE_STRING)) return OXQ_ERR_FORMAT;

    struct reader r = {.rest = slice_from(bytes, 1)};
    value_init(out, type);
    reads[type](&r, (enum form)form, out);
    if (!r.is_broken && r.rest.len == 0 && !value_is_empty(out)) return OXQ_OK;
    value_deinit(out);
    return OXQ_ERR_FORMAT;
}

/* ---- walking ---- */

oxq_err value_elements_begin(struct value_elements *it, enum value_type type, struct slice bytes)
{
    bool is_flat = type == VALUE_LIST || type == VALUE_SET || type == VALUE_ZSET || type == VALUE_HASH;
    if (!is_flat || bytes.len == 0 || bytes.at[0] > FORM_TABLE) return OXQ_ERR_FORMAT;
    *it = (struct value_elements){.rest = slice_from(bytes, 1), .type = type};
    return varint_take(&it->rest, &it->left) ? OXQ_OK : OXQ_ERR_FORMAT;
}

oxq_err value_elements_next(struct value_elements *it, struct value_element *out)
{
    struct reader r = {.rest = it->rest};
    *out = (struct value_element){.score = it->type == VALUE_ZSET ? take_score(&r) : 0};
    out->name = take_text(&r, TEXT_MAX_BYTES);
    if (it->type == VALUE_HASH) out->value = take_text(&r, TEXT_MAX_BYTES);
    it->rest = r.rest;
    it->left--;
    return r.is_broken ? OXQ_ERR_FORMAT : OXQ_OK;
}
