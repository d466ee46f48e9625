/* SPDX-License-Identifier: MIT */
#include "cli/copy.h"

#include "base/crc32c.h"
#include "base/mem.h"
#include "cli/cli.h"
#include "os/clock.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define CHUNK_BYTES ((size_t)256 * 1024)
/* A shorter wait is not worth a sleep. */
#define WAIT_MIN_US 2000
/* What was not copied in time is made up for as far as this: pauses are no reason to go faster afterwards. */
#define LATE_MAX_US 1000000

void copy_join(char out[PATH_MAX], const char *folder, const char *name)
{
    if (snprintf(out, PATH_MAX, "%s/%s", folder, name) >= PATH_MAX) out[0] = '\0';
}

int copy_look_into(const char *folder)
{
    if (access(folder, R_OK | W_OK | X_OK) == 0 || errno != EACCES) return CLI_OK;
    return cli_refuse("%s: %s: run this as the user who runs the server", folder, strerror(errno));
}

void copy_discard(const char *path)
{
    if (disk_remove(path, NULL) != OXQ_OK) return;
}

void copier_begin(struct copier *c, uint64_t rate_bytes, struct progress *progress)
{
    *c = (struct copier){.rate_bytes = rate_bytes, .progress = progress};
    c->started_us = clock_mono_us(os_clock());
}

void copier_pace(struct copier *c, size_t bytes)
{
    c->done_bytes += bytes;
    progress_show(c->progress, c->done_bytes, c->total_bytes, c->done_bytes);
    if (c->rate_bytes == 0) return;
    int64_t due_us = c->started_us + (int64_t)((double)c->done_bytes / (double)c->rate_bytes * 1e6);
    int64_t wait_us = due_us - clock_mono_us(os_clock());
    if (wait_us < -LATE_MAX_US) c->started_us -= wait_us + LATE_MAX_US;
    if (wait_us < WAIT_MIN_US) return;
    struct timespec wait = {.tv_sec = wait_us / 1000000, .tv_nsec = wait_us % 1000000 * 1000};
    nanosleep(&wait, NULL);
}

void copier_skip(struct copier *c, uint64_t bytes)
{
    c->done_bytes += bytes;
}

/* ---------------------------------------------------------------- a file that is made */

oxq_err copy_begin(struct copy *c, struct copier *copier, const char *to, struct oxq_error *err)
{
    *c = (struct copy){.copier = copier, .file = DISK_CLOSED};
    copy_discard(to);
    return disk_open(to, DISK_CREATE, &c->file, err);
}

oxq_err copy_write(struct copy *c, struct slice bytes, struct oxq_error *err)
{
    oxq_err e = disk_write_at(&c->file, bytes, c->bytes, err);
    if (e) return e;
    c->bytes += bytes.len;
    c->crc = crc32c(c->crc, bytes);
    copier_pace(c->copier, bytes.len);
    return OXQ_OK;
}

oxq_err copy_end(struct copy *c, struct manifest_file *out, struct oxq_error *err)
{
    oxq_err e = disk_sync(&c->file, err);
    disk_close(&c->file);
    if (e) return e;
    out->bytes = c->bytes;
    out->crc = c->crc;
    return OXQ_OK;
}

void copy_abandon(struct copy *c)
{
    disk_close(&c->file);
}

/* ---------------------------------------------------------------- whole files */

/* Tells fn the file's bytes in chunks, in order. */
static oxq_err read_chunks(const char *path, oxq_err (*fn)(void *ctx, struct slice bytes, struct oxq_error *err),
                           void *ctx, struct oxq_error *err)
{
    struct disk_file file = DISK_CLOSED;
    oxq_err e = disk_open(path, DISK_READ, &file, err);
    if (e) return e;
    char *chunk = mem_alloc(CHUNK_BYTES);
    size_t got = CHUNK_BYTES;
    for (uint64_t offset = 0; !e && got == CHUNK_BYTES; offset += got) {
        e = disk_read_at(&file, chunk, CHUNK_BYTES, offset, &got, err);
        if (!e && got > 0) e = fn(ctx, slice_of(chunk, got), err);
    }
    mem_free(chunk);
    disk_close(&file);
    return e;
}

static oxq_err write_chunk(void *ctx, struct slice bytes, struct oxq_error *err)
{
    return copy_write(ctx, bytes, err);
}

oxq_err copy_file(struct copier *c, const char *from, const char *to, struct manifest_file *out, struct oxq_error *err)
{
    struct copy copy;
    oxq_err e = copy_begin(&copy, c, to, err);
    if (e) return e;
    e = read_chunks(from, write_chunk, &copy, err);
    if (!e) return copy_end(&copy, out, err);
    copy_abandon(&copy);
    return e;
}

static oxq_err measure_chunk(void *ctx, struct slice bytes, struct oxq_error *err)
{
    struct manifest_file *m = ctx;
    (void)err;
    m->bytes += bytes.len;
    m->crc = crc32c(m->crc, bytes);
    return OXQ_OK;
}

oxq_err copy_measure(const char *path, struct manifest_file *out, struct oxq_error *err)
{
    struct manifest_file m = *out;
    m.bytes = 0;
    m.crc = 0;
    oxq_err e = read_chunks(path, measure_chunk, &m, err);
    if (!e) *out = m;
    return e;
}
