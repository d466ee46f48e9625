/* SPDX-License-Identifier: MIT */
#include "journal/pin.h"

#include "journal/folder.h"
#include "journal/journal.h"
#include "os/clock.h"
#include "os/file.h"
#include "os/testfolder.h"

#include <criterion/criterion.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[TESTFOLDER_PATH_MAX];

static void set_up(void)
{
    testfolder_make(folder);
}

static void tear_down(void)
{
    testfolder_remove(folder);
}

TestSuite(journal_pin, .init = set_up, .fini = tear_down);

Test(journal_pin, holds_until_the_last_one_goes)
{
    struct disk_file a = DISK_CLOSED, b = DISK_CLOSED;
    struct oxq_error err;
    cr_assert(!journal_is_pinned(folder));
    cr_assert_eq(journal_pin(folder, &a, &err), OXQ_OK, "%s", err.text);
    cr_assert_eq(journal_pin(folder, &b, &err), OXQ_OK, "%s", err.text);
    cr_assert(journal_is_pinned(folder));
    disk_close(&a);
    cr_assert(journal_is_pinned(folder));
    disk_close(&b);
    cr_assert(!journal_is_pinned(folder));
    cr_assert(!journal_is_pinned(folder), "looking at it is no pin");
}

Test(journal_pin, needs_the_folder)
{
    struct disk_file a;
    struct oxq_error err;
    testfolder_remove(folder);
    cr_assert_eq(journal_pin(folder, &a, &err), OXQ_ERR_IO);
    cr_assert(!journal_is_pinned(folder));
}

Test(journal_pin, of_root_in_a_folder_of_another_user_is_that_users)
{
    const uid_t other = 65534;
    struct disk_file pin;
    struct oxq_error err;
    struct stat st;
    if (geteuid() != 0) cr_skip_test("only root can give a folder away");
    cr_assert_eq(chown(folder, other, other), 0);
    cr_assert_eq(journal_pin(folder, &pin, &err), OXQ_OK, "%s", err.text);
    cr_assert_eq(fstat(pin.fd, &st), 0);
    cr_assert_eq(st.st_uid, other, "the server could not look whether its journal is pinned");
    disk_close(&pin);
}

#define RECORD_BYTES 4000

static void wake(void *ctx, int64_t *again_us)
{
    (void)ctx;
    (void)again_us;
}

/* So many records, each in a group of its own: three to a segment. */
static void append(struct journal *j, int count)
{
    static const char bytes[RECORD_BYTES] = "record";
    for (int i = 0; i < count; i++) {
        journal_append(j, slice_of(bytes, sizeof(bytes)));
        journal_flush(j);
    }
}

/* Trims a journal of many segments and makes its keeper work on after that. Is the first segment still there? */
static bool is_first_kept(void)
{
    char first[PATH_MAX];
    struct journal *j = NULL;
    struct oxq_error err;
    const struct journal_opts opts = {
        .folder = folder, .segment_bytes = 16384, .next_seq = 1, .clock = os_clock(), .wake = wake};
    cr_assert_eq(journal_open(&opts, &j, &err), OXQ_OK, "%s", err.text);
    append(j, 30);
    journal_trim(j, journal_last_seq(j));
    /* The keeper looks at what is to go before it makes room: it has looked once it has made new segments. */
    append(j, 30);
    cr_assert_eq(journal_close(j), JOURNAL_READY);
    folder_segment_path(first, folder, 1);
    return file_exists(first);
}

Test(journal_pin, keeps_segments_from_being_trimmed)
{
    struct disk_file pin;
    struct oxq_error err;
    cr_assert_eq(journal_pin(folder, &pin, &err), OXQ_OK, "%s", err.text);
    cr_assert(is_first_kept());
    disk_close(&pin);
}

Test(journal_pin, without_one_they_go)
{
    cr_assert(!is_first_kept());
}
