/* SPDX-License-Identifier: MIT */
#include "os/thread.h"

#include "os/clock.h"

#include <criterion/criterion.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

struct counter {
    struct lock lock;
    int asked, answered;
};

/* Answers three questions. */
static void answer(void *ctx)
{
    struct counter *c = ctx;
    lock_enter(&c->lock);
    while (c->answered < 3) {
        while (c->asked == c->answered) lock_wait(&c->lock, INT64_MAX);
        c->answered++;
        lock_notify(&c->lock);
    }
    lock_leave(&c->lock);
}

Test(os_thread, waits_and_is_woken)
{
    struct counter c = {0};
    struct thread t = {0};
    lock_init(&c.lock);
    cr_assert_eq(thread_start(&t, "answer", answer, &c, NULL), OXQ_OK);
    for (int i = 1; i <= 3; i++) {
        lock_enter(&c.lock);
        c.asked = i;
        lock_notify(&c.lock);
        while (c.answered < i) lock_wait(&c.lock, INT64_MAX);
        lock_leave(&c.lock);
    }
    thread_join(&t);
    thread_join(&t);
    lock_deinit(&c.lock);
    cr_assert_eq(c.answered, 3);
}

Test(os_thread, stops_waiting_at_the_time)
{
    struct lock lock;
    lock_init(&lock);
    lock_enter(&lock);
    int64_t until = clock_mono_us(os_clock()) + 1000;
    /* A wait may end early without a reason, but then it says so. */
    while (lock_wait(&lock, until)) {
    }
    cr_assert_geq(clock_mono_us(os_clock()), until);
    cr_assert_not(lock_wait(&lock, 0));
    lock_leave(&lock);
    lock_deinit(&lock);
}

struct look {
    bool is_term_blocked;
};

static void look_around(void *ctx)
{
    struct look *look = ctx;
    sigset_t set;
    pthread_sigmask(SIG_SETMASK, NULL, &set);
    look->is_term_blocked = sigismember(&set, SIGTERM) == 1;
}

Test(os_thread, leaves_signals_to_the_thread_that_started_it)
{
    struct look look = {0};
    struct thread t = {0};
    sigset_t set;
    cr_assert_eq(thread_start(&t, "look", look_around, &look, NULL), OXQ_OK);
    thread_join(&t);
    cr_assert(look.is_term_blocked);
    pthread_sigmask(SIG_SETMASK, NULL, &set);
    cr_assert_eq(sigismember(&set, SIGTERM), 0);
}

static bool is_readable(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    return poll(&p, 1, 0) == 1;
}

Test(os_thread, wakes_a_loop_until_it_is_cleared)
{
    int fd = -1;
    cr_assert_eq(waker_open(&fd, NULL), OXQ_OK);
    cr_assert_not(is_readable(fd));
    waker_clear(fd);
    waker_wake(fd);
    waker_wake(fd);
    cr_assert(is_readable(fd));
    waker_clear(fd);
    cr_assert_not(is_readable(fd));
    close(fd);
}

struct pair {
    struct notice there, back;
    int said;
};

/* Says twice what it heard. */
static void echo_twice(void *ctx)
{
    struct pair *p = ctx;
    for (uint32_t i = 1; i <= 2; i++) {
        cr_assert_eq(notice_wait(&p->there, NULL, INT64_MAX), i);
        notice_clear(&p->there);
        p->said = 10 * (int)i;
        if (notice_put(&p->back, i)) notice_wake(&p->back);
    }
}

Test(os_notice, wakes_the_one_who_waits_for_it)
{
    struct pair p = {0};
    struct thread t = {0};
    cr_assert_eq(thread_start(&t, "echo", echo_twice, &p, NULL), OXQ_OK);
    for (uint32_t i = 1; i <= 2; i++) {
        if (notice_put(&p.there, i)) notice_wake(&p.there);
        cr_assert_eq(notice_wait(&p.back, NULL, INT64_MAX), i);
        cr_assert_eq(p.said, 10 * (int)i);
        notice_clear(&p.back);
    }
    thread_join(&t);
}

Test(os_notice, keeps_its_number_and_stops_waiting_at_the_time)
{
    struct notice n = {0};
    cr_assert_not(notice_put(&n, 7));
    cr_assert_eq(notice_wait(&n, NULL, 0), 7);
    cr_assert_eq(notice_wait(&n, NULL, INT64_MAX), 7);
    notice_clear(&n);
    int64_t until = clock_mono_us(os_clock()) + 1000;
    cr_assert_eq(notice_wait(&n, NULL, until), 0);
    cr_assert_geq(clock_mono_us(os_clock()), until);
    cr_assert_not(notice_put(&n, 1), "nobody sleeps any more");
}

#define CROWD_COUNT 8
#define CROWD_ROUNDS 200

struct sleeper {
    struct thread thread;
    struct crowd *crowd;
    struct notice there, back;
    struct spin spin;
};

/* A wait that is known to be long is not spun for: it sleeps. */
static void sleep_often(void *ctx)
{
    struct sleeper *s = ctx;
    atomic_store(&s->spin.usual_us, 2 * SPIN_WORTH_US);
    for (uint32_t i = 1; i <= CROWD_ROUNDS; i++) {
        cr_assert_eq(crowd_wait(s->crowd, &s->there, &s->spin), i);
        notice_clear(&s->there);
        if (notice_put(&s->back, i)) notice_wake(&s->back);
    }
}

Test(os_crowd, wakes_those_who_were_told_and_the_others_sleep_on)
{
    struct crowd crowd = {0};
    static struct sleeper sleepers[CROWD_COUNT];
    struct oxq_error err;
    for (int i = 0; i < CROWD_COUNT; i++) {
        sleepers[i].crowd = &crowd;
        cr_assert_eq(thread_start(&sleepers[i].thread, "sleeper", sleep_often, &sleepers[i], &err), OXQ_OK);
    }
    for (uint32_t round = 1; round <= CROWD_ROUNDS; round++) {
        /* One half, then the other: who is not told must still be there. */
        for (int half = 0; half < 2; half++) {
            for (int i = half; i < CROWD_COUNT; i += 2) cr_assert_not(notice_put(&sleepers[i].there, round));
            crowd_wake(&crowd);
            for (int i = half; i < CROWD_COUNT; i += 2) {
                cr_assert_eq(notice_wait(&sleepers[i].back, NULL, INT64_MAX), round);
                notice_clear(&sleepers[i].back);
            }
        }
    }
    for (int i = 0; i < CROWD_COUNT; i++) thread_join(&sleepers[i].thread);
}

#define GUESTS_COUNT 3
#define ENTRIES_COUNT 2000

struct guest {
    struct thread thread;
    struct turn *turn;
    int *entries; /* within the turn */
};

static void enter_often(void *ctx)
{
    struct guest *g = ctx;
    for (int i = 0; i < ENTRIES_COUNT; i++) {
        cr_assert(turn_enter_as_guest(g->turn, INT64_MAX));
        ++*g->entries;
        turn_leave(g->turn);
    }
}

Test(os_turn, the_owner_and_guests_come_in_one_at_a_time_and_all_do)
{
    struct turn turn;
    static struct guest guests[GUESTS_COUNT];
    struct oxq_error err;
    int entries = 0, turns = 0;
    turn_init(&turn);
    turn_enter(&turn);
    for (int i = 0; i < GUESTS_COUNT; i++) {
        guests[i].turn = &turn;
        guests[i].entries = &entries;
        cr_assert_eq(thread_start(&guests[i].thread, "guest", enter_often, &guests[i], &err), OXQ_OK);
    }
    /* An owner that never waits for anything. */
    while (entries < GUESTS_COUNT * ENTRIES_COUNT) {
        turn_leave(&turn);
        turn_let_guests_in(&turn);
        turn_enter(&turn);
        turns++;
    }
    turn_leave(&turn);
    for (int i = 0; i < GUESTS_COUNT; i++) thread_join(&guests[i].thread);
    cr_assert_gt(turns, 0);
    cr_assert_not(turn_is_wanted_by_guests(&turn));
    turn_deinit(&turn);
}

static void enter_in_vain(void *ctx)
{
    struct guest *g = ctx;
    *g->entries = turn_enter_as_guest(g->turn, 1000);
}

Test(os_turn, a_guest_waits_no_longer_than_he_wants)
{
    struct turn turn;
    struct oxq_error err;
    int entries = -1;
    struct guest g = {.turn = &turn, .entries = &entries};
    turn_init(&turn);
    turn_enter(&turn);
    cr_assert_eq(thread_start(&g.thread, "guest", enter_in_vain, &g, &err), OXQ_OK);
    thread_join(&g.thread);
    cr_assert_eq(entries, 0);
    turn_leave(&turn);
    turn_deinit(&turn);
}
