/* Addresses of peers as one number each: IPv4 as it is, IPv6 by its place in a table. */
#ifndef SOFTSWITCH_ADDRESSES_H
#define SOFTSWITCH_ADDRESSES_H
#include <netinet/in.h>
#include <stdint.h>

/* Class E of IPv4, which no peer has. */
#define ADDRESS_WIDE 0xF0000000u
/* A source that has no number: it equals no leg's. */
#define ADDRESS_NONE 0xFFFFFFFFu

/* The number of an IPv6 address, a new one if it has none; ADDRESS_NONE when the table is full. */
uint32_t address_number(const struct in6_addr *address, uint32_t scope);

/* Fills in address and scope of a number; 0 if it is none of the table. */
int address_of(uint32_t number, struct sockaddr_in6 *target);

#endif
