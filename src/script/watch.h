/* SPDX-License-Identifier: MIT */
/* Notices a script that runs past its time. See watch.c. */
#ifndef SCRIPT_WATCH_H
#define SCRIPT_WATCH_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

struct script_host;
struct lua_State;

/* Fields that the signal handler reads or writes are volatile: it interrupts the thread that uses the rest. */
struct watch {
    int64_t busy_ms;
    int64_t tick_ms;
    bool is_ticked_by_hand;
    bool has_timer;
    timer_t timer;
    volatile sig_atomic_t is_ticking; /* the timer runs */
    volatile sig_atomic_t is_running; /* a script does */
    volatile sig_atomic_t is_hooked;  /* the script is past its time: Lua calls on_hook */
    volatile uint32_t runs_count;     /* scripts begun */
    uint32_t seen_runs_count;         /* ... at the last tick */
    int64_t ticks;                    /* that the running script has lived through */
};

void watch_set_busy_ms(struct script_host *h, int64_t busy_ms);
/* A script begins, a script ended. */
void watch_begin(struct script_host *h);
void watch_end(struct script_host *h);
/* From now on the hook is called at every instruction: what it raises cannot be caught for good. */
void watch_insist(struct script_host *h);
/* In a late script: others are served. Raises the error of a killed one. */
void watch_poll(struct lua_State *lua);
void watch_deinit(struct script_host *h);

#endif
