/* SPDX-License-Identifier: MIT */
#include "journal/journal.h"

#include "journal/folder.h"
#include "journal/format.h"
#include "journal/reader.h"
#include "os/clock.h"
#include "os/thread.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define SEGMENT_BYTES ((size_t)16384)

static char folder[64];
static struct oxq_error err;
static struct lock wake_lock;
static int wakes_count;

static int remove_entry(const char *path, const struct stat *st, int kind, struct FTW *at)
{
    (void)st, (void)kind, (void)at;
    return remove(path);
}

static void set_up(void)
{
    strcpy(folder, "/tmp/oxq-journal-test-XXXXXX");
    cr_assert_not_null(mkdtemp(folder));
    lock_init(&wake_lock);
}

static void tear_down(void)
{
    nftw(folder, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    lock_deinit(&wake_lock);
}

TestSuite(journal, .init = set_up, .fini = tear_down);

static void wake(void *ctx)
{
    (void)ctx;
    lock_enter(&wake_lock);
    wakes_count++;
    lock_notify(&wake_lock);
    lock_leave(&wake_lock);
}

static oxq_err try_open(uint64_t next_seq, enum journal_durability durability, struct journal **out)
{
    const struct journal_opts opts = {.folder = folder,
                                      .durability = durability,
                                      .interval_ms = 1,
                                      .segment_bytes = SEGMENT_BYTES,
                                      .next_seq = next_seq,
                                      .clock = os_clock(),
                                      .wake = wake};
    return journal_open(&opts, out, &err);
}

static struct journal *open_at(uint64_t next_seq)
{
    struct journal *j = NULL;
    cr_assert_eq(try_open(next_seq, JOURNAL_ALWAYS, &j), OXQ_OK, "%s", err.text);
    return j;
}

/* The payload of a record: its number and then a length that differs from record to record. */
static struct slice payload_of(uint64_t seq, size_t bytes)
{
    static char text[3 * SEGMENT_BYTES];
    size_t len = (size_t)snprintf(text, sizeof(text), "record %llu;", (unsigned long long)seq);
    for (; len < bytes; len++) text[len] = (char)('a' + (seq + len) % 26);
    return slice_of(text, len);
}

static size_t size_of(uint64_t seq)
{
    return seq * 37 % 200;
}

static void append(struct journal *j, int count)
{
    for (int i = 0; i < count; i++) {
        uint64_t seq = journal_last_seq(j) + 1;
        cr_assert_eq(journal_append(j, payload_of(seq, size_of(seq))), seq);
    }
}

static struct journal_progress poll_now(struct journal *j)
{
    struct journal_progress p;
    journal_poll(j, &p);
    return p;
}

/* Waits for wakes until the thread has no group. */
static struct journal_progress wait_idle(struct journal *j)
{
    lock_enter(&wake_lock);
    while (!poll_now(j).is_idle) lock_wait(&wake_lock, INT64_MAX);
    lock_leave(&wake_lock);
    return poll_now(j);
}

/* Reads all from from_seq on, each record as `append` made it; returns the result of the last call. */
static oxq_err read_all(uint64_t from_seq, struct journal_end *out_end)
{
    struct journal_reader *r = NULL;
    oxq_err e = journal_reader_open(folder, from_seq, &r, &err);
    if (e) return e;
    uint64_t want = from_seq;
    for (;;) {
        struct journal_record record;
        bool has_record = false;
        e = journal_reader_next(r, &record, &has_record, &err);
        if (e || !has_record) break;
        cr_assert_eq(record.seq, want);
        cr_assert(slice_equal(record.payload, payload_of(want, size_of(want))), "record %llu differs",
                  (unsigned long long)want);
        want++;
    }
    if (!e) *out_end = *journal_reader_end(r);
    journal_reader_close(r);
    return e;
}

static struct journal_end expect_records(uint64_t from_seq, uint64_t last_seq)
{
    struct journal_end end = {0};
    cr_assert_eq(read_all(from_seq, &end), OXQ_OK, "%s", err.text);
    cr_assert_eq(end.last_seq, last_seq, "%llu", (unsigned long long)end.last_seq);
    return end;
}

static int count_files(void)
{
    struct folder f = {0};
    cr_assert_eq(folder_read(&f, folder, &err), OXQ_OK);
    int count = (int)f.count;
    folder_deinit(&f);
    return count;
}

/* ---------------------------------------------------------------- writing and reading */

Test(journal, gives_back_what_was_appended)
{
    struct journal *j = open_at(1);
    cr_assert_eq(journal_last_seq(j), 0);
    append(j, 3);
    cr_assert_gt(journal_backlog_bytes(j), 0);
    cr_assert_eq(poll_now(j).durable_seq, 0);
    cr_assert(journal_submit(j));
    cr_assert_eq(wait_idle(j).durable_seq, 3);
    cr_assert_eq(journal_backlog_bytes(j), 0);
    cr_assert_not(journal_submit(j));
    expect_records(1, 3);
    cr_assert_eq(journal_close(j), JOURNAL_READY);
    struct journal_end end = expect_records(1, 3);
    cr_assert_eq(end.dropped_bytes, 0);
    cr_assert_eq(end.records_count, 3);
    expect_records(2, 3);
    end = expect_records(9, 8);
    cr_assert_eq(end.records_count, 0);
}

Test(journal, goes_on_where_the_last_one_ended)
{
    for (int round = 0; round < 4; round++) {
        struct journal *j = open_at((uint64_t)round * 5 + 1);
        append(j, 5);
        cr_assert_eq(journal_close(j), JOURNAL_READY);
    }
    expect_records(1, 20);
    expect_records(13, 20);
    cr_assert_eq(count_files(), 4);
}

Test(journal, that_nothing_was_written_to_leaves_no_segment)
{
    cr_assert_eq(journal_close(open_at(1)), JOURNAL_READY);
    cr_assert_eq(count_files(), 0);
    struct journal_end end = expect_records(1, 0);
    cr_assert_eq(end.segments_count, 0);
    cr_assert_eq(journal_close(NULL), JOURNAL_READY);
}

Test(journal, changes_segments_within_groups_and_between_them)
{
    struct journal *j = open_at(1);
    for (int group = 0; group < 30; group++) {
        append(j, 1 + group * 7 % 40);
        cr_assert(journal_submit(j));
        wait_idle(j);
    }
    append(j, 1000); /* more than a segment */
    journal_flush(j);
    uint64_t last = journal_last_seq(j);
    cr_assert_eq(poll_now(j).durable_seq, last);
    cr_assert_gt(count_files(), 8);
    expect_records(1, last);
    for (uint64_t from = 1; from <= last; from += 17) expect_records(from, last);
    journal_close(j);
    expect_records(1, last);
}

Test(journal, takes_a_record_longer_than_a_segment)
{
    size_t sizes[] = {SEGMENT_BYTES - FORMAT_HEADER_BYTES - 64, SEGMENT_BYTES - FORMAT_HEADER_BYTES - 48,
                      SEGMENT_BYTES - FORMAT_HEADER_BYTES - 25, SEGMENT_BYTES - FORMAT_HEADER_BYTES,
                      3 * SEGMENT_BYTES - 1};
    struct journal *j = open_at(1);
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        for (size_t more = 0; more < 8; more++) {
            journal_append(j, SLICE_LIT("short"));
            journal_append(j, payload_of(journal_last_seq(j) + 1, sizes[i] - more));
            journal_append(j, SLICE_LIT("short"));
            if (more % 2) journal_flush(j);
        }
    }
    uint64_t last = journal_last_seq(j);
    cr_assert_eq(journal_close(j), JOURNAL_READY);
    struct journal_reader *r = NULL;
    cr_assert_eq(journal_reader_open(folder, 1, &r, &err), OXQ_OK);
    for (uint64_t seq = 1; seq <= last; seq++) {
        struct journal_record record;
        bool has_record = false;
        cr_assert_eq(journal_reader_next(r, &record, &has_record, &err), OXQ_OK, "%s", err.text);
        cr_assert(has_record);
        size_t i = (seq - 1) / 3;
        struct slice want = seq % 3 == 2 ? payload_of(seq, sizes[i / 8] - i % 8) : SLICE_LIT("short");
        cr_assert(slice_equal(record.payload, want));
    }
    journal_reader_close(r);
}

Test(journal, lets_a_record_be_written_in_place_or_abandoned)
{
    struct journal *j = open_at(1);
    struct buf *b = journal_begin(j);
    cr_assert_eq(buf_append(b, SLICE_LIT("never was")), OXQ_OK);
    journal_abandon(j);
    cr_assert_not(journal_submit(j));
    append(j, 1);
    b = journal_begin(j);
    cr_assert_eq(buf_append(b, SLICE_LIT("never was")), OXQ_OK);
    journal_abandon(j);
    b = journal_begin(j);
    cr_assert_eq(buf_append(b, payload_of(2, size_of(2))), OXQ_OK);
    cr_assert_eq(journal_end(j), 2);
    cr_assert_eq(journal_close(j), JOURNAL_READY);
    expect_records(1, 2);
}

Test(journal, gathers_while_a_group_is_being_written)
{
    struct journal *j = open_at(1);
    uint64_t seen = 0;
    for (int i = 0; i < 200; i++) {
        append(j, 3);
        (void)journal_submit(j);
        struct journal_progress p = poll_now(j);
        cr_assert_leq(p.durable_seq, p.written_seq);
        cr_assert_leq(p.written_seq, journal_last_seq(j));
        cr_assert_geq(p.durable_seq, seen);
        seen = p.durable_seq;
    }
    journal_flush(j);
    cr_assert_eq(poll_now(j).durable_seq, 600);
    journal_close(j);
    expect_records(1, 600);
}

Test(journal, counts_its_syncs_and_bytes)
{
    struct journal *j = open_at(1);
    struct journal_stats stats;
    journal_stats(j, &stats);
    cr_assert_eq(stats.segments_count + stats.bytes + stats.syncs_count + stats.appended_bytes, 0);
    for (int i = 0; i < 5; i++) {
        append(j, 10);
        cr_assert(journal_submit(j));
        wait_idle(j);
    }
    journal_stats(j, &stats);
    cr_assert_eq(stats.syncs_count, 5);
    cr_assert_eq(stats.segments_count, 1);
    cr_assert_eq(stats.bytes, stats.appended_bytes);
    cr_assert_gt(stats.bytes, FORMAT_HEADER_BYTES + 50 * 24);
    cr_assert_leq(stats.sync_p50_us, stats.sync_p99_us);
    cr_assert_gt(stats.sync_p99_us, 0);
    journal_close(j);
}

/* ---------------------------------------------------------------- durability */

Test(journal, syncs_by_the_clock_with_interval)
{
    struct journal *j = NULL;
    cr_assert_eq(try_open(1, JOURNAL_INTERVAL, &j), OXQ_OK);
    append(j, 3);
    cr_assert(journal_submit(j));
    cr_assert_eq(wait_idle(j).written_seq, 3);
    lock_enter(&wake_lock);
    while (poll_now(j).durable_seq < 3) lock_wait(&wake_lock, INT64_MAX);
    lock_leave(&wake_lock);
    cr_assert_eq(journal_close(j), JOURNAL_READY);
    expect_records(1, 3);
}

Test(journal, without_durability_syncs_when_it_is_asked_or_closed)
{
    struct journal *j = NULL;
    cr_assert_eq(try_open(1, JOURNAL_OFF, &j), OXQ_OK);
    append(j, 3);
    cr_assert(journal_submit(j));
    struct journal_progress p = wait_idle(j);
    cr_assert_eq(p.written_seq, 3);
    cr_assert_eq(p.durable_seq, 0);
    journal_flush(j);
    cr_assert_eq(poll_now(j).durable_seq, 3);
    append(j, 1);
    cr_assert(journal_submit(j));
    cr_assert_eq(wait_idle(j).durable_seq, 3);
    journal_set_durability(j, JOURNAL_ALWAYS, 0);
    lock_enter(&wake_lock);
    while (poll_now(j).durable_seq < 4) lock_wait(&wake_lock, INT64_MAX);
    lock_leave(&wake_lock);
    append(j, 1);
    cr_assert_eq(journal_close(j), JOURNAL_READY);
    expect_records(1, 5);
}
