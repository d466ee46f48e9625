/* SPDX-License-Identifier: MIT */
/*
 * The gate: a reply leaves when every change that it may tell of is durable.
 *
 *   client->out:  | sent, released |  held[0]  |  held[1]  | fresh: this turn's |
 *                                   seq <= submitted   seq > submitted
 *
 * A reply to a read needs the last group that changed one of its keys, as far as a small filter knows; a reply to a change, to a
 * script or to a walk over all keys needs everything up to now. Fresh bytes need the journal up to client->need_seq. What needs
 * nothing that is not settled leaves at once; else it is held with its number. One group is in the journal thread's hands and
 * one is being gathered, so a client never has more than two holds: what waits for the first, and what waits for the second.
 *
 * A turn within a late script (the engine's poll) leaves the client of that script alone: its reply is half written.
 *
 * When the journal fails, what is held is taken back and each reply of it becomes an error: nobody was told of a change that
 * is not on the disk.
 */
#include "engine/persist.h"

#include "base/crc32c.h"

/* So many clients that wait for the next group are worth a sync of their own before the turn is over (decision 7). */
#define WAITING_MIN 64

/* ---- what a reply needs ---- */

static uint32_t bit_of(struct slice key)
{
    return crc32c(0, key) % UNSETTLED_BITS;
}

static void set_key(struct unsettled *u, struct slice key)
{
    uint32_t bit = bit_of(key);
    u->bits[bit / 64] |= UINT64_C(1) << bit % 64;
}

static bool may_have(const struct unsettled *u, struct slice key)
{
    uint32_t bit = bit_of(key);
    return u->is_all || u->bits[bit / 64] >> bit % 64 & 1;
}

/* Most effects are on the key of the one before. */
static void note_key(struct persist *p, struct slice key)
{
    if (p->noted_len && slice_equal(key, slice_of(p->noted_key, p->noted_len))) return;
    p->noted_len = key.len <= sizeof(p->noted_key) ? key.len : 0;
    if (p->noted_len) memcpy(p->noted_key, key.at, key.len);
    set_key(&p->gathering, key);
}

void gate_note(struct persist *p, const struct effect *effect)
{
    struct unsettled *u = &p->gathering;
    u->is_empty = false;
    if (effect->kind == EFFECT_DB_FLUSH || effect->kind == EFFECT_DB_SWAP) {
        u->is_all = true;
        return;
    }
    note_key(p, effect->key);
    if (effect->kind == EFFECT_KEY_RENAME || effect->kind == EFFECT_KEY_COPY) set_key(u, effect->a);
}

void gate_note_submitted(struct persist *p)
{
    p->waiting_count = 0;
    p->submitted = p->gathering;
    if (!p->gathering.is_empty) p->gathering = (struct unsettled){.is_empty = true};
    p->noted_len = 0;
}

void gate_note_durability(struct persist *p)
{
    /* What was written without a sync before is in no filter. */
    p->submitted.is_all = true;
}

static uint64_t need_for_key(const struct persist *p, uint64_t last_seq, struct slice key)
{
    if (may_have(&p->gathering, key)) return last_seq;
    return may_have(&p->submitted, key) ? p->submitted_seq : 0;
}

/* PING and its like; INFO and others that are answered while nothing is loaded yet: who looks why all others wait must get an answer. */
static bool tells_of_no_key(const struct command *row)
{
    if (row->flags & (CMD_READONLY | CMD_WRITE)) return false;
    bool is_of_server = strcmp(row->group, "server") == 0;
    return strcmp(row->group, "connection") == 0 ||
           (is_of_server && (row->flags & CMD_LOADING) && !(row->flags & CMD_ADMIN));
}

uint64_t gate_need_seq(const struct engine *e, const struct command *row, const struct slice *argv, int argc)
{
    const struct persist *p = e->persist;
    uint64_t last_seq = engine_last_seq(e);
    if (p->is_record_open || last_seq <= persist_settled_seq(p)) return last_seq;
    if (tells_of_no_key(row)) return 0;
    bool sees_keys = row->flags & (CMD_READONLY | CMD_WRITE);
    if (!sees_keys || row->find_keys || row->keys.first == 0) return last_seq;
    uint64_t need = 0;
    int last = row->keys.last < 0 ? argc + row->keys.last : row->keys.last;
    int step = row->keys.step > 0 ? row->keys.step : 1;
    for (int i = row->keys.first; i <= last && i < argc; i += step) {
        uint64_t of_key = need_for_key(p, last_seq, argv[i]);
        if (of_key > need) need = of_key;
    }
    return need;
}

/* ---- holds ---- */

static void release(struct engine_client *c)
{
    if (c->writer.reply.is_full)
        engine_close_later(c, true);
    else
        c->engine->host->release(c->engine->host, c);
}

static size_t held_bytes(const struct engine_client *c)
{
    size_t bytes = 0;
    for (uint8_t i = 0; i < c->holds_count; i++) bytes += c->holds[i].bytes;
    return bytes;
}

/* Adds the fresh bytes to the last hold when both wait for the same group, else makes a hold of them. */
static void hold(struct engine_client *c, uint64_t submitted_seq)
{
    size_t bytes = c->out.len - c->released_bytes - held_bytes(c);
    struct engine_hold *last = c->holds_count > 0 ? &c->holds[c->holds_count - 1] : NULL;
    bool is_same_group = last && (last->seq <= submitted_seq) == (c->need_seq <= submitted_seq);
    /* Replies stay in order: behind what waits for a later group, everything waits for it. */
    bool is_behind = last && last->seq >= c->need_seq;
    if (is_same_group || is_behind) {
        if (c->need_seq > last->seq) last->seq = c->need_seq;
        last->bytes += bytes;
        last->replies += c->fresh_replies;
    } else {
        CHECK(c->holds_count < ENGINE_HOLDS_MAX);
        c->holds[c->holds_count++] =
            (struct engine_hold){.bytes = bytes, .seq = c->need_seq, .replies = c->fresh_replies};
    }
    c->fresh_replies = 0;
    c->need_seq = 0;
    if (!link_is_linked(&c->held_link)) link_push_tail(&c->engine->held, &c->held_link);
}

/* Releases the holds that are settled. */
static void settle(struct engine_client *c, uint64_t settled_seq)
{
    uint8_t settled = 0;
    while (settled < c->holds_count && c->holds[settled].seq <= settled_seq)
        c->released_bytes += c->holds[settled++].bytes;
    if (settled == 0) return;
    for (uint8_t i = settled; i < c->holds_count; i++) c->holds[i - settled] = c->holds[i];
    c->holds_count -= settled;
    if (c->holds_count == 0) link_remove(&c->held_link);
    release(c);
}

static void settle_held(struct engine *e, uint64_t settled_seq)
{
    for (struct link *link = e->held.next; link != &e->held;) {
        struct engine_client *c = LINK_OWNER(link, struct engine_client, held_link);
        link = link->next;
        settle(c, settled_seq);
    }
}

/* ---- failure ---- */

static void take_back(struct engine_client *c, uint64_t settled_seq)
{
    uint32_t replies = 0;
    for (uint8_t i = 0; i < c->holds_count; i++) replies += c->holds[i].replies;
    bool is_fresh_lost = c->need_seq > settled_seq;
    if (c->holds_count == 0 && !is_fresh_lost) return;
    replies += c->fresh_replies;
    c->out.len = c->released_bytes;
    c->holds_count = 0;
    c->fresh_replies = 0;
    c->need_seq = 0;
    link_remove(&c->held_link);
    struct slice refusal = persist_refusal(c->engine, NULL, 0);
    while (replies-- > 0) reply_error(&c->writer.reply, refusal);
    engine_mark_dirty(c, 0);
}

static void fail_held(struct engine *e, uint64_t settled_seq)
{
    for (struct link *link = e->clients.next; link != &e->clients; link = link->next) {
        struct engine_client *c = LINK_OWNER(link, struct engine_client, link);
        if (c->flags & ENGINE_CLIENT_RUNNING)
            c->flags |= ENGINE_CLIENT_FAILED;
        else
            take_back(c, settled_seq);
    }
}

void gate_fail_late(struct engine_client *c)
{
    c->flags &= ~(uint32_t)ENGINE_CLIENT_FAILED;
    take_back(c, c->engine->persist->progress.durable_seq);
}

/* ---- the turn's end ---- */

static void pass_fresh(struct engine *e, uint64_t settled_seq, uint64_t submitted_seq)
{
    while (!link_is_empty(&e->dirty)) {
        struct engine_client *c = LINK_OWNER(e->dirty.next, struct engine_client, dirty_link);
        link_remove(&c->dirty_link);
        /* It comes again when its request is over. */
        if (c->flags & ENGINE_CLIENT_RUNNING) continue;
        if (c->holds_count > 0 || c->need_seq > settled_seq) {
            hold(c, submitted_seq);
            continue;
        }
        c->released_bytes = c->out.len;
        c->fresh_replies = 0;
        c->need_seq = 0;
        release(c);
    }
}

void engine_commit(struct engine *e)
{
    struct persist *p = e->persist;
    if (!p || p->load) {
        pass_fresh(e, UINT64_MAX, 0);
    } else {
        bool has_moved = persist_poll(e);
        if (p->progress.state == JOURNAL_FAILED && !e->was_taken_back) {
            e->was_taken_back = true;
            settle_held(e, p->progress.durable_seq);
            fail_held(e, p->progress.durable_seq);
        } else if (has_moved) {
            settle_held(e, persist_settled_seq(p));
        }
        pass_fresh(e, persist_settled_seq(p), p->submitted_seq);
    }
    e->is_time_stale = true;
}

bool engine_is_commit_due(struct engine *e)
{
    struct persist *p = e->persist;
    if (!p || !p->journal || p->waiting_count < WAITING_MIN || p->durability != JOURNAL_ALWAYS) return false;
    journal_poll(p->journal, &p->progress);
    return p->progress.is_idle && p->progress.state == JOURNAL_READY;
}

bool engine_awaits_disk(const struct engine *e)
{
    const struct persist *p = e->persist;
    return p && p->durability == JOURNAL_ALWAYS && p->settled_seq < p->submitted_seq;
}

void engine_settle(struct engine *e)
{
    struct persist *p = e->persist;
    if (p && p->journal) {
        persist_end_record(p);
        journal_flush(p->journal);
    }
    engine_commit(e);
}

void engine_mark_dirty(struct engine_client *c, uint64_t need_seq)
{
    struct engine *e = c->engine;
    if (need_seq > c->need_seq) c->need_seq = need_seq;
    if (link_is_linked(&c->dirty_link)) return;
    link_push_tail(&e->dirty, &c->dirty_link);
    if (e->persist && need_seq > e->persist->submitted_seq) e->persist->waiting_count++;
}
