// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What keeps IPv6 from working on links: addresses that cannot come, hosts behind that are not
 * forwarded for, and defaults of router advertisements where links are to have none.
 */

#include <linux/rtnetlink.h>
#include <stdio.h>
#include <sys/socket.h>

#include "check.h"
#include "inspect.h"
#include "plan-private.h"
#include "sysctl.h"

/* Return: the setting of an interface, or of "all"; @otherwise where there is none. */
static uint32_t setting(const struct mh_session *s, const char *ifname, const char *name,
			uint32_t otherwise)
{
	char path[64 + MH_IFNAME_SIZE];
	uint32_t value = otherwise;

	snprintf(path, sizeof(path), "net/ipv6/conf/%s/%s", ifname, name);
	(void)mh_sysctl_read(s->root, path, &value);
	return value;
}

static bool has_address(const struct mh_session *s, const struct mh_link *link)
{
	size_t n;
	const struct mh_ifaddr *addrs = mh_state_addrs(s->survey, link->ifindex, &n);

	for (size_t i = 0; i < n; i++) {
		if (mh_is_followed(&addrs[i]))
			return true;
	}
	return false;
}

static bool is_inet6(const struct mh_prefix *prefix)
{
	return prefix->family == AF_INET6;
}

static bool has_source(const struct mh_link *link)
{
	for (size_t i = 0; i < link->n_sources; i++) {
		if (is_inet6(&link->sources[i]))
			return true;
	}
	for (size_t i = 0; i < link->n_added; i++) {
		if (is_inet6(&link->added[i]))
			return true;
	}
	return false;
}

/* See ipv6_accept_ra() of the kernel: an interface that forwards must be told twice. */
static int check_accept_ra(struct mh_session *s, const struct mh_record *record)
{
	const struct mh_link *link = record->link;
	char mend[MH_TEXT_SIZE];

	if (!mh_part_is_up(record, MH_INET6) || has_address(s, link) || has_source(link) ||
	    !setting(s, link->ifname, "forwarding", 0) ||
	    setting(s, link->ifname, "accept_ra", 2) == 2)
		return 0;
	snprintf(mend, sizeof(mend),
		 "sysctl -w net/ipv6/conf/%s/accept_ra=2, give the link its prefix by \"multihome "
		 "source add\", or have no IPv6 on it (noipv6)",
		 link->ifname);
	return mh_report_problem(s->report, MH_PROBLEM_ACCEPT_RA, link->ifname, mend,
				 "it has no IPv6 address, and the kernel takes none from router "
				 "advertisements: the interface forwards, and accept_ra is not 2");
}

static bool is_in(const struct mh_prefix *prefixes, size_t n, const struct mh_prefix *addr)
{
	for (size_t i = 0; i < n; i++) {
		if (prefixes[i].len && mh_prefix_contains(&prefixes[i], addr))
			return true;
	}
	return false;
}

/* The link whose prefix the address is from; NULL: none that is up. */
static const struct mh_link *link_of(const struct mh_session *s, const struct mh_prefix *addr)
{
	for (size_t i = 0; i < s->records.n; i++) {
		const struct mh_record *record = &s->records.v[i];
		const struct mh_link *link = record->link;

		if (mh_part_is_up(record, MH_INET6) &&
		    (is_in(link->sources, link->n_sources, addr) ||
		     is_in(link->added, link->n_added, addr)))
			return link;
	}
	return NULL;
}

static int check_lan(struct mh_session *s, const struct mh_ifaddr *addr)
{
	const struct mh_iface *iface = mh_state_iface(s->survey, addr->ifindex);
	const struct mh_link *link = link_of(s, &addr->local);

	if (!link || !iface || setting(s, iface->name, "force_forwarding", 0))
		return 0;
	return mh_report_problem(s->report, MH_PROBLEM_FORWARDING, NULL,
				 "set net.ipv6.conf.all.forwarding to 1, and accept_ra of links "
				 "that get addresses by router advertisements to 2",
				 "net.ipv6.conf.all.forwarding is 0: hosts behind %s, which have "
				 "addresses of %s, do not get out by any link",
				 iface->name, link->ifname);
}

/* One finding is enough. */
static int check_forwarding(struct mh_session *s)
{
	size_t before = s->report->n_problems;
	int r = 0;

	if (setting(s, "all", "forwarding", 1))
		return 0;
	for (size_t i = 0; !r && i < s->survey->n_addrs; i++) {
		const struct mh_ifaddr *addr = &s->survey->addrs[i];

		if (s->report->n_problems == before && is_inet6(&addr->local) && mh_is_lan(s, addr))
			r = check_lan(s, addr);
	}
	return r;
}

/* Where a tier is left, such a default comes behind it, or is a finding of its own: inspect.c. */
static int check_advertised(struct mh_session *s, const struct mh_record *record)
{
	const struct mh_link *link = record->link;
	const struct mh_route *first = mh_first_default(s->survey, MH_INET6);
	char text[MH_TEXT_SIZE];

	if (!first || first->protocol != RTPROT_RA || first->oif != link->ifindex || link->weight ||
	    !mh_part_is_up(record, MH_INET6))
		return 0;
	mh_route_text(first, s->survey, text);
	return mh_report_problem(s->report, MH_PROBLEM_FOREIGN_DEFAULT, link->ifname,
				 "remove that route, and keep who adds it from it "
				 "(systemd-networkd: UseGateway=no in [IPv6AcceptRA])",
				 "\"%s\" is of a router advertisement and carries new traffic by "
				 "the link, whose weight is 0",
				 text);
}

int mh_check_inet6(struct mh_session *s)
{
	int r = check_forwarding(s);

	for (size_t i = 0; !r && i < s->records.n; i++) {
		r = check_accept_ra(s, &s->records.v[i]);
		if (!r)
			r = check_advertised(s, &s->records.v[i]);
	}
	return r;
}
