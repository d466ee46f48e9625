/* SPDX-License-Identifier: MIT */
/* How a test steers what is preloaded into a server (shim.c, memory.c): a file of struct control that both have mapped. */
#ifndef FAULT_CONTROL_H
#define FAULT_CONTROL_H

#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The numbers are the record's format: tests/fault/lib/trace.mjs. */
enum kind {
    OPEN = 1,
    CLOSE,
    WRITE,
    TRUNCATE,
    ALLOCATE,
    SYNC_BEGIN,
    SYNC_END,
    RENAME,
    UNLINK,
    MKDIR,
    RMDIR,
    SEND,
    MAP,
    MEMORY, /* an allocation: memory.c */
    KINDS
};

struct control {
    int64_t fail_kind;  /* enum kind; 0: none */
    int64_t fail_in;    /* the n-th call from now, 1: the next */
    int64_t fail_errno; /* 0: a write is cut short */
    int64_t fail_lasts; /* all calls after it fail too */
    int64_t is_full;    /* the disk has no room: what would need more fails with ENOSPC */
    int64_t failures;   /* how many calls were made to fail */
    int64_t counts[KINDS];
};

/* The file that SHIM_CONTROL names; NULL: there is none. */
static inline struct control *control_open(void)
{
    const char *name = getenv("SHIM_CONTROL");
    if (!name) return NULL;
    int fd = (int)syscall(SYS_openat, AT_FDCWD, name, O_RDWR | O_CLOEXEC);
    if (fd < 0) return NULL;
    long at = syscall(SYS_mmap, NULL, sizeof(struct control), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    syscall(SYS_close, fd);
    // NOLINTNEXTLINE(performance-no-int-to-ptr): what the system call gives is an address
    return at == -1 ? NULL : (struct control *)at;
}

#endif
