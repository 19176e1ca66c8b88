// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The only includer of <pppd/...>: hides what differs between pppd 2.4.9 and 2.5, and between a
 * pppd with IPv6 and one without. Versions are told apart by PPPD_VERSION, which came with 2.5.
 * It translates and decides nothing; multihome.c does that.
 */

/* 2.4.9 has its IPv6 parts only under this name; they are weak below, so it costs nothing. */
#define INET6 1

#include <pppd/pppd.h>
#ifdef PPPD_VERSION
#include <pppd/options.h>
#else
#include <pppd/patchlevel.h>
#endif
#include <pppd/fsm.h>
#include <pppd/ipcp.h>
#include <pppd/eui64.h>
#include <pppd/ipv6cp.h>

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "pppd-compat.h"

#pragma weak ipv6cp_wantoptions
#pragma weak ipv6cp_gotoptions
#pragma weak ipv6cp_hisoptions

#define MH_EXPORT __attribute__((visibility("default")))

#ifdef PPPD_VERSION

#define MH_PPPD_VERSION PPPD_VERSION
/* Exported by pppd 2.5, but no longer in its headers. */
extern bool demand __attribute__((weak));
extern bool multilink __attribute__((weak));

#else

#define MH_PPPD_VERSION VERSION
#define ppp_add_options add_options
#define ppp_option_error option_error
#define ppp_timeout timeout
#define ppp_untimeout untimeout
#define ppp_script_setenv script_setenv
#define ppp_script_unsetenv script_unsetenv
#define ppp_ifname() ifname
#pragma weak ipv6_up_notifier
#pragma weak ipv6_down_notifier

#endif

_Static_assert(sizeof(bool) == 1, "pppd's switches are one byte");
_Static_assert(PHASE_INITIALIZE == 1, "order of phases");
_Static_assert((int)PHASE_SERIALCONN == (int)MH_PPPD_PHASE_SERIALCONN, "order of phases");
_Static_assert((int)PHASE_NETWORK == (int)MH_PPPD_PHASE_NETWORK, "order of phases");
_Static_assert(sizeof(ipcp_gotoptions[0].ouraddr) == 4, "an IPv4 address");
_Static_assert(sizeof(ipcp_hisoptions[0].hisaddr) == 4, "an IPv4 address");
_Static_assert(sizeof(ipcp_gotoptions[0].dnsaddr) == MH_PPPD_DNS_MAX * 4, "name servers");
_Static_assert(sizeof(ipv6cp_gotoptions[0].ourid) == 8, "an interface identifier");
_Static_assert(sizeof(ipv6cp_hisoptions[0].hisid) == 8, "an interface identifier");

/* pppd loads no plugin in which this is not its own version. */
MH_EXPORT extern const char pppd_version[];
const char pppd_version[] = MH_PPPD_VERSION;

/* Length of pppd's own buffer for a line of the log. */
#define LINE_SIZE 1024

/* pppd tells a parser the value but not the option, so there is one for each. */
#define PARSER(index)                                  \
	static int parse_##index(char **argv)          \
	{                                              \
		return mh_plugin_option(index, *argv); \
	}
PARSER(0)
PARSER(1)
PARSER(2)
PARSER(3)
PARSER(4)
PARSER(5)
PARSER(6)
PARSER(7)

static int (*const parsers[MH_PPPD_OPTIONS_MAX])(char **argv) = {
	parse_0, parse_1, parse_2, parse_3, parse_4, parse_5, parse_6, parse_7,
};

int mh_pppd_add_options(const struct mh_pppd_option *options, size_t n)
{
	option_t *table;

	if (n > MH_PPPD_OPTIONS_MAX)
		return -E2BIG;
	/* pppd keeps the table, and writes in it, as long as it lives. */
	table = calloc(n + 1, sizeof(*table));
	if (!table)
		return -ENOMEM;

	for (size_t i = 0; i < n; i++) {
		table[i].name = (char *)options[i].name;
		table[i].description = (char *)options[i].description;
		table[i].type = o_special;
		table[i].addr = (void *)parsers[i];
		table[i].flags = OPT_PRIV | OPT_INITONLY;
		if (options[i].shown) {
			/* Without OPT_PRIO a tty's options file would override a peers file. */
			table[i].flags |= OPT_PRIO | OPT_A2STRVAL;
			table[i].addr2 = options[i].shown;
		} else {
			/* With it, what that file adds would be left out, and nothing said. */
			table[i].flags |= OPT_A2LIST;
		}
	}
	ppp_add_options(table);
	return 0;
}

int mh_pppd_on_check(void)
{
	/* No notifier comes between the last option and the fork, but each protocol is asked. */
	for (size_t i = 0; protocols[i]; i++) {
		if (protocols[i]->check_options)
			continue;
		protocols[i]->check_options = mh_plugin_check;
		return 0;
	}
	return -ENOSYS;
}

#ifdef PPPD_VERSION

int mh_pppd_on(enum mh_pppd_event event, void (*fn)(void *ctx, int arg), void *ctx)
{
	static const ppp_notify_t types[] = {
		[MH_PPPD_PHASE] = NF_PHASE_CHANGE,  [MH_PPPD_EXIT] = NF_EXIT,
		[MH_PPPD_SIGNAL] = NF_SIGNALED,	    [MH_PPPD_IP_UP] = NF_IP_UP,
		[MH_PPPD_IP_DOWN] = NF_IP_DOWN,	    [MH_PPPD_IPV6_UP] = NF_IPV6_UP,
		[MH_PPPD_IPV6_DOWN] = NF_IPV6_DOWN,
	};

	if ((event == MH_PPPD_IPV6_UP || event == MH_PPPD_IPV6_DOWN) && !ipv6cp_gotoptions)
		return -ENOSYS;
	ppp_add_notify(types[event], fn, ctx);
	return 0;
}

#else

static struct notifier **notifiers_of(enum mh_pppd_event event)
{
	switch (event) {
	case MH_PPPD_PHASE:
		return &phasechange;
	case MH_PPPD_EXIT:
		return &exitnotify;
	case MH_PPPD_SIGNAL:
		return &sigreceived;
	case MH_PPPD_IP_UP:
		return &ip_up_notifier;
	case MH_PPPD_IP_DOWN:
		return &ip_down_notifier;
	case MH_PPPD_IPV6_UP:
		return &ipv6_up_notifier;
	case MH_PPPD_IPV6_DOWN:
		return &ipv6_down_notifier;
	}
	return NULL;
}

int mh_pppd_on(enum mh_pppd_event event, void (*fn)(void *ctx, int arg), void *ctx)
{
	struct notifier **notifiers = notifiers_of(event);

	if (!notifiers)
		return -ENOSYS;
	add_notifier(notifiers, fn, ctx);
	return 0;
}

#endif

void mh_pppd_timer(void (*fn)(void *ctx), void *ctx, unsigned int msecs)
{
	ppp_timeout(fn, ctx, msecs / 1000, msecs % 1000 * 1000);
}

void mh_pppd_timer_cancel(void (*fn)(void *ctx), void *ctx)
{
	ppp_untimeout(fn, ctx);
}

/* pppd's own formats are not printf's, so it is only ever given "%s". */
void mh_pppd_log(enum mh_pppd_level level, const char *format, ...)
{
	char line[LINE_SIZE];
	va_list args;

	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);

	switch (level) {
	case MH_PPPD_DEBUG:
		dbglog("%s", line);
		break;
	case MH_PPPD_INFO:
		info("%s", line);
		break;
	case MH_PPPD_NOTICE:
		notice("%s", line);
		break;
	case MH_PPPD_WARNING:
		warn("%s", line);
		break;
	case MH_PPPD_ERROR:
		error("%s", line);
		break;
	}
}

void mh_pppd_option_error(const char *format, ...)
{
	char line[LINE_SIZE];
	va_list args;

	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	ppp_option_error("%s", line);
}

void mh_pppd_refuse(const char *format, ...)
{
	char line[LINE_SIZE];
	va_list args;

	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	ppp_option_error("%s", line);
	exit(EXIT_OPTION_ERROR);
}

void mh_pppd_setenv(const char *name, const char *value)
{
	if (value)
		ppp_script_setenv((char *)name, (char *)value, 0);
	else
		ppp_script_unsetenv((char *)name);
}

const char *mh_pppd_ifname(void)
{
	return ppp_ifname();
}

/* All zero for a peer that has none: pppd's ipv6cp-noremote. */
static void link_local(uint8_t address[16], const eui64_t *id)
{
	static const eui64_t none;

	memset(address, 0, 16);
	if (!memcmp(id, &none, sizeof(none)))
		return;
	address[0] = 0xfe;
	address[1] = 0x80;
	memcpy(address + 8, id, 8);
}

int mh_pppd_addresses(int family, uint8_t local[16], uint8_t peer[16])
{
	if (family == AF_INET) {
		memcpy(local, &ipcp_gotoptions[0].ouraddr, 4);
		memcpy(peer, &ipcp_hisoptions[0].hisaddr, 4);
		return 0;
	}
	if (!ipv6cp_gotoptions || !ipv6cp_hisoptions)
		return -ENOSYS;
	link_local(local, &ipv6cp_gotoptions[0].ourid);
	link_local(peer, &ipv6cp_hisoptions[0].hisid);
	return 0;
}

void mh_pppd_dns(uint8_t servers[MH_PPPD_DNS_MAX][4])
{
	const ipcp_options *got = &ipcp_gotoptions[0];
	const bool asked[MH_PPPD_DNS_MAX] = { got->req_dns1, got->req_dns2 };

	/* What was not asked for, or was refused, is not what the peer gave. */
	memset(servers, 0, MH_PPPD_DNS_MAX * sizeof(*servers));
	for (size_t i = 0; i < MH_PPPD_DNS_MAX; i++)
		if (asked[i])
			memcpy(servers[i], &got->dnsaddr[i], sizeof(*servers));
}

int mh_pppd_drop_defaultroute(int family)
{
	int had = 0;

	if (family == AF_INET) {
		had = ipcp_wantoptions[0].default_route;
		ipcp_wantoptions[0].default_route = 0;
	} else if (ipv6cp_wantoptions) {
		had = ipv6cp_wantoptions[0].default_route;
		ipv6cp_wantoptions[0].default_route = 0;
	}
	return !!had;
}

int mh_pppd_has_demand(void)
{
#ifdef PPPD_VERSION
	if (!&demand)
		return 0;
#endif
	return demand;
}

int mh_pppd_has_multilink(void)
{
#ifdef PPPD_VERSION
	if (!&multilink)
		return 0;
#endif
	return multilink;
}
