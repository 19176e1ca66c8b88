// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The bed on the fake kernel: needs no privilege.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <cmocka.h>

#include "../fake-kernel.h"
#include "bed.h"

const bool mh_bed_is_real = false;

int mh_bed_prepare(void)
{
	(void)mh_bed_private_mounts();
	return 0;
}

void mh_bed_make_world(struct mh_bed *bed)
{
	bed->world = mh_fake_new();
	bed->fault.open_inner = mh_fake_open;
	bed->fault.inner_arg = bed->world;
}

void mh_bed_end_world(struct mh_bed *bed)
{
	mh_fake_free(bed->world);
}

/* Like Linux, by counting up, so that an index names one interface for ever. */
static int next_ifindex(const struct mh_fake *fake)
{
	static int last = 1;

	for (size_t i = 0; i < fake->state.n_ifaces; i++) {
		if (fake->state.ifaces[i].ifindex > last)
			last = fake->state.ifaces[i].ifindex;
	}
	return ++last;
}

void mh_bed_add_ether(struct mh_bed *bed, const char *ifname)
{
	mh_fake_add_iface(bed->world, next_ifindex(bed->world), ifname);
}

void mh_bed_add_tun(struct mh_bed *bed, const char *ifname)
{
	mh_fake_add_iface(bed->world, next_ifindex(bed->world), ifname);
}

int mh_bed_ifindex(struct mh_bed *bed, const char *ifname)
{
	const struct mh_fake *fake = bed->world;

	for (size_t i = 0; i < fake->state.n_ifaces; i++) {
		if (!strcmp(fake->state.ifaces[i].name, ifname))
			return fake->state.ifaces[i].ifindex;
	}
	fail_msg("no interface %s", ifname);
	return 0;
}

void mh_bed_del_iface(struct mh_bed *bed, const char *ifname)
{
	mh_fake_del_iface(bed->world, mh_bed_ifindex(bed, ifname));
}

void mh_bed_rename(struct mh_bed *bed, const char *ifname, const char *to)
{
	mh_fake_rename(bed->world, mh_bed_ifindex(bed, ifname), to);
}

void mh_bed_set_updown(struct mh_bed *bed, const char *ifname, bool up)
{
	mh_fake_set_up(bed->world, mh_bed_ifindex(bed, ifname), up);
}

void mh_bed_set_carrier(struct mh_bed *bed, const char *ifname, bool carrier)
{
	mh_fake_set_carrier(bed->world, mh_bed_ifindex(bed, ifname), carrier);
}

void mh_bed_set_ra_default(struct mh_bed *bed, const char *ifname, bool on)
{
	mh_fake_iface(bed->world, mh_bed_ifindex(bed, ifname))->ra_default = on;
}

void mh_bed_set_rp_filter(struct mh_bed *bed, const char *ifname, unsigned int value)
{
	mh_fake_iface(bed->world, mh_bed_ifindex(bed, ifname))->rp_filter = (uint8_t)value;
}

void mh_bed_add_addr(struct mh_bed *bed, const char *ifname, const char *local, const char *network)
{
	mh_fake_add_addr(bed->world, mh_bed_ifindex(bed, ifname), local, network);
}

static struct mh_ifaddr *find_addr(struct mh_bed *bed, const char *ifname, const char *local)
{
	const struct mh_fake *fake = bed->world;
	int ifindex = mh_bed_ifindex(bed, ifname);
	struct mh_prefix prefix = mh_bed_prefix(local);

	for (size_t i = 0; i < fake->state.n_addrs; i++) {
		if (fake->state.addrs[i].ifindex == ifindex &&
		    mh_prefix_equal(&fake->state.addrs[i].local, &prefix))
			return &fake->state.addrs[i];
	}
	fail_msg("no address %s", local);
	return NULL;
}

void mh_bed_add_tentative(struct mh_bed *bed, const char *ifname, const char *local,
			  const char *network)
{
	mh_bed_add_addr(bed, ifname, local, network);
	find_addr(bed, ifname, local)->tentative = true;
}

void mh_bed_await_addr(struct mh_bed *bed, const char *ifname, const char *local)
{
	find_addr(bed, ifname, local)->tentative = false;
}

void mh_bed_del_addr(struct mh_bed *bed, const char *ifname, const char *local, const char *network)
{
	(void)network;
	mh_fake_del_addr(bed->world, mh_bed_ifindex(bed, ifname), local);
}

void mh_bed_set_denied(struct mh_bed *bed, bool denied)
{
	struct mh_fake *fake = bed->world;

	fake->denied = denied;
}

char *mh_bed_foreign(struct mh_bed *bed)
{
	const struct mh_fake *fake = bed->world;

	return mh_state_lines(&fake->state, false);
}

void mh_bed_way(struct mh_bed *bed, const char *from, char names[256])
{
	struct mh_fake_packet packet = { 0 };
	bool inet6 = from && strchr(from, ':');

	assert_int_equal(mh_prefix_parse(inet6 ? "2001:db8:ffff::1" : "198.18.0.1", &packet.to), 0);
	if (from && strcmp(from, "::"))
		assert_int_equal(mh_prefix_parse(from, &packet.from), 0);
	mh_fake_lookup(bed->world, &packet, names);
}
