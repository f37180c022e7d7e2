/*
 * Capabilities given up for good, by every thread of the process.
 *
 * capset(2) is of the calling thread alone, so each thread is sent a signal whose handler does it, as libc does it for setuid(2). It is libc's
 * own signal for that, since some threads of node block all others; its handler is put back. Threads that start later have what
 * their creator has. no_new_privs is set as well: a program that root executes would get them all back.
 */
#include "addon.h"

#include <dirent.h>
#include <errno.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#ifdef __GLIBC__
#define THREADS_SIGNAL 33
#else
#define THREADS_SIGNAL 34
#endif

#define PASSES 400
#define PASS_NS 5000000

/* As the kernel has it: libc refuses its own signals. */
struct kernel_action {
  void *handler;
  unsigned long flags;
  void *restorer;
  uint64_t mask;
};

static int set_action(int signal, const struct kernel_action *action, struct kernel_action *before) {
  return (int)syscall(SYS_rt_sigaction, signal, action, before, sizeof action->mask);
}

/* Why a thread could not: a filter of system calls says so at once, and will the next time. 0: none was refused. */
static _Atomic int refused;
/* Signals that threads were sent, and those that they have taken. One that is asked twice has two in its queue. */
static int sent;
static _Atomic int taken;

static void drop_of_thread(int signal) {
  (void)signal;
  int saved = errno;
  /* Where it may: what is executed cannot have them either. */
  for (int cap = 0; cap <= 63; cap++) prctl(PR_CAPBSET_DROP, cap, 0, 0, 0);
  struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  struct __user_cap_data_struct none[2];
  memset(none, 0, sizeof none);
  prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  if (syscall(SYS_capset, &header, none) != 0) refused = errno;
  errno = saved;
  taken++;
}

/* Whether the thread still has some; one that has ended has not, nor have the kernel's own for io_uring a program to run. */
static bool has_some(const char *thread) {
  char path[64], line[256];
  snprintf(path, sizeof path, "/proc/self/task/%.16s/status", thread);
  FILE *status = fopen(path, "re");
  if (status == NULL) return false;
  bool some = false;
  unsigned long long permitted;
  while (fgets(line, sizeof line, status) != NULL) {
    if (strncmp(line, "Name:\tiou-", 10) == 0) break;
    if (sscanf(line, "CapPrm: %llx", &permitted) == 1) some = permitted != 0;
  }
  fclose(status);
  return some;
}

/* Signals every thread that has some; returns how many there were, or -1. */
static int ask_threads(void) {
  DIR *threads = opendir("/proc/self/task");
  if (threads == NULL) return -1;
  int some = 0;
  for (struct dirent *each = readdir(threads); each != NULL; each = readdir(threads)) {
    if (each->d_name[0] == '.' || !has_some(each->d_name)) continue;
    some++;
    if (syscall(SYS_tgkill, getpid(), atoi(each->d_name), THREADS_SIGNAL) == 0) sent++;
  }
  closedir(threads);
  return some;
}

/* The handler as the kernel wants it: libc fills in how to return from it. */
static int make_action(struct kernel_action *action) {
  struct sigaction ours = {.sa_handler = drop_of_thread, .sa_flags = SA_RESTART}, before;
  sigfillset(&ours.sa_mask);
  if (sigaction(SIGRTMAX, &ours, &before) != 0) return -1;
  int got = set_action(SIGRTMAX, NULL, action);
  sigaction(SIGRTMAX, &before, NULL);
  return got;
}

/* privilegesDrop(): throws an Error with code where it cannot be done, and then some threads may have dropped theirs. */
napi_value privileges_drop(napi_env env, napi_callback_info info) {
  (void)info;
  struct kernel_action action, before;
  if (make_action(&action) != 0 || set_action(THREADS_SIGNAL, &action, &before) != 0)
    return throw_errno(env, errno, "rt_sigaction", NULL, NULL);
  int left = -1;
  refused = sent = taken = 0;
  const struct timespec wait = {0, PASS_NS};
  for (int pass = 0; pass < PASSES; pass++) {
    left = ask_threads();
    if (left <= 0 || refused != 0) break;
    nanosleep(&wait, NULL);
  }
  int error = left < 0 ? errno : left == 0 ? 0 : refused != 0 ? refused : ETIMEDOUT;
  /* A signal that is still on its way would meet libc's handler, and end the process. A thread that has ended takes none: the wait is bounded. */
  for (int pass = 0; pass < PASSES && taken < sent; pass++) nanosleep(&wait, NULL);
  set_action(THREADS_SIGNAL, &before, NULL);
  if (error != 0) return throw_errno(env, error, "capset", NULL, NULL);
  napi_value undefined;
  return napi_get_undefined(env, &undefined) == napi_ok ? undefined : NULL;
}
