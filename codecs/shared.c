/* A port that many legs share: received in batches, and told apart by where packets come from. */
#define _GNU_SOURCE
#include "addresses.h"
#include "buffers.h"
#include <arpa/inet.h>
#include <string.h>
#include <sys/socket.h>

enum { BATCH = 64 };

static struct mmsghdr messages[BATCH];
static struct iovec parts[BATCH];
static Source sources[BATCH];

static int receive_batch(int fd, uint8_t *rows, Py_ssize_t stride, int most)
{
    for (int k = 0; k < most; k++) {
        parts[k] = (struct iovec){rows + k * stride, (size_t)stride};
        messages[k].msg_hdr = (struct msghdr){.msg_name = &sources[k], .msg_namelen = sizeof sources[k],
                                              .msg_iov = &parts[k], .msg_iovlen = 1};
    }
    return recvmmsg(fd, messages, (unsigned)most, MSG_DONTWAIT, NULL);
}

/* The first place of a key in the sorted keys, or where it would be. */
static Py_ssize_t place_of(const int64_t *keys, Py_ssize_t count, int64_t key)
{
    Py_ssize_t low = 0, high = count;
    while (low < high) {
        Py_ssize_t middle = (low + high) / 2;
        if (keys[middle] < key)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static uint32_t ssrc_of(const uint8_t *row, int32_t length)
{
    uint32_t word = 0;
    int at = row[1] >= 192 && row[1] <= 223 ? 4 : 8; /* RTCP beside RTP (RFC 5761 section 4) */
    if (length >= at + 4)
        memcpy(&word, row + at, 4);
    return ntohl(word);
}

/* The leg of a packet; -1 where that is not certain. A leg that expects no SSRC yet takes any, if it is alone. */
static int32_t owner_of(const int64_t *keys, const int32_t *owners, Py_ssize_t count, int64_t key,
                        const uint32_t *expected, uint32_t ssrc)
{
    Py_ssize_t first = place_of(keys, count, key), at = first;
    for (; at < count && keys[at] == key; at++)
        if (expected[owners[at]] == ssrc)
            return owners[at];
    return at == first + 1 && !expected[owners[first]] ? owners[first] : -1;
}

PyObject *shared_drain(PyObject *module, PyObject *const *args, Py_ssize_t nargs)
{
    Arrays a;
    (void)module;
    if (arrays_open(&a, "drain_shared", "qiiBIIIHI", args, nargs) < 0)
        return NULL;
    Py_ssize_t count = array_items(&a, 0), legs = array_items(&a, 2), capacity = array_items(&a, 4);
    Py_ssize_t room = array_items(&a, 8) / 3, strangers = 0;
    int fd = nargs > 10 ? (int)PyLong_AsLong(args[9]) : -1;
    Py_ssize_t n = nargs > 10 ? PyLong_AsSsize_t(args[10]) : 0;
    if (PyErr_Occurred() || fd < 0 || n < 0 || arrays_at_least(&a, "drain_shared", count, 1, 1) < 0 ||
        arrays_at_least(&a, "drain_shared", capacity, 3, 7) < 0 ||
        arrays_within(&a, "drain_shared", 1, count, legs) < 0) {
        arrays_close(&a);
        if (!PyErr_Occurred())
            PyErr_SetString(PyExc_ValueError, "drain_shared: the arrays do not fit together");
        return NULL;
    }
    const int64_t *keys = a.view[0].buf;
    const int32_t *owners = a.view[1].buf;
    const uint32_t *expected = a.view[2].buf;
    uint8_t *rows = a.view[3].buf;
    int32_t *leg = a.view[4].buf, *length = a.view[5].buf;
    uint32_t *ip = a.view[6].buf, *stranger = a.view[8].buf;
    uint16_t *port = a.view[7].buf;
    Py_ssize_t stride = capacity ? a.view[3].len / capacity : 0;
    int most = BATCH, got = BATCH;
    while (got == most && n < capacity) {
        most = capacity - n < BATCH ? (int)(capacity - n) : BATCH;
        uint8_t *first = rows + n * stride;
        got = receive_batch(fd, first, stride, most);
        for (int k = 0; k < got; k++) {
            uint32_t from = source_number(&sources[k]);
            uint16_t at = ntohs(sources[k].narrow.sin_port);
            int truncated = messages[k].msg_hdr.msg_flags & MSG_TRUNC;
            int32_t size = truncated ? 0 : (int32_t)messages[k].msg_len;
            uint32_t ssrc = ssrc_of(first + k * stride, size);
            int32_t owner = owner_of(keys, owners, count, (int64_t)from << 16 | at, expected, ssrc);
            if (owner < 0) {
                if (strangers < room) {
                    stranger[3 * strangers] = from;
                    stranger[3 * strangers + 1] = at;
                    stranger[3 * strangers + 2] = ssrc;
                }
                strangers++;
                continue;
            }
            if (rows + n * stride != first + k * stride)
                memcpy(rows + n * stride, first + k * stride, (size_t)size);
            leg[n] = owner;
            length[n] = size;
            ip[n] = from;
            port[n++] = at;
        }
    }
    arrays_close(&a);
    return Py_BuildValue("nn", n, strangers);
}
