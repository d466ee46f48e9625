/* SPDX-License-Identifier: MIT */
#include "journal/testkit.h"

#include "journal/format.h"
#include "os/disk.h"
#include "os/thread.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

static struct oxq_error err;

TestSuite(journal, .init = testkit_begin, .fini = testkit_end);

static struct journal *open_at(uint64_t next_seq, enum journal_durability durability)
{
    struct journal *j = NULL;
    cr_assert_eq(testkit_open(testkit_folder, next_seq, durability, &j, &err), OXQ_OK, "%s", err.text);
    return j;
}

static struct journal_end expect_records(uint64_t from_seq, uint64_t last_seq)
{
    struct journal_end end;
    cr_assert_eq(testkit_read(testkit_folder, from_seq, &end, &err), OXQ_OK, "%s", err.text);
    cr_assert_eq(end.last_seq, last_seq, "%llu", (unsigned long long)end.last_seq);
    return end;
}

/* ---------------------------------------------------------------- writing and reading */

Test(journal, gives_back_what_was_appended)
{
    struct journal *j = open_at(1, JOURNAL_ALWAYS);
    cr_assert_eq(journal_last_seq(j), 0);
    testkit_append(j, 3);
    cr_assert_gt(journal_backlog_bytes(j), 0);
    cr_assert_eq(testkit_poll(j).durable_seq, 0);
    cr_assert(journal_submit(j));
    cr_assert_eq(testkit_wait_idle(j).durable_seq, 3);
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
        struct journal *j = open_at((uint64_t)round * 5 + 1, JOURNAL_ALWAYS);
        testkit_append(j, 5);
        cr_assert_eq(journal_close(j), JOURNAL_READY);
    }
    expect_records(1, 20);
    expect_records(13, 20);
    cr_assert_eq(testkit_segments_count(testkit_folder), 4);
}

Test(journal, that_nothing_was_written_to_leaves_no_segment)
{
    cr_assert_eq(journal_close(open_at(1, JOURNAL_ALWAYS)), JOURNAL_READY);
    cr_assert_eq(testkit_segments_count(testkit_folder), 0);
    struct journal_end end = expect_records(1, 0);
    cr_assert_eq(end.segments_count, 0);
    cr_assert_eq(journal_close(NULL), JOURNAL_READY);
}

Test(journal, changes_segments_within_groups_and_between_them)
{
    struct journal *j = open_at(1, JOURNAL_ALWAYS);
    for (int group = 0; group < 30; group++) {
        testkit_append(j, 1 + group * 7 % 40);
        cr_assert(journal_submit(j));
        testkit_wait_idle(j);
    }
    testkit_append(j, 1000); /* more than a segment */
    journal_flush(j);
    uint64_t last = journal_last_seq(j);
    cr_assert_eq(testkit_poll(j).durable_seq, last);
    cr_assert_gt(testkit_segments_count(testkit_folder), 8);
    expect_records(1, last);
    for (uint64_t from = 1; from <= last; from += 17) expect_records(from, last);
    journal_close(j);
    expect_records(1, last);
}

Test(journal, takes_a_record_longer_than_a_segment)
{
    const size_t sizes[] = {TESTKIT_SEGMENT_BYTES - FORMAT_HEADER_BYTES - 64,
                            TESTKIT_SEGMENT_BYTES - FORMAT_HEADER_BYTES - 48,
                            TESTKIT_SEGMENT_BYTES - FORMAT_HEADER_BYTES - 25,
                            TESTKIT_SEGMENT_BYTES - FORMAT_HEADER_BYTES, 3 * TESTKIT_SEGMENT_BYTES - 1};
    struct journal *j = open_at(1, JOURNAL_ALWAYS);
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        for (size_t more = 0; more < 8; more++) {
            journal_append(j, SLICE_LIT("short"));
            journal_append(j, testkit_payload(journal_last_seq(j) + 1, sizes[i] - more));
            journal_append(j, SLICE_LIT("short"));
            if (more % 2) journal_flush(j);
        }
    }
    uint64_t last = journal_last_seq(j);
    cr_assert_eq(journal_close(j), JOURNAL_READY);
    struct journal_reader *r = NULL;
    cr_assert_eq(journal_reader_open(testkit_folder, 1, &r, &err), OXQ_OK);
    for (uint64_t seq = 1; seq <= last; seq++) {
        struct journal_record record;
        bool has_record = false;
        cr_assert_eq(journal_reader_next(r, &record, &has_record, &err), OXQ_OK, "%s", err.text);
        cr_assert(has_record);
        size_t i = (seq - 1) / 3;
        struct slice want = seq % 3 == 2 ? testkit_payload(seq, sizes[i / 8] - i % 8) : SLICE_LIT("short");
        cr_assert(slice_equal(record.payload, want));
    }
    journal_reader_close(r);
}

Test(journal, lets_a_record_be_written_in_place_or_abandoned)
{
    struct journal *j = open_at(1, JOURNAL_ALWAYS);
    struct buf *b = journal_begin(j);
    cr_assert_eq(buf_append(b, SLICE_LIT("never was")), OXQ_OK);
    journal_abandon(j);
    cr_assert_not(journal_submit(j));
    testkit_append(j, 1);
    b = journal_begin(j);
    cr_assert_eq(buf_append(b, SLICE_LIT("never was")), OXQ_OK);
    journal_abandon(j);
    b = journal_begin(j);
    cr_assert_eq(buf_append(b, testkit_payload(2, 74)), OXQ_OK);
    cr_assert_eq(journal_end(j), 2);
    cr_assert_eq(journal_close(j), JOURNAL_READY);
    expect_records(1, 2);
}

Test(journal, gathers_while_a_group_is_being_written)
{
    struct journal *j = open_at(1, JOURNAL_ALWAYS);
    uint64_t seen = 0;
    for (int i = 0; i < 200; i++) {
        testkit_append(j, 3);
        (void)journal_submit(j);
        struct journal_progress p = testkit_poll(j);
        cr_assert_leq(p.durable_seq, p.written_seq);
        cr_assert_leq(p.written_seq, journal_last_seq(j));
        cr_assert_geq(p.durable_seq, seen);
        seen = p.durable_seq;
    }
    journal_flush(j);
    cr_assert_eq(testkit_poll(j).durable_seq, 600);
    journal_close(j);
    expect_records(1, 600);
}

/* Each look at it takes 7 us. */
static int64_t next_us(struct clock *c)
{
    struct clock_manual *m = (struct clock_manual *)c;
    return m->us += 7;
}

Test(journal, counts_its_syncs_and_bytes)
{
    struct clock_manual clock = {.clock = {.wall_us = next_us, .mono_us = next_us}};
    testkit_clock = &clock.clock;
    struct journal *j = open_at(1, JOURNAL_ALWAYS);
    struct journal_stats stats;
    journal_stats(j, &stats);
    cr_assert_eq(stats.segments_count + stats.bytes + stats.syncs_count + stats.appended_bytes, 0);
    for (int i = 0; i < 5; i++) {
        testkit_append(j, 10);
        cr_assert(journal_submit(j));
        testkit_wait_idle(j);
    }
    journal_stats(j, &stats);
    cr_assert_eq(stats.syncs_count, 5);
    cr_assert_eq(stats.segments_count, 1);
    cr_assert_eq(stats.bytes, stats.appended_bytes);
    cr_assert_gt(stats.bytes, FORMAT_HEADER_BYTES + 50 * 24);
    cr_assert_eq(stats.sync_p50_us, 7);
    cr_assert_eq(stats.sync_p99_us, 7);
    cr_assert_eq(stats.last_sync_us, 7);
    journal_close(j);
}

/* ---------------------------------------------------------------- durability */

Test(journal, syncs_by_the_clock_with_interval)
{
    struct journal *j = open_at(1, JOURNAL_INTERVAL);
    testkit_append(j, 3);
    cr_assert(journal_submit(j));
    cr_assert_eq(testkit_wait_idle(j).written_seq, 3);
    testkit_wait_durable(j, 3);
    cr_assert_eq(journal_close(j), JOURNAL_READY);
    expect_records(1, 3);
}

Test(journal, writes_go_on_during_a_sync_by_the_clock)
{
    struct journal *j = open_at(1, JOURNAL_INTERVAL);
    testkit_append(j, 1);
    cr_assert(journal_submit(j));
    testkit_wait_idle(j);
    testkit_wait_durable(j, 1);
    disk_hold(DISK_CALL_SYNC, true);
    testkit_append(j, 1);
    cr_assert(journal_submit(j));
    disk_wait_for_held();
    testkit_wait_idle(j);
    for (int i = 0; i < 5; i++) {
        testkit_append(j, 1);
        cr_assert(journal_submit(j));
        testkit_wait_idle(j);
    }
    struct journal_progress p = testkit_poll(j);
    cr_assert_eq(p.written_seq, 7);
    cr_assert_eq(p.durable_seq, 1);
    disk_hold(DISK_CALL_SYNC, false);
    /* What came during that sync is for the next one. */
    testkit_wait_durable(j, 7);
    cr_assert_eq(journal_close(j), JOURNAL_READY);
    expect_records(1, 7);
}

Test(journal, a_segment_ends_after_the_sync_by_the_clock_that_runs_in_it)
{
    struct journal *j = open_at(1, JOURNAL_INTERVAL);
    testkit_append(j, 1);
    cr_assert(journal_submit(j));
    testkit_wait_idle(j);
    testkit_wait_durable(j, 1);
    disk_hold(DISK_CALL_SYNC, true);
    testkit_append(j, 1);
    cr_assert(journal_submit(j));
    disk_wait_for_held();
    testkit_wait_idle(j);
    testkit_append(j, 400); /* more than a segment */
    cr_assert(journal_submit(j));
    disk_hold(DISK_CALL_SYNC, false);
    cr_assert_eq(testkit_wait_idle(j).written_seq, 402);
    cr_assert_gt(testkit_segments_count(testkit_folder), 2);
    cr_assert_eq(journal_close(j), JOURNAL_READY);
    expect_records(1, 402);
}

Test(journal, writes_a_small_group_at_once_where_no_sync_must_follow)
{
    struct clock_manual clock; /* that stands still: no write is slow */
    clock_manual_init(&clock, 1);
    testkit_clock = &clock.clock;
    struct journal *j = open_at(1, JOURNAL_OFF);
    testkit_append(j, 1);
    cr_assert(journal_submit(j));
    testkit_wait_idle(j); /* the thread began the segment */
    for (uint64_t seq = 2; seq < 10; seq++) {
        testkit_append(j, 1);
        cr_assert(journal_submit(j));
        cr_assert_eq(testkit_poll(j).written_seq, seq);
    }
    cr_assert_eq(journal_close(j), JOURNAL_READY);
    expect_records(1, 9);
}

/* Each look at it takes 2 ms. */
static int64_t next_slow_us(struct clock *c)
{
    struct clock_manual *m = (struct clock_manual *)c;
    return m->us += 2000;
}

/* A small group of one record, which is written here. */
static void write_one_here(struct journal *j, uint64_t seq)
{
    testkit_append(j, 1);
    cr_assert(journal_submit(j));
    cr_assert_eq(testkit_poll(j).written_seq, seq);
}

/* The state of the process's first thread, as ps tells it. */
static char state_of_main(void)
{
    char text[256] = "";
    FILE *f = fopen("/proc/self/stat", "r");
    cr_assert(f && fgets(text, sizeof(text), f));
    fclose(f);
    const char *name_end = strrchr(text, ')');
    return name_end ? name_end[2] : '?';
}

/* Lets the write go on once its thread sleeps. */
static void let_go_when_held(void *ctx)
{
    (void)ctx;
    disk_wait_for_held();
    while (state_of_main() != 'S') sched_yield();
    disk_hold(DISK_CALL_WRITE, false);
}

Test(journal, leaves_writing_to_the_thread_where_the_disk_is_slow)
{
    struct clock_manual clock = {.clock = {.wall_us = next_slow_us, .mono_us = next_slow_us}};
    testkit_clock = &clock.clock;
    struct journal *j = open_at(1, JOURNAL_OFF);
    testkit_append(j, 1);
    cr_assert(journal_submit(j));
    testkit_wait_idle(j);
    /* By the clock each takes 2 ms, and none waits for the disk: somebody else had the processor. */
    for (uint64_t seq = 2; seq < 10; seq++) write_one_here(j, seq);
    struct thread other = {0};
    disk_hold(DISK_CALL_WRITE, true);
    cr_assert_eq(thread_start(&other, "other", let_go_when_held, NULL, NULL), OXQ_OK);
    write_one_here(j, 10);
    thread_join(&other);
    /* That one slept: the next ones are the thread's, which is held. */
    disk_hold(DISK_CALL_WRITE, true);
    testkit_append(j, 1);
    cr_assert(journal_submit(j));
    cr_assert_not(testkit_poll(j).is_idle);
    cr_assert_eq(testkit_poll(j).written_seq, 10);
    disk_hold(DISK_CALL_WRITE, false);
    cr_assert_eq(testkit_wait_idle(j).written_seq, 11);
    cr_assert_eq(journal_close(j), JOURNAL_READY);
    expect_records(1, 11);
}

Test(journal, without_durability_syncs_when_it_is_asked_or_closed)
{
    struct journal *j = open_at(1, JOURNAL_OFF);
    testkit_append(j, 3);
    cr_assert(journal_submit(j));
    struct journal_progress p = testkit_wait_idle(j);
    cr_assert_eq(p.written_seq, 3);
    cr_assert_eq(p.durable_seq, 0);
    journal_flush(j);
    cr_assert_eq(testkit_poll(j).durable_seq, 3);
    testkit_append(j, 1);
    cr_assert(journal_submit(j));
    cr_assert_eq(testkit_wait_idle(j).durable_seq, 3);
    journal_set_durability(j, JOURNAL_ALWAYS, 0);
    testkit_wait_durable(j, 4);
    testkit_append(j, 1);
    cr_assert_eq(journal_close(j), JOURNAL_READY);
    expect_records(1, 5);
}
