/* SPDX-License-Identifier: MIT */
/*
 * The folders that this process has open, and those of them that it hosts.
 *
 *              embed_locate, nobody has the lock           the last embed_close
 *   ELSEWHERE ----------------------------------> HOSTED ------------------------> gone
 *       ^                                            |
 *       '--------------- ENDED <---------------------'  SHUTDOWN, the journal failed, or the data could not be loaded
 *         next embed_locate
 *
 * The lock of the folder is the truth about who hosts it: there is no agreement between processes beside it. A process that
 * lost its host asks for the lock at each attempt to connect; one gets it, the others find its socket at their next.
 *
 * A daemon whose journal failed goes on with what can be read, until somebody starts it again. Nobody knows which process hosts a folder, so
 * here the host ends, and whoever needs the folder next, this process or another, opens it with what is on the disk. Where its files were
 * moved or removed the host goes on too: it may be the last that can read them.
 *
 * A child of fork without exec has none of the threads: what it inherited is closed in it at once, so that the folder is free when the
 * parent ends, and it finds the parent by the socket as any other process does.
 */
#include "embed/embed.h"

#include "base/link.h"
#include "base/mem.h"
#include "base/num.h"
#include "client/url.h"
#include "embed/host.h"
#include "os/file.h"
#include "os/log.h"
#include "os/process.h"
#include "os/thread.h"

#include <errno.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

struct embed {
    struct link link;   /* in folders */
    size_t users_count; /* embed_open less embed_close */
    char *dir;          /* owned: absolute, without links */
    struct config config;
    struct embed_host *host; /* owned; NULL: another process hosts it, or nobody */
    struct thread thread;    /* runs it */
    struct turn turn;        /* of its loop and those who visit it */
    /* The host while it may be visited: changed within the turn, and looked at before it too. */
    struct embed_host *_Atomic visited;
    atomic_bool has_ended;    /* the thread is done */
    struct oxq_error failure; /* why the data could not be loaded, not yet told; code OK: it could */
};

static struct lock folders_lock = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER};
static struct link folders = {&folders, &folders};

/* ---------------------------------------------------------------- the host's thread */

static void on_loaded(void *ctx, const struct oxq_error *err)
{
    struct embed *e = ctx;
    if (!err) return;
    e->failure = *err;
    embed_host_stop(e->host);
}

/* What the host says of itself - where it listens, what it saved - is not what a worker's log is read for; what goes wrong is. */
static void run(void *ctx)
{
    struct embed *e = ctx;
    log_limit_thread(LOG_WARNING);
    (void)num_enter_plain();
    atomic_store(&e->visited, e->host);
    embed_host_run(e->host);
    turn_enter(&e->turn);
    atomic_store(&e->visited, NULL);
    turn_leave(&e->turn);
    atomic_store(&e->has_ended, true);
}

static void end_host(struct embed *e)
{
    if (!e->host) return;
    embed_host_stop(e->host);
    thread_join(&e->thread);
    embed_host_free(e->host);
    e->host = NULL;
}

static oxq_err start_host(struct embed *e, struct oxq_error *err)
{
    enum embed_host_step step;
    struct embed_host_opts opts = {.config = &e->config, .loaded = on_loaded, .ctx = e, .turn = &e->turn};
    log_limit_thread(LOG_WARNING);
    /* Once more: a program that became a daemon after it opened the store may have closed them. */
    process_take_standard();
    oxq_err code = embed_host_open(&opts, &e->host, &step, err);
    log_limit_thread(LOG_DEBUG);
    if (code) return code;
    atomic_store(&e->has_ended, false);
    code = thread_start(&e->thread, "oxq-host", run, e, err);
    if (code) {
        embed_host_free(e->host);
        e->host = NULL;
    }
    return code;
}

/* ---------------------------------------------------------------- fork */

static void before_fork(void)
{
    lock_enter(&folders_lock);
}

static void after_fork_in_parent(void)
{
    lock_leave(&folders_lock);
}

static void after_fork_in_child(void)
{
    for (struct link *link = folders.next; link != &folders; link = link->next) {
        struct embed *e = LINK_OWNER(link, struct embed, link);
        if (e->host) embed_host_forget(e->host);
        e->host = NULL;
        /* Whoever had it is not here. */
        atomic_store(&e->visited, NULL);
        turn_init(&e->turn);
    }
    lock_leave(&folders_lock);
}

static void watch_forks(void)
{
    pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child);
}

/* ---------------------------------------------------------------- open and close */

/* The parameters of a host that a URL may set. */
static bool is_setting(struct slice name)
{
    static const char *const names[] = {"durability",          "memory-target",           "maxmemory",
                                        "checkpoint-interval", "checkpoint-journal-size", "journal-segment-size"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (slice_equal(name, slice_from_text(names[i]))) return true;
    }
    return false;
}

static oxq_err apply_setting(struct config *c, struct slice text, struct oxq_error *err)
{
    const char *equals = memchr(text.at, '=', text.len);
    struct slice name = slice_of(text.at, equals ? (size_t)(equals - text.at) : text.len);
    if (!equals || !is_setting(name))
        return err_set(err, OXQ_ERR_ARGUMENT,
                       "file: URL: '%.*s' is no setting of a folder: durability=, memory-target=, maxmemory=, "
                       "checkpoint-interval=, checkpoint-journal-size= and journal-segment-size= are",
                       (int)text.len, text.at);
    struct oxq_error why;
    struct slice value = slice_of(equals + 1, text.len - name.len - 1);
    if (config_set(c, name, value, CONFIG_FLAG, &why) == OXQ_OK) return OXQ_OK;
    return err_set(err, OXQ_ERR_ARGUMENT, "file: URL: %.*s: %s", (int)text.len, text.at, why.text);
}

static oxq_err apply_settings(struct config *c, const char *query, struct oxq_error *err)
{
    /* Nobody may connect but by the socket in the folder. */
    oxq_err e = config_set(c, SLICE_LIT("port"), SLICE_LIT("0"), CONFIG_FLAG, err);
    while (!e && *query) {
        size_t len = strcspn(query, "&");
        e = apply_setting(c, slice_of(query, len), err);
        query += len + (query[len] == '&');
    }
    if (!e && config_is_in_memory(c))
        e = err_set(err, OXQ_ERR_ARGUMENT,
                    "file: URL: durability=none keeps nothing in the folder: always, "
                    "interval:<ms> and off do");
    return e;
}

/* The folder with a name that is one for all processes and working directories. */
static oxq_err resolve(const char *path, char out[PATH_MAX], struct oxq_error *err)
{
    oxq_err e = file_make_folder(path, err);
    if (e) return e;
    if (!realpath(path, out)) return err_set(err, OXQ_ERR_IO, "the folder %s: %s", path, strerror(errno));
    return OXQ_OK;
}

static struct embed *find(const char *dir)
{
    for (struct link *link = folders.next; link != &folders; link = link->next) {
        struct embed *e = LINK_OWNER(link, struct embed, link);
        if (strcmp(e->dir, dir) == 0) return e;
    }
    return NULL;
}

static void free_folder(struct embed *e)
{
    config_deinit(&e->config);
    turn_deinit(&e->turn);
    mem_free(e->dir);
    mem_free(e);
}

static oxq_err add_folder(const char *dir, const char *query, struct embed **out, struct oxq_error *err)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, watch_forks);
    struct embed *e = mem_alloc_zero(sizeof(*e));
    size_t bytes = strlen(dir) + 1;
    e->dir = memcpy(mem_alloc(bytes), dir, bytes);
    config_init(&e->config);
    turn_init(&e->turn);
    oxq_err code = config_set(&e->config, SLICE_LIT("dir"), slice_from_text(dir), CONFIG_FLAG, err);
    if (!code) code = apply_settings(&e->config, query, err);
    if (code) {
        free_folder(e);
        return code;
    }
    link_push_tail(&folders, &e->link);
    *out = e;
    return OXQ_OK;
}

oxq_err embed_open(const char *url, struct embed **out, struct oxq_error *err)
{
    static const char scheme[] = "file:";
    if (strncasecmp(url, scheme, strlen(scheme)) != 0)
        return err_set(err, OXQ_ERR_ARGUMENT, "'%s' is no file: URL, such as file:./data", url);
    const char *path = url + strlen(scheme);
    if (strncmp(path, "//", 2) == 0) path += 2;
    size_t len = strcspn(path, "?");
    char given[PATH_MAX], dir[PATH_MAX];
    if (len == 0) return err_set(err, OXQ_ERR_ARGUMENT, "a file: URL names a folder, such as file:./data");
    if (len >= sizeof(given)) return err_set(err, OXQ_ERR_ARGUMENT, "the path of a file: URL is too long");
    memcpy(given, path, len);
    given[len] = '\0';
    if (!client_url_decode(given))
        return err_set(err, OXQ_ERR_ARGUMENT,
                       "the path of a file: URL has a %% that is not followed by two hex digits: write %%25");
    oxq_err code = resolve(given, dir, err);
    if (code) return code;
    lock_enter(&folders_lock);
    struct embed *e = find(dir);
    if (!e) code = add_folder(dir, path[len] ? path + len + 1 : path + len, &e, err);
    if (!code) {
        e->users_count++;
        *out = e;
    }
    lock_leave(&folders_lock);
    return code;
}

void embed_close(struct embed *e)
{
    if (!e) return;
    lock_enter(&folders_lock);
    if (--e->users_count == 0) {
        /* Whoever opens the folder meanwhile waits here, and finds its lock free. */
        end_host(e);
        link_remove(&e->link);
        free_folder(e);
    }
    lock_leave(&folders_lock);
}

/* ---------------------------------------------------------------- where it is served */

static oxq_err locate(struct embed *e, struct oxq_error *err)
{
    if (e->host && !atomic_load(&e->has_ended)) return OXQ_OK;
    end_host(e);
    oxq_err code = e->failure.code;
    e->failure.code = OXQ_OK;
    /* Told once: it may be mended, or another process may have the folder, when it is asked for again. */
    if (code) return err_set(err, code, "%s: %s", e->dir, e->failure.text);
    code = start_host(e, err);
    return code == OXQ_ERR_EXISTS ? OXQ_OK : code;
}

oxq_err embed_locate(void *ctx, int64_t until_us, struct client_address *out, struct oxq_error *err)
{
    (void)until_us;
    struct embed *e = ctx;
    lock_enter(&folders_lock);
    oxq_err code = locate(e, err);
    lock_leave(&folders_lock);
    if (code) return code;
    *out = (struct client_address){.port = 0};
    int len = snprintf(out->unix_path, sizeof(out->unix_path), "%s/%s", e->dir, EMBED_HOST_SOCKET);
    if ((size_t)len < sizeof(out->unix_path)) return OXQ_OK;
    return err_set(err, OXQ_ERR_LIMIT, "the path of the folder %s is too long", e->dir);
}

/* ---------------------------------------------------------------- visits */

/* For the turn, at most: a late script may have it for long, and then the request is better sent. */
#define TURN_WAIT_US ((int64_t)20 * 1000)

oxq_err embed_visit(void *ctx, struct slice request, struct buf *out, int64_t until_us, struct oxq_error *err)
{
    struct embed *e = ctx;
    if (!atomic_load(&e->visited) || !turn_enter_as_guest(&e->turn, TURN_WAIT_US)) return OXQ_ERR_AGAIN;
    struct embed_host *h = atomic_load(&e->visited);
    if (!h) {
        turn_leave(&e->turn);
        return OXQ_ERR_AGAIN;
    }
    /* The engine works here, in a thread of the program's. */
    locale_t before = num_enter_plain();
    oxq_err code = embed_host_visit(h, request, out, until_us, err);
    num_leave_plain(before);
    return code;
}
