/* SPDX-License-Identifier: MIT */
#include "keyspace/list.h"

#include "base/err.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/rng.h"

#include <criterion/criterion.h>

#define MODEL_MAX 20000
#define ELEMENT_MAX 30000

/* The naive list: numbers, each of which stands for one byte string. */
struct model {
    uint32_t ids[MODEL_MAX];
    size_t count;
};

/*
 * The bytes of a number: most are short ids, some large, a few larger than a chunk. Valid until the next but one call.
 */
static struct slice element_of(uint32_t id)
{
    static char pool[2][ELEMENT_MAX];
    static int turn;
    char *at = pool[turn ^= 1];
    size_t len = num_format_int(at, id);
    size_t wanted = id % 1000 == 7 ? ELEMENT_MAX : id % 100 == 13 ? 3000 + id % 1000 : id % 50 == 3 ? 150 : len;
    if (wanted > len) memset(at + len, (int)('a' + id % 26), wanted - len);
    return slice_of(at, wanted);
}

static void model_insert(struct model *m, size_t index, uint32_t id)
{
    memmove(&m->ids[index + 1], &m->ids[index], (m->count - index) * sizeof(m->ids[0]));
    m->ids[index] = id;
    m->count++;
}

static void model_remove(struct model *m, size_t index, size_t count)
{
    memmove(&m->ids[index], &m->ids[index + count], (m->count - index - count) * sizeof(m->ids[0]));
    m->count -= count;
}

static void compare(const struct model *m, const struct value *v)
{
    list_check(v);
    cr_assert_eq(list_count(v), m->count);
    struct list_cursor c = list_from(v, LIST_HEAD);
    for (size_t i = 0; i < m->count; i++, list_step(&c, LIST_TAIL))
        cr_assert(list_is_inside(&c) && slice_equal(list_get(&c), element_of(m->ids[i])));
    cr_assert(!list_is_inside(&c));
    c = list_from(v, LIST_TAIL);
    for (size_t i = m->count; i > 0; i--, list_step(&c, LIST_HEAD))
        cr_assert(list_is_inside(&c) && slice_equal(list_get(&c), element_of(m->ids[i - 1])));
    cr_assert(!list_is_inside(&c));
}

/* The cursor is on the index-th element, or outside when there is none. */
static void check_cursor(const struct model *m, const struct list_cursor *c, size_t index)
{
    cr_assert_eq(list_is_inside(c), index < m->count);
    if (index < m->count) cr_assert(slice_equal(list_get(c), element_of(m->ids[index])));
}

/* A place: near an end as often as anywhere. */
static size_t random_index(struct rng *r, size_t count)
{
    size_t index = (size_t)rng_below(r, count);
    uint64_t side = rng_below(r, 4);
    return side == 0 ? index % 16 % count : side == 1 ? count - 1 - index % 16 % count : index;
}

static void change_middle(struct model *m, struct value *v, struct rng *r, bool is_shrinking)
{
    uint32_t id = (uint32_t)rng_below(r, 100000);
    size_t index = random_index(r, m->count);
    struct list_cursor c = list_seek(v, index);
    check_cursor(m, &c, index);
    uint64_t what = rng_below(r, 4);
    if (what == 0) {
        list_set(v, &c, element_of(id));
        m->ids[index] = id;
    } else if (what == 1 || !is_shrinking) {
        if (rng_below(r, 10) == 0) {
            index = m->count;
            c = list_seek(v, index);
        }
        list_insert(v, &c, element_of(id));
        model_insert(m, index, id);
    } else {
        size_t most = m->count - index, count = 1 + (size_t)rng_below(r, rng_below(r, 20) ? 5 : 1500);
        if (count > most) count = most;
        list_remove_at(v, &c, count);
        model_remove(m, index, count);
    }
    check_cursor(m, &c, index);
    if (m->count == 0 || index == 0) return;
    list_step(&c, LIST_HEAD);
    check_cursor(m, &c, index - 1);
}

static void change_end(struct model *m, struct value *v, struct rng *r, bool is_shrinking)
{
    enum list_end end = rng_below(r, 2) ? LIST_HEAD : LIST_TAIL;
    if (m->count > 0 && rng_below(r, 5) < (is_shrinking ? 4 : 1)) {
        size_t count = 1 + (size_t)rng_below(r, rng_below(r, 500) ? 3 : 2000);
        if (count > m->count) count = m->count;
        list_pop(v, end, count);
        model_remove(m, end == LIST_HEAD ? 0 : m->count - count, count);
    } else {
        uint32_t id = (uint32_t)rng_below(r, 100000);
        list_push(v, end, element_of(id));
        model_insert(m, end == LIST_HEAD ? 0 : m->count, id);
    }
}

Test(list, behaves_as_an_array_under_random_changes)
{
    static struct model m;
    struct rng r;
    rng_init(&r, 5);
    struct value v = {.type = VALUE_LIST};
    list_init(&v);
    bool is_shrinking = false;
    size_t most = 3000, emptied = 0;
    for (int step = 0; step < 150000; step++) {
        if (m.count >= most) is_shrinking = true;
        if (m.count == 0 && is_shrinking) {
            is_shrinking = false;
            most = 1 + (size_t)rng_below(&r, rng_below(&r, 2) ? 50 : 4000);
            emptied++;
        }
        if (m.count > 0 && rng_below(&r, 3) == 0)
            change_middle(&m, &v, &r, is_shrinking);
        else
            change_end(&m, &v, &r, is_shrinking);
        if (step % 128 == 0) compare(&m, &v);
    }
    cr_assert(emptied > 10);
    compare(&m, &v);
    list_deinit(&v);
}

static void push_ids(struct value *v, enum list_end end, int count)
{
    for (int i = 0; i < count; i++) {
        char text[NUM_INT_MAX_CHARS];
        list_push(v, end, slice_of(text, num_format_int(text, 1000000 + i)));
    }
}

Test(list, of_a_million_ids_costs_little_more_than_their_bytes)
{
    enum { COUNT = 1000000 };
    for (int end = LIST_HEAD; end <= LIST_TAIL; end++) {
        struct value v = {.type = VALUE_LIST};
        size_t before = mem_used();
        push_ids(&v, (enum list_end)end, COUNT);
        cr_assert_lt(mem_used() - before, COUNT * 10);
        cr_assert_eq(list_bytes(&v, 0), mem_used() - before);
        cr_assert_float_eq((double)list_bytes(&v, 5000), (double)list_bytes(&v, 0), COUNT);
        list_deinit(&v);
        cr_assert_eq(mem_used(), before);
    }
}

Test(list, stays_proportional_to_its_content_when_most_of_the_middle_is_removed)
{
    struct value v = {.type = VALUE_LIST};
    size_t before = mem_used();
    push_ids(&v, LIST_TAIL, 100000);
    for (size_t index = 0; index + 1 < list_count(&v); index++) {
        size_t left = list_count(&v) - index - 1;
        struct list_cursor c = list_seek(&v, index);
        list_remove_at(&v, &c, left < 49 ? left : 49);
    }
    list_check(&v);
    cr_assert_eq(list_count(&v), 100000 / 50);
    cr_assert_lt(mem_used() - before, 100000 / 50 * 9 * 5);
    list_deinit(&v);
}

Test(list, of_a_few_ids_is_one_allocation_without_much_room)
{
    struct value v = {.type = VALUE_LIST};
    size_t before = mem_used();
    push_ids(&v, LIST_HEAD, 10);
    cr_assert_leq(mem_used() - before, 160);
    list_deinit(&v);
}

Test(list, as_a_queue_through_a_short_block_never_grows)
{
    struct value v = {.type = VALUE_LIST};
    push_ids(&v, LIST_HEAD, 20);
    size_t bytes = list_bytes(&v, 0);
    for (int i = 0; i < 100000; i++) {
        push_ids(&v, LIST_HEAD, 1);
        list_pop(&v, LIST_TAIL, 1);
    }
    cr_assert_leq(list_bytes(&v, 0), bytes + bytes / 2);
    list_deinit(&v);
}

Test(list, copies_are_equal_and_independent)
{
    struct value v = {.type = VALUE_LIST}, copy = {.type = VALUE_LIST};
    for (int count = 0; count < 5000; count = count * 3 + 1) {
        push_ids(&v, LIST_TAIL, count);
        list_copy(&v, &copy);
        list_check(&copy);
        cr_assert_eq(list_digest(&v), list_digest(&copy));
        push_ids(&copy, LIST_HEAD, 1);
        cr_assert_neq(list_digest(&v), list_digest(&copy));
        list_deinit(&copy);
    }
    list_deinit(&v);
}

Test(list, finds_the_nearest_equal_element_in_either_direction)
{
    struct value v = {.type = VALUE_LIST};
    push_ids(&v, LIST_TAIL, 3000);
    list_push(&v, LIST_TAIL, SLICE_LIT("1000005"));
    size_t passed = 0;
    struct list_cursor c = list_from(&v, LIST_HEAD);
    cr_assert(list_find(&c, LIST_TAIL, SLICE_LIT("1000005"), SIZE_MAX, &passed));
    cr_assert_eq(passed, 5);
    list_step(&c, LIST_TAIL);
    cr_assert(list_find(&c, LIST_TAIL, SLICE_LIT("1000005"), SIZE_MAX, &passed));
    cr_assert_eq(passed, 5 + 2994);
    list_step(&c, LIST_HEAD);
    cr_assert(list_find(&c, LIST_HEAD, SLICE_LIT("1000005"), SIZE_MAX, &passed));
    cr_assert_eq(passed, 5 + 2 * 2994);
    passed = 0;
    c = list_from(&v, LIST_TAIL);
    cr_assert_not(list_find(&c, LIST_HEAD, SLICE_LIT("x"), SIZE_MAX, &passed));
    cr_assert_not(list_is_inside(&c));
    cr_assert_eq(passed, 3001);
    passed = 0;
    c = list_from(&v, LIST_HEAD);
    cr_assert_not(list_find(&c, LIST_TAIL, SLICE_LIT("1002999"), 1, &passed));
    cr_assert_lt(passed, 1000);
    list_deinit(&v);
}

Test(list, cursors_outside_step_back_to_the_side_they_left)
{
    struct value v = {.type = VALUE_LIST};
    struct list_cursor c = list_from(&v, LIST_HEAD);
    cr_assert(!list_is_inside(&c));
    list_step(&c, LIST_HEAD);
    cr_assert(!list_is_inside(&c));
    push_ids(&v, LIST_TAIL, 3000);
    c = list_seek(&v, 3000);
    cr_assert(!list_is_inside(&c));
    list_step(&c, LIST_HEAD);
    cr_assert(slice_equal(list_get(&c), SLICE_LIT("1002999")));
    c = list_from(&v, LIST_HEAD);
    list_step(&c, LIST_HEAD);
    cr_assert(!list_is_inside(&c));
    list_step(&c, LIST_TAIL);
    cr_assert(slice_equal(list_get(&c), SLICE_LIT("1000000")));
    list_deinit(&v);
}
