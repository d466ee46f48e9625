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

/* How many children of a job there are of each kind. */
struct oxq_dependency_counts {
    int64_t processed, unprocessed, ignored, failed;
};
OXQ_MUST_USE oxq_err oxq_queue_dependency_counts(oxq_queue *queue, const char *id, struct oxq_dependency_counts *out,
                                                 struct oxq_error *err);
/*
 * What the children that completed gave, as one JSON object: {"bull:pdf:7": result, ...}. With of_ignored: why those failed whose
 * failure is ignored: {"bull:pdf:8": "no such page"}. Empty when there are none, or no such job. Owns: caller, oxq_text_free (events.h).
 */
OXQ_MUST_USE oxq_err oxq_queue_children_values(oxq_queue *queue, const char *id, bool of_ignored, char **out_json,
                                               struct oxq_error *err);
/*
 * The child no longer belongs to its parent, which runs if it was the last one. out_had: false when its parent does not wait for it, or it
 * has none; may be NULL. Errors: NOT_FOUND (the child, or its parent).
 */
OXQ_MUST_USE oxq_err oxq_queue_remove_child_dependency(oxq_queue *queue, const char *id, bool *out_had,
                                                       struct oxq_error *err);

#ifdef __cplusplus
}
#endif
#endif
