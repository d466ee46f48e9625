/* SPDX-License-Identifier: MIT */
/*
 * How LMDB is used.
 *
 *  - One environment, in a folder of its own with a lock file, so that another process can read (backup, check) while
 *    this one writes. Readers are not bound to threads (MDB_NOTLS).
 *  - The map is read only; pages are written with pwrite. A stray write of ours cannot reach the file.
 *  - Freshly allocated pages are not zeroed (MDB_NOMEMINIT): what stands in the unused part of a page is what our own
 *    heap held, which is data of the same file's owner.
 *  - The map is as large as the address space lets it be, up to 1 TiB: it costs nothing, and its size need never be
 *    changed. Where memory is limited (ulimit -v, sanitizers) it is halved until it fits.
 *
 * Keys that come in rising order behind all others are appended (MDB_APPEND), which fills pages whole instead of half.
 */
#include "checkpoint/store.h"

#include "base/crc32c.h"
#include "base/mem.h"
#include "base/varint.h"
#include "checkpoint/pages.h"
#include "os/disk.h"
#include "os/file.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAP_BYTES_DEFAULT ((size_t)1 << 40)
#define MAP_BYTES_MIN ((size_t)64 << 20)
#define FILE_MODE 0600
#define READERS_MAX 64
#define ROW_MAX_BYTES ((size_t)0xffffffff)
#define META_MAX_BYTES 512u
#define FORGET_BYTES ((size_t)256 << 20)

static const char *const table_names[3] = {"meta", "keys", "parts"};

struct slice store_table_name(enum store_table table)
{
    return slice_from_text(table_names[table]);
}

/* ---- errors ---- */

static bool is_damage(int rc)
{
    return rc == MDB_CORRUPTED || rc == MDB_PAGE_NOTFOUND || rc == MDB_INVALID || rc == MDB_VERSION_MISMATCH ||
           rc == MDB_INCOMPATIBLE || rc == MDB_NOTFOUND || rc == MDB_CURSOR_FULL || rc == MDB_BAD_VALSIZE;
}

/* Where a write of LMDB's was cut short by a full disk it says EIO; what it writes at once is shorter than this. */
#define WRITE_BYTES_MAX ((uint64_t)1 << 20)

static bool is_full(const char *folder)
{
    uint64_t bytes;
    return disk_free_bytes(folder, &bytes, NULL) == OXQ_OK && bytes < WRITE_BYTES_MAX;
}

oxq_err store_error(const struct store *s, int rc, const char *what, struct oxq_error *err)
{
    oxq_err code = OXQ_ERR_IO;
    const char *text = mdb_strerror(rc);
    if (is_damage(rc)) code = OXQ_ERR_FORMAT;
    if (rc == EACCES || rc == EPERM || rc == EROFS) code = OXQ_ERR_PERMISSION;
    if (rc == ENOMEM) code = OXQ_ERR_MEMORY;
    if (rc == ENOSPC || rc == EDQUOT || (rc == EIO && is_full(s->folder))) text = "the disk is full";
    if (rc == MDB_MAP_FULL) text = "the map is full: the file has reached its greatest size";
    return err_set(err, code, "checkpoint %s: %s: %s", s->folder, what, text);
}

/* ---- opening ---- */

static int try_open(struct store *s)
{
    unsigned flags = MDB_NOTLS | MDB_NOMEMINIT;
    if (s->is_read_only) flags |= MDB_RDONLY;
    int rc = mdb_env_create(&s->env);
    if (rc) {
        s->env = NULL;
        return rc;
    }
    rc = mdb_env_set_mapsize(s->env, s->map_bytes);
    if (!rc) rc = mdb_env_set_maxdbs(s->env, 3);
    if (!rc) rc = mdb_env_set_maxreaders(s->env, READERS_MAX);
    if (!rc) rc = mdb_env_open(s->env, s->folder, flags, FILE_MODE);
    if (rc) {
        mdb_env_close(s->env);
        s->env = NULL;
    }
    return rc;
}

/* LMDB does not tell where its map is, but a page in it knows its number: the main table's, which names the others. */
static int find_map(struct store *s)
{
    MDB_txn *txn = NULL;
    MDB_cursor *cursor;
    MDB_dbi main;
    MDB_stat stat;
    MDB_val k = {0}, v = {0};
    uint64_t number;
    int rc = mdb_txn_begin(s->env, NULL, MDB_RDONLY, &txn);
    if (rc) return rc;
    rc = mdb_dbi_open(txn, NULL, 0, &main);
    if (!rc) rc = mdb_stat(txn, main, &stat);
    if (!rc) rc = mdb_cursor_open(txn, main, &cursor);
    if (!rc) {
        rc = mdb_cursor_get(cursor, &k, &v, MDB_FIRST);
        mdb_cursor_close(cursor);
    }
    if (!rc) {
        char *page = (char *)((uintptr_t)k.mv_data & ~((uintptr_t)stat.ms_psize - 1));
        memcpy(&number, page, sizeof(number));
        s->map = page - number * stat.ms_psize;
    }
    mdb_txn_abort(txn);
    return rc;
}

static int open_tables(struct store *s)
{
    MDB_txn *txn = NULL;
    int rc = mdb_txn_begin(s->env, NULL, s->is_read_only ? MDB_RDONLY : 0, &txn);
    for (int i = 0; i < 3 && !rc; i++) {
        rc = mdb_dbi_open(txn, table_names[i], s->is_read_only ? 0 : MDB_CREATE, &s->tables[i]);
        if (rc) mdb_txn_abort(txn);
    }
    if (!rc) rc = mdb_txn_commit(txn);
    return rc ? rc : find_map(s);
}

oxq_err store_pages_walk(const struct store *s, MDB_txn *txn, struct pages_walk **out, struct oxq_error *err)
{
    const struct pages_long_tables tables = {.later = table_names[STORE_PARTS], .rows = table_names[STORE_KEYS]};
    return pages_walk_open(s->folder, mdb_txn_id(txn), &tables, out, err);
}

/* Looks at the pages of the state that a reader would see now: while it is reading, a writer lets them be. */
static int check_pages(struct store *s, bool are_some_left, oxq_err *out_e, struct oxq_error *err)
{
    MDB_txn *txn = NULL;
    struct pages_walk *walk = NULL;
    int rc = mdb_txn_begin(s->env, NULL, MDB_RDONLY, &txn);
    if (rc) return rc;
    *out_e = are_some_left ? store_pages_walk(s, txn, &walk, err) : pages_check(s->folder, mdb_txn_id(txn), NULL, err);
    pages_walk_close(walk);
    mdb_txn_abort(txn);
    return *out_e ? MDB_CORRUPTED : 0;
}

/* Makes the file in a folder of its own and moves it here when it is whole: the half of a head would pass for damage. */
static oxq_err make_file(const struct store *s, struct oxq_error *err)
{
    char path[PATH_MAX], folder[PATH_MAX], file[PATH_MAX + sizeof("/data.mdb")];
    MDB_env *env = NULL;
    if (snprintf(path, sizeof(path), "%s/data.mdb", s->folder) >= (int)sizeof(path) ||
        snprintf(folder, sizeof(folder), "%s/new", s->folder) >= (int)sizeof(folder))
        return err_set(err, OXQ_ERR_ARGUMENT, "the path %s is too long", s->folder);
    if (file_exists(path)) return OXQ_OK;
    snprintf(file, sizeof(file), "%s/data.mdb", folder);
    oxq_err e = file_make_folder(folder, err);
    if (!e && file_exists(file)) e = disk_remove(file, err);
    if (e) return e;
    int rc = mdb_env_create(&env);
    if (!rc) rc = mdb_env_set_mapsize(env, MAP_BYTES_MIN);
    if (!rc) rc = mdb_env_open(env, folder, MDB_NOLOCK | MDB_NOMEMINIT, FILE_MODE);
    if (!rc) rc = mdb_env_sync(env, 1);
    if (env) mdb_env_close(env);
    if (rc) return store_error(s, rc, "make it", err);
    e = disk_rename(file, path, err);
    /* One that stays behind does no harm. */
    (void)rmdir(folder);
    return e;
}

/* LMDB's lock file: a page at least for what all share, and the readers. */
#define LOCK_FILE_BYTES 8192

/*
 * LMDB makes its lock file without room on the disk and writes to it through a map, where a full disk is no error but the end of the
 * process (SIGBUS). Not while an environment is open here: closing a file gives up the locks that the process has on it.
 */
static oxq_err reserve_lock_file(const struct store *s, struct oxq_error *err)
{
    char path[PATH_MAX];
    uint64_t bytes = 0;
    OWNED(disk_close) struct disk_file f = DISK_CLOSED;
    if (snprintf(path, sizeof(path), "%s/lock.mdb", s->folder) >= (int)sizeof(path))
        return err_set(err, OXQ_ERR_ARGUMENT, "the path %s is too long", s->folder);
    oxq_err e = disk_open(path, DISK_CREATE, &f, err);
    if (e == OXQ_ERR_EXISTS) e = disk_open(path, DISK_WRITE, &f, err);
    if (!e) e = disk_size(&f, &bytes, err);
    return e ? e : disk_reserve(&f, bytes ? bytes : LOCK_FILE_BYTES, err);
}

oxq_err store_open(struct store *s, const struct store_opts *opts, struct oxq_error *err)
{
    *s = (struct store){.map_bytes = opts->map_bytes ? opts->map_bytes : MAP_BYTES_DEFAULT,
                        .is_read_only = opts->is_read_only};
    size_t folder_bytes = strlen(opts->folder) + 1;
    s->folder = mem_alloc(folder_bytes);
    memcpy(s->folder, opts->folder, folder_bytes);
    oxq_err e = s->is_read_only ? OXQ_OK : make_file(s, err);
    if (!e) e = pages_check_head(s->folder, err);
    if (!e && !s->is_read_only) e = reserve_lock_file(s, err);
    if (e) {
        store_close(s);
        return e;
    }
    int rc = try_open(s);
    while (rc == ENOMEM && s->map_bytes > MAP_BYTES_MIN) {
        s->map_bytes /= 2;
        rc = try_open(s);
    }
    if (!rc) {
        int dead;
        rc = mdb_reader_check(s->env, &dead);
    }
    if (!rc) rc = check_pages(s, opts->are_pages_left, &e, err);
    if (!rc) rc = open_tables(s);
    // LMDB syncs its file and never the file's name; the journal is cut on the strength of both
    if (!rc && !s->is_read_only) e = disk_sync_folder(s->folder, err);
    if (!rc && !e) return OXQ_OK;
    if (!e) e = store_error(s, rc, "open", err);
    store_close(s);
    return e;
}

static void close_env(struct store *s)
{
    if (s->env) mdb_env_close(s->env);
    s->env = NULL;
    s->map = NULL;
}

void store_reopen(struct store *s)
{
    close_env(s);
    s->open_rc = try_open(s);
    if (!s->open_rc) s->open_rc = open_tables(s);
    if (s->open_rc) close_env(s);
}

uint64_t store_newest_txn(const struct store *s)
{
    MDB_txn *txn = NULL;
    if (!s->env || mdb_txn_begin(s->env, NULL, MDB_RDONLY, &txn)) return 0;
    uint64_t id = mdb_txn_id(txn);
    mdb_txn_abort(txn);
    return id;
}

void store_forget_pages(const struct store *s)
{
    MDB_envinfo info;
    MDB_stat stat;
    if (!s->env || !s->map || mdb_env_info(s->env, &info) || mdb_env_stat(s->env, &stat)) return;
    /* In parts: each holds up who maps or unmaps memory meanwhile. */
    size_t bytes = (info.me_last_pgno + 1) * stat.ms_psize;
    for (size_t at = 0; at < bytes; at += FORGET_BYTES)
        (void)madvise(s->map + at, bytes - at < FORGET_BYTES ? bytes - at : FORGET_BYTES, MADV_DONTNEED);
}

void store_close(struct store *s)
{
    close_env(s);
    mem_free(s->folder);
    *s = (struct store){0};
}

/* ---- meta ---- */

static struct slice meta_key(void)
{
    return SLICE_LIT("state");
}

static MDB_val val_of(struct slice s)
{
    return (MDB_val){s.len, (void *)(uintptr_t)s.at};
}

static struct slice slice_of_val(MDB_val v)
{
    return slice_of(v.mv_data, v.mv_size);
}

/* version, seq, saved at, next number, transaction, numbers of databases: varints; CRC32C of them, 4 bytes. */
static size_t write_meta(char dst[META_MAX_BYTES], const struct store_meta *m)
{
    size_t len = varint_put(dst, STORE_VERSION);
    len += varint_put(dst + len, m->seq);
    len += varint_put(dst + len, varint_fold(m->saved_at_ms));
    len += varint_put(dst + len, m->next_number);
    len += varint_put(dst + len, m->txn_id);
    for (unsigned i = 0; i < STORE_DBS_COUNT; i++) len += varint_put(dst + len, m->db_numbers[i]);
    uint32_t crc = crc32c(0, slice_of(dst, len));
    for (int i = 0; i < 4; i++) dst[len++] = (char)(crc >> (8 * i));
    return len;
}

static bool parse_meta(struct slice bytes, struct store_meta *m)
{
    uint64_t version, saved_at, number = 0;
    struct slice rest = slice_of(bytes.at, bytes.len - 4);
    bool is_good = varint_take(&rest, &version) && varint_take(&rest, &m->seq) && varint_take(&rest, &saved_at) &&
                   varint_take(&rest, &m->next_number) && varint_take(&rest, &m->txn_id);
    for (unsigned i = 0; i < STORE_DBS_COUNT && is_good; i++) {
        is_good = varint_take(&rest, &number) && number <= UINT32_MAX;
        m->db_numbers[i] = (uint32_t)number;
    }
    if (is_good) m->saved_at_ms = varint_unfold(saved_at);
    return is_good && rest.len == 0;
}

static bool is_meta_whole(struct slice bytes)
{
    uint32_t crc = 0;
    if (bytes.len < 5) return false;
    for (size_t i = 0; i < 4; i++) crc |= (uint32_t)(uint8_t)bytes.at[bytes.len - 4 + i] << (8 * i);
    return crc == crc32c(0, slice_of(bytes.at, bytes.len - 4));
}

struct store_meta store_meta_empty(void)
{
    struct store_meta meta = {.next_number = STORE_DBS_COUNT};
    for (unsigned i = 0; i < STORE_DBS_COUNT; i++) meta.db_numbers[i] = i;
    return meta;
}

oxq_err store_read_meta(const struct store *s, MDB_txn *txn, struct store_meta *out, struct oxq_error *err)
{
    struct slice bytes;
    int rc;
    *out = store_meta_empty();
    if (!store_get(s, txn, STORE_META, meta_key(), &bytes, &rc)) {
        if (rc) return store_error(s, rc, "read its state", err);
        if (store_count(s, txn, STORE_KEYS) == 0) return OXQ_OK;
        return err_set(err, OXQ_ERR_FORMAT, "checkpoint %s: it has rows, but no state", s->folder);
    }
    if (!is_meta_whole(bytes)) return err_set(err, OXQ_ERR_FORMAT, "checkpoint %s: its state is damaged", s->folder);
    if ((uint8_t)bytes.at[0] > STORE_VERSION)
        return err_set(err, OXQ_ERR_NEWER,
                       "checkpoint %s: a newer version of oxq wrote it, in format %u; this one knows formats up to %u",
                       s->folder, (unsigned)(uint8_t)bytes.at[0], STORE_VERSION);
    if (parse_meta(bytes, out)) return OXQ_OK;
    return err_set(err, OXQ_ERR_FORMAT, "checkpoint %s: its state cannot be read", s->folder);
}

bool store_parse_meta(struct slice bytes, struct store_meta *out)
{
    return is_meta_whole(bytes) && (uint8_t)bytes.at[0] == STORE_VERSION && parse_meta(bytes, out);
}

bool store_get_meta(const struct store *s, MDB_txn *txn, struct slice *out)
{
    int rc;
    return store_get(s, txn, STORE_META, meta_key(), out, &rc);
}

/* ---- reading ---- */

bool store_get(const struct store *s, MDB_txn *txn, enum store_table table, struct slice key, struct slice *out,
               int *rc)
{
    MDB_val k = val_of(key), v;
    *rc = mdb_get(txn, s->tables[table], &k, &v);
    if (*rc == MDB_NOTFOUND)
        *rc = 0;
    else if (*rc == 0) {
        *out = slice_of_val(v);
        return true;
    }
    return false;
}

uint64_t store_count(const struct store *s, MDB_txn *txn, enum store_table table)
{
    MDB_stat stat;
    return mdb_stat(txn, s->tables[table], &stat) ? 0 : stat.ms_entries;
}

void store_walk_begin(struct store_walk *w, const struct store *s, MDB_txn *txn, enum store_table table,
                      struct slice prefix)
{
    *w = (struct store_walk){.prefix = prefix};
    w->rc = mdb_cursor_open(txn, s->tables[table], &w->cursor);
    if (w->rc) w->cursor = NULL;
}

bool store_walk_next(struct store_walk *w, struct slice *out_key, struct slice *out_bytes)
{
    if (w->rc || !w->cursor) return false;
    MDB_val k = val_of(w->prefix), v;
    MDB_cursor_op first = w->prefix.len ? MDB_SET_RANGE : MDB_FIRST;
    w->rc = mdb_cursor_get(w->cursor, &k, &v, w->is_started ? MDB_NEXT : first);
    w->is_started = true;
    if (w->rc == MDB_NOTFOUND) {
        w->rc = 0;
        return false;
    }
    if (w->rc) return false;
    *out_key = slice_of_val(k);
    *out_bytes = slice_of_val(v);
    return out_key->len >= w->prefix.len &&
           (w->prefix.len == 0 || memcmp(out_key->at, w->prefix.at, w->prefix.len) == 0);
}

void store_walk_delete(struct store_walk *w)
{
    if (!w->rc) w->rc = mdb_cursor_del(w->cursor, 0);
}

void store_walk_end(struct store_walk *w)
{
    if (w->cursor) mdb_cursor_close(w->cursor);
    w->cursor = NULL;
}

/* ---- writing ---- */

static void note_last(struct row_key *last, struct slice key)
{
    last->len = key.len;
    memcpy(last->at, key.at, key.len);
}

static void find_last(struct store_writer *w, enum store_table table)
{
    MDB_cursor *cursor;
    MDB_val k, v;
    if (!w->rc) w->rc = mdb_cursor_open(w->txn, w->store->tables[table], &cursor);
    if (w->rc) return;
    int rc = mdb_cursor_get(cursor, &k, &v, MDB_LAST);
    mdb_cursor_close(cursor);
    if (rc == 0) note_last(&w->last[table], slice_of_val(k));
    if (rc != MDB_NOTFOUND) w->rc = rc;
}

void store_writer_begin(struct store_writer *w, const struct store *s, uint64_t seq)
{
    *w = (struct store_writer){.store = s, .seq = seq, .scratch = {.limit_bytes = ROW_MAX_BYTES}};
    w->rc = s->env ? mdb_txn_begin(s->env, NULL, 0, &w->txn) : s->open_rc;
    if (w->rc) w->txn = NULL;
    find_last(w, STORE_KEYS);
    find_last(w, STORE_PARTS);
}

void store_writer_abort(struct store_writer *w)
{
    if (w->txn) mdb_txn_abort(w->txn);
    w->txn = NULL;
    buf_deinit(&w->scratch);
}

int store_writer_end(struct store_writer *w, struct store_meta *meta)
{
    char bytes[META_MAX_BYTES];
    if (!w->rc) {
        meta->txn_id = mdb_txn_id(w->txn);
        MDB_val k = val_of(meta_key()), v = {write_meta(bytes, meta), bytes};
        w->rc = mdb_put(w->txn, w->store->tables[STORE_META], &k, &v, 0);
    }
    if (!w->rc) {
        w->rc = mdb_txn_commit(w->txn);
        w->txn = NULL;
    }
    store_writer_abort(w);
    return w->rc;
}

static int put(struct store_writer *w, enum store_table table, struct slice key, struct row *row, unsigned flags)
{
    if (w->rc) return w->rc;
    w->scratch.len = 0;
    row->seq = w->seq;
    row_write(&w->scratch, key, row);
    struct row_key *last = &w->last[table];
    if (slice_compare(key, row_key_borrow(last)) > 0) {
        flags |= MDB_APPEND;
        note_last(last, key);
    }
    MDB_val k = val_of(key), v = {w->scratch.len, w->scratch.at};
    int rc = mdb_put(w->txn, w->store->tables[table], &k, &v, flags);
    if (rc == 0) {
        w->rows_count++;
        w->bytes_count += key.len + w->scratch.len;
    }
    return rc;
}

void store_put(struct store_writer *w, enum store_table table, struct slice key, struct row *row)
{
    w->rc = put(w, table, key, row, 0);
}

bool store_put_new(struct store_writer *w, enum store_table table, struct slice key, struct row *row)
{
    int rc = put(w, table, key, row, MDB_NOOVERWRITE);
    if (rc != MDB_KEYEXIST) w->rc = rc;
    return rc == 0;
}

bool store_delete(struct store_writer *w, enum store_table table, struct slice key)
{
    if (w->rc) return false;
    MDB_val k = val_of(key);
    int rc = mdb_del(w->txn, w->store->tables[table], &k, NULL);
    if (rc == MDB_NOTFOUND) return false;
    w->rc = rc;
    w->rows_count++;
    return rc == 0;
}

bool store_writer_get(struct store_writer *w, enum store_table table, struct slice key, struct row *out)
{
    struct slice bytes;
    if (w->rc || !store_get(w->store, w->txn, table, key, &bytes, &w->rc)) return false;
    if (row_read(key, bytes, out) && row_is_body_whole(out)) return true;
    w->rc = MDB_CORRUPTED;
    return false;
}

void store_delete_prefix(struct store_writer *w, enum store_table table, struct slice prefix)
{
    struct store_walk walk;
    struct slice key, bytes;
    if (w->rc) return;
    store_walk_begin(&walk, w->store, w->txn, table, prefix);
    while (store_walk_next(&walk, &key, &bytes)) {
        store_walk_delete(&walk);
        w->rows_count++;
    }
    w->rc = walk.rc;
    store_walk_end(&walk);
}

void store_delete_all(struct store_writer *w)
{
    for (int i = 0; i < 3 && !w->rc; i++) {
        w->rc = mdb_drop(w->txn, w->store->tables[i], 0);
        w->last[i].len = 0;
    }
}
