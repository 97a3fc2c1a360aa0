/* Makes sums of voices fit 16 bits without clipping them. */
#ifndef SOFTSWITCH_LIMITER_H
#define SOFTSWITCH_LIMITER_H
#include <stddef.h>
#include <stdint.h>

/* Built for wide registers too, and chosen when the library is loaded. */
#if defined(__x86_64__) && defined(__GLIBC__) && defined(__GNUC__) && !defined(__clang__)
#define WIDER __attribute__((target_clones("avx2", "default")))
#else
#define WIDER
#endif

/* Gains and sums are in this many parts of one. */
enum { UNITY = 256 };

/* sum / UNITY as samples of one frame of 20 ms. Where they would pass the ceiling all of the frame is turned down,
 * so that the voices keep their shape, and comes back slowly. *level is the gain at the end, 1 at first; it is for
 * the same ear's next frame. `alone`: one voice, which fits as it is. */
void limit(const int32_t *sum, ptrdiff_t width, int alone, float *level, int16_t *out);

#endif
