// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Choosing the address that a link is known by, among those of its interface.
 *
 * IPv4's is the source of what leaves by the link. Of IPv6 all global addresses are, and they come
 * and go: the one that is chosen only tells whether the link is up, so it has to stay. The
 * link-local one stays as long as there is IPv6. But every interface has one, also where nobody
 * thinks of IPv6: it counts only beside a global address, or where a gateway was named.
 */

#include <arpa/inet.h>
#include <inttypes.h>
#include <linux/if_addr.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "address.h"
#include "command.h"

/* The address bytes of a socket address. Return: false where it is none of IP. */
static bool address_of(const struct sockaddr *addr, struct mh_prefix *ret)
{
	*ret = (struct mh_prefix){ 0 };
	if (!addr)
		return false;
	if (addr->sa_family == AF_INET) {
		memcpy(ret->addr, &((const struct sockaddr_in *)addr)->sin_addr, 4);
		ret->len = 32;
	} else if (addr->sa_family == AF_INET6) {
		memcpy(ret->addr, &((const struct sockaddr_in6 *)addr)->sin6_addr, 16);
		ret->len = 128;
	} else {
		return false;
	}
	ret->family = (uint8_t)addr->sa_family;
	return true;
}

static bool is_same(const struct mh_prefix *a, const struct mh_prefix *b)
{
	return a->family == b->family && !memcmp(a->addr, b->addr, sizeof(a->addr));
}

static bool is_link_local(const struct mh_prefix *addr)
{
	if (addr->family == AF_INET6)
		return addr->addr[0] == 0xfe && (addr->addr[1] & 0xc0) == 0x80;
	return addr->addr[0] == 169 && addr->addr[1] == 254;
}

/* Is @gateway in the network that @addr and @netmask span? */
static bool is_beside(const struct mh_prefix *addr, const struct sockaddr *netmask,
		      const struct mh_prefix *gateway)
{
	struct mh_prefix mask;

	if (!netmask || !address_of(netmask, &mask))
		return false;
	for (size_t i = 0; i < sizeof(mask.addr); i++) {
		if ((addr->addr[i] ^ gateway->addr[i]) & mask.addr[i])
			return false;
	}
	return true;
}

/* IFA_F_* of an IPv6 address, which getifaddrs(3) does not tell; 0 where nothing does. */
static unsigned int flags_of(const char *ifname, const struct mh_prefix *addr)
{
	FILE *file = fopen("/proc/net/if_inet6", "re");
	char wanted[33] = "", hex[33], name[IF_NAMESIZE];
	unsigned int flags, found = 0;

	if (!file)
		return 0;
	for (size_t i = 0; i < sizeof(addr->addr); i++)
		snprintf(&wanted[2 * i], 3, "%02x", addr->addr[i]);
	while (fscanf(file, "%32s %*x %*x %*x %x %15s", hex, &flags, name) == 3) {
		if (!strcmp(hex, wanted) && !strcmp(name, ifname))
			found = flags;
	}
	fclose(file);
	return found;
}

static int suitability_inet(const struct ifaddrs *one, const struct mh_prefix *addr,
			    const struct mh_prefix *gateway)
{
	if (is_link_local(addr))
		return 1;
	return gateway->family && is_beside(addr, one->ifa_netmask, gateway) ? 3 : 2;
}

/* The longer it will stay the better. */
static int suitability_inet6(const struct ifaddrs *one, const struct mh_prefix *addr)
{
	unsigned int flags = flags_of(one->ifa_name, addr);

	if (flags & IFA_F_DADFAILED)
		return 0;
	if (is_link_local(addr))
		return 6;
	if (flags & IFA_F_TENTATIVE)
		return 1;
	if (flags & IFA_F_DEPRECATED)
		return 2;
	if (flags & IFA_F_TEMPORARY)
		return 3;
	return flags & IFA_F_PERMANENT ? 5 : 4;
}

/* The higher the better; 0: not to be used. */
static int suitability(const struct ifaddrs *one, const struct mh_prefix *addr,
		       const struct mh_prefix *gateway)
{
	if (addr->family == AF_INET)
		return suitability_inet(one, addr, gateway);
	return suitability_inet6(one, addr);
}

static void find_peer(const struct ifaddrs *one, const struct mh_prefix *addr,
		      struct mh_prefix *ret)
{
	struct mh_prefix peer;

	if (one->ifa_flags & IFF_POINTOPOINT && address_of(one->ifa_dstaddr, &peer) &&
	    !is_same(&peer, addr))
		*ret = peer;
}

void mh_choose_address(const struct ifaddrs *addrs, const char *ifname, enum mh_family family,
		       struct mh_part *part)
{
	struct mh_part found = { .gateway = part->gateway };
	bool any = part->gateway.family != 0;
	int best = 0;

	for (const struct ifaddrs *one = addrs; one; one = one->ifa_next) {
		struct mh_prefix addr;
		int fit;

		if (strcmp(one->ifa_name, ifname) != 0 || !address_of(one->ifa_addr, &addr) ||
		    addr.family != (family == MH_INET6 ? AF_INET6 : AF_INET))
			continue;
		fit = suitability(one, &addr, &part->gateway);
		if (!fit)
			continue;
		any |= family == MH_INET || !is_link_local(&addr);
		if (fit > best) {
			best = fit;
			found.local = addr;
			found.peer = (struct mh_prefix){ 0 };
			find_peer(one, &addr, &found.peer);
		}
	}
	if (any)
		*part = found;
}
