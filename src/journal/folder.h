/* SPDX-License-Identifier: MIT */
/* The files of a journal's folder by their names: segments, spares, and what is neither. */
#ifndef JOURNAL_FOLDER_H
#define JOURNAL_FOLDER_H

#include "os/disk.h"

#include <limits.h>

/* Segments by the number they start with, ascending. {0} is an empty one. */
struct folder {
    uint64_t *first_seqs; /* owned */
    size_t count, cap;
    uint64_t *spares; /* owned; numbers of spare files */
    size_t spares_count, spares_cap;
};

void folder_deinit(struct folder *f);
/* Reads the names of a folder; one that is not there is empty. Errors: IO, PERMISSION. */
OXQ_MUST_USE oxq_err folder_read(struct folder *f, const char *path, struct oxq_error *err);

#define FOLDER_NAME_CHARS 40
/* "00000000000000000042.log" */
void folder_segment_name(char out[FOLDER_NAME_CHARS], uint64_t first_seq);
/* The path of a segment, or of a spare; one that is too long comes out empty, and is never found. */
void folder_segment_path(char out[PATH_MAX], const char *folder, uint64_t first_seq);
void folder_spare_path(char out[PATH_MAX], const char *folder, uint64_t number);

#endif
