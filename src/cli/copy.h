/* SPDX-License-Identifier: MIT */
/* Copies of files, at a pace, with their checksums. Private to cli/. */
#ifndef CLI_COPY_H
#define CLI_COPY_H

#include "cli/manifest.h"
#include "cli/progress.h"
#include "os/disk.h"

/* What many copies share. */
struct copier {
    uint64_t rate_bytes;       /* a second; 0: as fast as it goes */
    uint64_t done_bytes;       /* by all copies so far */
    uint64_t total_bytes;      /* expected; 0: nobody knows */
    struct progress *progress; /* borrowed */
    int64_t started_us;
};

void copier_begin(struct copier *c, uint64_t rate_bytes, struct progress *progress);
/* So many bytes were copied: waits when that was too fast. */
void copier_pace(struct copier *c, size_t bytes);

/* So many bytes were copied by somebody who kept the pace. */
void copier_skip(struct copier *c, uint64_t bytes);

/* A file that is being made: what was there is replaced, synced and measured by copy_end. */
struct copy {
    struct copier *copier;
    struct disk_file file;
    uint64_t bytes;
    uint32_t crc;
};
OXQ_MUST_USE oxq_err copy_begin(struct copy *c, struct copier *copier, const char *to, struct oxq_error *err);
OXQ_MUST_USE oxq_err copy_write(struct copy *c, struct slice bytes, struct oxq_error *err);
/* Closes it. out->bytes and out->crc are written. */
OXQ_MUST_USE oxq_err copy_end(struct copy *c, struct manifest_file *out, struct oxq_error *err);
/* Closes and leaves it. */
void copy_abandon(struct copy *c);

/* A whole file. Errors: NOT_FOUND, IO. */
OXQ_MUST_USE oxq_err copy_file(struct copier *c, const char *from, const char *to, struct manifest_file *out,
                               struct oxq_error *err);
/* Size and checksum of a file. */
OXQ_MUST_USE oxq_err copy_measure(const char *path, struct manifest_file *out, struct oxq_error *err);

/* folder/name; one that is too long comes out empty, and is never found. */
void copy_join(char out[PATH_MAX], const char *folder, const char *name);

/* CLI_OK; an exit code after saying that this user may not work in the folder, if only for its locks. Whether it is there is somebody else's question. */
int copy_look_into(const char *folder);

/* Removes a file, if it is there: what follows fails where that mattered. */
void copy_discard(const char *path);

#endif
