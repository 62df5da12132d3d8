// SPDX-License-Identifier: Apache-2.0
//
// What is before and behind a proxy whose throughput is measured: an upstream that sends back what it gets, and a
// client that sends, reads what comes back, and compares each byte.
//
//   tcp_load echo PORT
//   tcp_load run HOST:PORT --connections N --bytes TOTAL [--chunk 16384]
//
// TOTAL is what the client sends over all connections together; as much comes back. It ends with 1 if anything is
// wrong, and after 120 seconds at the latest.
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { bufferSize = 256 << 10, timeoutSeconds = 120 };

static int epoll;

static void fail(const char *what) {
  perror(what);
  exit(1);
}

static void watch(int operation, int descriptor, uint32_t events, void *context) {
  struct epoll_event event = {.events = events, .data.ptr = context};
  if (epoll_ctl(epoll, operation, descriptor, &event)) fail("epoll_ctl");
}

static bool wouldBlock(ssize_t n) { return n < 0 && (errno == EAGAIN || errno == EINTR); }

// --- The upstream -------------------------------------------------------------------------------

struct echo {
  int socket;
  size_t start, end; // Of what is read and not yet written.
  uint8_t bytes[bufferSize];
};

static int listenOn(const char *port) {
  struct sockaddr_in address = {
    .sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port)), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  int one = 1, listener = socket(AF_INET, SOCK_STREAM, 0);
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  if (bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, SOMAXCONN)) fail(port);
  return listener;
}

static void acceptEcho(int listener) {
  int one = 1;
  struct echo *e = malloc(sizeof *e);
  if (!e || (e->socket = accept(listener, NULL, NULL)) < 0) fail("accept");
  setsockopt(e->socket, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  e->start = e->end = 0;
  watch(EPOLL_CTL_ADD, e->socket, EPOLLIN, e);
}

// Reads once and writes it; false when the connection is over.
static bool echo(struct echo *e, bool waited) {
  if (!waited) {
    ssize_t n = recv(e->socket, e->bytes, sizeof e->bytes, MSG_DONTWAIT);
    if (n <= 0) return wouldBlock(n);
    e->start = 0;
    e->end = (size_t)n;
  }
  ssize_t n = send(e->socket, e->bytes + e->start, e->end - e->start, MSG_DONTWAIT | MSG_NOSIGNAL);
  if (n < 0 && !wouldBlock(n)) return false;
  if (n > 0) e->start += (size_t)n;
  bool waits = e->start < e->end;
  if (waits != waited) watch(EPOLL_CTL_MOD, e->socket, waits ? EPOLLOUT : EPOLLIN, e);
  return true;
}

static void serve(const char *port) {
  int listener = listenOn(port);
  watch(EPOLL_CTL_ADD, listener, EPOLLIN, NULL);
  for (struct epoll_event events[64];;) {
    int count = epoll_wait(epoll, events, 64, -1);
    for (int i = 0; i < count; i++) {
      struct echo *e = events[i].data.ptr;
      if (!e) {
        acceptEcho(listener);
      } else if (!echo(e, events[i].events & EPOLLOUT)) {
        close(e->socket);
        free(e);
      }
    }
  }
}

// --- The client ---------------------------------------------------------------------------------

struct client {
  int socket;
  bool waitsForRoom, isOver;
  size_t phase; // Where its bytes begin in the pattern, so that those of two connections differ.
  uint64_t total, sent, received;
};

// Its length is prime, so that no exchange of blocks goes unnoticed.
enum { patternLength = 65521 };
static uint8_t pattern[patternLength + bufferSize];

static unsigned failedConnections, openConnections;
static size_t chunk = 16384;

static void makePattern(void) {
  uint32_t state = 1;
  for (size_t i = 0; i < sizeof pattern; i++) {
    state = state * 1664525 + 1013904223;
    pattern[i] = i < patternLength ? (uint8_t)(state >> 24) : pattern[i - patternLength];
  }
}

static const uint8_t *expected(const struct client *c, uint64_t offset) {
  return pattern + (c->phase + offset) % patternLength;
}

static void finish(struct client *c, const char *error) {
  if (error) fprintf(stderr, "tcp_load: %s after %ju of %ju bytes\n", error, c->received, c->total);
  failedConnections += error != NULL;
  openConnections--;
  c->isOver = true;
  close(c->socket);
}

static const char *sendSome(struct client *c) {
  while (c->sent < c->total) {
    size_t length = c->total - c->sent < chunk ? (size_t)(c->total - c->sent) : chunk;
    ssize_t n = send(c->socket, expected(c, c->sent), length, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (wouldBlock(n)) break;
    if (n < 0) return strerror(errno);
    c->sent += (size_t)n;
  }
  return NULL;
}

static const char *receiveSome(struct client *c) {
  static uint8_t bytes[bufferSize];
  ssize_t n = recv(c->socket, bytes, sizeof bytes, MSG_DONTWAIT);
  if (wouldBlock(n)) return NULL;
  if (n <= 0) return n ? strerror(errno) : "end of stream";
  if ((uint64_t)n > c->sent - c->received) return "more than was sent";
  if (memcmp(bytes, expected(c, c->received), (size_t)n)) return "other bytes than those sent";
  c->received += (size_t)n;
  return NULL;
}

static void advance(struct client *c, uint32_t events) {
  const char *error = NULL;
  if (events & ~(uint32_t)EPOLLOUT) error = receiveSome(c);
  if (!error && events & EPOLLOUT) error = sendSome(c);
  if (error || c->received == c->total) return finish(c, error);
  bool waits = c->sent < c->total;
  if (waits != c->waitsForRoom) watch(EPOLL_CTL_MOD, c->socket, waits ? EPOLLIN | EPOLLOUT : EPOLLIN, c);
  c->waitsForRoom = waits;
}


static void openConnection(struct client *c, const struct addrinfo *to) {
  int one = 1;
  c->socket = socket(to->ai_family, SOCK_STREAM, 0);
  if (c->socket < 0 || connect(c->socket, to->ai_addr, to->ai_addrlen)) fail("connect");
  setsockopt(c->socket, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  c->waitsForRoom = true;
  watch(EPOLL_CTL_ADD, c->socket, EPOLLIN | EPOLLOUT, c);
  openConnections++;
}

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

// Until all connections are over, or it is too late.
static void turn(double deadline) {
  struct epoll_event events[64];
  while (openConnections && now() < deadline) {
    int count = epoll_wait(epoll, events, 64, 1000);
    for (int i = 0; i < count; i++) advance(events[i].data.ptr, events[i].events);
  }
}

static int run(char *host, unsigned count, uint64_t total) {
  char *port = strrchr(host, ':');
  struct addrinfo *to, hints = {.ai_socktype = SOCK_STREAM};
  if (port) *port++ = 0;
  if (!port || getaddrinfo(host, port, &hints, &to)) return fputs("tcp_load: give HOST:PORT\n", stderr), 2;
  struct client *clients = calloc(count, sizeof *clients);
  if (!clients) fail("calloc");
  makePattern();
  double start = now();
  for (unsigned i = 0; i < count; i++) {
    clients[i].phase = i * 7919 % patternLength;
    clients[i].total = total / count + (i < total % count);
    openConnection(&clients[i], to);
  }
  turn(start + timeoutSeconds);
  double seconds = now() - start;
  uint64_t received = 0;
  for (unsigned i = 0; i < count; i++) received += clients[i].received;
  if (openConnections) fprintf(stderr, "tcp_load: %u connections not done in %d s\n", openConnections, timeoutSeconds);
  printf("%.1f MB/s, both directions together: %ju bytes each way in %.3f s over %u connections, %u errors\n",
         2 * (double)received / 1e6 / seconds, received, seconds, count, failedConnections + openConnections);
  freeaddrinfo(to);
  free(clients);
  return failedConnections || openConnections;
}

static int usage(void) {
  fputs("usage: tcp_load echo PORT\n"
        "       tcp_load run HOST:PORT --connections N --bytes TOTAL [--chunk 16384]\n",
        stderr);
  return 2;
}

int main(int argc, char **argv) {
  uint64_t connections = 0, total = 0;
  if (argc < 3) return usage();
  epoll = epoll_create1(0);
  if (argc == 3 && !strcmp(argv[1], "echo")) serve(argv[2]);
  if (strcmp(argv[1], "run") || argc % 2 == 0) return usage();
  for (int i = 3; i < argc; i += 2) {
    uint64_t value = strtoull(argv[i + 1], NULL, 10);
    if (!strcmp(argv[i], "--connections")) connections = value;
    else if (!strcmp(argv[i], "--bytes")) total = value;
    else if (!strcmp(argv[i], "--chunk")) chunk = value;
    else return usage();
  }
  if (connections == 0 || connections > 10000 || total < connections || chunk == 0 || chunk > bufferSize)
    return usage();
  return run(argv[2], (unsigned)connections, total);
}
