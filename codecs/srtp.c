/* SRTP and SRTCP (RFC 3711, RFC 7714) for whole batches. The ciphers are OpenSSL's, loaded at run time: nothing of
 * it is needed to build, and a machine without it has a softswitch without SRTP. */
#include "library.h"
#include "srtp.h"
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

enum { RTP, RTCP };
enum { MOST_CONTEXTS = 1 << 20, LONGEST = 2048, RTCP_HEADER = 8, SET_IVLEN = 9, GET_TAG = 16, SET_TAG = 17 };

typedef struct {
    int key, salt, tag[2], aead;
} Suite;

/* The order is that of SUITES in srtp.py. */
static const Suite suites[] = {
    {16, 14, {10, 10}, 0},
    {16, 14, {4, 10}, 0},
    {16, 12, {16, 16}, 1},
    {32, 12, {16, 16}, 1},
};

static struct {
    void *(*cipher_new)(void);
    void (*cipher_free)(void *);
    int (*init)(void *, const void *, void *, const uint8_t *, const uint8_t *, int);
    int (*update)(void *, uint8_t *, int *, const uint8_t *, int);
    int (*final)(void *, uint8_t *, int *);
    int (*ctrl)(void *, int, int, void *);
    const void *(*ctr128)(void);
    const void *(*ctr256)(void);
    const void *(*gcm128)(void);
    const void *(*gcm256)(void);
    void *(*mac_new)(void);
    void (*mac_free)(void *);
    int (*mac_init)(void *, const void *, int, const void *, void *);
    int (*mac_update)(void *, const uint8_t *, size_t);
    int (*mac_final)(void *, uint8_t *, unsigned *);
    const void *(*sha1)(void);
} evp;
static int loaded;

static const Symbol symbols[] = {
    {"EVP_CIPHER_CTX_new", &evp.cipher_new}, {"EVP_CIPHER_CTX_free", &evp.cipher_free},
    {"EVP_CipherInit_ex", &evp.init},        {"EVP_CipherUpdate", &evp.update},
    {"EVP_CipherFinal_ex", &evp.final},      {"EVP_CIPHER_CTX_ctrl", &evp.ctrl},
    {"EVP_aes_128_ctr", &evp.ctr128},        {"EVP_aes_256_ctr", &evp.ctr256},
    {"EVP_aes_128_gcm", &evp.gcm128},        {"EVP_aes_256_gcm", &evp.gcm256},
    {"HMAC_CTX_new", &evp.mac_new},          {"HMAC_CTX_free", &evp.mac_free},
    {"HMAC_Init_ex", &evp.mac_init},         {"HMAC_Update", &evp.mac_update},
    {"HMAC_Final", &evp.mac_final},          {"EVP_sha1", &evp.sha1},
};

/* Session keys of one direction of one leg. */
typedef struct {
    const Suite *suite;
    int encrypts;
    void *cipher[2], *mac[2];
    uint8_t salt[2][14];
} Context;

static Context **contexts;
static int capacity;

PyObject *srtp_load(PyObject *module, PyObject *const *args, Py_ssize_t nargs)
{
    (void)module;
    return library_load(args, nargs, symbols, sizeof symbols / sizeof *symbols, &loaded);
}

/* Key derivation (RFC 3711 section 4.3.1); a salt of 12 bytes counts as one of 14 that ends in zeros. */
static int derive(const Suite *suite, const uint8_t *master, uint8_t label, uint8_t *out, int size)
{
    static const uint8_t zeros[32];
    uint8_t iv[16] = {0};
    int written = 0;
    memcpy(iv, master + suite->key, (size_t)suite->salt);
    iv[7] ^= label;
    void *cipher = evp.cipher_new();
    int ok = cipher != NULL && evp.init(cipher, suite->key == 32 ? evp.ctr256() : evp.ctr128(), NULL, master, iv, 1) &&
             evp.update(cipher, out, &written, zeros, size);
    if (cipher != NULL)
        evp.cipher_free(cipher);
    return ok && written == size;
}

static void dispose(Context *context)
{
    for (int kind = RTP; kind <= RTCP; kind++) {
        if (context->cipher[kind] != NULL)
            evp.cipher_free(context->cipher[kind]);
        if (context->mac[kind] != NULL)
            evp.mac_free(context->mac[kind]);
    }
    free(context);
}

static int prepare(Context *context, const uint8_t *master)
{
    const Suite *suite = context->suite;
    for (int kind = RTP; kind <= RTCP; kind++) {
        uint8_t key[32], mac[20], label = (uint8_t)(3 * kind);
        const void *cipher = !suite->aead ? evp.ctr128() : suite->key == 32 ? evp.gcm256() : evp.gcm128();
        if (!derive(suite, master, label, key, suite->key) || !derive(suite, master, label + 1, mac, 20) ||
            !derive(suite, master, label + 2, context->salt[kind], suite->salt))
            return 0;
        if ((context->cipher[kind] = evp.cipher_new()) == NULL ||
            !evp.init(context->cipher[kind], cipher, NULL, key, NULL, context->encrypts || !suite->aead))
            return 0;
        if (!suite->aead && ((context->mac[kind] = evp.mac_new()) == NULL ||
                             !evp.mac_init(context->mac[kind], mac, 20, evp.sha1(), NULL)))
            return 0;
    }
    return 1;
}

static int free_handle(void)
{
    for (int k = 0; k < capacity; k++)
        if (contexts[k] == NULL)
            return k;
    int wanted = capacity ? 2 * capacity : 64;
    Context **grown = wanted > MOST_CONTEXTS ? NULL : realloc(contexts, (size_t)wanted * sizeof *contexts);
    if (grown == NULL)
        return -1;
    memset(grown + capacity, 0, (size_t)(wanted - capacity) * sizeof *grown);
    int first = capacity;
    contexts = grown;
    capacity = wanted;
    return first;
}

PyObject *srtp_open(PyObject *module, PyObject *const *args, Py_ssize_t nargs)
{
    (void)module;
    long number = nargs == 3 ? PyLong_AsLong(args[0]) : -1, encrypts = nargs == 3 ? PyLong_AsLong(args[2]) : 0;
    char *master = NULL;
    Py_ssize_t size = 0;
    if (!loaded || number < 0 || number >= (long)(sizeof suites / sizeof *suites) ||
        PyBytes_AsStringAndSize(args[1], &master, &size) < 0 || size != suites[number].key + suites[number].salt) {
        if (!PyErr_Occurred())
            PyErr_SetString(PyExc_ValueError, "srtp_open: no such suite, a key of another length, or no library");
        return NULL;
    }
    Context *context = calloc(1, sizeof *context);
    int handle = context == NULL ? -1 : free_handle();
    if (handle >= 0) {
        context->suite = &suites[number];
        context->encrypts = encrypts != 0;
    }
    if (handle < 0 || !prepare(context, (const uint8_t *)master)) {
        if (context != NULL)
            dispose(context);
        return PyErr_NoMemory();
    }
    contexts[handle] = context;
    return PyLong_FromLong(handle);
}

static Context *context_at(int32_t handle)
{
    return handle >= 0 && handle < capacity ? contexts[handle] : NULL;
}

PyObject *srtp_close(PyObject *module, PyObject *const *args, Py_ssize_t nargs)
{
    (void)module;
    long handle = nargs == 1 ? PyLong_AsLong(args[0]) : -1;
    Context *context = handle < MOST_CONTEXTS ? context_at((int32_t)handle) : NULL;
    if (context != NULL) {
        contexts[handle] = NULL;
        dispose(context);
    }
    if (PyErr_Occurred())
        return NULL;
    Py_RETURN_NONE;
}

/* What a packet index may have seen before. */

static int is_used(const Window *window, uint64_t index)
{
    if (window->next == 0 || index >= window->next)
        return 0;
    uint64_t age = window->next - 1 - index;
    return age >= 64 || window->seen >> age & 1;
}

static void use(Window *window, uint64_t index)
{
    if (window->next == 0 || index >= window->next) {
        uint64_t ahead = index + 1 - window->next;
        window->seen = (window->next == 0 || ahead >= 64 ? 0 : window->seen << ahead) | 1;
        window->next = index + 1;
    } else {
        window->seen |= (uint64_t)1 << (window->next - 1 - index);
    }
}

static Stream *stream_of(Stream *streams, uint32_t ssrc)
{
    for (int k = 0; k < STREAMS; k++)
        if (streams[k].window.next && streams[k].ssrc == ssrc)
            return &streams[k];
    return NULL;
}

/* The packet was authentic: its stream takes the place of the one that was new the longest ago. */
static Stream *new_stream(Stream *streams, uint32_t *turn, uint32_t ssrc)
{
    Stream *stream = &streams[(*turn)++ % STREAMS];
    memset(stream, 0, sizeof *stream);
    stream->ssrc = ssrc;
    return stream;
}

/* One packet. `clear` bytes stay readable. */

typedef struct {
    uint8_t *packet;
    int clear, size, kind; /* size: without tag, index */
    uint32_t ssrc;
    uint64_t index;
} Piece;

static int counter_mode(const Context *context, const Piece *piece)
{
    uint8_t iv[16] = {0};
    int written;
    memcpy(iv, context->salt[piece->kind], 14);
    for (int k = 0; k < 4; k++)
        iv[4 + k] ^= (uint8_t)(piece->ssrc >> (24 - 8 * k));
    for (int k = 0; k < 6; k++)
        iv[8 + k] ^= (uint8_t)(piece->index >> (40 - 8 * k));
    uint8_t *body = piece->packet + piece->clear;
    return evp.init(context->cipher[piece->kind], NULL, NULL, NULL, iv, 1) &&
           evp.update(context->cipher[piece->kind], body, &written, body, piece->size - piece->clear);
}

/* HMAC-SHA1 over the packet and the word after it: the roll-over counter, or E and the SRTCP index. */
static int authenticate(const Context *context, const Piece *piece, uint32_t word, uint8_t *tag)
{
    void *mac = context->mac[piece->kind];
    uint32_t trailer = htonl(word);
    unsigned size;
    return evp.mac_init(mac, NULL, 0, NULL, NULL) && evp.mac_update(mac, piece->packet, (size_t)piece->size) &&
           evp.mac_update(mac, (const uint8_t *)&trailer, 4) && evp.mac_final(mac, tag, &size);
}

static int same(const uint8_t *a, const uint8_t *b, int size)
{
    uint8_t difference = 0;
    for (int k = 0; k < size; k++)
        difference |= a[k] ^ b[k];
    return difference == 0;
}

/* AES-GCM in place; tag is written or compared. `word` follows the clear part in what is authenticated (SRTCP). */
static int galois(const Context *context, const Piece *piece, const uint8_t *word, uint8_t *tag)
{
    uint8_t iv[12] = {0};
    int written;
    memcpy(iv, context->salt[piece->kind], 12);
    for (int k = 0; k < 4; k++)
        iv[2 + k] ^= (uint8_t)(piece->ssrc >> (24 - 8 * k));
    for (int k = 0; k < 6; k++)
        iv[6 + k] ^= (uint8_t)(piece->index >> (40 - 8 * k));
    void *cipher = context->cipher[piece->kind];
    uint8_t *body = piece->packet + piece->clear;
    return evp.init(cipher, NULL, NULL, NULL, iv, context->encrypts) &&
           (context->encrypts || evp.ctrl(cipher, SET_TAG, 16, tag)) &&
           evp.update(cipher, NULL, &written, piece->packet, piece->clear) &&
           (word == NULL || evp.update(cipher, NULL, &written, word, 4)) &&
           evp.update(cipher, body, &written, body, piece->size - piece->clear) &&
           evp.final(cipher, body + written, &written) && (!context->encrypts || evp.ctrl(cipher, GET_TAG, 16, tag));
}

static uint32_t word_at(const uint8_t *at)
{
    uint32_t word;
    memcpy(&word, at, 4);
    return ntohl(word);
}

static int rtp_header(const uint8_t *row, int length)
{
    if (length < 12 || row[0] >> 6 != 2)
        return 0;
    int size = 12 + 4 * (row[0] & 15);
    if (row[0] & 0x10) {
        if (length < size + 4)
            return 0;
        size += 4 + 4 * (row[size + 2] << 8 | row[size + 3]);
    }
    return size <= length ? size : 0;
}

static int protect_rtp(const Context *context, State *state, uint8_t *row, int length, int room, uint64_t index)
{
    int clear = rtp_header(row, length), tag_size = context->suite->tag[RTP];
    Piece piece = {row, clear, length, RTP, clear ? word_at(row + 8) : 0, index};
    uint8_t tag[20];
    /* The same index twice would be the same key stream twice. */
    if (!clear || length + tag_size > room || is_used(&state->sent, index))
        return 0;
    use(&state->sent, index);
    if (context->suite->aead)
        return galois(context, &piece, NULL, row + length) ? length + tag_size : 0;
    if (!counter_mode(context, &piece) || !authenticate(context, &piece, (uint32_t)(index >> 16), tag))
        return 0;
    memcpy(row + length, tag, (size_t)tag_size);
    return length + tag_size;
}

static int opened(const Context *context, Piece *piece)
{
    uint8_t tag[20], *theirs = piece->packet + piece->size;
    if (context->suite->aead)
        return galois(context, piece, NULL, theirs);
    return authenticate(context, piece, (uint32_t)(piece->index >> 16), tag) &&
           same(tag, theirs, context->suite->tag[RTP]) && counter_mode(context, piece);
}

static int unprotect_rtp(const Context *context, State *state, uint8_t *row, int length)
{
    int clear = rtp_header(row, length), size = length - context->suite->tag[RTP];
    if (!clear || size < clear || length > LONGEST)
        return 0;
    Piece piece = {row, clear, size, RTP, word_at(row + 8), (uint64_t)(row[2] << 8 | row[3])};
    uint64_t sequence = piece.index;
    Stream *stream = stream_of(state->rtp, piece.ssrc);
    uint8_t copy[LONGEST];
    int unsure = stream != NULL && stream->rekeyed;
    if (stream != NULL) {
        int64_t last = (int64_t)stream->window.next - 1;
        int64_t guess = last + (int16_t)(uint16_t)(sequence - (uint64_t)last);
        if (guess < 0 || (!unsure && is_used(&stream->window, (uint64_t)guess)))
            return 0;
        piece.index = (uint64_t)guess;
    }
    if (unsure)
        memcpy(copy, row, (size_t)length);
    if (!opened(context, &piece)) {
        /* A peer may begin at 0 again with a new key, or go on counting. */
        if (!unsure || piece.index == sequence)
            return 0;
        memcpy(row, copy, (size_t)length);
        piece.index = sequence;
        if (!opened(context, &piece))
            return 0;
    }
    if (stream == NULL)
        stream = new_stream(state->rtp, &state->rtp_turn, piece.ssrc);
    else if (unsure) {
        stream->rekeyed = 0;
        memset(&stream->window, 0, sizeof stream->window);
    }
    use(&stream->window, piece.index);
    return size;
}

PyObject *srtp_protect(PyObject *module, PyObject *const *args, Py_ssize_t nargs)
{
    Arrays a;
    (void)module;
    if (arrays_open(&a, "srtp_protect", "BiBiiqI", args, nargs) < 0)
        return NULL;
    Py_ssize_t n = array_items(&a, 3), legs = array_items(&a, 1), m = nargs > 7 ? PyLong_AsSsize_t(args[7]) : 0;
    if (m <= 0 || arrays_at_least(&a, "srtp_protect", n, 4, 6) < 0 ||
        arrays_at_least(&a, "srtp_protect", legs * (Py_ssize_t)sizeof(State), 0, 0) < 0) {
        arrays_close(&a);
        if (!PyErr_Occurred())
            PyErr_SetString(PyExc_ValueError, "srtp_protect: the number of rows must be positive");
        return NULL;
    }
    State *states = a.view[0].buf;
    uint8_t *rows = a.view[2].buf;
    const int32_t *handles = a.view[1].buf, *index = a.view[3].buf, *leg = a.view[4].buf;
    const int64_t *ext = a.view[5].buf;
    int32_t *length = a.view[6].buf;
    Py_ssize_t stride = a.view[2].len / m;
    for (Py_ssize_t k = 0; k < n; k++) {
        if (leg[k] < 0 || leg[k] >= legs || index[k] < 0 || index[k] >= m || length[k] > stride) {
            length[k] = 0;
            continue;
        }
        const Context *context = context_at(handles[leg[k]]);
        if (context != NULL)
            length[k] = protect_rtp(context, &states[leg[k]], rows + index[k] * stride, length[k], (int)stride,
                                    (uint64_t)ext[k]);
    }
    arrays_close(&a);
    Py_RETURN_NONE;
}

PyObject *srtp_unprotect(PyObject *module, PyObject *const *args, Py_ssize_t nargs)
{
    Arrays a;
    (void)module;
    if (arrays_open(&a, "srtp_unprotect", "BiBiiI", args, nargs) < 0)
        return NULL;
    Py_ssize_t n = array_items(&a, 3), legs = array_items(&a, 1), m = array_items(&a, 5);
    if (m <= 0 || arrays_at_least(&a, "srtp_unprotect", n, 4, 4) < 0 ||
        arrays_at_least(&a, "srtp_unprotect", legs * (Py_ssize_t)sizeof(State), 0, 0) < 0) {
        arrays_close(&a);
        if (!PyErr_Occurred())
            PyErr_SetString(PyExc_ValueError, "srtp_unprotect: the number of rows must be positive");
        return NULL;
    }
    State *states = a.view[0].buf;
    uint8_t *rows = a.view[2].buf;
    const int32_t *handles = a.view[1].buf, *index = a.view[3].buf, *leg = a.view[4].buf;
    int32_t *length = a.view[5].buf;
    Py_ssize_t stride = a.view[2].len / m;
    for (Py_ssize_t k = 0; k < n; k++) {
        if (leg[k] < 0 || leg[k] >= legs || index[k] < 0 || index[k] >= m || length[index[k]] > stride)
            continue;
        const Context *context = context_at(handles[leg[k]]);
        if (context != NULL)
            length[index[k]] = unprotect_rtp(context, &states[leg[k]], rows + index[k] * stride, length[index[k]]);
    }
    arrays_close(&a);
    Py_RETURN_NONE;
}

PyObject *srtp_state_bytes(PyObject *module, PyObject *const *args, Py_ssize_t nargs)
{
    (void)module, (void)args, (void)nargs;
    return PyLong_FromSize_t(sizeof(State));
}

/* SRTCP is a packet every few seconds: bytes in, bytes out. */

typedef struct {
    Py_buffer state;
    const Context *context;
    uint8_t packet[LONGEST];
    int length;
} Report;

static int report_open(Report *report, const char *name, PyObject *const *args, Py_ssize_t nargs)
{
    char *bytes = NULL;
    Py_ssize_t size = 0;
    long handle = nargs == 3 ? PyLong_AsLong(args[1]) : -1;
    if (PyErr_Occurred() || nargs != 3 || PyBytes_AsStringAndSize(args[2], &bytes, &size) < 0 ||
        PyObject_GetBuffer(args[0], &report->state, PyBUF_WRITABLE) < 0) {
        if (!PyErr_Occurred())
            PyErr_Format(PyExc_TypeError, "%s takes a state, a handle and a packet", name);
        return -1;
    }
    report->context = handle < MOST_CONTEXTS ? context_at((int32_t)handle) : NULL;
    if (report->context == NULL || report->state.len < (Py_ssize_t)sizeof(State)) {
        PyBuffer_Release(&report->state);
        PyErr_Format(PyExc_ValueError, "%s: no such handle, or too small a state", name);
        return -1;
    }
    report->length = size > LONGEST - 32 ? 0 : (int)size;
    memcpy(report->packet, bytes, (size_t)report->length);
    return 0;
}

static PyObject *report_close(Report *report, int length)
{
    PyBuffer_Release(&report->state);
    if (length <= 0)
        Py_RETURN_NONE;
    return PyBytes_FromStringAndSize((const char *)report->packet, length);
}

PyObject *srtcp_protect(PyObject *module, PyObject *const *args, Py_ssize_t nargs)
{
    Report report;
    (void)module;
    if (report_open(&report, "srtcp_protect", args, nargs) < 0)
        return NULL;
    State *state = report.state.buf;
    const Suite *suite = report.context->suite;
    int size = report.length, ok;
    if (size < RTCP_HEADER)
        return report_close(&report, 0);
    Piece piece = {report.packet, RTCP_HEADER, size, RTCP, word_at(report.packet + 4), state->reports++ & 0x7fffffff};
    uint32_t word = htonl((uint32_t)piece.index | 0x80000000u);
    uint8_t tag[20];
    if (suite->aead) {
        ok = galois(report.context, &piece, (const uint8_t *)&word, report.packet + size);
        memcpy(report.packet + size + 16, &word, 4);
    } else {
        ok = counter_mode(report.context, &piece) && authenticate(report.context, &piece, ntohl(word), tag);
        memcpy(report.packet + size, &word, 4);
        memcpy(report.packet + size + 4, tag, (size_t)suite->tag[RTCP]);
    }
    return report_close(&report, ok ? size + 4 + suite->tag[RTCP] : 0);
}

PyObject *srtcp_unprotect(PyObject *module, PyObject *const *args, Py_ssize_t nargs)
{
    Report report;
    (void)module;
    if (report_open(&report, "srtcp_unprotect", args, nargs) < 0)
        return NULL;
    State *state = report.state.buf;
    const Suite *suite = report.context->suite;
    int size = report.length - 4 - suite->tag[RTCP], ok;
    if (size < RTCP_HEADER)
        return report_close(&report, 0);
    uint8_t *after = report.packet + size, *word = suite->aead ? after + 16 : after, tag[20];
    Piece piece = {report.packet, RTCP_HEADER, size, RTCP, word_at(report.packet + 4), word_at(word) & 0x7fffffff};
    Stream *stream = stream_of(state->rtcp, piece.ssrc);
    int rekeyed = stream != NULL && stream->rekeyed;
    if (!(word[0] & 0x80) || (stream != NULL && !rekeyed && is_used(&stream->window, piece.index)))
        return report_close(&report, 0);
    if (suite->aead) {
        uint8_t copy[4];
        memcpy(copy, word, 4);
        ok = galois(report.context, &piece, copy, after);
    } else {
        ok = authenticate(report.context, &piece, word_at(word), tag) && same(tag, word + 4, suite->tag[RTCP]) &&
             counter_mode(report.context, &piece);
    }
    if (ok) {
        if (stream == NULL)
            stream = new_stream(state->rtcp, &state->rtcp_turn, piece.ssrc);
        else if (rekeyed)
            memset(&stream->window, 0, sizeof stream->window);
        stream->rekeyed = 0;
        use(&stream->window, piece.index);
    }
    return report_close(&report, ok ? size : 0);
}

PyObject *srtp_rekeyed(PyObject *module, PyObject *const *args, Py_ssize_t nargs)
{
    Py_buffer view;
    (void)module;
    if (nargs != 1 || PyObject_GetBuffer(args[0], &view, PyBUF_WRITABLE) < 0) {
        if (!PyErr_Occurred())
            PyErr_SetString(PyExc_TypeError, "srtp_rekeyed takes a state");
        return NULL;
    }
    State *state = view.buf;
    for (int k = 0; view.len >= (Py_ssize_t)sizeof(State) && k < STREAMS; k++)
        state->rtp[k].rekeyed = state->rtcp[k].rekeyed = 1;
    PyBuffer_Release(&view);
    Py_RETURN_NONE;
}
