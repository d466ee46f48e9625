/* SPDX-License-Identifier: MIT */
#include "jobs/job.h"

#include "base/num.h"

struct field {
    struct slice name;
    size_t offset;
    bool is_number;
};

#define TEXT(name, member)                                                                                             \
    {                                                                                                                  \
        SLICE_INIT(name), offsetof(struct job, member), false                                                          \
    }
#define NUMBER(name, member)                                                                                           \
    {                                                                                                                  \
        SLICE_INIT(name), offsetof(struct job, member), true                                                           \
    }

/* In the order in which jobs have them. */
static const struct field known_fields[] = {
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
};

#define KNOWN_FIELDS_COUNT (sizeof(known_fields) / sizeof(known_fields[0]))

/* Whole numbers; other clients may have written a fraction, which is cut. */
static bool read_number(struct slice text, int64_t *out)
{
    double d;
    if (num_parse_int(text, out)) return true;
    if (!num_parse_double(text, &d) || !(d > -0x1p53 && d < 0x1p53)) return false;
    *out = (int64_t)d;
    return true;
}

static bool read_field(const struct field *f, struct slice value, struct job *out)
{
    void *at = (char *)out + f->offset;
    if (!f->is_number) {
        *(struct slice *)at = value;
        return true;
    }
    return read_number(value, at);
}

oxq_err job_read(const struct resp_value *fields, struct slice id, struct job *out, struct oxq_error *err)
{
    int shown = id.len < 80 ? (int)id.len : 80;
    const char *id_at = id.at ? id.at : "";
    if (fields->kind == RESP_NULL || fields->count == 0) {
        return err_set(err, OXQ_ERR_NOT_FOUND, "job %.*s: there is no such job", shown, id_at);
    }
    if ((fields->kind != RESP_ARRAY && fields->kind != RESP_MAP) || fields->count % 2 != 0) {
        return err_set(err, OXQ_ERR_FORMAT, "job %.*s: the server's answer is no list of fields", shown, id_at);
    }
    struct job job = {.id = id};
    size_t next = 0; /* fields come in the table's order, most of the time */
    for (size_t i = 0; i < fields->count; i += 2) {
        struct slice name = fields->items[i].text, value = fields->items[i + 1].text;
        size_t tried = 0;
        while (tried < KNOWN_FIELDS_COUNT && !slice_equal(name, known_fields[(next + tried) % KNOWN_FIELDS_COUNT].name))
            tried++;
        if (tried == KNOWN_FIELDS_COUNT) continue;
        next = (next + tried) % KNOWN_FIELDS_COUNT;
        if (!read_field(&known_fields[next], value, &job)) {
            return err_set(err, OXQ_ERR_FORMAT, "job %.*s: its field %.*s is no number", shown, id_at, (int)name.len,
                           name.at);
        }
        next++;
    }
    *out = job;
    return OXQ_OK;
}
