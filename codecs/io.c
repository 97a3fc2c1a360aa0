/* Batch packet I/O over one UDP socket a leg, and RTP header parsing. */
#define _GNU_SOURCE
#include "addresses.h"
#include "loop.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

/* A socket that had a packet in its last scan may have a backlog: it is read until it is empty, up to BURST.
 * After a packet the next one is not due for a while, so some scans leave the socket out; one that has long been
 * silent is looked at less often. */
enum { BURST = 32, SILENT = 200 };

typedef struct {
    uint8_t eager, rest, silent;
} Pace;

static void set_pace(Pace *pace, int packets, int rest)
{
    pace->eager = packets > 0;
    pace->silent = packets ? 0 : pace->silent < SILENT ? pace->silent + 1 : SILENT;
    pace->rest = (uint8_t)(packets == 1 ? rest : pace->silent == SILENT ? rest + rest / 2 : 0);
}

static int receive_one(int fd, uint8_t *row, Py_ssize_t stride, int32_t *length, uint32_t *ip, uint16_t *port)
{
    Source source;
    socklen_t source_length = sizeof source;
    ssize_t got = recvfrom(fd, row, (size_t)stride, MSG_DONTWAIT | MSG_TRUNC, &source.any, &source_length);
    if (got < 0)
        return 0;
    *length = got > stride ? 0 : (int32_t)got; /* truncated: no RTP of ours */
    *ip = source_number(&source);
    *port = ntohs(source.narrow.sin_port); /* in the same place in both */
    return 1;
}

PyObject *io_drain(PyObject *module, PyObject *const *args, Py_ssize_t nargs)
{
    Arrays a;
    (void)module;
    if (arrays_open(&a, "drain", "iBBIIIH", args, nargs) < 0)
        return NULL;
    Py_ssize_t legs = array_items(&a, 0), capacity = array_items(&a, 3), n = 0;
    int rest = nargs > 7 ? (int)PyLong_AsLong(args[7]) : 0;
    if (PyErr_Occurred() || arrays_at_least(&a, "drain", legs * (Py_ssize_t)sizeof(Pace), 1, 1) < 0 || arrays_at_least(&a, "drain", capacity, 2, 6) < 0) {
        arrays_close(&a);
        return NULL;
    }
    const int32_t *fds = a.view[0].buf;
    Pace *pace = a.view[1].buf;
    uint8_t *rows = a.view[2].buf;
    int32_t *leg = a.view[3].buf, *length = a.view[4].buf;
    uint32_t *ip = a.view[5].buf;
    uint16_t *port = a.view[6].buf;
    Py_ssize_t stride = capacity ? a.view[2].len / capacity : 0;
    for (Py_ssize_t l = 0; l < legs && n < capacity; l++) {
        if (fds[l] < 0)
            continue;
        if (pace[l].rest) {
            pace[l].rest--;
            continue;
        }
        int most = pace[l].eager ? BURST : 1, k = 0;
        for (; k < most && n < capacity; k++, n++) {
            if (!receive_one(fds[l], rows + n * stride, stride, &length[n], &ip[n], &port[n]))
                break;
            leg[n] = (int32_t)l;
        }
        set_pace(&pace[l], k, rest);
    }
    arrays_close(&a);
    return PyLong_FromSsize_t(n);
}

enum { TOGETHER = 64 };

typedef struct {
    int count;
    const uint8_t *row[TOGETHER];
    size_t length[TOGETHER];
    Source target[TOGETHER];
} Leaving;

static socklen_t size_of(const Source *target)
{
    return target->any.sa_family == AF_INET ? sizeof target->narrow : sizeof target->wide;
}

static void add(Leaving *out, const uint8_t *row, int32_t length, uint32_t ip, uint16_t port)
{
    Source *target = &out->target[out->count];
    if (ip < ADDRESS_WIDE) {
        target->narrow = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(port)};
        target->narrow.sin_addr.s_addr = htonl(ip);
    } else {
        target->wide = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = htons(port)};
        if (!address_of(ip, &target->wide))
            return;
    }
    out->row[out->count] = row;
    out->length[out->count++] = (size_t)length;
}

/* Returns how many the kernel took. */
static int send_out(int fd, Leaving *out)
{
    static struct mmsghdr messages[TOGETHER];
    static struct iovec parts[TOGETHER];
    if (out->count == 1)
        return sendto(fd, out->row[0], out->length[0], MSG_DONTWAIT, &out->target[0].any,
                      size_of(&out->target[0])) >= 0;
    for (int k = 0; k < out->count; k++) {
        parts[k] = (struct iovec){(void *)out->row[k], out->length[k]};
        messages[k].msg_hdr = (struct msghdr){.msg_name = &out->target[k], .msg_namelen = size_of(&out->target[k]),
                                              .msg_iov = &parts[k], .msg_iovlen = 1};
    }
    int sent = 0;
    for (int first = 0; first < out->count;) {
        int taken = sendmmsg(fd, messages + first, (unsigned)(out->count - first), MSG_DONTWAIT);
        sent += taken > 0 ? taken : 0;
        first += taken > 0 ? taken : 1; /* one that is refused keeps back no other */
    }
    return sent;
}

PyObject *io_send(PyObject *module, PyObject *const *args, Py_ssize_t nargs)
{
    Arrays a;
    (void)module;
    if (arrays_open(&a, "send", "iihbiii", args, nargs) < 0)
        return NULL;
    Py_ssize_t legs = array_items(&a, 0), n = array_items(&a, 4), sent = 0;
    Py_ssize_t m = nargs > 7 ? PyLong_AsSsize_t(args[7]) : 0;
    if (m <= 0 || arrays_at_least(&a, "send", legs, 1, 2) < 0 || arrays_at_least(&a, "send", n, 5, 6) < 0) {
        arrays_close(&a);
        if (!PyErr_Occurred())
            PyErr_SetString(PyExc_ValueError, "send: the number of rows must be positive");
        return NULL;
    }
    const int32_t *fds = a.view[0].buf, *index = a.view[4].buf, *leg = a.view[5].buf, *length = a.view[6].buf;
    const uint32_t *ip = a.view[1].buf;
    const uint16_t *port = a.view[2].buf;
    const uint8_t *rows = a.view[3].buf;
    Py_ssize_t stride = a.view[3].len / m;
    static Leaving out;
    Py_ssize_t k = 0;
    while (k < n) {
        int fd = -1;
        out.count = 0;
        for (; k < n && out.count < TOGETHER; k++) { /* what one socket sends in a row leaves together */
            int32_t l = leg[k], row = index[k];
            if (l < 0 || l >= legs || fds[l] < 0 || row < 0 || row >= m || length[k] < 0 || length[k] > stride)
                continue;
            if (out.count && fds[l] != fd)
                break;
            fd = fds[l];
            add(&out, rows + row * stride, length[k], ip[l], port[l]);
        }
        sent += send_out(fd, &out);
    }
    arrays_close(&a);
    return PyLong_FromSsize_t(sent);
}

/* Length of the header with CSRCs and extension, 0 if it is no RTP. *size becomes the payload without padding. */
static int32_t header_length(const uint8_t *row, int32_t length, int32_t *size)
{
    if (length < 12 || (row[0] & 0xc0) != 0x80)
        return 0;
    if (row[1] >= 192 && row[1] <= 223) /* RTCP on an RTP port (RFC 5761 section 4) */
        return 0;
    int32_t offset = 12 + 4 * (row[0] & 15), padding = 0;
    if (row[0] & 0x10) {
        if (length < offset + 4)
            return 0;
        offset += 4 + 4 * (row[offset + 2] << 8 | row[offset + 3]);
    }
    if (row[0] & 0x20)
        padding = row[length - 1];
    *size = length - offset - padding;
    return *size < 0 || (row[0] & 0x20 && padding == 0) ? 0 : offset;
}

void parse_rows(const Batch *b, Py_ssize_t n)
{
    uint16_t half;
    uint32_t word;
    for (Py_ssize_t k = 0; k < n; k++) {
        const uint8_t *row = b->rows + k * b->stride;
        b->size[k] = 0;
        b->offset[k] = b->length[k] > b->stride ? 0 : header_length(row, b->length[k], &b->size[k]);
        b->mark[k] = row[1];
        memcpy(&half, row + 2, 2);
        b->seq[k] = ntohs(half);
        memcpy(&word, row + 4, 4);
        b->ts[k] = ntohl(word);
        memcpy(&word, row + 8, 4);
        b->ssrc[k] = ntohl(word);
    }
}

PyObject *io_parse(PyObject *module, PyObject *const *args, Py_ssize_t nargs)
{
    Arrays a;
    (void)module;
    if (arrays_open(&a, "parse", "biHIIBII", args, nargs) < 0)
        return NULL;
    Py_ssize_t n = array_items(&a, 1), m = nargs > 8 ? PyLong_AsSsize_t(args[8]) : 0;
    Py_buffer *v = a.view;
    if (m < n || m <= 0 || a.view[0].len / m < 12 || arrays_at_least(&a, "parse", n, 2, 7) < 0) {
        arrays_close(&a);
        if (!PyErr_Occurred())
            PyErr_SetString(PyExc_ValueError, "parse: more lengths than rows, or rows shorter than a header");
        return NULL;
    }
    Batch batch = {.capacity = m, .stride = v[0].len / m, .rows = v[0].buf, .length = v[1].buf, .seq = v[2].buf,
                   .ts = v[3].buf, .ssrc = v[4].buf, .mark = v[5].buf, .offset = v[6].buf, .size = v[7].buf};
    parse_rows(&batch, n);
    arrays_close(&a);
    Py_RETURN_NONE;
}
