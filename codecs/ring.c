/* The sample ring: packets in by RTP timestamp, frames out by position, concealment between. */
#include "buffers.h"
#include "g711.h"
#include <string.h>

/* What never came repeats the 20 ms before it, so that period lengths up to 50 Hz fit whole. */
enum { REPEAT = 160 };

static int valid_ring(const Arrays *a, const char *name, Py_ssize_t length)
{
    if (length < 2 * REPEAT || length & (length - 1) || array_items(a, 0) % length ||
        array_items(a, 1) != array_items(a, 0)) {
        PyErr_Format(PyExc_ValueError, "%s: ring and have must be legs x a power of two", name);
        return 0;
    }
    return 1;
}

static int all_there(const uint8_t *have, uint64_t at, Py_ssize_t count, uint64_t mask)
{
    Py_ssize_t first = (Py_ssize_t)(mask + 1 - at) < count ? (Py_ssize_t)(mask + 1 - at) : count;
    return !memchr(have + at, 0, (size_t)first) && (first == count || !memchr(have, 0, (size_t)(count - first)));
}

static uint8_t place_one(int16_t *ring, uint8_t *have, uint64_t mask, int64_t position, int64_t floor,
                         const uint8_t *payload, int64_t size, const int16_t *linear)
{
    int64_t skip = floor > position ? floor - position : 0;
    if (skip >= size)
        return 2;
    uint64_t at = (uint64_t)(position + skip) & mask;
    if (all_there(have, at, (Py_ssize_t)(size - skip), mask))
        return 1;
    for (int64_t k = skip; k < size; k++, at = (at + 1) & mask) {
        ring[at] = linear[payload[k]];
        have[at] = 1;
    }
    return 0;
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
    if (!valid_ring(&a, "place", L) || m <= 0 || arrays_at_least(&a, "place", n, 3, 3) < 0 ||
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

PyObject *ring_take(PyObject *module, PyObject *const *args, Py_ssize_t nargs)
{
    Arrays a;
    (void)module;
    if (arrays_open(&a, "take", "HbiqqqHI", args, nargs) < 0)
        return NULL;
    Py_ssize_t n = array_items(&a, 2), L = nargs > 8 ? PyLong_AsSsize_t(args[8]) : 0;
    Py_ssize_t width = n ? array_items(&a, 6) / n : 0;
    if (!valid_ring(&a, "take", L) || arrays_at_least(&a, "take", n, 3, 7) < 0 || width > L) {
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
        if (!all_there(h, at, width, mask))
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
