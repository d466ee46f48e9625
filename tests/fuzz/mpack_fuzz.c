/* SPDX-License-Identifier: MIT */
/* A value that is read and written again must read the same; no look goes beyond the bytes that came. */
#include "base/mem.h"
#include "codec/mpack.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* What a visitor was told, as the bytes that the writer makes of it. */
struct copy {
    struct buf out;
};

static void copy_null(void *ctx)
{
    CHECK(mpack_put_null(&((struct copy *)ctx)->out) == OXQ_OK);
}

static void copy_boolean(void *ctx, bool b)
{
    CHECK(mpack_put_bool(&((struct copy *)ctx)->out, b) == OXQ_OK);
}

static void copy_integer(void *ctx, int64_t n)
{
    CHECK(mpack_put_integer(&((struct copy *)ctx)->out, n) == OXQ_OK);
}

/* The writer has no word for these: their nearest integer. */
static void copy_big(void *ctx, uint64_t n)
{
    copy_integer(ctx, (int64_t)(n >> 1));
}

static void copy_real(void *ctx, double d)
{
    CHECK(mpack_put_real(&((struct copy *)ctx)->out, d) == OXQ_OK);
}

static void copy_text(void *ctx, struct slice bytes)
{
    CHECK(mpack_put_text(&((struct copy *)ctx)->out, bytes) == OXQ_OK);
}

static void copy_array(void *ctx, uint32_t count)
{
    CHECK(mpack_put_array(&((struct copy *)ctx)->out, count) == OXQ_OK);
}

static void copy_map(void *ctx, uint32_t count)
{
    CHECK(mpack_put_map(&((struct copy *)ctx)->out, count) == OXQ_OK);
}

static void note_element(void *ctx, uint32_t number)
{
    (void)ctx;
    CHECK(number > 0);
}

static void note_pair(void *ctx)
{
    (void)ctx;
}

static const struct mpack_visitor copier = {copy_null, copy_boolean, copy_integer, copy_big,     copy_real,
                                            copy_text, copy_array,   copy_map,     note_element, note_pair};

static oxq_err copy_value(struct slice *input, struct copy *copy)
{
    copy->out = (struct buf){.limit_bytes = (size_t)1 << 28};
    return mpack_visit(input, &copier, copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    char *exact = mem_alloc(len);
    if (len) memcpy(exact, data, len);
    struct slice input = slice_of(exact, len);
    struct copy first, second;
    while (copy_value(&input, &first) == OXQ_OK) {
        struct slice again = buf_borrow(&first.out);
        CHECK(copy_value(&again, &second) == OXQ_OK);
        CHECK(again.len == 0);
        CHECK(slice_equal(buf_borrow(&first.out), buf_borrow(&second.out)));
        buf_deinit(&first.out);
        buf_deinit(&second.out);
    }
    buf_deinit(&first.out);
    mem_free(exact);
    return 0;
}
