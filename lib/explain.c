// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The way of a packet through this host: what evaluate.c decides on it, and what stands before and
 * after that decision in ip_route_output_key_hash_rcu() and ip_route_input_slow() of net/ipv4/
 * route.c: whether there can be such a packet, whether it is forwarded, and the reverse path.
 */

#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "evaluate.h"
#include "inspect.h"
#include "sysctl.h"

struct mh_explanation *mh_explanation_free(struct mh_explanation *e)
{
	if (!e)
		return NULL;
	for (size_t i = 0; i < e->n_steps; i++) {
		free(e->steps[i].rule);
		free(e->steps[i].reason);
	}
	free(e->steps);
	free(e->hops);
	free(e->rule);
	free(e->route);
	free(e->reason);
	free(e);
	return NULL;
}

static void mh_explanation_freep(struct mh_explanation **explanation)
{
	mh_explanation_free(*explanation);
}

/* @iface: by which the packet comes in; NULL: this host makes it */
struct explainer {
	const struct mh_session *s;
	struct mh_flow flow;
	const struct mh_iface *iface;
	struct mh_explanation *e;
};

__attribute__((format(printf, 3, 4))) static int conclude(struct mh_explanation *e,
							  enum mh_verdict verdict,
							  const char *format, ...)
{
	va_list args;
	int r;

	e->verdict = verdict;
	va_start(args, format);
	r = vasprintf(&e->reason, format, args);
	va_end(args);
	if (r < 0) {
		e->reason = NULL;
		return -ENOMEM;
	}
	return 0;
}

static int note_step(void *arg, const struct mh_rule *rule, const char *reason)
{
	struct mh_explanation *e = arg;
	char text[MH_TEXT_SIZE];
	struct mh_step step = {
		.rule = strdup(mh_rule_text(rule, text)),
		.reason = strdup(reason),
	};
	int r = -ENOMEM;

	if (step.rule && step.reason)
		r = mh_append(e->steps, e->n_steps, step);
	if (r) {
		free(step.rule);
		free(step.reason);
	}
	return r;
}

static bool is_link(const struct mh_session *s, int ifindex)
{
	for (size_t i = 0; i < s->records.n; i++) {
		if (s->records.v[i].link->ifindex == ifindex)
			return true;
	}
	return false;
}

static int add_hops(struct explainer *x, const struct mh_ways *ways)
{
	int r = 0;

	for (size_t i = 0; !r && i < ways->n; i++) {
		const struct mh_iface *iface = mh_state_iface(x->s->survey, ways->v[i].oif);
		struct mh_hop hop = {
			.gateway = ways->v[i].gateway,
			.share = ways->v[i].share,
			.link = is_link(x->s, ways->v[i].oif),
		};

		if (iface)
			memcpy(hop.ifname, iface->name, sizeof(hop.ifname));
		r = mh_append(x->e->hops, x->e->n_hops, hop);
	}
	return r;
}

static bool goes_by(const struct mh_ways *ways, int ifindex)
{
	for (size_t i = 0; i < ways->n; i++) {
		if (ways->v[i].oif == ifindex)
			return true;
	}
	return false;
}

static bool honours_marks(const struct mh_iface *iface)
{
	uint32_t all = 0;

	(void)mh_sysctl_read("", "net/ipv4/conf/all/src_valid_mark", &all);
	return all || iface->src_valid_mark;
}

/* The packet that would answer, as fib_validate_source() of net/ipv4/fib_frontend.c asks for it. */
static struct mh_flow reverse_flow(const struct explainer *x, const struct mh_ways *ways)
{
	const struct mh_iface *out = ways->n ? mh_state_iface(x->s->survey, ways->v[0].oif) : NULL;
	struct mh_flow back = {
		.to = x->flow.from,
		.from = x->flow.to,
		.iif = "lo",
		.mark = honours_marks(x->iface) ? x->flow.mark : 0,
		.ipproto = x->flow.ipproto,
		.sport = x->flow.dport,
		.dport = x->flow.sport,
	};

	if (out)
		memcpy(back.iif, out->name, sizeof(back.iif));
	return back;
}

static uint8_t rp_filter(const struct explainer *x)
{
	uint8_t all = x->s->survey->rp_filter_all;

	return x->iface->rp_filter > all ? x->iface->rp_filter : all;
}

/* @ways: forwards; empty for a packet that is for this host. The verdict changes if it is dropped.
 */
static int check_source(struct explainer *x, const struct mh_ways *ways)
{
	mh_cleanup(mh_ways_clear) struct mh_ways back_ways = { 0 };
	struct mh_flow back = reverse_flow(x, ways);
	struct mh_decision decision;
	char text[MH_PREFIX_TEXT_SIZE];
	int r = mh_evaluate(x->s->survey, &back, NULL, NULL, &decision);

	if (r < 0)
		return r;
	mh_prefix_format(&back.to, text);
	if (!decision.route || decision.route->type >= RTN_BLACKHOLE) {
		if (!rp_filter(x))
			return 0;
		return conclude(x->e, MH_VERDICT_DROPPED,
				"rp_filter of %s is on, and no route leads back to %s",
				x->iface->name, text);
	}
	if (decision.route->type != RTN_UNICAST)
		return conclude(x->e, MH_VERDICT_IMPOSSIBLE,
				"%s is no address of another host, so the kernel drops what comes "
				"in from it",
				text);
	r = mh_ways_of(x->s->survey, decision.route, &back_ways);
	if (r < 0 || rp_filter(x) != 1 || goes_by(&back_ways, x->iface->ifindex))
		return r;
	return conclude(x->e, MH_VERDICT_DROPPED,
			"rp_filter of %s is strict, and the way back to %s is not by it",
			x->iface->name, text);
}

static const char *refusal_word(unsigned int type)
{
	switch (type) {
	case RTN_BLACKHOLE:
		return "blackhole";
	case RTN_PROHIBIT:
		return "prohibit";
	}
	return "unreachable";
}

static bool has_prefix(const struct mh_prefix *prefixes, size_t n, const struct mh_prefix *prefix)
{
	for (size_t i = 0; i < n; i++) {
		if (mh_prefix_equal(&prefixes[i], prefix))
			return true;
	}
	return false;
}

/* Ours refuses what bears an IPv6 prefix of a link that has no way out. */
static int explain_refusal(struct explainer *x, const struct mh_rule *rule)
{
	const struct mh_prefix *prefix = &rule->sel.from;
	char text[MH_PREFIX_TEXT_SIZE];

	mh_prefix_format(prefix, text);
	for (size_t i = 0; i < x->s->records.n; i++) {
		const struct mh_link *link = x->s->records.v[i].link;

		if (has_prefix(link->sources, link->n_sources, prefix) ||
		    has_prefix(link->added, link->n_added, prefix))
			return conclude(x->e, MH_VERDICT_REFUSED,
					"its source is in %s, which belongs to %s: that link %s, "
					"and no other provider takes it",
					text, link->ifname,
					mh_state_iface(x->s->survey, link->ifindex)
						? "has no way out"
						: "is gone");
	}
	return conclude(x->e, MH_VERDICT_REFUSED, "its source is in %s, whose link is gone", text);
}

static int explain_rule(struct explainer *x, const struct mh_rule *rule)
{
	unsigned int type = RTN_UNREACHABLE;

	if (rule->protocol == MH_PROTOCOL && rule->pref == MH_PREF_REFUSE)
		return explain_refusal(x, rule);
	if (rule->action == FR_ACT_BLACKHOLE)
		type = RTN_BLACKHOLE;
	else if (rule->action == FR_ACT_PROHIBIT)
		type = RTN_PROHIBIT;
	return conclude(x->e, MH_VERDICT_REFUSED, "the rule says %s", refusal_word(type));
}

/* IPv6 asks for all interfaces at once; from Linux 6.17 on, one may be excepted. */
static bool forwards(const struct explainer *x)
{
	uint32_t all = 1, forced = 0;
	char name[64 + MH_IFNAME_SIZE];

	if (x->flow.to.family == AF_INET)
		return x->iface->forwarding;
	snprintf(name, sizeof(name), "net/ipv6/conf/%s/force_forwarding", x->iface->name);
	(void)mh_sysctl_read("", "net/ipv6/conf/all/forwarding", &all);
	(void)mh_sysctl_read("", name, &forced);
	return all || forced;
}

/* Of the host's own IPv6 table; ip6_dst_lookup_tail() of the kernel then asks once more. */
static int explain_host_table(struct explainer *x)
{
	return conclude(x->e, MH_VERDICT_REFUSED,
			"no link with a share has an IPv6 address: the kernel chooses one of all "
			"the host's addresses and asks again, so say from which");
}

static int explain_sent(struct explainer *x, const struct mh_route *route)
{
	mh_cleanup(mh_ways_clear) struct mh_ways ways = { 0 };
	int r = mh_ways_of(x->s->survey, route, &ways);

	if (r < 0)
		return r;
	if (x->iface && !forwards(x))
		return conclude(x->e, MH_VERDICT_DROPPED,
				"it is not for this host, which does not forward what comes in by "
				"%s",
				x->iface->name);
	r = add_hops(x, &ways);
	if (!r && x->iface && x->flow.to.family == AF_INET)
		r = check_source(x, &ways);
	return r;
}

static int explain_route(struct explainer *x, const struct mh_route *route)
{
	const struct mh_ways none = { 0 };

	switch (route->type) {
	case RTN_LOCAL:
	case RTN_BROADCAST:
	case RTN_ANYCAST:
		x->e->verdict = MH_VERDICT_LOCAL;
		return x->iface && x->flow.to.family == AF_INET ? check_source(x, &none) : 0;
	case RTN_BLACKHOLE:
	case RTN_UNREACHABLE:
	case RTN_PROHIBIT:
		if (route->protocol == MH_PROTOCOL && route->table == MH_TABLE_HOST &&
		    !mh_prefix_is_set(&x->flow.from))
			return explain_host_table(x);
		return conclude(x->e, MH_VERDICT_REFUSED, "the route says %s",
				refusal_word(route->type));
	}
	x->e->verdict = MH_VERDICT_SENT;
	return explain_sent(x, route);
}

/* Of several classic nexthops no single one is the route's. */
static const char *route_text(const struct explainer *x, struct mh_route route,
			      char text[MH_TEXT_SIZE])
{
	if (route.multipath) {
		route.gateway = (struct mh_prefix){ 0 };
		route.oif = 0;
		route.weight = 0;
	}
	return mh_route_text(&route, x->s->survey, text);
}

static int explain_decision(struct explainer *x, const struct mh_decision *decision)
{
	char text[MH_TEXT_SIZE];

	if (!decision->rule)
		return conclude(x->e, MH_VERDICT_NO_ROUTE, "no rule leads to a route to it");
	x->e->rule = strdup(mh_rule_text(decision->rule, text));
	if (!x->e->rule)
		return -ENOMEM;
	if (!decision->route)
		return explain_rule(x, decision->rule);
	x->e->route = strdup(route_text(x, *decision->route, text));
	if (!x->e->route)
		return -ENOMEM;
	return explain_route(x, decision->route);
}

/* Only IPv4 asks this before it looks for a way. */
static bool is_possible(const struct explainer *x)
{
	return x->iface || x->flow.to.family != AF_INET || !mh_prefix_is_set(&x->flow.from) ||
	       mh_is_own(x->s->survey, &x->flow.from);
}

static int explain(struct explainer *x)
{
	struct mh_decision decision;
	char text[MH_PREFIX_TEXT_SIZE];
	int r;

	if (!is_possible(x)) {
		mh_prefix_format(&x->flow.from, text);
		return conclude(x->e, MH_VERDICT_IMPOSSIBLE,
				"%s is no address of this host, and no interface was named by "
				"which the packet comes in",
				text);
	}
	r = mh_evaluate(x->s->survey, &x->flow, note_step, x->e, &decision);
	return r ? r : explain_decision(x, &decision);
}

static bool is_host(const struct mh_prefix *addr)
{
	return addr->family && addr->len == mh_prefix_max_len(addr->family);
}

static int check_packet(const struct mh_packet *packet)
{
	if (!is_host(&packet->to) ||
	    (packet->from.family &&
	     (!is_host(&packet->from) || packet->from.family != packet->to.family)) ||
	    (*packet->iif && !packet->from.family) ||
	    ((packet->sport || packet->dport) && !packet->ipproto))
		return -EINVAL;
	return 0;
}

static const struct mh_iface *find_iface(const struct mh_state *survey, const char *name)
{
	for (size_t i = 0; i < survey->n_ifaces; i++) {
		if (!strcmp(survey->ifaces[i].name, name))
			return &survey->ifaces[i];
	}
	return NULL;
}

static struct mh_flow flow_of(const struct mh_packet *packet)
{
	struct mh_flow flow = {
		.to = packet->to,
		.from = packet->from,
		.iif = "lo",
		.mark = packet->mark,
		.uid = packet->uid,
		.ipproto = packet->ipproto,
		.sport = packet->sport,
		.dport = packet->dport,
	};

	if (*packet->iif) {
		memcpy(flow.iif, packet->iif, sizeof(flow.iif));
		flow.uid = 0;
	}
	return flow;
}

int mh_explain(struct mh_host *host, const struct mh_packet *packet, struct mh_explanation **ret)
{
	mh_cleanup(mh_session_end) struct mh_session s = { .lock_fd = -1 };
	mh_cleanup(mh_explanation_freep) struct mh_explanation *e = NULL;
	struct explainer x = { .s = &s, .flow = flow_of(packet) };
	int r = check_packet(packet);

	if (!r)
		r = mh_session_look(host, &s);
	if (r < 0)
		return r;
	x.e = e = calloc(1, sizeof(*e));
	if (!e)
		return -ENOMEM;
	if (*packet->iif) {
		x.iface = find_iface(s.survey, packet->iif);
		if (!x.iface)
			return -ENODEV;
	}
	r = explain(&x);
	if (!r)
		*ret = mh_steal_ptr(e);
	return r;
}
