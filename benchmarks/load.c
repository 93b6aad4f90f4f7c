/* One-thread HTTP/1.1 load generator: keep-alive, no pipelining, every answer compared with the expected bytes.
 *
 *   load PORT CONNECTIONS SECONDS STATUS REQUEST_SIZE
 *
 * Standard input holds the request, REQUEST_SIZE bytes, and then the body of the answer to expect. Each connection to
 * 127.0.0.1 sends the request, reads the whole answer, notes the time between the two, and sends again, until SECONDS
 * have passed. An answer whose status is not STATUS or whose body differs from the expected one is counted as wrong.
 * Answers need a Content-Length; a chunked one counts as a broken connection. Time starts once every connection has had
 * one answer: how a server accepts 64 connections at once is not what is measured. `served` includes those answers.
 * The result is one JSON object on standard output; times are microseconds.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { BUFFER = 256 * 1024, SLOTS = 2 * 1000 * 1000, EVENTS = 256 };

struct connection {
    int fd;
    size_t sent;       /* bytes of the request that are out */
    size_t filled;     /* bytes of the answer that are in */
    size_t head;       /* length of the answer's head, 0 while it is incomplete */
    size_t length;     /* announced length of the answer's body */
    uint64_t started;
    char *buffer;
};

static struct sockaddr_in address;
static char *request, *answer;
static size_t request_size, answer_size;
static int wanted_status, epoll;
static uint32_t *histogram; /* one slot per microsecond, the last one for everything above */
static uint64_t completed, served, wrong, broken, refused, bytes, slowest;
static int waiting; /* connections that have not had their first answer */

static uint64_t now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000u + (uint64_t)t.tv_nsec / 1000u;
}

static void read_input(size_t first) {
    size_t room = 4 * BUFFER, size = fread(request = malloc(room), 1, room, stdin);
    if (size < first) { fprintf(stderr, "standard input is shorter than REQUEST_SIZE\n"); exit(2); }
    request_size = first;
    answer = request + first;
    answer_size = size - first;
}

static void watch(struct connection *c, int operation, uint32_t events) {
    struct epoll_event event = {.events = events, .data.ptr = c};
    epoll_ctl(epoll, operation, c->fd, &event);
}

static int open_connection(struct connection *c) {
    int on = 1;
    c->fd = socket(AF_INET, SOCK_STREAM, 0);
    c->sent = c->filled = c->head = c->length = 0;
    if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&address, sizeof address) != 0) {
        refused++;
        if (c->fd >= 0) close(c->fd);
        c->fd = -1;
        return -1;
    }
    fcntl(c->fd, F_SETFL, O_NONBLOCK);
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    watch(c, EPOLL_CTL_ADD, EPOLLIN);
    return 0;
}

/* Sends what is left of the request; a request that does not fit the socket waits for EPOLLOUT. */
static int send_request(struct connection *c) {
    if (c->sent == 0) c->started = now();
    while (c->sent < request_size) {
        ssize_t n = send(c->fd, request + c->sent, request_size - c->sent, MSG_NOSIGNAL);
        if (n < 0 && errno == EAGAIN) { watch(c, EPOLL_CTL_MOD, EPOLLIN | EPOLLOUT); return 0; }
        if (n < 0) return -1;
        c->sent += (size_t)n;
    }
    return 0;
}

/* Reads the head once it is complete: its length and the announced length of the body. */
static int read_head(struct connection *c) {
    char *end = memmem(c->buffer, c->filled, "\r\n\r\n", 4);
    if (!end) return c->filled == BUFFER ? -1 : 0;
    c->head = (size_t)(end - c->buffer) + 4;
    for (char *line = c->buffer; line && line < end; line = memmem(line, c->head - (size_t)(line - c->buffer), "\r\n", 2)) {
        line += line == c->buffer ? 0 : 2;
        if (strncasecmp(line, "content-length:", 15) == 0) {
            c->length = strtoul(line + 15, NULL, 10);
            return c->head + c->length > BUFFER ? -1 : 1;
        }
    }
    return -1;
}

static void count(struct connection *c) {
    uint64_t took = now() - c->started;
    int status = c->head > 12 ? atoi(c->buffer + 9) : 0;
    int same = c->length == answer_size && memcmp(c->buffer + c->head, answer, answer_size) == 0;
    served++;
    if (status != wanted_status || !same) wrong++;
    if (waiting) return;
    completed++;
    bytes += c->head + c->length;
    histogram[took < SLOTS - 1 ? took : SLOTS - 1]++;
    if (took > slowest) slowest = took;
}

/* Returns -1 when the connection is of no further use. */
static int receive(struct connection *c) {
    ssize_t n = recv(c->fd, c->buffer + c->filled, BUFFER - c->filled, 0);
    if (n < 0 && errno == EAGAIN) return 0;
    if (n <= 0) return -1;
    c->filled += (size_t)n;
    c->buffer[c->filled] = 0;
    if (c->head == 0) {
        int state = read_head(c);
        if (state <= 0) return state;
    }
    if (c->filled < c->head + c->length) return 0;
    if (c->filled > c->head + c->length) return -1;
    count(c);
    c->sent = c->filled = c->head = c->length = 0;
    if (waiting) { waiting--; return 0; }
    return send_request(c);
}

static void serve(struct connection *c, uint32_t events) {
    int state = 0;
    if (events & EPOLLOUT) {
        watch(c, EPOLL_CTL_MOD, EPOLLIN);
        state = send_request(c);
    }
    if (state == 0 && events & (EPOLLIN | EPOLLHUP | EPOLLERR)) state = receive(c);
    if (state == 0) return;
    broken++;
    close(c->fd);
    if (open_connection(c) == 0) send_request(c);
}

static void turn(void) {
    struct epoll_event events[EVENTS];
    int ready = epoll_wait(epoll, events, EVENTS, 50);
    for (int i = 0; i < ready; i++) serve(events[i].data.ptr, events[i].events);
}

static uint64_t percentile(double share) {
    uint64_t rank = (uint64_t)((double)completed * share), seen = 0;
    for (uint64_t slot = 0; slot < SLOTS; slot++)
        if ((seen += histogram[slot]) > rank) return slot;
    return slowest;
}

int main(int count_of_arguments, char **argument) {
    if (count_of_arguments != 6) {
        fprintf(stderr, "usage: load PORT CONNECTIONS SECONDS STATUS REQUEST_SIZE\n");
        return 2;
    }
    int connections = atoi(argument[2]);
    double seconds = atof(argument[3]);
    wanted_status = atoi(argument[4]);
    read_input(strtoul(argument[5], NULL, 10));
    address.sin_family = AF_INET;
    address.sin_port = htons((uint16_t)atoi(argument[1]));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    histogram = calloc(SLOTS, sizeof *histogram);
    epoll = epoll_create1(0);

    struct connection *all = calloc((size_t)connections, sizeof *all);
    for (int i = 0; i < connections; i++) {
        all[i].buffer = malloc(BUFFER + 1);
        if (open_connection(&all[i]) != 0) { fprintf(stderr, "connect: %s\n", strerror(errno)); return 1; }
    }
    waiting = connections;
    uint64_t patience = now() + 10 * 1000000u;
    for (int i = 0; i < connections; i++) send_request(&all[i]);
    while (waiting && now() < patience) turn();
    if (waiting) { fprintf(stderr, "%d of %d connections had no answer within 10 s\n", waiting, connections); return 1; }

    uint64_t start = now(), stop = start + (uint64_t)(seconds * 1e6);
    for (int i = 0; i < connections; i++) send_request(&all[i]);
    while (now() < stop) turn();
    double took = (double)(now() - start) / 1e6;
    printf("{\"requests\": %lu, \"served\": %lu, \"seconds\": %.6f, \"wrong\": %lu, \"broken\": %lu, \"refused\": %lu, \"bytes\": %lu, "
           "\"p50\": %lu, \"p90\": %lu, \"p99\": %lu, \"slowest\": %lu}\n",
           completed, served, took, wrong, broken, refused, bytes,
           percentile(0.50), percentile(0.90), percentile(0.99), slowest);
    return 0;
}
