/* The clock that all threads share, read without anything for the collector: process.hrtime() returns an array. */
#include "addon.h"

#include <time.h>

/* clockRead(time): [seconds, nanoseconds] of CLOCK_MONOTONIC, which process.hrtime() tells as well; and, where `time` has four words, of the
   processor time of this thread, which Node tells from version 23.9 on and no finer than the scheduler's tick. */
napi_value clock_read(napi_env env, napi_callback_info info) {
  napi_value argv[1];
  Column time;
  if (!args_read(env, info, 1, argv) || !arg_column(env, argv[0], "time", &time)) return NULL;
  if (time.count < 2) {
    throw_range(env, "time must have 2 words");
    return NULL;
  }
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  time.at[0] = (int32_t)t.tv_sec;
  time.at[1] = (int32_t)t.tv_nsec;
  if (time.count < 4) return NULL;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  time.at[2] = (int32_t)t.tv_sec;
  time.at[3] = (int32_t)t.tv_nsec;
  return NULL;
}
