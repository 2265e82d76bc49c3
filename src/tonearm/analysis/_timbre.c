/*
 * The timbre of single frames, native. Sums over bands are taken in the order in which NumPy takes them: eight sums side
 * by side, added up in pairs at the end. So both forms give the same bits.
 */
#include "_kernels.h"

#include <math.h>

enum { TABLES = 5, SUMS = 6 };

INLINE float total(Eight sums)
{
    return ((sums[0] + sums[1]) + (sums[2] + sums[3])) + ((sums[4] + sums[5]) + (sums[6] + sums[7]));
}

INLINE Eight load(const float *from) { return *(const EightAnywhere *)from; }

/* amplitude: `lag` rows that came before, then room for `rows`. */
WIDE static void sum_rises(const float *mel, Py_ssize_t rows, Py_ssize_t bands, Py_ssize_t lag, float *amplitude,
                           float *out)
{
    float *now = amplitude + lag * bands;
    for (Py_ssize_t i = 0; i < rows * bands; i++)
        now[i] = sqrtf(mel[i]);
    for (Py_ssize_t row = 0; row < rows; row++, now += bands, amplitude += bands) {
        Eight risen = {0}, all = {0};
        for (Py_ssize_t band = 0; band < bands; band += 8) {
            Eight rise = load(now + band) - load(amplitude + band);
            risen += (Eight)((EightIntegers)rise & (rise > 0.0f));
            all += load(now + band);
        }
        out[2 * row] = total(risen);
        out[2 * row + 1] = total(all);
    }
}

const char rises_doc[] = "rises(mel, bands, amplitude, out): see kernels_numpy.rises.";
PyObject *rises(PyObject *module, PyObject *args)
{
    (void)module;
    static const struct wanted wanted[] = {{'f', 0, "mel"}, {'f', 1, "amplitude"}, {'f', 1, "out"}};
    PyObject *objects[3];
    Py_buffer views[3];
    Py_ssize_t bands;
    if (!PyArg_ParseTuple(args, "OnOO", &objects[0], &bands, &objects[1], &objects[2]))
        return NULL;
    if (take_views(objects, wanted, views, 3) < 0)
        return NULL;
    Py_ssize_t rows = length(&views[2]) / 2;
    if (bands < 8 || bands % 8 || length(&views[0]) % bands || length(&views[0]) / bands != rows
        || length(&views[2]) % 2)
        return refuse(views, 3, "rises: whole rows of eight, sixteen, … bands, two sums a row");
    if (length(&views[1]) % bands || length(&views[1]) / bands < rows)
        return refuse(views, 3, "rises: room for the amplitudes of all rows");
    Py_BEGIN_ALLOW_THREADS
    sum_rises(views[0].buf, rows, bands, length(&views[1]) / bands - rows, views[1].buf, views[2].buf);
    Py_END_ALLOW_THREADS
    release_views(views, 3);
    Py_RETURN_NONE;
}

/* The frequency below which lies that share of the power; `below` is room for the sums up to each band. */
static inline float rolloff(const float *power, const float *width, const float *lower, Py_ssize_t bands, float share,
                            float *below)
{
    float sum = 0.0f;
    for (Py_ssize_t band = 0; band < bands; band++)
        below[band] = sum = band ? sum + power[band] : power[band];
    float wanted = share * sum;
    Py_ssize_t found = 0;
    for (Py_ssize_t band = 0; band < bands; band++)
        found += below[band] < wanted;
    found = found < bands ? found : bands - 1;
    float least = power[found] > 1e-20f ? power[found] : 1e-20f;
    return lower[found] + (1.0f - (below[found] - wanted) / least) * width[found];
}

/* The product of the bands' shares of their mean, none taken as less than the floor. */
static inline double product(const float *mel, Py_ssize_t bands, float mean, float floor, float *shares)
{
    double result = 1.0;
    for (Py_ssize_t band = 0; band < bands; band++) {
        float share = mel[band] / mean;
        shares[band] = share > floor ? share : floor;
    }
    for (Py_ssize_t band = 0; band < bands; band++)
        result *= (double)shares[band];
    return result;
}

/* tables: width, centre, its square, lower edge and bright width of each band. limits: the share of the roll-off, and
 * the floor of the flatness. room: for two rows. */
WIDE static void sum_shapes(const float *mel, const float *amplitude, Py_ssize_t rows, Py_ssize_t bands,
                            const float *tables, const float *limits, float *room, float *out, double *products)
{
    const float *width = tables, *centre = tables + bands, *square = tables + 2 * bands;
    const float *lower = tables + 3 * bands, *bright = tables + 4 * bands;
    for (Py_ssize_t row = 0; row < rows; row++, mel += bands, amplitude += bands, out += SUMS) {
        Eight sums[6] = {{0}, {0}, {0}, {0}, {0}, {0}};
        for (Py_ssize_t band = 0; band < bands; band += 8) {
            Eight power = load(mel + band) * load(width + band), loud = load(amplitude + band);
            *(EightAnywhere *)(room + band) = power;
            sums[0] += power;
            sums[1] += power * load(centre + band);
            sums[2] += power * load(square + band);
            sums[3] += loud * load(bright + band);
            sums[4] += loud * load(width + band);
            sums[5] += load(mel + band);
        }
        for (int i = 0; i < 5; i++)
            out[i] = total(sums[i]);
        out[5] = rolloff(room, width, lower, bands, limits[0], room + bands);
        float mean = total(sums[5]) / (float)bands;
        products[row] = product(mel, bands, mean > 1e-20f ? mean : 1e-20f, limits[1], room);
    }
}

const char shapes_doc[] = "shapes(mel, amplitude, tables, limits, out, products): see kernels_numpy.shapes.";
PyObject *shapes(PyObject *module, PyObject *args)
{
    (void)module;
    static const struct wanted wanted[] = {{'f', 0, "mel"},    {'f', 0, "amplitude"}, {'f', 0, "tables"},
                                           {'f', 0, "limits"}, {'f', 1, "out"},       {'d', 1, "products"}};
    PyObject *objects[6];
    Py_buffer views[6];
    if (!PyArg_ParseTuple(args, "OOOOOO", &objects[0], &objects[1], &objects[2], &objects[3], &objects[4],
                          &objects[5]))
        return NULL;
    if (take_views(objects, wanted, views, 6) < 0)
        return NULL;
    Py_ssize_t bands = length(&views[2]) / TABLES, rows = length(&views[5]);
    if (bands < 8 || bands % 8 || length(&views[2]) % TABLES || length(&views[3]) != 2)
        return refuse(views, 6, "shapes: five tables for eight, sixteen, … bands, two limits");
    if (length(&views[0]) % bands || length(&views[0]) / bands != rows || length(&views[1]) != length(&views[0])
        || length(&views[4]) % SUMS || length(&views[4]) / SUMS != rows)
        return refuse(views, 6, "shapes: whole rows of bands, six sums and a product for each");
    float *room = PyMem_Calloc((size_t)(2 * bands), sizeof *room);
    if (room) {
        Py_BEGIN_ALLOW_THREADS
        sum_shapes(views[0].buf, views[1].buf, rows, bands, views[2].buf, views[3].buf, room, views[4].buf,
                   views[5].buf);
        Py_END_ALLOW_THREADS
    } else {
        PyErr_NoMemory();
    }
    PyMem_Free(room);
    release_views(views, 6);
    if (PyErr_Occurred())
        return NULL;
    Py_RETURN_NONE;
}
