/* SPDX-License-Identifier: MIT */
/*
 * Requests in one piece and in many must come out the same. The first byte seeds how the rest is cut; every piece is a
 * fresh allocation of its exact size, so that the sanitizer sees a look beyond the bytes that came.
 */
#include "base/buf.h"
#include "base/mem.h"
#include "base/rng.h"
#include "base/siphash.h"
#include "resp/parser.h"

#include <stddef.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

struct digest {
    uint64_t hash;
    uint64_t requests;
    bool is_broken;
    size_t left_bytes;
};

static const struct resp_limits limits = {.bulk_bytes = 1 << 20, .is_authenticated = true};

static void add_request(struct digest *d, const struct resp_parser *p)
{
    d->requests++;
    for (int i = 0; i < p->argc; i++) d->hash = d->hash * 31 + siphash_bytes(p->argv[i]);
    d->hash = d->hash * 31 + (uint64_t)p->argc;
}

static struct digest parse(const uint8_t *data, size_t len, struct rng *cuts)
{
    struct digest d = {0};
    struct resp_parser p = {0};
    char *held = NULL;
    size_t start = 0, end = 0;
    while (end < len && !d.is_broken) {
        size_t more = cuts ? 1 + rng_below(cuts, 40) : len;
        end = more > len - end ? len : end + more;
        char *moved = mem_alloc(end - start);
        memcpy(moved, data + start, end - start);
        mem_free(held);
        held = moved;
        size_t at = 0;
        enum resp_parsed parsed;
        while ((parsed = resp_parser_next(&p, held + at, end - start - at, &limits)) == RESP_REQUEST) {
            add_request(&d, &p);
            at += p.used_bytes;
        }
        d.is_broken = parsed == RESP_BROKEN;
        start += at;
        if (start == end) continue;
        moved = mem_alloc(end - start);
        memcpy(moved, held + at, end - start);
        mem_free(held);
        held = moved;
    }
    d.left_bytes = len - start;
    mem_free(held);
    resp_parser_deinit(&p);
    return d;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    if (len == 0) return 0;
    struct rng cuts;
    rng_init(&cuts, data[0]);
    struct digest whole = parse(data + 1, len - 1, NULL);
    struct digest pieces = parse(data + 1, len - 1, &cuts);
    CHECK(whole.requests == pieces.requests);
    CHECK(whole.hash == pieces.hash);
    CHECK(whole.is_broken == pieces.is_broken);
    CHECK(whole.left_bytes == pieces.left_bytes);
    return 0;
}
