/*
 * The agent: one native thread per process that watches descriptors while every JavaScript thread
 * computes or blocks. It never sleeps but in epoll_wait.
 *
 * rsm_lock guards every structure of the control plane (state.h). It is never held while waiting for a
 * peer, during a system call that may block, or across a large remap. The order of locks is
 * rsm_moving, rsm_lock, then the locks inside events and memory; an import's mapping lock is taken
 * without rsm_lock.
 */
#ifndef RSM_AGENT_H
#define RSM_AGENT_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

extern pthread_mutex_t rsm_lock;
/* Broadcast when a peer acknowledged or went, or a segment's operation ended. CLOCK_MONOTONIC. */
extern pthread_cond_t rsm_changed;
/* Held while the object behind memory is chosen or exchanged, copies included. Never by the agent. */
extern pthread_mutex_t rsm_moving;

/* A slot and its generation, so that an event already fetched for a watch that ended finds nothing; 0: none. */
typedef uint64_t rsm_watch;

/* Called on the agent's thread with rsm_lock held. May release it meanwhile if the subject is kept. */
typedef void rsm_ready(void *subject, bool expired);

/* All with rsm_lock held, start and stop without it. */
int rsm_agent_start(void); /* 0 or an RSMERR code */
void rsm_agent_stop(void); /* joins the thread; nothing may be watched any more */
/* Readable, end of file or error. timeout_ms < 0: no deadline; only the agent's thread may set one.
 * 0: no memory or descriptor. */
rsm_watch rsm_agent_watch(int fd, rsm_ready *ready, void *subject, int timeout_ms);
void rsm_agent_unwatch(rsm_watch *watch); /* before fd is closed; harmless on 0 */
void rsm_agent_set_deadline(rsm_watch watch, int timeout_ms); /* as of watch, from now on; agent's thread only */
/* Does not look at it for so long. Agent's thread only. */
void rsm_agent_rest(rsm_watch watch, int ms);

/* Waits for rsm_changed until then (wait.h; or RSM_NO_DEADLINE), rsm_lock held. */
void rsm_wait_changed(int64_t until_ns);

#endif
