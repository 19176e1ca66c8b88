// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Numbered UDP packets, sent at a steady pace and counted at the other end, for tests that must
 * know of every packet by which link it went and whether it arrived. What is right is decided by
 * those who call it.
 *
 *   packets send [-s SOURCE] [-f FLOWS] [-r RATE] [-n COUNT] [-b] ADDRESS PORT
 *     COUNT packets in all, RATE a second, in turn to FLOWS destinations: ADDRESS and those behind
 *     it. Each flow has a socket of its own, so its source is chosen once. With -b packets go out
 *     in bursts of one a flow, RATE bursts a second. Prints {"sent":N,"refused":N} at the end;
 *     SIGTERM ends it early.
 *
 *   packets count PORT
 *     Counts what arrives on any address. A line on standard input has it print what it knows as
 *     one line of JSON and begin anew: {"received":N,"duplicate":N,"moved":N,"sources":{"A":N},
 *     "flows":{"A":N}}: packets by source, flows by the source of their last packet, and the
 *     number of flows that were seen with more than one source. Prints {"ready":true} first; ends
 *     with its standard input.
 */

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define FLOWS_MAX 65536
#define SEQ_MAX (1u << 22)
#define SOURCES_MAX 64

struct packet {
	uint32_t flow;
	uint32_t seq;
};

static volatile sig_atomic_t stopped;

static void stop(int number)
{
	(void)number;
	stopped = 1;
}

__attribute__((noreturn)) static void fail(const char *what)
{
	perror(what);
	exit(1);
}

static struct sockaddr_storage address_of(const char *text, uint16_t port, socklen_t *size)
{
	struct sockaddr_storage storage = { 0 };
	struct sockaddr_in *in = (struct sockaddr_in *)&storage;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&storage;

	if (inet_pton(AF_INET, text, &in->sin_addr) == 1) {
		in->sin_family = AF_INET;
		in->sin_port = htons(port);
		*size = sizeof(*in);
	} else if (inet_pton(AF_INET6, text, &in6->sin6_addr) == 1) {
		in6->sin6_family = AF_INET6;
		in6->sin6_port = htons(port);
		*size = sizeof(*in6);
	} else {
		fprintf(stderr, "packets: no address: %s\n", text);
		exit(2);
	}
	return storage;
}

/* The @n-th address behind @base. */
static void advance(struct sockaddr_storage *base, uint32_t n)
{
	struct sockaddr_in *in = (struct sockaddr_in *)base;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)base;
	uint32_t low;

	if (base->ss_family == AF_INET) {
		in->sin_addr.s_addr = htonl(ntohl(in->sin_addr.s_addr) + n);
		return;
	}
	memcpy(&low, &in6->sin6_addr.s6_addr[12], sizeof(low));
	low = htonl(ntohl(low) + n);
	memcpy(&in6->sin6_addr.s6_addr[12], &low, sizeof(low));
}

/* How late a packet may be for the next ones to be sent all the sooner. */
#define LATE_NS 20000000

struct sending {
	const char *source;
	uint32_t flows;
	uint32_t count;
	double rate;
	bool bursts;
};

static int open_flow(const struct sending *sending, const char *to, uint16_t port, uint32_t flow)
{
	socklen_t size;
	struct sockaddr_storage addr = address_of(to, port, &size);
	int fd = socket(addr.ss_family, SOCK_DGRAM, 0);

	if (fd < 0)
		fail("socket");
	advance(&addr, flow);
	if (sending->source) {
		socklen_t source_size;
		struct sockaddr_storage source = address_of(sending->source, 0, &source_size);

		if (bind(fd, (struct sockaddr *)&source, source_size) < 0)
			fail("bind");
	}
	if (connect(fd, (struct sockaddr *)&addr, size) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

/* What a machine that stood still has missed is not made up for: no link's queue holds the burst.
 */
static void wait_until(struct timespec *next, double seconds)
{
	long nsec = next->tv_nsec + (long)(seconds * 1e9);
	struct timespec now;

	next->tv_sec += nsec / 1000000000;
	next->tv_nsec = nsec % 1000000000;
	clock_gettime(CLOCK_MONOTONIC, &now);
	if ((now.tv_sec - next->tv_sec) * 1000000000 + now.tv_nsec - next->tv_nsec > LATE_NS)
		*next = now;
	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, next, NULL) == EINTR && !stopped)
		;
}

static int send_packets(const struct sending *sending, const char *to, uint16_t port)
{
	int *fds = calloc(sending->flows, sizeof(*fds));
	uint32_t sent = 0, refused = 0;
	struct timespec next;

	if (!fds)
		fail("calloc");
	memset(fds, -1, sending->flows * sizeof(*fds));
	clock_gettime(CLOCK_MONOTONIC, &next);
	for (uint32_t i = 0; i < sending->count && !stopped; i++) {
		struct packet packet = { htonl(i % sending->flows), htonl(i / sending->flows) };
		int *fd = &fds[i % sending->flows];

		if (*fd < 0)
			*fd = open_flow(sending, to, port, i % sending->flows);
		/* An ICMP error to an earlier packet shows here once, and nothing is sent. */
		if (*fd >= 0 && (send(*fd, &packet, sizeof(packet), 0) == sizeof(packet) ||
				 send(*fd, &packet, sizeof(packet), 0) == sizeof(packet)))
			sent++;
		else
			refused++;
		/* One packet a flow: no need to hold thousands of sockets. */
		if (sending->count <= sending->flows && *fd >= 0) {
			close(*fd);
			*fd = -1;
		}
		if (sending->rate > 0 && (!sending->bursts || i % sending->flows == 0))
			wait_until(&next, 1 / sending->rate);
	}
	printf("{\"sent\":%u,\"refused\":%u}\n", sent, refused);
	return 0;
}

struct source {
	char text[INET6_ADDRSTRLEN];
	uint32_t packets;
	uint32_t flows;
};

/*
 * @last: of each flow, 1 + index of its last packet's source; 0: none
 * @seen: a bit for each sequence number of each flow would be too much: the highest but one is
 *   enough to know a duplicate of a link that never reorders
 */
struct counting {
	uint32_t received;
	uint32_t duplicate;
	uint32_t moved;
	struct source sources[SOURCES_MAX];
	unsigned int n_sources;
	uint8_t last[FLOWS_MAX];
	bool has_moved[FLOWS_MAX];
	uint32_t next_seq[FLOWS_MAX];
};

static unsigned int source_index(struct counting *c, const struct sockaddr_storage *from)
{
	char text[INET6_ADDRSTRLEN] = "";
	unsigned int i;

	if (from->ss_family == AF_INET6) {
		const struct in6_addr *addr = &((const struct sockaddr_in6 *)from)->sin6_addr;

		if (IN6_IS_ADDR_V4MAPPED(addr))
			inet_ntop(AF_INET, &addr->s6_addr[12], text, sizeof(text));
		else
			inet_ntop(AF_INET6, addr, text, sizeof(text));
	}
	for (i = 0; i < c->n_sources; i++) {
		if (!strcmp(c->sources[i].text, text))
			return i;
	}
	if (i == SOURCES_MAX) {
		fprintf(stderr, "packets: too many sources\n");
		exit(1);
	}
	memcpy(c->sources[i].text, text, sizeof(text));
	c->n_sources++;
	return i;
}

static void take_packet(struct counting *c, const struct packet *packet,
			const struct sockaddr_storage *from)
{
	uint32_t flow = ntohl(packet->flow) % FLOWS_MAX, seq = ntohl(packet->seq);
	unsigned int source = source_index(c, from);

	c->received++;
	c->sources[source].packets++;
	if (seq < c->next_seq[flow])
		c->duplicate++;
	else
		c->next_seq[flow] = seq + 1;
	if (c->last[flow] && c->last[flow] != source + 1 && !c->has_moved[flow]) {
		c->has_moved[flow] = true;
		c->moved++;
	}
	if (c->last[flow])
		c->sources[c->last[flow] - 1].flows--;
	c->last[flow] = (uint8_t)(source + 1);
	c->sources[source].flows++;
}

static void print_counts(const struct counting *c)
{
	printf("{\"received\":%u,\"duplicate\":%u,\"moved\":%u,\"sources\":{", c->received,
	       c->duplicate, c->moved);
	for (unsigned int i = 0; i < c->n_sources; i++)
		printf("%s\"%s\":%u", i ? "," : "", c->sources[i].text, c->sources[i].packets);
	printf("},\"flows\":{");
	for (unsigned int i = 0; i < c->n_sources; i++)
		printf("%s\"%s\":%u", i ? "," : "", c->sources[i].text, c->sources[i].flows);
	printf("}}\n");
	fflush(stdout);
}

static int open_counter(uint16_t port)
{
	struct sockaddr_in6 any = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
	int fd = socket(AF_INET6, SOCK_DGRAM, 0), size = 16 << 20, off = 0;

	if (fd < 0)
		fail("socket");
	setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) < 0)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	if (bind(fd, (struct sockaddr *)&any, sizeof(any)) < 0)
		fail("bind");
	return fd;
}

static void drain(int fd, struct counting *c)
{
	struct sockaddr_storage from;
	socklen_t size = sizeof(from);
	struct packet packet;

	while (recvfrom(fd, &packet, sizeof(packet), MSG_DONTWAIT, (struct sockaddr *)&from,
			&size) == sizeof(packet))
		take_packet(c, &packet, &from);
}

static int count_packets(uint16_t port)
{
	struct counting *c = calloc(1, sizeof(*c));
	struct pollfd fds[] = { { .fd = open_counter(port), .events = POLLIN },
				{ .fd = STDIN_FILENO, .events = POLLIN } };
	char line[64];

	if (!c)
		fail("calloc");
	printf("{\"ready\":true}\n");
	fflush(stdout);
	while (poll(fds, 2, -1) >= 0 || errno == EINTR) {
		if (fds[0].revents)
			drain(fds[0].fd, c);
		if (!fds[1].revents)
			continue;
		if (read(STDIN_FILENO, line, sizeof(line)) <= 0)
			break;
		print_counts(c);
		memset(c, 0, sizeof(*c));
	}
	free(c);
	return 0;
}

/* A socket a flow. */
static void raise_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

int main(int argc, char **argv)
{
	struct sending sending = { .flows = 1, .count = 1, .rate = 1000 };
	struct sigaction action = { .sa_handler = stop };
	int c;

	if (argc == 3 && !strcmp(argv[1], "count"))
		return count_packets((uint16_t)atoi(argv[2]));
	if (argc < 2 || strcmp(argv[1], "send"))
		goto usage;
	while ((c = getopt(argc - 1, argv + 1, "s:f:r:n:b")) >= 0) {
		if (c == 's')
			sending.source = optarg;
		else if (c == 'f')
			sending.flows = (uint32_t)atoi(optarg);
		else if (c == 'r')
			sending.rate = atof(optarg);
		else if (c == 'n')
			sending.count = (uint32_t)atoi(optarg);
		else if (c == 'b')
			sending.bursts = true;
		else
			goto usage;
	}
	if (argc - 1 - optind != 2 || !sending.flows || sending.flows > FLOWS_MAX ||
	    sending.count / sending.flows > SEQ_MAX)
		goto usage;
	sigaction(SIGTERM, &action, NULL);
	raise_limit();
	return send_packets(&sending, argv[optind + 1], (uint16_t)atoi(argv[optind + 2]));
usage:
	fprintf(stderr, "usage: packets send [-s SOURCE] [-f FLOWS] [-r RATE] [-n COUNT] [-b] "
			"ADDRESS PORT\n       packets count PORT\n");
	return 2;
}
