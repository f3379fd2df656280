package main

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"unicode/utf8"
)

// plain is text that is written as it is: what it means is for the readers to find out.
type plain string

type pair struct {
	key   any // string or plain
	value any
}

// ordered is a mapping that is written in this order.
type ordered []pair

type random struct{ *rand.Rand }

func newRandom(seed, number uint64) random {
	return random{rand.New(rand.NewPCG(seed, number))}
}

func (r random) chance(percent int) bool { return r.IntN(100) < percent }

func pick[T any](r random, list []T) T { return list[r.IntN(len(list))] }

func words(text string) []string { return strings.Fields(text) }

var pieces = append(words(`a b a b true yes on n No ~ null << = 1 0 -1 1.5 0x1f 0o7 007 1_000 1:20 12:30:45 .5 1. 1e3 -0 .inf .NaN
	1e400 2026-01-01 2026-13-01 - -- --- ... ? : , [ ] { } & * ! | > ' " % @ \ / . .. + v1.35.0 key name-with-dashes é ö
	日本 machine cluster os:admin %d %s $HOME ${x}`),
	"", " ", "  ", "\n", "\n\n", "\t", "\r", "\r\n", ": ", " #", "a b", "#", "\x00", "\x1b", "\x7f", "\u0085", "\u00a0", "\u2028", "\u2029",
	"\ufeff", "\ufffd", "\ufffe", "😀", "long text with many words in it", "word", "'quoted'", `"quoted"`, "\"", ":", "-", "- ", "? ")

// text makes a string that is hard to write down.
func (r random) text() string {
	if r.chance(25) {
		return pick(r, pieces)
	}

	var b strings.Builder

	count, spaced := 1+r.IntN(8), r.chance(30)
	if r.chance(8) {
		count = 10 + r.IntN(40) // to be folded
	}

	for range count {
		b.WriteString(pick(r, pieces))

		if spaced {
			b.WriteByte(' ')
		}
	}

	return b.String()
}

// line makes a string that may stand where the kinds want text without much meaning.
func (r random) word() string { return pick(r, plainWords) }

var plainWords = words(`alpha beta gamma delta true yes 1 0755 1.5 2026-01-01 a.b.c x_y ~ null on 1:20 é x-y-z 007 v1.2 <<`)

func (r random) number() plain {
	switch r.IntN(6) {
	case 0:
		return plain(fmt.Sprint(r.IntN(2000) - 1000))
	case 1:
		return plain(fmt.Sprint(int64(r.Uint64())))
	case 2:
		return plain(fmt.Sprint(r.Int64N(1 << 40)))
	case 3:
		return plain(fmt.Sprintf("%v", r.NormFloat64()*1e3))
	case 4:
		return plain(fmt.Sprintf("%de%d", r.IntN(1000), r.IntN(60)-30))
	default:
		return plain(pick(r, words(`0 -0 0.0 -0.0 1.0 1000000 1000000.0 1048576 999999 9007199254740993 9223372036854775807
			9223372036854775808 18446744073709551615 18446744073709551616 -10000000000000000000000000 -9223372036854775808 1e400 -1e400 1e-400 0.1 0.0001 0.00001
			1e21 1e20 123456789.123 1.5e-7 5e-324 2.2250738585072014e-308 1.7976931348623157e308 100000 123456.5 1234567.5`)))
	}
}

var plainTokens = words(`yes Yes YES no No NO on On ON off Off OFF y Y n N true True TRUE false tRUE null Null NULL ~ 0755 0o755 0x1f 0b11 1_000
	1_0.5 +1 -1 1:20 12:30:45 2026-01-01 2026-01-01T10:00:00Z 1. .5 +.5 1e3 1E3 +1e3 0x 0b2 08 09 010 -010 -0x10 _1 1_ a~ a=b =
	text text.with.dots http://example.com:80/x a:b x#y -x v1.2.3`)

// leaf makes a scalar: a string, or plain text.
func (r random) leaf() any {
	switch r.IntN(10) {
	case 0:
		return plain(pick(r, words("true false null ~")))
	case 1, 2:
		return r.number()
	case 3:
		return plain(pick(r, plainTokens))
	default:
		return r.text()
	}
}

// key makes a key of free-form content.
func (r random) key(used map[string]bool, tokens bool) any {
	for {
		var key any

		switch n := r.IntN(12); {
		case n < 6:
			key = pick(r, words(`a b a1 a2 a10 A B a-b a_b a.b app.kubernetes.io/name 1 2 10 01 x y-1 z name size`))
		case n == 6 && tokens:
			key = plain(pick(r, words("1 on yes 0x10 1.5 true 2026-01-01 1_000")))
		case n == 7:
			key = strings.Repeat(pick(r, words("k ab é")), 60+r.IntN(12))
		default:
			key = r.text()
		}

		// two spellings of one key are a fault: one of them only
		if id := sameKey(fmt.Sprint(key)); !used[id] && !isDamaged(fmt.Sprint(key), true) {
			used[id] = true

			return key
		}
	}
}

func sameKey(key string) string {
	switch key {
	case "1", "on", "yes", "true", "y":
		return "true"
	case "n", "no", "No":
		return "false"
	case "0x10":
		return "16"
	case "1_000":
		return "1000"
	}

	return key
}

func (r random) mapping(depth, most int, tokens bool) ordered {
	var m ordered

	used := map[string]bool{}
	for range r.IntN(most + 1) {
		m = append(m, pair{r.key(used, tokens), r.tree(depth-1, tokens)})
	}

	return m
}

// tree makes nested free-form content.
func (r random) tree(depth int, tokens bool) any {
	n := r.IntN(10)

	switch {
	case depth > 0 && n < 3:
		return r.mapping(depth, 5, tokens)
	case depth > 0 && n < 5:
		list := []any{}
		for range r.IntN(5) {
			list = append(list, r.tree(depth-1, tokens))
		}

		return list
	}

	if leaf := r.leaf(); tokens {
		return leaf
	} else if _, ok := leaf.(plain); ok {
		return r.text()
	} else {
		return leaf
	}
}

// --- writing ----------------------------------------------------------------------------------------------------------

type writer struct {
	strings.Builder
	r random
}

func quoted(s string) string {
	var b strings.Builder

	b.WriteByte('"')

	for i, c := range s {
		switch {
		case c == '"' || c == '\\':
			b.WriteByte('\\')
			b.WriteRune(c)
		case c == utf8.RuneError && !strings.HasPrefix(s[i:], "\ufffd"):
			b.WriteString(`\x00`)
		case c == '\n':
			b.WriteString(`\n`)
		case c < 0x20 || c >= 0x7f && c <= 0xa0:
			fmt.Fprintf(&b, `\x%02x`, c)
		case c == 0xfeff || c == 0x2028 || c == 0x2029 || c >= 0xfffe && c <= 0xffff:
			fmt.Fprintf(&b, `\u%04x`, c)
		default:
			b.WriteRune(c)
		}
	}

	return b.String() + `"`
}

func isOneLine(s string) bool {
	for _, c := range s {
		if c < 0x20 || c >= 0x7f && c <= 0xa0 || c == 0x2028 || c == 0x2029 || c == 0xfeff || c >= 0xfffe && c <= 0xffff {
			return false
		}
	}

	return true
}

func isBlockText(s string) bool { // reads back the same under a "|" without more ado
	lines := strings.Split(s, "\n")
	for _, line := range lines {
		if !isOneLine(line) {
			return false
		}
	}

	return len(lines) > 1 && lines[0] != "" && lines[0][0] != ' ' && len(lines) == 2+strings.Count(strings.TrimRight(s, "\n"), "\n")
}

func (w *writer) scalar(v any, flow bool, indent int) {
	switch v := v.(type) {
	case plain:
		w.WriteString(string(v))
	case string:
		switch {
		case !flow && isBlockText(v) && w.r.chance(60):
			w.WriteByte('|')

			if !strings.HasSuffix(v, "\n") {
				w.WriteByte('-')
			}

			for _, line := range strings.Split(strings.TrimSuffix(v, "\n"), "\n") {
				w.WriteByte('\n')

				if line != "" {
					w.WriteString(strings.Repeat(" ", indent) + line)
				}
			}
		case isOneLine(v) && w.r.chance(30):
			w.WriteString("'" + strings.ReplaceAll(v, "'", "''") + "'")
		default:
			w.WriteString(quoted(v))
		}
	case bool, int:
		fmt.Fprint(w, v)
	case nil:
		w.WriteString("null")
	default:
		panic(fmt.Sprintf("%T", v))
	}
}

func (w *writer) flow(v any) {
	switch v := v.(type) {
	case ordered:
		w.WriteByte('{')

		for i, p := range v {
			if i > 0 {
				w.WriteString(", ")
			}

			w.key(p.key)
			w.WriteString(": ")
			w.flow(p.value)
		}

		w.WriteByte('}')
	case []any:
		w.WriteByte('[')

		for i, item := range v {
			if i > 0 {
				w.WriteString(", ")
			}

			w.flow(item)
		}

		w.WriteByte(']')
	case plain:
		if strings.ContainsAny(string(v), ":,[]{}?#") { // means something else here
			w.WriteString(quoted(string(v)))
		} else {
			w.WriteString(string(v))
		}
	default:
		w.scalar(v, true, 0)
	}
}

func (w *writer) key(key any) {
	if s, ok := key.(string); ok && len(s) > 100 {
		w.WriteString("? ")
		w.scalar(key, true, 0)
		w.WriteByte(' ')
	} else {
		w.scalar(key, true, 0)
	}
}

// block writes a value below its key or dash; what it writes begins with the space behind that.
func (w *writer) block(v any, indent int) {
	pad := strings.Repeat(" ", indent)

	switch v := v.(type) {
	case ordered:
		if len(v) == 0 || indent > 12 && w.r.chance(20) || hasLongKey(v) {
			w.WriteByte(' ')
			w.flow(v)
			w.WriteByte('\n')

			return
		}

		w.WriteByte('\n')

		for _, p := range v {
			w.WriteString(pad)
			w.key(p.key)
			w.WriteByte(':')
			w.block(p.value, indent+2)
		}
	case []any:
		if len(v) == 0 || indent > 12 && w.r.chance(20) {
			w.WriteByte(' ')
			w.flow(v)
			w.WriteByte('\n')

			return
		}

		w.WriteByte('\n')

		for _, item := range v {
			w.WriteString(pad + "-")
			w.block(item, indent+2)
		}
	default:
		w.WriteByte(' ')
		w.scalar(v, false, indent)
		w.WriteByte('\n')
	}
}

func hasLongKey(m ordered) bool {
	for _, p := range m {
		if s, ok := p.key.(string); ok && len(s) > 100 {
			return true
		}
	}

	return false
}

// document writes a mapping as a YAML document.
func document(r random, m ordered) string {
	w := writer{r: r}
	w.block(m, 0)

	return strings.TrimPrefix(w.String(), "\n")
}
