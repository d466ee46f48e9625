/* SPDX-License-Identifier: MIT */
/* Operations of src/jobs/scheduler.h. */
#include "driver.h"

#include "jobs/scheduler.h"
#include "os/zonefile.h"

/* Zones that were read; the machine's own is UTC here, as it is for BullMQ. */
static oxq_err find_zone(void *ctx, struct slice name, const struct zone **out, struct oxq_error *err)
{
    static struct zone zones[64];
    static char names[64][ZONEFILE_NAME_MAX_BYTES];
    static const struct zone utc = {0};
    (void)ctx;
    *out = &utc;
    if (name.len == 0) return OXQ_OK;
    size_t i = 0;
    for (; i < 64 && names[i][0]; i++) {
        if (!slice_equal(name, slice_from_text(names[i]))) continue;
        *out = &zones[i];
        return OXQ_OK;
    }
    if (i == 64 || name.len >= sizeof(names[i])) return err_set(err, OXQ_ERR_LIMIT, "the driver keeps 64 zones");
    *out = &zones[i];
    OWNED(buf_deinit) struct buf bytes = {.limit_bytes = ZONEFILE_MAX_BYTES};
    if (!zone_from_name(name, &zones[i])) {
        oxq_err e = zonefile_read(name, &bytes, err);
        if (!e) e = zone_parse(buf_borrow(&bytes), &zones[i], err);
        if (e) return e;
    }
    memcpy(names[i], name.at, name.len);
    return OXQ_OK;
}

static struct scheduler_context context_of(struct driver_call *call)
{
    return (struct scheduler_context){.prefix = call->prefix, .now_ms = call->now_ms, .zone = find_zone};
}

/* args.id, args.repeat, args.template {name, data, opts} */
static oxq_err run_upsert(struct driver_call *call)
{
    const struct json *repeat = json_member(call->args, "repeat"), *template = json_member(call->args, "template");
    struct job_options options;
    oxq_err e = job_options_read(driver_json(call, template, "opts"), &call->arena, &options, &call->err);
    if (e) return e;
    struct scheduler_spec spec = {
        .id = driver_text(call->args, "id"),
        .repeat =
            {
                .pattern = driver_text(repeat, "pattern"),
                .tz = driver_text(repeat, "tz"),
                .every_ms = driver_number(repeat, "every"),
                .offset_ms = driver_number(repeat, "offset"),
                .limit = driver_number(repeat, "limit"),
                .start_ms = driver_number(repeat, "startDate"),
                .end_ms = driver_number(repeat, "endDate"),
            },
        .immediately = json_truth(json_member(repeat, "immediately")),
        .name = driver_text(template, "name"),
        .data = driver_json(call, template, "data"),
        .options = &options,
    };
    struct scheduler_context context = context_of(call);
    struct request r;
    struct resp_value reply;
    struct slice id;
    int64_t delay_ms;
    e = scheduler_upsert_request(&call->arena, &context, &spec, &r, &call->err);
    if (!e) e = driver_send(call, &r, &reply);
    if (!e) e = scheduler_result(&reply, &id, &delay_ms, &call->err);
    if (e) return e;
    json_write_open(call->answer, '[');
    json_write_text(call->answer, id);
    json_write_integer(call->answer, delay_ms);
    json_write_close(call->answer, ']');
    return OXQ_OK;
}

/* args.id: of a job that has begun */
static oxq_err run_next(struct driver_call *call)
{
    struct slice id = driver_text(call->args, "id");
    struct request r;
    struct resp_value fields, reply;
    struct job job;
    request_begin_plain(&r, &call->arena, "HGETALL");
    OWNED(buf_deinit) struct buf key = {.limit_bytes = 4096};
    oxq_err e = buf_append(&key, call->prefix);
    if (!e) e = buf_append(&key, id);
    request_put(&r, buf_borrow(&key));
    if (!e) e = driver_send(call, &r, &fields);
    if (!e) e = job_read(&fields, id, &job, &call->err);
    struct scheduler_context context = context_of(call);
    bool is_due = false;
    if (!e) e = scheduler_next_request(&call->arena, &context, &job, &is_due, &r, &call->err);
    if (!e && is_due) e = driver_send(call, &r, &reply);
    if (!e && is_due) e = request_check(&reply, "next run of", id, &call->err);
    return e;
}

/* args.id */
static oxq_err run_remove(struct driver_call *call)
{
    struct request r;
    struct resp_value reply;
    scheduler_remove_request(&call->arena, call->prefix, driver_text(call->args, "id"), &r);
    oxq_err e = driver_send(call, &r, &reply);
    if (!e) e = request_check(&reply, "remove scheduler", driver_text(call->args, "id"), &call->err);
    if (!e) json_write_integer(call->answer, reply.integer);
    return e;
}

static void write_scheduler(struct json_writer *w, const struct scheduler *s)
{
    const struct {
        const char *name;
        int64_t n;
    } numbers[] = {{"every", s->repeat.every_ms}, {"limit", s->repeat.limit},      {"startDate", s->repeat.start_ms},
                   {"endDate", s->repeat.end_ms}, {"offset", s->repeat.offset_ms}, {"iterationCount", s->iterations},
                   {"next", s->next_ms}};
    json_write_open(w, '{');
    json_write_name(w, "key");
    json_write_text(w, s->id);
    json_write_name(w, "name");
    json_write_text(w, s->name);
    json_write_name(w, "pattern");
    json_write_text(w, s->repeat.pattern);
    json_write_name(w, "tz");
    json_write_text(w, s->repeat.tz);
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        json_write_name(w, numbers[i].name);
        json_write_integer(w, numbers[i].n);
    }
    json_write_name(w, "data");
    json_write_raw(w, s->data.len > 0 ? s->data : SLICE_LIT("null"));
    json_write_close(w, '}');
}

/* args.id, or args.first, args.count, args.asc */
static oxq_err run_read(struct driver_call *call)
{
    struct slice id = driver_text(call->args, "id");
    struct request r;
    struct resp_value reply;
    if (id.len > 0) {
        scheduler_get_request(&call->arena, call->prefix, id, &r);
    } else {
        scheduler_list_request(&call->arena, call->prefix, driver_number(call->args, "first"),
                               driver_number(call->args, "count"), json_truth(json_member(call->args, "asc")), &r);
    }
    size_t count;
    oxq_err e = driver_send(call, &r, &reply);
    if (!e) e = scheduler_read_count(&reply, &count, NULL, &call->err);
    if (e) return e;
    json_write_open(call->answer, '[');
    for (size_t i = 0; i < count; i++) {
        struct scheduler s;
        e = scheduler_read(&reply, i, &s, &call->err);
        if (e) return e;
        write_scheduler(call->answer, &s);
    }
    json_write_close(call->answer, ']');
    return OXQ_OK;
}

const struct driver_op driver_scheduler_ops[] = {
    {"upsert_scheduler", run_upsert}, {"next_run", run_next}, {"remove_scheduler", run_remove},
    {"read_schedulers", run_read},    {NULL, NULL},
};
