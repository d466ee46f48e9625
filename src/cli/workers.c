/* SPDX-License-Identifier: MIT */
/*
 * oxq workers: who is connected to take jobs of a queue, and how many each is at. Connections are told by the server; which jobs run where, the
 * jobs themselves say, when their worker has a name.
 */
#include "base/mem.h"
#include "cli/store.h"
#include "cli/table.h"
#include "cli/text.h"
#include "os/clock.h"

#include <stdio.h>
#include <string.h>

/* Active jobs that are looked at. */
#define ACTIVE_MAX 10000
#define LINE_BYTES_MAX ((size_t)1 << 30)

static const char help[] = "Usage: oxq workers QUEUE [flags]\n\n"
                           "The workers that are connected to a queue: how many connections each has, from where, and\n"
                           "how long none of them has said anything; how many jobs it runs and how long the oldest of\n"
                           "them has run. Workers without a name are counted together.\n";

static const struct table_column columns[] = {
    {"WORKER", false}, {"CONNECTIONS", true}, {"HOST", false}, {"IDLE", true}, {"ACTIVE", true}, {"LONGEST", true}, {0},
};

struct worker_row {
    const char *name; /* in the arena; "": those without one */
    size_t connections;
    const char *host; /* in the arena: of the first; NULL without connections */
    const char *last_host;
    size_t more_hosts; /* than that of the first */
    int64_t idle_s;    /* of the one that spoke last */
    int64_t active, since_ms;
};

struct workers {
    struct arena arena;
    oxq_workers *connected;  /* owned */
    struct worker_row *rows; /* owned */
    size_t count, cap;
};

static void deinit(struct workers *w)
{
    arena_deinit(&w->arena);
    oxq_workers_free(w->connected);
    mem_free(w->rows);
}

static struct worker_row *row_of(struct workers *w, const char *name)
{
    for (size_t i = 0; i < w->count; i++) {
        if (strcmp(w->rows[i].name, name) == 0) return &w->rows[i];
    }
    if (w->count == w->cap) {
        w->cap = w->cap ? w->cap * 2 : 16;
        w->rows = mem_resize(w->rows, w->cap * sizeof(*w->rows));
    }
    w->rows[w->count] = (struct worker_row){.name = arena_copy_text(&w->arena, slice_from_text(name))};
    return &w->rows[w->count++];
}

/* Without the port. */
static const char *host_of(struct arena *arena, const char *address)
{
    const char *colon = strrchr(address, ':');
    return arena_copy_text(arena, slice_of(address, colon ? (size_t)(colon - address) : strlen(address)));
}

/* They come by address, so that those of one host are neighbours. */
static void add_connection(struct workers *w, const struct oxq_worker_connection *c)
{
    struct worker_row *row = row_of(w, c->name);
    const char *host = host_of(&w->arena, c->address);
    bool is_other = row->host && strcmp(row->last_host, host) != 0;
    if (is_other) row->more_hosts++;
    if (!row->host) row->host = host;
    row->last_host = host;
    if (row->connections == 0 || c->idle_s < row->idle_s) row->idle_s = c->idle_s;
    row->connections++;
}

static oxq_err read_connections(struct workers *w, oxq_queue *queue, struct oxq_error *err)
{
    oxq_err e = oxq_queue_workers(queue, &w->connected, err);
    for (size_t i = 0; !e && i < oxq_workers_count(w->connected); i++)
        add_connection(w, oxq_workers_at(w->connected, i));
    return e;
}

static oxq_err read_active(struct workers *w, oxq_queue *queue, struct oxq_error *err)
{
    oxq_list *list;
    oxq_job *job = NULL;
    struct oxq_list_opts opts = {.states = 1u << OXQ_STATE_ACTIVE, .count = ACTIVE_MAX, .without_data = true};
    oxq_err e = oxq_queue_list(queue, &opts, &list, err);
    if (e) return e;
    while (!(e = oxq_list_next(list, &job, NULL, err)) && job) {
        const struct oxq_job_fields *f = oxq_job_fields(job);
        struct worker_row *row = row_of(w, f->processed_by ? f->processed_by : "");
        row->active++;
        if (f->processed_ms && (!row->since_ms || f->processed_ms < row->since_ms)) row->since_ms = f->processed_ms;
    }
    oxq_list_free(list);
    return e;
}

static void write_connections(struct json_writer *w, const oxq_workers *connected, const char *name)
{
    json_write_name(w, "clients");
    json_write_open(w, '[');
    for (size_t i = 0; i < oxq_workers_count(connected); i++) {
        const struct oxq_worker_connection *c = oxq_workers_at(connected, i);
        if (strcmp(c->name, name) != 0) continue;
        json_write_open(w, '{');
        text_write(w, "address", c->address);
        json_write_name(w, "age");
        json_write_integer(w, c->age_s);
        json_write_name(w, "idle");
        json_write_integer(w, c->idle_s);
        json_write_close(w, '}');
    }
    json_write_close(w, ']');
}

static int print_json(const struct workers *workers, const struct worker_row *row)
{
    OWNED(buf_deinit) struct buf line = {.limit_bytes = LINE_BYTES_MAX};
    struct json_writer w = {.out = &line};
    json_write_open(&w, '{');
    text_write(&w, "name", row->name[0] ? row->name : NULL);
    json_write_name(&w, "connections");
    json_write_integer(&w, (int64_t)row->connections);
    write_connections(&w, workers->connected, row->name);
    json_write_name(&w, "active");
    json_write_integer(&w, row->active);
    json_write_some_integer(&w, "activeSince", row->since_ms);
    json_write_close(&w, '}');
    return text_end_line(&w);
}

static void print_connections(struct table *t, const struct worker_row *row)
{
    char text[TABLE_TEXT_CHARS];
    table_cell(t, "%s", row->name[0] ? row->name : "(no name)");
    table_cell(t, "%zu", row->connections);
    if (row->more_hosts > 0)
        table_cell(t, "%s and %zu more", row->host, row->more_hosts);
    else
        table_cell(t, "%s", row->host ? row->host : "-");
    table_cell(t, "%s", row->host ? table_duration(row->idle_s * 1000, text) : "-");
}

static int print_all(const struct cli_store *s, const struct workers *w)
{
    OWNED(table_deinit) struct table t = {0};
    char text[TABLE_TEXT_CHARS];
    int code = CLI_OK;
    int64_t now_ms = clock_wall_ms(os_clock());
    table_init(&t, columns);
    for (size_t i = 0; i < w->count && !code; i++) {
        const struct worker_row *row = &w->rows[i];
        if (s->is_json) {
            code = print_json(w, row);
            continue;
        }
        print_connections(&t, row);
        table_cell(&t, "%lld", (long long)row->active);
        table_cell(&t, "%s", row->since_ms ? table_duration(now_ms - row->since_ms, text) : "-");
    }
    table_flush(&t);
    if (w->count == 0 && !s->is_json) fputs("no workers\n", stderr);
    return code;
}

int cli_workers(int argc, char **argv)
{
    OWNED(cli_store_deinit) struct cli_store s = {0};
    OWNED(deinit) struct workers w = {0};
    struct oxq_error err;
    int code = cli_take_store(&argc, argv, &s, NULL, 0);
    if (code) return code;
    if (s.is_help) return cli_print_help(help);
    if (argc != 1) return cli_refuse("workers takes the name of a queue: oxq workers QUEUE");
    code = cli_open_queue(&s, argv[0]);
    if (!code) code = cli_result(read_connections(&w, s.queue, &err), &err);
    if (!code) code = cli_result(read_active(&w, s.queue, &err), &err);
    return code ? code : print_all(&s, &w);
}
