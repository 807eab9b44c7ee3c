/* A closed loop of LISP messages: as many under way as the window says, never more.
 *
 * usage: generator ADDRESS PORT FILE SECONDS [cycle|once]
 *
 * FILE holds, in network byte order: the number of sockets (2 octets), the UDP port
 * of each (2 octets each), then packets: socket (2), length (2), offset of the nonce
 * (2), offset of a checksum that covers the nonce (2), the octets. An offset of
 * 65535 means: leave the octets as they are, the nonce stands at octet 4.
 *
 * A nonce that may be set is set anew for each packet sent, and the checksum follows
 * it (RFC 1624). Nonces of packets that are left as they are have to rise by one on
 * each socket. Every answer is matched by its nonce, at octet 4 or where the request
 * had it, so an answer that belongs to nothing is counted apart.
 *
 * "cycle" begins again after the last packet, "once" ends there. Prints one line:
 * answered=N lost=N unmatched=N seconds=S
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    SOCKETS = 8,
    WINDOW = 64, /* under way on one socket: 512 in all */
    OCTETS = 2048,
    AS_THEY_ARE = 65535,
    NONCE_OFFSET = 4,
    SILENCE_MS = 1000, /* what has no answer by then is lost */
};

struct packet {
    uint16_t length, nonce_offset, checksum_offset;
    unsigned char *octets;
};

struct flow {
    int fd;
    struct packet *packets;
    size_t count, next;
    uint64_t nonce;             /* of the next packet whose nonce may be set */
    uint64_t pending[WINDOW];   /* by the low bits of the nonce */
    uint16_t answer_at[WINDOW]; /* where an echo would carry it */
    unsigned char busy[WINDOW];
    int under_way;
};

static struct flow flows[SOCKETS];
static int flow_count;
static int cycle;
static uint64_t answered, lost, unmatched;

static void fail(const char *what)
{
    perror(what);
    exit(1);
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec / 1e9;
}

static uint16_t get16(const unsigned char *p) { return p[0] << 8 | p[1]; }

static uint64_t get64(const unsigned char *p)
{
    uint64_t value = 0;
    for (int i = 0; i < 8; i++)
        value = value << 8 | p[i];
    return value;
}

/* Replace the nonce and keep the checksum that covers it right. */
static void set_nonce(struct packet *packet, uint64_t nonce)
{
    unsigned char *at = packet->octets + packet->nonce_offset;
    uint32_t sum = 0;
    int covered = packet->checksum_offset != AS_THEY_ARE;
    unsigned char *checksum = packet->octets + (covered ? packet->checksum_offset : 0);
    if (covered)
        sum = (uint16_t)~get16(checksum);
    for (int i = 0; i < 8; i += 2) {
        uint16_t fresh = nonce >> (48 - 8 * i);
        sum += (uint16_t)~get16(at + i) + (uint32_t)fresh;
        at[i] = fresh >> 8;
        at[i + 1] = fresh & 255;
    }
    if (!covered)
        return;
    while (sum >> 16)
        sum = (sum & 65535) + (sum >> 16);
    sum = (uint16_t)~sum;
    if (sum == 0)
        sum = 65535; /* zero would say that there is no checksum */
    checksum[0] = sum >> 8;
    checksum[1] = sum & 255;
}

static void load(const char *name, const struct sockaddr_in *server)
{
    FILE *file = fopen(name, "rb");
    if (!file)
        fail(name);
    fseek(file, 0, SEEK_END);
    long size = ftell(file);
    rewind(file);
    unsigned char *data = malloc(size);
    if (!data || fread(data, 1, size, file) != (size_t)size)
        fail("read");
    fclose(file);

    unsigned char *end = data + size, *p = data + 2;
    flow_count = get16(data);
    if (flow_count < 1 || flow_count > SOCKETS) {
        fprintf(stderr, "%s: 1 to %d sockets, not %d\n", name, SOCKETS, flow_count);
        exit(1);
    }
    for (int i = 0; i < flow_count; i++, p += 2) {
        struct sockaddr_in local = {.sin_family = AF_INET, .sin_port = htons(get16(p))};
        local.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        flows[i].fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
        flows[i].nonce = ((uint64_t)getpid() << 40) | (uint64_t)i << 36;
        int wanted = 4 << 20;
        setsockopt(flows[i].fd, SOL_SOCKET, SO_RCVBUF, &wanted, sizeof wanted);
        if (bind(flows[i].fd, (struct sockaddr *)&local, sizeof local) < 0)
            fail("bind");
        if (connect(flows[i].fd, (const struct sockaddr *)server, sizeof *server) < 0)
            fail("connect");
    }
    for (unsigned char *q = p; q < end; q += 8 + get16(q + 2))
        flows[get16(q)].count++;
    for (int i = 0; i < flow_count; i++)
        if (!(flows[i].packets = calloc(flows[i].count + 1, sizeof(struct packet))))
            fail("calloc");
    size_t filled[SOCKETS] = {0};
    for (; p < end; p += 8 + get16(p + 2)) {
        int socket_index = get16(p);
        flows[socket_index].packets[filled[socket_index]++] = (struct packet){
            get16(p + 2), get16(p + 4), get16(p + 6), p + 8};
    }
}

/* Fill the window of one socket; 0 where it has nothing more to send. */
static int send_some(struct flow *flow)
{
    static struct mmsghdr messages[WINDOW];
    static struct iovec parts[WINDOW];
    static unsigned char copies[WINDOW][OCTETS];
    int count = 0, slots[WINDOW];

    while (flow->under_way + count < WINDOW) {
        if (flow->next == flow->count) {
            if (!cycle || !flow->count)
                break;
            flow->next = 0;
        }
        struct packet *packet = &flow->packets[flow->next];
        int patched = packet->nonce_offset != AS_THEY_ARE;
        uint64_t nonce = patched ? flow->nonce : get64(packet->octets + NONCE_OFFSET);
        int slot = nonce % WINDOW;
        if (flow->busy[slot])
            break; /* its predecessor in this slot is still under way */
        if (patched) {
            set_nonce(packet, nonce);
            flow->nonce++;
        }
        flow->busy[slot] = 1;
        flow->pending[slot] = nonce;
        flow->answer_at[slot] = patched ? packet->nonce_offset : NONCE_OFFSET;
        memcpy(copies[count], packet->octets, packet->length);
        parts[count] = (struct iovec){copies[count], packet->length};
        messages[count].msg_hdr = (struct msghdr){.msg_iov = &parts[count], .msg_iovlen = 1};
        slots[count++] = slot;
        flow->next++;
    }
    int sent = 0;
    while (sent < count) {
        int done = sendmmsg(flow->fd, messages + sent, count - sent, 0);
        if (done <= 0)
            break;
        sent += done;
    }
    flow->under_way += sent;
    for (int i = sent; i < count; i++) { /* refused by the kernel */
        flow->busy[slots[i]] = 0;
        lost++;
    }
    return flow->under_way > 0;
}

static int settle(struct flow *flow, const unsigned char *octets, unsigned length, unsigned offset)
{
    if (length < offset + 8)
        return 0;
    uint64_t nonce = get64(octets + offset);
    int slot = nonce % WINDOW;
    if (!flow->busy[slot] || flow->pending[slot] != nonce)
        return 0;
    flow->busy[slot] = 0;
    flow->under_way--;
    answered++;
    return 1;
}

static void receive_some(struct flow *flow)
{
    static unsigned char octets[WINDOW][OCTETS];
    static struct iovec parts[WINDOW];
    static struct mmsghdr messages[WINDOW];

    for (int i = 0; i < WINDOW; i++) {
        parts[i] = (struct iovec){octets[i], OCTETS};
        messages[i].msg_hdr = (struct msghdr){.msg_iov = &parts[i], .msg_iovlen = 1};
    }
    int received = recvmmsg(flow->fd, messages, WINDOW, MSG_DONTWAIT, NULL);
    for (int i = 0; i < received; i++) {
        unsigned length = messages[i].msg_len;
        /* All packets of one file are built alike, so one slot tells for all. */
        if (!settle(flow, octets[i], length, NONCE_OFFSET) &&
            !settle(flow, octets[i], length, flow->answer_at[0]))
            unmatched++;
    }
}

static void give_up_waiting(void)
{
    for (int i = 0; i < flow_count; i++) {
        lost += flows[i].under_way;
        flows[i].under_way = 0;
        memset(flows[i].busy, 0, sizeof flows[i].busy);
    }
}

int main(int argc, char **argv)
{
    if (argc != 6) {
        fprintf(stderr, "usage: generator ADDRESS PORT FILE SECONDS cycle|once\n");
        return 2;
    }
    struct sockaddr_in server = {.sin_family = AF_INET, .sin_port = htons(atoi(argv[2]))};
    if (inet_pton(AF_INET, argv[1], &server.sin_addr) != 1)
        fail("address");
    cycle = !strcmp(argv[5], "cycle");
    load(argv[3], &server);

    struct pollfd waiting[SOCKETS];
    for (int i = 0; i < flow_count; i++)
        waiting[i] = (struct pollfd){.fd = flows[i].fd, .events = POLLIN};

    double begin = now(), stop = begin + atof(argv[4]);
    int sending = 1;
    for (;;) {
        int busy = 0;
        sending = sending && now() < stop;
        for (int i = 0; i < flow_count; i++)
            busy |= sending ? send_some(&flows[i]) : flows[i].under_way > 0;
        if (!busy)
            break;
        int ready = poll(waiting, flow_count, SILENCE_MS);
        if (ready < 0 && errno != EINTR)
            fail("poll");
        if (ready == 0)
            give_up_waiting();
        for (int i = 0; i < flow_count; i++)
            if (waiting[i].revents)
                receive_some(&flows[i]);
    }
    printf("answered=%llu lost=%llu unmatched=%llu seconds=%.6f\n",
           (unsigned long long)answered, (unsigned long long)lost,
           (unsigned long long)unmatched, now() - begin);
    return 0;
}
