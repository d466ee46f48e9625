/* SPDX-License-Identifier: MIT */
/* An intrusive doubly linked list with a head node; all operations O(1). */
#ifndef BASE_LIST_H
#define BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct list_link {
    struct list_link *prev;
    struct list_link *next;
};

/* A list is a link that points to itself when empty; a link not in a list is {NULL, NULL}. */
static inline void list_init(struct list_link *head)
{
    head->prev = head;
    head->next = head;
}

static inline bool list_is_empty(const struct list_link *head)
{
    return head->next == head;
}

static inline bool list_is_linked(const struct list_link *link)
{
    return link->next != NULL;
}

static inline void list_push_tail(struct list_link *head, struct list_link *link)
{
    link->prev = head->prev;
    link->next = head;
    head->prev->next = link;
    head->prev = link;
}

/* Does nothing when the link is in no list. */
static inline void list_remove(struct list_link *link)
{
    if (!link->next) return;
    link->prev->next = link->next;
    link->next->prev = link->prev;
    link->prev = NULL;
    link->next = NULL;
}

#define LIST_OWNER(link, type, member) ((type *)((char *)(link)-offsetof(type, member)))

#endif
