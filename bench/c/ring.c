/*
 * The least that can be between two interfaces, in C: what a packet socket's receive ring of one holds, the other
 * sends, straight out of the ring, a burst at a time, woken by poll. No table, no counters.
 *
 *   ring INTERFACE INTERFACE     prints "ready"; runs until it is ended
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/socket.h>

#define BURST 64
#define SLOT 2048
#define BLOCK (1 << 16)
#define BLOCKS 64
#define SLOTS (BLOCKS * (BLOCK / SLOT))

typedef struct {
  int fd;
  uint8_t *ring;
  unsigned head;
} Port;

static int set(int fd, int option, int value) { return setsockopt(fd, SOL_PACKET, option, &value, sizeof value); }

static int open_port(const char *name, Port *port) {
  int index = (int)if_nametoindex(name), room = 16 << 20;
  port->fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK, 0);
  struct tpacket_req request = {
      .tp_block_size = BLOCK, .tp_block_nr = BLOCKS, .tp_frame_size = SLOT, .tp_frame_nr = SLOTS};
  struct sockaddr_ll address = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL), .sll_ifindex = index};
  struct packet_mreq all = {.mr_ifindex = index, .mr_type = PACKET_MR_PROMISC};
  if (index == 0 || port->fd < 0 || set(port->fd, PACKET_VERSION, TPACKET_V2) < 0 ||
      set(port->fd, PACKET_IGNORE_OUTGOING, 1) < 0 ||
      setsockopt(port->fd, SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof room) < 0 ||
      setsockopt(port->fd, SOL_PACKET, PACKET_RX_RING, &request, sizeof request) < 0)
    return -1;
  port->ring = mmap(NULL, (size_t)BLOCK * BLOCKS, PROT_READ | PROT_WRITE, MAP_SHARED, port->fd, 0);
  if (port->ring == MAP_FAILED || bind(port->fd, (struct sockaddr *)&address, sizeof address) < 0) return -1;
  return setsockopt(port->fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &all, sizeof all);
}

static struct tpacket2_hdr *slot_at(const Port *port, unsigned number) {
  return (struct tpacket2_hdr *)(port->ring + (size_t)(number % SLOTS) * SLOT);
}

static void forward(Port *from, const Port *to) {
  static struct mmsghdr messages[BURST];
  static struct iovec parts[BURST];
  unsigned count = 0;
  for (; count < BURST; count++) {
    struct tpacket2_hdr *slot = slot_at(from, from->head + count);
    if (!(__atomic_load_n(&slot->tp_status, __ATOMIC_ACQUIRE) & TP_STATUS_USER)) break;
    parts[count] = (struct iovec){(uint8_t *)slot + slot->tp_mac, slot->tp_snaplen};
    messages[count].msg_hdr = (struct msghdr){.msg_iov = &parts[count], .msg_iovlen = 1};
  }
  for (unsigned sent = 0; sent < count;) {
    int n = sendmmsg(to->fd, messages + sent, count - sent, MSG_DONTWAIT);
    sent += n > 0 ? (unsigned)n : 1;
  }
  for (unsigned k = 0; k < count; k++)
    __atomic_store_n(&slot_at(from, from->head + k)->tp_status, TP_STATUS_KERNEL, __ATOMIC_RELEASE);
  from->head += count;
}

int main(int argc, char **argv) {
  Port ports[2] = {0};
  if (argc != 3) return 2;
  for (int i = 0; i < 2; i++)
    if (open_port(argv[1 + i], &ports[i]) < 0) {
      perror(argv[1 + i]);
      return 1;
    }
  puts("ready");
  fflush(stdout);
  struct pollfd wait[2] = {{.fd = ports[0].fd, .events = POLLIN}, {.fd = ports[1].fd, .events = POLLIN}};
  for (;;) {
    if (poll(wait, 2, -1) < 0 && errno != EINTR) return 1;
    for (int i = 0; i < 2; i++)
      if (wait[i].revents & POLLIN) forward(&ports[i], &ports[1 - i]);
  }
}
