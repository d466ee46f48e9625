/* SPDX-License-Identifier: MIT */
/*
 * LMDB copies its file through a pipe, from a snapshot that a writer leaves alone; we take what comes out, at the speed
 * that was asked for. It waits for a transaction that is being written to end, and holds the next one up for as long as two
 * pages take. The copy has the file's pages one by one, free ones too, so that it passes the same checks.
 */
#include "checkpoint/checkpoint.h"
#include "checkpoint/store.h"

#include "base/mem.h"
#include "os/clock.h"
#include "os/thread.h"

#include <errno.h>
#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#define CHUNK_BYTES ((size_t)256 << 10)

struct copying {
    const struct store *store;
    int to_fd; /* the pipe's end that LMDB writes to */
    int rc;
};

static void run_copy(void *ctx)
{
    struct copying *c = ctx;
    c->rc = mdb_env_copyfd2(c->store->env, c->to_fd, 0);
    close(c->to_fd);
}

static oxq_err write_all(int fd, const char *at, size_t len, const char *path, struct oxq_error *err)
{
    while (len > 0) {
        ssize_t n = write(fd, at, len);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return err_set(err, OXQ_ERR_IO, "write %s: %s", path, strerror(errno));
        at += n;
        len -= (size_t)n;
    }
    return OXQ_OK;
}

/* Waits until so many bytes may have gone. */
static void keep_pace(int64_t started_us, uint64_t done_bytes, uint64_t bytes_per_second)
{
    if (bytes_per_second == 0) return;
    int64_t due_us = started_us + (int64_t)((double)done_bytes / (double)bytes_per_second * 1e6);
    int64_t wait_us = due_us - clock_mono_us(os_clock());
    if (wait_us <= 0) return;
    struct timespec wait = {wait_us / 1000000, wait_us % 1000000 * 1000};
    while (nanosleep(&wait, &wait) < 0 && errno == EINTR) continue;
}

static oxq_err move_bytes(int from_fd, int to_fd, const char *path, const struct checkpoint_backup_opts *opts,
                          uint64_t all_bytes, struct oxq_error *err)
{
    char *chunk = mem_alloc(CHUNK_BYTES);
    int64_t started_us = 0;
    uint64_t done_bytes = 0;
    oxq_err e = OXQ_OK;
    while (!e) {
        ssize_t n = read(from_fd, chunk, CHUNK_BYTES);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) e = err_set(err, OXQ_ERR_IO, "copy to %s: %s", path, strerror(errno));
        if (n <= 0) break;
        /* Not before: it may have waited for a transaction to end. */
        if (started_us == 0) started_us = clock_mono_us(os_clock());
        e = write_all(to_fd, chunk, (size_t)n, path, err);
        done_bytes += (uint64_t)n;
        if (!e && opts->on_progress && !opts->on_progress(opts->ctx, done_bytes, all_bytes))
            e = err_set(err, OXQ_ERR_CLOSED, "the backup to %s was ended", path);
        if (!e) keep_pace(started_us, done_bytes, opts->bytes_per_second);
    }
    mem_free(chunk);
    if (!e && fsync(to_fd) < 0) e = err_set(err, OXQ_ERR_IO, "sync %s: %s", path, strerror(errno));
    return e;
}

static uint64_t used_bytes(const struct store *s)
{
    MDB_envinfo info;
    MDB_stat stat;
    if (mdb_env_info(s->env, &info) || mdb_env_stat(s->env, &stat)) return 0;
    return (uint64_t)(info.me_last_pgno + 1) * stat.ms_psize;
}

static oxq_err copy_store(const struct store *s, int to_fd, const char *path, const struct checkpoint_backup_opts *opts,
                          struct oxq_error *err)
{
    int fds[2];
    struct thread thread = {0};
    if (pipe2(fds, O_CLOEXEC) < 0) return err_set(err, OXQ_ERR_IO, "pipe: %s", strerror(errno));
    struct copying copying = {.store = s, .to_fd = fds[1]};
    oxq_err e = thread_start(&thread, "oxq-backup", run_copy, &copying, err);
    if (e) close(fds[1]);
    if (!e) e = move_bytes(fds[0], to_fd, path, opts, used_bytes(s), err);
    close(fds[0]); /* a copy that still runs ends with EPIPE */
    thread_join(&thread);
    if (!e && copying.rc) e = store_error(s, copying.rc, "copy", err);
    return e;
}

/* What the copy holds, from the copy itself. */
static oxq_err read_seq(const char *path, uint64_t *out_seq, struct oxq_error *err)
{
    MDB_env *env;
    MDB_txn *txn = NULL;
    struct store s = {.folder = (char *)(uintptr_t)path};
    struct store_meta meta = {0};
    int rc = mdb_env_create(&env);
    if (rc) return store_error(&s, rc, "open", err);
    rc = mdb_env_set_maxdbs(env, 3);
    if (!rc) rc = mdb_env_open(env, path, MDB_NOSUBDIR | MDB_RDONLY | MDB_NOLOCK, 0600);
    if (!rc) rc = mdb_txn_begin(env, NULL, MDB_RDONLY, &txn);
    if (!rc) rc = mdb_dbi_open(txn, "meta", 0, &s.tables[STORE_META]);
    if (!rc) rc = mdb_dbi_open(txn, "keys", 0, &s.tables[STORE_KEYS]);
    oxq_err e = rc ? store_error(&s, rc, "open", err) : store_read_meta(&s, txn, &meta, err);
    if (!e) *out_seq = meta.seq;
    if (txn) mdb_txn_abort(txn);
    mdb_env_close(env);
    return e;
}

oxq_err checkpoint_backup(const char *folder, const char *target_path, const struct checkpoint_backup_opts *opts,
                          uint64_t *out_seq, struct oxq_error *err)
{
    struct store s;
    int fd = open(target_path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) {
        oxq_err code = errno == EEXIST ? OXQ_ERR_EXISTS : errno == EACCES ? OXQ_ERR_PERMISSION : OXQ_ERR_IO;
        return err_set(err, code, "%s: %s", target_path, strerror(errno));
    }
    oxq_err e = store_open(&s, &(struct store_opts){.folder = folder, .is_read_only = true}, err);
    if (!e) {
        e = copy_store(&s, fd, target_path, opts, err);
        store_close(&s);
    }
    close(fd);
    if (!e) e = read_seq(target_path, out_seq, err);
    if (e) unlink(target_path);
    return e;
}
