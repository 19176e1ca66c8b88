// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * From changes to netlink messages. Pure: in which order they go out, and what the kernel answers,
 * is kernel-netlink.c's part.
 *
 * Formats: rtnetlink(7), linux/rtnetlink.h, linux/nexthop.h, linux/fib_rules.h.
 */

#include <linux/fib_rules.h>
#include <linux/ip.h>
#include <linux/nexthop.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include "netlink-private.h"

/* A group has 8 bytes a member in an attribute of at most 64 KiB. */
#define GROUP_MEMBERS_MAX 8000

int mh_nl_new(uint32_t seq, int type, int flags, size_t size, struct nl_msg **ret)
{
	struct nl_msg *msg = nlmsg_alloc_size(size);

	if (!msg)
		return -ENOMEM;
	if (!nlmsg_put(msg, NL_AUTO_PORT, seq, type, 0, NLM_F_REQUEST | flags)) {
		nlmsg_free(msg);
		return -ENOMEM;
	}
	*ret = msg;
	return 0;
}

static int put_address(struct nl_msg *msg, int attr, const struct mh_prefix *prefix)
{
	if (!mh_prefix_is_set(prefix))
		return 0;
	return nla_put(msg, attr, mh_prefix_max_len(prefix->family) / 8, prefix->addr);
}

static int put_number(struct nl_msg *msg, int attr, uint32_t value)
{
	return value ? nla_put_u32(msg, attr, value) : 0;
}

static int put_name(struct nl_msg *msg, int attr, const char *name)
{
	return *name ? nla_put_string(msg, attr, name) : 0;
}

static int verb_type(enum mh_verb verb, int add, int del)
{
	return verb == MH_DELETE ? del : add;
}

static int verb_flags(enum mh_verb verb)
{
	switch (verb) {
	case MH_ADD:
		return NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL;
	case MH_APPEND:
		return NLM_F_ACK | NLM_F_CREATE | NLM_F_APPEND;
	case MH_REPLACE:
		return NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE;
	case MH_DELETE:
		return NLM_F_ACK;
	}
	return NLM_F_ACK;
}

static int put_way(struct nl_msg *msg, const struct mh_route *route)
{
	if (put_number(msg, RTA_OIF, (uint32_t)route->oif) < 0 ||
	    put_address(msg, RTA_GATEWAY, &route->gateway) < 0)
		return -ENOMEM;
	return 0;
}

/* A weight can be said of one of several ways alone, so it is a list of one. */
static int put_hop(struct nl_msg *msg, const struct mh_route *route)
{
	struct rtnexthop *hop;
	struct nlattr *attr = nla_nest_start(msg, RTA_MULTIPATH);
	char *start;

	hop = attr ? nlmsg_reserve(msg, sizeof(*hop), NLMSG_ALIGNTO) : NULL;
	if (!hop)
		return -ENOMEM;
	start = (char *)hop;
	*hop = (struct rtnexthop){
		.rtnh_flags = route->onlink ? RTNH_F_ONLINK : 0,
		.rtnh_hops = (uint8_t)(route->weight - 1),
		.rtnh_ifindex = route->oif,
	};
	if (put_address(msg, RTA_GATEWAY, &route->gateway) < 0)
		return -ENOMEM;
	hop->rtnh_len = (uint16_t)((char *)nlmsg_tail(nlmsg_hdr(msg)) - start);
	nla_nest_end(msg, attr);
	return 0;
}

static int build_route(enum mh_verb verb, const struct mh_route *route, uint32_t seq,
		       struct nl_msg **ret)
{
	struct rtmsg body = {
		.rtm_family = route->family,
		.rtm_dst_len = route->dst.len,
		.rtm_table = RT_TABLE_UNSPEC,
		.rtm_protocol = route->protocol,
		.rtm_scope = route->scope,
		.rtm_type = route->type,
		.rtm_flags = route->onlink ? RTNH_F_ONLINK : 0,
	};
	bool sibling = route->weight && verb != MH_DELETE;
	int r = mh_nl_new(seq, verb_type(verb, RTM_NEWROUTE, RTM_DELROUTE), verb_flags(verb), 256,
			  ret);

	if (r < 0)
		return r;
	if (nlmsg_append(*ret, &body, sizeof(body), NLMSG_ALIGNTO) < 0 ||
	    (route->dst.len && put_address(*ret, RTA_DST, &route->dst) < 0) ||
	    put_number(*ret, RTA_TABLE, route->table) < 0 ||
	    put_number(*ret, RTA_PRIORITY, route->metric) < 0 ||
	    put_number(*ret, RTA_NH_ID, route->nhid) < 0 ||
	    put_address(*ret, RTA_PREFSRC, &route->prefsrc) < 0 ||
	    (sibling ? put_hop(*ret, route) : put_way(*ret, route)) < 0)
		return -ENOMEM;
	return 0;
}

static int put_ports(struct nl_msg *msg, int attr, const uint16_t ports[2])
{
	struct fib_rule_port_range range = { .start = ports[0], .end = ports[1] };

	return ports[0] ? nla_put(msg, attr, sizeof(range), &range) : 0;
}

static int put_selector(struct nl_msg *msg, const struct mh_selector *sel)
{
	struct fib_rule_uid_range uids = { .start = sel->uid_start, .end = sel->uid_end };

	if ((sel->from.len && put_address(msg, FRA_SRC, &sel->from) < 0) ||
	    (sel->to.len && put_address(msg, FRA_DST, &sel->to) < 0) ||
	    put_name(msg, FRA_IIFNAME, sel->iif) < 0 || put_name(msg, FRA_OIFNAME, sel->oif) < 0 ||
	    put_number(msg, FRA_FWMARK, sel->mark) < 0 ||
	    (sel->ipproto && nla_put_u8(msg, FRA_IP_PROTO, sel->ipproto) < 0) ||
	    (sel->uid_set && nla_put(msg, FRA_UID_RANGE, sizeof(uids), &uids) < 0) ||
	    put_ports(msg, FRA_SPORT_RANGE, sel->sport) < 0 ||
	    put_ports(msg, FRA_DPORT_RANGE, sel->dport) < 0)
		return -ENOMEM;
	/* A mask of 0 beside a mark is to be said, or the kernel assumes all bits. */
	if ((sel->mark || sel->mask) && nla_put_u32(msg, FRA_FWMASK, sel->mask) < 0)
		return -ENOMEM;
	return 0;
}

static int build_rule(enum mh_verb verb, const struct mh_rule *rule, uint32_t seq,
		      struct nl_msg **ret)
{
	struct fib_rule_hdr body = {
		.family = rule->family,
		.dst_len = rule->sel.to.len,
		.src_len = rule->sel.from.len,
		.tos = rule->sel.tos,
		.table = RT_TABLE_UNSPEC,
		.action = rule->action,
		.flags = rule->sel.invert ? FIB_RULE_INVERT : 0,
	};
	int r = mh_nl_new(seq, verb_type(verb, RTM_NEWRULE, RTM_DELRULE), verb_flags(verb), 512,
			  ret);

	if (r < 0)
		return r;
	if (nlmsg_append(*ret, &body, sizeof(body), NLMSG_ALIGNTO) < 0 ||
	    nla_put_u32(*ret, FRA_PRIORITY, rule->pref) < 0 ||
	    nla_put_u32(*ret, FRA_TABLE, rule->table) < 0 ||
	    nla_put_u8(*ret, FRA_PROTOCOL, rule->protocol) < 0 ||
	    (rule->suppress_prefixlen >= 0 &&
	     nla_put_u32(*ret, FRA_SUPPRESS_PREFIXLEN, (uint32_t)rule->suppress_prefixlen) < 0))
		return -ENOMEM;
	return put_selector(*ret, &rule->sel);
}

static int put_members(struct nl_msg *msg, const struct mh_nexthop *group)
{
	struct nlattr *attr;
	struct nexthop_grp *entries;

	attr = nla_reserve(msg, NHA_GROUP, (int)(group->n_members * sizeof(*entries)));
	if (!attr)
		return -ENOMEM;
	entries = nla_data(attr);
	for (size_t i = 0; i < group->n_members; i++)
		entries[i] = (struct nexthop_grp){
			.id = group->members[i].id,
			.weight = (uint8_t)(group->members[i].weight - 1),
		};
	return 0;
}

/* Type and buckets are settled when the group is made; a replace must not speak of the buckets. */
static int put_group(struct nl_msg *msg, enum mh_verb verb, const struct mh_nexthop *group)
{
	struct nlattr *nest;

	if (put_members(msg, group) < 0)
		return -ENOMEM;
	if (!group->resilient)
		return 0;
	if (nla_put_u16(msg, NHA_GROUP_TYPE, NEXTHOP_GRP_TYPE_RES) < 0)
		return -ENOMEM;
	if (verb != MH_ADD)
		return 0;
	nest = nla_nest_start(msg, NHA_RES_GROUP);
	if (!nest || nla_put_u16(msg, NHA_RES_GROUP_BUCKETS, MH_GROUP_BUCKETS) < 0 ||
	    nla_put_u32(msg, NHA_RES_GROUP_IDLE_TIMER, MH_GROUP_IDLE_TIMER * 100) < 0)
		return -ENOMEM;
	nla_nest_end(msg, nest);
	return 0;
}

static int build_nexthop(enum mh_verb verb, const struct mh_nexthop *nexthop, uint32_t seq,
			 struct nl_msg **ret)
{
	struct nhmsg body = { .nh_family = AF_UNSPEC };
	int r;

	if (nexthop->n_members > GROUP_MEMBERS_MAX)
		return -E2BIG;
	if (verb != MH_DELETE) {
		body.nh_family = nexthop->family;
		body.nh_protocol = nexthop->protocol;
		body.nh_flags = nexthop->onlink ? RTNH_F_ONLINK : 0;
	}
	r = mh_nl_new(seq, verb_type(verb, RTM_NEWNEXTHOP, RTM_DELNEXTHOP), verb_flags(verb),
		      256 + nexthop->n_members * sizeof(struct nexthop_grp), ret);
	if (r < 0)
		return r;
	if (nlmsg_append(*ret, &body, sizeof(body), NLMSG_ALIGNTO) < 0 ||
	    nla_put_u32(*ret, NHA_ID, nexthop->id) < 0)
		return -ENOMEM;
	if (verb == MH_DELETE)
		return 0;
	if (nexthop->n_members)
		return put_group(*ret, verb, nexthop);
	if (put_number(*ret, NHA_OIF, (uint32_t)nexthop->oif) < 0 ||
	    put_address(*ret, NHA_GATEWAY, &nexthop->gateway) < 0)
		return -ENOMEM;
	return 0;
}

/* By netlink rather than by /proc/sys: by index, in this namespace, whatever is mounted where. */
static int build_rp_filter(const struct mh_iface *iface, uint32_t seq, struct nl_msg **ret)
{
	struct ifinfomsg body = { .ifi_family = AF_UNSPEC, .ifi_index = iface->ifindex };
	struct nlattr *spec, *inet, *conf;
	int r = mh_nl_new(seq, RTM_SETLINK, NLM_F_ACK, 256, ret);

	if (r < 0)
		return r;
	if (nlmsg_append(*ret, &body, sizeof(body), NLMSG_ALIGNTO) < 0)
		return -ENOMEM;
	spec = nla_nest_start(*ret, IFLA_AF_SPEC);
	inet = spec ? nla_nest_start(*ret, AF_INET) : NULL;
	conf = inet ? nla_nest_start(*ret, IFLA_INET_CONF) : NULL;
	if (!conf || nla_put_u32(*ret, IPV4_DEVCONF_RP_FILTER, iface->rp_filter) < 0)
		return -ENOMEM;
	nla_nest_end(*ret, conf);
	nla_nest_end(*ret, inet);
	nla_nest_end(*ret, spec);
	return 0;
}

int mh_nl_build(const struct mh_op *op, uint32_t seq, struct nl_msg **ret)
{
	switch (op->kind) {
	case MH_KIND_NEXTHOP:
		return build_nexthop(op->verb, op->nexthop, seq, ret);
	case MH_KIND_ROUTE:
		return build_route(op->verb, op->route, seq, ret);
	case MH_KIND_RULE:
		return build_rule(op->verb, op->rule, seq, ret);
	case MH_KIND_RP_FILTER:
		return build_rp_filter(op->iface, seq, ret);
	case MH_KIND_RA_DEFAULT: /* no message: kernel-netlink.c writes to /proc/sys */
		break;
	}
	return -EINVAL;
}
