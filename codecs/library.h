/* Libraries that are loaded at run time: nothing of them is needed to build, and a machine may lack them. */
#ifndef SOFTSWITCH_LIBRARY_H
#define SOFTSWITCH_LIBRARY_H
#define PY_SSIZE_T_CLEAN
#include <Python.h>

/* A function of the library, and where its address goes. */
typedef struct {
    const char *name;
    void *place;
} Symbol;

/* load(name) -> bool: whether all symbols are there. `loaded` remembers it; a second call loads nothing. */
PyObject *library_load(PyObject *const *args, Py_ssize_t nargs, const Symbol *symbols, size_t count, int *loaded);

#endif
