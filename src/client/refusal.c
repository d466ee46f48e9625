/* SPDX-License-Identifier: MIT */
#include "client/refusal.h"

#include "base/num.h"

#define SLOTS_COUNT 16384

static bool starts_with(struct slice text, const char *start)
{
    size_t len = strlen(start);
    return text.len >= len && memcmp(text.at, start, len) == 0;
}

/* Redis before 7 wraps what a script's command was told: its first write was refused, and so nothing was done. */
static bool is_readonly_in_script(struct slice text)
{
    static const char wrapped[] = ": -READONLY ";
    return starts_with(text, "ERR Error running script") && memmem(text.at, text.len, wrapped, sizeof(wrapped) - 1);
}

enum client_refusal client_refusal_of(struct slice text)
{
    static const struct {
        const char *start;
        enum client_refusal refusal;
    } rows[] = {
        {"LOADING ", CLIENT_REFUSAL_LATER},      {"BUSY ", CLIENT_REFUSAL_LATER},
        {"TRYAGAIN ", CLIENT_REFUSAL_LATER},     {"CLUSTERDOWN ", CLIENT_REFUSAL_LATER},
        {"MASTERDOWN ", CLIENT_REFUSAL_LATER},   {"READONLY ", CLIENT_REFUSAL_READONLY},
        {"MOVED ", CLIENT_REFUSAL_MOVED},        {"ASK ", CLIENT_REFUSAL_ASK},
        {"NOSCRIPT ", CLIENT_REFUSAL_NO_SCRIPT}, {"NOAUTH ", CLIENT_REFUSAL_LOGIN},
        {"WRONGPASS ", CLIENT_REFUSAL_LOGIN},    {"NOPERM ", CLIENT_REFUSAL_LOGIN},
        {"DENIED ", CLIENT_REFUSAL_LOGIN},       {"NOREPLICAS ", CLIENT_REFUSAL_LATER},
        {"UNBLOCKED ", CLIENT_REFUSAL_READONLY}, {"ERR max number of clients", CLIENT_REFUSAL_FULL},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (starts_with(text, rows[i].start)) return rows[i].refusal;
    }
    return is_readonly_in_script(text) ? CLIENT_REFUSAL_READONLY : CLIENT_REFUSAL_FINAL;
}

oxq_err client_refusal_error(struct slice text)
{
    if (starts_with(text, "ERR Protocol error: invalid bulk length")) return OXQ_ERR_LIMIT;
    enum client_refusal refusal = client_refusal_of(text);
    return refusal == CLIENT_REFUSAL_FINAL || refusal == CLIENT_REFUSAL_LOGIN ? OXQ_ERR_SERVER : OXQ_ERR_AGAIN;
}

/* Cuts the word before the next space off *text. */
static struct slice take_word(struct slice *text)
{
    const char *space = text->len ? memchr(text->at, ' ', text->len) : NULL;
    size_t len = space ? (size_t)(space - text->at) : text->len;
    struct slice word = slice_of(text->at, len);
    *text = slice_from(*text, space ? len + 1 : len);
    return word;
}

bool client_redirect_read(struct slice text, struct client_redirect *out)
{
    int64_t slot, port;
    take_word(&text);
    if (!num_parse_int(take_word(&text), &slot) || slot < 0 || slot >= SLOTS_COUNT) return false;
    struct slice where = take_word(&text);
    /* The last colon: an IPv6 address has some of its own. */
    const char *colon = where.len ? memrchr(where.at, ':', where.len) : NULL;
    if (!colon) return false;
    size_t host_len = (size_t)(colon - where.at);
    if (!num_parse_int(slice_from(where, host_len + 1), &port) || port < 1 || port > 65535) return false;
    *out = (struct client_redirect){.slot = (int)slot, .host = slice_of(where.at, host_len), .port = (int)port};
    return true;
}
