/* SPDX-License-Identifier: MIT */
/* Bytes of a value are refused, or make a value that can be written and read again as the same. The first byte is its type. */
#include "base/mem.h"
#include "keyspace/value_codec.h"

#include <stddef.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    if (len == 0) return 0;
    enum value_type type = (enum value_type)(data[0] % VALUE_TYPES_COUNT);
    char *exact = mem_alloc(len - 1);
    if (len > 1) memcpy(exact, data + 1, len - 1);
    struct value v = {.aux = 0}, copy = {.aux = 0};
    if (value_decode(type, slice_of(exact, len - 1), &v) == OXQ_OK) {
        struct buf bytes = {.limit_bytes = (size_t)1 << 28};
        CHECK(value_encode(&v, &bytes) == OXQ_OK);
        CHECK(value_decode(type, buf_borrow(&bytes), &copy) == OXQ_OK);
        CHECK(value_digest(&v) == value_digest(&copy));
        CHECK(value_count(&v) == value_count(&copy));
        buf_deinit(&bytes);
        value_deinit(&v);
        value_deinit(&copy);
    }
    mem_free(exact);
    return 0;
}
