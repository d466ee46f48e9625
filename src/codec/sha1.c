/* SPDX-License-Identifier: MIT */
#include "codec/sha1.h"

#include <openssl/sha.h>

void sha1_hex(struct slice bytes, char out[SHA1_HEX_CHARS])
{
    static const char digits[] = "0123456789abcdef";
    unsigned char digest[SHA_DIGEST_LENGTH];
    SHA1((const unsigned char *)(bytes.len ? bytes.at : ""), bytes.len, digest);
    for (size_t i = 0; i < sizeof(digest); i++) {
        out[2 * i] = digits[digest[i] >> 4];
        out[2 * i + 1] = digits[digest[i] & 15];
    }
}
