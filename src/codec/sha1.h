/* SPDX-License-Identifier: MIT */
/* SHA-1, which names scripts. Not for secrets: SHA-1 is broken as a signature. */
#ifndef CODEC_SHA1_H
#define CODEC_SHA1_H

#include "base/slice.h"

#define SHA1_HEX_CHARS 40

/* Writes 40 lower-case hexadecimal digits, no NUL. */
void sha1_hex(struct slice bytes, char out[SHA1_HEX_CHARS]);

#endif
