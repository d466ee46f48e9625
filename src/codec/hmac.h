/* SPDX-License-Identifier: MIT */
/* HMAC with SHA-256 (RFC 2104): how two who share a secret know each other's messages. */
#ifndef CODEC_HMAC_H
#define CODEC_HMAC_H

#include "base/err.h"
#include "base/slice.h"

#define HMAC_SHA256_BYTES 32

/* Of the parts, one behind the other. The key is not empty. Errors: MEMORY, ARGUMENT (OpenSSL refuses the key). */
OXQ_MUST_USE oxq_err hmac_sha256(struct slice key, const struct slice *parts, size_t parts_count,
                                 unsigned char out[HMAC_SHA256_BYTES]);

#endif
