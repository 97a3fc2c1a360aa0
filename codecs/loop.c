/* What the loop does with each packet of a stream that just goes on: the rules of inbound.py and outbound.py, row by
 * row. Whatever needs a decision (a new stream, a jump, a source to learn) is left to Python. */
#include "buffers.h"
#include <arpa/inet.h>
#include <math.h>
#include <string.h>

enum { AUDIO_A = 2, TELEPHONE_EVENT = 6, COMFORT_NOISE = 7, KINDS = 8 };
enum { FRAME = 160, LEAST_LEAD = FRAME + 16, MAX_LEAD = 2400, SEQUENCE_JUMP = 3000, LATE_IN_A_ROW = 8 };
enum { NO_PAYLOAD_TYPE = 255 };

#define LONG_AGO ((int64_t)1 << 59)

static int64_t floor_divided(int64_t value, int64_t by)
{
    int64_t quotient = value / by;
    return quotient - (value % by < 0);
}

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

typedef struct {
    uint32_t ip, ts, ssrc;
    uint16_t port, seq;
    uint8_t kind;
    int64_t ext, pos;
} Packet;

enum { DROP, PLAIN, ODD };

/* What to do with a packet of a known kind; its place in the stream. Changes nothing but the count of strangers. */
static int judge(const Incoming *legs, int32_t leg, Packet *p, int64_t clock)
{
    if (p->ip != legs->remote_ip[leg] || p->port != legs->remote_port[leg]) {
        if (legs->learn[leg])
            return ODD;
        legs->dropped_source[leg]++;
        return DROP;
    }
    if ((legs->learn[leg] && !legs->locked[leg]) || !legs->in_started[leg] || p->ssrc != legs->in_ssrc[leg])
        return ODD;
    int64_t last = legs->in_ext[leg], ahead = (int16_t)(uint16_t)(p->seq - (uint16_t)last);
    p->ext = last + ahead;
    p->pos = legs->in_pos[leg] + floor_divided((int32_t)(p->ts - legs->in_ts[leg]), legs->scale[leg]);
    int audio = p->kind != TELEPHONE_EVENT && p->kind != COMFORT_NOISE;
    if (ahead > SEQUENCE_JUMP || ahead < -SEQUENCE_JUMP ||
        (audio && (p->pos - clock > MAX_LEAD || legs->late_run[leg] >= LATE_IN_A_ROW)))
        return ODD;
    return PLAIN;
}

static void remember(const Incoming *legs, int32_t leg, const Packet *p, int64_t clock)
{
    int64_t lead = p->pos - clock;
    double transit = -(double)lead;
    if (p->ext > legs->in_ext[leg])
        legs->in_ext[leg] = p->ext;
    legs->received[leg]++;
    legs->in_ts[leg] = p->ts;
    legs->in_pos[leg] = p->pos;
    legs->last_rx[leg] = clock;
    legs->started[leg] = 1;
    legs->silent[leg] = 0;
    legs->jitter[leg] += (fabs(transit - legs->transit[leg]) - legs->jitter[leg]) / 16;
    legs->transit[leg] = transit;
    if (p->kind == TELEPHONE_EVENT || p->kind == COMFORT_NOISE)
        return;
    if (lead < legs->lead_min[leg])
        legs->lead_min[leg] = lead;
    if (lead >= 0)
        legs->late_run[leg] = 0;
    if (lead < LEAST_LEAD)
        legs->short_lead[leg]++;
    if (lead < 0)
        legs->late_run[leg]++;
}

PyObject *loop_admit(PyObject *module, PyObject *const *args, Py_ssize_t nargs)
{
    static const char spec[] = "iihhiibii"
                               "bihbbbiiQQQQQQIIIBBQQ"
                               "IIBIQQIB";
    Arrays a;
    (void)module;
    if (arrays_open(&a, "admit", spec, args, nargs) < 0)
        return NULL;
    Py_ssize_t wanted = (Py_ssize_t)sizeof spec - 1, n = array_items(&a, 0), legs_count = array_items(&a, 10);
    int64_t clock = nargs > wanted ? PyLong_AsLongLong(args[wanted]) : 0;
    int fits = nargs > wanted && array_items(&a, 9) == legs_count * 128;
    if (!fits || arrays_at_least(&a, "admit", n, 1, 8) < 0 || arrays_at_least(&a, "admit", legs_count, 11, 29) < 0 ||
        arrays_at_least(&a, "admit", n, 30, 36) < 0 || arrays_at_least(&a, "admit", legs_count, 37, 37) < 0 ||
        arrays_within(&a, "admit", 0, n, legs_count) < 0 || PyErr_Occurred()) {
        arrays_close(&a);
        if (!PyErr_Occurred())
            PyErr_SetString(PyExc_ValueError, "admit: the arrays do not fit together");
        return NULL;
    }
    Py_buffer *v = a.view;
    const int32_t *row_leg = v[0].buf, *offset = v[7].buf, *size = v[8].buf;
    const uint32_t *ip = v[1].buf, *ts = v[4].buf, *ssrc = v[5].buf;
    const uint16_t *port = v[2].buf, *seq = v[3].buf;
    const uint8_t *mark = v[6].buf;
    Incoming legs = {.kinds = v[9].buf, .remote_ip = v[10].buf, .remote_port = v[11].buf, .learn = v[12].buf,
                     .locked = v[13].buf, .in_started = v[14].buf, .in_ssrc = v[15].buf, .scale = v[16].buf,
                     .in_ext = v[17].buf, .in_pos = v[18].buf, .received = v[19].buf, .last_rx = v[20].buf,
                     .lead_min = v[21].buf, .dropped_source = v[22].buf, .in_ts = v[23].buf, .late_run = v[24].buf,
                     .short_lead = v[25].buf, .started = v[26].buf, .silent = v[27].buf, .jitter = v[28].buf,
                     .transit = v[29].buf};
    int32_t *out_index = v[30].buf, *out_leg = v[31].buf, *odd = v[36].buf;
    uint8_t *out_kind = v[32].buf, *dirty = v[37].buf;
    uint32_t *out_ts = v[33].buf;
    int64_t *out_ext = v[34].buf, *out_pos = v[35].buf;
    Py_ssize_t plain = 0, odds = 0;
    for (Py_ssize_t k = 0; k < n; k++) {
        int32_t leg = row_leg[k];
        Packet p = {ip[k], ts[k], ssrc[k], port[k], seq[k], legs.kinds[leg * 128 + (mark[k] & 127)], 0, 0};
        if (p.kind == 0 || offset[k] <= 0 || size[k] <= 0)
            continue;
        int verdict = dirty[leg] ? ODD : judge(&legs, leg, &p, clock);
        if (verdict == ODD) {
            dirty[leg] = 1;
            odd[odds++] = (int32_t)k;
        }
        if (verdict != PLAIN)
            continue;
        remember(&legs, leg, &p, clock);
        out_index[plain] = (int32_t)k;
        out_leg[plain] = leg;
        out_kind[plain] = p.kind;
        out_ts[plain] = p.ts;
        out_ext[plain] = p.ext;
        out_pos[plain++] = p.pos;
    }
    for (Py_ssize_t k = 0; k < odds; k++)
        dirty[row_leg[odd[k]]] = 0;
    arrays_close(&a);
    return Py_BuildValue("nn", plain, odds);
}

typedef struct {
    const uint8_t *payload_types, *law;
    const uint32_t *out_ssrc;
    const int32_t *scale;
    int64_t *out_ext, *out_at, *sent, *sent_octets;
    uint32_t *out_ts;
    uint8_t *started, *relay_fresh;
} Outgoing;

static void write_header(uint8_t *row, uint8_t mark, int64_t ext, uint32_t ts, uint32_t ssrc)
{
    uint16_t half = htons((uint16_t)ext);
    uint32_t words[2] = {htonl(ts), htonl(ssrc)};
    row[1] = mark;
    memcpy(row + 2, &half, 2);
    memcpy(row + 4, words, 8);
}

static void count_sent(const Outgoing *legs, int32_t ear, int32_t octets)
{
    legs->sent[ear]++;
    legs->sent_octets[ear] += octets;
    legs->started[ear] = 1;
}

/* Timestamp units since the last packet sent: whole frames, at least one. */
static int64_t passed(const Outgoing *legs, int32_t ear, int64_t clock)
{
    int64_t elapsed = clock - legs->out_at[ear];
    int64_t frames = elapsed > LONG_AGO ? 1 : floor_divided(elapsed + FRAME / 2, FRAME);
    return (frames > 1 ? frames : 1) * FRAME * legs->scale[ear];
}

PyObject *loop_relay(PyObject *module, PyObject *const *args, Py_ssize_t nargs)
{
    static const char spec[] = "Bbiiiiibiq"
                               "ibbQIQbbiiQQQQIBBb"
                               "IIIQ";
    Arrays a;
    (void)module;
    if (arrays_open(&a, "relay", spec, args, nargs) < 0)
        return NULL;
    Py_ssize_t wanted = (Py_ssize_t)sizeof spec - 1, n = array_items(&a, 5), legs_count = array_items(&a, 10);
    Py_ssize_t m = nargs > wanted + 1 ? PyLong_AsSsize_t(args[wanted]) : 0, out = 0;
    int64_t clock = nargs > wanted + 1 ? PyLong_AsLongLong(args[wanted + 1]) : 0;
    int fits = m > 0 && array_items(&a, 16) == legs_count * KINDS && array_items(&a, 27) == 512;
    if (!fits || arrays_at_least(&a, "relay", m, 1, 4) < 0 || arrays_at_least(&a, "relay", n, 6, 9) < 0 ||
        arrays_at_least(&a, "relay", legs_count, 11, 26) < 0 || arrays_at_least(&a, "relay", n, 28, 31) < 0 ||
        arrays_within(&a, "relay", 5, n, m) < 0 || arrays_within(&a, "relay", 6, n, legs_count) < 0 ||
        PyErr_Occurred()) {
        arrays_close(&a);
        if (!PyErr_Occurred())
            PyErr_SetString(PyExc_ValueError, "relay: the arrays do not fit together");
        return NULL;
    }
    Py_buffer *v = a.view;
    uint8_t *rows = v[0].buf;
    const uint8_t *mark = v[1].buf, *kind = v[7].buf;
    const int32_t *length = v[2].buf, *offset = v[3].buf, *size = v[4].buf, *index = v[5].buf, *leg = v[6].buf;
    const uint32_t *ts = v[8].buf;
    const int64_t *ext = v[9].buf;
    const int32_t *relay_ear = v[10].buf;
    const uint8_t *listen = v[11].buf, *send_digits = v[12].buf, *transcode = v[27].buf;
    int64_t *relay_seq = v[13].buf, *relayed_at = v[15].buf;
    uint32_t *relay_ts = v[14].buf;
    Outgoing legs = {.payload_types = v[16].buf, .law = v[17].buf, .out_ssrc = v[18].buf, .scale = v[19].buf,
                     .out_ext = v[20].buf, .out_at = v[21].buf, .sent = v[22].buf, .sent_octets = v[23].buf,
                     .out_ts = v[24].buf, .started = v[25].buf, .relay_fresh = v[26].buf};
    int32_t *out_index = v[28].buf, *out_ear = v[29].buf, *out_length = v[30].buf;
    int64_t *out_ext = v[31].buf;
    Py_ssize_t stride = v[0].len / m;
    for (Py_ssize_t k = 0; k < n; k++) {
        int32_t ear = relay_ear[leg[k]], row = index[k];
        if (ear < 0 || ear >= legs_count || !listen[leg[k]] || kind[k] >= KINDS || send_digits[ear])
            continue;
        uint8_t payload_type = legs.payload_types[ear * KINDS + kind[k]], *packet = rows + row * stride;
        if (payload_type == NO_PAYLOAD_TYPE)
            continue;
        if (legs.relay_fresh[ear]) { /* the ear's stream goes on from what it was sent last */
            legs.relay_fresh[ear] = 0;
            relay_seq[ear] = legs.out_ext[ear] + 1 - ext[k];
            relay_ts[ear] = (uint32_t)(legs.out_ts[ear] + passed(&legs, ear, clock) - ts[k]);
        }
        if (kind[k] <= AUDIO_A && legs.law[ear] < AUDIO_A && kind[k] != legs.law[ear] + 1 && offset[row] >= 0)
            for (int32_t at = offset[row]; at < offset[row] + size[row] && at < stride; at++)
                packet[at] = transcode[legs.law[ear] * 256 + packet[at]];
        int64_t number = ext[k] + relay_seq[ear];
        uint32_t stamp = ts[k] + relay_ts[ear];
        write_header(packet, (mark[row] & 128) | payload_type, number, stamp, legs.out_ssrc[ear]);
        if (number >= legs.out_ext[ear]) {
            legs.out_ext[ear] = number;
            if (kind[k] != TELEPHONE_EVENT) {
                legs.out_ts[ear] = stamp;
                legs.out_at[ear] = clock;
            }
        }
        count_sent(&legs, ear, size[row]);
        relayed_at[ear] = clock;
        out_index[out] = row;
        out_ear[out] = ear;
        out_length[out] = length[row];
        out_ext[out++] = number;
    }
    arrays_close(&a);
    return PyLong_FromSsize_t(out);
}

PyObject *loop_frames(PyObject *module, PyObject *const *args, Py_ssize_t nargs)
{
    static const char spec[] = "Bibi"
                               "bbiiQQQQIBB"
                               "IQ";
    Arrays a;
    (void)module;
    if (arrays_open(&a, "frames", spec, args, nargs) < 0)
        return NULL;
    Py_ssize_t wanted = (Py_ssize_t)sizeof spec - 1, n = array_items(&a, 1), legs_count = array_items(&a, 5);
    Py_ssize_t m = nargs > wanted + 1 ? PyLong_AsSsize_t(args[wanted]) : 0;
    int64_t clock = nargs > wanted + 1 ? PyLong_AsLongLong(args[wanted + 1]) : 0;
    Py_ssize_t codes_count = array_items(&a, 2) / FRAME;
    int fits = m >= n && m > 0 && a.view[0].len / m >= 12 + FRAME && array_items(&a, 4) == legs_count * KINDS;
    if (!fits || arrays_at_least(&a, "frames", n, 3, 3) < 0 || arrays_at_least(&a, "frames", legs_count, 6, 14) < 0 ||
        arrays_at_least(&a, "frames", n, 15, 16) < 0 || arrays_within(&a, "frames", 1, n, legs_count) < 0 ||
        arrays_within(&a, "frames", 3, n, codes_count) < 0 || PyErr_Occurred()) {
        arrays_close(&a);
        if (!PyErr_Occurred())
            PyErr_SetString(PyExc_ValueError, "frames: the arrays do not fit together");
        return NULL;
    }
    Py_buffer *v = a.view;
    uint8_t *rows = v[0].buf;
    const int32_t *ears = v[1].buf, *which = v[3].buf;
    const uint8_t *codes = v[2].buf;
    Outgoing legs = {.payload_types = v[4].buf, .law = v[5].buf, .out_ssrc = v[6].buf, .scale = v[7].buf,
                     .out_ext = v[8].buf, .out_at = v[9].buf, .sent = v[10].buf, .sent_octets = v[11].buf,
                     .out_ts = v[12].buf, .started = v[13].buf, .relay_fresh = v[14].buf};
    int32_t *length = v[15].buf;
    int64_t *ext = v[16].buf;
    Py_ssize_t stride = v[0].len / m;
    for (Py_ssize_t k = 0; k < n; k++) {
        int32_t ear = ears[k];
        uint8_t *packet = rows + k * stride, law = legs.law[ear];
        int64_t elapsed = clock - legs.out_at[ear], steps = 1;
        int unsent = elapsed > LONG_AGO;
        if (!unsent && elapsed + FRAME / 2 >= 2 * FRAME)
            steps = (elapsed + FRAME / 2) / FRAME;
        legs.relay_fresh[ear] = 1; /* a relayed stream that pauses goes on after what is sent in between */
        legs.out_ext[ear]++;
        legs.out_ts[ear] += (uint32_t)(steps * FRAME * legs.scale[ear]);
        legs.out_at[ear] = clock;
        uint8_t mark = legs.payload_types[ear * KINDS + (law < KINDS - 1 ? 1 + law : 0)];
        packet[0] = 0x80;
        write_header(packet, mark | (steps > 1 || unsent ? 128 : 0), legs.out_ext[ear], legs.out_ts[ear],
                     legs.out_ssrc[ear]);
        memcpy(packet + 12, codes + (Py_ssize_t)which[k] * FRAME, FRAME);
        count_sent(&legs, ear, FRAME);
        length[k] = 12 + FRAME;
        ext[k] = legs.out_ext[ear];
    }
    arrays_close(&a);
    Py_RETURN_NONE;
}
