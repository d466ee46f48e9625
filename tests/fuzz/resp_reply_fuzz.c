/* SPDX-License-Identifier: MIT */
/* A reply's end is found the same however its bytes are cut, and what has an end can be read or is refused. */
#include "base/err.h"
#include "base/mem.h"
#include "base/rng.h"
#include "resp/reply_parser.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static size_t count_values(const struct resp_value *v)
{
    size_t count = 1;
    for (size_t i = 0; i < v->count; i++) count += count_values(&v->items[i]);
    return count;
}

static oxq_err scan_in_pieces(const char *bytes, size_t len, struct rng *cuts, size_t *out_used)
{
    struct resp_scan scan = {0};
    oxq_err e = OXQ_ERR_AGAIN;
    for (size_t end = 0; e == OXQ_ERR_AGAIN && end <= len;) {
        char *piece = mem_alloc(end);
        memcpy(piece, bytes, end);
        e = resp_scan_next(&scan, slice_of(piece, end));
        mem_free(piece);
        if (end == len) break;
        size_t more = 1 + rng_below(cuts, 60);
        end = more > len - end ? len : end + more;
    }
    *out_used = scan.used_bytes;
    return e;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    if (len == 0 || len > 4096) return 0;
    struct rng cuts;
    rng_init(&cuts, data[0]);
    const char *bytes = (const char *)data + 1;
    struct resp_scan scan = {0};
    oxq_err whole = resp_scan_next(&scan, slice_of(bytes, len - 1));
    size_t used;
    oxq_err pieces = scan_in_pieces(bytes, len - 1, &cuts, &used);
    CHECK(whole == pieces);
    if (whole != OXQ_OK) return 0;
    CHECK(used == scan.used_bytes);
    struct arena arena = {0};
    struct resp_value v;
    if (resp_reply_read(slice_of(bytes, used), &arena, &v) == OXQ_OK)
        CHECK(count_values(&v) <= (size_t)scan.values_count);
    arena_deinit(&arena);
    return 0;
}
