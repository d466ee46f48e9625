/* SPDX-License-Identifier: MIT */
/*
 * Who is connected to take jobs of a queue, as the server's CLIENT LIST tells. Workers name their connections by their queue: `bull:bWFpbA==`,
 * with `:w:` and their own name behind it when they have one.
 */
#include "api/state.h"

#include "base/mem.h"
#include "base/num.h"
#include "codec/base64.h"
#include "jobs/keys.h"

#include <stdlib.h>
#include <string.h>

#define CONNECTION_NAME_BYTES_MAX 4096

struct oxq_workers {
    struct arena arena;                    /* of the texts */
    struct oxq_worker_connection *entries; /* owned */
    size_t count, cap;
};

/* ---------------------------------------------------------------- CLIENT LIST */

/* What stands behind ` name=` in a line; the mark has both its space and its sign. */
static struct slice value_in(struct slice line, struct slice mark)
{
    for (size_t i = 0; i + mark.len <= line.len; i++) {
        if (memcmp(line.at + i, mark.at, mark.len) != 0) continue;
        struct slice rest = slice_from(line, i + mark.len);
        const char *end = memchr(rest.at, ' ', rest.len);
        return end ? slice_of(rest.at, (size_t)(end - rest.at)) : rest;
    }
    return SLICE_LIT("");
}

static int64_t number_in(struct slice line, struct slice mark)
{
    int64_t number = 0;
    return num_parse_int(value_in(line, mark), &number) ? number : 0;
}

/* Is it a worker's of the queue? */
static bool is_worker(struct slice connection, struct slice queue, struct slice *out_name)
{
    const struct slice mark = SLICE_LIT(":w:");
    if (connection.len < queue.len || !slice_equal(slice_of(connection.at, queue.len), queue)) return false;
    struct slice rest = slice_from(connection, queue.len);
    *out_name = rest.len >= mark.len ? slice_from(rest, mark.len) : SLICE_LIT("");
    return rest.len == 0 || (rest.len >= mark.len && slice_equal(slice_of(rest.at, mark.len), mark));
}

static void add_line(oxq_workers *workers, struct slice line, struct slice queue)
{
    struct slice name;
    if (!is_worker(value_in(line, SLICE_LIT(" name=")), queue, &name)) return;
    if (workers->count == workers->cap) {
        workers->cap = workers->cap ? workers->cap * 2 : 16;
        workers->entries = mem_resize(workers->entries, workers->cap * sizeof(*workers->entries));
    }
    workers->entries[workers->count++] = (struct oxq_worker_connection){
        .name = arena_copy_text(&workers->arena, name),
        .address = arena_copy_text(&workers->arena, value_in(line, SLICE_LIT(" addr="))),
        .age_s = number_in(line, SLICE_LIT(" age=")),
        .idle_s = number_in(line, SLICE_LIT(" idle=")),
    };
}

static int compare(const void *a, const void *b)
{
    const struct oxq_worker_connection *first = a, *second = b;
    int order = strcmp(first->name, second->name);
    return order ? order : strcmp(first->address, second->address);
}

static oxq_workers *read_lines(struct slice rest, struct slice queue)
{
    oxq_workers *workers = mem_alloc_zero(sizeof(*workers));
    while (rest.len > 0) {
        const char *end = memchr(rest.at, '\n', rest.len);
        size_t n = end ? (size_t)(end - rest.at) : rest.len;
        add_line(workers, slice_of(rest.at, n), queue);
        rest = slice_from(rest, end ? n + 1 : n);
    }
    if (workers->count > 1) qsort(workers->entries, workers->count, sizeof(*workers->entries), compare);
    return workers;
}

/* ---------------------------------------------------------------- for callers */

oxq_err oxq_queue_workers(oxq_queue *queue, oxq_workers **out, struct oxq_error *err)
{
    oxq_err e = ARGS_CHECK(err, queue, out);
    if (e) return e;
    struct arena arena = {0};
    struct client_batch b = {.is_look = true};
    struct request list;
    OWNED(buf_deinit) struct buf name = {.limit_bytes = CONNECTION_NAME_BYTES_MAX};
    e = buf_append(&name, queue->store->prefix);
    if (!e) e = buf_append(&name, SLICE_LIT(":"));
    if (!e) e = base64_encode(slice_from_text(queue->name), &name);
    if (e) return err_set(err, e, "workers of %s: the name is too long", queue->name);
    /* In a cluster workers wait at the node that has the queue. */
    store_put_where(queue->store, &arena, &b);
    request_begin_plain(&list, &arena, "CLIENT");
    request_put_text(&list, "LIST");
    list.command.is_idempotent = true;
    client_batch_add(&b, &list.command);
    e = store_run(queue->client, &b, err);
    if (!e) *out = read_lines(client_batch_reply(&b, 1)->text, buf_borrow(&name));
    client_batch_deinit(&b);
    arena_deinit(&arena);
    return e;
}

size_t oxq_workers_count(const oxq_workers *workers)
{
    return workers ? workers->count : 0;
}

const struct oxq_worker_connection *oxq_workers_at(const oxq_workers *workers, size_t index)
{
    return workers && index < workers->count ? &workers->entries[index] : NULL;
}

void oxq_workers_free(oxq_workers *workers)
{
    if (!workers) return;
    arena_deinit(&workers->arena);
    mem_free(workers->entries);
    mem_free(workers);
}
