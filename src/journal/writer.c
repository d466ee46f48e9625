/* SPDX-License-Identifier: MIT */
/*
 * A group goes to the disk in one write, followed by zeros to the end of the page, eight at least, that the next group
 * overwrites: eight end the log, and a page that is written whole is never read first, whatever a recycled file held in it.
 * Where a group does not fit into what is left of the segment, as many of its records as fit go there and the rest begins the
 * next one; a record that is longer than a segment gets a file of its own length.
 *
 * Blocks of a new segment are reserved but marked as never written. A sync after the first write to one must write that mark too,
 * which takes it half as long again. So where each group is synced, zeros are written ahead of the records, once in a while
 * many at a time: one sync in dozens is longer, and the others find blocks that are there.
 *
 * The order in which a segment begins is what recovery counts on:
 *
 *   1. the segment before ends: its last bytes are synced, whatever the durability. So only the last segment can be torn.
 *   2. the header is written into a spare and synced, so that a file with a segment's name always has a whole header.
 *   3. the spare is renamed to the segment's name, and the folder synced. Only then records are written.
 */
#include "journal/writer.h"

#include "journal/folder.h"
#include "journal/format.h"
#include "os/random.h"

#include "base/mem.h"

/*
 * Where groups are not synced one by one, the disk is set to work after each so many bytes: the sync of a second's or a
 * segment's bytes then waits for the rest alone. Without it that sync holds up the next group for tens of milliseconds.
 */
#define START_BYTES ((uint64_t)4 << 20)
/* Zeros ahead: a common disk takes them in a few tenths of a millisecond. */
#define AHEAD_BYTES ((size_t)128 << 10)

void writer_init(struct writer *w, const struct writer_opts *opts)
{
    *w = (struct writer){.folder = opts->folder,
                         .keeper = opts->keeper,
                         .syncer = opts->syncer,
                         .clock = opts->clock,
                         .segment_bytes = opts->segment_bytes,
                         .file = DISK_CLOSED,
                         .written_seq = opts->last_seq};
}

void writer_deinit(struct writer *w)
{
    disk_close(&w->file);
}

bool writer_fits(const struct writer *w, size_t bytes)
{
    return w->file.fd >= 0 && bytes + FORMAT_END_BYTES <= w->size - w->offset;
}

/* ---------------------------------------------------------------- segments */

static oxq_err end_segment(struct writer *w, struct oxq_error *err)
{
    static const char zeros[FORMAT_END_BYTES];
    if (w->file.fd < 0) return OXQ_OK;
    oxq_err e = syncer_sync(w->syncer, err);
    syncer_set_file(w->syncer, NULL);
    /* What the file held before it was recycled must not follow the last record: it would look like a torn tail. */
    if (!e && w->size - w->offset >= sizeof(zeros))
        e = disk_write_at(&w->file, slice_of(zeros, sizeof(zeros)), w->offset, err);
    disk_close(&w->file);
    return e;
}

/* The next segment, in which a record of so many bytes fits. */
static oxq_err begin_segment(struct writer *w, size_t record_bytes, struct oxq_error *err)
{
    char header[FORMAT_HEADER_BYTES], path[PATH_MAX];
    size_t bytes = FORMAT_HEADER_BYTES + record_bytes + FORMAT_END_BYTES;
    bytes = bytes <= w->segment_bytes ? w->segment_bytes : (bytes + WRITER_PAGE_BYTES - 1) & ~(WRITER_PAGE_BYTES - 1);
    bool is_recycled = false;
    oxq_err e = keeper_take(w->keeper, bytes, &w->file, &is_recycled, err);
    if (e) return e;
    e = disk_size(&w->file, &w->size, err);
    if (e) return e;
    struct format_segment segment = {
        .first_seq = w->written_seq + 1, .created_ms = clock_wall_ms(w->clock), .bytes = w->size};
    random_fill(&segment.id, sizeof(segment.id));
    format_write_header(header, &segment);
    folder_segment_path(path, w->folder, segment.first_seq);
    e = disk_write_at(&w->file, slice_of(header, sizeof(header)), 0, err);
    if (!e) e = disk_sync(&w->file, err);
    if (!e) e = disk_move(&w->file, path, err);
    if (!e) e = disk_sync_folder(w->folder, err);
    if (e) return e;
    w->seed = format_seed(segment.id);
    w->offset = w->started = FORMAT_HEADER_BYTES;
    w->ready = is_recycled ? w->size : 0;
    w->written_bytes += FORMAT_HEADER_BYTES;
    syncer_set_file(w->syncer, &w->file);
    keeper_add(w->keeper, segment.first_seq);
    return OXQ_OK;
}

/* ---------------------------------------------------------------- groups */

/* Seals as many records from `at` on as fit, and returns their bytes. */
static size_t seal_run(struct writer *w, char *at, size_t bytes, uint64_t *out_last_seq)
{
    uint64_t durable_seq = syncer_durable_seq(w->syncer);
    size_t room = w->size - w->offset;
    size_t run = 0;
    while (run < bytes) {
        struct format_record record = format_read_own(at + run);
        if (run + record.bytes + FORMAT_END_BYTES > room) break;
        if (record.type == FORMAT_MARK) format_write_head(at + run, FORMAT_MARK, durable_seq, 0);
        if (record.type == FORMAT_EFFECTS) *out_last_seq = record.seq;
        format_seal(at + run, w->seed);
        run += record.bytes;
    }
    return run;
}

/* Of the first record from `at` on, with the mark before it: they stay together at the start of a segment. */
static size_t next_record_bytes(const char *at)
{
    struct format_record record = format_read_own(at);
    return record.type == FORMAT_MARK ? record.bytes + format_read_own(at + record.bytes).bytes : record.bytes;
}

/* Writes a run, and so many bytes more that the next write will overwrite. */
static oxq_err write_run(struct writer *w, struct slice run, size_t more, struct oxq_error *err)
{
    oxq_err e = disk_write_at(&w->file, slice_of(run.at, run.len + more), w->offset, err);
    if (e) return e;
    w->offset += run.len;
    w->written_bytes += run.len;
    if (w->offset - w->started < START_BYTES) return OXQ_OK;
    disk_start_writing(&w->file, w->started, w->offset - w->started);
    w->started = w->offset;
    return OXQ_OK;
}

/* Where the page ends that the zeros behind `offset` are in. */
static uint64_t page_end(const struct writer *w, uint64_t offset)
{
    uint64_t end = (offset + FORMAT_END_BYTES + WRITER_PAGE_BYTES - 1) & ~(uint64_t)(WRITER_PAGE_BYTES - 1);
    return end < w->size ? end : w->size;
}

static oxq_err write_ahead(struct writer *w, struct oxq_error *err)
{
    static const char zeros[AHEAD_BYTES];
    uint64_t from = page_end(w, w->offset);
    if (from <= w->ready) return OXQ_OK;
    uint64_t bytes = w->size - from < AHEAD_BYTES ? w->size - from : AHEAD_BYTES;
    w->ready = from + bytes;
    return bytes ? disk_write_at(&w->file, slice_of(zeros, bytes), from, err) : OXQ_OK;
}

oxq_err writer_write(struct writer *w, struct buf *group, bool is_synced, struct oxq_error *err)
{
    size_t left = group->len;
    CHECK(group->cap - group->len >= WRITER_SLACK_BYTES);
    memset(group->at + left, 0, WRITER_SLACK_BYTES);
    for (char *at = group->at; left;) {
        uint64_t last_seq = w->written_seq;
        size_t run = w->file.fd < 0 ? 0 : seal_run(w, at, left, &last_seq);
        size_t slack = run == left ? (size_t)(page_end(w, w->offset + run) - w->offset - run) : 0;
        oxq_err e = OXQ_OK;
        if (run) e = write_run(w, slice_of(at, run), slack, err);
        if (e) return e;
        w->written_seq = last_seq;
        if (run) syncer_note_written(w->syncer, last_seq);
        at += run;
        left -= run;
        if (left) e = end_segment(w, err);
        if (left && !e) e = begin_segment(w, next_record_bytes(at), err);
        if (e) return e;
    }
    keeper_note_used(w->keeper, w->offset);
    return is_synced ? write_ahead(w, err) : OXQ_OK;
}

oxq_err writer_finish(struct writer *w, struct oxq_error *err)
{
    if (w->file.fd < 0) return OXQ_OK;
    oxq_err e = syncer_sync(w->syncer, err);
    syncer_set_file(w->syncer, NULL);
    if (e) return e;
    char close[FORMAT_MARK_BYTES];
    format_write_close(close, syncer_durable_seq(w->syncer), w->seed);
    /* A file that is full but for less stays as long as it is. */
    bool has_room = w->size - w->offset >= sizeof(close);
    if (has_room) e = write_run(w, slice_of(close, sizeof(close)), 0, err);
    if (has_room && !e) e = disk_sync(&w->file, err);
    if (has_room && !e) e = disk_truncate(&w->file, w->offset, err);
    if (has_room && !e) e = disk_sync(&w->file, err);
    disk_close(&w->file);
    return e;
}
