/* SPDX-License-Identifier: MIT */
/* check, backup and restore on data folders that are made here: a checkpoint, and a journal after it. */
#include "cli/cli.h"

#include "base/crc32c.h"
#include "checkpoint/checkpoint.h"
#include "cli/check.h"
#include "cli/copy.h"
#include "cli/manifest.h"
#include "codec/json.h"
#include "journal/folder.h"
#include "journal/format.h"
#include "journal/journal.h"
#include "journal/pin.h"
#include "keyspace/db.h"
#include "keyspace/edit_hash.h"
#include "keyspace/effect_codec.h"
#include "keyspace/tracker.h"
#include "keyspace/value_codec.h"
#include "os/clock.h"
#include "os/file.h"
#include "os/testfolder.h"
#include "os/thread.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define CHECKPOINT_SEQ 100
#define SEGMENT_BYTES ((size_t)16384)
#define LARGE_COUNT 3000
#define ROWS_COUNT 500

static char top[TESTFOLDER_PATH_MAX];
static struct lock wake_lock;
static char output_path[128];

static void wake(void *ctx)
{
    (void)ctx;
    lock_enter(&wake_lock);
    lock_notify(&wake_lock);
    lock_leave(&wake_lock);
}

static const char *path(const char *name)
{
    static char paths[8][160];
    static int next;
    char *at = paths[next++ % 8];
    snprintf(at, sizeof(paths[0]), "%s/%s", top, name);
    return at;
}

static void set_up(void)
{
    testfolder_make(top);
    lock_init(&wake_lock);
    snprintf(output_path, sizeof(output_path), "%s/output", top);
}

static void tear_down(void)
{
    testfolder_remove(top);
}

TestSuite(cli_data, .init = set_up, .fini = tear_down);

/* ---------------------------------------------------------------- a data folder */

static void put_hash(struct buf *items, int number)
{
    char key[32], content[64];
    OWNED(buf_deinit) struct buf value = {.limit_bytes = 4096};
    struct value v;
    struct effect e = {.kind = EFFECT_HASH_SET, .a = SLICE_LIT("data")};
    struct keyspace ks;
    struct rng rng;
    rng_init(&rng, 1);
    keyspace_init(&ks, &rng);
    snprintf(key, sizeof(key), "bull:q:%d", number);
    snprintf(content, sizeof(content), "content of job %d", number);
    e.key = slice_from_text(key);
    e.b = slice_from_text(content);
    cr_assert_eq(keyspace_apply(&ks, &e), OXQ_OK);
    v = db_find(&ks.dbs[0], e.key)->value;
    cr_assert_eq(value_encode(&v, &value), OXQ_OK);
    item_write(items,
               &(struct item){.kind = ITEM_KEY_PUT, .type = VALUE_HASH, .key = e.key, .bytes = buf_borrow(&value)});
    keyspace_deinit(&ks);
}

/* The rows of a large list of this number, and no key that names them. */
static void put_list_rows(struct buf *items, uint64_t disk_id)
{
    OWNED(buf_deinit) struct buf value = {.limit_bytes = SIZE_MAX};
    struct keyspace ks;
    struct rng rng;
    rng_init(&rng, 1);
    keyspace_init(&ks, &rng);
    for (int i = 0; i < LARGE_COUNT; i++) {
        char text[32];
        snprintf(text, sizeof(text), "%d", i);
        cr_assert_eq(keyspace_apply(&ks, &(struct effect){.kind = EFFECT_LIST_PUSH_TAIL,
                                                          .key = SLICE_LIT("l"),
                                                          .a = slice_from_text(text)}),
                     OXQ_OK);
    }
    cr_assert_eq(value_encode(&db_find(&ks.dbs[0], SLICE_LIT("l"))->value, &value), OXQ_OK);
    item_write(
        items,
        &(struct item){.kind = ITEM_LARGE_BASE, .type = VALUE_LIST, .disk_id = disk_id, .bytes = buf_borrow(&value)});
    keyspace_deinit(&ks);
}

static void put_large_list(struct buf *items)
{
    put_list_rows(items, 50);
    item_write(items, &(struct item){
                          .kind = ITEM_KEY_LARGE, .type = VALUE_LIST, .disk_id = 50, .key = SLICE_LIT("bull:q:wait")});
}

static void save(const char *folder, uint64_t seq, struct buf *items)
{
    struct checkpoint *c = NULL;
    struct oxq_error err;
    struct checkpoint_progress progress;
    cr_assert_eq(checkpoint_open(&(struct checkpoint_opts){.folder = folder, .wake = wake}, &c, &err), OXQ_OK, "%s",
                 err.text);
    checkpoint_begin(c, seq);
    checkpoint_give(c, items);
    checkpoint_end(c);
    lock_enter(&wake_lock);
    for (checkpoint_poll(c, &progress); progress.state != CHECKPOINT_COMMITTED; checkpoint_poll(c, &progress)) {
        cr_assert_neq(progress.state, CHECKPOINT_FAILED, "%s", progress.error.text);
        (void)lock_wait(&wake_lock, INT64_MAX);
    }
    lock_leave(&wake_lock);
    checkpoint_close(c);
}

static void wake_from_journal(void *ctx, int64_t *again_us)
{
    (void)again_us;
    wake(ctx);
}

static struct journal *open_journal(const char *folder, uint64_t next_seq)
{
    struct journal *j = NULL;
    struct oxq_error err;
    const struct journal_opts opts = {.folder = folder,
                                      .durability = JOURNAL_ALWAYS,
                                      .segment_bytes = SEGMENT_BYTES,
                                      .next_seq = next_seq,
                                      .clock = os_clock(),
                                      .wake = wake_from_journal};
    cr_assert_eq(journal_open(&opts, &j, &err), OXQ_OK, "%s", err.text);
    return j;
}

/* One record: a field of one of the jobs of the checkpoint, or a new one. */
static void append_record(struct journal *j, struct effect_writer *w, int number)
{
    char key[32], text[200];
    snprintf(key, sizeof(key), "bull:q:%d", number);
    memset(text, 'x', sizeof(text));
    w->out = journal_begin(j);
    effect_writer_start(w);
    cr_assert_eq(effect_write(w, &(struct effect){.kind = EFFECT_HASH_SET,
                                                  .key = slice_from_text(key),
                                                  .a = SLICE_LIT("more"),
                                                  .b = slice_of(text, sizeof(text))}),
                 OXQ_OK);
    journal_end(j);
}

static void append_records(struct journal *j, int count)
{
    struct effect_writer w;
    effect_writer_init(&w, NULL);
    for (int i = 0; i < count; i++) {
        append_record(j, &w, i * 3);
        if (i % 10 == 0) journal_flush(j);
    }
    journal_flush(j);
    effect_writer_deinit(&w);
}

/* 500 jobs and a list of 3,000 at record 100; `count` records after it, over several segments. */
static void make_data(int count)
{
    OWNED(buf_deinit) struct buf items = {.limit_bytes = SIZE_MAX};
    cr_assert_eq(file_make_folder(path("data"), NULL), OXQ_OK);
    for (int i = 0; i < ROWS_COUNT; i++) put_hash(&items, i);
    put_large_list(&items);
    save(path("data/checkpoint"), CHECKPOINT_SEQ, &items);
    struct journal *j = open_journal(path("data/journal"), CHECKPOINT_SEQ + 1);
    append_records(j, count);
    cr_assert_eq(journal_close(j), JOURNAL_READY);
}

/* ---------------------------------------------------------------- running a command */

static char output[65536];

/* Runs it with its standard output caught. */
static int run(int (*command)(int argc, char **argv), const char *a, const char *b, const char *c)
{
    char words[4][160] = {"--quiet"};
    char *argv[5] = {words[0]};
    const char *given[] = {a, b, c};
    int argc = 1;
    for (int i = 0; i < 3 && given[i]; i++) {
        snprintf(words[argc], sizeof(words[0]), "%s", given[i]);
        argv[argc] = words[argc];
        argc++;
    }
    fflush(stdout);
    int old = dup(STDOUT_FILENO), fd = open(output_path, O_RDWR | O_CREAT | O_TRUNC, 0600);
    cr_assert(old >= 0 && fd >= 0 && dup2(fd, STDOUT_FILENO) >= 0);
    int code = command(argc, argv);
    fflush(stdout);
    ssize_t got = pread(fd, output, sizeof(output) - 1, 0);
    output[got > 0 ? got : 0] = '\0';
    dup2(old, STDOUT_FILENO);
    close(old);
    close(fd);
    return code;
}

static void says(const char *text)
{
    cr_assert(strstr(output, text) != NULL, "wanted: %s\nin: %s", text, output);
}

/* Changes one byte of a file. */
static void damage(const char *file, off_t offset)
{
    char byte;
    int fd = open(file, O_RDWR | O_CLOEXEC);
    cr_assert(fd >= 0, "%s", file);
    cr_assert_eq(pread(fd, &byte, 1, offset), 1);
    byte ^= 1;
    cr_assert_eq(pwrite(fd, &byte, 1, offset), 1);
    close(fd);
}

/* Where a text stands in a file; the last place. */
static off_t find_text(const char *file, const char *text)
{
    OWNED(buf_deinit) struct buf bytes = {.limit_bytes = SIZE_MAX};
    size_t len = strlen(text);
    off_t found = -1;
    cr_assert_eq(file_read(file, &bytes, NULL), OXQ_OK);
    for (size_t i = 0; i + len <= bytes.len; i++) {
        if (memcmp(bytes.at + i, text, len) == 0) found = (off_t)i;
    }
    cr_assert(found >= 0, "%s", text);
    return found;
}

static const char *segment(const char *folder, size_t index)
{
    static char file[PATH_MAX];
    struct folder f;
    cr_assert_eq(folder_read(&f, folder, NULL), OXQ_OK);
    cr_assert_lt(index, f.count);
    folder_segment_path(file, folder, f.first_seqs[index]);
    folder_deinit(&f);
    return file;
}

/* ---------------------------------------------------------------- check */

Test(cli_data, check_counts_what_is_sound)
{
    make_data(200);
    cr_assert_eq(run(cli_check, path("data"), NULL, NULL), 0, "%s", output);
    says("checkpoint: record 100,");
    says("501 keys in ");
    says("journal: 200 records after it with 200 effects, up to record 300,");
    /* 200 records on the jobs 0, 3, 6 ...: 167 of them were there. */
    says("database 0: 534 keys (1 list, 533 hash)");
    says("\nsound\n");
    cr_assert_eq(run(cli_check, "--quick", path("data"), NULL), 0, "%s", output);
    says("database 0: 501 keys (1 list, 500 hash)");
    says("sound (--quick");
    cr_assert_eq(run(cli_check, "--repair", path("data"), NULL), 0);
    says("nothing to repair");
    cr_assert(!file_exists(path("data.repaired")));
}

Test(cli_data, check_refuses_what_is_no_data_and_what_somebody_works_in)
{
    struct disk_file lock;
    cr_assert_eq(run(cli_check, path("none"), NULL, NULL), 2);
    make_data(1);
    cr_assert_eq(disk_lock(path("data/lock"), &lock, NULL), OXQ_OK);
    cr_assert_eq(run(cli_check, path("data"), NULL, NULL), 2);
    disk_close(&lock);
    cr_assert_eq(run(cli_check, path("data"), NULL, NULL), 0);
}

Test(cli_data, check_does_not_take_a_newer_version_for_damage_and_repairs_nothing)
{
    make_data(30);
    int fd = open(segment(path("data/journal"), 0), O_RDWR | O_CLOEXEC);
    cr_assert(fd >= 0);
    char header[FORMAT_HEADER_BYTES];
    cr_assert_eq(pread(fd, header, sizeof(header), 0), (ssize_t)sizeof(header));
    header[8] = FORMAT_VERSION + 1;
    uint32_t crc = crc32c(0, slice_of(header, sizeof(header) - 4));
    memcpy(header + sizeof(header) - 4, &crc, 4);
    cr_assert_eq(pwrite(fd, header, sizeof(header), 0), (ssize_t)sizeof(header));
    close(fd);
    cr_assert_eq(run(cli_check, path("data"), NULL, NULL), 2);
    cr_assert_eq(run(cli_check, "--repair", path("data"), NULL), 2);
    cr_assert(!file_exists(path("data.repaired")));
}

Test(cli_data, check_names_a_damaged_row_and_repair_keeps_the_others)
{
    make_data(0);
    const char *file = path("data/checkpoint/data.mdb");
    damage(file, find_text(file, "content of job 123") + 3);
    cr_assert_eq(run(cli_check, path("data"), NULL, NULL), 1);
    says("damage: a key is lost");
    says("'bull:q:123'");
    says("damaged: 1 keys lost");
    cr_assert_eq(run(cli_check, "--repair", path("data"), NULL), 1);
    says("database 0: 500 keys (1 list, 499 hash)");
    says("data.repaired holds");
    cr_assert_eq(run(cli_check, path("data.repaired"), NULL, NULL), 0, "%s", output);
    says("checkpoint: record 100,");
    says("database 0: 500 keys (1 list, 499 hash)");
    cr_assert_eq(run(cli_check, "--repair", path("data"), NULL), 2, "it is there already");
}

/* One line, which is one object. */
static struct json *read_object(void)
{
    struct json *root;
    struct oxq_error err;
    cr_assert_eq(strchr(output, '\n'), output + strlen(output) - 1, "%s", output);
    cr_assert_eq(json_read(slice_from_text(output), &root, &err), OXQ_OK, "%s", output);
    return root;
}

Test(cli_data, check_tells_damage_as_one_object)
{
    make_data(0);
    const char *file = path("data/checkpoint/data.mdb");
    damage(file, find_text(file, "content of job 123") + 3);
    cr_assert_eq(run(cli_check, "--json", "--repair", path("data")), 1);
    struct json *root = read_object();
    const struct json *damages = json_member(root, "damages");
    cr_assert_not(json_truth(json_member(root, "is_sound")));
    cr_assert_eq(json_number(json_member(json_member(root, "lost"), "keys")), 1);
    cr_assert_eq(json_number(json_member(root, "damages_count")), 1);
    cr_assert_eq(json_count(damages), 1);
    says("'bull:q:123'");
    says("\"databases\":[{\"db\":0,\"keys\":500,\"types\":{\"list\":1,\"hash\":499}}]");
    says("data.repaired\"}\n");
    json_release(root);
    cr_assert(file_exists(path("data.repaired")));
    cr_assert_eq(run(cli_check, "--json", path("data.repaired"), NULL), 0, "%s", output);
    says("\"is_sound\":true,");
}

Test(cli_data, check_tells_lost_parts_as_one_object)
{
    make_data(200);
    damage(segment(path("data/journal"), 1), 4096 + 100);
    cr_assert_eq(truncate(path("data/checkpoint/data.mdb"), 0), 0);
    cr_assert_eq(run(cli_check, "--json", path("data"), NULL), 1);
    struct json *root = read_object();
    const struct json *lost = json_member(root, "lost");
    cr_assert_eq(json_kind_of(json_member(root, "checkpoint")), JSON_KIND_NULL);
    cr_assert(json_truth(json_member(lost, "checkpoint")));
    cr_assert_gt(json_number(json_member(lost, "journal_bytes")), 0);
    cr_assert_eq(json_number(json_member(root, "damages_count")), 2);
    json_release(root);
}

Test(cli_data, check_names_rows_that_belong_to_no_key_and_repair_leaves_them_out)
{
    OWNED(buf_deinit) struct buf items = {.limit_bytes = SIZE_MAX};
    make_data(3);
    put_list_rows(&items, 60);
    save(path("data/checkpoint"), CHECKPOINT_SEQ, &items);
    cr_assert_eq(run(cli_check, path("data"), NULL, NULL), 1);
    says("damage: no key names the rows of large value 60\n");
    says("damaged: 0 keys lost\n");
    cr_assert_eq(run(cli_check, "--quick", path("data"), NULL), 1);
    cr_assert_eq(run(cli_check, "--repair", path("data"), NULL), 1);
    cr_assert_eq(run(cli_check, path("data.repaired"), NULL, NULL), 0, "%s", output);
    says("up to record 103,");
}

Test(cli_data, repair_keeps_the_rows_of_a_checkpoint_that_lost_its_structure)
{
    make_data(30);
    const char *file = path("data/checkpoint/data.mdb");
    off_t row = find_text(file, "content of job 77");
    /* The kind of the page that the row is in. */
    damage(file, row / 4096 * 4096 + 10);
    cr_assert_eq(run(cli_check, path("data"), NULL, NULL), 1);
    says("damage: the checkpoint is lost: ");
    cr_assert(!file_exists(path("data.repaired")));
    cr_assert_eq(run(cli_check, "--repair", path("data"), NULL), 1, "%s", output);
    says("data.repaired holds");
    /* First what was found, then what came of it. */
    const char *verdict = strstr(strstr(output, "\ndamaged: ") + 1, "\ndamaged: ");
    int lost = atoi(verdict + strlen("\ndamaged: "));
    cr_assert_gt(lost, 0, "rows that nobody can name are counted: %s", output);
    cr_assert(!file_exists(path("data.salvaged")));
    cr_assert_eq(run(cli_check, path("data.repaired"), NULL, NULL), 0, "%s", output);
    says("up to record 130,");
    const char *keys = strstr(output, "database 0: ");
    cr_assert_not_null(keys, "%s", output);
    int kept = atoi(keys + strlen("database 0: "));
    cr_assert(kept > 400 && kept < 501 + 30, "%s", output);
    /* The 30 records are on the jobs 0, 3, 6 ...: they make those anew that were lost, and no other. */
    cr_assert(kept >= 501 - lost && kept <= 501 - lost + 30, "%d lost: %s", lost, output);
}

Test(cli_data, a_checkpoint_of_which_no_row_can_be_reached_is_lost_after_a_repair_too)
{
    make_data(30);
    cr_assert_eq(truncate(path("data/checkpoint/data.mdb"), 3 * 4096), 0);
    cr_assert_eq(run(cli_check, "--json", "--repair", path("data")), 1, "%s", output);
    struct json *root = read_object();
    cr_assert(json_truth(json_member(json_member(root, "lost"), "checkpoint")), "%s", output);
    cr_assert_gt(json_number(json_member(json_member(root, "lost"), "journal_bytes")), 0);
    cr_assert(file_exists(path("data.repaired")));
    json_release(root);
}

Test(cli_data, repair_names_the_key_whose_value_has_lost_elements)
{
    make_data(0);
    const char *file = path("data/checkpoint/data.mdb");
    damage(file, find_text(file, "\x04"
                                 "1500\x04"
                                 "1501") /
                         4096 * 4096 +
                     10);
    cr_assert_eq(run(cli_check, "--repair", path("data"), NULL), 1, "%s", output);
    says("damage: key bull:q:wait: its large value 50 has ");
    says(" of 3000 elements\n");
}

static int tell_damage(int argc, char **argv)
{
    struct check c = {.folder = "data"};
    (void)argc;
    (void)argv;
    check_tell(&c, "the hash '%s' is lost", "bull:\033[2J:\xc2\x9b\n");
    arena_deinit(&c.arena);
    return 0;
}

Test(cli_data, a_key_in_a_damage_does_not_steer_the_terminal)
{
    run(tell_damage, NULL, NULL, NULL);
    cr_assert_str_eq(output, "damage: the hash 'bull:\\x1b[2J:\\x9b ' is lost\n");
}

Test(cli_data, a_checkpoint_file_without_a_byte_is_damage)
{
    make_data(30);
    cr_assert_eq(truncate(path("data/checkpoint/data.mdb"), 0), 0);
    cr_assert_eq(run(cli_check, path("data"), NULL, NULL), 1, "%s", output);
    says("damage: the checkpoint is lost: ");
    says("it has 0 bytes");
}

Test(cli_data, a_journal_whose_first_segment_is_gone_is_counted_as_lost)
{
    make_data(200);
    cr_assert_eq(unlink(segment(path("data/journal"), 0)), 0);
    cr_assert_eq(run(cli_check, path("data"), NULL, NULL), 1);
    says("damage: the journal is lost after record 100: ");
    says(" of the journal lost after record 100");
}

static void limit_files(rlim_t bytes)
{
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &(struct rlimit){.rlim_cur = bytes, .rlim_max = RLIM_INFINITY}), 0);
}

Test(cli_data, a_repaired_copy_is_there_whole_or_not_at_all)
{
    make_data(0);
    const char *file = path("data/checkpoint/data.mdb");
    damage(file, find_text(file, "content of job 123") + 3);
    signal(SIGXFSZ, SIG_IGN);
    limit_files(40000);
    cr_assert_eq(run(cli_check, "--repair", path("data"), NULL), 2, "%s", output);
    limit_files(RLIM_INFINITY);
    cr_assert_not(file_exists(path("data.repaired")));
    cr_assert_not(file_exists(path("data.repairing")));
    /* What a run that was killed has left is in nobody's way. */
    cr_assert_eq(file_make_folder(path("data.repairing"), NULL), OXQ_OK);
    cr_assert_eq(file_make_folder(path("data.repairing/checkpoint"), NULL), OXQ_OK);
    cr_assert_eq(rename(path("data/lock"), path("data.repairing/checkpoint/data.mdb")), 0);
    cr_assert_eq(run(cli_check, "--repair", path("data"), NULL), 1, "%s", output);
    cr_assert_not(file_exists(path("data.repairing")));
    cr_assert_eq(run(cli_check, path("data.repaired"), NULL, NULL), 0, "%s", output);
    says("database 0: 500 keys (1 list, 499 hash)");
}

Test(cli_data, check_names_where_the_journal_is_damaged_and_repair_keeps_what_is_before)
{
    make_data(200);
    damage(segment(path("data/journal"), 1), 4096 + 100);
    cr_assert_eq(run(cli_check, "--repair", path("data"), NULL), 1);
    says("damage: the journal is lost after record ");
    says("of the journal lost after record ");
    cr_assert_eq(run(cli_check, path("data.repaired"), NULL, NULL), 0, "%s", output);
    says("\nsound\n");
    cr_assert(strstr(output, "database 0: 534 keys") == NULL, "%s", output);
}

Test(cli_data, check_tells_a_torn_end_and_finds_no_fault_in_it)
{
    make_data(50);
    const char *last = segment(path("data/journal"), 0);
    struct format_segment header;
    OWNED(buf_deinit) struct buf bytes = {.limit_bytes = SIZE_MAX};
    cr_assert_eq(file_read(last, &bytes, NULL), OXQ_OK);
    cr_assert_null(format_read_header(buf_borrow(&bytes), &header));
    /* As a crash leaves it: no close record, the file in its full length. */
    int fd = open(last, O_WRONLY | O_CLOEXEC);
    cr_assert_eq(pwrite(fd, "\x40\0\0\0torn torn torn torn", 24, (off_t)(bytes.len - FORMAT_MARK_BYTES)), 24);
    cr_assert_eq(ftruncate(fd, (off_t)header.bytes), 0);
    close(fd);
    cr_assert_eq(run(cli_check, path("data"), NULL, NULL), 0, "%s", output);
    says("torn end: ");
    says("\nsound\n");
    cr_assert_eq(run(cli_check, "--json", path("data"), NULL), 0);
    struct json *root = read_object();
    const struct json *journal = json_member(root, "journal");
    cr_assert(json_truth(json_member(root, "is_sound")));
    cr_assert_gt(json_number(json_member(journal, "torn_bytes")), 0);
    cr_assert_gt(json_number(json_member(journal, "torn_offset")), 0);
    cr_assert_gt(json_text(json_member(journal, "torn_segment")).len, 0);
    json_release(root);
}

/* ---------------------------------------------------------------- backup, restore */

Test(cli_data, a_backup_restores_to_the_same_data)
{
    make_data(200);
    cr_assert_eq(run(cli_backup, path("data"), path("copy"), NULL), 0);
    cr_assert_eq(run(cli_check, path("copy"), NULL, NULL), 0, "%s", output);
    cr_assert_eq(run(cli_restore, path("copy"), path("new/data/"), NULL), 0);
    cr_assert(file_exists(path("new/data/checkpoint/data.mdb")));
    cr_assert_eq(run(cli_restore, path("copy"), path("again"), NULL), 0);
    cr_assert_eq(run(cli_check, path("again"), NULL, NULL), 0, "%s", output);
    says("checkpoint: record 100,");
    says("up to record 300,");
    says("database 0: 534 keys (1 list, 533 hash)");
    cr_assert_eq(run(cli_restore, path("copy"), path("again"), NULL), 2, "it is not empty");
    cr_assert_eq(run(cli_backup, path("data"), path("copy"), NULL), 2, "it holds a whole backup");
    cr_assert_eq(run(cli_backup, path("data"), path("again"), NULL), 2, "it holds something else");
}

Test(cli_data, restore_takes_nothing_that_another_one_left_for_a_part_of_this_backup)
{
    make_data(200);
    cr_assert_eq(run(cli_backup, path("data"), path("copy"), NULL), 0);
    cr_assert_eq(file_make_folder(path("new.restoring/journal"), NULL), OXQ_OK);
    /* It would be read as what comes after the backup's end. */
    cr_assert_eq(link(segment(path("copy/journal"), 0), path("new.restoring/journal/00000000000000000301.log")), 0);
    cr_assert_eq(run(cli_restore, path("copy"), path("new"), NULL), 2);
    cr_assert(!file_exists(path("new")) && !file_exists(path("new.restoring/checkpoint/data.mdb")));
    cr_assert_eq(unlink(path("new.restoring/journal/00000000000000000301.log")), 0);
    struct disk_file lock;
    cr_assert_eq(disk_lock(path("new.restoring/lock"), &lock, NULL), OXQ_OK);
    cr_assert_eq(run(cli_restore, path("copy"), path("new"), NULL), 2, "another restore is at work");
    disk_close(&lock);
    cr_assert_eq(run(cli_restore, path("copy"), path("new"), NULL), 0);
    cr_assert_eq(run(cli_check, path("new"), NULL, NULL), 0, "%s", output);
    says("up to record 300,");
}

Test(cli_data, restore_replaces_the_folder_that_a_link_or_a_dot_means)
{
    make_data(10);
    cr_assert_eq(run(cli_backup, path("data"), path("copy"), NULL), 0);
    cr_assert_eq(file_make_folder(path("real"), NULL), OXQ_OK);
    cr_assert_eq(symlink("real", path("link")), 0);
    cr_assert_eq(run(cli_restore, path("copy"), path("link"), NULL), 0);
    cr_assert(file_exists(path("real/checkpoint/data.mdb")));
    cr_assert_eq(file_make_folder(path("here"), NULL), OXQ_OK);
    cr_assert_eq(chdir(path("here")), 0);
    cr_assert_eq(run(cli_restore, path("copy"), ".", NULL), 0);
    cr_assert(file_exists(path("here/checkpoint/data.mdb")));
}

Test(cli_data, check_tells_a_backup_that_is_unfinished_or_lacks_its_end)
{
    make_data(200);
    cr_assert_eq(run(cli_backup, path("data"), path("copy"), NULL), 0);
    struct folder f;
    cr_assert_eq(folder_read(&f, path("copy/journal"), NULL), OXQ_OK);
    size_t last = f.count - 1;
    folder_deinit(&f);
    cr_assert_eq(unlink(segment(path("copy/journal"), last)), 0);
    cr_assert_eq(run(cli_check, path("copy"), NULL, NULL), 1);
    says("damage: the backup is not whole: it ends with record ");
    says(", its list says 300\n");
    cr_assert_eq(rename(path("copy/backup.json"), path("copy/backup.partial")), 0);
    cr_assert_eq(run(cli_check, path("copy"), NULL, NULL), 1);
    says("damage: the backup is unfinished: ");
    cr_assert_eq(run(cli_backup, path("data"), path("copy"), NULL), 0);
    cr_assert_eq(run(cli_check, path("copy"), NULL, NULL), 0, "%s", output);
    cr_assert_eq(truncate(path("copy/backup.json"), 40), 0);
    cr_assert_eq(run(cli_check, path("copy"), NULL, NULL), 1);
    says("damage: the backup's list is lost: ");
}

Test(cli_data, what_is_repaired_stands_beside_the_folder_that_a_dot_means)
{
    make_data(200);
    damage(segment(path("data/journal"), 0), 5000);
    cr_assert_eq(chdir(path("data")), 0);
    cr_assert_eq(run(cli_check, "--repair", ".", NULL), 1, "%s", output);
    cr_assert(file_exists(path("data.repaired/checkpoint/data.mdb")));
}

Test(cli_data, restore_finds_damage)
{
    make_data(200);
    cr_assert_eq(run(cli_backup, path("data"), path("copy"), NULL), 0);
    damage(segment(path("copy/journal"), 0), 5000);
    cr_assert_eq(run(cli_restore, path("copy"), path("again"), NULL), 1);
    cr_assert(!file_exists(path("again")));
    damage(segment(path("copy/journal"), 0), 5000);
    cr_assert_eq(run(cli_restore, path("copy"), path("again"), NULL), 0, "what was left beside is no hindrance");
    cr_assert_eq(unlink(path("copy/backup.json")), 0);
    cr_assert_eq(run(cli_restore, path("copy"), path("third"), NULL), 2);
}

/* As an interrupted one leaves it: the list is of what is whole. */
static void interrupt_backup(void)
{
    cr_assert_eq(rename(path("copy/backup.json"), path("copy/backup.partial")), 0);
    cr_assert_eq(unlink(segment(path("copy/journal"), 1)), 0);
}

Test(cli_data, an_interrupted_backup_goes_on_with_the_files_it_has)
{
    struct manifest before, after;
    make_data(200);
    cr_assert_eq(run(cli_backup, path("data"), path("copy"), NULL), 0);
    cr_assert_eq(manifest_read(&before, path("copy"), MANIFEST_NAME, NULL), OXQ_OK);
    interrupt_backup();
    cr_assert_eq(run(cli_restore, path("copy"), path("again"), NULL), 2);
    struct stat kept, now;
    cr_assert_eq(stat(path("copy/checkpoint/data.mdb"), &kept), 0);
    cr_assert_eq(run(cli_backup, path("data"), path("copy"), NULL), 0);
    cr_assert_eq(stat(path("copy/checkpoint/data.mdb"), &now), 0);
    cr_assert_eq(kept.st_ino, now.st_ino, "the checkpoint was not copied again");
    cr_assert_eq(manifest_read(&after, path("copy"), MANIFEST_NAME, NULL), OXQ_OK);
    cr_assert_eq(manifest_bytes(&before), manifest_bytes(&after));
    cr_assert_eq(after.last_seq, 300);
    cr_assert(!file_exists(path("copy/backup.partial")));
    manifest_deinit(&before);
    manifest_deinit(&after);
    cr_assert_eq(run(cli_restore, path("copy"), path("again"), NULL), 0);
    cr_assert_eq(run(cli_check, path("again"), NULL, NULL), 0, "%s", output);
}

Test(cli_data, an_interrupted_backup_does_not_go_on_with_another_folder_of_the_same_name)
{
    struct manifest before;
    make_data(200);
    cr_assert_eq(run(cli_backup, path("data"), path("copy"), NULL), 0);
    interrupt_backup();
    cr_assert_eq(manifest_read(&before, path("copy"), MANIFEST_PARTIAL_NAME, NULL), OXQ_OK);
    if (before.source_born_ns == 0) cr_skip("this file system does not tell when a file was made");
    manifest_deinit(&before);
    cr_assert_eq(rename(path("data"), path("old")), 0);
    make_data(250);
    cr_assert_eq(run(cli_backup, path("data"), path("copy"), NULL), 2);
    cr_assert(!file_exists(path("copy/backup.json")));
    cr_assert_eq(rename(path("data"), path("new")), 0);
    cr_assert_eq(rename(path("old"), path("data")), 0);
    cr_assert_eq(run(cli_backup, path("data"), path("copy"), NULL), 0, "it is the one again");
}

Test(cli_data, an_interrupted_backup_goes_on_where_the_path_is_no_text)
{
    make_data(200);
    cr_assert_eq(rename(path("data"), path("data\xe9")), 0);
    cr_assert_eq(run(cli_backup, path("data\xe9"), path("copy"), NULL), 0);
    interrupt_backup();
    cr_assert_eq(run(cli_backup, path("data\xe9"), path("copy"), NULL), 0);
}

Test(cli_data, a_pause_is_not_made_up_for_by_going_faster_than_asked)
{
    struct copier c;
    struct progress progress;
    progress_begin(&progress, "test", NULL, true);
    copier_begin(&c, 1 << 20, &progress);
    int64_t now_us = clock_mono_us(os_clock());
    c.started_us = now_us - 60 * 1000000;
    copier_pace(&c, 1000);
    cr_assert_geq(c.started_us, now_us - 1001000);
}

Test(cli_data, an_interrupted_backup_takes_a_new_checkpoint_when_the_journal_has_moved_on)
{
    OWNED(buf_deinit) struct buf items = {.limit_bytes = SIZE_MAX};
    struct manifest after;
    make_data(200);
    cr_assert_eq(run(cli_backup, path("data"), path("copy"), NULL), 0);
    interrupt_backup();
    put_hash(&items, 9999);
    save(path("data/checkpoint"), 300, &items);
    struct journal *j = open_journal(path("data/journal"), 301);
    append_records(j, 20);
    cr_assert_eq(journal_close(j), JOURNAL_READY);
    while (strstr(segment(path("data/journal"), 0), "00301.log") == NULL) unlink(segment(path("data/journal"), 0));
    cr_assert_eq(run(cli_backup, path("data"), path("copy"), NULL), 0);
    cr_assert_eq(manifest_read(&after, path("copy"), MANIFEST_NAME, NULL), OXQ_OK);
    cr_assert_eq(after.checkpoint_seq, 300);
    cr_assert_eq(after.last_seq, 320);
    manifest_deinit(&after);
    cr_assert_eq(run(cli_restore, path("copy"), path("again"), NULL), 0);
    cr_assert_eq(run(cli_check, path("again"), NULL, NULL), 0, "%s", output);
    says("up to record 320,");
}

Test(cli_data, a_journal_that_is_written_to_is_backed_up_to_a_whole_record)
{
    make_data(0);
    struct journal *j = open_journal(path("data/journal"), CHECKPOINT_SEQ + 1);
    append_records(j, 120);
    cr_assert_eq(run(cli_backup, path("data"), path("copy"), NULL), 0);
    append_records(j, 10);
    cr_assert_eq(journal_close(j), JOURNAL_READY);
    cr_assert_eq(run(cli_check, path("copy"), NULL, NULL), 0, "%s", output);
    says("journal: 120 records after it");
}
