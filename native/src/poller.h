/*
 * Waiting for many descriptors at once: one epoll set per forwarding loop.
 *
 * A loop waits in one of two ways. `pollerWait` blocks the thread. `pollerArm` returns at once, and the thread
 * calls back when something is readable, while messages, sockets and timers go on. Readiness is a level: what was
 * not read is told again.
 *
 * A poller is a number, never a pointer: numbers are not reused, so that a late call finds nothing and does no
 * harm. It belongs to the thread that made it; `pollerWake` alone may be called from any thread. It is closed when
 * its environment ends.
 */
#ifndef ETHERLOOM_POLLER_H
#define ETHERLOOM_POLLER_H

#include "addon.h"

#include <stdatomic.h>
#include <uv.h>

/* Most descriptors told by one wait; the next wait tells the others. */
#define MAX_EVENTS 256
/* Tags among the epoll events; those of callers are 32 bits. */
#define WAKE_TAG UINT64_MAX
#define LOOP_TAG (UINT64_MAX - 1)

/* Nanoseconds; shared with whoever wants to know how busy the thread is. */
typedef struct {
  _Atomic int64_t waited; /* in all, sleeping or looking */
  _Atomic int64_t since;  /* begin of the wait that goes on, or 0 */
} Sleep;

typedef struct Poller {
  struct Poller *next;
  int64_t id;
  napi_env env;
  uv_loop_t *loop;
  int epoll_fd;
  int wake_fd;
  _Atomic bool woken;
  bool armed;
  bool running;
  int64_t spin_us;
  int64_t waited_ns;  /* since the last callback */
  int64_t stopped_ns; /* the longest time since the last callback that was neither a wait nor a callback */
  int64_t left_ns;    /* end of the last wait or callback, or 0 */
  uv_prepare_t prepare;
  uv_idle_t idle;
  int open_handles;
  napi_ref callback, ready, sleep_ref;
  Sleep *sleep; /* memory of sleep_ref, which does not move */
  napi_async_context async;
  napi_async_cleanup_hook_handle cleanup;
} Poller;

/* What one look has found. */
typedef struct {
  int told;
  bool woken;
  bool loop_ready;
  int32_t tags[MAX_EVENTS];
} Found;

/* -- poller-sleep.c */
/* One epoll_wait for at most `room` tags. */
void poller_look(Poller *poller, int room, int timeout_ms, Found *found);
/* From now on the thread sleeps here while the poller is armed; false with errno. */
bool poller_start(Poller *poller);
void poller_stop(Poller *poller);

#endif
