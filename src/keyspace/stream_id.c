/* SPDX-License-Identifier: MIT */
#include "keyspace/stream_id.h"

#include "base/num.h"

#include <errno.h>
#include <stdlib.h>

/* Redis reads ids through a buffer of 128 bytes. */
#define TEXT_MAX_BYTES 127

bool stream_id_step_up(struct stream_id *id)
{
    if (++id->seq != 0) return true;
    if (++id->ms != 0) return true;
    *id = STREAM_ID_MAX;
    return false;
}

bool stream_id_step_down(struct stream_id *id)
{
    if (id->seq-- != 0) return true;
    if (id->ms-- != 0) return true;
    *id = STREAM_ID_MIN;
    return false;
}

struct stream_id stream_id_generate(struct stream_id last, int64_t now_ms)
{
    if (now_ms > 0 && (uint64_t)now_ms > last.ms) return (struct stream_id){(uint64_t)now_ms, 0};
    stream_id_step_up(&last);
    return last;
}

static size_t format_number(char *dst, uint64_t n)
{
    if (n <= INT64_MAX) return num_format_int(dst, (int64_t)n);
    size_t len = num_format_int(dst, (int64_t)(n / 10));
    dst[len] = (char)('0' + n % 10);
    return len + 1;
}

size_t stream_id_format(char *dst, struct stream_id id)
{
    size_t len = format_number(dst, id.ms);
    dst[len++] = '-';
    return len + format_number(dst + len, id.seq);
}

/* What strtoull takes and the strict form does not: spaces, '+', leading zeros. */
static bool parse_loosely(struct slice text, uint64_t *out)
{
    char copy[TEXT_MAX_BYTES + 1];
    if (text.len == 0) return false;
    memcpy(copy, text.at, text.len);
    copy[text.len] = '\0';
    char *end;
    errno = 0;
    unsigned long long n = strtoull(copy, &end, 10);
    if (errno || end == copy || end != copy + text.len) return false;
    *out = n;
    return true;
}

static bool parse_number(struct slice text, uint64_t *out)
{
    int64_t below_zero;
    if (num_parse_uint(text, out)) return true;
    if (num_parse_int(text, &below_zero)) return false;
    return parse_loosely(text, out);
}

bool stream_id_parse(struct slice text, uint64_t missing_seq, struct stream_id *out, bool *out_has_seq)
{
    if (text.len == 0 || text.len > TEXT_MAX_BYTES) return false;
    const char *dash = memchr(text.at, '-', text.len);
    struct slice ms = dash ? slice_of(text.at, (size_t)(dash - text.at)) : text;
    struct stream_id id = {0, missing_seq};
    bool has_seq = true;
    if (!parse_number(ms, &id.ms)) return false;
    if (dash) {
        struct slice seq = slice_from(text, ms.len + 1);
        has_seq = !(out_has_seq && slice_equal(seq, SLICE_LIT("*")));
        if (!has_seq)
            id.seq = 0;
        else if (!parse_number(seq, &id.seq))
            return false;
    }
    if (out_has_seq) *out_has_seq = has_seq;
    *out = id;
    return true;
}
