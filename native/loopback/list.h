/* A doubly linked list whose links are inside its items. */
#ifndef RSM_LIST_H
#define RSM_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct rsm_list {
  struct rsm_list *next, *prev;
};

static inline void rsm_list_init(struct rsm_list *list) {
  list->next = list->prev = list;
}

static inline bool rsm_list_empty(const struct rsm_list *list) {
  return list->next == list;
}

static inline void rsm_list_add(struct rsm_list *list, struct rsm_list *link) {
  link->next = list;
  link->prev = list->prev;
  list->prev->next = link;
  list->prev = link;
}

/* Harmless for a link that is in no list (initialised as an empty list). */
static inline void rsm_list_remove(struct rsm_list *link) {
  link->prev->next = link->next;
  link->next->prev = link->prev;
  rsm_list_init(link);
}

#define RSM_LIST_ITEM(link, type, member) ((type *)((char *)(link)-offsetof(type, member)))

/* The body may remove and free the item itself, no other. */
#define RSM_LIST_EACH(type, item, list, member)                                         \
  for (type *item = RSM_LIST_ITEM((list)->next, type, member),                          \
            *item##_next = RSM_LIST_ITEM(item->member.next, type, member);              \
       &item->member != (list);                                                         \
       item = item##_next, item##_next = RSM_LIST_ITEM(item->member.next, type, member))

#endif
