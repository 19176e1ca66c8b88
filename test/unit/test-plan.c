// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * From links to the objects they should have: pure, so told as links in and text lines out.
 */

#include <linux/rtnetlink.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <cmocka.h>

#include "world.h"

static void put_route(struct mh_fake *fake, const struct mh_route *route)
{
	struct mh_op op = { .verb = MH_ADD, .kind = MH_KIND_ROUTE, .route = route };

	assert_int_equal(mh_fake_apply(fake, &op), 0);
}

static void put_nexthop(struct mh_fake *fake, const struct mh_nexthop *nexthop)
{
	struct mh_op op = { .verb = MH_ADD, .kind = MH_KIND_NEXTHOP, .nexthop = nexthop };

	assert_int_equal(mh_fake_apply(fake, &op), 0);
}

/* A default of main that leads to a group of @id and @protocol whose only member is 5 on isp1. */
static void put_default(struct mh_fake *fake, uint32_t id, uint32_t metric)
{
	struct mh_nexthop nexthop = { .id = id + 1000, .family = AF_INET, .oif = 11 };
	struct mh_member member = { .id = id + 1000, .weight = 1 };
	struct mh_nexthop group = { .id = id, .members = &member, .n_members = 1 };
	struct mh_route route = {
		.family = AF_INET,
		.protocol = MH_PROTOCOL,
		.type = RTN_UNICAST,
		.table = MH_TABLE_MAIN,
		.metric = metric,
		.nhid = id,
		.dst.family = AF_INET,
	};

	nexthop.protocol = group.protocol = MH_PROTOCOL;
	group.resilient = true;
	put_nexthop(fake, &nexthop);
	put_nexthop(fake, &group);
	put_route(fake, &route);
}

/* No links: nothing is ours. */
static void test_nothing(void **state)
{
	mh_auto_fake *fake = mh_world_new();
	struct mh_records records = { 0 };

	(void)state;
	mh_world_assert_plan(fake, &records, 0, "");
}

/* An Ethernet with a router in its network: the way to the router is told beside the default. */
static void test_gateway(void **state)
{
	mh_auto_fake *fake = mh_world_new();
	mh_auto_records records = { 0 };

	(void)state;
	mh_world_add(&records, 1, INET);
	mh_world_assert_plan(fake, &records, 0,
			     "nexthop id 77000011 via 10.0.1.1 dev if11\n"
			     "nexthop id 77000012 via 10.0.1.1 dev if11\n"
			     "nexthop id 77900001 group 77000011,1/77000012,1 type resilient\n"
			     "route default nhid 77900001 table main\n"
			     "route default via 10.0.1.1 dev if11 table 77001 src 10.0.1.2\n"
			     "route 10.0.1.1 dev if11 table 77001 src 10.0.1.2\n"
			     "rule 1200: from 10.0.1.2 lookup 77001\n"
			     "rule 1000: from all lookup main suppress_prefixlength 0\n");
}

/* A router outside the interface's networks: the kernel is told to believe it. */
static void test_gateway_onlink(void **state)
{
	mh_auto_fake *fake = mh_world_new();
	mh_auto_records records = { 0 };
	struct mh_record *record = mh_world_add(&records, 1, INET);

	(void)state;
	record->link->part[MH_INET].gateway = mh_world_prefix("192.0.2.1");
	mh_world_assert_plan(
		fake, &records, 0,
		"nexthop id 77000011 via 192.0.2.1 dev if11 onlink\n"
		"nexthop id 77000012 via 192.0.2.1 dev if11 onlink\n"
		"nexthop id 77900001 group 77000011,1/77000012,1 type resilient\n"
		"route default nhid 77900001 table main\n"
		"route default via 192.0.2.1 dev if11 onlink table 77001 src 10.0.1.2\n"
		"route 192.0.2.1 dev if11 table 77001 src 10.0.1.2\n"
		"rule 1200: from 10.0.1.2 lookup 77001\n"
		"rule 1000: from all lookup main suppress_prefixlength 0\n");
}

/* A PPP link in both families: no gateway, and the families have each a tier of their own. */
static void test_point_to_point(void **state)
{
	mh_auto_fake *fake = mh_world_new();
	mh_auto_records records = { 0 };
	struct mh_link *link = mh_world_add(&records, 1, INET | INET6)->link;

	(void)state;
	link->part[MH_INET].gateway = link->part[MH_INET6].gateway = (struct mh_prefix){ 0 };
	link->part[MH_INET].peer = mh_world_prefix("10.64.64.64");
	mh_world_assert_plan(fake, &records, 0,
			     "nexthop id 77000011 dev if11\n"
			     "nexthop id 77000012 dev if11\n"
			     "nexthop id 77000013 dev if11\n"
			     "nexthop id 77000014 dev if11\n"
			     "nexthop id 77900001 group 77000011,1/77000012,1 type resilient\n"
			     "nexthop id 77900002 group 77000013,1/77000014,1 type resilient\n"
			     "route default nhid 77900001 table main\n"
			     "route default dev if11 table 77001 src 10.0.1.2\n"
			     "-6 route default nhid 77900002 table main metric 1\n"
			     "-6 route default via fe80::1 dev if11 table 77000 metric 1 weight 1\n"
			     "-6 route unreachable default table 77000 metric 4294967295\n"
			     "-6 route default dev if11 table 77001 metric 1\n"
			     "rule 1200: from 10.0.1.2 lookup 77001\n"
			     "-6 rule 1200: from 2001:db8:1::2 lookup 77001\n"
			     "rule 1000: from all lookup main suppress_prefixlength 0\n"
			     "-6 rule 1000: from all lookup main suppress_prefixlength 0\n"
			     "-6 rule 1600: from all iif lo lookup 77000\n");
}

/* Preferences of sources and destinations: the longer the prefix, the earlier it is asked. */
static void test_prefix_lengths(void **state)
{
	mh_auto_fake *fake = mh_world_new();
	mh_auto_records records = { 0 };
	struct mh_record *record = mh_world_add(&records, 1, INET | INET6);
	mh_cleanup(mh_state_freep) struct mh_state *plan = NULL;
	mh_cleanup(mh_freep) char *text = NULL;

	(void)state;
	mh_world_add_source(record, "203.0.113.8/29");
	mh_world_add_source(record, "203.0.113.0/24");
	mh_world_add_source(record, "2001:db8:100::/40");
	mh_world_add_source(record, "0.0.0.0/0");
	mh_world_add_route(record, "198.51.100.0/24");
	mh_world_add_route(record, "2001:db8:200::1");
	plan = mh_world_plan(fake, &records, NULL, NULL);
	text = mh_state_lines(plan, true);
	assert_non_null(strstr(text, "\nrule 1203: from 203.0.113.8/29 lookup 77001\n"));
	assert_non_null(strstr(text, "\nrule 1208: from 203.0.113.0/24 lookup 77001\n"));
	assert_non_null(strstr(text, "\nrule 1232: from all lookup 77001\n"));
	assert_non_null(strstr(text, "\n-6 rule 1288: from 2001:db8:100::/40 lookup 77001\n"));
	assert_non_null(strstr(text, "\nrule 1408: from all to 198.51.100.0/24 lookup 77001\n"));
	assert_non_null(strstr(text, "\n-6 rule 1400: from all to 2001:db8:200::1 lookup 77001\n"));
}

/* Selectors go to the families they fit, at 1100 unless they say where, in the order given. */
static void test_selectors(void **state)
{
	mh_auto_fake *fake = mh_world_new();
	mh_auto_records records = { 0 };
	struct mh_record *record = mh_world_add(&records, 1, INET | INET6);

	(void)state;
	record->link->weight = 0;
	mh_fake_set_up(fake, 11, false);
	mh_fake_add_addr(fake, 11, "2001:db8:1::2", "2001:db8:1::/64");
	mh_world_add_rule(record, "fwmark 0x2/0xf");
	mh_world_add_rule(record, "to 198.51.100.7");
	mh_world_add_rule(record, "pref 700 from 2001:db8:9::/48");
	mh_world_assert_plan(fake, &records, 2,
			     "rule 1200: from 10.0.1.2 lookup 77001\n"
			     "rule 1100: from all fwmark 0x2/0xf lookup 77001\n"
			     "rule 1100: from all to 198.51.100.7 lookup 77001\n"
			     "-6 rule 1200: from 2001:db8:1::2 lookup 77001\n"
			     "-6 rule 1100: from all fwmark 0x2/0xf lookup 77001\n"
			     "-6 rule 700: from 2001:db8:9::/48 lookup 77001\n"
			     "rule 1000: from all lookup main suppress_prefixlength 0\n"
			     "-6 rule 1000: from all lookup main suppress_prefixlength 0\n");
}

/* A record that an older version wrote has a selector that we cannot read: all else is done. */
static void test_unreadable_selector(void **state)
{
	mh_auto_fake *fake = mh_world_new();
	mh_auto_records records = { 0 };
	struct mh_link *link = mh_world_add(&records, 1, INET)->link;
	struct mh_report report = MH_REPORT_INIT;
	struct mh_state *plan;

	(void)state;
	assert_int_equal(mh_append(link->rules, link->n_rules, strdup("fwmark nonsense")), 0);
	plan = mh_world_plan(fake, &records, NULL, &report);
	assert_int_equal(plan->n_rules, 2);
	assert_int_equal(report.n_problems, 1);
	assert_true(mh_world_has_problem(&report, MH_PROBLEM_BAD_RECORD, "isp1"));
	mh_report_clear(&report);
	mh_state_free(plan);
}

/* Two links with one gateway: a rule for each leads to it over the right one. A third has its own.
 */
static void test_shared_gateway(void **state)
{
	mh_auto_fake *fake = mh_world_new();
	mh_auto_records records = { 0 };
	mh_cleanup(mh_state_freep) struct mh_state *plan = NULL;
	size_t n = 0;

	(void)state;
	for (int i = 1; i <= 3; i++) {
		struct mh_part *part = &mh_world_add(&records, i, INET)->link->part[MH_INET];

		part->gateway = (struct mh_prefix){ 0 };
		part->peer = mh_world_prefix(i == 3 ? "10.64.0.9" : "10.64.0.1");
	}
	plan = mh_world_plan(fake, &records, NULL, NULL);
	for (size_t i = 0; i < plan->n_rules; i++) {
		const struct mh_rule *rule = &plan->rules[i];
		char text[MH_TEXT_SIZE];

		if (rule->pref != MH_PREF_GATEWAY)
			continue;
		mh_rule_text(rule, text);
		assert_string_equal(text, n ? "rule 990: from 10.0.2.2 to 10.64.0.1 lookup 77002"
					    : "rule 990: from 10.0.1.2 to 10.64.0.1 lookup 77001");
		n++;
	}
	assert_int_equal(n, 2);
}

/* IPv6 links are known by their link-local address; what they share are those that follow it. */
static void test_shared_inet6(void **state)
{
	mh_auto_fake *fake = mh_world_new();
	mh_auto_records records = { 0 };
	mh_cleanup(mh_state_freep) struct mh_state *plan = NULL;
	mh_cleanup(mh_freep) char *text = NULL;
	struct mh_report report = MH_REPORT_INIT;

	(void)state;
	for (int i = 1; i <= 2; i++) {
		struct mh_part *part = &mh_world_add(&records, i, INET6)->link->part[MH_INET6];

		mh_fake_add_addr(fake, 10 + i, "fe80::77", "fe80::/64");
		mh_fake_add_addr(fake, 10 + i, "2001:db8:77::2", "2001:db8:77::/64");
		part->local = mh_world_prefix("fe80::77");
		part->gateway = mh_world_prefix("2001:db8:77::1");
	}
	plan = mh_world_plan(fake, &records, NULL, &report);
	text = mh_state_lines(plan, true);
	assert_non_null(strstr(text, "-6 rule 990: from 2001:db8:1::2 to 2001:db8:77::1 lookup "
				     "77001\n"));
	assert_non_null(strstr(text, "-6 rule 990: from 2001:db8:2::2 to 2001:db8:77::1 lookup "
				     "77002\n"));
	assert_null(strstr(text, "from fe80:"));
	assert_int_equal(report.n_problems, 1);
	assert_true(mh_world_has_problem(&report, MH_PROBLEM_SAME_ADDRESS, "isp2"));
	assert_non_null(strstr(report.problems[0].text, "2001:db8:77::2 is also that of isp1"));
	mh_report_clear(&report);
}

/* Three links in two tiers, one of them drained: each tier's group has those that share it. */
static void test_tiers(void **state)
{
	mh_auto_fake *fake = mh_world_new();
	mh_auto_records records = { 0 };
	mh_cleanup(mh_state_freep) struct mh_state *plan = NULL;
	mh_cleanup(mh_freep) char *text = NULL;

	(void)state;
	for (int i = 1; i <= 4; i++)
		mh_world_add(&records, i, INET);
	records.v[0].link->metric = 100;
	records.v[1].link->weight = 8;
	records.v[2].link->weight = 0;
	records.v[3].link->weight = 256;
	plan = mh_world_plan(fake, &records, NULL, NULL);
	text = mh_state_lines(plan, true);
	assert_non_null(strstr(text, "nexthop id 77900001 group "
				     "77000021,8/77000022,8/77000041,255/77000042,255 type"));
	assert_non_null(strstr(text, "nexthop id 77900002 group 77000011,1/77000012,1 type"));
	assert_non_null(strstr(text, "route default nhid 77900001 table main\n"));
	assert_non_null(strstr(text, "route default nhid 77900002 table main metric 100\n"));
	assert_non_null(strstr(text, "nexthop id 77000031 via 10.0.3.1"));
	assert_null(strstr(text, "77000031,"));
	assert_non_null(strstr(text, "rule 1200: from 10.0.3.2 lookup 77003"));
}

/* IPv6 knows no metric 0, and no two metrics are to become one. */
static void test_inet6_metric(void **state)
{
	mh_auto_fake *fake = mh_world_new();
	mh_auto_records records = { 0 };
	mh_cleanup(mh_state_freep) struct mh_state *plan = NULL;
	mh_cleanup(mh_freep) char *text = NULL;

	(void)state;
	mh_world_add(&records, 1, INET6);
	mh_world_add(&records, 2, INET6)->link->metric = 1;
	mh_world_add(&records, 3, INET6)->link->metric = 1024;
	mh_world_add(&records, 4, INET6)->link->metric = UINT32_MAX;
	plan = mh_world_plan(fake, &records, NULL, NULL);
	text = mh_state_lines(plan, true);
	assert_non_null(strstr(text, "-6 route default nhid 77900001 table main metric 1\n"));
	assert_non_null(strstr(text, "-6 route default nhid 77900002 table main metric 2\n"));
	assert_non_null(strstr(text, "-6 route default nhid 77900003 table main metric 1025\n"));
	assert_non_null(strstr(text, "nhid 77900004 table main metric 4294967295\n"));
}

/* A tier keeps the group that its default leads to; a new tier gets the first free one. */
static void test_group_ids(void **state)
{
	mh_auto_fake *fake = mh_world_new();
	mh_auto_records records = { 0 };
	mh_cleanup(mh_state_freep) struct mh_state *plan = NULL;
	mh_cleanup(mh_freep) char *text = NULL;
	struct mh_nexthop foreign = { .id = MH_GROUP_BASE + 1, .family = AF_INET, .oif = 12 };

	(void)state;
	foreign.protocol = RTPROT_STATIC;
	put_nexthop(fake, &foreign);
	put_default(fake, MH_GROUP_BASE + 2, 100);
	mh_world_add(&records, 1, INET);
	mh_world_add(&records, 2, INET)->link->metric = 100;
	mh_world_add(&records, 3, INET)->link->metric = 200;
	plan = mh_world_plan(fake, &records, NULL, NULL);
	text = mh_state_lines(plan, true);
	assert_non_null(strstr(text, "route default nhid 77900003 table main\n"));
	assert_non_null(strstr(text, "route default nhid 77900002 table main metric 100\n"));
	assert_non_null(strstr(text, "route default nhid 77900004 table main metric 200\n"));
}

/* A group that IPv6 still uses is not made one of IPv4: the kernel would refuse. */
static void test_group_of_other_family(void **state)
{
	mh_auto_fake *fake = mh_world_new();
	mh_auto_records records = { 0 };
	mh_cleanup(mh_state_freep) struct mh_state *plan = NULL;
	mh_cleanup(mh_freep) char *text = NULL;

	(void)state;
	put_default(fake, MH_GROUP_BASE + 1, 0);
	mh_world_add(&records, 1, INET6);
	plan = mh_world_plan(fake, &records, NULL, NULL);
	text = mh_state_lines(plan, true);
	assert_non_null(strstr(text, "-6 route default nhid 77900002 table main metric 1\n"));
}

/* The defaults of two tiers lead to one group, left by an event cut short: each gets its own. */
static void test_group_of_two_tiers(void **state)
{
	mh_auto_fake *fake = mh_world_new();
	mh_auto_records records = { 0 };
	mh_cleanup(mh_state_freep) struct mh_state *plan = NULL;
	mh_cleanup(mh_freep) char *text = NULL;
	struct mh_route route;

	(void)state;
	put_default(fake, MH_GROUP_BASE + 1, 0);
	route = fake->state.routes[0];
	route.metric = 100;
	put_route(fake, &route);
	mh_world_add(&records, 1, INET);
	mh_world_add(&records, 2, INET)->link->metric = 100;
	plan = mh_world_plan(fake, &records, NULL, NULL);
	text = mh_state_lines(plan, true);
	assert_non_null(strstr(text, "route default nhid 77900001 table main\n"));
	assert_non_null(strstr(text, "route default nhid 77900002 table main metric 100\n"));
	assert_non_null(strstr(text, "id 77900001 group 77000011,1/77000012,1 "));
	assert_non_null(strstr(text, "id 77900002 group 77000021,1/77000022,1 "));
}

/* Somebody else's default at a link's metric is named, one at another metric is not. */
static void test_foreign_default(void **state)
{
	mh_auto_fake *fake = mh_world_new();
	mh_auto_records records = { 0 };
	struct mh_report report = MH_REPORT_INIT;
	struct mh_route route = {
		.family = AF_INET,
		.protocol = RTPROT_BOOT,
		.type = RTN_UNICAST,
		.table = MH_TABLE_MAIN,
		.oif = 14,
		.dst.family = AF_INET,
	};

	(void)state;
	put_route(fake, &route);
	mh_world_add(&records, 1, INET);
	mh_world_add(&records, 2, INET | INET6)->link->metric = 100;
	mh_state_free(mh_world_plan(fake, &records, NULL, &report));
	assert_int_equal(report.n_problems, 1);
	assert_true(mh_world_has_problem(&report, MH_PROBLEM_FOREIGN_DEFAULT, "isp1"));
	assert_non_null(strstr(report.problems[0].text, "route default dev isp4 table main"));
	assert_non_null(report.problems[0].mend);
	mh_report_clear(&report);
}

/* Two links with one address: the first has it, and the second is told so. */
static void test_same_address(void **state)
{
	mh_auto_fake *fake = mh_world_new();
	mh_auto_records records = { 0 };
	struct mh_report report = MH_REPORT_INIT;

	(void)state;
	mh_world_add(&records, 1, INET);
	mh_world_add(&records, 2, INET)->link->part[MH_INET].local = mh_world_prefix("10.0.1.2");
	mh_state_free(mh_world_plan(fake, &records, NULL, &report));
	assert_int_equal(report.n_problems, 1);
	assert_true(mh_world_has_problem(&report, MH_PROBLEM_SAME_ADDRESS, "isp2"));
	assert_non_null(strstr(report.problems[0].text, "10.0.1.2"));
	assert_non_null(strstr(report.problems[0].text, "isp1"));
	mh_report_clear(&report);
}

/* The table that was asked for is another link's. */
static void test_same_table(void **state)
{
	mh_auto_fake *fake = mh_world_new();
	mh_auto_records records = { 0 };
	struct mh_report report = MH_REPORT_INIT;

	(void)state;
	mh_world_add(&records, 1, INET);
	mh_world_add(&records, 2, INET)->link->table = 77001;
	mh_state_free(mh_world_plan(fake, &records, NULL, &report));
	assert_int_equal(report.n_problems, 1);
	assert_true(mh_world_has_problem(&report, MH_PROBLEM_SAME_TABLE, "isp2"));
	mh_report_clear(&report);
}

/* Linux before 5.3: table and rules as ever, no share of a default, and that is said. */
static void test_no_nexthops(void **state)
{
	mh_auto_fake *fake = mh_world_new();
	mh_auto_records records = { 0 };

	(void)state;
	fake->state.has_nexthops = false;
	mh_world_add(&records, 1, INET);
	mh_world_assert_plan(fake, &records, 1,
			     "route default via 10.0.1.1 dev if11 table 77001 src 10.0.1.2\n"
			     "route 10.0.1.1 dev if11 table 77001 src 10.0.1.2\n"
			     "rule 1200: from 10.0.1.2 lookup 77001\n"
			     "rule 1000: from all lookup main suppress_prefixlength 0\n");
}

/* Linux before 5.13: a group of the plainer type, and that is said. */
static void test_no_resilient(void **state)
{
	mh_auto_fake *fake = mh_world_new();
	mh_auto_records records = { 0 };
	struct mh_report report = MH_REPORT_INIT;
	struct mh_state *plan;
	char *text;

	(void)state;
	fake->state.has_resilient = false;
	mh_world_add(&records, 1, INET);
	plan = mh_world_plan(fake, &records, NULL, &report);
	text = mh_state_lines(plan, true);
	assert_non_null(strstr(text, "group 77000011,1/77000012,1 type mpath\n"));
	assert_int_equal(report.n_problems, 1);
	assert_true(mh_world_has_problem(&report, MH_PROBLEM_NO_RESILIENT_GROUPS, "isp1"));
	free(text);
	mh_report_clear(&report);
	mh_state_free(plan);
}

/* No carrier: table and rules stand, new traffic stays away. Interface down: the rules alone. */
static void test_not_carrying(void **state)
{
	mh_auto_fake *fake = mh_world_new();
	mh_auto_records records = { 0 };

	(void)state;
	mh_world_add(&records, 1, INET);
	mh_fake_set_carrier(fake, 11, false);
	mh_world_assert_plan(fake, &records, 1,
			     "route default via 10.0.1.1 dev if11 table 77001 src 10.0.1.2\n"
			     "route 10.0.1.1 dev if11 table 77001 src 10.0.1.2\n"
			     "rule 1200: from 10.0.1.2 lookup 77001\n"
			     "rule 1000: from all lookup main suppress_prefixlength 0\n");
	mh_fake_set_up(fake, 11, false);
	mh_world_assert_plan(fake, &records, 1,
			     "rule 1200: from 10.0.1.2 lookup 77001\n"
			     "rule 1000: from all lookup main suppress_prefixlength 0\n");
}

/* The kernel has refused a nexthop: the group does with the others. All refused: no group. */
static void test_refused(void **state)
{
	mh_auto_fake *fake = mh_world_new();
	mh_auto_records records = { 0 };
	uint32_t ids[] = { 77000012, 77000011, 77000021, 77000022 };
	struct mh_state *plan;
	char *text;

	(void)state;
	mh_world_add(&records, 1, INET);
	mh_world_add(&records, 2, INET);
	plan = mh_world_plan(fake, &records, &(struct mh_refused){ ids, 1 }, NULL);
	text = mh_state_lines(plan, true);
	assert_non_null(strstr(text, "group 77000011,1/77000021,1/77000022,1 "));
	free(text);
	mh_state_free(plan);
	plan = mh_world_plan(fake, &records, &(struct mh_refused){ ids, 4 }, NULL);
	text = mh_state_lines(plan, true);
	assert_null(strstr(text, " group "));
	assert_null(strstr(text, "table main\nroute"));
	assert_non_null(strstr(text, "route default via 10.0.1.1 dev if11 table 77001"));
	free(text);
	mh_state_free(plan);
}

/* Somebody else has one of the link's ids: it is no member, and still asked for, to be refused. */
static void test_foreign_id(void **state)
{
	mh_auto_fake *fake = mh_world_new();
	mh_auto_records records = { 0 };
	mh_cleanup(mh_state_freep) struct mh_state *plan = NULL;
	mh_cleanup(mh_freep) char *text = NULL;
	struct mh_nexthop foreign = { .id = 77000011, .family = AF_INET, .oif = 12 };

	(void)state;
	foreign.protocol = RTPROT_STATIC;
	put_nexthop(fake, &foreign);
	mh_world_add(&records, 1, INET);
	plan = mh_world_plan(fake, &records, NULL, NULL);
	text = mh_state_lines(plan, true);
	assert_non_null(strstr(text, "group 77000012,1 type"));
	assert_non_null(strstr(text, "nexthop id 77000011 via 10.0.1.1 dev if11\n"));
}

/* rp_filter: the greater of the interface's and all's is in force; only strict is loosened. */
static void test_rp_filter(void **state)
{
	static const struct {
		uint8_t all, own;
		enum mh_rp_filter wish;
		size_t changed;
	} cases[] = {
		{ 0, 0, MH_RP_FILTER_LOOSE, 0 }, { 0, 1, MH_RP_FILTER_LOOSE, 1 },
		{ 1, 0, MH_RP_FILTER_LOOSE, 1 }, { 1, 1, MH_RP_FILTER_LOOSE, 1 },
		{ 2, 1, MH_RP_FILTER_LOOSE, 0 }, { 1, 2, MH_RP_FILTER_LOOSE, 0 },
		{ 0, 1, MH_RP_FILTER_KEEP, 0 },	 { 1, 0, MH_RP_FILTER_KEEP, 0 },
	};
	mh_auto_fake *fake = mh_world_new();
	mh_auto_records records = { 0 };
	struct mh_link *link = mh_world_add(&records, 1, INET)->link;

	(void)state;
	for (size_t i = 0; i < MH_ARRAY_SIZE(cases); i++) {
		struct mh_state *plan;

		fake->state.rp_filter_all = cases[i].all;
		mh_fake_iface(fake, 11)->rp_filter = cases[i].own;
		link->rp_filter = cases[i].wish;
		plan = mh_world_plan(fake, &records, NULL, NULL);
		assert_int_equal(plan->n_ifaces, cases[i].changed);
		assert_true(!plan->n_ifaces || plan->ifaces[0].rp_filter == 2);
		mh_state_free(plan);
	}
}

/* IPv6 knows no rp_filter: a link without an IPv4 part leaves it alone. */
static void test_rp_filter_inet6(void **state)
{
	mh_auto_fake *fake = mh_world_new();
	mh_auto_records records = { 0 };
	struct mh_state *plan;

	(void)state;
	mh_fake_iface(fake, 11)->rp_filter = 1;
	mh_world_add(&records, 1, INET6);
	plan = mh_world_plan(fake, &records, NULL, NULL);
	assert_int_equal(plan->n_ifaces, 0);
	mh_state_free(plan);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(test_nothing),
	cmocka_unit_test(test_gateway),
	cmocka_unit_test(test_gateway_onlink),
	cmocka_unit_test(test_point_to_point),
	cmocka_unit_test(test_prefix_lengths),
	cmocka_unit_test(test_selectors),
	cmocka_unit_test(test_unreadable_selector),
	cmocka_unit_test(test_shared_gateway),
	cmocka_unit_test(test_shared_inet6),
	cmocka_unit_test(test_tiers),
	cmocka_unit_test(test_inet6_metric),
	cmocka_unit_test(test_group_ids),
	cmocka_unit_test(test_group_of_other_family),
	cmocka_unit_test(test_group_of_two_tiers),
	cmocka_unit_test(test_foreign_default),
	cmocka_unit_test(test_same_address),
	cmocka_unit_test(test_same_table),
	cmocka_unit_test(test_no_nexthops),
	cmocka_unit_test(test_no_resilient),
	cmocka_unit_test(test_not_carrying),
	cmocka_unit_test(test_refused),
	cmocka_unit_test(test_foreign_id),
	cmocka_unit_test(test_rp_filter),
	cmocka_unit_test(test_rp_filter_inet6),
};

int main(void)
{
	return cmocka_run_group_tests(tests, NULL, NULL);
}
