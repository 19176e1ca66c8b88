/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * libmultihome: several Internet links on one Linux host
 *
 * The caller says which links are up and what the owner wants of each; the library keeps that
 * intent as one record per link and makes the kernel follow it: a routing table, source rules and
 * nexthop objects per link, and one weighted default route per tier. All of it bears routing
 * protocol MH_PROTOCOL; what bears another is never changed or removed.
 *
 * Functions return 0 or a negative errno, and set their outputs on success only. The library never
 * prints, never exits, starts no process, keeps no global state, and waits for nothing longer than
 * the deadline of its handle. What went otherwise than asked is told in a struct mh_report; to log
 * it is the caller's part. A handle may be used by one thread at a time.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#pragma GCC visibility push(default)

/* Routing protocol number of every kernel object that is ours (rtm_protocol, rtnetlink(7)). */
#define MH_PROTOCOL 77

/* Size of an interface name with its terminating zero: IFNAMSIZ of <net/if.h>. */
#define MH_IFNAME_SIZE 16

#define MH_WEIGHT_MAX 256

/* Preference of our rules, lowest first (ip-rule(8)). A selector rule may name another. */
#define MH_PREF_GATEWAY 990   /* from ADDRESS to GATEWAY, where links share a gateway address */
#define MH_PREF_GUARD 1000    /* lookup main suppress_prefixlength 0 */
#define MH_PREF_SELECTOR 1100 /* what the owner says with --rule or multihome-rule */
#define MH_PREF_SOURCE 1200   /* from PREFIX: plus the number of host bits, longest prefix first */
#define MH_PREF_REFUSE 1390   /* from PREFIX unreachable, for IPv6 prefixes whose link is gone */
#define MH_PREF_ROUTE 1400    /* to PREFIX: as for sources */
#define MH_PREF_HOST 1600     /* iif lo, for what this host sends by IPv6 without an address yet */

/* Longest text of mh_prefix_format() with its terminating zero. */
#define MH_PREFIX_TEXT_SIZE 50

/*
 * An address or a prefix.
 * @family: AF_INET or AF_INET6; 0: none
 * @len: significant bits, 0..32 or 0..128; an address has all of them
 * @addr: network byte order; bytes behind the address are zero
 */
struct mh_prefix {
	uint8_t family;
	uint8_t len;
	uint8_t addr[16];
};

/*
 * mh_prefix_parse() - read "192.0.2.0/24", "2001:db8::1" or the like
 *
 * Without "/LEN" the result is a host address. Return: 0, -EINVAL (no such notation), -ERANGE
 * (length out of range), -EDOM (bits set behind the length).
 */
int mh_prefix_parse(const char *text, struct mh_prefix *ret);

/* mh_prefix_format() - the notation above; the length is left out of a host address */
void mh_prefix_format(const struct mh_prefix *prefix, char text[MH_PREFIX_TEXT_SIZE]);

enum mh_rp_filter {
	MH_RP_FILTER_LOOSE, /* where strict filtering would be in force: set the link to loose */
	MH_RP_FILTER_KEEP,  /* leave it alone */
};

/* A link has one part per address family; index them with these. */
enum mh_family {
	MH_INET,
	MH_INET6,
	MH_FAMILIES,
};

/*
 * What one address family of a link needs.
 * @local: the link's own address; family 0: this part of the link is down
 * @peer: address of the other end of a point-to-point link; family 0: none
 * @gateway: next hop on a link that is not point-to-point; family 0: none
 */
struct mh_part {
	struct mh_prefix local;
	struct mh_prefix peer;
	struct mh_prefix gateway;
};

/*
 * A link, as its owner describes it.
 * @ifname: interface name at the time of the last event
 * @ifindex: interface index, > 0; it, not the name, identifies the interface. 0 in an answer: the
 *   link is gone, and on record for its IPv6 sources alone, which are refused until it is back
 * @table: routing table, 1..0xffffffff but not 253..255; 0: a free number of its own
 * @weight: share of new traffic in its tier, 0..MH_WEIGHT_MAX; 0: in no default
 * @metric: tier, the metric of the default route it is part of
 * @rp_filter: what to do about reverse path filtering (ip-sysctl, rp_filter)
 * @part: by enum mh_family
 * @sources: further prefixes that belong to the link; owned
 * @routes: destinations that go by this link while it is up; owned
 * @rules: selectors in the language of ip-rule(8); owned, as are the strings
 * @added: sources that came while it was up, by mh_link_source(); owned, set by the library
 * @since: CLOCK_REALTIME seconds at which the link came up; set by the library
 *
 * Fill in the plain fields directly and the arrays with mh_link_add_*().
 */
struct mh_link {
	char ifname[MH_IFNAME_SIZE];
	int ifindex;
	uint32_t table;
	uint32_t weight;
	uint32_t metric;
	enum mh_rp_filter rp_filter;
	struct mh_part part[MH_FAMILIES];
	struct mh_prefix *sources;
	size_t n_sources;
	struct mh_prefix *routes;
	size_t n_routes;
	char **rules;
	size_t n_rules;
	struct mh_prefix *added;
	size_t n_added;
	int64_t since;
};

/* mh_link_new() - an empty link of weight 1. Return: 0 or -ENOMEM. */
int mh_link_new(struct mh_link **ret);

/* mh_link_copy() - a deep copy. Return: 0 or -ENOMEM. */
int mh_link_copy(const struct mh_link *link, struct mh_link **ret);

/* mh_link_free() - frees @link and all it owns; NULL is fine. Return: NULL. */
struct mh_link *mh_link_free(struct mh_link *link);

/*
 * mh_link_add_source(), mh_link_add_route() - append
 *
 * Return: 0, -E2BIG (there are 256 of the kind) or -ENOMEM.
 */
int mh_link_add_source(struct mh_link *link, const struct mh_prefix *prefix);
int mh_link_add_route(struct mh_link *link, const struct mh_prefix *prefix);

/*
 * mh_link_add_rule() - append a selector, after checking it
 * @selector: what stands between "ip rule add" and "lookup TABLE"
 * @ret_error: optional; set on -EINVAL, valid until the next call with the same @selector
 *
 * A user's name is kept as his number: events must not wait for a database of users. Return: 0,
 * -E2BIG (there are 256), -ENOMEM, or -EINVAL where @ret_error names the offending word.
 */
struct mh_selector_error {
	size_t offset;	   /* of the offending word in the selector, bytes */
	char message[160]; /* what is wrong with it and what is accepted */
};
int mh_link_add_rule(struct mh_link *link, const char *selector,
		     struct mh_selector_error *ret_error);

/*
 * mh_table_parse() - number of a routing table, from its number or its name
 *
 * Names are looked up where iproute2 looks: rt_tables and rt_tables.d in its directories. Return:
 * 0, -ENOENT (no such name), -ERANGE (0, or one of the kernel's own tables).
 */
int mh_table_parse(const char *text, uint32_t *ret);

/* Codes are stable; texts are for people and may be bettered. */
enum mh_problem_code {
	MH_PROBLEM_REFUSED,		/* the kernel refused one of our requests */
	MH_PROBLEM_FOREIGN_DEFAULT,	/* a default that is not ours precedes a tier of ours */
	MH_PROBLEM_FOREIGN_ROUTE,	/* a route that is not ours stands in a link's table */
	MH_PROBLEM_SAME_ADDRESS,	/* two links have one address, or a link has the LAN's */
	MH_PROBLEM_SAME_TABLE,		/* two links name one table */
	MH_PROBLEM_NO_NEXTHOP_OBJECTS,	/* Linux before 5.3 */
	MH_PROBLEM_NO_RESILIENT_GROUPS, /* Linux before 5.13 */
	MH_PROBLEM_BAD_RECORD,		/* a file in the run directory is not a record of ours */
	MH_PROBLEM_NOT_CARRYING,	/* the interface is down or without carrier */
	MH_PROBLEM_RECORD_NOT_WRITTEN,	/* the run directory is full or read-only */
	MH_PROBLEM_LAST_LINK,		/* no other link would carry new traffic */
	MH_PROBLEM_OUT_OF_STEP,		/* the kernel lacks something that a link should have */
	MH_PROBLEM_LEFTOVER,		/* something of ours belongs to no link */
	MH_PROBLEM_FOREIGN_RULE,  /* a rule that is not ours catches all packets before ours */
	MH_PROBLEM_SPLIT_DEFAULT, /* routes that are not ours cover all addresses in halves */
	MH_PROBLEM_RP_FILTER,	  /* strict reverse path filtering drops packets of a link */
	MH_PROBLEM_NETWORKD,	  /* systemd-networkd is set to remove what is ours */
	MH_PROBLEM_HASH_POLICY,	  /* all flows between two hosts go by one link */
	MH_PROBLEM_FORWARDING,	  /* hosts behind this one reach no link */
	MH_PROBLEM_UNKNOWN_TABLE, /* a peers file names a table that rt_tables does not */
	MH_PROBLEM_TABLE_TWICE,	  /* two peers files name one table, or a name has two numbers */
	MH_PROBLEM_DEFAULTROUTE,  /* a peers file asks pppd for a default route beside ours */
	MH_PROBLEM_SAME_MARK,	  /* a packet's mark may fit rules of two tables */
	MH_PROBLEM_BAD_ADDRESS,	  /* a link has an address that no host can have */
	MH_PROBLEM_ACCEPT_RA,	  /* a link without IPv6 address, which will get none */
	MH_PROBLEM_NO_DEFAULT,	  /* all links have weight 0, and what is forwarded is dropped */
	MH_PROBLEM_IFNAME,	  /* a link with sources added, whose name may be another's next */
};

/* mh_problem_name() - the code as it stands in JSON, such as "same-address" */
const char *mh_problem_name(enum mh_problem_code code);

/*
 * One thing that is not as it should be.
 * @ifname: the link it concerns; empty: the host as a whole
 * @text: what it is and what follows from it, one line without a full stop
 * @mend: what the owner can do; NULL: nothing known
 */
struct mh_problem {
	enum mh_problem_code code;
	char ifname[MH_IFNAME_SIZE];
	char *text;
	char *mend;
};

/*
 * One change to the kernel, in the order of application.
 * @sign: '+' added, '~' replaced in place, '-' removed
 * @text: the object in the words of ip(8), such as "rule 1200: from 192.0.2.1 lookup 77001"
 * @error: 0, or the negative errno with which the kernel refused it
 */
struct mh_change {
	char sign;
	char *text;
	int error;
};

/*
 * What became of an operation.
 * @links: after a change of the host, the links that are up, by coming up, each with the table and
 *   the weight in use
 */
struct mh_report {
	struct mh_change *changes;
	size_t n_changes;
	struct mh_problem *problems;
	size_t n_problems;
	struct mh_link **links;
	size_t n_links;
};

/* mh_report_clear() - frees what @report holds and leaves it empty, as MH_REPORT_INIT does */
#define MH_REPORT_INIT \
	{              \
		0      \
	}
void mh_report_clear(struct mh_report *report);

/* A handle on the run directory and the kernel of the calling thread's network namespace. */
struct mh_host;

/*
 * mh_host_open()
 * @run_dir: absolute path of the run directory; NULL: /run/multihome. Made when first written to.
 *
 * Opens nothing yet: sockets and files are open during an operation only, so a handle survives
 * fork and the closing of descriptors. Return: 0, -EINVAL, -ENOMEM.
 */
int mh_host_open(const char *run_dir, struct mh_host **ret);
struct mh_host *mh_host_close(struct mh_host *host);

/* mh_host_set_deadline() - how long an operation may wait for the lock, in ms; 1,000 at first */
void mh_host_set_deadline(struct mh_host *host, unsigned int msecs);

/*
 * What follows changes the host, each under the lock, and each ends in a reconcile: whatever the
 * records say is made so, and what is left of links that are gone goes. All return 0 where the
 * intent is recorded and as much of it is in the kernel as can be (see the report's problems), or
 *  -ETIMEDOUT  the lock was not had within the deadline; nothing was changed
 *  -EPERM      the kernel lets the caller change nothing (CAP_NET_ADMIN)
 *  -ENODEV     no such link or interface
 *  -EADDRNOTAVAIL  the interface does not have the address
 *  -EINVAL, -EADDRINUSE  no host can have its address; a network of this host has it, too
 *  another errno of the run directory (-ENOSPC, -EROFS, -EACCES …); nothing was changed
 *  another errno of reading the kernel's state; the intent is recorded, a later event applies it
 * @report is optional and filled in also on failure, with what is known.
 */

/*
 * mh_link_up() - a link has come up, in one family or both, or its description has changed
 *
 * A part that is down in @link but up in the record of the same interface stays up.
 */
int mh_link_up(struct mh_host *host, const struct mh_link *link, struct mh_report *report);

/*
 * mh_link_down() - a link goes
 * @ifindex: > 0
 * @families: bit 1 << enum mh_family for each part that goes
 *
 * To be called while the interface still works, so that the other links have taken its share
 * before it is gone. A link that is not known is no error. One that has IPv6 sources stays on
 * record: what bears them is refused, by ICMPv6, until the link is back or they are taken from it.
 */
int mh_link_down(struct mh_host *host, int ifindex, unsigned int families,
		 struct mh_report *report);

/*
 * mh_link_weight() - give a link another share of new traffic, while it is up
 * @ifname: of a link on record
 * @weight: 0..MH_WEIGHT_MAX; 0 drains: new flows go elsewhere, those that its rules hold stay
 * @flags: MH_WEIGHT_*
 *
 * Holds until the link goes, or its owner describes it with another weight. Return: as above, or
 * -EINVAL, or -EBUSY: no other link would carry new traffic of a family; the report says which,
 * nothing was changed.
 */
enum {
	MH_WEIGHT_FORCE = 1 << 0, /* drain also the last link */
};
int mh_link_weight(struct mh_host *host, const char *ifname, uint32_t weight, unsigned int flags,
		   struct mh_report *report);

/*
 * mh_link_source() - a prefix has come to belong to a link on record, or does so no longer
 * @ifname: of a link on record, which may be gone
 * @prefix: a delegated one, or an address that the kernel does not show on the link's interface
 * @adding: else it is taken away; one that the link does not have is no error
 *
 * Lasts until it is taken away, also while the link is gone. Of a link that is up, what its owner
 * described it with stays: -EBUSY. More than 256 of them: -E2BIG.
 */
int mh_link_source(struct mh_host *host, const char *ifname, const struct mh_prefix *prefix,
		   bool adding, struct mh_report *report);

enum {
	MH_RECONCILE_DRY_RUN = 1 << 0, /* report what would be changed, change nothing */
};
int mh_reconcile(struct mh_host *host, unsigned int flags, struct mh_report *report);

/* mh_flush() - takes away every kernel object of ours; the records stay */
int mh_flush(struct mh_host *host, struct mh_report *report);

/* mh_links() - the links that are up, by coming up, each to be freed, and the array by free() */
int mh_links(struct mh_host *host, struct mh_link ***ret, size_t *ret_n);

/*
 * mh_link_prepare() - keep the kernel from defaults of its own on an interface that is to be a link
 * @ifname: an interface over which IPv6 has not passed yet
 *
 * What router advertisements bring then is addresses alone (ip-sysctl, accept_ra_defrtr). The same
 * is done by mh_link_up(), but by then one may have come in. Return: 0, or an errno of /proc/sys.
 */
int mh_link_prepare(const char *ifname);

/*
 * Addresses come and go while a link is up, by router advertisements and DHCPv6, and source rules
 * follow them when mh_reconcile() or mh_link_up() is called. A watch tells when to.
 */
struct mh_watch;

/* mh_watch_open() - Return: 0, -ENOMEM, or an errno of socket(2) */
int mh_watch_open(struct mh_watch **ret);
struct mh_watch *mh_watch_close(struct mh_watch *watch);

/*
 * mh_watch_changed() - has an IPv6 address of the interface come or gone since last asked?
 *
 * Does not wait. True also where too much has happened to tell.
 */
bool mh_watch_changed(struct mh_watch *watch, int ifindex);

/*
 * What follows changes nothing, and needs no privilege where the run directory can be read. Where
 * the lock can be had within half a second it is held, so as not to see half an event.
 */

enum mh_link_state {
	MH_LINK_UP,
	MH_LINK_DRAINED, /* weight 0: has its table and its rules, and no new traffic */
	MH_LINK_STALE,	 /* its interface or addresses are gone; goes at the next event, unless it
			    has IPv6 sources, which are refused meanwhile */
};

/* mh_link_state_name() - "up", "drained" or "stale" */
const char *mh_link_state_name(enum mh_link_state state);

/* Shares are given in units of one part in this many. */
#define MH_SHARE_ALL 10000

/*
 * A link as it is now.
 * @link: with the table in use; owned
 * @weight: by enum mh_family, as the kernel has it in the default of the link's tier; 0: not there
 * @share: by enum mh_family, of all new traffic that follows the default route, 0..MH_SHARE_ALL
 * @metric: by enum mh_family, as the kernel has it: for IPv6, which knows no metric 0, one more
 * @addresses: IPv6 addresses of the interface that packets from go by the link; owned
 * @refused: of a link that is gone, IPv6 prefixes that packets from are refused; owned
 * @rx_bytes, @tx_bytes: of the interface, since it exists
 */
struct mh_link_status {
	struct mh_link *link;
	enum mh_link_state state;
	uint32_t weight[MH_FAMILIES];
	uint32_t share[MH_FAMILIES];
	uint32_t metric[MH_FAMILIES];
	struct mh_prefix *addresses;
	size_t n_addresses;
	struct mh_prefix *refused;
	size_t n_refused;
	uint64_t rx_bytes;
	uint64_t tx_bytes;
};

/* A link's part in a default. @share: of what follows this default, 0..MH_SHARE_ALL */
struct mh_default_link {
	char ifname[MH_IFNAME_SIZE];
	uint32_t weight;
	uint32_t share;
};

/*
 * A default route of ours: one tier of one family.
 * @resilient: flows stay with their link while others come and go; else hash-threshold
 * @carrying: no other default precedes it
 * @links: owned
 */
struct mh_default {
	enum mh_family family;
	uint32_t metric;
	bool resilient;
	bool carrying;
	struct mh_default_link *links;
	size_t n_links;
};

/* @links: by coming up; @defaults: by family, then metric; @report: problems alone. All owned. */
struct mh_status {
	struct mh_link_status *links;
	size_t n_links;
	struct mh_default *defaults;
	size_t n_defaults;
	struct mh_report report;
};

/* mh_status() - Return: 0, or an errno of the run directory or of reading the kernel's state */
int mh_status(struct mh_host *host, struct mh_status **ret);

/* mh_status_free() - frees @status and all it owns; NULL is fine. Return: NULL. */
struct mh_status *mh_status_free(struct mh_status *status);

/*
 * A packet whose way is asked for.
 * @to: a host address
 * @from: a host address; family 0: none yet, as when a program connects without binding
 * @iif: the interface by which it comes in; empty: this host makes it
 * @mark: 0..0xffffffff
 * @uid: of the program that makes it; a packet that comes in has none, and counts as root's
 * @ipproto: 0: not known, nor are the ports
 * @sport, @dport: host byte order; 0: not known
 */
struct mh_packet {
	struct mh_prefix to;
	struct mh_prefix from;
	char iif[MH_IFNAME_SIZE];
	uint32_t mark;
	uint32_t uid;
	uint8_t ipproto;
	uint16_t sport;
	uint16_t dport;
};

enum mh_verdict {
	MH_VERDICT_SENT,       /* goes out by one of the hops */
	MH_VERDICT_LOCAL,      /* is for this host */
	MH_VERDICT_REFUSED,    /* a rule or route says blackhole, prohibit or unreachable */
	MH_VERDICT_NO_ROUTE,   /* no rule leads to a route */
	MH_VERDICT_DROPPED,    /* reverse path filtering, or the host does not forward */
	MH_VERDICT_IMPOSSIBLE, /* no such packet: the source is not this host's, or is */
};

/* A way out. @link: is the interface a link on record? @share: 0..MH_SHARE_ALL */
struct mh_hop {
	char ifname[MH_IFNAME_SIZE];
	struct mh_prefix gateway;
	uint32_t share;
	bool link;
};

/* A rule that was looked at. @rule: in the words of ip(8); @reason: why it decides, or does not */
struct mh_step {
	char *rule;
	char *reason;
};

/*
 * @hops: where there is more than one, the flow's addresses, and under fib_multipath_hash_policy
 *   1 its ports, decide which one it is
 * @rule, @route: that decide; NULL: none does
 * @reason: of a verdict other than MH_VERDICT_SENT and MH_VERDICT_LOCAL; NULL: nothing to add
 * @steps: the rules in the order of evaluation, the deciding one last
 */
struct mh_explanation {
	enum mh_verdict verdict;
	struct mh_hop *hops;
	size_t n_hops;
	char *rule;
	char *route;
	char *reason;
	struct mh_step *steps;
	size_t n_steps;
};

/*
 * mh_explain() - which way a packet takes, by which rule
 *
 * Return: 0, -EINVAL (@packet: no destination, families that differ, ports without a protocol),
 * -ENODEV (no interface @iif), or an errno of reading the kernel's state.
 */
int mh_explain(struct mh_host *host, const struct mh_packet *packet, struct mh_explanation **ret);

/* mh_explanation_free() - frees @explanation and all it owns; NULL is fine. Return: NULL. */
struct mh_explanation *mh_explanation_free(struct mh_explanation *explanation);

/*
 * mh_check() - find what breaks multihoming on this host
 * @root: put before every path but that of the run directory; NULL: none
 * @report: gets a problem for each finding; not NULL
 *
 * Return: 0 also where there are findings, or an errno as of mh_status().
 */
int mh_check(struct mh_host *host, const char *root, struct mh_report *report);

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif
