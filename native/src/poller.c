/*
 * Waiting for many descriptors at once: one epoll set per forwarding loop.
 *
 * A loop waits in one of two ways. `pollerWait` blocks the thread. `pollerArm` returns at once, and the thread
 * calls back when something is readable, while messages, sockets and timers go on. Readiness is a level: what was
 * not read is told again.
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
 *
 * A poller is a number, never a pointer: numbers are not reused, so that a late call finds nothing and does no
 * harm. It belongs to the thread that made it; `pollerWake` alone may be called from any thread. It is closed when
 * its environment ends.
 */
#include "addon.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>
#include <uv.h>

/* Most descriptors told by one wait; the next wait tells the others. */
#define MAX_EVENTS 256
/* Longest blocking wait: a thread that is to be stopped must come back to JavaScript. */
#define MAX_WAIT_MS 10000
/* Longest that an armed thread looks again and again. */
#define MAX_SPIN_US 10000
/* Tags among the epoll events; those of callers are 32 bits. */
#define WAKE_TAG UINT64_MAX
#define LOOP_TAG (UINT64_MAX - 1)
/* Words of the sleep column: two numbers of 64 bits. */
#define SLEEP_WORDS 4

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

/* Guards the list and, in `pollerWake`, the poller's eventfd against being closed. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static Poller *pollers;
static int64_t last_id;

static Poller *find(napi_env env, napi_value value) {
  int64_t id;
  if (!arg_int(env, value, "poller", 1, (int64_t)1 << 52, &id)) return NULL;
  pthread_mutex_lock(&lock);
  Poller *poller = pollers;
  while (poller && poller->id != id) poller = poller->next;
  pthread_mutex_unlock(&lock);
  /* Only the owner frees a poller, so it stays valid here once it turned out to be ours. */
  if (poller && poller->env == env) return poller;
  throw_range(env, "poller %lld is closed, or another thread's", (long long)id);
  return NULL;
}

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

/* One epoll_wait for at most `room` tags. */
static void look(Poller *poller, int room, int timeout_ms, Found *found) {
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
    look(poller, MAX_EVENTS, 0, found);
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
  if (!may_spin || is_empty(found)) look(poller, MAX_EVENTS, timeout_ms, found);
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

static void stop(Poller *poller) {
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
      if (!poller->armed) stop(poller);
    }
    if (!poller->armed || found.loop_ready || timeout == 0 || is_empty(&found)) return;
  }
}

static void on_closed(uv_handle_t *handle) {
  Poller *poller = handle->data;
  if (--poller->open_handles > 0) return;
  napi_async_cleanup_hook_handle cleanup = poller->cleanup;
  close(poller->epoll_fd);
  close(poller->wake_fd);
  free(poller);
  napi_remove_async_cleanup_hook(cleanup);
}

static void begin_close(Poller *poller) {
  pthread_mutex_lock(&lock);
  for (Poller **at = &pollers; *at; at = &(*at)->next) {
    if (*at != poller) continue;
    *at = poller->next;
    break;
  }
  pthread_mutex_unlock(&lock);
  poller->id = 0;
  stop(poller);
  uv_close((uv_handle_t *)&poller->prepare, on_closed);
  uv_close((uv_handle_t *)&poller->idle, on_closed);
}

static void at_env_end(napi_async_cleanup_hook_handle handle, void *data) {
  (void)handle;
  Poller *poller = data;
  if (poller->id != 0) begin_close(poller);
}

static void delete_references(napi_env env, Poller *poller) {
  if (poller->async) napi_async_destroy(env, poller->async);
  if (poller->callback) napi_delete_reference(env, poller->callback);
  if (poller->ready) napi_delete_reference(env, poller->ready);
  if (poller->sleep_ref) napi_delete_reference(env, poller->sleep_ref);
}

/* Shared memory cannot be taken from its array, so that a pointer into it stays good. */
static bool arg_sleep(napi_env env, napi_value value, Sleep **out) {
  Column column;
  napi_value buffer;
  bool is_private;
  if (!arg_column(env, value, "sleep", &column)) return false;
  if (napi_get_typedarray_info(env, value, NULL, NULL, NULL, &buffer, NULL) != napi_ok ||
      napi_is_arraybuffer(env, buffer, &is_private) != napi_ok || is_private || column.count < SLEEP_WORDS ||
      (uintptr_t)column.at % sizeof(int64_t) != 0)
    return throw_range(env, "sleep must have %d words of shared memory at a multiple of 8 bytes", SLEEP_WORDS);
  *out = (Sleep *)(void *)column.at;
  return true;
}

/*
 * pollerCreate(callback, ready, sleep) -> id
 *
 * The callback is called with the number of tags in `ready`, the microseconds waited since it was last called, and the most microseconds in one piece
 * that the thread's event loop has taken for other things since then. `sleep` tells how long the thread has waited (Sleep); it is
 * written as long as the poller is open.
 */
napi_value poller_create(napi_env env, napi_callback_info info) {
  napi_value argv[3], name;
  napi_valuetype type;
  uv_loop_t *loop;
  Column ready;
  Sleep *sleep = NULL;
  if (!args_read(env, info, 3, argv)) return NULL;
  if (napi_typeof(env, argv[0], &type) != napi_ok || type != napi_function) {
    throw_type(env, "callback must be a function");
    return NULL;
  }
  if (!arg_column(env, argv[1], "ready", &ready) || !arg_sleep(env, argv[2], &sleep)) return NULL;
  Poller *poller = calloc(1, sizeof *poller);
  if (poller == NULL) return throw_errno(env, ENOMEM, "pollerCreate", NULL, NULL);
  poller->env = env;
  poller->sleep = sleep;
  poller->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  poller->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
  struct epoll_event event = {.events = EPOLLIN, .data.u64 = WAKE_TAG};
  int error = 0;
  if (poller->wake_fd < 0 || poller->epoll_fd < 0 ||
      epoll_ctl(poller->epoll_fd, EPOLL_CTL_ADD, poller->wake_fd, &event) < 0)
    error = errno;
  else if (napi_create_reference(env, argv[0], 1, &poller->callback) != napi_ok ||
           napi_create_reference(env, argv[1], 1, &poller->ready) != napi_ok ||
           napi_create_reference(env, argv[2], 1, &poller->sleep_ref) != napi_ok ||
           napi_create_string_utf8(env, "etherloom.poller", NAPI_AUTO_LENGTH, &name) != napi_ok ||
           napi_async_init(env, NULL, name, &poller->async) != napi_ok || napi_get_uv_event_loop(env, &loop) != napi_ok)
    error = ENOMEM;
  if (error) {
    delete_references(env, poller);
    if (poller->wake_fd >= 0) close(poller->wake_fd);
    if (poller->epoll_fd >= 0) close(poller->epoll_fd);
    free(poller);
    return throw_errno(env, error, "epoll_create", NULL, NULL);
  }
  poller->loop = loop;
  uv_prepare_init(loop, &poller->prepare);
  uv_idle_init(loop, &poller->idle);
  poller->open_handles = 2;
  poller->prepare.data = poller->idle.data = poller;
  napi_add_async_cleanup_hook(env, at_env_end, poller, &poller->cleanup);
  pthread_mutex_lock(&lock);
  poller->id = ++last_id;
  poller->next = pollers;
  pollers = poller;
  pthread_mutex_unlock(&lock);
  return make_int(env, poller->id);
}

/* pollerAdd(id, fd, tag): fd is one that this addon opened, tag what `pollerWait` says when it is readable */
napi_value poller_add(napi_env env, napi_callback_info info) {
  napi_value argv[3];
  Poller *poller;
  int fd = -1;
  int64_t tag;
  if (!args_read(env, info, 3, argv) || !(poller = find(env, argv[0])) || !arg_owned(env, argv[1], OWNED_ANY, &fd) ||
      !arg_int(env, argv[2], "tag", 0, INT32_MAX, &tag))
    return NULL;
  struct epoll_event event = {.events = EPOLLIN, .data.u64 = (uint64_t)tag};
  if (epoll_ctl(poller->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0 &&
      (errno != EEXIST || epoll_ctl(poller->epoll_fd, EPOLL_CTL_MOD, fd, &event) < 0))
    return throw_errno(env, errno, "epoll_ctl", NULL, NULL);
  return NULL;
}

/* pollerRemove(id, fd) -> whether it was in; closing a descriptor removes it as well */
napi_value poller_remove(napi_env env, napi_callback_info info) {
  napi_value argv[2];
  Poller *poller;
  int64_t fd;
  if (!args_read(env, info, 2, argv) || !(poller = find(env, argv[0])) ||
      !arg_int(env, argv[1], "fd", 0, INT32_MAX, &fd))
    return NULL;
  if (fd == poller->wake_fd) return make_bool(env, false);
  return make_bool(env, epoll_ctl(poller->epoll_fd, EPOLL_CTL_DEL, (int)fd, NULL) == 0);
}

/* pollerWait(id, timeoutMs, ready) -> how many tags were put into `ready`; a wake-up ends it early with what there is */
napi_value poller_wait(napi_env env, napi_callback_info info) {
  napi_value argv[3];
  Poller *poller;
  int64_t timeout;
  Column ready;
  if (!args_read(env, info, 3, argv) || !(poller = find(env, argv[0])) ||
      !arg_int(env, argv[1], "timeoutMs", 0, MAX_WAIT_MS, &timeout) || !arg_column(env, argv[2], "ready", &ready))
    return NULL;
  if (ready.count == 0) {
    throw_range(env, "ready has no room");
    return NULL;
  }
  Found found;
  look(poller, ready.count < MAX_EVENTS ? (int)ready.count : MAX_EVENTS, (int)timeout, &found);
  memcpy(ready.at, found.tags, (size_t)found.told * sizeof *ready.at);
  return make_int(env, found.told);
}

/* pollerArm(id, spinMicroseconds): the callback runs once, as soon as anything is readable */
napi_value poller_arm(napi_env env, napi_callback_info info) {
  napi_value argv[2];
  Poller *poller;
  int64_t spin_us;
  if (!args_read(env, info, 2, argv) || !(poller = find(env, argv[0])) ||
      !arg_int(env, argv[1], "spinMicroseconds", 0, MAX_SPIN_US, &spin_us))
    return NULL;
  poller->armed = true;
  poller->spin_us = spin_us;
  if (poller->running) return NULL;
  struct epoll_event event = {.events = EPOLLIN, .data.u64 = LOOP_TAG};
  if (epoll_ctl(poller->epoll_fd, EPOLL_CTL_ADD, uv_backend_fd(poller->loop), &event) < 0)
    return throw_errno(env, errno, "epoll_ctl", NULL, NULL);
  uv_prepare_start(&poller->prepare, on_prepare);
  uv_idle_start(&poller->idle, nothing);
  poller->running = true;
  return NULL;
}

/* pollerWake(id) -> whether there is such a poller; from any thread */
napi_value poller_wake(napi_env env, napi_callback_info info) {
  napi_value argv[1];
  int64_t id;
  if (!args_read(env, info, 1, argv) || !arg_int(env, argv[0], "poller", 1, (int64_t)1 << 52, &id)) return NULL;
  pthread_mutex_lock(&lock);
  Poller *poller = pollers;
  while (poller && poller->id != id) poller = poller->next;
  if (poller && !atomic_exchange(&poller->woken, true)) {
    uint64_t once = 1;
    if (write(poller->wake_fd, &once, sizeof once) < 0) atomic_store(&poller->woken, false);
  }
  pthread_mutex_unlock(&lock);
  return make_bool(env, poller != NULL);
}

/* pollerClose(id) -> whether it was open */
napi_value poller_close(napi_env env, napi_callback_info info) {
  napi_value argv[1];
  int64_t id;
  if (!args_read(env, info, 1, argv) || !arg_int(env, argv[0], "poller", 1, (int64_t)1 << 52, &id)) return NULL;
  pthread_mutex_lock(&lock);
  Poller *poller = pollers;
  while (poller && poller->id != id) poller = poller->next;
  pthread_mutex_unlock(&lock);
  if (poller == NULL || poller->env != env) return make_bool(env, false);
  delete_references(env, poller);
  begin_close(poller);
  return make_bool(env, true);
}
