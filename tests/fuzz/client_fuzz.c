/* SPDX-License-Identifier: MIT */
/* What a client reads from people and servers: URLs, refusals, INFO, CLUSTER SLOTS. The first byte says which. */
#include "base/err.h"
#include "base/mem.h"
#include "client/cluster.h"
#include "client/key.h"
#include "client/refusal.h"
#include "client/survey.h"
#include "client/url.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void read_url(const char *bytes, size_t len)
{
    struct client_url url;
    struct oxq_error error = {0};
    char *text = mem_alloc(len + 1);
    memcpy(text, bytes, len);
    text[len] = '\0';
    oxq_err e = client_url_parse(text, &url, &error);
    CHECK((e == OXQ_OK) == (error.text[0] == '\0'));
    if (e == OXQ_OK) {
        CHECK(url.db >= 0);
        CHECK(url.hosts_count > 0 || url.unix_path || url.folder);
        CHECK(url.kind != CLIENT_URL_SENTINEL || url.master);
        for (size_t i = 0; i < url.hosts_count; i++) CHECK(url.hosts[i].host[0] && url.hosts[i].port > 0);
    }
    mem_free(text);
}

static void read_slots(struct slice bytes)
{
    struct arena arena = {0};
    struct resp_value v;
    struct client_address asked = {.host = "h", .port = 1}, at;
    int first, last;
    oxq_err e = resp_reply_read(bytes, &arena, &v);
    for (size_t i = 0; e == OXQ_OK && i < v.count; i++) {
        if (!client_cluster_read_entry(&v.items[i], &asked, &first, &last, &at)) continue;
        CHECK(first >= 0 && first <= last && last < CLIENT_SLOTS_COUNT);
        CHECK(at.port > 0 && memchr(at.host, '\0', sizeof(at.host)));
    }
    arena_deinit(&arena);
}

static void read_refusal(struct slice text)
{
    struct client_redirect to;
    (void)client_refusal_of(text);
    if (client_redirect_read(text, &to)) CHECK(to.slot >= 0 && to.slot < CLIENT_SLOTS_COUNT && to.port > 0);
    int slot = client_key_slot(text);
    CHECK(slot >= 0 && slot < CLIENT_SLOTS_COUNT);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    if (len == 0 || len > 4096) return 0;
    /* Of its own size, so that a byte too much is seen. */
    char *copy = mem_alloc(len - 1);
    memcpy(copy, data + 1, len - 1);
    struct slice rest = slice_of(copy, len - 1);
    switch (data[0] % 4) {
    case 0: read_url(rest.at, rest.len); break;
    case 1: read_slots(rest); break;
    case 2: read_refusal(rest); break;
    default: {
        struct client_survey s = client_survey_read(rest);
        CHECK(s.major >= 0 && s.minor >= 0 && s.version.len <= rest.len);
    }
    }
    mem_free(copy);
    return 0;
}
