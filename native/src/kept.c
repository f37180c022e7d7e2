/*
 * Devices that outlive the thread that opened them. A descriptor is the process's, and so is the memory that a ring is mapped to:
 * what a thread leaves open when it ends by a defect waits here, under the name that it gave it, for the thread that goes on in its
 * place. A TAP's link stays up meanwhile, what arrives waits in the device's queue or ring, and nobody needs the right to open
 * it again.
 *
 * An XDP socket cannot be kept: its memory is the arena of the thread that has ended.
 */
#include "addon.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define NAME_BYTES 512

typedef struct Kept {
  struct Kept *next;
  int kind;
  Taken device;
  char name[NAME_BYTES];
  char note[NAME_BYTES];
} Kept;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static Kept *waiting;

/* The environment of the thread ends, or the device was closed. */
static void inherit(void *heir, int kind, const Taken *device) {
  Kept *kept = heir;
  if (device == NULL) {
    free(kept);
    return;
  }
  kept->kind = kind;
  kept->device = *device;
  pthread_mutex_lock(&lock);
  kept->next = waiting;
  waiting = kept;
  pthread_mutex_unlock(&lock);
}

static bool arg_text(napi_env env, napi_value value, const char *what, char out[NAME_BYTES]) {
  size_t length;
  if (napi_get_value_string_utf8(env, value, NULL, 0, &length) != napi_ok) return throw_type(env, "%s must be a string", what);
  if (length >= NAME_BYTES) return throw_range(env, "%s must have less than %d bytes", what, NAME_BYTES);
  return napi_get_value_string_utf8(env, value, out, NAME_BYTES, &length) == napi_ok;
}

/* deviceKeep(fd, name, note): where this thread ends without having closed it, the device waits for deviceTake */
napi_value device_keep(napi_env env, napi_callback_info info) {
  napi_value argv[3];
  if (!args_read(env, info, 3, argv)) return NULL;
  Kept *kept = calloc(1, sizeof *kept);
  if (kept == NULL) return throw_errno(env, ENOMEM, "deviceKeep", NULL, NULL);
  if (!arg_text(env, argv[1], "name", kept->name) || !arg_text(env, argv[2], "note", kept->note) ||
      !owned_bequeath(env, argv[0], inherit, kept))
    free(kept);
  return NULL;
}

static Kept *take(const char *name) {
  pthread_mutex_lock(&lock);
  Kept **at = &waiting;
  while (*at && strcmp((*at)->name, name) != 0) at = &(*at)->next;
  Kept *kept = *at;
  if (kept) *at = kept->next;
  pthread_mutex_unlock(&lock);
  return kept;
}

/* deviceTake(name) -> { fd, note } of what waits under this name, from now on this thread's; or null */
napi_value device_take(napi_env env, napi_callback_info info) {
  napi_value argv[1], result, note;
  char name[NAME_BYTES];
  if (!args_read(env, info, 1, argv) || !arg_text(env, argv[0], "name", name)) return NULL;
  Kept *kept = take(name);
  if (kept == NULL) return napi_get_null(env, &result) == napi_ok ? result : NULL;
  Taken device = kept->device;
  bool told = napi_create_object(env, &result) == napi_ok &&
              napi_create_string_utf8(env, kept->note, NAPI_AUTO_LENGTH, &note) == napi_ok &&
              napi_set_named_property(env, result, "fd", make_int(env, device.fd)) == napi_ok &&
              napi_set_named_property(env, result, "note", note) == napi_ok;
  bool owned = told && owned_add(env, device.fd, kept->kind, device.state, device.destroy, NULL);
  free(kept);
  if (owned) return result;
  taken_close(&device);
  return throw_errno(env, ENOMEM, "deviceTake", name, NULL);
}

/* Takes out all whose names begin with `prefix`. */
static Kept *take_all(const char *prefix) {
  Kept *taken = NULL;
  pthread_mutex_lock(&lock);
  for (Kept **at = &waiting; *at;) {
    Kept *kept = *at;
    if (strncmp(kept->name, prefix, strlen(prefix)) != 0) {
      at = &kept->next;
      continue;
    }
    *at = kept->next;
    kept->next = taken;
    taken = kept;
  }
  pthread_mutex_unlock(&lock);
  return taken;
}

typedef struct {
  Apart apart;
  Kept *going;
  int closed;
} Releasing;

static void release(Apart *apart) {
  Releasing *releasing = (Releasing *)apart;
  while (releasing->going) {
    Kept *kept = releasing->going;
    releasing->going = kept->next;
    taken_close(&kept->device);
    free(kept);
    releasing->closed++;
  }
}

static napi_value tell_released(napi_env env, Apart *apart, bool done) {
  (void)done;
  release(apart); /* what it has not begun with, where its thread ends */
  napi_value result = make_int(env, ((Releasing *)apart)->closed);
  free(apart);
  return result;
}

/* devicesRelease(prefix) -> a promise of how many: what waits under names that begin so is nobody's from now on, and closed */
napi_value devices_release(napi_env env, napi_callback_info info) {
  napi_value argv[1];
  char prefix[NAME_BYTES];
  if (!args_read(env, info, 1, argv) || !arg_text(env, argv[0], "prefix", prefix)) return NULL;
  Releasing *releasing = calloc(1, sizeof *releasing);
  if (releasing == NULL) return throw_errno(env, ENOMEM, "devicesRelease", NULL, NULL);
  releasing->apart = (Apart){.work = release, .settle = tell_released};
  releasing->going = take_all(prefix);
  return apart_begin(env, "etherloom: release", &releasing->apart);
}
