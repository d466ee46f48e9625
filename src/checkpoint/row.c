/* SPDX-License-Identifier: MIT */
/*
 * bytes:  head crc, 4    body crc, 4    kind, 1    seq, varint    expire ms, varint    [whole name, text]    body
 *
 *   kind      bits 0-2: the value's type; bit 3: large; bit 4: a whole name follows
 *   head crc  CRC32C over the row's key and all from the body's crc up to the body
 *   body crc  CRC32C over the body
 *
 * There are two because start-up reads the heads of all rows, but has no need of the pages where long bodies lie.
 */
#include "checkpoint/row.h"

#include "base/crc32c.h"
#include "base/mem.h"
#include "base/siphash.h"
#include "base/varint.h"

enum { KIND_TYPE = 7, KIND_LARGE = 1 << 3, KIND_WHOLE_NAME = 1 << 4, KIND_ALL = 0x1f };

#define CRCS_BYTES 8u
#define HASH_BYTES 16u
/* Any two numbers: the hash of a name is 128 bits, its siphash under each. */
#define HASH_KEY_1 UINT64_C(0x6f78712d6e616d65)
#define HASH_KEY_2 UINT64_C(0x31f5a9c27be4d083)

void row_put_u64(char dst[8], uint64_t n)
{
    for (int i = 0; i < 8; i++) dst[i] = (char)(n >> (56 - 8 * i));
}

uint64_t row_get_u64(const char src[8])
{
    uint64_t n = 0;
    for (int i = 0; i < 8; i++) n = n << 8 | (uint8_t)src[i];
    return n;
}

static void put_u32(char dst[4], uint32_t n)
{
    for (int i = 0; i < 4; i++) dst[i] = (char)(n >> (24 - 8 * i));
}

uint32_t row_get_u32(const char src[4])
{
    uint32_t n = 0;
    for (int i = 0; i < 4; i++) n = n << 8 | (uint8_t)src[i];
    return n;
}

static void add_name(struct row_key *k, struct slice name)
{
    k->is_cut = k->len + name.len >= ROW_KEY_MAX;
    size_t kept = k->is_cut ? ROW_KEY_MAX - HASH_BYTES - k->len : name.len;
    if (kept) memcpy(k->at + k->len, name.at, kept);
    k->len += kept;
    if (!k->is_cut) return;
    row_put_u64(k->at + k->len, siphash_fixed(HASH_KEY_1, name));
    row_put_u64(k->at + k->len + 8, siphash_fixed(HASH_KEY_2, name));
    k->len = ROW_KEY_MAX;
}

void row_key_of_key(struct row_key *out, uint32_t db_number, struct slice key)
{
    put_u32(out->at, db_number);
    out->len = ROW_DB_BYTES;
    add_name(out, key);
}

void row_key_of_part(struct row_key *out, uint64_t disk_id, enum row_part part, struct slice name)
{
    row_put_u64(out->at, disk_id);
    out->at[ROW_ID_BYTES] = (char)part;
    out->len = ROW_PART_BYTES;
    add_name(out, name);
}

static void put_crc(char dst[4], uint32_t crc)
{
    for (int i = 0; i < 4; i++) dst[i] = (char)(crc >> (8 * i));
}

static uint32_t get_crc(const char *src)
{
    uint32_t crc = 0;
    for (int i = 0; i < 4; i++) crc |= (uint32_t)(uint8_t)src[i] << (8 * i);
    return crc;
}

static void append(struct buf *out, struct slice bytes)
{
    mem_must(buf_append(out, bytes));
}

static void append_number(struct buf *out, uint64_t n)
{
    char bytes[VARINT_MAX_BYTES];
    append(out, slice_of(bytes, varint_put(bytes, n)));
}

static uint32_t head_crc(struct slice key, struct slice head)
{
    return crc32c(crc32c(0, key), head);
}

void row_write(struct buf *out, struct slice key, const struct row *row)
{
    size_t start = out->len;
    char crcs[CRCS_BYTES] = {0};
    put_crc(crcs + 4, crc32c(0, row->body));
    append(out, slice_of(crcs, sizeof(crcs)));
    char kind = (char)(row->type | (row->is_large ? KIND_LARGE : 0) | (row->has_whole_name ? KIND_WHOLE_NAME : 0));
    append(out, slice_of(&kind, 1));
    append_number(out, row->seq);
    append_number(out, (uint64_t)row->expire_ms);
    if (row->has_whole_name) {
        append_number(out, row->whole_name.len);
        append(out, row->whole_name);
    }
    put_crc(out->at + start, head_crc(key, slice_of(out->at + start + 4, out->len - start - 4)));
    append(out, row->body);
}

bool row_read(struct slice key, struct slice bytes, struct row *out)
{
    uint64_t expire_ms;
    if (bytes.len <= CRCS_BYTES) return false;
    uint8_t kind = (uint8_t)bytes.at[CRCS_BYTES];
    if (kind > KIND_ALL || (kind & KIND_TYPE) >= VALUE_TYPES_COUNT) return false;
    struct slice rest = slice_from(bytes, CRCS_BYTES + 1);
    *out = (struct row){.type = (enum value_type)(kind & KIND_TYPE),
                        .is_large = kind & KIND_LARGE,
                        .has_whole_name = kind & KIND_WHOLE_NAME,
                        .body_crc = get_crc(bytes.at + 4)};
    if (!varint_take(&rest, &out->seq) || !varint_take(&rest, &expire_ms) || expire_ms > INT64_MAX) return false;
    if (out->has_whole_name && !varint_take_text(&rest, &out->whole_name)) return false;
    out->expire_ms = (int64_t)expire_ms;
    out->body = rest;
    return get_crc(bytes.at) == head_crc(key, slice_of(bytes.at + 4, bytes.len - 4 - rest.len));
}

bool row_is_body_whole(const struct row *row)
{
    return crc32c(0, row->body) == row->body_crc;
}
