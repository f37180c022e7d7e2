/*
 * Closing on a thread of libuv's pool. The kernel waits until nobody reads any more what it takes apart
 * (synchronize_net): 8 to 20 ms for a packet socket and for a TAP that goes, in which the caller could forward nothing.
 */
#include "addon.h"

#include <stdlib.h>

typedef struct {
  Taken taken;
  napi_async_work work;
  napi_deferred deferred;
} Closing;

static void execute(napi_env env, void *data) {
  (void)env;
  Closing *closing = data;
  taken_close(&closing->taken);
}

static void complete(napi_env env, napi_status status, void *data) {
  (void)status;
  Closing *closing = data;
  /* The work was cancelled, with its thread. */
  taken_close(&closing->taken);
  napi_resolve_deferred(env, closing->deferred, make_bool(env, true));
  napi_delete_async_work(env, closing->work);
  free(closing);
}

bool work_begin(napi_env env, const char *what, napi_async_execute_callback execute,
                napi_async_complete_callback complete, void *data, napi_async_work *work) {
  napi_value name;
  if (napi_create_string_utf8(env, what, NAPI_AUTO_LENGTH, &name) != napi_ok ||
      napi_create_async_work(env, NULL, name, execute, complete, data, work) != napi_ok)
    return false;
  if (napi_queue_async_work(env, *work) == napi_ok) return true;
  napi_delete_async_work(env, *work);
  return false;
}

static bool begin(napi_env env, Taken taken, napi_deferred deferred) {
  Closing *closing = malloc(sizeof *closing);
  if (closing == NULL) return false;
  *closing = (Closing){.taken = taken, .deferred = deferred};
  if (work_begin(env, "etherloom: close", execute, complete, closing, &closing->work)) return true;
  free(closing);
  return false;
}

/* closeApart(fd) -> a promise of whether a TAP or packet socket of this number was open; it is nobody's from now on */
napi_value close_apart(napi_env env, napi_callback_info info) {
  napi_value argv[1], promise;
  napi_deferred deferred;
  Taken taken;
  if (!args_read(env, info, 1, argv) || !owned_take(env, argv[0], OWNED_TAP, &taken) ||
      (taken.fd < 0 && !owned_take(env, argv[0], OWNED_PACKET, &taken)))
    return NULL;
  bool open = taken.fd >= 0;
  if (napi_create_promise(env, &deferred, &promise) != napi_ok) promise = NULL;
  if (promise && open && begin(env, taken, deferred)) return promise;
  taken_close(&taken);
  if (promise) napi_resolve_deferred(env, deferred, make_bool(env, open));
  return promise;
}
