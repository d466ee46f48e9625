/* SPDX-License-Identifier: MIT */
#include "jobs/dead.h"

#include "codec/json.h"
#include "jobs/keys.h"

#define DEAD_QUEUE_FIELD "oxq.deadQueue"

/* ---------------------------------------------------------------- the policy */

oxq_err dead_set_queue(struct arena *arena, struct slice prefix, struct slice dead_queue, struct request *out,
                       struct oxq_error *err)
{
    if (dead_queue.len > 0) {
        struct slice checked;
        oxq_err e = keys_prefix(arena, (struct slice){0}, dead_queue, &checked, err);
        if (e) return e;
        if (slice_equal(dead_queue, keys_queue(prefix)))
            return err_set(err, OXQ_ERR_ARGUMENT,
                           "a queue is not its own dead-letter queue: name another, \"%.*s-dead\"", (int)dead_queue.len,
                           dead_queue.at);
    }
    request_begin_plain(out, arena, dead_queue.len > 0 ? "HSET" : "HDEL");
    request_put(out, keys_join(arena, prefix, SLICE_LIT("meta")));
    request_put_text(out, DEAD_QUEUE_FIELD);
    if (dead_queue.len > 0) request_put(out, dead_queue);
    out->command.is_idempotent = true;
    return OXQ_OK;
}

void dead_get_queue(struct arena *arena, struct slice prefix, struct request *out)
{
    request_begin_plain(out, arena, "HGET");
    request_put(out, keys_join(arena, prefix, SLICE_LIT("meta")));
    request_put_text(out, DEAD_QUEUE_FIELD);
    out->command.is_idempotent = true;
}

/* ---------------------------------------------------------------- a letter */

static struct slice text_of(struct arena *arena, const struct json *root, const char *name)
{
    return arena_copy(arena, json_text(json_member(root, name)));
}

/* As it stands in the text; empty for null. */
static struct slice raw_of(struct arena *arena, struct slice data, const char *name)
{
    struct slice raw = json_raw_member(data, slice_from_text(name));
    return slice_is(raw, "null") ? SLICE_LIT("") : arena_copy(arena, raw);
}

/* The letter with null for the job's data, which may be large and are not looked into. */
static struct slice leave_out(struct arena *arena, struct slice text, struct slice data)
{
    static const struct slice null = SLICE_INIT("null");
    size_t before = (size_t)(data.at - text.at), after = text.len - before - data.len;
    char *rest = arena_alloc(arena, before + null.len + after);
    memcpy(rest, text.at, before);
    memcpy(rest + before, null.at, null.len);
    memcpy(rest + before + null.len, data.at + data.len, after);
    return slice_of(rest, before + null.len + after);
}

bool dead_read(struct arena *arena, struct slice text, struct dead_letter *out)
{
    struct json *root = NULL;
    struct oxq_error ignored;
    struct slice data = json_raw_member(text, SLICE_LIT("data"));
    if (data.len == 0) return false;
    struct slice rest = leave_out(arena, text, data);
    if (json_read_value(rest, &root, &ignored) != OXQ_OK) return false;
    *out = (struct dead_letter){
        .queue = text_of(arena, root, "queue"),
        .id = text_of(arena, root, "id"),
        .name = text_of(arena, root, "name"),
        .data = slice_is(data, "null") ? SLICE_LIT("") : data,
        .opts = raw_of(arena, rest, "opts"),
        .failed_reason = text_of(arena, root, "failedReason"),
        .stacktrace = raw_of(arena, rest, "stacktrace"),
        .processed_by = text_of(arena, root, "processedBy"),
        .parent_key = text_of(arena, root, "parentKey"),
        .attempts_made = json_number(json_member(root, "attemptsMade")),
        .attempts_started = json_number(json_member(root, "attemptsStarted")),
        .stalled_count = json_number(json_member(root, "stalledCount")),
        .timestamp_ms = json_number(json_member(root, "timestamp")),
        .processed_ms = json_number(json_member(root, "processedOn")),
        .finished_ms = json_number(json_member(root, "finishedOn")),
    };
    bool is_letter = out->queue.len > 0 && out->id.len > 0 && json_member(root, "name") && json_member(root, "opts") &&
                     json_member(root, "failedReason");
    json_release(root);
    return is_letter;
}

/* ---------------------------------------------------------------- replay */

oxq_err dead_replay(struct arena *arena, const struct dead_replay *replay, struct request *out, struct oxq_error *err)
{
    if (replay->count == 0 || replay->count > DEAD_REPLAY_MAX)
        return err_set(err, OXQ_ERR_LIMIT, "%zu dead letters at once: write 1 .. %d", replay->count, DEAD_REPLAY_MAX);
    request_begin(out, arena, &transition_replay, replay->prefix);
    request_put_int(out, replay->now_ms);
    for (size_t i = 0; i < replay->count; i++) request_put(out, replay->ids[i]);
    return OXQ_OK;
}

oxq_err dead_result(const struct resp_value *reply, size_t i, struct slice id, struct slice *out_id,
                    struct oxq_error *err)
{
    oxq_err e = request_check(reply, "replay dead letter", id, err);
    if (e) return e;
    if (reply->kind != RESP_ARRAY || i >= reply->count)
        return err_set(err, OXQ_ERR_FORMAT, "replay dead letters: the server's answer has no letter %zu", i + 1);
    e = request_check(&reply->items[i], "replay dead letter", id, err);
    if (!e) *out_id = reply->items[i].text;
    return e;
}
