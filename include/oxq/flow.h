/* SPDX-License-Identifier: MIT */
/* Flows: trees of jobs. A parent runs when its children have finished; children may be in other queues. */
#ifndef OXQ_FLOW_H
#define OXQ_FLOW_H

#include <oxq/queue.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A node and what is below it, at most OXQ_FLOW_DEPTH_MAX deep and OXQ_ATOMIC_JOBS_MAX jobs in all. */
#define OXQ_FLOW_DEPTH_MAX 64

struct oxq_flow_node {
    const char *queue, *name;
    const char *data;                /* NULL: {} */
    const struct oxq_job_opts *opts; /* NULL: the defaults. Its parent_* stay NULL */
    const struct oxq_flow_node *children;
    size_t children_count;
};

/*
 * Adds all of it or nothing. out_id: the root's id, may be NULL. Errors: as of oxq_queue_add; LIMIT: deeper or larger than allowed.
 * In a cluster its queues share a hash tag.
 */
OXQ_MUST_USE oxq_err oxq_flow_add(oxq *store, const struct oxq_flow_node *root, char out_id[OXQ_ID_MAX],
                                  struct oxq_error *err);

/* A tree that was read. */
typedef struct oxq_flow oxq_flow;
/* Down to `depth` levels of children with at most `breadth` of each; 0: 10 and 20. Owns: caller, oxq_flow_free. */
OXQ_MUST_USE oxq_err oxq_flow_get(oxq_queue *queue, const char *id, int depth, size_t breadth, oxq_flow **out,
                                  struct oxq_error *err);
void oxq_flow_free(oxq_flow *flow);
/* The node's job and state; children are numbered from 0. */
const struct oxq_job_fields *oxq_flow_job(const oxq_flow *node);
oxq_state oxq_flow_state(const oxq_flow *node);
size_t oxq_flow_children_count(const oxq_flow *node);
const oxq_flow *oxq_flow_child(const oxq_flow *node, size_t i);

/* How many children of a job there are of each kind. */
struct oxq_dependency_counts {
    int64_t processed, unprocessed, ignored, failed;
};
OXQ_MUST_USE oxq_err oxq_queue_dependency_counts(oxq_queue *queue, const char *id, struct oxq_dependency_counts *out,
                                                 struct oxq_error *err);
/*
 * What the children that finished gave, as one JSON object: {"bull:pdf:7": result, ...}. Of ignored ones with
 * of_ignored: {"bull:pdf:8": "why it failed"}. Owns: caller, oxq_text_free.
 */
OXQ_MUST_USE oxq_err oxq_queue_children_values(oxq_queue *queue, const char *id, bool of_ignored, char **out_json,
                                               struct oxq_error *err);
void oxq_text_free(char *text);
/* The child no longer belongs to its parent, which runs if it was the last one. out_had: false when it had none. May be NULL. */
OXQ_MUST_USE oxq_err oxq_queue_remove_child_dependency(oxq_queue *queue, const char *id, bool *out_had,
                                                       struct oxq_error *err);
/* Removes the children of a job that have not finished and are not running. */
OXQ_MUST_USE oxq_err oxq_queue_remove_unprocessed_children(oxq_queue *queue, const char *id, struct oxq_error *err);

#ifdef __cplusplus
}
#endif
#endif
