/*
 * The inner loops of the analysis, native.
 *
 * kernels_numpy.py holds the same functions in NumPy and says what each of them computes; the two forms give
 * the same numbers. Nothing here depends on the width of the machine's vectors: every sum is added up in one
 * fixed order, and multiplications are never fused with additions (-ffp-contract=off), so that a file gives
 * the same numbers on every machine.
 *
 * Arrays come through the buffer protocol, C-contiguous. Every function checks the element type and all lengths
 * before it touches a sample and raises ValueError where they do not fit together; the GIL is released only
 * around loops over checked arrays. Written from the standards and papers that kernels_numpy.py names.
 */
#include "_kernels.h"

/* ---- half-band filter ---- */

enum { HALF_TAPS = 8, HALF_REACH = 2 * HALF_TAPS - 1, HALF_STRETCH = 1024 };

/* `in` has 2 * count + 2 * HALF_REACH - 1 samples at least. Even and odd samples are first parted into short
 * arrays, which lets the filter's loop run on neighbours. */
WIDE static void halve_stretches(const float *in, const float *taps, float *out, Py_ssize_t count)
{
    float even[HALF_STRETCH + HALF_REACH], odd[HALF_STRETCH + HALF_TAPS - 1];
    for (Py_ssize_t start = 0; start < count; start += HALF_STRETCH) {
        Py_ssize_t m = count - start < HALF_STRETCH ? count - start : HALF_STRETCH;
        const float *from = in + 2 * start;
        for (Py_ssize_t i = 0; i < m + HALF_REACH; i++)
            even[i] = from[2 * i];
        for (Py_ssize_t i = 0; i < m + HALF_TAPS - 1; i++)
            odd[i] = from[2 * i + 1];
        for (Py_ssize_t i = 0; i < m; i++) {
            float sum = odd[HALF_TAPS - 1 + i] * taps[HALF_TAPS];
            for (int k = 0; k < HALF_TAPS; k++)
                sum += taps[k] * (even[HALF_TAPS + k + i] + even[HALF_TAPS - 1 - k + i]);
            out[start + i] = sum;
        }
    }
}

PyDoc_STRVAR(halve_doc, "halve(samples, taps, out): see kernels_numpy.halve.");
static PyObject *halve(PyObject *module, PyObject *args)
{
    (void)module;
    static const struct wanted wanted[] = {{'f', 0, "samples"}, {'f', 0, "taps"}, {'f', 1, "out"}};
    PyObject *objects[3];
    Py_buffer views[3];
    if (!PyArg_ParseTuple(args, "OOO", &objects[0], &objects[1], &objects[2]))
        return NULL;
    if (take_views(objects, wanted, views, 3) < 0)
        return NULL;
    Py_ssize_t count = length(&views[2]);
    if (length(&views[1]) != HALF_TAPS + 1)
        return refuse(views, 3, "halve: eight side taps and the centre tap");
    if (count > 0 && (length(&views[0]) - (2 * HALF_REACH - 1)) / 2 < count)
        return refuse(views, 3, "halve: too few samples for so many outputs");
    Py_BEGIN_ALLOW_THREADS
    halve_stretches(views[0].buf, views[1].buf, views[2].buf, count);
    Py_END_ALLOW_THREADS
    release_views(views, 3);
    Py_RETURN_NONE;
}

/* ---- K-weighting ---- */

typedef double Four __attribute__((vector_size(32)));

/* Samples that the second biquad is behind the first one where both run side by side, so that neither has to wait. */
enum { BEHIND = 3 };

/* One of the two biquads, its numbers in both lanes. The state is advanced from the input and the old state alone
 * rather than from the output, which halves the chain of operations that each sample has to wait for. */
struct biquad {
    Pair gain, from1, from2, back1, back2, s1, s2;
};

static struct biquad biquad_of(const double *k, const Pair *state)
{
    double from1 = k[1] - k[3] * k[0], from2 = k[2] - k[4] * k[0];
    return (struct biquad){{k[0], k[0]}, {from1, from1}, {from2, from2}, {k[3], k[3]}, {k[4], k[4]}, state[0],
                           state[1]};
}

static inline Pair filtered(Pair x, struct biquad *q)
{
    Pair y = q->gain * x + q->s1;
    Pair next = (q->from1 * x + q->s2) - q->back1 * q->s1;
    q->s2 = q->from2 * x - q->back2 * q->s1;
    q->s1 = next;
    return y;
}

INLINE Four joined(Pair lower, Pair upper) { return (Four){lower[0], lower[1], upper[0], upper[1]}; }
INLINE Pair lower_of(Four both) { return (Pair){both[0], both[1]}; }
INLINE Pair upper_of(Four both) { return (Pair){both[2], both[3]}; }

/* `count` samples through the first biquad while the second one takes those of `waiting` and what follows them. */
WIDE static void filter_both(const float *in, Py_ssize_t count, Py_ssize_t step, Py_ssize_t other, struct biquad *one,
                             struct biquad *two, Pair *waiting, Pair *energy)
{
    Four gain = joined(one->gain, two->gain), from1 = joined(one->from1, two->from1);
    Four from2 = joined(one->from2, two->from2), back1 = joined(one->back1, two->back1);
    Four back2 = joined(one->back2, two->back2), s1 = joined(one->s1, two->s1), s2 = joined(one->s2, two->s2);
    Pair first = waiting[0], second = waiting[1], third = waiting[2];
    Four sum = joined(*energy, *energy);
    for (Py_ssize_t i = 0; i < count; i++, in += step) {
        Four x = joined((Pair){in[0], in[other]}, first);
        Four y = gain * x + s1;
        Four next = (from1 * x + s2) - back1 * s1;
        s2 = from2 * x - back2 * s1;
        s1 = next;
        sum += y * y;
        first = second, second = third, third = lower_of(y);
    }
    waiting[0] = first, waiting[1] = second, waiting[2] = third;
    one->s1 = lower_of(s1), one->s2 = lower_of(s2), two->s1 = upper_of(s1), two->s2 = upper_of(s2);
    *energy = upper_of(sum);
}

/* Two channels through both biquads, state[0..1] that of the first, state[2..3] that of the second. */
static Pair weigh_pair(const float *in, Py_ssize_t frames, Py_ssize_t step, Py_ssize_t other, const double *k,
                       Pair *state)
{
    struct biquad one = biquad_of(k, state), two = biquad_of(k + 5, state + 2);
    Py_ssize_t ahead = frames < BEHIND ? frames : BEHIND;
    Pair waiting[BEHIND], energy = {0.0, 0.0};
    for (Py_ssize_t i = 0; i < ahead; i++, in += step)
        waiting[i] = filtered((Pair){in[0], in[other]}, &one);
    if (frames > ahead)
        filter_both(in, frames - ahead, step, other, &one, &two, waiting, &energy);
    for (Py_ssize_t i = 0; i < ahead; i++) {
        Pair z = filtered(waiting[i], &two);
        energy += z * z;
    }
    state[0] = one.s1, state[1] = one.s2, state[2] = two.s1, state[3] = two.s2;
    return energy;
}

/* In digital silence a decaying state would become subnormal, and a processor a hundred times slower. */
static double settle(double value) { return value < 1e-30 && value > -1e-30 ? 0.0 : value; }

/* One or two channels from the first step to the last; a lone channel rides in both lanes. */
static void weigh_lanes(const float *in, Py_ssize_t step, int lanes, const double *k, double *state,
                        const int64_t *ends, Py_ssize_t count, double *energy)
{
    double *second = state + (lanes - 1) * 4;
    Pair s[4];
    for (int i = 0; i < 4; i++)
        s[i] = (Pair){state[i], second[i]};
    Py_ssize_t start = 0;
    for (Py_ssize_t i = 0; i < count; i++) {
        Pair sum = weigh_pair(in + start * step, (Py_ssize_t)ends[i] - start, step, lanes - 1, k, s);
        start = (Py_ssize_t)ends[i];
        energy[i * step] = sum[0];
        energy[i * step + lanes - 1] = sum[lanes - 1];
        for (int j = 0; j < 4; j++)
            s[j] = (Pair){settle(s[j][0]), settle(s[j][1])};
    }
    for (int i = 0; i < 4; i++) {
        state[i] = s[i][0];
        second[i] = s[i][lanes - 1];
    }
}

/* A private copy of the ends, which no other thread can change between check and use, or NULL with an error. */
static int64_t *checked_ends(const Py_buffer *view, Py_ssize_t frames)
{
    int64_t *ends = PyMem_Malloc(view->len ? (size_t)view->len : 1), last = 0;
    if (!ends)
        return (int64_t *)PyErr_NoMemory();
    memcpy(ends, view->buf, (size_t)view->len);
    for (Py_ssize_t i = 0; i < length(view); i++) {
        if (ends[i] < last || ends[i] > frames) {
            PyMem_Free(ends);
            PyErr_SetString(PyExc_ValueError, "weigh: ends rise and lie inside the samples");
            return NULL;
        }
        last = ends[i];
    }
    return ends;
}

PyDoc_STRVAR(weigh_doc, "weigh(samples, channels, coefficients, state, ends, energy): see kernels_numpy.weigh.");
static PyObject *weigh(PyObject *module, PyObject *args)
{
    (void)module;
    static const struct wanted wanted[] = {
        {'f', 0, "samples"}, {'d', 0, "coefficients"}, {'d', 1, "state"}, {'q', 0, "ends"}, {'d', 1, "energy"}};
    PyObject *objects[5];
    Py_buffer views[5];
    Py_ssize_t channels;
    if (!PyArg_ParseTuple(args, "OnOOOO", &objects[0], &channels, &objects[1], &objects[2], &objects[3],
                          &objects[4]))
        return NULL;
    if (take_views(objects, wanted, views, 5) < 0)
        return NULL;
    Py_ssize_t count = length(&views[3]);
    if (channels < 1 || length(&views[0]) % channels)
        return refuse(views, 5, "weigh: samples are whole frames");
    if (length(&views[1]) != 10 || length(&views[2]) % 4 || length(&views[2]) / 4 != channels)
        return refuse(views, 5, "weigh: ten coefficients, four states a channel");
    if (length(&views[4]) % channels || length(&views[4]) / channels != count)
        return refuse(views, 5, "weigh: one energy a step and channel");
    int64_t *ends = checked_ends(&views[3], length(&views[0]) / channels);
    if (!ends) {
        release_views(views, 5);
        return NULL;
    }
    Py_BEGIN_ALLOW_THREADS
    for (Py_ssize_t c = 0; c < channels; c += 2)
        weigh_lanes((const float *)views[0].buf + c, channels, channels - c > 1 ? 2 : 1, views[1].buf,
                    (double *)views[2].buf + 4 * c, ends, count, (double *)views[4].buf + c);
    Py_END_ALLOW_THREADS
    PyMem_Free(ends);
    release_views(views, 5);
    Py_RETURN_NONE;
}

/* ---- peaks ---- */

enum { PHASES = 3, PHASE_TAPS = 24, PEAK_STRETCH = 256 };

/* The magnitudes of floats are ordered as their bits are; integers have a maximum that every vector unit knows. */
static int32_t magnitude_bits(float value)
{
    int32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits & INT32_C(0x7fffffff);
}

static float from_bits(int32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static float larger(float a, float b) { return a > b ? a : b; }

WIDE static float loudest(const float *in, Py_ssize_t count)
{
    int32_t most = 0;
    for (Py_ssize_t i = 0; i < count; i++) {
        int32_t bits = magnitude_bits(in[i]);
        most = bits > most ? bits : most;
    }
    return from_bits(most);
}

/* The largest second difference over three neighbours in time; reads in[0] to in[count + 2 * step - 1]. */
WIDE static float sharpest(const float *in, Py_ssize_t count, Py_ssize_t step)
{
    int32_t most = 0;
    for (Py_ssize_t i = 0; i < count; i++) {
        int32_t bits = magnitude_bits((in[i] - 2.0f * in[i + step]) + in[i + 2 * step]);
        most = bits > most ? bits : most;
    }
    return from_bits(most);
}

/* The loudest of `count` windows in all phases; reads in[0] to in[count + (PHASE_TAPS - 1) * step - 1]. */
WIDE static float interpolate(const float *in, Py_ssize_t count, Py_ssize_t step, const float *taps)
{
    float sums[PHASES][PEAK_STRETCH];
    int32_t most = 0;
    Py_ssize_t wide = count / 8 * 8;
    for (Py_ssize_t i = 0; i < wide; i += 8) {
        Eight a = {0}, b = {0}, c = {0};
        for (int k = 0; k < PHASE_TAPS; k++) {
            Eight x = *(const EightAnywhere *)(in + i + k * step);
            a += taps[k] * x;
            b += taps[PHASE_TAPS + k] * x;
            c += taps[2 * PHASE_TAPS + k] * x;
        }
        memcpy(&sums[0][i], &a, sizeof a);
        memcpy(&sums[1][i], &b, sizeof b);
        memcpy(&sums[2][i], &c, sizeof c);
    }
    for (Py_ssize_t i = wide; i < count; i++)
        for (int phase = 0; phase < PHASES; phase++) {
            float sum = 0.0f;
            for (int k = 0; k < PHASE_TAPS; k++)
                sum += taps[phase * PHASE_TAPS + k] * in[i + k * step];
            sums[phase][i] = sum;
        }
    for (int phase = 0; phase < PHASES; phase++)
        for (Py_ssize_t i = 0; i < count; i++) {
            int32_t bits = magnitude_bits(sums[phase][i]);
            most = bits > most ? bits : most;
        }
    return from_bits(most);
}

PyDoc_STRVAR(sample_peak_doc, "sample_peak(samples): see kernels_numpy.sample_peak.");
static PyObject *sample_peak(PyObject *module, PyObject *object)
{
    (void)module;
    Py_buffer view;
    float peak;
    if (take_view(object, &view, 'f', 0, "samples") < 0)
        return NULL;
    Py_BEGIN_ALLOW_THREADS
    peak = loudest(view.buf, length(&view));
    Py_END_ALLOW_THREADS
    PyBuffer_Release(&view);
    return PyFloat_FromDouble(peak);
}

PyDoc_STRVAR(true_peak_doc, "true_peak(samples, channels, taps, bounds, peak): see kernels_numpy.true_peak.");
static PyObject *true_peak(PyObject *module, PyObject *args)
{
    (void)module;
    static const struct wanted wanted[] = {{'f', 0, "samples"}, {'f', 0, "taps"}, {'f', 0, "bounds"}};
    PyObject *objects[3];
    Py_buffer views[3];
    Py_ssize_t channels;
    float peak;
    if (!PyArg_ParseTuple(args, "OnOOf", &objects[0], &channels, &objects[1], &objects[2], &peak))
        return NULL;
    if (take_views(objects, wanted, views, 3) < 0)
        return NULL;
    if (channels < 1 || length(&views[0]) % channels)
        return refuse(views, 3, "true_peak: samples are whole frames");
    if (length(&views[1]) != PHASES * PHASE_TAPS || length(&views[2]) != 2)
        return refuse(views, 3, "true_peak: three phases of 24 taps, two bounds");
    Py_ssize_t frames = length(&views[0]) / channels;
    Py_ssize_t windows = frames < PHASE_TAPS ? 0 : (frames - PHASE_TAPS + 1) * channels;
    const float *in = views[0].buf, *taps = views[1].buf, *bounds = views[2].buf;
    Py_BEGIN_ALLOW_THREADS
    for (Py_ssize_t start = 0; start < windows; start += PEAK_STRETCH) {
        Py_ssize_t count = windows - start < PEAK_STRETCH ? windows - start : PEAK_STRETCH;
        const float *from = in + start;
        float level = loudest(from, count + (PHASE_TAPS - 1) * channels);
        /* The cheapest bound first: sharpness cannot exceed four times the level. */
        if (level * (bounds[0] + 4.0f * bounds[1]) <= peak)
            continue;
        float sharpness = sharpest(from, count + (PHASE_TAPS - 3) * channels, channels);
        if (level * bounds[0] + sharpness * bounds[1] > peak)
            peak = larger(peak, interpolate(from, count, channels, taps));
    }
    Py_END_ALLOW_THREADS
    release_views(views, 3);
    return PyFloat_FromDouble(peak);
}

/* ---- beats ---- */

struct beat_rules {
    const float *log_lags;
    Py_ssize_t lags, longest;
    float tightness;
};

/* The largest positive score of all lags and the first that has it; 0 and -1 where there is none. */
WIDE static float best_link(const float *best, const float *penalties, Py_ssize_t lags, Py_ssize_t *choice)
{
    Eight most = {0};
    EightIntegers at = {-1, -1, -1, -1, -1, -1, -1, -1}, here = {0, 1, 2, 3, 4, 5, 6, 7};
    Py_ssize_t wide = lags / 8 * 8;
    for (Py_ssize_t j = 0; j < wide; j += 8, here += 8) {
        Eight score = *(const EightAnywhere *)(best + j) + *(const EightAnywhere *)(penalties + j);
        EightIntegers more = score > most;
        most = (Eight)(((EightIntegers)score & more) | ((EightIntegers)most & ~more));
        at = (here & more) | (at & ~more);
    }
    float gain = 0.0f;
    *choice = -1;
    for (int i = 0; i < 8; i++)
        if (most[i] > gain || (most[i] == gain && at[i] >= 0 && at[i] < *choice)) {
            gain = most[i];
            *choice = at[i];
        }
    for (Py_ssize_t j = wide; j < lags; j++)
        if (best[j] + penalties[j] > gain) {
            gain = best[j] + penalties[j];
            *choice = j;
        }
    return gain;
}

/* best has rules->longest frames of zeros before the first; penalties is room for rules->lags floats. */
static void link_frames(const float *strength, const float *log_period, Py_ssize_t frames,
                        const struct beat_rules *rules, float *penalties, float *best, int32_t *earlier)
{
    for (Py_ssize_t t = 0; t < frames; t++) {
        if (t == 0 || log_period[t] != log_period[t - 1])
            for (Py_ssize_t j = 0; j < rules->lags; j++) {
                float off = rules->log_lags[j] - log_period[t];
                penalties[j] = -rules->tightness * (off * off);
            }
        Py_ssize_t choice;
        float gain = best_link(best + t, penalties, rules->lags, &choice);
        best[rules->longest + t] = strength[t] + gain;
        earlier[t] = choice < 0 ? -1 : (int32_t)(t - rules->longest + choice);
    }
}

PyDoc_STRVAR(link_beats_doc, "link_beats(strength, log_period, log_lags, longest, tightness, best, earlier): "
                             "see kernels_numpy.link_beats.");
static PyObject *link_beats(PyObject *module, PyObject *args)
{
    (void)module;
    static const struct wanted wanted[] = {
        {'f', 0, "strength"}, {'f', 0, "log_period"}, {'f', 0, "log_lags"}, {'f', 1, "best"}, {'i', 1, "earlier"}};
    PyObject *objects[5];
    Py_buffer views[5];
    struct beat_rules rules;
    if (!PyArg_ParseTuple(args, "OOOnfOO", &objects[0], &objects[1], &objects[2], &rules.longest,
                          &rules.tightness, &objects[3], &objects[4]))
        return NULL;
    if (take_views(objects, wanted, views, 5) < 0)
        return NULL;
    Py_ssize_t frames = length(&views[0]);
    rules.log_lags = views[2].buf;
    rules.lags = length(&views[2]);
    if (frames > INT32_MAX || rules.lags > INT32_MAX - 8 || length(&views[1]) != frames || length(&views[4]) != frames)
        return refuse(views, 5, "link_beats: one period and one link a frame");
    /* No more lags than the longest is long: the shortest is one frame, so only finished frames are read. */
    if (rules.lags < 1 || rules.lags > rules.longest)
        return refuse(views, 5, "link_beats: lags run from the longest down to one frame or more");
    if (length(&views[3]) < frames || length(&views[3]) - frames != rules.longest)
        return refuse(views, 5, "link_beats: best has the longest lag before its first frame");
    float *penalties = PyMem_Calloc((size_t)rules.lags, sizeof(float));
    if (!penalties) {
        release_views(views, 5);
        return PyErr_NoMemory();
    }
    Py_BEGIN_ALLOW_THREADS
    link_frames(views[0].buf, views[1].buf, frames, &rules, penalties, views[3].buf, views[4].buf);
    Py_END_ALLOW_THREADS
    PyMem_Free(penalties);
    release_views(views, 5);
    Py_RETURN_NONE;
}

/* ---- module ---- */

static PyMethodDef methods[] = {
    {"band_powers", band_powers, METH_VARARGS, band_powers_doc},
    {"halve", halve, METH_VARARGS, halve_doc},
    {"levels", levels, METH_O, levels_doc},
    {"link_beats", link_beats, METH_VARARGS, link_beats_doc},
    {"mix", mix, METH_VARARGS, mix_doc},
    {"octave", octave, METH_VARARGS, octave_doc},
    {"overlap", overlap, METH_VARARGS, overlap_doc},
    {"peaks", peaks, METH_VARARGS, peaks_doc},
    {"rises", rises, METH_VARARGS, rises_doc},
    {"sample_peak", sample_peak, METH_O, sample_peak_doc},
    {"shapes", shapes, METH_VARARGS, shapes_doc},
    {"true_peak", true_peak, METH_VARARGS, true_peak_doc},
    {"weigh", weigh, METH_VARARGS, weigh_doc},
    {NULL, NULL, 0, NULL},
};

/* Raised with every change of this code: Python's side takes no other (kernels_native.FORM). */
enum { FORM = 1 };

static int add_form(PyObject *module) { return PyModule_AddIntConstant(module, "FORM", FORM); }

static struct PyModuleDef_Slot slots[] = {{Py_mod_exec, (void *)add_form}, {0, NULL}};

static struct PyModuleDef module_definition = {
    PyModuleDef_HEAD_INIT,
    .m_name = "_kernels",
    .m_doc = "The native form of tonearm.analysis.kernels_numpy.",
    .m_size = 0,
    .m_methods = methods,
    .m_slots = slots,
};

PyMODINIT_FUNC PyInit__kernels(void) { return PyModuleDef_Init(&module_definition); }
