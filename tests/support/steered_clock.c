/* SPDX-License-Identifier: MIT */
/*
 * A clock that a test steers, preloaded into a server (LD_PRELOAD): redis-server and oxq then see the same time, and it
 * moves when the test says so.
 *
 * STEERED_CLOCK names a file of two 64-bit integers, which is mapped and read at every call:
 *
 *   frozen_us   wall time in microseconds while it stands still; 0: it flows
 *   offset_us   what is added to the real time while it flows
 *
 * The monotonic clocks get the same: a frozen wall time is also a frozen monotonic time. The test only ever moves them
 * forward. Clocks of threads and processes stay real.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

struct steer {
    volatile int64_t frozen_us;
    volatile int64_t offset_us;
};

static const struct steer flowing;

/* Bare system calls: a sanitizer asks for the time before its own open() and mmap() are ready. */
static const struct steer *map_steer(void)
{
    const char *path = getenv("STEERED_CLOCK");
    long fd = path ? syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC) : -1;
    if (fd < 0) return &flowing;
    long at = syscall(SYS_mmap, NULL, sizeof(struct steer), PROT_READ, MAP_SHARED, fd, 0);
    syscall(SYS_close, fd);
    return at == -1 ? &flowing : (const struct steer *)at;
}

static const struct steer *steer(void)
{
    static const struct steer *mapped;
    if (!mapped) mapped = map_steer();
    return mapped;
}

static int read_real(clockid_t id, struct timespec *out)
{
    static int (*real)(clockid_t, struct timespec *);
    if (!real) *(void **)&real = dlsym(RTLD_NEXT, "clock_gettime");
    return real(id, out);
}

static int64_t steered_us(clockid_t id)
{
    const struct steer *s = steer();
    if (s->frozen_us) return s->frozen_us;
    struct timespec t;
    read_real(id, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000 + s->offset_us;
}

int clock_gettime(clockid_t id, struct timespec *out)
{
    if (id == CLOCK_PROCESS_CPUTIME_ID || id == CLOCK_THREAD_CPUTIME_ID) return read_real(id, out);
    int64_t us = steered_us(id);
    *out = (struct timespec){.tv_sec = us / 1000000, .tv_nsec = us % 1000000 * 1000};
    return 0;
}

int gettimeofday(struct timeval *restrict out, void *restrict zone)
{
    (void)zone;
    int64_t us = steered_us(CLOCK_REALTIME);
    *out = (struct timeval){.tv_sec = us / 1000000, .tv_usec = us % 1000000};
    return 0;
}

time_t time(time_t *out)
{
    time_t now = steered_us(CLOCK_REALTIME) / 1000000;
    if (out) *out = now;
    return now;
}
