/* SPDX-License-Identifier: MIT */
/*
 * A program that is run to its end: it gets bytes on standard input, what it writes is gathered, and at its deadline it is ended with all
 * that it started.
 */
#ifndef RUNNER_PROCESS_H
#define RUNNER_PROCESS_H

#include "runner/guard.h"
#include "runner/text.h"

/* The descriptor on which a program may write lines to us, beside 0, 1 and 2. */
#define PROCESS_CONTROL_FD 3

/* So much of its lines is taken in between two looks at its deadline, and once more after it was told to end: more is lost then. */
#define PROCESS_LINES_BYTES ((size_t)4096)

struct process_task {
    const char *const *argv; /* ended by NULL; argv[0] is looked for in PATH */
    char *const *envp;       /* ended by NULL */
    struct slice input;
    size_t output_bytes_max;
    int64_t deadline_us; /* CLOCK_MONOTONIC; INT64_MAX: none */
    int64_t end_ms;      /* from SIGTERM to SIGKILL */
    /* Readable when the program must end: -1 for none. */
    int cancel_fd, stop_fd;
    const struct guard *guard; /* ends it when this process is killed; NULL: nobody does */
    /* Told of each line of standard error and of PROCESS_CONTROL_FD, while the program runs; NULL: not. */
    text_line_fn *on_error_line, *on_control_line;
    void *ctx; /* of both */
};

/* Why it was ended by us. */
enum process_cut {
    PROCESS_WHOLE, /* it was not */
    PROCESS_LATE,
    PROCESS_CANCELLED,
    PROCESS_STOPPED,
    PROCESS_TALKS_TOO_MUCH, /* more than output_bytes_max */
    PROCESS_NO_MEMORY       /* for its output */
};

struct process_end {
    enum process_cut cut;
    int exit_code;         /* -1: a signal ended it */
    int signal;            /* 0: none did */
    struct buf output;     /* standard output */
    struct text_tail said; /* the end of standard error */
};

/*
 * Runs it and waits for its end. It leads a process group of its own; it has our descriptors 0 to 3 and no others, and all signals as they
 * were at the beginning. Whatever of its group is left when it has ended, is killed; what it wrote until then, counts. Threads: any, any
 * number at once; SIGPIPE must be ignored, SIGCHLD must not be.
 * Errors: NOT_FOUND, PERMISSION, FORMAT (no such program; one that cannot be run), LIMIT (arguments and environment too long), AGAIN (no
 * process, no memory or no descriptor to be had just now), IO (it ran, and how it ended is not known). Owns: caller, process_end_deinit, also after an error.
 */
OXQ_MUST_USE oxq_err process_run(const struct process_task *task, struct process_end *out, struct oxq_error *err);
void process_end_deinit(struct process_end *end);

/* Is there such a program, in PATH unless the name has a slash? Errors: NOT_FOUND, PERMISSION. */
OXQ_MUST_USE oxq_err process_find(const char *program, struct oxq_error *err);

#endif
