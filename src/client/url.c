/* SPDX-License-Identifier: MIT */
/* The text is copied and cut into its parts in place: options, the login before the last @ of the rest, then hosts and path. */
#include "client/url.h"

#include "base/nearest.h"
#include "base/num.h"

#include <stdio.h>
#include <string.h>

#define KNOWN_SCHEMES                                                                                                  \
    "redis://, rediss://, unix:, file:, redis+sentinel://, rediss+sentinel://, redis+cluster:// and rediss+cluster://"
#define KNOWN_OPTIONS "db, name, ca, cert, key, insecure, sentinel_user and sentinel_password"

struct scheme {
    const char *name;
    enum client_url_kind kind;
    bool is_tls, is_path;
};

static const struct scheme schemes[] = {
    {"redis", CLIENT_URL_SERVER, false, false},
    {"rediss", CLIENT_URL_SERVER, true, false},
    {"unix", CLIENT_URL_SERVER, false, true},
    {"file", CLIENT_URL_FILE, false, true},
    {"redis+sentinel", CLIENT_URL_SENTINEL, false, false},
    {"rediss+sentinel", CLIENT_URL_SENTINEL, true, false},
    {"redis+cluster", CLIENT_URL_CLUSTER, false, false},
    {"rediss+cluster", CLIENT_URL_CLUSTER, true, false},
};

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool client_url_decode(char *text)
{
    char *to = text;
    for (const char *from = text; *from; from++) {
        if (*from != '%') {
            *to++ = *from;
            continue;
        }
        int high = hex_digit(from[1]);
        int low = high < 0 ? -1 : hex_digit(from[2]);
        if (low < 0 || high * 16 + low == 0) return false;
        *to++ = (char)(high * 16 + low);
        from += 2;
    }
    *to = '\0';
    return true;
}

/* Cuts text at the first c and returns what follows, or NULL. */
static char *cut(char *text, char c)
{
    char *at = strchr(text, c);
    if (!at) return NULL;
    *at = '\0';
    return at + 1;
}

static bool parse_number(const char *text, int max, int *out)
{
    int64_t n;
    if (!num_parse_int(slice_from_text(text), &n) || n < 0 || n > max) return false;
    *out = (int)n;
    return true;
}

/* ---------------------------------------------------------------- the parts */

/* "user:password", ":password" or, as some write it, "password". */
static oxq_err parse_login(char *login, struct client_url *u, struct oxq_error *err)
{
    char *password = cut(login, ':');
    u->password = password ? password : login;
    if (password && *login) u->user = login;
    if ((!password || client_url_decode(password)) && client_url_decode(login)) return OXQ_OK;
    return err_set(err, OXQ_ERR_ARGUMENT, "the login has a %% that is not followed by two hex digits: write %%25");
}

static oxq_err parse_db(const char *text, struct client_url *u, struct oxq_error *err)
{
    if (!parse_number(text, INT32_MAX, &u->db))
        return err_set(err, OXQ_ERR_ARGUMENT, "the database must be a number: 0 is the first");
    if (u->kind == CLIENT_URL_CLUSTER && u->db != 0)
        return err_set(err, OXQ_ERR_ARGUMENT, "a cluster has no database but 0");
    return OXQ_OK;
}

static const char *const option_names[] = {
    "db", "name", "ca", "cert", "key", "insecure", "sentinel_user", "sentinel_password"};
enum { OPTIONS_COUNT = sizeof(option_names) / sizeof(option_names[0]) };

/* Where the value of an option goes; NULL: no such text option. */
static const char **text_option(struct client_url *u, const char *name)
{
    const struct {
        const char *name;
        const char **at;
    } known[] = {{"name", &u->name},
                 {"ca", &u->ca},
                 {"cert", &u->cert},
                 {"key", &u->key},
                 {"sentinel_user", &u->sentinel_user},
                 {"sentinel_password", &u->sentinel_password}};
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (strcmp(name, known[i].name) == 0) return known[i].at;
    }
    return NULL;
}

static oxq_err refuse_option(const char *name, struct oxq_error *err)
{
    struct nearest n = nearest_to(slice_from_text(name));
    for (size_t i = 0; i < OPTIONS_COUNT; i++) nearest_offer(&n, option_names[i]);
    return err_set(err, OXQ_ERR_ARGUMENT, "no option of a URL is called '%.40s'%s%s%s; there are " KNOWN_OPTIONS, name,
                   n.best ? " (was '" : "", n.best ? n.best : "", n.best ? "' meant?)" : "");
}

/* Of two values one would be left out without a word. */
static oxq_err note_option(const char *name, bool is_seen[OPTIONS_COUNT], struct oxq_error *err)
{
    size_t i = 0;
    while (i < OPTIONS_COUNT && strcmp(name, option_names[i]) != 0) i++;
    if (i == OPTIONS_COUNT) return refuse_option(name, err);
    if (is_seen[i]) return err_set(err, OXQ_ERR_ARGUMENT, "the option '%s' is given twice", name);
    is_seen[i] = true;
    return OXQ_OK;
}

static oxq_err parse_option(char *name, bool is_seen[OPTIONS_COUNT], struct client_url *u, struct oxq_error *err)
{
    char *value = cut(name, '=');
    if (!value || !*value) return err_set(err, OXQ_ERR_ARGUMENT, "an option of a URL is name=value");
    oxq_err e = note_option(name, is_seen, err);
    if (e) return e;
    if (!client_url_decode(value))
        return err_set(err, OXQ_ERR_ARGUMENT, "the option %.40s has a %% that is not followed by two hex digits", name);
    const char **text = text_option(u, name);
    if (text) {
        *text = value;
        return OXQ_OK;
    }
    if (strcmp(name, "db") == 0) return parse_db(value, u, err);
    u->is_insecure = strcmp(value, "yes") == 0;
    if (u->is_insecure || strcmp(value, "no") == 0) return OXQ_OK;
    return err_set(err, OXQ_ERR_ARGUMENT, "insecure is yes or no");
}

static oxq_err parse_options(char *at, struct client_url *u, struct oxq_error *err)
{
    bool is_seen[OPTIONS_COUNT] = {false};
    oxq_err e = OXQ_OK;
    while (at && *at && !e) {
        char *next = cut(at, '&');
        e = parse_option(at, is_seen, u, err);
        at = next;
    }
    return e;
}

/* Cuts before the ? that an option follows, and returns that; NULL: there is none. A ? elsewhere may be a password's. */
static char *cut_options(char *text)
{
    for (char *at = strchr(text, '?'); at; at = strchr(at + 1, '?')) {
        size_t len = strcspn(at + 1, "=");
        for (size_t i = 0; i < OPTIONS_COUNT; i++) {
            if (strlen(option_names[i]) != len || memcmp(at + 1, option_names[i], len) != 0 || !at[1 + len]) continue;
            *at = '\0';
            return at + 1;
        }
    }
    return NULL;
}

/* "host", "host:port", "[address]" or "[address]:port". */
static oxq_err parse_host(char *at, struct client_url *u, struct oxq_error *err)
{
    if (u->hosts_count == CLIENT_URL_HOSTS_MAX)
        return err_set(err, OXQ_ERR_ARGUMENT, "the URL names more than %d servers", CLIENT_URL_HOSTS_MAX);
    struct client_url_host *h = &u->hosts[u->hosts_count++];
    h->port = u->kind == CLIENT_URL_SENTINEL ? CLIENT_SENTINEL_PORT_DEFAULT : CLIENT_PORT_DEFAULT;
    char *port = NULL;
    if (*at == '[') {
        char *after = cut(++at, ']');
        if (!after || (*after && *after != ':'))
            return err_set(err, OXQ_ERR_ARGUMENT, "an address in [ ] is not closed");
        port = *after ? after + 1 : NULL;
    } else {
        port = cut(at, ':');
    }
    if (port && (!parse_number(port, 65535, &h->port) || h->port == 0))
        return err_set(err, OXQ_ERR_ARGUMENT, "the port is no number from 1 to 65535");
    if (!client_url_decode(at))
        return err_set(err, OXQ_ERR_ARGUMENT, "the host has a %% that is not followed by two hex digits");
    h->host = *at ? at : "127.0.0.1";
    return OXQ_OK;
}

/* "host,host,..." and behind a / what the kind has there. */
static oxq_err parse_hosts(char *at, struct client_url *u, struct oxq_error *err)
{
    char *path = cut(at, '/');
    oxq_err e = OXQ_OK;
    while (at && !e) {
        char *next = u->kind == CLIENT_URL_SERVER ? NULL : cut(at, ',');
        bool is_missing = !*at && (next || u->hosts_count > 0);
        e = is_missing ? err_set(err, OXQ_ERR_ARGUMENT, "a server's name is missing between commas")
                       : parse_host(at, u, err);
        at = next;
    }
    if (e) return e;
    if (u->kind == CLIENT_URL_SENTINEL) {
        char *master = path;
        path = master ? cut(master, '/') : NULL;
        if (!master || !*master || !client_url_decode(master))
            return err_set(
                err, OXQ_ERR_ARGUMENT,
                "behind the Sentinels stands their name for the master: redis+sentinel://host:26379/mymaster");
        u->master = master;
    }
    if (!path || !*path) return OXQ_OK;
    if (u->db != 0) return err_set(err, OXQ_ERR_ARGUMENT, "the database is given twice: behind a / and as db=");
    return parse_db(path, u, err);
}

static oxq_err parse_path(char *at, bool has_login, struct client_url *u, struct oxq_error *err)
{
    if (!client_url_decode(at))
        return err_set(err, OXQ_ERR_ARGUMENT, "the path has a %% that is not followed by two hex digits");
    if (u->kind == CLIENT_URL_FILE) {
        u->folder = at;
        return *at ? OXQ_OK : err_set(err, OXQ_ERR_ARGUMENT, "behind file: stands the data folder: file:./oxq-data");
    }
    u->unix_path = at;
    if (*at == '/' || (*at && !has_login)) return OXQ_OK;
    return err_set(err, OXQ_ERR_ARGUMENT, "a unix:// URL has a whole path: unix:///run/oxq.sock");
}

/* ---------------------------------------------------------------- the whole */

/* What may be a scheme at the start of the text. */
static struct slice scheme_name(const char *text)
{
    return slice_of(text, strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+.-"));
}

static const struct scheme *find_scheme(const char *text)
{
    struct slice name = scheme_name(text);
    if (text[name.len] != ':') return NULL;
    for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
        if (slice_is(name, schemes[i].name)) return &schemes[i];
    }
    return NULL;
}

/* Only what looks like a scheme is repeated in the message. */
static oxq_err refuse_scheme(const char *text, struct oxq_error *err)
{
    struct slice name = scheme_name(text);
    bool is_port = text[name.len] == ':' && text[name.len + 1] >= '0' && text[name.len + 1] <= '9';
    if (text[name.len] != ':' || name.len == 0 || is_port)
        return err_set(err, OXQ_ERR_ARGUMENT,
                       "the URL has no scheme: write redis://host:port; there are " KNOWN_SCHEMES);
    struct nearest n = nearest_to(name);
    for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) nearest_offer(&n, schemes[i].name);
    return err_set(err, OXQ_ERR_ARGUMENT, "no URL begins with '%.*s:'%s%s%s; there are " KNOWN_SCHEMES,
                   name.len > 40 ? 40 : (int)name.len, text, n.best ? " (was '" : "", n.best ? n.best : "",
                   n.best ? ":' meant?)" : "");
}

static oxq_err parse_rest(char *at, const struct scheme *scheme, struct client_url *u, struct oxq_error *err)
{
    bool has_slashes = strncmp(at, "//", 2) == 0;
    if (!has_slashes && !scheme->is_path)
        return err_set(err, OXQ_ERR_ARGUMENT, "behind %s: stands //: %s://host", scheme->name, scheme->name);
    if (has_slashes) at += 2;
    char *options = cut_options(at);
    char *after_login = has_slashes && u->kind != CLIENT_URL_FILE ? strrchr(at, '@') : NULL;
    oxq_err e = OXQ_OK;
    if (after_login) {
        *after_login = '\0';
        e = parse_login(at, u, err);
        at = after_login + 1;
    }
    if (!options) options = cut(at, '?');
    if (!e) e = parse_options(options, u, err);
    if (e) return e;
    return scheme->is_path ? parse_path(at, has_slashes, u, err) : parse_hosts(at, u, err);
}

oxq_err client_url_parse(const char *url, struct client_url *out, struct oxq_error *err)
{
    *out = (struct client_url){0};
    if ((size_t)snprintf(out->text, sizeof(out->text), "%s", url) >= sizeof(out->text))
        return err_set(err, OXQ_ERR_ARGUMENT, "the URL is longer than %d bytes", CLIENT_URL_BYTES_MAX - 1);
    if (out->text[0] == '/') {
        out->unix_path = out->text;
        return OXQ_OK;
    }
    const struct scheme *scheme = find_scheme(out->text);
    if (!scheme) return refuse_scheme(out->text, err);
    out->kind = scheme->kind;
    out->is_tls = scheme->is_tls;
    return parse_rest(out->text + strlen(scheme->name) + 1, scheme, out, err);
}
