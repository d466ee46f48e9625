/* SPDX-License-Identifier: MIT */
/* Operations of src/jobs/flow.h. */
#include "driver.h"

#include "jobs/flow.h"

/* Jobs whose id is made cannot be compared; the test gives each one. */
static void count_up(void *ctx, void *out, size_t bytes)
{
    uint8_t *next = ctx;
    memset(out, *next++, bytes);
}

static oxq_err read_tree(struct driver_call *call, const struct json *json, struct flow_node *out, int depth)
{
    struct job_options *options = arena_alloc(&call->arena, sizeof(*options));
    oxq_err e = job_options_read(driver_json(call, json, "opts"), &call->arena, options, &call->err);
    if (e) return e;
    const struct json *list = json_member(json, "children");
    size_t count = json_count(list);
    struct flow_node *children = ARENA_ARRAY(&call->arena, struct flow_node, count + 1);
    for (size_t i = 0; i < count && depth < 8; i++) {
        e = read_tree(call, json_at(list, i), &children[i], depth + 1);
        if (e) return e;
    }
    *out = (struct flow_node){
        .queue = driver_text(json, "queueName"),
        .name = driver_text(json, "name"),
        .data = driver_json(call, json, "data"),
        .options = options,
        .children = children,
        .children_count = count,
    };
    return OXQ_OK;
}

/* Ids of the roots, or why they were not added. */
static oxq_err answer_roots(struct driver_call *call, const struct flow *f, size_t roots,
                            const struct resp_value *replies)
{
    json_write_open(call->answer, '[');
    for (size_t i = 0; i < roots; i++) {
        struct slice id;
        oxq_err e = flow_result(f, replies, i, &id, &call->err);
        if (e == OXQ_ERR_SERVER) return e;
        if (e) {
            json_write_integer(call->answer, replies[0].items[i].integer);
        } else {
            json_write_text(call->answer, id);
        }
    }
    json_write_close(call->answer, ']');
    return OXQ_OK;
}

/* args.flows: trees {queueName, name, data, opts, children} */
static oxq_err run_flow(struct driver_call *call)
{
    const struct json *list = json_member(call->args, "flows");
    size_t count = json_count(list);
    struct flow_node *roots = ARENA_ARRAY(&call->arena, struct flow_node, count + 1);
    for (size_t i = 0; i < count; i++) {
        oxq_err e = read_tree(call, json_at(list, i), &roots[i], 0);
        if (e) return e;
    }
    uint8_t next = 0;
    struct flow_opts opts = {.now_ms = call->now_ms, .random = count_up, .random_ctx = &next};
    struct flow f;
    oxq_err e = flow_requests(&call->arena, &opts, roots, count, &f, &call->err);
    if (e) return e;
    struct resp_value *replies = ARENA_ARRAY(&call->arena, struct resp_value, f.requests_count);
    if (f.requests_count != 1) return err_set(&call->err, OXQ_ERR_LIMIT, "the driver sends flows of one request");
    e = driver_send(call, &f.requests[0], &replies[0]);
    return e ? e : answer_roots(call, &f, count, replies);
}

static void write_node(struct driver_call *call, const struct flow_read *r, size_t at)
{
    static const char *const states[] = {"root", "processed", "pending", "failed", "ignored"};
    const struct flow_read_node *node = &r->nodes[at];
    json_write_open(call->answer, '{');
    json_write_name(call->answer, "id");
    json_write_text(call->answer, node->id);
    json_write_name(call->answer, "state");
    json_write_text(call->answer, slice_from_text(states[node->state]));
    json_write_name(call->answer, "name");
    json_write_text(call->answer, node->job.name);
    json_write_name(call->answer, "children");
    json_write_open(call->answer, '[');
    for (size_t i = 0; i < node->children_count; i++) write_node(call, r, node->first_child + i);
    json_write_close(call->answer, ']');
    json_write_close(call->answer, '}');
}

/* args.id, args.depth, args.maxChildren: the tree */
static oxq_err run_read_flow(struct driver_call *call)
{
    struct flow_read r;
    flow_read_begin(&r, &call->arena, call->prefix, driver_text(call->args, "id"),
                    (size_t)driver_number(call->args, "depth"), (size_t)driver_number(call->args, "maxChildren"));
    for (size_t count = flow_read_count(&r); count > 0; count = flow_read_count(&r)) {
        for (size_t i = 0; i < count; i++) {
            struct request request;
            struct resp_value reply;
            flow_read_request(&r, i, &request);
            oxq_err e = driver_send(call, &request, &reply);
            if (!e) e = flow_read_reply(&r, i, &reply, &call->err);
            if (e) return e;
        }
    }
    if (r.nodes[0].is_there) write_node(call, &r, 0);
    return OXQ_OK;
}

const struct driver_op driver_flow_ops[] = {
    {"flow", run_flow},
    {"read_flow", run_read_flow},
    {NULL, NULL},
};
