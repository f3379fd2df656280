package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand"
	"reflect"
	"strings"

	yaml4 "go.yaml.in/yaml/v4"
)

// What texts are made of: everything that decides about a style.
var signs = []string{
	"a", "b", "Z", "0", "1", "9", " ", " ", "  ", "\n", "\n\n", "\t", "\r", "-", "- ", "---", "...", ":", ": ", "#", " #", "?", "? ",
	"[", "]", "{", "}", ",", "&", "*", "!", "|", ">", "'", "\"", "%", "@", "`", "\\", "~", "<<", "=", ".", "_", "é", "€", "\u0085",
	"\u00a0", "\u2003", "\u2028", "\u2029", "\ufeff", "😀", "\x00", "\x1b", "\x7f", "true", "null", "yes", "off", "1:20", "0x1f",
	"word word word word", "a longer text that says something about folding", "key: value", "2024-01-02", "1e3",
}

func makeText(random *rand.Rand) string {
	var s strings.Builder
	most := 4
	if random.Intn(6) == 0 {
		most = 40
	}
	for range random.Intn(most) {
		s.WriteString(signs[random.Intn(len(signs))])
	}
	return s.String()
}

func makeKey(random *rand.Rand) string {
	if random.Intn(4) == 0 {
		return makeText(random)
	}
	return fmt.Sprintf("%c%d", 'a'+random.Intn(4), random.Intn(30))
}

func makeAny(random *rand.Rand, depth int) any {
	kind := random.Intn(10)
	if depth == 0 && kind > 6 {
		kind = 0
	}
	switch kind {
	case 5:
		return float64(random.Intn(2000000)-1000000) / []float64{1, 2, 10, 1e7}[random.Intn(4)]
	case 6:
		return []any{nil, true, false, 0.0}[random.Intn(4)]
	case 7:
		list := []any{}
		for range random.Intn(4) {
			list = append(list, makeAny(random, depth-1))
		}
		return list
	case 8, 9:
		object := map[string]any{}
		for range random.Intn(4) {
			object[makeKey(random)] = makeAny(random, depth-1)
		}
		return object
	default:
		return makeText(random)
	}
}

func makeValue(random *rand.Rand) []byte {
	text, err := json.Marshal(map[string]any{"k": makeAny(random, 3), makeKey(random): makeAny(random, 2)})
	if err != nil {
		panic(err)
	}
	return text
}

func readBack(text string) (value any) {
	if yaml4.Unmarshal([]byte(text), &value) != nil {
		return fmt.Errorf("unreadable")
	}
	return value
}

// normal turns integers into doubles, as JSON has them.
func normal(value any) any {
	switch v := value.(type) {
	case int:
		return float64(v)
	case []any:
		list := []any{}
		for _, item := range v {
			list = append(list, normal(item))
		}
		return list
	case map[string]any:
		object := map[string]any{}
		for key, item := range v {
			object[key] = normal(item)
		}
		return object
	}
	return value
}

// startsWithSpaceInList: a text of several lines that begins with a space, inside of a list item. The reference writes it
// with a number that its users' template loader understands wrongly, so ours is quoted.
func startsWithSpaceInList(value any, inList bool) bool {
	switch v := value.(type) {
	case string:
		return inList && strings.HasPrefix(v, " ") && strings.Contains(v, "\n")
	case []any:
		for _, item := range v {
			if startsWithSpaceInList(item, true) {
				return true
			}
		}
	case map[string]any:
		for key, item := range v {
			if startsWithSpaceInList(key, inList) || startsWithSpaceInList(item, inList) {
				return true
			}
		}
	}
	return false
}

func written(value any) string {
	var out bytes.Buffer
	encoder := yaml4.NewEncoder(&out)
	encoder.SetIndent(4)
	if err := encoder.Encode(value); err != nil {
		panic(err)
	}
	if err := encoder.Close(); err != nil {
		panic(err)
	}
	return out.String()
}

func judgeWriter(input []byte, answer string) string {
	var value any
	if err := json.Unmarshal(input, &value); err != nil {
		panic(err)
	}
	theirs := written(value)
	if answer == theirs {
		return ""
	}
	// Different on purpose where the reference damages the value, and then ours must survive its reader.
	isDamaged := !reflect.DeepEqual(normal(readBack(theirs)), value)
	if (isDamaged || startsWithSpaceInList(value, false)) && reflect.DeepEqual(normal(readBack(answer)), value) {
		onPurpose++
		return ""
	}
	return fmt.Sprintf("ours:\n%s\ntheirs:\n%s", answer, theirs)
}
