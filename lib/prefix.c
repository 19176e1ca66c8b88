// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Addresses and prefixes: text, order, containment. Pure; what an address means for a link is for
 * others to know.
 */

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "state.h"

uint8_t mh_family_af(enum mh_family family)
{
	return family == MH_INET6 ? AF_INET6 : AF_INET;
}

int mh_family_from_af(uint8_t af)
{
	if (af == AF_INET)
		return MH_INET;
	if (af == AF_INET6)
		return MH_INET6;
	return -EAFNOSUPPORT;
}

uint8_t mh_prefix_max_len(uint8_t family)
{
	return family == AF_INET6 ? 128 : 32;
}

bool mh_prefix_is_link_local(const struct mh_prefix *prefix)
{
	return prefix->family == AF_INET6 && prefix->addr[0] == 0xfe &&
	       (prefix->addr[1] & 0xc0) == 0x80;
}

int mh_prefix_compare(const struct mh_prefix *a, const struct mh_prefix *b)
{
	int r;

	if (a->family != b->family)
		return a->family < b->family ? -1 : 1;
	r = memcmp(a->addr, b->addr, sizeof(a->addr));
	if (r)
		return r;
	return (a->len > b->len) - (a->len < b->len);
}

bool mh_prefix_contains(const struct mh_prefix *outer, const struct mh_prefix *inner)
{
	unsigned int bytes = outer->len / 8, bits = outer->len % 8;

	if (outer->family != inner->family || outer->len > inner->len)
		return false;
	if (memcmp(outer->addr, inner->addr, bytes))
		return false;
	return !bits || !((outer->addr[bytes] ^ inner->addr[bytes]) >> (8 - bits));
}

static bool has_host_bits(const struct mh_prefix *prefix)
{
	for (unsigned int i = prefix->len; i < mh_prefix_max_len(prefix->family); i++) {
		if (prefix->addr[i / 8] & (0x80 >> i % 8))
			return true;
	}
	return false;
}

/* Digits alone: strtoul() would take signs and blanks too. */
static int parse_length(const char *text, uint8_t max, uint8_t *ret)
{
	unsigned int len = 0;

	if (!*text || strlen(text) > 3 || strspn(text, "0123456789") != strlen(text))
		return -EINVAL;
	for (; *text; text++)
		len = len * 10 + (unsigned int)(*text - '0');
	if (len > max)
		return -ERANGE;
	*ret = (uint8_t)len;
	return 0;
}

int mh_prefix_parse(const char *text, struct mh_prefix *ret)
{
	struct mh_prefix prefix = { 0 };
	char host[INET6_ADDRSTRLEN];
	const char *slash = strchr(text, '/');
	size_t n = slash ? (size_t)(slash - text) : strlen(text);
	int r;

	if (n >= sizeof(host))
		return -EINVAL;
	memcpy(host, text, n);
	host[n] = '\0';
	prefix.family = strchr(host, ':') ? AF_INET6 : AF_INET;
	if (inet_pton(prefix.family, host, prefix.addr) != 1)
		return -EINVAL;
	prefix.len = mh_prefix_max_len(prefix.family);
	if (slash) {
		r = parse_length(slash + 1, prefix.len, &prefix.len);
		if (r < 0)
			return r;
	}
	if (has_host_bits(&prefix))
		return -EDOM;
	*ret = prefix;
	return 0;
}

void mh_prefix_format(const struct mh_prefix *prefix, char text[MH_PREFIX_TEXT_SIZE])
{
	char host[INET6_ADDRSTRLEN];

	if (!inet_ntop(prefix->family, prefix->addr, host, sizeof(host)))
		snprintf(text, MH_PREFIX_TEXT_SIZE, "none");
	else if (prefix->len == mh_prefix_max_len(prefix->family))
		snprintf(text, MH_PREFIX_TEXT_SIZE, "%s", host);
	else
		snprintf(text, MH_PREFIX_TEXT_SIZE, "%s/%u", host, prefix->len);
}
