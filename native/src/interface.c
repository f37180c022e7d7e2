/* What is asked of and set on network interfaces by name, in the caller's own network namespace. */
#include "addon.h"

#include <errno.h>
#include <linux/ethtool.h>
#include <linux/if.h>
#include <linux/if_arp.h>
#include <linux/sockios.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

/*
 * One interface ioctl; returns 0 or an errno; `name` is a whole IFNAMSIZ. Any socket serves, and AF_UNIX exists
 * where AF_INET was left out.
 */
static int ask(const char name[IFNAMSIZ], unsigned long number, struct ifreq *request) {
  int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return errno;
  memcpy(request->ifr_name, name, IFNAMSIZ);
  int error = ioctl(fd, number, request) == 0 ? 0 : errno;
  close(fd);
  return error;
}

int interface_exists(const char name[16], bool *exists) {
  struct ifreq request = {0};
  int error = ask(name, SIOCGIFINDEX, &request);
  *exists = error == 0;
  return error == ENODEV || error == ENXIO ? 0 : error;
}

int ethernet_index(const char name[16]) {
  struct ifreq request = {0};
  int error = ask(name, SIOCGIFHWADDR, &request);
  if (!error && request.ifr_hwaddr.sa_family != ARPHRD_ETHER) error = EPROTONOSUPPORT;
  if (!error) error = ask(name, SIOCGIFINDEX, &request);
  return error ? -error : request.ifr_ifindex;
}

int interface_state(int socket, int index) {
  struct ifreq request = {.ifr_ifindex = index};
  int error = ioctl(socket, SIOCGIFNAME, &request) < 0 || ioctl(socket, SIOCGIFFLAGS, &request) < 0 ? errno : 0;
  if (error) return error == ENODEV || error == ENXIO ? STATE_DELETED : STATE_DOWN;
  int flags = request.ifr_flags;
  return !(flags & IFF_UP) ? STATE_DOWN : flags & IFF_RUNNING ? STATE_UP : STATE_NO_CARRIER;
}

bool interface_has_driver(const char name[16], const char *driver) {
  struct ethtool_drvinfo answer = {.cmd = ETHTOOL_GDRVINFO};
  struct ifreq request = {.ifr_data = (char *)&answer};
  return ask(name, SIOCETHTOOL, &request) == 0 && strcmp(answer.driver, driver) == 0;
}

/* Queues that a socket can be bound to: receiving, sending, or both. One where the driver does not say. */
static int64_t queues_of(const char name[IFNAMSIZ]) {
  struct ethtool_channels answer = {.cmd = ETHTOOL_GCHANNELS};
  struct ifreq request = {.ifr_data = (char *)&answer};
  if (ask(name, SIOCETHTOOL, &request) != 0) return 1;
  uint32_t most = answer.rx_count > answer.tx_count ? answer.rx_count : answer.tx_count;
  most += answer.combined_count;
  return most > 0 ? most : 1;
}

static const char *hint_of(int error) {
  if (error == EPERM || error == EACCES) return "needs CAP_NET_ADMIN (root)";
  if (error == ENODEV) return "there is no such interface";
  if (error == EINVAL) return "outside what this kind of interface allows";
  return NULL;
}

/* ifInfo(name) -> { index, mtu, flags, carrier, queues } or null where there is none */
napi_value if_info(napi_env env, napi_callback_info info) {
  napi_value argv[1], result;
  char name[IFNAMSIZ] = "";
  if (!args_read(env, info, 1, argv) || !arg_name(env, argv[0], "name", name, sizeof name)) return NULL;
  struct ifreq request = {0};
  int64_t index, mtu, flags;
  const char *step = "ioctl(SIOCGIFINDEX)";
  int error = ask(name, SIOCGIFINDEX, &request);
  index = request.ifr_ifindex;
  if (!error) error = ask(name, SIOCGIFMTU, &request), step = "ioctl(SIOCGIFMTU)";
  mtu = request.ifr_mtu;
  if (!error) error = ask(name, SIOCGIFFLAGS, &request), step = "ioctl(SIOCGIFFLAGS)";
  flags = (uint16_t)request.ifr_flags;
  if (error == ENODEV || error == ENXIO) {
    napi_get_null(env, &result);
    return result;
  }
  if (error) return throw_errno(env, error, step, name, hint_of(error));
  if (napi_create_object(env, &result) != napi_ok) return NULL;
  napi_set_named_property(env, result, "index", make_int(env, index));
  napi_set_named_property(env, result, "mtu", make_int(env, mtu));
  napi_set_named_property(env, result, "flags", make_int(env, flags));
  napi_set_named_property(env, result, "carrier", make_bool(env, (flags & IFF_RUNNING) != 0));
  napi_set_named_property(env, result, "queues", make_int(env, queues_of(name)));
  return result;
}

/* ifSetMtu(name, mtu) */
napi_value if_set_mtu(napi_env env, napi_callback_info info) {
  napi_value argv[2];
  char name[IFNAMSIZ] = "";
  int64_t mtu;
  if (!args_read(env, info, 2, argv) || !arg_name(env, argv[0], "name", name, sizeof name) ||
      !arg_int(env, argv[1], "mtu", 68, 65535, &mtu))
    return NULL;
  struct ifreq request = {0};
  request.ifr_mtu = (int)mtu;
  int error = ask(name, SIOCSIFMTU, &request);
  return error ? throw_errno(env, error, "ioctl(SIOCSIFMTU)", name, hint_of(error)) : NULL;
}

typedef struct {
  Apart apart;
  char name[IFNAMSIZ];
  int mtu;
  int error;
  const char *step;
} Configuring;

static void configure(Apart *apart) {
  Configuring *it = (Configuring *)apart;
  struct ifreq request = {0};
  it->step = "ioctl(SIOCGIFMTU)";
  if ((it->error = ask(it->name, SIOCGIFMTU, &request))) return;
  if (request.ifr_mtu != it->mtu) {
    request.ifr_mtu = it->mtu;
    it->step = "ioctl(SIOCSIFMTU)";
    if ((it->error = ask(it->name, SIOCSIFMTU, &request))) return;
  }
  it->step = "ioctl(SIOCGIFFLAGS)";
  if ((it->error = ask(it->name, SIOCGIFFLAGS, &request)) || (request.ifr_flags & IFF_UP)) return;
  request.ifr_flags |= IFF_UP;
  it->step = "ioctl(SIOCSIFFLAGS)";
  it->error = ask(it->name, SIOCSIFFLAGS, &request);
}

static napi_value tell_configured(napi_env env, Apart *apart, bool done) {
  Configuring *it = (Configuring *)apart;
  int error = done ? it->error : ECANCELED;
  napi_value result = error ? throw_errno(env, error, it->step, it->name, hint_of(error)) : make_bool(env, true);
  free(it);
  return result;
}

/* ifConfigure(name, mtu) -> a promise: it has this MTU, and is up */
napi_value if_configure(napi_env env, napi_callback_info info) {
  napi_value argv[2];
  char name[IFNAMSIZ] = "";
  int64_t mtu;
  if (!args_read(env, info, 2, argv) || !arg_name(env, argv[0], "name", name, sizeof name) ||
      !arg_int(env, argv[1], "mtu", 68, 65535, &mtu))
    return NULL;
  Configuring *it = calloc(1, sizeof *it);
  if (it == NULL) return throw_errno(env, ENOMEM, "ifConfigure", name, NULL);
  *it = (Configuring){.apart = {.work = configure, .settle = tell_configured}, .mtu = (int)mtu, .step = "ifConfigure"};
  memcpy(it->name, name, sizeof name);
  return apart_begin(env, "etherloom: configure", &it->apart);
}
