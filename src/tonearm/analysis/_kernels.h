/*
 * What the native kernels share: how loops are compiled, and checked views of arrays.
 */
#ifndef TONEARM_KERNELS_H
#define TONEARM_KERNELS_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <stdint.h>
#include <string.h>

/* Two compilations of the wide loops, one picked at start-up, where the loader can do that. */
#if defined(__x86_64__) && defined(__GLIBC__) && defined(__GNUC__) && !defined(__clang__)
#define WIDE __attribute__((target_clones("avx2", "default")))
#else
#define WIDE
#endif

/* A part of a wide loop: compiled into each of its two forms, so that no vector is passed from one form to the other. */
#define INLINE static inline __attribute__((always_inline))

typedef double Pair __attribute__((vector_size(16)));
typedef float Eight __attribute__((vector_size(32)));
typedef int32_t EightIntegers __attribute__((vector_size(32)));
/* Eight floats wherever they lie in an array of floats. */
typedef float EightAnywhere __attribute__((vector_size(32), aligned(4), may_alias));

/* ---- arguments ---- */

/* A checked, C-contiguous view of a Python buffer: `format` is 'f', 'd', 'i' or 'q'. */
static inline int take_view(PyObject *object, Py_buffer *view, char format, int writable, const char *name)
{
    int flags = PyBUF_C_CONTIGUOUS | PyBUF_FORMAT | (writable ? PyBUF_WRITABLE : 0);
    if (PyObject_GetBuffer(object, view, flags) < 0)
        return -1;
    const char *given = view->format ? view->format : "B";
    Py_ssize_t size = format == 'f' || format == 'i' ? 4 : 8;
    /* NumPy calls its 64-bit integer 'l' or 'q', whichever of the two C types it took. */
    int fits = given[0] == format || (format == 'q' && given[0] == 'l');
    if (!fits || given[1] != '\0' || view->itemsize != size) {
        PyErr_Format(PyExc_ValueError, "%s: elements of type '%s', not '%c'", name, given, format);
        PyBuffer_Release(view);
        return -1;
    }
    return 0;
}

static inline Py_ssize_t length(const Py_buffer *view) { return view->len / view->itemsize; }

/* What take_views shall fetch. */
struct wanted {
    char format;
    int writable;
    const char *name;
};

static inline void release_views(Py_buffer *views, int count)
{
    while (count-- > 0)
        PyBuffer_Release(&views[count]);
}

static inline int take_views(PyObject *const *objects, const struct wanted *wanted, Py_buffer *views, int count)
{
    for (int i = 0; i < count; i++)
        if (take_view(objects[i], &views[i], wanted[i].format, wanted[i].writable, wanted[i].name) < 0) {
            release_views(views, i);
            return -1;
        }
    return 0;
}

static inline PyObject *refuse(Py_buffer *views, int count, const char *reason)
{
    release_views(views, count);
    PyErr_SetString(PyExc_ValueError, reason);
    return NULL;
}

/* ---- of the other files ---- */

PyObject *band_powers(PyObject *module, PyObject *args);
PyObject *levels(PyObject *module, PyObject *object);
PyObject *mix(PyObject *module, PyObject *args);
PyObject *octave(PyObject *module, PyObject *args);
PyObject *overlap(PyObject *module, PyObject *args);
PyObject *peaks(PyObject *module, PyObject *args);
PyObject *rises(PyObject *module, PyObject *args);
PyObject *shapes(PyObject *module, PyObject *args);
extern const char band_powers_doc[], levels_doc[], mix_doc[], octave_doc[], overlap_doc[], peaks_doc[], rises_doc[], shapes_doc[];

#endif
