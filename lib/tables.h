/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * iproute2's databases of names: rt_tables and rt_dsfield, where every iproute2 from Debian 12's on
 * looks for them. Which table a link gets is settled elsewhere.
 */

#include "multihome.h"
#include "util.h"

/* A line of a database. @name: owned */
struct mh_table_name {
	uint32_t number;
	char *name;
};

/* Names of routing tables: load once, look up many. All zero: empty. */
struct mh_tables {
	struct mh_table_name *v;
	size_t n;
};

/*
 * mh_tables_load()
 * @root: put before every path; empty but in tests
 *
 * What is missing, unreadable or garbled is passed over as iproute2 does it, so that at the least
 * the kernel's own names are known. Return: 0 or -ENOMEM.
 */
int mh_tables_load(const char *root, struct mh_tables *ret);

/* mh_tables_clear() - frees what @tables holds and leaves it empty */
void mh_tables_clear(struct mh_tables *tables);

/* mh_tables_name() - name of a table, NULL where it has none; valid as long as @tables */
const char *mh_tables_name(const struct mh_tables *tables, uint32_t number);

/*
 * mh_tables_parse() - number of a table that a link may have, from its name or number
 *
 * Return: 0, -ENOENT (neither a name nor a number), -ERANGE (0, a table of the kernel's own, or
 * more than 32 bits).
 */
int mh_tables_parse(const struct mh_tables *tables, const char *text, uint32_t *ret);

/*
 * mh_dsfield_parse() - value of a DS field, from its name in rt_dsfield or in hexadecimal
 * @root: as above
 *
 * Return: 0, -ENOENT (neither), -ENOMEM.
 */
int mh_dsfield_parse(const char *root, const char *text, uint8_t *ret);
