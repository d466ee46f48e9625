/* SPDX-License-Identifier: MIT */
/*
 * Who has to wait for the disk stands in `waiting` before he looks whether he has to. He is woken for one of two things:
 *
 *   his reply was released     by whoever has the turn: he takes it and goes, without the turn
 *   the journal has done more  and could not get the turn itself: he was taken out of `waiting`: he must enter the turn and commit, for all who wait, whatever became of his own reply
 *
 * So the journal's news are always somebody's: its own thread's, which enters the turn and commits, where that is free; else a guest's that it
 * found waiting; else the loop's.
 *
 * Locks: the turn, then v->lock, which guards lists and counts, for moments.
 */
#include "embed/visit.h"

#include "base/mem.h"
#include "resp/parser.h"

#include <stdio.h>

/* Room that a visitor keeps for the next reply. */
#define REPLY_KEPT_BYTES ((size_t)256 * 1024)

/* The journal's thread does not wait longer for the turn: others tell its news then. */
#define JOURNAL_WAIT_US ((int64_t)200)

enum { NOTICE_COMMIT = 1, NOTICE_RELEASED };

/* What the engine sees of a visit. It is used again for the next one. */
struct visitor {
    struct engine_client client; /* first: the engine's pointer to it is ours */
    struct link link;            /* in visits->free or ->waiting */
    struct notice notice;
    struct resp_parser parser;
};

struct visits {
    struct engine_guests guests; /* first: the engine's pointer to it is ours */
    struct turn *turn;
    struct server *server;
    struct engine *engine;
    int wake_fd;
    bool has_failed;  /* within the turn */
    struct spin spin; /* of waits for the disk */
    struct lock lock; /* of what follows; its condition tells that the last guest has gone */
    struct link free, waiting;
    size_t guests_count;
    bool is_over;
};

static void enter(struct visits *v)
{
    CHECK(turn_enter_as_guest(v->turn, INT64_MAX));
    server_begin_visit(v->server);
}

static void leave(struct visits *v)
{
    bool must_wake = server_end_visit(v->server);
    turn_leave(v->turn);
    if (must_wake) waker_wake(v->wake_fd);
}

static void commit(struct visits *v)
{
    if (!v->is_over) engine_commit(v->engine);
}

/* ---------------------------------------------------------------- the journal's news */

static bool wake_one(struct visits *v)
{
    const struct notice *asleep = NULL;
    lock_enter(&v->lock);
    bool is_there = !link_is_empty(&v->waiting);
    if (is_there) {
        struct visitor *first = LINK_OWNER(v->waiting.next, struct visitor, link);
        link_remove(&first->link);
        if (notice_put(&first->notice, NOTICE_COMMIT)) asleep = &first->notice;
    }
    lock_leave(&v->lock);
    if (asleep) notice_wake(asleep);
    return is_there;
}

/* The journal's thread commits itself, and so goes on with the next group at once: no other thread has to wake in between. */
static bool commit_here(struct visits *v, int64_t *again_us)
{
    if (!turn_enter_as_guest(v->turn, JOURNAL_WAIT_US)) return false;
    bool may_commit = !v->is_over && server_is_open_to_visits(v->server) && engine_may_commit_in_journal(v->engine);
    if (!may_commit) {
        turn_leave(v->turn);
        return false;
    }
    server_begin_visit(v->server);
    engine_commit(v->engine);
    if (again_us) *again_us = engine_take_commit_us(v->engine);
    leave(v);
    return true;
}

static bool on_news(struct engine_guests *guests, int64_t *again_us)
{
    struct visits *v = (struct visits *)guests;
    lock_enter(&v->lock);
    bool is_there = !link_is_empty(&v->waiting);
    lock_leave(&v->lock);
    return is_there && (commit_here(v, again_us) || wake_one(v));
}

static void on_failure(struct engine_guests *guests)
{
    struct visits *v = (struct visits *)guests;
    v->has_failed = true;
    waker_wake(v->wake_fd);
}

void visit_released(struct engine_client *client)
{
    struct visitor *guest = (struct visitor *)client;
    const struct notice *notice = &guest->notice;
    if (notice_put(&guest->notice, NOTICE_RELEASED)) notice_wake(notice);
}

/* ---------------------------------------------------------------- life */

struct visits *visits_new(struct turn *turn, struct server *server, int wake_fd)
{
    struct visits *v = mem_alloc_zero(sizeof(*v));
    v->guests.on_news = on_news;
    v->guests.on_failure = on_failure;
    v->turn = turn;
    v->server = server;
    v->wake_fd = wake_fd;
    lock_init(&v->lock);
    link_init(&v->free);
    link_init(&v->waiting);
    return v;
}

struct engine_guests *visits_guests(struct visits *v)
{
    return &v->guests;
}

bool visits_have_failed(const struct visits *v)
{
    return v->has_failed;
}

void visits_open(struct visits *v, struct engine *engine)
{
    v->engine = engine;
}

static void free_visitor(struct visitor *me)
{
    engine_client_close(&me->client);
    resp_parser_deinit(&me->parser);
    mem_free(me);
}

void visits_free(struct visits *v)
{
    if (!v) return;
    CHECK(v->guests_count == 0);
    while (!link_is_empty(&v->free)) {
        struct visitor *me = LINK_OWNER(v->free.next, struct visitor, link);
        link_remove(&me->link);
        free_visitor(me);
    }
    lock_deinit(&v->lock);
    mem_free(v);
}

void visits_end(struct visits *v)
{
    turn_enter(v->turn);
    v->is_over = true;
    engine_settle(v->engine);
    turn_leave(v->turn);
    while (wake_one(v)) continue;
    lock_enter(&v->lock);
    while (v->guests_count > 0) (void)lock_wait(&v->lock, INT64_MAX);
    lock_leave(&v->lock);
}

/* ---------------------------------------------------------------- visitors */

static struct visitor *take_free(struct visits *v)
{
    struct visitor *me = NULL;
    lock_enter(&v->lock);
    v->guests_count++;
    if (!link_is_empty(&v->free)) {
        me = LINK_OWNER(v->free.prev, struct visitor, link); /* the last one's memory is in the cache */
        link_remove(&me->link);
    }
    lock_leave(&v->lock);
    return me;
}

static struct visitor *new_visitor(struct visits *v)
{
    struct visitor *me = mem_alloc_zero(sizeof(*me));
    me->client.kind = ENGINE_CLIENT_EMBEDDED;
    me->client.fd = -1;
    snprintf(me->client.addr, sizeof(me->client.addr), "in-process");
    engine_client_open(v->engine, &me->client);
    me->client.flags |= ENGINE_CLIENT_TRUSTED;
    return me;
}

/* Within the turn: it may have been killed, or grown. */
static struct visitor *take_visitor(struct visits *v)
{
    struct visitor *me = take_free(v);
    if (me && me->client.state != ENGINE_CLIENT_READY) {
        free_visitor(me);
        me = NULL;
    }
    if (!me) return new_visitor(v);
    if (me->client.out.cap > REPLY_KEPT_BYTES) buf_deinit(&me->client.out);
    return me;
}

/* The guest goes. */
static void give_back(struct visits *v, struct visitor *me)
{
    lock_enter(&v->lock);
    link_push_tail(&v->free, &me->link);
    if (--v->guests_count == 0) lock_notify(&v->lock);
    lock_leave(&v->lock);
}

/* Nobody takes its reply any more. Within the turn. */
static void give_up(struct visits *v, struct visitor *me)
{
    free_visitor(me);
    lock_enter(&v->lock);
    if (--v->guests_count == 0) lock_notify(&v->lock);
    lock_leave(&v->lock);
}

/* ---------------------------------------------------------------- a visit */

static bool execute(struct visitor *me, struct slice request)
{
    static const struct resp_limits limits = {.bulk_bytes = ENGINE_ARGUMENT_MAX_BYTES, .is_authenticated = true};
    /* Only an inline command is changed where it stands, and this is none. */
    enum resp_parsed parsed = resp_parser_next(&me->parser, (char *)request.at, request.len, &limits);
    bool is_whole = parsed == RESP_REQUEST && me->parser.used_bytes == request.len;
    bool is_run = is_whole && engine_execute_native(&me->client, me->parser.argv, me->parser.argc);
    resp_parser_trim(&me->parser);
    return is_run;
}

static void stand_by(struct visits *v, struct visitor *me)
{
    notice_clear(&me->notice);
    lock_enter(&v->lock);
    link_push_tail(&v->waiting, &me->link);
    lock_leave(&v->lock);
}

/* True: it was still waiting, and so the journal's news are not its to tell. */
static bool stand_down(struct visits *v, struct visitor *me)
{
    lock_enter(&v->lock);
    bool was_waiting = link_is_linked(&me->link);
    link_remove(&me->link);
    lock_leave(&v->lock);
    return was_waiting;
}

static bool is_released(const struct visitor *me)
{
    return me->client.out.len > 0 && me->client.released_bytes == me->client.out.len;
}

/* Asleep, outside of the turn. True: the reply is there, and nothing else is to be done. False: he is in the turn again. */
static bool sleep_outside(struct visits *v, struct visitor *me, int64_t until_us, bool *is_late)
{
    /* His own request may be what waits for others: then he is the one to let it go without them. */
    int64_t commit_us = engine_take_commit_us(v->engine);
    leave(v);
    bool is_told = notice_wait(&me->notice, &v->spin, commit_us < until_us ? commit_us : until_us) != 0;
    *is_late = !is_told && until_us <= commit_us;
    if (stand_down(v, me) && is_told && is_released(me)) return true;
    enter(v);
    return false;
}

/* Begins within the turn and ends outside. False: it is too late, and the visitor is gone. */
static bool wait_for_disk(struct visits *v, struct visitor *me, int64_t until_us)
{
    bool is_late = false;
    for (;;) {
        stand_by(v, me);
        commit(v);
        if (is_released(me) || is_late || v->is_over) break;
        if (sleep_outside(v, me, until_us, &is_late)) return true;
    }
    bool is_there = is_released(me);
    /* The journal has told it something since it looked. */
    if (!stand_down(v, me)) commit(v);
    if (!is_there) give_up(v, me);
    leave(v);
    return is_there;
}

static oxq_err take_reply(struct visits *v, struct visitor *me, struct buf *out)
{
    oxq_err e = buf_append(out, buf_borrow(&me->client.out));
    me->client.out.len = 0;
    me->client.released_bytes = 0;
    give_back(v, me);
    return e;
}

oxq_err visit_run(struct visits *v, struct slice request, struct buf *out, int64_t until_us, struct oxq_error *err)
{
    if (v->is_over || !server_is_open_to_visits(v->server)) {
        turn_leave(v->turn);
        return OXQ_ERR_AGAIN;
    }
    server_begin_visit(v->server);
    struct visitor *me = take_visitor(v);
    if (!execute(me, request)) {
        leave(v);
        give_back(v, me);
        return OXQ_ERR_AGAIN;
    }
    if (wait_for_disk(v, me, until_us)) return take_reply(v, me, out);
    return err_set(err, OXQ_ERR_UNCERTAIN, "the disk has not taken it in time: it is not known whether it was done");
}
