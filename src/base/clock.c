/* SPDX-License-Identifier: MIT */
#include "base/clock.h"

static int64_t manual_now(struct clock *c)
{
    return ((struct clock_manual *)c)->us;
}

void clock_manual_init(struct clock_manual *m, int64_t us)
{
    m->clock = (struct clock){.wall_us = manual_now, .mono_us = manual_now, .cpu_us = manual_now};
    m->us = us;
}
