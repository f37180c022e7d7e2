/*
 * Load and its measure, for the benchmarks on live devices: one program, so that every contender has the same peers.
 *
 *   load tcp-sink ADDRESS PORT               ▸ "BYTES NANOSECONDS WRONG" of one connection
 *   load tcp-source ADDRESS PORT SECONDS
 *   load udp-sink ADDRESS PORT               ▸ "DATAGRAMS NANOSECONDS WRONG" of one stream, which a pause of 300 ms ends
 *   load udp-source ADDRESS PORT SECONDS BYTES [MICROSECONDS]   as fast as it can, or pausing that long between bursts of 64
 *   load udp-echo ADDRESS PORT
 *   load udp-ping ADDRESS PORT COUNT MICROSECONDS   ▸ one round trip a line, in nanoseconds; -1 for one that is lost
 *
 * Sinks and echo print "ready" first. Payload is a pattern; sinks compare the first CHECKED bytes of a stream, and
 * every datagram, with it and tell how much was wrong.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define CHUNK (128 * 1024)
#define CHECKED (4 << 20)
#define BURST 64
#define DATAGRAM 2048
#define PAUSE_MS 300
#define PATIENCE_MS 5000
#define ECHO_LOST_MS 200

static int64_t now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void die(const char *what) {
  perror(what);
  exit(1);
}

static uint8_t pattern(uint64_t at) { return (uint8_t)((at * 2654435761u) >> 13); }

static struct sockaddr_in address_of(const char *host, const char *port) {
  struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port))};
  if (inet_pton(AF_INET, host, &a.sin_addr) != 1) exit(2);
  return a;
}

static int socket_at(int type, struct sockaddr_in *a) {
  int fd = socket(AF_INET, type, 0), one = 1, room = 8 << 20;
  if (fd < 0) die("socket");
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  if (type == SOCK_DGRAM) setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room);
  if (bind(fd, (struct sockaddr *)a, sizeof *a) < 0) die("bind");
  return fd;
}

static void ready(void) {
  puts("ready");
  fflush(stdout);
}

static bool readable(int fd, int ms) {
  struct pollfd p = {.fd = fd, .events = POLLIN};
  return poll(&p, 1, ms) > 0;
}

static int tcp_sink(struct sockaddr_in a) {
  int listener = socket_at(SOCK_STREAM, &a);
  if (listen(listener, 1) < 0) die("listen");
  ready();
  if (!readable(listener, PATIENCE_MS)) return 1;
  int fd = accept(listener, NULL, NULL);
  static uint8_t buffer[CHUNK];
  int64_t begin = 0, end = 0;
  uint64_t bytes = 0, wrong = 0;
  for (;;) {
    ssize_t n = recv(fd, buffer, sizeof buffer, 0);
    if (n <= 0) break;
    if (begin == 0) begin = now();
    for (ssize_t i = 0; i < n && bytes + (uint64_t)i < CHECKED; i++) wrong += buffer[i] != pattern(bytes + (uint64_t)i);
    bytes += (uint64_t)n;
    end = now();
  }
  printf("%llu %lld %llu\n", (unsigned long long)bytes, (long long)(end - begin), (unsigned long long)wrong);
  return 0;
}

static int tcp_source(struct sockaddr_in a, double seconds) {
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  if (connect(fd, (struct sockaddr *)&a, sizeof a) < 0) die("connect");
  static uint8_t buffer[CHUNK];
  uint64_t bytes = 0;
  for (int64_t end = now() + (int64_t)(seconds * 1e9); now() < end;) {
    if (bytes < CHECKED)
      for (size_t i = 0; i < sizeof buffer; i++) buffer[i] = pattern(bytes + i);
    for (size_t at = 0; at < sizeof buffer;) {
      ssize_t n = send(fd, buffer + at, sizeof buffer - at, MSG_NOSIGNAL);
      if (n < 0) die("send");
      at += (size_t)n;
    }
    bytes += sizeof buffer;
  }
  shutdown(fd, SHUT_WR);
  char last;
  while (recv(fd, &last, 1, 0) > 0) {
  }
  return 0;
}

static struct mmsghdr messages[BURST];
static struct iovec parts[BURST];
static uint8_t datagrams[BURST][DATAGRAM];

static void lay(size_t size) {
  for (int i = 0; i < BURST; i++) {
    parts[i] = (struct iovec){datagrams[i], size};
    messages[i].msg_hdr = (struct msghdr){.msg_iov = &parts[i], .msg_iovlen = 1};
  }
}

static int udp_sink(struct sockaddr_in a) {
  int fd = socket_at(SOCK_DGRAM, &a);
  lay(DATAGRAM);
  ready();
  uint64_t count = 0, wrong = 0;
  int64_t begin = 0, end = 0;
  while (readable(fd, count == 0 ? PATIENCE_MS : PAUSE_MS)) {
    int n = recvmmsg(fd, messages, BURST, MSG_DONTWAIT, NULL);
    if (n <= 0) continue;
    end = now();
    if (begin == 0) begin = end;
    count += (uint64_t)n;
    for (int i = 0; i < n; i++) {
      unsigned int length = messages[i].msg_len;
      for (unsigned int j = 0; j < length && j < DATAGRAM; j++)
        if (datagrams[i][j] != pattern(j)) {
          wrong++;
          break;
        }
    }
  }
  printf("%llu %lld %llu\n", (unsigned long long)count, (long long)(end - begin), (unsigned long long)wrong);
  return 0;
}

static int udp_source(struct sockaddr_in a, double seconds, size_t size, long pause_us) {
  int fd = socket(AF_INET, SOCK_DGRAM, 0);
  if (size > DATAGRAM || connect(fd, (struct sockaddr *)&a, sizeof a) < 0) die("connect");
  lay(size);
  for (int i = 0; i < BURST; i++)
    for (size_t j = 0; j < size; j++) datagrams[i][j] = pattern(j);
  for (int64_t end = now() + (int64_t)(seconds * 1e9); now() < end;) {
    if (sendmmsg(fd, messages, BURST, 0) < 0 && errno != ENOBUFS && errno != ECONNREFUSED) die("sendmmsg");
    if (pause_us > 0) usleep((useconds_t)pause_us);
  }
  return 0;
}

static void udp_echo(struct sockaddr_in a) {
  int fd = socket_at(SOCK_DGRAM, &a);
  ready();
  for (;;) {
    struct sockaddr_in from;
    socklen_t length = sizeof from;
    ssize_t n = recvfrom(fd, datagrams[0], DATAGRAM, 0, (struct sockaddr *)&from, &length);
    if (n > 0) sendto(fd, datagrams[0], (size_t)n, 0, (struct sockaddr *)&from, length);
  }
}

static int udp_ping(struct sockaddr_in a, long count, long pause_us) {
  int fd = socket(AF_INET, SOCK_DGRAM, 0);
  if (connect(fd, (struct sockaddr *)&a, sizeof a) < 0) die("connect");
  for (long i = 0; i < count; i++) {
    uint64_t number = (uint64_t)i, got = UINT64_MAX;
    int64_t begin = now(), took = -1;
    if (send(fd, &number, sizeof number, 0) == sizeof number)
      while (readable(fd, ECHO_LOST_MS) && recv(fd, &got, sizeof got, 0) == sizeof got)
        if (got == number) {
          took = now() - begin;
          break;
        }
    printf("%lld\n", (long long)took);
    usleep((useconds_t)pause_us);
  }
  return 0;
}

int main(int argc, char **argv) {
  if (argc < 4) return 2;
  struct sockaddr_in a = address_of(argv[2], argv[3]);
  const char *mode = argv[1];
  if (!strcmp(mode, "tcp-sink")) return tcp_sink(a);
  if (!strcmp(mode, "udp-sink")) return udp_sink(a);
  if (!strcmp(mode, "udp-echo")) udp_echo(a);
  if (!strcmp(mode, "tcp-source") && argc == 5) return tcp_source(a, atof(argv[4]));
  if (!strcmp(mode, "udp-source") && (argc == 6 || argc == 7))
    return udp_source(a, atof(argv[4]), (size_t)atol(argv[5]), argc == 7 ? atol(argv[6]) : 0);
  if (!strcmp(mode, "udp-ping") && argc == 6) return udp_ping(a, atol(argv[4]), atol(argv[5]));
  return 2;
}
