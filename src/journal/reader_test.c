/* SPDX-License-Identifier: MIT */
/* What the reader makes of journals that a crash cut short, and of those that were damaged. */
#include "journal/testkit.h"

#include "base/crc32c.h"
#include "base/rng.h"
#include "journal/folder.h"
#include "journal/format.h"
#include "os/disk.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

static struct oxq_error err;

TestSuite(journal_reader, .init = testkit_begin, .fini = testkit_end);

/* The last segment before its last groups were written, and after. */
static char before[TESTKIT_FILE_BYTES], after[TESTKIT_FILE_BYTES], torn[TESTKIT_FILE_BYTES];
static size_t file_bytes;

/*
 * Writes a journal and takes two pictures of its last segment, the first at a sync, the second when `groups` more have been
 * written and not synced. *out_path: a copy of the journal, with that segment. Returns the last record of the first picture.
 */
static uint64_t take_pictures(int groups, const char **out_folder, const char **out_path)
{
    static char path[PATH_MAX], folder[PATH_MAX];
    struct journal *j = NULL;
    struct journal_end end;
    cr_assert_eq(testkit_open(testkit_subfolder("live"), 1, JOURNAL_OFF, &j, &err), OXQ_OK, "%s", err.text);
    /* Just into the second segment, so that what follows fits there. */
    while (testkit_segments_count(testkit_subfolder("live")) < 2) {
        testkit_append(j, 4);
        journal_flush(j);
    }
    uint64_t durable = journal_last_seq(j);
    snprintf(folder, sizeof(folder), "%s", testkit_subfolder("copy"));
    testkit_copy(testkit_subfolder("live"), folder);
    cr_assert_eq(testkit_read(folder, 1, &end, &err), OXQ_OK);
    int segments = testkit_segments_count(folder);
    cr_assert_gt(segments, 1);
    cr_assert((size_t)snprintf(path, sizeof(path), "%.128s/%s", folder, end.segment) < sizeof(path));
    file_bytes = testkit_load(path, before);
    for (int i = 0; i < groups; i++) {
        testkit_append(j, 4);
        cr_assert(journal_submit(j));
        testkit_wait_idle(j);
    }
    testkit_copy(testkit_subfolder("live"), folder);
    cr_assert_eq(testkit_segments_count(folder), segments);
    cr_assert_eq(testkit_load(path, after), file_bytes);
    journal_close(j);
    *out_folder = folder;
    *out_path = path;
    return durable;
}

/* Recovery as a server does it: read, maybe cut, go on with more, and read all of it again. */
static void recover(const char *folder, uint64_t durable, bool is_cut)
{
    struct journal_reader *r = NULL;
    struct journal_record record;
    struct journal *j = NULL;
    struct journal_end end;
    bool has_record = true;
    cr_assert_eq(journal_reader_open(folder, 1, &r, &err), OXQ_OK, "%s", err.text);
    while (has_record) cr_assert_eq(journal_reader_next(r, &record, &has_record, &err), OXQ_OK, "%s", err.text);
    uint64_t last = journal_reader_end(r)->last_seq;
    cr_assert_geq(last, durable);
    if (is_cut) cr_assert_eq(journal_reader_cut(r, &err), OXQ_OK);
    journal_reader_close(r);
    cr_assert_eq(testkit_open(folder, last + 1, JOURNAL_ALWAYS, &j, &err), OXQ_OK, "%s", err.text);
    testkit_append(j, 3);
    cr_assert_eq(journal_close(j), JOURNAL_READY);
    cr_assert_eq(testkit_read(folder, 1, &end, &err), OXQ_OK, "%s", err.text);
    cr_assert_eq(end.last_seq, last + 3);
    cr_assert_eq(end.dropped_bytes, 0);
}

static void remove_segment(const char *folder, uint64_t first_seq)
{
    char path[PATH_MAX];
    folder_segment_path(path, folder, first_seq);
    cr_assert_eq(unlink(path), 0);
}

Test(journal_reader, keeps_what_was_synced_when_the_last_group_is_cut_at_any_byte)
{
    const char *folder, *path;
    struct journal_end end;
    uint64_t durable = take_pictures(1, &folder, &path);
    size_t first = 0, last = 0;
    for (size_t i = 0; i < file_bytes; i++) {
        if (before[i] == after[i]) continue;
        if (!first) first = i;
        last = i;
    }
    cr_assert_gt(last, first + 100);
    for (size_t cut = first; cut <= last + 1; cut++) {
        memcpy(torn, before, file_bytes);
        memcpy(torn, after, cut);
        testkit_store(path, slice_of(torn, file_bytes));
        cr_assert_eq(testkit_read(folder, 1, &end, &err), OXQ_OK, "%s", err.text);
        cr_assert_geq(end.last_seq, durable);
        cr_assert_leq(end.last_seq, durable + 4);
        cr_assert_eq(end.last_seq == durable + 4, cut == last + 1);
        if (cut == first || cut == last + 1) cr_assert_eq(end.dropped_bytes, 0);
        if (cut % 64 == 0) {
            recover(folder, durable, cut % 128 == 0);
            remove_segment(folder, end.last_seq + 1);
        }
        /* The file's length was durable before its first record: a shorter one is damage, also between two records. */
        testkit_store(path, slice_of(torn, cut));
        cr_assert_eq(testkit_read(folder, 1, &end, &err), OXQ_ERR_FORMAT);
        cr_assert_not_null(strstr(err.text, "cut short"), "%s", err.text);
    }
}

Test(journal_reader, keeps_what_was_synced_when_sectors_are_lost_in_any_order)
{
    const char *folder, *path;
    struct journal_end end;
    struct rng rng;
    uint64_t durable = take_pictures(12, &folder, &path);
    rng_init(&rng, 3);
    for (int round = 0; round < 300; round++) {
        memcpy(torn, before, file_bytes);
        for (size_t at = 0; at < file_bytes; at += 512) {
            if (rng_below(&rng, 3)) memcpy(torn + at, after + at, 512);
        }
        testkit_store(path, slice_of(torn, file_bytes));
        cr_assert_eq(testkit_read(folder, 1, &end, &err), OXQ_OK, "%s", err.text);
        cr_assert_geq(end.last_seq, durable);
        recover(folder, durable, round % 2);
        remove_segment(folder, end.last_seq + 1);
    }
}

/* Calls fn for each segment of `folder` with its path; the bytes are in `before`. */
static void for_each_segment(const char *folder, void (*fn)(const char *folder, const char *path, bool is_last))
{
    struct folder f = {0};
    cr_assert_eq(folder_read(&f, folder, &err), OXQ_OK);
    for (size_t i = 0; i < f.count; i++) {
        char path[PATH_MAX];
        folder_segment_path(path, folder, f.first_seqs[i]);
        file_bytes = testkit_load(path, before);
        fn(folder, path, i + 1 == f.count);
        testkit_store(path, slice_of(before, file_bytes));
    }
    folder_deinit(&f);
}

static uint64_t full_seq, least_seq;
static long found_count;

/* Nothing but the error says so, or all that must be there is there (testkit_read compares the payloads). */
static void expect_found_or_whole(const char *folder, size_t at)
{
    struct journal_end end;
    oxq_err e = testkit_read(folder, 1, &end, &err);
    if (e) {
        cr_assert_eq(e, OXQ_ERR_FORMAT);
        cr_assert_not_null(strstr(err.text, ".log"), "%s", err.text);
        found_count++;
        return;
    }
    cr_assert_geq(end.last_seq, least_seq, "byte %zu: ends with %llu", at, (unsigned long long)end.last_seq);
    cr_assert_leq(end.last_seq, full_seq);
}

static void flip_each_byte(const char *folder, const char *path, bool is_last)
{
    (void)is_last;
    OWNED(disk_close) struct disk_file f = DISK_CLOSED;
    cr_assert_eq(disk_open(path, DISK_WRITE, &f, &err), OXQ_OK);
    for (size_t at = 0; at < file_bytes; at++) {
        char flipped = (char)(before[at] ^ 1 << at % 8);
        cr_assert_eq(disk_write_at(&f, slice_of(&flipped, 1), at, &err), OXQ_OK);
        expect_found_or_whole(folder, at);
        cr_assert_eq(disk_write_at(&f, slice_of(before + at, 1), at, &err), OXQ_OK);
    }
}

static void write_small_journal(const char *folder)
{
    struct journal *j = NULL;
    cr_assert_eq(testkit_open(folder, 1, JOURNAL_ALWAYS, &j, &err), OXQ_OK);
    for (int i = 0; i < 8; i++) {
        testkit_append(j, 16);
        journal_flush(j);
    }
    full_seq = least_seq = journal_last_seq(j);
    cr_assert_eq(journal_close(j), JOURNAL_READY);
}

Test(journal_reader, finds_each_flipped_bit_of_a_journal_that_was_closed)
{
    const char *folder = testkit_subfolder("copy");
    write_small_journal(folder);
    cr_assert_eq(testkit_segments_count(folder), 2);
    for_each_segment(folder, flip_each_byte);
    /* All but the padding behind the first segment's end and the last mark of all. */
    cr_assert_gt(found_count, 2 * 4096 + 128 * 100);
}

Test(journal_reader, loses_at_most_the_last_group_to_a_flipped_bit_of_a_journal_that_was_killed)
{
    struct journal *j = NULL;
    static char folder[128];
    snprintf(folder, sizeof(folder), "%s", testkit_subfolder("copy"));
    cr_assert_eq(testkit_open(testkit_subfolder("live"), 1, JOURNAL_ALWAYS, &j, &err), OXQ_OK);
    for (int i = 0; i < 3; i++) {
        testkit_append(j, 10);
        journal_flush(j);
    }
    least_seq = 20;
    full_seq = 30;
    testkit_copy(testkit_subfolder("live"), folder);
    journal_close(j);
    for_each_segment(folder, flip_each_byte);
    cr_assert_gt(found_count, 4096 + 20 * 24);
}

static void cut_at_each_length(const char *folder, const char *path, bool is_last)
{
    for (size_t len = 0; len < file_bytes; len += len < FORMAT_HEADER_BYTES ? 61 : 1) {
        testkit_store(path, slice_of(before, len));
        least_seq = is_last ? 0 : full_seq;
        expect_found_or_whole(folder, len);
    }
}

Test(journal_reader, finds_each_segment_that_was_cut_short_before_the_last)
{
    const char *folder = testkit_subfolder("copy");
    write_small_journal(folder);
    for_each_segment(folder, cut_at_each_length);
    cr_assert_gt(found_count, 10000);
}

static void expect_error(const char *folder, uint64_t from_seq, oxq_err code, const char *text)
{
    struct journal_end end;
    cr_assert_eq(testkit_read(folder, from_seq, &end, &err), code);
    cr_assert_not_null(strstr(err.text, text), "%s", err.text);
}

Test(journal_reader, misses_a_segment_in_the_middle_or_at_the_start)
{
    char path[PATH_MAX];
    struct journal *j = NULL;
    struct folder f = {0};
    struct journal_end end;
    cr_assert_eq(testkit_open(testkit_folder, 1, JOURNAL_ALWAYS, &j, &err), OXQ_OK);
    testkit_append(j, 600);
    cr_assert_eq(journal_close(j), JOURNAL_READY);
    cr_assert_eq(folder_read(&f, testkit_folder, &err), OXQ_OK);
    cr_assert_gt(f.count, 3);
    folder_segment_path(path, testkit_folder, f.first_seqs[1]);
    cr_assert_eq(unlink(path), 0);
    expect_error(testkit_folder, 1, OXQ_ERR_FORMAT, "00000000000000000001.log is damaged at offset ");
    expect_error(testkit_folder, f.first_seqs[2] - 1, OXQ_ERR_FORMAT, "the next segment begins with record ");
    /* What is older than the first number that is asked for may be missing. */
    cr_assert_eq(testkit_read(testkit_folder, f.first_seqs[2], &end, &err), OXQ_OK);
    cr_assert_eq(end.last_seq, 600);
    folder_segment_path(path, testkit_folder, 1);
    cr_assert_eq(unlink(path), 0);
    expect_error(testkit_folder, 1, OXQ_ERR_FORMAT, "but record 1 is needed");
    folder_deinit(&f);
}

Test(journal_reader, refuses_a_newer_version_and_what_is_no_segment)
{
    char path[PATH_MAX], header[FORMAT_HEADER_BYTES];
    const struct format_segment segment = {.first_seq = 1, .id = 7, .created_ms = 8};
    folder_segment_path(path, testkit_folder, 1);
    format_write_header(header, &segment);
    header[8] = FORMAT_VERSION + 1;
    testkit_store(path, slice_of(header, sizeof(header)));
    expect_error(testkit_folder, 1, OXQ_ERR_FORMAT, "bad checksum of the header");
    uint32_t crc = crc32c(0, slice_of(header, sizeof(header) - 4));
    memcpy(header + sizeof(header) - 4, &crc, 4);
    testkit_store(path, slice_of(header, sizeof(header)));
    expect_error(testkit_folder, 1, OXQ_ERR_NEWER, "a newer version of oxq wrote it");
    testkit_store(path, SLICE_LIT(""));
    expect_error(testkit_folder, 1, OXQ_ERR_FORMAT, "shorter than its header");
    memset(header, 0, sizeof(header));
    testkit_store(path, slice_of(header, sizeof(header)));
    expect_error(testkit_folder, 1, OXQ_ERR_FORMAT, "not a journal's segment");
    format_write_header(header, &segment);
    folder_segment_path(path, testkit_folder, 2);
    testkit_store(path, slice_of(header, sizeof(header)));
    expect_error(testkit_folder, 2, OXQ_ERR_FORMAT, "it begins with record 1");
}

Test(journal_reader, says_what_it_could_not_read)
{
    struct journal_end end;
    write_small_journal(testkit_folder);
    disk_fail(DISK_CALL_READ, 2, EIO, true);
    cr_assert_eq(testkit_read(testkit_folder, 1, &end, &err), OXQ_ERR_IO);
    cr_assert_not_null(strstr(err.text, ".log: Input/output error"), "%s", err.text);
    disk_fail(DISK_CALL_READ, 0, 0, false);
    disk_fail(DISK_CALL_OPEN, 1, EACCES, false);
    cr_assert_eq(testkit_read(testkit_folder, 1, &end, &err), OXQ_ERR_PERMISSION);
    disk_fail(DISK_CALL_OPEN, 0, 0, false);
    cr_assert_eq(testkit_read(testkit_folder, 1, &end, &err), OXQ_OK);
}

Test(journal_reader, shows_how_far_it_has_come)
{
    struct journal_reader *r = NULL;
    struct journal_record record;
    bool has_record = true;
    uint64_t done = 0, all = 0, seen = 0;
    write_small_journal(testkit_folder);
    cr_assert_eq(journal_reader_open(testkit_folder, 1, &r, &err), OXQ_OK);
    while (has_record) {
        cr_assert_eq(journal_reader_next(r, &record, &has_record, &err), OXQ_OK);
        journal_reader_progress(r, &done, &all);
        cr_assert_geq(done, seen);
        seen = done;
    }
    cr_assert_eq(done, all);
    cr_assert_gt(all, TESTKIT_SEGMENT_BYTES);
    journal_reader_close(r);
}
