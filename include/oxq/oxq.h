/* SPDX-License-Identifier: MIT */
/*
 * liboxq: background jobs in C. The same calls work on a folder (file:./data, no server), on `oxq serve` and on Redis or Valkey,
 * alone, behind Sentinels or as a cluster. Jobs are BullMQ's: what is added here, a BullMQ worker in Node may take, and the other
 * way round.
 *
 *     oxq *store;                            oxq_open("file:./data", NULL, &store, &err)
 *     oxq_queue *mail;                       oxq_queue_open(store, "mail", NULL, &mail, &err)
 *     oxq_queue_add(mail, "welcome", "{\"to\":\"a@b.c\"}", NULL, NULL, &err)
 *     oxq_worker *worker;                    oxq_worker_open(store, "mail", NULL, on_job, ctx, &worker, &err)
 *
 * What holds for all of it:
 *   Options   a struct whose all-zero value is the default; NULL stands for that. `reserved` stays zero.
 *   Errors    OXQ_OK is 0. Out parameters are written on OXQ_OK only. The last parameter is the caller's, may be NULL, and says what and
 *             where. oxq_err_classify tells whether trying again makes sense.
 *   NULL      for a handle or a parameter that is not said to bear it is OXQ_ERR_ARGUMENT, and the text names the parameter. A call that has
 *             no error answers nothing instead: 0, false, NULL.
 *   Text      UTF-8, ends with a NUL; copied by every call. Data, results and progress are JSON texts.
 *   Times     milliseconds; points in time since 1970, UTC.
 *   Owns      x_open and x_new make what x_close and x_free take away; those take NULL. A `const` pointer that a call returns is
 *             borrowed from its first argument.
 *   Memory    what is as large as a job's data or a reply and cannot be had is OXQ_ERR_MEMORY. Where not even 64 KB can be had, one line
 *             on stderr says so and the process ends; nothing that was acknowledged is lost.
 *   Threads   a store, its queues and its workers are for any number of threads at once. Batches, lists, readers and jobs belong to
 *             one thread at a time. No thread is cancelled (pthread_cancel) within a call, and no exception or longjmp leaves a callback.
 *   Blocks    every call that talks to the store, for at most its time-out. A producer's call gives up after a few attempts
 *             to reach the server; workers wait for it.
 */
#ifndef OXQ_OXQ_H
#define OXQ_OXQ_H

#include <oxq/error.h>
#include <oxq/events.h>
#include <oxq/flow.h>
#include <oxq/job.h>
#include <oxq/json.h>
#include <oxq/queue.h>
#include <oxq/scheduler.h>
#include <oxq/store.h>
#include <oxq/telemetry.h>
#include <oxq/version.h>
#include <oxq/worker.h>

#endif
