/* SPDX-License-Identifier: MIT */
#include "api/state.h"

#include "base/mem.h"
#include "codec/json.h"

#include <string.h>

static const char *const state_names[OXQ_STATES_COUNT] = {
    [OXQ_STATE_UNKNOWN] = "unknown",         [OXQ_STATE_WAITING] = "waiting",
    [OXQ_STATE_ACTIVE] = "active",           [OXQ_STATE_DELAYED] = "delayed",
    [OXQ_STATE_PRIORITIZED] = "prioritized", [OXQ_STATE_WAITING_CHILDREN] = "waiting-children",
    [OXQ_STATE_COMPLETED] = "completed",     [OXQ_STATE_FAILED] = "failed",
};

const char *oxq_state_name(oxq_state state)
{
    return state_names[(unsigned)state < OXQ_STATES_COUNT ? state : OXQ_STATE_UNKNOWN];
}

oxq_state oxq_state_find(const char *name)
{
    if (!name) return OXQ_STATE_UNKNOWN;
    if (strcmp(name, "wait") == 0 || strcmp(name, "paused") == 0) return OXQ_STATE_WAITING;
    for (int i = 0; i < OXQ_STATES_COUNT; i++) {
        if (strcmp(name, state_names[i]) == 0) return (oxq_state)i;
    }
    return OXQ_STATE_UNKNOWN;
}

/* ---------------------------------------------------------------- making one */

static const char *copy_field(struct arena *arena, struct slice text)
{
    return text.len > 0 ? arena_copy_text(arena, text) : NULL;
}

/* Of all its texts, each with its NUL and rounded up. */
static size_t texts_bytes(const char *queue, const struct job *j)
{
    const struct slice texts[] = {j->id,           j->name,
                                  j->data,         j->opts,
                                  j->returnvalue,  j->progress,
                                  j->stacktrace,   j->failed_reason,
                                  j->parent_key,   j->repeat_job_key,
                                  j->processed_by, j->deduplication_id,
                                  j->dead_id,      j->deferred_failure};
    size_t bytes = strlen(queue) + 32;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) bytes += texts[i].len + 32;
    return bytes;
}

oxq_err job_new(const char *queue, const struct job *from, oxq_job **out, struct oxq_error *err)
{
    oxq_job *job = mem_alloc_zero(sizeof(*job));
    if (!arena_reserve(&job->arena, texts_bytes(queue, from))) {
        oxq_job_free(job);
        return err_set(err, OXQ_ERR_MEMORY, "job %.*s: not enough memory for its data", (int)from->id.len, from->id.at);
    }
    struct arena *a = &job->arena;
    job->fields = (struct oxq_job_fields){
        .queue = arena_copy_text(a, slice_from_text(queue)),
        .id = arena_copy_text(a, from->id),
        .name = arena_copy_text(a, from->name),
        .data = arena_copy_text(a, from->data.len > 0 ? from->data : SLICE_LIT("{}")),
        .opts = arena_copy_text(a, from->opts.len > 0 ? from->opts : SLICE_LIT("{}")),
        .result = copy_field(a, from->returnvalue),
        .progress = copy_field(a, from->progress),
        .failure = copy_field(a, from->failed_reason),
        .stacktrace = copy_field(a, from->stacktrace),
        .parent_key = copy_field(a, from->parent_key),
        .processed_by = copy_field(a, from->processed_by),
        .scheduler_id = copy_field(a, from->repeat_job_key),
        .deduplication_id = copy_field(a, from->deduplication_id),
        .deferred_failure = copy_field(a, from->deferred_failure),
        .dead_id = copy_field(a, from->dead_id),
        .data_bytes = from->data.len > 0 ? from->data.len : 2,
        .result_bytes = from->returnvalue.len,
        .added_ms = from->timestamp_ms,
        .delay_ms = from->delay_ms,
        .priority = from->priority,
        .processed_ms = from->processed_ms,
        .finished_ms = from->finished_ms,
        .attempts_made = from->attempts_made,
        .attempts_started = from->attempts_started,
        .stalled_count = from->stalled_count,
    };
    /* Options that somebody damaged are no reason not to show or run the job. */
    struct oxq_error ignored;
    if (job_options_read(slice_from_text(job->fields.opts), a, &job->opts, &ignored) != OXQ_OK)
        job->opts = (struct job_options){0};
    job->fields.trace_metadata = copy_field(a, job->opts.trace_metadata);
    job->fields.attempts_max = job->opts.attempts > 1 ? job->opts.attempts : 1;
    *out = job;
    return OXQ_OK;
}

oxq_err job_new_from_reply(const char *queue, const struct resp_value *hash, struct slice id, oxq_job **out,
                           struct oxq_error *err)
{
    struct job fields;
    oxq_err e = job_read(hash, id, &fields, err);
    return e ? e : job_new(queue, &fields, out, err);
}

void oxq_job_free(oxq_job *job)
{
    if (!job) return;
    json_release((struct json *)job->data);
    json_release((struct json *)job->result);
    arena_deinit(&job->arena);
    mem_free(job);
}

/* ---------------------------------------------------------------- reading one */

const struct oxq_job_fields *oxq_job_fields(const oxq_job *job)
{
    return job ? &job->fields : NULL;
}

const char *oxq_job_id(const oxq_job *job)
{
    return job ? job->fields.id : NULL;
}

const char *oxq_job_name(const oxq_job *job)
{
    return job ? job->fields.name : NULL;
}

const char *oxq_job_data(const oxq_job *job, size_t *out_bytes)
{
    if (out_bytes) *out_bytes = job ? job->fields.data_bytes : 0;
    return job ? job->fields.data : NULL;
}

static oxq_json *parse(const char *text)
{
    struct json *root = NULL;
    struct oxq_error ignored;
    if (!text || json_read_value(slice_from_text(text), &root, &ignored) != OXQ_OK) return NULL;
    return (oxq_json *)root;
}

const oxq_json *oxq_job_json(oxq_job *job)
{
    if (!job) return NULL;
    if (!job->is_data_read) job->data = parse(job->fields.data);
    job->is_data_read = true;
    return job->data;
}

const oxq_json *oxq_job_result_json(oxq_job *job)
{
    if (!job) return NULL;
    if (!job->is_result_read) job->result = parse(job->fields.result);
    job->is_result_read = true;
    return job->result;
}
