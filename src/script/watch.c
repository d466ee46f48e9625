/* SPDX-License-Identifier: MIT */
/*
 * The time limit. A script that ends in time pays for it with a few stores: no clock is read and no hook is set for it.
 *
 * While scripts are run, a timer sends a signal to the engine's thread every tick. Its handler finds the same script still
 * running as at the last tick and counts; when the count reaches busy_ms it does the one thing that Lua allows in a signal
 * handler: it sets a hook, which Lua calls from then on between instructions. The hook lets the engine serve others. When
 * a whole tick went by without a script the timer stops, so an idle server sleeps on.
 *
 *   idle --watch_begin--> ticking --script_host_tick: no script since the last tick--> idle
 *   script: running --script_host_tick: busy_ms over--> hooked --watch_end--> gone
 *
 * The handler runs on the thread that it interrupts. It can come between any two steps of watch_begin, which therefore
 * first says that a script runs and then looks whether the timer does.
 */
#include "script/watch.h"

#include "base/mem.h"
#include "script/host.h"

#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

/* glibc has it under this name in newer versions only. */
#ifndef sigev_notify_thread_id
#define sigev_notify_thread_id _sigev_un._tid
#endif

#define WATCH_SIGNAL (SIGRTMIN + 3)
/* Instructions between two calls of the hook: some ten microseconds. */
#define HOOK_INSTRUCTIONS 10000

/* The engine serves others and may be told to kill the script. */
void watch_poll(lua_State *lua)
{
    struct script_host *h = host_of(lua);
    if (!(h->run_flags & HOST_KILLED)) {
        uint64_t failures = mem_failures();
        host_lift_limit(h);
        h->ops->poll(h->ops);
        h->mem_failures += mem_failures() - failures;
        host_limit_memory(h);
    }
    if (h->run_flags & HOST_KILLED) host_raise_killed(lua);
}

static void on_hook(lua_State *lua, lua_Debug *unused)
{
    (void)unused;
    watch_poll(lua);
}

static void set_timer(struct watch *w, int64_t ms)
{
    struct timespec every = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
    timer_settime(w->timer, 0, &(struct itimerspec){.it_interval = every, .it_value = every}, NULL);
}

void script_host_tick(struct script_host *h)
{
    struct watch *w = &h->watch;
    bool is_same = w->runs_count == w->seen_runs_count;
    w->seen_runs_count = w->runs_count;
    if (!w->is_running) {
        if (is_same && w->is_ticking) {
            set_timer(w, 0);
            w->is_ticking = false;
        }
        return;
    }
    w->ticks = is_same ? w->ticks + 1 : 0;
    if (w->is_hooked || w->busy_ms <= 0 || w->ticks * w->tick_ms < w->busy_ms) return;
    w->is_hooked = true;
    lua_sethook(h->lua, on_hook, LUA_MASKCOUNT, HOOK_INSTRUCTIONS);
}

static void on_signal(int number, siginfo_t *info, void *context)
{
    (void)number, (void)context;
    /* Anybody may send the signal; only the timer's carries our pointer. */
    if (info->si_code != SI_TIMER) return;
    int saved = errno;
    script_host_tick(info->si_value.sival_ptr);
    errno = saved;
}

/* The timer belongs to the thread that runs the first script. */
static bool make_timer(struct script_host *h)
{
    /* Whatever the program blocked on this thread. */
    sigset_t only;
    sigemptyset(&only);
    sigaddset(&only, WATCH_SIGNAL);
    pthread_sigmask(SIG_UNBLOCK, &only, NULL);
    struct sigaction action = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_RESTART};
    sigaction(WATCH_SIGNAL, &action, NULL);
    struct sigevent event = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = WATCH_SIGNAL};
    event.sigev_value.sival_ptr = h;
    event.sigev_notify_thread_id = (pid_t)syscall(SYS_gettid);
    return timer_create(CLOCK_MONOTONIC, &event, &h->watch.timer) == 0;
}

static void start_ticking(struct script_host *h)
{
    struct watch *w = &h->watch;
    if (!w->has_timer) w->has_timer = make_timer(h);
    if (!w->has_timer) return;
    w->is_ticking = true;
    set_timer(w, w->tick_ms);
}

void watch_set_busy_ms(struct script_host *h, int64_t busy_ms)
{
    struct watch *w = &h->watch;
    w->busy_ms = busy_ms;
    /* Two ticks at least in the time that is allowed. */
    int64_t half = busy_ms / 2;
    w->tick_ms = half > SCRIPT_TICK_MS ? SCRIPT_TICK_MS : half < 1 ? 1 : half;
    if (w->is_ticking) set_timer(w, w->tick_ms);
}

void watch_begin(struct script_host *h)
{
    struct watch *w = &h->watch;
    w->runs_count++;
    w->is_running = true;
    if (!w->is_ticking && w->busy_ms > 0 && !w->is_ticked_by_hand) start_ticking(h);
}

void watch_end(struct script_host *h)
{
    struct watch *w = &h->watch;
    w->is_running = false;
    if (!w->is_hooked) return;
    w->is_hooked = false;
    lua_sethook(h->lua, NULL, 0, 0);
}

void watch_insist(struct script_host *h)
{
    lua_sethook(h->lua, on_hook, LUA_MASKCOUNT, 1);
}

void watch_deinit(struct script_host *h)
{
    struct watch *w = &h->watch;
    if (!w->has_timer) return;
    /* A signal that is under way is delivered to this thread before the call returns. */
    timer_delete(w->timer);
    w->has_timer = false;
    w->is_ticking = false;
}
