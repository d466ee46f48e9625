/* SPDX-License-Identifier: MIT */
/*
 * A segment is read whole and its records walked, up to a close record. Where one does not fit (a bad one, or the zeros that end a
 * segment) the question is whether the writer had got further. With E the number that should come next:
 *
 *   another segment follows     it must begin with E: the writer syncs a segment before it begins the next.
 *                               If it does, this one has ended here; if not, records are missing: damage.
 *   a mark further on in this   it says which number was durable when its group was written: E or more means that
 *   segment                     record E had been synced, so it has been damaged since.
 *   the file is shorter than    somebody has cut it: damage. The writer closes a segment before it shortens it.
 *   its header says
 *   none of these               nobody was ever told that E is durable: the journal ends here. Whatever follows belongs to
 *                               groups that were never synced and may be of any form, since a power cut loses and reorders
 *                               their sectors; all of it is dropped, whole records too: a history has no holes.
 */
#include "journal/reader.h"

#include "base/mem.h"
#include "journal/folder.h"
#include "journal/format.h"

#include <inttypes.h>
#include <stdio.h>

struct journal_reader {
    char *path; /* owned; of the folder */
    struct folder folder;
    size_t next; /* segment to open, in folder */
    uint64_t from_seq;
    uint64_t expected_seq;
    bool is_ended;

    struct buf bytes; /* the running segment */
    size_t offset;
    uint32_t seed;
    uint64_t segment_bytes;           /* that its file must have, unless it is closed */
    bool is_closed;                   /* a close record was read */
    uint64_t passed_bytes, all_bytes; /* segments before this one; all */
    struct journal_end end;
};

static oxq_err complain(const struct journal_reader *r, struct oxq_error *err, const char *reason)
{
    return err_set(err, OXQ_ERR_FORMAT, "journal segment %s is damaged at offset %zu: %s", r->end.segment, r->offset,
                   reason);
}

/* ---------------------------------------------------------------- segments */

/* The last one may have had a sync that failed: what it wrote then may still be in the system's memory, and nowhere else. */
static oxq_err load(struct journal_reader *r, const char *path, bool is_last, struct oxq_error *err)
{
    struct disk_file f = DISK_CLOSED;
    uint64_t bytes = 0;
    size_t len = 0;
    oxq_err e = disk_open(path, DISK_READ, &f, err);
    if (!e) e = disk_size(&f, &bytes, err);
    if (!e && is_last) disk_forget(&f);
    r->bytes.len = 0;
    if (!e) {
        e = buf_reserve(&r->bytes, bytes);
        if (e) err_set(err, e, "no memory to read %s, %" PRIu64 " bytes", path, bytes);
    }
    if (!e && bytes) e = disk_read_at(&f, r->bytes.at, bytes, 0, &len, err);
    r->bytes.len = len;
    disk_close(&f);
    return e;
}

static oxq_err open_segment(struct journal_reader *r, struct oxq_error *err)
{
    char path[PATH_MAX], text[160];
    uint64_t first_seq = r->folder.first_seqs[r->next];
    folder_segment_path(path, r->path, first_seq);
    r->passed_bytes += r->bytes.len;
    oxq_err e = load(r, path, r->next + 1 == r->folder.count, err);
    if (e) return e;
    r->next++;
    r->offset = 0;
    r->end.segments_count++;
    char name[FOLDER_NAME_CHARS];
    folder_segment_name(name, first_seq);
    snprintf(r->end.segment, sizeof(r->end.segment), "%s", name);
    struct format_segment segment;
    if (format_is_newer(buf_borrow(&r->bytes)))
        return err_set(err, OXQ_ERR_NEWER,
                       "journal segment %s: a newer version of oxq wrote it, whose format this one cannot read",
                       r->end.segment);
    const char *reason = format_read_header(buf_borrow(&r->bytes), &segment);
    if (reason) return complain(r, err, reason);
    if (segment.first_seq != first_seq) {
        snprintf(text, sizeof(text), "its header says that it begins with record %" PRIu64, segment.first_seq);
        return complain(r, err, text);
    }
    r->seed = format_seed(segment.id);
    r->segment_bytes = segment.bytes;
    r->is_closed = false;
    r->offset = FORMAT_HEADER_BYTES;
    r->expected_seq = first_seq;
    return OXQ_OK;
}

/* The segment that holds from_seq, or would. */
static oxq_err find_start(struct journal_reader *r, struct oxq_error *err)
{
    const struct folder *f = &r->folder;
    if (f->count && f->first_seqs[0] > r->from_seq)
        return err_set(err, OXQ_ERR_FORMAT,
                       "the journal in %s begins with record %" PRIu64 ", but record %" PRIu64 " is needed", r->path,
                       f->first_seqs[0], r->from_seq);
    while (r->next + 1 < f->count && f->first_seqs[r->next + 1] <= r->from_seq) r->next++;
    for (size_t i = r->next; i < f->count; i++) {
        char path[PATH_MAX];
        struct disk_file file = DISK_CLOSED;
        uint64_t bytes = 0;
        folder_segment_path(path, r->path, f->first_seqs[i]);
        oxq_err e = disk_open(path, DISK_READ, &file, err);
        if (!e) e = disk_size(&file, &bytes, err);
        disk_close(&file);
        if (e) return e;
        r->all_bytes += bytes;
    }
    return OXQ_OK;
}

/* ---------------------------------------------------------------- the end of a segment */

/* The bytes that were written from the end on, as far as can be told: the torn record, and all up to the last mark. */
static uint64_t measure_tail(struct slice tail, size_t marks_end)
{
    if (format_is_end(tail)) return marks_end;
    size_t bytes = tail.len < FORMAT_MARK_BYTES ? tail.len : format_read_own(tail.at).bytes;
    if (bytes > tail.len) bytes = tail.len;
    return bytes > marks_end ? bytes : marks_end;
}

/* No whole record at offset: reason says why. Ends the journal, goes on to the next segment, or complains. */
static oxq_err end_segment(struct journal_reader *r, const char *reason, struct oxq_error *err)
{
    char text[200];
    struct slice tail = slice_from(buf_borrow(&r->bytes), r->offset);
    size_t marks_end = 0;
    uint64_t durable = format_find_marks(tail, r->seed, &marks_end);
    if (!r->is_closed && durable >= r->expected_seq) {
        snprintf(text, sizeof(text), "%s, where record %" PRIu64 " was durable", reason, r->expected_seq);
        return complain(r, err, text);
    }
    if (!r->is_closed && r->bytes.len < r->segment_bytes) {
        snprintf(text, sizeof(text), "%s, and the file has been cut short: %zu bytes of %" PRIu64 " are there", reason,
                 r->bytes.len, r->segment_bytes);
        return complain(r, err, text);
    }
    if (r->next == r->folder.count) {
        r->is_ended = true;
        r->end.dropped_bytes = r->is_closed ? 0 : measure_tail(tail, marks_end);
        r->end.offset = r->offset;
        return OXQ_OK;
    }
    uint64_t follows = r->folder.first_seqs[r->next];
    if (follows == r->expected_seq) return open_segment(r, err);
    snprintf(text, sizeof(text), "%s, and the next segment begins with record %" PRIu64 " instead of %" PRIu64, reason,
             follows, r->expected_seq);
    return complain(r, err, text);
}

/* ---------------------------------------------------------------- records */

/* Takes in a whole record; *out_is_given: it is one to give out. */
static oxq_err take_record(struct journal_reader *r, const struct format_record *record, bool *out_is_given,
                           struct oxq_error *err)
{
    char text[160];
    *out_is_given = false;
    if (record->type != FORMAT_EFFECTS && record->seq >= r->expected_seq) {
        snprintf(text, sizeof(text), "a mark says that record %" PRIu64 " was durable, but %" PRIu64 " has not come",
                 record->seq, r->expected_seq);
        return complain(r, err, text);
    }
    if (record->type == FORMAT_EFFECTS && record->seq != r->expected_seq) {
        snprintf(text, sizeof(text), "record %" PRIu64 " where %" PRIu64 " belongs", record->seq, r->expected_seq);
        return complain(r, err, text);
    }
    r->offset += record->bytes;
    if (record->type == FORMAT_CLOSE) r->is_closed = true;
    if (record->type != FORMAT_EFFECTS) return OXQ_OK;
    r->expected_seq++;
    if (record->seq < r->from_seq) return OXQ_OK;
    r->end.last_seq = record->seq;
    r->end.records_count++;
    r->end.bytes += record->bytes;
    *out_is_given = true;
    return OXQ_OK;
}

static const char *read_record(const struct journal_reader *r, struct format_record *out)
{
    return format_read(slice_from(buf_borrow(&r->bytes), r->offset), r->seed, out);
}

oxq_err journal_reader_next(struct journal_reader *r, struct journal_record *out, bool *out_has, struct oxq_error *err)
{
    while (!r->is_ended) {
        struct format_record record;
        bool is_given = false;
        const char *reason = r->is_closed ? "it is closed" : read_record(r, &record);
        oxq_err e = reason ? end_segment(r, reason, err) : take_record(r, &record, &is_given, err);
        if (e) {
            r->is_ended = true;
            return e;
        }
        if (!is_given) continue;
        *out = (struct journal_record){.seq = record.seq, .payload = record.payload};
        *out_has = true;
        return OXQ_OK;
    }
    *out_has = false;
    return OXQ_OK;
}

/* ---------------------------------------------------------------- open, close */

oxq_err journal_reader_open(const char *folder, uint64_t from_seq, struct journal_reader **out, struct oxq_error *err)
{
    struct journal_reader *r = mem_alloc_zero(sizeof(*r));
    size_t bytes = strlen(folder) + 1;
    CHECK(from_seq > 0);
    r->path = memcpy(mem_alloc(bytes), folder, bytes);
    r->from_seq = from_seq;
    r->end.last_seq = from_seq - 1;
    r->bytes.limit_bytes = SIZE_MAX / 2;
    oxq_err e = folder_read(&r->folder, folder, err);
    if (!e) e = find_start(r, err);
    r->is_ended = r->folder.count == 0;
    if (!e && !r->is_ended) e = open_segment(r, err);
    if (e) {
        journal_reader_close(r);
        return e;
    }
    *out = r;
    return OXQ_OK;
}

void journal_reader_close(struct journal_reader *r)
{
    if (!r) return;
    folder_deinit(&r->folder);
    buf_deinit(&r->bytes);
    mem_free(r->path);
    mem_free(r);
}

const struct journal_end *journal_reader_end(const struct journal_reader *r)
{
    return &r->end;
}

void journal_reader_progress(const struct journal_reader *r, uint64_t *out_done, uint64_t *out_all)
{
    *out_done = r->is_ended ? r->all_bytes : r->passed_bytes + r->offset;
    *out_all = r->all_bytes;
}

static void last_path(const struct journal_reader *r, char out[PATH_MAX])
{
    folder_segment_path(out, r->path, r->folder.first_seqs[r->folder.count - 1]);
}

/* All before it were synced: by their writer, or by who read them when they were the last. */
oxq_err journal_reader_sync(struct journal_reader *r, struct oxq_error *err)
{
    CHECK(r->is_ended);
    if (r->folder.count == 0) return OXQ_OK;
    char path[PATH_MAX];
    struct disk_file f = DISK_CLOSED;
    last_path(r, path);
    oxq_err e = disk_open(path, DISK_WRITE, &f, err);
    if (!e) e = disk_sync(&f, err);
    disk_close(&f);
    return e;
}

oxq_err journal_reader_cut(struct journal_reader *r, struct oxq_error *err)
{
    CHECK(r->is_ended);
    if (!r->end.offset || r->end.offset == r->bytes.len) return journal_reader_sync(r, err);
    char path[PATH_MAX];
    struct disk_file f = DISK_CLOSED;
    last_path(r, path);
    char close[FORMAT_MARK_BYTES];
    format_write_close(close, r->expected_seq - 1, r->seed);
    oxq_err e = disk_open(path, DISK_WRITE, &f, err);
    if (!e) e = disk_write_at(&f, slice_of(close, sizeof(close)), r->end.offset, err);
    if (!e) e = disk_sync(&f, err);
    if (!e) e = disk_truncate(&f, r->end.offset + sizeof(close), err);
    if (!e) e = disk_sync(&f, err);
    disk_close(&f);
    return e;
}
