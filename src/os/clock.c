/* SPDX-License-Identifier: MIT */
#include "os/clock.h"

#include <time.h>

static int64_t read_us(clockid_t id)
{
    struct timespec t;
    clock_gettime(id, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static int64_t wall_us(struct clock *c)
{
    (void)c;
    return read_us(CLOCK_REALTIME);
}

static int64_t mono_us(struct clock *c)
{
    (void)c;
    return read_us(CLOCK_MONOTONIC);
}

static int64_t cpu_us(struct clock *c)
{
    (void)c;
    return read_us(CLOCK_THREAD_CPUTIME_ID);
}

struct clock *os_clock(void)
{
    static struct clock clock = {.wall_us = wall_us, .mono_us = mono_us, .cpu_us = cpu_us};
    return &clock;
}

int os_wait_ms(int64_t until_us)
{
    if (until_us == INT64_MAX) return -1;
    int64_t ms = (until_us - clock_mono_us(os_clock()) + 999) / 1000;
    return ms < 0 ? 0 : ms > INT32_MAX ? INT32_MAX : (int)ms;
}
