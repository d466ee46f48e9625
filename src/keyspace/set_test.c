/* SPDX-License-Identifier: MIT */
#include "keyspace/set.h"

#include "base/err.h"
#include "base/mem.h"

#include <criterion/criterion.h>

#define MODEL_MAX 3000

/* The naive set: which of the members 0 .. MODEL_MAX-1 are in. */
struct model {
    bool has[MODEL_MAX];
    size_t count;
};

/* How the members of a test look: integers, integers with some texts, long texts. */
enum look { LOOK_INTS, LOOK_MIXED, LOOK_TEXTS };

/* Valid until the next call. */
static struct slice member_of(uint32_t id, enum look look)
{
    static char text[400];
    size_t len = num_format_int(text, (int64_t)id * 7919 - 4000000);
    if (look == LOOK_MIXED && id % 10 == 0) text[len++] = 'x';
    if (look == LOOK_TEXTS) {
        memset(text + len, 'a' + (int)(id % 26), 100);
        len += id % 100;
        text[len++] = '.';
    }
    return slice_of(text, len);
}

static void compare(const struct model *m, const struct value *v, enum look look)
{
    if (m->count > 0) set_check(v);
    cr_assert_eq(set_count(v), m->count);
    for (uint32_t id = 0; id < MODEL_MAX; id++) cr_assert_eq(set_has(v, member_of(id, look)), m->has[id]);
    struct set_iter it;
    struct slice member;
    size_t seen = 0;
    set_iter_begin(&it, v);
    for (; set_iter_next(&it, &member); seen++) cr_assert(set_has(v, member));
    set_iter_end(&it);
    cr_assert_eq(seen, m->count);
}

static void change(struct model *m, struct value *v, struct rng *r, enum look look, bool is_shrinking)
{
    uint32_t id = (uint32_t)rng_below(r, MODEL_MAX);
    if (rng_below(r, 4) == 0) is_shrinking = !is_shrinking;
    if (is_shrinking) {
        cr_assert_eq(set_remove(v, member_of(id, look)), m->has[id]);
        m->count -= m->has[id];
        m->has[id] = false;
    } else {
        cr_assert_eq(set_add(v, member_of(id, look)), !m->has[id]);
        m->count += !m->has[id];
        m->has[id] = true;
    }
}

static void run_random_changes(enum look look)
{
    static struct model m;
    struct rng r;
    rng_init(&r, look + 1);
    struct value v = {.type = VALUE_SET};
    set_init(&v);
    size_t before = mem_used();
    bool is_shrinking = false;
    size_t most = 20;
    for (int step = 0; step < 60000; step++) {
        if (m.count >= most) is_shrinking = true;
        if (m.count == 0 && is_shrinking) {
            is_shrinking = false;
            most = most >= 1500 ? 20 : most * 2;
        }
        change(&m, &v, &r, look, is_shrinking);
        if (step % 500 == 0) compare(&m, &v, look);
    }
    compare(&m, &v, look);
    set_deinit(&v);
    cr_assert_eq(mem_used(), before);
}

Test(set, of_integers_behaves_as_a_set_under_random_changes)
{
    run_random_changes(LOOK_INTS);
}

Test(set, of_integers_and_texts_behaves_as_a_set_under_random_changes)
{
    run_random_changes(LOOK_MIXED);
}

Test(set, of_texts_behaves_as_a_set_under_random_changes)
{
    run_random_changes(LOOK_TEXTS);
}

static void add_ints(struct value *v, int first, int count)
{
    char text[NUM_INT_MAX_CHARS];
    for (int i = first; i < first + count; i++) set_add(v, slice_of(text, num_format_int(text, i)));
}

Test(set, is_an_intset_until_it_has_513_integers_or_another_text)
{
    static const char *const texts[] = {"a", "", "07", "-0", "+1", "1 ", "9223372036854775808"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct value v = {.type = VALUE_SET};
        add_ints(&v, 0, 3);
        cr_assert_str_eq(set_encoding_name(&v), "intset");
        set_add(&v, slice_from_text(texts[i]));
        cr_assert_str_eq(set_encoding_name(&v), "hashtable", "%s", texts[i]);
        set_remove(&v, slice_from_text(texts[i]));
        cr_assert_str_eq(set_encoding_name(&v), "hashtable");
        set_deinit(&v);
    }
    struct value v = {.type = VALUE_SET};
    add_ints(&v, 0, 512);
    add_ints(&v, 0, 512);
    cr_assert_str_eq(set_encoding_name(&v), "intset");
    add_ints(&v, 512, 1);
    cr_assert_str_eq(set_encoding_name(&v), "hashtable");
    set_check(&v);
    cr_assert_eq(set_count(&v), 513);
    set_deinit(&v);
}

Test(set, of_integers_is_read_in_ascending_order)
{
    static const char *const added[] = {"30", "-5", "100", "7", "9223372036854775807", "-9223372036854775808"};
    static const char *const read[] = {"-9223372036854775808", "-5", "7", "30", "100", "9223372036854775807"};
    struct value v = {.type = VALUE_SET};
    for (size_t i = 0; i < 6; i++) cr_assert(set_add(&v, slice_from_text(added[i])));
    struct set_iter it;
    struct slice member;
    set_iter_begin(&it, &v);
    for (size_t i = 0; i < 6; i++)
        cr_assert(set_iter_next(&it, &member) && slice_equal(member, slice_from_text(read[i])));
    cr_assert_not(set_iter_next(&it, &member));
    set_iter_end(&it);
    set_deinit(&v);
}

static void count_visit(void *ctx, struct slice member)
{
    (void)member;
    ++*(size_t *)ctx;
}

Test(set, is_scanned_wholly_in_every_form)
{
    static const int counts[] = {1, 20, 300, 2000};
    for (int form = 0; form < 8; form++) {
        struct value v = {.type = VALUE_SET};
        if (form >= 4) set_add(&v, SLICE_LIT("text"));
        add_ints(&v, 0, counts[form % 4]);
        size_t seen = 0, steps = 0;
        uint64_t cursor = 0;
        do {
            cursor = set_scan(&v, cursor, count_visit, &seen);
            steps++;
        } while (cursor != 0 && steps < 100000);
        cr_assert_eq(cursor, 0);
        cr_assert_eq(seen, set_count(&v));
        set_deinit(&v);
    }
}

Test(set, gives_each_member_by_chance)
{
    struct rng r;
    rng_init(&r, 9);
    for (int form = 0; form < 3; form++) {
        struct value v = {.type = VALUE_SET};
        if (form == 1) set_add(&v, SLICE_LIT("0x"));
        if (form == 2) set_add(&v, slice_of(memset((char[5000]){0}, '0', 5000), 5000));
        add_ints(&v, 1, 15);
        size_t seen[16] = {0};
        for (int i = 0; i < 16000; i++) {
            char text[NUM_INT_MAX_CHARS];
            struct slice member = set_random(&v, &r, text);
            int64_t n = 0;
            num_parse_int(member, &n);
            cr_assert(set_has(&v, member) && n >= 0 && n < 16);
            seen[n]++;
        }
        for (int n = form == 0; n < 16; n++) cr_assert_gt(seen[n], 200);
        set_deinit(&v);
    }
}

Test(set, copies_are_equal_and_independent)
{
    for (int form = 0; form < 4; form++) {
        struct value v = {.type = VALUE_SET}, copy = {.type = VALUE_SET};
        if (form > 0) set_add(&v, SLICE_LIT("text"));
        add_ints(&v, 0, form == 2 ? 1000 : 10);
        set_copy(&v, &copy);
        set_check(&copy);
        cr_assert_eq(set_digest(&v), set_digest(&copy));
        cr_assert_str_eq(set_encoding_name(&v), set_encoding_name(&copy));
        set_add(&copy, SLICE_LIT("1000000"));
        cr_assert_neq(set_digest(&v), set_digest(&copy));
        set_deinit(&copy);
        set_deinit(&v);
    }
}

Test(set, tells_the_bytes_it_owns)
{
    for (int count = 1; count < 3000; count *= 3) {
        struct value v = {.type = VALUE_SET};
        size_t before = mem_used();
        add_ints(&v, 0, count);
        set_add(&v, SLICE_LIT("text"));
        cr_assert_eq(set_bytes(&v, 0), mem_used() - before);
        cr_assert_float_eq((double)set_bytes(&v, 100), (double)set_bytes(&v, 0), (double)set_bytes(&v, 0) / 10);
        set_deinit(&v);
    }
}
