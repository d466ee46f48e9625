/* SPDX-License-Identifier: MIT */
/* CRC32C (Castagnoli): the checksum of what is on disk. */
#ifndef BASE_CRC32C_H
#define BASE_CRC32C_H

#include "base/slice.h"

/*
 * The checksum of the bytes that `before` is the checksum of, followed by these; 0 is the checksum of none. Starting
 * from a number of one's own instead of 0 gives a family of checksums that do not take each other's bytes for good.
 */
uint32_t crc32c(uint32_t before, struct slice bytes);
/* The same without the processor's own instruction; tests compare the two. */
uint32_t crc32c_portable(uint32_t before, struct slice bytes);

#endif
