/* SPDX-License-Identifier: MIT */
#include "keyspace/stream_pel.h"

#include "base/mem.h"
#include "base/rng.h"

#include <criterion/criterion.h>

#define IDS 4000

struct element {
    struct stream_id id;
    uint64_t payload;
};

/* The naive list: is the id of number i in it, and with which payload? */
static uint64_t payloads[IDS];

static struct stream_id id_of(int i)
{
    return (struct stream_id){(uint64_t)i / 7, (uint64_t)i % 7};
}

static void compare(const struct stream_pel *p)
{
    size_t count = 0;
    int first = -1, last = -1;
    stream_pel_check(p);
    for (int i = 0; i < IDS; i++) {
        const struct element *e = stream_pel_find(p, id_of(i));
        cr_assert_eq(e != NULL, payloads[i] != 0);
        if (!e) continue;
        cr_assert_eq(e->payload, payloads[i]);
        if (first < 0) first = i;
        last = i;
        count++;
    }
    cr_assert_eq(p->count, count);
    const struct element *at_start = stream_pel_first(p), *at_end = stream_pel_last(p);
    cr_assert_eq(at_start ? at_start->payload : 0, first < 0 ? 0 : payloads[first]);
    cr_assert_eq(at_end ? at_end->payload : 0, last < 0 ? 0 : payloads[last]);
}

static void compare_from(const struct stream_pel *p, int from)
{
    struct stream_pel_iter it;
    stream_pel_iter_begin(&it, p, id_of(from));
    for (int i = from; i < IDS; i++) {
        if (!payloads[i]) continue;
        const struct element *e = stream_pel_iter_next(&it);
        cr_assert(e && e->payload == payloads[i]);
    }
    cr_assert_null(stream_pel_iter_next(&it));
}

static void insert(struct stream_pel *p, int i, uint64_t payload)
{
    bool is_new;
    struct element *e = stream_pel_insert(p, id_of(i), &is_new);
    cr_assert_eq(is_new, payloads[i] == 0);
    cr_assert(stream_id_equal(e->id, id_of(i)));
    e->payload = payload;
    payloads[i] = payload;
}

static void remove_one(struct stream_pel *p, int i)
{
    cr_assert_eq(stream_pel_remove(p, id_of(i)), payloads[i] != 0);
    payloads[i] = 0;
}

/* `insertions` of 10 steps insert. */
static void change(struct rng *r, struct stream_pel *p, int steps, uint64_t insertions)
{
    for (int step = 1; step <= steps; step++) {
        int i = (int)rng_below(r, IDS);
        if (rng_below(r, 10) < insertions)
            insert(p, i, (uint64_t)step);
        else
            remove_one(p, i);
        if (step % 500 != 0) continue;
        compare(p);
        compare_from(p, (int)rng_below(r, IDS));
    }
}

Test(stream_pel, random_changes_agree_with_a_naive_list)
{
    struct stream_pel p = {.element_bytes = sizeof(struct element)}, copy;
    struct rng r;
    rng_init(&r, 3);
    change(&r, &p, 20000, 8);
    change(&r, &p, 20000, 2);
    change(&r, &p, 20000, 5);
    stream_pel_copy(&p, &copy);
    stream_pel_deinit(&p);
    compare(&copy);
    change(&r, &copy, 5000, 6);
    change(&r, &copy, 20000, 0);
    stream_pel_deinit(&copy);
}

Test(stream_pel, delivering_in_order_and_acknowledging_from_the_start_fills_its_chunks)
{
    struct stream_pel p = {.element_bytes = sizeof(struct element)};
    for (int i = 0; i < IDS; i++) insert(&p, i, 1);
    cr_assert_eq(p.chunks.count, (IDS + STREAM_PEL_CHUNK_MAX - 1) / STREAM_PEL_CHUNK_MAX);
    compare(&p);
    for (int i = 0; i < IDS; i++) remove_one(&p, i);
    compare(&p);
    cr_assert_eq(p.chunks.count, 0);
    stream_pel_deinit(&p);
}
