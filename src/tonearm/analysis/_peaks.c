/*
 * The peaks of amplitude spectra, native, with the same bits as in NumPy.
 */
#include "_kernels.h"

#include <math.h>

/* The amplitudes of a spectrum, and the largest but for the outermost. The magnitudes of floats are ordered as their
 * bits are; integers have a maximum that every vector unit knows. */
WIDE static float find_amplitudes(const float *spectrum, Py_ssize_t count, float *amplitude)
{
    int32_t most = 0;
    for (Py_ssize_t bin = 0; bin < count; bin++)
        amplitude[bin] = sqrtf(spectrum[2 * bin] * spectrum[2 * bin] + spectrum[2 * bin + 1] * spectrum[2 * bin + 1]);
    for (Py_ssize_t bin = 1; bin < count - 1; bin++) {
        int32_t bits;
        memcpy(&bits, amplitude + bin, sizeof bits);
        most = bits > most ? bits : most;
    }
    float strongest;
    memcpy(&strongest, &most, sizeof strongest);
    return strongest;
}

/* The inner bins that are peaks, without a branch that no processor could foresee; `place` has room for all bins. */
static Py_ssize_t find_places(const float *amplitude, Py_ssize_t count, float floor, int32_t *place)
{
    Py_ssize_t found = 0;
    for (Py_ssize_t bin = 1; bin < count - 1; bin++) {
        float here = amplitude[bin];
        place[found] = (int32_t)bin;
        found += (here > amplitude[bin - 1]) & (here >= amplitude[bin + 1]) & (here >= floor);
    }
    return found;
}

const char peaks_doc[] = "peaks(spectra, bins, floors, place, around, number, strongest): see kernels_numpy.peaks.";
PyObject *peaks(PyObject *module, PyObject *args)
{
    (void)module;
    static const struct wanted wanted[] = {{'f', 0, "spectra"}, {'f', 0, "floors"}, {'i', 1, "place"},
                                           {'f', 1, "around"},  {'i', 1, "number"}, {'f', 1, "strongest"}};
    PyObject *objects[6];
    Py_buffer views[6];
    Py_ssize_t bins, first, count;
    if (!PyArg_ParseTuple(args, "OnnnOOOOO", &objects[0], &bins, &first, &count, &objects[1], &objects[2], &objects[3],
                          &objects[4], &objects[5]))
        return NULL;
    if (take_views(objects, wanted, views, 6) < 0)
        return NULL;
    Py_ssize_t rows = length(&views[5]), most = length(&views[2]);
    if (bins < 3 || bins > INT32_MAX || length(&views[0]) % 2 || length(&views[0]) / 2 % bins
        || length(&views[0]) / 2 / bins != rows || length(&views[4]) != rows)
        return refuse(views, 6, "peaks: whole rows of bins, a number and a strongest for each");
    if (first < 0 || count < 3 || count > bins || first > bins - count || length(&views[1]) != 2)
        return refuse(views, 6, "peaks: three bins and more inside the rows, two floors");
    if (most / (count / 2) < rows || length(&views[3]) / 3 != most || length(&views[3]) % 3)
        return refuse(views, 6, "peaks: room for as many peaks as there can be");
    float *amplitude = PyMem_Calloc((size_t)count, sizeof *amplitude);
    int32_t *places = PyMem_Calloc((size_t)count, sizeof *places);
    Py_ssize_t found = 0;
    if (amplitude && places) {
        const float *spectrum = (const float *)views[0].buf + 2 * first;
        float relative = ((const float *)views[1].buf)[0], absolute = ((const float *)views[1].buf)[1];
        int32_t *place = views[2].buf, *number = views[4].buf;
        float *around = views[3].buf, *strongest = views[5].buf;
        Py_BEGIN_ALLOW_THREADS
        for (Py_ssize_t row = 0; row < rows; row++, spectrum += 2 * bins) {
            float most_here = find_amplitudes(spectrum, count, amplitude), floor = most_here * relative;
            floor = floor > absolute ? floor : absolute;
            Py_ssize_t here = find_places(amplitude, count, floor, places);
            strongest[row] = most_here;
            number[row] = (int32_t)here;
            memcpy(place + found, places, (size_t)here * sizeof *places);
            for (Py_ssize_t i = 0; i < here; i++, found++)
                memcpy(around + 3 * found, amplitude + places[i] - 1, 3 * sizeof *around);
        }
        Py_END_ALLOW_THREADS
    } else {
        PyErr_NoMemory();
    }
    PyMem_Free(amplitude);
    PyMem_Free(places);
    release_views(views, 6);
    return PyErr_Occurred() ? NULL : PyLong_FromSsize_t(found);
}
