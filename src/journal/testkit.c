/* SPDX-License-Identifier: MIT */
#include "journal/testkit.h"

#include "journal/folder.h"
#include "os/clock.h"
#include "os/file.h"
#include "os/testfolder.h"
#include "os/thread.h"

#include <stdio.h>

char testkit_folder[TESTFOLDER_PATH_MAX];
struct clock *testkit_clock;
static struct lock lock;

void testkit_begin(void)
{
    testfolder_make_in_memory(testkit_folder);
    lock_init(&lock);
}

void testkit_end(void)
{
    testfolder_remove(testkit_folder);
    lock_deinit(&lock);
}

const char *testkit_subfolder(const char *name)
{
    static char path[128];
    snprintf(path, sizeof(path), "%s/%s", testkit_folder, name);
    CHECK(file_make_folder(path, NULL) == OXQ_OK);
    return path;
}

/* ---------------------------------------------------------------- events */

static void wake(void *ctx, int64_t *again_us)
{
    (void)ctx;
    (void)again_us;
    lock_enter(&lock);
    lock_notify(&lock);
    lock_leave(&lock);
}

struct journal_opts testkit_opts(const char *folder, uint64_t next_seq, enum journal_durability durability)
{
    return (struct journal_opts){.folder = folder,
                                 .durability = durability,
                                 .interval_ms = 1,
                                 .segment_bytes = TESTKIT_SEGMENT_BYTES,
                                 .next_seq = next_seq,
                                 .clock = testkit_clock ? testkit_clock : os_clock(),
                                 .wake = wake};
}

oxq_err testkit_open(const char *folder, uint64_t next_seq, enum journal_durability durability, struct journal **out,
                     struct oxq_error *err)
{
    struct journal_opts opts = testkit_opts(folder, next_seq, durability);
    return journal_open(&opts, out, err);
}

struct journal_progress testkit_poll(const struct journal *j)
{
    struct journal_progress p;
    journal_poll(j, &p);
    return p;
}

struct journal_progress testkit_wait_idle(const struct journal *j)
{
    lock_enter(&lock);
    while (!testkit_poll(j).is_idle) lock_wait(&lock, INT64_MAX);
    lock_leave(&lock);
    return testkit_poll(j);
}

void testkit_wait_durable(const struct journal *j, uint64_t seq)
{
    lock_enter(&lock);
    while (testkit_poll(j).durable_seq < seq && testkit_poll(j).state == JOURNAL_READY) lock_wait(&lock, INT64_MAX);
    lock_leave(&lock);
}

void testkit_wait_room(const struct journal *j, bool has_room)
{
    lock_enter(&lock);
    while (testkit_poll(j).has_room != has_room) lock_wait(&lock, INT64_MAX);
    lock_leave(&lock);
}

static uint64_t count_segments(struct journal *j)
{
    struct journal_stats stats;
    journal_stats(j, &stats);
    return stats.segments_count;
}

void testkit_wait_segments(struct journal *j, uint64_t count)
{
    lock_enter(&lock);
    while (count_segments(j) > count) lock_wait(&lock, INT64_MAX);
    lock_leave(&lock);
}

/* ---------------------------------------------------------------- records */

struct slice testkit_payload(uint64_t seq, size_t bytes)
{
    static char text[4 * TESTKIT_SEGMENT_BYTES];
    size_t len = (size_t)snprintf(text, sizeof(text), "record %llu;", (unsigned long long)seq);
    for (; len < bytes; len++) text[len] = (char)('a' + (seq + len) % 26);
    return slice_of(text, len);
}

static struct slice usual_payload(uint64_t seq)
{
    return testkit_payload(seq, seq * 37 % 200);
}

void testkit_append(struct journal *j, int count)
{
    for (int i = 0; i < count; i++) {
        uint64_t seq = journal_last_seq(j) + 1;
        CHECK(journal_append(j, usual_payload(seq)) == seq);
    }
}

oxq_err testkit_read(const char *folder, uint64_t from_seq, struct journal_end *out_end, struct oxq_error *err)
{
    struct journal_reader *r = NULL;
    *out_end = (struct journal_end){0};
    oxq_err e = journal_reader_open(folder, from_seq, &r, err);
    if (e) return e;
    for (uint64_t want = from_seq;; want++) {
        struct journal_record record;
        bool has_record = false;
        e = journal_reader_next(r, &record, &has_record, err);
        if (e || !has_record) break;
        CHECK(record.seq == want);
        CHECK(slice_equal(record.payload, usual_payload(want)));
    }
    *out_end = *journal_reader_end(r);
    journal_reader_close(r);
    return e;
}

/* ---------------------------------------------------------------- files */

size_t testkit_load(const char *path, char *out)
{
    struct disk_file f = DISK_CLOSED;
    size_t len = 0;
    CHECK(disk_open(path, DISK_READ, &f, NULL) == OXQ_OK);
    CHECK(disk_read_at(&f, out, TESTKIT_FILE_BYTES, 0, &len, NULL) == OXQ_OK);
    CHECK(len < TESTKIT_FILE_BYTES);
    disk_close(&f);
    return len;
}

void testkit_store(const char *path, struct slice bytes)
{
    FILE *f = fopen(path, "wb");
    CHECK(f != NULL);
    CHECK(fwrite(bytes.at, 1, bytes.len, f) == bytes.len);
    CHECK(fclose(f) == 0);
}

void testkit_copy(const char *from, const char *to)
{
    static char bytes[TESTKIT_FILE_BYTES];
    char path[PATH_MAX];
    struct folder f = {0};
    CHECK(folder_read(&f, from, NULL) == OXQ_OK);
    for (size_t i = 0; i < f.count; i++) {
        folder_segment_path(path, from, f.first_seqs[i]);
        size_t len = testkit_load(path, bytes);
        folder_segment_path(path, to, f.first_seqs[i]);
        testkit_store(path, slice_of(bytes, len));
    }
    folder_deinit(&f);
}

int testkit_segments_count(const char *folder)
{
    struct folder f = {0};
    CHECK(folder_read(&f, folder, NULL) == OXQ_OK);
    int count = (int)f.count;
    folder_deinit(&f);
    return count;
}
