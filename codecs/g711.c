#include "g711.h"

int16_t g711_linear[2][256];
uint8_t g711_compressed[2][65536 >> G711_IGNORED];

static int16_t mu_to_linear(uint8_t code)
{
    int inverted = (uint8_t)~code;
    int exponent = (inverted >> 4) & 7, mantissa = inverted & 15, step = 8 << exponent;
    int magnitude = (0x80 << exponent) + step * mantissa + step / 2 - 4 * 33;
    return (int16_t)(code & 0x80 ? magnitude : -magnitude);
}

static int16_t a_to_linear(uint8_t code)
{
    int even = (code ^ 0x55) & 0x7f, exponent = even >> 4, mantissa = even & 15;
    if (exponent > 0)
        mantissa += 16;
    int magnitude = (mantissa << 4) + 8;
    if (exponent > 1)
        magnitude <<= exponent - 1;
    return (int16_t)(code & 0x80 ? magnitude : -magnitude);
}

static uint8_t linear_to_mu(int16_t sample)
{
    int magnitude = ((sample < 0 ? ~sample : sample) >> 2) + 33, segment = 1;
    if (magnitude > 0x1fff)
        magnitude = 0x1fff;
    for (int rest = magnitude >> 6; rest; rest >>= 1)
        segment++;
    int code = ((8 - segment) << 4) | (15 - ((magnitude >> segment) & 15));
    return (uint8_t)(sample >= 0 ? code | 0x80 : code);
}

static uint8_t linear_to_a(int16_t sample)
{
    int magnitude = (sample < 0 ? ~sample : sample) >> 4;
    if (magnitude > 15) {
        int exponent = 1;
        for (; magnitude > 31; magnitude >>= 1)
            exponent++;
        magnitude += (exponent << 4) - 16;
    }
    return (uint8_t)((sample >= 0 ? magnitude | 0x80 : magnitude) ^ 0x55);
}

void g711_fill_tables(void)
{
    for (int code = 0; code < 256; code++) {
        g711_linear[LAW_MU][code] = mu_to_linear((uint8_t)code);
        g711_linear[LAW_A][code] = a_to_linear((uint8_t)code);
    }
    for (int sample = -32768; sample < 32768; sample += 1 << G711_IGNORED) {
        g711_compressed[LAW_MU][(uint16_t)sample >> G711_IGNORED] = linear_to_mu((int16_t)sample);
        g711_compressed[LAW_A][(uint16_t)sample >> G711_IGNORED] = linear_to_a((int16_t)sample);
    }
}
