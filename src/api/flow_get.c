/* SPDX-License-Identifier: MIT */
/* A tree of jobs is read level by level (jobs/flow.h), and kept in one array, in which the children of a node stand side by side. */
#include "jobs/flow.h"

#include "api/state.h"
#include "base/mem.h"
#include "jobs/keys.h"

/* Nodes that are asked for in one pipeline: in the first; at most; as many as had so many bytes before. */
#define NODES_FIRST 8
#define NODES_MAX 200
#define NODES_BYTES ((size_t)16 << 20)

struct oxq_flow {
    oxq_job *job; /* owned */
    oxq_state state;
    oxq_flow_kind kind;
    bool has_more;
    const struct oxq_flow *children; /* in the same array */
    size_t children_count;
    size_t nodes_count; /* of the root: of the array */
};

/* ---------------------------------------------------------------- reading */

/* How many the next pipeline asks for, after one of so many nodes and bytes. */
static size_t plan_nodes(size_t at_once, size_t count, size_t bytes)
{
    size_t fit = NODES_BYTES / (bytes / count + 1) + 1, more = 4 * at_once;
    size_t next = fit < more ? fit : more;
    return next < NODES_MAX ? next : NODES_MAX;
}

/* Nodes from..to of a level. */
static oxq_err read_nodes(oxq_queue *q, struct flow_read *r, size_t from, size_t to, size_t *out_bytes,
                          struct oxq_error *err)
{
    struct client_batch b = {0};
    for (size_t i = from; i < to; i++) {
        struct request request;
        flow_read_request(r, i, &request);
        request.command.is_idempotent = true;
        client_batch_add(&b, &request.command);
    }
    oxq_err e = client_batch_run(q->client, &b, 0, err);
    for (size_t i = from; !e && i < to; i++) e = flow_read_reply(r, i, client_batch_reply(&b, i - from), err);
    *out_bytes = b.replies.len;
    client_batch_deinit(&b);
    return e;
}

static oxq_err read_tree(oxq_queue *q, struct flow_read *r, struct oxq_error *err)
{
    oxq_err e = OXQ_OK;
    size_t at_once = NODES_FIRST;
    while (!e && flow_read_count(r) > 0) {
        size_t level = flow_read_count(r), bytes = 0;
        for (size_t from = 0, to; !e && from < level; from = to) {
            to = level - from < at_once ? level : from + at_once;
            e = read_nodes(q, r, from, to, &bytes, err);
            at_once = plan_nodes(at_once, to - from, bytes);
        }
    }
    return e;
}

/* ---------------------------------------------------------------- the tree */

static oxq_err convert(const struct flow_read_node *from, oxq_flow *nodes, oxq_flow *to, struct arena *arena,
                       struct oxq_error *err)
{
    static const oxq_flow_kind kinds[] = {
        [FLOW_ROOT] = OXQ_FLOW_ROOT,     [FLOW_PROCESSED] = OXQ_FLOW_PROCESSED, [FLOW_PENDING] = OXQ_FLOW_UNPROCESSED,
        [FLOW_FAILED] = OXQ_FLOW_FAILED, [FLOW_IGNORED] = OXQ_FLOW_IGNORED,
    };
    struct job gone = {.id = from->id};
    *to = (oxq_flow){
        .state = from->is_there ? oxq_state_find(arena_copy_text(arena, from->place)) : OXQ_STATE_UNKNOWN,
        .kind = kinds[from->state],
        .has_more = from->has_more,
        .children = nodes + from->first_child,
        .children_count = from->children_count,
    };
    const char *queue = arena_copy_text(arena, keys_queue(from->prefix));
    return job_new(queue, from->is_there ? &from->job : &gone, &to->job, err);
}

struct limits {
    size_t depth, breadth;
    bool is_brief;
};

static oxq_err read_flow(oxq_queue *queue, const char *id, const struct limits *limits, oxq_flow **out,
                         struct oxq_error *err)
{
    oxq_err e = queue_check_id(id, err);
    if (e) return e;
    struct arena arena = {0};
    struct flow_read r;
    flow_read_begin(&r, &arena, queue->prefix, slice_from_text(id), limits->depth, limits->breadth);
    r.is_brief = limits->is_brief;
    e = read_tree(queue, &r, err);
    if (!e && !r.nodes[0].is_there) e = err_set(err, OXQ_ERR_NOT_FOUND, "job %s: there is no such job", id);
    if (!e) {
        oxq_flow *nodes = mem_alloc_zero(r.nodes_count * sizeof(*nodes));
        for (size_t i = 0; !e && i < r.nodes_count; i++) e = convert(&r.nodes[i], nodes, &nodes[i], &arena, err);
        nodes[0].nodes_count = r.nodes_count;
        if (e)
            oxq_flow_free(nodes);
        else
            *out = nodes;
    }
    arena_deinit(&arena);
    return e;
}

oxq_err oxq_flow_get(oxq_queue *queue, const char *id, size_t depth, size_t breadth, oxq_flow **out,
                     struct oxq_error *err)
{
    oxq_err e = ARGS_CHECK(err, queue, id, out);
    return e ? e : read_flow(queue, id, &(struct limits){depth, breadth, false}, out, err);
}

oxq_err oxq_flow_get_brief(oxq_queue *queue, const char *id, size_t depth, size_t breadth, oxq_flow **out,
                           struct oxq_error *err)
{
    oxq_err e = ARGS_CHECK(err, queue, id, out);
    return e ? e : read_flow(queue, id, &(struct limits){depth, breadth, true}, out, err);
}

void oxq_flow_free(oxq_flow *flow)
{
    if (!flow) return;
    for (size_t i = 0; i < flow->nodes_count; i++) oxq_job_free(flow[i].job);
    mem_free(flow);
}

const struct oxq_job_fields *oxq_flow_job(const oxq_flow *node)
{
    return node ? &node->job->fields : NULL;
}

oxq_state oxq_flow_state(const oxq_flow *node)
{
    return node ? node->state : OXQ_STATE_UNKNOWN;
}

oxq_flow_kind oxq_flow_kind_of(const oxq_flow *node)
{
    return node ? node->kind : OXQ_FLOW_ROOT;
}

size_t oxq_flow_children_count(const oxq_flow *node)
{
    return node ? node->children_count : 0;
}

const oxq_flow *oxq_flow_child(const oxq_flow *node, size_t i)
{
    return node && i < node->children_count ? &node->children[i] : NULL;
}

bool oxq_flow_has_more(const oxq_flow *node)
{
    return node && node->has_more;
}
