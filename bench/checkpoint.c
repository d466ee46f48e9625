/* SPDX-License-Identifier: MIT */
/*
 * What a checkpoint costs: bench/checkpoint FOLDER KEYS VALUE_BYTES writes so many small hashes in one transaction, changes a
 * tenth of them in a second one, opens the file again, walks all keys and loads some at random. Prints seconds and memory.
 */
#include "checkpoint/checkpoint.h"

#include "base/mem.h"
#include "base/rng.h"
#include "keyspace/hash.h"
#include "keyspace/value_codec.h"
#include "os/clock.h"
#include "os/thread.h"

#include <stdio.h>
#include <stdlib.h>

#define GIVE_BYTES ((size_t)1 << 20)
#define BACKLOG_BYTES ((size_t)8 << 20)
#define LOADS_COUNT 100000

static struct lock lock;
static int wakes;
static size_t resident_max;

static void wake(void *ctx)
{
    (void)ctx;
    lock_enter(&lock);
    wakes++;
    lock_notify(&lock);
    lock_leave(&lock);
}

static double now(void)
{
    return (double)clock_mono_us(os_clock()) / 1e6;
}

static struct checkpoint *open_it(const char *folder)
{
    struct oxq_error error;
    struct checkpoint *c;
    double start = now();
    if (checkpoint_open(&(struct checkpoint_opts){.folder = folder, .wake = wake}, &c, &error)) {
        fprintf(stderr, "%s\n", error.text);
        exit(1);
    }
    printf("open                %8.3f s\n", now() - start);
    return c;
}

static void put(struct buf *items, uint64_t i, uint64_t value_bytes, uint64_t round)
{
    char key[64], filler[65536];
    memset(filler, 'a' + (int)round, value_bytes);
    int len = snprintf(key, sizeof(key), "bull:queue:%llu", (unsigned long long)i);
    struct value v = {.aux = 0};
    value_init(&v, VALUE_HASH);
    hash_set(&v, SLICE_LIT("data"), slice_of(filler, value_bytes));
    struct buf bytes = {.limit_bytes = SIZE_MAX / 2};
    CHECK(value_encode(&v, &bytes) == OXQ_OK);
    item_write(items, &(struct item){.kind = ITEM_KEY_PUT,
                                     .key = slice_of(key, (size_t)len),
                                     .type = VALUE_HASH,
                                     .bytes = buf_borrow(&bytes)});
    buf_deinit(&bytes);
    value_deinit(&v);
}

static void note_memory(void)
{
    size_t resident = mem_resident();
    if (resident > resident_max) resident_max = resident;
}

static void give(struct checkpoint *c, struct buf *items)
{
    checkpoint_give(c, items);
    while (checkpoint_backlog_bytes(c) > BACKLOG_BYTES) {
        lock_enter(&lock);
        (void)lock_wait(&lock, clock_mono_us(os_clock()) + 1000);
        lock_leave(&lock);
    }
    note_memory();
}

static void save(struct checkpoint *c, uint64_t seq, uint64_t first, uint64_t count, uint64_t step,
                 uint64_t value_bytes)
{
    struct buf items = {.limit_bytes = SIZE_MAX / 2};
    struct checkpoint_progress progress;
    double start = now();
    int before = wakes;
    checkpoint_begin(c, seq);
    for (uint64_t i = first; i < count; i += step) {
        put(&items, i, value_bytes, seq);
        if (items.len > GIVE_BYTES) give(c, &items);
    }
    give(c, &items);
    checkpoint_end(c);
    lock_enter(&lock);
    while (wakes == before) {
        (void)lock_wait(&lock, clock_mono_us(os_clock()) + 1000);
        note_memory();
    }
    lock_leave(&lock);
    checkpoint_poll(c, &progress);
    if (progress.state == CHECKPOINT_FAILED) printf("failed: %s\n", progress.error.text);
    printf("save                %8.3f s  %llu rows, resident at most %zu MB\n", now() - start,
           (unsigned long long)progress.rows_count, resident_max >> 20);
    buf_deinit(&items);
}

static void walk(struct checkpoint *c)
{
    struct checkpoint_cursor *cursor;
    struct checkpoint_row row;
    struct oxq_error error;
    uint64_t count = 0, bytes = 0;
    bool has;
    double start = now();
    CHECK(checkpoint_cursor_open(c, &cursor, &error) == OXQ_OK);
    while (checkpoint_cursor_next(cursor, &row, &has, &error) == OXQ_OK && has) {
        count++;
        bytes += row.key.len + row.bytes.len;
    }
    checkpoint_cursor_close(cursor);
    printf("walk                %8.3f s  %llu keys, %llu MB\n", now() - start, (unsigned long long)count,
           (unsigned long long)bytes >> 20);
}

static void load(struct checkpoint *c, uint64_t keys)
{
    struct rng rng;
    rng_init(&rng, 1);
    double start = now();
    for (int i = 0; i < LOADS_COUNT; i++) {
        char key[64];
        struct value v = {.aux = 0};
        int len = snprintf(key, sizeof(key), "bull:queue:%llu", (unsigned long long)rng_below(&rng, keys));
        CHECK(checkpoint_load(c, 0, slice_of(key, (size_t)len), VALUE_HASH, &v, NULL) == OXQ_OK);
        value_deinit(&v);
    }
    printf("load at random      %8.3f us each\n", (now() - start) * 1e6 / LOADS_COUNT);
}

int main(int argc, char **argv)
{
    if (argc != 4) {
        fprintf(stderr, "usage: checkpoint FOLDER KEYS VALUE_BYTES\n");
        return 2;
    }
    uint64_t keys = strtoull(argv[2], NULL, 10), value_bytes = strtoull(argv[3], NULL, 10);
    lock_init(&lock);
    struct checkpoint *c = open_it(argv[1]);
    save(c, 1, 0, keys, 1, value_bytes);
    save(c, 2, 3, keys, 10, value_bytes);
    checkpoint_close(c);
    c = open_it(argv[1]);
    walk(c);
    walk(c);
    load(c, keys);
    checkpoint_close(c);
    lock_deinit(&lock);
    return 0;
}
