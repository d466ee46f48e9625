/* SPDX-License-Identifier: MIT */
/* A job as one line of JSON, for a program's standard input. */
#ifndef RUNNER_PAYLOAD_H
#define RUNNER_PAYLOAD_H

#include "base/buf.h"

#include <oxq/job.h>

/*
 * Appends
 *
 *     {"id":"7","name":"welcome","queue":"mail","data":{...},"opts":{...},"attempt":1,"attempts":3,"attemptsMade":0,
 *      "attemptsStarted":1,"timestamp":1772366400000,"priority":0,"delay":0}
 *
 * as one line with its end; also, where the job has them, progress (JSON), parent ({"id","queueKey"}), repeatJobKey and
 * deduplicationId. attempt counts from 1; all others are what BullMQ calls so. Errors: those of buf_append.
 */
OXQ_MUST_USE oxq_err payload_put(struct buf *out, const struct oxq_job_fields *job);

#endif
