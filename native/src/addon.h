/*
 * What the files of the addon share: argument readers, error throwing, the functions that addon.c exports.
 *
 * Native code moves bytes. It holds no policy, keeps no pointer into JavaScript memory beyond a call (but the poller's
 * sleep column and an XDP socket's arena, which it holds by a reference), and checks
 * every argument: whatever a caller passes, the answer is a TypeError or RangeError, never a crash. The control
 * calls throw errors that look like Node's own (code, errno, syscall); the burst calls report an errno in a
 * column instead, since a full queue or a vanished device is an everyday answer and not an exception.
 *
 * Every function may run in several threads at once, each with an environment of its own.
 */
#ifndef ETHERLOOM_ADDON_H
#define ETHERLOOM_ADDON_H

#include <node_api.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Raised whenever a signature changes, so that JavaScript can refuse an addon of another version. */
#define ADDON_API 16

/* Most arguments that any function takes. */
#define MAX_ARGS 16

typedef struct {
  int32_t *at;
  size_t count;
} Column;

typedef struct {
  uint8_t *at;
  size_t size;
} Bytes;

/* A range inside the arena; all numbers are 32-bit, the sum is not. */
static inline bool inside(const Bytes *arena, int64_t at, int64_t length) {
  return at >= 0 && length >= 0 && at + length <= (int64_t)arena->size;
}

/* -- args.c: false means that an exception is pending */
bool args_read(napi_env env, napi_callback_info info, size_t expected, napi_value *argv);
bool arg_int(napi_env env, napi_value value, const char *what, int64_t min, int64_t max, int64_t *out);
bool arg_bool(napi_env env, napi_value value, const char *what, bool *out);
/* `out` has `size` bytes, terminator included; an empty or longer text, or one with NUL or '/', is refused.
   Interface names: 16 bytes (IFNAMSIZ). */
bool arg_name(napi_env env, napi_value value, const char *what, char *out, size_t size);
bool arg_column(napi_env env, napi_value value, const char *what, Column *out);
bool arg_bytes(napi_env env, napi_value value, const char *what, Bytes *out);
bool throw_range(napi_env env, const char *format, ...) __attribute__((format(printf, 2, 3)));
bool throw_type(napi_env env, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* An Error with code, errno and syscall like those of node:fs; `hint` is for people, may be NULL. */
napi_value throw_errno(napi_env env, int error, const char *syscall, const char *device, const char *hint);
napi_value make_int(napi_env env, int64_t value);
napi_value make_bool(napi_env env, bool value);

/* -- owned.c: descriptors that the addon opened */
#define OWNED_ANY 0
#define OWNED_TAP 1
#define OWNED_PACKET 2
#define OWNED_XDP 3
#define OWNED_UDP 4
#define OWNED_UDP_PLAIN 5
bool owned_init(napi_env env);
/*
 * `destroy(state)` runs before the descriptor is closed, in whatever thread; what `keeps` refers to lives until it is. False
 * when there is no memory; then nothing is owned.
 */
bool owned_add(napi_env env, int fd, int kind, void *state, void (*destroy)(void *state), napi_ref keeps);
/* Reads a descriptor argument and makes sure that this addon opened it as `kind` and nobody closed it. */
bool arg_owned(napi_env env, napi_value value, int kind, int *fd);
/* The same for what has state; NULL with an exception unless this very thread opened it. */
void *arg_state(napi_env env, napi_value value, int kind, int *fd);
/* What was open, with its state; for any thread to close, and for none to find any more. */
typedef struct {
  int fd;
  void *state;
  void (*destroy)(void *state);
  napi_ref keeps;
} Taken;
/* Reads a descriptor argument and takes what it names out; `fd` is -1 where nothing is open. False with an exception. */
bool owned_take(napi_env env, napi_value value, int kind, Taken *taken);
/* In any thread; then the other, in the thread that took it. */
void taken_close(Taken *taken);
void taken_forget(napi_env env, Taken *taken);
/* Reads a descriptor argument and closes it; the answer is whether it was open. */
napi_value owned_close(napi_env env, napi_value value, int kind);
/*
 * Reads a descriptor argument, of a device but an XDP socket that this very thread opened. Where its environment ends before that is closed,
 * it is not closed but given to `inherit`, with `heir`; `inherit` is given NULL when it was closed. False with an exception.
 */
bool owned_bequeath(napi_env env, napi_value value, void (*inherit)(void *heir, int kind, const Taken *device), void *heir);

/* -- kept.c */
napi_value device_keep(napi_env env, napi_callback_info info);
napi_value device_take(napi_env env, napi_callback_info info);
napi_value devices_release(napi_env env, napi_callback_info info);

/* -- apart.c */
/* The first member of what a call is about. */
typedef struct Apart Apart;
struct Apart {
  /* By a thread of libuv's pool: no N-API. */
  void (*work)(Apart *apart);
  /* By the thread that called: the answer, or NULL with an exception. Frees it. Not `done`: it was not begun. */
  napi_value (*settle)(napi_env env, Apart *apart, bool done);
  napi_async_work handle;
  napi_deferred deferred;
};
/* A promise of what `settle` answers; NULL with an exception, and it is settled, where it cannot begin. */
napi_value apart_begin(napi_env env, const char *what, Apart *apart);
napi_value close_apart(napi_env env, napi_callback_info info);

/* -- tap.c */
napi_value tap_open(napi_env env, napi_callback_info info);
napi_value tap_close(napi_env env, napi_callback_info info);
napi_value tap_set_offload(napi_env env, napi_callback_info info);
napi_value tap_set_persist(napi_env env, napi_callback_info info);
napi_value tap_state(napi_env env, napi_callback_info info);
napi_value tap_states(napi_env env, napi_callback_info info);

/* -- packet-open.c, packet-burst.c */
napi_value packet_open(napi_env env, napi_callback_info info);
napi_value packet_close(napi_env env, napi_callback_info info);
napi_value packet_group(napi_env env, napi_callback_info info);
napi_value packet_state(napi_env env, napi_callback_info info);
napi_value packet_missed(napi_env env, napi_callback_info info);
napi_value packet_read_burst(napi_env env, napi_callback_info info);
napi_value packet_write_burst(napi_env env, napi_callback_info info);

/* -- xdp-open.c, xdp-read.c, xdp-write.c */
napi_value xdp_open(napi_env env, napi_callback_info info);
napi_value xdp_start(napi_env env, napi_callback_info info);
napi_value xdp_held(napi_env env, napi_callback_info info);
napi_value xdp_close(napi_env env, napi_callback_info info);
napi_value xdp_state(napi_env env, napi_callback_info info);
napi_value xdp_missed(napi_env env, napi_callback_info info);
napi_value xdp_read_burst(napi_env env, napi_callback_info info);
napi_value xdp_write_burst(napi_env env, napi_callback_info info);

/* -- interface.c */
/* 0 or an errno where nobody can be asked. */
int interface_exists(const char name[16], bool *exists);
/* Of an interface that carries Ethernet frames; or a negative errno, EPROTONOSUPPORT where it carries others. */
int ethernet_index(const char name[16]);
/*
 * By index, since a name may be given to another interface: STATE_DELETED also when it is in another namespace. Asked by a socket that
 * is open already, of whatever kind but AF_XDP: an interface is not down because no descriptor is left.
 */
int interface_state(int socket, int index);
/* What it says of itself to ethtool -i. */
bool interface_has_driver(const char name[16], const char *driver);
#define STATE_DELETED 0
#define STATE_DOWN 1
#define STATE_UP 2
#define STATE_NO_CARRIER 3
napi_value if_info(napi_env env, napi_callback_info info);
napi_value if_set_mtu(napi_env env, napi_callback_info info);
napi_value if_configure(napi_env env, napi_callback_info info);

/* -- clock.c */
napi_value clock_read(napi_env env, napi_callback_info info);

/* -- privileges.c */
napi_value privileges_drop(napi_env env, napi_callback_info info);

/* -- resident.c */
napi_value resident_release(napi_env env, napi_callback_info info);

/* -- burst.c */
napi_value tap_read_burst(napi_env env, napi_callback_info info);
napi_value tap_write_burst(napi_env env, napi_callback_info info);

/* -- udp-open.c, udp-groups.c, udp-pool.c, udp-receive.c, udp-send.c: udp.h */
napi_value udp_open(napi_env env, napi_callback_info info);
napi_value udp_close(napi_env env, napi_callback_info info);
napi_value udp_port(napi_env env, napi_callback_info info);
napi_value udp_join(napi_env env, napi_callback_info info);
napi_value udp_leave(napi_env env, napi_callback_info info);
napi_value udp_receive_burst(napi_env env, napi_callback_info info);
napi_value udp_send_burst(napi_env env, napi_callback_info info);
napi_value udp_notices(napi_env env, napi_callback_info info);
napi_value udp_path_mtu(napi_env env, napi_callback_info info);
napi_value udp_drops(napi_env env, napi_callback_info info);

/* -- udp-plain.c */
napi_value udp_plain_open(napi_env env, napi_callback_info info);
napi_value udp_plain_close(napi_env env, napi_callback_info info);
napi_value udp_plain_port(napi_env env, napi_callback_info info);
napi_value udp_plain_drops(napi_env env, napi_callback_info info);
napi_value udp_plain_read_burst(napi_env env, napi_callback_info info);
napi_value udp_plain_write_burst(napi_env env, napi_callback_info info);

/* -- poller.c */
napi_value poller_create(napi_env env, napi_callback_info info);
napi_value poller_add(napi_env env, napi_callback_info info);
napi_value poller_remove(napi_env env, napi_callback_info info);
napi_value poller_wait(napi_env env, napi_callback_info info);
napi_value poller_arm(napi_env env, napi_callback_info info);
napi_value poller_wake(napi_env env, napi_callback_info info);
napi_value poller_close(napi_env env, napi_callback_info info);

#endif
