/*
 * Short-time power spectra summed to bands, native: window, Fourier transform and sums in one pass, for eight frames
 * side by side, which never leave the processor's cache.
 *
 * The transform of N real samples is one of M = N / 2 complex numbers, even samples as real and odd ones as imaginary
 * parts: decimation in frequency in place, by four and at the end, where M is no power of four, by two. Each lane goes
 * through the same operations in the same order, so that a frame's numbers do not depend on its neighbours.
 */
#include "_kernels.h"

enum { LANES = 8 };

#ifdef __clang__
#define PICK(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#else
#define PICK(a, b, ...) __builtin_shuffle(a, b, (EightIntegers){__VA_ARGS__})
#endif

/* The bins where a band's weights are not zero. */
struct extent {
    Py_ssize_t first, end;
};

/* What is needed for one size of transform, and for its bands. */
struct plan {
    Py_ssize_t size, hop, half, bins, columns; /* half = size / 2 = bins - 1 */
    const float *window;  /* size */
    const float *turns;   /* half pairs: cosine and sine of -2 pi t / half */
    const float *unpack;  /* half / 2 + 1 pairs: cosine and sine of -2 pi k / size */
    const float *weights; /* columns * bins */
    Py_ssize_t *place;    /* half: where the transform leaves its k-th number */
    struct extent *extents;
};

INLINE int any_of_eight(const float *weight)
{
    int any = 0;
    for (int i = 0; i < 8; i++)
        any |= weight[i] != 0.0f;
    return any;
}

WIDE static void find_extents(const struct plan *plan)
{
    for (Py_ssize_t column = 0; column < plan->columns; column++) {
        const float *weight = plan->weights + column * plan->bins;
        Py_ssize_t first = 0, end = plan->bins;
        while (end >= 8 && !any_of_eight(weight + end - 8))
            end -= 8;
        while (end > 0 && weight[end - 1] == 0.0f)
            end--;
        while (first + 8 <= end && !any_of_eight(weight + first))
            first += 8;
        while (first < end && weight[first] == 0.0f)
            first++;
        plan->extents[column] = (struct extent){first, end};
    }
}

/* The digits of k, by fours and at last by two, in reverse order. */
static void find_places(const struct plan *plan)
{
    for (Py_ssize_t k = 0; k < plan->half; k++) {
        Py_ssize_t place = 0, digits = k, span = plan->half;
        for (; span >= 4; span /= 4, digits /= 4)
            place += digits % 4 * (span / 4);
        plan->place[k] = place + digits;
    }
}

/* Row i of the result holds the i-th elements of all eight. */
INLINE void transpose(Eight *v)
{
    Eight a[8], b[8];
    for (int i = 0; i < 8; i += 2) {
        a[i] = PICK(v[i], v[i + 1], 0, 8, 1, 9, 4, 12, 5, 13);
        a[i + 1] = PICK(v[i], v[i + 1], 2, 10, 3, 11, 6, 14, 7, 15);
    }
    for (int i = 0; i < 8; i += 4) {
        b[i] = PICK(a[i], a[i + 2], 0, 1, 8, 9, 4, 5, 12, 13);
        b[i + 1] = PICK(a[i], a[i + 2], 2, 3, 10, 11, 6, 7, 14, 15);
        b[i + 2] = PICK(a[i + 1], a[i + 3], 0, 1, 8, 9, 4, 5, 12, 13);
        b[i + 3] = PICK(a[i + 1], a[i + 3], 2, 3, 10, 11, 6, 7, 14, 15);
    }
    for (int i = 0; i < 4; i++) {
        v[i] = PICK(b[i], b[i + 4], 0, 1, 2, 3, 8, 9, 10, 11);
        v[i + 4] = PICK(b[i], b[i + 4], 4, 5, 6, 7, 12, 13, 14, 15);
    }
}

/* Eight frames times half the window, lane by lane: z holds pairs of a real and an imaginary part. */
INLINE void take_frames(const struct plan *plan, const float *const *frames, Eight *z)
{
    for (Py_ssize_t i = 0; i < plan->size; i += 8) {
        Eight v[8];
        for (int lane = 0; lane < LANES; lane++)
            v[lane] = *(const EightAnywhere *)(frames[lane] + i);
        transpose(v);
        for (int j = 0; j < 8; j++)
            z[i + j] = v[j] * (0.5f * plan->window[i + j]);
    }
}

/* One butterfly by four over numbers `step` apart. */
INLINE void by_four(Eight *z, Py_ssize_t step, const float *w1, const float *w2, const float *w3)
{
    Eight *a = z, *b = z + 2 * step, *c = z + 4 * step, *d = z + 6 * step;
    Eight sum_r = a[0] + c[0], sum_i = a[1] + c[1], off_r = a[0] - c[0], off_i = a[1] - c[1];
    Eight also_r = b[0] + d[0], also_i = b[1] + d[1], turn_r = b[1] - d[1], turn_i = d[0] - b[0];
    Eight r1 = off_r + turn_r, i1 = off_i + turn_i, r3 = off_r - turn_r, i3 = off_i - turn_i;
    Eight r2 = sum_r - also_r, i2 = sum_i - also_i;
    a[0] = sum_r + also_r;
    a[1] = sum_i + also_i;
    b[0] = r1 * w1[0] - i1 * w1[1];
    b[1] = r1 * w1[1] + i1 * w1[0];
    c[0] = r2 * w2[0] - i2 * w2[1];
    c[1] = r2 * w2[1] + i2 * w2[0];
    d[0] = r3 * w3[0] - i3 * w3[1];
    d[1] = r3 * w3[1] + i3 * w3[0];
}

INLINE void transform(const struct plan *plan, Eight *z)
{
    Py_ssize_t half = plan->half, span = half;
    for (; span >= 4; span /= 4) {
        Py_ssize_t step = span / 4, stride = 2 * (half / span);
        for (Py_ssize_t start = 0; start < half; start += span)
            for (Py_ssize_t j = 0; j < step; j++) {
                const float *w = plan->turns + j * stride;
                by_four(z + 2 * (start + j), step, w, plan->turns + 2 * j * stride, plan->turns + 3 * j * stride);
            }
    }
    if (span == 2)
        for (Py_ssize_t start = 0; start < 2 * half; start += 4) {
            Eight r = z[start], i = z[start + 1];
            z[start] = r + z[start + 2];
            z[start + 1] = i + z[start + 3];
            z[start + 2] = r - z[start + 2];
            z[start + 3] = i - z[start + 3];
        }
}

/* The power of every bin from the transform of the even and odd samples. */
INLINE void unpack_power(const struct plan *plan, const Eight *z, Eight *power)
{
    Py_ssize_t half = plan->half;
    Eight low = 2.0f * (z[0] + z[1]), high = 2.0f * (z[0] - z[1]);
    power[0] = low * low;
    power[half] = high * high;
    for (Py_ssize_t k = 1; k <= half / 2; k++) {
        const Eight *a = z + 2 * plan->place[k], *b = z + 2 * plan->place[half - k];
        float cosine = plan->unpack[2 * k], sine = plan->unpack[2 * k + 1];
        Eight even_r = a[0] + b[0], even_i = a[1] - b[1], odd_r = a[1] + b[1], odd_i = b[0] - a[0];
        Eight r = odd_r * cosine - odd_i * sine, i = odd_r * sine + odd_i * cosine;
        Eight r1 = even_r + r, i1 = even_i + i, r2 = even_r - r, i2 = even_i - i;
        power[k] = r1 * r1 + i1 * i1;
        power[half - k] = r2 * r2 + i2 * i2;
    }
}

/* A band's sum in every lane: four sums side by side, as each addition waits for the one before. */
INLINE Eight sum_band(const float *weight, const struct extent *extent, const Eight *power)
{
    Eight sums[4] = {{0}, {0}, {0}, {0}};
    Py_ssize_t bin = extent->first, end = extent->end;
    for (; bin + 4 <= end; bin += 4)
        for (int i = 0; i < 4; i++)
            sums[i] += weight[bin + i] * power[bin + i];
    for (; bin < end; bin++)
        sums[0] += weight[bin] * power[bin];
    return (sums[0] + sums[1]) + (sums[2] + sums[3]);
}

/* z: room for `size` and power: for `bins` groups of eight. */
WIDE static void sum_bands(const float *samples, Py_ssize_t count, const struct plan *plan, Eight *z, Eight *power,
                           float *out)
{
    for (Py_ssize_t start = 0; start < count; start += LANES, out += LANES * plan->columns) {
        Py_ssize_t lanes = count - start < LANES ? count - start : LANES;
        const float *frames[LANES];
        for (Py_ssize_t lane = 0; lane < LANES; lane++)
            frames[lane] = samples + (start + (lane < lanes ? lane : lanes - 1)) * plan->hop;
        take_frames(plan, frames, z);
        transform(plan, z);
        unpack_power(plan, z, power);
        for (Py_ssize_t column = 0; column < plan->columns; column++) {
            Eight sum = sum_band(plan->weights + column * plan->bins, &plan->extents[column], power);
            for (Py_ssize_t lane = 0; lane < lanes; lane++)
                out[lane * plan->columns + column] = sum[lane];
        }
    }
}

/* NULL, or what does not fit together. */
static const char *check_plan(const Py_buffer *views, Py_ssize_t hop)
{
    Py_ssize_t size = length(&views[1]), half = size / 2, bins = half + 1;
    if (size < 16 || size & (size - 1) || hop < 1)
        return "band_powers: a size that is a power of two from 16 on";
    if (length(&views[2]) != 2 * half || length(&views[3]) != 2 * (half / 2 + 1))
        return "band_powers: tables for the size of the window";
    Py_ssize_t columns = length(&views[4]) / bins;
    if (columns < 1 || length(&views[4]) % bins || length(&views[5]) % columns)
        return "band_powers: whole rows of bins and of bands";
    Py_ssize_t count = length(&views[5]) / columns, samples = length(&views[0]);
    if (count && (samples < size || (samples - size) / hop < count - 1))
        return "band_powers: too few samples for so many frames";
    return NULL;
}

const char band_powers_doc[] =
    "band_powers(samples, hop, window, turns, unpack, weights, out): see kernels_numpy.band_powers.";
PyObject *band_powers(PyObject *module, PyObject *args)
{
    (void)module;
    static const struct wanted wanted[] = {{'f', 0, "samples"}, {'f', 0, "window"},  {'f', 0, "turns"},
                                           {'f', 0, "unpack"},  {'f', 0, "weights"}, {'f', 1, "out"}};
    enum { COUNT = sizeof wanted / sizeof *wanted };
    PyObject *objects[COUNT];
    Py_buffer views[COUNT];
    Py_ssize_t hop;
    if (!PyArg_ParseTuple(args, "OnOOOOO", &objects[0], &hop, &objects[1], &objects[2], &objects[3], &objects[4],
                          &objects[5]))
        return NULL;
    if (take_views(objects, wanted, views, COUNT) < 0)
        return NULL;
    const char *wrong = check_plan(views, hop);
    if (wrong)
        return refuse(views, COUNT, wrong);
    Py_ssize_t size = length(&views[1]), bins = size / 2 + 1, columns = length(&views[4]) / bins;
    struct plan plan = {size,         hop,          size / 2,     bins, columns, views[1].buf, views[2].buf,
                        views[3].buf, views[4].buf, NULL, NULL};
    plan.place = PyMem_Calloc((size_t)plan.half, sizeof *plan.place);
    plan.extents = PyMem_Calloc((size_t)columns, sizeof *plan.extents);
    char *room = PyMem_Malloc((size_t)(size + bins + 1) * sizeof(Eight));
    if (plan.place && plan.extents && room) {
        Eight *z = (Eight *)(((uintptr_t)room + sizeof(Eight) - 1) / sizeof(Eight) * sizeof(Eight));
        Py_BEGIN_ALLOW_THREADS
        find_places(&plan);
        find_extents(&plan);
        sum_bands(views[0].buf, length(&views[5]) / columns, &plan, z, z + size, views[5].buf);
        Py_END_ALLOW_THREADS
    } else {
        PyErr_NoMemory();
    }
    PyMem_Free(plan.place);
    PyMem_Free(plan.extents);
    PyMem_Free(room);
    release_views(views, COUNT);
    if (PyErr_Occurred())
        return NULL;
    Py_RETURN_NONE;
}
