/* SPDX-License-Identifier: MIT */
#include "cli/store.h"

#include "base/num.h"
#include "client/url.h"
#include "os/log.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#define FOLDER_DEFAULT "./oxq-data"
/* Longer is a mistake, and what is added to now stays far from where numbers end. */
#define SPAN_MS_MAX ((int64_t)366 * 24 * 3600 * 1000)

const char cli_store_flags[] =
    "Where the jobs are, and how they are printed:\n"
    "  --url <url>        file:DIR, redis://[[user]:password@]host[:port][/db], rediss://..., unix:PATH,\n"
    "                     redis+sentinel://host:port,.../master or redis+cluster://host:port,...; otherwise OXQ_URL,\n"
    "                     otherwise file:./oxq-data where that folder is, otherwise redis://127.0.0.1:7700\n"
    "  --port <number>    short for --url redis://127.0.0.1:<number>\n"
    "  --prefix <text>    of all keys, bull; in a cluster with a hash tag: {bull}\n"
    "  --password <text>  when the URL has none; otherwise OXQ_PASSWORD\n"
    "  --timeout <ms>     how long to wait for the store, 5000\n"
    "  --tls-ca <file>    whom to trust, for rediss://\n"
    "  --tls-cert <file>  our own certificate, and\n"
    "  --tls-key <file>   its key, where the server wants one\n"
    "  --json             one JSON object a line, for programs";

int cli_take_store(int *argc, char **argv, struct cli_store *out, const struct cli_flag *own, size_t own_count)
{
    *out = (struct cli_store){0};
    const struct cli_flag known[] = {
        {"--url", &out->url, NULL},           {"--port", &out->port, NULL},       {"--prefix", &out->prefix, NULL},
        {"--password", &out->password, NULL}, {"--timeout", &out->timeout, NULL}, {"--tls-ca", &out->tls_ca, NULL},
        {"--tls-cert", &out->tls_cert, NULL}, {"--tls-key", &out->tls_key, NULL}, {"--json", NULL, &out->is_json},
        {"--help", NULL, &out->is_help},
    };
    struct cli_flag all[CLI_FLAGS_MAX];
    size_t count = 0, known_count = sizeof(known) / sizeof(known[0]);
    CHECK(own_count + known_count <= CLI_FLAGS_MAX);
    for (size_t i = 0; i < own_count; i++) all[count++] = own[i];
    for (size_t i = 0; i < known_count; i++) all[count++] = known[i];
    return cli_take_flags(argc, argv, all, count);
}

/* While the store is being opened, one is kept back: when that fails, the error says it. */
static void warn(void *ctx, const char *text)
{
    struct cli_store *s = ctx;
    if (log_is_on(LOG_WARNING))
        log_event(LOG_WARNING, "store", log_text("reason", text));
    else if (s->is_open)
        cli_tell("warning: %s", text);
    else
        snprintf(s->warning, sizeof(s->warning), "%s", text);
}

static oxq_err try_open(struct cli_store *s, const char *url, int64_t timeout_ms, struct oxq_error *err)
{
    const char *password = s->password ? s->password : getenv("OXQ_PASSWORD");
    /* A server that is not there is told at once. A folder's host comes and goes with each of its processes: there, the default's patience. */
    bool is_folder = strncasecmp(url, "file:", 5) == 0;
    struct oxq_opts opts = {.prefix = s->prefix,
                            .password = password,
                            .tls_ca = s->tls_ca ? s->tls_ca : getenv("OXQ_TLS_CA"),
                            .tls_cert = s->tls_cert,
                            .tls_key = s->tls_key,
                            .timeout_ms = timeout_ms,
                            .attempts = is_folder ? 0 : 1,
                            .on_warning = warn,
                            .ctx = s};
    s->warning[0] = '\0';
    oxq_err e = oxq_open(url, &opts, &s->store, err);
    if (!e) e = oxq_ping(s->store, err);
    if (e) {
        oxq_close(s->store);
        s->store = NULL;
        return e;
    }
    s->is_open = true;
    s->opened_url = url;
    if (s->warning[0]) warn(s, s->warning);
    return OXQ_OK;
}

/* Nobody said where: a folder here, or the server of this machine, or, for who may make one, a new folder. */
static int open_default(struct cli_store *s, int64_t timeout_ms)
{
    struct stat st;
    struct oxq_error err;
    bool has_folder = stat(FOLDER_DEFAULT, &st) == 0;
    oxq_err e = try_open(s, has_folder ? "file:" FOLDER_DEFAULT : CLI_SERVER_DEFAULT, timeout_ms, &err);
    if (!e || has_folder || e != OXQ_ERR_UNREACHABLE) return cli_result(e, &err);
    if (s->makes_store) return cli_result(try_open(s, "file:" FOLDER_DEFAULT, timeout_ms, &err), &err);
    return cli_fail("there is no folder " FOLDER_DEFAULT
                    " here and no server on 127.0.0.1:7700: say with --url or OXQ_URL "
                    "where the jobs are, or start `oxq serve`");
}

/* Who only looks at a folder, or changes what is in it, makes none by a slip of the pen. */
static int refuse_missing_folder(const char *url)
{
    struct stat st;
    char path[PATH_MAX];
    if (strncmp(url, "file:", 5) != 0) return CLI_OK;
    const char *begin = strncmp(url, "file://", 7) == 0 ? url + 7 : url + 5;
    size_t len = strcspn(begin, "?");
    snprintf(path, sizeof(path), "%.*s", (int)(len < sizeof(path) ? len : 0), begin);
    if (!client_url_decode(path) || !path[0] || stat(path, &st) == 0 || errno != ENOENT) return CLI_OK;
    return cli_fail("there is no folder %s: oxq add, oxq schedule and oxq work make one", path);
}

int cli_open(struct cli_store *s)
{
    int64_t timeout_ms = CLI_TIMEOUT_MS_DEFAULT;
    int code = cli_read_number("--timeout", s->timeout, 1, INT32_MAX, &timeout_ms);
    if (code) return code;
    const char *url;
    code = cli_find_url(s->url, s->port, s->url_of_port, &url);
    if (code) return code;
    if (!url) return open_default(s, timeout_ms);
    code = s->makes_store ? CLI_OK : refuse_missing_folder(url);
    if (code) return code;
    struct oxq_error err;
    return cli_result(try_open(s, url, timeout_ms, &err), &err);
}

int cli_open_queue(struct cli_store *s, const char *name)
{
    int code = s->store ? CLI_OK : cli_open(s);
    if (code) return code;
    struct oxq_error err;
    return cli_result(oxq_queue_open(s->store, name, NULL, &s->queue, &err), &err);
}

void cli_store_deinit(struct cli_store *s)
{
    oxq_queue_close(s->queue);
    oxq_close(s->store);
    s->queue = NULL;
    s->store = NULL;
}

/* ---------------------------------------------------------------- what is printed */

int cli_print_help(const char *text)
{
    printf("%s\n%s\n", text, cli_store_flags);
    return CLI_OK;
}

int cli_result(oxq_err e, const struct oxq_error *err)
{
    if (!e) return CLI_OK;
    bool is_ours = e == OXQ_ERR_ARGUMENT || e == OXQ_ERR_FORMAT;
    return is_ours ? cli_refuse("%s", err->text) : cli_fail("%s", err->text);
}

int cli_found(oxq_err e, const struct oxq_error *err)
{
    return e == OXQ_ERR_FORMAT ? cli_fail("%s", err->text) : cli_result(e, err);
}

/* ---------------------------------------------------------------- values of flags */

int cli_read_number(const char *flag, const char *text, int64_t min, int64_t max, int64_t *out)
{
    int64_t n = 0;
    if (!text) return CLI_OK;
    if (!num_parse_int(slice_from_text(text), &n) || n < min || n > max)
        return cli_refuse("%s %s: it must be a number from %lld to %lld", flag, text, (long long)min, (long long)max);
    *out = n;
    return CLI_OK;
}

int cli_read_duration(const char *flag, const char *text, int64_t *out_ms)
{
    static const struct {
        const char *unit;
        int64_t ms;
    } units[] = {{"", 1}, {"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000}};
    if (!text) return CLI_OK;
    size_t digits = strspn(text, "0123456789");
    int64_t n = 0;
    bool is_number = num_parse_int(slice_of(text, digits), &n);
    for (size_t i = 0; is_number && i < sizeof(units) / sizeof(units[0]); i++) {
        if (strcmp(text + digits, units[i].unit) != 0 || n > INT64_MAX / units[i].ms) continue;
        *out_ms = n * units[i].ms;
        return CLI_OK;
    }
    return cli_refuse("%s %s: it must be a time such as 250ms, 5s, 10m, 2h or 7d", flag, text);
}

int cli_read_span(const char *flag, const char *text, int64_t min_ms, int64_t *out_ms)
{
    int code = cli_read_duration(flag, text, out_ms);
    if (!code && text && (*out_ms < min_ms || *out_ms > SPAN_MS_MAX))
        return cli_refuse("%s %s: it must be from %lldms to 366d", flag, text, (long long)min_ms);
    return code;
}

int cli_read_rate(const char *flag, const char *text, int64_t *out_max, int64_t *out_ms)
{
    char number[32] = "";
    const char *slash = text ? strchr(text, '/') : NULL;
    if (!text) return CLI_OK;
    if (!slash || (size_t)(slash - text) >= sizeof(number))
        return cli_refuse("%s %s: it must be a number and a time, such as 100/1m", flag, text);
    memcpy(number, text, (size_t)(slash - text));
    int code = cli_read_number(flag, number, 1, INT32_MAX, out_max);
    return code ? code : cli_read_span(flag, slash + 1, 1, out_ms);
}

int cli_read_state(const char *flag, const char *text, oxq_state *out)
{
    if (!text) return CLI_OK;
    oxq_state state = oxq_state_find(text);
    if (state == OXQ_STATE_UNKNOWN)
        return cli_refuse(
            "%s %s: a state is waiting, active, delayed, prioritized, waiting-children, completed or failed", flag,
            text);
    *out = state;
    return CLI_OK;
}
