/* SPDX-License-Identifier: MIT */
/*
 * What a backup consists of, as TARGET/backup.json; while it is being made, as TARGET/backup.partial: what is whole so far.
 *
 *   {"oxq_backup":1,"source":"/var/lib/oxq","created_ms":...,"checkpoint_seq":120,"last_seq":150,
 *    "files":[{"path":"checkpoint/data.mdb","bytes":40960,"crc32c":"0123abcd"},...]}
 */
#ifndef CLI_MANIFEST_H
#define CLI_MANIFEST_H

#include "base/err.h"

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MANIFEST_FORMAT 1
#define MANIFEST_NAME "backup.json"
#define MANIFEST_PARTIAL_NAME "backup.partial"
#define MANIFEST_PATH_CHARS 80

struct manifest_file {
    char path[MANIFEST_PATH_CHARS]; /* in the folder */
    uint64_t bytes;
    uint32_t crc;
};

/* {0} is an empty one. */
struct manifest {
    char source[PATH_MAX];
    int64_t
        source_born_ns; /* when the checkpoint's file was made, which no other folder in that place has; 0: not known */
    int64_t created_ms;
    uint64_t checkpoint_seq, last_seq;
    struct manifest_file *files; /* owned */
    size_t files_count, files_cap;
};

void manifest_deinit(struct manifest *m);
/* NULL when it is not there. Borrowed until the next change. */
struct manifest_file *manifest_find(const struct manifest *m, const char *path);
/* Adds the file, or replaces what is said of it. */
void manifest_set(struct manifest *m, const struct manifest_file *file);
void manifest_remove(struct manifest *m, const char *path);
uint64_t manifest_bytes(const struct manifest *m);
/* Reads <folder>/<name>. Errors: NOT_FOUND, FORMAT, IO. */
OXQ_MUST_USE oxq_err manifest_read(struct manifest *m, const char *folder, const char *name, struct oxq_error *err);
/* Writes it beside, syncs, and renames: it is there whole or not at all. Errors: IO. */
OXQ_MUST_USE oxq_err manifest_write(const struct manifest *m, const char *folder, const char *name,
                                    struct oxq_error *err);

#endif
