/* SPDX-License-Identifier: MIT */
/*
 * Files that must hold what they were given: every write, sync, rename and removal of the journal goes through here.
 *
 * Each call names the path in its errors, and these are the codes of all: NOT_FOUND, EXISTS, PERMISSION, LIMIT (the disk or
 * a quota has no room left), IO. Tests make the n-th call of a kind fail (disk_fail).
 * Threads: any; a file by one at a time, but disk_sync beside anything.
 */
#ifndef OS_DISK_H
#define OS_DISK_H

#include "base/err.h"
#include "base/slice.h"

struct disk_file {
    int fd;     /* -1: closed */
    char *path; /* owned */
};

#define DISK_CLOSED ((struct disk_file){.fd = -1})

enum disk_mode {
    DISK_READ,
    DISK_WRITE, /* read and write */
    DISK_CREATE /* the same; must not be there yet; for the owner alone (mode 0600) */
};

/* Blocks, as disk_sync_folder: for some seconds while the process has no descriptor left. */
OXQ_MUST_USE oxq_err disk_open(const char *path, enum disk_mode mode, struct disk_file *out, struct oxq_error *err);
/* Of a closed file does nothing. */
void disk_close(struct disk_file *f);
/* All of it, or an error: a short write is one. */
OXQ_MUST_USE oxq_err disk_write_at(struct disk_file *f, struct slice bytes, uint64_t offset, struct oxq_error *err);
/* *out_len < cap only at the end of the file. */
OXQ_MUST_USE oxq_err disk_read_at(struct disk_file *f, void *out, size_t cap, uint64_t offset, size_t *out_len,
                                  struct oxq_error *err);
OXQ_MUST_USE oxq_err disk_size(struct disk_file *f, uint64_t *out_bytes, struct oxq_error *err);
/*
 * Reserves the room and makes the file at least that long; what is new reads as zeros. Where the file system
 * cannot reserve, zeros are written.
 */
OXQ_MUST_USE oxq_err disk_reserve(struct disk_file *f, uint64_t bytes, struct oxq_error *err);
OXQ_MUST_USE oxq_err disk_truncate(struct disk_file *f, uint64_t bytes, struct oxq_error *err);
/* The system may begin to bring these bytes to the disk, so that a later disk_sync finds less to do. A hint: it cannot fail. */
void disk_start_writing(struct disk_file *f, uint64_t offset, uint64_t bytes);
/*
 * What the system remembers of the file it forgets, but for what it has yet to write: so the next read tells what the disk has. After a
 * sync that failed that may be less. A hint: it cannot fail.
 */
void disk_forget(struct disk_file *f);
/* fdatasync(2): what was written is on the disk, and so is the file's length. */
OXQ_MUST_USE oxq_err disk_sync(struct disk_file *f, struct oxq_error *err);
/* fsync(2) of a folder: its names are durable. */
OXQ_MUST_USE oxq_err disk_sync_folder(const char *path, struct oxq_error *err);
OXQ_MUST_USE oxq_err disk_rename(const char *from, const char *to, struct oxq_error *err);
/* Renames an open file, which then has that path. */
OXQ_MUST_USE oxq_err disk_move(struct disk_file *f, const char *to, struct oxq_error *err);
OXQ_MUST_USE oxq_err disk_remove(const char *path, struct oxq_error *err);
/* Calls fn with the name of each file in a folder, in no order. */
OXQ_MUST_USE oxq_err disk_list(const char *path, void (*fn)(void *ctx, const char *name), void *ctx,
                               struct oxq_error *err);
/* Bytes that an unprivileged user may still write to the file system of path. */
OXQ_MUST_USE oxq_err disk_free_bytes(const char *path, uint64_t *out_bytes, struct oxq_error *err);
/*
 * Takes the folder for this process: a lock on `path` that ends with the process, with its pid inside. Errors: EXISTS:
 * another process has it, the text names its pid.
 */
OXQ_MUST_USE oxq_err disk_lock(const char *path, struct disk_file *out, struct oxq_error *err);
/* A folder, to hold on to: while it is open, no other can be taken for it. Blocks, as disk_open. */
OXQ_MUST_USE oxq_err disk_open_folder(const char *path, struct disk_file *out, struct oxq_error *err);
/*
 * The same and a lock on it, which holds also where somebody has removed the file that disk_lock has. A file system that locks no folders is
 * passed over. Errors: EXISTS: another process has it.
 */
OXQ_MUST_USE oxq_err disk_lock_folder(const char *path, struct disk_file *out, struct oxq_error *err);
/* Does its path still lead to it? Errors: NOT_FOUND: to nothing or to something else. */
OXQ_MUST_USE oxq_err disk_check_place(const struct disk_file *f, struct oxq_error *err);

enum disk_call {
    DISK_CALL_OPEN,
    DISK_CALL_WRITE,
    DISK_CALL_READ,
    DISK_CALL_RESERVE, /* disk_reserve, disk_truncate */
    DISK_CALL_SYNC,
    DISK_CALL_SYNC_FOLDER,
    DISK_CALL_RENAME,
    DISK_CALL_REMOVE,
    DISK_CALLS_COUNT
};
/*
 * Tests: from now on the n-th call of the kind (1: the next) and, if is_lasting, all after it fail with this errno; 0
 * makes a write short: its first half is in the file. n = 0 ends it.
 */
void disk_fail(enum disk_call call, long n, int error, bool is_lasting);
/* Tests: from now on calls of the kind wait until it is said that they need not. */
void disk_hold(enum disk_call call, bool is_held);
/* Tests: waits until a call waits so. */
void disk_wait_for_held(void);
/* Tests: has a call failed since disk_fail said so? */
bool disk_has_failed(void);

#endif
