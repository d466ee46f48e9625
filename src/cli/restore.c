/* SPDX-License-Identifier: MIT */
/*
 * oxq restore: a backup becomes a data folder. Each file's size and checksum must be what the backup says. All is copied to a
 * folder beside, DIR.restoring, which is renamed at the end: DIR is there whole or not at all. What an interrupted restore left
 * there is written anew; a file of another backup would be read as part of this one, so that such a folder is refused.
 */
#include "cli/cli.h"
#include "cli/copy.h"
#include "cli/text.h"
#include "os/file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct restore {
    const char *from;
    char to[PATH_MAX], beside[PATH_MAX];
    struct disk_file lock; /* of the folder beside, and of the data folder that it becomes */
    struct manifest manifest;
    struct copier copier;
    struct progress progress;
    struct oxq_error err;
};

static oxq_err restore_file(struct restore *r, const struct manifest_file *file)
{
    char from[PATH_MAX], to[PATH_MAX];
    struct manifest_file got = *file;
    copy_join(from, r->from, file->path);
    copy_join(to, r->beside, file->path);
    oxq_err e = copy_file(&r->copier, from, to, &got, &r->err);
    if (e) return e;
    if (got.bytes != file->bytes)
        return err_set(&r->err, OXQ_ERR_FORMAT, "%s: it has %" PRIu64 " bytes, the backup's list says %" PRIu64, from,
                       got.bytes, file->bytes);
    if (got.crc != file->crc) return err_set(&r->err, OXQ_ERR_FORMAT, "%s: it is damaged, its checksum is wrong", from);
    return OXQ_OK;
}

static oxq_err make_folders(struct restore *r)
{
    char path[PATH_MAX];
    oxq_err e = file_make_folder(r->beside, &r->err);
    copy_join(path, r->beside, "lock");
    if (!e) e = disk_lock(path, &r->lock, &r->err);
    copy_join(path, r->beside, "journal");
    if (!e) e = file_make_folder(path, &r->err);
    copy_join(path, r->beside, "checkpoint");
    return e ? e : file_make_folder(path, &r->err);
}

/* A file of the folder beside that no restore of this backup made. */
struct stray {
    const struct restore *restore;
    const char *folder; /* that is looked at: "journal/" */
    char path[PATH_MAX];
};

static void look_for_stray(void *ctx, const char *name)
{
    struct stray *s = ctx;
    char path[PATH_MAX];
    bool is_ours = !s->folder[0] && (!strcmp(name, "lock") || !strcmp(name, "journal") || !strcmp(name, "checkpoint"));
    if (snprintf(path, sizeof(path), "%s%s", s->folder, name) >= (int)sizeof(path)) return;
    if (!is_ours && !manifest_find(&s->restore->manifest, path)) memcpy(s->path, path, sizeof(path));
}

/* The folder beside, for us alone. Returns an exit code. */
static int take_beside(struct restore *r)
{
    static const char *const folders[] = {"", "journal/", "checkpoint/"};
    struct stray stray = {.restore = r};
    oxq_err e = make_folders(r);
    if (e == OXQ_ERR_EXISTS) return cli_refuse("%s", r->err.text);
    for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]) && !e; i++) {
        char path[PATH_MAX];
        stray.folder = folders[i];
        copy_join(path, r->beside, stray.folder);
        e = disk_list(path, look_for_stray, &stray, &r->err);
    }
    if (e) return cli_fail("%s", r->err.text);
    if (!stray.path[0]) return CLI_OK;
    return cli_refuse("%s has %s, which is of another backup: remove that folder", r->beside, stray.path);
}

static oxq_err sync_folders(struct restore *r)
{
    char path[PATH_MAX];
    copy_join(path, r->beside, "journal");
    oxq_err e = disk_sync_folder(path, &r->err);
    copy_join(path, r->beside, "checkpoint");
    if (!e) e = disk_sync_folder(path, &r->err);
    return e ? e : disk_sync_folder(r->beside, &r->err);
}

static oxq_err restore_all(struct restore *r)
{
    char parent[PATH_MAX];
    oxq_err e = OXQ_OK;
    for (size_t i = 0; i < r->manifest.files_count && !e; i++) e = restore_file(r, &r->manifest.files[i]);
    if (!e) e = sync_folders(r);
    if (e) return e;
    /* rename(2) puts a folder in the place of an empty one. */
    e = disk_rename(r->beside, r->to, &r->err);
    copy_join(parent, r->to, "..");
    return e ? e : disk_sync_folder(parent, &r->err);
}

static void take_any(void *ctx, const char *name)
{
    (void)name;
    *(bool *)ctx = true;
}

/* Returns an exit code. */
static int read_backup(struct restore *r)
{
    char partial[PATH_MAX];
    copy_join(partial, r->from, MANIFEST_PARTIAL_NAME);
    oxq_err e = manifest_read(&r->manifest, r->from, MANIFEST_NAME, &r->err);
    if (!e) return CLI_OK;
    if (e != OXQ_ERR_NOT_FOUND) return cli_fail("%s", r->err.text);
    if (file_exists(partial))
        return cli_refuse("%s holds an unfinished backup: give the command oxq backup again", r->from);
    return cli_refuse("%s holds no backup: it has no %s", r->from, MANIFEST_NAME);
}

/* Returns an exit code. */
static int look_at_target(struct restore *r)
{
    bool has_files = false;
    struct statx st;
    if (!file_exists(r->to)) return CLI_OK;
    if (statx(AT_FDCWD, r->to, 0, STATX_BASIC_STATS, &st) == 0 && (st.stx_attributes & STATX_ATTR_MOUNT_ROOT))
        return cli_refuse("%s is a mount point, which cannot be replaced: give a folder in it, such as %s/data", r->to,
                          r->to);
    if (disk_list(r->to, take_any, &has_files, &r->err) != OXQ_OK) return cli_refuse("%s", r->err.text);
    return has_files ? cli_refuse("%s is not empty: give a folder that is not there yet", r->to) : CLI_OK;
}

static void print_summary(const struct restore *r)
{
    char bytes[PROGRESS_TEXT_CHARS];
    fprintf(stderr, "oxq: restored %s, up to record %" PRIu64 ", in %.1f s. Start it: oxq serve --dir %s\n",
            progress_bytes(r->copier.done_bytes, bytes), r->manifest.last_seq, progress_seconds(&r->progress), r->to);
}

static int print_json(const struct restore *r)
{
    OWNED(buf_deinit) struct buf line = {.limit_bytes = SIZE_MAX};
    struct json_writer w = {.out = &line};
    json_write_open(&w, '{');
    text_write(&w, "target", r->from);
    text_write(&w, "folder", r->to);
    text_write_number(&w, "last_record", (int64_t)r->manifest.last_seq);
    text_write_number(&w, "files", (int64_t)r->manifest.files_count);
    text_write_number(&w, "copied_bytes", (int64_t)r->copier.done_bytes);
    text_write_real(&w, "seconds", progress_seconds(&r->progress));
    json_write_close(&w, '}');
    return text_end_line(&w);
}

static int run_restore(struct restore *r, bool is_json, bool is_quiet)
{
    int code = read_backup(r);
    if (!code) code = look_at_target(r);
    if (!code) code = take_beside(r);
    if (!code) {
        progress_begin(&r->progress, "restore", NULL, is_quiet);
        copier_begin(&r->copier, 0, &r->progress);
        r->copier.total_bytes = manifest_bytes(&r->manifest);
        oxq_err e = restore_all(r);
        progress_clear(&r->progress);
        if (e)
            code = cli_fail("%s", r->err.text);
        else if (is_json)
            code = print_json(r);
        else if (!is_quiet)
            print_summary(r);
    }
    disk_close(&r->lock);
    manifest_deinit(&r->manifest);
    return code;
}

/* The folder to make, by its own name where it is there: a link would not be replaced, but the folder it leads to is. */
static bool name_folders(struct restore *r, const char *to)
{
    size_t len = strlen(to);
    while (len > 1 && to[len - 1] == '/') len--;
    return (realpath(to, r->to) || snprintf(r->to, sizeof(r->to), "%.*s", (int)len, to) < (int)sizeof(r->to)) &&
           snprintf(r->beside, sizeof(r->beside), "%s.restoring", r->to) < (int)sizeof(r->beside);
}

int cli_restore(int argc, char **argv)
{
    bool is_json = false, is_quiet = false, is_help = false;
    const struct cli_flag flags[] = {
        {"--json", NULL, &is_json}, {"--quiet", NULL, &is_quiet}, {"--help", NULL, &is_help}};
    int code = cli_take_flags(&argc, argv, flags, sizeof(flags) / sizeof(flags[0]));
    if (code) return code;
    if (is_help) {
        puts(
            "Usage: oxq restore [flags] TARGET DIR\n"
            "\n"
            "Makes the data folder DIR, which must be empty or not there, from a backup that oxq backup made in TARGET.\n"
            "\n"
            "  --json             the summary as one object on standard output, for programs\n"
            "  --quiet            no progress and no summary");
        return CLI_OK;
    }
    if (argc != 2) return cli_refuse("restore needs the folder of the backup and the data folder to make");
    struct restore r = {.from = argv[0], .lock = DISK_CLOSED};
    if (!name_folders(&r, argv[1])) return cli_refuse("the folder's path is too long");
    return run_restore(&r, is_json, is_quiet);
}
