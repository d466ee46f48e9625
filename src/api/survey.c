/* SPDX-License-Identifier: MIT */
/* What there is in a store, and what a queue's numbers are. Plain commands, as in look.c. */
#include "api/state.h"

#include "base/buf.h"
#include "base/num.h"
#include "codec/json_writer.h"
#include "jobs/keys.h"
#include "jobs/running.h"

#include <string.h>

/* Keys that one SCAN looks at. */
#define SCAN_KEYS 1000
#define TEXT_BYTES_MAX ((size_t)1 << 30)

static oxq_err ask(const oxq *store, struct request *r, struct client_reply *reply, struct oxq_error *err)
{
    r->command.is_idempotent = true;
    oxq_err e = client_call(store->client, &r->command, 0, reply, err);
    return e ? e : client_reply_check(&reply->value, err);
}

/* ---------------------------------------------------------------- queues */

/* Is it `prefix:NAME:meta` with a name that a queue may have? */
static bool is_meta_key(const oxq *store, struct slice key, struct slice *out_name)
{
    const struct slice end = SLICE_LIT(":meta");
    size_t begin = store->prefix.len + 1;
    if (key.len <= begin + end.len) return false;
    struct slice name = slice_of(key.at + begin, key.len - begin - end.len);
    *out_name = name;
    return slice_equal(slice_from(key, key.len - end.len), end) && !memchr(name.at, ':', name.len);
}

/* * ? [ ] \ of a prefix are themselves. */
static struct slice pattern_of(const oxq *store, struct arena *arena)
{
    char *text = arena_alloc(arena, store->prefix.len * 2 + sizeof(":*:meta"));
    size_t n = 0;
    for (size_t i = 0; i < store->prefix.len; i++) {
        if (strchr("*?[]\\", store->prefix.at[i])) text[n++] = '\\';
        text[n++] = store->prefix.at[i];
    }
    memcpy(text + n, ":*:meta", sizeof(":*:meta") - 1);
    return slice_of(text, n + sizeof(":*:meta") - 1);
}

/* Takes up the queues among the keys of a reply to SCAN, and where it goes on. */
static oxq_err read_keys(const oxq *store, const struct resp_value *reply, struct slice *out_cursor, oxq_names *names,
                         struct oxq_error *err)
{
    if (reply->kind != RESP_ARRAY || reply->count != 2)
        return err_set(err, OXQ_ERR_FORMAT, "look for queues: the server's answer to SCAN is none");
    const struct resp_value *keys = &reply->items[1];
    struct slice name;
    for (size_t i = 0; i < keys->count; i++) {
        if (is_meta_key(store, keys->items[i].text, &name)) names_add(names, name);
    }
    *out_cursor = reply->items[0].text;
    return OXQ_OK;
}

void store_put_where(const oxq *store, struct arena *arena, struct client_batch *b)
{
    struct request where;
    request_begin_plain(&where, arena, "EXISTS");
    request_put(&where, keys_join(arena, store->prefix, SLICE_LIT(":")));
    where.command.is_idempotent = true;
    client_batch_add(b, &where.command);
}

/* One step of a SCAN. */
static oxq_err scan(oxq *store, struct slice *cursor, struct arena *texts, oxq_names *names, struct oxq_error *err)
{
    struct arena arena = {0};
    struct client_batch b = {.is_atomic = true};
    struct request r;
    store_put_where(store, &arena, &b);
    request_begin_plain(&r, &arena, "SCAN");
    request_put(&r, *cursor);
    request_put_text(&r, "MATCH");
    request_put(&r, pattern_of(store, &arena));
    request_put_text(&r, "COUNT");
    request_put_int(&r, SCAN_KEYS);
    r.command.is_idempotent = true;
    client_batch_add(&b, &r.command);
    oxq_err e = store_run(store->client, &b, err);
    if (!e) e = read_keys(store, client_batch_reply(&b, 1), cursor, names, err);
    *cursor = arena_copy(texts, *cursor);
    client_batch_deinit(&b);
    arena_deinit(&arena);
    return e;
}

oxq_err oxq_queues(oxq *store, oxq_names **out, struct oxq_error *err)
{
    oxq_err e = ARGS_CHECK(err, store, out);
    if (e) return e;
    struct arena texts = {0};
    struct slice cursor = SLICE_LIT("0");
    oxq_names *names = names_new();
    do {
        e = scan(store, &cursor, &texts, names, err);
    } while (!e && !slice_equal(cursor, SLICE_LIT("0")));
    arena_deinit(&texts);
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
    struct client_batch b = {.is_atomic = true};
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
    e = count > 0 ? store_run(queue->store->client, &b, err) : OXQ_OK;
    for (size_t i = 0; !e && i < count; i++) {
        int64_t in_paused = priorities[i] == 0 ? client_batch_reply(&b, 0)->integer : 0;
        out_counts[i] = client_batch_reply(&b, i + 1)->integer + in_paused;
    }
    client_batch_deinit(&b);
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
    struct client_batch b = {.is_atomic = true};
    struct request totals, points;
    struct slice key = keys_join(
        &arena, queue->prefix, slice_from_text(finished == OXQ_STATE_FAILED ? "metrics:failed" : "metrics:completed"));
    request_begin_plain(&totals, &arena, "HMGET");
    request_put(&totals, key);
    request_put_text(&totals, "count");
    request_put_text(&totals, "prevTS");
    request_begin_plain(&points, &arena, "LRANGE");
    request_put(&points, keys_join(&arena, key, SLICE_LIT(":data")));
    request_put_int(&points, metrics->cap > 0 ? 0 : 1);
    request_put_int(&points, metrics->cap > 0 ? (int64_t)metrics->cap - 1 : 0);
    totals.command.is_idempotent = points.command.is_idempotent = true;
    client_batch_add(&b, &totals.command);
    client_batch_add(&b, &points.command);
    e = store_run(queue->store->client, &b, err);
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
    struct client_batch b = {.is_atomic = true};
    struct slice job = keys_join(&arena, queue->prefix, slice_from_text(id));
    for (size_t i = 0; i < 4; i++) {
        struct request r;
        request_begin_plain(&r, &arena, kinds[i].command);
        request_put(&r, keys_join(&arena, job, slice_from_text(kinds[i].kind)));
        r.command.is_idempotent = true;
        client_batch_add(&b, &r.command);
    }
    e = store_run(queue->store->client, &b, err);
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
    e = ask(queue->store, &r, &reply, err);
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
