/* SPDX-License-Identifier: MIT */
/*
 * A note is one number, written in one piece: a group that runs, or, negative, one that is over. The guard may have been forked from a
 * process with threads: it does nothing but system calls.
 */
#include "runner/guard.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* Groups that run at a time: more than `oxq work` has threads. What comes beyond is not guarded. */
#define GROUPS_MAX 8192
/* How often it is looked whether those that were told to end have done so. */
#define TICK_MS 10

/* ---------------------------------------------------------------- the guard's process */

static pid_t groups[GROUPS_MAX];
static size_t groups_count;

static void take_note(pid_t note)
{
    if (note > 0 && groups_count < GROUPS_MAX) groups[groups_count++] = note;
    for (size_t i = 0; note < 0 && i < groups_count; i++) {
        if (groups[i] == -note) groups[i] = groups[--groups_count];
    }
}

/* To all, and to a leader that has left its group. Those that are gone are forgotten. */
static void signal_groups(int number)
{
    size_t left = 0;
    for (size_t i = 0; i < groups_count; i++) {
        int of_group = kill(-groups[i], number), of_leader = kill(groups[i], number);
        if (of_group == 0 || of_leader == 0) groups[left++] = groups[i];
    }
    groups_count = left;
}

static void end_groups(int64_t end_ms)
{
    signal_groups(SIGTERM);
    for (int64_t ms = 0; ms < end_ms && groups_count > 0; ms += TICK_MS) {
        (void)poll(NULL, 0, TICK_MS);
        signal_groups(0);
    }
    signal_groups(SIGKILL);
}

/* What is meant for the others - a signal of the terminal, a service manager's - is not for it, and no pipe stays open because of it. */
static void leave_the_others(int notes)
{
    sigset_t all;
    sigfillset(&all);
    (void)sigprocmask(SIG_SETMASK, &all, NULL);
    (void)setsid();
    (void)prctl(PR_SET_NAME, "oxq-guard");
    int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
    (void)dup2(notes, STDIN_FILENO);
    (void)dup2(nothing, STDOUT_FILENO);
    (void)dup2(nothing, STDERR_FILENO);
    (void)close_range(STDERR_FILENO + 1, ~0U, 0);
}

static _Noreturn void watch(int notes, int64_t end_ms)
{
    leave_the_others(notes);
    for (;;) {
        pid_t note;
        ssize_t n = read(STDIN_FILENO, &note, sizeof(note));
        if (n < 0 && errno == EINTR) continue;
        if (n != (ssize_t)sizeof(note)) break;
        take_note(note);
    }
    end_groups(end_ms);
    _exit(0);
}

/* ---------------------------------------------------------------- ours */

oxq_err guard_open(struct guard *out, int64_t end_ms, struct oxq_error *err)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0)
        return err_set(err, OXQ_ERR_AGAIN, "cannot guard the programs: %s", strerror(errno));
    pid_t pid = fork();
    if (pid == 0) watch(ends[0], end_ms);
    int error = errno;
    close(ends[0]);
    if (pid < 0) {
        close(ends[1]);
        return err_set(err, OXQ_ERR_AGAIN, "cannot guard the programs: %s", strerror(error));
    }
    *out = (struct guard){.fd = ends[1], .pid = pid};
    return OXQ_OK;
}

void guard_close(struct guard *guard)
{
    if (guard->pid <= 0) return;
    close(guard->fd);
    while (waitpid(guard->pid, NULL, 0) < 0 && errno == EINTR) continue;
    guard->pid = 0;
}

static void note(const struct guard *guard, pid_t number)
{
    if (!guard) return;
    ssize_t n;
    do {
        n = write(guard->fd, &number, sizeof(number));
    } while (n < 0 && errno == EINTR);
}

void guard_note_begin(const struct guard *guard, pid_t group)
{
    note(guard, group);
}

void guard_note_end(const struct guard *guard, pid_t group)
{
    note(guard, -group);
}
