/* SPDX-License-Identifier: MIT */
#include "api/state.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

struct oxq_names {
    struct arena arena;
    const char **texts; /* owned */
    size_t count, cap;
};

oxq_names *names_new(void)
{
    return mem_alloc_zero(sizeof(oxq_names));
}

void names_add(oxq_names *names, struct slice text)
{
    if (names->count == names->cap) {
        names->cap = names->cap ? names->cap * 2 : 16;
        names->texts = mem_resize(names->texts, names->cap * sizeof(*names->texts));
    }
    names->texts[names->count++] = arena_copy_text(&names->arena, text);
}

static int compare(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

void names_sort(oxq_names *names)
{
    if (names->count > 1) qsort(names->texts, names->count, sizeof(*names->texts), compare);
}

void names_sort_once(oxq_names *names)
{
    names_sort(names);
    size_t kept = 0;
    for (size_t i = 0; i < names->count; i++) {
        if (i == 0 || strcmp(names->texts[i], names->texts[kept - 1]) != 0) names->texts[kept++] = names->texts[i];
    }
    names->count = kept;
}

static int compare_to(const void *key, const void *item)
{
    const struct slice *text = key;
    const char *name = *(const char *const *)item;
    int order = strncmp(text->at, name, text->len);
    return order ? order : -(int)(unsigned char)name[text->len];
}

bool names_have(const oxq_names *names, struct slice text)
{
    return names->count > 0 && bsearch(&text, names->texts, names->count, sizeof(*names->texts), compare_to);
}

size_t oxq_names_count(const oxq_names *names)
{
    return names ? names->count : 0;
}

const char *oxq_names_at(const oxq_names *names, size_t index)
{
    return names && index < names->count ? names->texts[index] : NULL;
}

void oxq_names_free(oxq_names *names)
{
    if (!names) return;
    arena_deinit(&names->arena);
    mem_free(names->texts);
    mem_free(names);
}
