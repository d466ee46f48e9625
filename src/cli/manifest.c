/* SPDX-License-Identifier: MIT */
#include "cli/manifest.h"

#include "base/mem.h"
#include "cli/copy.h"
#include "codec/json.h"
#include "os/disk.h"
#include "os/file.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define TEXT_BYTES_MAX ((size_t)64 << 20)

void manifest_deinit(struct manifest *m)
{
    mem_free(m->files);
    *m = (struct manifest){0};
}

struct manifest_file *manifest_find(const struct manifest *m, const char *path)
{
    for (size_t i = 0; i < m->files_count; i++) {
        if (strcmp(m->files[i].path, path) == 0) return &m->files[i];
    }
    return NULL;
}

void manifest_set(struct manifest *m, const struct manifest_file *file)
{
    struct manifest_file *known = manifest_find(m, file->path);
    if (!known) {
        if (m->files_count == m->files_cap) {
            m->files_cap = m->files_cap > 0 ? m->files_cap * 2 : 16;
            m->files = mem_resize(m->files, sizeof(*m->files) * m->files_cap);
        }
        known = &m->files[m->files_count++];
    }
    *known = *file;
}

void manifest_remove(struct manifest *m, const char *path)
{
    struct manifest_file *file = manifest_find(m, path);
    if (file) *file = m->files[--m->files_count];
}

uint64_t manifest_bytes(const struct manifest *m)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < m->files_count; i++) bytes += m->files[i].bytes;
    return bytes;
}

/* ---------------------------------------------------------------- reading */

/* Eight hexadecimal digits. */
static bool parse_crc(struct slice text, uint32_t *out)
{
    uint32_t crc = 0;
    if (text.len != 8) return false;
    for (size_t i = 0; i < 8; i++) {
        const char *digit = memchr("0123456789abcdef", text.at[i], 16);
        if (!digit) return false;
        crc = crc << 4 | (uint32_t)(digit - "0123456789abcdef");
    }
    *out = crc;
    return true;
}

/* A path that stays in the folder. */
static bool is_inside(const char *path)
{
    return path[0] != '\0' && path[0] != '/' && strstr(path, "..") == NULL;
}

static bool read_file(const struct json *v, struct manifest_file *out)
{
    struct slice path = json_text(json_member(v, "path"));
    int64_t bytes = json_number(json_member(v, "bytes"));
    *out = (struct manifest_file){.bytes = (uint64_t)bytes};
    if (path.len == 0 || path.len >= sizeof(out->path) || memchr(path.at, '\0', path.len) || bytes < 0) return false;
    memcpy(out->path, path.at, path.len);
    return is_inside(out->path) && parse_crc(json_text(json_member(v, "crc32c")), &out->crc);
}

static bool read_tree(struct manifest *m, const struct json *root)
{
    const struct json *files = json_member(root, "files");
    struct slice source;
    OWNED(arena_deinit) struct arena arena = {0};
    if (json_kind_of(files) != JSON_KIND_LIST || !json_bytes(json_member(root, "source"), &arena, &source) ||
        source.len >= sizeof(m->source))
        return false;
    if (source.len > 0) memcpy(m->source, source.at, source.len);
    m->source_born_ns = json_number(json_member(root, "source_born_ns"));
    m->created_ms = json_number(json_member(root, "created_ms"));
    m->checkpoint_seq = (uint64_t)json_number(json_member(root, "checkpoint_seq"));
    m->last_seq = (uint64_t)json_number(json_member(root, "last_seq"));
    for (size_t i = 0; i < json_count(files); i++) {
        struct manifest_file file;
        if (!read_file(json_at(files, i), &file) || manifest_find(m, file.path)) return false;
        manifest_set(m, &file);
    }
    return true;
}

oxq_err manifest_read(struct manifest *m, const char *folder, const char *name, struct oxq_error *err)
{
    char path[PATH_MAX];
    struct json *root = NULL;
    struct oxq_error cause;
    OWNED(buf_deinit) struct buf text = {.limit_bytes = TEXT_BYTES_MAX};
    *m = (struct manifest){0};
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    oxq_err e = file_read(path, &text, err);
    if (e) return e;
    e = json_read(buf_borrow(&text), &root, &cause);
    if (e) return err_set(err, e, "%s: %s", path, cause.text);
    int64_t format = json_number(json_member(root, "oxq_backup"));
    if (format != MANIFEST_FORMAT)
        e = err_set(err, OXQ_ERR_FORMAT, "%s: format %" PRId64 ", this program knows %d", path, format,
                    MANIFEST_FORMAT);
    else if (!read_tree(m, root))
        e = err_set(err, OXQ_ERR_FORMAT, "%s: it is damaged", path);
    json_release(root);
    if (e) manifest_deinit(m);
    return e;
}

/* ---------------------------------------------------------------- writing */

static oxq_err write_text(const struct manifest *m, struct buf *out)
{
    char text[256];
    oxq_err e = buf_append(out, SLICE_LIT("{\"oxq_backup\":1,\"source\":"));
    if (!e) e = json_put_bytes(out, slice_from_text(m->source));
    snprintf(text, sizeof(text),
             ",\n\"source_born_ns\":%" PRId64 ",\"created_ms\":%" PRId64 ",\"checkpoint_seq\":%" PRIu64
             ",\"last_seq\":%" PRIu64 ",\"files\":[",
             m->source_born_ns, m->created_ms, m->checkpoint_seq, m->last_seq);
    if (!e) e = buf_append(out, slice_from_text(text));
    for (size_t i = 0; i < m->files_count && !e; i++) {
        const struct manifest_file *f = &m->files[i];
        snprintf(text, sizeof(text), "%s\n{\"path\":\"%s\",\"bytes\":%" PRIu64 ",\"crc32c\":\"%08" PRIx32 "\"}",
                 i > 0 ? "," : "", f->path, f->bytes, f->crc);
        e = buf_append(out, slice_from_text(text));
    }
    return e ? e : buf_append(out, SLICE_LIT("]}\n"));
}

oxq_err manifest_write(const struct manifest *m, const char *folder, const char *name, struct oxq_error *err)
{
    char path[PATH_MAX], beside[PATH_MAX];
    struct disk_file file = DISK_CLOSED;
    OWNED(buf_deinit) struct buf text = {.limit_bytes = TEXT_BYTES_MAX};
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    snprintf(beside, sizeof(beside), "%s/%s.new", folder, name);
    oxq_err e = write_text(m, &text);
    if (e) return err_set(err, e, "%s: %s", path, oxq_err_text(e));
    copy_discard(beside);
    e = disk_open(beside, DISK_CREATE, &file, err);
    if (!e) e = disk_write_at(&file, buf_borrow(&text), 0, err);
    if (!e) e = disk_sync(&file, err);
    disk_close(&file);
    if (!e) e = disk_rename(beside, path, err);
    return e ? e : disk_sync_folder(folder, err);
}
