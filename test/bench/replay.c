// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Sends netlink messages that somebody has written down, and waits for the kernel to have taken
 * them: what `ip -batch` does, without its words and without a limit of its own. run writes them.
 *
 *   replay FILE    datagrams, each behind its length and the number of its messages, 32 bits each
 */

#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

__attribute__((noreturn)) static void fail(const char *what, int error)
{
	fprintf(stderr, "replay: %s: %s\n", what, strerror(error));
	exit(1);
}

static void wait_acks(int fd, uint32_t n)
{
	static _Alignas(NLMSG_ALIGNTO) char answer[32768];

	while (n) {
		ssize_t got = recv(fd, answer, sizeof(answer), 0);

		if (got < 0)
			fail("recv", errno);
		for (struct nlmsghdr *hdr = (struct nlmsghdr *)answer; NLMSG_OK(hdr, got);
		     hdr = NLMSG_NEXT(hdr, got)) {
			struct nlmsgerr *error = NLMSG_DATA(hdr);

			if (hdr->nlmsg_type != NLMSG_ERROR || error->error)
				fail("refused", -error->error);
			n--;
		}
	}
}

int main(int argc, char **argv)
{
	static char bytes[1 << 18];
	int file = argc == 2 ? open(argv[1], O_RDONLY | O_CLOEXEC) : -1;
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE), on = 1;
	uint32_t head[2];

	if (file < 0 || fd < 0)
		fail(argc == 2 ? argv[1] : "usage: replay FILE", errno);
	setsockopt(fd, SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof(on));
	while (read(file, head, sizeof(head)) == sizeof(head)) {
		if (head[0] > sizeof(bytes) || read(file, bytes, head[0]) != (ssize_t)head[0])
			fail(argv[1], EINVAL);
		if (send(fd, bytes, head[0], 0) < 0)
			fail("send", errno);
		wait_acks(fd, head[1]);
	}
	close(fd);
	close(file);
	return 0;
}
