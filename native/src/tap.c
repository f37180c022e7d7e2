/* Opening, configuring and closing TAP devices. */
#include "addon.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define VNET_HDR_BYTES 10

#define OPEN_VNET_HDR (1 << 0)
#define OPEN_MULTI_QUEUE (1 << 1)
#define OPEN_MUST_EXIST (1 << 2)
#define OPEN_ALL (OPEN_VNET_HDR | OPEN_MULTI_QUEUE | OPEN_MUST_EXIST)

static const char *hint_of(int error) {
  switch (error) {
    case EPERM:
    case EACCES:
      return "needs CAP_NET_ADMIN (root), or a TAP made for this user: ip tuntap add NAME mode tap user USER";
    case EBUSY:
      return "another program is attached to this TAP";
    case ENOENT:
    case ENXIO:
    case ENODEV:
      return "no /dev/net/tun here: load the module tun, or give the container --device /dev/net/tun";
    case EINVAL:
      return "the name belongs to an interface that is not a TAP, or to one with another number of queues";
    default:
      return NULL;
  }
}

/* Attaches the descriptor; a TAP that was made with multi_queue takes no single-queue user, so that is tried next. */
static int attach(int fd, const char name[IFNAMSIZ], int flags, char *actual, bool *multi_queue) {
  struct ifreq request;
  bool multi = (flags & OPEN_MULTI_QUEUE) != 0;
  for (;;) {
    memset(&request, 0, sizeof request);
    memcpy(request.ifr_name, name, IFNAMSIZ);
    request.ifr_flags = (short)(IFF_TAP | IFF_NO_PI | ((flags & OPEN_VNET_HDR) ? IFF_VNET_HDR : 0) |
                                (multi ? IFF_MULTI_QUEUE : 0));
    if (ioctl(fd, TUNSETIFF, &request) == 0) break;
    if (errno != EINVAL || multi) return errno;
    multi = true;
  }
  memcpy(actual, request.ifr_name, IFNAMSIZ);
  actual[IFNAMSIZ - 1] = 0;
  *multi_queue = multi;
  return 0;
}

typedef struct {
  Apart apart;
  char name[IFNAMSIZ];
  int flags;
  /* The answer: an errno, and what was being done; or 0 and the others. */
  int error;
  const char *step;
  int fd;
  char actual[IFNAMSIZ];
  bool existed, multi_queue;
} Opening;

static void open_tap(Apart *apart) {
  Opening *opening = (Opening *)apart;
  opening->step = "ioctl(SIOCGIFINDEX)";
  if ((opening->error = interface_exists(opening->name, &opening->existed))) return;
  opening->step = "ioctl(TUNSETIFF)";
  if ((opening->flags & OPEN_MUST_EXIST) && !opening->existed) {
    opening->error = ENODEV;
    return;
  }
  opening->fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
  opening->step = opening->fd < 0 ? "open" : "ioctl(TUNSETIFF)";
  opening->error = opening->fd < 0 ? errno : attach(opening->fd, opening->name, opening->flags, opening->actual, &opening->multi_queue);
  if (!opening->error && (opening->flags & OPEN_VNET_HDR)) {
    int size = VNET_HDR_BYTES;
    int little = 1;
    opening->step = "ioctl(TUNSETVNETHDRSZ)";
    if (ioctl(opening->fd, TUNSETVNETHDRSZ, &size) < 0 || ioctl(opening->fd, TUNSETVNETLE, &little) < 0)
      opening->error = errno;
  }
  if (opening->error && opening->fd >= 0) close(opening->fd);
}

/* What tapOpen answers, with the descriptor owned; NULL where there is no memory for it. */
static napi_value describe(napi_env env, const Opening *opening) {
  napi_value result, text;
  if (napi_create_object(env, &result) != napi_ok ||
      napi_create_string_utf8(env, opening->actual, NAPI_AUTO_LENGTH, &text) != napi_ok ||
      napi_set_named_property(env, result, "fd", make_int(env, opening->fd)) != napi_ok ||
      napi_set_named_property(env, result, "name", text) != napi_ok ||
      napi_set_named_property(env, result, "multiQueue", make_bool(env, opening->multi_queue)) != napi_ok ||
      napi_set_named_property(env, result, "created", make_bool(env, !opening->existed)) != napi_ok ||
      !owned_add(env, opening->fd, OWNED_TAP, NULL, NULL, NULL))
    return NULL;
  return result;
}

static napi_value failure(napi_env env, const Opening *opening, int error) {
  bool is_node = strcmp(opening->step, "open") == 0;
  const char *hint = error == ENODEV && !is_node ? "there is no such interface" : hint_of(error);
  return throw_errno(env, error, opening->step, is_node ? "/dev/net/tun" : opening->name, hint);
}

static napi_value take_over(napi_env env, Apart *apart, bool done) {
  Opening *opening = (Opening *)apart;
  int error = done ? opening->error : ECANCELED;
  napi_value result = error ? NULL : describe(env, opening);
  if (result == NULL) {
    if (!error) close(opening->fd);
    failure(env, opening, error ? error : ENOMEM);
  }
  free(opening);
  return result;
}

/* tapOpen(name, flags) -> a promise of { fd, name, multiQueue, created } */
napi_value tap_open(napi_env env, napi_callback_info info) {
  napi_value argv[2];
  char name[IFNAMSIZ] = "";
  int64_t flags;
  if (!args_read(env, info, 2, argv) || !arg_name(env, argv[0], "name", name, sizeof name) ||
      !arg_int(env, argv[1], "flags", 0, OPEN_ALL, &flags))
    return NULL;
  Opening *opening = calloc(1, sizeof *opening);
  if (opening == NULL) return throw_errno(env, ENOMEM, "open", name, NULL);
  *opening = (Opening){.apart = {.work = open_tap, .settle = take_over}, .flags = (int)flags, .step = "open", .fd = -1};
  memcpy(opening->name, name, sizeof name);
  return apart_begin(env, "etherloom: open", &opening->apart);
}

/* tapClose(fd) -> whether it was open */
napi_value tap_close(napi_env env, napi_callback_info info) {
  napi_value argv[1];
  return args_read(env, info, 1, argv) ? owned_close(env, argv[0], OWNED_TAP) : NULL;
}

/* tapSetOffload(fd, TUN_F_ bits) -> whether the kernel knows and took all of them */
napi_value tap_set_offload(napi_env env, napi_callback_info info) {
  napi_value argv[2];
  int fd = -1;
  int64_t bits;
  if (!args_read(env, info, 2, argv) || !arg_owned(env, argv[0], OWNED_TAP, &fd) || !arg_int(env, argv[1], "bits", 0, 0xffff, &bits))
    return NULL;
  if (ioctl(fd, TUNSETOFFLOAD, (unsigned long)bits) == 0) return make_bool(env, true);
  if (errno == EINVAL) return make_bool(env, false);
  return throw_errno(env, errno, "ioctl(TUNSETOFFLOAD)", NULL, NULL);
}

/* tapSetPersist(fd, persist): the device outlives its descriptor, or no longer does */
napi_value tap_set_persist(napi_env env, napi_callback_info info) {
  napi_value argv[2];
  int fd = -1;
  bool persist;
  if (!args_read(env, info, 2, argv) || !arg_owned(env, argv[0], OWNED_TAP, &fd) || !arg_bool(env, argv[1], "persist", &persist))
    return NULL;
  if (ioctl(fd, TUNSETPERSIST, (unsigned long)persist) == 0) return NULL;
  return throw_errno(env, errno, "ioctl(TUNSETPERSIST)", NULL, hint_of(errno));
}

static int state_of(const struct pollfd *answer) {
  if (answer->revents & (POLLERR | POLLNVAL)) return 0;
  return (answer->revents & POLLOUT) ? 2 : 1;
}

/*
 * tapState(fd) -> 2 up, 1 down, 0 deleted. The kernel says a TAP is writable while its interface is up, in whatever
 * network namespace that is by now; an ioctl by name would only look into our own.
 */
napi_value tap_state(napi_env env, napi_callback_info info) {
  napi_value argv[1];
  int fd = -1;
  if (!args_read(env, info, 1, argv) || !arg_owned(env, argv[0], OWNED_TAP, &fd)) return NULL;
  struct pollfd ask = {.fd = fd, .events = POLLOUT};
  if (poll(&ask, 1, 0) < 0) return make_int(env, 1);
  return make_int(env, state_of(&ask));
}

/* tapStates(fds, states): what tapState says of each descriptor, 256 of them in a system call; of one that is no TAP's it says something and nothing happens */
napi_value tap_states(napi_env env, napi_callback_info info) {
  napi_value argv[2];
  Column fds, states;
  if (!args_read(env, info, 2, argv) || !arg_column(env, argv[0], "fds", &fds) ||
      !arg_column(env, argv[1], "states", &states))
    return NULL;
  if (states.count < fds.count) {
    throw_range(env, "states has less room than fds has descriptors");
    return NULL;
  }
  struct pollfd ask[256];
  for (size_t at = 0; at < fds.count;) {
    size_t n = fds.count - at < 256 ? fds.count - at : 256;
    for (size_t i = 0; i < n; i++) ask[i] = (struct pollfd){.fd = fds.at[at + i], .events = POLLOUT};
    bool told = poll(ask, n, 0) >= 0;
    for (size_t i = 0; i < n; i++) states.at[at + i] = told ? state_of(&ask[i]) : 1;
    at += n;
  }
  return NULL;
}
