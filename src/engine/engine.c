/* SPDX-License-Identifier: MIT */
/*
 * The engine's life, its clients, its clock, and where effects arrive.
 *
 * Effects arrive in on_effect while a command runs. It only notes (the journal's record, who waits, who watches); those who wait
 * are served after the command, EXEC or script as a whole, so that nobody sees half of it.
 */
#include "base/mem.h"
#include "engine/persist.h"
#include "engine/script.h"

#include <stdio.h>

#define CRON_INTERVAL_US 100000
#define EXPIRE_KEYS_PER_CALL 200
/* Half a millisecond of a slow core. */
#define FREE_STEPS_PER_CALL 4096

/* ---- effects ---- */

static void note_key(struct engine *e, uint32_t db, struct slice key)
{
    if (map_count(&e->waits[db]) > 0) block_note_key(e, db, key);
    if (map_count(&e->watched[db]) > 0) multi_note_key(e, db, key, false);
}

/* Consumer groups and a stream's counters are beside its entries: who watches the stream does not care, as in Redis. */
static bool is_beside_entries(enum effect_kind kind)
{
    return kind >= EFFECT_STREAM_SET_ID && kind <= EFFECT_STREAM_PENDING_DELETE;
}

static void note_db(struct engine *e, uint32_t db)
{
    if (map_count(&e->waits[db]) > 0) block_note_db(e, db);
    if (map_count(&e->watched[db]) > 0) multi_note_db(e, db);
}

static void on_effect(struct effect_sink *sink, const struct effect *effect)
{
    struct engine *e = (struct engine *)((char *)sink - offsetof(struct engine, sink));
    if (e->persist) persist_note(e->persist, effect);
    if (effect->kind == EFFECT_DB_FLUSH || effect->kind == EFFECT_DB_SWAP) {
        note_db(e, effect->db);
        if (effect->kind == EFFECT_DB_SWAP) note_db(e, (uint32_t)effect->n);
        return;
    }
    if (is_beside_entries(effect->kind)) {
        if (map_count(&e->waits[effect->db]) > 0) block_note_key(e, effect->db, effect->key);
        if (map_count(&e->watched[effect->db]) > 0) multi_note_key(e, effect->db, effect->key, true);
        return;
    }
    note_key(e, effect->db, effect->key);
    if (effect->kind == EFFECT_KEY_RENAME) note_key(e, effect->db, effect->a);
    if (effect->kind == EFFECT_KEY_MOVE) note_key(e, (uint32_t)effect->n, effect->key);
    if (effect->kind == EFFECT_KEY_COPY) note_key(e, (uint32_t)effect->n, effect->a);
}

/* ---- life ---- */

void engine_add_commands(struct cmd_table *t)
{
    cmd_table_init(t);
    cmd_table_add_data(t);
    cmd_table_add(t, engine_connection_rows);
    cmd_table_add(t, engine_client_rows);
    cmd_table_add(t, engine_server_rows);
    cmd_table_add(t, engine_command_rows);
    cmd_table_add(t, engine_multi_rows);
    cmd_table_add(t, engine_pubsub_rows);
    cmd_table_add(t, script_rows);
}

static uint32_t to_uint32(int64_t n)
{
    return n < UINT32_MAX ? (uint32_t)n : UINT32_MAX;
}

void engine_configure(struct engine *e)
{
    e->keyspace.stream_block_max_entries = to_uint32(e->config->stream_node_max_entries);
    e->keyspace.stream_block_max_bytes = to_uint32(e->config->stream_node_max_bytes);
    engine_script_configure(e);
    if (e->persist) persist_configure(e);
}

oxq_err engine_new(const struct engine_opts *opts, struct engine **out_engine, struct oxq_error *err)
{
    struct engine *e = mem_alloc_zero(sizeof(*e));
    e->clock = opts->clock;
    e->config = opts->config;
    e->host = opts->host;
    e->guests = opts->guests;
    snprintf(e->run_id, sizeof(e->run_id), "%s", opts->run_id);
    rng_init(&e->rng, opts->seed);
    keyspace_init(&e->keyspace, &e->rng);
    e->sink = (struct effect_sink){on_effect};
    e->keyspace.sink = &e->sink;
    link_init(&e->clients);
    link_init(&e->dirty);
    link_init(&e->held);
    link_init(&e->monitors);
    block_init(e);
    pubsub_init(e);
    engine_add_commands(&e->table);
    e->slowlog = slowlog_new();
    e->is_time_stale = true;
    engine_update_time(e);
    e->stats.started_at_ms = e->keyspace.now_ms;
    e->stats.sample_us = e->mono_us;
    e->next_client_id = 1;
    oxq_err code = engine_script_open(e, err);
    if (code) {
        engine_free(e);
        return code;
    }
    engine_configure(e);
    *out_engine = e;
    return OXQ_OK;
}

void engine_free(struct engine *e)
{
    if (!e) return;
    CHECK(link_is_empty(&e->clients));
    persist_close(e);
    engine_script_close(e);
    slowlog_free(e->slowlog);
    info_reset_errors(e);
    pubsub_deinit(e);
    block_deinit(e);
    for (uint32_t i = 0; i < KEYSPACE_DBS_COUNT; i++) map_deinit(&e->watched[i], NULL, NULL);
    e->keyspace.sink = NULL;
    keyspace_deinit(&e->keyspace);
    cmd_table_deinit(&e->table);
    arena_deinit(&e->scratch);
    mem_free(e);
}

/* ---- time ---- */

/* Once in a turn the wall clock is read; in between, one reading of the monotonic clock per command tells both. */
void engine_update_time(struct engine *e)
{
    e->mono_us = clock_mono_us(e->clock);
    if (e->is_time_stale) {
        e->wall_offset_us = clock_wall_us(e->clock) - e->mono_us;
        e->is_time_stale = false;
    }
    e->keyspace.now_ms = (e->mono_us + e->wall_offset_us) / 1000;
}

static void run_cron(struct engine *e)
{
    struct engine_stats *s = &e->stats;
    int64_t us = e->mono_us - s->sample_us;
    if (us < CRON_INTERVAL_US) return;
    s->ops_per_s = (s->commands - s->sample_commands) * 1000000 / (uint64_t)us;
    s->sample_commands = s->commands;
    s->sample_us = e->mono_us;
    size_t used = engine_memory_used(e);
    if (used > s->peak_memory_bytes) s->peak_memory_bytes = used;
}

int64_t engine_next_timer_us(const struct engine *e)
{
    if (!graveyard_is_empty(&e->keyspace.graveyard)) return e->mono_us;
    int64_t next = block_next_us(e);
    int64_t cron_us = e->stats.sample_us + CRON_INTERVAL_US;
    if (cron_us < next) next = cron_us;
    if (e->persist) {
        if (e->persist->load) return e->mono_us;
        const struct company *c = &e->persist->company;
        if (c->is_awaited && !c->is_watched && c->until_us < next) next = c->until_us;
        int64_t save_us = persist_next_save_us(e);
        if (save_us < next) next = save_us;
    }
    int64_t expiry_ms = keyspace_next_expiry_ms(&e->keyspace);
    /* Far off means never: the cron comes first anyway, and the product below keeps within 64 bits. */
    if (expiry_ms - e->keyspace.now_ms > CRON_INTERVAL_US / 1000) return next;
    /* A key lives through its last millisecond. The wait of one at least also leaves room for clients between batches. */
    int64_t wait_ms = expiry_ms > e->keyspace.now_ms ? expiry_ms - e->keyspace.now_ms + 1 : 1;
    int64_t expiry_us = e->mono_us + wait_ms * 1000;
    return expiry_us < next ? expiry_us : next;
}

void engine_run_timers(struct engine *e)
{
    e->is_time_stale = true;
    engine_update_time(e);
    run_cron(e);
    graveyard_free_some(&e->keyspace.graveyard, FREE_STEPS_PER_CALL);
    if (engine_is_loading(e)) {
        load_step(e);
    } else if (!e->is_busy) {
        keyspace_expire(&e->keyspace, EXPIRE_KEYS_PER_CALL);
        block_serve(e);
        block_run_timers(e);
        if (e->persist) {
            persist_end_record(e->persist);
            persist_run_save(e);
        }
    }
    e->is_time_stale = true;
}

/* ---- clients ---- */

static struct slice no_key(const struct map_node *node)
{
    (void)node;
    return SLICE_LIT("");
}

void engine_client_open(struct engine *e, struct engine_client *c)
{
    if (e->is_time_stale) engine_update_time(e);
    c->engine = e;
    c->id = e->next_client_id++;
    resp_writer_init(&c->writer, &c->out, 2);
    reply_discard_init(&c->discard);
    c->created_at_ms = e->keyspace.now_ms;
    c->last_at_ms = e->keyspace.now_ms;
    c->channels.key_of = no_key;
    c->patterns.key_of = no_key;
    engine_limit_output(c);
    if (e->config->password[0] == '\0') c->flags |= ENGINE_CLIENT_AUTHENTICATED;
    link_push_tail(&e->clients, &c->link);
    e->clients_count++;
    e->stats.connections++;
}

const struct config_output_limit *engine_client_output_limit(const struct engine_client *c)
{
    const struct config *config = c->engine->config;
    return pubsub_count(c) > 0 ? &config->output_pubsub : &config->output_normal;
}

void engine_limit_output(struct engine_client *c)
{
    size_t hard = (size_t)engine_client_output_limit(c)->hard_bytes;
    /* Twice: up to half of what is there was sent already. */
    bool is_lower = hard > 0 && hard < ENGINE_OUT_MAX_BYTES / 4;
    c->out.limit_bytes = is_lower ? 2 * hard + ENGINE_OUT_BEYOND_BYTES : ENGINE_OUT_MAX_BYTES;
}

bool engine_client_is_authenticated(const struct engine_client *c)
{
    return c->flags & (ENGINE_CLIENT_AUTHENTICATED | ENGINE_CLIENT_TRUSTED) || c->engine->config->password[0] == '\0';
}

void engine_client_close(struct engine_client *c)
{
    struct engine *e = c->engine;
    CHECK(!(c->flags & ENGINE_CLIENT_RUNNING));
    if (c->waiter) block_cancel(c);
    multi_discard(c);
    pubsub_drop(c);
    link_remove(&c->monitor_link);
    link_remove(&c->dirty_link);
    link_remove(&c->held_link);
    link_remove(&c->link);
    e->clients_count--;
    mem_free(c->name);
    mem_free(c->lib_name);
    mem_free(c->lib_ver);
    buf_deinit(&c->out);
    c->state = ENGINE_CLIENT_CLOSING;
}

struct engine_client *engine_find_client(struct engine *e, uint64_t id)
{
    for (struct link *link = e->clients.next; link != &e->clients; link = link->next) {
        struct engine_client *c = LINK_OWNER(link, struct engine_client, link);
        if (c->id == id) return c;
    }
    return NULL;
}

void engine_close_later(struct engine_client *c, bool is_at_once)
{
    if (c->state == ENGINE_CLIENT_CLOSING && !is_at_once) return;
    if (c->waiter) block_cancel(c);
    c->state = ENGINE_CLIENT_CLOSING;
    c->engine->host->close(c->engine->host, c, is_at_once);
}

struct reply *engine_reply_of(struct engine_client *c)
{
    bool is_silent = c->flags & (ENGINE_CLIENT_REPLY_OFF | ENGINE_CLIENT_REPLY_SKIP);
    return is_silent ? &c->discard : &c->writer.reply;
}

/* ---- for the host ---- */

struct engine_host_stats *engine_host_stats(struct engine *e)
{
    return &e->stats.host;
}

bool engine_is_busy(const struct engine *e)
{
    return e->is_busy;
}

size_t engine_memory_used(const struct engine *e)
{
    if (!e->is_lent) return mem_used() + e->guests_bytes;
    return e->owner_bytes + e->guests_bytes + (mem_used() - e->guest_began_bytes);
}

void engine_lend(struct engine *e)
{
    e->owner_bytes = mem_used();
}

void engine_enter(struct engine *e)
{
    e->is_lent = true;
    e->guest_began_bytes = mem_used();
}

void engine_leave(struct engine *e)
{
    /* Less than zero where it freed more: the sums wrap, and come out right. */
    e->guests_bytes += mem_used() - e->guest_began_bytes;
    e->is_lent = false;
}
