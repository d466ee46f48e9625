/* SPDX-License-Identifier: MIT */
/* Effects that are read from any bytes and written again must read the same; no look goes beyond the bytes that came. */
#include "base/mem.h"
#include "keyspace/effect_codec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* Reads a sequence up to its end or first fault and writes what came. */
static void copy_sequence(struct effect_reader *r, struct effect_writer *w, struct slice sequence)
{
    struct effect e;
    bool has;
    effect_reader_start(r, sequence);
    effect_writer_start(w);
    w->out->len = 0;
    while (effect_read(r, &e, &has) == OXQ_OK && has) CHECK(effect_write(w, &e) == OXQ_OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    char *exact = mem_alloc(len);
    if (len) memcpy(exact, data, len);
    struct buf first = {.limit_bytes = (size_t)1 << 28}, second = {.limit_bytes = (size_t)1 << 28};
    struct effect_writer w, again;
    struct effect_reader r;
    effect_writer_init(&w, &first);
    effect_writer_init(&again, &second);
    effect_reader_init(&r);

    copy_sequence(&r, &w, slice_of(exact, len));
    copy_sequence(&r, &again, buf_borrow(&first));
    CHECK(r.rest.len == 0);
    CHECK(slice_equal(buf_borrow(&first), buf_borrow(&second)));

    effect_reader_deinit(&r);
    effect_writer_deinit(&w);
    effect_writer_deinit(&again);
    buf_deinit(&first);
    buf_deinit(&second);
    mem_free(exact);
    return 0;
}
