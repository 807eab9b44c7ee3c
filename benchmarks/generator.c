/* LISP messages in a closed loop, as many under way as the window says; or at a rate.
 *
 * usage: generator ADDRESS PORT FILE SECONDS cycle|once [gro] [gso] [rate=N] [etr=ADDRESS]...
 *
 * FILE holds, in network byte order: the number of sockets (2 octets), the UDP port
 * of each (2 octets each), then packets: socket (2), length (2), offset of the nonce
 * (2), offset of a checksum that covers the nonce (2), the octets. An offset of
 * 65535 means: leave the octets as they are, the nonce stands at octet 4.
 *
 * A nonce that may be set is set anew for each packet sent, and the checksum follows
 * it (RFC 1624). Nonces of packets that are left as they are have to rise by one on
 * each socket. Every answer is matched by its nonce, at octet 4 or, in an Encapsulated
 * Control Message, behind the inner headers; one that belongs to nothing is counted
 * apart.
 *
 * "cycle" begins again after the last packet, "once" ends there.
 * gro: take several answers of one length as one datagram (UDP_GRO).
 * gso: send up to 16 packets of one length that follow each other as one (UDP_SEGMENT).
 * rate: so many a second, instead of a full window; each is timed from the moment it
 * was due, so that waiting for a slow server counts.
 * etr: answers come to port 4342 of this address too.
 *
 * Prints one line: answered=N lost=N unmatched=N seconds=S, and with a rate
 * p50=US p99=US p999=US.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
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
    ETRS = 16,
    WINDOW = 64, /* under way on one socket: 512 in all */
    BURST = 16,
    OCTETS = 2048,
    MERGED_OCTETS = 65536,
    SAMPLES = 1 << 22,
    CONTROL_PORT = 4342,
    AS_THEY_ARE = 65535,
    NONCE_OFFSET = 4,
    SILENCE_MS = 5000, /* what has no answer by then is lost */
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
    double due[WINDOW];
    unsigned char busy[WINDOW];
    int under_way;
};

static struct flow flows[SOCKETS];
static int flow_count;
static int etrs[ETRS], etr_count;
static int cycle, gro, gso;
static double rate; /* 0: as the window allows */
static double begin;
static uint64_t answered, lost, unmatched, dispatched;
static uint32_t *samples; /* tenths of a microsecond */
static size_t sample_count;

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

/* A socket that hears a port of this host, and takes what is merged where that is wanted. */
static int hearing(struct in_addr address, uint16_t port)
{
    struct sockaddr_in local = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr = address};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0), wanted = 4 << 20, on = 1;
    if (fd < 0)
        fail("socket");
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &wanted, sizeof wanted);
    if (gro && setsockopt(fd, IPPROTO_UDP, UDP_GRO, &on, sizeof on) < 0)
        fail("UDP_GRO");
    if (bind(fd, (struct sockaddr *)&local, sizeof local) < 0)
        fail("bind");
    return fd;
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
        flows[i].fd = hearing((struct in_addr){htonl(INADDR_LOOPBACK)}, get16(p));
        flows[i].nonce = ((uint64_t)getpid() << 40) | (uint64_t)i << 36;
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

/* Put the packets into as few messages as gso allows; returns how many messages. */
static int in_messages(int count, struct iovec *parts, struct mmsghdr *messages, int *sizes)
{
    static char controls[WINDOW][CMSG_SPACE(sizeof(uint16_t))];
    int made = 0;
    for (int i = 0; i < count; made++) {
        int size = 1;
        while (gso && size < BURST && i + size < count &&
               parts[i + size].iov_len == parts[i].iov_len)
            size++;
        struct msghdr *header = &messages[made].msg_hdr;
        *header = (struct msghdr){.msg_iov = &parts[i], .msg_iovlen = size};
        if (size > 1) {
            header->msg_control = controls[made];
            header->msg_controllen = sizeof controls[made];
            struct cmsghdr *control = CMSG_FIRSTHDR(header);
            control->cmsg_level = IPPROTO_UDP;
            control->cmsg_type = UDP_SEGMENT;
            control->cmsg_len = CMSG_LEN(sizeof(uint16_t));
            *(uint16_t *)CMSG_DATA(control) = parts[i].iov_len;
        }
        sizes[made] = size;
        i += size;
    }
    return made;
}

/* Send what the window of one socket has room for, at most so many; 0 where nothing is
 * under way and nothing is left to send. */
static int send_some(struct flow *flow, int most)
{
    static struct mmsghdr messages[WINDOW];
    static struct iovec parts[WINDOW];
    static unsigned char copies[WINDOW][OCTETS];
    int count = 0, slots[WINDOW], sizes[WINDOW];

    if (gso && WINDOW - flow->under_way < BURST)
        return 1; /* wait until a whole burst may leave */
    while (flow->under_way + count < WINDOW && count < most) {
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
        if (rate > 0)
            flow->due[slot] = begin + dispatched++ / rate;
        memcpy(copies[count], packet->octets, packet->length);
        parts[count] = (struct iovec){copies[count], packet->length};
        slots[count++] = slot;
        flow->next++;
    }
    int made = in_messages(count, parts, messages, sizes), left = 0, sent = 0;
    while (left < made) {
        int done = sendmmsg(flow->fd, messages + left, made - left, 0);
        if (done <= 0)
            break;
        for (int i = 0; i < done; i++)
            sent += sizes[left + i];
        left += done;
    }
    flow->under_way += sent;
    for (int i = sent; i < count; i++) { /* refused by the kernel */
        flow->busy[slots[i]] = 0;
        lost++;
    }
    return flow->under_way > 0 || (flow->count && (cycle || flow->next < flow->count));
}

/* Where the nonce of a message stands: behind the headers of an Encapsulated one. */
static unsigned nonce_at(const unsigned char *octets, unsigned length)
{
    if (length < 5 || octets[0] >> 4 != 8)
        return NONCE_OFFSET;
    return 4 + (octets[4] >> 4 == 6 ? 40 : 20) + 8 + NONCE_OFFSET;
}

static void settle(struct flow *flow, const unsigned char *octets, unsigned length, double when)
{
    unsigned offset = nonce_at(octets, length);
    if (length < offset + 8) {
        unmatched++;
        return;
    }
    uint64_t nonce = get64(octets + offset);
    if (!flow) /* an ETR hears what left from any socket */
        flow = &flows[nonce >> 36 & (SOCKETS - 1)];
    int slot = nonce % WINDOW;
    if (!flow->busy[slot] || flow->pending[slot] != nonce) {
        unmatched++;
        return;
    }
    flow->busy[slot] = 0;
    flow->under_way--;
    answered++;
    if (rate > 0 && sample_count < SAMPLES)
        samples[sample_count++] = (when - flow->due[slot]) * 1e7;
}

/* The length of each message in a datagram of several; 0: it is one. */
static unsigned merged_length(struct msghdr *header)
{
    for (struct cmsghdr *one = CMSG_FIRSTHDR(header); one; one = CMSG_NXTHDR(header, one))
        if (one->cmsg_level == IPPROTO_UDP && one->cmsg_type == UDP_GRO)
            return *(int *)CMSG_DATA(one);
    return 0;
}

static void receive_some(int fd, struct flow *flow)
{
    static unsigned char octets[WINDOW][MERGED_OCTETS];
    static char controls[WINDOW][CMSG_SPACE(sizeof(int))];
    static struct iovec parts[WINDOW];
    static struct mmsghdr messages[WINDOW];

    for (int i = 0; i < WINDOW; i++) {
        parts[i] = (struct iovec){octets[i], MERGED_OCTETS};
        messages[i].msg_hdr = (struct msghdr){
            .msg_iov = &parts[i],
            .msg_iovlen = 1,
            .msg_control = gro ? controls[i] : NULL,
            .msg_controllen = gro ? sizeof controls[i] : 0};
    }
    int received = recvmmsg(fd, messages, WINDOW, MSG_DONTWAIT, NULL);
    double when = rate > 0 ? now() : 0;
    for (int i = 0; i < received; i++) {
        unsigned left = messages[i].msg_len, each = merged_length(&messages[i].msg_hdr);
        unsigned char *at = octets[i];
        do {
            unsigned length = each && each < left ? each : left;
            settle(flow, at, length, when);
            at += length;
            left -= length;
        } while (left);
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

static int by_size(const void *a, const void *b)
{
    uint32_t one = *(const uint32_t *)a, other = *(const uint32_t *)b;
    return (one > other) - (one < other);
}

static double percentile(double part)
{
    return sample_count ? samples[(size_t)((sample_count - 1) * part)] / 10.0 : 0;
}

static void read_options(int count, char **options)
{
    for (int i = 0; i < count; i++) {
        struct in_addr address;
        if (!strcmp(options[i], "gro"))
            gro = 1;
        else if (!strcmp(options[i], "gso"))
            gso = 1;
        else if (!strncmp(options[i], "rate=", 5) && atof(options[i] + 5) > 0)
            rate = atof(options[i] + 5);
        else if (!strncmp(options[i], "etr=", 4) && etr_count < ETRS &&
                 inet_pton(AF_INET, options[i] + 4, &address) == 1)
            etrs[etr_count++] = hearing(address, CONTROL_PORT);
        else {
            fprintf(stderr, "no such option: %s\n", options[i]);
            exit(2);
        }
    }
}

int main(int argc, char **argv)
{
    if (argc < 6) {
        fprintf(stderr, "usage: generator ADDRESS PORT FILE SECONDS cycle|once [OPTION]...\n");
        return 2;
    }
    struct sockaddr_in server = {.sin_family = AF_INET, .sin_port = htons(atoi(argv[2]))};
    if (inet_pton(AF_INET, argv[1], &server.sin_addr) != 1)
        fail("address");
    cycle = !strcmp(argv[5], "cycle");
    read_options(argc - 6, argv + 6);
    if (rate > 0 && !(samples = malloc(SAMPLES * sizeof *samples)))
        fail("malloc");
    load(argv[3], &server);

    struct pollfd waiting[SOCKETS + ETRS];
    for (int i = 0; i < flow_count; i++)
        waiting[i] = (struct pollfd){.fd = flows[i].fd, .events = POLLIN};
    for (int i = 0; i < etr_count; i++)
        waiting[flow_count + i] = (struct pollfd){.fd = etrs[i], .events = POLLIN};

    begin = now();
    double stop = begin + atof(argv[4]), heard = begin;
    int sending = 1, first = 0;
    for (;;) {
        int busy = 0;
        double at = now();
        sending = sending && at < stop;
        first = (first + 1) % flow_count; /* with a rate, each socket has its turn */
        for (int i = 0; i < flow_count; i++) {
            struct flow *flow = &flows[(first + i) % flow_count];
            int most = WINDOW;
            if (rate > 0) {
                double due = (at - begin) * rate - dispatched;
                most = due < 1 ? 0 : due < WINDOW ? (int)due : WINDOW;
            }
            busy |= sending ? send_some(flow, most) : flow->under_way > 0;
        }
        if (!busy)
            break;
        int ready = poll(waiting, flow_count + etr_count, rate > 0 ? 0 : SILENCE_MS);
        if (ready < 0 && errno != EINTR)
            fail("poll");
        if (ready > 0)
            heard = now();
        else if (rate <= 0 || now() - heard > SILENCE_MS / 1000.0) {
            give_up_waiting();
            heard = now();
        }
        for (int i = 0; i < flow_count + etr_count; i++)
            if (waiting[i].revents)
                receive_some(waiting[i].fd, i < flow_count ? &flows[i] : NULL);
    }
    printf("answered=%llu lost=%llu unmatched=%llu seconds=%.6f",
           (unsigned long long)answered, (unsigned long long)lost,
           (unsigned long long)unmatched, now() - begin);
    if (rate > 0) {
        qsort(samples, sample_count, sizeof *samples, by_size);
        printf(" p50=%.1f p99=%.1f p999=%.1f", percentile(.5), percentile(.99), percentile(.999));
    }
    printf("\n");
    return 0;
}
