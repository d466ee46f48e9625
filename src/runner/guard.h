/* SPDX-License-Identifier: MIT */
/*
 * Programs end with the process that runs them, however that ends: by SIGKILL too, when it can do nothing any more. A small process beside it,
 * the guard, knows which groups run. It sees the other end of its pipe close, and ends them as a deadline would: SIGTERM, then SIGKILL.
 *
 * The kernel's own way, PR_SET_PDEATHSIG, reaches the program alone and not what it started: of `sh -c "a; b"` the shell and not a.
 * A program that is started in the same moment in which we are killed, before it is noted, goes on. A process that has left its group for another
 * (setsid) lives on here as it does otherwise.
 */
#ifndef RUNNER_GUARD_H
#define RUNNER_GUARD_H

#include "base/err.h"

#include <sys/types.h>

struct guard {
    int fd;    /* owned; the guard's pipe */
    pid_t pid; /* our child */
};

/*
 * Starts the guard, a copy of this process that keeps none of its descriptors; as long as the process is small, because what it has in
 * memory then is kept twice when it changes. end_ms: from SIGTERM to SIGKILL. SIGPIPE must be ignored: without its guard the process goes on.
 * Errors: AGAIN (no process or descriptor to be had). Owns: caller, guard_close.
 */
OXQ_MUST_USE oxq_err guard_open(struct guard *out, int64_t end_ms, struct oxq_error *err);
/* Ends what is noted still, and waits for the guard's end. */
void guard_close(struct guard *guard);

/* A group runs; it is over, but its leader has not been waited for, so that its number is nobody else's. NULL does nothing. Threads: any. */
void guard_note_begin(const struct guard *guard, pid_t group);
void guard_note_end(const struct guard *guard, pid_t group);

#endif
