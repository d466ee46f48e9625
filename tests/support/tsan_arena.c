/* SPDX-License-Identifier: MIT */
/*
 * Makes Criterion run under the thread sanitizer; linked into the tsan test binaries alone.
 *
 * Criterion's sandbox puts the memory it shares with each test at a random address, 0x200000000000 + r * 2^24 with r
 * from rand_r(). On x86-64 the sanitizer owns all of that range but 0x550000000000 to 0x568000000000, refuses the
 * mapping, and the sandbox gives up. This rand_r() answers only with an r that falls between the start of that window
 * and 0x555500000000, below which Linux never puts a position-independent program. Nothing else in a test calls it.
 */
#include <stdlib.h>

enum { FIRST_SLOT = 0x350000, SLOTS_COUNT = 0x5500 };

int rand_r(unsigned int *seed)
{
    *seed = *seed * 1103515245U + 12345U;
    return FIRST_SLOT + (int)((*seed >> 8) % SLOTS_COUNT);
}
