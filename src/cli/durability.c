/* SPDX-License-Identifier: MIT */
#include "cli/durability.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_SCHEME "file:"

/* The value of a parameter; empty when the server does not know it, or does not tell. */
static void ask(struct client *c, const char *name, char out[DURABILITY_CHARS / 4])
{
    struct client_reply reply = {0};
    struct slice argv[] = {SLICE_LIT("CONFIG"), SLICE_LIT("GET"), slice_from_text(name)};
    struct client_command command = {.argv = argv, .argc = 3, .is_idempotent = true};
    out[0] = '\0';
    if (client_call(c, &command, 0, &reply, NULL) == OXQ_OK && reply.value.kind != RESP_ERROR && reply.value.count == 2)
        snprintf(out, DURABILITY_CHARS / 4, "%.*s", (int)reply.value.items[1].text.len, reply.value.items[1].text.at);
    client_reply_deinit(&reply);
}

/* A folder is served by whoever hosts it, at the socket in it. */
static const char *url_of(const char *url, char room[PATH_MAX])
{
    if (strncmp(url, FILE_SCHEME, strlen(FILE_SCHEME)) != 0) return url;
    const char *path = url + strlen(FILE_SCHEME);
    if (strncmp(path, "//", 2) == 0) path += 2;
    snprintf(room, PATH_MAX, "unix:%.*s/oxq.sock", (int)strcspn(path, "?"), path);
    return room;
}

void durability_ask(const struct cli_store *s, char out[DURABILITY_CHARS])
{
    char room[PATH_MAX], durability[DURABILITY_CHARS / 4], append[DURABILITY_CHARS / 4], fsync[DURABILITY_CHARS / 4];
    struct client *c;
    const char *password = s->password ? s->password : getenv("OXQ_PASSWORD");
    struct client_opts opts = {.url = url_of(s->opened_url, room),
                               .password = password,
                               .tls_ca = s->tls_ca ? s->tls_ca : getenv("OXQ_TLS_CA"),
                               .tls_cert = s->tls_cert,
                               .tls_key = s->tls_key,
                               .attempts = 1};
    snprintf(out, DURABILITY_CHARS, "durability unknown: the store does not tell it");
    if (client_new(&opts, &c, NULL) != OXQ_OK) return;
    ask(c, "durability", durability);
    ask(c, "appendonly", append);
    ask(c, "appendfsync", fsync);
    client_free(c);
    if (durability[0])
        snprintf(out, DURABILITY_CHARS, "durability %s", durability);
    else if (strcmp(append, "yes") == 0)
        snprintf(out, DURABILITY_CHARS, "appendonly yes, appendfsync %s", fsync);
    else if (append[0])
        snprintf(out, DURABILITY_CHARS, "appendonly %s: jobs are in memory", append);
}
