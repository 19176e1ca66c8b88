// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * For LD_PRELOAD: a kernel that refuses requests of one type, or whose state never stands still.
 * The file that MULTIHOME_TEST_REFUSE names says which: a message type and an errno, both as
 * numbers; type 0: every dump is interrupted. While there is no such file all is as ever.
 */

#include <dlfcn.h>
#include <errno.h>
#include <linux/netlink.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#define SEQS_MAX 256

static struct {
	int type;
	int error;
	__u32 seqs[SEQS_MAX];
	size_t n;
} refusal;

static int read_refusal(void)
{
	const char *path = getenv("MULTIHOME_TEST_REFUSE");
	FILE *file = path ? fopen(path, "r") : NULL;
	int n;

	if (!file)
		return 0;
	n = fscanf(file, "%d %d", &refusal.type, &refusal.error);
	fclose(file);
	return n == 2;
}

/* The kernel passes over messages of this type, and acknowledges them. */
static void take(struct nlmsghdr *hdr)
{
	if (hdr->nlmsg_type != refusal.type || refusal.n == SEQS_MAX)
		return;
	refusal.seqs[refusal.n++] = hdr->nlmsg_seq;
	hdr->nlmsg_type = NLMSG_NOOP;
}

static void answer(struct nlmsghdr *hdr)
{
	if (!refusal.type) {
		hdr->nlmsg_flags |= NLM_F_DUMP_INTR;
		return;
	}
	for (size_t i = 0; hdr->nlmsg_type == NLMSG_ERROR && i < refusal.n; i++)
		if (refusal.seqs[i] == hdr->nlmsg_seq)
			((struct nlmsgerr *)NLMSG_DATA(hdr))->error = -refusal.error;
}

__attribute__((visibility("default"))) ssize_t sendto(int fd, const void *bytes, size_t n,
						      int flags, const struct sockaddr *to,
						      socklen_t to_size)
{
	ssize_t (*real)(int, const void *, size_t, int, const struct sockaddr *, socklen_t);
	unsigned int left = (unsigned int)n;

	refusal.n = 0;
	if (to && to->sa_family == AF_NETLINK && read_refusal() && refusal.type)
		for (struct nlmsghdr *hdr = (struct nlmsghdr *)bytes; NLMSG_OK(hdr, left);
		     hdr = NLMSG_NEXT(hdr, left))
			take(hdr);
	*(void **)&real = dlsym(RTLD_NEXT, "sendto");
	return real(fd, bytes, n, flags, to, to_size);
}

__attribute__((visibility("default"))) ssize_t recvfrom(int fd, void *bytes, size_t n, int flags,
							struct sockaddr *from, socklen_t *from_size)
{
	ssize_t (*real)(int, void *, size_t, int, struct sockaddr *, socklen_t *);
	struct nlmsghdr *hdr = bytes;
	unsigned int left;
	ssize_t got;

	*(void **)&real = dlsym(RTLD_NEXT, "recvfrom");
	got = real(fd, bytes, n, flags, from, from_size);
	if (got <= 0 || !from || from->sa_family != AF_NETLINK || !read_refusal())
		return got;
	left = (unsigned int)got;
	for (; NLMSG_OK(hdr, left); hdr = NLMSG_NEXT(hdr, left))
		answer(hdr);
	return got;
}
