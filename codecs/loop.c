/* What the loop does with each packet of a stream that just goes on: the rules of inbound.py and outbound.py, row by
 * row. Whatever needs a decision (a new stream, a jump, a source to learn) is left to Python. */
#include "loop.h"
#include <arpa/inet.h>
#include <math.h>
#include <string.h>

enum { FRAME = 160, LEAST_LEAD = FRAME + 16, MAX_LEAD = 2400, SEQUENCE_JUMP = 3000, LATE_IN_A_ROW = 8 };
enum { NO_PAYLOAD_TYPE = 255 };

#define LONG_AGO ((int64_t)1 << 59)

static int64_t floor_divided(int64_t value, int64_t by)
{
    int64_t quotient = value / by;
    return quotient - (value % by < 0);
}

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

Py_ssize_t admit_rows(const Batch *b, Py_ssize_t n, const Incoming *legs, const Admitted *found, int64_t clock,
                      Py_ssize_t *odds)
{
    Py_ssize_t plain = 0;
    *odds = 0;
    for (Py_ssize_t k = 0; k < n; k++) {
        int32_t leg = b->leg[k];
        Packet p = {b->ip[k],   b->ts[k], b->ssrc[k], b->port[k], b->seq[k], legs->kinds[leg * 128 + (b->mark[k] & 127)],
                    0, 0};
        if (p.kind == 0 || b->offset[k] <= 0 || b->size[k] <= 0)
            continue;
        int verdict = found->dirty[leg] ? ODD : judge(legs, leg, &p, clock);
        if (verdict == ODD) {
            found->dirty[leg] = 1;
            found->odd[(*odds)++] = (int32_t)k;
        }
        if (verdict != PLAIN)
            continue;
        remember(legs, leg, &p, clock);
        found->index[plain] = (int32_t)k;
        found->leg[plain] = leg;
        found->kind[plain] = p.kind;
        found->ts[plain] = p.ts;
        found->ext[plain] = p.ext;
        found->pos[plain++] = p.pos;
    }
    for (Py_ssize_t k = 0; k < *odds; k++)
        found->dirty[b->leg[found->odd[k]]] = 0;
    return plain;
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
    Batch batch = {.leg = v[0].buf, .ip = v[1].buf, .port = v[2].buf, .seq = v[3].buf, .ts = v[4].buf,
                   .ssrc = v[5].buf, .mark = v[6].buf, .offset = v[7].buf, .size = v[8].buf};
    Incoming legs = {.kinds = v[9].buf, .remote_ip = v[10].buf, .remote_port = v[11].buf, .learn = v[12].buf,
                     .locked = v[13].buf, .in_started = v[14].buf, .in_ssrc = v[15].buf, .scale = v[16].buf,
                     .in_ext = v[17].buf, .in_pos = v[18].buf, .received = v[19].buf, .last_rx = v[20].buf,
                     .lead_min = v[21].buf, .dropped_source = v[22].buf, .in_ts = v[23].buf, .late_run = v[24].buf,
                     .short_lead = v[25].buf, .started = v[26].buf, .silent = v[27].buf, .jitter = v[28].buf,
                     .transit = v[29].buf};
    Admitted found = {.index = v[30].buf, .leg = v[31].buf, .kind = v[32].buf, .ts = v[33].buf, .ext = v[34].buf,
                      .pos = v[35].buf, .odd = v[36].buf, .dirty = v[37].buf};
    Py_ssize_t odds, plain = admit_rows(&batch, n, &legs, &found, clock, &odds);
    arrays_close(&a);
    return Py_BuildValue("nn", plain, odds);
}

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

/* Where the ear's stream goes on from what it was sent last. */
static void join(const Relay *legs, int32_t ear, int64_t ext, uint32_t ts, int64_t clock)
{
    legs->out.relay_fresh[ear] = 0;
    legs->seq[ear] = legs->out.out_ext[ear] + 1 - ext;
    legs->ts[ear] = (uint32_t)(legs->out.out_ts[ear] + passed(&legs->out, ear, clock) - ts);
}

Py_ssize_t relay_rows(const Batch *b, const Admitted *found, Py_ssize_t n, const Relay *legs, int64_t clock,
                      const Sending *out)
{
    const Outgoing *o = &legs->out;
    Py_ssize_t sent = 0;
    for (Py_ssize_t k = 0; k < n; k++) {
        int32_t leg = found->leg[k], ear = legs->ear[leg], row = found->index[k];
        uint8_t kind = found->kind[k], *packet = b->rows + row * b->stride;
        if (ear < 0 || ear >= legs->legs || !legs->listen[leg] || kind >= KINDS || legs->sending_digits[ear])
            continue;
        uint8_t payload_type = o->payload_types[ear * KINDS + kind];
        if (payload_type == NO_PAYLOAD_TYPE)
            continue;
        if (o->relay_fresh[ear])
            join(legs, ear, found->ext[k], found->ts[k], clock);
        if (kind <= AUDIO_A && o->law[ear] < AUDIO_A && kind != o->law[ear] + 1 && b->offset[row] >= 0)
            for (int32_t at = b->offset[row]; at < b->offset[row] + b->size[row] && at < b->stride; at++)
                packet[at] = legs->transcode[o->law[ear] * 256 + packet[at]];
        int64_t number = found->ext[k] + legs->seq[ear];
        uint32_t stamp = found->ts[k] + legs->ts[ear];
        write_header(packet, (b->mark[row] & 128) | payload_type, number, stamp, o->out_ssrc[ear]);
        if (number >= o->out_ext[ear]) {
            o->out_ext[ear] = number;
            if (kind != TELEPHONE_EVENT) {
                o->out_ts[ear] = stamp;
                o->out_at[ear] = clock;
            }
        }
        count_sent(o, ear, b->size[row]);
        legs->relayed_at[ear] = clock;
        out->index[sent] = row;
        out->ear[sent] = ear;
        out->length[sent] = b->length[row];
        out->ext[sent++] = number;
    }
    return sent;
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
    Py_ssize_t m = nargs > wanted + 1 ? PyLong_AsSsize_t(args[wanted]) : 0;
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
    Batch batch = {.capacity = m, .stride = v[0].len / m, .rows = v[0].buf, .mark = v[1].buf, .length = v[2].buf,
                   .offset = v[3].buf, .size = v[4].buf};
    Admitted found = {.index = v[5].buf, .leg = v[6].buf, .kind = v[7].buf, .ts = v[8].buf, .ext = v[9].buf};
    Relay legs = {.legs = legs_count, .ear = v[10].buf, .listen = v[11].buf, .sending_digits = v[12].buf,
                  .seq = v[13].buf, .ts = v[14].buf, .relayed_at = v[15].buf, .transcode = v[27].buf,
                  .out = {.payload_types = v[16].buf, .law = v[17].buf, .out_ssrc = v[18].buf, .scale = v[19].buf,
                          .out_ext = v[20].buf, .out_at = v[21].buf, .sent = v[22].buf, .sent_octets = v[23].buf,
                          .out_ts = v[24].buf, .started = v[25].buf, .relay_fresh = v[26].buf}};
    Sending out = {.index = v[28].buf, .ear = v[29].buf, .length = v[30].buf, .ext = v[31].buf};
    Py_ssize_t sent = relay_rows(&batch, &found, n, &legs, clock, &out);
    arrays_close(&a);
    return PyLong_FromSsize_t(sent);
}

/* One packet of the leg's own stream, of 20 ms from the clock on, after which a relay has to join anew. */
static void write_frame(const Outgoing *legs, int32_t ear, uint8_t *packet, const uint8_t *codes, int64_t clock)
{
    int64_t elapsed = clock - legs->out_at[ear], steps = 1;
    int unsent = elapsed > LONG_AGO;
    uint8_t law = legs->law[ear];
    if (!unsent && elapsed + FRAME / 2 >= 2 * FRAME)
        steps = (elapsed + FRAME / 2) / FRAME;
    legs->relay_fresh[ear] = 1;
    legs->out_ext[ear]++;
    legs->out_ts[ear] += (uint32_t)(steps * FRAME * legs->scale[ear]);
    legs->out_at[ear] = clock;
    uint8_t mark = legs->payload_types[ear * KINDS + (law < KINDS - 1 ? 1 + law : 0)];
    packet[0] = 0x80;
    write_header(packet, mark | (steps > 1 || unsent ? 128 : 0), legs->out_ext[ear], legs->out_ts[ear],
                 legs->out_ssrc[ear]);
    memcpy(packet + 12, codes, FRAME);
    count_sent(legs, ear, FRAME);
}

PyObject *loop_frames(PyObject *module, PyObject *const *args, Py_ssize_t nargs)
{
    static const char spec[] = "Bibib"
                               "bbiiQQQQIBBbhb"
                               "IIQ";
    Arrays a;
    (void)module;
    if (arrays_open(&a, "frames", spec, args, nargs) < 0)
        return NULL;
    Py_ssize_t wanted = (Py_ssize_t)sizeof spec - 1, n = array_items(&a, 1), legs_count = array_items(&a, 6);
    Py_ssize_t m = nargs > wanted + 1 ? PyLong_AsSsize_t(args[wanted]) : 0, sent = 0;
    int64_t clock = nargs > wanted + 1 ? PyLong_AsLongLong(args[wanted + 1]) : 0;
    Py_ssize_t codes_count = array_items(&a, 2) / FRAME;
    int fits = m >= n && m > 0 && a.view[0].len / m >= 12 + FRAME && array_items(&a, 5) == legs_count * KINDS;
    if (!fits || arrays_at_least(&a, "frames", n, 3, 4) < 0 || arrays_at_least(&a, "frames", legs_count, 7, 18) < 0 ||
        arrays_at_least(&a, "frames", n, 19, 21) < 0 || arrays_within(&a, "frames", 1, n, legs_count) < 0 ||
        arrays_within(&a, "frames", 3, n, codes_count) < 0 || PyErr_Occurred()) {
        arrays_close(&a);
        if (!PyErr_Occurred())
            PyErr_SetString(PyExc_ValueError, "frames: the arrays do not fit together");
        return NULL;
    }
    Py_buffer *v = a.view;
    const int32_t *ears = v[1].buf, *which = v[3].buf;
    const uint8_t *codes = v[2].buf, *heard = v[4].buf, *send = v[16].buf, *digits = v[18].buf;
    const uint16_t *remote_port = v[17].buf;
    Outgoing legs = {.payload_types = v[5].buf, .law = v[6].buf, .out_ssrc = v[7].buf, .scale = v[8].buf,
                     .out_ext = v[9].buf, .out_at = v[10].buf, .sent = v[11].buf, .sent_octets = v[12].buf,
                     .out_ts = v[13].buf, .started = v[14].buf, .relay_fresh = v[15].buf};
    Sending out = {.ear = v[19].buf, .length = v[20].buf, .ext = v[21].buf};
    Py_ssize_t stride = v[0].len / m;
    for (Py_ssize_t k = 0; k < n; k++) {
        int32_t ear = ears[k];
        if (!send[ear] || !remote_port[ear] || digits[ear] || !(heard[k] || legs.started[ear]))
            continue;
        write_frame(&legs, ear, (uint8_t *)v[0].buf + sent * stride, codes + (Py_ssize_t)which[k] * FRAME, clock);
        out.ear[sent] = ear;
        out.length[sent] = 12 + FRAME;
        out.ext[sent++] = legs.out_ext[ear];
    }
    arrays_close(&a);
    return PyLong_FromSsize_t(sent);
}
