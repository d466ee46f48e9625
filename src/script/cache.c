/* SPDX-License-Identifier: MIT */
#include "script/cache.h"

#include "base/mem.h"

static struct slice key_of_sha(const struct map_node *node)
{
    return slice_of(MAP_OWNER(node, struct script, by_sha)->sha, SHA1_HEX_CHARS);
}

static struct slice key_of_body(const struct map_node *node)
{
    const struct script *s = MAP_OWNER(node, struct script, by_body);
    return slice_of(s->body, s->body_len);
}

void cache_init(struct cache *c)
{
    *c = (struct cache){.by_sha = {.key_of = key_of_sha}, .by_body = {.key_of = key_of_body}};
    link_init(&c->evals);
}

static void free_script(struct script *s)
{
    mem_free(s->keys.texts);
    mem_free(s->argv.texts);
    mem_free(s);
}

static void free_node(void *ctx, struct map_node *node)
{
    (void)ctx;
    free_script(MAP_OWNER(node, struct script, by_sha));
}

void cache_deinit(struct cache *c)
{
    map_deinit(&c->by_body, NULL, NULL);
    map_deinit(&c->by_sha, free_node, NULL);
    *c = (struct cache){0};
}

/* A SHA-1 needs no other hash: whoever makes scripts that share eight digits gets a slow server for himself. */
static uint32_t hash_of_sha(const char *sha)
{
    uint64_t digits;
    memcpy(&digits, sha, sizeof(digits));
    return (uint32_t)(digits * 0x9e3779b97f4a7c15u >> 32);
}

static struct script *find_exactly(struct cache *c, const char *sha)
{
    struct map_node *node = map_find_hashed(&c->by_sha, slice_of(sha, SHA1_HEX_CHARS), hash_of_sha(sha));
    return node ? MAP_OWNER(node, struct script, by_sha) : NULL;
}

struct script *cache_find(struct cache *c, struct slice sha)
{
    if (sha.len != SHA1_HEX_CHARS) return NULL;
    struct script *s = find_exactly(c, sha.at);
    if (s) return s;
    char lower[SHA1_HEX_CHARS];
    for (size_t i = 0; i < sha.len; i++) {
        char digit = sha.at[i];
        lower[i] = digit >= 'A' && digit <= 'Z' ? (char)(digit + ('a' - 'A')) : digit;
    }
    return find_exactly(c, lower);
}

struct script *cache_find_body(struct cache *c, struct slice body)
{
    struct map_node *node = map_find(&c->by_body, body);
    return node ? MAP_OWNER(node, struct script, by_body) : NULL;
}

struct script *cache_add(struct cache *c, struct slice body, bool is_eval)
{
    struct script *s = mem_alloc_zero(sizeof(*s) + body.len);
    sha1_hex(body, s->sha);
    s->body_len = body.len;
    if (body.len) memcpy(s->body, body.at, body.len);
    map_insert_hashed(&c->by_sha, &s->by_sha, hash_of_sha(s->sha));
    map_insert(&c->by_body, &s->by_body);
    c->bodies_bytes += body.len;
    if (is_eval) {
        link_push_tail(&c->evals, &s->evals_link);
        c->evals_count++;
    }
    return s;
}

void cache_touch(struct cache *c, struct script *s)
{
    if (!link_is_linked(&s->evals_link) || s->evals_link.next == &c->evals) return;
    link_remove(&s->evals_link);
    link_push_tail(&c->evals, &s->evals_link);
}

void cache_keep(struct cache *c, struct script *s)
{
    if (!link_is_linked(&s->evals_link)) return;
    link_remove(&s->evals_link);
    c->evals_count--;
}

struct script *cache_oldest_eval(struct cache *c)
{
    return link_is_empty(&c->evals) ? NULL : LINK_OWNER(c->evals.next, struct script, evals_link);
}

void cache_remove(struct cache *c, struct script *s)
{
    cache_keep(c, s);
    map_unlink(&c->by_sha, &s->by_sha);
    map_unlink(&c->by_body, &s->by_body);
    c->bodies_bytes -= s->body_len;
    free_script(s);
}
