/* SPDX-License-Identifier: MIT */
/*
 * The lock comes first: only who has the folder may touch the socket in it. The sockets come last, before anything is loaded, so
 * that whoever connects waits for an answer instead of being refused.
 */
#include "embed/host.h"
#include "embed/visit.h"

#include "base/mem.h"
#include "base/siphash.h"
#include "engine/engine.h"
#include "os/clock.h"
#include "os/file.h"
#include "os/random.h"
#include "os/thread.h"
#include "server/server.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define RUN_ID_DIGITS 40

struct embed_host {
    struct config *config; /* borrowed */
    struct server *server; /* owned */
    struct engine *engine; /* owned */
    int stop_fd;           /* owned: readable when it shall stop */
    struct turn *turn;     /* borrowed; NULL: nobody visits */
    struct visits *visits; /* owned, or NULL */
    int visit_fd;          /* owned: wakes the loop after a visit */
};

/* Maps of this process depend on it: set once, before the first. */
static void seed_hashes(void)
{
    uint8_t secret[16];
    random_fill(secret, sizeof(secret));
    siphash_seed(secret);
}

static void on_store_woken(void *ctx)
{
    engine_woken(((struct embed_host *)ctx)->engine);
}

static void on_visited(void *ctx)
{
    struct embed_host *h = ctx;
    waker_clear(h->visit_fd);
    if (visits_have_failed(h->visits)) server_stop(h->server);
}

static void on_stop(void *ctx)
{
    server_stop(((struct embed_host *)ctx)->server);
}

static oxq_err open_engine(struct embed_host *h, struct oxq_error *err)
{
    char run_id[RUN_ID_DIGITS + 1];
    uint64_t seed;
    random_hex(run_id, RUN_ID_DIGITS);
    random_fill(&seed, sizeof(seed));
    struct engine_opts opts = {
        .clock = os_clock(), .seed = seed, .config = h->config, .host = server_host(h->server), .run_id = run_id};
    if (h->visits) opts.guests = visits_guests(h->visits);
    oxq_err e = engine_new(&opts, &h->engine, err);
    if (e || config_is_in_memory(h->config)) return e;
    e = engine_open_data(h->engine, err);
    if (!e) server_watch(h->server, engine_wake_fd(h->engine), on_store_woken, h);
    return e;
}

static oxq_err listen_all(struct embed_host *h, struct oxq_error *err)
{
    if (config_is_in_memory(h->config)) return server_listen(h->server, NULL, err);
    size_t cap = strlen(h->config->dir) + sizeof("/" EMBED_HOST_SOCKET);
    char *socket = mem_alloc(cap);
    snprintf(socket, cap, "%s/%s", h->config->dir, EMBED_HOST_SOCKET);
    oxq_err e = server_listen(h->server, socket, err);
    mem_free(socket);
    return e;
}

static oxq_err open_all(struct embed_host *h, const struct embed_host_opts *opts, enum embed_host_step *step,
                        struct oxq_error *err)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, seed_hashes);
    *step = EMBED_HOST_FOLDER;
    oxq_err e = file_make_folder(h->config->dir, err);
    if (e) return e;
    *step = EMBED_HOST_DATA;
    struct server_opts server_opts = {
        .config = h->config, .clock = os_clock(), .abandon = opts->abandon, .loaded = opts->loaded, .ctx = opts->ctx};
    server_opts.turn = h->turn;
    if (h->turn) server_opts.release_guest = visit_released;
    e = waker_open(&h->stop_fd, err);
    if (!e && h->turn) e = waker_open(&h->visit_fd, err);
    if (!e) e = server_new(&server_opts, &h->server, err);
    if (!e && h->turn) h->visits = visits_new(h->turn, h->server, h->visit_fd);
    if (!e) e = open_engine(h, err);
    if (e) return e;
    if (h->visits) visits_open(h->visits, h->engine);
    server_watch(h->server, h->stop_fd, on_stop, h);
    if (h->visits) server_watch(h->server, h->visit_fd, on_visited, h);
    *step = EMBED_HOST_LISTEN;
    return listen_all(h, err);
}

oxq_err embed_host_open(const struct embed_host_opts *opts, struct embed_host **out, enum embed_host_step *out_step,
                        struct oxq_error *err)
{
    struct embed_host *h = mem_alloc_zero(sizeof(*h));
    h->config = opts->config;
    h->stop_fd = h->visit_fd = -1;
    h->turn = opts->turn;
    oxq_err e = open_all(h, opts, out_step, err);
    if (e) {
        embed_host_free(h);
        return e;
    }
    *out = h;
    return OXQ_OK;
}

void embed_host_free(struct embed_host *h)
{
    if (!h) return;
    visits_free(h->visits);
    engine_free(h->engine);
    server_free(h->server);
    if (h->stop_fd >= 0) close(h->stop_fd);
    if (h->visit_fd >= 0) close(h->visit_fd);
    mem_free(h);
}

bool embed_host_run(struct embed_host *h)
{
    server_run(h->server, h->engine);
    if (h->visits) visits_end(h->visits);
    engine_stop(h->engine);
    return !engine_has_failed(h->engine);
}

oxq_err embed_host_visit(struct embed_host *h, struct slice request, struct buf *out, int64_t until_us,
                         struct oxq_error *err)
{
    return visit_run(h->visits, request, out, until_us, err);
}

void embed_host_stop(struct embed_host *h)
{
    waker_wake(h->stop_fd);
}

void embed_host_watch(struct embed_host *h, int fd, void (*fn)(void *ctx), void *ctx)
{
    server_watch(h->server, fd, fn, ctx);
}

int embed_host_port(const struct embed_host *h)
{
    return server_port(h->server);
}

bool embed_host_is_busy(const struct embed_host *h)
{
    return engine_is_busy(h->engine);
}

void embed_host_forget(struct embed_host *h)
{
    engine_forget_data(h->engine);
    server_forget(h->server);
}

void embed_host_abandon(struct embed_host *h)
{
    server_abandon(h->server);
}
