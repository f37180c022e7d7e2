/*
 * The pool of source ports of a UDP underlay, and what the kernel tells its sockets about paths.
 *
 * Nothing is ever fragmented here: IPv4 with DF follows the path MTU (IP_PMTUDISC_DO), without DF it goes by the
 * interface's MTU and leaves fragmenting to routers (IP_PMTUDISC_INTERFACE). A datagram that is too long fails with
 * EMSGSIZE, and the error queue says which MTU would do.
 */
#include "udp.h"

#include <errno.h>
#include <linux/errqueue.h>
#include <linux/filter.h>
#include <string.h>
#include <unistd.h>

/* Ports of a share that are tried before the pool gives up on it. */
#define BIND_TRIES 256
#define NOTICE_WORDS 7

/* Bound to the first free port of [first, last], or of all ports when none of those is; false with errno. */
static bool bind_between(const Udp *udp, int fd, uint16_t first, uint16_t last) {
  for (int tries = 0; tries < BIND_TRIES && first + tries <= last; tries++) {
    Address source = udp_address(udp, address_of(udp, &udp->local), (uint16_t)(first + tries));
    if (bind(fd, &source.sa, sockaddr_bytes(udp)) == 0) return true;
    if (errno != EADDRINUSE && errno != EACCES) return false;
  }
  Address source = udp_address(udp, address_of(udp, &udp->local), 0);
  return bind(fd, &source.sa, sockaddr_bytes(udp)) == 0;
}

static int make_sender(const Udp *udp, int index) {
  int fd = udp_make_socket(udp);
  if (fd < 0) return -1;
  udp_set_buffer(fd, SO_SNDBUFFORCE, SO_SNDBUF, SEND_BUFFER_BYTES);
  /* What somebody sends to a source port is thrown away before it takes memory. */
  struct sock_filter nothing = {.code = BPF_RET | BPF_K, .k = 0};
  struct sock_fprog filter = {.len = 1, .filter = &nothing};
  setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof filter);
  if (udp->family == AF_INET) {
    udp_set(fd, IPPROTO_IP, IP_RECVERR, 1);
    udp_set(fd, IPPROTO_IP, IP_MULTICAST_LOOP, 0);
  } else {
    udp_set(fd, IPPROTO_IPV6, IPV6_RECVERR, 1);
    udp_set(fd, IPPROTO_IPV6, IPV6_MULTICAST_LOOP, 0);
  }
  int ports = udp->last_port - udp->first_port + 1;
  int first = udp->first_port + index * ports / udp->pool_size;
  int last = udp->first_port + (index + 1) * ports / udp->pool_size - 1;
  if (bind_between(udp, fd, (uint16_t)first, (uint16_t)last)) return fd;
  int error = errno;
  close(fd);
  errno = error;
  return -1;
}

SendSocket *udp_pool_socket(Udp *udp, uint16_t source_port) {
  int ports = udp->last_port - udp->first_port + 1;
  int offset = source_port < udp->first_port ? source_port : source_port - udp->first_port;
  SendSocket *sender = &udp->pool[offset % ports * udp->pool_size / ports];
  if (sender->fd < 0) sender->fd = make_sender(udp, (int)(sender - udp->pool));
  return sender->fd < 0 ? NULL : sender;
}

static void note(Udp *udp, const uint8_t *address, int error, uint32_t mtu) {
  if (udp->notice_count == NOTICES_MAX) return; /* the next datagram tells it again */
  Notice *notice = &udp->notices[udp->notice_count++];
  memset(notice->address, 0, sizeof notice->address);
  memcpy(notice->address, address, address_bytes(udp));
  notice->error = error;
  notice->mtu = mtu;
}

int udp_drain_errors(Udp *udp, int fd) {
  int taken = 0;
  for (; taken < 64; taken++) {
    uint8_t control[512];
    uint8_t payload[1];
    Address to;
    struct iovec part = {payload, sizeof payload};
    struct msghdr message = {.msg_name = &to,
                             .msg_namelen = sizeof to,
                             .msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = control,
                             .msg_controllen = sizeof control};
    if (recvmsg(fd, &message, MSG_ERRQUEUE | MSG_DONTWAIT) < 0) break;
    if (message.msg_namelen < sizeof(struct sockaddr_in) || to.sa.sa_family != udp->family) continue;
    for (struct cmsghdr *each = CMSG_FIRSTHDR(&message); each; each = CMSG_NXTHDR(&message, each)) {
      bool v4 = each->cmsg_level == IPPROTO_IP && each->cmsg_type == IP_RECVERR;
      bool v6 = each->cmsg_level == IPPROTO_IPV6 && each->cmsg_type == IPV6_RECVERR;
      if ((!v4 && !v6) || each->cmsg_len < CMSG_LEN(sizeof(struct sock_extended_err))) continue;
      struct sock_extended_err said;
      memcpy(&said, CMSG_DATA(each), sizeof said);
      note(udp, address_of(udp, &to), (int)said.ee_errno, said.ee_errno == EMSGSIZE ? said.ee_info : 0);
    }
  }
  return taken;
}

/*
 * udpNotices(fd, out) -> how many: what the kernel told about destinations since the last call, seven words each:
 * address (four words of it, as they stand in memory), its length in bytes, errno, MTU (for EMSGSIZE).
 */
napi_value udp_notices(napi_env env, napi_callback_info info) {
  napi_value argv[2];
  int fd;
  Udp *udp;
  Column out;
  if (!args_read(env, info, 2, argv) || !(udp = arg_state(env, argv[0], OWNED_UDP, &fd)) ||
      !arg_column(env, argv[1], "out", &out))
    return NULL;
  int count = udp->notice_count;
  if ((size_t)count > out.count / NOTICE_WORDS) count = (int)(out.count / NOTICE_WORDS);
  for (int i = 0; i < count; i++) {
    int32_t *at = out.at + i * NOTICE_WORDS;
    memcpy(at, udp->notices[i].address, 16);
    at[4] = (int32_t)address_bytes(udp);
    at[5] = udp->notices[i].error;
    at[6] = (int32_t)udp->notices[i].mtu;
  }
  memmove(udp->notices, udp->notices + count, (size_t)(udp->notice_count - count) * sizeof(Notice));
  udp->notice_count -= count;
  return make_int(env, count);
}
