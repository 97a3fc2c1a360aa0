/* ITU-T G.722 at 64 kbit/s: two sub-bands of ADPCM. Names of the blocks are those of the recommendation. */
#include "buffers.h"
#include <string.h>

typedef struct {
    int32_t s, sp, sz, nb, det;
    int32_t r[3], a[3], p[3], d[7], b[7];
} Band;

typedef struct {
    int32_t begun;
    int32_t delay[24];
    Band band[2];
} Direction;

typedef struct {
    Direction encoder, decoder;
} Codec;

static const int32_t q6[30] = {0,   35,  72,  110, 150, 190, 233, 276,  323,  370,  422,  473,  530,  587,  650,
                               714, 786, 858, 940, 1023, 1121, 1219, 1339, 1458, 1612, 1765, 1980, 2195, 2557, 2919};
static const int32_t iln[31] = {0,  63, 62, 31, 30, 29, 28, 27, 26, 25, 24, 23, 22, 21, 20, 19,
                                18, 17, 16, 15, 14, 13, 12, 11, 10, 9,  8,  7,  6,  5,  4};
static const int32_t ilp[31] = {0,  61, 60, 59, 58, 57, 56, 55, 54, 53, 52, 51, 50, 49, 48, 47,
                                46, 45, 44, 43, 42, 41, 40, 39, 38, 37, 36, 35, 34, 33, 32};
static const int32_t wl[8] = {-60, -30, 58, 172, 334, 538, 1198, 3042};
static const int32_t rl42[16] = {0, 7, 6, 5, 4, 3, 2, 1, 7, 6, 5, 4, 3, 2, 1, 0};
static const int32_t ilb[32] = {2048, 2093, 2139, 2186, 2233, 2282, 2332, 2383, 2435, 2489, 2543,
                                2599, 2656, 2714, 2774, 2834, 2896, 2960, 3025, 3091, 3158, 3228,
                                3298, 3371, 3444, 3520, 3597, 3676, 3756, 3838, 3922, 4008};
static const int32_t qm4[16] = {0,     -20456, -12896, -8968, -6288, -4240, -2584, -1200,
                                20456, 12896,  8968,   6288,  4240,  2584,  1200,  0};
static const int32_t qm6[64] = {
    -136,  -136,  -136,  -136,  -24808, -21904, -19008, -16704, -14984, -13512, -12280, -11192, -10232,
    -9360, -8576, -7856, -7192, -6576,  -6000,  -5456,  -4944,  -4464,  -4008,  -3576,  -3168,  -2776,
    -2400, -2032, -1688, -1360, -1040,  -728,   24808,  21904,  19008,  16704,  14984,  13512,  12280,
    11192, 10232, 9360,  8576,  7856,   7192,   6576,   6000,   5456,   4944,   4464,   4008,   3576,
    3168,  2776,  2400,  2032,  1688,   1360,   1040,   728,    432,    136,    -432,   -136};
static const int32_t qm2[4] = {-7408, -1616, 7408, 1616};
static const int32_t wh[3] = {0, -214, 798};
static const int32_t rh2[4] = {2, 1, 2, 1};
static const int32_t qmf[12] = {3, -11, 12, 32, -210, 951, 3876, -805, 362, -156, 53, -11};

static int32_t limit(int32_t value, int32_t least, int32_t most)
{
    return value < least ? least : value > most ? most : value;
}

static int32_t sat(int32_t value)
{
    return limit(value, -32768, 32767);
}

static void begin(Direction *direction)
{
    if (direction->begun)
        return;
    memset(direction, 0, sizeof *direction);
    direction->begun = 1;
    direction->band[0].det = 32;
    direction->band[1].det = 8;
}

/* UPPOL2, UPPOL1: the two poles. */
static void adapt_poles(Band *m)
{
    int same1 = (m->p[0] < 0) == (m->p[1] < 0), same2 = (m->p[0] < 0) == (m->p[2] < 0);
    int32_t wd1 = sat(m->a[1] * 4), wd2 = same1 ? sat(-wd1) : wd1;
    int32_t a2 = (wd2 >> 7) + (same2 ? 128 : -128) + ((m->a[2] * 32512) >> 15);
    a2 = limit(a2, -12288, 12288);
    int32_t a1 = sat((same1 ? 192 : -192) + ((m->a[1] * 32640) >> 15));
    int32_t most = sat(15360 - a2);
    m->a[1] = limit(a1, -most, most);
    m->a[2] = a2;
}

/* UPZERO: the six zeros, by the signs of the differences before this one. */
static void adapt_zeros(Band *m)
{
    int32_t step = m->d[0] == 0 ? 0 : 128;
    for (int i = 1; i < 7; i++) {
        int32_t wd = (m->d[i] < 0) == (m->d[0] < 0) ? step : -step;
        m->b[i] = sat(wd + ((m->b[i] * 32640) >> 15));
    }
}

/* BLOCK4: takes the quantized difference, adapts the predictor, and predicts the next sample. */
static void predict(Band *m, int32_t difference)
{
    m->d[0] = difference;
    m->r[0] = sat(m->s + difference);
    m->p[0] = sat(m->sz + difference);
    adapt_poles(m);
    adapt_zeros(m);
    for (int i = 6; i > 0; i--)
        m->d[i] = m->d[i - 1];
    for (int i = 2; i > 0; i--) {
        m->r[i] = m->r[i - 1];
        m->p[i] = m->p[i - 1];
    }
    m->sp = sat(((m->a[1] * sat(2 * m->r[1])) >> 15) + ((m->a[2] * sat(2 * m->r[2])) >> 15));
    int32_t sum = 0;
    for (int i = 6; i > 0; i--)
        sum += (m->b[i] * sat(2 * m->d[i])) >> 15;
    m->sz = sat(sum);
    m->s = sat(m->sp + m->sz);
}

/* LOGSCL and SCALEL, LOGSCH and SCALEH. */
static void scale(Band *m, int32_t step, int32_t most, int shift)
{
    m->nb = limit(((m->nb * 127) >> 7) + step, 0, most);
    int32_t mantissa = ilb[(m->nb >> 6) & 31];
    int exponent = shift - (m->nb >> 11);
    m->det = (exponent < 0 ? mantissa << -exponent : mantissa >> exponent) * 4;
}

static void adapt_low(Band *m, int code)
{
    int32_t difference = (m->det * qm4[code >> 2]) >> 15;
    scale(m, wl[rl42[code >> 2]], 18432, 8);
    predict(m, difference);
}

static void adapt_high(Band *m, int code)
{
    int32_t difference = (m->det * qm2[code]) >> 15;
    scale(m, wh[rh2[code]], 22528, 10);
    predict(m, difference);
}

static int quantize_low(const Band *m, int32_t sample)
{
    int32_t error = sat(sample - m->s), magnitude = error >= 0 ? error : -(error + 1);
    int i = 1;
    while (i < 30 && magnitude >= (q6[i] * m->det) >> 12)
        i++;
    return error < 0 ? iln[i] : ilp[i];
}

static int quantize_high(const Band *m, int32_t sample)
{
    int32_t error = sat(sample - m->s), magnitude = error >= 0 ? error : -(error + 1);
    int outer = magnitude >= (564 * m->det) >> 12;
    return error < 0 ? 1 - outer : 3 - outer;
}

/* The 24 taps of the quadrature mirror filter over the delay line, odd and even places apart. */
static void filter(const int32_t *delay, int32_t *even, int32_t *odd)
{
    *even = *odd = 0;
    for (int i = 0; i < 12; i++) {
        *even += delay[2 * i] * qmf[i];
        *odd += delay[2 * i + 1] * qmf[11 - i];
    }
}

static void encode(Direction *e, const int16_t *samples, Py_ssize_t octets, uint8_t *out)
{
    begin(e);
    for (Py_ssize_t k = 0; k < octets; k++) {
        int32_t even, odd;
        memmove(e->delay, e->delay + 2, 22 * sizeof *e->delay);
        e->delay[22] = samples[2 * k];
        e->delay[23] = samples[2 * k + 1];
        filter(e->delay, &even, &odd);
        int low = quantize_low(&e->band[0], limit((odd + even) >> 14, -16384, 16383));
        adapt_low(&e->band[0], low);
        int high = quantize_high(&e->band[1], limit((odd - even) >> 14, -16384, 16383));
        adapt_high(&e->band[1], high);
        out[k] = (uint8_t)(high << 6 | low);
    }
}

static void decode(Direction *d, const uint8_t *codes, Py_ssize_t octets, int16_t *wide, int16_t *narrow)
{
    begin(d);
    for (Py_ssize_t k = 0; k < octets; k++) {
        int32_t even, odd;
        int low = codes[k] & 63, high = codes[k] >> 6;
        int32_t rl = limit(d->band[0].s + ((d->band[0].det * qm6[low]) >> 15), -16384, 16383);
        int32_t rh = limit(d->band[1].s + ((d->band[1].det * qm2[high]) >> 15), -16384, 16383);
        adapt_low(&d->band[0], low);
        adapt_high(&d->band[1], high);
        memmove(d->delay, d->delay + 2, 22 * sizeof *d->delay);
        d->delay[22] = rl + rh;
        d->delay[23] = rl - rh;
        filter(d->delay, &even, &odd);
        wide[2 * k] = (int16_t)sat(odd >> 11);
        wide[2 * k + 1] = (int16_t)sat(even >> 11);
        narrow[k] = (int16_t)sat(2 * rl); /* the lower band is the signal at 8 kHz */
    }
}

PyObject *g722_decode(PyObject *module, PyObject *const *args, Py_ssize_t nargs)
{
    Arrays a;
    (void)module;
    if (arrays_open(&a, "g722_decode", "IibiiiHH", args, nargs) < 0)
        return NULL;
    Py_ssize_t n = array_items(&a, 1), m = nargs > 8 ? PyLong_AsSsize_t(args[8]) : 0;
    Py_ssize_t width = n ? array_items(&a, 7) / n : 0;
    Py_ssize_t legs = array_items(&a, 0) * 4 / (Py_ssize_t)sizeof(Codec);
    if (m <= 0 || arrays_at_least(&a, "g722_decode", n, 3, 5) < 0 ||
        arrays_at_least(&a, "g722_decode", 2 * n * width, 6, 6) < 0) {
        arrays_close(&a);
        if (!PyErr_Occurred())
            PyErr_SetString(PyExc_ValueError, "g722_decode: the number of rows must be positive");
        return NULL;
    }
    Codec *codecs = a.view[0].buf;
    const int32_t *leg = a.view[1].buf, *index = a.view[3].buf, *offset = a.view[4].buf, *size = a.view[5].buf;
    const uint8_t *rows = a.view[2].buf;
    int16_t *wide = a.view[6].buf, *narrow = a.view[7].buf;
    Py_ssize_t stride = a.view[2].len / m;
    for (Py_ssize_t k = 0; k < n; k++)
        if (leg[k] >= 0 && leg[k] < legs && index[k] >= 0 && index[k] < m && offset[k] >= 0 && size[k] >= 0 &&
            size[k] <= width && offset[k] + size[k] <= stride)
            decode(&codecs[leg[k]].decoder, rows + index[k] * stride + offset[k], size[k], wide + 2 * k * width,
                   narrow + k * width);
    arrays_close(&a);
    Py_RETURN_NONE;
}

PyObject *g722_encode(PyObject *module, PyObject *const *args, Py_ssize_t nargs)
{
    Arrays a;
    (void)module;
    if (arrays_open(&a, "g722_encode", "IihB", args, nargs) < 0)
        return NULL;
    Py_ssize_t n = array_items(&a, 1), width = n ? array_items(&a, 3) / n : 0;
    Py_ssize_t legs = array_items(&a, 0) * 4 / (Py_ssize_t)sizeof(Codec);
    if (arrays_at_least(&a, "g722_encode", 2 * n * width, 2, 2) < 0) {
        arrays_close(&a);
        return NULL;
    }
    Codec *codecs = a.view[0].buf;
    const int32_t *leg = a.view[1].buf;
    const int16_t *samples = a.view[2].buf;
    uint8_t *out = a.view[3].buf;
    for (Py_ssize_t k = 0; k < n; k++)
        if (leg[k] >= 0 && leg[k] < legs)
            encode(&codecs[leg[k]].encoder, samples + 2 * k * width, width, out + k * width);
    arrays_close(&a);
    Py_RETURN_NONE;
}

PyObject *g722_words(PyObject *module, PyObject *const *args, Py_ssize_t nargs)
{
    (void)module;
    (void)args;
    (void)nargs;
    return PyLong_FromSize_t(sizeof(Codec) / 4);
}
