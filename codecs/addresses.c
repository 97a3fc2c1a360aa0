/* The table of IPv6 addresses: so that legs and packets compare one word, whatever the family. */
#include "addresses.h"
#include "buffers.h"
#include <string.h>

/* Strangers get a number too, as one of them may have to be learned: room for a flood between two sweeps. */
enum { SLOTS = 16384, CHAINS = 32768, END = -1 };

typedef struct {
    struct in6_addr address;
    uint32_t scope;
    int32_t next;
} Slot;

static Slot slots[SLOTS];
static int32_t chains[CHAINS], spare = END;
static uint8_t used[SLOTS];
static int32_t fresh, count;
static uint64_t salt = 0x9E3779B97F4A7C15u;

static uint32_t chain_of(const struct in6_addr *address, uint32_t scope)
{
    uint64_t half[2];
    memcpy(half, address, 16);
    uint64_t mixed = (half[0] ^ salt) * 0xFF51AFD7ED558CCDu;
    mixed = (mixed ^ (mixed >> 32) ^ half[1] ^ scope) * 0xC4CEB9FE1A85EC53u;
    return (uint32_t)(mixed >> 40) % CHAINS;
}

static int32_t find(const struct in6_addr *address, uint32_t scope, uint32_t chain)
{
    for (int32_t k = chains[chain] - 1; k != END; k = slots[k].next)
        if (slots[k].scope == scope && !memcmp(&slots[k].address, address, sizeof *address))
            return k;
    return END;
}

uint32_t address_number(const struct in6_addr *address, uint32_t scope)
{
    uint32_t chain = chain_of(address, scope);
    int32_t slot = find(address, scope, chain);
    if (slot != END)
        return ADDRESS_WIDE + (uint32_t)slot;
    if (spare != END) {
        slot = spare;
        spare = slots[slot].next;
    } else if (fresh < SLOTS) {
        slot = fresh++;
    } else {
        return ADDRESS_NONE;
    }
    slots[slot] = (Slot){*address, scope, chains[chain] - 1};
    used[slot] = 1;
    chains[chain] = slot + 1; /* 0 is an empty chain */
    count++;
    return ADDRESS_WIDE + (uint32_t)slot;
}

int address_of(uint32_t number, struct sockaddr_in6 *target)
{
    uint32_t slot = number - ADDRESS_WIDE;
    if (number < ADDRESS_WIDE || slot >= SLOTS || !used[slot])
        return 0;
    target->sin6_addr = slots[slot].address;
    target->sin6_scope_id = slots[slot].scope;
    return 1;
}

static void release(int32_t slot)
{
    int32_t *link = &chains[chain_of(&slots[slot].address, slots[slot].scope)];
    if (*link - 1 == slot) {
        *link = slots[slot].next + 1;
    } else {
        int32_t k = *link - 1;
        while (slots[k].next != slot)
            k = slots[k].next;
        slots[k].next = slots[slot].next;
    }
    used[slot] = 0;
    slots[slot].next = spare;
    spare = slot;
    count--;
}

/* wide_number(packed: 16 bytes, scope) -> number */
PyObject *wide_number(PyObject *module, PyObject *const *args, Py_ssize_t nargs)
{
    struct in6_addr address;
    Py_buffer view;
    (void)module;
    if (nargs < 2 || PyObject_GetBuffer(args[0], &view, PyBUF_SIMPLE) < 0) {
        if (!PyErr_Occurred())
            PyErr_SetString(PyExc_TypeError, "wide_number takes an address and a scope");
        return NULL;
    }
    int fits = view.len == (Py_ssize_t)sizeof address;
    if (fits)
        memcpy(&address, view.buf, sizeof address);
    PyBuffer_Release(&view);
    unsigned long scope = PyLong_AsUnsignedLong(args[1]);
    if (PyErr_Occurred())
        return NULL;
    if (!fits) {
        PyErr_SetString(PyExc_ValueError, "wide_number: an IPv6 address has 16 bytes");
        return NULL;
    }
    return PyLong_FromUnsignedLong(address_number(&address, (uint32_t)scope));
}

/* wide_address(number) -> (16 bytes, scope), or None */
PyObject *wide_address(PyObject *module, PyObject *const *args, Py_ssize_t nargs)
{
    struct sockaddr_in6 found = {0};
    unsigned long number = nargs > 0 ? PyLong_AsUnsignedLong(args[0]) : 0;
    (void)module;
    if (PyErr_Occurred())
        return NULL;
    if (!address_of((uint32_t)number, &found))
        Py_RETURN_NONE;
    return Py_BuildValue("y#k", (const char *)&found.sin6_addr, (Py_ssize_t)16, (unsigned long)found.sin6_scope_id);
}

/* wide_keep(numbers u4[n]) -> how many are left; with no argument it counts only */
PyObject *wide_keep(PyObject *module, PyObject *const *args, Py_ssize_t nargs)
{
    static uint8_t kept[SLOTS];
    Arrays a;
    (void)module;
    if (!nargs)
        return PyLong_FromLong(count);
    if (arrays_open(&a, "wide_keep", "i", args, nargs) < 0)
        return NULL;
    const uint32_t *number = a.view[0].buf;
    memset(kept, 0, sizeof kept);
    for (Py_ssize_t k = 0; k < array_items(&a, 0); k++)
        if (number[k] >= ADDRESS_WIDE && number[k] - ADDRESS_WIDE < SLOTS)
            kept[number[k] - ADDRESS_WIDE] = 1;
    arrays_close(&a);
    for (int32_t slot = 0; slot < fresh; slot++)
        if (used[slot] && !kept[slot])
            release(slot);
    return PyLong_FromLong(count);
}

/* wide_salt(u8): once, before the first number; so that nobody can choose addresses that meet in one chain */
PyObject *wide_salt(PyObject *module, PyObject *const *args, Py_ssize_t nargs)
{
    unsigned long long given = nargs > 0 ? PyLong_AsUnsignedLongLong(args[0]) : 0;
    (void)module;
    if (PyErr_Occurred())
        return NULL;
    if (!count)
        salt = given;
    Py_RETURN_NONE;
}
