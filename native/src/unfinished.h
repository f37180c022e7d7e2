/*
 * Frames of senders on this machine that left work to a hardware which is not there: what the frame itself tells of it.
 */
#ifndef ETHERLOOM_UNFINISHED_H
#define ETHERLOOM_UNFINISHED_H

#include "frames.h"

/*
 * Whether a checksum that starts at `start` is not that of the outermost IP packet: the headers of a tunnel are in
 * front of it. virtio has no word for that, so a super-frame of this kind looks like any other.
 */
bool is_in_tunnel(const uint8_t *frame, size_t length, uint32_t start);

/*
 * Where nothing says what is unfinished: writes a virtio-net header that does, from the frame alone. The answer is
 * whether it is inside a VXLAN tunnel.
 *
 * An unfinished frame is known by its checksum: the sender leaves the sum of the pseudo header there. A frame that has
 * this value by chance, one in 65,536, is correct afterwards if it was, since finishing it gives the same value.
 */
bool find_unfinished(const uint8_t *frame, size_t length, uint8_t *header);

#endif
