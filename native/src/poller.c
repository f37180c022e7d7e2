/*
 * Waiting for many descriptors at once: one epoll set per forwarding loop.
 *
 * A loop waits in one of two ways. `pollerWait` blocks the thread. `pollerArm` returns at once and the thread's
 * event loop calls back when something is readable, so that messages, sockets and timers go on meanwhile. Either
 * way `pollerWait(id, 0, ready)` tells which descriptors it was. Readiness is a level: what was not read is told
 * again.
 *
 * A poller is a number, never a pointer: numbers are not reused, so that a late call finds nothing and does no
 * harm. It belongs to the thread that made it; `pollerWake` alone may be called from any thread. It is closed when
 * its environment ends.
 */
#include "addon.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <uv.h>

/* Most descriptors told by one wait; the next wait tells the others. */
#define MAX_EVENTS 256
/* Longest blocking wait: a thread that is to be stopped must come back to JavaScript. */
#define MAX_WAIT_MS 10000
/* The tag of the eventfd among the epoll events; tags of callers are 32 bits. */
#define WAKE_TAG UINT64_MAX

typedef struct Poller {
  struct Poller *next;
  int64_t id;
  napi_env env;
  int epoll_fd;
  int wake_fd;
  _Atomic bool woken;
  bool armed;
  bool polling;
  uv_poll_t handle;
  napi_ref callback;
  napi_async_context async;
  napi_async_cleanup_hook_handle cleanup;
} Poller;

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

static void drain(Poller *poller) {
  if (!atomic_exchange(&poller->woken, false)) return;
  uint64_t times;
  if (read(poller->wake_fd, &times, sizeof times) < 0) return; /* nothing in it: as good as drained */
}

static void call_back(Poller *poller) {
  napi_env env = poller->env;
  napi_handle_scope scope;
  napi_value callback, receiver, error;
  if (napi_open_handle_scope(env, &scope) != napi_ok) return;
  if (napi_get_reference_value(env, poller->callback, &callback) == napi_ok && callback != NULL &&
      napi_get_global(env, &receiver) == napi_ok &&
      napi_make_callback(env, poller->async, receiver, callback, 0, NULL, NULL) == napi_pending_exception &&
      napi_get_and_clear_last_exception(env, &error) == napi_ok)
    napi_fatal_exception(env, error);
  napi_close_handle_scope(env, scope);
}

static void stop(Poller *poller) {
  if (!poller->polling) return;
  uv_poll_stop(&poller->handle);
  poller->polling = false;
}

/* A callback that arms again leaves the handle as it is: a busy loop costs no epoll_ctl. */
static void on_readable(uv_poll_t *handle, int status, int events) {
  (void)status;
  (void)events;
  Poller *poller = handle->data;
  int64_t id = poller->id;
  drain(poller);
  if (poller->armed) {
    poller->armed = false;
    call_back(poller);
  }
  /* The callback may have closed the poller; libuv frees it no sooner than the next turn of the loop. */
  if (poller->id == id && !poller->armed) stop(poller);
}

static void on_closed(uv_handle_t *handle) {
  Poller *poller = handle->data;
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
  poller->polling = false;
  uv_close((uv_handle_t *)&poller->handle, on_closed);
}

static void at_env_end(napi_async_cleanup_hook_handle handle, void *data) {
  (void)handle;
  Poller *poller = data;
  if (poller->id != 0) begin_close(poller);
}

/* pollerCreate(callback) -> id */
napi_value poller_create(napi_env env, napi_callback_info info) {
  napi_value argv[1], name;
  napi_valuetype type;
  uv_loop_t *loop;
  if (!args_read(env, info, 1, argv)) return NULL;
  if (napi_typeof(env, argv[0], &type) != napi_ok || type != napi_function) {
    throw_type(env, "callback must be a function");
    return NULL;
  }
  Poller *poller = calloc(1, sizeof *poller);
  if (poller == NULL) return throw_errno(env, ENOMEM, "pollerCreate", NULL, NULL);
  poller->env = env;
  poller->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  poller->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
  struct epoll_event event = {.events = EPOLLIN, .data.u64 = WAKE_TAG};
  int error = 0;
  if (poller->wake_fd < 0 || poller->epoll_fd < 0 ||
      epoll_ctl(poller->epoll_fd, EPOLL_CTL_ADD, poller->wake_fd, &event) < 0)
    error = errno;
  else if (napi_create_reference(env, argv[0], 1, &poller->callback) != napi_ok ||
           napi_create_string_utf8(env, "etherloom.poller", NAPI_AUTO_LENGTH, &name) != napi_ok ||
           napi_async_init(env, NULL, name, &poller->async) != napi_ok || napi_get_uv_event_loop(env, &loop) != napi_ok ||
           uv_poll_init(loop, &poller->handle, poller->epoll_fd) != 0)
    error = ENOMEM;
  if (error) {
    if (poller->async) napi_async_destroy(env, poller->async);
    if (poller->callback) napi_delete_reference(env, poller->callback);
    if (poller->wake_fd >= 0) close(poller->wake_fd);
    if (poller->epoll_fd >= 0) close(poller->epoll_fd);
    free(poller);
    return throw_errno(env, error, "epoll_create", NULL, NULL);
  }
  poller->handle.data = poller;
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
  struct epoll_event events[MAX_EVENTS];
  int room = ready.count < MAX_EVENTS ? (int)ready.count : MAX_EVENTS;
  int n = epoll_wait(poller->epoll_fd, events, room, (int)timeout);
  int told = 0;
  for (int i = 0; i < n; i++) {
    if (events[i].data.u64 == WAKE_TAG) drain(poller);
    else ready.at[told++] = (int32_t)events[i].data.u64;
  }
  return make_int(env, told);
}

/* pollerArm(id): the callback runs once, as soon as anything is readable */
napi_value poller_arm(napi_env env, napi_callback_info info) {
  napi_value argv[1];
  Poller *poller;
  if (!args_read(env, info, 1, argv) || !(poller = find(env, argv[0]))) return NULL;
  poller->armed = true;
  if (poller->polling) return NULL;
  int status = uv_poll_start(&poller->handle, UV_READABLE, on_readable);
  if (status != 0) return throw_errno(env, -status, "uv_poll_start", NULL, NULL);
  poller->polling = true;
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
  napi_async_destroy(env, poller->async);
  napi_delete_reference(env, poller->callback);
  begin_close(poller);
  return make_bool(env, true);
}
