/* Reading arguments and throwing errors: the only code that trusts nothing it is given. */
#include "addon.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <uv.h>

bool throw_range(napi_env env, const char *format, ...) {
  char text[256];
  va_list list;
  va_start(list, format);
  vsnprintf(text, sizeof text, format, list);
  va_end(list);
  napi_throw_range_error(env, "ERR_OUT_OF_RANGE", text);
  return false;
}

bool throw_type(napi_env env, const char *format, ...) {
  char text[256];
  va_list list;
  va_start(list, format);
  vsnprintf(text, sizeof text, format, list);
  va_end(list);
  napi_throw_type_error(env, "ERR_INVALID_ARG_TYPE", text);
  return false;
}

napi_value throw_errno(napi_env env, int error, const char *syscall, const char *device, const char *hint) {
  char code[32];
  char reason[128];
  char text[512];
  if (error == EMFILE) hint = "no descriptor is left (ulimit -n, LimitNOFILE)";
  if (error == ENFILE) hint = "the system has no descriptor left (fs.file-max)";
  uv_err_name_r(-error, code, sizeof code);
  uv_strerror_r(-error, reason, sizeof reason);
  snprintf(text, sizeof text, "%s: %s, %s%s%s%s%s", code, reason, syscall, device ? " " : "", device ? device : "",
           hint ? ": " : "", hint ? hint : "");
  napi_value message, codeValue, syscallValue, object;
  if (napi_create_string_utf8(env, text, NAPI_AUTO_LENGTH, &message) != napi_ok ||
      napi_create_string_utf8(env, code, NAPI_AUTO_LENGTH, &codeValue) != napi_ok ||
      napi_create_string_utf8(env, syscall, NAPI_AUTO_LENGTH, &syscallValue) != napi_ok ||
      napi_create_error(env, codeValue, message, &object) != napi_ok)
    return NULL;
  napi_set_named_property(env, object, "errno", make_int(env, -error));
  napi_set_named_property(env, object, "syscall", syscallValue);
  napi_throw(env, object);
  return NULL;
}

napi_value make_int(napi_env env, int64_t value) {
  napi_value out = NULL;
  napi_create_int64(env, value, &out);
  return out;
}

napi_value make_bool(napi_env env, bool value) {
  napi_value out = NULL;
  napi_get_boolean(env, value, &out);
  return out;
}

bool args_read(napi_env env, napi_callback_info info, size_t expected, napi_value *argv) {
  size_t argc = expected;
  if (napi_get_cb_info(env, info, &argc, argv, NULL, NULL) != napi_ok) return throw_type(env, "unreadable arguments");
  if (argc < expected) return throw_type(env, "expected %zu arguments, got %zu", expected, argc);
  return true;
}

bool arg_int(napi_env env, napi_value value, const char *what, int64_t min, int64_t max, int64_t *out) {
  double number;
  if (napi_get_value_double(env, value, &number) != napi_ok) return throw_type(env, "%s must be a number", what);
  if (!(number >= (double)min && number <= (double)max) || number != floor(number))
    return throw_range(env, "%s must be an integer from %lld to %lld", what, (long long)min, (long long)max);
  *out = (int64_t)number;
  return true;
}

bool arg_bool(napi_env env, napi_value value, const char *what, bool *out) {
  if (napi_get_value_bool(env, value, out) != napi_ok) return throw_type(env, "%s must be a boolean", what);
  return true;
}

bool arg_name(napi_env env, napi_value value, const char *what, char *out, size_t size) {
  size_t length;
  if (napi_get_value_string_utf8(env, value, NULL, 0, &length) != napi_ok)
    return throw_type(env, "%s must be a string", what);
  if (length == 0 || length >= size) return throw_range(env, "%s must have 1 to %zu bytes", what, size - 1);
  if (napi_get_value_string_utf8(env, value, out, size, &length) != napi_ok)
    return throw_type(env, "%s must be a string", what);
  /* '%' makes the kernel number devices by itself, which no caller here means. */
  if (strlen(out) != length || strpbrk(out, "/ %:\t\r\n") != NULL || strcmp(out, ".") == 0 || strcmp(out, "..") == 0)
    return throw_range(env, "%s holds a character that no interface name has", what);
  return true;
}

bool arg_column(napi_env env, napi_value value, const char *what, Column *out) {
  napi_typedarray_type type;
  void *data;
  if (napi_get_typedarray_info(env, value, &type, &out->count, &data, NULL, NULL) != napi_ok || type != napi_int32_array)
    return throw_type(env, "%s must be an Int32Array", what);
  out->at = data;
  if (data == NULL) out->count = 0; /* detached */
  return true;
}

bool arg_bytes(napi_env env, napi_value value, const char *what, Bytes *out) {
  napi_typedarray_type type;
  void *data;
  if (napi_get_typedarray_info(env, value, &type, &out->size, &data, NULL, NULL) != napi_ok || type != napi_uint8_array)
    return throw_type(env, "%s must be a Uint8Array", what);
  out->at = data;
  if (data == NULL) out->size = 0; /* detached */
  return true;
}
