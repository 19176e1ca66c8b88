/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What the three files of the real kernel have in common: kernel-netlink.c talks, netlink-parse.c
 * reads messages, netlink-build.c writes them. For these alone, and for tests that feed a parser:
 * nothing else includes <netlink/…>.
 *
 * Messages are built and taken apart with libnl-3. libnl-route is not used: at 3.7 it has neither
 * nexthop objects, nor the id of one on a route, nor a rule's uid range or suppress_prefixlength.
 */

#include <netlink/attr.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>

#include "kernel.h"

static inline void mh_nl_freep(struct nl_msg **msg)
{
	nlmsg_free(*msg);
}

/*
 * A parser appends what one message of a dump says to @state. Messages of another type, and those
 * that concern neither us nor our way, are passed over. Return: 0, -EBADMSG, -ENOMEM.
 */
typedef int (*mh_nl_parse_fn)(struct nlmsghdr *hdr, struct mh_state *state);

int mh_nl_parse_link(struct nlmsghdr *hdr, struct mh_state *state);
int mh_nl_parse_addr(struct nlmsghdr *hdr, struct mh_state *state);
int mh_nl_parse_rule(struct nlmsghdr *hdr, struct mh_state *state);
int mh_nl_parse_nexthop(struct nlmsghdr *hdr, struct mh_state *state);
int mh_nl_parse_netconf(struct nlmsghdr *hdr, struct mh_state *state);

/* IPv4's settings of all interfaces, for each an entry without a name, and of the host. */
int mh_nl_parse_netconfs(struct nlmsghdr *hdr, struct mh_state *state);

/* Routes of ours in any table, and everybody's defaults in main. */
int mh_nl_parse_route(struct nlmsghdr *hdr, struct mh_state *state);

/* Likewise without ours. */
int mh_nl_parse_foreign_route(struct nlmsghdr *hdr, struct mh_state *state);

/* For a survey: routes of everybody in every table. */
int mh_nl_parse_any_route(struct nlmsghdr *hdr, struct mh_state *state);

/* For a survey: a bucket of a resilient group of ours, which @state has already. */
int mh_nl_parse_bucket(struct nlmsghdr *hdr, struct mh_state *state);

/*
 * mh_nl_parse_error() - an NLMSG_ERROR
 * @result: optional; gets the kernel's own words
 *
 * Return: the kernel's errno, negative; 0 for an ack; -EBADMSG.
 */
int mh_nl_parse_error(const struct nlmsghdr *hdr, struct mh_result *result);

/*
 * mh_nl_new() - a request without a body
 * @flags: NLM_F_*, beside NLM_F_REQUEST
 * @size: room for the whole message, bytes
 *
 * Return: 0 or -ENOMEM.
 */
int mh_nl_new(uint32_t seq, int type, int flags, size_t size, struct nl_msg **ret);

/* mh_nl_build() - the request that @op is. Return: 0, -ENOMEM, -E2BIG (too large a group). */
int mh_nl_build(const struct mh_op *op, uint32_t seq, struct nl_msg **ret);
