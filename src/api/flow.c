/* SPDX-License-Identifier: MIT */
#include "jobs/flow.h"

#include "api/span.h"
#include "jobs/keys.h"
#include "os/random.h"

#include <string.h>

/* The tree as jobs/ has it, level by level through a queue of nodes, so that a deep one needs no stack. */
struct conversion {
    const oxq *store;
    struct arena *arena;
    size_t count;
    struct span span; /* around the node that is converted */
};

static oxq_err convert_spanned(struct conversion *c, const struct oxq_flow_node *from, struct flow_node *to, int depth,
                               struct oxq_error *err);

static oxq_err convert_options(const struct conversion *c, const struct oxq_flow_node *from, struct flow_node *to,
                               struct oxq_error *err)
{
    if (!from->opts && !c->span.context) return OXQ_OK;
    struct job_options *o = arena_alloc(c->arena, sizeof(*o));
    *o = (struct job_options){0};
    oxq_err e = from->opts ? queue_read_options(c->store, c->arena, from->opts, o, err) : OXQ_OK;
    o->trace_metadata = arena_copy(c->arena, span_job_context(&c->span, o));
    to->options = o;
    return e;
}

static oxq_err convert_node(struct conversion *c, const struct oxq_flow_node *from, struct flow_node *to, int depth,
                            struct oxq_error *err)
{
    if (depth > OXQ_FLOW_DEPTH_MAX || ++c->count > OXQ_ATOMIC_JOBS_MAX)
        return err_set(
            err, OXQ_ERR_LIMIT,
            "a flow is at most %d levels deep and has at most %d jobs: add others to their parent (parent_id) "
            "when it is there",
            OXQ_FLOW_DEPTH_MAX, OXQ_ATOMIC_JOBS_MAX);
    struct slice data;
    oxq_err e = queue_read_data(from->data, &data, err);
    if (e) return e;
    if (!from->queue || !from->name) return err_set(err, OXQ_ERR_ARGUMENT, "each job of a flow has a queue and a name");
    if (from->children_count > 0 && !from->children)
        return err_set(err, OXQ_ERR_ARGUMENT, "job \"%.80s\" of the flow: children_count without children", from->name);
    *to = (struct flow_node){.queue = slice_from_text(from->queue),
                             .prefix = from->prefix ? slice_from_text(from->prefix) : c->store->prefix,
                             .name = slice_from_text(from->name),
                             .data = data};
    e = convert_options(c, from, to, err);
    if (e) return e;
    struct flow_node *children = ARENA_ARRAY(c->arena, struct flow_node, from->children_count + 1);
    to->children = children;
    to->children_count = from->children_count;
    /* Bounded by OXQ_FLOW_DEPTH_MAX. */
    for (size_t i = 0; i < from->children_count; i++) {
        e = convert_spanned(c, &from->children[i], &children[i], depth + 1, err);
        if (e) return e;
    }
    return OXQ_OK;
}

static const char *or_empty(const char *text)
{
    return text ? text : "";
}

/* A span around a node and those below it, as BullMQ has them: each job's context tells where in the tree it is. */
static oxq_err convert_spanned(struct conversion *c, const struct oxq_flow_node *from, struct flow_node *to, int depth,
                               struct oxq_error *err)
{
    struct oxq_error why;
    struct span span;
    span_begin(&span, c->store,
               &(struct span_start){.kind = OXQ_SPAN_PRODUCER,
                                    .operation = "addNode",
                                    .queue = or_empty(from->queue),
                                    .attributes = {{.key = "bullmq.job.name", .text = or_empty(from->name)}}});
    c->span = span;
    return span_end_call(&span, convert_node(c, from, to, depth, &why), &why, NULL, err);
}

static void fill_random(void *ctx, void *out, size_t bytes)
{
    (void)ctx;
    random_fill(out, bytes);
}

/* out_ids: of all jobs, the roots first. */
static oxq_err send_flow(oxq *store, const struct flow *f, struct arena *arena, struct client_batch *batch,
                         struct slice *out_ids, struct oxq_error *err)
{
    batch->is_atomic = f->requests_count > 1;
    for (size_t i = 0; i < f->requests_count; i++) client_batch_add(batch, &f->requests[i].command);
    oxq_err e = client_batch_run(store->client, batch, 0, err);
    if (e) return e;
    struct resp_value *replies = ARENA_ARRAY(arena, struct resp_value, f->requests_count);
    for (size_t i = 0; i < f->requests_count; i++) replies[i] = *client_batch_reply(batch, i);
    /* Those that are not to blame say CANCELLED. */
    for (size_t i = 0; i < f->jobs_count && (!e || e == OXQ_ERR_CANCELLED); i++) {
        oxq_err one = flow_result(f, replies, i, &out_ids[i], err);
        if (one) e = one;
    }
    return e;
}

static oxq_err convert_roots(struct conversion *c, const struct oxq_flow_node *roots, size_t count,
                             struct flow_node **out, struct oxq_error *err)
{
    if (!roots || count == 0) return err_set(err, OXQ_ERR_ARGUMENT, "a flow has a root");
    if (count > OXQ_ATOMIC_JOBS_MAX)
        return err_set(err, OXQ_ERR_LIMIT, "at most %d jobs are added as one", OXQ_ATOMIC_JOBS_MAX);
    struct flow_node *nodes = ARENA_ARRAY(c->arena, struct flow_node, count);
    oxq_err e = OXQ_OK;
    for (size_t i = 0; !e && i < count; i++) e = convert_spanned(c, &roots[i], &nodes[i], 1, err);
    *out = nodes;
    return e;
}

/* Ids are level by level, as jobs/ lays trees out. */
static void tell_ids(struct arena *arena, const struct oxq_flow_node *roots, size_t roots_count,
                     const struct slice *ids, size_t ids_count)
{
    const struct oxq_flow_node **nodes = ARENA_ARRAY(arena, const struct oxq_flow_node *, ids_count);
    size_t count = 0;
    for (size_t i = 0; i < roots_count; i++) nodes[count++] = &roots[i];
    for (size_t at = 0; at < count; at++) {
        for (size_t i = 0; i < nodes[at]->children_count; i++) nodes[count++] = &nodes[at]->children[i];
        if (nodes[at]->out_id) store_copy_id(ids[at], nodes[at]->out_id);
    }
}

static oxq_err add_flows(oxq *store, const struct oxq_flow_node *roots, size_t count, char (*out_ids)[OXQ_ID_MAX],
                         struct oxq_error *err)
{
    struct arena arena = {0};
    struct client_batch batch = {0};
    struct conversion c = {.store = store, .arena = &arena};
    struct flow_node *nodes = NULL;
    struct flow f;
    struct slice *ids = NULL;
    struct flow_opts opts = {
        .prefix = store->prefix, .now_ms = store_now_ms(), .random = fill_random, .is_whole = true};
    oxq_err e = convert_roots(&c, roots, count, &nodes, err);
    if (!e) e = flow_requests(&arena, &opts, nodes, count, &f, err);
    if (!e) ids = ARENA_ARRAY(&arena, struct slice, f.jobs_count);
    if (!e) e = send_flow(store, &f, &arena, &batch, ids, err);
    for (size_t i = 0; !e && out_ids && i < count; i++) store_copy_id(ids[i], out_ids[i]);
    if (!e) tell_ids(&arena, roots, count, ids, f.jobs_count);
    client_batch_deinit(&batch);
    arena_deinit(&arena);
    return e;
}

static oxq_err add_flows_spanned(oxq *store, const struct span_start *start, const struct oxq_flow_node *roots,
                                 size_t count, char (*out_ids)[OXQ_ID_MAX], struct oxq_error *err)
{
    struct oxq_error why;
    struct span span;
    span_begin(&span, store, start);
    return span_end_call(&span, add_flows(store, roots, count, out_ids, &why), &why, NULL, err);
}

oxq_err oxq_flow_add_many(oxq *store, const struct oxq_flow_node *roots, size_t count, char (*out_ids)[OXQ_ID_MAX],
                          struct oxq_error *err)
{
    oxq_err e = ARGS_CHECK(err, store);
    if (e) return e;
    struct span_start start = {.kind = OXQ_SPAN_PRODUCER,
                               .operation = "addBulkFlows",
                               .queue = "",
                               .attributes = {{.key = "bullmq.job.bulk.count", .number = (int64_t)count}}};
    return add_flows_spanned(store, &start, roots, count, out_ids, err);
}

oxq_err oxq_flow_add(oxq *store, const struct oxq_flow_node *root, char out_id[OXQ_ID_MAX], struct oxq_error *err)
{
    oxq_err e = ARGS_CHECK(err, store, root);
    if (e) return e;
    struct span_start start = {.kind = OXQ_SPAN_PRODUCER,
                               .operation = "addFlow",
                               .queue = or_empty(root->queue),
                               .attributes = {{.key = "bullmq.flow.name", .text = or_empty(root->name)}}};
    return add_flows_spanned(store, &start, root, 1, (char(*)[OXQ_ID_MAX])out_id, err);
}
