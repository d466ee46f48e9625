/* SPDX-License-Identifier: MIT */
#include "cli/kept.h"

#include "os/clock.h"

/*
 * Events have the server's time, which may be ahead of ours: for so long none is taken for newer than the question, and by then those that
 * are older have long been read.
 */
#define PATIENCE_US 1000000

void kept_begin(struct kept *k, oxq_events *reader)
{
    *k = (struct kept){reader, clock_wall_ms(os_clock()), clock_mono_us(os_clock())};
}

oxq_err kept_next(struct kept *k, const struct oxq_event **out, struct oxq_error *err)
{
    const struct oxq_event *event;
    oxq_err e = oxq_events_next(k->reader, 0, &event, err);
    if (e) return e;
    bool is_newer = event && event->at_ms > k->opened_ms && clock_mono_us(os_clock()) - k->opened_us > PATIENCE_US;
    *out = is_newer ? NULL : event;
    return OXQ_OK;
}
