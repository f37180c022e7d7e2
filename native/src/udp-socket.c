/*
 * Sockets of a UDP underlay, and addresses as its calls are given them.
 */
#include "udp.h"

#include <errno.h>
#include <linux/sock_diag.h>
#include <netinet/udp.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#ifndef IPV6_MULTICAST_ALL
#define IPV6_MULTICAST_ALL 29
#endif

bool udp_set(int fd, int level, int option, int value) {
  return setsockopt(fd, level, option, &value, sizeof value) == 0;
}

void udp_set_buffer(int fd, int forced, int option, int bytes) {
  if (!udp_set(fd, SOL_SOCKET, forced, bytes)) udp_set(fd, SOL_SOCKET, option, bytes);
}

Address udp_address(const Udp *udp, const uint8_t *address, uint16_t port) {
  Address out;
  memset(&out, 0, sizeof out);
  out.sa.sa_family = (sa_family_t)udp->family;
  if (udp->family == AF_INET) {
    memcpy(&out.v4.sin_addr, address, 4);
    out.v4.sin_port = htons(port);
  } else {
    memcpy(&out.v6.sin6_addr, address, 16);
    out.v6.sin6_port = htons(port);
    if (IN6_IS_ADDR_LINKLOCAL(&out.v6.sin6_addr) || IN6_IS_ADDR_MC_LINKLOCAL(&out.v6.sin6_addr))
      out.v6.sin6_scope_id = udp->interface;
  }
  return out;
}

int udp_make_socket(const Udp *udp) {
  int fd = socket(udp->family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd >= 0 && udp->family == AF_INET6 && !udp_set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1)) {
    close(fd);
    return -1;
  }
  return fd;
}

int udp_make_receiver(const Udp *udp, const Address *address, bool shared) {
  int fd = udp_make_socket(udp);
  if (fd < 0) return -1;
  udp_set_buffer(fd, SO_RCVBUFFORCE, SO_RCVBUF, RECEIVE_BUFFER_BYTES);
  if (shared) udp_set(fd, SOL_SOCKET, SO_REUSEADDR, 1);
  else if (udp->flags & UDP_OPEN_REUSEPORT) udp_set(fd, SOL_SOCKET, SO_REUSEPORT, 1);
  /* Groups that it has joined itself, as with IP_MULTICAST_ALL; since Linux 4.20. */
  if (udp->family == AF_INET6) udp_set(fd, IPPROTO_IPV6, IPV6_MULTICAST_ALL, 0);
  bool told = udp->family == AF_INET
                  ? udp_set(fd, IPPROTO_IP, IP_PKTINFO, 1) && udp_set(fd, IPPROTO_IP, IP_RECVTOS, 1) &&
                        udp_set(fd, IPPROTO_IP, IP_RECVTTL, 1) && udp_set(fd, IPPROTO_IP, IP_MULTICAST_ALL, 0)
                  : udp_set(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1) && udp_set(fd, IPPROTO_IPV6, IPV6_RECVTCLASS, 1) &&
                        udp_set(fd, IPPROTO_IPV6, IPV6_RECVHOPLIMIT, 1);
  if (udp->family == AF_INET6 && (udp->flags & UDP_OPEN_ZERO_CHECK6)) udp_set(fd, SOL_UDP, UDP_NO_CHECK6_RX, 1);
  struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
  if (told && bind(fd, &address->sa, sockaddr_bytes(udp)) == 0 &&
      epoll_ctl(udp->epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0) {
    if (udp->flags & UDP_OPEN_GRO) udp_set(fd, SOL_UDP, UDP_GRO, 1);
    return fd;
  }
  int error = errno;
  close(fd);
  errno = error;
  return -1;
}

bool arg_udp_address(napi_env env, napi_value value, const Udp *udp, Bytes *out) {
  if (!arg_bytes(env, value, "address", out)) return false;
  if (udp ? out->size == address_bytes(udp) : out->size == 4 || out->size == 16) return true;
  return throw_range(env, "address must have %s bytes", udp ? (udp->family == AF_INET ? "4" : "16") : "4 or 16");
}

uint32_t udp_drops_of(int fd) {
  uint32_t memory[SK_MEMINFO_VARS] = {0};
  socklen_t size = sizeof memory;
  return getsockopt(fd, SOL_SOCKET, SO_MEMINFO, memory, &size) == 0 ? memory[SK_MEMINFO_DROPS] : 0;
}
