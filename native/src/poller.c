/* Pollers by number, and the calls that JavaScript makes: poller.h. */
#include "poller.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* Longest blocking wait: a thread that is to be stopped must come back to JavaScript. */
#define MAX_WAIT_MS 10000
/* Longest that an armed thread looks again and again. */
#define MAX_SPIN_US 10000
/* Words of the sleep column: two numbers of 64 bits. */
#define SLEEP_WORDS 4

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
  poller_stop(poller);
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
  poller_look(poller, ready.count < MAX_EVENTS ? (int)ready.count : MAX_EVENTS, (int)timeout, &found);
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
  return poller_start(poller) ? NULL : throw_errno(env, errno, "epoll_ctl", NULL, NULL);
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
