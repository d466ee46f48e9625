/* SPDX-License-Identifier: MIT */
#include "jobs/flow.h"

#include "api/state.h"
#include "jobs/keys.h"
#include "os/random.h"

#include <string.h>

/* The tree as jobs/ has it, level by level through a queue of nodes, so that a deep one needs no stack. */
struct conversion {
    const oxq *store;
    struct arena *arena;
    size_t count;
};

static oxq_err convert_node(struct conversion *c, const struct oxq_flow_node *from, struct flow_node *to, int depth,
                            struct oxq_error *err)
{
    if (depth > OXQ_FLOW_DEPTH_MAX || ++c->count > OXQ_ATOMIC_JOBS_MAX)
        return err_set(err, OXQ_ERR_LIMIT, "a flow is at most %d levels deep and has at most %d jobs",
                       OXQ_FLOW_DEPTH_MAX, OXQ_ATOMIC_JOBS_MAX);
    if (!from->queue || !from->name) return err_set(err, OXQ_ERR_ARGUMENT, "each job of a flow has a queue and a name");
    *to = (struct flow_node){.queue = slice_from_text(from->queue),
                             .prefix = c->store->prefix,
                             .name = slice_from_text(from->name),
                             .data = from->data ? slice_from_text(from->data) : SLICE_LIT("")};
    if (from->opts) {
        struct job_options *o = arena_alloc(c->arena, sizeof(*o));
        oxq_err e = queue_read_options(c->store, c->arena, from->opts, o, err);
        if (e) return e;
        to->options = o;
    }
    struct flow_node *children = ARENA_ARRAY(c->arena, struct flow_node, from->children_count + 1);
    to->children = children;
    to->children_count = from->children_count;
    /* Bounded by OXQ_FLOW_DEPTH_MAX. */
    for (size_t i = 0; i < from->children_count; i++) {
        oxq_err e = convert_node(c, &from->children[i], &children[i], depth + 1, err);
        if (e) return e;
    }
    return OXQ_OK;
}

static void fill_random(void *ctx, void *out, size_t bytes)
{
    (void)ctx;
    random_fill(out, bytes);
}

static oxq_err send_flow(oxq *store, const struct flow *f, struct arena *arena, struct client_batch *batch,
                         struct slice *out_id, struct oxq_error *err)
{
    batch->is_atomic = f->requests_count > 1;
    for (size_t i = 0; i < f->requests_count; i++) client_batch_add(batch, &f->requests[i].command);
    oxq_err e = client_batch_run(store->client, batch, 0, err);
    if (e) return e;
    struct resp_value *replies = ARENA_ARRAY(arena, struct resp_value, f->requests_count);
    for (size_t i = 0; i < f->requests_count; i++) replies[i] = *client_batch_reply(batch, i);
    struct slice id = SLICE_LIT("");
    for (size_t i = 0; !e && i < f->jobs_count; i++) {
        e = flow_result(f, replies, i, &id, err);
        if (i == 0) *out_id = id;
    }
    return e;
}

oxq_err oxq_flow_add(oxq *store, const struct oxq_flow_node *root, char out_id[OXQ_ID_MAX], struct oxq_error *err)
{
    struct arena arena = {0};
    struct client_batch batch = {0};
    struct conversion c = {.store = store, .arena = &arena};
    struct flow_node node;
    struct flow f;
    struct slice id = SLICE_LIT("");
    struct flow_opts opts = {.prefix = store->prefix, .now_ms = store_now_ms(), .random = fill_random};
    oxq_err e = convert_node(&c, root, &node, 1, err);
    if (!e) e = flow_requests(&arena, &opts, &node, 1, &f, err);
    if (!e) e = send_flow(store, &f, &arena, &batch, &id, err);
    if (!e && out_id) store_copy_id(id, out_id);
    client_batch_deinit(&batch);
    arena_deinit(&arena);
    return e;
}
