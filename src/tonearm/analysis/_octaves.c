/*
 * Sums over samples, and means over the columns of the waveform, native. Sums are taken in the order in which NumPy takes them: eight sums side
 * by side over up to 128 numbers, halves of more one after the other. So both forms give the same bits.
 */
#include "_kernels.h"

enum { STRETCH = 128 };

WIDE static float sum_stretch(const float *in, Py_ssize_t count)
{
    float result = 0.0f;
    Py_ssize_t i = 0;
    if (count >= 8) {
        Eight sums = *(const EightAnywhere *)in;
        for (i = 8; i + 8 <= count; i += 8)
            sums += *(const EightAnywhere *)(in + i);
        result = ((sums[0] + sums[1]) + (sums[2] + sums[3])) + ((sums[4] + sums[5]) + (sums[6] + sums[7]));
    }
    for (; i < count; i++)
        result += in[i];
    return result;
}

static float sum_of(const float *in, Py_ssize_t count)
{
    if (count <= STRETCH)
        return sum_stretch(in, count);
    Py_ssize_t half = count / 2 / 8 * 8;
    return sum_of(in, half) + sum_of(in + half, count - half);
}

WIDE static void subtract_halved(const float *whole, const float *halved, Py_ssize_t count, float *out)
{
    for (Py_ssize_t i = 0; i < count; i++)
        out[i] = whole[2 * i] - halved[i];
}

WIDE static void square(const float *in, Py_ssize_t count, float *out)
{
    for (Py_ssize_t i = 0; i < count; i++)
        out[i] = in[i] * in[i];
}

WIDE static void multiply_doubled(const float *whole, const float *halved, Py_ssize_t count, float *out)
{
    for (Py_ssize_t i = 0; i < count; i++)
        out[i] = 2.0f * whole[2 * i] * halved[i];
}

/* The sum of squares of numbers, by halves as above, and the largest magnitude: its bits are ordered as it is. */
WIDE static float sum_squares_stretch(const float *in, Py_ssize_t count, int32_t *peak)
{
    float squares[STRETCH];
    int32_t most = *peak;
    for (Py_ssize_t i = 0; i < count; i++) {
        int32_t bits;
        memcpy(&bits, in + i, sizeof bits);
        bits &= INT32_C(0x7fffffff);
        most = bits > most ? bits : most;
        squares[i] = in[i] * in[i];
    }
    *peak = most;
    return sum_stretch(squares, count);
}

static float sum_squares(const float *in, Py_ssize_t count, int32_t *peak)
{
    if (count <= STRETCH)
        return sum_squares_stretch(in, count, peak);
    Py_ssize_t half = count / 2 / 8 * 8;
    float first = sum_squares(in, half, peak);
    return first + sum_squares(in + half, count - half, peak);
}

const char levels_doc[] = "levels(samples): see kernels_numpy.levels.";
PyObject *levels(PyObject *module, PyObject *object)
{
    (void)module;
    Py_buffer view;
    if (take_view(object, &view, 'f', 0, "samples") < 0)
        return NULL;
    int32_t bits = 0;
    float energy, peak;
    Py_BEGIN_ALLOW_THREADS
    energy = sum_squares(view.buf, length(&view), &bits);
    Py_END_ALLOW_THREADS
    memcpy(&peak, &bits, sizeof peak);
    PyBuffer_Release(&view);
    return Py_BuildValue("ff", peak, energy);
}

/* The mean of the channels of some frames; returns the sum of its squares. */
WIDE static float mix_stretch(const float *in, Py_ssize_t frames, Py_ssize_t channels, float *out)
{
    float share = 1.0f / (float)channels, squares[STRETCH];
    if (channels == 2) {
        for (Py_ssize_t i = 0; i < frames; i++)
            out[i] = (in[2 * i] + in[2 * i + 1]) * share;
    } else {
        for (Py_ssize_t i = 0; i < frames; i++) {
            float sum = in[i * channels];
            for (Py_ssize_t c = 1; c < channels; c++)
                sum += in[i * channels + c];
            out[i] = sum * share;
        }
    }
    for (Py_ssize_t i = 0; i < frames; i++)
        squares[i] = out[i] * out[i];
    return sum_stretch(squares, frames);
}

static float mix_frames(const float *in, Py_ssize_t frames, Py_ssize_t channels, float *out)
{
    if (frames <= STRETCH)
        return mix_stretch(in, frames, channels, out);
    Py_ssize_t half = frames / 2 / 8 * 8;
    float first = mix_frames(in, half, channels, out);
    return first + mix_frames(in + half * channels, frames - half, channels, out + half);
}

const char mix_doc[] = "mix(samples, channels, out): see kernels_numpy.mix.";
PyObject *mix(PyObject *module, PyObject *args)
{
    (void)module;
    static const struct wanted wanted[] = {{'f', 0, "samples"}, {'f', 1, "out"}};
    PyObject *objects[2];
    Py_buffer views[2];
    Py_ssize_t channels;
    float energy;
    if (!PyArg_ParseTuple(args, "OnO", &objects[0], &channels, &objects[1]))
        return NULL;
    if (take_views(objects, wanted, views, 2) < 0)
        return NULL;
    Py_ssize_t frames = length(&views[1]);
    if (channels < 1 || length(&views[0]) % channels || length(&views[0]) / channels != frames)
        return refuse(views, 2, "mix: one output a frame of samples");
    Py_BEGIN_ALLOW_THREADS
    energy = mix_frames(views[0].buf, frames, channels, views[1].buf);
    Py_END_ALLOW_THREADS
    release_views(views, 2);
    return PyFloat_FromDouble(energy);
}

/* The arguments of both functions that follow: two arrays of float32, the first of twice as many numbers, and one mean a column. */
struct octave {
    Py_buffer views[4];
    int held;
    Py_ssize_t count, columns;
    float share;
    float *room;
};

static int take_octave_arguments(PyObject *const *objects, int held, struct octave *octave)
{
    static const struct wanted wanted[] = {{'f', 0, "whole"}, {'f', 0, "halved"}, {'f', 1, "means"}, {'f', 1, "out"}};
    if (take_views(objects, wanted, octave->views, held) < 0)
        return -1;
    octave->held = held;
    octave->count = length(&octave->views[1]);
    octave->columns = length(&octave->views[2]);
    if (length(&octave->views[0]) / 2 != octave->count || length(&octave->views[0]) % 2 || octave->columns < 1
        || octave->count % octave->columns || !octave->count
        || (held > 3 && length(&octave->views[3]) != octave->count)) {
        refuse(octave->views, held, "octaves: twice as many numbers as at half the rate, and columns of equal length");
        return -1;
    }
    octave->share = (float)((double)octave->columns / (double)octave->count);
    octave->room = PyMem_Calloc((size_t)(octave->count / octave->columns), sizeof(float));
    if (!octave->room) {
        release_views(octave->views, held);
        PyErr_NoMemory();
        return -1;
    }
    return 0;
}

static PyObject *give_back(struct octave *octave)
{
    PyMem_Free(octave->room);
    release_views(octave->views, octave->held);
    Py_RETURN_NONE;
}

const char octave_doc[] = "octave(whole, halved, means, out): see kernels_numpy.octave.";
PyObject *octave(PyObject *module, PyObject *args)
{
    (void)module;
    PyObject *objects[4];
    struct octave given;
    if (!PyArg_ParseTuple(args, "OOOO", &objects[0], &objects[1], &objects[2], &objects[3]))
        return NULL;
    if (take_octave_arguments(objects, 4, &given) < 0)
        return NULL;
    float *means = given.views[2].buf, *out = given.views[3].buf;
    Py_ssize_t wide = given.count / given.columns;
    Py_BEGIN_ALLOW_THREADS
    subtract_halved(given.views[0].buf, given.views[1].buf, given.count, out);
    for (Py_ssize_t column = 0; column < given.columns; column++) {
        square(out + column * wide, wide, given.room);
        means[column] = sum_of(given.room, wide) * given.share;
    }
    Py_END_ALLOW_THREADS
    return give_back(&given);
}

const char overlap_doc[] = "overlap(whole, halved, means): see kernels_numpy.overlap.";
PyObject *overlap(PyObject *module, PyObject *args)
{
    (void)module;
    PyObject *objects[3];
    struct octave given;
    if (!PyArg_ParseTuple(args, "OOO", &objects[0], &objects[1], &objects[2]))
        return NULL;
    if (take_octave_arguments(objects, 3, &given) < 0)
        return NULL;
    const float *whole = given.views[0].buf, *halved = given.views[1].buf;
    float *means = given.views[2].buf;
    Py_ssize_t wide = given.count / given.columns;
    Py_BEGIN_ALLOW_THREADS
    for (Py_ssize_t column = 0; column < given.columns; column++) {
        multiply_doubled(whole + 2 * column * wide, halved + column * wide, wide, given.room);
        means[column] = sum_of(given.room, wide) * given.share;
    }
    Py_END_ALLOW_THREADS
    return give_back(&given);
}
