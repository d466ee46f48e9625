/* SPDX-License-Identifier: MIT */
/* What was committed is what is loaded, whatever changed before, and a failure leaves what was there. */
#include "checkpoint/testkit.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <sys/resource.h>

static struct kit kit;

static void start(void)
{
    kit_init(&kit);
}

static void stop(void)
{
    kit_deinit(&kit);
}

TestSuite(checkpoint, .init = start, .fini = stop);

static void save_ok(uint64_t seq, struct buf *items)
{
    struct checkpoint_progress p = kit_save(&kit, seq, items);
    cr_assert_eq(p.state, CHECKPOINT_COMMITTED, "%s", p.error.text);
    cr_assert_eq(p.seq, seq);
}

Test(checkpoint, a_new_one_is_empty)
{
    struct checkpoint_summary s;
    checkpoint_summary(kit.checkpoint, &s);
    cr_assert_eq(s.seq, 0);
    cr_assert_eq(s.keys_count, 0);
    cr_assert_eq(s.db_numbers[15], 15);
    struct model m;
    model_init(&m, 1);
    model_compare(&m, kit.checkpoint);
    model_deinit(&m);
}

Test(checkpoint, random_changes_come_back_also_after_reopening, .timeout = 120)
{
    for (uint64_t seed = 1; seed <= 3; seed++) {
        struct model m;
        OWNED(buf_deinit) struct buf items = {.limit_bytes = SIZE_MAX / 2};
        item_write(&items, &(struct item){.kind = ITEM_DB_DELETE, .db_number = 0});
        model_init(&m, seed);
        for (uint64_t round = 1; round <= 40; round++) {
            model_change(&m, round % 7 == 0 ? 6000 : 600);
            model_cut(&m, &items);
            save_ok(seed * 100 + round, &items);
            model_compare(&m, kit.checkpoint);
            if (round % 5 == 0) {
                kit_close(&kit);
                kit_open(&kit);
                model_compare(&m, kit.checkpoint);
            }
        }
        model_deinit(&m);
    }
}
