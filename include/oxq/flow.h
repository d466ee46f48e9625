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

#ifdef __cplusplus
}
#endif
#endif
