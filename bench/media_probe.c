/* What the media bench needs close to the kernel, as one program:
 *
 *   generate HOST PORT SECONDS STAMPED CANNED TO
 *                                          RTP for the legs whose ports of the address TO come on standard input
 *   echo HOST PORT WAKE_US                 the limit: batched receive and send on one socket, nothing else
 *   sleep WAKE_US SECONDS                  how late a bare loop wakes
 *
 * HOST is the address that is bound. `generate` sends 50 packets of 172 octets a second for each leg, evenly spaced over
 * all legs, from one socket, and counts what comes back by the port it comes from, or by SSRC where all legs have
 * one port. With HOST 0.0.0.0 each leg is sent to from an address of its own, 127.10.0.1 and on, and told apart by
 * it. A stamped payload begins with the time it was sent in codes that outlive decoding, mixing and encoding.
 * CANNED names a file of ready packets instead, all legs' first ones before all second ones, or is `-`.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <fcntl.h>
#include <time.h>
#include <unistd.h>

enum { BATCH = 256, ROOM = 512, PACKET = 172, HEADER = 12, SEND = 32, MOST_LEGS = 4096, CONTROL = 96,
       LATENCIES = 2000000 };

#define FRAME_NS 20000000LL
#define FIRST_ADDRESS 0x7F0A0001u /* where each leg has one of its own */
#define STAMP 16 /* codes of four bits each */

static int64_t now_ns(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static void sleep_until(int64_t at)
{
    struct timespec t = {at / 1000000000, at % 1000000000};
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL);
}

static void fail(const char *what)
{
    perror(what);
    exit(1);
}

static struct in_addr address_of(const char *text)
{
    struct in_addr address;
    if (inet_pton(AF_INET, text, &address) != 1)
        fail(text);
    return address;
}

static int bound_socket(const char *host, int port)
{
    int fd = socket(AF_INET, SOCK_DGRAM, 0), buffer = 32 << 20, no_fragments = IP_PMTUDISC_DO, on = 1;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    address.sin_addr = address_of(host);
    if (fd < 0 || bind(fd, (void *)&address, sizeof address) < 0)
        fail("bind");
    if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &buffer, sizeof buffer) < 0)
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof buffer);
    setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &buffer, sizeof buffer);
    setsockopt(fd, IPPROTO_IP, IP_MTU_DISCOVER, &no_fragments, sizeof no_fragments);
    setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on);
    if (address.sin_addr.s_addr == htonl(INADDR_ANY))
        setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof on);
    return fd;
}

/* Many messages of one socket, each with its address and control data. */
typedef struct {
    struct mmsghdr message[BATCH];
    struct iovec part[BATCH];
    struct sockaddr_in address[BATCH];
    char control[BATCH][CONTROL];
    uint8_t row[BATCH][ROOM];
} Messages;

static int receive(int fd, Messages *m, int with_control)
{
    for (int k = 0; k < BATCH; k++) {
        m->part[k] = (struct iovec){m->row[k], ROOM};
        m->message[k].msg_hdr = (struct msghdr){.msg_name = &m->address[k], .msg_namelen = sizeof m->address[k],
                                                .msg_iov = &m->part[k], .msg_iovlen = 1,
                                                .msg_control = with_control ? m->control[k] : NULL,
                                                .msg_controllen = with_control ? sizeof m->control[k] : 0};
    }
    int count = recvmmsg(fd, m->message, BATCH, MSG_DONTWAIT, NULL);
    return count < 0 ? 0 : count;
}

static void send_all(int fd, struct mmsghdr *message, int count)
{
    for (int done = 0; done < count;) {
        int sent = sendmmsg(fd, message + done, (unsigned)(count - done), 0);
        if (sent < 0)
            fail("sendmmsg");
        done += sent;
    }
}

static _Noreturn void echo(const char *host, int port, int64_t wake_ns)
{
    static Messages m;
    int fd = bound_socket(host, port), off = 0;
    setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &off, sizeof off);
    printf("ready\n");
    fflush(stdout);
    for (int64_t due = now_ns(CLOCK_MONOTONIC);;) {
        due += wake_ns;
        sleep_until(due);
        for (int count = BATCH; count == BATCH;) {
            count = receive(fd, &m, 0);
            for (int k = 0; k < count; k++)
                m.part[k].iov_len = m.message[k].msg_len;
            send_all(fd, m.message, count);
        }
    }
}

/* Figures of many times, kept as a histogram of microseconds. */
typedef struct {
    uint32_t count[LATENCIES + 1];
    uint64_t total;
    int64_t most;
} Times;

static void add_time(Times *t, int64_t ns)
{
    int64_t us = ns < 0 ? 0 : ns / 1000;
    t->count[us > LATENCIES ? LATENCIES : us]++;
    t->total++;
    t->most = us > t->most ? us : t->most;
}

static double share_ms(const Times *t, double share)
{
    uint64_t seen = 0;
    for (int k = 0; k <= LATENCIES; k++)
        if ((seen += t->count[k]) && (double)seen >= share * (double)t->total)
            return k / 1000.0;
    return 0;
}

static void print_times(const char *name, const Times *t)
{
    printf(", \"%s_ms\": [%.3f, %.3f, %.3f]", name, share_ms(t, 0.5), share_ms(t, 0.99), (double)t->most / 1000);
}

static int bare_loop(int64_t wake_ns, double seconds)
{
    static Times late;
    int64_t due = now_ns(CLOCK_MONOTONIC), end = due + (int64_t)(seconds * 1e9);
    while (due < end) {
        due += wake_ns;
        sleep_until(due);
        add_time(&late, now_ns(CLOCK_MONOTONIC) - due);
    }
    printf("{\"wakes\": %lu", (unsigned long)late.total);
    print_times("late", &late);
    printf("}\n");
    return 0;
}

/* One stream that comes back. */
typedef struct {
    int64_t first, highest;
    uint64_t received;
} Stream;

static struct {
    int legs, one_port, stamped, apart;
    int port[MOST_LEGS], leg_of_port[65536];
    Stream stream[MOST_LEGS];
    Times latency, late;
    uint64_t sent, received, foreign;
    int64_t steady_at;
    struct in_addr to;
} g;

/* mu-law codes of the loud positive values only: far enough apart that a gain of 255/256 does not matter. */
static void put_stamp(uint8_t *payload, int64_t at)
{
    for (int k = 0; k < STAMP; k++)
        payload[k] = (uint8_t)(0x80 | ((at >> (60 - 4 * k)) & 15) << 2);
}

/* Where in the payload a whole stamp begins, -1 if none does. */
static int find_stamp(const uint8_t *payload, int size, int64_t *at)
{
    for (int first = 0, run = 0; first + run < size;) {
        if ((payload[first + run] & 0xC3) == 0x80) {
            if (++run < STAMP)
                continue;
            *at = 0;
            for (int k = 0; k < STAMP; k++)
                *at = *at << 4 | ((payload[first + k] >> 2) & 15);
            return first;
        }
        first += run + 1;
        run = 0;
    }
    return -1;
}

static int64_t received_at(struct msghdr *header)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(header); c; c = CMSG_NXTHDR(header, c))
        if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SO_TIMESTAMPNS) {
            struct timespec t;
            memcpy(&t, CMSG_DATA(c), sizeof t);
            return t.tv_sec * 1000000000LL + t.tv_nsec;
        }
    return 0;
}

/* The leg to whose address a packet has come. */
static int addressed_to(struct msghdr *header)
{
    struct in_pktinfo info;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(header); c; c = CMSG_NXTHDR(header, c))
        if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
            memcpy(&info, CMSG_DATA(c), sizeof info);
            return (int)(ntohl(info.ipi_addr.s_addr) - FIRST_ADDRESS);
        }
    return -1;
}

static void heard(const uint8_t *row, int size, int from_port, struct msghdr *header)
{
    uint32_t ssrc;
    int64_t at = received_at(header);
    memcpy(&ssrc, row + 8, 4);
    int leg = g.apart ? addressed_to(header) : g.one_port ? (int)ntohl(ssrc) - 1 : g.leg_of_port[from_port];
    if (size < HEADER || (row[0] & 0xC0) != 0x80 || leg < 0 || leg >= g.legs) {
        g.foreign++;
        return;
    }
    Stream *s = &g.stream[leg];
    int64_t seq = row[2] << 8 | row[3], stamp;
    if (!s->received++)
        s->first = s->highest = seq;
    int64_t ahead = (int16_t)(uint16_t)(seq - s->highest);
    s->highest += ahead > 0 ? ahead : 0;
    g.received++;
    int offset = g.stamped && at >= g.steady_at ? find_stamp(row + HEADER, size - HEADER, &stamp) : -1;
    if (offset >= 0) /* the sample at this place is played so much later than the first one */
        add_time(&g.latency, at - stamp + offset * 125000LL);
}

static void drain(int fd)
{
    static Messages m;
    for (int count = BATCH; count == BATCH;) {
        count = receive(fd, &m, 1);
        for (int k = 0; k < count; k++)
            heard(m.row[k], (int)m.message[k].msg_len, ntohs(m.address[k].sin_port), &m.message[k].msg_hdr);
    }
}

static void write_packet(uint8_t *packet, int leg, uint32_t frame, int64_t at)
{
    uint16_t seq = htons((uint16_t)(1000 + frame));
    uint32_t ts = htonl(frame * 160), ssrc = htonl((uint32_t)leg + 1);
    memset(packet, 0xFF, PACKET);
    packet[0] = 0x80;
    packet[1] = 0;
    memcpy(packet + 2, &seq, 2);
    memcpy(packet + 4, &ts, 4);
    memcpy(packet + 8, &ssrc, 4);
    if (g.stamped)
        put_stamp(packet + HEADER, at);
    else /* some sound */
        for (int k = HEADER; k < PACKET; k++)
            packet[k] = (uint8_t)(leg * 7 + k * 11 + (int)frame) | 0x80;
}

/* Lets a message leave from the leg's own address. */
static void send_from(struct msghdr *header, int leg, char *control)
{
    struct in_pktinfo info = {0};
    info.ipi_spec_dst.s_addr = htonl(FIRST_ADDRESS + (uint32_t)leg);
    header->msg_control = control;
    header->msg_controllen = CMSG_SPACE(sizeof info);
    struct cmsghdr *c = CMSG_FIRSTHDR(header);
    *c = (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof info), .cmsg_level = IPPROTO_IP, .cmsg_type = IP_PKTINFO};
    memcpy(CMSG_DATA(c), &info, sizeof info);
}

/* Sends what is due by `now`, at most one batch; returns how many. */
static int send_due(int fd, int64_t begin, int64_t now, uint64_t next, uint64_t end, const uint8_t *canned,
                    size_t canned_size)
{
    static uint8_t row[SEND][PACKET];
    static struct mmsghdr message[SEND];
    static struct iovec part[SEND];
    static struct sockaddr_in address[SEND];
    static char control[SEND][CONTROL] __attribute__((aligned(8)));
    int64_t at = now_ns(CLOCK_REALTIME);
    int count = 0;
    for (; count < SEND && next < end; count++, next++) {
        int64_t due = begin + (int64_t)((double)next * FRAME_NS / g.legs);
        if (due > now)
            break;
        add_time(&g.late, now - due);
        int leg = (int)(next % (uint64_t)g.legs);
        part[count] = (struct iovec){row[count], PACKET};
        if (canned)
            part[count] = (struct iovec){(void *)(canned + next * canned_size), canned_size};
        else
            write_packet(row[count], leg, (uint32_t)(next / (uint64_t)g.legs), at);
        address[count] = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)g.port[leg])};
        address[count].sin_addr = g.to;
        message[count].msg_hdr = (struct msghdr){.msg_name = &address[count], .msg_namelen = sizeof address[count],
                                                 .msg_iov = &part[count], .msg_iovlen = 1};
        if (g.apart)
            send_from(&message[count].msg_hdr, leg, control[count]);
    }
    send_all(fd, message, count);
    return count;
}

static const uint8_t *open_canned(const char *path, size_t *size)
{
    struct stat status;
    int fd = open(path, O_RDONLY);
    if (fd < 0 || fstat(fd, &status) < 0)
        fail(path);
    *size = (size_t)status.st_size;
    const uint8_t *content = mmap(NULL, *size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
    if (content == MAP_FAILED)
        fail(path);
    return content;
}

static void read_ports(void)
{
    memset(g.leg_of_port, -1, sizeof g.leg_of_port);
    for (int port; g.legs < MOST_LEGS && scanf("%d", &port) == 1; g.legs++) {
        g.port[g.legs] = port;
        g.leg_of_port[port & 65535] = g.legs;
    }
    g.one_port = g.legs > 1 && g.port[0] == g.port[1];
}

static int generate(const char *host, int port, double seconds, int stamped, const char *canned_path, const char *to)
{
    size_t canned_bytes = 0;
    const uint8_t *canned = strcmp(canned_path, "-") ? open_canned(canned_path, &canned_bytes) : NULL;
    int fd = bound_socket(host, port);
    read_ports();
    g.stamped = stamped;
    g.apart = address_of(host).s_addr == htonl(INADDR_ANY);
    g.to = address_of(to);
    uint64_t end = (uint64_t)(seconds * 1e9 / FRAME_NS) * (uint64_t)g.legs, next = 0, lost = 0;
    size_t canned_size = end ? canned_bytes / end : 0;
    int64_t begin = now_ns(CLOCK_MONOTONIC) + 5000000;
    g.steady_at = now_ns(CLOCK_REALTIME) + (int64_t)(seconds * 0.4e9);
    while (next < end) {
        int64_t now = now_ns(CLOCK_MONOTONIC);
        for (int count = SEND; count == SEND; next += (uint64_t)count)
            count = send_due(fd, begin, now, next, end, canned, canned_size);
        drain(fd);
        sleep_until(now + 500000);
    }
    for (int64_t until = now_ns(CLOCK_MONOTONIC) + 150000000; now_ns(CLOCK_MONOTONIC) < until;) {
        drain(fd);
        sleep_until(now_ns(CLOCK_MONOTONIC) + 500000);
    }
    uint64_t least = end;
    for (int leg = 0; leg < g.legs; leg++) {
        const Stream *s = &g.stream[leg];
        int64_t expected = s->received ? s->highest - s->first + 1 : 0;
        lost += expected > (int64_t)s->received ? (uint64_t)expected - s->received : 0;
        least = s->received < least ? s->received : least;
    }
    printf("{\"legs\": %d, \"sent\": %lu, \"received\": %lu, \"least\": %lu, \"lost\": %lu, \"foreign\": %lu", g.legs,
           (unsigned long)next, (unsigned long)g.received, (unsigned long)least, (unsigned long)lost,
           (unsigned long)g.foreign);
    print_times("latency", &g.latency);
    print_times("late", &g.late);
    printf("}\n");
    return 0;
}

int main(int count, char **argument)
{
    prctl(PR_SET_TIMERSLACK, 1);
    prctl(PR_SET_PDEATHSIG, 15);
    const char *mode = count > 1 ? argument[1] : "";
    if (!strcmp(mode, "generate") && count == 8)
        return generate(argument[2], atoi(argument[3]), atof(argument[4]), atoi(argument[5]), argument[6],
                        argument[7]);
    if (!strcmp(mode, "echo") && count == 5)
        echo(argument[2], atoi(argument[3]), atoll(argument[4]) * 1000);
    if (!strcmp(mode, "sleep") && count == 4)
        return bare_loop(atoll(argument[2]) * 1000, atof(argument[3]));
    fprintf(stderr, "usage: generate HOST PORT SECONDS STAMPED CANNED TO | echo HOST PORT WAKE_US | sleep WAKE_US SECONDS\n");
    return 2;
}
