/* SPDX-License-Identifier: MIT */
/*
 * TZif, RFC 8536. All numbers are big-endian. A file of version 2 or later:
 *
 *     header   "TZif"  version  15 unused bytes  isutcnt isstdcnt leapcnt timecnt typecnt charcnt (4 bytes each)
 *     data     of version 1, with times of 4 bytes: skipped
 *     header   again, counts of what follows
 *     data     timecnt times of 8 bytes | timecnt types of 1 | typecnt records of 6: offset 4, is summer 1, name 1 |
 *              charcnt bytes of names | leapcnt records of 12 | isstdcnt and isutcnt bytes
 *     footer   newline, the rule after the last transition or nothing, newline
 *
 * Names and whether an offset is called summer time are not kept.
 */
#include "base/mem.h"
#include "cron/zone.h"

#include <string.h>

#define HEADER_BYTES 44
#define COUNTS_AT 20
#define TYPE_BYTES 6
/* RFC 8536, section 3.2: earlier ones are not meant; the later bound keeps sums of times in range. */
#define TRANSITION_MAX_S ((int64_t)1 << 59)

enum { ISUT, ISSTD, LEAP, TIME, TYPE, NAME_CHARS, COUNTS };

struct header {
    char version;
    uint32_t counts[COUNTS];
};

/* The parts of a data block with times of 8 bytes. */
struct block {
    const struct header *header;
    const char *times, *types, *records; /* borrowed from the file */
};

struct reader {
    struct slice file;
    size_t at;
    struct oxq_error *err;
};

static uint64_t read_big_endian(const char *at, size_t bytes)
{
    uint64_t n = 0;
    for (size_t i = 0; i < bytes; i++) n = n << 8 | (uint8_t)at[i];
    return n;
}

static oxq_err fail_at(const struct reader *r, size_t at, const char *what)
{
    (void)err_set(r->err, OXQ_ERR_FORMAT, "not a time zone file that can be read: byte %zu: %s", at, what);
    return OXQ_ERR_FORMAT;
}

static oxq_err take(struct reader *r, size_t bytes, const char **out)
{
    if (r->file.len - r->at < bytes) return fail_at(r, r->file.len, "the file ends too early");
    *out = r->file.at + r->at;
    r->at += bytes;
    return OXQ_OK;
}

static oxq_err read_header(struct reader *r, struct header *out)
{
    size_t begin = r->at;
    const char *at;
    oxq_err e = take(r, HEADER_BYTES, &at);
    if (e) return e;
    if (memcmp(at, "TZif", 4) != 0) return fail_at(r, begin, "no \"TZif\"");
    out->version = at[4];
    for (size_t i = 0; i < COUNTS; i++) out->counts[i] = (uint32_t)read_big_endian(at + COUNTS_AT + 4 * i, 4);
    return OXQ_OK;
}

static size_t block_bytes(const struct header *h, size_t time_bytes)
{
    const uint32_t *n = h->counts;
    return (size_t)n[TIME] * (time_bytes + 1) + (size_t)n[TYPE] * TYPE_BYTES + n[NAME_CHARS] +
           (size_t)n[LEAP] * (time_bytes + 4) + n[ISSTD] + n[ISUT];
}

static oxq_err skip_version_1(struct reader *r)
{
    struct header h;
    oxq_err e = read_header(r, &h);
    if (e) return e;
    if (h.version < '2') return fail_at(r, 4, "version 1; version 2 or later has times after 2037");
    const char *skipped;
    return take(r, block_bytes(&h, 4), &skipped);
}

static oxq_err read_block(struct reader *r, struct header *h, struct block *out)
{
    oxq_err e = read_header(r, h);
    if (e) return e;
    size_t begin = r->at;
    if (h->counts[TYPE] == 0) return fail_at(r, begin, "no offset at all");
    if (h->counts[LEAP] > 0) return fail_at(r, begin, "it counts leap seconds; take the zone without \"right/\"");
    if (h->counts[TIME] > ZONE_TRANSITIONS_MAX) {
        (void)err_set(r->err, OXQ_ERR_LIMIT, "the time zone file has %u transitions; %d at most", h->counts[TIME],
                      ZONE_TRANSITIONS_MAX);
        return OXQ_ERR_LIMIT;
    }
    e = take(r, block_bytes(h, 8), &out->times);
    if (e) return e;
    out->header = h;
    out->types = out->times + (size_t)h->counts[TIME] * 8;
    out->records = out->types + h->counts[TIME];
    return OXQ_OK;
}

static oxq_err read_offset(const struct reader *r, const struct block *b, size_t type, int32_t *out)
{
    const char *at = b->records + type * TYPE_BYTES;
    int32_t offset_s = (int32_t)(uint32_t)read_big_endian(at, 4);
    if (offset_s <= ZONE_OFFSET_MIN_S || offset_s >= ZONE_OFFSET_MAX_S)
        return fail_at(r, (size_t)(at - r->file.at), "an offset of more than a day");
    *out = offset_s;
    return OXQ_OK;
}

static oxq_err read_transition(const struct reader *r, const struct block *b, size_t i, struct zone_transition *out)
{
    const char *at = b->times + 8 * i;
    size_t place = (size_t)(at - r->file.at);
    out->at_s = (int64_t)read_big_endian(at, 8);
    if (out->at_s < -TRANSITION_MAX_S || out->at_s > TRANSITION_MAX_S)
        return fail_at(r, place, "a transition too far away");
    if (i > 0 && out->at_s <= (out - 1)->at_s) return fail_at(r, place, "transitions out of order");
    uint8_t type = (uint8_t)b->types[i];
    if (type >= b->header->counts[TYPE])
        return fail_at(r, (size_t)(b->types + i - r->file.at), "an offset that is not there");
    return read_offset(r, b, type, &out->offset_s);
}

static oxq_err read_transitions(const struct reader *r, const struct block *b, struct zone *out)
{
    oxq_err e = read_offset(r, b, 0, &out->first_offset_s);
    if (e || b->header->counts[TIME] == 0) return e;
    out->transitions = mem_alloc(b->header->counts[TIME] * sizeof(*out->transitions));
    for (size_t i = 0; i < b->header->counts[TIME]; i++) {
        e = read_transition(r, b, i, &out->transitions[i]);
        if (e) return e;
        out->transitions_count++;
    }
    return OXQ_OK;
}

static oxq_err read_footer(struct reader *r, struct zone *out)
{
    const char *at;
    size_t begin = r->at;
    oxq_err e = take(r, 1, &at);
    if (e) return e;
    const char *end = memchr(r->file.at + r->at, '\n', r->file.len - r->at);
    if (*at != '\n' || !end) return fail_at(r, begin, "no rule between two ends of lines");
    struct slice text = slice_of(at + 1, (size_t)(end - at) - 1);
    if (text.len == 0) return OXQ_OK;
    out->has_rule = true;
    return zone_rule_parse(text, &out->rule, r->err);
}

oxq_err zone_parse(struct slice tzif, struct zone *out, struct oxq_error *err)
{
    struct reader r = {tzif, 0, err};
    struct header h;
    struct block b;
    struct zone z = {0};
    oxq_err e = skip_version_1(&r);
    if (!e) e = read_block(&r, &h, &b);
    if (!e) e = read_transitions(&r, &b, &z);
    if (!e) e = read_footer(&r, &z);
    if (e) {
        zone_deinit(&z);
        return e;
    }
    *out = z;
    return OXQ_OK;
}
