// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * multihome down, weight and source: what is done to a link that is on record.
 */

#include <errno.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "command.h"

/* What mh_links() gives. */
struct links {
	struct mh_link **v;
	size_t n;
};

static void links_clear(struct links *links)
{
	for (size_t i = 0; i < links->n; i++)
		mh_link_free(links->v[i]);
	free(links->v);
}

static const struct mh_link *find_link(const struct links *links, const char *ifname)
{
	for (size_t i = 0; i < links->n; i++) {
		if (!strcmp(links->v[i]->ifname, ifname))
			return links->v[i];
	}
	return NULL;
}

static const struct mh_link_status *find_status(const struct mh_status *status, const char *ifname)
{
	for (size_t i = 0; i < status->n_links; i++) {
		if (!strcmp(status->links[i].link->ifname, ifname))
			return &status->links[i];
	}
	return NULL;
}

/* The library's own work is done; what it still refuses is told to who may not expect it. */
static void tell_refused(struct mh_context *ctx, const char *ifname)
{
	mh_cleanup(mh_status_freep) struct mh_status *status = NULL;
	const struct mh_link_status *left;

	if (mh_status(ctx->host, &status) < 0)
		return;
	left = find_status(status, ifname);
	if (left)
		mh_print_refused(stdout, left);
}

static int take_sources(struct mh_context *ctx, const char *ifname,
			const struct mh_prefix *prefixes, size_t n, struct mh_report *report)
{
	int r = 0;

	for (size_t i = 0; !r && i < n; i++) {
		if (prefixes[i].family != AF_INET6)
			continue;
		mh_report_clear(report);
		r = mh_link_source(ctx->host, ifname, &prefixes[i], false, report);
	}
	return r;
}

/* The link has gone before, with or without our being told: all that is left of it goes. */
static int forget(struct mh_context *ctx, const struct mh_link *link, struct mh_report *report)
{
	int r = take_sources(ctx, link->ifname, link->sources, link->n_sources, report);

	if (!r)
		r = take_sources(ctx, link->ifname, link->added, link->n_added, report);
	if (r == -ENODEV) /* somebody else was quicker */
		return 0;
	return r;
}

static int forget_unknown(struct mh_context *ctx, const char *ifname, struct mh_report *report)
{
	mh_cleanup(mh_status_freep) struct mh_status *status = NULL;
	const struct mh_link_status *left;
	int r = mh_status(ctx->host, &status);

	if (r < 0)
		return mh_finish(ctx, ifname, r, report);
	left = find_status(status, ifname);
	if (left)
		return mh_finish(ctx, ifname, forget(ctx, left->link, report), report);
	if (if_nametoindex(ifname)) {
		fprintf(stderr, "multihome: %s: not a link on record: nothing to take down\n",
			ifname);
		return MH_EXIT_DONE;
	}
	fprintf(stderr, "multihome: %s: no such link or interface\n", ifname);
	return MH_EXIT_FAILED;
}

/* By the record first: the interface may be gone, and its name on another one. */
static int take_down(struct mh_context *ctx, const char *ifname, struct mh_report *report)
{
	mh_cleanup(links_clear) struct links links = { 0 };
	const unsigned int both = 1u << MH_INET | 1u << MH_INET6;
	const struct mh_link *link;
	char name[IF_NAMESIZE];
	int r = mh_links(ctx->host, &links.v, &links.n);

	if (r < 0)
		return mh_finish(ctx, ifname, r, report);
	link = find_link(&links, ifname);
	if (!link)
		return forget_unknown(ctx, ifname, report);
	r = mh_link_down(ctx->host, link->ifindex, both, report);
	if (!r && !if_indextoname((unsigned int)link->ifindex, name))
		r = forget(ctx, link, report);
	else if (!r && link->n_sources + link->n_added)
		tell_refused(ctx, ifname);
	return mh_finish(ctx, ifname, r, report);
}

static int run_down(struct mh_context *ctx, int argc, char **argv)
{
	static const struct option options[] = { MH_COMMON_OPTIONS, { 0 } };
	mh_cleanup(mh_report_clear) struct mh_report report = MH_REPORT_INIT;
	int r;

	while (mh_next_option(ctx, argc, argv, options, &r) != -1)
		;
	if (r >= 0)
		return r;
	if (argc - optind != 1)
		return mh_usage(ctx, "one interface accepted");
	r = mh_context_open(ctx);
	return r ? r : take_down(ctx, argv[optind], &report);
}

const struct mh_command mh_cmd_down = {
	.name = "down",
	.synopsis = "IFACE",
	.summary = "Take a link out of use, before its interface goes",
	.help = "The other links take its share at once; its rules, table and nexthops go. What\n"
		"bears its IPv6 sources is refused until it is back, or multihome down is said\n"
		"once more.\n",
	.run = run_down,
};

static int run_weight(struct mh_context *ctx, int argc, char **argv)
{
	static const struct option options[] = {
		MH_COMMON_OPTIONS,
		{ "force", no_argument, NULL, 'f' },
		{ 0 },
	};
	mh_cleanup(mh_report_clear) struct mh_report report = MH_REPORT_INIT;
	unsigned int flags = 0;
	uint64_t weight;
	int r, c;

	while ((c = mh_next_option(ctx, argc, argv, options, &r)) != -1) {
		if (c == 'f')
			flags |= MH_WEIGHT_FORCE;
	}
	if (r >= 0)
		return r;
	if (argc - optind != 2)
		return mh_usage(ctx, "a link and a weight accepted");
	if (mh_parse_number(argv[optind + 1], MH_WEIGHT_MAX, &weight) < 0)
		return mh_usage(ctx, "%s is no weight: 0 to %d accepted", argv[optind + 1],
				MH_WEIGHT_MAX);
	r = mh_context_open(ctx);
	if (r)
		return r;
	r = mh_link_weight(ctx->host, argv[optind], (uint32_t)weight, flags, &report);
	return mh_finish(ctx, argv[optind], r, &report);
}

const struct mh_command mh_cmd_weight = {
	.name = "weight",
	.synopsis = "LINK N [--force]",
	.summary = "Give a link that is up another share of new traffic",
	.help = "  N          0 to 256; 0 drains: new flows go elsewhere, established ones stay\n"
		"  --force    drain also the last link that carries traffic\n"
		"\n"
		"Holds until the link goes, or is described with another weight.\n",
	.run = run_weight,
};

/* Return: MH_EXIT_FAILED, or -1 where it is for mh_finish() to say. */
static int print_source_failure(const char *ifname, const char *prefix, int r)
{
	if (r == -EBUSY)
		fprintf(stderr,
			"multihome: %s: %s stands in the link's own description: nothing was "
			"changed; take it out there\n",
			ifname, prefix);
	else if (r == -E2BIG)
		fprintf(stderr,
			"multihome: %s: %s would be more than 256 sources added: nothing was "
			"changed\n",
			ifname, prefix);
	else
		return -1;
	return MH_EXIT_FAILED;
}

static int change_source(struct mh_context *ctx, const char *verb, const char *ifname,
			 const char *text)
{
	mh_cleanup(mh_report_clear) struct mh_report report = MH_REPORT_INIT;
	struct mh_prefix prefix;
	bool adding = !strcmp(verb, "add");
	int r, told;

	if (!adding && strcmp(verb, "del") != 0)
		return mh_usage(ctx, "%s: add or del accepted", verb);
	r = mh_read_prefix(ctx, "", text, &prefix);
	if (!r)
		r = mh_context_open(ctx);
	if (r)
		return r;
	r = mh_link_source(ctx->host, ifname, &prefix, adding, &report);
	told = print_source_failure(ifname, text, r);
	return told >= 0 ? told : mh_finish(ctx, ifname, r, &report);
}

static int run_source(struct mh_context *ctx, int argc, char **argv)
{
	static const struct option options[] = { MH_COMMON_OPTIONS, { 0 } };
	int r;

	while (mh_next_option(ctx, argc, argv, options, &r) != -1)
		;
	if (r >= 0)
		return r;
	if (argc - optind != 3)
		return mh_usage(ctx, "add or del, a link and a prefix accepted");
	return change_source(ctx, argv[optind], argv[optind + 1], argv[optind + 2]);
}

const struct mh_command mh_cmd_source = {
	.name = "source",
	.synopsis = "add|del LINK PREFIX",
	.summary = "Give a link a further prefix while it is up, or take it back",
	.help = "  PREFIX     what comes from it leaves by the link, as with multihome-source;\n"
		"             for hooks of DHCPv6 clients that are delegated one\n"
		"\n"
		"Lasts until it is taken back. When the link is gone, packets from an IPv6 prefix\n"
		"are refused rather than sent by another link.\n",
	.run = run_source,
};
