/* SPDX-License-Identifier: MIT */
/* What there is in a store, and what a queue's numbers are. Plain commands, as in look.c. */
#include "api/scan.h"
#include "api/state.h"

#include "base/buf.h"
#include "base/num.h"
#include "codec/json_writer.h"
#include "jobs/keys.h"
#include "jobs/options.h"
#include "jobs/running.h"

#include <string.h>

#define TEXT_BYTES_MAX ((size_t)1 << 30)

static oxq_err ask(const oxq_queue *queue, struct request *r, struct client_reply *reply, struct oxq_error *err)
{
    r->command.is_idempotent = true;
    oxq_err e = client_call(queue->client, &r->command, 0, reply, err);
    return e ? e : client_reply_check(&reply->value, err);
}

/* ---------------------------------------------------------------- queues */

/* Is it `prefix:NAME:meta` with a name that a queue may have? */
static bool is_meta_key(struct slice key, struct slice begin, struct slice end, struct slice *out_name)
{
    if (key.len <= begin.len + end.len) return false;
    *out_name = slice_of(key.at + begin.len, key.len - begin.len - end.len);
    return !memchr(out_name->at, ':', out_name->len);
}

void store_put_where(const oxq *store, struct arena *arena, struct client_batch *b)
{
    struct request where;
    request_begin_plain(&where, arena, "EXISTS");
    request_put(&where, keys_join(arena, store->prefix, SLICE_LIT(":")));
    where.command.is_idempotent = true;
    client_batch_add(b, &where.command);
}

oxq_err oxq_queues(oxq *store, oxq_names **out, struct oxq_error *err)
{
    oxq_err e = ARGS_CHECK(err, store, out);
    if (e) return e;
    struct arena arena = {0};
    struct scan s = {
        .store = store, .begin = keys_join(&arena, store->prefix, SLICE_LIT(":")), .end = SLICE_LIT(":meta")};
    struct slice name;
    oxq_names *names = names_new();
    while (!e && !s.is_done) {
        e = scan_next(&s, err);
        for (size_t i = 0; i < s.count; i++) {
            if (is_meta_key(s.keys[i].text, s.begin, s.end, &name)) names_add(names, name);
        }
    }
    scan_deinit(&s);
    arena_deinit(&arena);
    if (e) {
        oxq_names_free(names);
        return e;
    }
    names_sort_once(names);
    *out = names;
    return OXQ_OK;
}

/* ---------------------------------------------------------------- numbers of a queue */

oxq_err oxq_queue_counts_per_priority(oxq_queue *queue, const int64_t *priorities, size_t count, int64_t *out_counts,
                                      struct oxq_error *err)
{
    oxq_err e = ARGS_CHECK(err, queue);
    if (!e && count > 0) e = ARGS_CHECK(err, priorities, out_counts);
    if (e) return e;
    struct arena arena = {0};
    struct client_batch b = {.is_look = true};
    struct request apart;
    request_begin_plain(&apart, &arena, "LLEN");
    request_put(&apart, state_paused_key(queue, &arena));
    apart.command.is_idempotent = true;
    client_batch_add(&b, &apart.command);
    for (size_t i = 0; i < count; i++) {
        struct request r;
        int64_t p = priorities[i];
        if (p < 0 || p > JOB_PRIORITY_MAX) {
            client_batch_deinit(&b);
            arena_deinit(&arena);
            return err_set(err, OXQ_ERR_ARGUMENT, "priority %lld: write 0 (none) .. %d", (long long)p,
                           JOB_PRIORITY_MAX);
        }
        request_begin_plain(&r, &arena, p == 0 ? "LLEN" : "ZCOUNT");
        request_put(&r, keys_join(&arena, queue->prefix, slice_from_text(p == 0 ? "wait" : "prioritized")));
        if (p > 0) {
            request_put_int(&r, p << 32);
            request_put_int(&r, ((p + 1) << 32) - 1);
        }
        r.command.is_idempotent = true;
        client_batch_add(&b, &r.command);
    }
    e = count > 0 ? store_run(queue->client, &b, err) : OXQ_OK;
    for (size_t i = 0; !e && i < count; i++) {
        int64_t in_paused = priorities[i] == 0 ? client_batch_reply(&b, 0)->integer : 0;
        out_counts[i] = client_batch_reply(&b, i + 1)->integer + in_paused;
    }
    client_batch_deinit(&b);
    arena_deinit(&arena);
    return e;
}

/* The number that a plain command answers with. */
static oxq_err ask_number(oxq_queue *queue, struct request *r, int64_t *out, struct oxq_error *err)
{
    struct client_reply reply = {0};
    oxq_err e = ask(queue, r, &reply, err);
    if (!e) *out = reply.value.integer;
    client_reply_deinit(&reply);
    return e;
}

oxq_err oxq_queue_delayed_count(oxq_queue *queue, int64_t due_before_ms, int64_t *out, struct oxq_error *err)
{
    oxq_err e = ARGS_CHECK(err, queue, out);
    if (e) return e;
    struct arena arena = {0};
    struct request r;
    if (due_before_ms < 0 || due_before_ms > JOB_TIME_MAX_MS)
        return err_set(err, OXQ_ERR_ARGUMENT, "due_before_ms: milliseconds since 1970");
    request_begin_plain(&r, &arena, "ZCOUNT");
    request_put(&r, state_key(queue, &arena, OXQ_STATE_DELAYED));
    request_put_text(&r, "-inf");
    request_put_int(&r, due_before_ms * 4096 - 1); /* below the scores of that ms: jobs/lua/lib/place.lua */
    e = ask_number(queue, &r, out, err);
    arena_deinit(&arena);
    return e;
}

oxq_err oxq_schedulers_total(oxq_queue *queue, int64_t *out, struct oxq_error *err)
{
    oxq_err e = ARGS_CHECK(err, queue, out);
    if (e) return e;
    struct arena arena = {0};
    struct request r;
    request_begin_plain(&r, &arena, "ZCARD");
    request_put(&r, keys_join(&arena, queue->prefix, SLICE_LIT("repeat")));
    e = ask_number(queue, &r, out, err);
    arena_deinit(&arena);
    return e;
}

oxq_err oxq_queue_logs_count(oxq_queue *queue, const char *id, int64_t *out, struct oxq_error *err)
{
    oxq_err e = ARGS_CHECK(err, queue, id, out);
    if (!e) e = queue_check_id(id, err);
    if (e) return e;
    struct arena arena = {0};
    struct request r;
    struct slice job = keys_join(&arena, queue->prefix, slice_from_text(id));
    request_begin_plain(&r, &arena, "LLEN");
    request_put(&r, keys_join(&arena, job, SLICE_LIT(":logs")));
    e = ask_number(queue, &r, out, err);
    arena_deinit(&arena);
    return e;
}

static int64_t number_of(const struct resp_value *v)
{
    int64_t n = 0;
    if (v->kind == RESP_INTEGER) return v->integer;
    return num_parse_int(v->text, &n) ? n : 0;
}

oxq_err oxq_queue_metrics(oxq_queue *queue, oxq_state finished, struct oxq_metrics *metrics, struct oxq_error *err)
{
    oxq_err e = ARGS_CHECK(err, queue, metrics);
    if (e) return e;
    if (finished != OXQ_STATE_COMPLETED && finished != OXQ_STATE_FAILED)
        return err_set(err, OXQ_ERR_ARGUMENT, "metrics are of completed or failed jobs");
    struct arena arena = {0};
    struct client_batch b = {.is_look = true};
    struct request totals, points;
    struct slice key = keys_join(
        &arena, queue->prefix, slice_from_text(finished == OXQ_STATE_FAILED ? "metrics:failed" : "metrics:completed"));
    request_begin_plain(&totals, &arena, "HMGET");
    request_put(&totals, key);
    request_put_text(&totals, "count");
    request_put_text(&totals, "prevTS");
    request_begin_plain(&points, &arena, "LRANGE");
    request_put(&points, keys_join(&arena, key, SLICE_LIT(":data")));
    int64_t first = (int64_t)metrics->skip;
    request_put_int(&points, metrics->cap > 0 ? first : 1);
    request_put_int(&points, metrics->cap > 0 ? first + (int64_t)metrics->cap - 1 : 0);
    totals.command.is_idempotent = points.command.is_idempotent = true;
    client_batch_add(&b, &totals.command);
    client_batch_add(&b, &points.command);
    e = store_run(queue->client, &b, err);
    if (!e) {
        const struct resp_value *sums = client_batch_reply(&b, 0), *minutes = client_batch_reply(&b, 1);
        metrics->count = sums->count == 2 ? number_of(&sums->items[0]) : 0;
        metrics->last_ms = sums->count == 2 ? number_of(&sums->items[1]) : 0;
        metrics->points = minutes->count < metrics->cap ? minutes->count : metrics->cap;
        for (size_t i = 0; i < metrics->points; i++) metrics->per_minute[i] = number_of(&minutes->items[i]);
    }
    client_batch_deinit(&b);
    arena_deinit(&arena);
    return e;
}

/* ---------------------------------------------------------------- children of a job */

oxq_err oxq_queue_dependency_counts(oxq_queue *queue, const char *id, struct oxq_dependency_counts *out,
                                    struct oxq_error *err)
{
    oxq_err e = ARGS_CHECK(err, queue, id, out);
    if (!e) e = queue_check_id(id, err);
    if (e) return e;
    static const struct {
        const char *command, *kind;
    } kinds[] = {{"HLEN", ":processed"}, {"SCARD", ":dependencies"}, {"HLEN", ":failed"}, {"ZCARD", ":unsuccessful"}};
    struct arena arena = {0};
    struct client_batch b = {.is_look = true};
    struct slice job = keys_join(&arena, queue->prefix, slice_from_text(id));
    for (size_t i = 0; i < 4; i++) {
        struct request r;
        request_begin_plain(&r, &arena, kinds[i].command);
        request_put(&r, keys_join(&arena, job, slice_from_text(kinds[i].kind)));
        r.command.is_idempotent = true;
        client_batch_add(&b, &r.command);
    }
    e = store_run(queue->client, &b, err);
    if (!e) {
        *out = (struct oxq_dependency_counts){
            .processed = client_batch_reply(&b, 0)->integer,
            .unprocessed = client_batch_reply(&b, 1)->integer,
            .ignored = client_batch_reply(&b, 2)->integer,
            .failed = client_batch_reply(&b, 3)->integer,
        };
    }
    client_batch_deinit(&b);
    arena_deinit(&arena);
    return e;
}

oxq_err oxq_queue_children_values(oxq_queue *queue, const char *id, bool of_ignored, char **out_json,
                                  struct oxq_error *err)
{
    oxq_err e = ARGS_CHECK(err, queue, id, out_json);
    if (!e) e = queue_check_id(id, err);
    if (e) return e;
    struct arena arena = {0};
    struct client_reply reply = {0};
    struct request r;
    if (of_ignored)
        running_children_failures(&arena, queue->prefix, slice_from_text(id), &r);
    else
        running_children_results(&arena, queue->prefix, slice_from_text(id), &r);
    e = ask(queue, &r, &reply, err);
    struct buf text = {.limit_bytes = TEXT_BYTES_MAX};
    struct json_writer w = {.out = &text};
    json_write_open(&w, '{');
    for (size_t i = 0; !e && i + 1 < reply.value.count; i += 2) {
        json_write_name_slice(&w, reply.value.items[i].text);
        if (of_ignored)
            json_write_text(&w, reply.value.items[i + 1].text);
        else
            json_write_raw(&w, reply.value.items[i + 1].text);
    }
    json_write_close(&w, '}');
    if (!e && w.error) e = err_set(err, w.error, "the results of the children of job %s cannot be written", id);
    if (!e) e = text_copy(buf_borrow(&text), out_json, err);
    buf_deinit(&text);
    client_reply_deinit(&reply);
    arena_deinit(&arena);
    return e;
}
