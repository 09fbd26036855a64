/*
 * An SMSC that says yes to everything, as fast as a core can: what the clients of
 * smpp_submit.py talk to. It answers bind, submit_sm, enquire_link and unbind by
 * SMPP 3.4; one thread, one write for each read, message ids that count upwards.
 *
 *     cc -O2 -o smsc smsc.c && ./smsc        prints its port; ends with its stdin
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MOST = 64, ROOM = 1 << 18, HEADER = 16, ID_DIGITS = 19 };

struct peer {
    int fd;
    size_t in_size, out_size, out_sent;
    unsigned char in[ROOM], out[ROOM];
};

static struct peer *peers[MOST];
static int count;
static uint64_t message_id = UINT64_C(1046379029789147161);

static uint32_t get(const unsigned char *at) {
    uint32_t value;
    memcpy(&value, at, 4);
    return ntohl(value);
}

static void put(unsigned char *at, uint32_t value) {
    value = htonl(value);
    memcpy(at, &value, 4);
}

static void respond(struct peer *peer, uint32_t command, uint32_t status, uint32_t sequence, const void *body, size_t size) {
    unsigned char *at = peer->out + peer->out_size;
    put(at, (uint32_t)(HEADER + size));
    put(at + 4, command);
    put(at + 8, status);
    put(at + 12, sequence);
    memcpy(at + HEADER, body, size);
    peer->out_size += HEADER + size;
}

/* Returns 0 when the connection should end. */
static int take(struct peer *peer, uint32_t command, uint32_t sequence) {
    char digits[ID_DIGITS + 2];
    switch (command) {
    case 0x01: case 0x02: case 0x09: /* bind_receiver, bind_transmitter, bind_transceiver */
        respond(peer, command | 0x80000000u, 0, sequence, "smsc", 5);
        return 1;
    case 0x04: { /* submit_sm */
        uint64_t left = message_id++;
        digits[ID_DIGITS] = 0;
        for (int at = ID_DIGITS - 1; at >= 0; at--, left /= 10) digits[at] = (char)('0' + left % 10);
        respond(peer, 0x80000004u, 0, sequence, digits, ID_DIGITS + 1);
        return 1;
    }
    case 0x15: /* enquire_link */
        respond(peer, 0x80000015u, 0, sequence, "", 0);
        return 1;
    case 0x06: /* unbind */
        respond(peer, 0x80000006u, 0, sequence, "", 0);
        return 1;
    default:
        if (!(command & 0x80000000u)) respond(peer, 0x80000000u, 3, sequence, "", 0);
        return 1;
    }
}

static int flush_out(struct peer *peer) {
    while (peer->out_sent < peer->out_size) {
        ssize_t sent = send(peer->fd, peer->out + peer->out_sent, peer->out_size - peer->out_sent, MSG_NOSIGNAL);
        if (sent < 0) return errno == EAGAIN || errno == EINTR;
        peer->out_sent += (size_t)sent;
    }
    peer->out_sent = peer->out_size = 0;
    return 1;
}

static int digest(struct peer *peer) {
    size_t at = 0;
    while (peer->in_size - at >= HEADER && ROOM - peer->out_size >= 64) {
        uint32_t length = get(peer->in + at);
        if (length < HEADER || length > ROOM) return 0;
        if (peer->in_size - at < length) break;
        if (!take(peer, get(peer->in + at + 4), get(peer->in + at + 12))) return 0;
        at += length;
    }
    memmove(peer->in, peer->in + at, peer->in_size - at);
    peer->in_size -= at;
    return flush_out(peer);
}

static int hear(struct peer *peer) {
    ssize_t got = recv(peer->fd, peer->in + peer->in_size, ROOM - peer->in_size, 0);
    if (got < 0) return errno == EAGAIN || errno == EINTR;
    peer->in_size += (size_t)got;
    return got > 0 && digest(peer);
}

static void drop(int number) {
    close(peers[number]->fd);
    free(peers[number]);
    peers[number] = peers[--count];
}

static void welcome(int listener) {
    int fd = accept(listener, NULL, NULL), yes = 1;
    if (fd < 0) return;
    struct peer *peer = count < MOST ? calloc(1, sizeof *peer) : NULL;
    if (!peer) {
        close(fd);
        return;
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    peer->fd = fd;
    peers[count++] = peer;
}

int main(void) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    signal(SIGPIPE, SIG_IGN);
    if (bind(listener, (struct sockaddr *)&address, size) || listen(listener, MOST)
        || getsockname(listener, (struct sockaddr *)&address, &size)) {
        perror("smsc");
        return 1;
    }
    printf("%d\n", ntohs(address.sin_port));
    fflush(stdout);
    for (;;) {
        struct pollfd polled[MOST + 2] = {{.fd = 0, .events = POLLIN}, {.fd = listener, .events = POLLIN}};
        int known = count;
        for (int number = 0; number < known; number++) {
            int waits = peers[number]->out_size > 0;
            polled[number + 2] = (struct pollfd){.fd = peers[number]->fd, .events = (short)(waits ? POLLOUT : POLLIN)};
        }
        if (poll(polled, (nfds_t)known + 2, -1) < 0) continue;
        for (int number = known - 1; number >= 0; number--) {
            short what = polled[number + 2].revents;
            if (!what) continue;
            int good = what & POLLOUT ? flush_out(peers[number]) && digest(peers[number]) : hear(peers[number]);
            if (!good) drop(number);
        }
        if (polled[1].revents) welcome(listener);
        if (polled[0].revents) { /* whoever started us is gone */
            char ignored[16];
            if (read(0, ignored, sizeof ignored) <= 0) return 0;
        }
    }
}
