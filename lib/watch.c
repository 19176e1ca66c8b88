// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Watching the IPv6 addresses of an interface: the kernel tells every change of any to a socket,
 * which is looked at now and then. What follows from a change is for the caller to have done.
 *
 * Every router advertisement makes the kernel tell of an address again, for its lifetimes are new.
 * So the addresses that were told of are kept, and one of them is no change.
 */

#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <netlink/socket.h>
#include <string.h>
#include <sys/socket.h>

#include "netlink-private.h"

/* An address message has some 100 bytes, and there is one for each datagram. */
#define RECEIVE_SIZE 4096
/* Datagrams that one look reads; more are as good as a change. */
#define DATAGRAMS_MAX 256

/* @ifindex: of the interface that @known are the addresses of, as far as they were told of */
struct mh_watch {
	struct nl_sock *sock;
	int ifindex;
	struct mh_prefix *known;
	size_t n_known;
};

static void watch_closep(struct mh_watch **watch)
{
	mh_watch_close(*watch);
}

struct mh_watch *mh_watch_close(struct mh_watch *watch)
{
	if (!watch)
		return NULL;
	if (watch->sock)
		nl_socket_free(watch->sock);
	free(watch->known);
	free(watch);
	return NULL;
}

int mh_watch_open(struct mh_watch **ret)
{
	mh_cleanup(watch_closep) struct mh_watch *watch = calloc(1, sizeof(*watch));

	if (!watch)
		return -ENOMEM;
	watch->sock = nl_socket_alloc();
	if (!watch->sock)
		return -ENOMEM;
	nl_socket_set_local_port(watch->sock, 0);
	errno = 0;
	if (nl_connect(watch->sock, NETLINK_ROUTE) < 0 ||
	    nl_socket_add_membership(watch->sock, RTNLGRP_IPV6_IFADDR) < 0 ||
	    nl_socket_set_nonblocking(watch->sock) < 0)
		return errno ? -errno : -EIO;
	*ret = mh_steal_ptr(watch);
	return 0;
}

/* An address that cannot be kept is new each time. */
static bool come(struct mh_watch *watch, const struct mh_prefix *addr)
{
	for (size_t i = 0; i < watch->n_known; i++) {
		if (mh_prefix_equal(&watch->known[i], addr))
			return false;
	}
	(void)mh_append(watch->known, watch->n_known, *addr);
	return true;
}

static bool go(struct mh_watch *watch, const struct mh_prefix *addr)
{
	for (size_t i = 0; i < watch->n_known; i++) {
		if (mh_prefix_equal(&watch->known[i], addr)) {
			watch->known[i] = watch->known[--watch->n_known];
			break;
		}
	}
	return true;
}

/* One message. What cannot be read is as good as a change. */
static bool take(struct mh_watch *watch, struct nlmsghdr *hdr)
{
	mh_cleanup(mh_state_freep) struct mh_state *state = calloc(1, sizeof(*state));
	bool gone = hdr->nlmsg_type == RTM_DELADDR;

	if (!gone && hdr->nlmsg_type != RTM_NEWADDR)
		return false;
	hdr->nlmsg_type = RTM_NEWADDR;
	if (!state || mh_nl_parse_addr(hdr, state) < 0)
		return true;
	if (!state->n_addrs || state->addrs[0].ifindex != watch->ifindex)
		return false;
	return (gone ? go : come)(watch, &state->addrs[0].local);
}

static bool take_datagram(struct mh_watch *watch, char *bytes, int left)
{
	bool changed = false;

	for (struct nlmsghdr *hdr = (struct nlmsghdr *)bytes; nlmsg_ok(hdr, left);
	     hdr = nlmsg_next(hdr, &left))
		changed |= take(watch, hdr);
	return changed;
}

/* Return: length of the datagram, 0 where it is not the kernel's, or negative errno. */
static ssize_t receive(struct mh_watch *watch, char *bytes, size_t size)
{
	struct sockaddr_nl from = { 0 };
	socklen_t from_size = sizeof(from);
	ssize_t n = recvfrom(nl_socket_get_fd(watch->sock), bytes, size, 0,
			     (struct sockaddr *)&from, &from_size);

	if (n < 0)
		return errno == EINTR ? 0 : -errno;
	return from.nl_pid ? 0 : n;
}

bool mh_watch_changed(struct mh_watch *watch, int ifindex)
{
	_Alignas(NLMSG_ALIGNTO) char bytes[RECEIVE_SIZE];
	bool changed = false;

	if (ifindex != watch->ifindex)
		watch->n_known = 0;
	watch->ifindex = ifindex;
	for (int i = 0; i < DATAGRAMS_MAX; i++) {
		ssize_t n = receive(watch, bytes, sizeof(bytes));

		if (n == -EAGAIN)
			return changed;
		/* ENOBUFS: what has come and gone unseen is known no more. */
		if (n < 0)
			watch->n_known = 0;
		if (n < 0)
			return true;
		changed |= take_datagram(watch, bytes, (int)n);
	}
	return true;
}
