/* SPDX-License-Identifier: MIT */
/* By OpenSSL's functions from before version 3: those of today allocate, and crash where there is no memory. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "codec/sha1.h"

#include <openssl/sha.h>

void sha1_hex(struct slice bytes, char out[SHA1_HEX_CHARS])
{
    static const char digits[] = "0123456789abcdef";
    unsigned char digest[SHA_DIGEST_LENGTH];
    SHA_CTX sha;
    SHA1_Init(&sha);
    SHA1_Update(&sha, bytes.len ? bytes.at : "", bytes.len);
    SHA1_Final(digest, &sha);
    for (size_t i = 0; i < sizeof(digest); i++) {
        out[2 * i] = digits[digest[i] >> 4];
        out[2 * i + 1] = digits[digest[i] & 15];
    }
}
