/* SPDX-License-Identifier: MIT */
#include "engine/testkit.h"

#define WORDS_MAX 64
#define TEXT_MAX 4096

/* ---- the host ---- */

static void ignore_client(struct engine_host *host, struct engine_client *c)
{
    (void)host;
    (void)c;
}

static void ignore_close(struct engine_host *host, struct engine_client *c, bool is_at_once)
{
    (void)host;
    (void)c;
    (void)is_at_once;
}

static void ignore(struct engine_host *host)
{
    (void)host;
}

static void ignore_loaded(struct engine_host *host, const struct oxq_error *err)
{
    (void)host;
    (void)err;
}

struct engine_host testkit_host(void)
{
    return (struct engine_host){.release = ignore_client,
                                .resume = ignore_client,
                                .close = ignore_close,
                                .poll = ignore,
                                .shut_down = ignore,
                                .loaded = ignore_loaded};
}

/* ---- clients ---- */

void testkit_open_clients(struct engine *e, struct engine_client *clients, int count)
{
    for (int i = 0; i < count; i++) {
        clients[i] = (struct engine_client){.fd = -1};
        engine_client_open(e, &clients[i]);
    }
}

void testkit_close_clients(struct engine_client *clients, int count)
{
    for (int i = 0; i < count; i++) engine_client_close(&clients[i]);
}

void testkit_send(struct engine_client *c, const char *line)
{
    struct slice argv[WORDS_MAX];
    int argc = 0;
    for (const char *at = line; at; argc++) {
        CHECK(argc < WORDS_MAX);
        const char *space = strchr(at, ' ');
        argv[argc] = slice_of(at, space ? (size_t)(space - at) : strlen(at));
        at = space ? space + 1 : NULL;
    }
    engine_execute(c, argv, argc);
}

const char *testkit_take(struct engine_client *c, size_t len)
{
    static char text[TEXT_MAX];
    CHECK(len < sizeof(text) && len <= c->out.len);
    if (len) memcpy(text, c->out.at, len);
    text[len] = '\0';
    buf_consume(&c->out, len);
    return text;
}
