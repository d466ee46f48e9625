/* SPDX-License-Identifier: MIT */
/*
 * What is left of jobs that are in no state. All keys of the queue are walked; that a job is nowhere is found, and its keys are removed,
 * by one transition, so that nothing that moves meanwhile is taken for lost. To look for an id in a list takes a walk over it: so the
 * lists are read once before, and jobs that stood there are passed over.
 */
#include "api/many.h"
#include "api/scan.h"
#include "jobs/keys.h"
#include "jobs/operate.h"

#include <string.h>

/* Ids of a list that are read at a time. */
#define LIST_IDS 10000

/* ---------------------------------------------------------------- those that are in a list */

static oxq_err read_ids(const oxq_queue *q, const char *list, int64_t from, oxq_names *ids, size_t *out_count,
                        struct oxq_error *err)
{
    struct arena arena = {0};
    struct client_reply reply = {0};
    struct request r;
    request_begin_plain(&r, &arena, "LRANGE");
    request_put(&r, keys_join(&arena, q->prefix, slice_from_text(list)));
    request_put_int(&r, from);
    request_put_int(&r, from + LIST_IDS - 1);
    r.command.is_idempotent = true;
    oxq_err e = store_request(q->client, &r, "read the list", slice_from_text(list), &reply, err);
    *out_count = e ? 0 : reply.value.count;
    for (size_t i = 0; i < *out_count; i++) names_add(ids, reply.value.items[i].text);
    client_reply_deinit(&reply);
    arena_deinit(&arena);
    return e;
}

static oxq_err read_lists(const oxq_queue *q, oxq_names *ids, struct oxq_error *err)
{
    static const char *const lists[] = {"wait", "paused", "active"};
    oxq_err e = OXQ_OK;
    for (size_t i = 0; !e && i < sizeof(lists) / sizeof(lists[0]); i++) {
        size_t got = LIST_IDS;
        for (int64_t from = 0; !e && got == LIST_IDS; from += LIST_IDS) e = read_ids(q, lists[i], from, ids, &got, err);
    }
    names_sort(ids);
    return e;
}

/* ---------------------------------------------------------------- the others */

/* Is it a key of a job, as `12` and `12:logs` are behind the queue's prefix? Of an id with colons nobody can tell. */
static bool read_id(struct slice name, struct slice *out_id)
{
    static const char *const parts[] = {"logs", "dependencies", "processed", "failed", "unsuccessful"};
    const char *colon = memchr(name.at, ':', name.len);
    *out_id = slice_of(name.at, colon ? (size_t)(colon - name.at) : name.len);
    if (out_id->len == 0 || keys_is_own_name(*out_id) || keys_is_own_name(name)) return false;
    if (!colon) return true;
    struct slice part = slice_from(name, out_id->len + 1);
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        if (slice_equal(part, slice_from_text(parts[i]))) return true;
    }
    return false;
}

/* Ids of a portion of keys that were in no list; count may be 0. */
static struct slice *choose(struct scan *s, const oxq_names *in_lists, size_t *out_count)
{
    struct slice *ids = ARENA_ARRAY(&s->arena, struct slice, s->count + 1), id;
    *out_count = 0;
    for (size_t i = 0; i < s->count; i++) {
        struct slice key = s->keys[i].text;
        if (key.len > s->begin.len && read_id(slice_from(key, s->begin.len), &id) && !names_have(in_lists, id))
            ids[(*out_count)++] = id;
    }
    return ids;
}

/* Ids that are still to be looked at. */
struct candidates {
    const struct slice *ids;
    size_t count;
};

/* One request for some of them, which are taken off. */
static oxq_err remove_some(const oxq_queue *q, struct candidates *c, int64_t max, int64_t *out_removed,
                           struct oxq_error *err)
{
    struct arena arena = {0};
    struct client_reply reply = {0};
    struct request r;
    size_t seen = 0, count = c->count < OPERATE_JOBS_MAX ? c->count : OPERATE_JOBS_MAX;
    operate_remove_orphans(&arena, q->prefix, c->ids, count, max, &r);
    oxq_err e = client_call(q->client, &r.command, 0, &reply, err);
    if (!e) e = operate_read_remove_orphans(&reply.value, out_removed, &seen, err);
    c->ids += seen;
    c->count -= seen;
    client_reply_deinit(&reply);
    arena_deinit(&arena);
    return e;
}

/* *out_is_full: as many were removed as may be. */
static oxq_err remove_portion(const oxq_queue *q, struct scan *s, const oxq_names *in_lists, struct many *many,
                              bool *out_is_full, struct oxq_error *err)
{
    int64_t removed = 0;
    struct candidates c;
    c.ids = choose(s, in_lists, &c.count);
    /* Also when there is nothing to do: whoever follows it may stop it. */
    oxq_err e = c.count == 0 ? many_add(many, 0, err) : OXQ_OK;
    while (!e && c.count > 0) {
        int64_t max = many_next(many, OPERATE_JOBS_MAX);
        *out_is_full = max == 0;
        if (*out_is_full) break;
        e = remove_some(q, &c, max, &removed, err);
        if (!e) e = many_add(many, removed, err);
    }
    return e;
}

oxq_err oxq_queue_remove_orphans(oxq_queue *queue, const struct oxq_many_opts *opts, int64_t *out_count,
                                 struct oxq_error *err)
{
    oxq_err e = ARGS_CHECK(err, queue);
    if (e) return e;
    struct many many;
    struct scan s = {.store = queue->store, .begin = queue->prefix};
    oxq_names *in_lists = names_new();
    bool is_full = false;
    e = many_begin(&many, opts, err);
    if (!e) e = read_lists(queue, in_lists, err);
    while (!e && !s.is_done && !is_full) {
        e = scan_next(&s, err);
        if (!e) e = remove_portion(queue, &s, in_lists, &many, &is_full, err);
    }
    if (out_count) *out_count = many.done;
    scan_deinit(&s);
    oxq_names_free(in_lists);
    return e;
}
