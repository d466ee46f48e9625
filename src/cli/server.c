/* SPDX-License-Identifier: MIT */
#include "cli/cli.h"

#include "base/nearest.h"
#include "base/num.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TIMEOUT_MS_DEFAULT 5000

const char cli_server_flags[] =
    "  --url <url>        redis://[:password@]host:port, rediss://..., unix:///path or /path; otherwise OXQ_URL,\n"
    "                     otherwise redis://127.0.0.1:7700\n"
    "  --port <number>    short for --url redis://127.0.0.1:<number>\n"
    "  --password <text>  when the URL has none; otherwise OXQ_PASSWORD\n"
    "  --timeout <ms>     how long to wait for the server, 5000\n"
    "  --tls-ca <file>    whom to trust, for rediss://\n"
    "  --tls-cert <file>  our own certificate, and\n"
    "  --tls-key <file>   its key, where the server wants one";

static const struct {
    const char *name;
    size_t offset;
} known[] = {
    {"--url", offsetof(struct cli_server, url)},           {"--port", offsetof(struct cli_server, port)},
    {"--password", offsetof(struct cli_server, password)}, {"--timeout", offsetof(struct cli_server, timeout)},
    {"--tls-ca", offsetof(struct cli_server, tls_ca)},     {"--tls-cert", offsetof(struct cli_server, tls_cert)},
    {"--tls-key", offsetof(struct cli_server, tls_key)},
};

#define KNOWN_COUNT (sizeof(known) / sizeof(known[0]))

static int refuse_flag(const char *flag)
{
    struct nearest n = nearest_to(slice_of(flag, strcspn(flag, "=")));
    for (size_t i = 0; i < KNOWN_COUNT; i++) nearest_offer(&n, known[i].name);
    if (n.best) return cli_refuse("unknown flag %s: did you mean %s?", flag, n.best);
    return cli_refuse("unknown flag %s", flag);
}

/* The field for a flag, and its value when it stands behind a '='. */
static const char **find_field(struct cli_server *f, const char *arg, const char **out_value)
{
    size_t len = strcspn(arg, "=");
    for (size_t i = 0; i < KNOWN_COUNT; i++) {
        if (strlen(known[i].name) != len || strncmp(arg, known[i].name, len) != 0) continue;
        *out_value = arg[len] ? arg + len + 1 : NULL;
        return (const char **)((char *)f + known[i].offset);
    }
    return NULL;
}

int cli_take_server(int *argc, char **argv, struct cli_server *out)
{
    *out = (struct cli_server){0};
    int kept = 0;
    bool is_over = false;
    for (int i = 0; i < *argc; i++) {
        bool is_short_help = strcmp(argv[i], "-h") == 0;
        if (is_over || (strncmp(argv[i], "--", 2) != 0 && !is_short_help)) {
            argv[kept++] = argv[i];
            continue;
        }
        is_over = strcmp(argv[i], "--") == 0;
        out->is_help |= is_short_help || strcmp(argv[i], "--help") == 0;
        if (is_over || out->is_help) continue;
        const char *value;
        const char **field = find_field(out, argv[i], &value);
        if (!field) return refuse_flag(argv[i]);
        if (!value && i + 1 == *argc) return cli_refuse("%s needs a value", argv[i]);
        *field = value ? value : argv[++i];
    }
    *argc = kept;
    return CLI_OK;
}

static const char *or_variable(const char *value, const char *name)
{
    return value ? value : getenv(name);
}

/* The URL from --url, --port, OXQ_URL or the default. */
static int find_url(const struct cli_server *f, struct client_url *out)
{
    char text[64];
    struct oxq_error err;
    if (f->url && f->port) return cli_refuse("--url and --port exclude each other");
    const char *url = f->port ? NULL : or_variable(f->url, "OXQ_URL");
    if (!url || !url[0]) {
        snprintf(text, sizeof(text), "redis://127.0.0.1:%s", f->port ? f->port : "7700");
        url = text;
    }
    /* Not the URL itself: it may hold a password. */
    if (client_url_parse(url, out, &err) != OXQ_OK) return cli_refuse("the URL cannot be used: %s", err.text);
    return CLI_OK;
}

static int find_timeout(const struct cli_server *f, int64_t *out)
{
    *out = TIMEOUT_MS_DEFAULT;
    if (f->timeout && (!num_parse_int(slice_from_text(f->timeout), out) || *out <= 0))
        return cli_refuse("--timeout %s: it must be a number of milliseconds", f->timeout);
    return CLI_OK;
}

int cli_connect(const struct cli_server *s, struct client_link **out)
{
    struct client_url url;
    struct oxq_error err;
    struct client_link_opts opts = {.url = &url,
                                    .password = or_variable(s->password, "OXQ_PASSWORD"),
                                    .tls_ca = or_variable(s->tls_ca, "OXQ_TLS_CA"),
                                    .tls_cert = s->tls_cert,
                                    .tls_key = s->tls_key};
    int code = find_url(s, &url);
    if (!code) code = find_timeout(s, &opts.timeout_ms);
    if (code) return code;
    return client_link_open(&opts, out, &err) == OXQ_OK ? CLI_OK : cli_fail("%s", err.text);
}
