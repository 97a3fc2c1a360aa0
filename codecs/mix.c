/* Sparse mix: who hears whom at which gain, from the sample ring or from frames. */
#include "limiter.h"
#include "loop.h"
#include <stdlib.h>
#include <string.h>

/* MOST: the sum of gains at which 32 bits hold every sum of samples; what would exceed it drowned long before. */
enum { WIDEST = 1024, MOST = 65535 };

/* A row before it is made to fit 16 bits, and the sum of its gains. */
typedef struct {
    int32_t sample[WIDEST];
    int64_t total;
} Sum;

/* Rows of a sparse matrix over frames; row k is added to row base[k] of those behind the first `rows` ones. */
typedef struct {
    Py_ssize_t frames, rows, all, width;
    const int16_t **frame;
    const int32_t *start, *source, *gain, *base;
    int16_t *out;
    float *level; /* of each row: how far it is turned down */
} Mix;

WIDER static void add(int32_t *restrict sum, const int16_t *restrict frame, int16_t gain, Py_ssize_t width)
{
    for (Py_ssize_t k = 0; k < width; k++)
        sum[k] += (int32_t)gain * frame[k];
}

static void mix_row(const Mix *m, Py_ssize_t r, const Sum *base, Sum *row)
{
    int64_t total = base ? base->total : 0;
    if (base)
        memcpy(row->sample, base->sample, (size_t)m->width * 4);
    else
        memset(row->sample, 0, (size_t)m->width * 4);
    for (int32_t e = m->start[r]; e < m->start[r + 1]; e++) {
        int32_t gain = m->gain[e];
        if (m->source[e] < 0 || m->source[e] >= m->frames)
            continue;
        total += gain < 0 ? -(int64_t)gain : gain;
        if (total > MOST)
            break;
        for (int32_t part; gain; gain -= part) { /* factors of 16 bits are multiplied several at a time */
            part = gain > INT16_MAX ? INT16_MAX : gain < INT16_MIN ? INT16_MIN : gain;
            add(row->sample, m->frame[m->source[e]], (int16_t)part, m->width);
        }
    }
    row->total = total;
}

static int mix_rows(const Mix *m)
{
    Sum *common = malloc((size_t)(m->all - m->rows + 1) * sizeof *common); /* and one for the row at work */
    if (common == NULL)
        return -1;
    for (Py_ssize_t r = m->rows; r < m->all; r++)
        mix_row(m, r, NULL, &common[r - m->rows]);
    Sum *row = &common[m->all - m->rows];
    for (Py_ssize_t r = 0; r < m->rows; r++) {
        mix_row(m, r, m->base[r] < 0 ? NULL : &common[m->base[r] - m->rows], row);
        limit(row->sample, m->width, row->total <= UNITY, &m->level[r], m->out + r * m->width);
    }
    free(common);
    return 0;
}

/* Reads the matrix from the arrays first to first + 5: start, source, gain, out, base, level. */
static int mix_open(Mix *m, const Arrays *a, int first, Py_ssize_t width)
{
    Py_ssize_t edges = array_items(a, first + 1);
    *m = (Mix){.width = width, .rows = array_items(a, first + 4), .all = array_items(a, first) - 1,
               .start = a->view[first].buf, .source = a->view[first + 1].buf, .gain = a->view[first + 2].buf,
               .out = a->view[first + 3].buf, .base = a->view[first + 4].buf,
               .level = a->view[first + 5].buf};
    int fits = width > 0 && width <= WIDEST && m->all >= m->rows && array_items(a, first + 2) >= edges &&
               array_items(a, first + 3) >= m->rows * width && array_items(a, first + 5) >= m->rows;
    for (Py_ssize_t r = 0; fits && r < m->all; r++)
        fits = m->start[r] >= 0 && m->start[r] <= m->start[r + 1] && m->start[r + 1] <= edges;
    for (Py_ssize_t r = 0; fits && r < m->rows; r++)
        fits = m->base[r] < 0 || (m->base[r] >= m->rows && m->base[r] < m->all);
    return fits;
}

static PyObject *mix_done(Arrays *a, const char *name, int fits, const int16_t **frame, int16_t *copies)
{
    free(frame);
    free(copies);
    arrays_close(a);
    if (fits)
        Py_RETURN_NONE;
    if (!PyErr_Occurred())
        PyErr_Format(PyExc_ValueError, "%s: the arrays do not fit together", name);
    return NULL;
}

PyObject *mix_frames(PyObject *module, PyObject *const *args, Py_ssize_t nargs)
{
    Arrays a;
    Mix m;
    (void)module;
    if (arrays_open(&a, "mix", "hiiiHiI", args, nargs) < 0)
        return NULL;
    int fits = mix_open(&m, &a, 1, nargs > 7 ? PyLong_AsSsize_t(args[7]) : 0);
    m.frames = fits ? array_items(&a, 0) / m.width : 0;
    m.frame = fits ? malloc((size_t)(m.frames + 1) * sizeof *m.frame) : NULL;
    fits = m.frame != NULL;
    for (Py_ssize_t k = 0; fits && k < m.frames; k++)
        m.frame[k] = (const int16_t *)a.view[0].buf + k * m.width;
    return mix_done(&a, "mix", fits && mix_rows(&m) == 0, m.frame, NULL);
}

PyObject *mix_heard(PyObject *module, PyObject *const *args, Py_ssize_t nargs)
{
    static const char spec[] = "HBihiiiHiI";
    Arrays a;
    Mix m;
    (void)module;
    if (arrays_open(&a, "heard", spec, args, nargs) < 0)
        return NULL;
    int64_t position = nargs > 12 ? PyLong_AsLongLong(args[10]) : 0;
    Py_ssize_t length = nargs > 12 ? PyLong_AsSsize_t(args[12]) : 0, legs = array_items(&a, 2);
    int fits = mix_open(&m, &a, 4, nargs > 12 ? PyLong_AsSsize_t(args[11]) : 0) &&
               ring_fits(&a, "heard", length) && m.width <= length &&
               arrays_within(&a, "heard", 2, legs, array_items(&a, 0) / length) == 0;
    m.frames = fits ? legs + array_items(&a, 3) / m.width : 0;
    m.frame = fits ? malloc((size_t)(m.frames + 1) * sizeof *m.frame) : NULL;
    int64_t at = position & (length - 1);
    int whole = at + m.width <= length; /* the same for all: else the frames are put together */
    int16_t *copies = m.frame && !whole ? malloc((size_t)(legs + 1) * (size_t)m.width * 2) : NULL;
    fits = m.frame != NULL && (whole || copies != NULL);
    for (Py_ssize_t k = 0; fits && k < legs; k++) {
        int32_t leg = ((const int32_t *)a.view[2].buf)[k];
        int16_t *ring = (int16_t *)a.view[0].buf + leg * length;
        ring_ready(ring, (const uint8_t *)a.view[1].buf + leg * length, length, position, m.width);
        m.frame[k] = whole ? ring + at : copies + k * m.width;
        if (!whole) {
            memcpy(copies + k * m.width, ring + at, (size_t)(length - at) * 2);
            memcpy(copies + k * m.width + (length - at), ring, (size_t)(at + m.width - length) * 2);
        }
    }
    for (Py_ssize_t k = legs; fits && k < m.frames; k++)
        m.frame[k] = (const int16_t *)a.view[3].buf + (k - legs) * m.width;
    return mix_done(&a, "heard", fits && mix_rows(&m) == 0, m.frame, copies);
}
