/* SPDX-License-Identifier: MIT */
/*
 * The first argument is the key, but for the commands below. Commands of job clients are known here; one that is
 * not and has its key elsewhere goes to a wrong node, which says where to go instead (MOVED).
 */
#include "client/key.h"

#include "base/crc16.h"
#include "base/num.h"

int client_key_slot(struct slice key)
{
    const char *open = key.len ? memchr(key.at, '{', key.len) : NULL;
    if (open) {
        struct slice tag = slice_from(key, (size_t)(open - key.at) + 1);
        const char *close = tag.len ? memchr(tag.at, '}', tag.len) : NULL;
        if (close && close > tag.at) key = slice_of(tag.at, (size_t)(close - tag.at));
    }
    return crc16(key) % CLIENT_SLOTS_COUNT;
}

enum place {
    NOWHERE,       /* no key */
    SECOND,        /* after a subcommand */
    AFTER_COUNT,   /* argv[1] is something, argv[2] the number of keys that follow */
    COUNTED,       /* argv[1] is the number of keys that follow */
    AFTER_STREAMS, /* behind the word STREAMS */
};

static const struct {
    const char *name; /* lower case */
    enum place place;
} rows[] = {
    {"eval", AFTER_COUNT},       {"evalsha", AFTER_COUNT}, {"eval_ro", AFTER_COUNT},
    {"evalsha_ro", AFTER_COUNT}, {"fcall", AFTER_COUNT},   {"fcall_ro", AFTER_COUNT},
    {"bzmpop", AFTER_COUNT},     {"blmpop", AFTER_COUNT},  {"zmpop", COUNTED},
    {"lmpop", COUNTED},          {"zunion", COUNTED},      {"zinter", COUNTED},
    {"zdiff", COUNTED},          {"sintercard", COUNTED},  {"zintercard", COUNTED},
    {"object", SECOND},          {"memory", SECOND},       {"xinfo", SECOND},
    {"xgroup", SECOND},          {"xread", AFTER_STREAMS}, {"xreadgroup", AFTER_STREAMS},
    {"ping", NOWHERE},           {"echo", NOWHERE},        {"info", NOWHERE},
    {"time", NOWHERE},           {"config", NOWHERE},      {"client", NOWHERE},
    {"script", NOWHERE},         {"function", NOWHERE},    {"multi", NOWHERE},
    {"exec", NOWHERE},           {"discard", NOWHERE},     {"unwatch", NOWHERE},
    {"cluster", NOWHERE},        {"command", NOWHERE},     {"dbsize", NOWHERE},
    {"flushall", NOWHERE},       {"flushdb", NOWHERE},     {"scan", NOWHERE},
    {"keys", NOWHERE},           {"randomkey", NOWHERE},   {"publish", NOWHERE},
    {"subscribe", NOWHERE},      {"psubscribe", NOWHERE},  {"unsubscribe", NOWHERE},
    {"punsubscribe", NOWHERE},   {"pubsub", NOWHERE},      {"role", NOWHERE},
    {"wait", NOWHERE},           {"auth", NOWHERE},        {"hello", NOWHERE},
    {"select", NOWHERE},         {"debug", NOWHERE},       {"lastsave", NOWHERE},
    {"save", NOWHERE},           {"bgsave", NOWHERE},      {"slowlog", NOWHERE},
    {"latency", NOWHERE},        {"acl", NOWHERE},         {"quit", NOWHERE},
    {"reset", NOWHERE},
};

static size_t find_streams(const struct slice *argv, size_t argc)
{
    for (size_t i = 1; i + 1 < argc; i++) {
        if (slice_is(argv[i], "streams")) return i + 1;
    }
    return 0;
}

/* The position of the first key; 0: none. */
static size_t find_key(const struct slice *argv, size_t argc)
{
    int64_t count = 0;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (!slice_is(argv[0], rows[i].name)) continue;
        switch (rows[i].place) {
        case NOWHERE: return 0;
        case SECOND: return 2;
        case COUNTED: return argc > 1 && num_parse_int(argv[1], &count) && count > 0 ? 2 : 0;
        case AFTER_COUNT: return argc > 2 && num_parse_int(argv[2], &count) && count > 0 ? 3 : 0;
        case AFTER_STREAMS: return find_streams(argv, argc);
        }
    }
    return 1;
}

int client_command_slot(const struct slice *argv, size_t argc)
{
    size_t at = argc > 1 ? find_key(argv, argc) : 0;
    return at > 0 && at < argc ? client_key_slot(argv[at]) : CLIENT_SLOT_NONE;
}
