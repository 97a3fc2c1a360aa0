/* What one batch of packets goes through, as arrays: rows of packets, columns of the leg table, room for results. */
#ifndef SOFTSWITCH_LOOP_H
#define SOFTSWITCH_LOOP_H
#include "buffers.h"

/* The kinds of payload as legs.py numbers them; 1 and 2 are the two laws of G.711. */
enum { AUDIO_A = 2, AUDIO_OPUS = 5, TELEPHONE_EVENT = 6, COMFORT_NOISE = 7, KINDS = 9 };

typedef struct {
    Py_ssize_t capacity, stride;
    uint8_t *rows;
    const int32_t *leg;
    const int32_t *length;
    const uint32_t *ip;
    const uint16_t *port;
    uint16_t *seq;
    uint32_t *ts, *ssrc;
    uint8_t *mark;
    int32_t *offset, *size;
} Batch;

typedef struct {
    const uint8_t *kinds;
    const uint32_t *remote_ip;
    const uint16_t *remote_port;
    const uint8_t *learn, *locked, *in_started;
    const uint32_t *in_ssrc;
    const int32_t *scale;
    int64_t *in_ext, *in_pos, *received, *last_rx, *lead_min, *dropped_source;
    uint32_t *in_ts;
    int32_t *late_run, *short_lead;
    uint8_t *started, *silent;
    double *jitter, *transit;
} Incoming;

/* Packets of streams that just go on; numbers of rows that need more than that; legs of these, zeros in between. */
typedef struct {
    int32_t *index, *leg;
    uint8_t *kind;
    uint32_t *ts;
    int64_t *ext, *pos;
    int32_t *odd;
    uint8_t *dirty;
} Admitted;

typedef struct {
    Py_ssize_t length;
    int16_t *samples;
    uint8_t *have;
    const uint8_t *in_ring, *listen;
    const int64_t *move, *move_since;
    const uint8_t *noisy;
    int64_t *begin, *end, *placed, *placed_late, *late, *counted_ext;
    uint64_t *counted;
} Ring;

typedef struct {
    const uint8_t *payload_types, *law;
    const uint32_t *out_ssrc;
    const int32_t *scale;
    int64_t *out_ext, *out_at, *sent, *sent_octets;
    uint32_t *out_ts;
    uint8_t *started, *relay_fresh;
} Outgoing;

typedef struct {
    Py_ssize_t legs;
    const int32_t *ear;
    const uint8_t *listen, *sending_digits, *transcode;
    int64_t *seq, *relayed_at;
    uint32_t *ts;
    Outgoing out;
} Relay;

typedef struct {
    int32_t *index, *ear, *length;
    int64_t *ext;
} Sending;

/* Whether arrays 0 and 1 are a ring of that length; raises ValueError. */
int ring_fits(const Arrays *arrays, const char *name, Py_ssize_t length);

/* Makes up what never came, so that the samples can be read. */
void ring_ready(int16_t *ring, const uint8_t *have, Py_ssize_t length, int64_t position, Py_ssize_t width);

/* RTP headers of n rows (RFC 3550 section 5.1). */
void parse_rows(const Batch *batch, Py_ssize_t n);

/* Returns how many of n rows are in `found`; *odds are listed in found->odd. */
Py_ssize_t admit_rows(const Batch *batch, Py_ssize_t n, const Incoming *legs, const Admitted *found, int64_t clock,
                      Py_ssize_t *odds);

/* Decodes n packets into the ring; returns how many are listed in `odd` for more than that. */
Py_ssize_t store_rows(const Batch *batch, const Admitted *found, Py_ssize_t n, const Ring *ring, int64_t floor,
                      int64_t clock, int32_t *odd);

/* Rewrites the headers of those of n packets that a leg's only listener gets; returns how many. */
Py_ssize_t relay_rows(const Batch *batch, const Admitted *found, Py_ssize_t n, const Relay *relay, int64_t clock,
                      const Sending *out);

#endif
