/* SPDX-License-Identifier: MIT */
#include "journal/folder.h"

#include "base/mem.h"
#include "base/num.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define SEGMENT_DIGITS 20

static void add(uint64_t **numbers, size_t *count, size_t *cap, uint64_t number)
{
    if (*count == *cap) {
        *cap = *cap ? *cap * 2 : 16;
        *numbers = mem_resize(*numbers, *cap * sizeof(**numbers));
    }
    (*numbers)[(*count)++] = number;
}

/* False when the name has another form. */
static bool parse_segment(const char *name, uint64_t *out)
{
    if (strlen(name) != SEGMENT_DIGITS + 4 || strcmp(name + SEGMENT_DIGITS, ".log") != 0) return false;
    size_t zeros = strspn(name, "0");
    if (zeros >= SEGMENT_DIGITS) return false;
    return num_parse_uint(slice_of(name + zeros, SEGMENT_DIGITS - zeros), out);
}

static bool parse_spare(const char *name, uint64_t *out)
{
    return strncmp(name, "spare.", 6) == 0 && num_parse_uint(slice_from_text(name + 6), out);
}

static void take_name(void *ctx, const char *name)
{
    struct folder *f = ctx;
    uint64_t number = 0;
    if (parse_segment(name, &number)) add(&f->first_seqs, &f->count, &f->cap, number);
    if (parse_spare(name, &number)) add(&f->spares, &f->spares_count, &f->spares_cap, number);
}

static int compare_numbers(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

void folder_deinit(struct folder *f)
{
    mem_free(f->first_seqs);
    mem_free(f->spares);
    *f = (struct folder){0};
}

oxq_err folder_read(struct folder *f, const char *path, struct oxq_error *err)
{
    struct folder found = {0};
    oxq_err e = disk_list(path, take_name, &found, err);
    if (e && e != OXQ_ERR_NOT_FOUND) {
        folder_deinit(&found);
        return e;
    }
    if (found.count) qsort(found.first_seqs, found.count, sizeof(*found.first_seqs), compare_numbers);
    *f = found;
    return OXQ_OK;
}

void folder_segment_name(char out[FOLDER_NAME_CHARS], uint64_t first_seq)
{
    snprintf(out, FOLDER_NAME_CHARS, "%0*" PRIu64 ".log", SEGMENT_DIGITS, first_seq);
}

void folder_segment_path(char out[PATH_MAX], const char *folder, uint64_t first_seq)
{
    char name[FOLDER_NAME_CHARS];
    folder_segment_name(name, first_seq);
    if (snprintf(out, PATH_MAX, "%s/%s", folder, name) >= PATH_MAX) out[0] = '\0';
}

void folder_spare_path(char out[PATH_MAX], const char *folder, uint64_t number)
{
    if (snprintf(out, PATH_MAX, "%s/spare.%" PRIu64, folder, number) >= PATH_MAX) out[0] = '\0';
}
