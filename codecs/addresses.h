/* Addresses of peers as one number each: IPv4 as it is, IPv6 by its place in a table. */
#ifndef SOFTSWITCH_ADDRESSES_H
#define SOFTSWITCH_ADDRESSES_H
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdint.h>

/* Class E of IPv4, which no peer has. */
#define ADDRESS_WIDE 0xF0000000u
/* A source that has no number: it equals no leg's. */
#define ADDRESS_NONE 0xFFFFFFFFu

/* The number of an IPv6 address, a new one if it has none; ADDRESS_NONE when the table is full. */
uint32_t address_number(const struct in6_addr *address, uint32_t scope);

typedef union {
    struct sockaddr any;
    struct sockaddr_in narrow;
    struct sockaddr_in6 wide;
} Source;

/* The number of where a packet came from. */
static inline uint32_t source_number(const Source *source)
{
    if (source->any.sa_family != AF_INET)
        return address_number(&source->wide.sin6_addr, source->wide.sin6_scope_id);
    uint32_t ip = ntohl(source->narrow.sin_addr.s_addr);
    return ip < ADDRESS_WIDE ? ip : ADDRESS_NONE; /* nobody's, and not to be taken for an IPv6 address */
}

/* Fills in address and scope of a number; 0 if it is none of the table. */
int address_of(uint32_t number, struct sockaddr_in6 *target);

#endif
