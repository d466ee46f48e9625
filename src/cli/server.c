/* SPDX-License-Identifier: MIT */
#include "cli/cli.h"

#include "base/num.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

const char cli_server_flags[] =
    "  --url <url>        redis://[:password@]host:port, rediss://..., unix:///path or /path; otherwise OXQ_URL,\n"
    "                     otherwise redis://127.0.0.1:7700\n"
    "  --port <number>    short for --url redis://127.0.0.1:<number>\n"
    "  --password <text>  when the URL has none; otherwise OXQ_PASSWORD\n"
    "  --timeout <ms>     how long to wait for the server, 5000\n"
    "  --tls-ca <file>    whom to trust, for rediss://\n"
    "  --tls-cert <file>  our own certificate, and\n"
    "  --tls-key <file>   its key, where the server wants one";

int cli_take_server(int *argc, char **argv, struct cli_server *out, const struct cli_flag *own, size_t own_count)
{
    *out = (struct cli_server){0};
    const struct cli_flag known[] = {
        {"--url", &out->url, NULL},         {"--port", &out->port, NULL},     {"--password", &out->password, NULL},
        {"--timeout", &out->timeout, NULL}, {"--tls-ca", &out->tls_ca, NULL}, {"--tls-cert", &out->tls_cert, NULL},
        {"--tls-key", &out->tls_key, NULL}, {"--help", NULL, &out->is_help},
    };
    struct cli_flag all[CLI_FLAGS_MAX];
    size_t count = 0;
    CHECK(own_count + sizeof(known) / sizeof(known[0]) <= CLI_FLAGS_MAX);
    for (size_t i = 0; i < own_count; i++) all[count++] = own[i];
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) all[count++] = known[i];
    return cli_take_flags(argc, argv, all, count);
}

static const char *or_variable(const char *value, const char *name)
{
    return value ? value : getenv(name);
}

int cli_find_url(const char *url, const char *port, char *room, const char **out)
{
    int64_t number;
    if (url && port) return cli_refuse("--url and --port exclude each other");
    if (port && (!num_parse_int(slice_from_text(port), &number) || number < 1 || number > UINT16_MAX))
        return cli_refuse("--port %s: it must be a number from 1 to 65535", port);
    if (port) snprintf(room, CLI_URL_OF_PORT_MAX, "redis://127.0.0.1:%s", port);
    const char *found = port ? room : or_variable(url, "OXQ_URL");
    *out = found && found[0] ? found : NULL;
    return CLI_OK;
}

static int find_timeout(const struct cli_server *f, int64_t *out)
{
    *out = CLI_TIMEOUT_MS_DEFAULT;
    if (f->timeout && (!num_parse_int(slice_from_text(f->timeout), out) || *out <= 0))
        return cli_refuse("--timeout %s: it must be a number of milliseconds", f->timeout);
    return CLI_OK;
}

int cli_connect(const struct cli_server *s, struct client_line **out)
{
    char room[CLI_URL_OF_PORT_MAX];
    struct oxq_error err;
    struct client *client;
    struct client_opts opts = {.password = or_variable(s->password, "OXQ_PASSWORD"),
                               .tls_ca = or_variable(s->tls_ca, "OXQ_TLS_CA"),
                               .tls_cert = s->tls_cert,
                               .tls_key = s->tls_key,
                               .attempts = 1};
    int code = cli_find_url(s->url, s->port, room, &opts.url);
    if (!code) code = find_timeout(s, &opts.timeout_ms);
    if (code) return code;
    if (!opts.url) opts.url = CLI_SERVER_DEFAULT;
    opts.connect_timeout_ms = opts.timeout_ms;
    oxq_err e = client_new(&opts, &client, &err);
    /* Not the URL itself: it may hold a password. */
    if (e == OXQ_ERR_ARGUMENT) return cli_refuse("the URL cannot be used: %s", err.text);
    if (e) return cli_fail("%s", err.text);
    *out = client_line_new(client, SLICE_LIT(""));
    return client_line_connect(*out, &err) == OXQ_OK ? CLI_OK : cli_fail("%s", err.text);
}

void cli_disconnect(struct client_line *line)
{
    if (!line) return;
    struct client *client = client_line_client(line);
    client_line_free(line);
    client_free(client);
}

int cli_read_db(const char *text, int *out)
{
    int64_t db = -1;
    if (text && (!num_parse_int(slice_from_text(text), &db) || db < 0 || db > INT_MAX))
        return cli_refuse("--db %s: it must be the number of a database", text);
    *out = (int)db;
    return CLI_OK;
}

int cli_select_db(struct client_line *line, int db)
{
    if (db < 0) return CLI_OK;
    char digits[NUM_INT_MAX_CHARS];
    struct resp_value reply = {0};
    struct oxq_error err;
    struct slice argv[] = {SLICE_LIT("SELECT"), slice_of(digits, num_format_int(digits, db))};
    struct client_command select = {.argv = argv, .argc = 2};
    if (client_line_call(line, &select, 0, &reply, &err) != OXQ_OK) return cli_fail("%s", err.text);
    if (reply.kind == RESP_ERROR) return cli_fail("the server answers: %.*s", (int)reply.text.len, reply.text.at);
    return CLI_OK;
}
