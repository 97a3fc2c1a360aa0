/* Opus (RFC 6716) at 16 kHz, mono, for many legs at once. The codec is libopus, loaded at run time. */
#include "library.h"
#include "buffers.h"
#include <stdlib.h>
#include <string.h>

enum {
    RATE = 16000,
    CLOCK = 48000,
    VOIP = 2048,
    SET_BITRATE = 4002,
    SET_COMPLEXITY = 4010,
    SET_INBAND_FEC = 4012,
    SET_PACKET_LOSS = 4014,
    SET_DTX = 4016,
    LONGEST_LOSS = CLOCK * 60 / 1000, /* more than this is left to the ring */
    UNIT = CLOCK / 400,
    MOST_CODERS = 1 << 20
};

static struct {
    void *(*encoder_create)(int32_t, int, int, int *);
    void (*encoder_destroy)(void *);
    int (*encoder_ctl)(void *, int, ...);
    int32_t (*encode)(void *, const int16_t *, int, uint8_t *, int32_t);
    void *(*decoder_create)(int32_t, int, int *);
    void (*decoder_destroy)(void *);
    int (*decode)(void *, const uint8_t *, int32_t, int16_t *, int, int);
    int (*samples)(const uint8_t *, int32_t, int32_t);
} opus;
static int loaded;

static const Symbol symbols[] = {
    {"opus_encoder_create", &opus.encoder_create}, {"opus_encoder_destroy", &opus.encoder_destroy},
    {"opus_encoder_ctl", &opus.encoder_ctl},       {"opus_encode", &opus.encode},
    {"opus_decoder_create", &opus.decoder_create}, {"opus_decoder_destroy", &opus.decoder_destroy},
    {"opus_decode", &opus.decode},                 {"opus_packet_get_nb_samples", &opus.samples},
};

/* One of the two, and for a decoder the timestamp that is due next. */
typedef struct {
    void *encoder, *decoder;
    uint32_t due;
    int begun;
} Coder;

static Coder **coders;
static int capacity;

PyObject *opus_load(PyObject *module, PyObject *const *args, Py_ssize_t nargs)
{
    (void)module;
    return library_load(args, nargs, symbols, sizeof symbols / sizeof *symbols, &loaded);
}

static int free_place(void)
{
    for (int k = 0; k < capacity; k++)
        if (coders[k] == NULL)
            return k;
    int wanted = capacity ? 2 * capacity : 64;
    Coder **grown = wanted > MOST_CODERS ? NULL : realloc(coders, (size_t)wanted * sizeof *coders);
    if (grown == NULL)
        return -1;
    memset(grown + capacity, 0, (size_t)(wanted - capacity) * sizeof *grown);
    int first = capacity;
    coders = grown;
    capacity = wanted;
    return first;
}

PyObject *opus_open(PyObject *module, PyObject *const *args, Py_ssize_t nargs)
{
    (void)module;
    long bitrate = nargs == 2 ? PyLong_AsLong(args[0]) : 0, complexity = nargs == 2 ? PyLong_AsLong(args[1]) : 0;
    if (!loaded || nargs != 2 || PyErr_Occurred()) {
        if (!PyErr_Occurred())
            PyErr_SetString(PyExc_ValueError, "opus_open: takes bit rate and complexity, and needs libopus");
        return NULL;
    }
    int error, place = free_place();
    Coder *coder = place < 0 ? NULL : calloc(1, sizeof *coder);
    if (coder != NULL && bitrate)
        coder->encoder = opus.encoder_create(RATE, 1, VOIP, &error);
    else if (coder != NULL)
        coder->decoder = opus.decoder_create(RATE, 1, &error);
    if (coder == NULL || (coder->encoder == NULL && coder->decoder == NULL)) {
        free(coder);
        return PyErr_NoMemory();
    }
    if (coder->encoder != NULL) {
        opus.encoder_ctl(coder->encoder, SET_BITRATE, (int32_t)bitrate);
        opus.encoder_ctl(coder->encoder, SET_COMPLEXITY, (int32_t)complexity);
        opus.encoder_ctl(coder->encoder, SET_INBAND_FEC, (int32_t)1);
        opus.encoder_ctl(coder->encoder, SET_PACKET_LOSS, (int32_t)5);
        opus.encoder_ctl(coder->encoder, SET_DTX, (int32_t)1);
    }
    coders[place] = coder;
    return PyLong_FromLong(place);
}

static Coder *coder_at(int32_t place)
{
    return place >= 0 && place < capacity ? coders[place] : NULL;
}

PyObject *opus_close(PyObject *module, PyObject *const *args, Py_ssize_t nargs)
{
    (void)module;
    long place = nargs == 1 ? PyLong_AsLong(args[0]) : -1;
    Coder *coder = place < MOST_CODERS ? coder_at((int32_t)place) : NULL;
    if (coder != NULL) {
        coders[place] = NULL;
        if (coder->encoder != NULL)
            opus.encoder_destroy(coder->encoder);
        if (coder->decoder != NULL)
            opus.decoder_destroy(coder->decoder);
        free(coder);
    }
    if (PyErr_Occurred())
        return NULL;
    Py_RETURN_NONE;
}

/* What was lost before the packet: the last of it from the packet itself where it has that, the rest made up. */
static int make_up(void *decoder, const uint8_t *payload, int size, int frame, int lost, int16_t *out)
{
    int before = lost > frame ? lost - frame : 0, made = 0;
    if (before)
        made = opus.decode(decoder, NULL, 0, out, before, 0);
    if (made < 0)
        return 0;
    int last = opus.decode(decoder, payload, size, out + made, lost - before, 1);
    return last < 0 ? made : made + last;
}

/* Writes up to `width` samples; *lead of them belong before the packet's place. Nothing for one that comes late. */
static int decode_one(Coder *coder, const uint8_t *payload, int size, uint32_t ts, int16_t *out, int width, int *lead)
{
    int units = opus.samples(payload, size, CLOCK);
    int32_t gap = (int32_t)(ts - coder->due);
    *lead = 0;
    if (units <= 0 || (coder->begun && gap < 0 && gap > -CLOCK))
        return 0;
    int ratio = CLOCK / RATE, frame = units / ratio;
    if (frame > width)
        return 0;
    if (coder->begun && gap > 0 && gap <= LONGEST_LOSS && gap % UNIT == 0 && gap / ratio + frame <= width)
        *lead = make_up(coder->decoder, payload, size, frame, gap / ratio, out);
    int made = opus.decode(coder->decoder, payload, size, out + *lead, frame, 0);
    coder->begun = 1;
    coder->due = ts + (uint32_t)units;
    return *lead + (made > 0 ? made : 0);
}

PyObject *opus_decode(PyObject *module, PyObject *const *args, Py_ssize_t nargs)
{
    Arrays a;
    (void)module;
    if (arrays_open(&a, "opus_decode", "ibiiiIHII", args, nargs) < 0)
        return NULL;
    Py_ssize_t n = array_items(&a, 0), m = nargs > 9 ? PyLong_AsSsize_t(args[9]) : 0;
    Py_ssize_t width = n ? array_items(&a, 6) / n : 0;
    if (m <= 0 || arrays_at_least(&a, "opus_decode", n, 2, 5) < 0 || arrays_at_least(&a, "opus_decode", n, 7, 8) < 0) {
        arrays_close(&a);
        if (!PyErr_Occurred())
            PyErr_SetString(PyExc_ValueError, "opus_decode: the number of rows must be positive");
        return NULL;
    }
    const int32_t *place = a.view[0].buf, *index = a.view[2].buf, *offset = a.view[3].buf, *size = a.view[4].buf;
    const uint8_t *rows = a.view[1].buf;
    const uint32_t *ts = a.view[5].buf;
    int16_t *out = a.view[6].buf;
    int32_t *lead = a.view[7].buf, *count = a.view[8].buf;
    Py_ssize_t stride = a.view[1].len / m;
    for (Py_ssize_t k = 0; k < n; k++, out += width) {
        Coder *coder = coder_at(place[k]);
        lead[k] = count[k] = 0;
        if (coder == NULL || coder->decoder == NULL || index[k] < 0 || index[k] >= m || offset[k] < 0 || size[k] < 1 ||
            offset[k] + size[k] > stride)
            continue;
        count[k] = decode_one(coder, rows + index[k] * stride + offset[k], size[k], ts[k], out, (int)width, &lead[k]);
    }
    arrays_close(&a);
    Py_RETURN_NONE;
}

PyObject *opus_encode(PyObject *module, PyObject *const *args, Py_ssize_t nargs)
{
    Arrays a;
    (void)module;
    if (arrays_open(&a, "opus_encode", "ihBI", args, nargs) < 0)
        return NULL;
    Py_ssize_t n = array_items(&a, 0), width = n ? array_items(&a, 1) / n : 0, room = n ? array_items(&a, 2) / n : 0;
    if (arrays_at_least(&a, "opus_encode", n, 3, 3) < 0) {
        arrays_close(&a);
        return NULL;
    }
    const int32_t *place = a.view[0].buf;
    const int16_t *samples = a.view[1].buf;
    uint8_t *out = a.view[2].buf;
    int32_t *size = a.view[3].buf;
    for (Py_ssize_t k = 0; k < n; k++) {
        Coder *coder = coder_at(place[k]);
        int made = coder == NULL || coder->encoder == NULL
                       ? 0
                       : opus.encode(coder->encoder, samples + k * width, (int)width, out + k * room, (int32_t)room);
        size[k] = made < 0 ? 0 : made;
    }
    arrays_close(&a);
    Py_RETURN_NONE;
}

/* Half the rate by a FIR, in one stream for each leg: `past` is what was before. */
PyObject *kernel_halve(PyObject *module, PyObject *const *args, Py_ssize_t nargs)
{
    Arrays a;
    (void)module;
    if (arrays_open(&a, "halve", "IihiiH", args, nargs) < 0)
        return NULL;
    Py_ssize_t n = array_items(&a, 1), legs = nargs > 6 ? PyLong_AsSsize_t(args[6]) : 0;
    Py_ssize_t taps = array_items(&a, 4), width = n ? array_items(&a, 2) / n : 0, past = taps - 2;
    if (legs <= 0 || past < 0 || arrays_at_least(&a, "halve", legs * past, 0, 0) < 0 ||
        arrays_at_least(&a, "halve", n, 3, 3) < 0 || arrays_at_least(&a, "halve", n * (width / 2), 5, 5) < 0) {
        arrays_close(&a);
        if (!PyErr_Occurred())
            PyErr_SetString(PyExc_ValueError, "halve: no legs, or no taps");
        return NULL;
    }
    float *kept = a.view[0].buf, *stretch = malloc((size_t)(past + width + 1) * sizeof *stretch);
    const float *tap = a.view[4].buf;
    const int32_t *leg = a.view[1].buf, *count = a.view[3].buf;
    const int16_t *samples = a.view[2].buf;
    int16_t *out = a.view[5].buf;
    for (Py_ssize_t k = 0; stretch != NULL && k < n; k++, samples += width, out += width / 2) {
        if (leg[k] < 0 || leg[k] >= legs || count[k] < 2 || count[k] > width)
            continue;
        memcpy(stretch, kept + leg[k] * past, (size_t)past * sizeof *stretch);
        for (int32_t j = 0; j < count[k]; j++)
            stretch[past + j] = samples[j];
        for (int32_t j = 0; j < count[k] / 2; j++) {
            float sum = 0;
            for (Py_ssize_t i = 0; i < taps; i++)
                sum += tap[i] * stretch[2 * j + i];
            sum = sum > 32767 ? 32767 : sum < -32768 ? -32768 : sum;
            out[j] = (int16_t)(sum < 0 ? sum - 0.5f : sum + 0.5f);
        }
        memcpy(kept + leg[k] * past, stretch + count[k], (size_t)past * sizeof *stretch);
    }
    free(stretch);
    arrays_close(&a);
    Py_RETURN_NONE;
}
