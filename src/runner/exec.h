/* SPDX-License-Identifier: MIT */
/*
 * A program for each job.
 *
 *   standard input    the job as one line of JSON (payload.h), then its end
 *   environment       ours, and OXQ_JOB_ID, OXQ_JOB_NAME, OXQ_QUEUE, OXQ_ATTEMPT (1: the first), OXQ_ATTEMPTS, OXQ_URL
 *   standard output   the result (text_put_result)
 *   standard error    where it fails, its last lines are the failure, and more of them the stack
 *   descriptor 3      lines to us: "progress <JSON or text>", "log <text>"
 *   exit code 0       done
 *   exit code 75      comes again later (EX_TEMPFAIL of sysexits.h); no attempt was made
 *   other, signals    the attempt failed
 *
 * One that is ended by us - its deadline, the worker's end - has not done its job, whatever its exit code says.
 */
#ifndef RUNNER_EXEC_H
#define RUNNER_EXEC_H

#include "runner/guard.h"
#include "runner/outcome.h"

#include <oxq/worker.h>

#define EXEC_RETRY_CODE 75

struct exec_opts {
    const char *const *argv; /* ended by NULL */
    const char *url;         /* OXQ_URL; NULL: as it is in our environment */
    const char *password;    /* OXQ_PASSWORD; NULL: the same */
    int64_t deadline_ms;     /* 0: none */
    int64_t end_ms;          /* from SIGTERM to SIGKILL */
    int64_t retry_after_ms;  /* of exit code 75 */
    size_t result_bytes_max;
    bool logs_stderr; /* each line of standard error is also a line of the job's log */
    int stop_fd;      /* readable: all programs must end; -1: never */
    const struct guard *guard;
};

struct exec;

/* Options are borrowed, ours as long as it lives; the environment is read now. Owns: caller, exec_free. */
struct exec *exec_new(const struct exec_opts *opts);
void exec_free(struct exec *x);
/* A runner_fn: runs the program for a job, to its end. Threads: any number. */
void exec_run(void *exec, oxq_job *job, struct outcome *out);

#endif
