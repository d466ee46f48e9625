/* SPDX-License-Identifier: MIT */
/*
 * INFO: sections of `field:value` lines that clients and monitors read. Fields have Redis's names where Redis has
 * them, and only where we have something true to say; our own begin with oxq_.
 */
#include "engine/info.h"
#include "engine/persist.h"
#include "engine/script.h"

#include "base/mem.h"

#include <oxq/version.h>

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

#define INFO_MAX_BYTES ((size_t)4 << 20)
#define ERROR_CODES_MAX 128 /* codes come from scripts too: they must not fill memory */

struct error_stat {
    struct map_node node;
    uint64_t count;
    char code[REPLY_ERROR_CODE_MAX];
};

static struct slice key_of_error(const struct map_node *node)
{
    return slice_from_text(((const struct error_stat *)node)->code);
}

void info_note_error(struct engine *e, const char *code)
{
    e->error_stats.key_of = key_of_error;
    struct error_stat *stat = (struct error_stat *)map_find(&e->error_stats, slice_from_text(code));
    if (!stat) {
        if (map_count(&e->error_stats) >= ERROR_CODES_MAX) return;
        stat = mem_alloc_zero(sizeof(*stat));
        snprintf(stat->code, sizeof(stat->code), "%s", code);
        map_insert(&e->error_stats, &stat->node);
    }
    stat->count++;
}

static void free_error(void *ctx, struct map_node *node)
{
    (void)ctx;
    mem_free(node);
}

void info_reset_errors(struct engine *e)
{
    map_deinit(&e->error_stats, free_error, NULL);
}

/* ---- lines ---- */

static void line(struct buf *out, const char *format, ...) OXQ_PRINTF(2, 3);

static void line(struct buf *out, const char *format, ...)
{
    char text[512];
    va_list args;
    va_start(args, format);
    int len = vsnprintf(text, sizeof(text) - 2, format, args);
    va_end(args);
    if (len < 0) return;
    if ((size_t)len > sizeof(text) - 3) len = (int)sizeof(text) - 3;
    memcpy(text + len, "\r\n", 2);
    /* A full buffer cuts the text: there is nothing better to do with it. */
    if (buf_append(out, slice_of(text, (size_t)len + 2)) != OXQ_OK) return;
}

static void human(char *out, size_t cap, uint64_t bytes)
{
    static const char units[] = "BKMGTP";
    double n = (double)bytes;
    size_t unit = 0;
    while (n >= 1024 && unit + 2 < sizeof(units)) {
        n /= 1024;
        unit++;
    }
    if (unit == 0)
        snprintf(out, cap, "%" PRIu64 "B", bytes);
    else
        snprintf(out, cap, "%.2f%c", n, units[unit]);
}

static void bytes_lines(struct buf *out, const char *name, uint64_t bytes)
{
    char text[32];
    human(text, sizeof(text), bytes);
    line(out, "%s:%" PRIu64, name, bytes);
    line(out, "%s_human:%s", name, text);
}

/* ---- sections ---- */

static void write_server(struct engine *e, struct buf *out)
{
    struct utsname name = {0};
    uname(&name);
    int64_t up_s = (e->keyspace.now_ms - e->stats.started_at_ms) / 1000;
    line(out, "redis_version:%s", OXQ_REDIS_VERSION);
    line(out, "oxq_version:%s", OXQ_VERSION);
    line(out, "server_name:oxq");
    line(out, "redis_mode:standalone");
    line(out, "os:%s %s %s", name.sysname, name.release, name.machine);
    line(out, "arch_bits:%d", (int)sizeof(void *) * 8);
    line(out, "monotonic_clock:POSIX clock_gettime");
    line(out, "multiplexing_api:libevent");
    line(out, "gcc_version:%d.%d.%d", __GNUC__, __GNUC_MINOR__, __GNUC_PATCHLEVEL__);
    line(out, "process_id:%ld", (long)getpid());
    line(out, "run_id:%s", e->run_id);
    line(out, "tcp_port:%" PRId64, e->config->port);
    line(out, "server_time_usec:%" PRId64, clock_wall_us(e->clock));
    line(out, "uptime_in_seconds:%" PRId64, up_s);
    line(out, "uptime_in_days:%" PRId64, up_s / 86400);
    line(out, "hz:%" PRId64, e->config->hz);
    line(out, "configured_hz:%" PRId64, e->config->hz);
    line(out, "executable:oxq");
    line(out, "config_file:");
}

static void write_clients(struct engine *e, struct buf *out)
{
    size_t pubsub = 0;
    for (struct link *link = e->clients.next; link != &e->clients; link = link->next)
        pubsub += pubsub_count(LINK_OWNER(link, struct engine_client, link)) > 0;
    line(out, "connected_clients:%zu", e->clients_count);
    line(out, "cluster_connections:0");
    line(out, "maxclients:%" PRId64, e->config->max_clients);
    line(out, "blocked_clients:%zu", e->blocked_count);
    line(out, "pubsub_clients:%zu", pubsub);
    line(out, "clients_in_timeout_table:%" PRIu32, e->deadlines.count);
}

static void write_memory(struct engine *e, struct buf *out)
{
    size_t used = engine_memory_used(e), resident = mem_resident();
    if (used > e->stats.peak_memory_bytes) e->stats.peak_memory_bytes = used;
    bytes_lines(out, "used_memory", used);
    bytes_lines(out, "used_memory_rss", resident);
    bytes_lines(out, "used_memory_peak", e->stats.peak_memory_bytes);
    bytes_lines(out, "total_system_memory", (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE));
    bytes_lines(out, "used_memory_lua", engine_script_memory(e));
    bytes_lines(out, "maxmemory", (uint64_t)e->config->max_memory_bytes);
    line(out, "maxmemory_policy:noeviction");
    line(out, "mem_fragmentation_ratio:%.2f", used ? (double)resident / (double)used : 0.0);
    line(out, "mem_allocator:%s", mem_allocator());
    line(out, "lazyfree_pending_objects:%zu", e->keyspace.graveyard.pending_count);
    line(out, "lazyfreed_objects:%zu", e->keyspace.graveyard.freed_count);
    line(out, "number_of_cached_scripts:%zu", engine_script_count(e));
    line(out, "native_script_calls:%" PRIu64, script_host_twin_runs(e->scripts));
}

static void write_loading(struct engine *e, struct buf *out)
{
    uint64_t done, all;
    int64_t started_us;
    load_progress(e->persist->load, &done, &all, &started_us);
    int64_t passed_s = (e->mono_us - started_us) / 1000000;
    double part = all ? (double)done / (double)all : 0;
    int64_t eta_s = part > 0 ? (int64_t)((double)passed_s * (1 - part) / part) : 1;
    line(out, "loading_start_time:%" PRId64, e->keyspace.now_ms / 1000 - passed_s);
    line(out, "loading_total_bytes:%" PRIu64, all);
    line(out, "loading_loaded_bytes:%" PRIu64, done);
    line(out, "loading_loaded_perc:%.2f", part * 100);
    line(out, "loading_eta_seconds:%" PRId64, eta_s > 0 ? eta_s : 1);
}

static void write_journal(struct persist *s, struct buf *out)
{
    struct journal_stats j;
    journal_stats(s->journal, &j);
    line(out, "aof_current_size:%" PRIu64, j.bytes);
    line(out, "journal_state:%s", s->progress.state == JOURNAL_READY ? "ready" : "failed");
    if (s->progress.state == JOURNAL_FAILED) line(out, "journal_failure:%s", s->progress.failure);
    line(out, "journal_has_room:%d", s->progress.has_room);
    line(out, "journal_last_seq:%" PRIu64, journal_last_seq(s->journal));
    line(out, "journal_written_seq:%" PRIu64, s->progress.written_seq);
    line(out, "journal_durable_seq:%" PRIu64, s->progress.durable_seq);
    line(out, "journal_segments:%" PRIu64, j.segments_count);
    line(out, "journal_appended_bytes:%" PRIu64, j.appended_bytes);
    line(out, "journal_backlog_bytes:%zu", journal_backlog_bytes(s->journal));
    line(out, "journal_syncs:%" PRIu64, j.syncs_count);
    line(out, "journal_sync_p50_us:%" PRId64, j.sync_p50_us);
    line(out, "journal_sync_p99_us:%" PRId64, j.sync_p99_us);
}

static void write_checkpoint(struct persist *s, struct buf *out)
{
    struct checkpoint_summary c;
    checkpoint_summary(s->checkpoint, &c);
    line(out, "checkpoint_seq:%" PRIu64, c.seq);
    line(out, "checkpoint_file_bytes:%" PRIu64, c.file_bytes);
    line(out, "checkpoint_last_ms:%" PRId64, s->save.last_ms);
    line(out, "checkpoint_longest_slice_us:%" PRId64, s->save.longest_slice_us);
    line(out, "checkpoint_longest_slice_cpu_us:%" PRId64, s->save.longest_slice_cpu_us);
    line(out, "checkpoint_changed_keys:%zu", tracker_dirty_count(s->tracker));
    line(out, "cold_keys:%zu", tracker_cold_count(s->tracker));
}

/* Redis's names tell monitors what they look for: the journal is what its append-only file is, a checkpoint its RDB. */
static void write_persistence(struct engine *e, struct buf *out)
{
    struct persist *s = e->persist;
    bool is_saving = s && (s->save.state == SAVE_GIVING || s->save.state == SAVE_WRITING);
    bool has_failed = s && s->progress.state == JOURNAL_FAILED;
    line(out, "loading:%d", s && s->load);
    line(out, "async_loading:0");
    if (s && s->load) write_loading(e, out);
    line(out, "rdb_changes_since_last_save:%" PRIu64, e->keyspace.changes_count - (s ? s->save.changes_count : 0));
    line(out, "rdb_bgsave_in_progress:%d", is_saving);
    line(out, "rdb_last_save_time:%" PRId64, (s ? s->save.saved_at_ms : e->stats.started_at_ms) / 1000);
    line(out, "rdb_last_bgsave_status:%s", s && s->save.has_failed ? "err" : "ok");
    line(out, "rdb_last_bgsave_time_sec:%" PRId64, s ? s->save.last_ms / 1000 : -1);
    line(out, "aof_enabled:%d", s != NULL);
    line(out, "aof_rewrite_in_progress:0");
    line(out, "aof_last_bgrewrite_status:ok");
    line(out, "aof_last_write_status:%s", has_failed ? "err" : "ok");
    line(out, "durability:%s", s ? e->config->durability : "none");
    if (!s) return;
    line(out, "loaded_ms:%" PRId64, s->loaded_ms);
    if (s->journal) write_journal(s, out);
    write_checkpoint(s, out);
}

static void write_stats(struct engine *e, struct buf *out)
{
    const struct engine_stats *s = &e->stats;
    line(out, "total_connections_received:%" PRIu64, s->connections);
    line(out, "total_commands_processed:%" PRIu64, s->commands);
    line(out, "instantaneous_ops_per_sec:%" PRIu64, s->ops_per_s);
    line(out, "total_net_input_bytes:%" PRIu64, s->host.input_bytes);
    line(out, "total_net_output_bytes:%" PRIu64, s->host.output_bytes);
    line(out, "rejected_connections:%" PRIu64, s->host.refused_connections);
    line(out, "expired_keys:%" PRIu64, e->keyspace.expired_count);
    line(out, "evicted_keys:0");
    line(out, "keyspace_hits:%" PRIu64, e->keyspace.hits_count);
    line(out, "keyspace_misses:%" PRIu64, e->keyspace.misses_count);
    line(out, "pubsub_channels:%zu", map_count(&e->channels));
    line(out, "pubsub_patterns:%zu", map_count(&e->patterns));
    line(out, "total_error_replies:%" PRIu64, s->errors);
    line(out, "total_reads_processed:%" PRIu64, s->host.reads);
    line(out, "total_writes_processed:%" PRIu64, s->host.writes);
    line(out, "client_query_buffer_limit_disconnections:%" PRIu64, s->host.query_limit);
    line(out, "client_output_buffer_limit_disconnections:%" PRIu64, s->host.output_limit);
}

static void write_replication(struct engine *e, struct buf *out)
{
    line(out, "role:master");
    line(out, "connected_slaves:0");
    line(out, "master_failover_state:no-failover");
    line(out, "master_replid:%s", e->run_id);
    line(out, "master_repl_offset:0");
    line(out, "repl_backlog_active:0");
}

static void write_cpu(struct engine *e, struct buf *out)
{
    (void)e;
    struct rusage self = {0};
    getrusage(RUSAGE_SELF, &self);
    line(out, "used_cpu_sys:%ld.%06ld", (long)self.ru_stime.tv_sec, (long)self.ru_stime.tv_usec);
    line(out, "used_cpu_user:%ld.%06ld", (long)self.ru_utime.tv_sec, (long)self.ru_utime.tv_usec);
}

static void write_commandstats(struct engine *e, struct buf *out)
{
    for (size_t i = 0; i < e->table.count; i++) {
        const struct cmd_slot *slot = e->table.slots[i];
        const struct cmd_stats *s = &slot->stats;
        if (s->calls == 0 && s->rejected == 0) continue;
        line(out,
             "cmdstat_%s:calls=%" PRIu64 ",usec=%" PRIu64 ",usec_per_call=%.2f,rejected_calls=%" PRIu64
             ",failed_calls=%" PRIu64,
             slot->name, s->calls, s->us, s->calls ? (double)s->us / (double)s->calls : 0.0, s->rejected, s->failed);
    }
}

static void write_errorstats(struct engine *e, struct buf *out)
{
    struct map_iter it;
    map_iter_begin(&it, &e->error_stats);
    for (struct map_node *node = map_iter_next(&it); node; node = map_iter_next(&it)) {
        const struct error_stat *stat = (const struct error_stat *)node;
        line(out, "errorstat_%s:count=%" PRIu64, stat->code, stat->count);
    }
    map_iter_end(&it);
}

static void write_cluster(struct engine *e, struct buf *out)
{
    (void)e;
    line(out, "cluster_enabled:0");
}

static void write_keyspace(struct engine *e, struct buf *out)
{
    for (uint32_t i = 0; i < KEYSPACE_DBS_COUNT; i++) {
        const struct db *db = &e->keyspace.dbs[i];
        if (db_count(db) == 0) continue;
        line(out, "db%u:keys=%zu,expires=%u,avg_ttl=0", i, db_count(db), db->expiries.count);
    }
}

struct section {
    const char *name;  /* as asked for, lower case */
    const char *title; /* as shown */
    void (*write)(struct engine *e, struct buf *out);
    bool is_default; /* part of a plain INFO */
};

static const struct section sections[] = {
    {"server", "Server", write_server, true},
    {"clients", "Clients", write_clients, true},
    {"memory", "Memory", write_memory, true},
    {"persistence", "Persistence", write_persistence, true},
    {"stats", "Stats", write_stats, true},
    {"replication", "Replication", write_replication, true},
    {"cpu", "CPU", write_cpu, true},
    {"commandstats", "Commandstats", write_commandstats, false},
    {"errorstats", "Errorstats", write_errorstats, true},
    {"cluster", "Cluster", write_cluster, true},
    {"keyspace", "Keyspace", write_keyspace, true},
};

static bool is_wanted(const struct section *section, const struct slice *names, int count)
{
    if (count == 0) return section->is_default;
    for (int i = 0; i < count; i++) {
        if (slice_is(names[i], section->name) || slice_is(names[i], "all") || slice_is(names[i], "everything"))
            return true;
        if (slice_is(names[i], "default") && section->is_default) return true;
    }
    return false;
}

void info_write(struct engine *e, const struct slice *names, int count, struct buf *out)
{
    out->limit_bytes = INFO_MAX_BYTES;
    for (size_t i = 0; i < sizeof(sections) / sizeof(sections[0]); i++) {
        if (!is_wanted(&sections[i], names, count)) continue;
        if (out->len) line(out, "%s", "");
        line(out, "# %s", sections[i].title);
        sections[i].write(e, out);
    }
}
