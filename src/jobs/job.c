/* SPDX-License-Identifier: MIT */
#include "jobs/job.h"

#include "jobs/fields.h"

#define TEXT(name, member) FIELDS_TEXT(struct job, name, member)
#define NUMBER(name, member) FIELDS_NUMBER(struct job, name, member)

/* In the order in which jobs have them. */
static const struct fields_row known_fields[] = {
    TEXT("name", name),
    TEXT("data", data),
    TEXT("opts", opts),
    NUMBER("timestamp", timestamp_ms),
    NUMBER("delay", delay_ms),
    NUMBER("priority", priority),
    TEXT("parentKey", parent_key),
    TEXT("parent", parent),
    TEXT("rjk", repeat_job_key),
    TEXT("deid", deduplication_id),
    NUMBER("ats", attempts_started),
    NUMBER("processedOn", processed_ms),
    TEXT("pb", processed_by),
    NUMBER("atm", attempts_made),
    NUMBER("attemptsMade", attempts_made), /* before BullMQ 5 */
    TEXT("progress", progress),
    TEXT("returnvalue", returnvalue),
    NUMBER("finishedOn", finished_ms),
    TEXT("failedReason", failed_reason),
    TEXT("stacktrace", stacktrace),
    NUMBER("stc", stalled_count),
    TEXT("defa", deferred_failure),
    TEXT("nrjid", next_run_id),
    TEXT("oxq.dead", dead_id),
};

#define KNOWN_FIELDS_COUNT (sizeof(known_fields) / sizeof(known_fields[0]))

const char *const job_brief_fields[JOB_BRIEF_FIELDS] = {
    "name",        "opts", "timestamp", "delay",        "priority", "parentKey",  "rjk",          "deid", "ats",
    "processedOn", "pb",   "atm",       "attemptsMade", "progress", "finishedOn", "failedReason", "stc"};

bool job_is_damaged(const struct resp_value *reply)
{
    static const struct slice no_hash = SLICE_INIT("WRONGTYPE");
    return reply->kind == RESP_ERROR && reply->text.len > no_hash.len &&
           memcmp(reply->text.at, no_hash.at, no_hash.len) == 0;
}

oxq_err job_read(const struct resp_value *fields, struct slice id, struct job *out, struct oxq_error *err)
{
    int shown = id.len < 80 ? (int)id.len : 80;
    const char *id_at = id.at ? id.at : "";
    if (job_is_damaged(fields)) {
        return err_set(err, OXQ_ERR_TYPE,
                       "job %.*s: its key is no hash: somebody has overwritten it; remove it and add the job anew",
                       shown, id_at);
    }
    if (fields->kind == RESP_NULL || fields->count == 0) {
        return err_set(err, OXQ_ERR_NOT_FOUND, "job %.*s: there is no such job", shown, id_at);
    }
    if ((fields->kind != RESP_ARRAY && fields->kind != RESP_MAP) || fields->count % 2 != 0) {
        return err_set(err, OXQ_ERR_FORMAT, "job %.*s: the server's answer is no list of fields", shown, id_at);
    }
    struct job job = {.id = id};
    struct slice wrong;
    if (!fields_read(fields, known_fields, KNOWN_FIELDS_COUNT, &job, &wrong)) {
        return err_set(err, OXQ_ERR_FORMAT, "job %.*s: its field %.*s is no number", shown, id_at, (int)wrong.len,
                       wrong.at);
    }
    *out = job;
    return OXQ_OK;
}
