/* Shortest decimal digits of a double or float, in the layout that the references print. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "render/resolve.h"

struct decimal {
	char digits[20]; /* without trailing zeros, at least one */
	int exponent;	 /* of the first digit */
};

static bool reads_back(const char *text, double value, bool is_float)
{
	return is_float ? (double)strtof(text, NULL) == value : strtod(text, NULL) == value;
}

/* For a few powers of two the shortest text is not the one nearest to the value but the one just above it. */
static void round_up_power_of_two(double value, char text[40])
{
	int exponent;
	char above[40], digits[24];
	if (fabs(frexp(value, &exponent)) != 0.5)
		return;
	snprintf(above, sizeof above, "%.15e", value);
	size_t at = 0;
	for (const char *c = above; *c != 'e'; c++)
		if (*c >= '0' && *c <= '9')
			digits[at++] = *c;
	digits[at] = '\0';
	long long next = strtoll(digits, NULL, 10) + 1;
	if (next >= 10000000000000000LL)
		return;
	snprintf(digits, sizeof digits, "%lld", next);
	char candidate[40];
	snprintf(candidate, sizeof candidate, "%s%c.%se%s", value < 0 ? "-" : "", digits[0], digits + 1,
		 strchr(above, 'e') + 1);
	if (reads_back(candidate, value, false))
		memcpy(text, candidate, sizeof candidate);
}

static struct decimal shortest(double value, bool is_float)
{
	char text[40];
	int most = is_float ? 9 : 17, precision = 1;
	for (;; precision++) {
		snprintf(text, sizeof text, "%.*e", precision - 1, value);
		if (precision == most || reads_back(text, value, is_float))
			break;
	}
	if (precision == 17)
		round_up_power_of_two(value, text);
	struct decimal decimal = {.exponent = (int)strtol(strchr(text, 'e') + 1, NULL, 10)};
	size_t len = 0;
	for (const char *c = text; *c != 'e'; c++)
		if (*c >= '0' && *c <= '9' && len + 1 < sizeof decimal.digits)
			decimal.digits[len++] = *c;
	while (len > 1 && decimal.digits[len - 1] == '0')
		len--;
	decimal.digits[len] = '\0';
	return decimal;
}

static struct span layout(double value, bool is_float, char out[RESOLVE_TEXT_MAX])
{
	if (isnan(value))
		return SPAN(".nan");
	if (isinf(value))
		return value < 0 ? SPAN("-.inf") : SPAN(".inf");
	struct decimal decimal = shortest(value, is_float);
	const char *sign = signbit(value) ? "-" : "", *d = decimal.digits;
	int x = decimal.exponent, count = (int)strlen(d), len;
	if (x < -4 || x >= 6)
		len = snprintf(out, RESOLVE_TEXT_MAX, "%s%c%s%se%c%02d", sign, d[0], count > 1 ? "." : "", d + 1,
			       x < 0 ? '-' : '+', abs(x));
	else if (x < 0)
		len = snprintf(out, RESOLVE_TEXT_MAX, "%s0.%.*s%s", sign, -x - 1, "000", d);
	else if (count <= x + 1)
		len = snprintf(out, RESOLVE_TEXT_MAX, "%s%s%.*s", sign, d, x + 1 - count, "00000");
	else
		len = snprintf(out, RESOLVE_TEXT_MAX, "%s%.*s.%s", sign, x + 1, d, d + x + 1);
	return (struct span){out, (size_t)len};
}

struct span resolve_print_double(double value, char out[RESOLVE_TEXT_MAX])
{
	return layout(value, false, out);
}

struct span resolve_print_float(float value, char out[RESOLVE_TEXT_MAX])
{
	return layout((double)value, true, out);
}
