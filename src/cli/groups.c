/* SPDX-License-Identifier: MIT */
#include "cli/groups.h"

#include <stdlib.h>

/* A word of hexadecimal digits as long as this is an id, and so is any word with digits as long as that. */
#define HEX_CHARS_MIN 8
#define WORD_CHARS_MIN 20
#define UUID_CHARS 36

/* ---------------------------------------------------------------- shapes */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_hex(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static bool is_word(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

struct shape {
    char text[GROUPS_SHAPE_BYTES];
    size_t len;
};

static void put(struct shape *s, const char *text, size_t len)
{
    for (size_t i = 0; i < len && s->len + 1 < sizeof(s->text); i++) s->text[s->len++] = text[i];
}

/* Where the quoted text that begins here ends, behind its quote; NULL: it is no such text, but an apostrophe, say. */
static const char *end_of_quoted(const char *p, const char *end, bool follows_word)
{
    if (*p != '"' && *p != '\'' && *p != '`') return NULL;
    if (*p == '\'' && follows_word) return NULL;
    for (const char *q = p + 1; q < end; q++) {
        if (*q == *p && !(*p == '\'' && q + 1 < end && is_word(q[1]))) return q + 1;
    }
    return NULL;
}

static bool is_uuid(const char *p, const char *end)
{
    if (end - p < UUID_CHARS || (end - p > UUID_CHARS && is_word(p[UUID_CHARS]))) return false;
    for (int i = 0; i < UUID_CHARS; i++) {
        bool is_dash = i == 8 || i == 13 || i == 18 || i == 23;
        if (is_dash ? p[i] != '-' : !is_hex(p[i])) return false;
    }
    return true;
}

/* Is the word as a whole something that changes? */
static bool is_id(const char *word, size_t len)
{
    size_t digits = 0, hex = 0;
    for (size_t i = 0; i < len; i++) {
        digits += is_digit(word[i]);
        hex += is_hex(word[i]);
    }
    if (len > 2 && word[0] == '0' && (word[1] == 'x' || word[1] == 'X')) return hex == len - 1;
    return digits > 0 && ((hex == len && len >= HEX_CHARS_MIN) || len >= WORD_CHARS_MIN);
}

/* The word with # for each run of digits, or # for all of it. */
static void put_word(struct shape *s, const char *word, size_t len)
{
    if (is_id(word, len)) {
        put(s, "#", 1);
        return;
    }
    for (size_t i = 0; i < len; i++) {
        if (!is_digit(word[i]))
            put(s, &word[i], 1);
        else if (i == 0 || !is_digit(word[i - 1]))
            put(s, "#", 1);
    }
}

/* Cut at a character's end, where it had to be cut. */
static size_t whole_characters(const char *text, size_t len)
{
    size_t begin = len;
    while (begin > 0 && ((unsigned char)text[begin - 1] & 0xc0) == 0x80) begin--;
    if (begin == 0) return len;
    unsigned char lead = (unsigned char)text[begin - 1];
    size_t wanted = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc0 ? 2 : 1;
    return len - begin + 1 < wanted ? begin - 1 : len;
}

const char *groups_shape(struct arena *arena, const char *error)
{
    struct shape s = {.len = 0};
    const char *p = error, *end = error + strcspn(error, "\r\n");
    while (p < end) {
        bool follows_word = p > error && is_word(p[-1]);
        const char *quoted_end = end_of_quoted(p, end, follows_word);
        if (quoted_end) {
            put(&s, p, 1);
            put(&s, "…", sizeof("…") - 1);
            put(&s, p, 1);
            p = quoted_end;
        } else if (is_uuid(p, end)) {
            put(&s, "#", 1);
            p += UUID_CHARS;
        } else if (is_word(*p)) {
            const char *word = p;
            while (p < end && is_word(*p)) p++;
            put_word(&s, word, (size_t)(p - word));
        } else {
            put(&s, p++, 1);
        }
    }
    return arena_copy_text(arena, slice_of(s.text, whole_characters(s.text, s.len)));
}

/* ---------------------------------------------------------------- groups */

struct slice groups_key(const struct map_node *node)
{
    return slice_from_text(MAP_OWNER(node, const struct group, node)->shape);
}

void groups_deinit(struct groups *g)
{
    map_deinit(&g->map, NULL, NULL);
    arena_deinit(&g->arena);
}

static struct group *find_or_make(struct groups *g, const char *shape)
{
    struct map_node *found = map_find(&g->map, slice_from_text(shape));
    if (found) return MAP_OWNER(found, struct group, node);
    if (map_count(&g->map) == GROUPS_MAX) return NULL;
    struct group *made = arena_alloc(&g->arena, sizeof(*made));
    *made = (struct group){.shape = arena_copy_text(&g->arena, slice_from_text(shape))};
    map_insert(&g->map, &made->node);
    return made;
}

void groups_add(struct groups *g, const char *error, const char *id, int64_t at_ms)
{
    struct arena arena = {0};
    struct group *group = find_or_make(g, groups_shape(&arena, error));
    arena_deinit(&arena);
    if (!group) {
        g->others++;
        return;
    }
    if (group->count++ == 0 || at_ms < group->first_ms) group->first_ms = at_ms;
    if (group->sample && at_ms <= group->last_ms) return;
    group->last_ms = at_ms;
    /* Lists are read with the newest first: then this comes once. */
    group->sample_id = arena_copy_text(&g->arena, slice_from_text(id));
    group->sample = arena_copy_text(&g->arena, slice_of(error, strcspn(error, "\r\n")));
}

static int compare(const void *a, const void *b)
{
    const struct group *left = *(const struct group *const *)a, *right = *(const struct group *const *)b;
    if (left->count != right->count) return left->count > right->count ? -1 : 1;
    if (left->last_ms != right->last_ms) return left->last_ms > right->last_ms ? -1 : 1;
    return strcmp(left->shape, right->shape);
}

const struct group **groups_in_order(struct groups *g, size_t *out_count)
{
    struct map_iter it;
    size_t count = 0;
    const struct group **order = ARENA_ARRAY(&g->arena, const struct group *, map_count(&g->map) + 1);
    map_iter_begin(&it, &g->map);
    for (struct map_node *node = map_iter_next(&it); node; node = map_iter_next(&it))
        order[count++] = MAP_OWNER(node, struct group, node);
    map_iter_end(&it);
    if (count > 1) qsort(order, count, sizeof(order[0]), compare);
    *out_count = count;
    return order;
}
