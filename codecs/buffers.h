/* Arrays from Python, by the buffer protocol: the one way every kernel gets its arguments. */
#ifndef SOFTSWITCH_BUFFERS_H
#define SOFTSWITCH_BUFFERS_H
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdint.h>

#define MAX_ARRAYS 80

typedef struct {
    Py_buffer view[MAX_ARRAYS];
    int count;
} Arrays;

/* spec: one letter an array; b h i q are items of 1 2 4 8 bytes, upper case means writable. */
int arrays_open(Arrays *arrays, const char *name, const char *spec, PyObject *const *args, Py_ssize_t nargs);
void arrays_close(Arrays *arrays);

/* Items in array k. */
Py_ssize_t array_items(const Arrays *arrays, int k);

/* Raises ValueError and returns -1 unless every int32 of array k is from 0 to most - 1. */
int arrays_within(const Arrays *arrays, const char *name, int k, Py_ssize_t items, Py_ssize_t most);

/* Raises ValueError and returns -1 unless each of the arrays named by their positions has at least `items`. */
int arrays_at_least(const Arrays *arrays, const char *name, Py_ssize_t items, int first, int last);

PyObject *io_drain(PyObject *module, PyObject *const *args, Py_ssize_t nargs);
PyObject *io_send(PyObject *module, PyObject *const *args, Py_ssize_t nargs);
PyObject *io_parse(PyObject *module, PyObject *const *args, Py_ssize_t nargs);
PyObject *shared_drain(PyObject *module, PyObject *const *args, Py_ssize_t nargs);
PyObject *wide_number(PyObject *module, PyObject *const *args, Py_ssize_t nargs);
PyObject *wide_address(PyObject *module, PyObject *const *args, Py_ssize_t nargs);
PyObject *wide_keep(PyObject *module, PyObject *const *args, Py_ssize_t nargs);
PyObject *wide_salt(PyObject *module, PyObject *const *args, Py_ssize_t nargs);
PyObject *ring_place(PyObject *module, PyObject *const *args, Py_ssize_t nargs);
PyObject *ring_first_time(PyObject *module, PyObject *const *args, Py_ssize_t nargs);
PyObject *ring_store(PyObject *module, PyObject *const *args, Py_ssize_t nargs);
PyObject *loop_admit(PyObject *module, PyObject *const *args, Py_ssize_t nargs);
PyObject *loop_relay(PyObject *module, PyObject *const *args, Py_ssize_t nargs);
PyObject *loop_frames(PyObject *module, PyObject *const *args, Py_ssize_t nargs);
PyObject *turn_passage(PyObject *module, PyObject *const *args, Py_ssize_t nargs);
PyObject *turn_pass_on(PyObject *module, PyObject *const *args, Py_ssize_t nargs);
PyObject *turn_forget(PyObject *module, PyObject *const *args, Py_ssize_t nargs);
PyObject *turn_pauses(PyObject *module, PyObject *const *args, Py_ssize_t nargs);
PyObject *kernel_energy(PyObject *module, PyObject *const *args, Py_ssize_t nargs);
PyObject *kernel_interleave(PyObject *module, PyObject *const *args, Py_ssize_t nargs);
PyObject *ring_lay(PyObject *module, PyObject *const *args, Py_ssize_t nargs);
PyObject *ring_noise(PyObject *module, PyObject *const *args, Py_ssize_t nargs);
PyObject *ring_take(PyObject *module, PyObject *const *args, Py_ssize_t nargs);
PyObject *ring_clear(PyObject *module, PyObject *const *args, Py_ssize_t nargs);
PyObject *mix_heard(PyObject *module, PyObject *const *args, Py_ssize_t nargs);
PyObject *keys_found(PyObject *module, PyObject *const *args, Py_ssize_t nargs);
PyObject *mix_frames(PyObject *module, PyObject *const *args, Py_ssize_t nargs);
PyObject *kernel_encode(PyObject *module, PyObject *const *args, Py_ssize_t nargs);
PyObject *kernel_play(PyObject *module, PyObject *const *args, Py_ssize_t nargs);
PyObject *g722_decode(PyObject *module, PyObject *const *args, Py_ssize_t nargs);
PyObject *g722_encode(PyObject *module, PyObject *const *args, Py_ssize_t nargs);
PyObject *g722_words(PyObject *module, PyObject *const *args, Py_ssize_t nargs);
PyObject *srtp_load(PyObject *module, PyObject *const *args, Py_ssize_t nargs);
PyObject *srtp_open(PyObject *module, PyObject *const *args, Py_ssize_t nargs);
PyObject *srtp_close(PyObject *module, PyObject *const *args, Py_ssize_t nargs);
PyObject *srtp_rekeyed(PyObject *module, PyObject *const *args, Py_ssize_t nargs);
PyObject *srtp_state_bytes(PyObject *module, PyObject *const *args, Py_ssize_t nargs);
PyObject *srtp_protect(PyObject *module, PyObject *const *args, Py_ssize_t nargs);
PyObject *srtp_unprotect(PyObject *module, PyObject *const *args, Py_ssize_t nargs);
PyObject *srtcp_protect(PyObject *module, PyObject *const *args, Py_ssize_t nargs);
PyObject *srtcp_unprotect(PyObject *module, PyObject *const *args, Py_ssize_t nargs);
PyObject *opus_load(PyObject *module, PyObject *const *args, Py_ssize_t nargs);
PyObject *opus_open(PyObject *module, PyObject *const *args, Py_ssize_t nargs);
PyObject *opus_close(PyObject *module, PyObject *const *args, Py_ssize_t nargs);
PyObject *opus_decode(PyObject *module, PyObject *const *args, Py_ssize_t nargs);
PyObject *opus_encode(PyObject *module, PyObject *const *args, Py_ssize_t nargs);
PyObject *kernel_halve(PyObject *module, PyObject *const *args, Py_ssize_t nargs);

#endif
