/* The sample ring: packets in by RTP timestamp, frames out by position, concealment between. */
#include "loop.h"
#include "g711.h"
#include <string.h>

/* What never came repeats the 20 ms before it, so that period lengths up to 50 Hz fit whole. */
enum { REPEAT = 160 };

/* What is known of a sample. Comfort noise is heard, but gives way to a packet that comes for its place. */
enum { NOTHING = 0, SOUND = 1, NOISE = 2 };

int ring_fits(const Arrays *a, const char *name, Py_ssize_t length)
{
    if (length < 2 * REPEAT || length & (length - 1) || array_items(a, 0) % length ||
        array_items(a, 1) != array_items(a, 0)) {
        PyErr_Format(PyExc_ValueError, "%s: ring and have must be legs x a power of two", name);
        return 0;
    }
    return 1;
}

static int none_is(const uint8_t *have, uint64_t at, Py_ssize_t count, uint64_t mask, int what)
{
    Py_ssize_t first = (Py_ssize_t)(mask + 1 - at) < count ? (Py_ssize_t)(mask + 1 - at) : count;
    return !memchr(have + at, what, (size_t)first) &&
           (first == count || !memchr(have, what, (size_t)(count - first)));
}

/* How many samples of a packet come before `floor`; -1 if there is nothing left to be placed, with the reason. */
static int64_t left_out(const uint8_t *have, uint64_t mask, int64_t position, int64_t floor, int64_t size,
                        uint8_t *status)
{
    int64_t skip = floor > position ? floor - position : 0;
    *status = skip >= size ? 2 : 0;
    if (*status)
        return -1;
    uint64_t at = (uint64_t)(position + skip) & mask;
    if (none_is(have, at, (Py_ssize_t)(size - skip), mask, NOTHING) &&
        none_is(have, at, (Py_ssize_t)(size - skip), mask, NOISE)) {
        *status = 1;
        return -1;
    }
    return skip;
}

static uint8_t place_one(int16_t *ring, uint8_t *have, uint64_t mask, int64_t position, int64_t floor,
                         const uint8_t *payload, int64_t size, const int16_t *linear)
{
    uint8_t status;
    int64_t skip = left_out(have, mask, position, floor, size, &status);
    for (int64_t k = skip; skip >= 0 && k < size;) {
        uint64_t at = (uint64_t)(position + k) & mask;
        int64_t run = (int64_t)(mask + 1 - at) < size - k ? (int64_t)(mask + 1 - at) : size - k;
        memset(have + at, SOUND, (size_t)run);
        for (int64_t end = k + run; k < end; k++)
            ring[at++] = linear[payload[k]];
    }
    return status;
}

static uint8_t lay_one(int16_t *ring, uint8_t *have, uint64_t mask, int64_t position, int64_t floor,
                       const int16_t *samples, int64_t size)
{
    uint8_t status;
    int64_t skip = left_out(have, mask, position, floor, size, &status);
    uint64_t at = (uint64_t)(position + skip) & mask;
    for (int64_t k = skip; skip >= 0 && k < size; k++, at = (at + 1) & mask) {
        ring[at] = samples[k];
        have[at] = SOUND;
    }
    return status;
}

PyObject *ring_place(PyObject *module, PyObject *const *args, Py_ssize_t nargs)
{
    Arrays a;
    (void)module;
    if (arrays_open(&a, "place", "HBiqbiiibB", args, nargs) < 0)
        return NULL;
    Py_ssize_t n = array_items(&a, 2), L = nargs > 12 ? PyLong_AsSsize_t(args[10]) : 0;
    Py_ssize_t m = nargs > 12 ? PyLong_AsSsize_t(args[11]) : 0;
    int64_t floor = nargs > 12 ? PyLong_AsLongLong(args[12]) : 0;
    if (!ring_fits(&a, "place", L) || m <= 0 || arrays_at_least(&a, "place", n, 3, 3) < 0 ||
        arrays_at_least(&a, "place", n, 5, 9) < 0 || PyErr_Occurred()) {
        arrays_close(&a);
        if (!PyErr_Occurred())
            PyErr_SetString(PyExc_ValueError, "place: the number of rows must be positive");
        return NULL;
    }
    int16_t *ring = a.view[0].buf;
    uint8_t *have = a.view[1].buf, *status = a.view[9].buf;
    const uint8_t *rows = a.view[4].buf, *law = a.view[8].buf;
    const int32_t *leg = a.view[2].buf, *index = a.view[5].buf, *offset = a.view[6].buf, *size = a.view[7].buf;
    const int64_t *position = a.view[3].buf;
    Py_ssize_t legs = array_items(&a, 0) / L, stride = a.view[4].len / m;
    for (Py_ssize_t k = 0; k < n; k++) {
        status[k] = 2;
        if (leg[k] < 0 || leg[k] >= legs || index[k] < 0 || index[k] >= m || offset[k] < 0 || size[k] < 0 ||
            offset[k] + size[k] > stride || size[k] > L)
            continue;
        status[k] = place_one(ring + leg[k] * L, have + leg[k] * L, (uint64_t)L - 1, position[k], floor,
                              rows + index[k] * stride + offset[k], size[k], g711_linear[law[k] & 1]);
    }
    arrays_close(&a);
    Py_RETURN_NONE;
}

/* Where a leg's places are to be moved, the next packet that is quiet does it, or any once it is late (playout.py). */
enum { QUIET_PEAK = 500, PATIENCE = 3200 };

static int moves_late(int64_t move, int64_t since, int64_t clock)
{
    return move > 0 && clock - since > PATIENCE;
}

static int is_quiet(const uint8_t *payload, int32_t size, const int16_t *linear)
{
    for (int32_t k = 0; k < size; k++)
        if (linear[payload[k]] > QUIET_PEAK || linear[payload[k]] < -QUIET_PEAK)
            return 0;
    return 1;
}

static int is_listed(const int32_t *odd, Py_ssize_t odds, const int32_t *leg, int32_t one)
{
    for (Py_ssize_t k = 0; k < odds; k++)
        if (leg[odd[k]] == one)
            return 1;
    return 0;
}

/* Whether this packet of a stream comes for the first time; `counted` has a bit for each of the 64 up to `top`.
 * By its number and not by its place: places move (playout.py), and then a copy would not be known again. */
static int first_time(int64_t *top, uint64_t *counted, int64_t ext)
{
    int64_t ahead = ext - *top;
    if (ahead > 0) {
        *counted = ahead < 64 ? *counted << ahead | 1 : 1;
        *top = ext;
        return 1;
    }
    uint64_t bit = ahead > -64 ? (uint64_t)1 << -ahead : 0;
    int known = (*counted & bit) != 0;
    *counted |= bit;
    return !known;
}

PyObject *ring_first_time(PyObject *module, PyObject *const *args, Py_ssize_t nargs)
{
    Arrays a;
    (void)module;
    if (arrays_open(&a, "first_time", "QQiqB", args, nargs) < 0)
        return NULL;
    Py_ssize_t legs = array_items(&a, 0), n = array_items(&a, 2);
    if (arrays_at_least(&a, "first_time", legs, 1, 1) < 0 || arrays_at_least(&a, "first_time", n, 3, 4) < 0 ||
        arrays_within(&a, "first_time", 2, n, legs) < 0) {
        arrays_close(&a);
        return NULL;
    }
    int64_t *top = a.view[0].buf;
    uint64_t *counted = a.view[1].buf;
    const int32_t *leg = a.view[2].buf;
    const int64_t *ext = a.view[3].buf;
    uint8_t *out = a.view[4].buf;
    for (Py_ssize_t k = 0; k < n; k++)
        out[k] = (uint8_t)first_time(&top[leg[k]], &counted[leg[k]], ext[k]);
    arrays_close(&a);
    Py_RETURN_NONE;
}

Py_ssize_t store_rows(const Batch *b, const Admitted *found, Py_ssize_t n, const Ring *r, int64_t floor,
                      int64_t clock, int32_t *odd)
{
    Py_ssize_t odds = 0, L = r->length;
    for (Py_ssize_t k = 0; k < n; k++) {
        int32_t l = found->leg[k], row = found->index[k], at = b->offset[row], octets = b->size[row];
        uint8_t kind = found->kind[k];
        if (!r->in_ring[l] || !r->listen[l])
            continue;
        if (kind == TELEPHONE_EVENT) { /* nothing to hear, and nothing lost */
            r->placed[l] += first_time(&r->counted_ext[l], &r->counted[l], found->ext[k]);
            continue;
        }
        const uint8_t *payload = b->rows + row * b->stride + at;
        const int16_t *linear = g711_linear[kind == AUDIO_A];
        if (kind > AUDIO_A || r->noisy[l] || at < 0 || octets < 0 || at + octets > b->stride || octets > L ||
            (r->move[l] != 0 &&
             (moves_late(r->move[l], r->move_since[l], clock) || is_quiet(payload, octets, linear))) ||
            is_listed(odd, odds, found->leg, l)) {
            odd[odds++] = (int32_t)k;
            continue;
        }
        int64_t pos = found->pos[k];
        uint8_t status = place_one(r->samples + l * L, r->have + l * L, (uint64_t)L - 1, pos, floor, payload, octets,
                                   linear);
        r->begin[l] = pos < r->begin[l] ? pos : r->begin[l];
        r->end[l] = pos + octets > r->end[l] ? pos + octets : r->end[l];
        int first = first_time(&r->counted_ext[l], &r->counted[l], found->ext[k]);
        r->placed[l] += first && status != 2;
        r->placed_late[l] += first && status == 2;
        r->late[l] += pos + octets <= clock;
    }
    return odds;
}

PyObject *ring_store(PyObject *module, PyObject *const *args, Py_ssize_t nargs)
{
    static const char spec[] = "HBbiiiibqbbqqbQQQQQQQqI";
    Arrays a;
    (void)module;
    if (arrays_open(&a, "store", spec, args, nargs) < 0)
        return NULL;
    Py_ssize_t wanted = (Py_ssize_t)sizeof spec - 1, n = array_items(&a, 5), legs = array_items(&a, 9);
    Py_ssize_t L = nargs > wanted + 3 ? PyLong_AsSsize_t(args[wanted]) : 0;
    Py_ssize_t m = nargs > wanted + 3 ? PyLong_AsSsize_t(args[wanted + 1]) : 0;
    int64_t floor = nargs > wanted + 3 ? PyLong_AsLongLong(args[wanted + 2]) : 0;
    int64_t clock = nargs > wanted + 3 ? PyLong_AsLongLong(args[wanted + 3]) : 0;
    if (!ring_fits(&a, "store", L) || m <= 0 || array_items(&a, 0) < legs * L ||
        arrays_at_least(&a, "store", m, 3, 4) < 0 || arrays_at_least(&a, "store", n, 6, 8) < 0 ||
        arrays_at_least(&a, "store", legs, 10, 20) < 0 || arrays_at_least(&a, "store", n, 21, 22) < 0 ||
        arrays_within(&a, "store", 5, n, m) < 0 || arrays_within(&a, "store", 6, n, legs) < 0 || PyErr_Occurred()) {
        arrays_close(&a);
        if (!PyErr_Occurred())
            PyErr_SetString(PyExc_ValueError, "store: the arrays do not fit together");
        return NULL;
    }
    Py_buffer *v = a.view;
    Batch batch = {.capacity = m, .stride = v[2].len / m, .rows = v[2].buf, .offset = v[3].buf, .size = v[4].buf};
    Admitted found = {.index = v[5].buf, .leg = v[6].buf, .kind = v[7].buf, .pos = v[8].buf,
                      .ext = v[21].buf};
    Ring ring = {.length = L, .samples = v[0].buf, .have = v[1].buf, .in_ring = v[9].buf, .listen = v[10].buf,
                 .move = v[11].buf, .move_since = v[12].buf, .noisy = v[13].buf, .begin = v[14].buf,
                 .end = v[15].buf, .placed = v[16].buf, .placed_late = v[17].buf, .late = v[18].buf,
                 .counted_ext = v[19].buf, .counted = v[20].buf};
    Py_ssize_t odds = store_rows(&batch, &found, n, &ring, floor, clock, v[22].buf);
    arrays_close(&a);
    return PyLong_FromSsize_t(odds);
}

PyObject *ring_lay(PyObject *module, PyObject *const *args, Py_ssize_t nargs)
{
    Arrays a;
    (void)module;
    if (arrays_open(&a, "lay", "HBiqhiB", args, nargs) < 0)
        return NULL;
    Py_ssize_t n = array_items(&a, 2), L = nargs > 8 ? PyLong_AsSsize_t(args[7]) : 0;
    int64_t floor = nargs > 8 ? PyLong_AsLongLong(args[8]) : 0;
    Py_ssize_t width = n ? array_items(&a, 4) / n : 0;
    if (!ring_fits(&a, "lay", L) || arrays_at_least(&a, "lay", n, 3, 3) < 0 ||
        arrays_at_least(&a, "lay", n, 5, 6) < 0 || width > L || PyErr_Occurred()) {
        arrays_close(&a);
        if (!PyErr_Occurred())
            PyErr_SetString(PyExc_ValueError, "lay: wider than the ring");
        return NULL;
    }
    int16_t *ring = a.view[0].buf;
    uint8_t *have = a.view[1].buf, *status = a.view[6].buf;
    const int16_t *samples = a.view[4].buf;
    const int32_t *leg = a.view[2].buf, *size = a.view[5].buf;
    const int64_t *position = a.view[3].buf;
    Py_ssize_t legs = array_items(&a, 0) / L;
    for (Py_ssize_t k = 0; k < n; k++) {
        status[k] = 2;
        if (leg[k] >= 0 && leg[k] < legs && size[k] >= 0 && size[k] <= width)
            status[k] = lay_one(ring + leg[k] * L, have + leg[k] * L, (uint64_t)L - 1, position[k], floor,
                                samples + k * width, size[k]);
    }
    arrays_close(&a);
    Py_RETURN_NONE;
}

/* White noise that depends on the place alone, so that nothing has to be kept between two calls. */
static int16_t noise_at(uint64_t place, int32_t amplitude)
{
    uint64_t x = (place + 1) * 0x9e3779b97f4a7c15u;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x ^= x >> 27;
    int32_t uniform = (int32_t)(x & 0xffff) - 0x8000;
    return (int16_t)(uniform * (int64_t)amplitude / 0x8000);
}

PyObject *ring_noise(PyObject *module, PyObject *const *args, Py_ssize_t nargs)
{
    Arrays a;
    (void)module;
    if (arrays_open(&a, "noise", "HBiqqh", args, nargs) < 0)
        return NULL;
    Py_ssize_t n = array_items(&a, 2), L = nargs > 6 ? PyLong_AsSsize_t(args[6]) : 0;
    if (!ring_fits(&a, "noise", L) || arrays_at_least(&a, "noise", n, 3, 5) < 0) {
        arrays_close(&a);
        return NULL;
    }
    int16_t *ring = a.view[0].buf;
    uint8_t *have = a.view[1].buf;
    const int32_t *leg = a.view[2].buf;
    const int64_t *from = a.view[3].buf, *to = a.view[4].buf;
    const int16_t *amplitude = a.view[5].buf;
    Py_ssize_t legs = array_items(&a, 0) / L;
    for (Py_ssize_t k = 0; k < n; k++) {
        if (leg[k] < 0 || leg[k] >= legs || to[k] - from[k] > L)
            continue;
        for (int64_t p = from[k]; p < to[k]; p++) {
            Py_ssize_t at = leg[k] * L + (Py_ssize_t)((uint64_t)p & (uint64_t)(L - 1));
            if (have[at] == NOTHING) {
                ring[at] = noise_at((uint64_t)p * 4096 + (uint64_t)leg[k], amplitude[k]);
                have[at] = NOISE;
            }
        }
    }
    arrays_close(&a);
    Py_RETURN_NONE;
}

static int32_t conceal(int16_t *ring, const uint8_t *have, uint64_t mask, int64_t position, int64_t first,
                       int64_t limit, Py_ssize_t width)
{
    int32_t missing = 0;
    for (int64_t p = position; p < position + width; p++) {
        uint64_t at = (uint64_t)p & mask;
        if (have[at])
            continue;
        ring[at] = (int16_t)(ring[(uint64_t)(p - REPEAT) & mask] * 3 / 4);
        missing += p >= first && p < limit;
    }
    return missing;
}

void ring_ready(int16_t *ring, const uint8_t *have, Py_ssize_t length, int64_t position, Py_ssize_t width)
{
    uint64_t mask = (uint64_t)length - 1;
    if (!none_is(have, (uint64_t)position & mask, width, mask, NOTHING))
        conceal(ring, have, mask, position, 0, 0, width);
}

PyObject *ring_take(PyObject *module, PyObject *const *args, Py_ssize_t nargs)
{
    Arrays a;
    (void)module;
    if (arrays_open(&a, "take", "HbiqqqHI", args, nargs) < 0)
        return NULL;
    Py_ssize_t n = array_items(&a, 2), L = nargs > 8 ? PyLong_AsSsize_t(args[8]) : 0;
    Py_ssize_t width = n ? array_items(&a, 6) / n : 0;
    if (!ring_fits(&a, "take", L) || arrays_at_least(&a, "take", n, 3, 7) < 0 || width > L) {
        arrays_close(&a);
        if (!PyErr_Occurred())
            PyErr_SetString(PyExc_ValueError, "take: wider than the ring");
        return NULL;
    }
    int16_t *ring = a.view[0].buf, *out = a.view[6].buf;
    const uint8_t *have = a.view[1].buf;
    const int32_t *leg = a.view[2].buf;
    int32_t *missing = a.view[7].buf;
    const int64_t *position = a.view[3].buf, *first = a.view[4].buf, *limit = a.view[5].buf;
    Py_ssize_t legs = array_items(&a, 0) / L;
    uint64_t mask = (uint64_t)L - 1;
    for (Py_ssize_t k = 0; k < n; k++, out += width) {
        missing[k] = 0;
        if (leg[k] < 0 || leg[k] >= legs) {
            memset(out, 0, (size_t)width * 2);
            continue;
        }
        int16_t *r = ring + leg[k] * L;
        const uint8_t *h = have + leg[k] * L;
        uint64_t at = (uint64_t)position[k] & mask;
        if (!none_is(h, at, width, mask, NOTHING))
            missing[k] = conceal(r, h, mask, position[k], first[k], limit[k], width);
        Py_ssize_t run = (Py_ssize_t)(mask + 1 - at) < width ? (Py_ssize_t)(mask + 1 - at) : width;
        memcpy(out, r + at, (size_t)run * 2);
        memcpy(out + run, r, (size_t)(width - run) * 2);
    }
    arrays_close(&a);
    Py_RETURN_NONE;
}

PyObject *ring_clear(PyObject *module, PyObject *const *args, Py_ssize_t nargs)
{
    Arrays a;
    (void)module;
    if (arrays_open(&a, "clear", "Biq", args, nargs) < 0)
        return NULL;
    Py_ssize_t n = array_items(&a, 1), width = nargs > 4 ? PyLong_AsSsize_t(args[3]) : 0;
    Py_ssize_t L = nargs > 4 ? PyLong_AsSsize_t(args[4]) : 0;
    if (L <= 0 || L & (L - 1) || width < 0 || width > L || arrays_at_least(&a, "clear", n, 2, 2) < 0) {
        arrays_close(&a);
        if (!PyErr_Occurred())
            PyErr_SetString(PyExc_ValueError, "clear: wider than the ring");
        return NULL;
    }
    uint8_t *have = a.view[0].buf;
    const int32_t *leg = a.view[1].buf;
    const int64_t *position = a.view[2].buf;
    Py_ssize_t legs = array_items(&a, 0) / L;
    for (Py_ssize_t k = 0; k < n; k++) {
        if (leg[k] < 0 || leg[k] >= legs)
            continue;
        Py_ssize_t at = (Py_ssize_t)((uint64_t)position[k] & (uint64_t)(L - 1));
        Py_ssize_t first = L - at < width ? L - at : width;
        memset(have + leg[k] * L + at, 0, (size_t)first);
        memset(have + leg[k] * L, 0, (size_t)(width - first));
    }
    arrays_close(&a);
    Py_RETURN_NONE;
}
