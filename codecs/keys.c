/* Keys in the sound: the rules of inband.py, a frame at a time. */
#include "buffers.h"

enum { FRAME = 160, TONES = 4, NONE = -1, FRAMES = 2 };

#define LEAST_RMS 100.0f
#define SHARE 0.6f
#define TWIST 6.3f
#define CLEAR 4.0f

/* The two loudest of a group of tones. */
typedef struct {
    float first, second;
    int which;
} Loudest;

/* basis: for each sample the cosines, then the sines, of four tones; other tones between the samples' rows. */
static Loudest loudest(const float *sound, const float *basis)
{
    float even[2 * TONES] = {0}, odd[2 * TONES] = {0};
    for (int k = 0; k < FRAME; k += 2, basis += 8 * TONES)
        for (int t = 0; t < 2 * TONES; t++) {
            even[t] += sound[k] * basis[t];
            odd[t] += sound[k + 1] * basis[4 * TONES + t];
        }
    Loudest found = {-1, -1, 0};
    for (int t = 0; t < TONES; t++) {
        float real = even[t] + odd[t], imaginary = even[TONES + t] + odd[TONES + t];
        float energy = (real * real + imaginary * imaginary) * (2.0f / FRAME);
        if (energy > found.first) {
            found.second = found.first;
            found.first = energy;
            found.which = t;
        } else if (energy > found.second) {
            found.second = energy;
        }
    }
    return found;
}

static int key_in(const int16_t *frame, const float *basis)
{
    float sound[FRAME], parts[8] = {0}, total = 0;
    for (int k = 0; k < FRAME; k += 8)
        for (int t = 0; t < 8; t++) {
            sound[k + t] = frame[k + t];
            parts[t] += sound[k + t] * sound[k + t];
        }
    for (int t = 0; t < 8; t++)
        total += parts[t];
    if (!(total > FRAME * LEAST_RMS * LEAST_RMS))
        return NONE;
    Loudest low = loudest(sound, basis);
    if (!(low.first > CLEAR * low.second) || !(low.first * (1 + TWIST) > SHARE * total))
        return NONE;
    Loudest high = loudest(sound, basis + 2 * TONES);
    int is_key = low.first + high.first > SHARE * total && low.first < TWIST * high.first &&
                 high.first < TWIST * low.first && high.first > CLEAR * high.second;
    return is_key ? TONES * low.which + high.which : NONE;
}

PyObject *keys_found(PyObject *module, PyObject *const *args, Py_ssize_t nargs)
{
    Arrays a;
    (void)module;
    if (arrays_open(&a, "keys", "hiiBBII", args, nargs) < 0)
        return NULL;
    Py_ssize_t n = array_items(&a, 2), legs = array_items(&a, 3), told_now = 0;
    if (array_items(&a, 0) < n * FRAME || array_items(&a, 1) < 4 * TONES * FRAME ||
        arrays_within(&a, "keys", 2, n, legs) < 0 || arrays_at_least(&a, "keys", legs, 4, 5) < 0 ||
        arrays_at_least(&a, "keys", n, 6, 6) < 0) {
        arrays_close(&a);
        if (!PyErr_Occurred())
            PyErr_SetString(PyExc_ValueError, "keys: the arrays do not fit together");
        return NULL;
    }
    const int16_t *frames = a.view[0].buf;
    const int32_t *leg = a.view[2].buf;
    int8_t *heard = a.view[3].buf, *told = a.view[4].buf;
    int32_t *run = a.view[5].buf, *out = a.view[6].buf;
    for (Py_ssize_t k = 0; k < n; k++) {
        int32_t l = leg[k];
        int found = key_in(frames + k * FRAME, a.view[1].buf);
        run[l] = found == heard[l] ? run[l] + 1 : 1;
        heard[l] = (int8_t)found;
        if (run[l] < FRAMES || found == told[l])
            continue;
        told[l] = (int8_t)found;
        if (found != NONE)
            out[told_now++] = l;
    }
    arrays_close(&a);
    return PyLong_FromSsize_t(told_now);
}
