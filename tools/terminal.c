// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Output for people. What is shown is decided by the commands.
 */

#include <langinfo.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "command.h"
#include "terminal.h"

bool mh_is_terminal(FILE *file)
{
	return isatty(fileno(file));
}

/* https://no-color.org: set to anything but the empty string. */
static bool has_colour(FILE *file)
{
	const char *no = getenv("NO_COLOR"), *term = getenv("TERM");

	return mh_is_terminal(file) && !(no && *no) && term && strcmp(term, "dumb");
}

const char *mh_style_on(FILE *file, enum mh_style style)
{
	if (!has_colour(file))
		return "";
	switch (style) {
	case MH_PLAIN:
		return "";
	case MH_BOLD:
		return "\033[1m";
	case MH_DIM:
		return "\033[2m";
	case MH_GOOD:
		return "\033[32m";
	case MH_POOR:
		return "\033[33m";
	case MH_BAD:
		return "\033[1;31m";
	}
	return "";
}

const char *mh_style_off(FILE *file)
{
	return has_colour(file) ? "\033[0m" : "";
}

struct mh_cell *mh_table_row(struct mh_table *table)
{
	struct mh_cell *larger = reallocarray(table->cells, table->n + table->columns,
					      sizeof(*larger));
	struct mh_cell *row;

	if (!larger)
		return NULL;
	table->cells = larger;
	row = &larger[table->n];
	memset(row, 0, table->columns * sizeof(*row));
	table->n += table->columns;
	return row;
}

void mh_table_clear(struct mh_table *table)
{
	free(table->cells);
	table->cells = NULL;
	table->n = 0;
}

/* Columns on the screen: bytes but for those that continue a character. */
static size_t width(const char *text)
{
	size_t n = 0;

	for (; *text; text++)
		n += ((unsigned char)*text & 0xc0) != 0x80;
	return n;
}

static size_t column_width(const struct mh_table *table, size_t column)
{
	size_t widest = 0;

	for (size_t i = column; i < table->n; i += table->columns) {
		size_t n = width(table->cells[i].text);

		widest = n > widest ? n : widest;
	}
	return widest;
}

static size_t table_width(const struct mh_table *table)
{
	size_t sum = 0;

	for (size_t i = 0; i < table->columns; i++) {
		size_t n = column_width(table, i);

		sum += n + (i && n ? 2 : 0);
	}
	return sum;
}

void mh_table_fit(FILE *file, struct mh_table *table, const int *spare, size_t n)
{
	struct winsize size = { 0 };

	if (ioctl(fileno(file), TIOCGWINSZ, &size) < 0 || !size.ws_col)
		return;
	for (; n && table_width(table) > size.ws_col; n--, spare++) {
		for (size_t i = (size_t)*spare; i < table->n; i += table->columns)
			*table->cells[i].text = '\0';
	}
}

static bool rest_is_empty(const struct mh_table *table, size_t cell)
{
	do {
		if (*table->cells[cell].text)
			return false;
	} while (++cell % table->columns);
	return true;
}

static void print_cell(FILE *file, const struct mh_cell *cell)
{
	const char *on = *cell->text ? mh_style_on(file, cell->style) : "";

	fprintf(file, "%s%s%s", on, cell->text, *on ? mh_style_off(file) : "");
}

void mh_table_print(FILE *file, const struct mh_table *table)
{
	for (size_t i = 0; i < table->n; i++) {
		const struct mh_cell *cell = &table->cells[i];
		size_t column = i % table->columns;
		int pad = (int)(column_width(table, column) - width(cell->text));
		const char *gap = column && column_width(table, column) ? "  " : "";
		bool last = column + 1 == table->columns;

		if (!rest_is_empty(table, i)) {
			fprintf(file, "%s%*s", gap, cell->right ? pad : 0, "");
			print_cell(file, cell);
			if (!cell->right && !last && !rest_is_empty(table, i + 1))
				fprintf(file, "%*s", pad, "");
		}
		if (last)
			fputc('\n', file);
	}
}

void mh_bar(uint32_t share, char text[64])
{
	bool utf8 = !strcmp(nl_langinfo(CODESET), "UTF-8");
	uint32_t full = (share * MH_BAR_WIDTH + MH_SHARE_ALL / 2) / MH_SHARE_ALL;
	size_t at = 0;

	/* What carries anything at all is seen. */
	if (share && !full)
		full = 1;
	*text = '\0';
	for (uint32_t i = 0; i < full; i++)
		at += (size_t)snprintf(text + at, 64 - at, "%s", utf8 ? "\u2588" : "#");
}

size_t mh_show_problems(FILE *file, const struct mh_report *report, const char *only)
{
	size_t n = 0;

	for (size_t i = 0; i < report->n_problems; i++) {
		const struct mh_problem *problem = &report->problems[i];

		if (!mh_is_meant(problem->ifname, only))
			continue;
		n++;
		fprintf(file, "%s%s%s: %s%s%s\n", mh_style_on(file, MH_BAD),
			mh_problem_name(problem->code), mh_style_off(file), problem->ifname,
			*problem->ifname ? ": " : "", problem->text);
		if (problem->mend)
			fprintf(file, "    mend: %s\n", problem->mend);
	}
	return n;
}
