// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The operations of multihome.h, from the call to what the kernel has in the end. Built twice: on
 * the fake kernel, and on the real one. What goes wrong on the way is test-host-faults.c's part.
 */

#include <errno.h>
#include <fcntl.h>
#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <cmocka.h>

#include "bed.h"

static void change(struct mh_bed *bed, struct mh_op op)
{
	struct mh_result result = { 0 };

	assert_int_equal(bed->kernel->ops->apply(bed->kernel, &op, 1, &result), 0);
	if (result.error)
		print_error("%s\n", result.text);
	assert_int_equal(result.error, 0);
}

static void add_route(struct mh_bed *bed, const struct mh_route *route)
{
	change(bed, (struct mh_op){ .verb = MH_ADD, .kind = MH_KIND_ROUTE, .route = route });
}

static void add_rule(struct mh_bed *bed, const struct mh_rule *rule)
{
	change(bed, (struct mh_op){ .verb = MH_APPEND, .kind = MH_KIND_RULE, .rule = rule });
}

static void add_nexthop(struct mh_bed *bed, const struct mh_nexthop *nexthop)
{
	change(bed, (struct mh_op){ .verb = MH_ADD, .kind = MH_KIND_NEXTHOP, .nexthop = nexthop });
}

static void add_selector(struct mh_link *link, const char *selector)
{
	assert_int_equal(mh_link_add_rule(link, selector, NULL), 0);
}

static void add_source(struct mh_link *link, const char *text)
{
	struct mh_prefix prefix = mh_bed_prefix(text);

	assert_int_equal(mh_link_add_source(link, &prefix), 0);
}

static void change_source(struct mh_bed *bed, const struct mh_link *link, const char *text,
			  bool adding)
{
	struct mh_report report = MH_REPORT_INIT;
	struct mh_prefix prefix = mh_bed_prefix(text);
	int r = mh_link_source(bed->host, link->ifname, &prefix, adding, &report);

	if (r || report.n_problems)
		mh_bed_print(&report);
	assert_int_equal(r, 0);
	assert_int_equal(report.n_problems, 0);
	mh_report_clear(&report);
}

static void add_destination(struct mh_link *link, const char *text)
{
	struct mh_prefix prefix = mh_bed_prefix(text);

	assert_int_equal(mh_link_add_route(link, &prefix), 0);
}

/* A reconcile finds nothing to do. */
static void assert_settled(struct mh_bed *bed)
{
	struct mh_report report = MH_REPORT_INIT;

	assert_int_equal(mh_reconcile(bed->host, 0, &report), 0);
	if (report.n_changes)
		mh_bed_print(&report);
	assert_int_equal(report.n_changes, 0);
	mh_report_clear(&report);
}

#define REFUSED(prefix)                                                \
	"-6 rule 1000: from all lookup main suppress_prefixlength 0\n" \
	"-6 rule 1390: from " prefix " unreachable\n"

#define ISP1                                                               \
	"nexthop id 77000011 via 10.0.1.1 dev isp1\n"                      \
	"nexthop id 77000012 via 10.0.1.1 dev isp1\n"                      \
	"nexthop id 77900001 group 77000011,1/77000012,1 type resilient\n" \
	"route default nhid 77900001 table main\n"                         \
	"route default via 10.0.1.1 dev isp1 table 77001 src 10.0.1.2\n"   \
	"route 10.0.1.1 dev isp1 table 77001 src 10.0.1.2\n"               \
	"rule 1000: from all lookup main suppress_prefixlength 0\n"        \
	"rule 1200: from 10.0.1.2 lookup 77001\n"

#define ISP1_AND_2                                                                               \
	"nexthop id 77000011 via 10.0.1.1 dev isp1\n"                                            \
	"nexthop id 77000012 via 10.0.1.1 dev isp1\n"                                            \
	"nexthop id 77000021 dev isp2\n"                                                         \
	"nexthop id 77000022 dev isp2\n"                                                         \
	"nexthop id 77900001 group 77000011,1/77000012,1/77000021,1/77000022,1 type resilient\n" \
	"route default nhid 77900001 table main\n"                                               \
	"route default via 10.0.1.1 dev isp1 table 77001 src 10.0.1.2\n"                         \
	"route 10.0.1.1 dev isp1 table 77001 src 10.0.1.2\n"                                     \
	"route default dev isp2 table 77002 src 10.9.2.2\n"                                      \
	"rule 1000: from all lookup main suppress_prefixlength 0\n"                              \
	"rule 1200: from 10.0.1.2 lookup 77001\n"                                                \
	"rule 1200: from 10.9.2.2 lookup 77002\n"

/* A host with one Ethernet uplink: it gets all that the contract says, and all of it goes again. */
static void test_one_link(void **state)
{
	struct mh_bed *bed = *state;
	mh_auto_link *isp1 = mh_bed_ether(bed, 1, MH_BED_INET);

	mh_bed_up(bed, isp1);
	mh_bed_assert_ours(bed, ISP1);
	mh_bed_assert_way(bed, NULL, "isp1");
	assert_settled(bed);
	mh_bed_down(bed, isp1);
	mh_bed_assert_ours(bed, "");
	mh_bed_assert_way(bed, NULL, "");
}

/* A router and a PPP link: new traffic is shared, and replies leave by the link asked on. */
static void test_two_links(void **state)
{
	struct mh_bed *bed = *state;
	mh_auto_link *isp1 = mh_bed_ether(bed, 1, MH_BED_INET);
	mh_auto_link *isp2 = mh_bed_tun(bed, 2, MH_BED_INET);

	mh_bed_up(bed, isp1);
	mh_bed_up(bed, isp2);
	mh_bed_assert_ours(bed, ISP1_AND_2);
	mh_bed_assert_way(bed, NULL, "isp1 isp2");
	mh_bed_assert_way(bed, "10.0.1.2", "isp1");
	mh_bed_assert_way(bed, "10.9.2.2", "isp2");
	assert_settled(bed);
	mh_bed_down(bed, isp2);
	mh_bed_assert_ours(bed, ISP1);
	mh_bed_up(bed, isp2);
	mh_bed_assert_ours(bed, ISP1_AND_2);
}

/* The same in IPv6, where metric 0 does not exist and a tun has no gateway. */
static void test_two_links_inet6(void **state)
{
	struct mh_bed *bed = *state;
	mh_auto_link *isp1 = mh_bed_ether(bed, 1, MH_BED_INET6);
	mh_auto_link *isp2 = mh_bed_tun(bed, 2, MH_BED_INET6);

	mh_bed_up(bed, isp1);
	mh_bed_up(bed, isp2);
	mh_bed_assert_ours(
		bed, "nexthop id 77000013 via 2001:db8:1::1 dev isp1\n"
		     "nexthop id 77000014 via 2001:db8:1::1 dev isp1\n"
		     "nexthop id 77000023 dev isp2\n"
		     "nexthop id 77000024 dev isp2\n"
		     "nexthop id 77900001 group 77000013,1/77000014,1/77000023,1/77000024,1 "
		     "type resilient\n"
		     "-6 route default nhid 77900001 table main metric 1\n"
		     "-6 route default via 2001:db8:1::1 dev isp1 table 77000 metric 1 weight 1\n"
		     "-6 route default via fe80::1 dev isp2 table 77000 metric 1 weight 1\n"
		     "-6 route unreachable default table 77000 metric 4294967295\n"
		     "-6 route default via 2001:db8:1::1 dev isp1 table 77001 metric 1\n"
		     "-6 route 2001:db8:1::1 dev isp1 table 77001 metric 1\n"
		     "-6 route default dev isp2 table 77002 metric 1\n"
		     "-6 rule 1000: from all lookup main suppress_prefixlength 0\n"
		     "-6 rule 1200: from 2001:db8:1::2 lookup 77001\n"
		     "-6 rule 1200: from 2001:db8:92::2 lookup 77002\n"
		     "-6 rule 1600: from all iif lo lookup 77000\n");
	mh_bed_assert_way(bed, "::", "isp1 isp2");
	mh_bed_assert_way(bed, "2001:db8:1::2", "isp1");
	mh_bed_assert_way(bed, "2001:db8:92::2", "isp2");
	assert_settled(bed);
	mh_bed_down(bed, isp1);
	mh_bed_assert_way(bed, "::", "isp2");
}

/* IPCP goes while IPv6CP stays: the IPv4 part goes, the IPv6 part is not touched. */
static void test_one_family_goes(void **state)
{
	struct mh_bed *bed = *state;
	mh_auto_link *isp1 = mh_bed_tun(bed, 1, MH_BED_BOTH);
	struct mh_report report = MH_REPORT_INIT;

	mh_bed_up(bed, isp1);
	mh_bed_assert_way(bed, NULL, "isp1");
	assert_int_equal(mh_link_down(bed->host, isp1->ifindex, MH_BED_INET, &report), 0);
	for (size_t i = 0; i < report.n_changes; i++)
		assert_true(report.changes[i].sign == '-' && !strstr(report.changes[i].text, "-6"));
	mh_report_clear(&report);
	mh_bed_assert_way(bed, NULL, "");
	mh_bed_assert_way(bed, "::", "isp1");
	mh_bed_assert_way(bed, "2001:db8:91::2", "isp1");
	mh_bed_up(bed, isp1);
	mh_bed_assert_way(bed, NULL, "isp1");
}

/* The plugin says IPv4 first and IPv6 in a second event: what the first brought stays. */
static void test_families_come_one_by_one(void **state)
{
	struct mh_bed *bed = *state;
	mh_auto_link *isp1 = mh_bed_tun(bed, 1, MH_BED_BOTH);
	struct mh_part inet6 = isp1->part[MH_INET6];

	isp1->part[MH_INET6] = (struct mh_part){ 0 };
	mh_bed_up(bed, isp1);
	mh_bed_assert_way(bed, "::", "");
	isp1->part[MH_INET] = (struct mh_part){ 0 };
	isp1->part[MH_INET6] = inet6;
	mh_bed_up(bed, isp1);
	mh_bed_assert_way(bed, NULL, "isp1");
	mh_bed_assert_way(bed, "::", "isp1");
}

/* A mobile link behind two cables: each lower tier's end is the next one's turn, by the kernel. */
static void test_tiers(void **state)
{
	struct mh_bed *bed = *state;
	mh_auto_link *isp1 = mh_bed_ether(bed, 1, MH_BED_INET);
	mh_auto_link *isp2 = mh_bed_tun(bed, 2, MH_BED_INET);
	mh_auto_link *isp3 = mh_bed_tun(bed, 3, MH_BED_INET);

	isp2->metric = 100;
	isp3->metric = 200;
	mh_bed_up(bed, isp3);
	mh_bed_up(bed, isp1);
	mh_bed_up(bed, isp2);
	mh_bed_assert_way(bed, NULL, "isp1");
	assert_settled(bed);
	mh_bed_del_iface(bed, "isp1");
	mh_bed_assert_way(bed, NULL, "isp2");
	mh_bed_del_iface(bed, "isp2");
	mh_bed_assert_way(bed, NULL, "isp3");
	mh_bed_reconcile(bed);
	mh_bed_assert_ours(bed, "nexthop id 77000011 dev isp3\n"
				"nexthop id 77000012 dev isp3\n"
				"nexthop id 77900001 group 77000011,1/77000012,1 type resilient\n"
				"route default nhid 77900001 table main metric 200\n"
				"route default dev isp3 table 77001 src 10.9.3.2\n"
				"rule 1000: from all lookup main suppress_prefixlength 0\n"
				"rule 1200: from 10.9.3.2 lookup 77001\n");
}

/* The owner moves a link to another tier and back while it is up. */
static void test_tier_changes(void **state)
{
	struct mh_bed *bed = *state;
	mh_auto_link *isp1 = mh_bed_ether(bed, 1, MH_BED_INET);
	mh_auto_link *isp2 = mh_bed_tun(bed, 2, MH_BED_INET);

	mh_bed_up(bed, isp1);
	mh_bed_up(bed, isp2);
	isp2->metric = 50;
	mh_bed_up(bed, isp2);
	mh_bed_assert_way(bed, NULL, "isp1");
	assert_settled(bed);
	isp1->metric = 60;
	mh_bed_up(bed, isp1);
	mh_bed_assert_way(bed, NULL, "isp2");
	assert_settled(bed);
	isp1->metric = isp2->metric = 0;
	mh_bed_up(bed, isp1);
	mh_bed_up(bed, isp2);
	mh_bed_assert_ours(bed, ISP1_AND_2);
}

/* 8 to 2, then the first is drained while it is up, then all there is goes to it. */
static void test_weights(void **state)
{
	struct mh_bed *bed = *state;
	mh_auto_link *isp1 = mh_bed_ether(bed, 1, MH_BED_INET);
	mh_auto_link *isp2 = mh_bed_tun(bed, 2, MH_BED_INET);
	mh_cleanup(mh_freep) char *ours = NULL;

	isp1->weight = 8;
	isp2->weight = MH_WEIGHT_MAX;
	mh_bed_up(bed, isp1);
	mh_bed_up(bed, isp2);
	ours = mh_bed_ours(bed);
	assert_non_null(strstr(ours, "group 77000011,8/77000012,8/77000021,255/77000022,255 type"));
	assert_settled(bed);
	isp1->weight = 0;
	mh_bed_up(bed, isp1);
	mh_bed_assert_way(bed, NULL, "isp2");
	mh_bed_assert_way(bed, "10.0.1.2", "isp1");
	assert_settled(bed);
	isp2->weight = 0;
	mh_bed_up(bed, isp2);
	mh_bed_assert_way(bed, NULL, "");
	mh_bed_assert_way(bed, "10.9.2.2", "isp2");
	assert_settled(bed);
	isp1->weight = 3;
	mh_bed_up(bed, isp1);
	mh_bed_assert_way(bed, NULL, "isp1");
	assert_settled(bed);
}

/* A weight that the kernel could not have: nothing is changed, neither record nor kernel. */
static void up_at_address(struct mh_bed *bed, struct mh_link *link, const char *local, int r,
			  enum mh_problem_code code)
{
	struct mh_report report = MH_REPORT_INIT;

	mh_bed_add_addr(bed, link->ifname, local, "10.9.0.1");
	link->part[MH_INET].local = mh_bed_prefix(local);
	link->part[MH_INET].peer = mh_bed_prefix("10.9.0.1");
	assert_int_equal(mh_link_up(bed->host, link, &report), r);
	assert_int_equal(report.n_problems, 1);
	assert_true(mh_bed_has_problem(&report, code, link->ifname));
	assert_non_null(strstr(report.problems[0].text, local));
	mh_report_clear(&report);
	mh_bed_del_addr(bed, link->ifname, local, "10.9.0.1");
	link->part[MH_INET] = (struct mh_part){ 0 };
}

/* The peer assigns what no host can have, or what is this host's on its LAN: it gets nothing. */
static void test_hostile_address(void **state)
{
	struct mh_bed *bed = *state;
	mh_auto_link *isp1 = mh_bed_ether(bed, 1, MH_BED_INET);
	mh_auto_link *isp2 = mh_bed_tun(bed, 2, 0);

	mh_bed_add_ether(bed, "lan");
	mh_bed_add_addr(bed, "lan", "192.168.7.1", "192.168.7.0/24");
	mh_bed_up(bed, isp1);
	up_at_address(bed, isp2, "127.0.0.1", -EINVAL, MH_PROBLEM_BAD_ADDRESS);
	up_at_address(bed, isp2, "127.255.0.1", -EINVAL, MH_PROBLEM_BAD_ADDRESS);
	up_at_address(bed, isp2, "192.168.7.1", -EADDRINUSE, MH_PROBLEM_SAME_ADDRESS);
	mh_bed_assert_ours(bed, ISP1);
}

/* The same beside IPv6, which comes up all the same. */
static void test_hostile_address_beside_inet6(void **state)
{
	struct mh_bed *bed = *state;
	mh_auto_link *isp1 = mh_bed_ether(bed, 1, MH_BED_INET);
	mh_auto_link *isp2 = mh_bed_tun(bed, 2, MH_BED_INET6);

	mh_bed_up(bed, isp1);
	up_at_address(bed, isp2, "127.0.0.1", 0, MH_PROBLEM_BAD_ADDRESS);
	mh_bed_assert_way(bed, NULL, "isp1");
	mh_bed_assert_way(bed, "::", "isp2");
}

/* A link that borrows the LAN's address, as its owner says; and one whose address lo has, too. */
static void test_borrowed_address(void **state)
{
	struct mh_bed *bed = *state;
	mh_auto_link *isp2 = mh_bed_tun(bed, 2, 0), *isp3 = mh_bed_tun(bed, 3, MH_BED_INET);
	struct mh_prefix routed = mh_bed_prefix("192.0.2.8/29");

	mh_bed_add_ether(bed, "lan");
	mh_bed_add_addr(bed, "lan", "192.0.2.9", "192.0.2.8/29");
	mh_bed_add_addr(bed, "lan", "10.9.3.2", "10.9.3.2");
	mh_bed_add_addr(bed, "isp2", "192.0.2.9", "10.9.0.1");
	isp2->part[MH_INET].local = mh_bed_prefix("192.0.2.9");
	isp2->part[MH_INET].peer = mh_bed_prefix("10.9.0.1");
	assert_int_equal(mh_link_add_source(isp2, &routed), 0);
	mh_bed_up(bed, isp2);
	mh_bed_assert_way(bed, "192.0.2.9", "isp2");
	mh_bed_up(bed, isp3);
	mh_bed_assert_way(bed, "10.9.3.2", "isp3");
}

static void test_impossible_link(void **state)
{
	struct mh_bed *bed = *state;
	mh_auto_link *isp1 = mh_bed_ether(bed, 1, MH_BED_INET);
	struct mh_link **links;
	size_t n;

	isp1->weight = MH_WEIGHT_MAX + 1;
	assert_int_equal(mh_link_up(bed->host, isp1, NULL), -EINVAL);
	isp1->weight = 1;
	isp1->part[MH_INET].local = mh_bed_prefix("10.77.0.1");
	assert_int_equal(mh_link_up(bed->host, isp1, NULL), -EADDRNOTAVAIL);
	isp1->ifindex = 987654;
	assert_int_equal(mh_link_up(bed->host, isp1, NULL), -ENODEV);
	assert_int_equal(mh_links(bed->host, &links, &n), 0);
	assert_int_equal(n, 0);
	free(links);
	mh_bed_assert_ours(bed, "");
}

/* The provider gives another address and router to the same interface: the old ones leave no trace.
 */
static void test_address_changes(void **state)
{
	struct mh_bed *bed = *state;
	mh_auto_link *isp1 = mh_bed_ether(bed, 1, MH_BED_BOTH);
	mh_cleanup(mh_freep) char *ours = NULL;

	mh_bed_up(bed, isp1);
	mh_bed_add_addr(bed, "isp1", "10.0.7.2", "10.0.7.0/24");
	mh_bed_add_addr(bed, "isp1", "2001:db8:7::2", "2001:db8:7::/64");
	isp1->part[MH_INET].local = mh_bed_prefix("10.0.7.2");
	isp1->part[MH_INET].gateway = mh_bed_prefix("10.0.7.1");
	isp1->part[MH_INET6].local = mh_bed_prefix("2001:db8:7::2");
	isp1->part[MH_INET6].gateway = mh_bed_prefix("2001:db8:7::1");
	mh_bed_up(bed, isp1);
	ours = mh_bed_ours(bed);
	assert_null(strstr(ours, "10.0.1."));
	assert_null(strstr(ours, "via 2001:db8:1:"));
	mh_bed_assert_way(bed, "10.0.7.2", "isp1");
	mh_bed_assert_way(bed, "2001:db8:1::2", "isp1");
	mh_bed_assert_way(bed, "2001:db8:7::2", "isp1");
	assert_settled(bed);
}

/*
 * The usual renumbering in IPv6: a new prefix, and the router keeps its link-local address. Rules
 * follow what the interface has: both for as long as it has both.
 */
static void test_inet6_prefix_changes(void **state)
{
	struct mh_bed *bed = *state;
	mh_auto_link *isp1 = mh_bed_ether(bed, 1, MH_BED_INET6);
	mh_auto_link *isp2 = mh_bed_tun(bed, 2, MH_BED_INET6);
	mh_cleanup(mh_freep) char *ours = NULL;

	isp1->part[MH_INET6].gateway = mh_bed_prefix("fe80::1");
	mh_bed_up(bed, isp1);
	mh_bed_up(bed, isp2);
	mh_bed_add_addr(bed, "isp1", "2001:db8:7::2", "2001:db8:7::/64");
	isp1->part[MH_INET6].local = mh_bed_prefix("2001:db8:7::2");
	mh_bed_up(bed, isp1);
	mh_bed_assert_way(bed, "2001:db8:7::2", "isp1");
	mh_bed_add_addr(bed, "isp2", "2001:db8:97::2", "2001:db8:97::2");
	mh_bed_del_addr(bed, "isp2", "2001:db8:92::2", "2001:db8:92::2");
	isp2->part[MH_INET6].local = mh_bed_prefix("2001:db8:97::2");
	mh_bed_up(bed, isp2);
	mh_bed_assert_way(bed, "2001:db8:97::2", "isp2");
	ours = mh_bed_ours(bed);
	assert_non_null(strstr(ours, "rule 1200: from 2001:db8:1::2 lookup 77001"));
	assert_non_null(strstr(ours, "rule 1200: from 2001:db8:7::2 lookup 77001"));
	assert_null(strstr(ours, "2001:db8:92:"));
	assert_non_null(strstr(ours, "via fe80::1 dev isp1 table 77001 metric 1\n"));
	assert_settled(bed);
	mh_bed_del_addr(bed, "isp1", "2001:db8:1::2", "2001:db8:1::/64");
	mh_bed_reconcile(bed);
	free(ours);
	ours = mh_bed_ours(bed);
	assert_null(strstr(ours, "2001:db8:1:"));
}

/* A hook calls right after the address is set, when IPv6 has not made sure of it yet. */
static void test_inet6_tentative(void **state)
{
	struct mh_bed *bed = *state;
	mh_auto_link *isp1 = mh_bed_ether(bed, 1, MH_BED_INET6);
	mh_cleanup(mh_freep) char *during = NULL, *afterwards = NULL;

	mh_bed_add_tentative(bed, "isp1", "2001:db8:1::3", "2001:db8:1::/64");
	isp1->part[MH_INET6].local = mh_bed_prefix("2001:db8:1::3");
	mh_bed_up(bed, isp1);
	during = mh_bed_ours(bed);
	assert_non_null(strstr(during, "via 2001:db8:1::1 dev isp1 table 77001 metric 1\n"));
	assert_non_null(strstr(during, "rule 1200: from 2001:db8:1::3 lookup 77001\n"));
	mh_bed_assert_way(bed, "::", "isp1");
	mh_bed_await_addr(bed, "isp1", "2001:db8:1::3");
	mh_bed_reconcile(bed);
	afterwards = mh_bed_ours(bed);
	assert_string_equal(afterwards, during);
	assert_settled(bed);
}

/* The IPv4 address is lost while the interface stays up: its nexthops would be a black hole. */
static void test_address_lost(void **state)
{
	struct mh_bed *bed = *state;
	mh_auto_link *isp1 = mh_bed_ether(bed, 1, MH_BED_INET);
	mh_auto_link *isp2 = mh_bed_tun(bed, 2, MH_BED_INET);

	mh_bed_up(bed, isp1);
	mh_bed_up(bed, isp2);
	mh_bed_del_addr(bed, "isp2", "10.9.2.2", "10.9.2.1");
	mh_bed_reconcile(bed);
	mh_bed_assert_ours(bed, ISP1);
}

/* A caller who is wrong about its interface's name must not take the record of another link. */
static void test_wrong_name(void **state)
{
	struct mh_bed *bed = *state;
	mh_auto_link *isp1 = mh_bed_ether(bed, 1, MH_BED_INET);
	mh_auto_link *isp2 = mh_bed_ether(bed, 2, MH_BED_INET);
	mh_cleanup(mh_freep) struct mh_link **links = NULL;
	size_t n;

	mh_bed_up(bed, isp1);
	strcpy(isp2->ifname, "isp1");
	mh_bed_up(bed, isp2);
	assert_int_equal(mh_links(bed->host, &links, &n), 0);
	assert_int_equal(n, 2);
	assert_string_equal(links[0]->ifname, "isp1");
	assert_int_equal(links[0]->ifindex, isp1->ifindex);
	assert_string_equal(links[1]->ifname, "isp2");
	assert_int_equal(links[1]->ifindex, isp2->ifindex);
	mh_link_free(links[0]);
	mh_link_free(links[1]);
	mh_bed_assert_way(bed, NULL, "isp1 isp2");
}

/* The owner renames an interface; its record follows, and two that change names do not mix. */
static void test_renamed(void **state)
{
	struct mh_bed *bed = *state;
	mh_auto_link *isp1 = mh_bed_ether(bed, 1, MH_BED_INET);
	mh_auto_link *isp2 = mh_bed_ether(bed, 2, MH_BED_INET);
	mh_cleanup(mh_freep) struct mh_link **links = NULL;
	size_t n;

	mh_bed_up(bed, isp1);
	mh_bed_up(bed, isp2);
	mh_bed_rename(bed, "isp1", "isp9");
	mh_bed_rename(bed, "isp2", "isp1");
	mh_bed_reconcile(bed);
	mh_bed_rename(bed, "isp1", "x");
	mh_bed_rename(bed, "isp9", "isp1");
	mh_bed_rename(bed, "x", "isp9");
	mh_bed_reconcile(bed);
	mh_bed_reconcile(bed);
	assert_int_equal(mh_links(bed->host, &links, &n), 0);
	assert_int_equal(n, 2);
	assert_string_equal(links[0]->ifname, "isp1");
	assert_int_equal(links[0]->ifindex, isp1->ifindex);
	assert_string_equal(links[1]->ifname, "isp9");
	assert_int_equal(links[1]->ifindex, isp2->ifindex);
	mh_link_free(links[0]);
	mh_link_free(links[1]);
	mh_bed_assert_way(bed, NULL, "isp1 isp9");
}

/* A new interface takes the name of one that went without a word. */
static void test_name_taken_over(void **state)
{
	struct mh_bed *bed = *state;
	mh_auto_link *isp1 = mh_bed_ether(bed, 1, MH_BED_INET);
	mh_auto_link *isp2 = mh_bed_tun(bed, 2, MH_BED_INET);
	mh_cleanup(mh_freep) struct mh_link **links = NULL;
	size_t n;

	mh_bed_up(bed, isp1);
	mh_bed_up(bed, isp2);
	mh_bed_del_iface(bed, "isp2");
	mh_bed_rename(bed, "isp1", "isp2");
	mh_bed_reconcile(bed);
	mh_bed_reconcile(bed);
	assert_int_equal(mh_links(bed->host, &links, &n), 0);
	assert_int_equal(n, 1);
	assert_string_equal(links[0]->ifname, "isp2");
	assert_int_equal(links[0]->ifindex, isp1->ifindex);
	mh_link_free(links[0]);
	mh_bed_assert_way(bed, "10.0.1.2", "isp2");
}

/* kill -9 of a pppd: the kernel keeps the other link going, the next event clears the rest. */
static void test_deleted_under_us(void **state)
{
	struct mh_bed *bed = *state;
	mh_auto_link *isp1 = mh_bed_ether(bed, 1, MH_BED_INET);
	mh_auto_link *isp2 = mh_bed_tun(bed, 2, MH_BED_INET);
	mh_auto_link *isp3 = mh_bed_tun(bed, 3, MH_BED_INET);

	mh_bed_up(bed, isp1);
	mh_bed_up(bed, isp2);
	mh_bed_del_iface(bed, "isp2");
	mh_bed_assert_way(bed, NULL, "isp1");
	mh_bed_up(bed, isp3);
	mh_bed_assert_way(bed, NULL, "isp1 isp3");
	mh_bed_down(bed, isp3);
	mh_bed_assert_ours(bed, ISP1);
	mh_bed_del_iface(bed, "isp1");
	mh_bed_assert_way(bed, NULL, "");
	mh_bed_reconcile(bed);
	mh_bed_assert_ours(bed, "");
}

/* When the last link goes, so does first what leads to it: no packet meets an empty group. */
static void test_last_link_order(void **state)
{
	struct mh_bed *bed = *state;
	mh_auto_link *isp1 = mh_bed_ether(bed, 1, MH_BED_INET);
	struct mh_report report = MH_REPORT_INIT;

	mh_bed_up(bed, isp1);
	assert_int_equal(mh_link_down(bed->host, isp1->ifindex, MH_BED_BOTH, &report), 0);
	assert_int_equal(report.n_changes, 8);
	assert_string_equal(report.changes[0].text, "route default nhid 77900001 table main");
	assert_string_equal(report.changes[1].text,
			    "nexthop id 77900001 group 77000011,1/77000012,1 type resilient");
	assert_string_equal(report.changes[2].text, "rule 1200: from 10.0.1.2 lookup 77001");
	assert_string_equal(report.changes[7].text, "nexthop id 77000012 via 10.0.1.1 dev isp1");
	mh_report_clear(&report);
}

/* Carrier lost and had back: Linux drops the nexthops, and does not bring them back itself. */
static void test_carrier(void **state)
{
	struct mh_bed *bed = *state;
	mh_auto_link *isp1 = mh_bed_ether(bed, 1, MH_BED_INET);
	mh_auto_link *isp2 = mh_bed_tun(bed, 2, MH_BED_INET);
	struct mh_report report = MH_REPORT_INIT;

	mh_bed_up(bed, isp1);
	mh_bed_up(bed, isp2);
	mh_bed_set_carrier(bed, "isp1", false);
	mh_bed_assert_way(bed, NULL, "isp2");
	assert_int_equal(mh_reconcile(bed->host, 0, &report), 0);
	assert_true(mh_bed_has_problem(&report, MH_PROBLEM_NOT_CARRYING, "isp1"));
	assert_int_equal(report.n_problems, 1);
	assert_int_equal(report.n_changes, 0);
	mh_report_clear(&report);
	mh_bed_set_carrier(bed, "isp1", true);
	mh_bed_reconcile(bed);
	mh_bed_assert_ours(bed, ISP1_AND_2);
}

static void lose_isp1(void *arg)
{
	mh_bed_del_iface(arg, "isp1");
}

/*
 * Somebody has flushed all, and while it is put back an interface goes, before each operation in
 * turn. What was refused because of it holds for it alone: the other links share all traffic.
 */
static void test_interface_goes_in_the_middle(void **state)
{
	struct mh_bed *bed = *state;
	bool reached = true;
	size_t at;

	for (at = 1; reached; at++) {
		mh_auto_link *isp1 = mh_bed_tun(bed, 1, MH_BED_BOTH);
		mh_auto_link *isp2 = mh_bed_tun(bed, 2, MH_BED_BOTH);
		mh_auto_link *isp3 = mh_bed_tun(bed, 3, MH_BED_BOTH);

		mh_bed_up(bed, isp1);
		mh_bed_up(bed, isp2);
		mh_bed_up(bed, isp3);
		assert_int_equal(mh_flush(bed->host, NULL), 0);
		mh_fault_none(&bed->fault);
		bed->fault.meanwhile_at = at;
		bed->fault.meanwhile = lose_isp1;
		bed->fault.meanwhile_arg = bed;
		assert_int_equal(mh_reconcile(bed->host, 0, NULL), 0);
		reached = !bed->fault.meanwhile_at;
		mh_bed_assert_way(bed, NULL, reached ? "isp2 isp3" : "isp1 isp2 isp3");
		mh_bed_assert_way(bed, "::", reached ? "isp2 isp3" : "isp1 isp2 isp3");
		mh_bed_forget(bed);
		mh_bed_del_iface(bed, "isp2");
		mh_bed_del_iface(bed, "isp3");
	}
	assert_true(at > 20);
}

/* An interface is set down and up again: IPv4 keeps its address, so the link is itself again. */
static void test_down_and_up(void **state)
{
	struct mh_bed *bed = *state;
	mh_auto_link *isp1 = mh_bed_ether(bed, 1, MH_BED_INET);
	mh_auto_link *isp2 = mh_bed_tun(bed, 2, MH_BED_INET);
	struct mh_report report = MH_REPORT_INIT;

	mh_bed_up(bed, isp1);
	mh_bed_up(bed, isp2);
	mh_bed_set_updown(bed, "isp1", false);
	assert_int_equal(mh_reconcile(bed->host, 0, &report), 0);
	assert_true(mh_bed_has_problem(&report, MH_PROBLEM_NOT_CARRYING, "isp1"));
	assert_int_equal(report.n_problems, 1);
	mh_report_clear(&report);
	mh_bed_set_updown(bed, "isp1", true);
	mh_bed_reconcile(bed);
	mh_bed_assert_ours(bed, ISP1_AND_2);
}

/* Two sessions at one provider: one gateway address, and each link's packets go over that link. */
static void test_same_gateway(void **state)
{
	struct mh_bed *bed = *state;
	mh_auto_link *isp1 = mh_bed_tun(bed, 1, 0);
	mh_auto_link *isp2 = mh_bed_tun(bed, 2, 0);

	mh_bed_add_addr(bed, "isp1", "10.9.1.2", "10.9.0.1");
	mh_bed_add_addr(bed, "isp2", "10.9.2.2", "10.9.0.1");
	isp1->part[MH_INET].local = mh_bed_prefix("10.9.1.2");
	isp2->part[MH_INET].local = mh_bed_prefix("10.9.2.2");
	isp1->part[MH_INET].peer = isp2->part[MH_INET].peer = mh_bed_prefix("10.9.0.1");
	mh_bed_up(bed, isp1);
	mh_bed_up(bed, isp2);
	mh_bed_assert_ours(bed,
			   "nexthop id 77000011 dev isp1\n"
			   "nexthop id 77000012 dev isp1\n"
			   "nexthop id 77000021 dev isp2\n"
			   "nexthop id 77000022 dev isp2\n"
			   "nexthop id 77900001 group 77000011,1/77000012,1/77000021,1/77000022,1 "
			   "type resilient\n"
			   "route default nhid 77900001 table main\n"
			   "route default dev isp1 table 77001 src 10.9.1.2\n"
			   "route default dev isp2 table 77002 src 10.9.2.2\n"
			   "rule 990: from 10.9.1.2 to 10.9.0.1 lookup 77001\n"
			   "rule 990: from 10.9.2.2 to 10.9.0.1 lookup 77002\n"
			   "rule 1000: from all lookup main suppress_prefixlength 0\n"
			   "rule 1200: from 10.9.1.2 lookup 77001\n"
			   "rule 1200: from 10.9.2.2 lookup 77002\n");
	assert_settled(bed);
	mh_bed_down(bed, isp1);
	mh_bed_assert_way(bed, "10.9.2.2", "isp2");
	assert_settled(bed);
}

/* A provider that gives one address twice: the first link has it, and the second is told. */
static void test_same_address(void **state)
{
	struct mh_bed *bed = *state;
	mh_auto_link *isp1 = mh_bed_tun(bed, 1, 0);
	mh_auto_link *isp2 = mh_bed_tun(bed, 2, 0);
	struct mh_report report = MH_REPORT_INIT;

	mh_bed_add_addr(bed, "isp1", "10.9.0.2", "10.9.1.1");
	mh_bed_add_addr(bed, "isp2", "10.9.0.2", "10.9.2.1");
	isp1->part[MH_INET].local = isp2->part[MH_INET].local = mh_bed_prefix("10.9.0.2");
	isp1->part[MH_INET].peer = mh_bed_prefix("10.9.1.1");
	isp2->part[MH_INET].peer = mh_bed_prefix("10.9.2.1");
	mh_bed_up(bed, isp1);
	assert_int_equal(mh_link_up(bed->host, isp2, &report), 0);
	assert_int_equal(report.n_problems, 1);
	assert_true(mh_bed_has_problem(&report, MH_PROBLEM_SAME_ADDRESS, "isp2"));
	mh_report_clear(&report);
	mh_bed_assert_way(bed, "10.9.0.2", "isp1");
	mh_bed_assert_way(bed, NULL, "isp1 isp2");
	assert_settled(bed);
	mh_bed_down(bed, isp1);
	mh_bed_assert_way(bed, "10.9.0.2", "isp2");
}

/* Two peers files name one table: the second link gets one of its own, and is told. */
static void test_same_table(void **state)
{
	struct mh_bed *bed = *state;
	mh_auto_link *isp1 = mh_bed_ether(bed, 1, MH_BED_INET);
	mh_auto_link *isp2 = mh_bed_tun(bed, 2, MH_BED_INET);
	struct mh_report report = MH_REPORT_INIT;
	struct mh_link **links;
	size_t n;

	isp1->table = isp2->table = 500;
	mh_bed_up(bed, isp1);
	assert_int_equal(mh_link_up(bed->host, isp2, &report), 0);
	assert_int_equal(report.n_problems, 1);
	assert_true(mh_bed_has_problem(&report, MH_PROBLEM_SAME_TABLE, "isp2"));
	mh_report_clear(&report);
	assert_int_equal(mh_links(bed->host, &links, &n), 0);
	assert_int_equal(n, 2);
	assert_int_equal(links[0]->table, 500);
	assert_int_equal(links[1]->table, 77002);
	mh_link_free(links[0]);
	mh_link_free(links[1]);
	free(links);
	mh_bed_assert_way(bed, "10.9.2.2", "isp2");
	assert_settled(bed);
}

/* A DHCP client has its default at our metric: it stays first, and is named. */
static void test_foreign_default(void **state)
{
	struct mh_bed *bed = *state;
	mh_auto_link *isp1 = mh_bed_ether(bed, 1, MH_BED_BOTH);
	mh_cleanup(mh_freep) char *before = NULL, *after = NULL;
	struct mh_report report = MH_REPORT_INIT;
	struct mh_route route = {
		.family = AF_INET,
		.protocol = RTPROT_DHCP,
		.type = RTN_UNICAST,
		.table = MH_TABLE_MAIN,
		.dst.family = AF_INET,
	};

	mh_bed_add_ether(bed, "lan");
	mh_bed_add_addr(bed, "lan", "192.168.0.2", "192.168.0.0/24");
	mh_bed_add_addr(bed, "lan", "2001:db8:aa::2", "2001:db8:aa::/64");
	route.oif = mh_bed_ifindex(bed, "lan");
	route.gateway = mh_bed_prefix("192.168.0.1");
	add_route(bed, &route);
	route.family = route.dst.family = AF_INET6;
	route.metric = 1;
	route.gateway = mh_bed_prefix("2001:db8:aa::1");
	add_route(bed, &route);
	before = mh_bed_foreign(bed);
	assert_int_equal(mh_link_up(bed->host, isp1, &report), 0);
	assert_int_equal(report.n_problems, 2);
	assert_true(mh_bed_has_problem(&report, MH_PROBLEM_FOREIGN_DEFAULT, "isp1"));
	assert_non_null(strstr(report.problems[0].text, "default via 192.168.0.1 dev lan"));
	mh_report_clear(&report);
	mh_bed_assert_way(bed, NULL, "lan");
	mh_bed_assert_way(bed, "10.0.1.2", "isp1");
	assert_settled(bed);
	mh_bed_down(bed, isp1);
	after = mh_bed_foreign(bed);
	assert_string_equal(after, before);
}

/* A route of the owner's own stands in the link's table: it stays, it is named, the rest is done.
 */
static void test_foreign_route_in_table(void **state)
{
	struct mh_bed *bed = *state;
	mh_auto_link *isp1 = mh_bed_ether(bed, 1, MH_BED_INET);
	struct mh_report report = MH_REPORT_INIT;
	struct mh_route route = {
		.family = AF_INET,
		.protocol = RTPROT_STATIC,
		.type = RTN_UNICAST,
		.scope = RT_SCOPE_LINK,
		.table = 500,
		.dst.family = AF_INET,
	};

	mh_bed_add_ether(bed, "lan");
	route.oif = mh_bed_ifindex(bed, "lan");
	add_route(bed, &route);
	isp1->table = 500;
	assert_int_equal(mh_link_up(bed->host, isp1, &report), 0);
	assert_int_equal(report.n_problems, 1);
	assert_true(mh_bed_has_problem(&report, MH_PROBLEM_FOREIGN_ROUTE, "isp1"));
	mh_report_clear(&report);
	mh_bed_assert_way(bed, "10.0.1.2", "lan");
	mh_bed_assert_way(bed, NULL, "isp1");
	mh_bed_down(bed, isp1);
	mh_bed_assert_ours(bed, "");
	mh_bed_assert_way(bed, NULL, "");
}

static struct mh_rule foreign_rule(uint32_t pref, uint32_t table)
{
	return (struct mh_rule){
		.family = AF_INET,
		.protocol = RTPROT_STATIC,
		.action = FR_ACT_TO_TBL,
		.pref = pref,
		.table = table,
		.suppress_prefixlen = -1,
	};
}

/*
 * Somebody else's rules, routes and nexthops, some of them like ours but for the stamp: whatever
 * our links do, and a flush, they are the same afterwards.
 */
static void test_foreign_stays(void **state)
{
	struct mh_bed *bed = *state;
	mh_auto_link *isp1 = mh_bed_ether(bed, 1, MH_BED_INET);
	mh_auto_link *isp2 = mh_bed_tun(bed, 2, MH_BED_BOTH);
	mh_cleanup(mh_freep) char *before = NULL, *after = NULL;
	struct mh_rule guard = foreign_rule(MH_PREF_GUARD, MH_TABLE_MAIN);
	struct mh_rule source = foreign_rule(MH_PREF_SOURCE, 500);
	struct mh_nexthop nexthop = { .id = 5, .family = AF_INET, .protocol = RTPROT_STATIC };
	struct mh_member member = { .id = 5, .weight = 1 };
	struct mh_nexthop group = {
		.id = 6,
		.protocol = RTPROT_STATIC,
		.members = &member,
		.n_members = 1,
	};
	struct mh_route route = {
		.family = AF_INET,
		.protocol = RTPROT_STATIC,
		.type = RTN_UNICAST,
		.table = MH_TABLE_MAIN,
		.metric = 500,
		.nhid = 6,
		.dst.family = AF_INET,
	};

	mh_bed_add_ether(bed, "lan");
	mh_bed_add_addr(bed, "lan", "192.168.0.2", "192.168.0.0/24");
	guard.suppress_prefixlen = 0;
	source.sel.from = isp1->part[MH_INET].local;
	nexthop.oif = mh_bed_ifindex(bed, "lan");
	add_rule(bed, &guard);
	add_rule(bed, &source);
	add_nexthop(bed, &nexthop);
	add_nexthop(bed, &group);
	add_route(bed, &route);
	before = mh_bed_foreign(bed);
	isp1->table = 500;
	mh_bed_up(bed, isp1);
	mh_bed_up(bed, isp2);
	mh_bed_down(bed, isp1);
	mh_bed_reconcile(bed);
	mh_bed_up(bed, isp1);
	assert_int_equal(mh_flush(bed->host, NULL), 0);
	mh_bed_assert_ours(bed, "");
	after = mh_bed_foreign(bed);
	assert_string_equal(after, before);
}

/* Another program has taken numbers of our range: our links keep clear of them. */
static void test_slots_avoid_foreign(void **state)
{
	struct mh_bed *bed = *state;
	mh_auto_link *isp1 = mh_bed_ether(bed, 1, MH_BED_INET);
	mh_auto_link *isp2 = mh_bed_tun(bed, 2, MH_BED_INET);
	struct mh_rule rule = foreign_rule(500, 77001);
	struct mh_nexthop nexthop = { .id = 77000023, .family = AF_INET };
	struct mh_nexthop in_group = { .id = 77900001, .family = AF_INET };
	mh_cleanup(mh_freep) char *before = NULL, *after = NULL, *ours = NULL;

	rule.sel.from = mh_bed_prefix("10.44.0.0/16");
	nexthop.protocol = in_group.protocol = RTPROT_STATIC;
	nexthop.oif = in_group.oif = isp1->ifindex;
	add_rule(bed, &rule);
	add_nexthop(bed, &nexthop);
	add_nexthop(bed, &in_group);
	before = mh_bed_foreign(bed);
	mh_bed_up(bed, isp1);
	mh_bed_up(bed, isp2);
	ours = mh_bed_ours(bed);
	assert_non_null(strstr(ours, "rule 1200: from 10.0.1.2 lookup 77003\n"));
	assert_non_null(strstr(ours, "rule 1200: from 10.9.2.2 lookup 77004\n"));
	assert_non_null(strstr(ours, "route default nhid 77900002 table main\n"));
	assert_settled(bed);
	after = mh_bed_foreign(bed);
	assert_string_equal(after, before);
}

/* The owner uses a link's automatic table in a rule of his own: the link keeps its table. */
static void test_table_used_by_owner(void **state)
{
	struct mh_bed *bed = *state;
	mh_auto_link *isp1 = mh_bed_ether(bed, 1, MH_BED_INET);
	struct mh_rule rule = foreign_rule(500, 77001);

	mh_bed_up(bed, isp1);
	rule.sel.from = mh_bed_prefix("10.44.0.0/16");
	add_rule(bed, &rule);
	mh_bed_up(bed, isp1);
	mh_bed_assert_ours(bed, ISP1);
}

/* Another program takes the id of a nexthop that the kernel has dropped: it is not ours any more.
 */
static void test_nexthop_id_lost(void **state)
{
	struct mh_bed *bed = *state;
	mh_auto_link *isp1 = mh_bed_ether(bed, 1, MH_BED_INET);
	mh_auto_link *isp2 = mh_bed_tun(bed, 2, MH_BED_INET);
	struct mh_nexthop nexthop = { .id = 77000011, .family = AF_INET };
	mh_cleanup(mh_freep) char *before = NULL, *after = NULL, *ours = NULL;
	struct mh_report report = MH_REPORT_INIT;

	mh_bed_up(bed, isp1);
	mh_bed_up(bed, isp2);
	mh_bed_set_carrier(bed, "isp1", false);
	mh_bed_set_carrier(bed, "isp1", true);
	nexthop.protocol = RTPROT_STATIC;
	nexthop.oif = isp2->ifindex;
	add_nexthop(bed, &nexthop);
	before = mh_bed_foreign(bed);
	assert_int_equal(mh_reconcile(bed->host, 0, &report), 0);
	assert_true(mh_bed_has_problem(&report, MH_PROBLEM_REFUSED, "isp1"));
	mh_report_clear(&report);
	after = mh_bed_foreign(bed);
	assert_string_equal(after, before);
	ours = mh_bed_ours(bed);
	assert_non_null(strstr(ours, "group 77000012,1/77000021,1/77000022,1 "));
	mh_bed_assert_way(bed, NULL, "isp1 isp2");
}

static const char *const selectors[] = {
	"to 198.51.100.0/24",
	"from 0.0.0.0/0 to 198.51.100.7",
	"iif eth7",
	"oif eth8",
	"fwmark 1",
	"fwmark 0x10/0xf0",
	"fwmark 0/0xff",
	"uidrange 0-0",
	"ipproto tcp",
	"ipproto udp dport 53",
	"ipproto tcp sport 1000-2000 dport 25",
	"tos 0x10",
	"not from 10.1.0.0/16",
	"pref 700 fwmark 7",
	"not to 2001:db8::/32 ipproto udp",
};

/* All kinds of selectors, sources and destinations: the kernel shows each as we meant it. */
static void test_selectors(void **state)
{
	struct mh_bed *bed = *state;
	mh_auto_link *isp1 = mh_bed_ether(bed, 1, MH_BED_BOTH);
	mh_cleanup(mh_freep) char *ours = NULL;

	for (size_t i = 0; i < MH_ARRAY_SIZE(selectors); i++)
		add_selector(isp1, selectors[i]);
	add_source(isp1, "203.0.113.8/29");
	add_source(isp1, "2001:db8:44::/48");
	add_source(isp1, "10.0.1.2");
	add_destination(isp1, "198.51.100.128/25");
	add_destination(isp1, "2001:db8:55::/48");
	mh_bed_up(bed, isp1);
	assert_settled(bed);
	ours = mh_bed_ours(bed);
	assert_non_null(strstr(ours, "\nrule 1203: from 203.0.113.8/29 lookup 77001\n"));
	assert_non_null(strstr(ours, "\nrule 1407: from all to 198.51.100.128/25 lookup 77001\n"));
	assert_non_null(strstr(ours, "\nrule 700: from all fwmark 0x7 lookup 77001\n"));
	mh_bed_down(bed, isp1);
	mh_bed_assert_ours(bed, REFUSED("2001:db8:44::/48"));
	change_source(bed, isp1, "2001:db8:44::/48", false);
	mh_bed_assert_ours(bed, "");
}

/* "All of it" as a source or a destination: a prefix of no bits is no attribute of a rule. */
static void test_prefix_of_no_bits(void **state)
{
	struct mh_bed *bed = *state;
	mh_auto_link *isp1 = mh_bed_ether(bed, 1, MH_BED_BOTH);

	add_source(isp1, "0.0.0.0/0");
	add_destination(isp1, "::/0");
	mh_bed_up(bed, isp1);
	assert_settled(bed);
	mh_bed_down(bed, isp1);
	mh_bed_assert_ours(bed, "");
}

/* The selectors of @texts, in this order, at preference 1100. */
static void set_selectors(struct mh_bed *bed, struct mh_link *link, const char *const *texts)
{
	mh_cleanup(mh_freep) char *ours = NULL;
	char *at;

	while (link->n_rules)
		free(link->rules[--link->n_rules]);
	free(link->rules);
	link->rules = NULL;
	for (size_t i = 0; texts[i]; i++)
		add_selector(link, texts[i]);
	mh_bed_up(bed, link);
	ours = mh_bed_ours(bed);
	at = strstr(ours, "\nrule 1100:");
	for (size_t i = 0; texts[i]; i++) {
		char line[128];
		bool inverted = !strncmp(texts[i], "not ", 4);

		snprintf(line, sizeof(line), "\nrule 1100:%s %s lookup 77001\n",
			 inverted ? " not" : "", texts[i] + (inverted ? 4 : 0));
		assert_non_null(at);
		if (strncmp(at, line, strlen(line)))
			print_error("wanted:%sin:\n%s", line, ours);
		assert_memory_equal(at, line, strlen(line));
		at += strlen(line) - 1;
	}
	assert_true(!at || !strstr(at, "\nrule 1100:"));
	assert_settled(bed);
}

/*
 * Asked to delete a wide rule, Linux deletes the first that fits, perhaps a narrow one. Whatever
 * stood there before, and in whatever order, there are then the rules asked for in their order.
 */
static void test_wide_and_narrow(void **state)
{
	struct mh_bed *bed = *state;
	mh_auto_link *isp1 = mh_bed_ether(bed, 1, MH_BED_INET);
	static const char *const all[] = {
		"from all fwmark 0x1",	   "from all fwmark 0x1 iif eth7",
		"from all ipproto 6",	   "from all fwmark 0x1 iif eth7 ipproto 6",
		"not from all fwmark 0x1",
	};

	for (int from = 1; from < 32; from++) {
		const char *texts[6] = { 0 };
		size_t n = 0;

		for (int i = 0; i < 5; i++) {
			if (from & 1 << i)
				texts[n++] = all[i];
		}
		set_selectors(bed, isp1, texts);
		for (size_t i = 0; i < n / 2; i++) {
			const char *text = texts[i];

			texts[i] = texts[n - 1 - i];
			texts[n - 1 - i] = text;
		}
		set_selectors(bed, isp1, texts);
	}
}

/* The last of several rules goes, the first goes, two change places. */
static void test_rule_order(void **state)
{
	struct mh_bed *bed = *state;
	mh_auto_link *isp1 = mh_bed_ether(bed, 1, MH_BED_INET);

	set_selectors(bed, isp1,
		      (const char *const[]){ "from all fwmark 0x1", "from all fwmark 0x2",
					     "from all fwmark 0x3", NULL });
	set_selectors(bed, isp1,
		      (const char *const[]){ "from all fwmark 0x1", "from all fwmark 0x2", NULL });
	set_selectors(bed, isp1,
		      (const char *const[]){ "from all fwmark 0x2", "from all fwmark 0x1", NULL });
	set_selectors(bed, isp1,
		      (const char *const[]){ "from all fwmark 0x2", "from all fwmark 0x9",
					     "from all fwmark 0x1", NULL });
	set_selectors(bed, isp1, (const char *const[]){ "from all fwmark 0x1", NULL });
	set_selectors(bed, isp1,
		      (const char *const[]){ "from all fwmark 0x1 iif eth7", "from all fwmark 0x1",
					     NULL });
	set_selectors(bed, isp1, (const char *const[]){ "from all fwmark 0x1 iif eth7", NULL });
	set_selectors(bed, isp1, (const char *const[]){ NULL });
}

/* Strict filtering is loosened where the owner did not say keep, and comes back with the end. */
static void test_rp_filter(void **state)
{
	struct mh_bed *bed = *state;
	mh_auto_link *isp1 = mh_bed_ether(bed, 1, MH_BED_INET);
	mh_auto_link *isp2 = mh_bed_tun(bed, 2, MH_BED_INET);
	mh_auto_link *isp3 = mh_bed_ether(bed, 3, MH_BED_INET);
	static const uint8_t while_up[] = { 2, 2, 1 }, afterwards[] = { 1, 2, 1 };
	struct mh_link *links[] = { isp1, isp2, isp3 };
	struct mh_state *now;

	isp3->rp_filter = MH_RP_FILTER_KEEP;
	for (size_t i = 0; i < 3; i++) {
		mh_bed_set_rp_filter(bed, links[i]->ifname, 1);
		mh_bed_up(bed, links[i]);
	}
	assert_settled(bed);
	assert_int_equal(bed->kernel->ops->snapshot(bed->kernel, &now), 0);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(mh_state_iface(now, links[i]->ifindex)->rp_filter, while_up[i]);
	mh_state_free(now);
	for (size_t i = 0; i < 3; i++)
		mh_bed_down(bed, links[i]);
	assert_int_equal(bed->kernel->ops->snapshot(bed->kernel, &now), 0);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(mh_state_iface(now, links[i]->ifindex)->rp_filter, afterwards[i]);
	mh_state_free(now);
}

static bool has_ra_default(struct mh_bed *bed, const struct mh_link *link)
{
	mh_cleanup(mh_state_freep) struct mh_state *now = NULL;

	assert_int_equal(bed->kernel->ops->snapshot(bed->kernel, &now), 0);
	return mh_state_iface(now, link->ifindex)->ra_default;
}

/* Router advertisements are to bring no default by a link of IPv6; by others they may. */
static void test_ra_default(void **state)
{
	struct mh_bed *bed = *state;
	mh_auto_link *isp1 = mh_bed_ether(bed, 1, MH_BED_BOTH);
	mh_auto_link *isp2 = mh_bed_ether(bed, 2, MH_BED_INET);
	mh_auto_link *isp3 = mh_bed_ether(bed, 3, MH_BED_INET6);

	mh_bed_set_ra_default(bed, "isp3", false);
	mh_bed_up(bed, isp1);
	mh_bed_up(bed, isp2);
	mh_bed_up(bed, isp3);
	assert_settled(bed);
	assert_false(has_ra_default(bed, isp1));
	assert_true(has_ra_default(bed, isp2));
	assert_int_equal(mh_link_down(bed->host, isp1->ifindex, 1u << MH_INET, NULL), 0);
	assert_false(has_ra_default(bed, isp1));
	mh_bed_down(bed, isp1);
	mh_bed_down(bed, isp3);
	assert_true(has_ra_default(bed, isp1));
	assert_false(has_ra_default(bed, isp3));
}

/* An IPv6 prefix whose link is gone goes by no other, from the moment on that the device is gone.
 */
static void test_refused_sources(void **state)
{
	struct mh_bed *bed = *state;
	mh_auto_link *isp1 = mh_bed_tun(bed, 1, MH_BED_BOTH);
	mh_auto_link *isp2 = mh_bed_ether(bed, 2, MH_BED_BOTH);

	add_source(isp1, "2001:db8:44::/48");
	mh_bed_up(bed, isp1);
	mh_bed_up(bed, isp2);
	change_source(bed, isp1, "2001:db8:55::/56", true);
	assert_settled(bed);
	mh_bed_assert_way(bed, "2001:db8:44::1", "isp1");
	mh_bed_assert_way(bed, "2001:db8:55::1", "isp1");
	mh_bed_down(bed, isp1);
	mh_bed_assert_way(bed, "2001:db8:44::1", "");
	mh_bed_assert_way(bed, "2001:db8:55::1", "");
	mh_bed_assert_way(bed, "2001:db8:2::2", "isp2");
	mh_bed_assert_way(bed, "::", "isp2");
	assert_settled(bed);
	mh_bed_up(bed, isp1);
	mh_bed_assert_way(bed, "2001:db8:44::1", "isp1");
	mh_bed_assert_way(bed, "2001:db8:55::1", "isp1");
	mh_bed_del_iface(bed, "isp1");
	mh_bed_assert_way(bed, "2001:db8:44::1", "");
	mh_bed_reconcile(bed);
	mh_bed_assert_way(bed, "2001:db8:55::1", "");
	change_source(bed, isp1, "2001:db8:44::/48", false);
	mh_bed_assert_way(bed, "2001:db8:44::1", "isp2");
	mh_bed_down(bed, isp2);
	mh_bed_assert_ours(bed, REFUSED("2001:db8:55::/56"));
	change_source(bed, isp1, "2001:db8:55::/56", false);
	mh_bed_assert_ours(bed, "");
}

/* The link is back with another interface: what hooks gave it is its own again. */
static void test_lost_link_returns(void **state)
{
	struct mh_bed *bed = *state;
	mh_auto_link *before = mh_bed_tun(bed, 1, MH_BED_INET6);
	mh_auto_link *after = NULL;
	struct mh_link **links;
	size_t n;

	mh_bed_up(bed, before);
	change_source(bed, before, "2001:db8:55::/56", true);
	change_source(bed, before, "203.0.113.8/29", true);
	mh_bed_del_iface(bed, "isp1");
	mh_bed_reconcile(bed);
	assert_int_equal(mh_links(bed->host, &links, &n), 0);
	assert_int_equal(n, 0);
	free(links);
	assert_int_equal(mh_link_weight(bed->host, "isp1", 3, 0, NULL), -ENODEV);
	after = mh_bed_tun(bed, 1, MH_BED_BOTH);
	mh_bed_up(bed, after);
	mh_bed_assert_way(bed, "2001:db8:55::1", "isp1");
	mh_bed_assert_way(bed, "::", "isp1");
	assert_settled(bed);
	mh_bed_down(bed, after);
	mh_bed_assert_ours(bed, REFUSED("2001:db8:55::/56"));
}

/* A prefix that has come to another link is that one's, whoever had it before. */
static void test_prefix_moves(void **state)
{
	struct mh_bed *bed = *state;
	mh_auto_link *isp1 = mh_bed_tun(bed, 1, MH_BED_INET6);
	mh_auto_link *isp2 = mh_bed_ether(bed, 2, MH_BED_INET6);

	mh_bed_up(bed, isp1);
	mh_bed_up(bed, isp2);
	change_source(bed, isp1, "2001:db8:55::/56", true);
	mh_bed_down(bed, isp1);
	change_source(bed, isp2, "2001:db8:55:40::/64", true);
	mh_bed_assert_way(bed, "2001:db8:55:40::1", "isp2");
	assert_settled(bed);
	change_source(bed, isp2, "2001:db8:55:40::/64", false);
	mh_bed_assert_way(bed, "2001:db8:55:40::1", "");
}

/* An interface takes the name of a link that is lost, and both names are the file of one record. */
static void test_lost_name_taken(void **state)
{
	struct mh_bed *bed = *state;
	mh_auto_link *isp1 = mh_bed_tun(bed, 1, MH_BED_INET6);
	mh_auto_link *isp2 = mh_bed_tun(bed, 2, MH_BED_INET6);

	mh_bed_up(bed, isp1);
	mh_bed_up(bed, isp2);
	change_source(bed, isp1, "2001:db8:55::/56", true);
	mh_bed_del_iface(bed, "isp1");
	mh_bed_reconcile(bed);
	mh_bed_set_updown(bed, "isp2", false);
	mh_bed_rename(bed, "isp2", "isp1");
	mh_bed_set_updown(bed, "isp1", true);
	mh_bed_add_addr(bed, "isp1", "2001:db8:92::2", "2001:db8:92::2");
	mh_bed_reconcile(bed);
	snprintf(isp2->ifname, sizeof(isp2->ifname), "isp1");
	mh_bed_up(bed, isp2);
	assert_settled(bed);
	mh_bed_assert_way(bed, "2001:db8:92::2", "isp1");
	mh_bed_down(bed, isp2);
	mh_bed_assert_ours(bed, "");
}

static void test_source_refusals(void **state)
{
	struct mh_bed *bed = *state;
	mh_auto_link *isp1 = mh_bed_ether(bed, 1, MH_BED_INET6);
	struct mh_prefix prefix = mh_bed_prefix("2001:db8:44::/48");
	mh_cleanup(mh_freep) char *before = NULL;

	assert_int_equal(mh_link_source(bed->host, "isp1", &prefix, true, NULL), -ENODEV);
	add_source(isp1, "2001:db8:44::/48");
	mh_bed_up(bed, isp1);
	before = mh_bed_ours(bed);
	assert_int_equal(mh_link_source(bed->host, "isp1", &prefix, true, NULL), 0);
	assert_int_equal(mh_link_source(bed->host, "isp1", &prefix, false, NULL), -EBUSY);
	prefix = mh_bed_prefix("2001:db8:45::/48");
	assert_int_equal(mh_link_source(bed->host, "isp1", &prefix, false, NULL), 0);
	mh_bed_assert_ours(bed, before);
	for (unsigned int i = 0; i < 256; i++) {
		prefix.addr[5] = (uint8_t)i;
		prefix.addr[4] = 9;
		assert_int_equal(mh_link_source(bed->host, "isp1", &prefix, true, NULL), 0);
	}
	prefix.addr[4] = 10;
	assert_int_equal(mh_link_source(bed->host, "isp1", &prefix, true, NULL), -E2BIG);
	assert_settled(bed);
}

/* What this host sends by IPv6 without an address: shared by weight, each with its own address. */
static void test_host_table(void **state)
{
	struct mh_bed *bed = *state;
	mh_auto_link *isp1 = mh_bed_tun(bed, 1, MH_BED_INET6);
	mh_auto_link *isp2 = mh_bed_ether(bed, 2, MH_BED_INET6);
	mh_cleanup(mh_freep) char *two = NULL, *one = NULL, *weighed = NULL;

	isp1->weight = 8;
	isp2->weight = 2;
	mh_bed_up(bed, isp1);
	mh_bed_up(bed, isp2);
	assert_settled(bed);
	two = mh_bed_ours(bed);
	assert_non_null(strstr(two, "via fe80::1 dev isp1 table 77000 metric 1 weight 8\n"));
	assert_non_null(strstr(two, "via 2001:db8:2::1 dev isp2 table 77000 metric 1 weight 2\n"));
	assert_int_equal(mh_link_weight(bed->host, "isp2", 5, 0, NULL), 0);
	assert_settled(bed);
	weighed = mh_bed_ours(bed);
	assert_non_null(strstr(weighed, "via fe80::1 dev isp1 table 77000 metric 1 weight 8\n"));
	assert_non_null(strstr(weighed, "dev isp2 table 77000 metric 1 weight 5\n"));
	mh_bed_down(bed, isp1);
	assert_int_equal(mh_link_weight(bed->host, "isp2", 7, 0, NULL), 0);
	assert_settled(bed);
	one = mh_bed_ours(bed);
	assert_non_null(strstr(one, "via 2001:db8:2::1 dev isp2 table 77000 metric 1\n"));
	assert_null(strstr(one, "isp1"));
	mh_bed_up(bed, isp1);
	assert_settled(bed);
	free(weighed);
	weighed = mh_bed_ours(bed);
	assert_non_null(strstr(weighed, "dev isp2 table 77000 metric 1 weight 7\n"));
	isp2->metric = 50;
	mh_bed_up(bed, isp2);
	assert_settled(bed);
	mh_bed_assert_way(bed, "::", "isp1");
	mh_bed_del_iface(bed, "isp1");
	mh_bed_assert_way(bed, "::", "isp2");
}

/* IPv6 was all a link had; it goes unseen, and IPv4 comes: one group cannot serve first the one. */
static void test_family_for_family(void **state)
{
	struct mh_bed *bed = *state;
	mh_auto_link *isp1 = mh_bed_ether(bed, 1, MH_BED_INET);

	mh_bed_add_addr(bed, "isp1", "2001:db8:1::2", "2001:db8:1::/64");
	isp1->part[MH_INET6].local = mh_bed_prefix("2001:db8:1::2");
	isp1->part[MH_INET6].gateway = mh_bed_prefix("2001:db8:1::1");
	isp1->part[MH_INET].local.family = 0;
	mh_bed_up(bed, isp1);
	mh_bed_del_addr(bed, "isp1", "2001:db8:1::2", "2001:db8:1::/64");
	isp1->part[MH_INET6] = (struct mh_part){ 0 };
	isp1->part[MH_INET].local = mh_bed_prefix("10.0.1.2");
	mh_bed_up(bed, isp1);
	mh_bed_assert_way(bed, NULL, "isp1");
	assert_settled(bed);
	mh_bed_add_addr(bed, "isp1", "2001:db8:1::2", "2001:db8:1::/64");
	mh_bed_del_addr(bed, "isp1", "10.0.1.2", "10.0.1.0/24");
	isp1->part[MH_INET] = (struct mh_part){ 0 };
	isp1->part[MH_INET6].local = mh_bed_prefix("2001:db8:1::2");
	isp1->part[MH_INET6].gateway = mh_bed_prefix("2001:db8:1::1");
	mh_bed_up(bed, isp1);
	mh_bed_assert_way(bed, "::", "isp1");
	assert_settled(bed);
}

/* An owner looks before he leaps: the changes are told and not made. */
static void test_dry_run(void **state)
{
	struct mh_bed *bed = *state;
	mh_auto_link *isp1 = mh_bed_ether(bed, 1, MH_BED_INET);
	mh_cleanup(mh_freep) char *before = NULL, *after = NULL;
	struct mh_report report = MH_REPORT_INIT;

	mh_bed_up(bed, isp1);
	assert_int_equal(mh_flush(bed->host, NULL), 0);
	assert_int_equal(mh_reconcile(bed->host, MH_RECONCILE_DRY_RUN, &report), 0);
	assert_int_equal(report.n_changes, 8);
	assert_int_equal(report.changes[0].sign, '+');
	mh_report_clear(&report);
	mh_bed_assert_ours(bed, "");
	mh_bed_reconcile(bed);
	mh_bed_assert_ours(bed, ISP1);
	mh_bed_del_iface(bed, "isp1");
	before = mh_bed_ours(bed);
	assert_int_equal(mh_reconcile(bed->host, MH_RECONCILE_DRY_RUN, &report), 0);
	assert_true(report.n_changes > 0);
	mh_report_clear(&report);
	after = mh_bed_ours(bed);
	assert_string_equal(after, before);
}

/* Somebody deletes things of ours by hand: a reconcile brings them back, and touches no more. */
static void test_mending(void **state)
{
	struct mh_bed *bed = *state;
	mh_auto_link *isp1 = mh_bed_ether(bed, 1, MH_BED_INET);
	mh_auto_link *isp2 = mh_bed_tun(bed, 2, MH_BED_INET);
	mh_cleanup(mh_state_freep) struct mh_state *now = NULL;
	size_t n;

	mh_bed_up(bed, isp1);
	mh_bed_up(bed, isp2);
	assert_int_equal(bed->kernel->ops->snapshot(bed->kernel, &now), 0);
	n = now->n_nexthops;
	for (size_t i = 0; i < n; i++) {
		change(bed, (struct mh_op){ .verb = MH_DELETE,
					    .kind = MH_KIND_NEXTHOP,
					    .nexthop = &now->nexthops[i] });
		mh_bed_reconcile(bed);
		mh_bed_assert_ours(bed, ISP1_AND_2);
	}
	for (size_t i = 0; i < now->n_routes; i++) {
		change(bed, (struct mh_op){ .verb = MH_DELETE,
					    .kind = MH_KIND_ROUTE,
					    .route = &now->routes[i] });
		mh_bed_reconcile(bed);
		mh_bed_assert_ours(bed, ISP1_AND_2);
	}
	for (size_t i = 0; i < now->n_rules; i++) {
		if (now->rules[i].protocol != MH_PROTOCOL)
			continue;
		change(bed, (struct mh_op){ .verb = MH_DELETE,
					    .kind = MH_KIND_RULE,
					    .rule = &now->rules[i] });
		mh_bed_reconcile(bed);
	}
	assert_settled(bed);
}

/* Another pppd has the lock and keeps it: no event waits longer than it may, or does half a job. */
static void test_lock_held(void **state)
{
	struct mh_bed *bed = *state;
	mh_auto_link *isp1 = mh_bed_ether(bed, 1, MH_BED_INET);
	mh_auto_link *isp2 = mh_bed_tun(bed, 2, MH_BED_INET);
	char path[64];
	int fd;

	mh_bed_up(bed, isp1);
	snprintf(path, sizeof(path), "%s/lock", bed->run_dir);
	fd = open(path, O_RDWR | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(flock(fd, LOCK_EX | LOCK_NB), 0);
	mh_host_set_deadline(bed->host, 30);
	assert_int_equal(mh_link_up(bed->host, isp2, NULL), -ETIMEDOUT);
	assert_int_equal(mh_link_down(bed->host, isp1->ifindex, MH_BED_BOTH, NULL), -ETIMEDOUT);
	assert_int_equal(mh_flush(bed->host, NULL), -ETIMEDOUT);
	mh_bed_assert_ours(bed, ISP1);
	close(fd);
	mh_bed_reconcile(bed);
	mh_bed_assert_ours(bed, ISP1);
	mh_bed_up(bed, isp2);
	mh_bed_assert_ours(bed, ISP1_AND_2);
}

/* Rubbish among the records: it is named and passed over, and the links go on. */
static void test_bad_record(void **state)
{
	struct mh_bed *bed = *state;
	mh_auto_link *isp1 = mh_bed_ether(bed, 1, MH_BED_INET);
	mh_auto_link *isp2 = mh_bed_tun(bed, 2, MH_BED_INET);
	struct mh_report report = MH_REPORT_INIT;
	char path[64];
	FILE *file;

	mh_bed_up(bed, isp1);
	snprintf(path, sizeof(path), "%s/links/rubbish", bed->run_dir);
	file = fopen(path, "w");
	assert_non_null(file);
	fputs("multihome 1\nifname rubbish\n", file);
	fclose(file);
	assert_int_equal(mh_link_up(bed->host, isp2, &report), 0);
	assert_int_equal(report.n_problems, 1);
	assert_true(mh_bed_has_problem(&report, MH_PROBLEM_BAD_RECORD, NULL));
	assert_non_null(strstr(report.problems[0].text, "rubbish"));
	mh_report_clear(&report);
	mh_bed_assert_ours(bed, ISP1_AND_2);
}

/* Without CAP_NET_ADMIN the kernel refuses all: that is said, and nothing is changed in it. */
static void test_denied(void **state)
{
	struct mh_bed *bed = *state;
	mh_auto_link *isp1 = mh_bed_ether(bed, 1, MH_BED_INET);
	mh_auto_link *isp2 = mh_bed_tun(bed, 2, MH_BED_INET);

	mh_bed_up(bed, isp1);
	mh_bed_set_denied(bed, true);
	assert_int_equal(mh_link_up(bed->host, isp2, NULL), -EPERM);
	mh_bed_assert_ours(bed, ISP1);
	assert_int_equal(mh_flush(bed->host, NULL), -EPERM);
	mh_bed_assert_ours(bed, ISP1);
	mh_bed_set_denied(bed, false);
	mh_bed_reconcile(bed);
	mh_bed_assert_ours(bed, ISP1_AND_2);
}

static void mount_run_dir(struct mh_bed *bed, const char *options)
{
	assert_int_equal(mount("none", bed->run_dir, "tmpfs", 0, options), 0);
}

static void fill_run_dir(struct mh_bed *bed)
{
	char path[64];
	FILE *file;

	snprintf(path, sizeof(path), "%s/filler", bed->run_dir);
	file = fopen(path, "w");
	assert_non_null(file);
	setbuf(file, NULL);
	while (fputs("all the room there is, and this line again ", file) >= 0)
		;
	fclose(file);
}

/* /run is full: the link cannot be recorded, so it is not made; the links on record go on. */
static void test_run_dir_full(void **state)
{
	struct mh_bed *bed = *state;
	mh_auto_link *isp1 = mh_bed_ether(bed, 1, MH_BED_INET);
	mh_auto_link *isp2 = mh_bed_tun(bed, 2, MH_BED_INET);
	struct mh_report report = MH_REPORT_INIT;
	char path[64];

	mount_run_dir(bed, "mode=0755,size=32k");
	mh_bed_up(bed, isp1);
	fill_run_dir(bed);
	assert_int_equal(mh_link_up(bed->host, isp2, &report), -ENOSPC);
	assert_true(mh_bed_has_problem(&report, MH_PROBLEM_RECORD_NOT_WRITTEN, "isp2"));
	mh_report_clear(&report);
	mh_bed_assert_ours(bed, ISP1);
	mh_bed_reconcile(bed);
	mh_bed_assert_ours(bed, ISP1);
	snprintf(path, sizeof(path), "%s/filler", bed->run_dir);
	assert_int_equal(unlink(path), 0);
	mh_bed_up(bed, isp2);
	mh_bed_assert_ours(bed, ISP1_AND_2);
}

/* /run is read-only: no event changes anything, and reading the links still works. */
static void test_run_dir_read_only(void **state)
{
	struct mh_bed *bed = *state;
	mh_auto_link *isp1 = mh_bed_ether(bed, 1, MH_BED_INET);
	mh_auto_link *isp2 = mh_bed_tun(bed, 2, MH_BED_INET);
	struct mh_link **links;
	size_t n;

	mount_run_dir(bed, "mode=0755");
	mh_bed_up(bed, isp1);
	assert_int_equal(mount("none", bed->run_dir, NULL, MS_REMOUNT | MS_RDONLY, "mode=0755"), 0);
	assert_int_equal(mh_link_up(bed->host, isp2, NULL), -EROFS);
	mh_bed_assert_ours(bed, ISP1);
	assert_int_equal(mh_links(bed->host, &links, &n), 0);
	assert_int_equal(n, 1);
	mh_link_free(links[0]);
	free(links);
}

/*
 * The only link moves to another tier and the process dies when both tiers' defaults lead to its
 * group; then a link comes up in the first tier: each tier ends with a group of its own.
 */
static void test_tier_change_cut_short(void **state)
{
	struct mh_bed *bed = *state;
	mh_auto_link *isp1 = mh_bed_ether(bed, 1, MH_BED_INET);
	mh_auto_link *isp2 = mh_bed_tun(bed, 2, MH_BED_INET);
	mh_cleanup(mh_freep) char *ours = NULL;

	mh_bed_up(bed, isp1);
	isp1->metric = 100;
	mh_fault_none(&bed->fault);
	bed->fault.stop_after = 1;
	assert_int_equal(mh_link_up(bed->host, isp1, NULL), -ECANCELED);
	mh_fault_none(&bed->fault);
	ours = mh_bed_ours(bed);
	assert_non_null(strstr(ours, "route default nhid 77900001 table main\n"));
	assert_non_null(strstr(ours, "route default nhid 77900001 table main metric 100\n"));
	mh_bed_up(bed, isp2);
	mh_bed_assert_way(bed, NULL, "isp2");
	assert_settled(bed);
	mh_bed_del_iface(bed, "isp2");
	mh_bed_assert_way(bed, NULL, "isp1");
}

/* An event for a link that nobody knows: no error, nothing done. */
static void test_unknown_link_down(void **state)
{
	struct mh_bed *bed = *state;
	mh_auto_link *isp1 = mh_bed_ether(bed, 1, MH_BED_INET);

	mh_bed_up(bed, isp1);
	assert_int_equal(mh_link_down(bed->host, 424242, MH_BED_BOTH, NULL), 0);
	mh_bed_assert_ours(bed, ISP1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, mh_bed_set_up, mh_bed_tear_down)

static const struct CMUnitTest tests[] = {
	TEST(test_one_link),
	TEST(test_two_links),
	TEST(test_two_links_inet6),
	TEST(test_one_family_goes),
	TEST(test_families_come_one_by_one),
	TEST(test_tiers),
	TEST(test_tier_changes),
	TEST(test_weights),
	TEST(test_impossible_link),
	TEST(test_address_changes),
	TEST(test_inet6_prefix_changes),
	TEST(test_inet6_tentative),
	TEST(test_address_lost),
	TEST(test_wrong_name),
	TEST(test_renamed),
	TEST(test_name_taken_over),
	TEST(test_deleted_under_us),
	TEST(test_last_link_order),
	TEST(test_carrier),
	TEST(test_interface_goes_in_the_middle),
	TEST(test_down_and_up),
	TEST(test_same_gateway),
	TEST(test_same_address),
	TEST(test_hostile_address),
	TEST(test_hostile_address_beside_inet6),
	TEST(test_borrowed_address),
	TEST(test_same_table),
	TEST(test_foreign_default),
	TEST(test_foreign_route_in_table),
	TEST(test_foreign_stays),
	TEST(test_slots_avoid_foreign),
	TEST(test_table_used_by_owner),
	TEST(test_nexthop_id_lost),
	TEST(test_selectors),
	TEST(test_prefix_of_no_bits),
	TEST(test_wide_and_narrow),
	TEST(test_rule_order),
	TEST(test_rp_filter),
	TEST(test_ra_default),
	TEST(test_refused_sources),
	TEST(test_lost_link_returns),
	TEST(test_prefix_moves),
	TEST(test_lost_name_taken),
	TEST(test_source_refusals),
	TEST(test_host_table),
	TEST(test_family_for_family),
	TEST(test_dry_run),
	TEST(test_mending),
	TEST(test_lock_held),
	TEST(test_bad_record),
	TEST(test_denied),
	TEST(test_tier_change_cut_short),
	TEST(test_unknown_link_down),
	/* these mount something */
	TEST(test_run_dir_full),
	TEST(test_run_dir_read_only),
};
#define TESTS_THAT_MOUNT 2

int main(void)
{
	size_t n = MH_ARRAY_SIZE(tests);
	int r = mh_bed_prepare();

	if (r < 0)
		return mh_bed_skip(r);
	if (!mh_bed_can_mount()) {
		printf("# no mount namespace: the last %d tests are left out\n", TESTS_THAT_MOUNT);
		n -= TESTS_THAT_MOUNT;
	}
	return _cmocka_run_group_tests("tests", tests, n, NULL, NULL);
}
