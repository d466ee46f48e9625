/* SPDX-License-Identifier: MIT */
#include "os/disk.h"

#include "base/buf.h"
#include "os/testfolder.h"
#include "os/thread.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char folder[TESTFOLDER_PATH_MAX];
static struct oxq_error err;

static void make_folder(void)
{
    testfolder_make(folder);
}

static void remove_folder(void)
{
    testfolder_remove(folder);
}

TestSuite(os_disk, .init = make_folder, .fini = remove_folder);

static const char *path_in(const char *name)
{
    static char path[2][256];
    static int turn;
    turn = !turn;
    snprintf(path[turn], sizeof(path[turn]), "%s/%s", folder, name);
    return path[turn];
}

static struct disk_file make_file(const char *name)
{
    struct disk_file f = DISK_CLOSED;
    cr_assert_eq(disk_open(path_in(name), DISK_CREATE, &f, &err), OXQ_OK);
    return f;
}

static void expect_bytes(const char *name, uint64_t offset, struct slice want)
{
    char got[256];
    size_t len = 0;
    OWNED(disk_close) struct disk_file f = DISK_CLOSED;
    cr_assert_eq(disk_open(path_in(name), DISK_READ, &f, &err), OXQ_OK);
    cr_assert_eq(disk_read_at(&f, got, want.len, offset, &len, &err), OXQ_OK);
    cr_assert(slice_equal(slice_of(got, len), want));
}

Test(os_disk, keeps_what_it_was_given)
{
    OWNED(disk_close) struct disk_file f = make_file("a");
    uint64_t bytes = 0;
    size_t len = 0;
    char got[8];
    cr_assert_eq(disk_write_at(&f, SLICE_LIT("world"), 6, &err), OXQ_OK);
    cr_assert_eq(disk_write_at(&f, SLICE_LIT("hello "), 0, &err), OXQ_OK);
    disk_start_writing(&f, 0, 11);
    cr_assert_eq(disk_sync(&f, &err), OXQ_OK);
    expect_bytes("a", 0, SLICE_LIT("hello world"));
    cr_assert_eq(disk_size(&f, &bytes, &err), OXQ_OK);
    cr_assert_eq(bytes, 11);
    cr_assert_eq(disk_read_at(&f, got, sizeof(got), 8, &len, &err), OXQ_OK);
    cr_assert_eq(len, 3);
    cr_assert_eq(disk_truncate(&f, 5, &err), OXQ_OK);
    cr_assert_eq(disk_size(&f, &bytes, &err), OXQ_OK);
    cr_assert_eq(bytes, 5);
}

Test(os_disk, reserves_room_that_reads_as_zeros)
{
    OWNED(disk_close) struct disk_file f = make_file("a");
    struct stat st;
    cr_assert_eq(disk_reserve(&f, 1 << 20, &err), OXQ_OK);
    cr_assert_eq(fstat(f.fd, &st), 0);
    cr_assert_eq(st.st_size, 1 << 20);
    cr_assert_geq(st.st_blocks * 512, 1 << 20);
    cr_assert_eq(st.st_mode & 0777, 0600);
    expect_bytes("a", (1 << 20) - 4, slice_of("\0\0\0\0", 4));
}

Test(os_disk, writes_zeros_where_room_cannot_be_reserved)
{
    enum { BYTES = 200000 };
    OWNED(disk_close) struct disk_file f = make_file("a");
    struct stat st;
    cr_assert_eq(disk_write_at(&f, SLICE_LIT("abc"), 0, &err), OXQ_OK);
    disk_fail(DISK_CALL_RESERVE, 1, EOPNOTSUPP, false);
    cr_assert_eq(disk_reserve(&f, BYTES, &err), OXQ_OK);
    cr_assert_eq(fstat(f.fd, &st), 0);
    cr_assert_eq(st.st_size, BYTES);
    cr_assert_geq(st.st_blocks * 512, BYTES);
    expect_bytes("a", 0, slice_of("abc\0", 4));
    expect_bytes("a", BYTES - 4, slice_of("\0\0\0\0", 4));
    disk_fail(DISK_CALL_RESERVE, 0, 0, false);
}

Test(os_disk, tells_what_failed_by_code_and_path)
{
    struct disk_file f = make_file("a");
    disk_close(&f);
    disk_close(&f);
    cr_assert_eq(disk_open(path_in("none"), DISK_READ, &f, &err), OXQ_ERR_NOT_FOUND);
    cr_assert_not_null(strstr(err.text, "/none: No such file"), "%s", err.text);
    cr_assert_eq(disk_open(path_in("a"), DISK_CREATE, &f, &err), OXQ_ERR_EXISTS);
    cr_assert_eq(disk_remove(path_in("none"), &err), OXQ_ERR_NOT_FOUND);
    cr_assert_eq(disk_rename(path_in("none"), path_in("b"), &err), OXQ_ERR_NOT_FOUND);
    cr_assert_eq(disk_sync_folder(path_in("none"), &err), OXQ_ERR_NOT_FOUND);
    cr_assert_eq(disk_list(path_in("none"), NULL, NULL, &err), OXQ_ERR_NOT_FOUND);
}

static void count_name(void *ctx, const char *name)
{
    cr_assert(name[0] == 'a' || name[0] == 'b');
    *(int *)ctx += 1;
}

Test(os_disk, lists_renames_and_removes_names)
{
    struct disk_file a = make_file("a"), c = make_file("c");
    disk_close(&a);
    disk_close(&c);
    int count = 0;
    uint64_t bytes = 0;
    cr_assert_eq(disk_rename(path_in("c"), path_in("b"), &err), OXQ_OK);
    cr_assert_eq(disk_sync_folder(folder, &err), OXQ_OK);
    cr_assert_eq(disk_list(folder, count_name, &count, &err), OXQ_OK);
    cr_assert_eq(count, 2);
    cr_assert_eq(disk_remove(path_in("a"), &err), OXQ_OK);
    count = 0;
    cr_assert_eq(disk_list(folder, count_name, &count, &err), OXQ_OK);
    cr_assert_eq(count, 1);
    cr_assert_eq(disk_free_bytes(folder, &bytes, &err), OXQ_OK);
    cr_assert_gt(bytes, 0);
}

Test(os_disk, locks_a_folder_for_one_process_and_names_it)
{
    struct disk_file lock = DISK_CLOSED, second = DISK_CLOSED;
    char want[64];
    cr_assert_eq(disk_lock(path_in("lock"), &lock, &err), OXQ_OK);
    cr_assert_eq(disk_lock(path_in("lock"), &second, &err), OXQ_ERR_EXISTS);
    snprintf(want, sizeof(want), "/lock is locked by process %d", getpid());
    cr_assert_not_null(strstr(err.text, want), "%s", err.text);
    disk_close(&lock);
    cr_assert_eq(disk_lock(path_in("lock"), &second, &err), OXQ_OK);
    disk_close(&second);
}

Test(os_disk, frees_the_lock_of_a_process_that_was_killed)
{
    int ready[2];
    char byte;
    cr_assert_eq(pipe(ready), 0);
    pid_t child = fork();
    if (child == 0) {
        struct disk_file lock;
        if (disk_lock(path_in("lock"), &lock, NULL) != OXQ_OK) _exit(1);
        if (write(ready[1], "x", 1) != 1) _exit(1);
        for (;;) pause();
    }
    cr_assert_eq(read(ready[0], &byte, 1), 1);
    struct disk_file lock = DISK_CLOSED;
    cr_assert_eq(disk_lock(path_in("lock"), &lock, &err), OXQ_ERR_EXISTS);
    cr_assert_eq(kill(child, SIGKILL), 0);
    cr_assert_eq(waitpid(child, NULL, 0), child);
    cr_assert_eq(disk_lock(path_in("lock"), &lock, &err), OXQ_OK);
    disk_close(&lock);
}

Test(os_disk, a_folder_is_locked_whatever_its_name_and_known_when_it_is_moved)
{
    struct disk_file first, second;
    char a[TESTFOLDER_PATH_MAX + 8], b[TESTFOLDER_PATH_MAX + 8];
    snprintf(a, sizeof(a), "%s/a", folder);
    snprintf(b, sizeof(b), "%s/b", folder);
    cr_assert_eq(mkdir(a, 0700), 0);
    cr_assert_eq(disk_lock_folder(a, &first, &err), OXQ_OK);
    cr_assert_eq(disk_check_place(&first, &err), OXQ_OK);
    cr_assert_eq(symlink(a, b), 0);
    cr_assert_eq(disk_lock_folder(b, &second, &err), OXQ_ERR_EXISTS);
    cr_assert_not_null(strstr(err.text, "/b is in use by another process"), "%s", err.text);
    cr_assert_eq(unlink(b), 0);
    cr_assert_eq(rename(a, b), 0);
    cr_assert_eq(disk_check_place(&first, &err), OXQ_ERR_NOT_FOUND);
    cr_assert_not_null(strstr(err.text, "/a was moved or removed while"), "%s", err.text);
    cr_assert_eq(mkdir(a, 0700), 0);
    cr_assert_eq(disk_check_place(&first, &err), OXQ_ERR_NOT_FOUND);
    cr_assert_not_null(strstr(err.text, "/a was replaced by another while"), "%s", err.text);
    cr_assert_eq(disk_lock_folder(a, &second, &err), OXQ_OK);
    disk_close(&second);
    disk_close(&first);
}

Test(os_disk, fails_the_call_that_a_test_picked)
{
    OWNED(disk_close) struct disk_file f = make_file("a");
    disk_fail(DISK_CALL_WRITE, 2, ENOSPC, false);
    cr_assert_eq(disk_write_at(&f, SLICE_LIT("one"), 0, &err), OXQ_OK);
    cr_assert_not(disk_has_failed());
    cr_assert_eq(disk_write_at(&f, SLICE_LIT("two"), 0, &err), OXQ_ERR_LIMIT);
    cr_assert(disk_has_failed());
    cr_assert_not_null(strstr(err.text, "/a: No space left"), "%s", err.text);
    cr_assert_eq(disk_write_at(&f, SLICE_LIT("three"), 0, &err), OXQ_OK);
    disk_fail(DISK_CALL_WRITE, 1, 0, false);
    cr_assert_eq(disk_write_at(&f, SLICE_LIT("FOUR"), 0, &err), OXQ_ERR_IO);
    expect_bytes("a", 0, SLICE_LIT("FOree"));
    disk_fail(DISK_CALL_SYNC, 1, EIO, true);
    cr_assert_eq(disk_sync(&f, &err), OXQ_ERR_IO);
    cr_assert_eq(disk_sync(&f, &err), OXQ_ERR_IO);
    disk_fail(DISK_CALL_SYNC, 0, 0, false);
    cr_assert_eq(disk_sync(&f, &err), OXQ_OK);
}

/* ---------------------------------------------------------------- descriptors */

struct shortage {
    struct rlimit before;
    int stat_fd; /* of /proc/self/stat */
};

/* As many may be opened as before, once the first thread sleeps. */
static void end_when_asleep(void *ctx)
{
    struct shortage *s = ctx;
    char text[256], state = 0;
    while (state != 'S') {
        ssize_t len = pread(s->stat_fd, text, sizeof(text) - 1, 0);
        text[len > 0 ? len : 0] = '\0';
        const char *name_end = strrchr(text, ')');
        state = name_end ? name_end[2] : 'S';
    }
    (void)setrlimit(RLIMIT_NOFILE, &s->before);
}

/* No descriptor is left, until this thread waits for one. */
static void begin_shortage(struct shortage *s, struct thread *other)
{
    s->stat_fd = open("/proc/self/stat", O_RDONLY | O_CLOEXEC);
    cr_assert(s->stat_fd >= 0 && getrlimit(RLIMIT_NOFILE, &s->before) == 0);
    int first_free = dup(s->stat_fd);
    close(first_free);
    cr_assert_eq(setrlimit(RLIMIT_NOFILE, &(struct rlimit){(rlim_t)first_free, s->before.rlim_max}), 0);
    cr_assert(open(folder, O_RDONLY | O_DIRECTORY) < 0 && errno == EMFILE);
    cr_assert_eq(thread_start(other, "other", end_when_asleep, s, NULL), OXQ_OK);
}

Test(os_disk, waits_while_there_is_no_descriptor)
{
    struct shortage s;
    struct thread other = {0};
    struct disk_file f = DISK_CLOSED;
    begin_shortage(&s, &other);
    cr_assert_eq(disk_open(path_in("a"), DISK_CREATE, &f, &err), OXQ_OK, "%s", err.text);
    thread_join(&other);
    begin_shortage(&s, &other);
    cr_assert_eq(disk_sync_folder(folder, &err), OXQ_OK, "%s", err.text);
    thread_join(&other);
    disk_close(&f);
}
