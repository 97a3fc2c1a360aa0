#include "library.h"
#include <dlfcn.h>
#include <string.h>

PyObject *library_load(PyObject *const *args, Py_ssize_t nargs, const Symbol *symbols, size_t count, int *loaded)
{
    PyObject *path = nargs == 1 ? PyUnicode_AsUTF8String(args[0]) : NULL;
    if (path == NULL) {
        if (!PyErr_Occurred())
            PyErr_SetString(PyExc_TypeError, "expected the name of a library");
        return NULL;
    }
    void *library = *loaded ? NULL : dlopen(PyBytes_AsString(path), RTLD_NOW | RTLD_LOCAL);
    Py_DECREF(path);
    if (library != NULL) {
        *loaded = 1;
        for (size_t k = 0; k < count; k++) {
            void *symbol = dlsym(library, symbols[k].name);
            memcpy(symbols[k].place, &symbol, sizeof symbol);
            *loaded = *loaded && symbol != NULL;
        }
    }
    return PyBool_FromLong(*loaded);
}
