/* SPDX-License-Identifier: MIT */
/* The clock as a parameter: the real one is os/clock.h, tests pass a manual one. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>

struct clock {
    int64_t (*wall_us)(struct clock *c); /* microseconds since 1970-01-01 UTC; may jump */
    int64_t (*mono_us)(struct clock *c); /* microseconds since some start; never goes back */
    int64_t (*cpu_us)(struct clock *c);  /* microseconds that the calling thread has had a processor */
};

static inline int64_t clock_wall_us(struct clock *c)
{
    return c->wall_us(c);
}

static inline int64_t clock_wall_ms(struct clock *c)
{
    return c->wall_us(c) / 1000;
}

static inline int64_t clock_mono_us(struct clock *c)
{
    return c->mono_us(c);
}

static inline int64_t clock_cpu_us(struct clock *c)
{
    return c->cpu_us(c);
}

/* A clock that stands still until it is moved. */
struct clock_manual {
    struct clock clock; /* first: a pointer to this is a pointer to the whole */
    int64_t us;
};

void clock_manual_init(struct clock_manual *m, int64_t us);

#endif
