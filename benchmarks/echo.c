/* The floor: a loop that returns each datagram as it came, 64 a system call.
 *
 * usage: echo ADDRESS PORT
 * Runs until it is ended.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum { BATCH = 64, OCTETS = 2048, RECEIVE_BUFFER = 8 << 20 };

static unsigned char octets[BATCH][OCTETS];
static struct sockaddr_in peers[BATCH];
static struct iovec parts[BATCH];
static struct mmsghdr messages[BATCH];

static void fail(const char *what)
{
    perror(what);
    exit(1);
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        fprintf(stderr, "usage: echo ADDRESS PORT\n");
        return 2;
    }
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    if (fd < 0)
        fail("socket");
    int wanted = RECEIVE_BUFFER;
    if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &wanted, sizeof wanted) < 0)
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &wanted, sizeof wanted);
    struct sockaddr_in local = {.sin_family = AF_INET, .sin_port = htons(atoi(argv[2]))};
    if (inet_pton(AF_INET, argv[1], &local.sin_addr) != 1)
        fail("address");
    if (bind(fd, (struct sockaddr *)&local, sizeof local) < 0)
        fail("bind");

    for (int i = 0; i < BATCH; i++) {
        parts[i].iov_base = octets[i];
        messages[i].msg_hdr.msg_iov = &parts[i];
        messages[i].msg_hdr.msg_iovlen = 1;
        messages[i].msg_hdr.msg_name = &peers[i];
    }
    for (;;) {
        for (int i = 0; i < BATCH; i++) {
            parts[i].iov_len = OCTETS;
            messages[i].msg_hdr.msg_namelen = sizeof peers[i];
        }
        int received = recvmmsg(fd, messages, BATCH, MSG_WAITFORONE, NULL);
        if (received < 0)
            fail("recvmmsg");
        for (int i = 0; i < received; i++)
            parts[i].iov_len = messages[i].msg_len;
        for (int sent = 0; sent < received;) {
            int count = sendmmsg(fd, messages + sent, received - sent, 0);
            sent += count > 0 ? count : 1; /* one that cannot be sent is left out */
        }
    }
}
