/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The domain as plain, comparable structs: kernel objects that are ours or stand in our way, and
 * the links of the record store. Each has a total order and a one-line text form in the words of
 * ip(8). No I/O here; reading the kernel is kernel.h's part, the records are store.h's.
 */

#include "multihome.h"
#include "util.h"

/* Longest one-line text form of an object other than a group, which has no bound. */
#define MH_TEXT_SIZE 512

/* Number of buckets of a resilient group; why this many: see plan.c. */
#define MH_GROUP_BUCKETS 4096
/* Seconds without a packet after which a bucket may be given to another link. */
#define MH_GROUP_IDLE_TIMER 120

enum {
	MH_TABLE_MAIN = 254,   /* RT_TABLE_MAIN */
	MH_TABLE_HOST = 77000, /* defaults for IPv6 packets of this host's own; why: see tier.c */
	MH_TABLE_AUTO = 77000, /* automatic table of slot N is this + N */
	MH_NEXTHOP_BASE =
		77000000, /* nexthops of slot N: this + 10 N + 1 … 4, see mh_nexthop_id() */
	MH_GROUP_BASE = 77900000, /* groups: upwards from here */
	MH_SLOT_MAX = 65535,
	/* Of more the kernel's dump of one route does not fit into a datagram. */
	MH_HOST_LINKS_MAX = 1000,
	MH_NEXTHOP_TWINS = 2, /* identical nexthop objects per part; why: see plan.c */
};

/* AF_INET for MH_INET, AF_INET6 for MH_INET6 */
uint8_t mh_family_af(enum mh_family family);
/* The reverse. Return: an enum mh_family, or -EAFNOSUPPORT. */
int mh_family_from_af(uint8_t af);

/* Order of prefixes: family, then address, then length. */
int mh_prefix_compare(const struct mh_prefix *a, const struct mh_prefix *b);
static inline bool mh_prefix_equal(const struct mh_prefix *a, const struct mh_prefix *b)
{
	return mh_prefix_compare(a, b) == 0;
}
static inline bool mh_prefix_is_set(const struct mh_prefix *prefix)
{
	return prefix->family != 0;
}
/* Is all of @inner in @outer? */
bool mh_prefix_contains(const struct mh_prefix *outer, const struct mh_prefix *inner);
/* 32 or 128 */
uint8_t mh_prefix_max_len(uint8_t family);
/* fe80::/10, RFC 4291 2.5.6 */
bool mh_prefix_is_link_local(const struct mh_prefix *prefix);

/*
 * What a rule asks of a packet (linux/fib_rules.h, FRA_*). All zero: every packet.
 * @from, @to: family 0: any
 * @mark, @mask: both 0: any; the packet's mark is compared with @mark under @mask
 * @uid_set: @uid_start..@uid_end count
 * @ipproto: 0: any
 * @sport, @dport: first and last, host byte order; first 0: any
 * @tos: 0: any
 */
struct mh_selector {
	bool invert;
	bool uid_set;
	uint8_t ipproto;
	uint8_t tos;
	uint16_t sport[2];
	uint16_t dport[2];
	uint32_t mark;
	uint32_t mask;
	uint32_t uid_start;
	uint32_t uid_end;
	struct mh_prefix from;
	struct mh_prefix to;
	char iif[MH_IFNAME_SIZE];
	char oif[MH_IFNAME_SIZE];
};
int mh_selector_compare(const struct mh_selector *a, const struct mh_selector *b);

/*
 * A rule of the policy database.
 * @action: FR_ACT_TO_TBL or another FR_ACT_*
 * @suppress_prefixlen: -1: none
 * @odd: carries something that these fields cannot express, so it equals no rule of ours
 * @target: preference of the rule at which FR_ACT_GOTO goes on, which is odd
 */
struct mh_rule {
	uint8_t family;
	uint8_t protocol;
	uint8_t action;
	bool odd;
	uint32_t pref;
	uint32_t table;
	uint32_t target;
	int32_t suppress_prefixlen;
	struct mh_selector sel;
};
int mh_rule_compare(const struct mh_rule *a, const struct mh_rule *b);

/*
 * A route.
 * @dst: len 0 for a default, with its family set
 * @oif: 0: none, or more than one
 * @gateway, @prefsrc: family 0: none
 * @nhid: 0: none
 * @scope: RT_SCOPE_*; IPv4 only
 * @multipath: more than one classic nexthop, of which this stands for all; never ours
 * @weight: of table MH_TABLE_HOST, and in a survey, that of this one of several classic nexthops,
 *   1..256; 0: there is one alone, of which the kernel does not tell
 * @weight_changed: in a plan, may the route be there with another weight? Not compared.
 * @from: in a survey, what the packet's source must be in; family 0: any. IPv6 only
 */
struct mh_route {
	uint8_t family;
	uint8_t protocol;
	uint8_t type;
	uint8_t scope;
	bool onlink;
	bool multipath;
	uint32_t table;
	uint32_t metric;
	uint32_t nhid;
	int oif;
	struct mh_prefix dst;
	struct mh_prefix gateway;
	struct mh_prefix prefsrc;
	uint32_t weight;
	bool weight_changed;
	struct mh_prefix from;
};
/* Order of routes: family, table, destination, metric (together the kernel's key), then the rest.
 */
int mh_route_compare_key(const struct mh_route *a, const struct mh_route *b);
int mh_route_compare(const struct mh_route *a, const struct mh_route *b);

/*
 * Member of a group.
 * @weight: 1..MH_WEIGHT_MAX
 * @buckets: in a survey, how many of a resilient group's buckets lead to it
 */
struct mh_member {
	uint32_t id;
	uint32_t weight;
	uint32_t buckets;
};

/*
 * A nexthop object, or a group of them: a group has members and none of @oif, @gateway.
 * @family: AF_UNSPEC for a group
 * @resilient: a group's type; else hash-threshold. Fixed when the group is made.
 * @members: ascending by id; owned
 */
struct mh_nexthop {
	uint32_t id;
	uint8_t family;
	uint8_t protocol;
	bool onlink;
	bool resilient;
	int oif;
	struct mh_prefix gateway;
	struct mh_member *members;
	size_t n_members;
};
/* Order of nexthops: by id. */
int mh_nexthop_compare_key(const struct mh_nexthop *a, const struct mh_nexthop *b);
/* Are they the same but for the id and what cannot be changed? Members are compared. */
bool mh_nexthop_equal(const struct mh_nexthop *a, const struct mh_nexthop *b);

/*
 * An interface.
 * @carrier: IFF_UP and IFF_LOWER_UP, what a nexthop object needs
 * @ppp: IFF_POINTOPOINT
 * @forwarding: net.ipv4.conf.IFACE.forwarding
 * @rp_filter: the interface's own setting, 0..2
 * @ra_default: net.ipv6.conf.IFACE.accept_ra_defrtr: do router advertisements bring defaults?
 * @src_valid_mark: the interface's own setting: does reverse path filtering look at marks?
 * @rx_bytes, @tx_bytes: in a survey
 */
struct mh_iface {
	int ifindex;
	char name[MH_IFNAME_SIZE];
	bool up;
	bool carrier;
	bool ppp;
	bool forwarding;
	bool src_valid_mark;
	bool ra_default;
	uint8_t rp_filter;
	uint64_t rx_bytes;
	uint64_t tx_bytes;
};

/*
 * An address of an interface.
 * @tentative: IPv6 is still asking whether someone else has it; no route may name it meanwhile
 * @network: the prefix on the link; of a point-to-point interface the peer's address
 * @label: of an IPv4 address, by default its interface's name; else empty
 */
struct mh_ifaddr {
	int ifindex;
	bool tentative;
	char label[MH_IFNAME_SIZE];
	struct mh_prefix local;
	struct mh_prefix network;
};

/*
 * What the kernel has, or should have.
 * @has_nexthops, @has_resilient: what this kernel can do
 * @rp_filter_all: net.ipv4.conf.all.rp_filter
 * @forwarding_all: net.ipv4.conf.all.forwarding, which is net.ipv4.ip_forward
 *
 * In a snapshot: all rules; the nexthops of everybody; the routes that bear MH_PROTOCOL, and every
 * default of table main; all interfaces, or those that matter (kernel.h), and all addresses. In a
 * survey: all of that, and the routes of
 * everybody in every table, in the order in which the kernel tries those of one destination; of a
 * route with several classic nexthops, one entry for each that is alive. In a plan: our objects
 * alone, and in
 * @ifaces those whose settings are to be changed. Arrays are sorted by their order after
 * mh_state_sort(), but for rules, which stand as the kernel evaluates them.
 */
struct mh_state {
	bool has_nexthops;
	bool has_resilient;
	uint8_t rp_filter_all;
	bool forwarding_all;
	struct mh_nexthop *nexthops;
	size_t n_nexthops;
	struct mh_route *routes;
	size_t n_routes;
	struct mh_rule *rules;
	size_t n_rules;
	struct mh_iface *ifaces;
	size_t n_ifaces;
	struct mh_ifaddr *addrs;
	size_t n_addrs;
};
struct mh_state *mh_state_free(struct mh_state *state);
static inline void mh_state_freep(struct mh_state **state)
{
	mh_state_free(*state);
}
void mh_state_sort(struct mh_state *state);
/* The same but for routes, which in a survey stand in the kernel's order. */
void mh_state_sort_survey(struct mh_state *state);

/* Would packets on the interface be dropped by strict reverse path filtering (rp_filter 1)? */
bool mh_is_strict(const struct mh_iface *iface, const struct mh_state *state);

/* Look-ups in a sorted state. Return: NULL where there is none. */
const struct mh_iface *mh_state_iface(const struct mh_state *state, int ifindex);
const struct mh_nexthop *mh_state_nexthop(const struct mh_state *state, uint32_t id);
/* The addresses of an interface, by address. @ret_n: how many. Return: the first of them. */
const struct mh_ifaddr *mh_state_addrs(const struct mh_state *state, int ifindex, size_t *ret_n);
bool mh_state_has_addr(const struct mh_state *state, int ifindex, const struct mh_prefix *local);

/* One-line text forms; @state, optional, gives names of interfaces. Return: @text. */
const char *mh_rule_text(const struct mh_rule *rule, char text[MH_TEXT_SIZE]);
const char *mh_route_text(const struct mh_route *route, const struct mh_state *state,
			  char text[MH_TEXT_SIZE]);
/* Return: a new string, NULL without memory. */
char *mh_nexthop_text(const struct mh_nexthop *nexthop, const struct mh_state *state);

static inline void mh_link_freep(struct mh_link **link)
{
	mh_link_free(*link);
}

/*
 * A link on record: what its owner asked, and what was settled when it came up.
 * @slot: 1..MH_SLOT_MAX, unique among the links; names its nexthops and its automatic table
 * @table: the table in use, also where the owner named none
 * @weight_asked: as the owner described the link; the weight in force is the link's own
 * @weight_changed: it is another than when the link came up, or was meanwhile
 * @seq: ascending in the order of coming up
 * @rp_filter_was: the interface's rp_filter before we changed it; -1: not changed
 * @ra_default_was: likewise its accept_ra_defrtr
 */
struct mh_record {
	struct mh_link *link;
	uint32_t slot;
	uint32_t table;
	uint32_t weight_asked;
	bool weight_changed;
	uint64_t seq;
	int rp_filter_was;
	int ra_default_was;
};

/* Has it a part left? */
bool mh_record_is_up(const struct mh_record *record);

/*
 * A link that has gone is on record for its IPv6 sources, if it has any: what bears them must not
 * leave by another provider. Such a record is lost: no part, interface index 0.
 */
bool mh_record_is_lost(const struct mh_record *record);

/* mh_record_lose() - all parts are gone. Return: is the record lost, rather than of no use? */
bool mh_record_lose(struct mh_record *record);

struct mh_records {
	struct mh_record *v;
	size_t n;
};
void mh_records_clear(struct mh_records *records);
/* Ascending by seq. */
void mh_records_sort(struct mh_records *records);

/* Nexthop id of twin 0 or 1 of a link's part. */
uint32_t mh_nexthop_id(uint32_t slot, enum mh_family family, unsigned int twin);
