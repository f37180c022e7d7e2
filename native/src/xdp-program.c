/*
 * The program that diverts frames to the XDP socket of their queue: five instructions, loaded as they are by bpf(2), so that no compiler and no
 * library is needed. It is attached by a link, whose descriptor is the attachment: when it is closed, by us or by the end of
 * the process however that comes, the program is off the interface. Nothing stale can stay for a next start to find.
 */
#include "xdp.h"

#include <errno.h>
#include <linux/bpf.h>
#include <linux/if_link.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static int bpf(int command, union bpf_attr *attributes) {
  return (int)syscall(SYS_bpf, command, attributes, sizeof *attributes);
}

int xdp_make_map(Xdp *xdp) {
  union bpf_attr attributes = {0};
  attributes.map_type = BPF_MAP_TYPE_XSKMAP;
  attributes.key_size = sizeof(uint32_t);
  attributes.value_size = sizeof(uint32_t);
  attributes.max_entries = xdp->last_queue + 1;
  xdp->map_fd = bpf(BPF_MAP_CREATE, &attributes);
  return xdp->map_fd < 0 ? errno : 0;
}

/* return bpf_redirect_map(&sockets, context->rx_queue_index, XDP_PASS): other queues are the host's. */
int xdp_load_program(Xdp *xdp) {
  const struct bpf_insn program[] = {
      {.code = BPF_LDX | BPF_MEM | BPF_W, .dst_reg = BPF_REG_2, .src_reg = BPF_REG_1,
       .off = offsetof(struct xdp_md, rx_queue_index)},
      {.code = BPF_LD | BPF_IMM | BPF_DW, .dst_reg = BPF_REG_1, .src_reg = BPF_PSEUDO_MAP_FD, .imm = xdp->map_fd},
      {.code = 0},
      {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_3, .imm = XDP_PASS},
      {.code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_redirect_map},
      {.code = BPF_JMP | BPF_EXIT},
  };
  union bpf_attr attributes = {0};
  attributes.prog_type = BPF_PROG_TYPE_XDP;
  attributes.insns = (uint64_t)(uintptr_t)program;
  attributes.insn_cnt = sizeof program / sizeof program[0];
  attributes.license = (uint64_t)(uintptr_t) "Apache-2.0";
  memcpy(attributes.prog_name, "etherloom", sizeof "etherloom");
  attributes.prog_flags = BPF_F_XDP_HAS_FRAGS;
  xdp->program_fd = bpf(BPF_PROG_LOAD, &attributes);
  if (xdp->program_fd < 0 && errno == EINVAL) {
    attributes.prog_flags = 0;
    xdp->program_fd = bpf(BPF_PROG_LOAD, &attributes);
  }
  return xdp->program_fd < 0 ? errno : 0;
}

static int attach(Xdp *xdp, uint32_t mode) {
  union bpf_attr attributes = {0};
  attributes.link_create.prog_fd = (uint32_t)xdp->program_fd;
  attributes.link_create.target_ifindex = (uint32_t)xdp->index;
  attributes.link_create.attach_type = BPF_XDP;
  attributes.link_create.flags = mode;
  xdp->link_fd = bpf(BPF_LINK_CREATE, &attributes);
  return xdp->link_fd < 0 ? errno : 0;
}

int xdp_attach_best(Xdp *xdp) {
  int error = attach(xdp, XDP_FLAGS_DRV_MODE);
  xdp->driver = error == 0;
  if (!error || error == EBUSY || error == EEXIST || error == EPERM || error == EACCES) return error;
  return attach(xdp, XDP_FLAGS_SKB_MODE);
}

int xdp_divert(Xdp *xdp) {
  uint32_t key = xdp->queue, value = (uint32_t)xdp->fd;
  union bpf_attr attributes = {0};
  attributes.map_fd = (uint32_t)xdp->map_fd;
  attributes.key = (uint64_t)(uintptr_t)&key;
  attributes.value = (uint64_t)(uintptr_t)&value;
  return bpf(BPF_MAP_UPDATE_ELEM, &attributes) < 0 ? errno : 0;
}
