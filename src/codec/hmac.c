/* SPDX-License-Identifier: MIT */
#include "codec/hmac.h"

#include <openssl/evp.h>

static bool sign(EVP_MD_CTX *ctx, EVP_PKEY *key, const struct slice *parts, size_t parts_count, unsigned char *out)
{
    size_t len = HMAC_SHA256_BYTES;
    if (EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, key) != 1) return false;
    for (size_t i = 0; i < parts_count; i++) {
        if (parts[i].len > 0 && EVP_DigestSignUpdate(ctx, parts[i].at, parts[i].len) != 1) return false;
    }
    return EVP_DigestSignFinal(ctx, out, &len) == 1;
}

oxq_err hmac_sha256(struct slice key, const struct slice *parts, size_t parts_count,
                    unsigned char out[HMAC_SHA256_BYTES])
{
    CHECK(key.len > 0);
    EVP_PKEY *secret = EVP_PKEY_new_raw_private_key(EVP_PKEY_HMAC, NULL, (const unsigned char *)key.at, key.len);
    if (!secret) return OXQ_ERR_ARGUMENT;
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool is_done = ctx && sign(ctx, secret, parts, parts_count, out);
    EVP_MD_CTX_free(ctx);
    EVP_PKEY_free(secret);
    return is_done ? OXQ_OK : OXQ_ERR_MEMORY;
}
