/* Sample kernels: companding, players, recordings. */
#include "buffers.h"
#include "g711.h"
#include <string.h>

PyObject *kernel_encode(PyObject *module, PyObject *const *args, Py_ssize_t nargs)
{
    Arrays a;
    (void)module;
    if (arrays_open(&a, "encode", "hibB", args, nargs) < 0)
        return NULL;
    Py_ssize_t rows = array_items(&a, 1), width = nargs > 4 ? PyLong_AsSsize_t(args[4]) : 0;
    if (width <= 0 || arrays_within(&a, "encode", 1, rows, array_items(&a, 0) / width) < 0 ||
        arrays_at_least(&a, "encode", rows, 2, 2) < 0 || arrays_at_least(&a, "encode", rows * width, 3, 3) < 0) {
        arrays_close(&a);
        if (!PyErr_Occurred())
            PyErr_SetString(PyExc_ValueError, "encode: the width must be positive");
        return NULL;
    }
    const int32_t *row = a.view[1].buf;
    const uint8_t *law = a.view[2].buf;
    uint8_t *out = a.view[3].buf;
    for (Py_ssize_t r = 0; r < rows; r++, out += width) {
        const uint8_t *table = g711_compressed[law[r] & 1];
        const int16_t *in = (const int16_t *)a.view[0].buf + row[r] * width;
        for (Py_ssize_t k = 0; k < width; k++)
            out[k] = table[(uint16_t)in[k] >> G711_IGNORED];
    }
    arrays_close(&a);
    Py_RETURN_NONE;
}

static void play_one(const int16_t *samples, int64_t length, int64_t offset, int loop, int16_t *out, int64_t width)
{
    for (int64_t k = 0; k < width;) {
        int64_t at = offset + k;
        if (loop && length > 0)
            at %= length;
        if (at < 0 || at >= length) {
            int64_t silent = at < 0 && -at < width - k ? -at : width - k;
            memset(out + k, 0, (size_t)silent * 2);
            k += silent;
            continue;
        }
        int64_t run = length - at < width - k ? length - at : width - k;
        memcpy(out + k, samples + at, (size_t)run * 2);
        k += run;
    }
}

PyObject *kernel_play(PyObject *module, PyObject *const *args, Py_ssize_t nargs)
{
    Arrays a;
    (void)module;
    if (arrays_open(&a, "play", "qqqbiH", args, nargs) < 0)
        return NULL;
    Py_ssize_t n = array_items(&a, 4), width = n ? array_items(&a, 5) / n : 0, players = array_items(&a, 0);
    int64_t clock = nargs > 6 ? PyLong_AsLongLong(args[6]) : 0;
    if (PyErr_Occurred() || arrays_at_least(&a, "play", players, 1, 3) < 0 ||
        arrays_within(&a, "play", 4, n, players) < 0) {
        arrays_close(&a);
        return NULL;
    }
    const int64_t *address = a.view[0].buf, *length = a.view[1].buf, *start = a.view[2].buf;
    const uint8_t *loop = a.view[3].buf;
    const int32_t *player = a.view[4].buf;
    int16_t *out = a.view[5].buf;
    for (Py_ssize_t k = 0; k < n; k++) {
        int32_t p = player[k];
        play_one((const int16_t *)(intptr_t)address[p], length[p], clock - start[p], loop[p], out + k * width, width);
    }
    arrays_close(&a);
    Py_RETURN_NONE;
}

PyObject *kernel_interleave(PyObject *module, PyObject *const *args, Py_ssize_t nargs)
{
    Arrays a;
    (void)module;
    if (arrays_open(&a, "interleave", "hHqqq", args, nargs) < 0)
        return NULL;
    Py_ssize_t n = array_items(&a, 2), width = n ? array_items(&a, 0) / (2 * n) : 0, room = array_items(&a, 1);
    const int64_t *base = a.view[2].buf, *written = a.view[3].buf, *frames = a.view[4].buf;
    int fits = arrays_at_least(&a, "interleave", n, 3, 4) == 0;
    for (Py_ssize_t k = 0; fits && k < n; k++)
        fits = base[k] >= 0 && written[k] >= 0 && frames[k] >= width && frames[k] > 0 && base[k] + 2 * frames[k] <= room;
    if (!fits) {
        arrays_close(&a);
        if (!PyErr_Occurred())
            PyErr_SetString(PyExc_ValueError, "interleave: a ring is not within the array, or shorter than a row");
        return NULL;
    }
    const int16_t *left = a.view[0].buf;
    int16_t *rings = a.view[1].buf;
    for (Py_ssize_t k = 0; k < n; k++, left += 2 * width) {
        const int16_t *right = left + width;
        int64_t at = written[k] % frames[k], first = frames[k] - at < width ? frames[k] - at : width;
        int16_t *out = rings + base[k] + 2 * at, *start = rings + base[k];
        for (int64_t i = 0; i < first; i++) {
            out[2 * i] = left[i];
            out[2 * i + 1] = right[i];
        }
        for (int64_t i = first; i < width; i++) {
            start[2 * (i - first)] = left[i];
            start[2 * (i - first) + 1] = right[i];
        }
    }
    arrays_close(&a);
    Py_RETURN_NONE;
}

/* Frames of 20 ms; every second sample tells the energy as well: what lies above 2 kHz is folded, not lost. */
enum { FRAME = 160, EVERY = 2 };

static float mean_square(const int16_t *frame)
{
    int64_t sum = 0;
    for (int k = 0; k < FRAME; k += EVERY)
        sum += (int32_t)frame[k] * frame[k];
    return (float)sum * (float)EVERY / FRAME;
}

PyObject *kernel_energy(PyObject *module, PyObject *const *args, Py_ssize_t nargs)
{
    Arrays a;
    (void)module;
    if (arrays_open(&a, "energy", "hqQI", args, nargs) < 0)
        return NULL;
    Py_ssize_t n = array_items(&a, 1), slots = array_items(&a, 2), width = nargs > 4 ? PyLong_AsSsize_t(args[4]) : -1;
    Py_ssize_t most = slots ? array_items(&a, 3) / (2 * slots) : 0, frames = width / FRAME;
    const int64_t *slot = a.view[1].buf;
    int64_t *filled = a.view[2].buf;
    int fits = width >= 0 && array_items(&a, 0) >= 2 * n * width;
    for (Py_ssize_t k = 0; fits && k < n; k++)
        fits = slot[k] >= 0 && slot[k] < slots && filled[slot[k]] >= 0 && filled[slot[k]] + frames <= most;
    if (!fits) {
        arrays_close(&a);
        if (!PyErr_Occurred())
            PyErr_SetString(PyExc_ValueError, "energy: the arrays do not fit together, or have no room");
        return NULL;
    }
    const int16_t *samples = a.view[0].buf;
    for (Py_ssize_t k = 0; k < n; k++) {
        float *out = (float *)a.view[3].buf + slot[k] * 2 * most + filled[slot[k]];
        for (int side = 0; side < 2; side++, samples += width, out += most)
            for (Py_ssize_t f = 0; f < frames; f++)
                out[f] = mean_square(samples + f * FRAME);
        filled[slot[k]] += frames;
    }
    arrays_close(&a);
    Py_RETURN_NONE;
}
