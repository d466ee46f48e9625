/* SPDX-License-Identifier: MIT */
#include "keyspace/effect_codec.h"

#include "base/mem.h"
#include "base/rng.h"

#include <criterion/criterion.h>
#include <math.h>

#define SEQUENCE_COUNT 40
#define TEXT_MAX_BYTES 400

/* ---- random effects ---- */

/* Texts of all forms: numbers, nearly numbers, words, bytes. */
static struct slice random_text(struct rng *r, struct arena *a)
{
    static const char *const texts[] = {"",
                                        "0",
                                        "-0",
                                        "01",
                                        "7",
                                        "-1",
                                        "+5",
                                        "10",
                                        "data",
                                        "waiting-children",
                                        "{}",
                                        "waiting",
                                        "waitingg",
                                        "1e5",
                                        "9223372036854775807",
                                        "-9223372036854775808",
                                        "9223372036854775808",
                                        "-",
                                        "00",
                                        "1700000000000"};
    uint64_t pick = rng_below(r, 40);
    if (pick < sizeof(texts) / sizeof(texts[0])) return slice_from_text(texts[pick]);
    size_t len = (size_t)rng_below(r, pick == 39 ? TEXT_MAX_BYTES : 12);
    char *bytes = arena_alloc(a, len);
    for (size_t i = 0; i < len; i++) bytes[i] = pick < 30 ? (char)('0' + rng_below(r, 10)) : (char)rng_next(r);
    return slice_of(bytes, len);
}

static int64_t random_number(struct rng *r)
{
    return (int64_t)(rng_next(r) >> rng_below(r, 64)) * (rng_below(r, 2) ? 1 : -1);
}

static double random_score(struct rng *r)
{
    static const double scores[] = {0,         -0.0,   1,       -1,         0.5,   INFINITY,
                                    -INFINITY, 0x1p53, -0x1p53, 0x1p53 - 1, 1e300, 0x1p-1074};
    uint64_t pick = rng_below(r, 20);
    return pick < sizeof(scores) / sizeof(scores[0]) ? scores[pick] : (double)random_number(r) / (double)(1 + pick % 2);
}

static struct effect random_effect(struct rng *r, struct arena *a)
{
    struct effect e = {.kind = (enum effect_kind)rng_below(r, EFFECT_KINDS_COUNT), .db = (uint32_t)rng_below(r, 2)};
    e.key = random_text(r, a);
    e.a = random_text(r, a);
    e.b = random_text(r, a);
    e.n = random_number(r);
    e.m = random_number(r);
    e.score = random_score(r);
    e.items_count = rng_below(r, 6);
    struct slice *items = ARENA_ARRAY(a, struct slice, e.items_count);
    for (size_t i = 0; i < e.items_count; i++) items[i] = random_text(r, a);
    e.items = items;
    return e;
}

/* What is read has the fields of its kind; whoever reads one that it has not gets nothing. */
static void assert_same(const struct effect *written, const struct effect *read)
{
    cr_assert_eq(read->kind, written->kind);
    cr_assert_eq(read->db, written->db);
    cr_assert(read->key.len == 0 || slice_equal(read->key, written->key));
    cr_assert(read->a.len == 0 || slice_equal(read->a, written->a));
    cr_assert(read->b.len == 0 || slice_equal(read->b, written->b));
    cr_assert(read->n == 0 || read->n == written->n);
    cr_assert(read->m == 0 || read->m == written->m);
    cr_assert(read->score == 0 || memcmp(&read->score, &written->score, sizeof(double)) == 0);
    cr_assert(read->items_count == 0 || read->items_count == written->items_count);
    for (size_t i = 0; i < read->items_count; i++) cr_assert(slice_equal(read->items[i], written->items[i]));
}

Test(effect_codec, random_sequences_are_read_as_they_were_written)
{
    struct rng rng;
    rng_init(&rng, 11);
    struct buf out = {.limit_bytes = 1 << 20}, again = {.limit_bytes = 1 << 20};
    struct effect_writer w, second;
    struct effect_reader r;
    effect_writer_init(&w, &out);
    effect_writer_init(&second, &again);
    effect_reader_init(&r);
    struct arena a = {0};
    for (int round = 0; round < 2000; round++) {
        struct effect effects[SEQUENCE_COUNT];
        size_t count = rng_below(&rng, SEQUENCE_COUNT);
        out.len = again.len = 0;
        effect_writer_start(&w);
        effect_writer_start(&second);
        for (size_t i = 0; i < count; i++) {
            effects[i] = random_effect(&rng, &a);
            if (i > 0 && rng_below(&rng, 3) == 0) effects[i].key = effects[i - 1].key;
            cr_assert_eq(effect_write(&w, &effects[i]), OXQ_OK);
        }
        effect_reader_start(&r, buf_borrow(&out));
        struct effect e;
        bool has;
        for (size_t i = 0; i < count; i++) {
            cr_assert_eq(effect_read(&r, &e, &has), OXQ_OK);
            cr_assert(has);
            assert_same(&effects[i], &e);
            cr_assert_eq(effect_write(&second, &e), OXQ_OK);
        }
        cr_assert_eq(effect_read(&r, &e, &has), OXQ_OK);
        cr_assert_not(has);
        cr_assert(slice_equal(buf_borrow(&out), buf_borrow(&again)), "nothing was lost on the way");
        arena_reset(&a);
    }
    arena_deinit(&a);
    effect_reader_deinit(&r);
    effect_writer_deinit(&w);
    effect_writer_deinit(&second);
    buf_deinit(&out);
    buf_deinit(&again);
}

Test(effect_codec, a_body_made_elsewhere_gives_the_same_bytes)
{
    struct rng rng;
    rng_init(&rng, 12);
    struct buf chain = {.limit_bytes = 1 << 20}, out = {.limit_bytes = 1 << 20}, again = {.limit_bytes = 1 << 20};
    struct effect_writer bare, w, second;
    effect_writer_init(&bare, &chain);
    effect_writer_init(&w, &out);
    effect_writer_init(&second, &again);
    struct arena a = {0};
    for (int i = 0; i < 2000; i++) {
        struct effect e = random_effect(&rng, &a);
        struct effect without_key = e;
        without_key.key = slice_of(NULL, 0);
        effect_writer_start(&bare);
        cr_assert_eq(effect_write(&bare, &without_key), OXQ_OK);
        cr_assert_eq(effect_write(&w, &e), OXQ_OK);
        e.body = bare.body;
        cr_assert_eq(effect_write(&second, &e), OXQ_OK);
        cr_assert(slice_equal(buf_borrow(&out), buf_borrow(&again)), "effect %d, a %s", i, effect_name(e.kind));
        out.len = again.len = 0;
        arena_reset(&a);
    }
    arena_deinit(&a);
    effect_writer_deinit(&bare);
    effect_writer_deinit(&w);
    effect_writer_deinit(&second);
    buf_deinit(&chain);
    buf_deinit(&out);
    buf_deinit(&again);
}

Test(effect_codec, every_field_of_every_kind_arrives)
{
    struct buf out = {.limit_bytes = 4096};
    struct effect_writer w;
    struct effect_reader r;
    effect_writer_init(&w, &out);
    effect_reader_init(&r);
    const struct slice items[] = {SLICE_LIT("x"), SLICE_LIT("123456")};
    struct {
        enum effect_kind kind;
        bool n, m, a, b, score, items;
    } cases[] = {
        {EFFECT_KEY_EXPIRE, .n = true},
        {EFFECT_KEY_COPY, .n = true, .a = true},
        {EFFECT_DB_SWAP, .n = true},
        {EFFECT_STRING_SET, .n = true, .a = true},
        {EFFECT_HASH_SET, .a = true, .b = true},
        {EFFECT_LIST_REMOVE, .n = true, .m = true},
        {EFFECT_ZSET_SET, .a = true, .score = true},
        {EFFECT_STREAM_ADD, .n = true, .m = true, .items = true},
        {EFFECT_STREAM_SET_ID, .n = true, .m = true, .a = true},
        {EFFECT_STREAM_GROUP_SET, .n = true, .m = true, .a = true, .b = true},
        {EFFECT_STREAM_CONSUMER_SET, .n = true, .a = true, .b = true},
        {EFFECT_STREAM_PENDING_SET, .n = true, .m = true, .a = true, .b = true, .items = true},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct effect e = {.kind = cases[i].kind,
                           .key = SLICE_LIT("k"),
                           .a = SLICE_LIT("aa"),
                           .b = SLICE_LIT("bb"),
                           .n = 77,
                           .m = -78,
                           .score = 1.25,
                           .items = items,
                           .items_count = 2};
        struct effect read;
        bool has;
        out.len = 0;
        effect_writer_start(&w);
        cr_assert_eq(effect_write(&w, &e), OXQ_OK);
        effect_reader_start(&r, buf_borrow(&out));
        cr_assert_eq(effect_read(&r, &read, &has), OXQ_OK);
        cr_assert_eq(read.n, cases[i].n ? 77 : 0, "%s", effect_name(e.kind));
        cr_assert_eq(read.m, cases[i].m ? -78 : 0);
        cr_assert_eq(read.a.len, cases[i].a ? 2 : 0);
        cr_assert_eq(read.b.len, cases[i].b ? 2 : 0);
        cr_assert_eq(read.score, cases[i].score ? 1.25 : 0);
        cr_assert_eq(read.items_count, cases[i].items ? 2 : 0);
    }
    effect_reader_deinit(&r);
    effect_writer_deinit(&w);
    buf_deinit(&out);
}

/* ---- sizes ---- */

static size_t written_bytes(struct effect before, struct effect e)
{
    struct buf out = {.limit_bytes = 4096};
    struct effect_writer w;
    effect_writer_init(&w, &out);
    cr_assert_eq(effect_write(&w, &before), OXQ_OK);
    size_t start = out.len;
    cr_assert_eq(effect_write(&w, &e), OXQ_OK);
    size_t bytes = out.len - start;
    effect_writer_deinit(&w);
    buf_deinit(&out);
    return bytes;
}

Test(effect_codec, what_jobs_do_takes_few_bytes)
{
    struct slice job = SLICE_LIT("bull:mail:1234"), list = SLICE_LIT("bull:mail:wait");
    struct effect set = {
        .kind = EFFECT_HASH_SET, .key = job, .a = SLICE_LIT("timestamp"), .b = SLICE_LIT("1700000000000")};
    cr_assert_eq(written_bytes(set, set), 1 + 1 + 7);
    struct effect push = {.kind = EFFECT_LIST_PUSH_HEAD, .key = list, .a = SLICE_LIT("1234")};
    cr_assert_eq(written_bytes(set, push), 1 + 2 + 4 + 3);
    struct effect delayed = {.kind = EFFECT_ZSET_SET, .key = job, .a = SLICE_LIT("0"), .score = 1700000000000.0 * 4096};
    cr_assert_eq(written_bytes(set, delayed), 1 + 2 + 8);
}

/* ---- what goes wrong ---- */

Test(effect_codec, a_full_buffer_takes_nothing)
{
    struct buf out = {.limit_bytes = 100};
    struct effect_writer w;
    effect_writer_init(&w, &out);
    struct effect small = {.kind = EFFECT_KEY_DELETE, .key = SLICE_LIT("abc")};
    cr_assert_eq(effect_write(&w, &small), OXQ_OK);
    size_t len = out.len;
    char big[200] = {0};
    struct effect e = {.kind = EFFECT_KEY_DELETE, .key = slice_of(big, sizeof(big))};
    cr_assert_eq(effect_write(&w, &e), OXQ_ERR_LIMIT);
    cr_assert_eq(out.len, len);
    out.limit_bytes = 4096;
    cr_assert_eq(effect_write(&w, &small), OXQ_OK);
    cr_assert_eq(out.len, len + 1, "the key before is still the one before");
    effect_writer_deinit(&w);
    buf_deinit(&out);
}

static oxq_err read_all(const char *bytes, size_t len)
{
    struct effect_reader r;
    effect_reader_init(&r);
    effect_reader_start(&r, slice_of(bytes, len));
    struct effect e;
    bool has = true;
    oxq_err error = OXQ_OK;
    while (!error && has) error = effect_read(&r, &e, &has);
    effect_reader_deinit(&r);
    return error;
}

Test(effect_codec, bytes_that_are_no_effects_are_refused)
{
#define ASSERT_BAD(...)                                                                                                \
    do {                                                                                                               \
        const uint8_t bytes[] = {__VA_ARGS__};                                                                         \
        cr_assert_eq(read_all((const char *)bytes, sizeof(bytes)), OXQ_ERR_FORMAT);                                    \
    } while (0)
    ASSERT_BAD(0x3f);                                                 /* no such kind */
    ASSERT_BAD(EFFECT_KEY_DELETE);                                    /* cut before the key */
    ASSERT_BAD(EFFECT_KEY_DELETE, 1, 1, 'x');                         /* shares with nothing */
    ASSERT_BAD(EFFECT_KEY_DELETE, 0, 2, 'x');                         /* cut in the key */
    ASSERT_BAD(0x80 | EFFECT_DB_FLUSH);                               /* a key where none is */
    ASSERT_BAD(0x40 | EFFECT_DB_FLUSH, 0xff, 0xff, 0xff, 0xff, 0x7f); /* db above 32 bits */
    ASSERT_BAD(0x80 | EFFECT_HASH_DELETE);                            /* cut before the text */
    ASSERT_BAD(0x80 | EFFECT_HASH_DELETE, 0xdf);                      /* no such word */
    ASSERT_BAD(0x80 | EFFECT_HASH_DELETE, 0xf8);                      /* no such form */
    ASSERT_BAD(0x80 | EFFECT_HASH_DELETE, 0xf7, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff); /* longer than all */
    ASSERT_BAD(0x80 | EFFECT_HASH_DELETE, 0xe7, 0, 0, 0, 0, 0, 0, 0, 0x80);                      /* above 63 bits */
    ASSERT_BAD(0x80 | EFFECT_ZSET_SET, 0, 3);                                                    /* no such score */
    ASSERT_BAD(0x80 | EFFECT_ZSET_SET, 0, 1, 0, 0);                                              /* cut in the score */
    ASSERT_BAD(0x80 | EFFECT_STREAM_ADD, 0, 0, 0xff, 0xff, 0xff, 0xff, 0x7f);                    /* items for ever */
#undef ASSERT_BAD
}
