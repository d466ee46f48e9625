/* SPDX-License-Identifier: MIT */
/* Real processes: one that is killed, and the programs that it leaves behind. */
#include "runner/guard.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#define FOR_EVER_MS 600000

TestSuite(guard, .timeout = 60);

/* `alive` is closed when the program and its child are gone. */
struct program {
    int alive[2];
    pid_t pid;
};

static void do_nothing(int number)
{
    (void)number;
}

/* A program of two processes in a group of its own; is_deaf: SIGTERM does not end it. Only it keeps the writing end, and tells when it is ready. */
static void start_program(struct program *p, bool is_deaf)
{
    cr_assert_eq(pipe2(p->alive, O_CLOEXEC), 0);
    p->pid = fork();
    if (p->pid == 0) {
        setpgid(0, 0);
        signal(SIGTERM, is_deaf ? do_nothing : SIG_DFL);
        (void)fork();
        (void)!write(p->alive[1], ".", 1);
        for (;;) pause();
    }
    close(p->alive[1]);
    char two[2];
    for (size_t got = 0; got < sizeof(two);) {
        ssize_t n = read(p->alive[0], two, sizeof(two) - got);
        cr_assert_gt(n, 0);
        got += (size_t)n;
    }
}

/* Until nobody of the program is left. */
static void expect_gone(const struct program *p)
{
    char byte;
    cr_assert_eq(read(p->alive[0], &byte, 1), 0);
}

/* A process with a guard notes the programs and is killed. */
static void be_killed(const struct program *ended, const struct program *running, int64_t end_ms)
{
    struct guard guard;
    if (guard_open(&guard, end_ms, NULL)) _exit(1);
    if (ended) guard_note_begin(&guard, ended->pid);
    guard_note_begin(&guard, running->pid);
    if (ended) guard_note_end(&guard, ended->pid);
    raise(SIGKILL);
}

static void run_and_kill(const struct program *ended, const struct program *running, int64_t end_ms)
{
    pid_t pid = fork();
    if (pid == 0) be_killed(ended, running, end_ms);
    int status;
    cr_assert_eq(waitpid(pid, &status, 0), pid);
    cr_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

Test(guard, when_its_process_is_killed_a_program_ends_with_all_that_it_started)
{
    struct program p;
    start_program(&p, false);
    run_and_kill(NULL, &p, FOR_EVER_MS);
    expect_gone(&p);
}

Test(guard, a_program_that_does_not_listen_is_killed)
{
    struct program p;
    start_program(&p, true);
    run_and_kill(NULL, &p, 1);
    expect_gone(&p);
}

Test(guard, what_is_over_is_left_alone)
{
    struct program over, running;
    start_program(&over, false);
    start_program(&running, false);
    run_and_kill(&over, &running, FOR_EVER_MS);
    expect_gone(&running);
    struct pollfd fd = {.fd = over.alive[0], .events = POLLIN};
    cr_assert_eq(poll(&fd, 1, 0), 0, "its number may be another's by now");
    kill(-over.pid, SIGKILL);
    expect_gone(&over);
}

Test(guard, it_ends_when_it_is_closed)
{
    struct guard guard;
    cr_assert_eq(guard_open(&guard, FOR_EVER_MS, NULL), OXQ_OK);
    pid_t pid = guard.pid;
    cr_assert_eq(kill(pid, 0), 0);
    guard_close(&guard);
    cr_assert_eq(kill(pid, 0), -1, "it has been waited for");
    guard_close(&guard);
}
