/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * An in-memory kernel for tests: struct mh_kernel over plain arrays, which behaves as Linux does
 * for what the library uses, the surprises included. test/kernel/test-host.c runs on this one and
 * on the real one, so where the two differ a test says so. Making operations fail is
 * faulty-kernel.h's part.
 */

#include "kernel.h"

/*
 * @state: all there is, also what a snapshot leaves out. Rules and routes stand in the order in
 *   which the kernel looks at them. Tests read it, and set has_nexthops, has_resilient and
 *   rp_filter_all.
 * @denied: every change is refused with EPERM, as without CAP_NET_ADMIN
 * @snapshot_error: negative errno that every snapshot ends with; 0: none
 */
struct mh_fake {
	struct mh_state state;
	bool denied;
	int snapshot_error;
};

/* A kernel as it is in a new network namespace, with nexthop objects and resilient groups. */
struct mh_fake *mh_fake_new(void);
struct mh_fake *mh_fake_free(struct mh_fake *fake);

/* For mh_host.open_kernel; @fake outlives the kernel. */
int mh_fake_open(void *fake, struct mh_kernel **ret);

/* What the world does to a kernel. Interfaces begin up, with carrier and rp_filter 0. */
void mh_fake_add_iface(struct mh_fake *fake, int ifindex, const char *name);
void mh_fake_del_iface(struct mh_fake *fake, int ifindex);
void mh_fake_rename(struct mh_fake *fake, int ifindex, const char *name);
void mh_fake_set_up(struct mh_fake *fake, int ifindex, bool up);
void mh_fake_set_carrier(struct mh_fake *fake, int ifindex, bool carrier);
struct mh_iface *mh_fake_iface(struct mh_fake *fake, int ifindex);
/* @local: "192.0.2.1"; @network: its prefix on the link, or the peer's address */
void mh_fake_add_addr(struct mh_fake *fake, int ifindex, const char *local, const char *network);
void mh_fake_del_addr(struct mh_fake *fake, int ifindex, const char *local);

/* One change, as anybody on the host can make it. Return: 0 or negative errno. */
int mh_fake_apply(struct mh_fake *fake, const struct mh_op *op);

/* A packet that leaves the host. @from: family 0: not yet bound; @iif: "": made on the host */
struct mh_fake_packet {
	struct mh_prefix from;
	struct mh_prefix to;
	uint32_t mark;
	char iif[MH_IFNAME_SIZE];
};

/*
 * mh_fake_lookup() - the interfaces by which the packet may leave
 * @names: their names by order, separated by blanks; empty: no way
 */
void mh_fake_lookup(const struct mh_fake *fake, const struct mh_fake_packet *packet,
		    char names[256]);

/* mh_state_lines() - nexthops, routes and rules as text lines, only ours or only the others */
char *mh_state_lines(const struct mh_state *state, bool ours);
