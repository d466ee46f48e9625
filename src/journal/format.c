/* SPDX-License-Identifier: MIT */
#include "journal/format.h"

#include "base/crc32c.h"

#include <endian.h>

#define CRC_AT (FORMAT_HEADER_BYTES - 4)

static const char magic[8] = "OXQJRNL";

static void put_32(char *at, uint32_t n)
{
    n = htole32(n);
    memcpy(at, &n, sizeof(n));
}

static void put_64(char *at, uint64_t n)
{
    n = htole64(n);
    memcpy(at, &n, sizeof(n));
}

static uint32_t get_32(const char *at)
{
    uint32_t n;
    memcpy(&n, at, sizeof(n));
    return le32toh(n);
}

static uint64_t get_64(const char *at)
{
    uint64_t n;
    memcpy(&n, at, sizeof(n));
    return le64toh(n);
}

/* ---------------------------------------------------------------- segments */

void format_write_header(char *out, const struct format_segment *segment)
{
    memset(out, 0, FORMAT_HEADER_BYTES);
    memcpy(out, magic, sizeof(magic));
    put_32(out + 8, FORMAT_VERSION);
    put_64(out + 16, segment->first_seq);
    put_64(out + 24, segment->id);
    put_64(out + 32, (uint64_t)segment->created_ms);
    put_64(out + 40, segment->bytes);
    put_32(out + CRC_AT, crc32c(0, slice_of(out, CRC_AT)));
}

static bool is_header_whole(struct slice bytes)
{
    return get_32(bytes.at + CRC_AT) == crc32c(0, slice_of(bytes.at, CRC_AT));
}

bool format_is_newer(struct slice bytes)
{
    return bytes.len >= FORMAT_HEADER_BYTES && memcmp(bytes.at, magic, sizeof(magic)) == 0 && is_header_whole(bytes) &&
           get_32(bytes.at + 8) > FORMAT_VERSION;
}

const char *format_read_header(struct slice bytes, struct format_segment *out)
{
    if (bytes.len < FORMAT_HEADER_BYTES) return "the file is shorter than its header";
    if (memcmp(bytes.at, magic, sizeof(magic)) != 0) return "this is not a journal's segment (its magic is missing)";
    if (!is_header_whole(bytes)) return "bad checksum of the header";
    if (get_32(bytes.at + 8) != FORMAT_VERSION) return "this program cannot read that version of the format";
    *out = (struct format_segment){.first_seq = get_64(bytes.at + 16),
                                   .id = get_64(bytes.at + 24),
                                   .created_ms = (int64_t)get_64(bytes.at + 32),
                                   .bytes = get_64(bytes.at + 40)};
    return NULL;
}

uint32_t format_seed(uint64_t id)
{
    char bytes[8];
    put_64(bytes, id);
    return crc32c(0, slice_of(bytes, sizeof(bytes)));
}

/* ---------------------------------------------------------------- records */

void format_write_head(char *at, enum format_type type, uint64_t seq, size_t payload_bytes)
{
    put_32(at, (uint32_t)(payload_bytes + 1));
    put_64(at + 8, seq);
    at[16] = (char)type;
}

static uint32_t checksum(const char *at, size_t bytes, uint32_t seed)
{
    return crc32c(crc32c(seed, slice_of(at, 4)), slice_of(at + 8, bytes - 8));
}

struct format_record format_read_own(const char *at)
{
    size_t payload_bytes = get_32(at) - 1;
    return (struct format_record){.type = (enum format_type)at[16],
                                  .seq = get_64(at + 8),
                                  .payload = slice_of(at + 17, payload_bytes),
                                  .bytes = format_record_bytes(payload_bytes)};
}

void format_write_close(char *at, uint64_t durable_seq, uint32_t seed)
{
    memset(at, 0, FORMAT_MARK_BYTES);
    format_write_head(at, FORMAT_CLOSE, durable_seq, 0);
    format_seal(at, seed);
}

void format_seal(char *at, uint32_t seed)
{
    put_32(at + 4, checksum(at, format_read_own(at).bytes, seed));
}

const char *format_read(struct slice bytes, uint32_t seed, struct format_record *out)
{
    if (bytes.len < FORMAT_MARK_BYTES) return "the file ends within a record";
    if (get_32(bytes.at) == 0) return "a record of length 0";
    struct format_record record = format_read_own(bytes.at);
    if (record.bytes > bytes.len) return "a record that is longer than the rest of the file";
    if (get_32(bytes.at + 4) != checksum(bytes.at, record.bytes, seed)) return "bad checksum";
    if (record.type < FORMAT_MARK || record.type > FORMAT_CLOSE) return "a record of an unknown type";
    *out = record;
    return NULL;
}

bool format_is_end(struct slice bytes)
{
    static const char zeros[FORMAT_END_BYTES];
    return memcmp(bytes.len ? bytes.at : zeros, zeros, bytes.len < sizeof(zeros) ? bytes.len : sizeof(zeros)) == 0;
}

uint64_t format_find_marks(struct slice bytes, uint32_t seed, size_t *out_end)
{
    uint64_t durable = 0;
    *out_end = 0;
    for (size_t at = 0; at + FORMAT_MARK_BYTES <= bytes.len; at += 8) {
        struct format_record record;
        char type = bytes.at[at + 16];
        if (get_32(bytes.at + at) != 1 || (type != FORMAT_MARK && type != FORMAT_CLOSE)) continue;
        if (format_read(slice_of(bytes.at + at, FORMAT_MARK_BYTES), seed, &record)) continue;
        if (record.seq > durable) durable = record.seq;
        *out_end = at + FORMAT_MARK_BYTES;
    }
    return durable;
}
