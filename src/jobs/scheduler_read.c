/* SPDX-License-Identifier: MIT */
/* Job schedulers as they are stored, and their end. */
#include "base/num.h"
#include "jobs/fields.h"
#include "jobs/scheduler.h"

void scheduler_remove_request(struct arena *arena, struct slice prefix, struct slice id, struct request *out)
{
    request_begin(out, arena, &transition_remove_scheduler, prefix);
    request_put(out, id);
}

void scheduler_get_request(struct arena *arena, struct slice prefix, struct slice id, struct request *out)
{
    request_begin(out, arena, &transition_read_schedulers, prefix);
    request_put_text(out, "one");
    request_put(out, id);
}

void scheduler_list_request(struct arena *arena, struct slice prefix, int64_t first, int64_t count, bool is_ascending,
                            struct request *out)
{
    if (count > SCHEDULER_PAGE_MAX) count = SCHEDULER_PAGE_MAX;
    request_begin(out, arena, &transition_read_schedulers, prefix);
    request_put_text(out, is_ascending ? "asc" : "desc");
    request_put_int(out, first);
    request_put_int(out, first + count - 1);
}

oxq_err scheduler_read_count(const struct resp_value *reply, size_t *out_count, int64_t *out_total,
                             struct oxq_error *err)
{
    oxq_err e = request_check(reply, "read", SLICE_LIT("schedulers"), err);
    if (e) return e;
    if (reply->kind != RESP_ARRAY || reply->count == 0) {
        return err_set(err, OXQ_ERR_SERVER, "read schedulers: the server's answer has another form");
    }
    *out_count = reply->count - 1;
    if (out_total) *out_total = reply->items[0].integer;
    return OXQ_OK;
}

#define TEXT(name, member) FIELDS_TEXT(struct scheduler, name, member)
#define NUMBER(name, member) FIELDS_NUMBER(struct scheduler, name, member)

static const struct fields_row known_fields[] = {
    TEXT("name", name),
    TEXT("data", data),
    TEXT("opts", opts),
    TEXT("pattern", repeat.pattern),
    TEXT("tz", repeat.tz),
    NUMBER("every", repeat.every_ms),
    NUMBER("offset", repeat.offset_ms),
    NUMBER("limit", repeat.limit),
    NUMBER("startDate", repeat.start_ms),
    NUMBER("endDate", repeat.end_ms),
    NUMBER("ic", iterations),
};

oxq_err scheduler_read(const struct resp_value *reply, size_t i, struct scheduler *out, struct oxq_error *err)
{
    const struct resp_value *one = &reply->items[i + 1];
    if (one->kind != RESP_ARRAY || one->count != 3 || one->items[2].count % 2 != 0) {
        return err_set(err, OXQ_ERR_FORMAT, "read schedulers: the server's answer has another form");
    }
    struct scheduler s = {.id = one->items[0].text, .is_there = one->items[2].count > 0};
    double next_ms;
    if (!num_parse_double(one->items[1].text, &next_ms)) {
        return err_set(err, OXQ_ERR_FORMAT, "scheduler %.*s: its next run is no time", (int)s.id.len, s.id.at);
    }
    s.next_ms = (int64_t)next_ms;
    const struct resp_value *fields = &one->items[2];
    struct slice wrong;
    if (!fields_read(fields, known_fields, sizeof(known_fields) / sizeof(known_fields[0]), &s, &wrong)) {
        return err_set(err, OXQ_ERR_FORMAT, "scheduler %.*s: its field %.*s is no number", (int)s.id.len, s.id.at,
                       (int)wrong.len, wrong.at);
    }
    *out = s;
    return OXQ_OK;
}
