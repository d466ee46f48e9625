/* SPDX-License-Identifier: MIT */
/* An intrusive doubly linked list with a head node; all operations O(1). */
#ifndef BASE_LINK_H
#define BASE_LINK_H

#include <stdbool.h>
#include <stddef.h>

struct link {
    struct link *prev;
    struct link *next;
};

/* A list is a link that points to itself when empty; a link not in a list is {NULL, NULL}. */
static inline void link_init(struct link *head)
{
    head->prev = head;
    head->next = head;
}

static inline bool link_is_empty(const struct link *head)
{
    return head->next == head;
}

static inline bool link_is_linked(const struct link *link)
{
    return link->next != NULL;
}

static inline void link_push_tail(struct link *head, struct link *link)
{
    link->prev = head->prev;
    link->next = head;
    head->prev->next = link;
    head->prev = link;
}

/* Does nothing when the link is in no list. */
static inline void link_remove(struct link *link)
{
    if (!link->next) return;
    link->prev->next = link->next;
    link->next->prev = link->prev;
    link->prev = NULL;
    link->next = NULL;
}

#define LINK_OWNER(link, type, member) ((type *)((char *)(link)-offsetof(type, member)))

#endif
