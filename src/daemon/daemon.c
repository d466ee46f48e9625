/* SPDX-License-Identifier: MIT */
/*
 * Start: configuration, the rule against being open to the world, signals, the host (the folder with its lock, the engine, the
 * sockets). From then on clients are served, with LOADING until the data is there; then READY. Whatever stops it is one line
 * on standard error that says what to do about it, and exit code 2.
 *
 * End: SIGTERM, SIGINT or SHUTDOWN let the turn finish, replies leave, the journal is synced, a last checkpoint is written where
 * that is quick, and the process ends with 0; with 1 when the journal had failed. Where a script runs that
 * does not end, a second signal ends it at once with 1, and SHUTDOWN NOSAVE with 0.
 */
#include "daemon/daemon.h"

#include "daemon/options.h"
#include "embed/host.h"
#include "net/memory.h"
#include "os/clock.h"
#include "os/log.h"
#include "os/process.h"
#include "os/signals.h"
#include "oxq/version.h"
#include "server/server.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct daemon {
    struct config config;
    struct options options;
    struct embed_host *host; /* owned */
    int signals_fd;          /* owned */
    bool is_stopping;
    int exit_code;
};

static int refuse(const char *text, const char *mend)
{
    fprintf(stderr, "oxq: %s%s%s\n", text, mend[0] ? ": " : "", mend);
    return DAEMON_REFUSED;
}

/* ---------------------------------------------------------------- start */

static oxq_err check_open(const struct config *c, struct oxq_error *err)
{
    if (c->password[0] || !config_is_open(c)) return OXQ_OK;
    return err_set(
        err, OXQ_ERR_CONFIG,
        "refusing to listen on %.64s without a password, since whoever reaches it could read and change all jobs: "
        "set --password or OXQ_PASSWORD, or --bind 127.0.0.1",
        c->bind);
}

/* What a person may do about it. */
static const char *find_mend(enum embed_host_step step, oxq_err e)
{
    static const struct {
        enum embed_host_step step;
        oxq_err code;
        const char *mend;
    } mends[] = {
        {EMBED_HOST_DATA, OXQ_ERR_EXISTS, "stop it, or choose another folder with --dir"},
        {EMBED_HOST_DATA, OXQ_ERR_FORMAT, "oxq check shows what is wrong"},
        {EMBED_HOST_DATA, OXQ_ERR_NEWER, "start it with that version, or restore a backup that is older"},
        {EMBED_HOST_LISTEN, OXQ_ERR_ADDRESS_IN_USE,
         "stop what listens there, or choose another place with --port or --unix"},
        {EMBED_HOST_LISTEN, OXQ_ERR_NOT_FOUND, "choose one of its own with --bind"},
        {EMBED_HOST_LISTEN, OXQ_ERR_PERMISSION,
         "choose a port from 1024 on with --port, or a path that this user may write to with --unix"},
        {EMBED_HOST_LISTEN, OXQ_ERR_CONFIG, "set --port or --unix"},
    };
    for (size_t i = 0; i < sizeof(mends) / sizeof(mends[0]); i++) {
        if (mends[i].step == step && mends[i].code == e) return mends[i].mend;
    }
    return step == EMBED_HOST_FOLDER ? "choose a folder of its own with --dir" : "";
}

static void notify(const char *state)
{
    struct oxq_error err;
    if (process_notify(state, &err) != OXQ_OK)
        log_event(LOG_WARNING, "the service manager could not be told", log_text("reason", err.text));
}

/* Without waiting for the request that runs. */
static _Noreturn void end_now(struct daemon *d, const char *reason, int code)
{
    log_event(LOG_WARNING, "ending at once", log_text("reason", reason));
    embed_host_abandon(d->host);
    _exit(code);
}

static void on_abandon(void *ctx)
{
    end_now(ctx, "SHUTDOWN NOSAVE while a script runs past its time", DAEMON_OK);
}

static void on_signal(void *ctx)
{
    struct daemon *d = ctx;
    int number;
    while ((number = signals_take(d->signals_fd)) != 0) {
        if (d->is_stopping) end_now(d, signals_name(number), DAEMON_FAILED);
        d->is_stopping = true;
        log_event(LOG_INFO, "stopping", log_text("signal", signals_name(number)));
        if (embed_host_is_busy(d->host))
            log_event(LOG_WARNING, "a script runs past its time",
                      log_text("mend", "SCRIPT KILL or SHUTDOWN NOSAVE ends it, and so does a second signal"));
        notify("STOPPING=1");
        embed_host_stop(d->host);
    }
}

static void tell_ready(const struct daemon *d);

/* What is damaged is not served: the line says what it is, and oxq check shows all of it. Nor is half of what needs more memory. */
static void on_loaded(void *ctx, const struct oxq_error *err)
{
    struct daemon *d = ctx;
    if (!err) {
        tell_ready(d);
        return;
    }
    log_event(LOG_ERROR, "the data cannot be loaded", log_text("reason", err->text),
              log_text("mend", err->code == OXQ_ERR_FORMAT ? "oxq check --repair on the data folder"
                                                           : "see to that and start it again: the data is as it was"));
    d->exit_code = DAEMON_REFUSED;
    embed_host_stop(d->host);
}

/* LMDB's files are mapped. */
static void tell_bus(const char *dir)
{
    char line[PATH_MAX + 256];
    snprintf(
        line, sizeof(line),
        "oxq: %s/checkpoint: a file could not be read: its disk failed, or somebody cut it short: see to the disk and start it again, "
        "oxq check shows what is damaged",
        dir);
    signals_tell_bus(line);
}

static oxq_err open_all(struct daemon *d, const char **out_mend, struct oxq_error *err)
{
    *out_mend = "";
    oxq_err e = check_open(&d->config, err);
    if (!e) e = signals_open(&d->signals_fd, err);
    if (e) return e;
    if (!config_is_in_memory(&d->config)) tell_bus(d->config.dir);
    struct embed_host_opts opts = {.config = &d->config, .abandon = on_abandon, .loaded = on_loaded, .ctx = d};
    enum embed_host_step step;
    e = embed_host_open(&opts, &d->host, &step, err);
    if (e) *out_mend = find_mend(step, e);
    if (!e) embed_host_watch(d->host, d->signals_fd, on_signal, d);
    return e;
}

static void close_all(struct daemon *d)
{
    embed_host_free(d->host);
    if (d->signals_fd >= 0) close(d->signals_fd);
    config_deinit(&d->config);
}

/* What is promised and not there yet is said, not passed over. */
static void tell_missing(const struct config *c)
{
    if (c->http_port)
        log_event(LOG_INFO, "HTTP is not in this version, nothing listens on its port", log_int("port", c->http_port));
}

static void tell_unknown(void *ctx, const char *name, const char *nearest)
{
    (void)ctx;
    if (nearest[0])
        log_event(LOG_WARNING, "a variable is no parameter and has no effect", log_text("name", name),
                  log_text("nearest", nearest));
    else
        log_event(LOG_WARNING, "a variable is no parameter and has no effect", log_text("name", name));
}

static void tell_ready(const struct daemon *d)
{
    const struct config *c = &d->config;
    log_event(LOG_INFO, "ready", log_text("version", OXQ_VERSION), log_int("pid", getpid()),
              log_int("port", embed_host_port(d->host)), log_text("bind", c->bind), log_text("unix", c->unix_path),
              log_text("dir", c->dir), log_text("config", d->options.file ? d->options.file : "none"));
    notify("READY=1");
}

/* ---------------------------------------------------------------- */

static void print_help(void)
{
    puts(
        "Usage: oxq serve [flags]\n"
        "\n"
        "Serves the Redis protocol for BullMQ and other clients until SIGTERM. A flag may be written --name value or\n"
        "--name=value, as OXQ_NAME in the environment, or as name: value in oxq.yaml; the first of these that is there holds.\n");
    printf("  %-36s %s\n", "--config <file>", "read this file; otherwise oxq.yaml if it is there");
    printf("  %-36s %s\n", "--print-config", "show all values and where each came from, and end");
    printf("  %-36s %s\n", "--json", "of --print-config: one object, for programs");
    options_print_flags(stdout);
    puts("\nA <size> is a number of bytes or one with kb, mb or gb.");
}

static int print_config(const struct config *c, const struct options *o)
{
    OWNED(buf_deinit) struct buf json = {.limit_bytes = SIZE_MAX};
    if (!o->is_json) {
        options_print(c, o, stdout);
        return DAEMON_OK;
    }
    if (options_print_json(c, o, &json) != OXQ_OK) return refuse("not enough memory for the list", "");
    printf("%.*s\n", (int)json.len, json.at);
    return DAEMON_OK;
}

static int run(struct daemon *d)
{
    struct oxq_error err;
    const char *mend;
    log_start(STDERR_FILENO, os_clock());
    server_set_log(&d->config);
    options_find_unknown(environ, tell_unknown, NULL);
    if (open_all(d, &mend, &err) != OXQ_OK) return refuse(err.text, mend);
    tell_missing(&d->config);
    if (config_is_in_memory(&d->config)) {
        log_event(LOG_WARNING, "nothing is kept on disk: all data is gone when the server ends",
                  log_text("durability", d->config.durability));
        tell_ready(d);
    }
    if (!embed_host_run(d->host)) d->exit_code = DAEMON_FAILED;
    log_event(LOG_INFO, "stopped", log_int("pid", getpid()), log_int("code", d->exit_code));
    return d->exit_code;
}

int daemon_serve(int argc, char **argv)
{
    struct daemon d = {.signals_fd = -1};
    struct oxq_error err;
    int code = DAEMON_OK;
    net_adopt_memory();
    config_init(&d.config);
    if (options_load(&d.config, argc, argv, getenv, &d.options, &err) != OXQ_OK)
        code = refuse(err.text, "");
    else if (d.options.is_help)
        print_help();
    else if (d.options.is_print)
        code = print_config(&d.config, &d.options);
    else if (d.options.is_json)
        code = refuse("--json is for --print-config", "the form of the log is --log-format json");
    else
        code = run(&d);
    close_all(&d);
    return code;
}

int daemon_print_config(int argc, char **argv)
{
    struct config config;
    struct options options;
    struct oxq_error err;
    int code = DAEMON_OK;
    config_init(&config);
    if (options_load(&config, argc, argv, getenv, &options, &err) != OXQ_OK)
        code = refuse(err.text, "");
    else
        code = print_config(&config, &options);
    config_deinit(&config);
    return code;
}
