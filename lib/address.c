// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A look at a link's IPv4 address, which the other end has chosen: packets from it, and a share of
 * new traffic, would go by the link. That two links have one address is plan.c's part.
 */

#include "address.h"
#include "report.h"

/* "This network", loopback, multicast, and what was never assigned (RFC 6890). */
static bool is_possible(const struct mh_prefix *local)
{
	uint8_t first = local->addr[0];

	return first != 0 && first != 127 && first < 224;
}

static bool is_link(const struct mh_records *records, int ifindex)
{
	for (size_t i = 0; i < records->n; i++) {
		if (records->v[i].link->ifindex == ifindex)
			return true;
	}
	return false;
}

/*
 * Has it a network besides, such as the LAN? An address without a network is no such thing: those
 * of servers are put on the loopback interface, so that they are there before the link.
 */
static bool is_of_network(const struct mh_link *link, const struct mh_records *records,
			  const struct mh_state *snapshot, const struct mh_ifaddr *addr)
{
	const struct mh_iface *iface;

	if (!mh_prefix_equal(&addr->local, &link->part[MH_INET].local) ||
	    addr->ifindex == link->ifindex || addr->network.len == 32)
		return false;
	/* A snapshot for an event need not know the interfaces of others. */
	iface = mh_state_iface(snapshot, addr->ifindex);
	return (!iface || !iface->ppp) && !is_link(records, addr->ifindex);
}

/* An owner whose link borrows the address of the LAN says so. */
static bool is_source(const struct mh_link *link)
{
	for (size_t i = 0; i < link->n_sources; i++) {
		if (mh_prefix_contains(&link->sources[i], &link->part[MH_INET].local))
			return true;
	}
	return false;
}

static int report_taken(const struct mh_link *link, const struct mh_ifaddr *addr,
			struct mh_report *report)
{
	char text[MH_PREFIX_TEXT_SIZE];
	int r;

	mh_prefix_format(&link->part[MH_INET].local, text);
	r = mh_report_problem(
		report, MH_PROBLEM_SAME_ADDRESS, link->ifname,
		"ask the provider for another address, or, where the link is meant to "
		"share it, name it in multihome-source",
		"address %s is that of this host on %s: no IPv4 traffic goes by the "
		"link",
		text, addr->label);
	return r < 0 ? r : -EADDRINUSE;
}

int mh_address_check(const struct mh_link *link, const struct mh_records *records,
		     const struct mh_state *snapshot, struct mh_report *report)
{
	const struct mh_prefix *local = &link->part[MH_INET].local;
	char text[MH_PREFIX_TEXT_SIZE];
	int r;

	if (!mh_prefix_is_set(local))
		return 0;
	if (!is_possible(local)) {
		mh_prefix_format(local, text);
		r = mh_report_problem(report, MH_PROBLEM_BAD_ADDRESS, link->ifname,
				      "ask the provider for another address",
				      "address %s can be no host's: no IPv4 traffic goes by the "
				      "link",
				      text);
		return r < 0 ? r : -EINVAL;
	}
	/* What an Ethernet has been given is its owner's affair. */
	if (!mh_prefix_is_set(&link->part[MH_INET].peer) || is_source(link))
		return 0;
	for (size_t i = 0; i < snapshot->n_addrs; i++) {
		if (is_of_network(link, records, snapshot, &snapshot->addrs[i]))
			return report_taken(link, &snapshot->addrs[i], report);
	}
	return 0;
}
