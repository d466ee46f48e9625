/* SPDX-License-Identifier: MIT */
/*
 * Waits that are likely to be short. To put a thread to sleep and to wake it takes some 5 us, and 50 us and more where an idle
 * processor is handed back to a hypervisor: often longer than the wait itself. So who waits looks again and again at first, and
 * between two looks lets others have the processor; only then he sleeps.
 *
 *   struct spin_wait wait;
 *   spin_begin(&wait, &place->spin);
 *   while (!is_there && spin_again(&wait)) is_there = look(place);
 *   if (!is_there) sleep until it is;
 *   spin_end(&wait);
 *
 * How long the last waits in a place took tells whether that is worth it: where they were long, a thread sleeps at once. So a place
 * that is idle, or that something comes to now and then, costs next to nothing.
 *
 * Spinning is for processors that nobody else wants. A thread that yields to one which computes waits until the scheduler takes that one's
 * processor away, while one that sleeps gets it as soon as it wakes. So when a yield took long, no thread of the process spins for a while, and for
 * twice as long when that happens again at once.
 */
#ifndef OS_SPIN_H
#define OS_SPIN_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* The longest that a wait is spun for, in us: most syncs of a journal end in it, and all answers of a busy server, ... */
#define SPIN_US 200
/* ... and the longest where nothing is under way, and nobody knows whether somebody will ask. */
#define SPIN_IDLE_US 100
/* A place is spun for while its waits take less, in us. A sleep has the time of waking in it: the same wait is shorter when it is spun for. */
#define SPIN_WORTH_US 200
/* Where waits are long, one in so many is spun for all the same: whether they have become shorter. */
#define SPIN_PROBE_EVERY 16

/* Whoever did not come back from a yield for so long, in us, has met somebody who computes. Threads that only pass work on take less. */
#define SPIN_CROWD_US 1000
/* So many looks take longer than a microsecond: a clock that has not moved meanwhile stands still, as a test's, and ends no wait. */
#define SPIN_LOOKS_AT_ONCE_MAX 100
/* How long nobody spins then, in us, at first and at most. */
#define SPIN_REST_MIN_US 10000
#define SPIN_REST_MAX_US 1000000

/* What is known of a place where threads wait. All zero is new: something is under way, and waits are short. Threads: any. */
struct spin {
    _Atomic int32_t usual_us; /* how long waits are */
    _Atomic uint32_t long_count;
    bool is_idle; /* nothing is under way; set once */
};

/* One wait. */
struct spin_wait {
    struct spin *spin; /* borrowed */
    int64_t began_us;
    int64_t until_us;       /* began_us: sleep at once */
    int64_t seen_us;        /* when it last had the processor */
    uint32_t looks_at_once; /* in the microsecond of seen_us */
};

void spin_begin(struct spin_wait *w, struct spin *spin);
/* True: look again. Other threads had the processor. False: sleep. */
bool spin_again(struct spin_wait *w);
/* What was waited for is there, or will not come; also after a sleep. */
void spin_end(const struct spin_wait *w);

/* Of what the functions above are made. Whether the next wait is spun for; a wait took so long. */
bool spin_is_worth_it(struct spin *s);
void spin_learn(struct spin *s, int64_t took_us);
/* Whether nobody spins for now; others have had the processor for too long. */
bool spin_is_crowded(int64_t at_us);
void spin_note_crowd(int64_t at_us);

#endif
