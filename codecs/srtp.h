/* What must be known of a leg's SRTP streams beside the keys: plain numbers, so that another process can go on. */
#ifndef SOFTSWITCH_SRTP_H
#define SOFTSWITCH_SRTP_H
#include "buffers.h"

/* Streams (ssrc) of one peer that are told apart. */
enum { STREAMS = 4 };

/* Packet indices that were used: all below next - 64, and next - 1 - k where bit k is set. next 0: none yet. */
typedef struct {
    uint64_t next, seen;
} Window;

/* rekeyed: the window is that of a former key. */
typedef struct {
    Window window;
    uint32_t ssrc, rekeyed;
} Stream;

typedef struct {
    Window sent;
    Stream rtp[STREAMS], rtcp[STREAMS];
    uint32_t rtp_turn, rtcp_turn, reports, spare;
} State;

#endif
