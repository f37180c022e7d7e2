/*
 * Many reads or writes in one system call, by io_uring.
 *
 * Each thread has a ring of its own, made at first use and closed with its environment. Requests are put in one after
 * the other and run together; none of them waits: what a descriptor cannot do at once ends with EAGAIN. So the ring
 * is empty whenever a call returns, and the kernel keeps no pointer beyond it. Where the kernel has no io_uring, or
 * none for us (old, forbidden by an administrator or a container's filter), there is no ring, for good.
 */
#ifndef ETHERLOOM_URING_H
#define ETHERLOOM_URING_H

#include "addon.h"

#include <sys/uio.h>

/* Requests that run together at most. */
#define URING_ENTRIES 64

typedef struct Uring Uring;

/* The calling thread's ring, or NULL. */
Uring *uring_here(napi_env env);
/* Puts in a request for `fd`, the k-th since the last run; `parts` must stay until it has run. */
void uring_read(Uring *ring, unsigned k, int fd, struct iovec *parts, int count);
void uring_write(Uring *ring, unsigned k, int fd, struct iovec *parts, int count);
/* Runs the first `count` requests in their order: results[k] is what read or write returned, or a negative errno. */
void uring_run(Uring *ring, unsigned count, int32_t *results);

#endif
