/* SPDX-License-Identifier: MIT */
/* Single values: each is found, in the state that was told last, and damage under them is told, never served. */
#include "checkpoint/testkit.h"

#include "keyspace/string.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#define KEYS_COUNT 3000u
#define PAGE_BYTES 4096u
#define LONGEST_BYTES 20000u

static struct kit kit;

static void start(void)
{
    kit_init(&kit);
}

static void stop(void)
{
    kit_deinit(&kit);
}

TestSuite(lookup, .init = start, .fini = stop, .timeout = 120);

static struct slice name_of(uint32_t i, char out[32])
{
    return slice_of(out, (size_t)snprintf(out, 32, "bull:mail:%u", (unsigned)i));
}

/* What key i holds in a version: from one byte to rows that fill a page, and more than one. */
static struct slice text_of(uint32_t i, uint64_t version, char out[LONGEST_BYTES])
{
    static const size_t lengths[] = {1, 60, 900, 1480, 2020, 2040, 4070, 4090, 9000, LONGEST_BYTES};
    uint64_t n = i * UINT64_C(0x9e3779b97f4a7c15) + version;
    size_t len = lengths[(n >> 40) % 10];
    for (size_t k = 0; k < len; k++) out[k] = (char)('a' + (k * 7 + n) % 26);
    return slice_of(out, len);
}

static void put(struct buf *items, uint32_t i, uint64_t version)
{
    char name[32];
    static char text[LONGEST_BYTES];
    struct value v;
    value_init(&v, VALUE_STRING);
    string_set(&v, text_of(i, version, text));
    struct item item = {.kind = ITEM_KEY_PUT, .type = VALUE_STRING, .key = name_of(i, name)};
    size_t begun_at = item_begin(items, &item);
    cr_assert_eq(value_encode(&v, items), OXQ_OK);
    item_end(items, begun_at);
    value_deinit(&v);
}

/* The key's value has that version, or reading it failed for a reason of `allowed`. */
static oxq_err look(uint32_t i, uint64_t version, struct oxq_error *err)
{
    char name[32];
    static char text[LONGEST_BYTES], digits[NUM_INT_MAX_CHARS];
    struct value v;
    oxq_err e = checkpoint_load(kit.checkpoint, 0, name_of(i, name), VALUE_STRING, &v, err);
    if (e) return e;
    cr_assert(slice_equal(string_borrow(&v, digits), text_of(i, version, text)), "key %u is not of version %d",
              (unsigned)i, (int)version);
    value_deinit(&v);
    return OXQ_OK;
}

static void look_at_all(uint64_t version)
{
    struct oxq_error error;
    for (uint32_t i = 0; i < KEYS_COUNT; i++) cr_assert_eq(look(i, version, &error), OXQ_OK, "%s", error.text);
}

static void save(uint64_t seq, uint32_t keys_count)
{
    OWNED(buf_deinit) struct buf items = {.limit_bytes = SIZE_MAX / 2};
    for (uint32_t i = 0; i < keys_count; i++) put(&items, i, seq);
    cr_assert_eq(kit_save(&kit, seq, &items).state, CHECKPOINT_COMMITTED);
}

Test(lookup, every_value_of_every_size_is_found_after_each_checkpoint_and_after_a_start)
{
    for (uint64_t seq = 1; seq <= 5; seq++) {
        save(seq, KEYS_COUNT);
        look_at_all(seq);
    }
    kit_close(&kit);
    kit_open(&kit);
    look_at_all(5);
}

Test(lookup, the_state_that_was_told_is_served_while_the_next_one_is_written_and_when_it_is_there)
{
    save(1, KEYS_COUNT);
    for (uint64_t seq = 2; seq <= 4; seq++) {
        struct checkpoint_progress progress;
        OWNED(buf_deinit) struct buf items = {.limit_bytes = SIZE_MAX / 2};
        checkpoint_begin(kit.checkpoint, seq);
        for (uint32_t i = 0; i < KEYS_COUNT; i++) {
            put(&items, i, seq);
            if (i % 100 == 0) checkpoint_give(kit.checkpoint, &items);
        }
        checkpoint_give(kit.checkpoint, &items);
        look_at_all(seq - 1);
        checkpoint_end(kit.checkpoint);
        checkpoint_wait(kit.checkpoint, INT64_MAX);
        look_at_all(seq - 1);
        checkpoint_poll(kit.checkpoint, &progress);
        cr_assert_eq(progress.state, CHECKPOINT_COMMITTED);
        look_at_all(seq);
    }
}

static struct rlimit take_descriptors(void)
{
    struct rlimit before;
    cr_assert_eq(getrlimit(RLIMIT_NOFILE, &before), 0);
    (void)setrlimit(RLIMIT_NOFILE, &(struct rlimit){0, before.rlim_max});
    return before;
}

Test(lookup, values_are_found_also_where_no_descriptor_is_left)
{
    struct oxq_error error = {0};
    save(1, 1);
    struct rlimit before = take_descriptors();
    oxq_err e = look(0, 1, &error);
    cr_assert_eq(setrlimit(RLIMIT_NOFILE, &before), 0);
    cr_assert_eq(e, OXQ_OK, "%s", error.text);
}

static struct checkpoint_progress save_without_descriptors(uint64_t seq, uint32_t keys_count)
{
    OWNED(buf_deinit) struct buf items = {.limit_bytes = SIZE_MAX / 2};
    for (uint32_t i = 0; i < keys_count; i++) put(&items, i, seq);
    struct rlimit before = take_descriptors();
    struct checkpoint_progress progress = kit_save(&kit, seq, &items);
    cr_assert_eq(setrlimit(RLIMIT_NOFILE, &before), 0);
    return progress;
}

/* After a large checkpoint LMDB's file is opened anew. Where that fails, what was written is there all the same, and the state before is not. */
Test(lookup, the_new_state_is_served_also_where_the_file_cannot_be_opened_anew)
{
    struct checkpoint_summary summary;
    save(1, KEYS_COUNT);
    look_at_all(1);
    struct checkpoint_progress progress = save_without_descriptors(2, KEYS_COUNT);
    cr_assert_eq(progress.state, CHECKPOINT_COMMITTED, "%s", progress.error.text);
    look_at_all(2);
    checkpoint_summary(kit.checkpoint, &summary);
    cr_assert_eq(summary.seq, 2);
    progress = save_without_descriptors(3, 1);
    cr_assert_eq(progress.state, CHECKPOINT_FAILED);
    cr_assert(strstr(progress.error.text, "open files"), "%s", progress.error.text);
    look_at_all(2);
    progress = save_without_descriptors(3, 1);
    cr_assert_eq(progress.state, CHECKPOINT_FAILED);
    save(3, KEYS_COUNT);
    look_at_all(3);
}

Test(lookup, what_is_not_there_is_not_found)
{
    struct oxq_error error;
    cr_assert_eq(look(1, 1, &error), OXQ_ERR_NOT_FOUND, "before the first checkpoint");
    save(1, 1);
    cr_assert_eq(look(0, 1, &error), OXQ_OK);
    cr_assert_eq(look(1, 1, &error), OXQ_ERR_NOT_FOUND);
    save(2, KEYS_COUNT);
    cr_assert_eq(look(KEYS_COUNT, 1, &error), OXQ_ERR_NOT_FOUND);
}

/* ---- damage ---- */

static void change_byte(const char *path, off_t at, char bits)
{
    char byte;
    int fd = open(path, O_RDWR);
    cr_assert_geq(fd, 0);
    cr_assert_eq(pread(fd, &byte, 1, at), 1);
    byte = (char)(byte ^ bits);
    cr_assert_eq(pwrite(fd, &byte, 1, at), 1);
    close(fd);
}

Test(lookup, changed_bits_are_told_or_do_no_harm)
{
    char path[TESTFOLDER_PATH_MAX + 16];
    struct checkpoint_summary summary;
    struct rng rng;
    size_t told = 0;
    save(1, KEYS_COUNT);
    look_at_all(1);
    checkpoint_summary(kit.checkpoint, &summary);
    snprintf(path, sizeof(path), "%s/data.mdb", kit.folder);
    rng_init(&rng, 11);
    for (int round = 0; round < 600; round++) {
        struct oxq_error error;
        /* Half of them where pages have their heads and offsets. */
        uint64_t page = 2 + rng_below(&rng, summary.file_bytes / PAGE_BYTES - 2);
        uint64_t at = rng_below(&rng, round % 2 ? PAGE_BYTES : 40);
        char bits = (char)(1u << rng_below(&rng, 8));
        change_byte(path, (off_t)(page * PAGE_BYTES + at), bits);
        for (int i = 0; i < 100; i++) {
            oxq_err e = look((uint32_t)rng_below(&rng, KEYS_COUNT), 1, &error);
            cr_assert(e == OXQ_OK || e == OXQ_ERR_FORMAT || e == OXQ_ERR_NOT_FOUND, "%s", error.text);
            if (e) told++;
        }
        change_byte(path, (off_t)(page * PAGE_BYTES + at), bits);
    }
    cr_assert_gt(told, 0);
    look_at_all(1);
}
