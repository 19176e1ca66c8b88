// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The selector of a rule, read word by word in the manner of `ip rule add`: a repeated word
 * replaces what it said before, a keyword may be shortened where iproute2 lets it, and numbers are
 * written as each keyword there wants them. Last comes what the kernel would refuse. To which table
 * the rule leads, and its preference where the text names none, is settled elsewhere.
 */

#include <arpa/inet.h>
#include <ctype.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "selector.h"
#include "tables.h"

/* Room for an entry of the user or protocol database; a larger one counts as none. */
#define ENTRY_SIZE 8192

/* As much of a word as a message quotes, with its terminating zero. */
#define SHOWN_SIZE 33

#define PORTS_ACCEPTED "N or N-M of 1..65534"
#define UIDS_ACCEPTED "A-B with A <= B, or a user's name"

enum {
	FITS_INET = 1 << MH_INET,
	FITS_INET6 = 1 << MH_INET6,
	FITS_BOTH = FITS_INET | FITS_INET6,
};

/*
 * @text: a copy of the selector, words cut off one by one
 * @next: what is still to be read
 * @fits: families that every word so far fits
 * @*_word: where the value came from, for what only the last of its kind must satisfy; NULL: none
 */
struct parse {
	char text[MH_SELECTOR_SIZE];
	char *next;
	unsigned int fits;
	bool mask_set;
	bool pref_set;
	uint32_t pref;
	const char *tos_word;
	const char *sport_word;
	const char *dport_word;
	const char *uid_word;
	struct mh_selector sel;
	struct mh_selector_error *error;
};

/* Words come from the owner and go to logs and terminals. */
static const char *shown(const char *word, char text[SHOWN_SIZE])
{
	size_t i;

	for (i = 0; word[i] && i < SHOWN_SIZE - 1; i++)
		text[i] = (char)(word[i] >= ' ' && word[i] < 0x7f ? word[i] : '?');
	text[i] = '\0';
	if (word[i])
		memcpy(text + i - 3, "...", 3);
	return text;
}

/* @word: the offending one, of parse->text */
__attribute__((format(printf, 3, 4))) static int refuse(struct parse *parse, const char *word,
							const char *format, ...)
{
	struct mh_selector_error *error = parse->error;
	char text[SHOWN_SIZE];
	va_list args;
	int n;

	if (!error)
		return -EINVAL;
	error->offset = (size_t)(word - parse->text);
	n = snprintf(error->message, sizeof(error->message), "\"%s\" ", shown(word, text));
	va_start(args, format);
	vsnprintf(error->message + n, sizeof(error->message) - (size_t)n, format, args);
	va_end(args);
	return -EINVAL;
}

static char *next_word(struct parse *parse)
{
	char *word = parse->next + strspn(parse->next, " \t");
	char *end = word + strcspn(word, " \t");

	parse->next = *end ? end + 1 : end;
	*end = '\0';
	return *word ? word : NULL;
}

/* Digits with an optional sign. C's own functions take any negative number, and wrap it around. */
static bool scan_number(const char *text, int base, uint32_t max, uint32_t *ret,
			const char **ret_end)
{
	unsigned long long number;
	char *end;

	if (!isxdigit((unsigned char)text[*text == '+' || *text == '-']))
		return false;
	errno = 0;
	number = strtoull(text, &end, base);
	if (end == text || errno || number > max || (*text == '-' && number))
		return false;
	*ret = (uint32_t)number;
	*ret_end = end;
	return true;
}

static bool read_number(const char *text, int base, uint32_t max, uint32_t *ret)
{
	const char *end;
	uint32_t number;

	if (!scan_number(text, base, max, &number, &end) || *end)
		return false;
	*ret = number;
	return true;
}

/*
 * iproute2's own notation: "10.8" is 10.8.0.0, and a part may be hexadecimal or octal. Ends at the
 * first character that is no part of it.
 */
static bool scan_inet(const char *text, uint8_t addr[4], const char **ret_end)
{
	memset(addr, 0, 4);
	for (unsigned int i = 0; i < 4; i++) {
		uint32_t part;

		if (!scan_number(text, 0, UINT8_MAX, &part, &text))
			return false;
		addr[i] = (uint8_t)part;
		if (*text != '.' || i == 3)
			break;
		text++;
	}
	*ret_end = text;
	return true;
}

static bool scan_inet6(const char *text, uint8_t addr[16], const char **ret_end)
{
	size_t len = strcspn(text, "/");
	char copy[INET6_ADDRSTRLEN];

	if (len >= sizeof(copy))
		return false;
	memcpy(copy, text, len);
	copy[len] = '\0';
	if (inet_pton(AF_INET6, copy, addr) != 1)
		return false;
	*ret_end = text + len;
	return true;
}

static bool is_any(const char *word)
{
	return !strcmp(word, "all") || !strcmp(word, "any") || !strcmp(word, "default");
}

/* A length, or a netmask in IPv4's notation whatever the family. */
static bool read_length(const char *text, uint32_t *ret)
{
	const char *end;
	uint8_t addr[4];
	uint32_t mask;

	if (read_number(text, 0, UINT32_MAX, ret))
		return true;
	if (is_any(text)) {
		*ret = 0;
		return true;
	}
	if (!scan_inet(text, addr, &end) || *end)
		return false;
	mask = (uint32_t)addr[0] << 24 | (uint32_t)addr[1] << 16 | (uint32_t)addr[2] << 8 | addr[3];
	if (~mask & (~mask + 1))
		return false;
	*ret = mask ? 32 - (uint32_t)__builtin_ctz(mask) : 0;
	return true;
}

static bool read_prefix(const char *word, struct mh_prefix *ret)
{
	struct mh_prefix prefix = { 0 };
	const char *end;
	uint32_t len;
	bool ok;

	if (memchr(word, ':', strcspn(word, "/"))) {
		prefix.family = AF_INET6;
		len = 128;
		ok = scan_inet6(word, prefix.addr, &end);
	} else {
		prefix.family = AF_INET;
		len = 32;
		ok = scan_inet(word, prefix.addr, &end);
	}
	prefix.len = (uint8_t)len;
	if (ok && *end == '/')
		ok = read_length(end + 1, &len) && len <= prefix.len;
	else if (ok)
		ok = !*end;
	if (!ok)
		return false;
	prefix.len = (uint8_t)len;
	*ret = prefix;
	return true;
}

static int narrow(struct parse *parse, const char *word, unsigned int fits)
{
	if (!(parse->fits & fits))
		return refuse(parse, word, "fits %s only, but other words of the selector %s only",
			      fits == FITS_INET ? "IPv4" : "IPv6",
			      fits == FITS_INET ? "IPv6" : "IPv4");
	parse->fits &= fits;
	return 0;
}

static int parse_prefix(struct parse *parse, const char *word, struct mh_prefix *prefix)
{
	int r;

	if (is_any(word)) {
		*prefix = (struct mh_prefix){ 0 };
		return 0;
	}
	if (!read_prefix(word, prefix))
		return refuse(parse, word,
			      "is no prefix; accepted: ADDRESS, ADDRESS/LENGTH or all");
	r = narrow(parse, word, prefix->family == AF_INET ? FITS_INET : FITS_INET6);
	if (r)
		return r;
	/* Such a rule asks nothing of the address, and the kernel forgets it. */
	if (!prefix->len)
		*prefix = (struct mh_prefix){ 0 };
	return 0;
}

static int parse_not(struct parse *parse, const char *word)
{
	(void)word;
	parse->sel.invert = true;
	return 0;
}

static int parse_from(struct parse *parse, const char *word)
{
	return parse_prefix(parse, word, &parse->sel.from);
}

static int parse_to(struct parse *parse, const char *word)
{
	return parse_prefix(parse, word, &parse->sel.to);
}

static int parse_ifname(struct parse *parse, const char *word, char ifname[MH_IFNAME_SIZE])
{
	size_t len = strlen(word);

	if (len >= MH_IFNAME_SIZE || strchr(word, '/'))
		return refuse(parse, word,
			      "is no interface name; accepted: up to %d characters, no /",
			      MH_IFNAME_SIZE - 1);
	memset(ifname, 0, MH_IFNAME_SIZE);
	memcpy(ifname, word, len);
	return 0;
}

static int parse_iif(struct parse *parse, const char *word)
{
	return parse_ifname(parse, word, parse->sel.iif);
}

static int parse_oif(struct parse *parse, const char *word)
{
	return parse_ifname(parse, word, parse->sel.oif);
}

static int parse_pref(struct parse *parse, const char *word)
{
	if (!read_number(word, 0, UINT32_MAX, &parse->pref))
		return refuse(parse, word, "is no preference; accepted: 0..4294967295");
	parse->pref_set = true;
	return 0;
}

static int parse_tos(struct parse *parse, const char *word)
{
	int r = mh_dsfield_parse("", word, &parse->sel.tos);

	if (r == -ENOMEM)
		return r;
	if (r)
		return refuse(parse, word,
			      "is no DS field; accepted: hexadecimal 0..fc, or a name of "
			      "rt_dsfield");
	parse->tos_word = word;
	return 0;
}

/* A mask outlives the mark it came with, should another mark follow. */
static int parse_fwmark(struct parse *parse, const char *word)
{
	const char *end;

	if (!scan_number(word, 0, UINT32_MAX, &parse->sel.mark, &end) || (*end && *end != '/') ||
	    (*end && !read_number(end + 1, 0, UINT32_MAX, &parse->sel.mask)))
		return refuse(parse, word,
			      "is no mark; accepted: VALUE or VALUE/MASK of 32 bits, decimal "
			      "or 0x hexadecimal");
	parse->mask_set |= *end == '/';
	return 0;
}

/*
 * iproute2 6.1 reads a port as decimal and lets anything follow it, 6.15 reads it as C does and
 * lets nothing follow: a port that is not the same to both is better refused than guessed.
 */
static bool scan_port(const char *text, uint16_t *ret, const char **ret_end)
{
	const char *decimal_end, *any_end;
	uint32_t decimal, any;

	if (!scan_number(text, 10, UINT16_MAX, &decimal, &decimal_end) ||
	    !scan_number(text, 0, UINT16_MAX, &any, &any_end) || decimal != any ||
	    decimal_end != any_end)
		return false;
	*ret = (uint16_t)decimal;
	*ret_end = decimal_end;
	return true;
}

static int parse_ports(struct parse *parse, const char *word, uint16_t ports[2])
{
	const char *end;
	bool ok;

	ok = scan_port(word, &ports[0], &end);
	if (ok && *end == '-')
		ok = scan_port(end + 1, &ports[1], &end);
	else if (ok)
		ports[1] = ports[0];
	if (!ok || *end)
		return refuse(parse, word,
			      "is no range of ports; accepted: " PORTS_ACCEPTED ", in decimal");
	return 0;
}

static int parse_sport(struct parse *parse, const char *word)
{
	parse->sport_word = word;
	return parse_ports(parse, word, parse->sel.sport);
}

static int parse_dport(struct parse *parse, const char *word)
{
	parse->dport_word = word;
	return parse_ports(parse, word, parse->sel.dport);
}

static int parse_ipproto(struct parse *parse, const char *word)
{
	struct protoent entry, *found = NULL;
	char buf[ENTRY_SIZE];
	uint32_t number;

	if (read_number(word, 10, UINT8_MAX, &number)) {
		parse->sel.ipproto = (uint8_t)number;
		return 0;
	}
	if (getprotobyname_r(word, &entry, buf, sizeof(buf), &found) || !found)
		return refuse(parse, word,
			      "is no protocol; accepted: decimal 0..255, or a name of "
			      "/etc/protocols");
	/* mptcp is 262, so that these eight bits are TCP's: what it is on the wire. */
	parse->sel.ipproto = (uint8_t)found->p_proto;
	return 0;
}

static bool find_user(const char *name, uint32_t *ret)
{
	struct passwd entry, *found = NULL;
	char buf[ENTRY_SIZE];

	if (getpwnam_r(name, &entry, buf, sizeof(buf), &found) || !found)
		return false;
	*ret = found->pw_uid;
	return true;
}

static int parse_uidrange(struct parse *parse, const char *word)
{
	struct mh_selector *sel = &parse->sel;
	const char *end;

	sel->uid_set = true;
	parse->uid_word = word;
	if (scan_number(word, 10, UINT32_MAX, &sel->uid_start, &end) && *end == '-' &&
	    read_number(end + 1, 10, UINT32_MAX, &sel->uid_end))
		return 0;
	if (!find_user(word, &sel->uid_start))
		return refuse(parse, word, "is no range of uids; accepted: " UIDS_ACCEPTED);
	sel->uid_end = sel->uid_start;
	return 0;
}

static int refuse_table(struct parse *parse, const char *word)
{
	return refuse(parse, word, "is no part of a selector: the table is always the link's own");
}

static int refuse_action(struct parse *parse, const char *word)
{
	return refuse(parse, word,
		      "is no part of a selector: the action is always to look up the "
		      "link's table");
}

static int refuse_other(struct parse *parse, const char *word)
{
	return refuse(parse, word,
		      "of ip-rule is not accepted here; accepted: not, from, to, iif, oif, "
		      "fwmark, uidrange, ipproto, sport, dport, tos, pref");
}

/*
 * @wanted: what has to follow; NULL: nothing is read behind it
 * @handle: gets what follows, or the keyword itself
 */
struct keyword {
	const char *name;
	bool may_be_shortened;
	const char *wanted;
	int (*handle)(struct parse *parse, const char *word);
};

/* In iproute2's order, as the first that fits a shortened word wins. */
static const struct keyword keywords[] = {
	{ "not", false, NULL, parse_not },
	{ "from", false, "a prefix, an address or all", parse_from },
	{ "to", false, "a prefix, an address or all", parse_to },
	{ "preference", true, "a number", parse_pref },
	{ "order", true, "a number", parse_pref },
	{ "priority", true, "a number", parse_pref },
	{ "tos", false, "a hexadecimal number or a name of rt_dsfield", parse_tos },
	{ "dsfield", true, "a hexadecimal number or a name of rt_dsfield", parse_tos },
	{ "fwmark", false, "VALUE or VALUE/MASK", parse_fwmark },
	{ "realms", true, NULL, refuse_action },
	{ "protocol", true, NULL, refuse_other },
	{ "tun_id", true, NULL, refuse_other },
	{ "table", true, NULL, refuse_table },
	{ "lookup", false, NULL, refuse_table },
	{ "suppress_prefixlength", true, NULL, refuse_action },
	{ "sup_pl", false, NULL, refuse_action },
	{ "suppress_ifgroup", true, NULL, refuse_action },
	{ "sup_group", false, NULL, refuse_action },
	{ "dev", false, "an interface name", parse_iif },
	{ "iif", false, "an interface name", parse_iif },
	{ "oif", false, "an interface name", parse_oif },
	{ "l3mdev", false, NULL, refuse_table },
	{ "uidrange", false, UIDS_ACCEPTED, parse_uidrange },
	{ "nat", false, NULL, refuse_action },
	{ "map-to", true, NULL, refuse_action },
	{ "ipproto", false, "a protocol's name or number", parse_ipproto },
	{ "sport", false, PORTS_ACCEPTED, parse_sport },
	{ "dport", false, PORTS_ACCEPTED, parse_dport },
	{ "dscp", false, NULL, refuse_other },
	{ "flowlabel", false, NULL, refuse_other },
	{ "type", false, NULL, refuse_action },
	{ "goto", false, NULL, refuse_action },
	{ "nop", false, NULL, refuse_action },
	{ "unicast", false, NULL, refuse_action },
	{ "prohibit", false, NULL, refuse_action },
	{ "unreachable", false, NULL, refuse_action },
	{ "blackhole", false, NULL, refuse_action },
};

static const struct keyword *find_keyword(const char *word)
{
	size_t len = strlen(word);

	for (size_t i = 0; i < MH_ARRAY_SIZE(keywords); i++) {
		const struct keyword *k = &keywords[i];

		if (k->may_be_shortened ? !strncmp(k->name, word, len) : !strcmp(k->name, word))
			return k;
	}
	return NULL;
}

static int parse_keyword(struct parse *parse, const char *word)
{
	const struct keyword *keyword = find_keyword(word);
	const char *value;

	if (!keyword)
		return refuse(parse, word,
			      "is no keyword; accepted: not, from, to, iif, oif, fwmark, "
			      "uidrange, ipproto, sport, dport, tos, pref");
	if (!keyword->wanted)
		return keyword->handle(parse, word);
	value = next_word(parse);
	if (!value)
		return refuse(parse, word, "wants %s behind it", keyword->wanted);
	return keyword->handle(parse, value);
}

/* The kernel's own conditions (net/core/fib_rules.c, and fib_rules.c of either family). */
static int check(struct parse *parse)
{
	const struct mh_selector *sel = &parse->sel;
	const char *sport = parse->sport_word, *dport = parse->dport_word;

	if (sport &&
	    (!sel->sport[0] || sel->sport[0] > sel->sport[1] || sel->sport[1] == UINT16_MAX))
		return refuse(parse, sport, "is no range of ports; accepted: " PORTS_ACCEPTED);
	if (dport &&
	    (!sel->dport[0] || sel->dport[0] > sel->dport[1] || sel->dport[1] == UINT16_MAX))
		return refuse(parse, dport, "is no range of ports; accepted: " PORTS_ACCEPTED);
	if (sel->uid_set && (sel->uid_start > sel->uid_end || sel->uid_end == UINT32_MAX))
		return refuse(parse, parse->uid_word,
			      "is no range of uids; accepted: " UIDS_ACCEPTED);
	if (sel->tos & 3)
		return refuse(parse, parse->tos_word,
			      "is no DS field; its last two bits (ECN) must be 0");
	/* IPv4's rules compare the old TOS bits only. */
	if (sel->tos & ~IPTOS_TOS_MASK)
		return narrow(parse, parse->tos_word, FITS_INET6);
	return 0;
}

static int begin(struct parse *parse, const char *text)
{
	size_t len = strnlen(text, MH_SELECTOR_SIZE - 1);

	parse->next = parse->text;
	memcpy(parse->text, text, len);
	if (text[len])
		return refuse(parse, parse->text, "is too long a selector; accepted: %d bytes",
			      MH_SELECTOR_SIZE - 1);
	/* Records, reports and logs are lines. */
	for (size_t i = 0; i < len; i++)
		if (text[i] != '\t' && iscntrl((unsigned char)text[i]))
			return refuse(parse, parse->text + i,
				      "has a control character; accepted: words "
				      "separated by blanks");
	return 0;
}

int mh_selector_parse(const char *text, struct mh_selector *ret, uint32_t *ret_pref,
		      struct mh_selector_error *ret_error)
{
	struct parse parse = { .fits = FITS_BOTH, .error = ret_error };
	const char *word;
	int r;

	r = begin(&parse, text);
	while (!r && (word = next_word(&parse)))
		r = parse_keyword(&parse, word);
	if (!r)
		r = check(&parse);
	if (r)
		return r;
	/* A mark other than 0 is compared as a whole where no mask was said. */
	if (!parse.mask_set)
		parse.sel.mask = parse.sel.mark ? UINT32_MAX : 0;
	*ret = parse.sel;
	if (ret_pref && parse.pref_set)
		*ret_pref = parse.pref;
	if (parse.fits == FITS_BOTH)
		return AF_UNSPEC;
	return parse.fits == FITS_INET ? AF_INET : AF_INET6;
}

/* Return: has the word been a user's name? @ret: the word, or his number. */
static bool settle_word(const struct keyword *keyword, const char *word, char ret[MH_SELECTOR_SIZE])
{
	struct parse value = { .fits = FITS_BOTH };

	snprintf(ret, MH_SELECTOR_SIZE, "%s", word);
	if (!keyword || keyword->handle != parse_uidrange || parse_uidrange(&value, word))
		return false;
	if (isdigit((unsigned char)*word))
		return false;
	snprintf(ret, MH_SELECTOR_SIZE, "%u-%u", value.sel.uid_start, value.sel.uid_end);
	return true;
}

int mh_selector_settle(const char *text, char ret[MH_SELECTOR_SIZE])
{
	struct parse parse = { .fits = FITS_BOTH };
	const struct keyword *before = NULL;
	char settled[MH_SELECTOR_SIZE] = "", word_now[MH_SELECTOR_SIZE];
	bool any = false;
	const char *word;
	size_t n = 0;
	int r = begin(&parse, text);

	while (!r && (word = next_word(&parse))) {
		any |= settle_word(before, word, word_now);
		n += (size_t)snprintf(settled + n, sizeof(settled) - n, "%s%s", n ? " " : "",
				      word_now);
		if (n >= sizeof(settled))
			return -E2BIG;
		before = before && before->wanted ? NULL : find_keyword(word);
	}
	if (!r)
		snprintf(ret, MH_SELECTOR_SIZE, "%s", any ? settled : text);
	return r;
}
