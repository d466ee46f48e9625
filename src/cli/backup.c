/* SPDX-License-Identifier: MIT */
/*
 * oxq backup: a data folder copied while its server works in it.
 *
 *   pin the journal -> copy the checkpoint (state C) -> copy the segments with records after C
 *     -> read the copied journal to its end -> write TARGET/backup.json
 *
 * The pin keeps every record after C on the disk, whatever checkpoints the server commits meanwhile. The last segment is being
 * written to: what is copied of it is a crash's view of it, so its copy is read as recovery does, and a torn end is cut off; a
 * copy whose pages are of different moments does not fit and is made again. Everything acknowledged before the segments
 * are listed is in it.
 *
 * Each file that is whole is noted in TARGET/backup.partial. An interrupted backup goes on there: files whose checksums still
 * hold are kept, the checkpoint only while the journal still goes back to it.
 */
#include "base/num.h"
#include "checkpoint/checkpoint.h"
#include "cli/cli.h"
#include "cli/copy.h"
#include "cli/text.h"
#include "journal/folder.h"
#include "journal/pin.h"
#include "journal/reader.h"
#include "os/clock.h"
#include "os/file.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#define CHECKPOINT_PATH "checkpoint/data.mdb"
#define SEGMENT_HEADER_BYTES 4096
/* A copy of the running segment that does not fit is made again this often. */
#define TAIL_ATTEMPTS 10

struct backup {
    const char *from, *to; /* folders */
    char journal_from[PATH_MAX], journal_to[PATH_MAX];
    char checkpoint_from[PATH_MAX], checkpoint_to[PATH_MAX];
    struct disk_file pin, lock;
    struct manifest manifest;
    struct copier copier;
    struct progress progress;
    uint64_t kept_bytes; /* of an earlier attempt */
    uint64_t records_count, keys_count;
    bool is_checkpoint_kept;
    struct oxq_error err;
};

static oxq_err note_file(struct backup *b, const struct manifest_file *file)
{
    manifest_set(&b->manifest, file);
    return manifest_write(&b->manifest, b->to, MANIFEST_PARTIAL_NAME, &b->err);
}

/* Is the file still what the earlier attempt said? */
static bool is_kept(struct backup *b, const char *path)
{
    char at[PATH_MAX];
    const struct manifest_file *noted = manifest_find(&b->manifest, path);
    struct manifest_file now = {0};
    if (!noted) return false;
    copy_join(at, b->to, path);
    return copy_measure(at, &now, NULL) == OXQ_OK && now.bytes == noted->bytes && now.crc == noted->crc;
}

/* ---------------------------------------------------------------- the checkpoint */

static bool show_checkpoint(void *ctx, uint64_t done_bytes, uint64_t all_bytes)
{
    struct backup *b = ctx;
    progress_show(&b->progress, done_bytes, all_bytes, done_bytes);
    return true;
}

static oxq_err copy_checkpoint(struct backup *b)
{
    char to[PATH_MAX];
    struct manifest_file file = {.path = CHECKPOINT_PATH};
    const struct checkpoint_backup_opts opts = {
        .bytes_per_second = b->copier.rate_bytes, .on_progress = show_checkpoint, .ctx = b};
    copy_join(to, b->to, CHECKPOINT_PATH);
    manifest_remove(&b->manifest, CHECKPOINT_PATH);
    copy_discard(to);
    oxq_err e = checkpoint_backup(b->checkpoint_from, to, &opts, &b->manifest.checkpoint_seq, &b->err);
    if (!e) e = copy_measure(to, &file, &b->err);
    if (e) return e;
    copier_skip(&b->copier, file.bytes);
    b->is_checkpoint_kept = false;
    return note_file(b, &file);
}

/* Opens the copy: it must be a checkpoint, and says which. */
static oxq_err read_checkpoint(struct backup *b)
{
    char lock[PATH_MAX];
    struct checkpoint *c = NULL;
    struct checkpoint_summary summary;
    oxq_err e =
        checkpoint_open(&(struct checkpoint_opts){.folder = b->checkpoint_to, .is_read_only = true}, &c, &b->err);
    if (e) return e;
    checkpoint_summary(c, &summary);
    checkpoint_close(c);
    copy_join(lock, b->checkpoint_to, "lock.mdb");
    copy_discard(lock);
    b->manifest.checkpoint_seq = summary.seq;
    b->keys_count = summary.keys_count;
    return OXQ_OK;
}

/* The checkpoint of an earlier attempt, where there is one, or a new copy. */
static oxq_err take_checkpoint(struct backup *b)
{
    if (is_kept(b, CHECKPOINT_PATH) && read_checkpoint(b) == OXQ_OK) {
        b->is_checkpoint_kept = true;
        b->kept_bytes += manifest_find(&b->manifest, CHECKPOINT_PATH)->bytes;
        return OXQ_OK;
    }
    oxq_err e = copy_checkpoint(b);
    return e ? e : read_checkpoint(b);
}

/* ---------------------------------------------------------------- segments */

static bool read_header(const char *path, char out[SEGMENT_HEADER_BYTES])
{
    struct disk_file f = DISK_CLOSED;
    size_t got = 0;
    if (disk_open(path, DISK_READ, &f, NULL) != OXQ_OK) return false;
    oxq_err e = disk_read_at(&f, out, SEGMENT_HEADER_BYTES, 0, &got, NULL);
    disk_close(&f);
    return !e && got == SEGMENT_HEADER_BYTES;
}

/* A header names its segment by a random number. */
static bool is_same_segment(const char *a, const char *b)
{
    char header_a[SEGMENT_HEADER_BYTES], header_b[SEGMENT_HEADER_BYTES];
    return read_header(a, header_a) && read_header(b, header_b) &&
           memcmp(header_a, header_b, SEGMENT_HEADER_BYTES) == 0;
}

static oxq_err copy_segment(struct backup *b, uint64_t first_seq, bool is_last)
{
    char from[PATH_MAX], to[PATH_MAX], name[FOLDER_NAME_CHARS];
    struct manifest_file file = {0};
    folder_segment_name(name, first_seq);
    snprintf(file.path, sizeof(file.path), "journal/%s", name);
    folder_segment_path(from, b->journal_from, first_seq);
    folder_segment_path(to, b->journal_to, first_seq);
    const struct manifest_file *noted = manifest_find(&b->manifest, file.path);
    /* A segment of which we have a copy from when it was the last one has grown since. */
    if (noted && !is_last && is_kept(b, file.path) && is_same_segment(from, to)) {
        b->kept_bytes += noted->bytes;
        return OXQ_OK;
    }
    manifest_remove(&b->manifest, file.path);
    oxq_err e = copy_file(&b->copier, from, to, &file, &b->err);
    /* The running one is noted when all is done: an interrupted backup takes it anew. */
    if (e || is_last) return e;
    return note_file(b, &file);
}

/* The first segment with a record after the checkpoint; false: the journal does not go back so far. */
static bool find_first(const struct folder *f, uint64_t checkpoint_seq, size_t *out)
{
    *out = 0;
    if (f->count == 0) return true;
    if (f->first_seqs[0] > checkpoint_seq + 1) return false;
    while (*out + 1 < f->count && f->first_seqs[*out + 1] <= checkpoint_seq + 1) ++*out;
    return true;
}

/* Segments of an earlier attempt that are not needed any more, on the disk and in the list. */
static void drop_segments(struct backup *b, uint64_t before_seq)
{
    struct folder f = {0};
    char path[PATH_MAX], first[FOLDER_NAME_CHARS], needed[MANIFEST_PATH_CHARS];
    folder_segment_name(first, before_seq);
    snprintf(needed, sizeof(needed), "journal/%s", first);
    for (size_t i = b->manifest.files_count; i-- > 0;) {
        const char *noted = b->manifest.files[i].path;
        /* Names are in the order of their numbers. */
        if (strncmp(noted, "journal/", 8) == 0 && strcmp(noted, needed) < 0) manifest_remove(&b->manifest, noted);
    }
    if (folder_read(&f, b->journal_to, NULL) != OXQ_OK) return;
    for (size_t i = 0; i < f.count && f.first_seqs[i] < before_seq; i++) {
        folder_segment_path(path, b->journal_to, f.first_seqs[i]);
        copy_discard(path);
    }
    folder_deinit(&f);
}

static uint64_t size_of(const char *path)
{
    struct disk_file f = DISK_CLOSED;
    uint64_t bytes = 0;
    if (disk_open(path, DISK_READ, &f, NULL) != OXQ_OK) return 0;
    if (disk_size(&f, &bytes, NULL) != OXQ_OK) bytes = 0;
    disk_close(&f);
    return bytes;
}

static void expect_segments(struct backup *b, const struct folder *f, size_t first)
{
    char path[PATH_MAX];
    b->copier.total_bytes = b->copier.done_bytes;
    for (size_t i = first; i < f->count; i++) {
        folder_segment_path(path, b->journal_from, f->first_seqs[i]);
        b->copier.total_bytes += size_of(path);
    }
}

static oxq_err copy_segments(struct backup *b)
{
    struct folder f = {0};
    size_t first;
    oxq_err e = folder_read(&f, b->journal_from, &b->err);
    if (e) return e;
    if (!find_first(&f, b->manifest.checkpoint_seq, &first)) {
        e = b->is_checkpoint_kept ? copy_checkpoint(b) : OXQ_OK;
        if (!e) e = read_checkpoint(b);
        if (!e && !find_first(&f, b->manifest.checkpoint_seq, &first))
            e = err_set(&b->err, OXQ_ERR_FORMAT, "%s: the journal begins with record %" PRIu64 ", after the checkpoint",
                        b->from, f.first_seqs[0]);
    }
    if (!e && f.count > 0) {
        drop_segments(b, f.first_seqs[first]);
        expect_segments(b, &f, first);
    }
    for (size_t i = first; i < f.count && !e; i++) e = copy_segment(b, f.first_seqs[i], i + 1 == f.count);
    folder_deinit(&f);
    return e;
}

/* Reads the copied journal to its end, as recovery will, and cuts what is torn. Errors: FORMAT: it does not fit. */
static oxq_err read_copy(struct backup *b)
{
    struct journal_reader *r = NULL;
    struct journal_record record;
    bool has = true;
    oxq_err e = journal_reader_open(b->journal_to, b->manifest.checkpoint_seq + 1, &r, &b->err);
    while (!e && has) e = journal_reader_next(r, &record, &has, &b->err);
    if (!e && journal_reader_end(r)->dropped_bytes > 0) e = journal_reader_cut(r, &b->err);
    if (!e) {
        b->manifest.last_seq = journal_reader_end(r)->last_seq;
        b->records_count = journal_reader_end(r)->records_count;
    }
    journal_reader_close(r);
    return e;
}

/* Notes the segments that are there, as they are after the cut. */
static oxq_err note_segments(struct backup *b)
{
    struct folder f = {0};
    oxq_err e = folder_read(&f, b->journal_to, &b->err);
    for (size_t i = 0; i < f.count && !e; i++) {
        char path[PATH_MAX], name[FOLDER_NAME_CHARS];
        struct manifest_file file = {0};
        folder_segment_name(name, f.first_seqs[i]);
        snprintf(file.path, sizeof(file.path), "journal/%s", name);
        folder_segment_path(path, b->journal_to, f.first_seqs[i]);
        if (i + 1 < f.count && manifest_find(&b->manifest, file.path)) continue;
        e = copy_measure(path, &file, &b->err);
        if (!e) manifest_set(&b->manifest, &file);
    }
    folder_deinit(&f);
    return e;
}

static oxq_err take_journal(struct backup *b)
{
    oxq_err e = OXQ_ERR_FORMAT;
    for (int attempt = 0; attempt < TAIL_ATTEMPTS && e == OXQ_ERR_FORMAT; attempt++) {
        e = copy_segments(b);
        if (!e) e = read_copy(b);
    }
    return e ? e : note_segments(b);
}

/* ---------------------------------------------------------------- the whole */

static oxq_err finish(struct backup *b)
{
    char partial[PATH_MAX];
    b->manifest.created_ms = clock_wall_ms(os_clock());
    oxq_err e = disk_sync_folder(b->journal_to, &b->err);
    if (!e) e = disk_sync_folder(b->checkpoint_to, &b->err);
    if (!e) e = manifest_write(&b->manifest, b->to, MANIFEST_NAME, &b->err);
    if (e) return e;
    copy_join(partial, b->to, MANIFEST_PARTIAL_NAME);
    return disk_remove(partial, &b->err);
}

static oxq_err back_up(struct backup *b)
{
    char data[PATH_MAX];
    oxq_err e = journal_pin(b->journal_from, &b->pin, &b->err);
    if (e) return e;
    copy_join(data, b->from, CHECKPOINT_PATH);
    b->copier.total_bytes = size_of(data);
    /* The list first: without it nobody would know what the folders are. */
    e = manifest_write(&b->manifest, b->to, MANIFEST_PARTIAL_NAME, &b->err);
    if (!e) e = file_make_folder(b->journal_to, &b->err);
    if (!e) e = file_make_folder(b->checkpoint_to, &b->err);
    if (!e) e = take_checkpoint(b);
    if (!e) e = take_journal(b);
    if (!e) e = finish(b);
    disk_close(&b->pin);
    return e;
}

/* What an attempt leaves that ended before its list was written does not count. */
static void take_any(void *ctx, const char *name)
{
    if (strcmp(name, "backup.lock") != 0 && strcmp(name, MANIFEST_PARTIAL_NAME ".new") != 0) *(bool *)ctx = true;
}

/* When the source's checkpoint was made; 0: its file system does not know. */
static int64_t read_birth(const struct backup *b)
{
    char path[PATH_MAX];
    struct statx st;
    copy_join(path, b->from, CHECKPOINT_PATH);
    if (statx(AT_FDCWD, path, 0, STATX_BTIME, &st) != 0 || !(st.stx_mask & STATX_BTIME)) return 0;
    return st.stx_btime.tv_sec * 1000000000 + st.stx_btime.tv_nsec;
}

/* The unfinished backup that is there goes on when it is of this folder, and not of one that was in its place. Returns an exit code. */
static int look_at_source(struct backup *b)
{
    int64_t born_ns = read_birth(b);
    struct manifest *m = &b->manifest;
    if (m->source[0] && strcmp(m->source, b->from) != 0)
        return cli_refuse("%s holds an unfinished backup of %s", b->to, m->source);
    if (m->source_born_ns && born_ns && m->source_born_ns != born_ns)
        return cli_refuse("%s holds an unfinished backup of another folder that was in the place of %s", b->to,
                          b->from);
    snprintf(m->source, sizeof(m->source), "%s", b->from);
    m->source_born_ns = born_ns;
    return CLI_OK;
}

/* A new folder, an empty one, or one with an unfinished backup of the same source. Returns an exit code. */
static int open_target(struct backup *b)
{
    char path[PATH_MAX];
    bool has_files = false;
    oxq_err e = file_make_folder(b->to, &b->err);
    copy_join(path, b->to, "backup.lock");
    if (!e) e = disk_lock(path, &b->lock, &b->err);
    if (!e) e = disk_list(b->to, take_any, &has_files, &b->err);
    if (e) return cli_refuse("%s", b->err.text);
    copy_join(path, b->to, MANIFEST_NAME);
    if (file_exists(path)) return cli_refuse("%s holds a whole backup: choose another folder", b->to);
    e = manifest_read(&b->manifest, b->to, MANIFEST_PARTIAL_NAME, &b->err);
    if (e == OXQ_ERR_NOT_FOUND && has_files) return cli_refuse("%s is not empty and holds no backup", b->to);
    if (e && e != OXQ_ERR_NOT_FOUND) return cli_refuse("%s", b->err.text);
    return look_at_source(b);
}

static void close_target(struct backup *b)
{
    if (b->lock.fd < 0) return;
    copy_discard(b->lock.path);
    disk_close(&b->lock);
}

static void print_summary(const struct backup *b)
{
    char bytes[PROGRESS_TEXT_CHARS], kept[PROGRESS_TEXT_CHARS], keys[PROGRESS_TEXT_CHARS], records[PROGRESS_TEXT_CHARS];
    fprintf(stderr, "oxq: backed up %s: a checkpoint of %s keys and %s records after it, up to %" PRIu64 "; %s copied",
            b->from, progress_count(b->keys_count, keys), progress_count(b->records_count, records),
            b->manifest.last_seq, progress_bytes(b->copier.done_bytes, bytes));
    if (b->kept_bytes > 0) fprintf(stderr, ", %s kept from an earlier attempt", progress_bytes(b->kept_bytes, kept));
    fprintf(stderr, ", in %.1f s\n", progress_seconds(&b->progress));
}

static int print_json(const struct backup *b)
{
    OWNED(buf_deinit) struct buf line = {.limit_bytes = SIZE_MAX};
    struct json_writer w = {.out = &line};
    json_write_open(&w, '{');
    text_write(&w, "folder", b->from);
    text_write(&w, "target", b->to);
    text_write_number(&w, "checkpoint_record", (int64_t)b->manifest.checkpoint_seq);
    text_write_number(&w, "last_record", (int64_t)b->manifest.last_seq);
    text_write_number(&w, "keys", (int64_t)b->keys_count);
    text_write_number(&w, "records", (int64_t)b->records_count);
    text_write_number(&w, "files", (int64_t)b->manifest.files_count);
    text_write_number(&w, "copied_bytes", (int64_t)b->copier.done_bytes);
    text_write_number(&w, "kept_bytes", (int64_t)b->kept_bytes);
    text_write_real(&w, "seconds", progress_seconds(&b->progress));
    json_write_close(&w, '}');
    return text_end_line(&w);
}

/* ---------------------------------------------------------------- the command */

/* "50mb": bytes a second. */
static bool parse_rate(const char *text, uint64_t *out)
{
    static const struct {
        const char *name;
        uint64_t factor;
    } units[] = {{"", 1}, {"kb", 1 << 10}, {"mb", 1 << 20}, {"gb", 1 << 30}};
    size_t digits = strspn(text, "0123456789");
    uint64_t n;
    if (!num_parse_uint(slice_of(text, digits), &n) || n == 0) return false;
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        if (!slice_is(slice_from_text(text + digits), units[i].name) || n > UINT64_MAX / units[i].factor) continue;
        *out = n * units[i].factor;
        return true;
    }
    return false;
}

struct backup_flags {
    uint64_t rate_bytes;
    bool is_json, is_quiet;
};

static int run_backup(const char *from, const char *to, const struct backup_flags *f)
{
    struct backup b = {.from = from, .to = to, .pin = DISK_CLOSED, .lock = DISK_CLOSED};
    copy_join(b.journal_from, from, "journal");
    copy_join(b.journal_to, to, "journal");
    copy_join(b.checkpoint_from, from, "checkpoint");
    copy_join(b.checkpoint_to, to, "checkpoint");
    int code = copy_look_into(from);
    if (code) return code;
    if (!file_exists(b.journal_from) || !file_exists(b.checkpoint_from))
        return cli_refuse("%s is no data folder of oxq: it has no journal and no checkpoint", from);
    code = open_target(&b);
    if (!code) {
        progress_begin(&b.progress, "backup", NULL, f->is_quiet);
        copier_begin(&b.copier, f->rate_bytes, &b.progress);
        oxq_err e = back_up(&b);
        progress_clear(&b.progress);
        if (e)
            code = cli_fail("%s", b.err.text);
        else if (f->is_json)
            code = print_json(&b);
        else if (!f->is_quiet)
            print_summary(&b);
    }
    close_target(&b);
    manifest_deinit(&b.manifest);
    return code;
}

int cli_backup(int argc, char **argv)
{
    const char *rate = NULL;
    bool is_help = false;
    struct backup_flags f = {0};
    char from[PATH_MAX];
    const struct cli_flag flags[] = {{"--rate", &rate, NULL},
                                     {"--json", NULL, &f.is_json},
                                     {"--quiet", NULL, &f.is_quiet},
                                     {"--help", NULL, &is_help}};
    int code = cli_take_flags(&argc, argv, flags, sizeof(flags) / sizeof(flags[0]));
    if (code) return code;
    if (is_help) {
        puts(
            "Usage: oxq backup [flags] DIR TARGET\n"
            "\n"
            "Copies the data folder DIR, whose server may be at work, to the folder TARGET: all that was acknowledged before.\n"
            "An interrupted backup goes on when the same command is given again. oxq restore makes a data folder of it.\n"
            "\n"
            "  --rate <size>      at most so many bytes a second: 50mb\n"
            "  --json             the summary as one object on standard output, for programs\n"
            "  --quiet            no progress and no summary");
        return CLI_OK;
    }
    if (argc != 2) return cli_refuse("backup needs the data folder and the folder to copy it to");
    if (rate && !parse_rate(rate, &f.rate_bytes)) return cli_refuse("--rate %s: it must be a size, such as 50mb", rate);
    if (!realpath(argv[0], from)) return cli_refuse("%s is no folder", argv[0]);
    return run_backup(from, argv[1], &f);
}
