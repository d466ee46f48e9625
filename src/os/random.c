/* SPDX-License-Identifier: MIT */
#include "os/random.h"

#include "base/err.h"

#include <errno.h>
#include <sys/random.h>

void random_fill(void *out, size_t bytes)
{
    char *at = out;
    while (bytes > 0) {
        ssize_t got = getrandom(at, bytes, 0);
        if (got < 0) {
            /* Only a signal can get in between: the flags and the address are ours. */
            CHECK(errno == EINTR);
            continue;
        }
        at += got;
        bytes -= (size_t)got;
    }
}

void random_hex(char *out, size_t digits)
{
    unsigned char byte = 0;
    for (size_t i = 0; i < digits; i++) {
        if (i % 2 == 0) random_fill(&byte, 1);
        out[i] = "0123456789abcdef"[i % 2 ? byte >> 4 : byte & 15];
    }
    out[digits] = '\0';
}
