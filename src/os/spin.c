/* SPDX-License-Identifier: MIT */
#include "os/spin.h"

#include "os/clock.h"
#include "os/process.h"

#include <sched.h>

/* A wait counts as no longer: one pause among many short waits changes little. */
#define COUNTS_US (2 * SPIN_WORTH_US)
/* Of what is known, the last wait is one part in so many. */
#define MEMORY 4

static int64_t now_us(void)
{
    return clock_mono_us(os_clock());
}

/* With one processor, whoever is waited for runs only when we do not. */
static bool has_processors(void)
{
    static _Atomic size_t cpus; /* 0: not asked for */
    size_t count = atomic_load_explicit(&cpus, memory_order_relaxed);
    if (count == 0) {
        count = process_cpus();
        atomic_store_explicit(&cpus, count, memory_order_relaxed);
    }
    return count > 1;
}

/* ---------------------------------------------------------------- a place */

bool spin_is_worth_it(struct spin *s)
{
    if (atomic_load_explicit(&s->usual_us, memory_order_relaxed) < SPIN_WORTH_US) return true;
    return atomic_fetch_add_explicit(&s->long_count, 1, memory_order_relaxed) % SPIN_PROBE_EVERY ==
           SPIN_PROBE_EVERY - 1;
}

/* What two threads learn at the same time may be lost for one of them. */
void spin_learn(struct spin *s, int64_t took_us)
{
    int32_t usual_us = atomic_load_explicit(&s->usual_us, memory_order_relaxed);
    int32_t last_us = took_us < COUNTS_US ? (int32_t)took_us : COUNTS_US;
    atomic_store_explicit(&s->usual_us, usual_us + (last_us - usual_us) / MEMORY, memory_order_relaxed);
}

/* ---------------------------------------------------------------- others */

static _Atomic int64_t rest_until_us; /* CLOCK_MONOTONIC */
static _Atomic int64_t rest_us;       /* how long the last rest was; 0: there was none */

bool spin_is_crowded(int64_t at_us)
{
    return at_us < atomic_load_explicit(&rest_until_us, memory_order_relaxed);
}

/* Where it comes again at once, somebody computes for long; else many had something to do in the same moment. */
void spin_note_crowd(int64_t at_us)
{
    int64_t until_us = atomic_load_explicit(&rest_until_us, memory_order_relaxed);
    int64_t last_us = atomic_load_explicit(&rest_us, memory_order_relaxed);
    if (at_us < until_us) return;
    int64_t us = at_us - until_us < SPIN_REST_MIN_US ? 2 * last_us : SPIN_REST_MIN_US;
    if (us > SPIN_REST_MAX_US) us = SPIN_REST_MAX_US;
    atomic_store_explicit(&rest_us, us, memory_order_relaxed);
    atomic_store_explicit(&rest_until_us, at_us + us, memory_order_relaxed);
}

/* ---------------------------------------------------------------- a wait */

void spin_begin(struct spin_wait *w, struct spin *spin)
{
    w->spin = spin;
    w->looks_at_once = 0;
    w->began_us = w->until_us = w->seen_us = now_us();
    if (has_processors() && !spin_is_crowded(w->began_us) && spin_is_worth_it(spin))
        w->until_us += spin->is_idle ? SPIN_IDLE_US : SPIN_US;
}

bool spin_again(struct spin_wait *w)
{
    if (w->until_us == w->began_us) return false;
    (void)sched_yield();
    int64_t at_us = now_us();
    if (at_us - w->seen_us > SPIN_CROWD_US) spin_note_crowd(at_us);
    w->looks_at_once = at_us == w->seen_us ? w->looks_at_once + 1 : 0;
    w->seen_us = at_us;
    return at_us < w->until_us && w->looks_at_once < SPIN_LOOKS_AT_ONCE_MAX;
}

void spin_end(const struct spin_wait *w)
{
    spin_learn(w->spin, now_us() - w->began_us);
}
