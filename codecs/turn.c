/* What a wake does for all legs at once, with the arrays opened only once: most of the time nothing of what has arrived
 * needs a decision, and then nothing but this runs. */
#include "loop.h"
#include <stdlib.h>
#include <string.h>

typedef struct {
    Arrays arrays;
    Batch batch;
    Incoming incoming;
    const uint8_t *in_law;
    Admitted found;
    Ring ring;
    Relay relay;
    Sending out;
    int32_t *odd_samples;
} Passage;

static const char PASSAGE[] = "softswitch.passage";
static const char SPEC[] = "BiiihHIIBII"           /* batch */
                           "bihbbbiiQQQQQQIIIBBQQb" /* incoming */
                           "IIBIQQIB"              /* admitted */
                           "HBbqqbQQQQQQQ"         /* ring */
                           "ibbQIQ"                /* relay */
                           "bbiiQQQQIBB"           /* outgoing */
                           "b"                     /* transcode */
                           "IIIQI";                /* sending, and packets for the ring that need more */
enum { BATCH = 0, INCOMING = 11, ADMITTED = 33, RING = 41, RELAY = 54, OUTGOING = 60, TRANSCODE = 71, SENDING = 72 };

static void passage_free(PyObject *capsule)
{
    Passage *p = PyCapsule_GetPointer(capsule, PASSAGE);
    if (p == NULL)
        return;
    arrays_close(&p->arrays);
    free(p);
}

static int passage_fits(const Arrays *a, Py_ssize_t legs, Py_ssize_t packets, Py_ssize_t length)
{
    return packets > 0 && legs > 0 && length > 0 && !(length & (length - 1)) &&
           array_items(a, INCOMING) == legs * 128 && array_items(a, OUTGOING) == legs * KINDS &&
           array_items(a, TRANSCODE) == 512 && array_items(a, RING) == legs * length &&
           array_items(a, RING + 1) == legs * length &&
           arrays_at_least(a, "passage", packets, BATCH + 1, INCOMING - 1) == 0 &&
           arrays_at_least(a, "passage", legs, INCOMING + 1, ADMITTED - 1) == 0 &&
           arrays_at_least(a, "passage", packets, ADMITTED, RING - 2) == 0 &&
           arrays_at_least(a, "passage", legs, RING - 1, RING - 1) == 0 &&
           arrays_at_least(a, "passage", legs, RING + 2, OUTGOING - 1) == 0 &&
           arrays_at_least(a, "passage", legs, OUTGOING + 1, TRANSCODE - 1) == 0 &&
           arrays_at_least(a, "passage", packets, SENDING, SENDING + 4) == 0;
}

static void passage_point(Passage *p, Py_ssize_t legs, Py_ssize_t packets, Py_ssize_t length)
{
    Py_buffer *v = p->arrays.view;
    p->batch = (Batch){packets,  v[0].len / packets, v[0].buf, v[1].buf, v[2].buf, v[3].buf, v[4].buf,
                       v[5].buf, v[6].buf,           v[7].buf, v[8].buf, v[9].buf, v[10].buf};
    v += INCOMING;
    p->incoming = (Incoming){.kinds = v[0].buf, .remote_ip = v[1].buf, .remote_port = v[2].buf, .learn = v[3].buf,
                             .locked = v[4].buf, .in_started = v[5].buf, .in_ssrc = v[6].buf, .scale = v[7].buf,
                             .in_ext = v[8].buf, .in_pos = v[9].buf, .received = v[10].buf, .last_rx = v[11].buf,
                             .lead_min = v[12].buf, .dropped_source = v[13].buf, .in_ts = v[14].buf,
                             .late_run = v[15].buf, .short_lead = v[16].buf, .started = v[17].buf,
                             .silent = v[18].buf, .jitter = v[19].buf, .transit = v[20].buf};
    p->in_law = v[21].buf;
    v = p->arrays.view + ADMITTED;
    p->found = (Admitted){.index = v[0].buf, .leg = v[1].buf, .kind = v[2].buf, .ts = v[3].buf, .ext = v[4].buf,
                          .pos = v[5].buf, .odd = v[6].buf, .dirty = v[7].buf};
    v = p->arrays.view + RING;
    p->ring = (Ring){.length = length, .samples = v[0].buf, .have = v[1].buf, .in_ring = v[2].buf,
                     .listen = p->arrays.view[RELAY + 1].buf, .move = v[3].buf, .move_since = v[4].buf,
                     .noisy = v[5].buf, .begin = v[6].buf, .end = v[7].buf, .placed = v[8].buf,
                     .placed_late = v[9].buf, .late = v[10].buf, .counted_ext = v[11].buf, .counted = v[12].buf};
    v = p->arrays.view + RELAY;
    Py_buffer *o = p->arrays.view + OUTGOING;
    p->relay = (Relay){.legs = legs, .ear = v[0].buf, .listen = v[1].buf, .sending_digits = v[2].buf, .seq = v[3].buf,
                       .ts = v[4].buf, .relayed_at = v[5].buf, .transcode = p->arrays.view[TRANSCODE].buf,
                       .out = {.payload_types = o[0].buf, .law = o[1].buf, .out_ssrc = o[2].buf, .scale = o[3].buf,
                               .out_ext = o[4].buf, .out_at = o[5].buf, .sent = o[6].buf, .sent_octets = o[7].buf,
                               .out_ts = o[8].buf, .started = o[9].buf, .relay_fresh = o[10].buf}};
    v = p->arrays.view + SENDING;
    p->out = (Sending){v[0].buf, v[1].buf, v[2].buf, v[3].buf};
    p->odd_samples = v[4].buf;
}

PyObject *turn_passage(PyObject *module, PyObject *const *args, Py_ssize_t nargs)
{
    Py_ssize_t wanted = (Py_ssize_t)sizeof SPEC - 1;
    Passage *p = calloc(1, sizeof *p);
    (void)module;
    if (p == NULL)
        return PyErr_NoMemory();
    if (arrays_open(&p->arrays, "passage", SPEC, args, nargs) < 0) {
        free(p);
        return NULL;
    }
    Py_ssize_t legs = array_items(&p->arrays, INCOMING + 1), packets = array_items(&p->arrays, BATCH + 1);
    Py_ssize_t length = nargs > wanted ? PyLong_AsSsize_t(args[wanted]) : 0;
    if (!passage_fits(&p->arrays, legs, packets, length)) {
        arrays_close(&p->arrays);
        free(p);
        if (!PyErr_Occurred())
            PyErr_SetString(PyExc_ValueError, "passage: the arrays do not fit together");
        return NULL;
    }
    passage_point(p, legs, packets, length);
    return PyCapsule_New(p, PASSAGE, passage_free);
}

/* Whether there is something else than RTP among n rows (RFC 7983, RFC 5761 section 4). */
static int other_than_rtp(const Batch *b, Py_ssize_t n)
{
    int other = 0;
    for (Py_ssize_t k = 0; k < n; k++) {
        const uint8_t *row = b->rows + k * b->stride;
        other |= b->length[k] > 0 && ((row[0] & 0xc0) != 0x80 || (row[1] & 0xe0) == 0xc0);
    }
    return other;
}

/* Whether a packet is a key, or a leg has changed its codec while that matters. */
static int any_special(const Passage *p, Py_ssize_t n, int wide)
{
    int special = 0;
    for (Py_ssize_t k = 0; k < n; k++) {
        uint8_t kind = p->found.kind[k];
        special |= kind == TELEPHONE_EVENT;
        special |= wide && kind <= AUDIO_OPUS && kind - 1 != p->in_law[p->found.leg[k]];
    }
    return special;
}

PyObject *turn_pass_on(PyObject *module, PyObject *const *args, Py_ssize_t nargs)
{
    long long given[5] = {0};
    (void)module;
    Passage *p = nargs == 6 ? PyCapsule_GetPointer(args[0], PASSAGE) : NULL;
    for (int k = 0; p && k < 5; k++)
        given[k] = PyLong_AsLongLong(args[k + 1]);
    Py_ssize_t n = (Py_ssize_t)given[0], odds = 0, stored = -1, sent = -1;
    int64_t floor = given[1], clock = given[2];
    if (PyErr_Occurred() || p == NULL || n < 0 || n > p->batch.capacity ||
        arrays_within(&p->arrays, "pass_on", BATCH + 1, n, p->relay.legs) < 0) {
        if (!PyErr_Occurred())
            PyErr_SetString(PyExc_ValueError, "pass_on: no passage, or more packets than it has room for");
        return NULL;
    }
    if (other_than_rtp(&p->batch, n))
        return Py_BuildValue("nnnn", (Py_ssize_t)-1, odds, stored, sent);
    parse_rows(&p->batch, n);
    Py_ssize_t plain = admit_rows(&p->batch, n, &p->incoming, &p->found, clock, &odds);
    if (!odds && !any_special(p, plain, given[4] != 0)) {
        stored = given[3] ? store_rows(&p->batch, &p->found, plain, &p->ring, floor, clock, p->odd_samples) : 0;
        if (!stored)
            sent = relay_rows(&p->batch, &p->found, plain, &p->relay, clock, &p->out);
    }
    return Py_BuildValue("nnnn", plain, odds, stored, sent);
}

static void forget_one(uint8_t *have, int64_t *cleared, int64_t until, int64_t chunk, int64_t length)
{
    for (; *cleared + chunk <= until; *cleared += chunk) {
        int64_t at = *cleared & (length - 1), first = length - at < chunk ? length - at : chunk;
        memset(have + at, 0, (size_t)first);
        memset(have, 0, (size_t)(chunk - first));
    }
}

PyObject *turn_forget(PyObject *module, PyObject *const *args, Py_ssize_t nargs)
{
    Arrays a;
    long long given[6] = {0};
    (void)module;
    if (arrays_open(&a, "forget", "BbQ", args, nargs) < 0)
        return NULL;
    for (int k = 0; k < 6 && nargs == 9; k++)
        given[k] = PyLong_AsLongLong(args[k + 3]);
    Py_ssize_t legs = array_items(&a, 1), first = (Py_ssize_t)given[0], every = (Py_ssize_t)given[1];
    int64_t clock = given[2], keep = given[3], chunk = given[4], length = given[5];
    if (PyErr_Occurred() || first < 0 || every <= 0 || chunk <= 0 || length < chunk || length & (length - 1) ||
        array_items(&a, 0) < legs * length || array_items(&a, 2) < legs) {
        arrays_close(&a);
        if (!PyErr_Occurred())
            PyErr_SetString(PyExc_ValueError, "forget: the arrays do not fit together");
        return NULL;
    }
    uint8_t *have = a.view[0].buf;
    const uint8_t *in_ring = a.view[1].buf;
    int64_t *cleared = a.view[2].buf;
    for (Py_ssize_t l = first; l < legs; l += every) {
        if (!in_ring[l])
            continue;
        if (clock - cleared[l] > length) { /* the clock was stepped */
            memset(have + l * length, 0, (size_t)length);
            cleared[l] = clock - keep;
        }
        forget_one(have + l * length, &cleared[l], clock - keep, chunk, length);
    }
    arrays_close(&a);
    Py_RETURN_NONE;
}

PyObject *turn_pauses(PyObject *module, PyObject *const *args, Py_ssize_t nargs)
{
    Arrays a;
    (void)module;
    if (arrays_open(&a, "pauses", "ibqbbhbI", args, nargs) < 0)
        return NULL;
    Py_ssize_t n = array_items(&a, 0), legs = array_items(&a, 1), found = 0;
    int64_t until = nargs > 8 ? PyLong_AsLongLong(args[8]) : 0;
    long wide = nargs > 9 ? PyLong_AsLong(args[9]) : 0;
    if (PyErr_Occurred() || nargs != 10 || arrays_within(&a, "pauses", 0, n, legs) < 0 ||
        arrays_at_least(&a, "pauses", legs, 2, 6) < 0 || arrays_at_least(&a, "pauses", n, 7, 7) < 0) {
        arrays_close(&a);
        if (!PyErr_Occurred())
            PyErr_SetString(PyExc_ValueError, "pauses: two numbers come after the arrays");
        return NULL;
    }
    const int32_t *ears = a.view[0].buf;
    const uint8_t *started = a.view[1].buf, *send = a.view[3].buf, *law = a.view[4].buf, *digits = a.view[6].buf;
    const int64_t *relayed_at = a.view[2].buf;
    const uint16_t *remote_port = a.view[5].buf;
    int32_t *out = a.view[7].buf;
    for (Py_ssize_t k = 0; k < n; k++) {
        int32_t ear = ears[k];
        if (started[ear] && relayed_at[ear] < until && send[ear] && law[ear] < wide && remote_port[ear] && !digits[ear])
            out[found++] = ear;
    }
    arrays_close(&a);
    return PyLong_FromSsize_t(found);
}
