/* SPDX-License-Identifier: MIT */
/* Looking at a queue: states and counts. Plain commands in pipelines; a script would hold up everybody else for no gain. Lists: list.c. */
#include "api/state.h"

#include "jobs/keys.h"

const struct state_place state_places[OXQ_STATES_COUNT] = {
    [OXQ_STATE_WAITING] = {"wait", true},
    [OXQ_STATE_ACTIVE] = {"active", true},
    [OXQ_STATE_DELAYED] = {"delayed", false},
    [OXQ_STATE_PRIORITIZED] = {"prioritized", false},
    [OXQ_STATE_WAITING_CHILDREN] = {"waiting-children", false},
    [OXQ_STATE_COMPLETED] = {"completed", false},
    [OXQ_STATE_FAILED] = {"failed", false},
};

/* Of the jobs that wait, those that BullMQ up to 5 keeps apart while a queue is paused (jobs/lua/lib/place.lua). */
struct slice state_paused_key(const oxq_queue *q, struct arena *arena)
{
    return keys_join(arena, q->prefix, SLICE_LIT("paused"));
}

struct slice state_key(const oxq_queue *q, struct arena *arena, oxq_state state)
{
    return keys_join(arena, q->prefix, slice_from_text(state_places[state].key));
}

static void ask(struct client_batch *b, const struct slice *argv, size_t argc)
{
    struct client_command command = {.argv = argv, .argc = argc, .is_idempotent = true};
    client_batch_add(b, &command);
}

/* ---------------------------------------------------------------- states and counts */

oxq_err oxq_queue_state(oxq_queue *queue, const char *id, oxq_state *out, struct oxq_error *err)
{
    oxq_err e = ARGS_CHECK(err, queue, id, out);
    if (!e) e = queue_check_id(id, err);
    if (e) return e;
    struct arena arena = {0};
    /* As one, or a job that moves would be nowhere. */
    struct client_batch b = {.is_look = true};
    for (int s = OXQ_STATE_WAITING; s < OXQ_STATES_COUNT; s++) {
        const char *command = state_places[s].is_list ? "LPOS" : "ZSCORE";
        struct slice argv[] = {slice_from_text(command), state_key(queue, &arena, (oxq_state)s), slice_from_text(id)};
        ask(&b, argv, 3);
    }
    struct slice paused[] = {SLICE_LIT("LPOS"), state_paused_key(queue, &arena), slice_from_text(id)};
    ask(&b, paused, 3);
    e = store_run(queue->client, &b, err);
    oxq_state found = OXQ_STATE_UNKNOWN;
    if (!e && client_batch_reply(&b, b.count - 1)->kind != RESP_NULL) found = OXQ_STATE_WAITING;
    for (int s = OXQ_STATE_WAITING; !e && s < OXQ_STATES_COUNT; s++) {
        if (client_batch_reply(&b, (size_t)s - 1)->kind != RESP_NULL) found = (oxq_state)s;
    }
    if (!e) *out = found;
    client_batch_deinit(&b);
    arena_deinit(&arena);
    return e;
}

static void measure_counts(const oxq_queue *q, const struct oxq_counts *counts)
{
    const struct oxq_telemetry *t = q->store->telemetry;
    for (int s = OXQ_STATE_WAITING; s < OXQ_STATES_COUNT; s++) {
        const struct oxq_attribute attributes[] = {
            {.key = "bullmq.queue.name", .text = q->name},
            {.key = "bullmq.queue.jobs.state", .text = oxq_state_name((oxq_state)s)}};
        t->measure(t->ctx, &(struct oxq_measurement){.kind = OXQ_METRIC_GAUGE,
                                                     .name = "bullmq.queue.jobs",
                                                     .unit = "{jobs}",
                                                     .value = counts->of[s],
                                                     .attributes = attributes,
                                                     .attributes_count = 2});
    }
}

oxq_err oxq_queue_counts(oxq_queue *queue, struct oxq_counts *out, struct oxq_error *err)
{
    oxq_err e = ARGS_CHECK(err, queue, out);
    if (e) return e;
    struct arena arena = {0};
    struct client_batch b = {.is_look = true};
    for (int s = OXQ_STATE_WAITING; s < OXQ_STATES_COUNT; s++) {
        struct slice argv[] = {slice_from_text(state_places[s].is_list ? "LLEN" : "ZCARD"),
                               state_key(queue, &arena, (oxq_state)s)};
        ask(&b, argv, 2);
    }
    struct slice apart[] = {SLICE_LIT("LLEN"), state_paused_key(queue, &arena)};
    struct slice paused[] = {SLICE_LIT("HEXISTS"), keys_join(&arena, queue->prefix, SLICE_LIT("meta")),
                             SLICE_LIT("paused")};
    ask(&b, apart, 2);
    ask(&b, paused, 3);
    e = store_run(queue->client, &b, err);
    struct oxq_counts counts = {.is_paused = false};
    for (int s = OXQ_STATE_WAITING; !e && s < OXQ_STATES_COUNT; s++)
        counts.of[s] = client_batch_reply(&b, (size_t)s - 1)->integer;
    if (!e) counts.of[OXQ_STATE_WAITING] += client_batch_reply(&b, b.count - 2)->integer;
    if (!e) counts.is_paused = client_batch_reply(&b, b.count - 1)->integer == 1;
    if (!e && queue->store->telemetry && queue->store->telemetry->measure) measure_counts(queue, &counts);
    if (!e) *out = counts;
    client_batch_deinit(&b);
    arena_deinit(&arena);
    return e;
}

oxq_err oxq_queue_logs(oxq_queue *queue, const char *id, int64_t start, int64_t end, oxq_names **out,
                       struct oxq_error *err)
{
    oxq_err e = ARGS_CHECK(err, queue, id, out);
    if (!e) e = queue_check_id(id, err);
    if (e) return e;
    struct arena arena = {0};
    struct client_reply reply = {0};
    struct request r;
    request_begin_plain(&r, &arena, "LRANGE");
    struct slice key = keys_join(&arena, queue->prefix, slice_from_text(id));
    request_put(&r, keys_join(&arena, key, SLICE_LIT(":logs")));
    request_put_int(&r, start);
    request_put_int(&r, end);
    r.command.is_idempotent = true;
    e = client_call(queue->client, &r.command, 0, &reply, err);
    if (!e) e = client_reply_check(&reply.value, err);
    if (!e) {
        *out = names_new();
        for (size_t i = 0; i < reply.value.count; i++) names_add(*out, reply.value.items[i].text);
    }
    client_reply_deinit(&reply);
    arena_deinit(&arena);
    return e;
}
