/* SPDX-License-Identifier: MIT */
/*
 * An HTTP POST for each job: its data as the body, and these headers beside webhook.h's (webhook-signature only with a secret):
 *
 *     content-type: application/json        oxq-queue: mail
 *     user-agent: oxq/<version>             oxq-attempt: 1, the first
 *     oxq-job-id: 7                         oxq-attempts: 3
 *     oxq-job-name: welcome
 *
 * Texts in them as webhook_put_header_text writes them. What the answer means for the job: answer.h. No answer, or one that breaks off, is
 * a failed attempt.
 */
#ifndef RUNNER_PUSH_H
#define RUNNER_PUSH_H

#include "runner/outcome.h"
#include "runner/webhook.h"

#include <oxq/worker.h>

struct push_opts {
    const char *url;
    const struct webhook_secrets *secrets; /* NULL or none: not signed */
    const char *ca;                        /* whom to trust, a PEM file; NULL: the system's authorities */
    int64_t deadline_ms;                   /* of a request with its answer */
    int64_t connect_timeout_ms;            /* of its beginning */
    int64_t retry_after_ms;                /* of 429 without Retry-After */
    size_t result_bytes_max;               /* of an answer's body */
    int stop_fd;                           /* readable: all requests must end; -1: never */
};

struct push;

/*
 * Options are borrowed as long as it lives. Before other threads exist. Errors: ARGUMENT (not a URL of HTTP; ca cannot be read), MEMORY.
 * Owns: caller, push_free.
 */
OXQ_MUST_USE oxq_err push_new(const struct push_opts *opts, struct push **out, struct oxq_error *err);
/* No request may be under way. NULL is fine. */
void push_free(struct push *p);
/* A runner_fn: sends a job and waits for the answer. Threads: any number; each that is at it has a connection, which stays for the next. */
void push_run(void *push, oxq_job *job, struct outcome *out);

#endif
