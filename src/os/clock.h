/* SPDX-License-Identifier: MIT */
/* The real clock. */
#ifndef OS_CLOCK_H
#define OS_CLOCK_H

#include "base/clock.h"

/* CLOCK_REALTIME, CLOCK_MONOTONIC and CLOCK_THREAD_CPUTIME_ID. Static storage. Threads: any. */
struct clock *os_clock(void);

#endif
