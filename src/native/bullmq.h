/* SPDX-License-Identifier: MIT */
/*
 * Twins of BullMQ's scripts, by what they do; native.c says which releases send which. Where releases differ in effect there is a twin for
 * each effect.
 */
#ifndef NATIVE_BULLMQ_H
#define NATIVE_BULLMQ_H

#include "cmd/twin.h"

/* Of a paused queue the jobs are in `wait`; in `paused` with version 5. */
twin_fn bullmq_add_standard, bullmq_add_standard_5;
twin_fn bullmq_add_delayed;
twin_fn bullmq_add_prioritized;

/* moveToActive and moveToFinished. */
twin_fn bullmq_fetch, bullmq_finish;

#endif
