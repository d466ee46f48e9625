/* SPDX-License-Identifier: MIT */
/*
 * The trees are laid out level by level, siblings side by side, which is the order in which BullMQ adds them. The list is cut into
 * requests of bounded size; where siblings are cut apart, the first request says that more come, so that a parent does not run for
 * those children only that had completed before.
 */
#include "jobs/flow.h"

#include "jobs/keys.h"

#include <stdio.h>

static const struct job_options no_options = {0};

/* ---------------------------------------------------------------- ids */

static struct slice make_id(struct arena *arena, const struct flow_opts *opts)
{
    uint8_t b[16];
    opts->random(opts->random_ctx, b, sizeof(b));
    b[6] = (uint8_t)((b[6] & 0x0f) | 0x40); /* version 4 */
    b[8] = (uint8_t)((b[8] & 0x3f) | 0x80);
    char *text = arena_alloc(arena, FLOW_ID_CHARS + 1);
    char *at = text;
    for (size_t i = 0; i < sizeof(b); i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10) *at++ = '-';
        at += snprintf(at, 3, "%02x", b[i]);
    }
    return slice_of(text, FLOW_ID_CHARS);
}

/* ---------------------------------------------------------------- the list */

/* Where the layout of the trees stands. */
struct layout {
    struct arena *arena;
    const struct flow_opts *opts;
    const struct flow_node **nodes; /* of the jobs, in their order */
    struct new_job *jobs;
    size_t count;
};

static oxq_err put_node(struct layout *l, const struct flow_node *node, const struct new_job *parent,
                        struct oxq_error *err)
{
    const struct job_options *given = node->options ? node->options : &no_options;
    if (node->children_count > 0 && given->deduplication.id.len > 0) {
        return err_set(
            err, OXQ_ERR_ARGUMENT,
            "job \"%.*s\": a job with children has no deduplication id, because its children must know that it is added",
            node->name.len < 40 ? (int)node->name.len : 40, node->name.at);
    }
    struct new_job *job = &l->jobs[l->count];
    *job = (struct new_job){.name = node->name, .data = node->data, .has_children = node->children_count > 0};
    oxq_err e =
        keys_prefix(l->arena, node->prefix.len > 0 ? node->prefix : l->opts->prefix, node->queue, &job->queue, err);
    if (e) return e;
    struct job_options *options = arena_alloc(l->arena, sizeof(*options));
    *options = *given;
    job->options = options;
    if (given->job_id.len == 0) job->made_id = make_id(l->arena, l->opts);
    if (parent) {
        options->parent.id = parent->made_id.len > 0 ? parent->made_id : parent->options->job_id;
        options->parent.queue = keys_qualified(parent->queue);
    }
    l->nodes[l->count++] = node;
    return OXQ_OK;
}

/* The parts of the list serve as the queue of what is to be visited. */
static oxq_err lay_out(struct layout *l, const struct flow_node *roots, size_t roots_count, struct oxq_error *err)
{
    oxq_err e = OXQ_OK;
    for (size_t i = 0; i < roots_count && !e; i++) e = put_node(l, &roots[i], NULL, err);
    for (size_t at = 0; at < l->count && !e; at++) {
        const struct flow_node *node = l->nodes[at];
        for (size_t i = 0; i < node->children_count && !e; i++) e = put_node(l, &node->children[i], &l->jobs[at], err);
    }
    return e;
}

/* How many jobs there are, up to one more than there may be. */
static size_t count_jobs(struct arena *arena, const struct flow_node *roots, size_t roots_count)
{
    if (roots_count > FLOW_JOBS_MAX) return FLOW_JOBS_MAX + 1;
    const struct flow_node **nodes = ARENA_ARRAY(arena, const struct flow_node *, FLOW_JOBS_MAX);
    size_t count = 0;
    for (size_t i = 0; i < roots_count; i++) nodes[count++] = &roots[i];
    for (size_t at = 0; at < count; at++) {
        if (nodes[at]->children_count > FLOW_JOBS_MAX - count) return FLOW_JOBS_MAX + 1;
        for (size_t i = 0; i < nodes[at]->children_count; i++) nodes[count++] = &nodes[at]->children[i];
    }
    return count;
}

/* ---------------------------------------------------------------- requests */

static bool are_siblings(const struct new_job *a, const struct new_job *b)
{
    const struct job_parent *p = &a->options->parent, *q = &b->options->parent;
    return p->id.len > 0 && slice_equal(p->id, q->id) && slice_equal(p->queue, q->queue);
}

static oxq_err cut(struct arena *arena, const struct flow_opts *opts, struct flow *f, struct oxq_error *err)
{
    f->requests = ARENA_ARRAY(arena, struct request, f->jobs_count);
    f->request_ends = ARENA_ARRAY(arena, size_t, f->jobs_count);
    bool is_whole = opts->is_whole && add_may_be_refused(f->jobs, f->jobs_count);
    for (size_t from = 0; from < f->jobs_count;) {
        size_t rest = f->jobs_count - from, count = is_whole ? rest : add_portion(f->jobs + from, rest),
               end = from + count;
        struct add_batch batch = {
            .prefix = f->jobs[from].queue,
            .now_ms = opts->now_ms,
            .jobs = f->jobs + from,
            .count = count,
            .is_whole = is_whole,
            .is_split = end < f->jobs_count && are_siblings(&f->jobs[end - 1], &f->jobs[end]),
        };
        oxq_err e = add_request(arena, &batch, &f->requests[f->requests_count], err);
        if (e) return e;
        f->request_ends[f->requests_count++] = end;
        from = end;
    }
    return OXQ_OK;
}

oxq_err flow_requests(struct arena *arena, const struct flow_opts *opts, const struct flow_node *roots,
                      size_t roots_count, struct flow *out, struct oxq_error *err)
{
    OWNED(arena_deinit) struct arena scratch = {0};
    size_t count = count_jobs(&scratch, roots, roots_count);
    if (count == 0 || count > FLOW_JOBS_MAX) {
        return err_set(err, OXQ_ERR_LIMIT, "a flow has 1 .. %d jobs; add the rest as flows of their own",
                       FLOW_JOBS_MAX);
    }
    struct layout l = {.arena = arena, .opts = opts};
    l.nodes = ARENA_ARRAY(&scratch, const struct flow_node *, count);
    l.jobs = ARENA_ARRAY(arena, struct new_job, count);
    oxq_err e = lay_out(&l, roots, roots_count, err);
    if (e) return e;
    struct flow flow = {.jobs = l.jobs, .jobs_count = count};
    e = cut(arena, opts, &flow, err);
    if (!e) *out = flow;
    return e;
}

oxq_err flow_result(const struct flow *f, const struct resp_value *replies, size_t i, struct slice *out_id,
                    struct oxq_error *err)
{
    size_t r = 0;
    while (r < f->requests_count && i >= f->request_ends[r]) r++;
    if (r == f->requests_count) return err_set(err, OXQ_ERR_ARGUMENT, "the flow has no job %zu", i + 1);
    struct oxq_error why = {0};
    oxq_err e = add_result(&replies[r], i - (r > 0 ? f->request_ends[r - 1] : 0), &f->jobs[i], out_id, &why);
    if (!e) return OXQ_OK;
    const struct slice *name = &f->jobs[i].name;
    return err_set(err, e, "job %zu of the flow, \"%.*s\": %s", i + 1, name->len < 40 ? (int)name->len : 40, name->at,
                   why.text);
}
