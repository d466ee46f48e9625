/* SPDX-License-Identifier: MIT */
/*
 * What an operator does with jobs that do not run. What may meet a million jobs goes in portions: other clients' commands are done between
 * them.
 */
#include "jobs/operate.h"

#include "api/many.h"
#include "api/state.h"
#include "jobs/keys.h"
#include "jobs/rerun.h"

#include <stdio.h>

/* ---------------------------------------------------------------- one job */

oxq_err oxq_queue_remove(oxq_queue *queue, const char *id, bool with_children, struct oxq_error *err)
{
    oxq_err e = ARGS_CHECK(err, queue, id);
    if (!e) e = queue_check_id(id, err);
    if (e) return e;
    bool has_more = true;
    while (!e && has_more) {
        struct arena arena = {0};
        struct client_reply reply = {0};
        struct request r;
        operate_remove(&arena, queue->prefix, slice_from_text(id), with_children, &r);
        e = client_call(queue->client, &r.command, 0, &reply, err);
        if (!e) e = operate_read_remove(&reply.value, slice_from_text(id), &has_more, err);
        client_reply_deinit(&reply);
        arena_deinit(&arena);
    }
    return e;
}

oxq_err oxq_queue_promote(oxq_queue *queue, const char *id, struct oxq_error *err)
{
    oxq_err e = ARGS_CHECK(err, queue, id);
    if (!e) e = queue_check_id(id, err);
    if (e) return e;
    struct arena arena = {0};
    struct client_reply reply = {0};
    struct request r;
    struct slice text = slice_from_text(id);
    e = operate_promote(&arena, queue->prefix, &text, 1, &r, err);
    if (!e) e = client_call(queue->client, &r.command, 0, &reply, err);
    if (!e) e = operate_read_promote(&reply.value, 0, text, err);
    client_reply_deinit(&reply);
    arena_deinit(&arena);
    return e;
}

oxq_err oxq_queue_change_delay(oxq_queue *queue, const char *id, int64_t delay_ms, struct oxq_error *err)
{
    oxq_err e = ARGS_CHECK(err, queue, id);
    if (!e) e = queue_check_id(id, err);
    if (e) return e;
    struct arena arena = {0};
    struct request r;
    struct operate_delay delay = {slice_from_text(id), store_now_ms(), delay_ms};
    e = operate_change_delay(&arena, queue->prefix, &delay, &r, err);
    if (!e) e = store_act(queue->client, &r, "change the delay of job", slice_from_text(id), err);
    arena_deinit(&arena);
    return e;
}

oxq_err oxq_queue_change_priority(oxq_queue *queue, const char *id, int64_t priority, bool lifo, struct oxq_error *err)
{
    oxq_err e = ARGS_CHECK(err, queue, id);
    if (!e) e = queue_check_id(id, err);
    if (e) return e;
    struct arena arena = {0};
    struct request r;
    struct operate_priority change = {slice_from_text(id), priority, lifo};
    e = operate_change_priority(&arena, queue->prefix, &change, &r, err);
    if (!e) e = store_act(queue->client, &r, "change the priority of job", slice_from_text(id), err);
    arena_deinit(&arena);
    return e;
}

oxq_err oxq_queue_remove_child_dependency(oxq_queue *queue, const char *id, bool *out_had, struct oxq_error *err)
{
    oxq_err e = ARGS_CHECK(err, queue, id);
    if (!e) e = queue_check_id(id, err);
    if (e) return e;
    struct arena arena = {0};
    struct client_reply reply = {0};
    struct request r;
    struct slice text = slice_from_text(id);
    operate_disown_child(&arena, queue->prefix, text, &r);
    e = store_request(queue->client, &r, "separate from its parent job", text, &reply, err);
    if (!e && out_had) *out_had = reply.value.integer == 1;
    client_reply_deinit(&reply);
    arena_deinit(&arena);
    return e;
}

static oxq_err remove_some_children(oxq_queue *q, struct slice id, struct operate_purged *out, struct oxq_error *err)
{
    struct arena arena = {0};
    struct client_reply reply = {0};
    struct request r;
    operate_remove_children(&arena, q->prefix, id, &r);
    oxq_err e = client_call(q->client, &r.command, 0, &reply, err);
    if (!e) e = operate_read_remove_children(&reply.value, id, out, err);
    client_reply_deinit(&reply);
    arena_deinit(&arena);
    return e;
}

oxq_err oxq_queue_remove_unprocessed_children(oxq_queue *queue, const char *id, int64_t *out_count,
                                              struct oxq_error *err)
{
    oxq_err e = ARGS_CHECK(err, queue, id);
    if (!e) e = queue_check_id(id, err);
    if (e) return e;
    struct operate_purged purged = {.removed_count = 1, .may_have_more = true};
    int64_t done = 0;
    /* Of more than a thousand that stay, a portion may find no other. */
    while (!e && purged.may_have_more && purged.removed_count > 0) {
        e = remove_some_children(queue, slice_from_text(id), &purged, err);
        if (!e) done += purged.removed_count;
    }
    if (out_count) *out_count = done;
    return e;
}

static struct slice deduplication_key(const oxq_queue *queue, struct arena *arena, struct slice id)
{
    return keys_join(arena, keys_join(arena, queue->prefix, SLICE_LIT("de:")), id);
}

oxq_err oxq_queue_deduplication_holder(oxq_queue *queue, const char *deduplication_id, char out_id[OXQ_ID_MAX],
                                       struct oxq_error *err)
{
    oxq_err e = ARGS_CHECK(err, queue, deduplication_id, out_id);
    if (e) return e;
    struct arena arena = {0};
    struct client_reply reply = {0};
    struct request r;
    struct slice id = slice_from_text(deduplication_id);
    request_begin_plain(&r, &arena, "GET");
    request_put(&r, deduplication_key(queue, &arena, id));
    r.command.is_idempotent = true;
    e = store_request(queue->client, &r, "who holds the deduplication id", id, &reply, err);
    if (!e && reply.value.kind == RESP_NULL)
        e = err_set(err, OXQ_ERR_NOT_FOUND, "deduplication id %.80s: no job holds it", deduplication_id);
    if (!e) snprintf(out_id, OXQ_ID_MAX, "%.*s", (int)reply.value.text.len, reply.value.text.at);
    client_reply_deinit(&reply);
    arena_deinit(&arena);
    return e;
}

oxq_err oxq_queue_remove_deduplication(oxq_queue *queue, const char *deduplication_id, bool *out_was_there,
                                       struct oxq_error *err)
{
    oxq_err e = ARGS_CHECK(err, queue, deduplication_id);
    if (e) return e;
    struct arena arena = {0};
    struct client_reply reply = {0};
    struct request r;
    struct slice id = slice_from_text(deduplication_id);
    request_begin_plain(&r, &arena, "DEL");
    request_put(&r, deduplication_key(queue, &arena, id));
    e = store_request(queue->client, &r, "free the deduplication id", id, &reply, err);
    if (!e && out_was_there) *out_was_there = reply.value.integer == 1;
    client_reply_deinit(&reply);
    arena_deinit(&arena);
    return e;
}

/* The deduplication id that a job was added with; empty: none. */
static oxq_err read_deduplication(const oxq_queue *q, struct arena *arena, struct slice id, struct slice *out,
                                  struct oxq_error *err)
{
    struct client_reply reply = {0};
    struct request r;
    request_begin_plain(&r, arena, "HMGET");
    request_put(&r, keys_join(arena, q->prefix, id));
    request_put_text(&r, "deid");
    request_put_text(&r, "name");
    r.command.is_idempotent = true;
    oxq_err e = store_request(q->client, &r, "the deduplication id of job", id, &reply, err);
    if (!e && reply.value.items[1].kind == RESP_NULL)
        e = err_set(err, OXQ_ERR_NOT_FOUND, "job %.*s: there is no such job", (int)id.len, id.at);
    if (!e) *out = arena_copy(arena, reply.value.items[0].text);
    client_reply_deinit(&reply);
    return e;
}

oxq_err oxq_queue_release_deduplication(oxq_queue *queue, const char *id, bool *out_had, struct oxq_error *err)
{
    oxq_err e = ARGS_CHECK(err, queue, id);
    if (!e) e = queue_check_id(id, err);
    if (e) return e;
    struct arena arena = {0};
    struct client_reply reply = {0};
    struct request r;
    struct slice job = slice_from_text(id), deduplication_id = SLICE_LIT("");
    e = read_deduplication(queue, &arena, job, &deduplication_id, err);
    if (!e && deduplication_id.len > 0) {
        add_free_deduplication(&arena, queue->prefix, deduplication_id, job, &r);
        e = store_request(queue->client, &r, "free the deduplication id of job", job, &reply, err);
    }
    if (!e && out_had) *out_had = reply.value.integer == 1;
    client_reply_deinit(&reply);
    arena_deinit(&arena);
    return e;
}

/* ---------------------------------------------------------------- many */

static oxq_err purge_portion(const oxq_queue *q, const struct operate_purge *purge, struct operate_purged *out,
                             struct oxq_error *err)
{
    struct arena arena = {0};
    struct client_reply reply = {0};
    struct request r;
    operate_purge(&arena, purge, &r);
    oxq_err e = client_call(q->client, &r.command, 0, &reply, err);
    if (!e) e = operate_read_purge(&reply.value, out, err);
    client_reply_deinit(&reply);
    arena_deinit(&arena);
    return e;
}

static oxq_err purge_state(const oxq_queue *q, struct operate_purge *purge, struct many *many, struct oxq_error *err)
{
    struct operate_purged purged = {.may_have_more = true};
    purge->prefix = q->prefix;
    purge->kept_count = 0;
    oxq_err e = OXQ_OK;
    while (!e && purged.may_have_more) {
        purge->count = many_next(many, OPERATE_JOBS_MAX);
        if (purge->count == 0) break;
        e = purge_portion(q, purge, &purged, err);
        if (e) break;
        purge->kept_count += purged.kept_count;
        e = many_add(many, purged.removed_count, err);
    }
    return e;
}

oxq_err oxq_queue_drain(oxq_queue *queue, bool with_delayed, const struct oxq_many_opts *opts, int64_t *out_count,
                        struct oxq_error *err)
{
    oxq_err e = ARGS_CHECK(err, queue);
    if (e) return e;
    /* In BullMQ's order: it is that of the parents that become free. */
    static const char *const states[] = {"wait", "paused", "delayed", "prioritized"};
    struct many many;
    e = many_begin(&many, opts, err);
    for (size_t i = 0; !e && i < 4; i++) {
        struct operate_purge purge = {.state = states[i]};
        if (i == 2 && !with_delayed) continue;
        e = purge_state(queue, &purge, &many, err);
    }
    if (out_count) *out_count = many.done;
    return e;
}

oxq_err oxq_queue_clean(oxq_queue *queue, oxq_state state, int64_t grace_ms, const struct oxq_many_opts *opts,
                        int64_t *out_count, struct oxq_error *err)
{
    oxq_err e = ARGS_CHECK(err, queue);
    if (e) return e;
    static const char *const keys[OXQ_STATES_COUNT] = {
        [OXQ_STATE_WAITING] = "wait",        [OXQ_STATE_ACTIVE] = "active",           [OXQ_STATE_DELAYED] = "delayed",
        [OXQ_STATE_COMPLETED] = "completed", [OXQ_STATE_PRIORITIZED] = "prioritized", [OXQ_STATE_FAILED] = "failed",
    };
    if ((unsigned)state >= OXQ_STATES_COUNT || !keys[state])
        return err_set(err, OXQ_ERR_ARGUMENT, "jobs of this state are not cleaned; remove their parents or children");
    if (grace_ms < 0) return err_set(err, OXQ_ERR_ARGUMENT, "the grace is from 0 on");
    struct operate_purge purge = {
        .state = keys[state], .has_before = true, .before_ms = store_now_ms() - grace_ms, .is_told = true};
    struct many many;
    e = many_begin(&many, opts, err);
    if (!e) e = purge_state(queue, &purge, &many, err);
    purge.state = "paused";
    if (!e && state == OXQ_STATE_WAITING) e = purge_state(queue, &purge, &many, err);
    if (out_count) *out_count = many.done;
    return e;
}

static oxq_err obliterate_portion(oxq_queue *q, bool with_active, int64_t count, struct operate_purged *out,
                                  struct oxq_error *err)
{
    struct arena arena = {0};
    struct client_reply reply = {0};
    struct request r;
    operate_obliterate(&arena, q->prefix, count, with_active, &r);
    oxq_err e = client_call(q->client, &r.command, 0, &reply, err);
    if (!e) e = operate_read_obliterate(&reply.value, slice_from_text(q->name), out, err);
    client_reply_deinit(&reply);
    arena_deinit(&arena);
    return e;
}

oxq_err oxq_queue_obliterate(oxq_queue *queue, bool with_active, const struct oxq_many_opts *opts,
                             struct oxq_error *err)
{
    oxq_err e = ARGS_CHECK(err, queue);
    if (e) return e;
    struct many many;
    struct operate_purged purged = {.may_have_more = true};
    e = many_begin(&many, opts, err);
    if (!e && many.opts.limit > 0)
        e = err_set(err, OXQ_ERR_ARGUMENT, "a queue is obliterated whole: no limit; clean removes some of its jobs");
    if (!e) e = oxq_queue_pause(queue, err);
    while (!e && purged.may_have_more) {
        e = obliterate_portion(queue, with_active, many_next(&many, OPERATE_JOBS_MAX), &purged, err);
        if (!e) e = many_add(&many, purged.removed_count, err);
    }
    return e;
}

/* ---------------------------------------------------------------- moving many */

/* Jobs of a sorted set that go back to wait. */
struct mover {
    const oxq_queue *queue;
    const char *set;
    int64_t to_ms; /* only scores up to this; below 0: all */
    bool is_rerun; /* finished ones, else delayed ones */
    int64_t kept_count;
};

/* One portion. *out_moved of *out_seen jobs went. */
static oxq_err move_portion(struct mover *m, int64_t count, int64_t *out_moved, int64_t *out_seen,
                            struct oxq_error *err)
{
    struct arena arena = {0};
    struct client_reply ids = {0}, reply = {0};
    struct request r;
    request_begin_plain(&r, &arena, "ZRANGEBYSCORE");
    request_put(&r, keys_join(&arena, m->queue->prefix, slice_from_text(m->set)));
    request_put_text(&r, "0");
    if (m->to_ms < 0)
        request_put_text(&r, "+inf");
    else
        request_put_int(&r, m->to_ms);
    request_put_text(&r, "LIMIT");
    request_put_int(&r, m->kept_count);
    request_put_int(&r, count);
    r.command.is_idempotent = true;
    oxq_err e = client_call(m->queue->client, &r.command, 0, &ids, err);
    if (!e) e = client_reply_check(&ids.value, err);
    size_t found = e ? 0 : ids.value.count;
    struct slice *texts = ARENA_ARRAY(&arena, struct slice, found + 1);
    for (size_t i = 0; i < found; i++) texts[i] = ids.value.items[i].text;
    struct rerun_batch batch = {.prefix = m->queue->prefix,
                                .have_failed = m->set[0] == 'f',
                                .resets_attempts = true,
                                .resets_starts = true,
                                .ids = texts,
                                .count = found};
    if (!e && found > 0) {
        e = m->is_rerun ? rerun_request(&arena, &batch, &r, err)
                        : operate_promote(&arena, m->queue->prefix, texts, found, &r, err);
        if (!e) e = client_call(m->queue->client, &r.command, 0, &reply, err);
        if (!e) e = client_reply_check(&reply.value, err);
    }
    *out_seen = (int64_t)found;
    *out_moved = 0;
    /* A job that somebody else took meanwhile, or that has lost its hash, is no error of all the others. */
    for (size_t i = 0; !e && i < reply.value.count; i++) *out_moved += reply.value.items[i].integer == 1;
    client_reply_deinit(&ids);
    client_reply_deinit(&reply);
    arena_deinit(&arena);
    return e;
}

static oxq_err move_all(struct mover *m, const struct oxq_many_opts *opts, int64_t *out_count, struct oxq_error *err)
{
    struct many many;
    int64_t moved = 0, seen = 1;
    oxq_err e = many_begin(&many, opts, err);
    while (!e && seen > 0) {
        int64_t count = many_next(&many, OPERATE_JOBS_MAX);
        if (count == 0) break;
        e = move_portion(m, count, &moved, &seen, err);
        if (e || seen == 0) break;
        m->kept_count += seen - moved;
        e = many_add(&many, moved, err);
    }
    if (out_count) *out_count = many.done;
    return e;
}

oxq_err oxq_queue_retry_all(oxq_queue *queue, oxq_state from, int64_t finished_to_ms, const struct oxq_many_opts *opts,
                            int64_t *out_count, struct oxq_error *err)
{
    oxq_err e = ARGS_CHECK(err, queue);
    if (e) return e;
    if (from != OXQ_STATE_FAILED && from != OXQ_STATE_COMPLETED)
        return err_set(err, OXQ_ERR_ARGUMENT, "jobs are retried from failed or completed");
    /* Jobs that fail again meanwhile are not of this call. */
    struct mover m = {.queue = queue,
                      .set = from == OXQ_STATE_FAILED ? "failed" : "completed",
                      .to_ms = finished_to_ms > 0 ? finished_to_ms : store_now_ms(),
                      .is_rerun = true};
    return move_all(&m, opts, out_count, err);
}

oxq_err oxq_queue_promote_all(oxq_queue *queue, const struct oxq_many_opts *opts, int64_t *out_count,
                              struct oxq_error *err)
{
    oxq_err e = ARGS_CHECK(err, queue);
    if (e) return e;
    struct mover m = {.queue = queue, .set = "delayed", .to_ms = -1};
    return move_all(&m, opts, out_count, err);
}
