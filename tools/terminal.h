/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Output for people: colour, bars and aligned columns. Plain where stdout is not a terminal.
 */

#include <stdio.h>

#include "multihome.h"

enum mh_style {
	MH_PLAIN,
	MH_BOLD,
	MH_DIM,
	MH_GOOD,
	MH_POOR,
	MH_BAD,
};

/* mh_is_terminal() - may there be bars? */
bool mh_is_terminal(FILE *file);

/* mh_style_on(), mh_style_off() - escape sequences; empty where colour is not wanted (NO_COLOR) */
const char *mh_style_on(FILE *file, enum mh_style style);
const char *mh_style_off(FILE *file);

/* Cells in rows of the same number of columns. All zero but for @columns: empty. */
struct mh_cell {
	char text[64];
	enum mh_style style;
	bool right;
};

struct mh_table {
	size_t columns;
	struct mh_cell *cells;
	size_t n;
};

/* mh_table_row() - a new row of empty cells; valid until the next one. Return: NULL: no memory. */
struct mh_cell *mh_table_row(struct mh_table *table);
void mh_table_print(FILE *file, const struct mh_table *table);

/*
 * mh_table_fit() - empty columns until the table is no wider than the terminal
 * @spare: columns by how little they are missed, @n of them
 */
void mh_table_fit(FILE *file, struct mh_table *table, const int *spare, size_t n);
void mh_table_clear(struct mh_table *table);

#define MH_BAR_WIDTH 12

/* mh_bar() - @share of MH_SHARE_ALL as a bar of at most MH_BAR_WIDTH columns */
void mh_bar(uint32_t share, char text[64]);

/*
 * mh_show_problems() - each with its mend below it
 * @only: of links, those of this one alone; NULL: of all
 *
 * Return: how many there were.
 */
size_t mh_show_problems(FILE *file, const struct mh_report *report, const char *only);
