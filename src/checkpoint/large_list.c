/* SPDX-License-Identifier: MIT */
/*
 * A chunk's row: name = its number, biased so that bytes sort as numbers do; body = count, then elements as texts.
 *
 * Chunks are numbered NUMBER_STEP apart, growing at the tail, falling at the head, so that a chunk that is split in the
 * middle finds a number between its neighbours. When there is none, all chunks on the side towards the tail move up by a
 * step, the last one first.
 *
 * A chunk is loaded when an effect reaches its elements and is written back once, at the end of the value's effects (or
 * when CHUNKS_LOADED_MAX of them are in memory). A push or pop at an end touches the chunk there; a pop of whole chunks
 * deletes rows without reading them.
 *
 * Invariants:
 *  1. numbers rise; no chunk is empty; a chunk that is not loaded is stored.
 *  2. count and bytes are those of the elements.
 */
#include "checkpoint/large_list.h"

#include "base/mem.h"
#include "base/varint.h"

/* 2^39 chunks fit on either side of the first: 24 splits at one place until numbers have to move. */
#define NUMBER_STEP (INT64_C(1) << 24)
#define CHUNKS_LOADED_MAX 64u
#define BIAS (UINT64_C(1) << 63)

/* ---- the directory ---- */

static void unload(struct large_list *l, struct large_chunk *c)
{
    if (!c->is_loaded) return;
    value_deinit(&c->elements);
    c->is_loaded = false;
    l->loaded_count--;
}

void large_list_deinit(struct large_list *l)
{
    for (size_t i = 0; i < l->count; i++) unload(l, &l->chunks[i]);
    mem_free(l->chunks);
    *l = (struct large_list){0};
}

/* A place for a new chunk before the index-th. */
static struct large_chunk *insert_chunk(struct large_list *l, size_t index, int64_t number)
{
    if (l->count == l->cap) {
        l->cap = l->cap ? l->cap * 2 : 16;
        l->chunks = mem_resize(l->chunks, l->cap * sizeof(*l->chunks));
    }
    struct large_chunk *c = l->chunks + index;
    memmove(c + 1, c, (l->count - index) * sizeof(*c));
    l->count++;
    *c = (struct large_chunk){.number = number};
    return c;
}

static void start_elements(struct large_list *l, struct large_chunk *c)
{
    c->elements.aux = 0;
    value_init(&c->elements, VALUE_LIST);
    c->is_loaded = true;
    l->loaded_count++;
}

static void key_of_chunk(struct row_key *out, uint64_t disk_id, int64_t number)
{
    char name[8];
    row_put_u64(name, (uint64_t)number ^ BIAS);
    row_key_of_part(out, disk_id, ROW_ELEMENT, slice_of(name, sizeof(name)));
}

bool large_list_read_chunk(struct slice body, uint64_t *out_count, struct slice *out_elements)
{
    *out_elements = body;
    return varint_take(out_elements, out_count) && *out_count > 0 && *out_count <= UINT32_MAX &&
           *out_count <= out_elements->len;
}

static bool add_known_chunk(struct large_list *l, struct slice key, struct slice bytes)
{
    struct row row;
    uint64_t count;
    struct slice elements;
    if (key.len != ROW_PART_BYTES + 8 || !row_read(key, bytes, &row)) return false;
    if (row.type != VALUE_LIST || !large_list_read_chunk(row.body, &count, &elements)) return false;
    int64_t number = (int64_t)(row_get_u64(key.at + ROW_PART_BYTES) ^ BIAS);
    struct large_chunk *c = insert_chunk(l, l->count, number);
    c->count = (uint32_t)count;
    c->bytes = (uint32_t)elements.len;
    c->is_stored = true;
    return true;
}

void large_list_know(struct large_list *l, struct store_writer *w, uint64_t disk_id)
{
    if (l->is_known || w->rc) return;
    struct row_key prefix;
    row_key_of_part(&prefix, disk_id, ROW_ELEMENT, slice_of(NULL, 0));
    struct store_walk walk;
    struct slice key, bytes;
    bool is_good = true;
    store_walk_begin(&walk, w->store, w->txn, STORE_PARTS, row_key_borrow(&prefix));
    while (is_good && store_walk_next(&walk, &key, &bytes)) is_good = add_known_chunk(l, key, bytes);
    w->rc = is_good ? walk.rc : MDB_CORRUPTED;
    store_walk_end(&walk);
    l->is_known = true;
}

uint64_t large_list_elements(const struct large_list *l)
{
    uint64_t count = 0;
    for (size_t i = 0; i < l->count; i++) count += l->chunks[i].count;
    return count;
}

/* ---- rows ---- */

static void load_chunk(struct large_list *l, struct store_writer *w, uint64_t disk_id, size_t index)
{
    if (l->chunks[index].is_loaded || w->rc) return;
    if (l->loaded_count >= CHUNKS_LOADED_MAX) large_list_flush(l, w, disk_id);
    struct large_chunk *c = &l->chunks[index];
    struct row_key key;
    struct row row;
    struct slice rest, element;
    uint64_t count;
    key_of_chunk(&key, disk_id, c->number);
    start_elements(l, c);
    bool is_good = store_writer_get(w, STORE_PARTS, row_key_borrow(&key), &row) &&
                   large_list_read_chunk(row.body, &count, &rest) && count == c->count;
    for (uint32_t i = 0; i < c->count && is_good; i++) {
        is_good = varint_take_text(&rest, &element) && element.len <= LIST_ELEMENT_MAX_BYTES;
        if (is_good) list_push(&c->elements, LIST_TAIL, element);
    }
    if (!is_good && !w->rc) w->rc = MDB_CORRUPTED;
}

static void append_text(struct buf *out, struct slice text)
{
    char len[VARINT_MAX_BYTES];
    mem_must(buf_append(out, slice_of(len, varint_put(len, text.len))));
    mem_must(buf_append(out, text));
}

static void write_chunk(struct large_chunk *c, struct store_writer *w, uint64_t disk_id)
{
    OWNED(buf_deinit) struct buf body = {.limit_bytes = SIZE_MAX};
    char count[VARINT_MAX_BYTES];
    mem_must(buf_append(&body, slice_of(count, varint_put(count, c->count))));
    struct list_cursor at = list_from(&c->elements, LIST_HEAD);
    for (; list_is_inside(&at); list_step(&at, LIST_TAIL)) append_text(&body, list_get(&at));
    struct row_key key;
    struct row row = {.type = VALUE_LIST, .body = buf_borrow(&body)};
    key_of_chunk(&key, disk_id, c->number);
    store_put(w, STORE_PARTS, row_key_borrow(&key), &row);
    c->is_stored = true;
}

void large_list_flush(struct large_list *l, struct store_writer *w, uint64_t disk_id)
{
    for (size_t i = 0; i < l->count && l->loaded_count > 0; i++) {
        if (!l->chunks[i].is_loaded) continue;
        write_chunk(&l->chunks[i], w, disk_id);
        unload(l, &l->chunks[i]);
    }
}

static void drop_row(const struct large_chunk *c, struct store_writer *w, uint64_t disk_id)
{
    struct row_key key;
    key_of_chunk(&key, disk_id, c->number);
    if (c->is_stored && !store_delete(w, STORE_PARTS, row_key_borrow(&key)) && !w->rc) w->rc = MDB_CORRUPTED;
}

/* Drops whole chunks, loaded or not. */
static void drop_chunks(struct large_list *l, struct store_writer *w, uint64_t disk_id, size_t index, size_t count)
{
    struct large_chunk *c = l->chunks + index;
    for (size_t i = 0; i < count; i++) {
        unload(l, &c[i]);
        drop_row(&c[i], w, disk_id);
    }
    memmove(c, c + count, (l->count - index - count) * sizeof(*c));
    l->count -= count;
}

/* ---- changes ---- */

static uint32_t text_bytes(struct slice text)
{
    return (uint32_t)(varint_size(text.len) + text.len);
}

static bool has_room(const struct large_chunk *c, struct slice element)
{
    return c->count < LARGE_LIST_CHUNK_COUNT && c->bytes + text_bytes(element) <= LARGE_LIST_CHUNK_BYTES;
}

void large_list_push(struct large_list *l, struct store_writer *w, uint64_t disk_id, enum list_end end,
                     struct slice element)
{
    size_t index = end == LIST_TAIL && l->count > 0 ? l->count - 1 : 0;
    if (l->count == 0 || !has_room(&l->chunks[index], element)) {
        int64_t number = l->count > 0 ? l->chunks[index].number : 0;
        if (end == LIST_TAIL && l->count > 0) index++;
        if (l->loaded_count >= CHUNKS_LOADED_MAX) large_list_flush(l, w, disk_id);
        start_elements(l, insert_chunk(l, index, number + (end == LIST_TAIL ? NUMBER_STEP : -NUMBER_STEP)));
    }
    load_chunk(l, w, disk_id, index);
    if (w->rc) return;
    struct large_chunk *c = &l->chunks[index];
    list_push(&c->elements, end, element);
    c->count++;
    c->bytes += text_bytes(element);
}

/* Takes `count` elements from `at` on out of a chunk that keeps some. */
static void cut_chunk(struct large_list *l, struct store_writer *w, uint64_t disk_id, size_t index, uint32_t at,
                      uint32_t count)
{
    load_chunk(l, w, disk_id, index);
    if (w->rc) return;
    struct large_chunk *c = &l->chunks[index];
    struct list_cursor cursor = list_seek(&c->elements, at);
    for (uint32_t i = 0; i < count; i++, list_step(&cursor, LIST_TAIL)) c->bytes -= text_bytes(list_get(&cursor));
    cursor = list_seek(&c->elements, at);
    list_remove_at(&c->elements, &cursor, count);
    c->count -= count;
}

/* The chunk that holds an element; *index becomes its place in the chunk. False: there is none. */
static bool find(const struct large_list *l, uint64_t *index, size_t *out_chunk)
{
    for (size_t i = 0; i < l->count; i++) {
        if (*index < l->chunks[i].count) {
            *out_chunk = i;
            return true;
        }
        *index -= l->chunks[i].count;
    }
    return false;
}

bool large_list_remove(struct large_list *l, struct store_writer *w, uint64_t disk_id, uint64_t index, uint64_t count)
{
    size_t at;
    uint64_t all = large_list_elements(l);
    if (count == 0 || index >= all || count > all - index || !find(l, &index, &at)) return false;
    while (count > 0 && !w->rc) {
        uint32_t there = l->chunks[at].count - (uint32_t)index;
        uint32_t n = count < there ? (uint32_t)count : there;
        if (n == l->chunks[at].count) {
            drop_chunks(l, w, disk_id, at, 1);
        } else {
            cut_chunk(l, w, disk_id, at, (uint32_t)index, n);
            at++;
        }
        index = 0;
        count -= n;
    }
    return true;
}

bool large_list_pop(struct large_list *l, struct store_writer *w, uint64_t disk_id, enum list_end end, uint64_t count)
{
    if (count == 0) return false;
    if (end == LIST_HEAD) return large_list_remove(l, w, disk_id, 0, count);
    size_t whole = l->count;
    uint64_t left = count;
    while (whole > 0 && left >= l->chunks[whole - 1].count) left -= l->chunks[--whole].count;
    if (whole == 0 && left > 0) return false;
    drop_chunks(l, w, disk_id, whole, l->count - whole);
    if (left > 0) cut_chunk(l, w, disk_id, whole - 1, l->chunks[whole - 1].count - (uint32_t)left, (uint32_t)left);
    return true;
}

bool large_list_set(struct large_list *l, struct store_writer *w, uint64_t disk_id, uint64_t index,
                    struct slice element)
{
    size_t at;
    if (!find(l, &index, &at)) return false;
    load_chunk(l, w, disk_id, at);
    if (w->rc) return true;
    struct large_chunk *c = &l->chunks[at];
    struct list_cursor cursor = list_seek(&c->elements, index);
    c->bytes = c->bytes - text_bytes(list_get(&cursor)) + text_bytes(element);
    list_set(&c->elements, &cursor, element);
    return true;
}

/* Moves all chunks from the index-th on up by a step. */
static void move_up(struct large_list *l, struct store_writer *w, uint64_t disk_id, size_t index)
{
    for (size_t i = l->count; i-- > index && !w->rc;) {
        load_chunk(l, w, disk_id, i);
        drop_row(&l->chunks[i], w, disk_id);
        l->chunks[i].number += NUMBER_STEP;
        l->chunks[i].is_stored = false;
    }
}

/* A number after the index-th chunk's and before the next one's. */
static int64_t number_after(struct large_list *l, struct store_writer *w, uint64_t disk_id, size_t index)
{
    if (index + 1 == l->count) return l->chunks[index].number + NUMBER_STEP;
    if (l->chunks[index + 1].number - l->chunks[index].number < 2) move_up(l, w, disk_id, index + 1);
    return l->chunks[index].number + (l->chunks[index + 1].number - l->chunks[index].number) / 2;
}

/* Moves the elements from `at` on to a chunk of their own behind it. */
static void split(struct large_list *l, struct store_writer *w, uint64_t disk_id, size_t index, uint32_t at)
{
    int64_t number = number_after(l, w, disk_id, index);
    load_chunk(l, w, disk_id, index);
    if (w->rc) return;
    struct large_chunk *next = insert_chunk(l, index + 1, number);
    start_elements(l, next);
    struct list_cursor cursor = list_seek(&l->chunks[index].elements, at);
    for (; list_is_inside(&cursor); list_step(&cursor, LIST_TAIL)) {
        struct slice element = list_get(&cursor);
        list_push(&next->elements, LIST_TAIL, element);
        next->count++;
        next->bytes += text_bytes(element);
    }
    cut_chunk(l, w, disk_id, index, at, next->count);
}

bool large_list_insert(struct large_list *l, struct store_writer *w, uint64_t disk_id, uint64_t index,
                       struct slice element)
{
    size_t at;
    uint64_t all = large_list_elements(l);
    if (index > all) return false;
    if (index == all || index == 0) {
        large_list_push(l, w, disk_id, index == 0 ? LIST_HEAD : LIST_TAIL, element);
        return true;
    }
    if (!find(l, &index, &at)) return false;
    while (!has_room(&l->chunks[at], element) && l->chunks[at].count > 1 && !w->rc) {
        uint32_t half = l->chunks[at].count / 2;
        split(l, w, disk_id, at, half);
        if (index <= half) continue;
        at++;
        index -= half;
    }
    load_chunk(l, w, disk_id, at);
    if (w->rc) return true;
    struct large_chunk *c = &l->chunks[at];
    struct list_cursor cursor = list_seek(&c->elements, index);
    list_insert(&c->elements, &cursor, element);
    c->count++;
    c->bytes += text_bytes(element);
    return true;
}
