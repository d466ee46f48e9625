/* SPDX-License-Identifier: MIT */
/*
 * A journal that is not as it was written: the reader may refuse it or end early, but what it gives out is what was
 * written, in order. The first byte of the input chooses between two forms:
 *
 *   even   edits of a good journal of three segments, four bytes each: segment, offset (two bytes), what to change the byte by;
 *          segment 3 instead cuts the segment given by the change to the length given by the offset.
 *   odd    the records of one segment with good checksums but any numbers, types and order, four bytes each: type, number,
 *          length, byte of the payload.
 */
#include "base/mem.h"
#include "journal/folder.h"
#include "journal/format.h"
#include "journal/reader.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define SEGMENTS_COUNT 3
#define RECORDS_COUNT 8 /* in each segment */
#define FILE_BYTES 8192

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static char folder[64];
static char good[SEGMENTS_COUNT][FILE_BYTES];
static size_t good_bytes[SEGMENTS_COUNT];

static uint64_t first_of(int segment)
{
    return (uint64_t)segment * RECORDS_COUNT + 1;
}

static struct slice payload_of(uint64_t seq)
{
    static char text[64];
    int len = snprintf(text, sizeof(text), "record %d %.*s", (int)seq, (int)seq, "abcdefghijklmnopqrstuvwxyz");
    return slice_of(text, (size_t)len);
}

static size_t put_record(char *at, enum format_type type, uint64_t seq, struct slice payload, uint32_t seed)
{
    size_t bytes = format_record_bytes(payload.len);
    memset(at, 0, bytes);
    format_write_head(at, type, seq, payload.len);
    if (payload.len) memcpy(at + FORMAT_RECORD_HEAD_BYTES + 1, payload.at, payload.len);
    format_seal(at, seed);
    return bytes;
}

static void store(uint64_t first_seq, struct slice bytes)
{
    char path[PATH_MAX];
    folder_segment_path(path, folder, first_seq);
    FILE *f = fopen(path, "wb");
    CHECK(f != NULL);
    CHECK(fwrite(bytes.at, 1, bytes.len, f) == bytes.len);
    CHECK(fclose(f) == 0);
}

static void remove_segments(void)
{
    char path[PATH_MAX];
    for (int i = 0; i < SEGMENTS_COUNT; i++) {
        folder_segment_path(path, folder, first_of(i));
        (void)unlink(path);
    }
}

static void remove_all(void)
{
    remove_segments();
    (void)rmdir(folder);
}

/* Two marks in each segment; the last one has the zeros of a file that is still written to. */
static void make_good(void)
{
    for (int i = 0; i < SEGMENTS_COUNT; i++) {
        struct format_segment segment = {.first_seq = first_of(i), .id = (uint64_t)i + 40};
        uint32_t seed = format_seed(segment.id);
        char *at = good[i];
        at += FORMAT_HEADER_BYTES;
        for (uint64_t seq = first_of(i); seq < first_of(i + 1); seq++) {
            if (seq % 4 == 1) at += put_record(at, FORMAT_MARK, seq - 1, SLICE_LIT(""), seed);
            at += put_record(at, FORMAT_EFFECTS, seq, payload_of(seq), seed);
        }
        good_bytes[i] = (size_t)(at - good[i]) + (i == SEGMENTS_COUNT - 1 ? 64 : 0);
        segment.bytes = good_bytes[i];
        format_write_header(good[i], &segment);
    }
}

static void begin(void)
{
    if (folder[0]) return;
    const char *place = access("/dev/shm", W_OK | X_OK) == 0 ? "/dev/shm" : "/tmp";
    snprintf(folder, sizeof(folder), "%s/oxq-journal-fuzz-XXXXXX", place);
    CHECK(mkdtemp(folder) != NULL);
    CHECK(atexit(remove_all) == 0);
    make_good();
}

/* Reads all there is; the payloads are compared where they must be the good ones. */
static void read_all(bool is_good)
{
    struct oxq_error err = {0};
    struct journal_reader *r = NULL;
    struct journal_record record;
    bool has_record = true;
    uint64_t last_seq = 0;
    if (journal_reader_open(folder, 1, &r, &err) != OXQ_OK) return;
    while (has_record) {
        if (journal_reader_next(r, &record, &has_record, &err) != OXQ_OK) break;
        if (!has_record) break;
        CHECK(record.seq == ++last_seq);
        if (is_good) CHECK(slice_equal(record.payload, payload_of(record.seq)));
    }
    CHECK(journal_reader_end(r)->last_seq == last_seq);
    CHECK(last_seq <= SEGMENTS_COUNT * RECORDS_COUNT || !is_good);
    if (!has_record) CHECK(journal_reader_cut(r, &err) == OXQ_OK);
    journal_reader_close(r);
}

static void run_edits(const uint8_t *data, size_t len)
{
    static char edited[SEGMENTS_COUNT][FILE_BYTES];
    size_t bytes[SEGMENTS_COUNT];
    memcpy(edited, good, sizeof(good));
    memcpy(bytes, good_bytes, sizeof(bytes));
    for (; len >= 4; data += 4, len -= 4) {
        size_t offset = data[1] | (size_t)data[2] << 8;
        int i = data[0] % (SEGMENTS_COUNT + 1);
        if (i < SEGMENTS_COUNT)
            edited[i][offset % good_bytes[i]] ^= (char)data[3];
        else if (offset < bytes[data[3] % SEGMENTS_COUNT])
            bytes[data[3] % SEGMENTS_COUNT] = offset;
    }
    for (int i = 0; i < SEGMENTS_COUNT; i++) store(first_of(i), slice_of(edited[i], bytes[i]));
    read_all(true);
    /* What was cut must read the same again. */
    read_all(true);
}

static void run_records(const uint8_t *data, size_t len)
{
    static char bytes[FILE_BYTES];
    const struct format_segment segment = {.first_seq = 1, .id = 40};
    char payload[256];
    size_t used = FORMAT_HEADER_BYTES;
    memset(bytes, 0, sizeof(bytes));
    format_write_header(bytes, &segment);
    for (; len >= 4 && used + sizeof(payload) + 32 < sizeof(bytes); data += 4, len -= 4) {
        memset(payload, data[3], sizeof(payload));
        enum format_type type = (enum format_type)(data[0] % 4);
        used += put_record(bytes + used, type, data[1], slice_of(payload, data[2]), format_seed(segment.id));
    }
    store(1, slice_of(bytes, sizeof(bytes)));
    read_all(false);
    read_all(false);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    begin();
    if (len == 0) return 0;
    remove_segments();
    if (data[0] % 2)
        run_records(data + 1, len - 1);
    else
        run_edits(data + 1, len - 1);
    return 0;
}
