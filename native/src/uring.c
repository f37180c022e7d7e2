/*
 * io_uring by its system calls (io_uring_setup(2), io_uring_enter(2)); see uring.h.
 */
#include "uring.h"

#include <errno.h>
#include <linux/io_uring.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Not in the headers of every system that builds this. */
#ifndef IORING_SETUP_SINGLE_ISSUER
#define IORING_SETUP_SINGLE_ISSUER (1U << 12)
#endif
#ifndef IORING_SETUP_DEFER_TASKRUN
#define IORING_SETUP_DEFER_TASKRUN (1U << 13)
#endif
#ifndef RWF_NOWAIT
#define RWF_NOWAIT 0x00000008
#endif

struct Uring {
  int fd;
  void *rings;
  size_t rings_bytes;
  struct io_uring_sqe *requests;
  size_t requests_bytes;
  struct io_uring_cqe *completions;
  _Atomic uint32_t *request_tail, *completion_head, *completion_tail;
  uint32_t request_mask, completion_mask;
};

static _Thread_local Uring *here;
static _Thread_local bool refused;

static void uring_close(Uring *ring) {
  if (ring->requests != MAP_FAILED) munmap(ring->requests, ring->requests_bytes);
  if (ring->rings != MAP_FAILED) munmap(ring->rings, ring->rings_bytes);
  close(ring->fd);
  free(ring);
}

static void close_with_environment(void *ring) {
  uring_close(ring);
  here = NULL;
}

static bool map(Uring *ring, const struct io_uring_params *p) {
  size_t requests_end = p->sq_off.array + p->sq_entries * sizeof(uint32_t);
  size_t completions_end = p->cq_off.cqes + p->cq_entries * sizeof(struct io_uring_cqe);
  ring->rings_bytes = requests_end > completions_end ? requests_end : completions_end;
  ring->requests_bytes = p->sq_entries * sizeof(struct io_uring_sqe);
  int protection = PROT_READ | PROT_WRITE, flags = MAP_SHARED | MAP_POPULATE;
  ring->rings = mmap(NULL, ring->rings_bytes, protection, flags, ring->fd, IORING_OFF_SQ_RING);
  ring->requests = mmap(NULL, ring->requests_bytes, protection, flags, ring->fd, IORING_OFF_SQES);
  if (ring->rings == MAP_FAILED || ring->requests == MAP_FAILED) return false;
  uint8_t *base = ring->rings;
  ring->request_tail = (_Atomic uint32_t *)(base + p->sq_off.tail);
  ring->request_mask = *(uint32_t *)(base + p->sq_off.ring_mask);
  ring->completion_head = (_Atomic uint32_t *)(base + p->cq_off.head);
  ring->completion_tail = (_Atomic uint32_t *)(base + p->cq_off.tail);
  ring->completion_mask = *(uint32_t *)(base + p->cq_off.ring_mask);
  ring->completions = (struct io_uring_cqe *)(base + p->cq_off.cqes);
  uint32_t *order = (uint32_t *)(base + p->sq_off.array);
  for (uint32_t i = 0; i < p->sq_entries; i++) order[i] = i;
  return true;
}

static Uring *uring_open(void) {
  struct io_uring_params params = {.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN};
  int fd = (int)syscall(SYS_io_uring_setup, URING_ENTRIES, &params);
  if (fd < 0 && errno == EINVAL) {
    params = (struct io_uring_params){0};
    fd = (int)syscall(SYS_io_uring_setup, URING_ENTRIES, &params);
  }
  if (fd < 0) return NULL;
  /* One mapping for both rings, and reads at "the current position": both since Linux 5.6. */
  uint32_t needed = IORING_FEAT_SINGLE_MMAP | IORING_FEAT_RW_CUR_POS;
  Uring *ring = (params.features & needed) == needed ? malloc(sizeof *ring) : NULL;
  if (ring == NULL) {
    close(fd);
    return NULL;
  }
  *ring = (Uring){.fd = fd, .rings = MAP_FAILED, .requests = MAP_FAILED};
  if (map(ring, &params)) return ring;
  uring_close(ring);
  return NULL;
}

Uring *uring_here(napi_env env) {
  if (here != NULL || refused) return here;
  here = uring_open();
  if (here != NULL && napi_add_env_cleanup_hook(env, close_with_environment, here) != napi_ok) {
    uring_close(here);
    here = NULL;
  }
  refused = here == NULL;
  return here;
}

static void put(Uring *ring, unsigned k, int opcode, int fd, struct iovec *parts, int count) {
  uint32_t tail = atomic_load_explicit(ring->request_tail, memory_order_relaxed);
  struct io_uring_sqe *request = &ring->requests[(tail + k) & ring->request_mask];
  memset(request, 0, sizeof *request);
  request->opcode = (uint8_t)opcode;
  request->fd = fd;
  request->off = (uint64_t)-1;
  request->addr = (uint64_t)(uintptr_t)parts;
  request->len = (uint32_t)count;
  request->rw_flags = RWF_NOWAIT;
  request->user_data = k;
}

static void put_one(Uring *ring, unsigned k, int opcode, int fd, const struct iovec *part) {
  put(ring, k, opcode, fd, part->iov_base, (int)part->iov_len);
}

void uring_read(Uring *ring, unsigned k, int fd, struct iovec *parts, int count) {
  if (count == 1) put_one(ring, k, IORING_OP_READ, fd, parts);
  else put(ring, k, IORING_OP_READV, fd, parts, count);
}

void uring_write(Uring *ring, unsigned k, int fd, struct iovec *parts, int count) {
  if (count == 1) put_one(ring, k, IORING_OP_WRITE, fd, parts);
  else put(ring, k, IORING_OP_WRITEV, fd, parts, count);
}

/* Takes the completions that are there; returns how many. */
static unsigned take(Uring *ring, unsigned count, int32_t *results) {
  uint32_t head = atomic_load_explicit(ring->completion_head, memory_order_relaxed);
  uint32_t tail = atomic_load_explicit(ring->completion_tail, memory_order_acquire);
  unsigned taken = tail - head;
  for (; head != tail; head++) {
    const struct io_uring_cqe *completion = &ring->completions[head & ring->completion_mask];
    if (completion->user_data < count) results[completion->user_data] = completion->res;
  }
  atomic_store_explicit(ring->completion_head, head, memory_order_release);
  return taken;
}

void uring_run(Uring *ring, unsigned count, int32_t *results) {
  uint32_t tail = atomic_load_explicit(ring->request_tail, memory_order_relaxed);
  atomic_store_explicit(ring->request_tail, tail + count, memory_order_release);
  for (unsigned k = 0; k < count; k++) results[k] = -EAGAIN;
  unsigned submitted = 0, done = 0;
  while (submitted < count || done < submitted) {
    unsigned left = count - submitted;
    long n = syscall(SYS_io_uring_enter, ring->fd, left, count - done, IORING_ENTER_GETEVENTS, NULL, 0);
    if (n > 0) submitted += (unsigned)n;
    done += take(ring, count, results);
    if (n >= 0 || errno == EINTR) continue;
    if (left == 0) return; /* the ring itself is gone */
    /* Out of memory: what was not taken in is taken back, and counts as not done. */
    count = submitted;
    atomic_store_explicit(ring->request_tail, tail + submitted, memory_order_release);
  }
}
