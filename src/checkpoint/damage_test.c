/* SPDX-License-Identifier: MIT */
/*
 * A checkpoint with damage, anywhere in its file, is refused or gives what was saved: it never gives something else, and never
 * crashes.
 */
#include "checkpoint/testkit.h"

#include "base/mem.h"
#include "os/file.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define PAGE 4096u

static struct kit kit;
static struct model model;
static struct buf whole; /* the undamaged file */
static char path[TESTFOLDER_PATH_MAX + 16];

static void start(void)
{
    OWNED(buf_deinit) struct buf items = {.limit_bytes = SIZE_MAX / 2};
    kit_init(&kit);
    model_init(&model, 5);
    for (uint64_t seq = 1; seq <= 6; seq++) {
        model_change(&model, 3000);
        model_cut(&model, &items);
        cr_assert_eq(kit_save(&kit, seq, &items).state, CHECKPOINT_COMMITTED);
    }
    kit_close(&kit);
    whole = (struct buf){.limit_bytes = SIZE_MAX / 2};
    snprintf(path, sizeof(path), "%s/data.mdb", kit.folder);
    cr_assert_eq(file_read(path, &whole, NULL), OXQ_OK);
}

static void stop(void)
{
    model_deinit(&model);
    buf_deinit(&whole);
    kit_deinit(&kit);
}

TestSuite(checkpoint_damage, .init = start, .fini = stop, .timeout = 300);

static void write_file(struct slice bytes)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    cr_assert_geq(fd, 0);
    cr_assert_eq(write(fd, bytes.at, bytes.len), (ssize_t)bytes.len);
    close(fd);
}

enum outcome { REFUSED, SAME, DIFFERENT };

/* As a start does that answers soon: after this all may be read. */
static oxq_err check_by_cursor(struct checkpoint *c, struct oxq_error *error)
{
    struct checkpoint_cursor *cursor;
    struct checkpoint_row row;
    uint32_t db = 0;
    bool has = true;
    oxq_err e = checkpoint_cursor_open(c, &cursor, error);
    if (e) return e;
    (void)checkpoint_cursor_has_one_db(cursor, &db);
    while (!e && has) e = checkpoint_cursor_next(cursor, &row, &has, error);
    checkpoint_cursor_close(cursor);
    return e;
}

static enum outcome try_so(bool is_checked_by_cursor, struct oxq_error *error)
{
    const struct checkpoint_opts opts = {.folder = kit.folder,
                                         .is_read_only = true,
                                         .is_checked_by_cursor = is_checked_by_cursor,
                                         .map_bytes = 64u << 20};
    struct checkpoint *c;
    struct checkpoint_summary summary;
    bool is_same = false;
    oxq_err e = checkpoint_open(&opts, &c, error);
    if (e) {
        cr_assert(error->text[0] != '\0');
        return REFUSED;
    }
    checkpoint_summary(c, &summary);
    if (is_checked_by_cursor) e = check_by_cursor(c, error);
    if (!e) e = model_load(&model, c, &is_same);
    if (summary.seq != 6) is_same = false;
    checkpoint_close(c);
    if (e) return REFUSED;
    return is_same ? SAME : DIFFERENT;
}

/* Both ways of checking must come to the same. */
static enum outcome try(struct oxq_error *error)
{
    struct oxq_error late = {0};
    enum outcome o = try_so(false, error);
    cr_assert_eq(try_so(true, &late), o, "%s / %s", error->text, late.text);
    return o;
}

Test(checkpoint_damage, a_changed_bit_anywhere_is_refused_or_does_no_harm)
{
    struct rng rng;
    size_t outcomes[3] = {0};
    rng_init(&rng, 1);
    cr_assert_eq(whole.len % PAGE, 0);
    for (size_t page = 0; page < whole.len / PAGE; page++) {
        for (size_t i = 0; i < 4; i++) {
            /* Half of them where the page's head and offsets are. */
            size_t at = page * PAGE + rng_below(&rng, i < 2 ? (page < 2 ? 160 : 40) : PAGE);
            struct oxq_error error = {0};
            char bit = (char)(1 << rng_below(&rng, 8));
            int fd = open(path, O_WRONLY);
            char changed = whole.at[at] ^ bit;
            cr_assert_eq(pwrite(fd, &changed, 1, (off_t)at), 1);
            enum outcome o = try(&error);
            outcomes[o]++;
            cr_assert_neq(o, DIFFERENT, "page %zu offset %zu", page, at % PAGE);
            cr_assert_eq(pwrite(fd, &whole.at[at], 1, (off_t)at), 1);
            close(fd);
        }
    }
    cr_log_info("pages %zu: refused %zu, harmless %zu", whole.len / PAGE, outcomes[REFUSED], outcomes[SAME]);
    cr_assert_gt(outcomes[REFUSED], whole.len / PAGE / 4);
}

Test(checkpoint_damage, a_cut_file_is_refused)
{
    struct oxq_error error = {0};
    for (size_t len = 1; len < whole.len; len += 1 + len / 3) {
        write_file(slice_of(whole.at, len));
        cr_assert_eq(try(&error), REFUSED, "%zu bytes", len);
    }
    write_file(slice_of(whole.at, whole.len - PAGE));
    cr_assert_eq(try(&error), REFUSED);
    cr_assert(strstr(error.text, path));
}

Test(checkpoint_damage, a_page_of_zeros_or_of_another_page_is_refused_or_does_no_harm)
{
    OWNED(buf_deinit) struct buf changed = {.limit_bytes = SIZE_MAX / 2};
    struct rng rng;
    rng_init(&rng, 2);
    cr_assert_eq(buf_append(&changed, buf_borrow(&whole)), OXQ_OK);
    for (size_t page = 0; page < whole.len / PAGE; page++) {
        struct oxq_error error = {0};
        char *at = changed.at + page * PAGE;
        memset(at, 0, PAGE);
        write_file(buf_borrow(&changed));
        cr_assert_neq(try(&error), DIFFERENT, "page %zu", page);
        memcpy(at, whole.at + rng_below(&rng, whole.len / PAGE) * PAGE, PAGE);
        write_file(buf_borrow(&changed));
        cr_assert_neq(try(&error), DIFFERENT, "page %zu", page);
        memcpy(at, whole.at + page * PAGE, PAGE);
    }
}

Test(checkpoint_damage, the_whole_file_is_taken)
{
    struct oxq_error error = {0};
    cr_assert_eq(try(&error), SAME, "%s", error.text);
}

/* ---- verifying, mending, copying ---- */

static void count_damage(void *ctx, const char *text)
{
    cr_assert(text[0] != 0);
    ++*(int *)ctx;
}

static struct checkpoint *open_folder(const char *folder)
{
    const struct checkpoint_opts opts = {.folder = folder, .is_read_only = true, .map_bytes = 64u << 20};
    struct checkpoint *c;
    struct oxq_error error = {0};
    cr_assert_eq(checkpoint_open(&opts, &c, &error), OXQ_OK, "%s", error.text);
    return c;
}

/* Faults that verifying finds in a folder that can be opened. */
static int verify(const char *folder, struct checkpoint_report *report)
{
    struct checkpoint *c = open_folder(folder);
    int told = 0;
    cr_assert_eq(checkpoint_verify(c, count_damage, &told, report, NULL), OXQ_OK);
    cr_assert_eq(report->damaged_count, (uint64_t)told);
    checkpoint_close(c);
    return told;
}

Test(checkpoint_damage, what_is_whole_verifies_and_counts_agree)
{
    struct checkpoint_report report;
    struct checkpoint_summary summary;
    struct checkpoint *c = open_folder(kit.folder);
    checkpoint_summary(c, &summary);
    checkpoint_close(c);
    cr_assert_eq(verify(kit.folder, &report), 0);
    cr_assert_eq(report.keys_count, summary.keys_count);
    cr_assert_geq(summary.rows_count, report.rows_count);
    cr_assert_gt(report.rows_count, 2 * report.keys_count);
}

/* Repairs into a folder beside; the model's keys that are there must be right or have lost elements. */
static void repair(struct checkpoint_report *report, bool *out_is_same)
{
    char target[TESTFOLDER_PATH_MAX + 16];
    struct checkpoint_report again;
    struct oxq_error error = {0};
    int told = 0;
    snprintf(target, sizeof(target), "%s/mended", kit.folder);
    cr_assert_eq(checkpoint_repair(kit.folder, target, count_damage, &told, report, &error), OXQ_OK, "%s", error.text);
    cr_assert_eq(checkpoint_repair(kit.folder, target, count_damage, &told, report, NULL), OXQ_ERR_EXISTS);
    cr_assert_eq(verify(target, &again), 0);
    cr_assert_eq(again.keys_count, report->keys_count);
    struct checkpoint *c = open_folder(target);
    cr_assert_eq(model_load(&model, c, out_is_same), OXQ_OK);
    checkpoint_close(c);
    testfolder_remove(target);
}

Test(checkpoint_damage, a_whole_one_is_repaired_to_the_same)
{
    struct checkpoint_report report;
    bool is_same;
    repair(&report, &is_same);
    cr_assert(is_same);
    cr_assert_eq(report.damaged_count, 0);
    cr_assert_eq(report.lost_keys_count, 0);
}

Test(checkpoint_damage, what_is_left_is_repaired_into_one_that_can_be_opened)
{
    OWNED(buf_deinit) struct buf changed = {.limit_bytes = SIZE_MAX / 2};
    struct rng rng;
    size_t told = 0, lossless = 0;
    rng_init(&rng, 3);
    cr_assert_eq(buf_append(&changed, buf_borrow(&whole)), OXQ_OK);
    for (size_t page = 2; page < whole.len / PAGE; page += 3) {
        struct checkpoint_report report;
        bool is_same;
        for (int i = 0; i < 8; i++) changed.at[page * PAGE + rng_below(&rng, PAGE)] ^= 0x41;
        write_file(buf_borrow(&changed));
        repair(&report, &is_same);
        cr_assert(is_same || report.damaged_count > 0, "page %zu", page);
        told += report.damaged_count > 0;
        lossless += is_same;
        memcpy(changed.at + page * PAGE, whole.at + page * PAGE, PAGE);
    }
    cr_assert_gt(told, 0);
    cr_assert_gt(lossless, 0);
}

struct pace {
    uint64_t last;
    int calls;
};

static bool on_progress(void *ctx, uint64_t done_bytes, uint64_t all_bytes)
{
    struct pace *p = ctx;
    cr_assert(done_bytes > p->last && all_bytes > 0);
    p->last = done_bytes;
    p->calls++;
    return true;
}

static bool end_at_once(void *ctx, uint64_t done_bytes, uint64_t all_bytes)
{
    (void)ctx;
    (void)done_bytes;
    (void)all_bytes;
    return false;
}

Test(checkpoint_damage, a_backup_is_the_same_checkpoint)
{
    char target[TESTFOLDER_PATH_MAX + 16], file[TESTFOLDER_PATH_MAX + 32];
    struct oxq_error error = {0};
    struct pace pace = {0};
    uint64_t seq = 0;
    bool is_same;
    snprintf(target, sizeof(target), "%s/copy", kit.folder);
    snprintf(file, sizeof(file), "%s/data.mdb", target);
    cr_assert_eq(file_make_folder(target, NULL), OXQ_OK);
    const struct checkpoint_backup_opts opts = {.on_progress = on_progress, .ctx = &pace};
    cr_assert_eq(checkpoint_backup(kit.folder, file, &opts, &seq, &error), OXQ_OK, "%s", error.text);
    cr_assert_eq(seq, 6);
    cr_assert_gt(pace.calls, 0);
    struct checkpoint *c = open_folder(target);
    cr_assert_eq(model_load(&model, c, &is_same), OXQ_OK);
    cr_assert(is_same);
    checkpoint_close(c);
    cr_assert_eq(checkpoint_backup(kit.folder, file, &opts, &seq, &error), OXQ_ERR_EXISTS);
    unlink(file);
    const struct checkpoint_backup_opts ended = {.on_progress = end_at_once};
    cr_assert_eq(checkpoint_backup(kit.folder, file, &ended, &seq, &error), OXQ_ERR_CLOSED);
    cr_assert_not(file_exists(file));
}
