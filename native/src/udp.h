/*
 * A UDP underlay: the sockets of one tunnel endpoint, as its files share them: udp-open.c
 * stands on udp-receive.c and udp-send.c, these on udp-message.c, udp-groups.c and udp-pool.c, and all on udp-socket.c.
 *
 * One socket receives on local:port, one more per multicast group; an epoll descriptor stands for all of them and is
 * what JavaScript holds and polls. Sending goes through a pool of sockets, each bound to a source port of its own,
 * opened when its share of the port range is first used. The pool never receives.
 */
#ifndef ETHERLOOM_UDP_H
#define ETHERLOOM_UDP_H

#include "addon.h"

#include <netinet/in.h>
#include <sys/socket.h>

#define POOL_MAX 64
#define GROUPS_MAX 256
#define NOTICES_MAX 32

#define ETHERNET_BYTES 14
#define IPV4_BYTES 20
#define IPV6_BYTES 40
#define UDP_BYTES 8

/* Room for a burst while the thread is busy elsewhere; the kernel gives less to those who may not have that much. */
#define RECEIVE_BUFFER_BYTES (8 << 20)
#define SEND_BUFFER_BYTES (4 << 20)

/* Flags of udpOpen. */
#define UDP_OPEN_GRO (1 << 0)
#define UDP_OPEN_SEGMENT (1 << 1)
#define UDP_OPEN_ZERO_CHECK6 (1 << 2)
/* Sockets on the same address that say so share its flows. */
#define UDP_OPEN_REUSEPORT (1 << 3)
#define UDP_OPEN_ALL (UDP_OPEN_GRO | UDP_OPEN_SEGMENT | UDP_OPEN_ZERO_CHECK6 | UDP_OPEN_REUSEPORT)

typedef union {
  struct sockaddr sa;
  struct sockaddr_in v4;
  struct sockaddr_in6 v6;
} Address;

typedef struct {
  int fd;
  /* What the socket is set to. */
  bool no_check;
  int discover;
  /* It has sent segments and computes checksums since; its device turned out to be unable to. */
  bool segmented, no_segment;
} SendSocket;

typedef struct {
  int fd; /* -1: joined on the first socket, which is bound to no address */
  Address group;
  uint32_t interface;
} Group;

/* What the kernel said about a destination: an ICMP error, or that a datagram is too long for the path. */
typedef struct {
  uint8_t address[16];
  int error;
  uint32_t mtu;
} Notice;

struct Inbox;
struct Outbox;

typedef struct {
  int family;
  int epoll_fd;
  int receiver;
  Address local;
  bool any; /* bound to no address: the source is chosen per datagram */
  uint32_t interface;
  int flags;
  /* Longest IP packet inside that is no super-frame. */
  size_t inner_mtu;
  uint16_t port, first_port, last_port;
  int pool_size;
  SendSocket pool[POOL_MAX];
  int group_count;
  Group groups[GROUPS_MAX];
  int notice_count;
  Notice notices[NOTICES_MAX];
  struct Inbox *inbox;
  struct Outbox *outbox;
} Udp;

/* -- udp-socket.c */
bool udp_set(int fd, int level, int option, int value);
/* More than the system's limit where that is permitted, else as much as is. */
void udp_set_buffer(int fd, int forced, int option, int bytes);
/* `address` has as many bytes as the family wants. */
Address udp_address(const Udp *udp, const uint8_t *address, uint16_t port);
/* A socket of the underlay's family; -1 with errno. */
int udp_make_socket(const Udp *udp);
/* A socket that receives datagrams for `address`; -1 with errno. */
int udp_make_receiver(const Udp *udp, const Address *address, bool shared);
uint32_t udp_drops_of(int fd);
/* Bytes of an address of the underlay's family, or of either where it is NULL; false with an exception. */
bool arg_udp_address(napi_env env, napi_value value, const Udp *udp, Bytes *out);

/* -- udp-groups.c */
/* The interface that what is sent to a group leaves by; 0 for an address that is none, or where the kernel chooses. */
uint32_t udp_group_interface(const Udp *udp, const uint8_t *address);

/* -- udp-pool.c */
/* The pool's socket for a source port of a header, opened at its first use; NULL with errno when there is none. */
SendSocket *udp_pool_socket(Udp *udp, uint16_t source_port);
/* Takes what waits in the socket's error queue; -> how many errors that were. */
int udp_drain_errors(Udp *udp, int fd);

/* -- udp-receive.c, udp-send.c: made at the first use, given up with the underlay */
bool udp_inbox_make(Udp *udp);
void udp_inbox_free(Udp *udp);
bool udp_outbox_make(Udp *udp);
void udp_outbox_free(Udp *udp);

static inline const uint8_t *address_of(const Udp *udp, const Address *address) {
  return udp->family == AF_INET ? (const uint8_t *)&address->v4.sin_addr : (const uint8_t *)&address->v6.sin6_addr;
}
static inline size_t address_bytes(const Udp *udp) { return udp->family == AF_INET ? 4 : 16; }
static inline socklen_t sockaddr_bytes(const Udp *udp) {
  return udp->family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);
}

static inline uint16_t be16(const uint8_t *at) { return (uint16_t)(at[0] << 8 | at[1]); }
static inline void put_be16(uint8_t *at, uint32_t value) {
  at[0] = (uint8_t)(value >> 8);
  at[1] = (uint8_t)value;
}

#endif
