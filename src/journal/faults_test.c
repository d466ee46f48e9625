/* SPDX-License-Identifier: MIT */
/* What becomes of a journal when the disk fails or is full, and of segments that are no longer needed. */
#include "journal/testkit.h"

#include "journal/folder.h"
#include "journal/format.h"
#include "os/disk.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct oxq_error err;

TestSuite(journal_faults, .init = testkit_begin, .fini = testkit_end);
TestSuite(journal_trim, .init = testkit_begin, .fini = testkit_end);

static struct journal *open_at(uint64_t next_seq)
{
    struct journal *j = NULL;
    cr_assert_eq(testkit_open(testkit_folder, next_seq, JOURNAL_ALWAYS, &j, &err), OXQ_OK, "%s", err.text);
    return j;
}

/* ---------------------------------------------------------------- faults */

/* What a run of work was told to be durable, and what it trimmed. */
struct told {
    uint64_t durable_seq, trimmed_seq;
    bool has_failed;
};

/* Opens, writes over several segments, trims, closes; then the same again on what the first left. */
static void work(struct told *told)
{
    struct journal *j = NULL;
    oxq_err e = testkit_open(testkit_folder, told->durable_seq + 1, JOURNAL_ALWAYS, &j, &err);
    if (e) {
        cr_assert_not_null(strstr(err.text, "/oxq-"), "%s", err.text);
        told->has_failed = true;
        return;
    }
    for (int group = 0; group < 12; group++) {
        testkit_append(j, 40);
        journal_flush(j);
        struct journal_progress p = testkit_poll(j);
        cr_assert_geq(p.durable_seq, told->durable_seq);
        told->durable_seq = p.durable_seq;
        /* Each flush ends in one of three ways. */
        cr_assert(p.durable_seq == journal_last_seq(j) || p.state == JOURNAL_FAILED || !p.has_room);
        cr_assert_eq(p.state == JOURNAL_FAILED, p.failure[0] != '\0');
        if (p.state == JOURNAL_FAILED) cr_assert_not_null(strstr(p.failure, "/oxq-"), "%s", p.failure);
        if (group == 8) {
            told->trimmed_seq = p.durable_seq;
            journal_trim(j, told->trimmed_seq);
        }
    }
    uint64_t last = journal_last_seq(j);
    if (journal_close(j) == JOURNAL_READY)
        told->durable_seq = last;
    else
        told->has_failed = true;
}

/* The folder is readable, with all that was called durable and not much more; and it can be gone on with. */
static void expect_recovery(const struct told *told)
{
    struct journal_end end;
    oxq_err e = testkit_read(testkit_folder, told->trimmed_seq + 1, &end, &err);
    cr_assert_eq(e, OXQ_OK, "%s", err.text);
    cr_assert_geq(end.last_seq, told->durable_seq, "%llu were durable, %llu are there",
                  (unsigned long long)told->durable_seq, (unsigned long long)end.last_seq);
    struct journal *j = open_at(end.last_seq + 1);
    testkit_append(j, 20);
    cr_assert_eq(journal_close(j), JOURNAL_READY);
    uint64_t last = end.last_seq + 20;
    cr_assert_eq(testkit_read(testkit_folder, told->trimmed_seq + 1, &end, &err), OXQ_OK, "%s", err.text);
    cr_assert_eq(end.last_seq, last);
}

/* Lets each call of a kind fail in turn; returns in how many of the runs one did. */
static int sweep(enum disk_call call, int error, bool is_lasting)
{
    for (long n = 1;; n++) {
        struct told told = {0};
        disk_fail(call, n, error, is_lasting);
        work(&told);
        bool has_failed = disk_has_failed();
        disk_fail(call, 0, 0, false);
        if (!has_failed) cr_assert_not(told.has_failed);
        expect_recovery(&told);
        testkit_end();
        testkit_begin();
        if (!has_failed) return (int)n - 1;
    }
}

Test(journal_faults, of_writes_leave_what_was_durable)
{
    cr_assert_gt(sweep(DISK_CALL_WRITE, EIO, false), 10);
    cr_assert_gt(sweep(DISK_CALL_WRITE, ENOSPC, true), 10);
}

Test(journal_faults, of_short_writes_leave_what_was_durable)
{
    cr_assert_gt(sweep(DISK_CALL_WRITE, 0, false), 10);
}

Test(journal_faults, of_syncs_leave_what_was_durable)
{
    cr_assert_gt(sweep(DISK_CALL_SYNC, EIO, false), 10);
    cr_assert_gt(sweep(DISK_CALL_SYNC_FOLDER, EIO, false), 4);
}

Test(journal_faults, of_names_leave_what_was_durable)
{
    cr_assert_gt(sweep(DISK_CALL_RENAME, EIO, false), 4);
    cr_assert_gt(sweep(DISK_CALL_OPEN, EMFILE, false), 4);
}

Test(journal_faults, of_reservations_leave_what_was_durable)
{
    cr_assert_gt(sweep(DISK_CALL_RESERVE, EIO, false), 4);
    cr_assert_gt(sweep(DISK_CALL_RESERVE, ENOSPC, true), 4);
}

Test(journal_faults, are_final)
{
    struct journal *j = open_at(1);
    testkit_append(j, 5);
    journal_flush(j);
    disk_fail(DISK_CALL_SYNC, 1, EIO, true);
    testkit_append(j, 5);
    journal_flush(j);
    disk_fail(DISK_CALL_SYNC, 0, 0, false);
    struct journal_progress p = testkit_poll(j);
    cr_assert_eq(p.state, JOURNAL_FAILED);
    cr_assert_eq(p.durable_seq, 5);
    cr_assert_not_null(strstr(p.failure, "cannot sync "), "%s", p.failure);
    cr_assert_not_null(strstr(p.failure, ": Input/output error"), "%s", p.failure);
    /* The disk works again, but nobody knows what it has. */
    testkit_append(j, 5);
    cr_assert_eq(journal_last_seq(j), 15);
    cr_assert_not(journal_submit(j));
    testkit_wait_idle(j);
    cr_assert_eq(journal_backlog_bytes(j), 0);
    journal_flush(j);
    cr_assert_eq(testkit_poll(j).durable_seq, 5);
    cr_assert_eq(journal_close(j), JOURNAL_FAILED);
}

/* Moves the journal's folder and has another in its place, with a segment of somebody else's: at once, as the keeper may look at any time. */
static void replace_folder(const char *place, const char *moved)
{
    char path[PATH_MAX];
    cr_assert_eq(mkdir(moved, 0700), 0);
    folder_segment_path(path, moved, 1);
    testkit_store(path, SLICE_LIT("of another process"));
    cr_assert_eq(renameat2(AT_FDCWD, place, AT_FDCWD, moved, RENAME_EXCHANGE), 0);
}

Test(journal_faults, of_a_folder_that_another_came_in_place_of_leave_that_alone)
{
    static char place[128], moved[128], path[PATH_MAX], bytes[TESTKIT_FILE_BYTES];
    struct journal *j = NULL;
    struct journal_end end;
    snprintf(place, sizeof(place), "%s", testkit_subfolder("place"));
    snprintf(moved, sizeof(moved), "%s/moved", testkit_folder);
    cr_assert_eq(testkit_open(place, 1, JOURNAL_ALWAYS, &j, &err), OXQ_OK, "%s", err.text);
    testkit_append(j, 5);
    journal_flush(j);
    cr_assert_eq(testkit_poll(j).durable_seq, 5);
    replace_folder(place, moved);
    /* More than the segment holds that it has, and the spare one. */
    while (testkit_poll(j).state == JOURNAL_READY) {
        testkit_append(j, 40);
        journal_trim(j, testkit_poll(j).durable_seq);
        journal_flush(j);
    }
    struct journal_progress p = testkit_poll(j);
    cr_assert_not_null(strstr(p.failure, "/place was replaced by another while it was in use"), "%s", p.failure);
    cr_assert_eq(journal_close(j), JOURNAL_FAILED);
    cr_assert_eq(testkit_segments_count(place), 1);
    folder_segment_path(path, place, 1);
    cr_assert(slice_is(slice_of(bytes, testkit_load(path, bytes)), "of another process"));
    cr_assert_eq(testkit_read(moved, 1, &end, &err), OXQ_OK, "%s", err.text);
    cr_assert_geq(end.last_seq, p.durable_seq);
}

Test(journal_faults, of_a_file_beside_that_was_removed_are_told_and_take_no_segment_away)
{
    struct disk_file beside = DISK_CLOSED;
    struct journal *j = NULL;
    char path[PATH_MAX];
    struct journal_opts opts = testkit_opts(testkit_subfolder("place"), 1, JOURNAL_ALWAYS);
    snprintf(path, sizeof(path), "%s/beside", testkit_folder);
    cr_assert_eq(disk_open(path, DISK_CREATE, &beside, &err), OXQ_OK, "%s", err.text);
    opts.beside = &beside;
    cr_assert_eq(journal_open(&opts, &j, &err), OXQ_OK, "%s", err.text);
    while (testkit_segments_count(opts.folder) < 3) {
        testkit_append(j, 40);
        journal_flush(j);
    }
    cr_assert_eq(unlink(path), 0);
    journal_trim(j, testkit_poll(j).durable_seq);
    while (testkit_poll(j).state == JOURNAL_READY) {
        testkit_append(j, 1);
        journal_flush(j);
    }
    cr_assert(strstr(testkit_poll(j).failure, "/beside was moved or removed"), "%s", testkit_poll(j).failure);
    cr_assert_eq(journal_close(j), JOURNAL_FAILED);
    cr_assert_geq(testkit_segments_count(opts.folder), 3);
    disk_close(&beside);
}

/* The state after the first group whose third write fails: those before are the segment's header and the group. */
static enum journal_state state_after_third_write(enum journal_durability durability)
{
    struct journal *j = NULL;
    cr_assert_eq(testkit_open(testkit_folder, 1, durability, &j, &err), OXQ_OK, "%s", err.text);
    disk_fail(DISK_CALL_WRITE, 3, EIO, false);
    testkit_append(j, 5);
    cr_assert(journal_submit(j));
    struct journal_progress p = testkit_wait_idle(j);
    disk_fail(DISK_CALL_WRITE, 0, 0, false);
    cr_assert_eq(p.written_seq, 5);
    (void)journal_close(j);
    return p.state;
}

Test(journal_faults, of_the_zeros_ahead_of_the_records_are_final_and_there_are_none_without_syncs)
{
    cr_assert_eq(state_after_third_write(JOURNAL_ALWAYS), JOURNAL_FAILED);
    testkit_end();
    testkit_begin();
    cr_assert_eq(state_after_third_write(JOURNAL_OFF), JOURNAL_READY);
}

Test(journal_faults, of_a_sync_by_the_clock_are_final)
{
    struct journal *j = NULL;
    cr_assert_eq(testkit_open(testkit_folder, 1, JOURNAL_INTERVAL, &j, &err), OXQ_OK, "%s", err.text);
    testkit_append(j, 5);
    cr_assert(journal_submit(j));
    testkit_wait_idle(j);
    testkit_wait_durable(j, 5);
    disk_fail(DISK_CALL_SYNC, 1, EIO, false);
    testkit_append(j, 5);
    cr_assert(journal_submit(j));
    testkit_wait_durable(j, 10);
    struct journal_progress p = testkit_poll(j);
    cr_assert_eq(p.state, JOURNAL_FAILED);
    cr_assert_eq(p.durable_seq, 5);
    cr_assert_not_null(strstr(p.failure, "cannot sync "), "%s", p.failure);
    testkit_append(j, 5);
    cr_assert_not(journal_submit(j));
    cr_assert_eq(journal_close(j), JOURNAL_FAILED);
    disk_fail(DISK_CALL_SYNC, 0, 0, false);
}

/* ---------------------------------------------------------------- a full disk */

Test(journal_faults, a_full_disk_is_waited_for)
{
    struct journal *j = open_at(1);
    cr_assert(testkit_poll(j).has_room);
    disk_fail(DISK_CALL_RESERVE, 1, ENOSPC, true);
    /* The spare becomes the first segment, another one cannot be made; what the segment has room for is still written. */
    testkit_append(j, 20);
    journal_flush(j);
    testkit_wait_room(j, false);
    cr_assert_not(journal_has_room(j, 1));
    testkit_append(j, 5);
    journal_flush(j);
    cr_assert_eq(testkit_poll(j).durable_seq, journal_last_seq(j));
    /* More than that waits, and says so. */
    testkit_append(j, 200);
    journal_flush(j);
    struct journal_progress p = testkit_poll(j);
    cr_assert_eq(p.state, JOURNAL_READY);
    cr_assert_lt(p.durable_seq, journal_last_seq(j));
    cr_assert_not(p.is_idle);
    disk_fail(DISK_CALL_RESERVE, 0, 0, false);
    journal_trim(j, 0);
    testkit_wait_room(j, true);
    cr_assert(journal_has_room(j, 1));
    journal_flush(j);
    uint64_t last = journal_last_seq(j);
    cr_assert_eq(testkit_poll(j).durable_seq, last);
    cr_assert_eq(journal_close(j), JOURNAL_READY);
    struct journal_end end;
    cr_assert_eq(testkit_read(testkit_folder, 1, &end, &err), OXQ_OK);
    cr_assert_eq(end.last_seq, last);
}

Test(journal_faults, a_full_disk_at_the_start_refuses_nothing_but_writes)
{
    disk_fail(DISK_CALL_RESERVE, 1, ENOSPC, true);
    struct journal *j = open_at(1);
    cr_assert_not(testkit_poll(j).has_room);
    disk_fail(DISK_CALL_RESERVE, 0, 0, false);
    journal_trim(j, 0);
    testkit_wait_room(j, true);
    testkit_append(j, 5);
    cr_assert_eq(journal_close(j), JOURNAL_READY);
}

Test(journal_faults, a_journal_that_is_closed_while_it_waits_for_room_has_failed)
{
    struct journal *j = open_at(1);
    disk_fail(DISK_CALL_RESERVE, 1, ENOSPC, true);
    testkit_append(j, 1000);
    cr_assert_eq(journal_close(j), JOURNAL_FAILED);
}

Test(journal_faults, a_change_too_large_for_the_disk_is_told_beforehand)
{
    struct journal *j = open_at(1);
    cr_assert(journal_has_room(j, TESTKIT_SEGMENT_BYTES * 4));
    cr_assert_not(journal_has_room(j, (size_t)1 << 60));
    journal_close(j);
}

/* ---------------------------------------------------------------- trimming */

Test(journal_trim, keeps_what_is_not_in_the_checkpoint)
{
    struct journal *j = open_at(1);
    testkit_append(j, 1000);
    journal_flush(j);
    struct folder f = {0};
    struct journal_end end;
    cr_assert_eq(folder_read(&f, testkit_folder, &err), OXQ_OK);
    cr_assert_gt(f.count, 6);
    uint64_t oldest = f.first_seqs[3];
    journal_trim(j, f.first_seqs[4] - 2);
    testkit_wait_segments(j, f.count - 3);
    folder_deinit(&f);
    uint64_t last = journal_last_seq(j);
    journal_trim(j, last);
    testkit_wait_segments(j, 1);
    cr_assert_lt(oldest, journal_last_seq(j));
    cr_assert_eq(journal_close(j), JOURNAL_READY);
    cr_assert_eq(testkit_read(testkit_folder, last + 1, &end, &err), OXQ_OK, "%s", err.text);
    cr_assert_geq(end.last_seq, last);
}

Test(journal_trim, gives_segments_back_that_are_written_over)
{
    struct journal *j = open_at(1);
    struct journal_end end;
    uint64_t last = 0;
    for (int round = 0; round < 20; round++) {
        testkit_append(j, 300);
        journal_flush(j);
        last = journal_last_seq(j);
        journal_trim(j, last);
        testkit_wait_segments(j, 1);
        /* What the file held before must not show behind the last record, neither running nor killed. */
        cr_assert_eq(testkit_read(testkit_folder, last + 1, &end, &err), OXQ_OK, "%s", err.text);
        cr_assert_eq(end.last_seq, journal_last_seq(j));
        cr_assert_eq(end.dropped_bytes, 0);
    }
    struct folder f = {0};
    cr_assert_eq(folder_read(&f, testkit_folder, &err), OXQ_OK);
    cr_assert_gt(f.spares_count, 1);
    cr_assert_leq(f.spares_count, 4);
    folder_deinit(&f);
    cr_assert_eq(journal_close(j), JOURNAL_READY);
}

Test(journal_trim, segments_of_an_earlier_process_go_too_and_one_spare_is_taken_over)
{
    struct journal *j = open_at(1);
    testkit_append(j, 500);
    cr_assert_eq(journal_close(j), JOURNAL_READY);
    j = open_at(501);
    struct journal_stats stats;
    journal_stats(j, &stats);
    cr_assert_gt(stats.segments_count, 3);
    cr_assert_gt(stats.bytes, 500 * 24);
    testkit_append(j, 10);
    journal_flush(j);
    journal_trim(j, 505);
    testkit_wait_segments(j, 1);
    cr_assert_eq(journal_close(j), JOURNAL_READY);
    struct journal_end end;
    cr_assert_eq(testkit_read(testkit_folder, 501, &end, &err), OXQ_OK);
}

Test(journal_trim, a_journal_never_begins_with_a_number_that_is_there)
{
    struct journal *j = open_at(1);
    testkit_append(j, 10);
    cr_assert_eq(journal_close(j), JOURNAL_READY);
    cr_assert_eq(testkit_open(testkit_folder, 1, JOURNAL_ALWAYS, &j, &err), OXQ_ERR_EXISTS);
    cr_assert_not_null(strstr(err.text, "has record 1 already"), "%s", err.text);
    j = open_at(11);
    testkit_append(j, 10);
    cr_assert_eq(journal_close(j), JOURNAL_READY);
    cr_assert_eq(testkit_open(testkit_folder, 5, JOURNAL_ALWAYS, &j, &err), OXQ_ERR_EXISTS);
    struct journal_end end;
    cr_assert_eq(testkit_read(testkit_folder, 1, &end, &err), OXQ_OK);
    cr_assert_eq(end.last_seq, 20);
}
