// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What breaks multihoming on this host, as far as the kernel shows it: routes of others that cover
 * everything, settings, links. Rules are check-rules.c's and check-marks.c's part, what only
 * IPv6 has check-inet6.c's, files that of check-ppp.c and check-networkd.c. Cautious throughout: a
 * host that works has no finding.
 */

#include <linux/rtnetlink.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "check.h"
#include "evaluate.h"
#include "inspect.h"
#include "plan.h"
#include "sysctl.h"

static const struct mh_iface *iface_of(const struct mh_session *s, const struct mh_link *link)
{
	return mh_state_iface(s->survey, link->ifindex);
}

static int check_kernel(struct mh_session *s)
{
	for (size_t i = 0; i < s->report->n_problems; i++) {
		enum mh_problem_code code = s->report->problems[i].code;

		if (code == MH_PROBLEM_NO_NEXTHOP_OBJECTS || code == MH_PROBLEM_NO_RESILIENT_GROUPS)
			return 0;
	}
	if (!s->survey->has_nexthops)
		return mh_report_problem(
			s->report, MH_PROBLEM_NO_NEXTHOP_OBJECTS, NULL, "run Linux 5.13 or later",
			"this kernel has no nexthop objects: links get their tables "
			"and rules, but share no default");
	if (!s->survey->has_resilient)
		return mh_report_problem(
			s->report, MH_PROBLEM_NO_RESILIENT_GROUPS, NULL, "run Linux 5.13 or later",
			"this kernel has no resilient nexthop groups: flows of "
			"links that stay may change link when another comes or goes");
	return 0;
}

static int check_stale(struct mh_session *s)
{
	int r = 0;

	for (size_t i = 0; !r && i < s->records.n; i++) {
		struct mh_record now = s->records.v[i];
		bool up;

		if (mh_record_is_lost(&now))
			continue;
		r = mh_link_copy(now.link, &now.link);
		if (r)
			break;
		mh_record_refresh(&now, s->survey);
		up = mh_record_is_up(&now);
		mh_link_free(now.link);
		if (!up)
			r = mh_report_problem(s->report, MH_PROBLEM_LEFTOVER,
					      s->records.v[i].link->ifname,
					      "run \"multihome reconcile\"",
					      "its interface or addresses are gone, but not its "
					      "record");
	}
	return r;
}

/* Routes of others in main that together leave no address to a default. */
static const char *const splits[][4] = {
	{ "0.0.0.0/1", "128.0.0.0/1" },
	{ "::/1", "8000::/1" },
	{ "2000::/3" },
	{ "2000::/4", "3000::/4" },
};

static const struct mh_route *foreign_route(const struct mh_state *survey,
					    const struct mh_prefix *dst)
{
	for (size_t i = 0; i < survey->n_routes; i++) {
		const struct mh_route *route = &survey->routes[i];

		if (route->table == MH_TABLE_MAIN && route->protocol != MH_PROTOCOL &&
		    mh_prefix_equal(&route->dst, dst))
			return route;
	}
	return NULL;
}

static int check_split(struct mh_session *s, const char *const *split)
{
	const struct mh_route *route = NULL;
	char text[MH_TEXT_SIZE];

	for (size_t i = 0; i < 4 && split[i]; i++) {
		struct mh_prefix dst;

		if (mh_prefix_parse(split[i], &dst) < 0)
			return 0;
		route = foreign_route(s->survey, &dst);
		if (!route)
			return 0;
	}
	mh_route_text(route, s->survey, text);
	return mh_report_problem(s->report, MH_PROBLEM_SPLIT_DEFAULT, NULL,
				 "keep the VPN from setting them (OpenVPN: pull-filter ignore "
				 "redirect-gateway), and bring its interface up as a link",
				 "\"%s\" and its like cover every address and precede every "
				 "default: all traffic, replies of the links included, follows "
				 "them",
				 text);
}

static int check_splits(struct mh_session *s)
{
	int r = 0;

	for (size_t i = 0; !r && s->records.n && i < MH_ARRAY_SIZE(splits); i++)
		r = check_split(s, splits[i]);
	return r;
}

static bool is_in_first_default(const struct mh_state *survey, int ifindex)
{
	mh_cleanup(mh_ways_clear) struct mh_ways ways = { 0 };
	const struct mh_route *first = mh_first_default(survey, MH_INET);

	if (!first || mh_ways_of(survey, first, &ways) < 0)
		return false;
	for (size_t i = 0; i < ways.n; i++) {
		if (ways.v[i].oif == ifindex)
			return true;
	}
	return false;
}

/*
 * What is for the host's own address passes the strict test, because the source rule leads back;
 * what is forwarded passes it by the default alone. Where loose is asked for, strict is somebody
 * else's doing, and the next event mends it.
 */
static int check_rp_filter(struct mh_session *s)
{
	int r = 0;

	for (size_t i = 0; !r && i < s->records.n; i++) {
		const struct mh_link *link = s->records.v[i].link;
		const struct mh_iface *iface = iface_of(s, link);
		bool keep = link->rp_filter == MH_RP_FILTER_KEEP;
		char command[64];

		if (!iface || !mh_prefix_is_set(&link->part[MH_INET].local) ||
		    !mh_is_strict(iface, s->survey))
			continue;
		if (keep && (!iface->forwarding || is_in_first_default(s->survey, link->ifindex)))
			continue;
		snprintf(command, sizeof(command), "sysctl -w net/ipv4/conf/%s/rp_filter=2",
			 link->ifname);
		r = mh_report_problem(s->report, MH_PROBLEM_RP_FILTER, link->ifname,
				      keep ? command
					   : "run \"multihome reconcile\", and take rp_filter 1 "
					     "out of sysctl.conf",
				      "rp_filter is strict: packets that come in by the link are "
				      "dropped where the default leads back by another");
	}
	return r;
}

static int check_hash_policy(struct mh_session *s)
{
	static const char *const names[MH_FAMILIES] = {
		[MH_INET] = "net/ipv4/fib_multipath_hash_policy",
		[MH_INET6] = "net/ipv6/fib_multipath_hash_policy",
	};
	int r = 0;

	for (enum mh_family family = MH_INET; !r && family < MH_FAMILIES; family++) {
		mh_cleanup(mh_ways_clear) struct mh_ways ways = { 0 };
		const struct mh_route *first = mh_first_default(s->survey, family);
		uint32_t policy = 1;

		if (!first || first->protocol != MH_PROTOCOL)
			continue;
		r = mh_ways_of(s->survey, first, &ways);
		(void)mh_sysctl_read(s->root, names[family], &policy);
		if (r || policy || ways.n < 2)
			continue;
		r = mh_report_problem(s->report, MH_PROBLEM_HASH_POLICY, NULL,
				      family == MH_INET6
					      ? "set net.ipv6.fib_multipath_hash_policy to 1"
					      : "set net.ipv4.fib_multipath_hash_policy to 1",
				      "fib_multipath_hash_policy of IPv%c is 0: all flows between "
				      "two hosts go by one link, so links are used unevenly",
				      family == MH_INET6 ? '6' : '4');
	}
	return r;
}

static bool is_private(const struct mh_prefix *addr)
{
	static const struct mh_prefix blocks[] = {
		{ .family = AF_INET, .len = 8, .addr = { 10 } },
		{ .family = AF_INET, .len = 12, .addr = { 172, 16 } },
		{ .family = AF_INET, .len = 16, .addr = { 192, 168 } },
	};

	for (size_t i = 0; i < MH_ARRAY_SIZE(blocks); i++) {
		if (mh_prefix_contains(&blocks[i], addr))
			return true;
	}
	return false;
}

static bool is_link(const struct mh_session *s, int ifindex)
{
	for (size_t i = 0; i < s->records.n; i++) {
		if (s->records.v[i].link->ifindex == ifindex)
			return true;
	}
	return false;
}

/* A network with a router of its own does not need us for one. */
static bool has_gateway(const struct mh_state *survey, int ifindex)
{
	for (size_t i = 0; i < survey->n_routes; i++) {
		if (survey->routes[i].oif == ifindex &&
		    mh_prefix_is_set(&survey->routes[i].gateway))
			return true;
	}
	return false;
}

/* The host has a private address there, beside others, and no other way out of that network. */
bool mh_is_lan(const struct mh_session *s, const struct mh_ifaddr *addr)
{
	const struct mh_iface *iface = mh_state_iface(s->survey, addr->ifindex);
	bool inet = addr->local.family == AF_INET;

	if (inet && !is_private(&addr->local))
		return false;
	return iface && iface->carrier && !iface->ppp &&
	       addr->network.len <= mh_prefix_max_len(addr->local.family) - 2 &&
	       !is_link(s, addr->ifindex) && !has_gateway(s->survey, addr->ifindex);
}

static int check_forwarding(struct mh_session *s)
{
	if (s->survey->forwarding_all || !s->records.n)
		return 0;
	for (size_t i = 0; i < s->survey->n_addrs; i++) {
		const struct mh_ifaddr *addr = &s->survey->addrs[i];

		if (addr->local.family == AF_INET && mh_is_lan(s, addr))
			return mh_report_problem(
				s->report, MH_PROBLEM_FORWARDING, NULL,
				"set net.ipv4.ip_forward to 1, if they are to",
				"net.ipv4.ip_forward is 0: hosts behind %s do not get out by any "
				"link",
				mh_state_iface(s->survey, addr->ifindex)->name);
	}
	return 0;
}

static bool all_are_drained(const struct mh_session *s)
{
	bool any = false;

	for (size_t i = 0; i < s->records.n; i++) {
		const struct mh_link *link = s->records.v[i].link;

		if (!mh_prefix_is_set(&link->part[MH_INET].local))
			continue;
		if (link->weight)
			return false;
		any = true;
	}
	return any && !mh_first_default(s->survey, MH_INET);
}

/*
 * Is what comes in by the link for hosts of the network dropped, because no route leads back to
 * where it comes from? Loose filtering, too, asks for one (fib_validate_source() of the kernel).
 * Where it looks at marks, a rule may know the packets.
 */
static bool drops_forwarded(const struct mh_session *s, const struct mh_iface *iface,
			    const struct mh_ifaddr *lan)
{
	struct mh_flow back = {
		.from = lan->local,
		/* of 192.0.2.0/24, which stands for any address of the Internet */
		.to = { .family = AF_INET, .len = 32, .addr = { 192, 0, 2, 1 } },
	};
	struct mh_decision decision;
	uint32_t marks = 0;

	(void)mh_sysctl_read(s->root, "net/ipv4/conf/all/src_valid_mark", &marks);
	if (!iface->forwarding || marks || iface->src_valid_mark ||
	    (!iface->rp_filter && !s->survey->rp_filter_all))
		return false;
	back.from.addr[3] ^= 1;
	memcpy(back.iif, mh_state_iface(s->survey, lan->ifindex)->name, sizeof(back.iif));
	return !mh_evaluate(s->survey, &back, NULL, NULL, &decision) && !decision.rule;
}

static int check_no_default(struct mh_session *s, const struct mh_link *link)
{
	const struct mh_iface *iface = iface_of(s, link);

	if (!iface || !mh_prefix_is_set(&link->part[MH_INET].local))
		return 0;
	for (size_t i = 0; i < s->survey->n_addrs; i++) {
		const struct mh_ifaddr *lan = &s->survey->addrs[i];

		if (lan->local.family == AF_INET && mh_is_lan(s, lan) &&
		    drops_forwarded(s, iface, lan))
			return mh_report_problem(
				s->report, MH_PROBLEM_NO_DEFAULT, link->ifname,
				"give a link a weight above 0",
				"no link has a share of new traffic, so no default is left, and "
				"rp_filter drops what comes in by the link for hosts behind %s: "
				"no route leads back",
				mh_state_iface(s->survey, lan->ifindex)->name);
	}
	return 0;
}

static int check_drained(struct mh_session *s)
{
	int r = 0;

	if (!all_are_drained(s))
		return 0;
	for (size_t i = 0; !r && i < s->records.n; i++)
		r = check_no_default(s, s->records.v[i].link);
	return r;
}

int mh_check(struct mh_host *host, const char *root, struct mh_report *report)
{
	static int (*const checks[])(struct mh_session * s) = {
		check_kernel,	   check_splits,     mh_check_rules,	check_rp_filter,
		check_hash_policy, check_forwarding, check_drained,	mh_check_inet6,
		mh_check_marks,	   mh_check_ppp,     mh_check_networkd,
	};
	mh_cleanup(mh_session_end) struct mh_session s = {
		.report = report,
		.lock_fd = -1,
		.root = root ? root : "",
	};
	int r = mh_session_look(host, &s);

	if (!r)
		r = check_stale(&s);
	if (r < 0)
		return r;
	mh_session_forget_stale(&s, true);
	r = mh_inspect(&s);
	for (size_t i = 0; !r && i < MH_ARRAY_SIZE(checks); i++)
		r = checks[i](&s);
	return r;
}
