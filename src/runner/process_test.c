/* SPDX-License-Identifier: MIT */
/* Real programs: whatever holds must hold however slow they are. */
#include "runner/process.h"

#include "base/mem.h"
#include "os/clock.h"
#include "os/testfolder.h"
#include "os/thread.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char path_variable[] = "PATH=/usr/bin:/bin", test_variable[] = "OXQ_TEST=yes";
static char *const environment[] = {path_variable, test_variable, NULL};

/* A folder of the path that may not be looked into would change what is said of programs that are not there. */
static void prepare(void)
{
    signal(SIGPIPE, SIG_IGN);
    cr_assert_eq(setenv("PATH", "/usr/bin:/bin", 1), 0);
}

TestSuite(process, .init = prepare, .timeout = 60);

static struct process_task task_of(const char *const *argv)
{
    return (struct process_task){.argv = argv,
                                 .envp = environment,
                                 .output_bytes_max = (size_t)4 << 20,
                                 .deadline_us = INT64_MAX,
                                 .end_ms = 60000,
                                 .cancel_fd = -1,
                                 .stop_fd = -1};
}

/* A line of the shell, to its end. */
static struct process_end run_line(const char *line, struct slice input)
{
    const char *const argv[] = {"/bin/sh", "-c", line, NULL};
    struct process_task task = task_of(argv);
    struct process_end end;
    struct oxq_error err;
    task.input = input;
    oxq_err e = process_run(&task, &end, &err);
    cr_assert_eq(e, OXQ_OK, "%s", err.text);
    return end;
}

static void expect_output(const struct process_end *end, const char *want)
{
    cr_assert(slice_equal(buf_borrow(&end->output), slice_from_text(want)), "got %.*s", (int)end->output.len,
              end->output.at);
}

Test(process, input_goes_in_and_output_and_exit_code_come_out)
{
    struct process_end end = run_line("cat; echo \" $OXQ_TEST\"; echo why >&2; exit 7", SLICE_LIT("in"));
    expect_output(&end, "in yes\n");
    cr_assert_eq(end.exit_code, 7);
    cr_assert_eq(end.signal, 0);
    cr_assert_eq(end.cut, PROCESS_WHOLE);
    cr_assert(slice_equal(text_tail_borrow(&end.said), SLICE_LIT("why")));
    process_end_deinit(&end);
}

Test(process, a_signal_is_told)
{
    struct process_end end = run_line("kill -SEGV $$", SLICE_LIT(""));
    cr_assert_eq(end.signal, SIGSEGV);
    cr_assert_eq(end.exit_code, -1);
    process_end_deinit(&end);
}

Test(process, an_end_that_the_system_does_not_tell_is_an_error)
{
    /* It ends when its input does, which is when we look at it. */
    const char *const argv[] = {"/bin/sh", "-c", "read line; exit 7", NULL};
    struct process_task task = task_of(argv);
    struct process_end end;
    struct oxq_error err;
    signal(SIGCHLD, SIG_IGN);
    cr_assert_eq(process_run(&task, &end, &err), OXQ_ERR_IO);
    cr_assert_str_eq(err.text, "/bin/sh has ended, and how cannot be learned: No child processes");
    process_end_deinit(&end);
}

Test(process, it_may_write_before_it_reads_and_need_not_read)
{
    size_t len = (size_t)900 * 1024;
    char *bytes = mem_alloc(len);
    memset(bytes, 'x', len);
    struct process_end end =
        run_line("head -c 300000 /dev/zero | tr '\\0' y; head -c 300000 /dev/zero >&2; cat", slice_of(bytes, len));
    cr_assert_eq(end.output.len, 300000 + len);
    cr_assert_eq(end.output.at[0], 'y');
    cr_assert_eq(end.output.at[end.output.len - 1], 'x');
    process_end_deinit(&end);
    end = run_line("exec <&-; echo done", slice_of(bytes, len));
    expect_output(&end, "done\n");
    process_end_deinit(&end);
    end = run_line("echo done", slice_of(bytes, len));
    expect_output(&end, "done\n");
    process_end_deinit(&end);
    mem_free(bytes);
}

/*
 * Runs a line in which descriptor 9 is a fifo, and waits until nobody has that open any more: a process that is left would keep it open for
 * its 1,000 seconds, longer than a test may take.
 */
static void run_and_wait_for_group(const char *line, int64_t deadline_us, struct process_end *end)
{
    char folder[TESTFOLDER_PATH_MAX], fifo[TESTFOLDER_PATH_MAX + 8], whole[512], byte;
    testfolder_make(folder);
    snprintf(fifo, sizeof(fifo), "%s/fifo", folder);
    snprintf(whole, sizeof(whole), "exec 9>%s; %s", fifo, line);
    cr_assert_eq(mkfifo(fifo, 0600), 0);
    int fd = open(fifo, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    cr_assert(fd >= 0);
    const char *const argv[] = {"/bin/sh", "-c", whole, NULL};
    struct process_task task = task_of(argv);
    task.deadline_us = deadline_us;
    cr_assert_eq(process_run(&task, end, NULL), OXQ_OK);
    cr_assert_eq(fcntl(fd, F_SETFL, 0), 0);
    cr_assert_eq(read(fd, &byte, 1), 0);
    close(fd);
    testfolder_remove(folder);
}

Test(process, what_it_leaves_behind_holds_nobody_up_and_is_killed)
{
    struct process_end end;
    run_and_wait_for_group("trap '' TERM; sleep 1000 & echo done", INT64_MAX, &end);
    cr_assert_eq(end.cut, PROCESS_WHOLE);
    cr_assert_eq(end.exit_code, 0);
    expect_output(&end, "done\n");
    process_end_deinit(&end);
}

Test(process, it_has_no_descriptors_of_ours)
{
    int mine = open("/dev/null", O_RDONLY); /* NOLINT: the flag that would close it is left out on purpose */
    int high = fcntl(mine, F_DUPFD, 200);
    cr_assert(mine >= 0 && high >= 200);
    struct process_end end =
        run_line("for f in /proc/$$/fd/*; do echo ${f##*/}; done | sort -n | head -20 | tr '\\n' ' '", SLICE_LIT(""));
    /* Besides 0 to 3 the shell may have one that it opened for itself. */
    cr_assert(end.output.len >= 8 && memcmp(end.output.at, "0 1 2 3 ", 8) == 0, "%.*s", (int)end.output.len,
              end.output.at);
    mem_must(buf_append(&end.output, slice_of("", 1)));
    cr_assert(!strstr(end.output.at, " 200 "), "%s", end.output.at);
    process_end_deinit(&end);
    close(mine);
    close(high);
}

/* The mask in a line of /proc/self/status, without the signals above 31, which are the C library's business. */
static unsigned long mask_of(const char *status, const char *name)
{
    const char *at = strstr(status, name);
    cr_assert(at, "%s", status);
    return strtoul(at + strlen(name), NULL, 16) & 0x7fffffffUL;
}

Test(process, signals_are_as_if_nobody_had_touched_them)
{
    struct process_end end = run_line("cat /proc/self/status", SLICE_LIT(""));
    mem_must(buf_append(&end.output, slice_of("", 1)));
    cr_assert_eq(mask_of(end.output.at, "SigBlk:"), 0);
    cr_assert_eq(mask_of(end.output.at, "SigIgn:"), 0);
    process_end_deinit(&end);
}

/* ---------------------------------------------------------------- it is ended */

Test(process, at_the_deadline_all_of_its_group_is_ended)
{
    struct process_end end;
    run_and_wait_for_group("(trap '' TERM; sleep 1000) & sleep 1000; :", clock_mono_us(os_clock()) + 200000, &end);
    cr_assert_eq(end.cut, PROCESS_LATE);
    cr_assert_eq(end.signal, SIGTERM);
    process_end_deinit(&end);
}

Test(process, one_that_ignores_the_wish_to_end_is_killed)
{
    const char *const argv[] = {"/bin/sh", "-c", "trap '' TERM; echo deaf >&2; while :; do sleep 1000; done", NULL};
    struct process_task task = task_of(argv);
    struct process_end end;
    task.end_ms = 20;
    task.deadline_us = clock_mono_us(os_clock()) + 50000;
    cr_assert_eq(process_run(&task, &end, NULL), OXQ_OK);
    cr_assert_eq(end.cut, PROCESS_LATE);
    cr_assert(end.signal == SIGKILL || end.signal == SIGTERM, "before the trap: %d", end.signal);
    process_end_deinit(&end);
}

static void expect_cut(bool by_stop, enum process_cut want)
{
    const char *const argv[] = {"/bin/sh", "-c", "sleep 1000", NULL};
    struct process_task task = task_of(argv);
    struct process_end end;
    int fd;
    cr_assert_eq(waker_open(&fd, NULL), OXQ_OK);
    if (by_stop)
        task.stop_fd = fd;
    else
        task.cancel_fd = fd;
    waker_wake(fd);
    cr_assert_eq(process_run(&task, &end, NULL), OXQ_OK);
    cr_assert_eq(end.cut, want);
    cr_assert_eq(end.signal, SIGTERM);
    process_end_deinit(&end);
    close(fd);
}

Test(process, it_ends_when_it_is_cancelled_or_stopped)
{
    expect_cut(false, PROCESS_CANCELLED);
    expect_cut(true, PROCESS_STOPPED);
}

Test(process, one_that_talks_too_much_is_ended)
{
    const char *const argv[] = {"/bin/sh", "-c", "cat /dev/zero", NULL};
    struct process_task task = task_of(argv);
    struct process_end end;
    task.output_bytes_max = 100000;
    cr_assert_eq(process_run(&task, &end, NULL), OXQ_OK);
    cr_assert_eq(end.cut, PROCESS_TALKS_TOO_MUCH);
    cr_assert(end.output.len <= 100000);
    process_end_deinit(&end);
}

/* ---------------------------------------------------------------- lines */

struct lines {
    char said[128], control[128];
};

static void put_line(char text[128], struct slice line)
{
    size_t len = strlen(text);
    snprintf(text + len, 128 - len, "%.*s|", (int)line.len, line.at);
}

static void on_error_line(void *ctx, struct slice line)
{
    put_line(((struct lines *)ctx)->said, line);
}

static void on_control_line(void *ctx, struct slice line)
{
    put_line(((struct lines *)ctx)->control, line);
}

Test(process, lines_of_standard_error_and_of_descriptor_3_are_told)
{
    const char *const argv[] = {"/bin/sh", "-c", "echo a >&2; echo progress 1 >&3; printf b >&2; printf 'log x' >&3",
                                NULL};
    struct process_task task = task_of(argv);
    struct process_end end;
    struct lines lines = {.said = ""};
    task.on_error_line = on_error_line;
    task.on_control_line = on_control_line;
    task.ctx = &lines;
    cr_assert_eq(process_run(&task, &end, NULL), OXQ_OK);
    cr_assert_str_eq(lines.said, "a|b|");
    cr_assert_str_eq(lines.control, "progress 1|log x|");
    process_end_deinit(&end);
}

/* ---------------------------------------------------------------- it cannot be run */

static void expect_error(const char *program, oxq_err want)
{
    const char *const argv[] = {program, NULL};
    struct process_task task = task_of(argv);
    struct process_end end;
    struct oxq_error err;
    cr_assert_eq(process_run(&task, &end, &err), want, "%s", err.text);
    cr_assert(strstr(err.text, program), "%s", err.text);
    process_end_deinit(&end);
    if (want != OXQ_ERR_FORMAT) cr_assert_eq(process_find(program, &err), want);
}

struct flood {
    size_t lines_count;
    int cancel_fd;
};

static void cancel_at_first_line(void *ctx, struct slice line)
{
    struct flood *flood = ctx;
    (void)line;
    if (flood->lines_count++ == 0) waker_wake(flood->cancel_fd);
}

/* To take a line in takes time: a deadline would come much too late otherwise. */
Test(process, one_that_writes_lines_without_end_is_ended_before_all_of_them_are_told)
{
    const char *const argv[] = {"/bin/sh", "-c", "exec yes >&3", NULL};
    struct process_task task = task_of(argv);
    struct process_end end;
    struct flood flood = {0};
    cr_assert_eq(waker_open(&flood.cancel_fd, NULL), OXQ_OK);
    task.cancel_fd = flood.cancel_fd;
    task.on_control_line = cancel_at_first_line;
    task.ctx = &flood;
    cr_assert_eq(process_run(&task, &end, NULL), OXQ_OK);
    cr_assert_eq(end.cut, PROCESS_CANCELLED);
    cr_assert_leq(flood.lines_count, 2 * PROCESS_LINES_BYTES / 2, "of two bytes each");
    process_end_deinit(&end);
    close(flood.cancel_fd);
}

Test(process, a_program_that_cannot_be_run_is_named)
{
    expect_error("no-such-program-of-oxq", OXQ_ERR_NOT_FOUND);
    expect_error("/no/such/program", OXQ_ERR_NOT_FOUND);
    expect_error("/etc/passwd", OXQ_ERR_PERMISSION);
    cr_assert_eq(process_find("sh", NULL), OXQ_OK);
    cr_assert_eq(process_find("/bin/sh", NULL), OXQ_OK);
}
