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
    const struct oxq_job_opts *opts; /* NULL: the defaults. parent_*: of a root only, whose parent is there already */
    const struct oxq_flow_node *children;
    size_t children_count;
    const char *prefix; /* of its queue's keys; NULL: the store's */
    char *out_id;       /* room for OXQ_ID_MAX chars, where its id goes once the flow is added; NULL: nobody asks */
};

/*
 * Adds all of it or nothing. out_id: the root's id, may be NULL. Errors: as of oxq_queue_add; LIMIT: deeper or larger than allowed.
 * In a cluster its queues share a hash tag.
 */
OXQ_MUST_USE oxq_err oxq_flow_add(oxq *store, const struct oxq_flow_node *root, char out_id[OXQ_ID_MAX],
                                  struct oxq_error *err);

/*
 * Several trees at once, all of them or none, at most OXQ_ATOMIC_JOBS_MAX jobs together. out_ids: of their roots, room for `count`; may be
 * NULL. Errors: as of oxq_flow_add.
 */
OXQ_MUST_USE oxq_err oxq_flow_add_many(oxq *store, const struct oxq_flow_node *roots, size_t count,
                                       char (*out_ids)[OXQ_ID_MAX], struct oxq_error *err);

/* A job of a tree that was read, with those below it. */
typedef struct oxq_flow oxq_flow;

/* What a child is to its parent. */
typedef enum oxq_flow_kind {
    OXQ_FLOW_ROOT,
    OXQ_FLOW_PROCESSED,   /* it completed */
    OXQ_FLOW_UNPROCESSED, /* its parent waits for it */
    OXQ_FLOW_FAILED,      /* its parent fails for it */
    OXQ_FLOW_IGNORED      /* it failed, which its parent does not mind */
} oxq_flow_kind;

/*
 * A job and the jobs below it, down to `depth` levels, itself counted, and at most `breadth` children of each kind of each job; 0: 10, and
 * 20. Level by level, 10,000 jobs at most: the tree may change meanwhile. Errors: NOT_FOUND. Owns: caller, oxq_flow_free.
 */
OXQ_MUST_USE oxq_err oxq_flow_get(oxq_queue *queue, const char *id, size_t depth, size_t breadth, oxq_flow **out,
                                  struct oxq_error *err);
/* The same without data, results and stacks of the jobs: much faster where these are large. */
OXQ_MUST_USE oxq_err oxq_flow_get_brief(oxq_queue *queue, const char *id, size_t depth, size_t breadth, oxq_flow **out,
                                        struct oxq_error *err);
/* The root that one of these gave. NULL is fine. */
void oxq_flow_free(oxq_flow *flow);
/* Of a child that was removed only queue and id are known, and its state is OXQ_STATE_UNKNOWN. */
const struct oxq_job_fields *oxq_flow_job(const oxq_flow *node);
oxq_state oxq_flow_state(const oxq_flow *node);
oxq_flow_kind oxq_flow_kind_of(const oxq_flow *node);
/* Children that were read, by kind; NULL when there are not so many. */
size_t oxq_flow_children_count(const oxq_flow *node);
const oxq_flow *oxq_flow_child(const oxq_flow *node, size_t i);
/* Has it children beyond the limits? */
bool oxq_flow_has_more(const oxq_flow *node);

/* How many children of a job there are of each kind. */
struct oxq_dependency_counts {
    int64_t processed, unprocessed, ignored, failed;
};
OXQ_MUST_USE oxq_err oxq_queue_dependency_counts(oxq_queue *queue, const char *id, struct oxq_dependency_counts *out,
                                                 struct oxq_error *err);
/* A child, as its parent has it. */
struct oxq_child {
    const char *key; /* "bull:pdf:7" */
    const char *queue, *id;
    const char *result;  /* JSON; of OXQ_FLOW_PROCESSED, else NULL */
    const char *failure; /* of OXQ_FLOW_IGNORED, else NULL */
};
typedef struct oxq_children oxq_children;
/*
 * A job's children of one kind (all but OXQ_FLOW_ROOT), in no order, read in portions, however many there are. Those that are there all the time
 * are given, some perhaps twice while others come and go. Empty when there are none, or no such job. Errors: ARGUMENT. Owns: caller,
 * oxq_children_free.
 */
OXQ_MUST_USE oxq_err oxq_queue_children(oxq_queue *queue, const char *id, oxq_flow_kind kind, oxq_children **out,
                                        struct oxq_error *err);
/* The next one, or NULL at the end. It is valid until the next call. */
OXQ_MUST_USE oxq_err oxq_children_next(oxq_children *children, const struct oxq_child **out, struct oxq_error *err);
void oxq_children_free(oxq_children *children);

/*
 * What the children that completed gave, as one JSON object: {"bull:pdf:7": result, ...}. With of_ignored: why those failed whose
 * failure is ignored: {"bull:pdf:8": "no such page"}. Empty when there are none, or no such job. oxq_json_read reads it. Owns: caller,
 * oxq_text_free (events.h).
 */
OXQ_MUST_USE oxq_err oxq_queue_children_values(oxq_queue *queue, const char *id, bool of_ignored, char **out_json,
                                               struct oxq_error *err);
/*
 * The child no longer belongs to its parent, which runs if it was the last one. out_had: false when its parent does not wait for it, or it
 * has none; may be NULL. Errors: NOT_FOUND (the child, or its parent).
 */
OXQ_MUST_USE oxq_err oxq_queue_remove_child_dependency(oxq_queue *queue, const char *id, bool *out_had,
                                                       struct oxq_error *err);

/*
 * Removes the children that a job waits for, with theirs; the job runs when none is left. Those that a worker has or that failed stay, and
 * so does what is below them. More than a thousand go in portions. out_count: of jobs; may be NULL. Errors: NOT_FOUND.
 */
OXQ_MUST_USE oxq_err oxq_queue_remove_unprocessed_children(oxq_queue *queue, const char *id, int64_t *out_count,
                                                           struct oxq_error *err);

#ifdef __cplusplus
}
#endif
#endif
