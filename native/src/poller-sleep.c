/*
 * How a thread sleeps in its poller: poller.h.
 *
 * An armed thread sleeps here and not in libuv's own epoll_wait, which would have to be left before ours could be
 * asked: a frame that comes alone would cost three calls to epoll_wait and a turn of the event loop instead of one
 * call, a third of all the system calls made for it. So libuv's set is in ours while the poller is armed. A handle of the prepare phase, right
 * before libuv would sleep, waits for both; an idle handle keeps libuv from sleeping after it. libuv has its turn as soon as
 * its set is readable or a timer is due, and before any sleep when it has watchers that are not in its set yet.
 *
 * A thread that has armed several pollers does not sleep at all: one for each thread is the use.
 *
 * Before it sleeps, an armed thread may look again and again for a while: who is awake when a frame comes need not be
 * woken. Between two looks it gives the processor to whoever else wants it.
 */
#include "poller.h"

#include <sched.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

/*
 * Emptied first: whoever wakes in between finds `woken` set and leaves it at that, and what it has done is seen by the callback
 * that follows. The other way round its word would be read with the one before, and `woken` stay set for ever.
 */
static void drain(Poller *poller) {
  uint64_t times;
  ssize_t got = read(poller->wake_fd, &times, sizeof times);
  (void)got; /* nothing in it: as good as drained */
  atomic_exchange(&poller->woken, false);
}

static int64_t now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

void poller_look(Poller *poller, int room, int timeout_ms, Found *found) {
  struct epoll_event events[MAX_EVENTS];
  int n = epoll_wait(poller->epoll_fd, events, room < MAX_EVENTS ? room : MAX_EVENTS, timeout_ms);
  found->told = 0;
  found->woken = found->loop_ready = false;
  for (int i = 0; i < n; i++) {
    if (events[i].data.u64 == LOOP_TAG) {
      found->loop_ready = true;
    } else if (events[i].data.u64 == WAKE_TAG) {
      drain(poller);
      found->woken = true;
    } else {
      found->tags[found->told++] = (int32_t)events[i].data.u64;
    }
  }
}

static bool is_empty(const Found *found) { return found->told == 0 && !found->woken && !found->loop_ready; }

/* Looks until there is something or `spin_us` are over. */
static void spin(Poller *poller, int64_t begin, Found *found) {
  int64_t end = begin + poller->spin_us * 1000;
  poller->spin_us = 0;
  for (;;) {
    poller_look(poller, MAX_EVENTS, 0, found);
    if (!is_empty(found) || now_ns() >= end) return;
    sched_yield();
  }
}

static void wait_for(Poller *poller, int timeout_ms, Found *found) {
  int64_t begin = now_ns();
  if (poller->left_ns != 0 && begin - poller->left_ns > poller->stopped_ns) poller->stopped_ns = begin - poller->left_ns;
  atomic_store_explicit(&poller->sleep->since, begin, memory_order_relaxed);
  bool may_spin = poller->spin_us > 0 && timeout_ms != 0;
  if (may_spin) spin(poller, begin, found);
  if (!may_spin || is_empty(found)) poller_look(poller, MAX_EVENTS, timeout_ms, found);
  int64_t waited = now_ns() - begin;
  poller->waited_ns += waited;
  poller->left_ns = begin + waited;
  waited += atomic_load_explicit(&poller->sleep->waited, memory_order_relaxed);
  atomic_store_explicit(&poller->sleep->waited, waited, memory_order_relaxed);
  atomic_store_explicit(&poller->sleep->since, 0, memory_order_relaxed);
}

static void call_back(Poller *poller, const Found *found) {
  napi_env env = poller->env;
  napi_handle_scope scope;
  napi_value callback, receiver, error, ready, argv[3];
  Column column;
  if (napi_open_handle_scope(env, &scope) != napi_ok) return;
  if (napi_get_reference_value(env, poller->callback, &callback) == napi_ok && callback != NULL &&
      napi_get_reference_value(env, poller->ready, &ready) == napi_ok && ready != NULL &&
      napi_get_global(env, &receiver) == napi_ok && arg_column(env, ready, "ready", &column)) {
    size_t count = (size_t)found->told < column.count ? (size_t)found->told : column.count;
    memcpy(column.at, found->tags, count * sizeof *column.at);
    argv[0] = make_int(env, (int64_t)count);
    argv[1] = make_int(env, poller->waited_ns / 1000);
    argv[2] = make_int(env, poller->stopped_ns / 1000);
    poller->waited_ns = 0;
    poller->stopped_ns = 0;
    if (napi_make_callback(env, poller->async, receiver, callback, 3, argv, NULL) == napi_pending_exception &&
        napi_get_and_clear_last_exception(env, &error) == napi_ok)
      napi_fatal_exception(env, error);
  }
  napi_close_handle_scope(env, scope);
}

void poller_stop(Poller *poller) {
  if (!poller->running) return;
  poller->running = false;
  uv_prepare_stop(&poller->prepare);
  uv_idle_stop(&poller->idle);
  epoll_ctl(poller->epoll_fd, EPOLL_CTL_DEL, uv_backend_fd(poller->loop), NULL);
}

static void nothing(uv_idle_t *handle) { (void)handle; }

/* How long libuv would sleep now, if it were not for our idle handle; 0 when it has something to do. */
static int loop_timeout(Poller *poller) {
  const void *watchers = &poller->loop->watcher_queue;
  /* Watchers that come into its set with its next turn. */
  if (*(void *const *)watchers != watchers) return 0;
  uv_idle_stop(&poller->idle);
  uv_update_time(poller->loop);
  int timeout = uv_backend_timeout(poller->loop);
  uv_idle_start(&poller->idle, nothing);
  return timeout;
}

static void on_prepare(uv_prepare_t *handle) {
  Poller *poller = handle->data;
  int64_t id = poller->id;
  for (;;) {
    int timeout = loop_timeout(poller);
    Found found;
    wait_for(poller, timeout, &found);
    if (found.told > 0 || found.woken) {
      poller->armed = false;
      call_back(poller, &found);
      /* The callback may have closed the poller; libuv frees it no sooner than in its turn. */
      if (poller->id != id) return;
      /* A thread that does not wait here has other work: nothing stands still for it. */
      poller->left_ns = poller->armed ? now_ns() : 0;
      if (!poller->armed) poller_stop(poller);
    }
    if (!poller->armed || found.loop_ready || timeout == 0 || is_empty(&found)) return;
  }
}

bool poller_start(Poller *poller) {
  struct epoll_event event = {.events = EPOLLIN, .data.u64 = LOOP_TAG};
  if (epoll_ctl(poller->epoll_fd, EPOLL_CTL_ADD, uv_backend_fd(poller->loop), &event) < 0) return false;
  uv_prepare_start(&poller->prepare, on_prepare);
  uv_idle_start(&poller->idle, nothing);
  poller->running = true;
  return true;
}
