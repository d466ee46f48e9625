/* SPDX-License-Identifier: MIT */
/*
 * The bytes of an effect:
 *
 *   head    1 byte: the kind in the low six bits; 0x40: db follows; 0x80: the key is the one before
 *   db      varint, when it is not that of the effect before (0 before the first)
 *   key     varint bytes shared with the key before, varint bytes that follow, those; unless 0x80, or the kind has no key
 *   fields  those that the kind has, in this order: n m a b score items
 *
 *   n, m    varint, folded (base/varint.h)
 *   score   varint of folded n * 2 for an integer n below 2^53; else the byte 1 and 8 bytes of the double, low ones first
 *   items   varint count, texts
 *
 * A text (a, b, an item) begins with one byte:
 *
 *   00..7f  so many bytes follow
 *   80..df  a word of the dictionary
 *   e0..e7  an integer in decimal: 1 to 8 bytes, low ones first
 *   e8..ef  a negative one: 1 to 8 bytes of -1 - n
 *   f0..f7  a length of 1 to 8 bytes, low ones first, and so many bytes
 *
 * A writer takes the shortest form. Words are numbered by their place in the list: it only ever grows at its end.
 */
#include "keyspace/effect_codec.h"

#include "base/num.h"
#include "base/varint.h"
#include "keyspace/word.h"

#include <math.h>

#define KEY_MAX_BYTES ((size_t)1 << 32)

enum head {
    HEAD_KIND = 0x3f,
    HEAD_DB = 0x40,
    HEAD_SAME_KEY = 0x80,
};

enum text_form {
    TEXT_SHORT_MAX = 0x7f,
    TEXT_WORD = 0x80,
    TEXT_INTEGER = 0xe0,
    TEXT_NEGATIVE = 0xe8,
    TEXT_LONG = 0xf0,
    TEXT_END = 0xf8,
};

/* The first byte, and eight of a length or number. */
#define TEXT_HEAD_MAX 9
#define SCORE_EXACT_MAX 0x1p53
#define SCORE_RAW 1

/* ---- which kind has what ---- */

enum field { HAS_KEY = 1, HAS_N = 2, HAS_M = 4, HAS_A = 8, HAS_B = 16, HAS_SCORE = 32, HAS_ITEMS = 64 };

static const uint8_t fields[EFFECT_KINDS_COUNT] = {
    [EFFECT_KEY_DELETE] = HAS_KEY,
    [EFFECT_KEY_EXPIRE] = HAS_KEY | HAS_N,
    [EFFECT_KEY_RENAME] = HAS_KEY | HAS_A,
    [EFFECT_KEY_MOVE] = HAS_KEY | HAS_N,
    [EFFECT_KEY_COPY] = HAS_KEY | HAS_N | HAS_A,
    [EFFECT_DB_FLUSH] = 0,
    [EFFECT_DB_SWAP] = HAS_N,
    [EFFECT_STRING_SET] = HAS_KEY | HAS_N | HAS_A,
    [EFFECT_STRING_RANGE] = HAS_KEY | HAS_N | HAS_A,
    [EFFECT_HASH_SET] = HAS_KEY | HAS_A | HAS_B,
    [EFFECT_HASH_DELETE] = HAS_KEY | HAS_A,
    [EFFECT_LIST_PUSH_HEAD] = HAS_KEY | HAS_A,
    [EFFECT_LIST_PUSH_TAIL] = HAS_KEY | HAS_A,
    [EFFECT_LIST_POP_HEAD] = HAS_KEY | HAS_N,
    [EFFECT_LIST_POP_TAIL] = HAS_KEY | HAS_N,
    [EFFECT_LIST_SET] = HAS_KEY | HAS_N | HAS_A,
    [EFFECT_LIST_INSERT] = HAS_KEY | HAS_N | HAS_A,
    [EFFECT_LIST_REMOVE] = HAS_KEY | HAS_N | HAS_M,
    [EFFECT_SET_ADD] = HAS_KEY | HAS_A,
    [EFFECT_SET_REMOVE] = HAS_KEY | HAS_A,
    [EFFECT_ZSET_SET] = HAS_KEY | HAS_A | HAS_SCORE,
    [EFFECT_ZSET_REMOVE] = HAS_KEY | HAS_A,
    [EFFECT_STREAM_ADD] = HAS_KEY | HAS_N | HAS_M | HAS_ITEMS,
    [EFFECT_STREAM_DELETE] = HAS_KEY | HAS_N | HAS_M,
    [EFFECT_STREAM_TRIM] = HAS_KEY | HAS_N,
    [EFFECT_STREAM_SET_ID] = HAS_KEY | HAS_N | HAS_M | HAS_A,
    [EFFECT_STREAM_GROUP_SET] = HAS_KEY | HAS_N | HAS_M | HAS_A | HAS_B,
    [EFFECT_STREAM_GROUP_DELETE] = HAS_KEY | HAS_A,
    [EFFECT_STREAM_CONSUMER_SET] = HAS_KEY | HAS_N | HAS_A | HAS_B,
    [EFFECT_STREAM_CONSUMER_DELETE] = HAS_KEY | HAS_A | HAS_B,
    [EFFECT_STREAM_PENDING_SET] = HAS_KEY | HAS_N | HAS_M | HAS_A | HAS_B | HAS_ITEMS,
    [EFFECT_STREAM_PENDING_DELETE] = HAS_KEY | HAS_N | HAS_M | HAS_A,
};
_Static_assert(EFFECT_KINDS_COUNT <= HEAD_KIND + 1, "the kind has six bits");

/* ---- words ---- */

#define W(text) SLICE_INIT(text)
static const struct slice words[] = {
    /* A job's fields. */
    W("name"),
    W("data"),
    W("opts"),
    W("timestamp"),
    W("delay"),
    W("priority"),
    W("processedOn"),
    W("finishedOn"),
    W("atm"),
    W("ats"),
    W("returnvalue"),
    W("failedReason"),
    W("stacktrace"),
    W("progress"),
    W("parentKey"),
    W("parent"),
    W("rjk"),
    W("deid"),
    W("pb"),
    W("tm"),
    W("defa"),
    W("stc"),
    W("nrjid"),
    /* An event's fields, and what happened. */
    W("event"),
    W("jobId"),
    W("prev"),
    W("added"),
    W("waiting"),
    W("active"),
    W("completed"),
    W("failed"),
    W("delayed"),
    W("prioritized"),
    W("waiting-children"),
    W("paused"),
    W("resumed"),
    W("removed"),
    W("drained"),
    W("stalled"),
    W("duplicated"),
    W("deduplicated"),
    W("deduplicationId"),
    W("deduplicatedJobId"),
    W("cleaned"),
    W("retries-exhausted"),
    W("attemptsMade"),
    W("childId"),
    W("count"),
    /* Schedulers, queues, metrics. */
    W("ic"),
    W("every"),
    W("pattern"),
    W("offset"),
    W("startDate"),
    W("endDate"),
    W("limit"),
    W("tz"),
    W("pk"),
    W("concurrency"),
    W("max"),
    W("duration"),
    W("version"),
    W("opts.maxLenEvents"),
    W("prevTS"),
    W("prevCount"),
    /* Values that most jobs have. */
    W("null"),
    W("{}"),
    W("[]"),
    W("{\"attempts\":0}"),
    W("{\"attempts\":1}"),
};
#undef W
#define EFFECT_WORDS_COUNT (sizeof(words) / sizeof(words[0]))
#define WORD_MAX_BYTES 20
_Static_assert(EFFECT_WORDS_COUNT <= TEXT_INTEGER - TEXT_WORD, "each word has a number");
_Static_assert(EFFECT_WORDS_COUNT * 2 <= EFFECT_WORD_PLACES, "the table stays half empty");

/* The first place of a word (of at least two bytes) in the table. */
static size_t word_place(struct slice text)
{
    const uint8_t *at = (const uint8_t *)text.at;
    return (at[0] * 5u + at[text.len - 1] * 31u + at[text.len / 2] * 3u + text.len) % EFFECT_WORD_PLACES;
}

static bool is_same_word(const char *a, const char *b, size_t len)
{
    return len <= 16 ? word_equal(a, b, len) : memcmp(a, b, len) == 0;
}

/* The word's number, or -1. */
static int find_word(const struct effect_writer *w, struct slice text)
{
    if (text.len < 2 || text.len > WORD_MAX_BYTES) return -1;
    for (size_t place = word_place(text); w->words[place]; place = (place + 1) % EFFECT_WORD_PLACES) {
        int number = w->words[place] - 1;
        if (words[number].len == text.len && is_same_word(words[number].at, text.at, text.len)) return number;
    }
    return -1;
}

static void add_words(struct effect_writer *w)
{
    for (size_t i = 0; i < EFFECT_WORDS_COUNT; i++) {
        SLOW_CHECK(words[i].len >= 2 && words[i].len <= WORD_MAX_BYTES && find_word(w, words[i]) < 0);
        size_t place = word_place(words[i]);
        while (w->words[place]) place = (place + 1) % EFFECT_WORD_PLACES;
        w->words[place] = (uint8_t)(i + 1);
    }
}

/* ---- writing ---- */

void effect_writer_init(struct effect_writer *w, struct buf *out)
{
    *w = (struct effect_writer){.out = out, .key = {.limit_bytes = KEY_MAX_BYTES}};
    add_words(w);
}

void effect_writer_deinit(struct effect_writer *w)
{
    buf_deinit(&w->key);
}

void effect_writer_start(struct effect_writer *w)
{
    w->key.len = 0;
    w->db = 0;
}

/* A first byte that tells how many bytes, and the number in them. */
static char *put_number(char *at, enum text_form form, uint64_t n)
{
    char *head = at++;
    unsigned extra = 0;
    for (;; extra++) {
        *at++ = (char)n;
        n >>= 8;
        if (!n) break;
    }
    *head = (char)(form + extra);
    return at;
}

/* No word begins like one. */
static bool may_be_number(struct slice text)
{
    if (text.len < 2 || text.len >= NUM_INT_MAX_CHARS) return false;
    return text.at[0] == '-' || (text.at[0] >= '1' && text.at[0] <= '9');
}

static char *put_bytes(char *at, struct slice text)
{
    if (text.len <= TEXT_SHORT_MAX)
        *at++ = (char)text.len;
    else
        at = put_number(at, TEXT_LONG, text.len);
    if (text.len) memcpy(at, text.at, text.len);
    return at + text.len;
}

static char *put_integer(char *at, struct slice text)
{
    int64_t n;
    if (!num_parse_int(text, &n)) return put_bytes(at, text);
    return n < 0 ? put_number(at, TEXT_NEGATIVE, (uint64_t)(-1 - n)) : put_number(at, TEXT_INTEGER, (uint64_t)n);
}

static inline char *put_text(const struct effect_writer *w, char *at, struct slice text)
{
    if (may_be_number(text)) return put_integer(at, text);
    int word = find_word(w, text);
    if (word < 0) return put_bytes(at, text);
    *at++ = (char)(TEXT_WORD + word);
    return at;
}

static char *put_score(char *at, double score)
{
    if (score == rint(score) && fabs(score) < SCORE_EXACT_MAX && !(score == 0 && signbit(score)))
        return at + varint_put(at, varint_fold((int64_t)score) << 1);
    uint64_t bits;
    memcpy(&bits, &score, sizeof(bits));
    *at++ = SCORE_RAW;
    for (size_t i = 0; i < sizeof(bits); i++) *at++ = (char)(bits >> (8 * i));
    return at;
}

/* Keys of one queue share their first ten or thirty bytes: eight are compared at a time. */
static size_t count_shared(struct slice a, struct slice b)
{
    size_t max = a.len < b.len ? a.len : b.len, n = 0;
    while (n + 8 <= max && memcmp(a.at + n, b.at + n, 8) == 0) n += 8;
    while (n < max && a.at[n] == b.at[n]) n++;
    return n;
}

static char *put_key(char *at, struct slice before, struct slice key)
{
    size_t shared = count_shared(before, key);
    at += varint_put(at, shared);
    at += varint_put(at, key.len - shared);
    if (key.len > shared) memcpy(at, key.at + shared, key.len - shared);
    return at + (key.len - shared);
}

static char *put_fields(const struct effect_writer *w, char *at, const struct effect *e)
{
    unsigned has = fields[e->kind];
    if (e->body.len) {
        memcpy(at, e->body.at, e->body.len);
        return at + e->body.len;
    }
    if (has & HAS_N) at += varint_put(at, varint_fold(e->n));
    if (has & HAS_M) at += varint_put(at, varint_fold(e->m));
    if (has & HAS_A) at = put_text(w, at, e->a);
    if (has & HAS_B) at = put_text(w, at, e->b);
    if (has & HAS_SCORE) at = put_score(at, e->score);
    if (has & HAS_ITEMS) {
        at += varint_put(at, e->items_count);
        for (size_t i = 0; i < e->items_count; i++) at = put_text(w, at, e->items[i]);
    }
    return at;
}

static size_t greatest_bytes(const struct effect *e)
{
    size_t bytes = 1 + 7 * VARINT_MAX_BYTES + e->key.len;
    if (e->body.len) return bytes + e->body.len;
    bytes += 2 * TEXT_HEAD_MAX + e->a.len + e->b.len;
    for (size_t i = 0; i < e->items_count; i++) bytes += TEXT_HEAD_MAX + e->items[i].len;
    return bytes;
}

oxq_err effect_write(struct effect_writer *w, const struct effect *e)
{
    oxq_err error = buf_reserve(w->out, greatest_bytes(e));
    if (error) return error;
    unsigned has = fields[e->kind], head = e->kind;
    bool is_new_key = (has & HAS_KEY) && !slice_equal(buf_borrow(&w->key), e->key);
    if (is_new_key && e->key.len > w->key.cap) {
        error = buf_reserve(&w->key, e->key.len);
        if (error) return error;
    }
    char *at = w->out->at + w->out->len + 1;
    if (e->db != w->db) {
        head |= HEAD_DB;
        at += varint_put(at, e->db);
    }
    if (is_new_key)
        at = put_key(at, buf_borrow(&w->key), e->key);
    else if (has & HAS_KEY)
        head |= HEAD_SAME_KEY;
    char *body = at;
    at = put_fields(w, at, e);
    w->body = slice_of(body, (size_t)(at - body));
    w->out->at[w->out->len] = (char)head;
    w->out->len = (size_t)(at - w->out->at);
    w->db = e->db;
    if (is_new_key) {
        if (e->key.len) memcpy(w->key.at, e->key.at, e->key.len);
        w->key.len = e->key.len;
    }
    return OXQ_OK;
}

/* ---- reading ---- */

void effect_reader_init(struct effect_reader *r)
{
    *r = (struct effect_reader){.key = {.limit_bytes = KEY_MAX_BYTES}};
}

void effect_reader_deinit(struct effect_reader *r)
{
    buf_deinit(&r->key);
    arena_deinit(&r->scratch);
}

void effect_reader_start(struct effect_reader *r, struct slice sequence)
{
    r->rest = sequence;
    r->key.len = 0;
    r->kept_key = slice_of(NULL, 0);
    r->db = 0;
}

void effect_reader_keep(struct effect_reader *r, struct arena *keep)
{
    r->keep = keep;
    r->kept_key = slice_of(NULL, 0);
}

static struct arena *arena_of(struct effect_reader *r)
{
    return r->keep ? r->keep : &r->scratch;
}

static bool take_signed(struct slice *rest, int64_t *out)
{
    uint64_t n;
    if (!varint_take(rest, &n)) return false;
    *out = varint_unfold(n);
    return true;
}

/* A number of so many bytes, low ones first. */
static bool take_number(struct slice *rest, size_t count, uint64_t *out)
{
    struct slice bytes;
    if (!varint_take_bytes(rest, count, &bytes)) return false;
    *out = 0;
    for (size_t i = 0; i < count; i++) *out |= (uint64_t)(uint8_t)bytes.at[i] << (8 * i);
    return true;
}

/* A number as text, in memory of ours. */
static bool take_integer(struct effect_reader *r, uint8_t form, struct slice *out)
{
    uint64_t n;
    if (!take_number(&r->rest, (form & 7) + 1u, &n) || n > INT64_MAX) return false;
    char *digits = arena_alloc(arena_of(r), NUM_INT_MAX_CHARS);
    *out = slice_of(digits, num_format_int(digits, form >= TEXT_NEGATIVE ? -1 - (int64_t)n : (int64_t)n));
    return true;
}

static bool take_literal(struct effect_reader *r, uint64_t len, struct slice *out)
{
    if (!varint_take_bytes(&r->rest, len, out)) return false;
    if (r->keep) *out = arena_copy(r->keep, *out);
    return true;
}

static bool take_text(struct effect_reader *r, struct slice *out)
{
    if (r->rest.len == 0) return false;
    uint8_t form = (uint8_t)r->rest.at[0];
    r->rest = slice_from(r->rest, 1);
    if (form <= TEXT_SHORT_MAX) return take_literal(r, form, out);
    if (form < TEXT_INTEGER) {
        if (form - TEXT_WORD >= (int)EFFECT_WORDS_COUNT) return false;
        *out = words[form - TEXT_WORD];
        return true;
    }
    if (form < TEXT_LONG) return take_integer(r, form, out);
    uint64_t len;
    if (form >= TEXT_END || !take_number(&r->rest, (form & 7) + 1u, &len)) return false;
    return take_literal(r, len, out);
}

static bool take_score(struct slice *rest, double *out)
{
    uint64_t n;
    if (!varint_take(rest, &n)) return false;
    if (n == SCORE_RAW) {
        uint64_t bits;
        if (!take_number(rest, sizeof(bits), &bits)) return false;
        memcpy(out, &bits, sizeof(*out));
        return true;
    }
    if (n & 1) return false;
    *out = (double)varint_unfold(n >> 1);
    return true;
}

static bool take_items(struct effect_reader *r, struct effect *out)
{
    uint64_t count;
    /* An item has at least one byte. */
    if (!varint_take(&r->rest, &count) || count > r->rest.len) return false;
    struct slice *items = ARENA_ARRAY(arena_of(r), struct slice, count);
    for (size_t i = 0; i < count; i++) {
        if (!take_text(r, &items[i])) return false;
    }
    out->items = items;
    out->items_count = (size_t)count;
    return true;
}

static oxq_err take_key(struct effect_reader *r)
{
    uint64_t shared, len;
    struct slice suffix;
    if (!varint_take(&r->rest, &shared) || !varint_take(&r->rest, &len)) return OXQ_ERR_FORMAT;
    if (shared > r->key.len || !varint_take_bytes(&r->rest, len, &suffix)) return OXQ_ERR_FORMAT;
    r->key.len = (size_t)shared;
    r->kept_key = slice_of(NULL, 0);
    return buf_append(&r->key, suffix);
}

static struct slice key_of(struct effect_reader *r)
{
    if (!r->keep) return buf_borrow(&r->key);
    if (!r->kept_key.at) r->kept_key = arena_copy(r->keep, buf_borrow(&r->key));
    return r->kept_key;
}

static bool take_fields(struct effect_reader *r, unsigned has, struct effect *out)
{
    if ((has & HAS_N) && !take_signed(&r->rest, &out->n)) return false;
    if ((has & HAS_M) && !take_signed(&r->rest, &out->m)) return false;
    if ((has & HAS_A) && !take_text(r, &out->a)) return false;
    if ((has & HAS_B) && !take_text(r, &out->b)) return false;
    if ((has & HAS_SCORE) && !take_score(&r->rest, &out->score)) return false;
    return !(has & HAS_ITEMS) || take_items(r, out);
}

oxq_err effect_read(struct effect_reader *r, struct effect *out, bool *out_has)
{
    *out_has = false;
    if (r->rest.len == 0) return OXQ_OK;
    if (!r->keep) arena_reset(&r->scratch);
    uint8_t head = (uint8_t)r->rest.at[0];
    r->rest = slice_from(r->rest, 1);
    if ((head & HEAD_KIND) >= EFFECT_KINDS_COUNT) return OXQ_ERR_FORMAT;
    *out = (struct effect){0};
    out->kind = (enum effect_kind)(head & HEAD_KIND);
    unsigned has = fields[out->kind];
    if (head & HEAD_DB) {
        uint64_t db;
        if (!varint_take(&r->rest, &db) || db > UINT32_MAX) return OXQ_ERR_FORMAT;
        r->db = (uint32_t)db;
    }
    out->db = r->db;
    if (!(has & HAS_KEY)) {
        if (head & HEAD_SAME_KEY) return OXQ_ERR_FORMAT;
    } else {
        oxq_err error = head & HEAD_SAME_KEY ? OXQ_OK : take_key(r);
        if (error) return error;
        out->key = key_of(r);
    }
    if (!take_fields(r, has, out)) return OXQ_ERR_FORMAT;
    *out_has = true;
    return OXQ_OK;
}
