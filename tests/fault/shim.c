/* SPDX-License-Identifier: MIT */
/*
 * Stands between a server and its disk (LD_PRELOAD): writes down what is done to the files of one folder, and makes calls
 * fail when told to. What the server sends on sockets goes into the same record, so that it tells which reply left before
 * which write.
 *
 *   SHIM_DIR      the folder, absolute; calls on other files pass through
 *   SHIM_TRACE    file that the record is appended to; without it nothing is recorded
 *   SHIM_CONTROL  file of struct control, mapped: the test steers faults and reads the counts while the server runs
 *   SHIM_SYNC_US  how long a sync takes at least, so that others happen meanwhile
 *   SHIM_READ_US  how long a read of the journal takes at least, so that replay is slow
 *
 * A record is a struct record and its payload. Writes happen one at a time, under the lock that orders the record; a sync
 * is two records, so that a write between them is known not to be covered. A send is recorded before it is done: from
 * then on its reader may have it.
 *
 * Bare system calls do the work: the real functions would need looking up, and the looking up may come too early.
 */
#include "control.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

/* `a`, `b`: OPEN flags, was it made; WRITE offset, length; TRUNCATE length; ALLOCATE length, does the size stay; SYNC_BEGIN,
 * SYNC_END number; MAP length. Payload: bytes, or paths (RENAME: two, with their NULs). */
struct record {
    uint32_t payload_bytes;
    uint8_t kind;
    uint8_t pad[3];
    int32_t fd;
    int32_t error; /* 0: it was done */
    int64_t a, b;
};

enum { FDS_MAX = 65536, FD_TRACKED = 1, FD_SOCKET = 2, FD_OTHER = 4, FD_JOURNAL = 8 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static uint8_t fds[FDS_MAX];
static int trace_fd = -1;
static char folder[PATH_MAX]; /* a copy: a program may write over its environment to set its title */
static size_t folder_len;
static long sync_us, read_us;
static int64_t syncs_count;
static struct control own_control;
static struct control *control = &own_control;

__attribute__((constructor)) static void begin(void)
{
    static bool is_done;
    if (is_done) return;
    is_done = true;
    const char *dir = getenv("SHIM_DIR");
    folder_len = dir ? (size_t)snprintf(folder, sizeof folder, "%s", dir) : 0;
    const char *trace = getenv("SHIM_TRACE"), *us = getenv("SHIM_SYNC_US"), *slow = getenv("SHIM_READ_US");
    sync_us = us ? atol(us) : 0;
    read_us = slow ? atol(slow) : 0;
    if (trace) trace_fd = (int)syscall(SYS_openat, AT_FDCWD, trace, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    struct control *steered = control_open();
    if (steered) control = steered;
}

/* ---- which files ---- */

/* The absolute path of a name that a call was given, into out[PATH_MAX]. */
static const char *whole_path(int dir_fd, const char *name, char *out)
{
    if (name[0] == '/') return name;
    char base[PATH_MAX], link[64];
    snprintf(link, sizeof link, dir_fd == AT_FDCWD ? "/proc/self/cwd" : "/proc/self/fd/%d", dir_fd);
    long n = syscall(SYS_readlink, link, base, sizeof base - 1);
    base[n < 0 ? 0 : n] = '\0';
    snprintf(out, PATH_MAX, "%.2000s/%.2000s", base, name);
    return out;
}

static bool is_inside(const char *path)
{
    begin();
    return folder_len && strncmp(path, folder, folder_len) == 0 &&
           (path[folder_len] == '/' || path[folder_len] == '\0');
}

static bool is_tracked(int fd)
{
    return fd >= 0 && fd < FDS_MAX && (fds[fd] & FD_TRACKED);
}

static bool is_socket(int fd)
{
    if (trace_fd < 0 || fd < 0 || fd >= FDS_MAX) return false;
    if (!(fds[fd] & (FD_SOCKET | FD_OTHER | FD_TRACKED))) {
        struct stat s;
        bool is = syscall(SYS_fstat, fd, &s) == 0 && S_ISSOCK(s.st_mode);
        fds[fd] = is ? FD_SOCKET : FD_OTHER;
    }
    return fds[fd] & FD_SOCKET;
}

/* ---- the record ---- */

static void put(const void *bytes, size_t len)
{
    const char *at = bytes;
    while (len > 0) {
        long n = syscall(SYS_write, trace_fd, at, len);
        if (n <= 0) return;
        at += n;
        len -= (size_t)n;
    }
}

static void note(enum kind kind, int fd, int error, int64_t a, int64_t b, const void *bytes, size_t len)
{
    if (trace_fd < 0) return;
    struct record r = {.payload_bytes = (uint32_t)len, .kind = (uint8_t)kind, .fd = fd, .error = error, .a = a, .b = b};
    put(&r, sizeof r);
    put(bytes, len);
}

static void note_path(enum kind kind, int fd, long rc, int64_t a, int64_t b, const char *path)
{
    note(kind, fd, rc < 0 ? errno : 0, a, b, path, strlen(path) + 1);
}

/* ---- faults ---- */

/* Must this call fail? Counts it. -1: no; 0: cut it short; else the errno. */
static int fault(enum kind kind)
{
    control->counts[kind]++;
    if (control->fail_kind != (int64_t)kind) return -1;
    if (control->fail_in > 1) {
        control->fail_in--;
        return -1;
    }
    if (!control->fail_lasts) control->fail_kind = 0;
    control->failures++;
    return (int)control->fail_errno;
}

static long failed(int error)
{
    errno = error;
    return -1;
}

/* Would writing up to `end` need room that the file does not have? */
static bool is_beyond_room(int fd, int64_t end)
{
    struct stat s;
    if (!control->is_full || syscall(SYS_fstat, fd, &s) != 0) return false;
    return end > s.st_size || end > s.st_blocks * 512;
}

/* ---- writes ---- */

static int64_t position(int fd)
{
    struct stat s;
    if (syscall(SYS_fcntl, fd, F_GETFL) & O_APPEND) return syscall(SYS_fstat, fd, &s) == 0 ? s.st_size : 0;
    return syscall(SYS_lseek, fd, 0, SEEK_CUR);
}

/* offset -1: at the file's own position. */
static ssize_t do_write(int fd, const void *bytes, size_t len, int64_t offset)
{
    int64_t at = offset < 0 ? position(fd) : offset;
    int error = fault(WRITE);
    if (error < 0 && is_beyond_room(fd, at + (int64_t)len)) {
        control->failures++;
        error = ENOSPC;
    }
    if (error > 0) {
        note(WRITE, fd, error, at, (int64_t)len, "", 0);
        return failed(error);
    }
    if (error == 0) len = len / 2;
    ssize_t n = offset < 0 ? syscall(SYS_write, fd, bytes, len) : syscall(SYS_pwrite64, fd, bytes, len, offset);
    note(WRITE, fd, n < 0 ? errno : 0, at, n, bytes, n < 0 ? 0 : (size_t)n);
    return n;
}

static ssize_t write_tracked(int fd, const void *bytes, size_t len, int64_t offset)
{
    pthread_mutex_lock(&lock);
    ssize_t n = do_write(fd, bytes, len, offset);
    pthread_mutex_unlock(&lock);
    return n;
}

static char *join(const struct iovec *parts, int count, size_t *out_len)
{
    size_t len = 0;
    for (int i = 0; i < count; i++) len += parts[i].iov_len;
    char *all = malloc(len + 1), *at = all;
    if (!all) abort();
    for (int i = 0; i < count; i++) {
        memcpy(at, parts[i].iov_base, parts[i].iov_len);
        at += parts[i].iov_len;
    }
    *out_len = len;
    return all;
}

static ssize_t writev_tracked(int fd, const struct iovec *parts, int count, int64_t offset)
{
    size_t len;
    char *all = join(parts, count, &len);
    ssize_t n = write_tracked(fd, all, len, offset);
    free(all);
    return n;
}

static void note_send(int fd, const void *bytes, size_t len)
{
    pthread_mutex_lock(&lock);
    note(SEND, fd, 0, 0, 0, bytes, len);
    pthread_mutex_unlock(&lock);
}

static void note_sendv(int fd, const struct iovec *parts, int count)
{
    size_t len;
    char *all = join(parts, count, &len);
    note_send(fd, all, len);
    free(all);
}

ssize_t write(int fd, const void *bytes, size_t len)
{
    if (is_tracked(fd)) return write_tracked(fd, bytes, len, -1);
    if (is_socket(fd)) note_send(fd, bytes, len);
    return syscall(SYS_write, fd, bytes, len);
}

ssize_t writev(int fd, const struct iovec *parts, int count)
{
    if (is_tracked(fd)) return writev_tracked(fd, parts, count, -1);
    if (is_socket(fd)) note_sendv(fd, parts, count);
    return syscall(SYS_writev, fd, parts, count);
}

ssize_t pwrite(int fd, const void *bytes, size_t len, off_t offset)
{
    return is_tracked(fd) ? write_tracked(fd, bytes, len, offset) : syscall(SYS_pwrite64, fd, bytes, len, offset);
}

ssize_t pwrite64(int fd, const void *bytes, size_t len, off_t offset)
{
    return pwrite(fd, bytes, len, offset);
}

ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t offset)
{
    if (is_tracked(fd)) return writev_tracked(fd, parts, count, offset);
    return syscall(SYS_pwritev, fd, parts, count, offset, 0);
}

ssize_t pwritev64(int fd, const struct iovec *parts, int count, off_t offset)
{
    return pwritev(fd, parts, count, offset);
}

ssize_t send(int fd, const void *bytes, size_t len, int flags)
{
    if (is_socket(fd)) note_send(fd, bytes, len);
    return syscall(SYS_sendto, fd, bytes, len, flags, NULL, 0);
}

ssize_t sendmsg(int fd, const struct msghdr *message, int flags)
{
    if (is_socket(fd)) note_sendv(fd, message->msg_iov, (int)message->msg_iovlen);
    return syscall(SYS_sendmsg, fd, message, flags);
}

/* ---- reads ---- */

static void wait_us(long us)
{
    if (us) syscall(SYS_nanosleep, &(struct timespec){us / 1000000, us % 1000000 * 1000}, NULL);
}

ssize_t pread(int fd, void *out, size_t len, off_t offset)
{
    if (is_tracked(fd) && (fds[fd] & FD_JOURNAL)) wait_us(read_us);
    return syscall(SYS_pread64, fd, out, len, offset);
}

ssize_t pread64(int fd, void *out, size_t len, off_t offset)
{
    return pread(fd, out, len, offset);
}

/* ---- open and close ---- */

static int open_at(int dir_fd, const char *name, int flags, mode_t mode)
{
    char room[PATH_MAX];
    const char *path = whole_path(dir_fd, name, room);
    if (!is_inside(path)) {
        int fd = (int)syscall(SYS_openat, dir_fd, name, flags, mode);
        if (fd >= 0 && fd < FDS_MAX) fds[fd] = 0;
        return fd;
    }
    pthread_mutex_lock(&lock);
    bool was_there = syscall(SYS_faccessat, dir_fd, name, F_OK) == 0;
    int error = (flags & (O_CREAT | O_WRONLY | O_RDWR)) ? fault(OPEN) : -1;
    if (error < 0 && control->is_full && (flags & O_CREAT) && !was_there) error = ENOSPC;
    int fd = error > 0 ? (int)failed(error) : (int)syscall(SYS_openat, dir_fd, name, flags, mode);
    note_path(OPEN, fd, fd, flags, !was_there && fd >= 0, path);
    if (fd >= 0 && fd < FDS_MAX) fds[fd] = FD_TRACKED | (strstr(path, "/journal/") ? FD_JOURNAL : 0);
    pthread_mutex_unlock(&lock);
    return fd;
}

static mode_t mode_of(int flags, va_list *args)
{
    return (flags & (O_CREAT | O_TMPFILE)) ? (mode_t)va_arg(*args, unsigned) : 0;
}

#define OPENS(name)                                                                                                    \
    int name(const char *path, int flags, ...)                                                                         \
    {                                                                                                                  \
        va_list args;                                                                                                  \
        va_start(args, flags);                                                                                         \
        mode_t mode = mode_of(flags, &args);                                                                           \
        va_end(args);                                                                                                  \
        return open_at(AT_FDCWD, path, flags, mode);                                                                   \
    }
#define OPENATS(name)                                                                                                  \
    int name(int dir_fd, const char *path, int flags, ...)                                                             \
    {                                                                                                                  \
        va_list args;                                                                                                  \
        va_start(args, flags);                                                                                         \
        mode_t mode = mode_of(flags, &args);                                                                           \
        va_end(args);                                                                                                  \
        return open_at(dir_fd, path, flags, mode);                                                                     \
    }
OPENS(open)
OPENS(open64)
OPENATS(openat)
OPENATS(openat64)

int creat(const char *path, mode_t mode)
{
    return open_at(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode);
}

/* A number that was another file's before is looked at anew. */
int accept4(int fd, struct sockaddr *restrict address, socklen_t *restrict len, int flags)
{
    int got = (int)syscall(SYS_accept4, fd, address, len, flags);
    if (got >= 0 && got < FDS_MAX) fds[got] = 0;
    return got;
}

int accept(int fd, struct sockaddr *restrict address, socklen_t *restrict len)
{
    return accept4(fd, address, len, 0);
}

int close(int fd)
{
    if (fd >= 0 && fd < FDS_MAX) {
        if (fds[fd] & (FD_TRACKED | FD_SOCKET)) {
            pthread_mutex_lock(&lock);
            note(CLOSE, fd, 0, 0, 0, "", 0);
            pthread_mutex_unlock(&lock);
        }
        fds[fd] = 0;
    }
    return (int)syscall(SYS_close, fd);
}

/* ---- length and syncs ---- */

int ftruncate(int fd, off_t len)
{
    if (!is_tracked(fd)) return (int)syscall(SYS_ftruncate, fd, len);
    pthread_mutex_lock(&lock);
    int error = fault(TRUNCATE);
    int rc = error > 0 ? (int)failed(error) : (int)syscall(SYS_ftruncate, fd, len);
    note(TRUNCATE, fd, rc < 0 ? errno : 0, len, 0, "", 0);
    pthread_mutex_unlock(&lock);
    return rc;
}

int ftruncate64(int fd, off_t len)
{
    return ftruncate(fd, len);
}

int fallocate(int fd, int mode, off_t offset, off_t len)
{
    if (!is_tracked(fd)) return (int)syscall(SYS_fallocate, fd, mode, offset, len);
    pthread_mutex_lock(&lock);
    int error = fault(ALLOCATE);
    if (error < 0 && is_beyond_room(fd, offset + len)) {
        control->failures++;
        error = ENOSPC;
    }
    int rc = error > 0 ? (int)failed(error) : (int)syscall(SYS_fallocate, fd, mode, offset, len);
    note(ALLOCATE, fd, rc < 0 ? errno : 0, offset + len, mode, "", 0);
    pthread_mutex_unlock(&lock);
    return rc;
}

int fallocate64(int fd, int mode, off_t offset, off_t len)
{
    return fallocate(fd, mode, offset, len);
}

int posix_fallocate(int fd, off_t offset, off_t len)
{
    return fallocate(fd, 0, offset, len) == 0 ? 0 : errno;
}

int posix_fallocate64(int fd, off_t offset, off_t len)
{
    return posix_fallocate(fd, offset, len);
}

static int sync_tracked(int fd, long call)
{
    pthread_mutex_lock(&lock);
    int error = fault(SYNC_BEGIN);
    int64_t number = ++syncs_count;
    note(SYNC_BEGIN, fd, 0, number, call == SYS_fdatasync, "", 0);
    pthread_mutex_unlock(&lock);
    int rc = error > 0 ? (int)failed(error) : (int)syscall(call, fd);
    int kept = errno;
    wait_us(sync_us);
    pthread_mutex_lock(&lock);
    note(SYNC_END, fd, rc < 0 ? kept : 0, number, 0, "", 0);
    pthread_mutex_unlock(&lock);
    errno = kept;
    return rc;
}

int fsync(int fd)
{
    return is_tracked(fd) ? sync_tracked(fd, SYS_fsync) : (int)syscall(SYS_fsync, fd);
}

int fdatasync(int fd)
{
    return is_tracked(fd) ? sync_tracked(fd, SYS_fdatasync) : (int)syscall(SYS_fdatasync, fd);
}

/* Promises nothing about a power cut, so it is no sync here. */
int sync_file_range(int fd, off_t offset, off_t len, unsigned flags)
{
    return (int)syscall(SYS_sync_file_range, fd, offset, len, flags);
}

/* ---- names ---- */

int renameat(int from_fd, const char *from, int to_fd, const char *to)
{
    char rooms[2][PATH_MAX], both[2 * PATH_MAX];
    const char *a = whole_path(from_fd, from, rooms[0]), *b = whole_path(to_fd, to, rooms[1]);
    if (!is_inside(b)) return (int)syscall(SYS_renameat, from_fd, from, to_fd, to);
    pthread_mutex_lock(&lock);
    int error = fault(RENAME);
    int rc = error > 0 ? (int)failed(error) : (int)syscall(SYS_renameat, from_fd, from, to_fd, to);
    int kept = errno;
    int len = snprintf(both, sizeof both, "%s%c%s", a, 0, b) + 1;
    note(RENAME, -1, rc < 0 ? kept : 0, 0, 0, both, (size_t)len);
    pthread_mutex_unlock(&lock);
    errno = kept;
    return rc;
}

int rename(const char *from, const char *to)
{
    return renameat(AT_FDCWD, from, AT_FDCWD, to);
}

int renameat2(int from_fd, const char *from, int to_fd, const char *to, unsigned flags)
{
    return flags ? (int)syscall(SYS_renameat2, from_fd, from, to_fd, to, flags) : renameat(from_fd, from, to_fd, to);
}

static int change_name(enum kind kind, int dir_fd, const char *name, long call, int argument)
{
    char room[PATH_MAX];
    const char *path = whole_path(dir_fd, name, room);
    if (!is_inside(path)) return (int)syscall(call, dir_fd, name, argument);
    pthread_mutex_lock(&lock);
    int error = fault(kind);
    int rc = error > 0 ? (int)failed(error) : (int)syscall(call, dir_fd, name, argument);
    note_path(kind, -1, rc, 0, 0, path);
    pthread_mutex_unlock(&lock);
    return rc;
}

int unlinkat(int dir_fd, const char *name, int flags)
{
    return change_name((flags & AT_REMOVEDIR) ? RMDIR : UNLINK, dir_fd, name, SYS_unlinkat, flags);
}

int unlink(const char *name)
{
    return unlinkat(AT_FDCWD, name, 0);
}

int rmdir(const char *name)
{
    return unlinkat(AT_FDCWD, name, AT_REMOVEDIR);
}

int mkdirat(int dir_fd, const char *name, mode_t mode)
{
    return change_name(MKDIR, dir_fd, name, SYS_mkdirat, (int)mode);
}

int mkdir(const char *name, mode_t mode)
{
    return mkdirat(AT_FDCWD, name, mode);
}

/* ---- room and maps ---- */

int statvfs(const char *path, struct statvfs *out)
{
    struct statfs s;
    if (syscall(SYS_statfs, path, &s) != 0) return -1;
    bool is_full = control->is_full && is_inside(path);
    *out = (struct statvfs){
        .f_bsize = (unsigned long)s.f_bsize, .f_frsize = (unsigned long)s.f_bsize, .f_namemax = NAME_MAX};
    out->f_blocks = s.f_blocks;
    out->f_bfree = is_full ? 0 : s.f_bfree;
    out->f_bavail = is_full ? 0 : s.f_bavail;
    out->f_files = s.f_files;
    out->f_ffree = out->f_favail = s.f_ffree;
    return 0;
}

int statvfs64(const char *path, struct statvfs64 *out)
{
    return statvfs(path, (struct statvfs *)out);
}

void *mmap(void *at, size_t len, int protection, int flags, int fd, off_t offset)
{
    int error = -1;
    if (is_tracked(fd)) {
        pthread_mutex_lock(&lock);
        error = fault(MAP);
        note(MAP, fd, error > 0 ? error : 0, (int64_t)len, (protection & PROT_WRITE) && (flags & MAP_SHARED), "", 0);
        pthread_mutex_unlock(&lock);
    }
    if (error > 0) {
        errno = error;
        return MAP_FAILED;
    }
    // NOLINTNEXTLINE(performance-no-int-to-ptr): what the system call gives is an address
    return (void *)syscall(SYS_mmap, at, len, protection, flags, fd, offset);
}

void *mmap64(void *at, size_t len, int protection, int flags, int fd, off_t offset)
{
    return mmap(at, len, protection, flags, fd, offset);
}
