/* SPDX-License-Identifier: MIT */
/*
 * Many threads, one connection, no thread of its own.
 *
 * Commands are appended to `out` under the lock, and each call takes its place in `queue`, which has the order of the replies. Two
 * roles can be held, by one thread each, or both by the same; work goes on outside the lock:
 *
 *   writer   takes what is in `out` and sends it, again and again until there is nothing left: what others append while it is in
 *            the system call leaves with the next one.
 *   reader   waits for bytes, finds the ends of replies and hands each to the call at the head of the queue, until its own
 *            is complete. Then it wakes one of those who sleep to read in its place.
 *
 * A thread alone thus makes one write and one read for a call, and meets nobody. Of many, most only append, sleep once and find their
 * reply. Who sleeps does so on a notice of its own, is woken only when its call is done (DONE) or to take a role (LOOK), and when
 * it is done takes no lock to go on.
 *
 *      pipeline_start ──> append ──> writer? ──> pipeline_finish ──> done?  ──> return, pass_on to another
 *                                                   ^               reader?  ──> lead until done
 *                                                   └──── LOOK ──── sleep    ──> DONE ──> return
 *
 * A writer that cannot go on because the server takes nothing must see to it that somebody reads: the server may wait for that. It
 * reads itself when nobody does.
 *
 * When anything goes wrong with the connection, it is broken for all: every call in the queue ends, with UNREACHABLE when the system
 * had taken none of its bytes, else with UNCERTAIN. The link itself goes when both roles have been left.
 * A call whose time is over leaves its place in the queue behind, so that its replies, when they come, are nobody's. When a reply is owed for
 * long, and nothing else comes either, who waits for one, or the next call, breaks the connection: its server has stopped, and by now may be
 * elsewhere, or the way to it is lost, and another is open.
 *
 *      DISCONNECTED ──connect_now──> CONNECTING ──connect_now──> CONNECTED ──break_link──> BROKEN ──settle──> DISCONNECTED
 *                                        └── on failure, back, and not before retry_at_us again
 *
 * Invariants: 1 a call is in the queue exactly while it is WAITING. 2 only one who is WAITING is parked. 3 handed_bytes <= appended_bytes,
 * and all bytes before handed_bytes may have reached the server. 4 input and scan are the reader's.
 */
#include "client/pipeline.h"

#include "base/mem.h"
#include "client/refusal.h"
#include "os/clock.h"
#include "resp/request.h"

#define READ_BYTES ((size_t)64 * 1024)
/* What may wait to be sent: beyond that a server which takes nothing must not make us swallow more. */
#define UNSENT_BYTES_MAX ((size_t)1024 * 1024 * 1024)
/* Replies of which one pass finds the ends before it takes the lock. */
#define ENDS_MAX 256
/* Sleepers that are woken together, after the lock was left. */
#define WAKES_MAX 64
/* A longer reply that comes alone changes hands with its buffer. */
#define SWAP_BYTES_MIN ((size_t)64 * 1024)
/* A writer without room looks this often whether it has to read. */
#define ROOM_TICK_MS 10
/* After this long without a reply we look whether the server has closed the connection before we send on it. */
#define IDLE_US 100000
#define QUEUE_PLACES_FIRST 64

enum { NOTICE_LOOK = 1, NOTICE_DONE };

enum pipeline_state { PIPELINE_DISCONNECTED, PIPELINE_CONNECTING, PIPELINE_CONNECTED, PIPELINE_BROKEN };

struct place {
    struct pipeline_call *call; /* link; NULL: it has given up */
    size_t replies_left;        /* with those to skip */
};

struct pipeline {
    struct pipeline_opts opts;
    struct lock lock; /* of all that follows, but what a role owns */
    enum pipeline_state state;
    bool is_cancelled;
    bool has_reader, has_writer;
    struct client_link *link;  /* owned; while CONNECTED and BROKEN */
    struct net_stream *stream; /* borrowed from link */

    struct buf out;     /* appended, not yet the writer's */
    struct buf sending; /* the writer's */
    size_t sending_at;  /* of it are sent */
    uint64_t appended_bytes, handed_bytes;

    struct place *queue; /* owned: a ring */
    size_t queue_cap;    /* a power of two */
    uint64_t head, tail; /* the places from head to before tail are in use */
    uint64_t first_seq;  /* of the calls on this connection */
    struct link parked;  /* of pipeline_call, the last to wait last */
    struct spin spin;    /* of those */

    struct buf input; /* the reader's */
    struct resp_scan scan;

    const struct client_script **scripts; /* owned: those that this connection's server knows */
    size_t scripts_count, scripts_cap;

    int64_t heard_us;  /* when bytes came last, or were first waited for again */
    bool has_bytes;    /* the reader's: some came, and heard_us does not know */
    bool has_answered; /* since it is connected */
    int failures;
    int64_t retry_at_us;
    uint64_t attempts;        /* to connect, ever */
    struct oxq_error failure; /* of the last one */
    struct rng rng;
};

struct wakes {
    const struct notice *at[WAKES_MAX];
    size_t count;
};

static int64_t now_us(void)
{
    return clock_mono_us(os_clock());
}

static size_t queued(const struct pipeline *p)
{
    return (size_t)(p->tail - p->head);
}

static struct place *place_of(struct pipeline *p, uint64_t seq)
{
    return &p->queue[seq & (p->queue_cap - 1)];
}

static bool has_unsent(const struct pipeline *p)
{
    return p->out.len > 0 || p->sending_at < p->sending.len;
}

/* ---------------------------------------------------------------- waking */

/* Outside the lock: those who wake need not wait for it. */
static void wake_all(struct wakes *w)
{
    for (size_t i = 0; i < w->count; i++) notice_wake(w->at[i]);
    w->count = 0;
}

static void leave_and_wake(struct pipeline *p, struct wakes *w)
{
    lock_leave(&p->lock);
    wake_all(w);
}

static void put(struct pipeline_call *call, uint32_t word, struct wakes *w)
{
    const struct notice *n = &call->notice;
    if (!notice_put(&call->notice, word)) return;
    if (w->count == WAKES_MAX) wake_all(w);
    w->at[w->count++] = n;
}

/* From here on the call and its notice may be gone at any time. */
static void complete(struct pipeline_call *call, struct wakes *w)
{
    link_remove(&call->parked);
    call->state = PIPELINE_CALL_DONE;
    put(call, NOTICE_DONE, w);
}

/* Lets one who sleeps look whether there is a role to take: the last to come, who will stay longest. */
static void nominate(struct pipeline *p, struct wakes *w)
{
    if (link_is_empty(&p->parked)) return;
    struct pipeline_call *call = LINK_OWNER(p->parked.prev, struct pipeline_call, parked);
    link_remove(&call->parked);
    put(call, NOTICE_LOOK, w);
}

/* ---------------------------------------------------------------- the connection */

/* The link goes when nobody is inside it any more. */
static void settle(struct pipeline *p)
{
    if (p->state != PIPELINE_BROKEN || p->has_reader || p->has_writer) return;
    client_link_close(p->link);
    p->link = NULL;
    p->stream = NULL;
    p->state = PIPELINE_DISCONNECTED;
    lock_notify(&p->lock);
}

static void note_failure(struct pipeline *p, const struct oxq_error *why)
{
    p->failures++;
    p->failure = *why;
    p->retry_at_us = now_us() + client_backoff_us(&p->opts.backoff, p->failures, &p->rng);
}

static void fail_call(struct pipeline *p, struct pipeline_call *call, const struct oxq_error *why)
{
    if (call->error.code) return;
    if (p->is_cancelled)
        err_set(&call->error, OXQ_ERR_CANCELLED, "the client was cancelled");
    else if (call->starts_at >= p->handed_bytes)
        err_set(&call->error, OXQ_ERR_UNREACHABLE, "the server %s is gone: %.180s", client_link_address(p->link),
                why->text);
    else
        err_set(
            &call->error, OXQ_ERR_UNCERTAIN,
            "the connection to %s broke before the answer came (%.80s): it is not known whether the command was done",
            client_link_address(p->link), why->text);
}

/* Ends the connection and all calls on it. */
static void break_link(struct pipeline *p, const struct oxq_error *why, struct wakes *w)
{
    if (p->state != PIPELINE_CONNECTED) return;
    p->state = PIPELINE_BROKEN;
    client_link_interrupt(p->link);
    for (; p->head < p->tail; p->head++) {
        struct pipeline_call *call = place_of(p, p->head)->call;
        if (!call) continue;
        fail_call(p, call, why);
        complete(call, w);
    }
    p->out.len = 0;
    /* One that takes us and drops us without a word must not be tried in a circle. */
    if (!p->has_answered) {
        struct oxq_error gone;
        err_set(&gone, OXQ_ERR_UNREACHABLE, "the server %s does not stay: %.180s", client_link_address(p->link),
                why->text);
        note_failure(p, &gone);
    }
    settle(p);
}

static void use_link(struct pipeline *p, struct client_link *link)
{
    p->link = link;
    p->stream = client_link_stream(link);
    p->state = PIPELINE_CONNECTED;
    p->out.len = 0;
    p->sending.len = 0;
    p->sending_at = 0;
    p->input.len = 0;
    p->scan = (struct resp_scan){0};
    p->handed_bytes = p->appended_bytes;
    p->scripts_count = 0;
    p->first_seq = p->tail;
    p->has_answered = false;
    p->heard_us = now_us();
    p->has_bytes = false;
}

static oxq_err connect_now(struct pipeline *p, int64_t until_us, struct oxq_error *err)
{
    struct client_link *link = NULL;
    struct oxq_error why = {0};
    int64_t now = now_us();
    if (until_us > now + p->opts.connect_timeout_us) until_us = now + p->opts.connect_timeout_us;
    p->state = PIPELINE_CONNECTING;
    lock_leave(&p->lock);
    oxq_err e = p->opts.open(p->opts.open_ctx, until_us, &link, &why);
    lock_enter(&p->lock);
    p->attempts++;
    if (e) {
        p->state = PIPELINE_DISCONNECTED;
        note_failure(p, &why);
        err_set(err, e, "%s", why.text);
    } else {
        use_link(p, link);
    }
    lock_notify(&p->lock);
    return e;
}

/* The last failure again, for one who comes before the next attempt. */
static oxq_err repeat_failure(const struct pipeline *p, struct oxq_error *err)
{
    return err_set(err, p->failure.code, "%s", p->failure.text);
}

static oxq_err be_connected(struct pipeline *p, int64_t until_us, struct oxq_error *err)
{
    for (;;) {
        if (p->is_cancelled) return err_set(err, OXQ_ERR_CANCELLED, "the client was cancelled");
        if (p->state == PIPELINE_CONNECTED) return OXQ_OK;
        if (p->state == PIPELINE_DISCONNECTED) {
            if (now_us() < p->retry_at_us) return repeat_failure(p, err);
            oxq_err e = connect_now(p, until_us, err);
            if (e) return e;
            continue;
        }
        uint64_t seen = p->attempts;
        if (!lock_wait(&p->lock, until_us))
            return err_set(err, OXQ_ERR_UNREACHABLE, "there was no connection to the server in time");
        /* One that was made and has gone again is no failure to tell of. */
        bool has_failed = p->attempts != seen && p->state == PIPELINE_DISCONNECTED && p->failures > 0;
        if (has_failed) return repeat_failure(p, err);
    }
}

/* ---------------------------------------------------------------- writing */

static oxq_err read_some(struct pipeline *p, int64_t timeout_ms, struct oxq_error *err);
static void deliver(struct pipeline *p, struct wakes *w);

/* The server takes nothing just now: waits until it does, and reads when nobody else does. Without the lock. */
static void wait_for_room(struct pipeline *p)
{
    struct wakes w = {.count = 0};
    struct oxq_error why = {0};
    lock_enter(&p->lock);
    bool reads = !p->has_reader && p->state == PIPELINE_CONNECTED;
    if (reads) p->has_reader = true;
    lock_leave(&p->lock);
    oxq_err ready = net_stream_wait(p->stream, reads ? NET_WRITABLE | NET_READABLE : NET_WRITABLE, ROOM_TICK_MS);
    if (!reads) return;
    oxq_err e = ready ? OXQ_OK : read_some(p, 0, &why);
    lock_enter(&p->lock);
    if (e) break_link(p, &why, &w);
    if (!e) deliver(p, &w);
    p->has_reader = false;
    nominate(p, &w);
    leave_and_wake(p, &w);
}

/* Takes what was appended, once the last of it was sent. */
static void take_out(struct pipeline *p)
{
    if (p->sending_at < p->sending.len) return;
    struct buf taken = p->out;
    p->out = p->sending;
    p->sending = taken;
    p->out.len = 0;
    p->sending_at = 0;
    p->handed_bytes = p->appended_bytes;
}

/* The system has taken nothing of what is left to be sent. */
static void refuse_rest(struct pipeline *p, const struct oxq_error *why, struct wakes *w)
{
    if (p->state != PIPELINE_CONNECTED) return;
    if (!net_stream_may_send_and_fail(p->stream)) p->handed_bytes -= p->sending.len - p->sending_at;
    break_link(p, why, w);
}

/* Sends all that is there, what is appended meanwhile too, while the caller's time lasts. Enters and leaves inside the lock. */
static void write_out(struct pipeline *p, int64_t until_us, struct wakes *w)
{
    struct oxq_error why = {0};
    p->has_writer = true;
    while (p->state == PIPELINE_CONNECTED && has_unsent(p)) {
        size_t sent = 0;
        take_out(p);
        struct slice rest = slice_from(buf_borrow(&p->sending), p->sending_at);
        lock_leave(&p->lock);
        oxq_err e = net_stream_write(p->stream, rest, &sent, &why);
        bool is_late = false;
        if (!e && sent < rest.len) {
            wait_for_room(p);
            is_late = now_us() >= until_us;
        }
        lock_enter(&p->lock);
        p->sending_at += sent;
        if (e) refuse_rest(p, &why, w);
        if (is_late) break;
    }
    p->has_writer = false;
    if (has_unsent(p)) nominate(p, w);
    settle(p);
}

/* ---------------------------------------------------------------- reading */

/* The reader, without the lock. OK also when nothing came. */
static oxq_err read_some(struct pipeline *p, int64_t timeout_ms, struct oxq_error *err)
{
    size_t got = 0;
    oxq_err e = buf_reserve(&p->input, READ_BYTES);
    if (e == OXQ_ERR_MEMORY) return err_set(err, e, "no memory for a reply of more than %zu bytes", p->input.len);
    if (e) return err_set(err, e, "a reply is longer than %zu bytes", p->input.limit_bytes);
    e = net_stream_receive(p->stream, timeout_ms, p->input.at + p->input.len, p->input.cap - p->input.len, &got, err);
    p->input.len += got;
    p->has_bytes = p->has_bytes || got > 0;
    return e == OXQ_ERR_AGAIN ? OXQ_OK : e;
}

/* A script that cannot be loaded will never run; one that cannot be loaded just now is loaded another time. */
static void skip_reply(struct pipeline_call *call, struct slice bytes)
{
    call->skip--;
    if (bytes.at[0] != '-' || client_refusal_of(slice_from(bytes, 1)) != CLIENT_REFUSAL_FINAL) return;
    err_set(&call->error, OXQ_ERR_SERVER, "the server does not take a script: %.*s",
            bytes.len > 200 ? 200 : (int)bytes.len - 3, bytes.at + 1);
}

static void keep_reply(struct pipeline *p, struct pipeline_call *call, struct slice bytes)
{
    if (bytes.len == p->input.len && bytes.len >= SWAP_BYTES_MIN && call->replies->len == 0) {
        struct buf theirs = *call->replies;
        *call->replies = p->input;
        call->replies->limit_bytes = theirs.limit_bytes;
        theirs.limit_bytes = p->input.limit_bytes;
        p->input = theirs;
        return;
    }
    oxq_err e = buf_append(call->replies, bytes);
    if (e && !call->error.code) err_set(&call->error, e, "no memory for a reply of %zu bytes", bytes.len);
}

/* Hands the reply to whom it belongs. The input may be another afterwards, which is empty. */
static void give_reply(struct pipeline *p, struct slice bytes, struct wakes *w)
{
    struct place *place = place_of(p, p->head);
    struct pipeline_call *call = place->call;
    place->replies_left--;
    bool is_last = place->replies_left == 0;
    if (is_last) p->head++;
    if (!call) return;
    if (call->skip > 0)
        skip_reply(call, bytes);
    else
        keep_reply(p, call, bytes);
    if (is_last) complete(call, w);
}

/* Inside the lock, with the role: hands over all replies that are complete. Errors: FORMAT, LIMIT. */
static oxq_err deliver_all(struct pipeline *p, struct wakes *w)
{
    size_t done = 0;
    oxq_err e = OXQ_OK;
    while (!e && done < p->input.len) {
        struct slice rest = slice_from(buf_borrow(&p->input), done);
        e = resp_scan_next(&p->scan, rest);
        if (e) break;
        size_t len = p->scan.used_bytes;
        bool is_push = rest.at[0] == '>';
        p->scan = (struct resp_scan){0};
        if (is_push)
            done += len;
        else if (queued(p) == 0)
            e = OXQ_ERR_FORMAT;
        else {
            give_reply(p, slice_of(rest.at, len), w);
            done = p->input.len > 0 ? done + len : 0;
            p->has_answered = true;
            p->failures = 0;
        }
    }
    buf_consume(&p->input, done);
    return e == OXQ_ERR_AGAIN ? OXQ_OK : e;
}

static void deliver(struct pipeline *p, struct wakes *w)
{
    if (p->state != PIPELINE_CONNECTED || !p->has_bytes) return;
    oxq_err e = deliver_all(p, w);
    p->heard_us = now_us();
    p->has_bytes = false;
    if (!e) return;
    struct oxq_error why;
    err_set(&why, e, e == OXQ_ERR_LIMIT ? "it is too long" : "what it says is not the Redis protocol");
    break_link(p, &why, w);
}

static int64_t left_ms(int64_t until_us)
{
    if (until_us == INT64_MAX) return INT64_MAX;
    int64_t left_us = until_us - now_us();
    return left_us > 0 ? (left_us + 999) / 1000 : 0;
}

/* Inside the lock: it owes a reply. Errors: CLOSED: it has said nothing for too long. */
static oxq_err check_silence(const struct pipeline *p, struct oxq_error *why)
{
    if (queued(p) == 0 || now_us() - p->heard_us < p->opts.silence_us) return OXQ_OK;
    return err_set(why, OXQ_ERR_CLOSED, "it has said nothing for %lld ms", (long long)p->opts.silence_us / 1000);
}

/* Inside the lock, after read_some: what it read is handed over; when that was nothing, or went wrong, the connection may be at its end. */
static void take_in(struct pipeline *p, oxq_err e, struct oxq_error *why, struct wakes *w)
{
    if (!e && !p->has_bytes) e = check_silence(p, why);
    if (e)
        break_link(p, why, w);
    else
        deliver(p, w);
}

/* Reads for all until the own call is done or its time is over. Enters and leaves inside the lock. */
static void lead(struct pipeline *p, struct pipeline_call *call, struct wakes *w)
{
    struct oxq_error why = {0};
    p->has_reader = true;
    while (call->state == PIPELINE_CALL_WAITING && p->state == PIPELINE_CONNECTED) {
        if (left_ms(call->until_us) == 0 || (has_unsent(p) && !p->has_writer)) break;
        int64_t silent_at_us = p->heard_us + p->opts.silence_us;
        int64_t timeout_ms = left_ms(call->until_us < silent_at_us ? call->until_us : silent_at_us);
        leave_and_wake(p, w);
        oxq_err e = read_some(p, timeout_ms, &why);
        lock_enter(&p->lock);
        take_in(p, e, &why, w);
    }
    p->has_reader = false;
    settle(p);
}

/* ---------------------------------------------------------------- a call */

static void grow_queue(struct pipeline *p)
{
    if (queued(p) < p->queue_cap) return;
    size_t cap = p->queue_cap > 0 ? p->queue_cap * 2 : QUEUE_PLACES_FIRST;
    struct place *queue = mem_alloc(sizeof(*queue) * cap);
    for (uint64_t seq = p->head; seq < p->tail; seq++) queue[seq & (cap - 1)] = *place_of(p, seq);
    mem_free(p->queue);
    p->queue = queue;
    p->queue_cap = cap;
}

static bool knows_script(const struct pipeline *p, const struct client_script *script)
{
    for (size_t i = 0; i < p->scripts_count; i++) {
        if (p->scripts[i] == script) return true;
    }
    return false;
}

static void note_script(struct pipeline *p, const struct client_script *script)
{
    if (p->scripts_count == p->scripts_cap) {
        p->scripts_cap = p->scripts_cap > 0 ? 2 * p->scripts_cap : 32;
        p->scripts = mem_resize(p->scripts, sizeof(struct client_script *) * p->scripts_cap);
    }
    p->scripts[p->scripts_count++] = script;
}

/* What the server must know first, then the commands. On error nothing was appended. */
static oxq_err append(struct pipeline *p, struct pipeline_call *call)
{
    size_t before = p->out.len, known = p->scripts_count;
    oxq_err e = OXQ_OK;
    call->skip = 0;
    for (size_t i = 0; i < call->scripts_count && !e; i++) {
        if (knows_script(p, call->scripts[i])) continue;
        struct slice argv[] = {SLICE_LIT("SCRIPT"), SLICE_LIT("LOAD"), call->scripts[i]->text};
        e = resp_request_append(&p->out, argv, 3);
        note_script(p, call->scripts[i]);
        call->skip++;
    }
    if (!e) e = buf_append(&p->out, call->request);
    if (e) {
        p->out.len = before;
        p->scripts_count = known;
        return e;
    }
    call->starts_at = p->appended_bytes;
    p->appended_bytes += p->out.len - before;
    return OXQ_OK;
}

static void enqueue(struct pipeline *p, struct pipeline_call *call)
{
    grow_queue(p);
    if (queued(p) == 0) p->heard_us = now_us();
    call->seq = p->tail++;
    *place_of(p, call->seq) = (struct place){call, call->skip + call->replies_count};
    call->state = PIPELINE_CALL_WAITING;
    call->error.code = OXQ_OK;
    call->parked = (struct link){NULL, NULL};
    notice_clear(&call->notice);
}

/* It owes a reply, to a call that has given up if to none else. A process may have stopped whose system keeps its connections. */
static void look_for_silence(struct pipeline *p, struct wakes *w)
{
    struct oxq_error why = {0};
    if (!check_silence(p, &why) || p->has_reader) return;
    /* What it said while nobody waited still lies in the socket. */
    take_in(p, read_some(p, 0, &why), &why, w);
}

/* A server that has long gone is noticed before commands are lost on it. */
static void look_for_end(struct pipeline *p, struct wakes *w)
{
    if (queued(p) > 0) {
        look_for_silence(p, w);
        return;
    }
    if (p->has_reader || p->has_writer || now_us() - p->heard_us < IDLE_US) return;
    struct oxq_error why = {0};
    oxq_err e = read_some(p, 0, &why);
    p->has_answered = true;
    if (e) break_link(p, &why, w);
}

oxq_err pipeline_start(struct pipeline *p, struct pipeline_call *call, struct oxq_error *err)
{
    struct wakes w = {.count = 0};
    lock_enter(&p->lock);
    if (p->state == PIPELINE_CONNECTED) look_for_end(p, &w);
    oxq_err e = be_connected(p, call->until_us, err);
    if (!e) {
        e = append(p, call);
        if (e) err_set(err, e, "no room for a command: %zu bytes wait to be sent", p->out.len);
    }
    if (!e) {
        enqueue(p, call);
        if (!p->has_writer) write_out(p, call->until_us, &w);
    }
    leave_and_wake(p, &w);
    return e;
}

/* Its time is over: what comes for it is nobody's. */
static void give_up(struct pipeline *p, struct pipeline_call *call)
{
    place_of(p, call->seq)->call = NULL;
    call->state = PIPELINE_CALL_DONE;
    err_set(&call->error, OXQ_ERR_TIMEOUT, "the server %s does not answer in time", client_link_address(p->link));
}

/* Who leaves sees to it that no role stays empty: it may have been the one who was told to take it. */
static void pass_on(struct pipeline *p, struct wakes *w)
{
    bool needs_reader = queued(p) > 0 && !p->has_reader, needs_writer = has_unsent(p) && !p->has_writer;
    if (p->state == PIPELINE_CONNECTED && (needs_reader || needs_writer)) nominate(p, w);
}

/* Sleeps until it is done or told to look. True: it is done, and the lock was left for good. */
static bool park(struct pipeline *p, struct pipeline_call *call, struct wakes *w)
{
    notice_clear(&call->notice);
    link_push_tail(&p->parked, &call->parked);
    leave_and_wake(p, w);
    if (notice_wait(&call->notice, &p->spin, call->until_us) == NOTICE_DONE) return true;
    lock_enter(&p->lock);
    link_remove(&call->parked);
    return false;
}

oxq_err pipeline_finish(struct pipeline *p, struct pipeline_call *call, struct oxq_error *err)
{
    struct wakes w = {.count = 0};
    bool has_left = false;
    lock_enter(&p->lock);
    while (!has_left && call->state == PIPELINE_CALL_WAITING) {
        if (call->until_us != INT64_MAX && now_us() >= call->until_us)
            give_up(p, call);
        else if (has_unsent(p) && !p->has_writer)
            write_out(p, call->until_us, &w);
        else if (!p->has_reader)
            lead(p, call, &w);
        else
            has_left = park(p, call, &w);
    }
    if (!has_left) {
        pass_on(p, &w);
        leave_and_wake(p, &w);
    }
    return call->error.code ? err_set(err, call->error.code, "%s", call->error.text) : OXQ_OK;
}

/* ---------------------------------------------------------------- the pipeline */

struct pipeline *pipeline_new(const struct pipeline_opts *opts)
{
    struct pipeline *p = mem_alloc_zero(sizeof(*p));
    p->opts = *opts;
    lock_init(&p->lock);
    link_init(&p->parked);
    p->out.limit_bytes = UNSENT_BYTES_MAX;
    p->sending.limit_bytes = UNSENT_BYTES_MAX;
    p->input.limit_bytes = CLIENT_REPLY_BYTES_MAX + READ_BYTES;
    rng_init(&p->rng, opts->seed);
    return p;
}

void pipeline_free(struct pipeline *p)
{
    if (!p) return;
    client_link_close(p->link);
    lock_deinit(&p->lock);
    buf_deinit(&p->out);
    buf_deinit(&p->sending);
    buf_deinit(&p->input);
    mem_free(p->queue);
    mem_free(p->scripts);
    mem_free(p);
}

void pipeline_cancel(struct pipeline *p)
{
    struct wakes w = {.count = 0};
    struct oxq_error why;
    err_set(&why, OXQ_ERR_CANCELLED, "the client was cancelled");
    lock_enter(&p->lock);
    p->is_cancelled = true;
    break_link(p, &why, &w);
    lock_notify(&p->lock);
    leave_and_wake(p, &w);
}

int pipeline_failures(struct pipeline *p, int64_t *out_retry_at_us)
{
    lock_enter(&p->lock);
    int failures = p->failures;
    *out_retry_at_us = p->retry_at_us;
    lock_leave(&p->lock);
    return failures;
}

void pipeline_forget_scripts(struct pipeline *p)
{
    lock_enter(&p->lock);
    p->scripts_count = 0;
    lock_leave(&p->lock);
}

void pipeline_reconnect(struct pipeline *p, const struct pipeline_call *call)
{
    struct wakes w = {.count = 0};
    struct oxq_error why;
    err_set(&why, OXQ_ERR_CLOSED, "the server is no master any more");
    lock_enter(&p->lock);
    if (call->seq >= p->first_seq) break_link(p, &why, &w);
    leave_and_wake(p, &w);
}
