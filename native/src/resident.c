/*
 * What a process needed to start and does not any more, given back: free memory of the allocator, and pages of node's own binary, which
 * the kernel maps again from the page cache when they are touched.
 */
#include "addon.h"

#include <malloc.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct mapping {
  uintptr_t from, to;
  /* Of the binary, private, never to be written. */
  bool clean;
};

/* The first line of a mapping in /proc/PID/smaps: "FROM-TO PERMISSIONS OFFSET DEVICE INODE   PATH". */
static bool begins_mapping(const char *line, const char *binary, struct mapping *m) {
  unsigned long from, to;
  char permissions[5];
  int path = 0;
  if (sscanf(line, "%lx-%lx %4s %*s %*s %*s %n", &from, &to, permissions, &path) < 3) return false;
  size_t length = strlen(binary);
  m->from = from;
  m->to = to;
  m->clean = permissions[1] == '-' && permissions[3] == 'p' && path > 0 && strncmp(line + path, binary, length) == 0 &&
             strcmp(line + path + length, "\n") == 0;
  return true;
}

/* A page that was written while it could be (relocations) is anonymous: dropped, it would come back as it is in the file. */
static bool has_written(const char *line) {
  unsigned long kilobytes;
  return sscanf(line, "Anonymous: %lu kB", &kilobytes) == 1 && kilobytes > 0;
}

static double release_binary(void) {
  char binary[4096], line[4352];
  ssize_t length = readlink("/proc/self/exe", binary, sizeof binary - 1);
  FILE *maps = length > 0 ? fopen("/proc/self/smaps", "re") : NULL;
  if (maps == NULL) return 0;
  binary[length] = '\0';
  double released = 0;
  struct mapping m = {0};
  while (fgets(line, sizeof line, maps) != NULL) {
    if (begins_mapping(line, binary, &m)) continue;
    if (has_written(line)) m.clean = false;
    /* The last line of each. */
    if (strncmp(line, "VmFlags:", 8) != 0 || !m.clean) continue;
    if (madvise((void *)m.from, m.to - m.from, MADV_DONTNEED) == 0) released += (double)(m.to - m.from);
    m.clean = false;
  }
  fclose(maps);
  return released;
}

/* residentRelease() → bytes of the binary's mappings that were let go; 0 where the kernel does not tell of mappings. Takes milliseconds. */
napi_value resident_release(napi_env env, napi_callback_info info) {
  (void)info;
#ifdef __GLIBC__
  malloc_trim(0);
#endif
  napi_value released;
  return napi_create_double(env, release_binary(), &released) == napi_ok ? released : NULL;
}
