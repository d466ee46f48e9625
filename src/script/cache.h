/* SPDX-License-Identifier: MIT */
/*
 * The scripts that are loaded, found by their SHA-1 and by their text. Those that came by EVAL alone are kept in order of
 * use, so that the oldest can make room.
 */
#ifndef SCRIPT_CACHE_H
#define SCRIPT_CACHE_H

#include "base/link.h"
#include "base/map.h"
#include "cmd/twin.h"
#include "codec/sha1.h"
#include "script/arguments.h"

/* What a "#!lua flags=..." line says. Without that line a script lives by older, laxer rules. */
enum script_flag {
    SCRIPT_HAS_SHEBANG = 1 << 0,
    SCRIPT_NO_WRITES = 1 << 1,
    SCRIPT_ALLOW_OOM = 1 << 2,
    SCRIPT_ALLOW_STALE = 1 << 3,      /* accepted: there are no replicas */
    SCRIPT_NO_CLUSTER = 1 << 4,       /* accepted: there is no cluster */
    SCRIPT_ALLOW_CROSS_SLOT = 1 << 5, /* likewise */
    /* No flags of that line: it does nothing with KEYS, or ARGV, but look into it. */
    SCRIPT_READS_KEYS = 1 << 6,
    SCRIPT_READS_ARGV = 1 << 7,
};

struct script {
    struct map_node by_sha, by_body;
    struct link evals_link; /* linked while it came by EVAL alone */
    uint32_t flags;         /* enum script_flag */
    int function;           /* its number in Lua's registry */
    twin_fn *twin;          /* or NULL */
    struct arguments keys, argv;
    char sha[SHA1_HEX_CHARS];
    size_t body_len;
    char body[];
};

struct cache {
    struct map by_sha, by_body;
    struct link evals; /* oldest use first */
    size_t evals_count;
    size_t bodies_bytes;
};

void cache_init(struct cache *c);
/* Frees all scripts; what they have in a Lua state is the caller's business. */
void cache_deinit(struct cache *c);

/* NULL when absent. The SHA-1 may be in upper case. */
struct script *cache_find(struct cache *c, struct slice sha);
struct script *cache_find_body(struct cache *c, struct slice body);
/* A new script with a copy of the body, which must be absent; flags and function are for the caller to fill in. */
struct script *cache_add(struct cache *c, struct slice body, bool is_eval);
/* It was used. */
void cache_touch(struct cache *c, struct script *s);
/* SCRIPT LOAD was asked for it: it stays from now on. */
void cache_keep(struct cache *c, struct script *s);
/* The script that came by EVAL and was not used for longest; NULL when there is none. */
struct script *cache_oldest_eval(struct cache *c);
/* Forgets and frees it. */
void cache_remove(struct cache *c, struct script *s);

static inline size_t cache_count(const struct cache *c)
{
    return map_count(&c->by_sha);
}

#endif
