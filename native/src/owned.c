/*
 * Which descriptors the addon opened, of which kind, and what belongs to them.
 *
 * Burst calls take no other descriptor, a second close finds nothing to close, and what a thread leaves open is closed
 * when its environment ends, or kept for the thread that follows it (kept.c), so that a crashed worker leaves no device attached. For
 * all threads there is one word per descriptor: 0, or the number of the opening and its kind; descriptors are reused, openings
 * are not. State in memory (a mapped ring) belongs to the thread that opened it: no other can reach or close it, so that it needs no lock.
 */
#include "addon.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Linux's own ceiling for descriptors of a process (fs.nr_open) unless an administrator raised it. */
#define MAX_FD (1 << 20)
#define KIND_BITS 3
#define KIND_MASK ((1u << KIND_BITS) - 1)

static const char *const kind_names[] = {"descriptor of this addon", "TAP", "packet socket", "XDP socket", "UDP underlay",
                                         "UDP socket"};

static _Atomic uint32_t opening_of[MAX_FD];
static _Atomic uint32_t last_opening;

typedef struct {
  uint32_t opening;
  void *state;
  void (*destroy)(void *state);
  napi_ref keeps;
  void (*inherit)(void *heir, int kind, const Taken *device);
  void *heir;
} Owned;

/* What this environment opened, by descriptor: its instance data. */
typedef struct {
  Owned **at;
  size_t size;
} Environment;

static void forget(Environment *environment, int fd) {
  Owned *owned = environment->at[fd];
  environment->at[fd] = NULL;
  if (owned->inherit) owned->inherit(owned->heir, 0, NULL);
  free(owned);
}

static void give_up(napi_env env, Environment *environment, int fd) {
  Owned *owned = environment->at[fd];
  if (owned->destroy) owned->destroy(owned->state);
  if (owned->keeps) napi_delete_reference(env, owned->keeps);
  forget(environment, fd);
}

static void close_left_open(napi_env env, void *data, void *hint) {
  (void)hint;
  Environment *environment = data;
  for (size_t fd = 0; fd < environment->size; fd++) {
    Owned *owned = environment->at[fd];
    if (owned == NULL) continue;
    uint32_t expected = owned->opening;
    bool ours = atomic_compare_exchange_strong(&opening_of[fd], &expected, 0);
    if (ours && owned->inherit) {
      Taken taken = {.fd = (int)fd, .state = owned->state, .destroy = owned->destroy};
      owned->inherit(owned->heir, (int)(owned->opening & KIND_MASK), &taken);
      free(owned);
      continue;
    }
    give_up(env, environment, (int)fd);
    if (ours) close((int)fd);
  }
  free(environment->at);
  free(environment);
}

bool owned_init(napi_env env) {
  Environment *environment = calloc(1, sizeof *environment);
  if (environment == NULL) return false;
  if (napi_set_instance_data(env, environment, close_left_open, NULL) == napi_ok) return true;
  free(environment);
  return false;
}

static Environment *environment_of(napi_env env) {
  Environment *environment = NULL;
  return napi_get_instance_data(env, (void **)&environment) == napi_ok ? environment : NULL;
}

static bool make_room(Environment *environment, int fd) {
  if ((size_t)fd < environment->size) return true;
  size_t size = environment->size ? environment->size : 64;
  while (size <= (size_t)fd) size *= 2;
  Owned **at = realloc(environment->at, size * sizeof *at);
  if (at == NULL) return false;
  memset(at + environment->size, 0, (size - environment->size) * sizeof *at);
  environment->at = at;
  environment->size = size;
  return true;
}

bool owned_add(napi_env env, int fd, int kind, void *state, void (*destroy)(void *state), napi_ref keeps) {
  Environment *environment = environment_of(env);
  Owned *owned = malloc(sizeof *owned);
  if (owned == NULL || environment == NULL || fd < 0 || fd >= MAX_FD || !make_room(environment, fd)) {
    free(owned);
    return false;
  }
  /* The record of a descriptor that another thread closed stayed until now: harmless, it has no state. */
  if (environment->at[fd]) give_up(env, environment, fd);
  do owned->opening = (atomic_fetch_add(&last_opening, 1) + 1) << KIND_BITS | (uint32_t)kind;
  while (owned->opening >> KIND_BITS == 0);
  owned->state = state;
  owned->destroy = destroy;
  owned->keeps = keeps;
  owned->inherit = NULL;
  environment->at[fd] = owned;
  atomic_store(&opening_of[fd], owned->opening);
  return true;
}

bool arg_owned(napi_env env, napi_value value, int kind, int *fd) {
  int64_t number;
  if (!arg_int(env, value, "fd", 0, MAX_FD - 1, &number)) return false;
  uint32_t opening = atomic_load_explicit(&opening_of[number], memory_order_relaxed);
  if (opening == 0 || (kind != OWNED_ANY && (int)(opening & KIND_MASK) != kind))
    return throw_range(env, "fd %d is not an open %s", (int)number, kind_names[kind]);
  *fd = (int)number;
  return true;
}

void *arg_state(napi_env env, napi_value value, int kind, int *fd) {
  if (!arg_owned(env, value, kind, fd)) return NULL;
  Environment *environment = environment_of(env);
  Owned *owned = environment && (size_t)*fd < environment->size ? environment->at[*fd] : NULL;
  if (owned && owned->state && (int)(owned->opening & KIND_MASK) == kind) return owned->state;
  throw_range(env, "fd %d is another thread's %s", *fd, kind_names[kind]);
  return NULL;
}

bool owned_take(napi_env env, napi_value value, int kind, Taken *taken) {
  int64_t fd;
  *taken = (Taken){.fd = -1};
  if (!arg_int(env, value, "fd", 0, MAX_FD - 1, &fd)) return false;
  Environment *environment = environment_of(env);
  Owned *owned = environment && (size_t)fd < environment->size ? environment->at[fd] : NULL;
  uint32_t opening = atomic_load(&opening_of[fd]);
  if (opening == 0 || (int)(opening & KIND_MASK) != kind) return true;
  bool ours = owned && owned->opening == opening;
  /* A TAP has no state: any thread may close it. */
  if (!ours && kind != OWNED_TAP) return true;
  if (!atomic_compare_exchange_strong(&opening_of[fd], &opening, 0)) return true;
  taken->fd = (int)fd;
  if (!ours) return true;
  taken->state = owned->state;
  taken->destroy = owned->destroy;
  taken->keeps = owned->keeps;
  forget(environment, (int)fd);
  return true;
}

void taken_close(Taken *taken) {
  if (taken->destroy) taken->destroy(taken->state);
  if (taken->fd >= 0) close(taken->fd);
  *taken = (Taken){.fd = -1, .keeps = taken->keeps};
}

void taken_forget(napi_env env, Taken *taken) {
  if (taken->keeps) napi_delete_reference(env, taken->keeps);
  taken->keeps = NULL;
}

napi_value owned_close(napi_env env, napi_value value, int kind) {
  Taken taken;
  if (!owned_take(env, value, kind, &taken)) return NULL;
  bool open = taken.fd >= 0;
  taken_close(&taken);
  taken_forget(env, &taken);
  return make_bool(env, open);
}

bool owned_bequeath(napi_env env, napi_value value, void (*inherit)(void *heir, int kind, const Taken *device),
                    void *heir) {
  int fd = -1;
  if (!arg_owned(env, value, OWNED_ANY, &fd)) return false;
  Environment *environment = environment_of(env);
  Owned *owned = environment && (size_t)fd < environment->size ? environment->at[fd] : NULL;
  int kind = owned ? (int)(owned->opening & KIND_MASK) : OWNED_ANY;
  /* What an XDP socket works on is memory of the thread. */
  if (owned == NULL || owned->opening != atomic_load(&opening_of[fd]) || kind == OWNED_XDP)
    return throw_range(env, "fd %d is no device of this thread that another could go on with", fd);
  if (owned->inherit) owned->inherit(owned->heir, 0, NULL);
  owned->inherit = inherit;
  owned->heir = heir;
  return true;
}
