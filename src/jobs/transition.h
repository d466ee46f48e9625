/* SPDX-License-Identifier: MIT */
/*
 * The transitions: each is a Lua script (src/jobs/lua/) that the server runs as a whole, so that a job is never between two states.
 * decisions/0008 tells how they are written and put together.
 */
#ifndef JOBS_TRANSITION_H
#define JOBS_TRANSITION_H

#include "client/client.h"

/* X(name): src/jobs/lua/<name>.lua */
#define TRANSITION_TABLE(X)                                                                                            \
    X(add, ADD)                                                                                                        \
    X(add_plain, ADD_PLAIN)                                                                                            \
    X(change_delay, CHANGE_DELAY)                                                                                      \
    X(change_priority, CHANGE_PRIORITY)                                                                                \
    X(disown_child, DISOWN_CHILD)                                                                                      \
    X(extend_locks, EXTEND_LOCKS)                                                                                      \
    X(fetch, FETCH)                                                                                                    \
    X(finish, FINISH)                                                                                                  \
    X(keep_step, KEEP_STEP)                                                                                            \
    X(leave, LEAVE)                                                                                                    \
    X(limits, LIMITS)                                                                                                  \
    X(log, LOG)                                                                                                        \
    X(next_run, NEXT_RUN)                                                                                              \
    X(obliterate, OBLITERATE)                                                                                          \
    X(pause, PAUSE)                                                                                                    \
    X(resume, RESUME)                                                                                                  \
    X(progress, PROGRESS)                                                                                              \
    X(promote, PROMOTE)                                                                                                \
    X(publish, PUBLISH)                                                                                                \
    X(purge, PURGE)                                                                                                    \
    X(read_node, READ_NODE)                                                                                            \
    X(read_schedulers, READ_SCHEDULERS)                                                                                \
    X(release_locks, RELEASE_LOCKS)                                                                                    \
    X(remove, REMOVE)                                                                                                  \
    X(remove_children, REMOVE_CHILDREN)                                                                                \
    X(remove_deduplication, REMOVE_DEDUPLICATION)                                                                      \
    X(remove_orphans, REMOVE_ORPHANS)                                                                                  \
    X(remove_scheduler, REMOVE_SCHEDULER)                                                                              \
    X(replay, REPLAY)                                                                                                  \
    X(rerun, RERUN)                                                                                                    \
    X(retake, RETAKE)                                                                                                  \
    X(set_fields, SET_FIELDS)                                                                                          \
    X(stalled, STALLED)                                                                                                \
    X(upsert_scheduler, UPSERT_SCHEDULER)

struct transition {
    const char *name;
    struct client_script script;
};

#define TRANSITION_DECLARE(name, NAME) extern const struct transition transition_##name;
TRANSITION_TABLE(TRANSITION_DECLARE)
#undef TRANSITION_DECLARE

#endif
