/* SPDX-License-Identifier: MIT */
/*
 * Programs of jobs leave processes behind, and in a container those are given to number 1. Nobody but that one can take them off the list
 * when they have ended, and a list that is full stops all work. A worker that waited for any child would take the ends of its own
 * programs from the threads that wait for them: hence two processes.
 *
 * The child is a new program and not just a fork, so that it has all threads that the allocator made.
 */
#include "os/init.h"

#include <signal.h>
#include <stddef.h>
#include <sys/wait.h>
#include <unistd.h>

/* As a shell tells that a signal ended a program. */
#define SIGNAL_EXIT_CODE 128

static void reap_all(pid_t child)
{
    int status;
    pid_t pid;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        if (pid != child) continue;
        /* What is left ends with us. */
        _exit(WIFEXITED(status) ? WEXITSTATUS(status) : SIGNAL_EXIT_CODE + WTERMSIG(status));
    }
}

static _Noreturn void serve(pid_t child, const sigset_t *all)
{
    for (;;) {
        siginfo_t info;
        int number = sigwaitinfo(all, &info);
        if (number == SIGCHLD) reap_all(child);
        /* What the terminal sends, the child has had itself. */
        if (number > 0 && number != SIGCHLD && info.si_code != SI_KERNEL) kill(child, number);
    }
}

void init_begin(char **argv)
{
    if (getpid() != 1) return;
    sigset_t all, before;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &before);
    void (*children)(int) = signal(SIGCHLD, SIG_DFL);
    pid_t child = fork();
    if (child > 0) serve(child, &all);
    signal(SIGCHLD, children);
    sigprocmask(SIG_SETMASK, &before, NULL);
    /* Without /proc the copy does as well. */
    if (child == 0) (void)execv("/proc/self/exe", argv);
}
