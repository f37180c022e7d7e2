/*
 * Frames as JavaScript describes them: columns of a batch and words of an egress list (src/dataplane/batch.ts), checked
 * against the arena, as what a system call takes.
 */
#include "frames.h"

#include <errno.h>
#include <string.h>

static bool arg_report_of(napi_env env, napi_value value, size_t words, Column *report) {
  if (!arg_column(env, value, "report", report)) return false;
  return report->count >= words || throw_range(env, "report must have %zu words", words);
}

bool arg_report(napi_env env, napi_value value, Column *report) {
  return arg_report_of(env, value, REPORT_WORDS, report);
}

bool arg_report_long(napi_env env, napi_value value, Column *report) {
  return arg_report_of(env, value, REPORT_LONG + 1, report);
}

bool arg_incoming(napi_env env, const napi_value *argv, Incoming *in) {
  int64_t first, max;
  if (!arg_bytes(env, argv[0], "arena", &in->arena) || !arg_column(env, argv[1], "off", &in->off) ||
      !arg_column(env, argv[2], "len", &in->len) || !arg_column(env, argv[3], "gso", &in->gso) ||
      !arg_column(env, argv[4], "csum", &in->csum) || !arg_int(env, argv[5], "first", 0, INT32_MAX, &first) ||
      !arg_int(env, argv[6], "max", 0, INT32_MAX, &max) ||
      !arg_int(env, argv[7], "capacity", 64, 1 << 20, &in->capacity) ||
      !arg_int(env, argv[8], "maxBytes", 1, INT32_MAX, &in->max_bytes))
    return false;
  size_t end = (size_t)(first + max);
  if (end > in->off.count || end > in->len.count || end > in->gso.count || end > in->csum.count)
    return throw_range(env, "rows %lld to %zu are outside the columns", (long long)first, end);
  in->first = first;
  in->max = max;
  return true;
}

uint8_t *incoming_at(napi_env env, const Incoming *in, int64_t row) {
  int64_t at = in->off.at[row]; /* once: another thread may own the memory too */
  if (inside(&in->arena, at, in->capacity)) return in->arena.at + at;
  throw_range(env, "off[%lld] = %lld is outside the arena", (long long)row, (long long)at);
  return NULL;
}

void incoming_row(const Incoming *in, int64_t row, int64_t length, const uint8_t *header, uint32_t shift) {
  uint32_t gso = 0, csum = 0;
  if (header && ((header[0] & NEEDS_CSUM) || header[1] != 0)) {
    /* Only "needs checksum" travels; that the kernel found one valid is nothing to pass on. */
    gso = (uint32_t)(header[0] & NEEDS_CSUM) | (uint32_t)header[1] << 8 | le16(header + 4) << 16;
    csum = (le16(header + 6) + shift) | le16(header + 8) << 16;
  }
  in->len.at[row] = (int32_t)length;
  in->gso.at[row] = (int32_t)gso;
  in->csum.at[row] = (int32_t)csum;
}

bool arg_outgoing(napi_env env, const napi_value *argv, Outgoing *out) {
  static const char *const names[8] = {"off", "len", "altHeadOff", "altHeadLen", "altOff", "altLen", "gso", "csum"};
  int64_t start, count;
  if (!arg_bytes(env, argv[0], "arena", &out->arena) || !arg_column(env, argv[1], "list", &out->list) ||
      !arg_int(env, argv[2], "start", 0, INT32_MAX, &start) || !arg_int(env, argv[3], "count", 0, INT32_MAX, &count))
    return false;
  out->rows = SIZE_MAX;
  for (int i = 0; i < 8; i++) {
    if (!arg_column(env, argv[4 + i], names[i], &out->columns[i])) return false;
    if (out->columns[i].count < out->rows) out->rows = out->columns[i].count;
  }
  if ((size_t)(start + count) > out->list.count)
    return throw_range(env, "words %lld to %lld are outside the list", (long long)start, (long long)(start + count));
  out->start = start;
  out->end = start + count;
  return true;
}

int outgoing_parts(napi_env env, const Outgoing *out, int64_t at, uint8_t *header, struct iovec *parts) {
  const int32_t *off = out->columns[0].at, *len = out->columns[1].at;
  const int32_t *alt_head_off = out->columns[2].at, *alt_head_len = out->columns[3].at;
  const int32_t *alt_off = out->columns[4].at, *alt_len = out->columns[5].at;
  uint32_t word = (uint32_t)out->list.at[at];
  uint32_t row = word & INDEX_MASK;
  if (row >= out->rows) {
    throw_range(env, "list[%lld] names frame %u of %zu", (long long)at, row, out->rows);
    return 0;
  }
  int used = 0;
  int64_t length = len[row];
  int64_t shift = 0;
  bool valid;
  if (header) parts[used++] = (struct iovec){header, VNET_HDR_BYTES};
  if (word & SHAPE_ALT) {
    int64_t head_at = alt_head_off[row], head = alt_head_len[row], body_at = alt_off[row], body = alt_len[row];
    valid = inside(&out->arena, head_at, head) && inside(&out->arena, body_at, body);
    shift = head + body - length;
    if (valid) {
      parts[used++] = (struct iovec){out->arena.at + head_at, (size_t)head};
      parts[used++] = (struct iovec){out->arena.at + body_at, (size_t)body};
    }
  } else {
    int64_t frame_at = off[row];
    valid = inside(&out->arena, frame_at, length);
    if (valid) parts[used++] = (struct iovec){out->arena.at + frame_at, (size_t)length};
  }
  if (!valid) {
    throw_range(env, "frame %u is outside the arena", row);
    return 0;
  }
  if (header) {
    uint32_t gso = (uint32_t)out->columns[6].at[row];
    uint32_t csum = (uint32_t)out->columns[7].at[row];
    memset(header, 0, VNET_HDR_BYTES);
    if (gso != 0) {
      header[0] = (uint8_t)gso;
      header[1] = (uint8_t)(gso >> 8);
      put_le16(header + 4, gso >> 16);
      put_le16(header + 6, (uint32_t)((int64_t)(csum & 0xffff) + shift));
      put_le16(header + 8, csum >> 16);
    }
  }
  return used;
}

bool outgoing_is_plain(const Outgoing *out, int64_t at) {
  uint32_t row = (uint32_t)out->list.at[at] & INDEX_MASK;
  return row < out->rows && out->columns[6].at[row] == 0;
}

bool is_of_one_frame(int error) { return error == EINVAL || error == EMSGSIZE || error == E2BIG; }
