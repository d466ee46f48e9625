/* SPDX-License-Identifier: MIT */
/* oxq check: is a data folder sound, what is in it, and, with --repair, what of it can be kept. */
#include "cli/check.h"

#include "cli/copy.h"
#include "cli/manifest.h"
#include "cli/table.h"
#include "os/clock.h"
#include "os/file.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

enum { CHECK_SOUND = CLI_OK, CHECK_DAMAGED = CLI_FAILED, CHECK_UNREADABLE = CLI_REFUSED };

void check_tell(struct check *c, const char *format, ...)
{
    va_list args;
    progress_clear(&c->progress);
    if (++c->damages_count > CHECK_TOLD_MAX) return;
    va_start(args, format);
    const char *text = arena_vprint(&c->arena, format, args);
    va_end(args);
    c->told[c->damages_count - 1] = text;
    /* Keys are of others: they must not steer the terminal. */
    if (!c->is_json) printf("damage: %s\n", table_clean(&c->arena, text, false));
}

void check_tell_text(void *ctx, const char *text)
{
    check_tell(ctx, "%s", text);
}

/* ---------------------------------------------------------------- the report */

static void print_keys(const struct check *c, uint32_t db)
{
    char text[PROGRESS_TEXT_CHARS];
    uint64_t sum = 0;
    bool is_first = true;
    for (int type = 0; type < VALUE_TYPES_COUNT; type++) sum += c->keys[db][type];
    if (sum == 0) return;
    printf("database %u: %s keys (", db, progress_count(sum, text));
    for (int type = 0; type < VALUE_TYPES_COUNT; type++) {
        if (c->keys[db][type] == 0) continue;
        printf("%s%s %s", is_first ? "" : ", ", progress_count(c->keys[db][type], text),
               value_type_name((enum value_type)type));
        is_first = false;
    }
    puts(")");
}

/* The keys at the end, not those of the checkpoint. */
static void count_keys(struct check *c)
{
    if (c->is_quick) return;
    memset(c->keys, 0, sizeof(c->keys));
    for (uint32_t i = 0; i < KEYSPACE_DBS_COUNT; i++) {
        struct map_iter it;
        map_iter_begin(&it, &c->data.dbs[i].keys);
        for (struct map_node *n = map_iter_next(&it); n; n = map_iter_next(&it))
            c->keys[i][MAP_OWNER(n, struct entry, node)->value.type]++;
        map_iter_end(&it);
    }
}

static void print_checkpoint(const struct check *c)
{
    char keys[PROGRESS_TEXT_CHARS], rows[PROGRESS_TEXT_CHARS], bytes[PROGRESS_TEXT_CHARS], at[32] = "";
    time_t saved_s = (time_t)(c->checkpoint.saved_at_ms / 1000);
    struct tm tm;
    if (c->is_checkpoint_lost) return;
    if (c->checkpoint.seq == 0) {
        puts("checkpoint: none yet");
        return;
    }
    if (gmtime_r(&saved_s, &tm)) strftime(at, sizeof(at), "%Y-%m-%dT%H:%M:%SZ", &tm);
    printf("checkpoint: record %" PRIu64 ", saved %s, %s keys in %s rows, %s\n", c->checkpoint.seq, at,
           progress_count(c->checkpoint.keys_count, keys), progress_count(c->checkpoint.rows_count, rows),
           progress_bytes(c->checkpoint.file_bytes, bytes));
}

static void print_journal(const struct check *c)
{
    char records[PROGRESS_TEXT_CHARS], effects[PROGRESS_TEXT_CHARS], bytes[PROGRESS_TEXT_CHARS];
    printf("journal: %s records after it with %s effects, up to record %" PRIu64 ", in %" PRIu64 " segments, %s\n",
           progress_count(c->journal.records_count, records), progress_count(c->effects_count, effects), c->last_seq,
           c->journal.segments_count, progress_bytes(c->journal.bytes, bytes));
    if (c->journal.dropped_bytes > 0 && c->unread_bytes == 0)
        printf("torn end: %" PRIu64 " bytes at offset %" PRIu64
               " of %s, of writes that were never acknowledged: a start cuts them off\n",
               c->journal.dropped_bytes, c->journal.offset, c->journal.segment);
}

static void print_verdict(const struct check *c)
{
    char text[PROGRESS_TEXT_CHARS];
    if (c->damages_count == 0) {
        printf("sound%s\n", c->is_quick ? " (--quick: whether the journal fits the checkpoint was not tried)" : "");
        return;
    }
    if (c->damages_count > CHECK_TOLD_MAX)
        printf("... and %s more\n", progress_count(c->damages_count - CHECK_TOLD_MAX, text));
    printf("damaged: %s keys lost", progress_count(c->lost_keys, text));
    if (c->lost_records > 0) printf(", %s records lost in part", progress_count(c->lost_records, text));
    if (c->unread_bytes > 0)
        printf(", %s of the journal lost after record %" PRIu64, progress_bytes(c->unread_bytes, text), c->last_seq);
    if (c->is_checkpoint_lost) printf(", the checkpoint lost");
    putchar('\n');
}

static void print_data(const struct check *c)
{
    for (uint32_t db = 0; db < KEYSPACE_DBS_COUNT; db++) print_keys(c, db);
    print_verdict(c);
}

/* ---------------------------------------------------------------- the command */

/* The rows that can still be reached in a checkpoint that cannot be opened, as one that can; then all is read once more. */
static oxq_err salvage(struct check *c, const char *folder, struct oxq_error *err)
{
    struct checkpoint_report report;
    oxq_err e = checkpoint_repair(c->checkpoint_folder, folder, check_tell_text, c, &report, err);
    if (e) return e;
    snprintf(c->checkpoint_folder, sizeof(c->checkpoint_folder), "%s", folder);
    c->is_checkpoint_lost = false;
    c->lost_keys = report.lost_keys_count;
    c->lost_records = c->effects_count = c->unread_bytes = 0;
    e = check_read(c, err);
    /* Nobody knows how many keys it had. */
    c->is_checkpoint_lost = report.rows_count == 0;
    return e;
}

static void remove_checkpoint(const char *folder)
{
    static const char *const names[] = {"data.mdb", "lock.mdb", "new/data.mdb"};
    char path[PATH_MAX];
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        copy_join(path, folder, names[i]);
        copy_discard(path);
    }
    copy_join(path, folder, "new");
    rmdir(path);
    rmdir(folder);
}

/* A repaired copy that is not whole, of this run or of one that was killed. */
static void remove_unfinished(const char *folder)
{
    char path[PATH_MAX];
    copy_join(path, folder, "checkpoint");
    remove_checkpoint(path);
    copy_join(path, folder, "journal");
    rmdir(path);
    rmdir(folder);
}

/* Beside, and renamed at the end: who sees it sees it whole. Returns an exit code. */
static int write_repaired(struct check *c, const char *folder, const char *beside)
{
    char parent[PATH_MAX];
    struct oxq_error err;
    if (file_exists(folder)) return cli_refuse("%s is there already: move it away", folder);
    remove_unfinished(beside);
    copy_join(parent, folder, "..");
    oxq_err e = check_write_repaired(c, beside, &err);
    if (!e) e = disk_sync_folder(beside, &err);
    if (!e) e = disk_rename(beside, folder, &err);
    if (!e) e = disk_sync_folder(parent, &err);
    if (!e) return CLI_OK;
    remove_unfinished(beside);
    return cli_refuse("the repaired copy cannot be written: %s", err.text);
}

/* The checkpoint as far as it can be read, and what is then told. Returns an exit code. */
static int repair_checkpoint(struct check *c, const char *salvaged)
{
    struct oxq_error err;
    remove_checkpoint(salvaged);
    oxq_err e = salvage(c, salvaged, &err);
    remove_checkpoint(salvaged);
    if (e) return cli_fail("the checkpoint cannot be repaired, restore a backup: %s", err.text);
    count_keys(c);
    if (c->is_json) return CLI_OK;
    print_checkpoint(c);
    print_data(c);
    return CLI_OK;
}

/* DIR.<end>, in the folder that DIR is in; "." and ".." have a name only there. */
static bool name_beside(const struct check *c, const char *end, char out[PATH_MAX])
{
    char real[PATH_MAX];
    const char *folder = c->folder, *slash = strrchr(folder, '/'), *last = slash ? slash + 1 : folder;
    if ((strcmp(last, ".") == 0 || strcmp(last, "..") == 0) && realpath(folder, real)) folder = real;
    size_t len = strlen(folder);
    while (len > 1 && folder[len - 1] == '/') len--;
    return snprintf(out, PATH_MAX, "%.*s.%s", (int)len, folder, end) < PATH_MAX;
}

/* Returns an exit code. */
static int repair(struct check *c)
{
    char beside[PATH_MAX], salvaged[PATH_MAX];
    const char *folder = c->repaired_folder;
    if (!name_beside(c, "repaired", c->repaired_folder) || !name_beside(c, "repairing", beside) ||
        !name_beside(c, "salvaged", salvaged))
        return cli_refuse("the folder's path is too long");
    int code = c->is_checkpoint_lost ? repair_checkpoint(c, salvaged) : CLI_OK;
    if (!code) code = write_repaired(c, folder, beside);
    if (code) return code;
    c->is_repaired = true;
    if (!c->is_json)
        printf("repaired: %s holds what could be read; look at what was lost, then start it: oxq serve --dir %s\n",
               folder, folder);
    return CHECK_DAMAGED;
}

/* What oxq backup made has to go as far as its list says; without a list it is no backup yet. */
static oxq_err check_backup(struct check *c, struct oxq_error *err)
{
    char partial[PATH_MAX];
    struct manifest list;
    oxq_err e = manifest_read(&list, c->folder, MANIFEST_NAME, err);
    copy_join(partial, c->folder, MANIFEST_PARTIAL_NAME);
    if (e == OXQ_ERR_NOT_FOUND && file_exists(partial))
        check_tell(c, "the backup is unfinished: the same command oxq backup, given again, goes on with it");
    if (e == OXQ_ERR_FORMAT) check_tell(c, "the backup's list is lost: %s", err->text);
    if (e) return e == OXQ_ERR_NOT_FOUND || e == OXQ_ERR_FORMAT ? OXQ_OK : e;
    if (c->damages_count == 0 && c->last_seq < list.last_seq)
        check_tell(c, "the backup is not whole: it ends with record %" PRIu64 ", its list says %" PRIu64, c->last_seq,
                   list.last_seq);
    manifest_deinit(&list);
    return OXQ_OK;
}

static int check_folder(struct check *c, bool is_repair)
{
    struct oxq_error err;
    oxq_err e = check_read(c, &err);
    if (!e) e = check_backup(c, &err);
    progress_clear(&c->progress);
    if (e) return cli_refuse("%s", err.text);
    c->is_read = true;
    count_keys(c);
    if (!c->is_json) {
        print_checkpoint(c);
        print_journal(c);
        print_data(c);
    }
    if (c->damages_count == 0) {
        if (is_repair && !c->is_json) puts("nothing to repair");
        return CHECK_SOUND;
    }
    return is_repair ? repair(c) : CHECK_DAMAGED;
}

/* Nobody can be at work in such a place, and there is no lock to take. */
static bool is_read_only(const char *folder)
{
    struct statvfs s;
    return statvfs(folder, &s) == 0 && (s.f_flag & ST_RDONLY);
}

/* A folder that nobody is at work in. Returns an exit code. */
static int take_folder(struct check *c, struct disk_file *out_lock)
{
    char path[PATH_MAX];
    struct oxq_error err;
    int code = copy_look_into(c->folder);
    if (code) return code;
    copy_join(c->checkpoint_folder, c->folder, "checkpoint");
    copy_join(c->journal_folder, c->folder, "journal");
    if (!file_exists(c->checkpoint_folder) && !file_exists(c->journal_folder))
        return cli_refuse("%s is no data folder of oxq: it has no journal and no checkpoint", c->folder);
    copy_join(path, c->folder, "lock");
    oxq_err e = disk_lock(path, out_lock, &err);
    if (e == OXQ_ERR_EXISTS) return cli_refuse("%s: stop that server first, or check a backup of it", err.text);
    if (e && is_read_only(c->folder)) return CLI_OK;
    return e ? cli_refuse("%s", err.text) : CLI_OK;
}

static void print_help(void)
{
    puts(
        "Usage: oxq check [flags] DIR\n"
        "\n"
        "Reads all of a data folder (or of a backup) and tells what is in it and whether it is sound. Changes nothing.\n"
        "Exit codes: 0 sound, 1 damaged, 2 it could not be read.\n"
        "\n"
        "  --quick            checksums and forms alone: not whether the journal fits the checkpoint, which needs as much\n"
        "                     memory as the server\n"
        "  --repair           where there is damage, write what can be kept to DIR.repaired\n"
        "  --json             one object at the end, for programs\n"
        "  --quiet            no progress");
}

int cli_check(int argc, char **argv)
{
    bool is_quick = false, is_repair = false, is_json = false, is_quiet = false, is_help = false;
    const struct cli_flag flags[] = {{"--quick", NULL, &is_quick},
                                     {"--repair", NULL, &is_repair},
                                     {"--json", NULL, &is_json},
                                     {"--quiet", NULL, &is_quiet},
                                     {"--help", NULL, &is_help}};
    int code = cli_take_flags(&argc, argv, flags, sizeof(flags) / sizeof(flags[0]));
    if (code) return code;
    if (is_help) {
        print_help();
        return CLI_OK;
    }
    if (argc != 1) return cli_refuse("check needs one data folder");
    if (is_quick && is_repair) return cli_refuse("--quick and --repair exclude each other");
    struct check c = {.folder = argv[0], .is_quick = is_quick, .is_json = is_json};
    struct disk_file lock = DISK_CLOSED;
    code = take_folder(&c, &lock);
    if (code) return code;
    rng_init(&c.rng, (uint64_t)clock_wall_us(os_clock()));
    keyspace_init(&c.data, &c.rng);
    c.data.is_expiry_paused = true;
    progress_begin(&c.progress, "check", "rows and records", is_quiet);
    code = check_folder(&c, is_repair);
    if (is_json && c.is_read) {
        int printed = check_print_json(&c);
        if (printed) code = printed;
    }
    arena_deinit(&c.arena);
    keyspace_deinit(&c.data);
    disk_close(&lock);
    return code;
}
