/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The test bed of test-host.c: a host with interfaces, a kernel and a run directory of its own.
 * bed-fake.c has the fake kernel of ../fake-kernel.h, bed-netns.c the real one in a network
 * namespace that each test makes for itself. What fails here fails the test.
 */

#include "../faulty-kernel.h"
#include "host.h"

/*
 * @fault: around the kernel that @host uses
 * @kernel: the same kernel without faults, for the test's own looks and changes
 * @world: the implementation's own
 */
struct mh_bed {
	char run_dir[32];
	struct mh_host *host;
	struct mh_fault fault;
	struct mh_kernel *kernel;
	void *world;
};

/*
 * mh_bed_prepare() - once per process, before the first test
 *
 * Return: 0, or a negative errno where the privileges for it are missing.
 */
int mh_bed_prepare(void);

/*
 * mh_bed_private_mounts() - what is mounted from here on is this process's affair alone
 *
 * Makes the process root of a user namespace where it is not root. Return: 0 or negative errno.
 */
int mh_bed_private_mounts(void);
bool mh_bed_can_mount(void);

/* Is the kernel a real one, on which all takes a hundred times as long? */
extern const bool mh_bed_is_real;

/* mh_bed_skip() - say that no test is run, because of @r. Return: the exit status. */
int mh_bed_skip(int r);

/* Set-up and tear-down of a cmocka test; *state is a struct mh_bed. */
int mh_bed_set_up(void **state);
int mh_bed_tear_down(void **state);

/* The implementation's part of both. */
void mh_bed_make_world(struct mh_bed *bed);
void mh_bed_end_world(struct mh_bed *bed);

/* A new interface, up, with carrier and without address: an Ethernet, or a point-to-point tun. */
void mh_bed_add_ether(struct mh_bed *bed, const char *ifname);
void mh_bed_add_tun(struct mh_bed *bed, const char *ifname);
void mh_bed_del_iface(struct mh_bed *bed, const char *ifname);
int mh_bed_ifindex(struct mh_bed *bed, const char *ifname);
void mh_bed_rename(struct mh_bed *bed, const char *ifname, const char *to);
void mh_bed_set_updown(struct mh_bed *bed, const char *ifname, bool up);
/* Of an Ethernet. */
void mh_bed_set_carrier(struct mh_bed *bed, const char *ifname, bool carrier);
void mh_bed_set_rp_filter(struct mh_bed *bed, const char *ifname, unsigned int value);
void mh_bed_set_ra_default(struct mh_bed *bed, const char *ifname, bool on);

/* @local: an address; @network: its prefix on the link, or the peer's address */
void mh_bed_add_addr(struct mh_bed *bed, const char *ifname, const char *local,
		     const char *network);
/* Of an IPv6 address, to have it in doubt for a while; and to wait until it is not. */
void mh_bed_add_tentative(struct mh_bed *bed, const char *ifname, const char *local,
			  const char *network);
void mh_bed_await_addr(struct mh_bed *bed, const char *ifname, const char *local);
void mh_bed_del_addr(struct mh_bed *bed, const char *ifname, const char *local,
		     const char *network);

/* Takes CAP_NET_ADMIN from the library, or gives it back. */
void mh_bed_set_denied(struct mh_bed *bed, bool denied);

/* All rules, routes of all tables and nexthops that are not ours, as text. To be freed. */
char *mh_bed_foreign(struct mh_bed *bed);

/*
 * mh_bed_way() - interfaces by which packets to the Internet leave
 * @from: their source address; NULL: AF_INET packets that have none yet; "::": likewise AF_INET6
 * @names: by name, separated by blanks
 */
void mh_bed_way(struct mh_bed *bed, const char *from, char names[256]);

/*
 * The provider-given facts of the links of these tests. Link @i is the interface "isp<i>": an
 * Ethernet with 10.0.<i>.2/24 and 2001:db8:<i>::2/64 and a router at ….1 of each, or a tun with
 * 10.9.<i>.2, peer 10.9.<i>.1, and 2001:db8:9<i>::2. @families: bit 1 << enum mh_family
 *
 * They make the interface with its addresses, and return its description, to be freed.
 */
enum {
	MH_BED_INET = 1 << MH_INET,
	MH_BED_INET6 = 1 << MH_INET6,
	MH_BED_BOTH = MH_BED_INET | MH_BED_INET6,
};
struct mh_link *mh_bed_ether(struct mh_bed *bed, int i, unsigned int families);
struct mh_link *mh_bed_tun(struct mh_bed *bed, int i, unsigned int families);

static inline void mh_bed_link_freep(struct mh_link **link)
{
	mh_link_free(*link);
}
#define mh_auto_link mh_cleanup(mh_bed_link_freep) struct mh_link

/* Events that must succeed, and leave no problem. */
void mh_bed_up(struct mh_bed *bed, const struct mh_link *link);
void mh_bed_down(struct mh_bed *bed, const struct mh_link *link);
void mh_bed_reconcile(struct mh_bed *bed);

/* Our nexthops, routes and rules as text lines, to be freed; or compared with @lines. */
char *mh_bed_ours(struct mh_bed *bed);
void mh_bed_assert_ours(struct mh_bed *bed, const char *lines);
void mh_bed_assert_way(struct mh_bed *bed, const char *from, const char *names);

/* Takes all of ours away, the records too, and ends all faults. */
void mh_bed_forget(struct mh_bed *bed);
/* With all that is in it, the lock too. */
void mh_bed_remove_run_dir(struct mh_bed *bed);

/* Has @report a problem of @code that concerns @ifname? NULL: no link */
bool mh_bed_has_problem(const struct mh_report *report, enum mh_problem_code code,
			const char *ifname);
/* Prints the problems for whoever reads a failing test. */
void mh_bed_print(const struct mh_report *report);

/* An address that the test is sure of. */
struct mh_prefix mh_bed_prefix(const char *text);
