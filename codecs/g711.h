/* ITU-T G.711 companding by table; the tables are filled once from the bit-exact definition of ITU-T G.191. */
#ifndef SOFTSWITCH_G711_H
#define SOFTSWITCH_G711_H
#include <stdint.h>

enum { LAW_MU = 0, LAW_A = 1 };

/* Neither law looks at the last two bits of a sample. */
enum { G711_IGNORED = 2 };

extern int16_t g711_linear[2][256];
extern uint8_t g711_compressed[2][65536 >> G711_IGNORED];

void g711_fill_tables(void);

#endif
