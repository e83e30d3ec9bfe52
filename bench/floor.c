// The floor of every one-hop measurement: an epoll loop that copies bytes between a client and the origin and
// parses nothing. Usage: floor LISTEN-PORT ORIGIN-PORT
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define MAX_FD 65536
static int peer_of[MAX_FD];

static int loopback(int port, struct sockaddr_in *address) {
  memset(address, 0, sizeof *address);
  address->sin_family = AF_INET;
  address->sin_port = htons((unsigned short)port);
  address->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
}

static void watch(int epoll, int fd) {
  struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
  int one = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
}

static void drop(int fd) {
  int other = peer_of[fd];
  close(fd);
  if (other > 0) close(other);
  peer_of[fd] = peer_of[other] = 0;
}

int main(int argc, char **argv) {
  if (argc != 3) return 2;
  struct sockaddr_in address, origin;
  int one = 1, listener = loopback(atoi(argv[1]), &address), epoll = epoll_create1(0);
  close(loopback(atoi(argv[2]), &origin));
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  if (bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, 1024)) return 1;
  struct epoll_event event = {.events = EPOLLIN, .data.fd = listener}, ready[256];
  epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event);
  static char buffer[65536];
  for (;;) {
    int count = epoll_wait(epoll, ready, 256, -1);
    for (int i = 0; i < count; i++) {
      int fd = ready[i].data.fd;
      if (fd == listener) {
        int client = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
        int upstream = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (client < 0 || upstream < 0 || client >= MAX_FD || upstream >= MAX_FD) continue;
        if (connect(upstream, (struct sockaddr *)&origin, sizeof origin)) { close(client); close(upstream); continue; }
        peer_of[client] = upstream;
        peer_of[upstream] = client;
        watch(epoll, client);
        watch(epoll, upstream);
        continue;
      }
      if (peer_of[fd] == 0) continue;
      ssize_t length = read(fd, buffer, sizeof buffer);
      if (length <= 0) { drop(fd); continue; }
      for (ssize_t sent = 0; sent < length;) {
        ssize_t step = write(peer_of[fd], buffer + sent, (size_t)(length - sent));
        if (step <= 0) { drop(fd); break; }
        sent += step;
      }
    }
  }
}
