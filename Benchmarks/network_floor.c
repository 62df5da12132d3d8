// SPDX-License-Identifier: Apache-2.0
//
// The least that a server on libnghttp2 can do for network ext_proc: one thread, epoll, and all data goes back as it
// came. Nothing is decoded but the tags of a message, and a message is answered while it still arrives.
//
//   network_floor PORT
//
// It listens on 127.0.0.1, without TLS. SIGTERM ends it; it then prints how many messages and frames came, and how long
// they were.
#define _GNU_SOURCE // accept4
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <nghttp2/nghttp2.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

enum {
  inputSize = 128 << 10,   // Bytes of one read.
  outputLimit = 128 << 10, // Bytes that wait for the socket before no further frame is made.
  // Larger windows make nothing faster, and with many streams all slower: the WINDOW_UPDATEs that we wait for come
  // behind all the data that Envoy may send.
  streamWindow = 256 << 10,
  connectionWindow = 8 << 20,
  maxStreams = 10000,
};

static void fail(const char *what) {
  perror(what);
  exit(1);
}

// --- Bytes that wait ----------------------------------------------------------------------------

struct buffer {
  uint8_t *bytes;
  size_t start, end, capacity;
};

static size_t waiting(const struct buffer *b) { return b->end - b->start; }

static void append(struct buffer *b, const void *bytes, size_t length) {
  if (b->end + length > b->capacity) {
    if (b->start) memmove(b->bytes, b->bytes + b->start, waiting(b));
    b->end -= b->start;
    b->start = 0;
    // Room for as much again, so that the bytes are not moved each time.
    while (b->end + length > b->capacity / 2) b->capacity = b->capacity ? 2 * b->capacity : 1024;
    if (!(b->bytes = realloc(b->bytes, b->capacity))) fail("realloc");
  }
  memcpy(b->bytes + b->end, bytes, length);
  b->end += length;
}

static void drop(struct buffer *b, size_t length) {
  b->start += length;
  if (b->start == b->end) b->start = b->end = 0;
}

// --- Messages -----------------------------------------------------------------------------------

enum { readData = 1, writeData = 2 };

struct tally {
  uint64_t count, bytes, largest;
};

static struct tally fields[3]; // By their numbers.
static struct tally frames;

static void add(struct tally *t, uint64_t bytes) {
  t->count++;
  t->bytes += bytes;
  if (bytes > t->largest) t->largest = bytes;
}

struct stream {
  int32_t id;
  struct stream *next, **link; // All streams of a connection.
  struct buffer answer;
  size_t unconsumed; // Received bytes that the peer's window does not have back yet.
  enum { inPrefix, inTag, inLength, inField } part;
  uint8_t prefix[5], header[6]; // What is known of them so far.
  uint32_t prefixLength, headerLength;
  uint32_t messageLeft, fieldLeft;
  uint8_t field; // The one whose bytes come, 0 for those of no interest.
  bool ended, deferred;
};

// The rest of an answer is as long as what comes, so it begins at once. false is for what breaks the rules.
static bool startField(struct stream *s, uint32_t length) {
  if (length > s->messageLeft) return false;
  uint8_t number = s->header[0] >> 3;
  s->field = number == readData || number == writeData ? number : 0;
  s->fieldLeft = length;
  s->part = inField;
  if (!s->field) return true;
  uint32_t answerLength = htonl(s->headerLength + length + 2);
  uint8_t prefix[5] = {0};
  memcpy(prefix + 1, &answerLength, 4);
  append(&s->answer, prefix, sizeof prefix);
  append(&s->answer, s->header, s->headerLength);
  add(&fields[s->field], length);
  return true;
}

static void endField(struct stream *s) {
  if (s->field) append(&s->answer, "\x18\x01", 2); // data_processing_status: UNMODIFIED
  s->part = s->messageLeft ? inTag : inPrefix;
}

static bool headerByte(struct stream *s, uint8_t byte) {
  if (!s->messageLeft || s->headerLength == sizeof s->header) return false;
  s->messageLeft--;
  s->header[s->headerLength++] = byte;
  if (s->part == inTag) {
    s->part = inLength;
    return byte < 0x80 && (byte & 7) == 2; // All fields have a length.
  }
  if (byte >= 0x80) return true;
  uint32_t length = 0;
  for (uint32_t i = s->headerLength - 1; i > 0; i--) length = length << 7 | (s->header[i] & 0x7f);
  if (!startField(s, length)) return false;
  if (!length) endField(s);
  s->headerLength = 0;
  return true;
}

static bool prefixByte(struct stream *s, uint8_t byte) {
  s->prefix[s->prefixLength++] = byte;
  if (s->prefixLength < sizeof s->prefix) return true;
  memcpy(&s->messageLeft, s->prefix + 1, 4);
  s->messageLeft = ntohl(s->messageLeft);
  s->prefixLength = 0;
  if (s->messageLeft) s->part = inTag;
  return s->prefix[0] == 0; // No compression.
}

static bool receive(struct stream *s, const uint8_t *bytes, size_t length) {
  for (const uint8_t *end = bytes + length; bytes < end;) {
    if (s->part == inPrefix) {
      if (!prefixByte(s, *bytes++)) return false;
    } else if (s->part != inField) {
      if (!headerByte(s, *bytes++)) return false;
    } else {
      uint32_t n = s->fieldLeft < (size_t)(end - bytes) ? s->fieldLeft : (uint32_t)(end - bytes);
      if (s->field) append(&s->answer, bytes, n);
      bytes += n;
      s->fieldLeft -= n;
      s->messageLeft -= n;
      if (!s->fieldLeft) endField(s);
    }
  }
  return true;
}

// --- HTTP/2 -------------------------------------------------------------------------------------

struct connection {
  int socket;
  nghttp2_session *session;
  struct stream *streams;
  struct buffer output;
  bool waitsForRoom;
};

// Gives the peer's window back what was received, as its answer leaves; otherwise answers would pile up.
static void consume(nghttp2_session *session, struct stream *s, size_t sent) {
  size_t length = waiting(&s->answer) && sent < s->unconsumed ? sent : s->unconsumed;
  nghttp2_session_consume(session, s->id, length);
  s->unconsumed -= length;
}

#define FIELD(name, value) \
  { (uint8_t *)name, (uint8_t *)value, sizeof name - 1, sizeof value - 1, NGHTTP2_NV_FLAG_NONE }

static void resume(nghttp2_session *session, struct stream *s) {
  if (!s->deferred) return;
  s->deferred = false;
  nghttp2_session_resume_data(session, s->id);
}

static ssize_t nextData(nghttp2_session *session, int32_t id, uint8_t *unused, size_t room, uint32_t *flags,
                        nghttp2_data_source *source, void *context) {
  (void)unused, (void)context;
  struct stream *s = source->ptr;
  size_t length = waiting(&s->answer);
  if (length == 0 && !s->ended) {
    s->deferred = true;
    return NGHTTP2_ERR_DEFERRED;
  }
  *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
  if (length > room) return (ssize_t)room;
  if (s->ended) {
    nghttp2_nv trailers[] = {FIELD("grpc-status", "0")};
    nghttp2_submit_trailer(session, id, trailers, 1);
    *flags |= NGHTTP2_DATA_FLAG_EOF | NGHTTP2_DATA_FLAG_NO_END_STREAM;
  }
  return (ssize_t)length;
}

static int sendData(nghttp2_session *session, nghttp2_frame *frame, const uint8_t *header, size_t length,
                    nghttp2_data_source *source, void *context) {
  (void)frame;
  struct connection *c = context;
  struct stream *s = source->ptr;
  if (waiting(&c->output) >= outputLimit) return NGHTTP2_ERR_WOULDBLOCK;
  append(&c->output, header, 9);
  append(&c->output, s->answer.bytes + s->answer.start, length);
  drop(&s->answer, length);
  consume(session, s, length);
  return 0;
}

static ssize_t sendFrame(nghttp2_session *session, const uint8_t *bytes, size_t length, int flags, void *context) {
  (void)session, (void)flags;
  struct connection *c = context;
  if (waiting(&c->output) >= outputLimit) return NGHTTP2_ERR_WOULDBLOCK;
  append(&c->output, bytes, length);
  return (ssize_t)length;
}

static int streamBegan(nghttp2_session *session, const nghttp2_frame *frame, void *context) {
  struct connection *c = context;
  if (frame->headers.cat != NGHTTP2_HCAT_REQUEST) return 0;
  struct stream *s = calloc(1, sizeof *s);
  if (!s) fail("calloc");
  s->id = frame->hd.stream_id;
  s->next = c->streams;
  s->link = &c->streams;
  if (s->next) s->next->link = &s->next;
  c->streams = s;
  return nghttp2_session_set_stream_user_data(session, s->id, s);
}

static void removeStream(struct stream *s) {
  *s->link = s->next;
  if (s->next) s->next->link = s->link;
  free(s->answer.bytes);
  free(s);
}

static int streamClosed(nghttp2_session *session, int32_t id, uint32_t code, void *context) {
  (void)code, (void)context;
  struct stream *s = nghttp2_session_get_stream_user_data(session, id);
  if (!s) return 0;
  nghttp2_session_consume_connection(session, s->unconsumed);
  removeStream(s);
  return 0;
}

static int frameReceived(nghttp2_session *session, const nghttp2_frame *frame, void *context) {
  (void)context;
  struct stream *s = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
  if (!s || frame->hd.type > NGHTTP2_HEADERS) return 0;
  if (frame->hd.type == NGHTTP2_DATA) {
    add(&frames, frame->hd.length);
  } else if (frame->headers.cat == NGHTTP2_HCAT_REQUEST) {
    nghttp2_nv headers[] = {FIELD(":status", "200"), FIELD("content-type", "application/grpc")};
    nghttp2_data_provider provider = {.source.ptr = s, .read_callback = nextData};
    nghttp2_submit_response(session, s->id, headers, 2, &provider);
  }
  if (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) {
    s->ended = true;
    resume(session, s);
  }
  return 0;
}

static int dataReceived(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *bytes, size_t length,
                        void *context) {
  (void)flags, (void)context;
  struct stream *s = nghttp2_session_get_stream_user_data(session, id);
  if (!s) return nghttp2_session_consume_connection(session, length);
  s->unconsumed += length;
  if (!receive(s, bytes, length)) return nghttp2_submit_rst_stream(session, 0, id, NGHTTP2_PROTOCOL_ERROR);
  if (waiting(&s->answer)) resume(session, s);
  else consume(session, s, 0);
  return 0;
}

static nghttp2_session *newSession(struct connection *c) {
  nghttp2_session_callbacks *callbacks;
  nghttp2_option *option;
  nghttp2_session *session;
  if (nghttp2_session_callbacks_new(&callbacks) || nghttp2_option_new(&option)) fail("nghttp2");
  nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, streamBegan);
  nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, frameReceived);
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, dataReceived);
  nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, streamClosed);
  nghttp2_session_callbacks_set_send_callback(callbacks, sendFrame);
  nghttp2_session_callbacks_set_send_data_callback(callbacks, sendData);
  nghttp2_option_set_no_auto_window_update(option, 1);
  // However many connections of Envoy's clients are reset, each of which resets a stream.
  nghttp2_option_set_stream_reset_rate_limit(option, UINT64_MAX >> 1, UINT64_MAX >> 1);
  if (nghttp2_session_server_new2(&session, callbacks, c, option)) fail("nghttp2");
  nghttp2_option_del(option);
  nghttp2_session_callbacks_del(callbacks);
  nghttp2_settings_entry settings[] = {
    {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, maxStreams},
    {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, streamWindow},
  };
  if (nghttp2_submit_settings(session, NGHTTP2_FLAG_NONE, settings, 2)
      || nghttp2_session_set_local_window_size(session, NGHTTP2_FLAG_NONE, 0, connectionWindow))
    fail("nghttp2");
  return session;
}

// --- Connections --------------------------------------------------------------------------------

static void watch(int epoll, int operation, int descriptor, uint32_t events, void *context) {
  struct epoll_event event = {.events = events, .data.ptr = context};
  if (epoll_ctl(epoll, operation, descriptor, &event)) fail("epoll_ctl");
}

// Writes what there is until the socket has no room; false when the connection is over.
static bool flush(struct connection *c) {
  for (;;) {
    if (nghttp2_session_send(c->session)) return false;
    if (!waiting(&c->output)) break;
    ssize_t n = send(c->socket, c->output.bytes + c->output.start, waiting(&c->output), MSG_NOSIGNAL);
    if (n < 0) return errno == EAGAIN || errno == EINTR;
    drop(&c->output, (size_t)n);
  }
  return nghttp2_session_want_read(c->session) || nghttp2_session_want_write(c->session);
}

static bool readOnce(struct connection *c) {
  static uint8_t input[inputSize];
  ssize_t n = read(c->socket, input, sizeof input);
  if (n < 0) return errno == EAGAIN || errno == EINTR;
  return n > 0 && nghttp2_session_mem_recv(c->session, input, (size_t)n) == n;
}

static void closeConnection(struct connection *c) {
  close(c->socket);
  while (c->streams) removeStream(c->streams);
  nghttp2_session_del(c->session);
  free(c->output.bytes);
  free(c);
}

// Reads also while the socket has no room: the windows bound what comes, and Envoy's updates may be behind it.
static void serve(int epoll, struct connection *c, uint32_t events) {
  if (events & ~(uint32_t)EPOLLOUT && !readOnce(c)) return closeConnection(c);
  if (!flush(c)) return closeConnection(c);
  bool waits = waiting(&c->output) > 0;
  if (waits == c->waitsForRoom) return;
  c->waitsForRoom = waits;
  watch(epoll, EPOLL_CTL_MOD, c->socket, waits ? EPOLLIN | EPOLLOUT : EPOLLIN, c);
}

static void acceptOne(int epoll, int listener) {
  int one = 1, socket = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
  if (socket < 0) fail("accept");
  setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  struct connection *c = calloc(1, sizeof *c);
  if (!c) fail("calloc");
  c->socket = socket;
  c->session = newSession(c);
  watch(epoll, EPOLL_CTL_ADD, socket, EPOLLIN, c);
  if (!flush(c)) closeConnection(c);
}

static int listenOn(const char *port) {
  struct sockaddr_in address = {
    .sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port)), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  int one = 1, listener = socket(AF_INET, SOCK_STREAM, 0);
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  if (bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, SOMAXCONN)) fail(port);
  return listener;
}

static int catchTermination(void) {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigprocmask(SIG_BLOCK, &signals, NULL);
  return signalfd(-1, &signals, 0);
}

static void report(const char *name, const struct tally *t) {
  uint64_t mean = t->count ? t->bytes / t->count : 0;
  printf("%s: %ju of %ju bytes on average, %ju at most\n", name, t->count, mean, t->largest);
}

int main(int argc, char **argv) {
  if (argc != 2) return fputs("usage: network_floor PORT\n", stderr), 2;
  int epoll = epoll_create1(0), listener = listenOn(argv[1]), termination = catchTermination();
  watch(epoll, EPOLL_CTL_ADD, listener, EPOLLIN, &listener);
  watch(epoll, EPOLL_CTL_ADD, termination, EPOLLIN, &termination);
  for (struct epoll_event events[64];;) {
    int count = epoll_wait(epoll, events, 64, -1);
    for (int i = 0; i < count; i++) {
      void *context = events[i].data.ptr;
      if (context == &listener) {
        acceptOne(epoll, listener);
      } else if (context == &termination) {
        report("read_data", &fields[readData]);
        report("write_data", &fields[writeData]);
        report("DATA frames", &frames);
        return 0;
      } else {
        serve(epoll, context, events[i].events);
      }
    }
  }
}
