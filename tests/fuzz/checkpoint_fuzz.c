/* SPDX-License-Identifier: MIT */
/*
 * A checkpoint file with damage never crashes who opens, reads, verifies or repairs it. The input is a list of changes to a
 * file that was written at the start: where (3 bytes) and what (1 byte) each.
 */
#include "base/mem.h"
#include "checkpoint/testkit.h"
#include "os/file.h"

#include <fcntl.h>
#include <unistd.h>

#define CHANGE_BYTES 4u
#define CHANGES_MAX 64u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);
int LLVMFuzzerInitialize(int *argc, char ***argv);

static struct kit kit;
static struct buf whole = {.limit_bytes = SIZE_MAX / 2};
static char path[TESTFOLDER_PATH_MAX + 16], target[TESTFOLDER_PATH_MAX + 16];

static void remove_folder(void)
{
    testfolder_remove(kit.folder);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    static struct model model;
    (void)argc;
    (void)argv;
    struct buf items = {.limit_bytes = SIZE_MAX / 2};
    kit_init(&kit);
    atexit(remove_folder);
    model_init(&model, 5);
    for (uint64_t seq = 1; seq <= 3; seq++) {
        model_change(&model, 800);
        model_cut(&model, &items);
        CHECK(kit_save(&kit, seq, &items).state == CHECKPOINT_COMMITTED);
    }
    kit_close(&kit);
    model_deinit(&model);
    buf_deinit(&items);
    snprintf(path, sizeof(path), "%s/data.mdb", kit.folder);
    snprintf(target, sizeof(target), "%s/mended", kit.folder);
    CHECK(file_read(path, &whole, NULL) == OXQ_OK);
    return 0;
}

/* Writes the byte at each place: the change, or (back) what was there. */
static void change_file(const uint8_t *data, size_t len, bool back)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    CHECK(fd >= 0);
    for (size_t i = 0; i + CHANGE_BYTES <= len; i += CHANGE_BYTES) {
        size_t at = ((size_t)data[i] << 16 | (size_t)data[i + 1] << 8 | data[i + 2]) % whole.len;
        CHECK(pwrite(fd, back ? (const void *)(whole.at + at) : (const void *)(data + i + 3), 1, (off_t)at) == 1);
    }
    close(fd);
}

static void load_all(struct checkpoint *c)
{
    struct checkpoint_cursor *cursor;
    struct checkpoint_row row;
    bool has = true;
    if (checkpoint_cursor_open(c, &cursor, NULL)) return;
    while (checkpoint_cursor_next(cursor, &row, &has, NULL) == OXQ_OK && has) {
        struct value v = {.aux = 0};
        oxq_err e = row.disk_id ? checkpoint_load_large(c, row.disk_id, row.type, &v, NULL)
                                : checkpoint_load(c, row.db, row.key, row.type, &v, NULL);
        if (!e) value_deinit(&v);
    }
    checkpoint_cursor_close(cursor);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    const struct checkpoint_opts opts = {.folder = kit.folder, .is_read_only = true, .map_bytes = 64u << 20};
    struct checkpoint *c;
    struct checkpoint_report report;
    if (len < CHANGE_BYTES || len > CHANGE_BYTES * CHANGES_MAX) return 0;
    change_file(data, len, false);
    if (checkpoint_open(&opts, &c, NULL) == OXQ_OK) {
        load_all(c);
        (void)!checkpoint_verify(c, NULL, NULL, &report, NULL);
        checkpoint_close(c);
    }
    if (checkpoint_repair(kit.folder, target, NULL, NULL, &report, NULL) == OXQ_OK) {
        /* What was mended is whole. */
        const struct checkpoint_opts mended = {.folder = target, .is_read_only = true, .map_bytes = 64u << 20};
        CHECK(checkpoint_open(&mended, &c, NULL) == OXQ_OK);
        CHECK(checkpoint_verify(c, NULL, NULL, &report, NULL) == OXQ_OK && report.damaged_count == 0);
        checkpoint_close(c);
    }
    testfolder_remove(target);
    change_file(data, len, true);
    return 0;
}
