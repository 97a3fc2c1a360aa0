/* A limiter that looks at the frame it has: no delay, no sample above the ceiling, and a gain that moves slowly enough
 * not to be heard: at once downwards, upwards by a tenth of what is missing each frame (0.2 s). */
#include "limiter.h"

#define CEILING 30000.0f
#define RELEASE 0.1f
#define ENOUGH 0.999f

enum { RAMPS = 8 }; /* the way down takes an eighth of a frame, if there is so much before the first loud sample */

/* As 16 bits; returns whether any sample passes the ceiling. */
WIDER static int narrowed(const int32_t *restrict sum, ptrdiff_t width, int16_t *restrict out)
{
    const int32_t ceiling = (int32_t)CEILING;
    int32_t loud = 0;
    for (ptrdiff_t k = 0; k < width; k++) {
        int32_t value = sum[k] / UNITY;
        out[k] = (int16_t)value;
        loud |= (value > ceiling) | (value < -ceiling);
    }
    return loud;
}

WIDER static float wanted_level(const int32_t *sum, ptrdiff_t width)
{
    int32_t most = 0;
    for (ptrdiff_t k = 0; k < width; k++) {
        int32_t value = sum[k] / UNITY, size = value < 0 ? -value : value;
        most = size > most ? size : most;
    }
    return CEILING / (float)most;
}

static void turned(const int32_t *sum, ptrdiff_t from, ptrdiff_t to, float first, float last, int16_t *out)
{
    float step = to > from ? (last - first) / (float)(to - from) : 0;
    for (ptrdiff_t k = from; k < to; k++)
        out[k] = (int16_t)((float)(sum[k] / UNITY) * (first + step * (float)(k - from + 1)));
}

/* The first sample that would pass the ceiling. */
static ptrdiff_t first_loud(const int32_t *sum, ptrdiff_t width, float level)
{
    for (ptrdiff_t k = 0; k < width; k++) {
        float value = (float)(sum[k] / UNITY) * level;
        if (value > CEILING || value < -CEILING)
            return k;
    }
    return width;
}

void limit(const int32_t *sum, ptrdiff_t width, int alone, float *level, int16_t *out)
{
    int loud = narrowed(sum, width, out);
    float before = *level, wanted = loud && !alone ? wanted_level(sum, width) : 1.0f;
    if (before >= 1.0f && wanted >= 1.0f)
        return;
    if (wanted >= before) {
        float after = before + (wanted - before) * RELEASE;
        *level = after > ENOUGH ? 1.0f : after;
        turned(sum, 0, width, before, *level < wanted ? *level : wanted, out);
        return;
    }
    ptrdiff_t first = first_loud(sum, width, before), down = first > width / RAMPS ? first - width / RAMPS : 0;
    turned(sum, 0, down, before, before, out);
    turned(sum, down, first, before, wanted, out);
    turned(sum, first, width, wanted, wanted, out);
    *level = wanted;
}
