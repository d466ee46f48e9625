/* SPDX-License-Identifier: MIT */
#include "os/clock.h"
#include "os/disk.h"
#include "os/file.h"
#include "os/log.h"
#include "os/process.h"
#include "os/random.h"
#include "os/signals.h"
#include "os/testfolder.h"
#include "os/thread.h"

#include "base/mem.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static char folder[TESTFOLDER_PATH_MAX];

static void make_folder(void)
{
    testfolder_make(folder);
}

static void remove_folder(void)
{
    testfolder_remove(folder);
}

static const char *path_in(const char *name)
{
    static char path[256];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    return path;
}

TestSuite(os_file, .init = make_folder, .fini = remove_folder);
TestSuite(os_process, .init = make_folder, .fini = remove_folder);

/* ---------------------------------------------------------------- log */

static int log_pipe[2];

static void start_log(int64_t us)
{
    static struct clock_manual clock;
    clock_manual_init(&clock, us);
    cr_assert_eq(pipe2(log_pipe, O_NONBLOCK), 0);
    log_start(log_pipe[1], &clock.clock);
}

static void expect_log(const char *want)
{
    char got[2 * LOG_LINE_BYTES_MAX];
    ssize_t len = read(log_pipe[0], got, sizeof(got) - 1);
    got[len < 0 ? 0 : len] = '\0';
    cr_assert_str_eq(got, want);
}

Test(os_log, writes_one_line_for_each_event_and_quotes_what_needs_it)
{
    start_log(1772366400123000);
    log_event(LOG_INFO, "client closed", log_int("id", 7), log_text("addr", "127.0.0.1:4711"),
              log_text("reason", "idle for 300 s"), log_text("none", ""), log_text("odd", "a\"b\n\x01\xff"));
    expect_log(
        "2026-03-01T12:00:00.123Z info client closed id=7 addr=127.0.0.1:4711 reason=\"idle for 300 s\" none=\"\" "
        "odd=\"a\\\"b\\n\\u0001\\ufffd\"\n");
    log_set_format(LOG_FORMAT_JSON);
    log_event(LOG_WARNING, "a \"b\"", log_int("id", -7), log_text("addr", "127.0.0.1:4711"));
    expect_log(
        "{\"time\":\"2026-03-01T12:00:00.123Z\",\"level\":\"warning\",\"text\":\"a \\\"b\\\"\",\"id\":-7,\"addr\":\"127.0.0.1:"
        "4711\"}\n");
}

Test(os_log, holds_nobody_up_where_nobody_reads_and_tells_what_was_lost)
{
    static char rest[1 << 17];
    start_log(0);
    /* Writes wait for room here, as to a pipe that a shell made. */
    cr_assert_eq(fcntl(log_pipe[1], F_SETPIPE_SZ, 4096) >= 4096 ? fcntl(log_pipe[1], F_SETFL, O_WRONLY) : -1, 0);
    int count = 0;
    for (struct pollfd out = {.fd = log_pipe[1], .events = POLLOUT}; poll(&out, 1, 0) == 1; count++)
        log_event(LOG_INFO, "told", log_int("n", count));
    for (int i = 0; i < 3; i++) log_event(LOG_INFO, "lost", log_int("n", i));
    cr_assert_gt(read(log_pipe[0], rest, sizeof(rest)), count);
    log_event(LOG_INFO, "read again", log_int("n", count));
    char want[256];
    snprintf(want, sizeof(want),
             "1970-01-01T00:00:00.000Z warning lines of the log were lost, as nobody read them count=3\n"
             "1970-01-01T00:00:00.000Z info read again n=%d\n",
             count);
    expect_log(want);
}

static void log_from_another_thread(void *ctx)
{
    (void)ctx;
    log_event(LOG_INFO, "another", log_int("n", 1));
}

Test(os_log, a_thread_may_be_more_silent_than_the_others)
{
    struct thread another = {0};
    start_log(0);
    log_limit_thread(LOG_WARNING);
    log_event(LOG_INFO, "not this", log_int("n", 1));
    expect_log("");
    log_event(LOG_WARNING, "this", log_int("n", 1));
    expect_log("1970-01-01T00:00:00.000Z warning this n=1\n");
    cr_assert_eq(thread_start(&another, "another", log_from_another_thread, NULL, NULL), OXQ_OK);
    thread_join(&another);
    expect_log("1970-01-01T00:00:00.000Z info another n=1\n");
    log_limit_thread(LOG_DEBUG);
    log_from_another_thread(NULL);
    expect_log("1970-01-01T00:00:00.000Z info another n=1\n");
}

Test(os_log, is_silent_below_its_level_and_before_it_starts)
{
    log_event(LOG_ERROR, "too early", log_int("n", 1));
    start_log(0);
    log_set_level(LOG_WARNING);
    log_event(LOG_INFO, "not important", log_int("n", 1));
    cr_assert_not(log_is_on(LOG_INFO));
    expect_log("");
    log_event(LOG_WARNING, "important", log_int("n", 1));
    expect_log("1970-01-01T00:00:00.000Z warning important n=1\n");
}

Test(os_log, leaves_characters_beyond_ascii_as_they_are)
{
    start_log(0);
    log_set_format(LOG_FORMAT_JSON);
    log_event(LOG_INFO, "failed", log_text("name", "日本 😀"),
              log_text("reason", "Gr\u00fc\u00dfe\x1b[2J\xc2\x9b\x7f \xe6\x97"));
    expect_log("{\"time\":\"1970-01-01T00:00:00.000Z\",\"level\":\"info\",\"text\":\"failed\",\"name\":\"日本 😀\","
               "\"reason\":\"Gr\u00fc\u00dfe\\u001b[2J\\u009b\\u007f \\ufffd\\ufffd\"}\n");
}

Test(os_log, cuts_a_long_text_between_two_characters)
{
    start_log(0);
    char text[LOG_TEXT_BYTES_MAX + 2], want[2 * LOG_TEXT_BYTES_MAX];
    memset(text, 'x', LOG_TEXT_BYTES_MAX - 1);
    memcpy(text + LOG_TEXT_BYTES_MAX - 1, "\xc3\xbc", 3);
    snprintf(want, sizeof(want), "1970-01-01T00:00:00.000Z info long text=\"%.*s\"\n", LOG_TEXT_BYTES_MAX - 1, text);
    log_event(LOG_INFO, "long", log_text("text", text));
    expect_log(want);
}

Test(os_log, cuts_long_texts_and_leaves_out_fields_that_do_not_fit)
{
    start_log(0);
    char text[LOG_LINE_BYTES_MAX];
    memset(text, '\x01', sizeof(text));
    text[sizeof(text) - 1] = '\0';
    log_set_format(LOG_FORMAT_JSON);
    log_event(LOG_INFO, "long", log_text("a", text), log_text("b", text), log_int("c", 3));
    char got[2 * LOG_LINE_BYTES_MAX];
    ssize_t len = read(log_pipe[0], got, sizeof(got) - 1);
    cr_assert_gt(len, 6 * LOG_TEXT_BYTES_MAX);
    cr_assert_leq(len, LOG_LINE_BYTES_MAX);
    got[len] = '\0';
    cr_assert_str_eq(got + len - 4, "1\"}\n", "%s", got + len - 20);
}

Test(os_log, knows_its_levels_by_name)
{
    enum log_level level = LOG_SILENT;
    cr_assert(log_level_parse(SLICE_LIT("Warning"), &level));
    cr_assert_eq(level, LOG_WARNING);
    cr_assert_not(log_level_parse(SLICE_LIT("loud"), &level));
}

/* ---------------------------------------------------------------- random, clock */

Test(os_clock, waits_are_as_poll_takes_them)
{
    int64_t now_us = clock_mono_us(os_clock());
    cr_assert_eq(os_wait_ms(INT64_MAX), -1);
    cr_assert_eq(os_wait_ms(INT64_MAX - 1), INT32_MAX);
    cr_assert_eq(os_wait_ms(now_us), 0);
    cr_assert_eq(os_wait_ms(0), 0);
    int ms = os_wait_ms(now_us + (int64_t)3600 * 1000000);
    cr_assert(ms > 0 && ms <= 3600 * 1000, "%d", ms);
}

Test(os_random, gives_hex_digits_that_differ)
{
    char a[41], b[41];
    random_hex(a, 40);
    random_hex(b, 40);
    cr_assert_eq(strspn(a, "0123456789abcdef"), 40);
    cr_assert_eq(strlen(b), 40);
    cr_assert_str_neq(a, b);
}

Test(os_clock, does_not_go_back)
{
    int64_t first = clock_mono_us(os_clock());
    cr_assert_geq(clock_mono_us(os_clock()), first);
    cr_assert_gt(clock_wall_us(os_clock()), 1700000000000000);
}

/* ---------------------------------------------------------------- files */

Test(os_file, makes_a_folder_with_its_parents_for_the_owner_alone)
{
    struct oxq_error err;
    struct stat st;
    const char *path = path_in("a/b/c");
    cr_assert_eq(file_make_folder(path, &err), OXQ_OK);
    cr_assert_eq(stat(path, &st), 0);
    cr_assert_eq(st.st_mode & 0777, 0700);
    cr_assert_eq(file_make_folder(path, &err), OXQ_OK);
}

Test(os_file, a_folder_that_it_makes_is_there_after_a_power_cut)
{
    struct oxq_error err;
    for (int made = 1; made <= 3; made++) {
        disk_fail(DISK_CALL_SYNC_FOLDER, 1, EIO, false);
        cr_assert_eq(file_make_folder(path_in("a/b/c"), &err), OXQ_ERR_IO, "folder %d", made);
    }
    disk_fail(DISK_CALL_SYNC_FOLDER, 1, EIO, false);
    cr_assert_eq(file_make_folder(path_in("a/b/c"), &err), OXQ_OK);
    disk_fail(DISK_CALL_SYNC_FOLDER, 0, 0, false);
}

Test(os_file, makes_a_folder_whose_name_ends_in_slashes)
{
    struct oxq_error err = {0};
    struct stat st;
    cr_assert_eq(file_make_folder(path_in("a/b//"), &err), OXQ_OK, "%s", err.text);
    cr_assert_eq(stat(path_in("a/b"), &st), 0);
    cr_assert_eq(st.st_mode & 0777, 0700);
    cr_assert_eq(file_make_folder(path_in("a/b/"), &err), OXQ_OK, "%s", err.text);
    /* Only root may write there. */
    oxq_err e = file_make_folder("/", &err);
    cr_assert_eq(e == OXQ_OK, access("/", W_OK) == 0, "%s", err.text);
}

static void touch_beyond_the_end(void *ctx)
{
    *(volatile char *)ctx = 1;
}

/* In another thread too: there the system asks no handler for a signal that is blocked. */
Test(os_file, tells_a_line_before_a_mapped_file_that_was_cut_short_ends_the_process)
{
    struct thread thread = {0};
    char said[64];
    int fds[2], file = open(path_in("mapped"), O_RDWR | O_CREAT, 0600);
    cr_assert_eq(pipe(fds), 0);
    cr_assert_eq(ftruncate(file, 4096), 0);
    char *map = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    cr_assert_neq(map, MAP_FAILED);
    cr_assert_eq(ftruncate(file, 0), 0);
    pid_t child = fork();
    if (child == 0) {
        dup2(fds[1], STDERR_FILENO);
        signals_tell_bus("the line");
        if (thread_start(&thread, "test", touch_beyond_the_end, map, NULL) == OXQ_OK) thread_join(&thread);
        _exit(0);
    }
    int status;
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_assert_eq(WTERMSIG(status), SIGBUS);
    cr_assert_eq(read(fds[0], said, sizeof(said)), 9);
    cr_assert_eq(memcmp(said, "the line\n", 9), 0);
}

Test(os_file, is_there_unless_there_is_surely_nothing)
{
    cr_assert(file_exists(path_in("")));
    cr_assert_not(file_exists(path_in("a")));
    cr_assert_eq(symlink("a", path_in("a")), 0);
    cr_assert(file_exists(path_in("a")));
    /* Through a link to itself nobody sees what is behind it. */
    cr_assert(file_exists(path_in("a/b")));
}

/* Workers that are started together on a new folder each make it. */
#define MAKERS 4
#define FOLDERS 300
static pthread_barrier_t makers_gate;

static void make_folders(void *ctx)
{
    size_t *failed = ctx;
    struct oxq_error err;
    char path[TESTFOLDER_PATH_MAX + 32];
    for (int i = 0; i < FOLDERS; i++) {
        snprintf(path, sizeof(path), "%s/many-%d/jobs", folder, i);
        (void)pthread_barrier_wait(&makers_gate);
        if (file_make_folder(path, &err) != OXQ_OK) ++*failed;
    }
}

Test(os_file, is_made_by_many_at_once)
{
    struct thread makers[MAKERS] = {{0}};
    size_t failed[MAKERS] = {0};
    struct oxq_error err;
    cr_assert_eq(pthread_barrier_init(&makers_gate, NULL, MAKERS), 0);
    for (int i = 0; i < MAKERS; i++)
        cr_assert_eq(thread_start(&makers[i], "maker", make_folders, &failed[i], &err), OXQ_OK);
    for (int i = 0; i < MAKERS; i++) thread_join(&makers[i]);
    for (int i = 0; i < MAKERS; i++) cr_assert_eq(failed[i], 0, "maker %d failed %zu times", i, failed[i]);
    pthread_barrier_destroy(&makers_gate);
}

Test(os_file, says_why_a_folder_cannot_be_used)
{
    struct oxq_error err = {0};
    FILE *f = fopen(path_in("file"), "w");
    cr_assert_not_null(f);
    fclose(f);
    cr_assert_eq(file_make_folder(path_in("file"), &err), OXQ_ERR_EXISTS);
    cr_assert_not_null(strstr(err.text, "/file is not a folder"), "%s", err.text);
    cr_assert_neq(file_make_folder(path_in("file/below"), &err), OXQ_OK);
    cr_assert_neq(file_make_folder("/proc/no/such", &err), OXQ_OK);
    cr_assert_not_null(strstr(err.text, "/proc/no"), "%s", err.text);
}

Test(os_file, reads_a_file_up_to_the_limit)
{
    struct oxq_error err = {0};
    FILE *f = fopen(path_in("text"), "w");
    cr_assert_not_null(f);
    for (int i = 0; i < 5000; i++) fputc('x', f);
    fclose(f);
    OWNED(buf_deinit) struct buf whole = {.limit_bytes = 20000};
    cr_assert_eq(file_read(path_in("text"), &whole, &err), OXQ_OK);
    cr_assert_eq(whole.len, 5000);
    OWNED(buf_deinit) struct buf small = {.limit_bytes = 6000};
    cr_assert_eq(file_read(path_in("text"), &small, &err), OXQ_ERR_LIMIT);
    OWNED(buf_deinit) struct buf none = {.limit_bytes = 6000};
    cr_assert_eq(file_read(path_in("nothing"), &none, &err), OXQ_ERR_NOT_FOUND);
    cr_assert_not_null(strstr(err.text, "/nothing: No such file"), "%s", err.text);
}

/* ---------------------------------------------------------------- signals, process */

Test(os_signals, arrive_as_numbers_on_the_descriptor)
{
    int fd;
    cr_assert_eq(signals_open(&fd, NULL), OXQ_OK);
    cr_assert_eq(signals_take(fd), 0);
    raise(SIGHUP);
    raise(SIGPIPE);
    raise(SIGTERM);
    cr_assert_eq(signals_take(fd), SIGTERM);
    cr_assert_eq(signals_take(fd), 0);
    cr_assert_str_eq(signals_name(SIGTERM), "SIGTERM");
    close(fd);
}

Test(os_process, raises_the_limit_of_files_up_to_the_hard_one)
{
    struct rlimit limit;
    cr_assert_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = 100;
    cr_assert_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
    cr_assert_eq(process_raise_files(120), 120);
    cr_assert_eq(process_raise_files(50), 120);
    cr_assert_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
    cr_assert_eq(limit.rlim_cur, 120);
}

/* In a child, as the test's own are listened to. What it ends with: 0, or the number of what did not hold. */
static int child_without_standard(int (*run)(void))
{
    int status = 0;
    pid_t child = fork();
    if (child == 0) {
        for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) close(fd);
        _exit(run());
    }
    cr_assert_eq(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int open_files(void)
{
    struct disk_file lock, f;
    int waker;
    bool is_moved = disk_lock(path_in("lock"), &lock, NULL) == OXQ_OK && lock.fd > STDERR_FILENO &&
                    disk_open(path_in("file"), DISK_CREATE, &f, NULL) == OXQ_OK && f.fd > STDERR_FILENO &&
                    waker_open(&waker, NULL) == OXQ_OK && waker > STDERR_FILENO;
    if (!is_moved) return 1;
    if (fcntl(f.fd, F_GETFD) != FD_CLOEXEC) return 2;
    return fcntl(STDIN_FILENO, F_GETFD) < 0 && fcntl(STDERR_FILENO, F_GETFD) < 0 ? 0 : 3;
}

static int take_standard(void)
{
    process_take_standard();
    if (write(STDOUT_FILENO, "x", 1) >= 0 || write(STDERR_FILENO, "x", 1) >= 0) return 1;
    return open(folder, O_RDONLY | O_DIRECTORY) > STDERR_FILENO ? 0 : 2;
}

Test(os_process, no_file_is_where_others_print)
{
    cr_assert_eq(child_without_standard(open_files), 0);
    cr_assert_eq(child_without_standard(take_standard), 0);
}

static int bind_datagrams(const char *name, size_t len)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    memcpy(address.sun_path, name, len);
    int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
    socklen_t bytes = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
    cr_assert_eq(bind(fd, (const struct sockaddr *)&address, bytes), 0);
    return fd;
}

static void expect_notice(int fd)
{
    char got[32] = "";
    cr_assert_eq(process_notify("READY=1", NULL), OXQ_OK);
    cr_assert_eq(recv(fd, got, sizeof(got), MSG_DONTWAIT), 7);
    cr_assert_str_eq(got, "READY=1");
    close(fd);
}

Test(os_process, tells_a_service_manager_that_asked)
{
    unsetenv("NOTIFY_SOCKET");
    cr_assert_eq(process_notify("READY=1", NULL), OXQ_OK);
    int fd = bind_datagrams(path_in("notify"), strlen(path_in("notify")));
    setenv("NOTIFY_SOCKET", path_in("notify"), 1);
    expect_notice(fd);
    char name[TESTFOLDER_PATH_MAX + 1];
    snprintf(name, sizeof(name), "@%s", folder);
    setenv("NOTIFY_SOCKET", name, 1);
    name[0] = '\0';
    expect_notice(bind_datagrams(name, strlen(folder) + 1));
    struct oxq_error err;
    cr_assert_eq(process_notify("READY=1", &err), OXQ_ERR_IO);
    setenv("NOTIFY_SOCKET", "relative", 1);
    cr_assert_eq(process_notify("READY=1", &err), OXQ_ERR_ARGUMENT);
}
