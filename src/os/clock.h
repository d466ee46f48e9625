/* SPDX-License-Identifier: MIT */
/* The real clock. */
#ifndef OS_CLOCK_H
#define OS_CLOCK_H

#include "base/clock.h"

/* CLOCK_REALTIME, CLOCK_MONOTONIC and CLOCK_THREAD_CPUTIME_ID. Static storage. Threads: any. */
struct clock *os_clock(void);
/*
 * Milliseconds until a time of CLOCK_MONOTONIC, as poll(2) takes them: -1 for INT64_MAX, 0 when it is over, and one in parts of a
 * millisecond is not before its end. Threads: any.
 */
int os_wait_ms(int64_t until_us);

#endif
