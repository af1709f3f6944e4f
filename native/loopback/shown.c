/* What readers of a record see of this process's segments and of who is connected to them. */
#include <string.h>

#include "codes.h"
#include "state.h"
#include "wait.h"

/* More slots are made when fewer are free: as many connects as can arrive before the agent looks again. */
#define SLOTS_AHEAD 64

void rsm_record_make_room(struct rsm_record *record) {
  struct rsm_slots *slots = &record->slots;
  if (record->growing || record->ended || slots->unused_count >= SLOTS_AHEAD) return;
  record->growing = true;
  int fd = record->files.record_fd; /* stays open: who ends the record waits for us */
  pthread_mutex_unlock(&rsm_lock);
  struct rsm_slot *chunk = rsm_slots_make_chunk(fd, slots->chunk_count);
  pthread_mutex_lock(&rsm_lock);
  if (chunk != NULL) (void)rsm_slots_add_chunk(slots, chunk);
  record->growing = false;
  pthread_cond_broadcast(&rsm_changed);
}

/* For the holders' threads, which may wait for another one that is at it. */
static void await_room(struct rsm_record *record) {
  rsm_record_make_room(record);
  while (record->growing && record->slots.unused_count == 0) rsm_wait_changed(RSM_NO_DEADLINE);
}

/* With rsm_lock. The slot's identity may be written until rsm_slot_end; NULL: not shown. */
static struct rsm_slot *take(struct rsm_record *record, enum rsm_slot_kind kind, struct rsm_shown *shown) {
  struct rsm_slot *slot = record->ended ? NULL : rsm_slots_take(&record->slots, &shown->number);
  if (slot == NULL) return NULL;
  record->references++;
  shown->record = record;
  shown->slot = slot;
  rsm_slot_begin(slot);
  slot->kind = kind;
  slot->since_ms = rsm_wall_clock_ms();
  return slot;
}

void rsm_hide(struct rsm_shown *shown, struct rsm_events *events) {
  struct rsm_record *record = shown->record;
  if (record == NULL) return;
  if (events != NULL) rsm_events_count(events, NULL);
  rsm_slots_give_back(&record->slots, shown->number);
  *shown = (struct rsm_shown){.record = NULL};
  rsm_record_drop(record);
}

/* ---- exports ---- */

int rsm_export_show(struct rsm_export *segment, struct rsm_record *record, uint32_t *number) {
  pthread_mutex_lock(&rsm_lock);
  await_room(record);
  struct rsm_slot *slot = NULL;
  if (!segment->ended && segment->shown.record == NULL) slot = take(record, RSM_SLOT_EXPORT, &segment->shown);
  if (slot != NULL) {
    slot->exported.length_bytes = segment->length;
    slot->exported.flags = segment->read_only ? RSM_EXPORT_READ_ONLY : 0;
    rsm_slot_end(slot);
    rsm_events_count(segment->events, &slot->exported.events);
    *number = segment->shown.number;
  }
  pthread_mutex_unlock(&rsm_lock);
  return slot != NULL ? RSM_SUCCESS : RSMERR_INSUFFICIENT_RESOURCES;
}

void rsm_show_publication(struct rsm_export *segment) {
  struct rsm_slot *slot = segment->shown.slot;
  if (slot == NULL) return;
  bool published = segment->record != NULL;
  const struct rsm_grants *grants = &segment->grants;
  struct rsm_export_slot *exported = &slot->exported;
  rsm_slot_begin(slot);
  if (!published) exported->published_ms = 0;
  else if (exported->published_ms == 0) exported->published_ms = rsm_wall_clock_ms();
  exported->id = published ? segment->id : 0;
  exported->default_permission = published ? grants->default_permission : 0;
  exported->access_count = published ? grants->count : 0;
  memset(exported->access, 0, sizeof exported->access);
  for (uint32_t i = 0; i < exported->access_count && i < RSM_SHOWN_ENTRIES; i++) {
    exported->access[i].node = grants->entry[i].node;
    exported->access[i].permission = grants->entry[i].permission;
  }
  rsm_slot_end(slot);
}

/* ---- connections ---- */

void rsm_show_connection(struct rsm_connection *connection) {
  const struct rsm_shown *exported = &connection->segment->shown;
  RSM_COUNT(*exported, exported.connects);
  if (exported->record != connection->record) return;
  struct rsm_slot *slot = take(connection->record, RSM_SLOT_CONNECTION, &connection->shown);
  if (slot == NULL) return;
  slot->connection = (struct rsm_connection_slot){.export_slot = exported->number,
                                                  .node = connection->node,
                                                  .permission = connection->permission,
                                                  .uid = connection->importer_uid,
                                                  .pid = (uint32_t)connection->importer_pid};
  rsm_slot_end(slot);
}

void rsm_show_importers(const struct rsm_export *segment, int more) {
  struct rsm_slot *slot = segment->shown.slot;
  if (slot != NULL) atomic_fetch_add(&slot->exported.importers, (uint32_t)more);
}

void rsm_count_refusal(struct rsm_record *record, const struct rsm_export *segment, int code) {
  if ((unsigned)code < RSM_REFUSAL_CODES) {
    atomic_fetch_add_explicit(&record->slots.header->refusals[code], 1, memory_order_relaxed);
  }
  if (segment != NULL) RSM_COUNT(segment->shown, exported.refusals);
}

/* ---- imports ---- */

int rsm_import_show(struct rsm_import *segment, struct rsm_record *record, uint32_t *number) {
  pthread_mutex_lock(&rsm_lock);
  await_room(record);
  struct rsm_slot *slot = NULL;
  if (!segment->ended && segment->shown.record == NULL) slot = take(record, RSM_SLOT_IMPORT, &segment->shown);
  if (slot != NULL) {
    const struct rsm_local_page *local = (const struct rsm_local_page *)segment->control;
    struct rsm_import_slot *imported = &slot->imported;
    imported->node = segment->node;
    imported->id = segment->id;
    imported->permission = segment->permission;
    imported->owner_uid = segment->uid;
    imported->owner_pid = (uint32_t)segment->pid;
    imported->length_bytes = segment->length;
    atomic_store(&imported->state, atomic_load(&local->state));
    rsm_slot_end(slot);
    rsm_events_count(segment->events, &imported->events);
    *number = segment->shown.number;
  }
  pthread_mutex_unlock(&rsm_lock);
  return slot != NULL ? RSM_SUCCESS : RSMERR_INSUFFICIENT_RESOURCES;
}

void rsm_show_mapping(const struct rsm_import *segment) {
  struct rsm_slot *slot = segment->shown.slot;
  if (slot == NULL) return;
  atomic_store(&slot->imported.map_length, 0);
  if (segment->mapped == NULL) return;
  atomic_store(&slot->imported.map_offset, segment->map_offset);
  atomic_store(&slot->imported.map_length, segment->map_length);
}

/* ---- connections of other nodes ---- */

int rsm_remote_show(struct rsm_record *record, const struct rsm_remote_shown *remote, uint32_t *number) {
  struct rsm_shown shown;
  pthread_mutex_lock(&rsm_lock);
  await_room(record);
  struct rsm_slot *slot = take(record, RSM_SLOT_IMPORT, &shown);
  if (slot != NULL) {
    struct rsm_import_slot *imported = &slot->imported;
    imported->node = remote->node;
    imported->id = remote->id;
    imported->permission = remote->permission;
    imported->owner_uid = remote->owner_uid;
    imported->owner_pid = remote->owner_pid;
    imported->length_bytes = remote->length;
    imported->on_behalf = remote->on_behalf;
    imported->importer_node = remote->importer_node;
    imported->importer_uid = remote->importer_uid;
    imported->remote = 1;
    atomic_store(&imported->state, RSM_CONNECTED);
    rsm_slot_end(slot);
    *number = shown.number;
    rsm_record_drop(record); /* the caller has one as long as it shows */
  }
  pthread_mutex_unlock(&rsm_lock);
  return slot != NULL ? RSM_SUCCESS : RSMERR_INSUFFICIENT_RESOURCES;
}

void rsm_remote_hide(struct rsm_record *record, uint32_t number) {
  pthread_mutex_lock(&rsm_lock);
  const struct rsm_slot *slot = rsm_slots_at(&record->slots, number);
  bool is_one = slot != NULL && slot->kind == RSM_SLOT_IMPORT && slot->imported.remote == 1;
  if (is_one) rsm_slots_give_back(&record->slots, number);
  pthread_mutex_unlock(&rsm_lock);
}

/* ---- what TypeScript writes itself ---- */

void *rsm_record_part(struct rsm_record *record, uint32_t part, size_t *length) {
  pthread_mutex_lock(&rsm_lock);
  struct rsm_slots *slots = &record->slots;
  void *address = NULL;
  if (part == 0) {
    address = slots->header;
    *length = RSM_RECORD_HEADER_BYTES;
  } else if (part <= slots->chunk_count) {
    address = slots->chunks[part - 1];
    *length = RSM_CHUNK_SLOTS * RSM_SLOT_BYTES;
  }
  if (address != NULL) record->references++;
  pthread_mutex_unlock(&rsm_lock);
  return address;
}

void rsm_record_part_release(struct rsm_record *record) {
  pthread_mutex_lock(&rsm_lock);
  rsm_record_drop(record);
  pthread_mutex_unlock(&rsm_lock);
}
