/* SPDX-License-Identifier: MIT */
/*
 * Flows: trees of jobs over any number of queues. A parent waits in `waiting-children` until its children have completed. All jobs of a
 * flow are added together or not at all.
 */
#ifndef JOBS_FLOW_H
#define JOBS_FLOW_H

#include "jobs/add.h"
#include "jobs/job.h"

/* Of all trees that are added together. */
#define FLOW_JOBS_MAX 100000
/* An id as random as a version 4 UUID, in its form. */
#define FLOW_ID_CHARS 36

/* Everything is borrowed. */
struct flow_node {
    struct slice queue;  /* its name */
    struct slice prefix; /* empty: the flow's */
    struct slice name;
    struct slice data;                 /* JSON; empty: {} */
    const struct job_options *options; /* NULL: the defaults; a root may have a parent that is there already */
    const struct flow_node *children;
    size_t children_count;
};

/* Fills `out` with random bytes. */
typedef void flow_random_fn(void *ctx, void *out, size_t bytes);

struct flow_opts {
    struct slice prefix; /* of the queues' keys; empty: KEYS_PREFIX_DEFAULT */
    int64_t now_ms;
    flow_random_fn *random; /* for the ids of jobs that have none; os/random.h */
    void *random_ctx;
    bool is_whole; /* nothing is added when a job is refused; else, as in BullMQ, the others are */
};

/* A flow as requests; all in the arena. */
struct flow {
    struct new_job *jobs; /* level by level: the roots, their children in order, their children's children ... */
    size_t jobs_count;
    struct request *requests; /* to be sent in one MULTI when there are several */
    size_t requests_count;
    size_t *request_ends; /* request r adds the jobs before request_ends[r] that no earlier one adds */
};

/*
 * Makes the requests that add the trees. Errors: ARGUMENT (a name; options; a parent with a deduplication id, whose children could not
 * know which job is their parent), FORMAT, LIMIT; the text says which job.
 */
OXQ_MUST_USE oxq_err flow_requests(struct arena *arena, const struct flow_opts *opts, const struct flow_node *roots,
                                   size_t roots_count, struct flow *out, struct oxq_error *err);
/* What became of job i of the flow; reply is that of its request. Errors and *out_id: those of add_result. */
OXQ_MUST_USE oxq_err flow_result(const struct flow *f, const struct resp_value *replies, size_t i, struct slice *out_id,
                                 struct oxq_error *err);

/* ---------------------------------------------------------------- reading a flow */

#define FLOW_DEPTH_DEFAULT 10
#define FLOW_CHILDREN_DEFAULT 20
#define FLOW_DEPTH_MAX 100
/* Of one tree that is read, level by level: of the last level there may be some. */
#define FLOW_READ_JOBS_MAX 10000

enum flow_child_state {
    FLOW_ROOT,
    FLOW_PROCESSED, /* completed */
    FLOW_PENDING,
    FLOW_FAILED,  /* the parent fails for it */
    FLOW_IGNORED, /* failed, which the parent does not mind */
};

struct flow_read_node {
    struct slice prefix, id; /* of its queue; its id */
    enum flow_child_state state;
    size_t depth;  /* of the root 1 */
    size_t parent; /* its index; of the root 0 */
    bool is_there; /* false: it was removed */
    bool has_more; /* children beyond the limits */
    struct job job;
    struct slice place; /* where it is: "wait", "completed"; nothing is meant by it when it is not there */
    size_t first_child, children_count; /* of those that were read */
};

/*
 * Reads a tree level by level: while flow_read_count is not 0, send the requests 0 .. count-1 (in one batch, say), then give all their
 * replies, then go on.
 */
struct flow_read {
    struct arena *arena; /* borrowed; holds copies of all that replies said */
    struct flow_read_node *nodes;
    size_t nodes_count, nodes_cap;
    size_t level_begin, level_end; /* nodes whose requests are wanted now */
    size_t depth_max, children_max;
    bool is_brief; /* jobs have their brief fields (jobs/job.h); the caller sets it, before the first request */
};

/* depth_max: levels, the root's too; children_max: of each node, in each of the four states. 0: the defaults above. */
void flow_read_begin(struct flow_read *r, struct arena *arena, struct slice prefix, struct slice id, size_t depth_max,
                     size_t children_max);
size_t flow_read_count(const struct flow_read *r);
void flow_read_request(struct flow_read *r, size_t i, struct request *out);
/* Replies are given in order, each once. Errors: SERVER, FORMAT. */
OXQ_MUST_USE oxq_err flow_read_reply(struct flow_read *r, size_t i, const struct resp_value *reply,
                                     struct oxq_error *err);

#endif
