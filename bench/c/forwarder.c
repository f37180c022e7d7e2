/*
 * The least that can be between two TAPs, in C: what one reads the other writes, a burst at a time, woken by poll.
 * No table, no counters. With offloads, super-frames of up to 64 KB pass with their virtio header as they are.
 *
 *   forwarder TAP TAP offloads|plain     prints "ready"; runs until it is ended
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define BURST 64
#define FRAME (64 * 1024 + 256)
/* Not in the headers of every system that runs this. */
#ifndef TUN_F_USO4
#define TUN_F_USO4 0x20
#define TUN_F_USO6 0x40
#endif

static int open_tap(const char *name, int offloads) {
  struct ifreq request;
  memset(&request, 0, sizeof request);
  strncpy(request.ifr_name, name, IFNAMSIZ - 1);
  request.ifr_flags = (short)(IFF_TAP | IFF_NO_PI | (offloads ? IFF_VNET_HDR : 0));
  int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
  if (fd < 0 || ioctl(fd, TUNSETIFF, &request) < 0) return -1;
  if (offloads) {
    unsigned long tcp = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6;
    if (ioctl(fd, TUNSETOFFLOAD, tcp | TUN_F_USO4 | TUN_F_USO6) < 0 && ioctl(fd, TUNSETOFFLOAD, tcp) < 0) return -1;
  }
  return fd;
}

int main(int argc, char **argv) {
  if (argc != 4) return 2;
  int offloads = strcmp(argv[3], "offloads") == 0;
  struct pollfd taps[2];
  for (int i = 0; i < 2; i++) {
    taps[i] = (struct pollfd){.fd = open_tap(argv[1 + i], offloads), .events = POLLIN};
    if (taps[i].fd < 0) {
      perror(argv[1 + i]);
      return 1;
    }
  }
  puts("ready");
  fflush(stdout);
  static char frame[FRAME];
  for (;;) {
    if (poll(taps, 2, -1) < 0 && errno != EINTR) return 1;
    for (int i = 0; i < 2; i++) {
      if (!(taps[i].revents & POLLIN)) continue;
      for (int k = 0; k < BURST; k++) {
        ssize_t n = read(taps[i].fd, frame, sizeof frame);
        if (n <= 0) break;
        if (write(taps[1 - i].fd, frame, (size_t)n) < 0 && errno != EAGAIN && errno != EIO) return 1;
      }
    }
  }
}
