// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * One-line text forms of kernel objects, in the words of ip(8), so that an owner can compare them
 * with what ip prints, and a test can state a whole kernel in a few lines. Pure.
 */

#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "kernel.h"

/* A string that is built in a buffer; what does not fit is cut. */
struct line {
	char *text;
	size_t size;
	size_t used;
};

__attribute__((format(printf, 2, 3))) static void add(struct line *line, const char *format, ...)
{
	size_t room = line->size - line->used;
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(line->text + line->used, room, format, args);
	va_end(args);
	if (n > 0)
		line->used += (size_t)n < room ? (size_t)n : room - 1;
}

static void add_prefix(struct line *line, const char *word, const struct mh_prefix *prefix)
{
	char text[MH_PREFIX_TEXT_SIZE];

	if (!mh_prefix_is_set(prefix))
		return;
	mh_prefix_format(prefix, text);
	add(line, " %s %s", word, text);
}

static void add_ports(struct line *line, const char *word, const uint16_t ports[2])
{
	if (!ports[0])
		return;
	add(line, " %s %u", word, ports[0]);
	if (ports[1] != ports[0])
		add(line, "-%u", ports[1]);
}

static void add_selector(struct line *line, const struct mh_selector *sel)
{
	if (sel->invert)
		add(line, " not");
	if (mh_prefix_is_set(&sel->from))
		add_prefix(line, "from", &sel->from);
	else
		add(line, " from all");
	add_prefix(line, "to", &sel->to);
	if (sel->tos)
		add(line, " tos 0x%02x", sel->tos);
	if (sel->mark || sel->mask)
		add(line, " fwmark 0x%x", sel->mark);
	if ((sel->mark || sel->mask) && sel->mask != UINT32_MAX)
		add(line, "/0x%x", sel->mask);
	if (*sel->iif)
		add(line, " iif %s", sel->iif);
	if (*sel->oif)
		add(line, " oif %s", sel->oif);
	if (sel->uid_set)
		add(line, " uidrange %u-%u", sel->uid_start, sel->uid_end);
	if (sel->ipproto)
		add(line, " ipproto %u", sel->ipproto);
	add_ports(line, "sport", sel->sport);
	add_ports(line, "dport", sel->dport);
}

static void add_table(struct line *line, uint32_t table)
{
	if (table == RT_TABLE_MAIN)
		add(line, "main");
	else
		add(line, "%u", table);
}

static const char *inet6_word(uint8_t family)
{
	return family == AF_INET6 ? "-6 " : "";
}

const char *mh_rule_text(const struct mh_rule *rule, char text[MH_TEXT_SIZE])
{
	struct line line = { .text = text, .size = MH_TEXT_SIZE };

	add(&line, "%srule %u:", inet6_word(rule->family), rule->pref);
	add_selector(&line, &rule->sel);
	if (rule->action == FR_ACT_UNREACHABLE) {
		add(&line, " unreachable");
	} else if (rule->action == FR_ACT_TO_TBL) {
		add(&line, " lookup ");
		add_table(&line, rule->table);
	} else {
		add(&line, " action %u", rule->action);
	}
	if (rule->suppress_prefixlen >= 0)
		add(&line, " suppress_prefixlength %d", rule->suppress_prefixlen);
	if (rule->odd)
		add(&line, " ...");
	return text;
}

static void add_dev(struct line *line, int ifindex, const struct mh_state *state)
{
	const struct mh_iface *iface = state ? mh_state_iface(state, ifindex) : NULL;

	if (iface)
		add(line, " dev %s", iface->name);
	else if (ifindex)
		add(line, " dev if%d", ifindex);
}

const char *mh_route_text(const struct mh_route *route, const struct mh_state *state,
			  char text[MH_TEXT_SIZE])
{
	struct line line = { .text = text, .size = MH_TEXT_SIZE };
	char dst[MH_PREFIX_TEXT_SIZE] = "default";

	if (route->dst.len)
		mh_prefix_format(&route->dst, dst);
	add(&line, "%sroute %s%s", inet6_word(route->family),
	    route->type == RTN_UNREACHABLE ? "unreachable " : "", dst);
	if (route->nhid)
		add(&line, " nhid %u", route->nhid);
	add_prefix(&line, "via", &route->gateway);
	if (route->multipath)
		add(&line, " nexthop ...");
	add_dev(&line, route->oif, state);
	if (route->onlink)
		add(&line, " onlink");
	add(&line, " table ");
	add_table(&line, route->table);
	add_prefix(&line, "src", &route->prefsrc);
	if (route->metric)
		add(&line, " metric %u", route->metric);
	if (route->table == MH_TABLE_HOST && route->weight)
		add(&line, " weight %u", route->weight);
	return text;
}

char *mh_nexthop_text(const struct mh_nexthop *nexthop, const struct mh_state *state)
{
	struct line line = { .size = 128 + 24 * nexthop->n_members };

	line.text = malloc(line.size);
	if (!line.text)
		return NULL;
	add(&line, "nexthop id %u", nexthop->id);
	for (size_t i = 0; i < nexthop->n_members; i++)
		add(&line, "%s%u,%u", i ? "/" : " group ", nexthop->members[i].id,
		    nexthop->members[i].weight);
	if (nexthop->n_members)
		add(&line, " type %s", nexthop->resilient ? "resilient" : "mpath");
	add_prefix(&line, "via", &nexthop->gateway);
	add_dev(&line, nexthop->oif, state);
	if (nexthop->onlink)
		add(&line, " onlink");
	return line.text;
}

char *mh_op_text(const struct mh_op *op, const struct mh_state *state)
{
	char text[MH_TEXT_SIZE];

	switch (op->kind) {
	case MH_KIND_NEXTHOP:
		return mh_nexthop_text(op->nexthop, state);
	case MH_KIND_ROUTE:
		return strdup(mh_route_text(op->route, state, text));
	case MH_KIND_RULE:
		return strdup(mh_rule_text(op->rule, text));
	case MH_KIND_RP_FILTER:
		snprintf(text, sizeof(text), "rp_filter %s %u", op->iface->name,
			 op->iface->rp_filter);
		return strdup(text);
	case MH_KIND_RA_DEFAULT:
		snprintf(text, sizeof(text), "accept_ra_defrtr %s %u", op->iface->name,
			 op->iface->ra_default);
		return strdup(text);
	}
	return NULL;
}
