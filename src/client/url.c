/* SPDX-License-Identifier: MIT */
#include "client/url.h"

#include "base/num.h"

#include <stdio.h>
#include <string.h>

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Decodes %XX in place. False: a % that is none, or a zero byte. */
static bool decode(char *text)
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

static oxq_err parse_number(const char *text, int max, int *out)
{
    int64_t n;
    if (!num_parse_int(slice_from_text(text), &n) || n < 0 || n > max) return OXQ_ERR_ARGUMENT;
    *out = (int)n;
    return OXQ_OK;
}

/* "user:password", ":password" or, as some write it, "password". */
static bool parse_login(char *login, struct client_url *u)
{
    char *password = cut(login, ':');
    u->password = password ? password : login;
    if (password && *login) u->user = login;
    return (!password || decode(password)) && decode(login);
}

static oxq_err parse_host(char *at, struct client_url *u, struct oxq_error *err)
{
    char *db = cut(at, '/');
    if (db && *db && parse_number(db, 15, &u->db))
        return err_set(err, OXQ_ERR_ARGUMENT, "the database after / is 0 to 15");
    char *port = NULL;
    if (*at == '[') {
        char *after = cut(++at, ']');
        if (!after || (*after && *after != ':'))
            return err_set(err, OXQ_ERR_ARGUMENT, "an address in [ ] is not closed");
        port = *after ? after + 1 : NULL;
    } else {
        port = cut(at, ':');
    }
    if (port && parse_number(port, 65535, &u->port))
        return err_set(err, OXQ_ERR_ARGUMENT, "the port is no number up to 65535");
    if (!decode(at)) return err_set(err, OXQ_ERR_ARGUMENT, "the host has a %% that is not followed by two hex digits");
    u->host = *at ? at : "127.0.0.1";
    return OXQ_OK;
}

oxq_err client_url_parse(const char *url, struct client_url *out, struct oxq_error *err)
{
    static const struct {
        const char *scheme;
        bool is_tls, is_unix;
    } schemes[] = {{"redis://", false, false}, {"rediss://", true, false}, {"unix://", false, true}};
    *out = (struct client_url){.port = CLIENT_PORT_DEFAULT};
    if ((size_t)snprintf(out->text, sizeof(out->text), "%s", url) >= sizeof(out->text))
        return err_set(err, OXQ_ERR_ARGUMENT, "the URL is longer than %d bytes", CLIENT_URL_BYTES_MAX - 1);
    if (out->text[0] == '/') {
        out->unix_path = out->text;
        return OXQ_OK;
    }
    for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
        size_t len = strlen(schemes[i].scheme);
        if (strncmp(out->text, schemes[i].scheme, len) != 0) continue;
        char *at = out->text + len;
        char *after_login = strrchr(at, '@');
        if (after_login) {
            *after_login = '\0';
            if (!parse_login(at, out))
                return err_set(err, OXQ_ERR_ARGUMENT, "the login has a %% that is not followed by two hex digits");
            at = after_login + 1;
        }
        out->is_tls = schemes[i].is_tls;
        if (!schemes[i].is_unix) return parse_host(at, out, err);
        out->unix_path = at;
        return *at == '/' ? OXQ_OK
                          : err_set(err, OXQ_ERR_ARGUMENT, "a unix:// URL has a whole path: unix:///run/oxq.sock");
    }
    return err_set(err, OXQ_ERR_ARGUMENT,
                   "it is none of redis://host:port, rediss://host:port, unix:///path and /path");
}
