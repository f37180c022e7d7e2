/*
 * A port that is a connected UDP socket, one frame per datagram, a system call a burst: src/adapters/udp-native.ts.
 *
 * How long a datagram is shows when it has been received. So all of them pass through buffers of ours, and are copied once,
 * into slots that are large enough; what was received and found no slot is kept for the next call.
 *
 * Between bind and connect a filter keeps everything out: no datagram of a stranger ever waits in the socket.
 */
#include "frames.h"
#include "udp.h"

#include <errno.h>
#include <linux/filter.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BUFFERS 64
/* As in udp-receive.c: more than any datagram, and an odd number of cache lines. */
#define BUFFER_BYTES (1033 * 64)
#define MESSAGES 64
/* Most errors that are taken at one go. */
#define ERRORS 64
/* How often an error that is of an earlier datagram may stand in front of one. */
#define TRIES 4
/* Behind those of rings: 1 when datagrams wait here and not in the kernel. */
#define REPORT_WAITING 3
#define REPORT_PLAIN_WORDS 4

typedef struct {
  uint8_t *memory;
  struct mmsghdr messages[BUFFERS];
  struct iovec parts[BUFFERS];
  /* Received and not yet delivered: messages from `next` on. */
  int count, next;
  uint16_t port;
} Plain;

static void destroy(void *state) {
  Plain *plain = state;
  free(plain->memory);
  free(plain);
}

static bool arg_endpoint(napi_env env, napi_value address, napi_value port, int64_t scope, const char *what,
                         Address *out) {
  Bytes bytes;
  int64_t number;
  if (!arg_bytes(env, address, what, &bytes) || !arg_int(env, port, what, 0, 65535, &number)) return false;
  memset(out, 0, sizeof *out);
  if (bytes.size == 4) {
    out->v4.sin_family = AF_INET;
    out->v4.sin_port = htons((uint16_t)number);
    memcpy(&out->v4.sin_addr, bytes.at, 4);
  } else if (bytes.size == 16) {
    out->v6.sin6_family = AF_INET6;
    out->v6.sin6_port = htons((uint16_t)number);
    memcpy(&out->v6.sin6_addr, bytes.at, 16);
    if (IN6_IS_ADDR_LINKLOCAL(&out->v6.sin6_addr)) out->v6.sin6_scope_id = (uint32_t)scope;
  } else {
    return throw_range(env, "%s must have 4 or 16 bytes", what);
  }
  return true;
}

static socklen_t bytes_of(const Address *address) {
  return address->sa.sa_family == AF_INET ? sizeof address->v4 : sizeof address->v6;
}

/* Binds and connects; returns 0 or an errno and says in `step` what it was at. */
static int set_up(int fd, const Address *local, const Address *remote, Plain *plain, const char **step) {
  struct sock_filter nothing = {.code = BPF_RET | BPF_K, .k = 0};
  struct sock_fprog filter = {.len = 1, .filter = &nothing};
  int unused = 0, on = 1;
  udp_set_buffer(fd, SO_RCVBUFFORCE, SO_RCVBUF, RECEIVE_BUFFER_BYTES);
  udp_set_buffer(fd, SO_SNDBUFFORCE, SO_SNDBUF, SEND_BUFFER_BYTES);
  /* Without it the kernel says nothing of a datagram that the queue of the interface has no room for. */
  *step = "setsockopt(IP_RECVERR)";
  if (local->sa.sa_family == AF_INET) {
    if (setsockopt(fd, IPPROTO_IP, IP_RECVERR, &on, sizeof on) < 0) return errno;
  } else if (setsockopt(fd, IPPROTO_IPV6, IPV6_RECVERR, &on, sizeof on) < 0) {
    return errno;
  }
  *step = "setsockopt(SO_ATTACH_FILTER)";
  if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof filter) < 0) return errno;
  *step = "bind";
  if (bind(fd, &local->sa, bytes_of(local)) < 0) return errno;
  *step = "connect";
  if (connect(fd, &remote->sa, bytes_of(remote)) < 0) return errno;
  *step = "setsockopt(SO_DETACH_FILTER)";
  if (setsockopt(fd, SOL_SOCKET, SO_DETACH_FILTER, &unused, sizeof unused) < 0) return errno;
  Address bound;
  socklen_t size = sizeof bound;
  *step = "getsockname";
  if (getsockname(fd, &bound.sa, &size) < 0) return errno;
  plain->port = ntohs(bound.sa.sa_family == AF_INET ? bound.v4.sin_port : bound.v6.sin6_port);
  *step = "socket";
  plain->memory = malloc((size_t)BUFFERS * BUFFER_BYTES);
  return plain->memory ? 0 : ENOMEM;
}

/* udpPlainOpen(local, localPort, remote, remotePort, scope) -> fd. `scope`: the interface of link-local addresses, or 0. */
napi_value udp_plain_open(napi_env env, napi_callback_info info) {
  napi_value argv[5];
  Address local, remote;
  int64_t scope;
  if (!args_read(env, info, 5, argv) || !arg_int(env, argv[4], "scope", 0, INT32_MAX, &scope) ||
      !arg_endpoint(env, argv[0], argv[1], scope, "local", &local) ||
      !arg_endpoint(env, argv[2], argv[3], scope, "remote", &remote))
    return NULL;
  if (local.sa.sa_family != remote.sa.sa_family) {
    throw_range(env, "local and remote are not of one address family");
    return NULL;
  }
  int fd = socket(local.sa.sa_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return throw_errno(env, errno, "socket", NULL, NULL);
  const char *step = "socket";
  int error = ENOMEM;
  Plain *plain = calloc(1, sizeof *plain);
  if (plain) error = set_up(fd, &local, &remote, plain, &step);
  if (!error) {
    if (owned_add(env, fd, OWNED_UDP_PLAIN, plain, destroy, NULL)) return make_int(env, fd);
    error = ENOMEM;
  }
  if (plain) destroy(plain);
  close(fd);
  return throw_errno(env, error, step, NULL, NULL);
}

/* udpPlainClose(fd) -> whether it was open */
napi_value udp_plain_close(napi_env env, napi_callback_info info) {
  napi_value argv[1];
  return args_read(env, info, 1, argv) ? owned_close(env, argv[0], OWNED_UDP_PLAIN) : NULL;
}

/* udpPlainPort(fd) -> the port it is bound to */
napi_value udp_plain_port(napi_env env, napi_callback_info info) {
  napi_value argv[1];
  int fd;
  Plain *plain;
  if (!args_read(env, info, 1, argv) || !(plain = arg_state(env, argv[0], OWNED_UDP_PLAIN, &fd))) return NULL;
  return make_int(env, plain->port);
}

/* udpPlainDrops(fd) -> datagrams that the kernel did not keep: no room, or a wrong checksum */
napi_value udp_plain_drops(napi_env env, napi_callback_info info) {
  napi_value argv[1];
  int fd;
  if (!args_read(env, info, 1, argv) || !arg_owned(env, argv[0], OWNED_UDP_PLAIN, &fd)) return NULL;
  return make_int(env, udp_drops_of(fd));
}

/* Takes what the network has told of earlier datagrams; says how much. While it waits the socket is readable. */
static int drain_errors(int fd) {
  int taken = 0;
  for (; taken < ERRORS; taken++) {
    struct msghdr nothing = {0};
    if (recvmsg(fd, &nothing, MSG_ERRQUEUE | MSG_DONTWAIT) < 0) break;
  }
  return taken;
}

/* Takes what waits in the socket; false when there is nothing. */
static bool fill(Plain *plain, int fd, int *error) {
  for (int i = 0; i < BUFFERS; i++) {
    plain->parts[i] = (struct iovec){plain->memory + (size_t)i * BUFFER_BYTES, BUFFER_BYTES};
    plain->messages[i].msg_hdr = (struct msghdr){.msg_iov = &plain->parts[i], .msg_iovlen = 1};
  }
  for (int tries = 0; tries < TRIES; tries++) {
    int n = recvmmsg(fd, plain->messages, BUFFERS, MSG_DONTWAIT, NULL);
    if (n > 0) {
      plain->count = n;
      plain->next = 0;
      return true;
    }
    /* That nobody was there for a datagram of ours is told once. */
    if (n == 0 || errno == EAGAIN) return false;
    int answer = errno;
    if (answer == EINTR || drain_errors(fd) > 0 || answer == ECONNREFUSED) continue;
    *error = answer;
    return false;
  }
  return false;
}

/*
 * udpPlainReadBurst(fd, arena, off, len, gso, csum, first, max, capacity, maxBytes, report) -> frames
 *
 * Fills rows as packetReadBurst does, a frame that is longer than `capacity` included. report[3]: whether datagrams wait
 * here, where no poll shows them.
 */
napi_value udp_plain_read_burst(napi_env env, napi_callback_info info) {
  napi_value argv[11];
  int fd;
  Plain *plain;
  Incoming in;
  Column report;
  if (!args_read(env, info, 11, argv) || !(plain = arg_state(env, argv[0], OWNED_UDP_PLAIN, &fd)) ||
      !arg_incoming(env, argv + 1, &in) || !arg_column(env, argv[10], "report", &report))
    return NULL;
  if (report.count < REPORT_PLAIN_WORDS) {
    throw_range(env, "report has fewer than %d words", REPORT_PLAIN_WORDS);
    return NULL;
  }
  int64_t row = in.first, bytes = 0;
  int32_t longer = 0;
  int error = 0;
  while (row < in.first + in.max && bytes < in.max_bytes) {
    if (plain->next == plain->count && !fill(plain, fd, &error)) break;
    uint32_t length = plain->messages[plain->next].msg_len;
    if (length > in.capacity) {
      longer = (int32_t)length;
      break;
    }
    uint8_t *at = incoming_at(env, &in, row);
    if (at == NULL) return NULL;
    memcpy(at, plain->parts[plain->next++].iov_base, length);
    incoming_row(&in, row++, length, NULL, 0);
    bytes += length;
  }
  report.at[REPORT_ERRNO] = error;
  report.at[REPORT_FRAMES] = 0;
  report.at[REPORT_LONG] = longer;
  report.at[REPORT_WAITING] = plain->next < plain->count;
  return make_int(env, row - in.first);
}

/* The frames of a burst that share a system call. */
typedef struct {
  int fd;
  struct mmsghdr messages[MESSAGES];
  struct iovec parts[MESSAGES][FRAME_PARTS];
  int64_t sent;
  int32_t refused;
  int error;
} Sending;

/* False when the socket is full. */
static bool flush(Sending *s, unsigned count) {
  int tries = 0;
  for (unsigned done = 0; done < count;) {
    int n = sendmmsg(s->fd, s->messages + done, count - done, MSG_DONTWAIT);
    if (n > 0) {
      s->sent += n;
      done += (unsigned)n;
      tries = 0;
      continue;
    }
    if (errno == EINTR) continue;
    if (errno == EAGAIN || errno == ENOBUFS) return false;
    /* Of an earlier datagram, and told instead of sending this one. A peer that is not there is no error. */
    int answer = errno;
    bool told = drain_errors(s->fd) > 0 || answer == ECONNREFUSED;
    if (told && answer != EMSGSIZE && ++tries < TRIES) continue;
    if (answer == ECONNREFUSED) {
      s->sent++;
    } else {
      s->error = answer;
      s->refused++;
    }
    done++;
    tries = 0;
  }
  return true;
}

/*
 * udpPlainWriteBurst(fd, arena, list, start, count, off, len, altHeadOff, altHeadLen, altOff, altLen, gso, csum, report)
 *   -> frames taken
 */
napi_value udp_plain_write_burst(napi_env env, napi_callback_info info) {
  napi_value argv[14];
  Sending s;
  Outgoing out;
  Column report;
  if (!args_read(env, info, 14, argv) || !arg_owned(env, argv[0], OWNED_UDP_PLAIN, &s.fd) ||
      !arg_outgoing(env, argv + 1, &out) || !arg_report(env, argv[13], &report))
    return NULL;
  s.sent = s.refused = s.error = 0;
  for (int64_t at = out.start; at < out.end;) {
    unsigned n = 0;
    for (; n < MESSAGES && at < out.end; n++, at++) {
      int used = outgoing_parts(env, &out, at, NULL, s.parts[n]);
      if (used == 0) return NULL;
      s.messages[n] = (struct mmsghdr){.msg_hdr = {.msg_iov = s.parts[n], .msg_iovlen = (size_t)used}};
    }
    if (!flush(&s, n)) break;
  }
  report.at[REPORT_ERRNO] = s.error;
  report.at[REPORT_FRAMES] = s.refused;
  return make_int(env, s.sent);
}
