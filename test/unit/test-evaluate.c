// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The routing decision on made-up rules and routes: which rule decides, and why the others do not.
 * That the kernel decides likewise is test/kernel/test-command.py's to say.
 */

#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <cmocka.h>

#include "evaluate.h"
#include "world.h"

/* Tables 1 to 4: a default, one route to 198.18.0.0/15, a throw for the same, nothing. */
static struct mh_route routes[] = {
	{ .family = AF_INET, .type = RTN_UNICAST, .table = 1, .metric = 5, .oif = 12 },
	{ .family = AF_INET, .type = RTN_UNICAST, .table = 1, .oif = 11 },
	{ .family = AF_INET, .type = RTN_UNICAST, .table = 2, .oif = 12 },
	{ .family = AF_INET, .type = RTN_THROW, .table = 3 },
	{ .family = AF_INET6, .type = RTN_UNICAST, .table = 1, .oif = 13 },
	{ .family = AF_INET6, .type = RTN_UNICAST, .table = 1, .oif = 14 },
	{ .family = AF_INET, .type = RTN_LOCAL, .table = RT_TABLE_LOCAL },
};

static void make_routes(void)
{
	routes[0].dst = (struct mh_prefix){ .family = AF_INET };
	routes[1].dst = routes[0].dst;
	routes[2].dst = mh_world_prefix("198.18.0.0/15");
	routes[3].dst = routes[2].dst;
	routes[4].dst = (struct mh_prefix){ .family = AF_INET6 };
	routes[5].dst = routes[4].dst;
	routes[5].from = mh_world_prefix("2001:db8:9::/48");
	routes[6].dst = mh_world_prefix("127.0.0.0/8");
}

/* The last rule, which takes whatever reaches it. */
static struct mh_rule last_rule(uint8_t family)
{
	return (struct mh_rule){ .family = family,
				 .action = FR_ACT_TO_TBL,
				 .pref = 32766,
				 .table = 1,
				 .suppress_prefixlen = -1 };
}

struct tried {
	char reason[256];
	unsigned int steps;
	int stop_with;
};

static int note_first(void *arg, const struct mh_rule *rule, const char *reason)
{
	struct tried *tried = arg;

	(void)rule;
	if (!tried->steps++)
		snprintf(tried->reason, sizeof(tried->reason), "%s", reason);
	return tried->stop_with;
}

static struct mh_flow a_flow(void)
{
	return (struct mh_flow){
		.to = mh_world_prefix("198.18.0.1"),
		.from = mh_world_prefix("10.0.1.2"),
		.iif = "lo",
		.mark = 0x12,
		.uid = 1000,
		.ipproto = IPPROTO_TCP,
		.sport = 4711,
		.dport = 25,
	};
}

/* @rule, then the last one, on @flow: what is said of @rule? NULL: it decides. */
static void assert_verdict(struct mh_rule rule, struct mh_flow flow, const char *reason)
{
	struct mh_rule rules[] = { rule, last_rule(flow.to.family) };
	struct mh_state survey = { .rules = rules, .n_rules = 2, .routes = routes, .n_routes = 7 };
	struct tried tried = { 0 };
	struct mh_decision decision;

	assert_int_equal(mh_evaluate(&survey, &flow, note_first, &tried, &decision), 0);
	assert_string_equal(tried.reason, reason ? reason : "it decides");
	assert_ptr_equal(decision.rule, reason ? &rules[1] : &rules[0]);
	assert_int_equal(tried.steps, reason ? 2 : 1);
}

/* A rule of table 1 with @sel, on a_flow(). */
static void assert_selects(struct mh_selector sel, const char *reason)
{
	struct mh_rule rule = last_rule(AF_INET);

	rule.sel = sel;
	assert_verdict(rule, a_flow(), reason);
	rule.sel.invert = true;
	assert_verdict(rule, a_flow(), reason ? NULL : "the packet is one that it excepts");
}

static void test_selectors(void **state)
{
	(void)state;
	assert_selects((struct mh_selector){ 0 }, NULL);
	assert_selects((struct mh_selector){ .from = mh_world_prefix("10.0.0.0/8") }, NULL);
	assert_selects((struct mh_selector){ .from = mh_world_prefix("10.0.2.0/24") },
		       "its source is 10.0.1.2");
	assert_selects((struct mh_selector){ .to = mh_world_prefix("198.18.0.1") }, NULL);
	assert_selects((struct mh_selector){ .to = mh_world_prefix("198.19.0.0/16") },
		       "its destination is 198.18.0.1");
	assert_selects((struct mh_selector){ .iif = "lo" }, NULL);
	assert_selects((struct mh_selector){ .iif = "eth0" }, "this host makes the packet");
	assert_selects((struct mh_selector){ .oif = "isp1" }, "it is bound to no interface");
	assert_selects((struct mh_selector){ .mark = 0x2, .mask = 0xf }, NULL);
	assert_selects((struct mh_selector){ .mark = 0x2, .mask = 0xff }, "its mark is 0x12");
	assert_selects((struct mh_selector){ .uid_set = true, .uid_start = 1000, .uid_end = 1000 },
		       NULL);
	assert_selects((struct mh_selector){ .uid_set = true, .uid_start = 1001, .uid_end = 2000 },
		       "its uid is 1000");
	assert_selects((struct mh_selector){ .uid_set = true, .uid_end = 999 }, "its uid is 1000");
	assert_selects((struct mh_selector){ .tos = 0x10 }, "it has no TOS");
	assert_selects((struct mh_selector){ .ipproto = IPPROTO_TCP }, NULL);
	assert_selects((struct mh_selector){ .ipproto = IPPROTO_UDP }, "its protocol is 6");
	assert_selects((struct mh_selector){ .sport = { 4711, 4711 } }, NULL);
	assert_selects((struct mh_selector){ .sport = { 1, 4710 } }, "its source port is 4711");
	assert_selects((struct mh_selector){ .dport = { 20, 25 } }, NULL);
	assert_selects((struct mh_selector){ .dport = { 26, 30 } }, "its destination port is 25");
}

/* What is not known of a packet fits no rule that asks for it. */
static void test_what_is_not_known(void **state)
{
	struct mh_rule rule = last_rule(AF_INET);
	struct mh_flow flow = a_flow();

	(void)state;
	flow.from = (struct mh_prefix){ 0 };
	flow.ipproto = 0;
	flow.sport = flow.dport = 0;
	rule.sel.from = mh_world_prefix("10.0.0.0/8");
	assert_verdict(rule, flow, "the packet has no source yet");
	rule.sel = (struct mh_selector){ .ipproto = IPPROTO_TCP };
	assert_verdict(rule, flow, "its protocol is not known");
	rule.sel = (struct mh_selector){ .sport = { 1, 2 } };
	assert_verdict(rule, flow, "its source port is not known");
	rule.sel = (struct mh_selector){ .dport = { 1, 2 } };
	assert_verdict(rule, flow, "its destination port is not known");
	/* It is 0.0.0.0 for now. */
	rule.sel = (struct mh_selector){ .from = mh_world_prefix("0.0.0.0/8") };
	assert_verdict(rule, flow, NULL);
	memcpy(flow.iif, "eth1", sizeof("eth1"));
	rule.sel = (struct mh_selector){ .iif = "eth0" };
	assert_verdict(rule, flow, "it comes in by eth1");
}

static void test_actions(void **state)
{
	struct mh_rule rule = last_rule(AF_INET);

	(void)state;
	rule.table = 4;
	assert_verdict(rule, a_flow(), "it fits, but its table has no route there");
	rule.table = 3;
	assert_verdict(rule, a_flow(), "it fits, but its table says to go on (throw)");
	rule.table = 1;
	rule.suppress_prefixlen = 0;
	assert_verdict(rule, a_flow(),
		       "it fits, but only a default route does, which it leaves to later rules");
	rule.table = 2;
	assert_verdict(rule, a_flow(), NULL);
	rule.odd = true;
	assert_verdict(rule, a_flow(), "passed over: it asks for what is not looked at here");
	rule.odd = false;
	rule.action = FR_ACT_NOP;
	assert_verdict(rule, a_flow(), "it fits, and does nothing");
	rule.action = FR_ACT_PROHIBIT;
	assert_verdict(rule, a_flow(), NULL);
}

/* Over the rule between; to the next one where there is none of that preference. */
static void test_goto(void **state)
{
	struct mh_rule rules[] = { last_rule(AF_INET), last_rule(AF_INET6), last_rule(AF_INET),
				   last_rule(AF_INET) };
	struct mh_state survey = { .rules = rules, .n_rules = 4, .routes = routes, .n_routes = 7 };
	struct mh_flow flow = a_flow();
	struct tried tried = { 0 };
	struct mh_decision decision;

	(void)state;
	rules[0].action = FR_ACT_GOTO;
	rules[0].odd = true;
	rules[0].target = 32766;
	rules[1].pref = 32766;
	rules[2].pref = 300;
	assert_int_equal(mh_evaluate(&survey, &flow, note_first, &tried, &decision), 0);
	assert_string_equal(tried.reason, "it fits: on with rule 32766");
	assert_ptr_equal(decision.rule, &rules[3]);
	assert_int_equal(tried.steps, 2);

	rules[0].target = 999;
	assert_int_equal(mh_evaluate(&survey, &flow, NULL, NULL, &decision), 0);
	assert_ptr_equal(decision.rule, &rules[2]);
}

/* The longest prefix, then the longest source, then the lowest metric. */
static void test_best_route(void **state)
{
	struct mh_rule rules[] = { last_rule(AF_INET), last_rule(AF_INET6) };
	struct mh_state survey = { .rules = rules, .n_rules = 2, .routes = routes, .n_routes = 7 };
	struct mh_flow flow = a_flow();
	struct mh_flow flow6 = { .iif = "lo" };
	struct mh_decision decision;

	(void)state;
	assert_int_equal(mh_evaluate(&survey, &flow, NULL, NULL, &decision), 0);
	assert_ptr_equal(decision.route, &routes[1]);
	routes[0].dst = mh_world_prefix("198.18.0.0/16");
	assert_int_equal(mh_evaluate(&survey, &flow, NULL, NULL, &decision), 0);
	assert_ptr_equal(decision.route, &routes[0]);
	make_routes();

	flow6.to = mh_world_prefix("2001:db8:ffff::1");
	flow6.from = mh_world_prefix("2001:db8:9::7");
	assert_int_equal(mh_evaluate(&survey, &flow6, NULL, NULL, &decision), 0);
	assert_ptr_equal(decision.route, &routes[5]);
	flow6.from = mh_world_prefix("2001:db8:1::7");
	assert_int_equal(mh_evaluate(&survey, &flow6, NULL, NULL, &decision), 0);
	assert_ptr_equal(decision.route, &routes[4]);
}

static void test_no_rule_decides(void **state)
{
	struct mh_rule rule = last_rule(AF_INET);
	struct mh_state survey = { .rules = &rule, .n_rules = 1, .routes = routes, .n_routes = 7 };
	struct mh_flow flow = a_flow();
	struct mh_decision decision;

	(void)state;
	rule.table = 4;
	assert_int_equal(mh_evaluate(&survey, &flow, NULL, NULL, &decision), 0);
	assert_null(decision.rule);
	assert_null(decision.route);
}

/* Who is told of the steps may end it all, and then there is no decision. */
static void test_step_that_fails(void **state)
{
	struct mh_rule rules[] = { last_rule(AF_INET), last_rule(AF_INET) };
	struct mh_state survey = { .rules = rules, .n_rules = 2, .routes = routes, .n_routes = 7 };
	struct mh_flow flow = a_flow();
	struct tried tried = { .stop_with = -12 };
	struct mh_decision decision = { .rule = &rules[1] };

	(void)state;
	assert_int_equal(mh_evaluate(&survey, &flow, note_first, &tried, &decision), -12);
	assert_int_equal(tried.steps, 1);
	assert_ptr_equal(decision.rule, &rules[1]);
}

static void test_own_addresses(void **state)
{
	struct mh_ifaddr addr = { .local = mh_world_prefix("10.0.1.2") };
	struct mh_state survey = { .addrs = &addr, .n_addrs = 1, .routes = routes, .n_routes = 7 };
	const char *own[] = { "10.0.1.2", "127.1.2.3" };
	const char *others[] = { "10.0.1.3", "198.18.0.1", "::1" };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct mh_prefix p = mh_world_prefix(own[i]);

		assert_true(mh_is_own(&survey, &p));
	}
	for (size_t i = 0; i < 3; i++) {
		struct mh_prefix p = mh_world_prefix(others[i]);

		assert_false(mh_is_own(&survey, &p));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_selectors),	cmocka_unit_test(test_what_is_not_known),
		cmocka_unit_test(test_actions),		cmocka_unit_test(test_goto),
		cmocka_unit_test(test_best_route),	cmocka_unit_test(test_no_rule_decides),
		cmocka_unit_test(test_step_that_fails), cmocka_unit_test(test_own_addresses),
	};

	make_routes();
	return cmocka_run_group_tests_name("evaluate", tests, NULL, NULL);
}
