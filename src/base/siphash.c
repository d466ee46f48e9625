/* SPDX-License-Identifier: MIT */
#include "base/siphash.h"

static uint64_t secret_low, secret_high;

void siphash_seed(const uint8_t secret[16])
{
    memcpy(&secret_low, secret, 8);
    memcpy(&secret_high, secret + 8, 8);
}

struct sip {
    uint64_t v0, v1, v2, v3;
};

static inline uint64_t rotate(uint64_t x, int by)
{
    return (x << by) | (x >> (64 - by));
}

static inline void sip_round(struct sip *s)
{
    s->v0 += s->v1;
    s->v2 += s->v3;
    s->v1 = rotate(s->v1, 13) ^ s->v0;
    s->v3 = rotate(s->v3, 16) ^ s->v2;
    s->v0 = rotate(s->v0, 32);
    s->v2 += s->v1;
    s->v0 += s->v3;
    s->v1 = rotate(s->v1, 17) ^ s->v2;
    s->v3 = rotate(s->v3, 21) ^ s->v0;
    s->v2 = rotate(s->v2, 32);
}

static inline void sip_word(struct sip *s, uint64_t word)
{
    s->v3 ^= word;
    sip_round(s);
    s->v0 ^= word;
}

static inline uint64_t load_8(const char *at)
{
    uint64_t word;
    memcpy(&word, at, 8);
    return word;
}

/* The last rest = 0 .. 7 bytes before `end` as the low bytes of a word; len is that of the whole text. */
static inline uint64_t load_rest(const char *end, size_t rest, size_t len)
{
    if (rest == 0) return 0;
    /* Reading a few bytes more that stand before them beats a loop. */
    if (len >= 8) return load_8(end - 8) >> (8 * (8 - rest));
    uint64_t word = 0;
    for (size_t i = 0; i < rest; i++) word |= (uint64_t)(unsigned char)end[(ptrdiff_t)i - (ptrdiff_t)rest] << (8 * i);
    return word;
}

static inline uint64_t hash(uint64_t low, uint64_t high, struct slice bytes)
{
    struct sip s = {low ^ 0x736f6d6570736575u, high ^ 0x646f72616e646f6du, low ^ 0x6c7967656e657261u,
                    high ^ 0x7465646279746573u};
    const char *at = bytes.at;
    size_t rest = bytes.len;
    for (; rest >= 8; at += 8, rest -= 8) sip_word(&s, load_8(at));
    uint64_t last = (uint64_t)bytes.len << 56 | load_rest(at + rest, rest, bytes.len);
    sip_word(&s, last);
    s.v2 ^= 0xff;
    sip_round(&s);
    sip_round(&s);
    sip_round(&s);
    return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}

uint64_t siphash_bytes(struct slice bytes)
{
    return hash(secret_low, secret_high, bytes);
}

uint64_t siphash_fixed(uint64_t key, struct slice bytes)
{
    return hash(key, ~key, bytes);
}
