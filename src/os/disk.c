/* SPDX-License-Identifier: MIT */
/*
 * One system call each, tried again when a signal interrupts it, and the seam where tests make one fail.
 *
 * The seam is a row of counters that all threads share: a call of a kind counts its row down and fails when it comes to
 * its turn. Without a test it is two loads of flags beside a system call.
 */
#include "os/disk.h"

#include "base/mem.h"
#include "os/process.h"
#include "os/thread.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

/* ---------------------------------------------------------------- faults */

struct fault {
    atomic_bool is_on;
    atomic_long left; /* calls until the one that fails */
    atomic_int error;
    atomic_bool is_lasting;
};

static struct fault faults[DISK_CALLS_COUNT];
static atomic_bool has_failed;

void disk_fail(enum disk_call call, long n, int error, bool is_lasting)
{
    struct fault *f = &faults[call];
    atomic_store(&f->is_on, false);
    atomic_store(&has_failed, false);
    if (n <= 0) return;
    atomic_store(&f->left, n);
    atomic_store(&f->error, error);
    atomic_store(&f->is_lasting, is_lasting);
    atomic_store(&f->is_on, true);
}

static struct lock hold_lock = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER};
static atomic_bool holds[DISK_CALLS_COUNT];
static int held_count;

void disk_hold(enum disk_call call, bool is_held)
{
    lock_enter(&hold_lock);
    atomic_store(&holds[call], is_held);
    lock_notify(&hold_lock);
    lock_leave(&hold_lock);
}

void disk_wait_for_held(void)
{
    lock_enter(&hold_lock);
    while (held_count == 0) lock_wait(&hold_lock, INT64_MAX);
    lock_leave(&hold_lock);
}

static void wait_while_held(enum disk_call call)
{
    if (!atomic_load_explicit(&holds[call], memory_order_relaxed)) return;
    lock_enter(&hold_lock);
    held_count++;
    lock_notify(&hold_lock);
    while (atomic_load(&holds[call])) lock_wait(&hold_lock, INT64_MAX);
    held_count--;
    lock_leave(&hold_lock);
}

bool disk_has_failed(void)
{
    return atomic_load(&has_failed);
}

/* Is it this call's turn to fail? Sets errno then. */
static bool must_fail(enum disk_call call)
{
    struct fault *f = &faults[call];
    wait_while_held(call);
    if (!atomic_load_explicit(&f->is_on, memory_order_relaxed)) return false;
    long left = atomic_fetch_sub(&f->left, 1);
    if (left > 1 || (left < 1 && !atomic_load(&f->is_lasting))) return false;
    atomic_store(&has_failed, true);
    errno = atomic_load(&f->error);
    return true;
}

/* ---------------------------------------------------------------- errors */

static oxq_err code_of(int error)
{
    switch (error) {
    case ENOENT: return OXQ_ERR_NOT_FOUND;
    case EEXIST: return OXQ_ERR_EXISTS;
    case EACCES:
    case EPERM:
    case EROFS: return OXQ_ERR_PERMISSION;
    case ENOSPC:
    case EDQUOT: return OXQ_ERR_LIMIT;
    default: return OXQ_ERR_IO;
    }
}

/* After a system call that failed. */
static oxq_err fail(const char *verb, const char *path, struct oxq_error *err)
{
    int error = errno;
    return err_set(err, code_of(error), "cannot %s %s: %s", verb, path, strerror(error));
}

/* ---------------------------------------------------------------- files */

/* Where a file system cannot reserve room, zeros are written, so many at a time. */
#define ZEROS_BYTES ((size_t)64 << 10)

/*
 * The program that we are in may have opened as many files and sockets as it may, for a moment; a journal that fails for good would be a high
 * price. So long we wait for a descriptor, looking again after each pause.
 */
#define DESCRIPTOR_WAIT_MS 10000
#define DESCRIPTOR_PAUSE_MS 10

static int open_patiently(const char *path, int flags)
{
    for (int waited_ms = 0;; waited_ms += DESCRIPTOR_PAUSE_MS) {
        int fd = process_move_off_standard(open(path, flags | O_CLOEXEC, 0600));
        if (fd >= 0 || (errno != EMFILE && errno != ENFILE) || waited_ms >= DESCRIPTOR_WAIT_MS) return fd;
        (void)poll(NULL, 0, DESCRIPTOR_PAUSE_MS);
    }
}

static char *copy_path(const char *path)
{
    size_t bytes = strlen(path) + 1;
    return memcpy(mem_alloc(bytes), path, bytes);
}

oxq_err disk_open(const char *path, enum disk_mode mode, struct disk_file *out, struct oxq_error *err)
{
    static const int flags[] = {
        [DISK_READ] = O_RDONLY, [DISK_WRITE] = O_RDWR, [DISK_CREATE] = O_RDWR | O_CREAT | O_EXCL};
    const char *verb = mode == DISK_CREATE ? "create" : "open";
    if (must_fail(DISK_CALL_OPEN)) return fail(verb, path, err);
    int fd = open_patiently(path, flags[mode]);
    if (fd < 0) return fail(verb, path, err);
    *out = (struct disk_file){.fd = fd, .path = copy_path(path)};
    return OXQ_OK;
}

void disk_close(struct disk_file *f)
{
    if (f->fd >= 0) close(f->fd);
    mem_free(f->path);
    *f = DISK_CLOSED;
}

static oxq_err write_all(struct disk_file *f, struct slice bytes, uint64_t offset, struct oxq_error *err)
{
    size_t done = 0;
    while (done < bytes.len) {
        ssize_t n = pwrite(f->fd, bytes.at + done, bytes.len - done, (off_t)(offset + done));
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return fail("write", f->path, err);
        /* A full disk ends a write early; the next one says why. */
        if (n == 0) return err_set(err, OXQ_ERR_IO, "cannot write %s: no progress", f->path);
        done += (size_t)n;
    }
    return OXQ_OK;
}

oxq_err disk_write_at(struct disk_file *f, struct slice bytes, uint64_t offset, struct oxq_error *err)
{
    if (!must_fail(DISK_CALL_WRITE)) return write_all(f, bytes, offset, err);
    if (errno != 0) return fail("write", f->path, err);
    oxq_err e = write_all(f, slice_of(bytes.at, bytes.len / 2), offset, err);
    if (e) return e;
    return err_set(err, OXQ_ERR_IO, "cannot write %s: short write, %zu of %zu bytes", f->path, bytes.len / 2,
                   bytes.len);
}

oxq_err disk_read_at(struct disk_file *f, void *out, size_t cap, uint64_t offset, size_t *out_len,
                     struct oxq_error *err)
{
    if (must_fail(DISK_CALL_READ)) return fail("read", f->path, err);
    size_t done = 0;
    while (done < cap) {
        ssize_t n = pread(f->fd, (char *)out + done, cap - done, (off_t)(offset + done));
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return fail("read", f->path, err);
        if (n == 0) break;
        done += (size_t)n;
    }
    *out_len = done;
    return OXQ_OK;
}

oxq_err disk_size(struct disk_file *f, uint64_t *out_bytes, struct oxq_error *err)
{
    struct stat st;
    if (fstat(f->fd, &st) != 0) return fail("ask the size of", f->path, err);
    *out_bytes = (uint64_t)st.st_size;
    return OXQ_OK;
}

static int reserve_blocks(int fd, uint64_t bytes)
{
    int rc = 0;
    do {
        rc = fallocate(fd, 0, 0, (off_t)bytes);
    } while (rc != 0 && errno == EINTR);
    return rc;
}

oxq_err disk_reserve(struct disk_file *f, uint64_t bytes, struct oxq_error *err)
{
    int rc = must_fail(DISK_CALL_RESERVE) ? -1 : reserve_blocks(f->fd, bytes);
    if (rc == 0) return OXQ_OK;
    if (errno != EOPNOTSUPP) return fail("reserve room for", f->path, err);
    static const char zeros[ZEROS_BYTES];
    uint64_t at = 0;
    oxq_err e = disk_size(f, &at, err);
    for (; !e && at < bytes; at += ZEROS_BYTES)
        e = write_all(f, slice_of(zeros, bytes - at < ZEROS_BYTES ? bytes - at : ZEROS_BYTES), at, err);
    return e;
}

oxq_err disk_truncate(struct disk_file *f, uint64_t bytes, struct oxq_error *err)
{
    if (must_fail(DISK_CALL_RESERVE) || ftruncate(f->fd, (off_t)bytes) != 0) return fail("truncate", f->path, err);
    return OXQ_OK;
}

void disk_start_writing(struct disk_file *f, uint64_t offset, uint64_t bytes)
{
    (void)sync_file_range(f->fd, (off_t)offset, (off_t)bytes, SYNC_FILE_RANGE_WRITE);
}

void disk_forget(struct disk_file *f)
{
    (void)posix_fadvise(f->fd, 0, 0, POSIX_FADV_DONTNEED);
}

oxq_err disk_sync(struct disk_file *f, struct oxq_error *err)
{
    /* Never tried again: after a failed sync the kernel may have thrown the bytes away and the next one would succeed. */
    if (must_fail(DISK_CALL_SYNC) || fdatasync(f->fd) != 0) return fail("sync", f->path, err);
    return OXQ_OK;
}

/* ---------------------------------------------------------------- folders */

oxq_err disk_sync_folder(const char *path, struct oxq_error *err)
{
    if (must_fail(DISK_CALL_SYNC_FOLDER)) return fail("sync the folder", path, err);
    int fd = open_patiently(path, O_RDONLY | O_DIRECTORY);
    if (fd < 0) return fail("open the folder", path, err);
    oxq_err e = fsync(fd) == 0 ? OXQ_OK : fail("sync the folder", path, err);
    close(fd);
    return e;
}

oxq_err disk_rename(const char *from, const char *to, struct oxq_error *err)
{
    if (must_fail(DISK_CALL_RENAME) || rename(from, to) != 0) return fail("rename", from, err);
    return OXQ_OK;
}

oxq_err disk_move(struct disk_file *f, const char *to, struct oxq_error *err)
{
    oxq_err e = disk_rename(f->path, to, err);
    if (e) return e;
    mem_free(f->path);
    f->path = copy_path(to);
    return OXQ_OK;
}

oxq_err disk_remove(const char *path, struct oxq_error *err)
{
    if (must_fail(DISK_CALL_REMOVE) || unlink(path) != 0) return fail("remove", path, err);
    return OXQ_OK;
}

oxq_err disk_list(const char *path, void (*fn)(void *ctx, const char *name), void *ctx, struct oxq_error *err)
{
    DIR *dir = opendir(path);
    if (!dir) return fail("list the folder", path, err);
    oxq_err e = OXQ_OK;
    for (;;) {
        errno = 0;
        const struct dirent *entry = readdir(dir);
        if (!entry) {
            if (errno != 0) e = fail("list the folder", path, err);
            break;
        }
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) fn(ctx, entry->d_name);
    }
    closedir(dir);
    return e;
}

oxq_err disk_free_bytes(const char *path, uint64_t *out_bytes, struct oxq_error *err)
{
    struct statvfs fs;
    if (statvfs(path, &fs) != 0) return fail("ask for the free space at", path, err);
    *out_bytes = (uint64_t)fs.f_bavail * fs.f_frsize;
    return OXQ_OK;
}

/* ---------------------------------------------------------------- lock */

static oxq_err tell_owner(int fd, const char *path, struct oxq_error *err)
{
    char pid[24];
    ssize_t len = pread(fd, pid, sizeof(pid) - 1, 0);
    pid[len > 0 ? len : 0] = '\0';
    pid[strcspn(pid, "\n")] = '\0';
    /* The owner may not have come to writing it. */
    return err_set(err, OXQ_ERR_EXISTS, "%s is locked by %s%s", path, pid[0] ? "process " : "another process", pid);
}

oxq_err disk_lock(const char *path, struct disk_file *out, struct oxq_error *err)
{
    if (must_fail(DISK_CALL_OPEN)) return fail("open", path, err);
    int fd = process_move_off_standard(open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    if (fd < 0) return fail("open", path, err);
    oxq_err e = OXQ_OK;
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        e = errno == EWOULDBLOCK ? tell_owner(fd, path, err) : fail("lock", path, err);
    } else {
        char pid[24];
        int len = snprintf(pid, sizeof(pid), "%ld\n", (long)getpid());
        if (ftruncate(fd, 0) != 0 || pwrite(fd, pid, (size_t)len, 0) != len) e = fail("write", path, err);
    }
    if (e) {
        close(fd);
        return e;
    }
    *out = (struct disk_file){.fd = fd, .path = copy_path(path)};
    return OXQ_OK;
}

oxq_err disk_open_folder(const char *path, struct disk_file *out, struct oxq_error *err)
{
    if (must_fail(DISK_CALL_OPEN)) return fail("open the folder", path, err);
    int fd = open_patiently(path, O_RDONLY | O_DIRECTORY);
    if (fd < 0) return fail("open the folder", path, err);
    *out = (struct disk_file){.fd = fd, .path = copy_path(path)};
    return OXQ_OK;
}

oxq_err disk_lock_folder(const char *path, struct disk_file *out, struct oxq_error *err)
{
    struct disk_file f = DISK_CLOSED;
    oxq_err e = disk_open_folder(path, &f, err);
    if (e) return e;
    if (flock(f.fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
        disk_close(&f);
        return err_set(err, OXQ_ERR_EXISTS, "%s is in use by another process", path);
    }
    *out = f;
    return OXQ_OK;
}

oxq_err disk_check_place(const struct disk_file *f, struct oxq_error *err)
{
    struct stat there, ours;
    bool is_gone = stat(f->path, &there) != 0;
    /* Who may not look does not know. */
    if (is_gone && errno != ENOENT && errno != ENOTDIR) return OXQ_OK;
    if (!is_gone && fstat(f->fd, &ours) == 0 && there.st_dev == ours.st_dev && there.st_ino == ours.st_ino)
        return OXQ_OK;
    return err_set(err, OXQ_ERR_NOT_FOUND, "%s was %s while it was in use", f->path,
                   is_gone ? "moved or removed" : "replaced by another");
}
