// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * From netlink messages to the structs of state.h. Pure: where messages come from is
 * kernel-netlink.c's part. Nothing in a message is taken for granted but its length.
 *
 * Formats: rtnetlink(7), linux/rtnetlink.h, linux/nexthop.h, linux/fib_rules.h. Attributes that
 * the build host's headers may lack are named below with the Linux version that brought them.
 */

#include <linux/fib_rules.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/netconf.h>
#include <linux/nexthop.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <string.h>
#include <sys/socket.h>

#include "netlink-private.h"

/* Linux 6.15 tells with a rule's ports which of their bits count: all, unless someone said less. */
#define RULE_SPORT_MASK 28
#define RULE_DPORT_MASK 29
#define RULE_ATTR_MAX RULE_DPORT_MASK

/* Return: the kernel's errno, negative; 0 for an ack. */
int mh_nl_parse_error(const struct nlmsghdr *hdr, struct mh_result *result)
{
	const struct nlmsgerr *error = nlmsg_data(hdr);
	struct nlattr *attrs[NLMSGERR_ATTR_MAX + 1] = { 0 };
	uint64_t offset = sizeof(*error);

	if (nlmsg_datalen(hdr) < (int)sizeof(*error) || error->error > 0)
		return -EBADMSG;
	if (!result || !(hdr->nlmsg_flags & NLM_F_ACK_TLVS))
		return error->error;
	if (!(hdr->nlmsg_flags & NLM_F_CAPPED) && error->msg.nlmsg_len > NLMSG_HDRLEN)
		offset += NLMSG_ALIGN((uint64_t)error->msg.nlmsg_len) - NLMSG_HDRLEN;
	if (offset <= (uint64_t)nlmsg_datalen(hdr) &&
	    nla_parse(attrs, NLMSGERR_ATTR_MAX, (struct nlattr *)((char *)error + offset),
		      nlmsg_datalen(hdr) - (int)offset, NULL) >= 0 &&
	    attrs[NLMSGERR_ATTR_MSG])
		nla_strlcpy(result->text, attrs[NLMSGERR_ATTR_MSG], sizeof(result->text));
	return error->error;
}

/*
 * Attributes behind a fixed header of @size. Return: how many kinds of attribute there are beyond
 * @max, or -EBADMSG. libnl leaves these out of @attrs.
 */
static int parse_attrs(struct nlmsghdr *hdr, size_t size, struct nlattr **attrs, int max)
{
	struct nlattr *attr;
	int left, beyond = 0;

	if (!nlmsg_valid_hdr(hdr, (int)size) || nlmsg_parse(hdr, (int)size, attrs, max, NULL) < 0)
		return -EBADMSG;
	nlmsg_for_each_attr(attr, hdr, (int)size, left) beyond += nla_type(attr) > max;
	return left > 0 ? -EBADMSG : beyond;
}

static uint8_t get_u8(const struct nlattr *attr)
{
	return attr && nla_len(attr) >= 1 ? nla_get_u8(attr) : 0;
}

static uint32_t get_u32(const struct nlattr *attr)
{
	return attr && nla_len(attr) >= 4 ? nla_get_u32(attr) : 0;
}

static void get_name(const struct nlattr *attr, char name[MH_IFNAME_SIZE])
{
	if (attr)
		nla_strlcpy(name, attr, MH_IFNAME_SIZE);
}

/* An address attribute, cut to @len bits. */
static int get_prefix(const struct nlattr *attr, uint8_t family, uint8_t len, struct mh_prefix *ret)
{
	struct mh_prefix prefix = { .family = family, .len = len };
	size_t size = mh_prefix_max_len(family) / 8;

	if (len > mh_prefix_max_len(family))
		return -EBADMSG;
	if (attr) {
		if ((size_t)nla_len(attr) != size)
			return -EBADMSG;
		memcpy(prefix.addr, nla_data(attr), size);
	}
	for (size_t bit = len; bit < 8 * size; bit++)
		prefix.addr[bit / 8] &= (uint8_t) ~(0x80 >> bit % 8);
	*ret = prefix;
	return 0;
}

static int get_address(const struct nlattr *attr, uint8_t family, struct mh_prefix *ret)
{
	return attr ? get_prefix(attr, family, mh_prefix_max_len(family), ret) : 0;
}

/* Settings of an interface: 32 bits each; those of IPv4 are numbered from 1. */
static uint32_t get_setting(const struct nlattr *conf, size_t number)
{
	const size_t at = 4 * (number - 1);
	uint32_t value;

	if ((size_t)nla_len(conf) < at + 4)
		return 0;
	memcpy(&value, (char *)nla_data(conf) + at, sizeof(value));
	return value;
}

static void parse_inet(struct nlattr *attr, struct mh_iface *iface)
{
	struct nlattr *inet[IFLA_INET_MAX + 1] = { 0 };

	if (!attr || nla_parse_nested(inet, IFLA_INET_MAX, attr, NULL) < 0 || !inet[IFLA_INET_CONF])
		return;
	iface->rp_filter = (uint8_t)get_setting(inet[IFLA_INET_CONF], IPV4_DEVCONF_RP_FILTER);
	iface->forwarding = get_setting(inet[IFLA_INET_CONF], IPV4_DEVCONF_FORWARDING);
	iface->src_valid_mark = get_setting(inet[IFLA_INET_CONF], IPV4_DEVCONF_SRC_VMARK);
}

/* IPv6's are numbered from 0. */
static void parse_inet6(struct nlattr *attr, struct mh_iface *iface)
{
	struct nlattr *inet6[IFLA_INET6_MAX + 1] = { 0 };

	if (!attr || nla_parse_nested(inet6, IFLA_INET6_MAX, attr, NULL) < 0 ||
	    !inet6[IFLA_INET6_CONF])
		return;
	iface->ra_default = get_setting(inet6[IFLA_INET6_CONF], DEVCONF_ACCEPT_RA_DEFRTR + 1);
}

static void parse_settings(struct nlattr *af_spec, struct mh_iface *iface)
{
	struct nlattr *families[AF_INET6 + 1] = { 0 };

	if (!af_spec || nla_parse_nested(families, AF_INET6, af_spec, NULL) < 0)
		return;
	parse_inet(families[AF_INET], iface);
	parse_inet6(families[AF_INET6], iface);
}

static void parse_counters(const struct nlattr *attr, struct mh_iface *iface)
{
	struct rtnl_link_stats64 stats = { 0 };

	if (!attr)
		return;
	/* Later kernels have more of them, and older ones fewer. */
	memcpy(&stats, nla_data(attr),
	       (size_t)nla_len(attr) < sizeof(stats) ? (size_t)nla_len(attr) : sizeof(stats));
	iface->rx_bytes = stats.rx_bytes;
	iface->tx_bytes = stats.tx_bytes;
}

int mh_nl_parse_link(struct nlmsghdr *hdr, struct mh_state *state)
{
	struct nlattr *attrs[IFLA_AF_SPEC + 1] = { 0 };
	const struct ifinfomsg *msg = nlmsg_data(hdr);
	struct mh_iface iface = { 0 };

	if (hdr->nlmsg_type != RTM_NEWLINK)
		return 0;
	if (parse_attrs(hdr, sizeof(*msg), attrs, IFLA_AF_SPEC) < 0 || !attrs[IFLA_IFNAME])
		return -EBADMSG;
	iface.ifindex = msg->ifi_index;
	iface.up = msg->ifi_flags & IFF_UP;
	iface.ppp = msg->ifi_flags & IFF_POINTOPOINT;
	/* IFF_LOWER_UP is in <linux/if.h> alone, which <net/if.h> excludes. */
	iface.carrier = iface.up && (msg->ifi_flags & 1 << 16);
	parse_settings(attrs[IFLA_AF_SPEC], &iface);
	parse_counters(attrs[IFLA_STATS64], &iface);
	get_name(attrs[IFLA_IFNAME], iface.name);
	return mh_append(state->ifaces, state->n_ifaces, iface);
}

int mh_nl_parse_addr(struct nlmsghdr *hdr, struct mh_state *state)
{
	struct nlattr *attrs[IFA_MAX + 1] = { 0 };
	const struct ifaddrmsg *msg = nlmsg_data(hdr);
	struct mh_ifaddr addr = { 0 };

	if (hdr->nlmsg_type != RTM_NEWADDR)
		return 0;
	if (parse_attrs(hdr, sizeof(*msg), attrs, IFA_MAX) < 0)
		return -EBADMSG;
	if (mh_family_from_af(msg->ifa_family) < 0)
		return 0;
	addr.ifindex = (int)msg->ifa_index;
	addr.tentative = (msg->ifa_flags & (IFA_F_TENTATIVE | IFA_F_OPTIMISTIC)) == IFA_F_TENTATIVE;
	if (get_address(attrs[IFA_LOCAL] ? attrs[IFA_LOCAL] : attrs[IFA_ADDRESS], msg->ifa_family,
			&addr.local) < 0 ||
	    get_prefix(attrs[IFA_ADDRESS], msg->ifa_family, msg->ifa_prefixlen, &addr.network) < 0)
		return -EBADMSG;
	get_name(attrs[IFA_LABEL], addr.label);
	return mh_append(state->addrs, state->n_addrs, addr);
}

/* IPv6 has these lead to lo. */
static bool is_refusal(uint8_t type)
{
	return type == RTN_BLACKHOLE || type == RTN_UNREACHABLE || type == RTN_PROHIBIT ||
	       type == RTN_THROW;
}

/* Return: 0 with @ret set, 1 (not a route of a table), or negative errno. */
static int read_route(struct nlmsghdr *hdr, struct nlattr **attrs, struct mh_route *ret)
{
	const struct rtmsg *msg = nlmsg_data(hdr);
	struct mh_route route = { 0 };

	if (hdr->nlmsg_type != RTM_NEWROUTE)
		return 1;
	if (parse_attrs(hdr, sizeof(*msg), attrs, RTA_MAX) < 0)
		return -EBADMSG;
	if (mh_family_from_af(msg->rtm_family) < 0 || msg->rtm_flags & RTM_F_CLONED)
		return 1;
	route.table = attrs[RTA_TABLE] ? get_u32(attrs[RTA_TABLE]) : msg->rtm_table;
	route.family = msg->rtm_family;
	route.protocol = msg->rtm_protocol;
	route.type = msg->rtm_type;
	route.metric = get_u32(attrs[RTA_PRIORITY]);
	route.nhid = get_u32(attrs[RTA_NH_ID]);
	if (msg->rtm_family == AF_INET)
		route.scope = msg->rtm_scope;
	if (get_prefix(attrs[RTA_DST], msg->rtm_family, msg->rtm_dst_len, &route.dst) < 0 ||
	    get_address(attrs[RTA_PREFSRC], msg->rtm_family, &route.prefsrc) < 0)
		return -EBADMSG;
	if (!route.nhid && !is_refusal(route.type)) {
		route.oif = (int)get_u32(attrs[RTA_OIF]);
		route.onlink = msg->rtm_flags & RTNH_F_ONLINK;
		route.multipath = attrs[RTA_MULTIPATH] != NULL;
		if (get_address(attrs[RTA_GATEWAY], msg->rtm_family, &route.gateway) < 0)
			return -EBADMSG;
	}
	*ret = route;
	return 0;
}

/* One entry for each nexthop. @dead: also for those of an interface that is down */
static int parse_hops(const struct nlattr *attr, const struct mh_route *route, bool dead,
		      struct mh_state *state)
{
	const struct rtnexthop *hop = nla_data(attr);
	int left = nla_len(attr), r = 0;

	while (!r && left >= (int)sizeof(*hop) && RTNH_OK(hop, left)) {
		struct nlattr *attrs[RTA_MAX + 1] = { 0 };
		struct mh_route one = *route;

		one.oif = hop->rtnh_ifindex;
		one.weight = hop->rtnh_hops + 1u;
		one.onlink = hop->rtnh_flags & RTNH_F_ONLINK;
		if (nla_parse(attrs, RTA_MAX, (struct nlattr *)RTNH_DATA(hop),
			      hop->rtnh_len - (int)sizeof(*hop), NULL) < 0 ||
		    get_address(attrs[RTA_GATEWAY], route->family, &one.gateway) < 0)
			return -EBADMSG;
		if (dead || !(hop->rtnh_flags & RTNH_F_DEAD))
			r = mh_append(state->routes, state->n_routes, one);
		left -= RTNH_ALIGN(hop->rtnh_len);
		hop = RTNH_NEXT(hop);
	}
	return r;
}

int mh_nl_parse_route(struct nlmsghdr *hdr, struct mh_state *state)
{
	struct nlattr *attrs[RTA_MAX + 1] = { 0 };
	struct mh_route route;
	int r = read_route(hdr, attrs, &route);

	if (r)
		return r < 0 ? r : 0;
	if (route.protocol != MH_PROTOCOL && (route.dst.len || route.table != MH_TABLE_MAIN))
		return 0;
	if (route.multipath && route.table == MH_TABLE_HOST) {
		route.multipath = false;
		return parse_hops(attrs[RTA_MULTIPATH], &route, true, state);
	}
	return mh_append(state->routes, state->n_routes, route);
}

int mh_nl_parse_any_route(struct nlmsghdr *hdr, struct mh_state *state)
{
	struct nlattr *attrs[RTA_MAX + 1] = { 0 };
	const struct rtmsg *msg = nlmsg_data(hdr);
	struct mh_route route;
	int r = read_route(hdr, attrs, &route);

	if (r)
		return r < 0 ? r : 0;
	/* A route for packets of one TOS is none for those that nobody has given one. */
	if (msg->rtm_tos || msg->rtm_flags & RTNH_F_DEAD)
		return 0;
	if (msg->rtm_src_len &&
	    get_prefix(attrs[RTA_SRC], msg->rtm_family, msg->rtm_src_len, &route.from) < 0)
		return -EBADMSG;
	if (route.multipath)
		return parse_hops(attrs[RTA_MULTIPATH], &route, false, state);
	return mh_append(state->routes, state->n_routes, route);
}

/* The dump of table main tells of everybody's defaults; ours came with the dump of our protocol. */
int mh_nl_parse_foreign_route(struct nlmsghdr *hdr, struct mh_state *state)
{
	const struct rtmsg *msg = nlmsg_data(hdr);

	if (hdr->nlmsg_type == RTM_NEWROUTE && nlmsg_valid_hdr(hdr, sizeof(*msg)) &&
	    msg->rtm_protocol == MH_PROTOCOL)
		return 0;
	return mh_nl_parse_route(hdr, state);
}

static int parse_ports(const struct nlattr *attr, uint16_t ports[2])
{
	struct fib_rule_port_range range;

	if (!attr)
		return 0;
	if ((size_t)nla_len(attr) < sizeof(range))
		return -EBADMSG;
	memcpy(&range, nla_data(attr), sizeof(range));
	ports[0] = range.start;
	ports[1] = range.end;
	return 0;
}

static int parse_uids(const struct nlattr *attr, struct mh_selector *sel)
{
	struct fib_rule_uid_range range;

	if (!attr)
		return 0;
	if ((size_t)nla_len(attr) < sizeof(range))
		return -EBADMSG;
	memcpy(&range, nla_data(attr), sizeof(range));
	sel->uid_set = true;
	sel->uid_start = range.start;
	sel->uid_end = range.end;
	return 0;
}

static int parse_selector(struct nlattr **attrs, const struct fib_rule_hdr *msg,
			  struct mh_selector *sel)
{
	sel->invert = msg->flags & FIB_RULE_INVERT;
	sel->tos = msg->tos;
	sel->mark = get_u32(attrs[FRA_FWMARK]);
	sel->mask = get_u32(attrs[FRA_FWMASK]);
	sel->ipproto = get_u8(attrs[FRA_IP_PROTO]);
	get_name(attrs[FRA_IIFNAME], sel->iif);
	get_name(attrs[FRA_OIFNAME], sel->oif);
	if ((attrs[FRA_SRC] &&
	     get_prefix(attrs[FRA_SRC], msg->family, msg->src_len, &sel->from) < 0) ||
	    (attrs[FRA_DST] &&
	     get_prefix(attrs[FRA_DST], msg->family, msg->dst_len, &sel->to) < 0) ||
	    parse_uids(attrs[FRA_UID_RANGE], sel) < 0 ||
	    parse_ports(attrs[FRA_SPORT_RANGE], sel->sport) < 0 ||
	    parse_ports(attrs[FRA_DPORT_RANGE], sel->dport) < 0)
		return -EBADMSG;
	return 0;
}

static bool masks_ports(const struct nlattr *mask)
{
	return mask && nla_len(mask) >= 2 && nla_get_u16(mask) != UINT16_MAX;
}

/* Is there anything that struct mh_rule has no field for? */
static bool is_odd(struct nlattr **attrs)
{
	for (int i = FRA_DPORT_RANGE + 1; i < RULE_SPORT_MASK; i++) {
		if (attrs[i])
			return true;
	}
	return attrs[FRA_GOTO] || attrs[FRA_FLOW] || attrs[FRA_TUN_ID] ||
	       attrs[FRA_SUPPRESS_IFGROUP] || masks_ports(attrs[RULE_SPORT_MASK]) ||
	       masks_ports(attrs[RULE_DPORT_MASK]) || get_u8(attrs[FRA_L3MDEV]);
}

int mh_nl_parse_rule(struct nlmsghdr *hdr, struct mh_state *state)
{
	struct nlattr *attrs[RULE_ATTR_MAX + 1] = { 0 };
	const struct fib_rule_hdr *msg = nlmsg_data(hdr);
	struct mh_rule rule = { .suppress_prefixlen = -1 };
	int beyond;

	if (hdr->nlmsg_type != RTM_NEWRULE)
		return 0;
	beyond = parse_attrs(hdr, sizeof(*msg), attrs, RULE_ATTR_MAX);
	if (beyond < 0)
		return beyond;
	if (mh_family_from_af(msg->family) < 0)
		return 0;
	rule.family = msg->family;
	rule.action = msg->action;
	rule.pref = get_u32(attrs[FRA_PRIORITY]);
	rule.table = attrs[FRA_TABLE] ? get_u32(attrs[FRA_TABLE]) : msg->table;
	rule.protocol = get_u8(attrs[FRA_PROTOCOL]);
	if (attrs[FRA_SUPPRESS_PREFIXLEN])
		rule.suppress_prefixlen = (int32_t)get_u32(attrs[FRA_SUPPRESS_PREFIXLEN]);
	rule.target = get_u32(attrs[FRA_GOTO]);
	rule.odd = beyond || is_odd(attrs);
	if (parse_selector(attrs, msg, &rule.sel) < 0)
		return -EBADMSG;
	return mh_append(state->rules, state->n_rules, rule);
}

static int parse_members(const struct nlattr *attr, struct mh_nexthop *nexthop)
{
	const struct nexthop_grp *entry = nla_data(attr);
	size_t n = (size_t)nla_len(attr) / sizeof(*entry);
	int r = 0;

	for (size_t i = 0; !r && i < n; i++) {
		/* One byte is all of the weight for groups of ours: MH_WEIGHT_MAX. */
		struct mh_member member = {
			.id = entry[i].id,
			.weight = entry[i].weight + 1u,
		};

		r = mh_append(nexthop->members, nexthop->n_members, member);
	}
	return r;
}

int mh_nl_parse_nexthop(struct nlmsghdr *hdr, struct mh_state *state)
{
	struct nlattr *attrs[NHA_RES_BUCKET + 1] = { 0 };
	const struct nhmsg *msg = nlmsg_data(hdr);
	struct mh_nexthop nexthop = { 0 };
	int r = 0;

	if (hdr->nlmsg_type != RTM_NEWNEXTHOP)
		return 0;
	if (parse_attrs(hdr, sizeof(*msg), attrs, NHA_RES_BUCKET) < 0 || !attrs[NHA_ID])
		return -EBADMSG;
	nexthop.id = get_u32(attrs[NHA_ID]);
	nexthop.protocol = msg->nh_protocol;
	nexthop.family = attrs[NHA_GROUP] ? AF_UNSPEC : msg->nh_family;
	nexthop.onlink = msg->nh_flags & RTNH_F_ONLINK;
	nexthop.oif = (int)get_u32(attrs[NHA_OIF]);
	nexthop.resilient = attrs[NHA_RES_GROUP] != NULL;
	if (attrs[NHA_GATEWAY] && mh_family_from_af(msg->nh_family) >= 0 &&
	    get_address(attrs[NHA_GATEWAY], msg->nh_family, &nexthop.gateway) < 0)
		return -EBADMSG;
	if (attrs[NHA_GROUP])
		r = parse_members(attrs[NHA_GROUP], &nexthop);
	if (!r)
		r = mh_append(state->nexthops, state->n_nexthops, nexthop);
	if (r < 0)
		free(nexthop.members);
	return r;
}

static struct mh_member *find_member(struct mh_state *state, uint32_t group, uint32_t id)
{
	for (size_t i = 0; i < state->n_nexthops; i++) {
		struct mh_nexthop *nexthop = &state->nexthops[i];

		for (size_t j = 0; nexthop->id == group && j < nexthop->n_members; j++) {
			if (nexthop->members[j].id == id)
				return &nexthop->members[j];
		}
	}
	return NULL;
}

int mh_nl_parse_bucket(struct nlmsghdr *hdr, struct mh_state *state)
{
	struct nlattr *attrs[NHA_RES_BUCKET + 1] = { 0 };
	struct nlattr *bucket[NHA_RES_BUCKET_NH_ID + 1] = { 0 };
	struct mh_member *member;

	if (hdr->nlmsg_type != RTM_NEWNEXTHOPBUCKET)
		return 0;
	if (parse_attrs(hdr, sizeof(struct nhmsg), attrs, NHA_RES_BUCKET) < 0 ||
	    !attrs[NHA_RES_BUCKET] ||
	    nla_parse_nested(bucket, NHA_RES_BUCKET_NH_ID, attrs[NHA_RES_BUCKET], NULL) < 0)
		return -EBADMSG;
	member = find_member(state, get_u32(attrs[NHA_ID]), get_u32(bucket[NHA_RES_BUCKET_NH_ID]));
	if (member)
		member->buckets++;
	return 0;
}

int mh_nl_parse_netconfs(struct nlmsghdr *hdr, struct mh_state *state)
{
	struct nlattr *attrs[NETCONFA_RP_FILTER + 1] = { 0 };
	struct mh_iface iface = { 0 };

	if (hdr->nlmsg_type != RTM_NEWNETCONF)
		return 0;
	if (parse_attrs(hdr, sizeof(struct netconfmsg), attrs, NETCONFA_RP_FILTER) < 0)
		return -EBADMSG;
	iface.ifindex = (int)get_u32(attrs[NETCONFA_IFINDEX]);
	if (iface.ifindex == NETCONFA_IFINDEX_ALL)
		return mh_nl_parse_netconf(hdr, state);
	if (iface.ifindex <= 0)
		return 0;
	iface.rp_filter = (uint8_t)get_u32(attrs[NETCONFA_RP_FILTER]);
	iface.forwarding = get_u32(attrs[NETCONFA_FORWARDING]);
	return mh_append(state->ifaces, state->n_ifaces, iface);
}

int mh_nl_parse_netconf(struct nlmsghdr *hdr, struct mh_state *state)
{
	struct nlattr *attrs[NETCONFA_RP_FILTER + 1] = { 0 };

	if (hdr->nlmsg_type != RTM_NEWNETCONF)
		return 0;
	if (parse_attrs(hdr, sizeof(struct netconfmsg), attrs, NETCONFA_RP_FILTER) < 0)
		return -EBADMSG;
	state->rp_filter_all = (uint8_t)get_u32(attrs[NETCONFA_RP_FILTER]);
	state->forwarding_all = get_u32(attrs[NETCONFA_FORWARDING]);
	return 0;
}
