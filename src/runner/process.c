/* SPDX-License-Identifier: MIT */
/*
 * One poll loop for all pipes of a program, so that none of them can fill while we wait for another: it may write before it reads, never
 * read at all, or close what it likes. What is over has descriptor -1, which poll passes over.
 *
 *   RUNNING --begin_end: deadline, cancelled, stopped, too much output--> ENDING (SIGTERM was sent)
 *   ENDING --end_ms are over--> KILLED (SIGKILL was sent)
 *   any --the program has ended (its pidfd is readable)--> over
 *
 * The program's own end counts, not that of its pipes: a grandchild that keeps them open is killed with the rest of the group. That
 * is done while the program is a zombie still: until it is waited for, nobody else can have its number.
 */
#include "runner/process.h"

#include "base/mem.h"
#include "os/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#define READ_BYTES ((size_t)64 * 1024)
/* Read from each pipe after the end, at most: more than a pipe holds. */
#define REST_BYTES_MAX ((size_t)4 << 20)

enum phase { RUNNING, ENDING, KILLED };
enum { INPUT, OUTPUT, SAID, CONTROL, PIPES_COUNT };
enum { POLL_END = PIPES_COUNT, POLL_CANCEL, POLL_STOP, POLLS_COUNT };

struct process {
    const struct process_task *task;
    struct process_end *out;
    int ours[PIPES_COUNT];   /* owned */
    int theirs[PIPES_COUNT]; /* owned, until it was started */
    int pidfd;               /* owned */
    pid_t pid;
    enum phase phase;
    int64_t kill_at_us; /* ENDING */
    struct slice input; /* what is left of it */
    struct text_lines said_lines, control_lines;
    size_t lines_room; /* bytes of lines that may still be told */
    char *room;        /* owned: READ_BYTES */
};

/* ---------------------------------------------------------------- pipes */

static void close_fd(int *fd)
{
    if (*fd >= 0) close(*fd);
    *fd = -1;
}

static void close_all(int fds[PIPES_COUNT])
{
    for (int i = 0; i < PIPES_COUNT; i++) close_fd(&fds[i]);
}

static bool open_pipes(struct process *p)
{
    for (int i = 0; i < PIPES_COUNT; i++) {
        int ends[2];
        if (pipe2(ends, O_CLOEXEC) != 0) return false;
        p->ours[i] = ends[i == INPUT];
        p->theirs[i] = ends[i != INPUT];
        if (fcntl(p->ours[i], F_SETFL, O_NONBLOCK) != 0) return false;
    }
    return true;
}

/* To all of its group, and to itself where it has left that for another. */
static void send_signal(const struct process *p, int number)
{
    kill(-p->pid, number);
    kill(p->pid, number);
}

/* ---------------------------------------------------------------- start */

/*
 * Each end first moves above all numbers that are given away: one of them may be the number of another. Then to its place, without
 * the flag that closes it at exec.
 */
static int add_moves(posix_spawn_file_actions_t *actions, const int theirs[PIPES_COUNT])
{
    int rc = 0, above = PROCESS_CONTROL_FD;
    for (int i = 0; i < PIPES_COUNT; i++) above = theirs[i] > above ? theirs[i] : above;
    for (int i = 0; i < PIPES_COUNT && !rc; i++)
        rc = posix_spawn_file_actions_adddup2(actions, theirs[i], above + 1 + i);
    for (int i = 0; i < PIPES_COUNT && !rc; i++) rc = posix_spawn_file_actions_adddup2(actions, above + 1 + i, i);
    return rc ? rc : posix_spawn_file_actions_addclosefrom_np(actions, PROCESS_CONTROL_FD + 1);
}

static int set_attributes(posix_spawnattr_t *attr)
{
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    int rc = posix_spawnattr_setflags(attr, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    if (!rc) rc = posix_spawnattr_setpgroup(attr, 0);
    if (!rc) rc = posix_spawnattr_setsigmask(attr, &none);
    return rc ? rc : posix_spawnattr_setsigdefault(attr, &all);
}

/* 0, or an errno. */
static int spawn(struct process *p)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attr;
    int rc = posix_spawn_file_actions_init(&actions);
    if (rc) return rc;
    rc = posix_spawnattr_init(&attr);
    if (!rc) {
        rc = add_moves(&actions, p->theirs);
        if (!rc) rc = set_attributes(&attr);
        char *const *argv = (char *const *)p->task->argv;
        if (!rc) rc = posix_spawnp(&p->pid, argv[0], &actions, &attr, argv, p->task->envp);
        posix_spawnattr_destroy(&attr);
    }
    posix_spawn_file_actions_destroy(&actions);
    return rc;
}

static oxq_err tell_error(const char *program, int error, struct oxq_error *err)
{
    static const struct {
        int error;
        oxq_err code;
    } codes[] = {{ENOENT, OXQ_ERR_NOT_FOUND},  {ENOTDIR, OXQ_ERR_NOT_FOUND},
                 {EACCES, OXQ_ERR_PERMISSION}, {EPERM, OXQ_ERR_PERMISSION},
                 {ENOEXEC, OXQ_ERR_FORMAT},    {E2BIG, OXQ_ERR_LIMIT},
                 {EAGAIN, OXQ_ERR_AGAIN},      {ENOMEM, OXQ_ERR_AGAIN},
                 {EMFILE, OXQ_ERR_AGAIN},      {ENFILE, OXQ_ERR_AGAIN},
                 {ETXTBSY, OXQ_ERR_AGAIN},     {EBADF, OXQ_ERR_AGAIN} /* a number beyond the limit of descriptors */};
    oxq_err code = OXQ_ERR_IO;
    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
        if (codes[i].error == error) code = codes[i].code;
    }
    return err_set(err, code, "cannot run %s: %s", program, strerror(error));
}

static oxq_err start(struct process *p, struct oxq_error *err)
{
    const char *program = p->task->argv[0];
    if (!open_pipes(p)) return tell_error(program, errno, err);
    int rc = spawn(p);
    if (rc) return tell_error(program, rc, err);
    close_all(p->theirs);
    guard_note_begin(p->task->guard, p->pid);
    p->pidfd = pidfd_open(p->pid, 0);
    if (p->pidfd >= 0) return OXQ_OK;
    rc = errno;
    send_signal(p, SIGKILL);
    guard_note_end(p->task->guard, p->pid);
    waitpid(p->pid, NULL, 0);
    return tell_error(program, rc, err);
}

/* ---------------------------------------------------------------- while it runs */

static void begin_end(struct process *p, enum process_cut why)
{
    if (p->phase != RUNNING) return;
    p->phase = ENDING;
    p->lines_room = PROCESS_LINES_BYTES;
    p->out->cut = why;
    p->kill_at_us = clock_mono_us(os_clock()) + p->task->end_ms * 1000;
    send_signal(p, SIGTERM);
}

static void write_input(struct process *p)
{
    ssize_t n = p->input.len > 0 ? write(p->ours[INPUT], p->input.at, p->input.len) : 0;
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (n > 0) p->input = slice_from(p->input, (size_t)n);
    /* All is written, or nobody reads it: that is the program's own business. */
    if (n < 0 || p->input.len == 0) close_fd(&p->ours[INPUT]);
}

static void take_output(struct process *p, struct slice bytes)
{
    struct buf *output = &p->out->output;
    if (p->out->cut != PROCESS_WHOLE) return;
    oxq_err e = buf_append(output, bytes);
    if (e) begin_end(p, e == OXQ_ERR_LIMIT ? PROCESS_TALKS_TOO_MUCH : PROCESS_NO_MEMORY);
}

/* Whoever is told of its lines; NULL: nobody. */
static text_line_fn *listener_of(const struct process *p, int pipe)
{
    if (pipe == SAID) return p->task->on_error_line;
    return pipe == CONTROL ? p->task->on_control_line : NULL;
}

static void take_bytes(struct process *p, int pipe, struct slice bytes)
{
    text_line_fn *listener = listener_of(p, pipe);
    if (pipe == OUTPUT) take_output(p, bytes);
    if (pipe == SAID) text_tail_add(&p->out->said, bytes);
    if (!listener) return;
    if (bytes.len > p->lines_room) bytes.len = p->lines_room;
    p->lines_room -= bytes.len;
    text_lines_add(pipe == SAID ? &p->said_lines : &p->control_lines, bytes, listener, p->task->ctx);
}

/* What is there now, once. The number of bytes; 0: nothing is, or never will be again. */
static size_t read_pipe(struct process *p, int pipe)
{
    if (p->ours[pipe] < 0) return 0;
    ssize_t n = read(p->ours[pipe], p->room, listener_of(p, pipe) ? PROCESS_LINES_BYTES : READ_BYTES);
    if (n > 0) {
        take_bytes(p, pipe, slice_of(p->room, (size_t)n));
        return (size_t)n;
    }
    if (n == 0 || (errno != EAGAIN && errno != EINTR)) close_fd(&p->ours[pipe]);
    return 0;
}

static int64_t next_time_us(const struct process *p)
{
    switch (p->phase) {
    case RUNNING: return p->task->deadline_us;
    case ENDING: return p->kill_at_us;
    case KILLED: break;
    }
    return INT64_MAX;
}

static void watch_clock(struct process *p)
{
    if (clock_mono_us(os_clock()) < next_time_us(p)) return;
    if (p->phase == RUNNING) {
        begin_end(p, PROCESS_LATE);
    } else {
        p->phase = KILLED;
        send_signal(p, SIGKILL);
    }
}

/* Until something happens, which is dealt with. False: the program has ended. */
static bool step(struct process *p)
{
    bool is_running = p->phase == RUNNING;
    struct pollfd fds[POLLS_COUNT] = {[POLL_END] = {.fd = p->pidfd, .events = POLLIN},
                                      [POLL_CANCEL] = {.fd = is_running ? p->task->cancel_fd : -1, .events = POLLIN},
                                      [POLL_STOP] = {.fd = is_running ? p->task->stop_fd : -1, .events = POLLIN}};
    for (int i = 0; i < PIPES_COUNT; i++)
        fds[i] = (struct pollfd){.fd = p->ours[i], .events = i == INPUT ? POLLOUT : POLLIN};
    if (poll(fds, POLLS_COUNT, os_wait_ms(next_time_us(p))) < 0) {
        CHECK(errno == EINTR || errno == ENOMEM || errno == EAGAIN);
        return true;
    }
    if (fds[POLL_END].revents) return false;
    if (fds[POLL_CANCEL].revents) begin_end(p, PROCESS_CANCELLED);
    if (fds[POLL_STOP].revents) begin_end(p, PROCESS_STOPPED);
    if (fds[INPUT].revents) write_input(p);
    for (int i = OUTPUT; i < PIPES_COUNT; i++) {
        if (fds[i].revents) (void)read_pipe(p, i);
    }
    if (p->phase != KILLED) watch_clock(p);
    return true;
}

/* ---------------------------------------------------------------- its end */

/* What it had written before it ended; a process that left the group may write on. */
static void read_rest(struct process *p)
{
    for (int i = OUTPUT; i < PIPES_COUNT; i++) {
        size_t n, sum = 0;
        while (sum < REST_BYTES_MAX && (n = read_pipe(p, i)) > 0) sum += n;
    }
    const struct process_task *t = p->task;
    if (t->on_error_line) text_lines_end(&p->said_lines, t->on_error_line, t->ctx);
    if (t->on_control_line) text_lines_end(&p->control_lines, t->on_control_line, t->ctx);
}

/* An end that nobody can tell us of is not a good one. */
static oxq_err take_end(struct process *p, struct oxq_error *err)
{
    int status = 0;
    pid_t pid;
    send_signal(p, SIGKILL);
    read_rest(p);
    guard_note_end(p->task->guard, p->pid);
    do {
        pid = waitpid(p->pid, &status, 0);
    } while (pid < 0 && errno == EINTR);
    if (pid < 0)
        return err_set(err, OXQ_ERR_IO, "%s has ended, and how cannot be learned: %s", p->task->argv[0],
                       strerror(errno));
    p->out->exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    p->out->signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    return OXQ_OK;
}

static void deinit(struct process *p)
{
    close_all(p->ours);
    close_all(p->theirs);
    close_fd(&p->pidfd);
    text_lines_deinit(&p->said_lines);
    text_lines_deinit(&p->control_lines);
    mem_free(p->room);
}

oxq_err process_run(const struct process_task *task, struct process_end *out, struct oxq_error *err)
{
    *out = (struct process_end){.output = {.limit_bytes = task->output_bytes_max}};
    struct process p = {.task = task,
                        .out = out,
                        .ours = {-1, -1, -1, -1},
                        .theirs = {-1, -1, -1, -1},
                        .pidfd = -1,
                        .input = task->input,
                        .lines_room = SIZE_MAX,
                        .room = mem_alloc(READ_BYTES)};
    oxq_err e = start(&p, err);
    if (!e) {
        while (step(&p)) continue;
        e = take_end(&p, err);
    }
    deinit(&p);
    return e;
}

void process_end_deinit(struct process_end *end)
{
    buf_deinit(&end->output);
    text_tail_deinit(&end->said);
}

/* ---------------------------------------------------------------- before anything runs */

static bool can_run(const char *path, int *error)
{
    if (access(path, X_OK) == 0) return true;
    if (errno == EACCES) *error = EACCES;
    return false;
}

oxq_err process_find(const char *program, struct oxq_error *err)
{
    int error = ENOENT;
    const char *path = strchr(program, '/') ? NULL : getenv("PATH");
    if (!path) path = "";
    if (strchr(program, '/') && can_run(program, &error)) return OXQ_OK;
    while (*path) {
        size_t len = strcspn(path, ":");
        char file[4096];
        int chars = snprintf(file, sizeof(file), "%.*s/%s", (int)len, len ? path : ".", program);
        if (chars > 0 && (size_t)chars < sizeof(file) && can_run(file, &error)) return OXQ_OK;
        path += len + (path[len] == ':');
    }
    return tell_error(program, error, err);
}
