/* SPDX-License-Identifier: MIT */
/* Operations of src/jobs/add.h. */
#include "driver.h"

#include "jobs/add.h"

/* args.jobs: [{name, data, opts}] */
static oxq_err run_add(struct driver_call *call)
{
    const struct json *list = json_member(call->args, "jobs");
    size_t count = json_count(list);
    struct new_job *jobs = ARENA_ARRAY(&call->arena, struct new_job, count + 1);
    for (size_t i = 0; i < count; i++) {
        const struct json *one = json_at(list, i);
        struct job_options *options = arena_alloc(&call->arena, sizeof(*options));
        oxq_err e = job_options_read(driver_json(call, one, "opts"), &call->arena, options, &call->err);
        if (e) return e;
        jobs[i] = (struct new_job){
            .name = driver_text(one, "name"),
            .data = driver_json(call, one, "data"),
            .options = options,
        };
    }
    struct request r;
    struct resp_value reply;
    struct add_batch batch = {.prefix = call->prefix, .now_ms = call->now_ms, .jobs = jobs, .count = count};
    oxq_err e = add_request(&call->arena, &batch, &r, &call->err);
    if (!e) e = driver_send(call, &r, &reply);
    if (e) return e;
    json_write_open(call->answer, '[');
    for (size_t i = 0; i < count; i++) {
        struct slice id;
        e = add_result(&reply, i, &jobs[i], &id, &call->err);
        if (e == OXQ_ERR_SERVER) return e;
        if (e) {
            json_write_integer(call->answer, reply.items[i].integer);
        } else {
            json_write_text(call->answer, id);
        }
    }
    json_write_close(call->answer, ']');
    return OXQ_OK;
}

/* args.id, args.job */
static oxq_err run_remove_deduplication(struct driver_call *call)
{
    struct request r;
    struct resp_value reply;
    add_free_deduplication(&call->arena, call->prefix, driver_text(call->args, "id"), driver_text(call->args, "job"),
                           &r);
    oxq_err e = driver_send(call, &r, &reply);
    if (!e) e = request_check(&reply, "free deduplication", SLICE_LIT("id"), &call->err);
    if (!e) json_write_integer(call->answer, reply.integer);
    return e;
}

const struct driver_op driver_add_ops[] = {
    {"add", run_add},
    {"remove_deduplication", run_remove_deduplication},
    {NULL, NULL},
};
