// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * multihome up: describes an uplink that is not PPP. Which address of its interface is the link's
 * own is address.c's part, what a link gets the library's.
 */

#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "address.h"
#include "command.h"

enum {
	OPTION_VIA = MH_OPTION_FIRST,
	OPTION_TABLE,
	OPTION_WEIGHT,
	OPTION_METRIC,
	OPTION_SOURCE,
	OPTION_ROUTE,
	OPTION_RULE,
};

static const struct option options[] = {
	MH_COMMON_OPTIONS,
	{ "via", required_argument, NULL, OPTION_VIA },
	{ "table", required_argument, NULL, OPTION_TABLE },
	{ "weight", required_argument, NULL, OPTION_WEIGHT },
	{ "metric", required_argument, NULL, OPTION_METRIC },
	{ "source", required_argument, NULL, OPTION_SOURCE },
	{ "route", required_argument, NULL, OPTION_ROUTE },
	{ "rule", required_argument, NULL, OPTION_RULE },
	{ 0 },
};

static void link_freep(struct mh_link **link)
{
	mh_link_free(*link);
}

static void ifaddrs_freep(struct ifaddrs **addrs)
{
	if (*addrs)
		freeifaddrs(*addrs);
}

static int set_via(const struct mh_context *ctx, struct mh_link *link, const char *value)
{
	struct mh_prefix gateway;
	struct mh_part *part;

	if (mh_prefix_parse(value, &gateway) < 0 || strchr(value, '/'))
		return mh_usage(ctx, "--via %s: an IPv4 or IPv6 address accepted", value);
	part = &link->part[gateway.family == AF_INET6 ? MH_INET6 : MH_INET];
	if (part->gateway.family)
		return mh_usage(ctx, "--via %s: one gateway a family accepted", value);
	part->gateway = gateway;
	return 0;
}

static int set_table(const struct mh_context *ctx, struct mh_link *link, const char *value)
{
	int r = mh_table_parse(value, &link->table);

	if (r == -ERANGE)
		return mh_usage(ctx, "--table %s: 1 to 4294967295 but 253 to 255 accepted", value);
	if (r < 0)
		return mh_usage(ctx, "--table %s: a number, or a name from rt_tables, accepted",
				value);
	return 0;
}

static int set_number(const struct mh_context *ctx, const char *name, const char *value,
		      uint32_t max, uint32_t *ret)
{
	uint64_t number;

	if (mh_parse_number(value, max, &number) < 0)
		return mh_usage(ctx, "--%s %s: 0 to %u accepted", name, value, max);
	*ret = (uint32_t)number;
	return 0;
}

static int add_prefix(const struct mh_context *ctx, const char *name, const char *value,
		      struct mh_link *link,
		      int (*add)(struct mh_link *link, const struct mh_prefix *prefix))
{
	struct mh_prefix prefix;
	int r = mh_read_prefix(ctx, name, value, &prefix);

	if (r)
		return r;
	r = add(link, &prefix);
	if (r == -E2BIG)
		return mh_usage(ctx, "%s%s: up to 256 of the kind accepted", name, value);
	if (r < 0) {
		fprintf(stderr, "multihome: %s\n", strerror(-r));
		return MH_EXIT_FAILED;
	}
	return 0;
}

static int add_rule(const struct mh_context *ctx, struct mh_link *link, const char *value)
{
	struct mh_selector_error error = { 0 };
	int r = mh_link_add_rule(link, value, &error);

	if (r == -EINVAL)
		return mh_usage(ctx, "--rule \"%s\": %s", value, error.message);
	if (r == -E2BIG)
		return mh_usage(ctx, "--rule \"%s\": up to 256 of the kind accepted", value);
	if (r < 0) {
		fprintf(stderr, "multihome: %s\n", strerror(-r));
		return MH_EXIT_FAILED;
	}
	return 0;
}

static int set_option(const struct mh_context *ctx, struct mh_link *link, int option,
		      const char *value)
{
	switch (option) {
	case OPTION_VIA:
		return set_via(ctx, link, value);
	case OPTION_TABLE:
		return set_table(ctx, link, value);
	case OPTION_WEIGHT:
		return set_number(ctx, "weight", value, MH_WEIGHT_MAX, &link->weight);
	case OPTION_METRIC:
		return set_number(ctx, "metric", value, UINT32_MAX, &link->metric);
	case OPTION_SOURCE:
		return add_prefix(ctx, "--source ", value, link, mh_link_add_source);
	case OPTION_ROUTE:
		return add_prefix(ctx, "--route ", value, link, mh_link_add_route);
	case OPTION_RULE:
		return add_rule(ctx, link, value);
	}
	return 0;
}

static unsigned int flags_of(const struct ifaddrs *addrs, const char *ifname)
{
	for (; addrs; addrs = addrs->ifa_next) {
		if (!strcmp(addrs->ifa_name, ifname))
			return addrs->ifa_flags;
	}
	return 0;
}

/* A gateway on an interface of two ends leaves nothing to the peer's address. */
static int check_part(const struct mh_link *link, enum mh_family family, bool two_ends)
{
	const struct mh_part *part = &link->part[family];

	if (part->local.family || !part->gateway.family)
		return 0;
	fprintf(stderr, "multihome: %s: no IPv%c address to send from%s: not brought up\n",
		link->ifname, family == MH_INET6 ? '6' : '4', two_ends ? "" : " to the gateway");
	return MH_EXIT_FAILED;
}

/* Fills in the parts. Return: MH_EXIT_*. */
static int describe(struct mh_link *link)
{
	mh_cleanup(ifaddrs_freep) struct ifaddrs *addrs = NULL;
	bool any = false, two_ends;
	int r = 0;

	link->ifindex = (int)if_nametoindex(link->ifname);
	if (!link->ifindex) {
		fprintf(stderr, "multihome: %s: no such interface\n", link->ifname);
		return MH_EXIT_FAILED;
	}
	if (getifaddrs(&addrs) < 0) {
		fprintf(stderr, "multihome: %s: %s\n", link->ifname, strerror(errno));
		return MH_EXIT_FAILED;
	}
	two_ends = flags_of(addrs, link->ifname) & (IFF_POINTOPOINT | IFF_NOARP);
	for (enum mh_family family = MH_INET; !r && family < MH_FAMILIES; family++) {
		struct mh_part *part = &link->part[family];

		if (!two_ends && !part->gateway.family)
			continue;
		mh_choose_address(addrs, link->ifname, family, part);
		r = check_part(link, family, two_ends);
		any |= part->local.family != 0;
	}
	if (!r && !any) {
		fprintf(stderr, "multihome: %s: %s: not brought up\n", link->ifname,
			two_ends ? "no address to send from"
				 : "not point-to-point, so it needs --via GATEWAY");
		return two_ends ? MH_EXIT_FAILED : MH_EXIT_USAGE;
	}
	return r;
}

static int run_up(struct mh_context *ctx, int argc, char **argv)
{
	mh_cleanup(link_freep) struct mh_link *link = NULL;
	mh_cleanup(mh_report_clear) struct mh_report report = MH_REPORT_INIT;
	int r, c, usage = 0;

	if (mh_link_new(&link) < 0)
		return MH_EXIT_FAILED;
	while (!usage && (c = mh_next_option(ctx, argc, argv, options, &r)) != -1)
		usage = set_option(ctx, link, c, optarg);
	if (usage || r >= 0)
		return usage ? usage : r;
	if (argc - optind != 1)
		return mh_usage(ctx, "one interface accepted");
	if (strlen(argv[optind]) >= sizeof(link->ifname))
		return mh_usage(ctx, "%s is no interface name", argv[optind]);
	snprintf(link->ifname, sizeof(link->ifname), "%s", argv[optind]);
	r = describe(link);
	if (!r)
		r = mh_context_open(ctx);
	if (r)
		return r;
	r = mh_link_up(ctx->host, link, &report);
	return mh_finish(ctx, link->ifname, r, &report);
}

const struct mh_command mh_cmd_up = {
	.name = "up",
	.synopsis = "IFACE [--via GATEWAY]... [--table T] [--weight N]\n"
		    "                    [--metric M] [--source PREFIX]... [--route PREFIX]...\n"
		    "                    [--rule \"SELECTOR\"]...",
	.summary = "Put an uplink to use that is not PPP, or describe it anew",
	.help = "  --via GATEWAY      the router behind it; once for IPv4 and once for IPv6;\n"
		"                     not needed where the interface is point-to-point\n"
		"  --table T          its routing table, a name or a number; left out: its own\n"
		"  --weight N         its share of new traffic, 0 to 256; left out: 1\n"
		"  --metric M         its tier; a higher one carries traffic only when no lower\n"
		"                     one is left; left out: 0\n"
		"  --source PREFIX    also belongs to this link\n"
		"  --route PREFIX     goes by this link while it is up\n"
		"  --rule SELECTOR    what goes by this link, in the words of ip-rule(8)\n",
	.run = run_up,
};
