// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * To be preloaded: makes the kernel look as it was before Linux 5.3, which did not know requests
 * about nexthop objects. Their type becomes one that no kernel knows, so the answer is the real
 * one.
 */

#include <dlfcn.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#define UNKNOWN_TYPE 4000

__attribute__((visibility("default"))) ssize_t sendto(int fd, const void *bytes, size_t n,
						      int flags, const struct sockaddr *to,
						      socklen_t to_size)
{
	ssize_t (*real)(int, const void *, size_t, int, const struct sockaddr *, socklen_t);
	struct nlmsghdr *hdr = (struct nlmsghdr *)bytes;

	if (to && to->sa_family == AF_NETLINK && n >= sizeof(*hdr) &&
	    hdr->nlmsg_type >= RTM_NEWNEXTHOP && hdr->nlmsg_type <= RTM_GETNEXTHOPBUCKET)
		hdr->nlmsg_type = UNKNOWN_TYPE;
	*(void **)&real = dlsym(RTLD_NEXT, "sendto");
	return real(fd, bytes, n, flags, to, to_size);
}
