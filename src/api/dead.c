/* SPDX-License-Identifier: MIT */
/* Dead letters: docs/dead-letters.md. */
#include "jobs/dead.h"

#include "api/state.h"

oxq_err oxq_queue_set_dead_letters(oxq_queue *queue, const char *dead_queue, struct oxq_error *err)
{
    oxq_err e = ARGS_CHECK(err, queue);
    if (e) return e;
    struct arena arena = {0};
    struct request r;
    struct slice name = dead_queue ? slice_from_text(dead_queue) : SLICE_LIT("");
    e = dead_set_queue(&arena, queue->prefix, name, &r, err);
    if (!e) e = store_act(queue->client, &r, "dead letters of", slice_from_text(queue->name), err);
    arena_deinit(&arena);
    return e;
}

oxq_err oxq_queue_get_dead_letters(oxq_queue *queue, char out_dead_queue[OXQ_ID_MAX], struct oxq_error *err)
{
    oxq_err e = ARGS_CHECK(err, queue, out_dead_queue);
    if (e) return e;
    struct arena arena = {0};
    struct client_reply reply = {0};
    struct request r;
    dead_get_queue(&arena, queue->prefix, &r);
    e = store_request(queue->client, &r, "dead letters of", slice_from_text(queue->name), &reply, err);
    if (!e) store_copy_id(reply.value.kind == RESP_NULL ? SLICE_LIT("") : reply.value.text, out_dead_queue);
    client_reply_deinit(&reply);
    arena_deinit(&arena);
    return e;
}

static const char *text_of(struct arena *arena, struct slice text)
{
    return text.len > 0 ? arena_copy_text(arena, text) : NULL;
}

oxq_err oxq_job_dead_letter(oxq_job *job, struct oxq_dead_letter *out, struct oxq_error *err)
{
    oxq_err e = ARGS_CHECK(err, job, out);
    if (e) return e;
    struct arena *a = &job->arena;
    struct dead_letter letter;
    if (!dead_read(a, slice_of(job->fields.data, job->fields.data_bytes), &letter))
        return err_set(err, OXQ_ERR_FORMAT, "job %s is no dead letter: it does not tell of a job that failed for good",
                       job->fields.id);
    *out = (struct oxq_dead_letter){
        .queue = arena_copy_text(a, letter.queue),
        .id = arena_copy_text(a, letter.id),
        .name = arena_copy_text(a, letter.name),
        .data = arena_copy_text(a, letter.data.len > 0 ? letter.data : SLICE_LIT("null")),
        .opts = arena_copy_text(a, letter.opts),
        .failure = arena_copy_text(a, letter.failed_reason),
        .stacktrace = text_of(a, letter.stacktrace),
        .processed_by = text_of(a, letter.processed_by),
        .parent_key = text_of(a, letter.parent_key),
        .attempts_made = letter.attempts_made,
        .attempts_started = letter.attempts_started,
        .stalled_count = letter.stalled_count,
        .added_ms = letter.timestamp_ms,
        .processed_ms = letter.processed_ms,
        .failed_ms = letter.finished_ms,
    };
    return OXQ_OK;
}

oxq_err oxq_queue_replay(oxq_queue *dead, const char *id, char out_id[OXQ_ID_MAX], struct oxq_error *err)
{
    oxq_err e = ARGS_CHECK(err, dead, id);
    if (!e) e = queue_check_id(id, err);
    if (e) return e;
    struct arena arena = {0};
    struct client_reply reply = {0};
    struct request r;
    struct slice text = slice_from_text(id), job;
    struct dead_replay replay = {.prefix = dead->prefix, .now_ms = store_now_ms(), .ids = &text, .count = 1};
    e = dead_replay(&arena, &replay, &r, err);
    if (!e) e = client_call(dead->client, &r.command, 0, &reply, err);
    if (!e) e = dead_result(&reply.value, 0, text, &job, err);
    if (!e && out_id) store_copy_id(job, out_id);
    client_reply_deinit(&reply);
    arena_deinit(&arena);
    return e;
}
