/* SPDX-License-Identifier: MIT */
#include "api/many.h"

#include "os/clock.h"

#include <errno.h>
#include <time.h>

/* With a rate, portions are so small that there are so many in a second. */
#define PORTIONS_PER_SECOND 10

oxq_err many_begin(struct many *m, const struct oxq_many_opts *opts, struct oxq_error *err)
{
    *m = (struct many){.clock = os_clock()};
    if (opts) m->opts = *opts;
    m->begin_us = clock_mono_us(m->clock);
    if (m->opts.limit < 0 || m->opts.per_second < 0)
        return err_set(err, OXQ_ERR_ARGUMENT, "the limit and the rate are from 0, none, on");
    return OXQ_OK;
}

int64_t many_wait_us(const struct many *m)
{
    if (m->opts.per_second == 0) return 0;
    /* In parts: a million jobs at one a second are 10^12 microseconds, times what is left of a second. */
    int64_t seconds = m->done / m->opts.per_second, rest = m->done % m->opts.per_second;
    int64_t due_us = m->begin_us + seconds * 1000000 + (int64_t)((double)rest * 1e6 / (double)m->opts.per_second);
    int64_t now_us = clock_mono_us(m->clock);
    return due_us > now_us ? due_us - now_us : 0;
}

static int64_t smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

int64_t many_next(struct many *m, int64_t max)
{
    if (m->opts.limit > 0) max = smaller(max, m->opts.limit - m->done);
    if (m->opts.per_second > 0) {
        int64_t tenth = m->opts.per_second / PORTIONS_PER_SECOND;
        max = smaller(max, tenth > 0 ? tenth : 1);
    }
    int64_t us = max > 0 ? many_wait_us(m) : 0;
    struct timespec wait = {.tv_sec = (time_t)(us / 1000000), .tv_nsec = (long)(us % 1000000) * 1000};
    while (us > 0 && nanosleep(&wait, &wait) < 0 && errno == EINTR) continue;
    return max > 0 ? max : 0;
}

oxq_err many_add(struct many *m, int64_t done, struct oxq_error *err)
{
    m->done += done;
    if (!m->opts.on_progress || m->opts.on_progress(m->opts.ctx, m->done)) return OXQ_OK;
    return err_set(err, OXQ_ERR_CANCELLED, "stopped after %lld jobs", (long long)m->done);
}
