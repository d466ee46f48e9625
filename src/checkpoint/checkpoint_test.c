/* SPDX-License-Identifier: MIT */
/* What was committed is what is loaded, whatever changed before, and a failure leaves what was there. */
#include "checkpoint/testkit.h"
#include "os/disk.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

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

/* ---- failures ---- */

static void limit_files(rlim_t bytes)
{
    const struct rlimit limit = {bytes, RLIM_INFINITY};
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

Test(checkpoint, a_write_that_fails_leaves_what_was_there_and_the_next_may_succeed, .timeout = 60)
{
    struct model m;
    OWNED(buf_deinit) struct buf items = {.limit_bytes = SIZE_MAX / 2};
    struct checkpoint_summary summary;
    signal(SIGXFSZ, SIG_IGN);
    size_t failed = 0;
    model_init(&m, 7);
    model_change(&m, 4000);
    model_cut(&m, &items);
    save_ok(1, &items);
    checkpoint_summary(kit.checkpoint, &summary);
    for (uint64_t i = 1; i <= 8; i++) {
        /* Room for the file as it is and a little more: sometimes enough, mostly not. */
        limit_files(summary.file_bytes + i * 8192);
        bool was_same;
        model_change(&m, 8000);
        model_cut(&m, &items);
        struct checkpoint_progress p = kit_save(&kit, 10 + i, &items);
        limit_files(RLIM_INFINITY);
        if (p.state == CHECKPOINT_COMMITTED) {
            cr_assert_eq(p.seq, 10 + i);
            checkpoint_summary(kit.checkpoint, &summary);
            model_compare(&m, kit.checkpoint);
            continue;
        }
        failed++;
        cr_assert_eq(p.state, CHECKPOINT_FAILED);
        cr_assert(p.error.text[0]);
        checkpoint_poll(kit.checkpoint, &p);
        cr_assert_eq(p.state, CHECKPOINT_IDLE);
        struct checkpoint_summary after;
        checkpoint_summary(kit.checkpoint, &after);
        cr_assert_eq(after.seq, summary.seq);
        cr_assert_eq(after.keys_count, summary.keys_count);
        cr_assert_eq(model_load(&m, kit.checkpoint, &was_same), OXQ_OK);
        model_failed(&m);
        model_cut(&m, &items);
        save_ok(100 + i, &items);
        model_compare(&m, kit.checkpoint);
        checkpoint_summary(kit.checkpoint, &summary);
    }
    cr_assert_gt(failed, 2);
    model_deinit(&m);
}

Test(checkpoint, a_map_that_is_full_is_told_and_does_no_harm)
{
    struct model m;
    OWNED(buf_deinit) struct buf items = {.limit_bytes = SIZE_MAX / 2};
    static char large[70000];
    model_init(&m, 7);
    model_change(&m, 500);
    model_cut(&m, &items);
    save_ok(1, &items);
    kit_close(&kit);
    const struct checkpoint_opts opts = {.folder = kit.folder, .map_bytes = 1u << 20, .wake = kit_wake, .ctx = &kit};
    cr_assert_eq(checkpoint_open(&opts, &kit.checkpoint, NULL), OXQ_OK);
    for (uint32_t i = 0; i < 40; i++)
        item_write(&items,
                   &(struct item){.kind = ITEM_KEY_PUT, .key = slice_of(&i, 4), .bytes = slice_of(large, 70000)});
    struct checkpoint_progress p = kit_save(&kit, 2, &items);
    cr_assert_eq(p.state, CHECKPOINT_FAILED);
    cr_assert(strstr(p.error.text, "map is full"), "%s", p.error.text);
    model_compare(&m, kit.checkpoint);
    model_deinit(&m);
}

Test(checkpoint, the_file_that_lmdb_writes_through_a_map_has_its_room_before)
{
    char path[PATH_MAX];
    struct stat st;
    struct oxq_error err;
    snprintf(path, sizeof(path), "%s/lock.mdb", kit.folder);
    cr_assert_eq(stat(path, &st), 0);
    cr_assert_geq(st.st_blocks * 512, st.st_size);
    kit_close(&kit);
    disk_fail(DISK_CALL_RESERVE, 1, ENOSPC, false);
    const struct checkpoint_opts opts = {.folder = kit.folder, .wake = kit_wake, .ctx = &kit};
    cr_assert_eq(checkpoint_open(&opts, &kit.checkpoint, &err), OXQ_ERR_LIMIT);
    cr_assert(strstr(err.text, "lock.mdb: No space left"), "%s", err.text);
}

Test(checkpoint, one_that_is_closed_before_its_end_was_never_there)
{
    struct model m;
    OWNED(buf_deinit) struct buf items = {.limit_bytes = SIZE_MAX / 2};
    struct checkpoint_summary summary;
    model_init(&m, 8);
    model_change(&m, 500);
    model_cut(&m, &items);
    checkpoint_begin(kit.checkpoint, 1);
    checkpoint_give(kit.checkpoint, &items);
    kit_close(&kit);
    kit_open(&kit);
    checkpoint_summary(kit.checkpoint, &summary);
    cr_assert_eq(summary.seq, 0);
    cr_assert_eq(summary.keys_count, 0);
    model_deinit(&m);
}

Test(checkpoint, a_database_goes_with_its_large_values)
{
    OWNED(buf_deinit) struct buf items = {.limit_bytes = SIZE_MAX / 2};
    struct checkpoint_summary summary;
    for (uint32_t db = 1; db <= 2; db++) {
        const struct item put = {
            .kind = ITEM_KEY_PUT, .db_number = db, .key = SLICE_LIT("k"), .bytes = SLICE_LIT("\0v")};
        const struct item set = {
            .kind = ITEM_LARGE_BASE, .disk_id = 50 + db, .type = VALUE_SET, .bytes = SLICE_LIT("\1\2\1a\1b")};
        const struct item named = {
            .kind = ITEM_KEY_LARGE, .db_number = db, .key = SLICE_LIT("l"), .type = VALUE_SET, .disk_id = 50 + db};
        item_write(&items, &put);
        item_write(&items, &set);
        item_write(&items, &named);
    }
    save_ok(1, &items);
    checkpoint_summary(kit.checkpoint, &summary);
    cr_assert_eq(summary.rows_count, 2 * (2 + 3));
    item_write(&items, &(struct item){.kind = ITEM_DB_DELETE, .db_number = 1});
    item_write(&items, &(struct item){.kind = ITEM_DB_NUMBER, .db_number = 77, .n = 1});
    item_write(&items, &(struct item){.kind = ITEM_NEXT_NUMBER, .disk_id = 78});
    save_ok(2, &items);
    checkpoint_summary(kit.checkpoint, &summary);
    cr_assert_eq(summary.rows_count, 2 + 3);
    cr_assert_eq(summary.db_numbers[1], 77);
    cr_assert_eq(summary.next_number, 78);
}

/* So many rows that the first checkpoint is written in parts. */
static void give_many(struct buf *items, uint64_t count)
{
    static char filler[20000];
    for (uint64_t i = 0; i < count; i++)
        item_write(items, &(struct item){
                              .kind = ITEM_KEY_PUT, .key = slice_of(&i, sizeof(i)), .bytes = slice_of(filler, 20000)});
}

Test(checkpoint, a_large_first_one_that_is_cut_short_was_never_there, .timeout = 60)
{
    OWNED(buf_deinit) struct buf items = {.limit_bytes = SIZE_MAX / 2};
    struct checkpoint_cursor *cursor;
    struct checkpoint_row row;
    struct checkpoint_summary summary;
    bool has;
    give_many(&items, 5000);
    checkpoint_begin(kit.checkpoint, 1);
    checkpoint_give(kit.checkpoint, &items);
    /* What was given is written before the thread ends. */
    kit_close(&kit);
    kit_open(&kit);
    checkpoint_summary(kit.checkpoint, &summary);
    cr_assert_eq(summary.keys_count, 0);
    cr_assert_eq(checkpoint_cursor_open(kit.checkpoint, &cursor, NULL), OXQ_OK);
    cr_assert_eq(checkpoint_cursor_next(cursor, &row, &has, NULL), OXQ_OK);
    cr_assert_not(has);
    checkpoint_cursor_close(cursor);

    struct model m;
    model_init(&m, 3);
    model_change(&m, 300);
    model_cut(&m, &items);
    save_ok(2, &items);
    model_compare(&m, kit.checkpoint);
    model_deinit(&m);
}

/* Else a database that is emptied in the replay could get the number that another one has already. */
Test(checkpoint, numbers_of_a_first_one_that_is_cut_short_are_forgotten, .timeout = 60)
{
    OWNED(buf_deinit) struct buf items = {.limit_bytes = SIZE_MAX / 2};
    struct checkpoint_summary summary;
    item_write(&items, &(struct item){.kind = ITEM_DB_NUMBER, .n = 3, .db_number = KEYSPACE_DBS_COUNT + 1});
    give_many(&items, 5000);
    checkpoint_begin(kit.checkpoint, 1);
    checkpoint_give(kit.checkpoint, &items);
    kit_close(&kit);
    kit_open(&kit);
    checkpoint_summary(kit.checkpoint, &summary);
    cr_assert_eq(summary.seq, 0);
    for (uint32_t i = 0; i < KEYSPACE_DBS_COUNT; i++) cr_assert_eq(summary.db_numbers[i], i);
    cr_assert_eq(summary.next_number, KEYSPACE_DBS_COUNT);
}

Test(checkpoint, a_long_row_that_becomes_shorter_within_one_is_no_damage)
{
    OWNED(buf_deinit) struct buf items = {.limit_bytes = SIZE_MAX / 2};
    static char filler[50000];
    struct checkpoint_summary summary;
    for (size_t bytes = 50000; bytes >= 10000; bytes -= 10000)
        item_write(&items,
                   &(struct item){.kind = ITEM_KEY_PUT, .key = SLICE_LIT("k"), .bytes = slice_of(filler, bytes)});
    save_ok(1, &items);
    kit_close(&kit);
    kit_open(&kit);
    checkpoint_summary(kit.checkpoint, &summary);
    cr_assert_eq(summary.keys_count, 1);
}

Test(checkpoint, one_that_is_given_up_is_there_whole_or_not_at_all, .timeout = 60)
{
    OWNED(buf_deinit) struct buf items = {.limit_bytes = SIZE_MAX / 2};
    struct checkpoint_summary summary;
    item_write(&items, &(struct item){.kind = ITEM_KEY_PUT, .key = SLICE_LIT("k"), .bytes = SLICE_LIT("\0v")});
    save_ok(1, &items);
    checkpoint_begin(kit.checkpoint, 2);
    for (int i = 0; i < 10; i++) {
        give_many(&items, 500);
        checkpoint_give(kit.checkpoint, &items);
    }
    checkpoint_end(kit.checkpoint);
    bool is_over = checkpoint_wait(kit.checkpoint, 0);
    checkpoint_give_up(kit.checkpoint);
    kit_close(&kit);
    kit_open(&kit);
    checkpoint_summary(kit.checkpoint, &summary);
    cr_assert(summary.seq == 2 || (summary.seq == 1 && !is_over));
    cr_assert_eq(summary.keys_count, summary.seq == 2 ? 501 : 1);
}

Test(checkpoint, one_that_could_not_be_made_for_lack_of_room_is_made_later)
{
    struct checkpoint *c = NULL;
    struct oxq_error err;
    char folder[TESTFOLDER_PATH_MAX + 16];
    snprintf(folder, sizeof(folder), "%s/second", kit.folder);
    const struct checkpoint_opts opts = {.folder = folder, .map_bytes = 64u << 20};
    signal(SIGXFSZ, SIG_IGN);
    /* Not all of the two pages that LMDB writes first. */
    limit_files(8191);
    cr_assert_neq(checkpoint_open(&opts, &c, &err), OXQ_OK);
    limit_files(RLIM_INFINITY);
    cr_assert_eq(checkpoint_open(&opts, &c, &err), OXQ_OK, "%s", err.text);
    checkpoint_close(c);
}

/* A disk that does not answer for a moment: a new and empty file must not take the place of the one that is there. */
Test(checkpoint, one_that_cannot_be_looked_at_is_not_replaced)
{
    struct checkpoint *c = NULL;
    struct oxq_error err = {0};
    char path[TESTFOLDER_PATH_MAX + 16], target[16];
    const struct checkpoint_opts opts = {.folder = kit.folder, .map_bytes = 64u << 20};
    snprintf(path, sizeof(path), "%s/data.mdb", kit.folder);
    kit_close(&kit);
    cr_assert_eq(unlink(path), 0);
    cr_assert_eq(symlink("data.mdb", path), 0);
    cr_assert_neq(checkpoint_open(&opts, &c, &err), OXQ_OK);
    cr_assert(strstr(err.text, path), "%s", err.text);
    cr_assert_gt(readlink(path, target, sizeof(target)), 0);
    cr_assert_eq(unlink(path), 0);
    kit_open(&kit);
}

/* Changes alone, in a file of their own, would pass for all there is. */
Test(checkpoint, one_whose_file_somebody_has_removed_is_not_made)
{
    OWNED(buf_deinit) struct buf items = {.limit_bytes = SIZE_MAX / 2};
    char path[TESTFOLDER_PATH_MAX + 16];
    snprintf(path, sizeof(path), "%s/data.mdb", kit.folder);
    for (uint64_t seq = 1; seq <= 4; seq++) {
        if (seq == 2) cr_assert_eq(unlink(path), 0);
        give_many(&items, 100);
        struct checkpoint_progress p = kit_save(&kit, seq, &items);
        cr_assert_eq(p.state, seq < 2 ? CHECKPOINT_COMMITTED : CHECKPOINT_FAILED);
        cr_assert(seq < 2 || strstr(p.error.text, "No such file"), "%s", p.error.text);
    }
}

Test(checkpoint, a_large_first_one_is_whole_at_its_end, .timeout = 60)
{
    OWNED(buf_deinit) struct buf items = {.limit_bytes = SIZE_MAX / 2};
    struct checkpoint_summary summary;
    give_many(&items, 4000);
    save_ok(9, &items);
    kit_close(&kit);
    kit_open(&kit);
    checkpoint_summary(kit.checkpoint, &summary);
    cr_assert_eq(summary.seq, 9);
    cr_assert_eq(summary.keys_count, 4000);
}
