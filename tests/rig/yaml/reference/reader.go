package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"math/rand"
	"regexp"
	"sort"
	"strconv"
	"strings"
	"time"

	yaml4 "go.yaml.in/yaml/v4"
	"sigs.k8s.io/yaml"
)

// Scalars that are nearly something: numbers, times, words.
var pieces = []string{
	"0", "1", "7", "8", "9", "00", "12", "0x", "0X1f", "0o7", "0b1", "0b", "1_0", "_", ".", "..", "+", "-", "e", "E", "e5", "e+3",
	"e-400", "e400", "2024-01-02", "2024", "-02", "-29", "T", "t", "Z", ":", ":30", "03:04:05", " ", "+02:00", ",5", ".inf", ".nan",
	".NaN", ".Inf", "y", "Y", "n", "no", "on", "off", "yes", "Yes", "true", "True", "tRUE", "false", "null", "Null", "~", "a", "f",
	"9223372036854775807", "18446744073709551615", "123456789.123", "<<x", "=", "0.1", "1e6", "-0", "-0.0", "0777", "0o8",
}

var plain = regexp.MustCompile(`^[^\s\[\]{},#&*!|>'"%@` + "`" + `?:\-][^\n]*$|^[\-][^\s\-][^\n]*$`)

func isPlain(s string) bool {
	return plain.MatchString(s) && !strings.Contains(s, ": ") && !strings.Contains(s, " #") && !strings.HasSuffix(s, ":") &&
		strings.TrimSpace(s) == s && !strings.HasPrefix(s, "...")
}

func makeScalar(random *rand.Rand) string {
	for {
		var s strings.Builder
		for range 1 + random.Intn(4) {
			s.WriteString(pieces[random.Intn(len(pieces))])
		}
		if isPlain(s.String()) {
			return s.String()
		}
	}
}

// makeScalars makes a list of scalars, or one as the key of a mapping.
func makeScalars(random *rand.Rand) []byte {
	if random.Intn(3) == 0 {
		return []byte(makeScalar(random) + ": x\n")
	}
	var out bytes.Buffer
	for range 1 + random.Intn(3) {
		fmt.Fprintf(&out, "- %s\n", makeScalar(random))
	}
	return out.Bytes()
}

func decodeJSON(text []byte) (any, error) {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	var value any
	err := decoder.Decode(&value)
	return value, err
}

// sameJSON compares numbers as doubles: ours keep all digits of integers.
func sameJSON(a, b any) bool {
	switch x := a.(type) {
	case json.Number:
		y, ok := b.(json.Number)
		if !ok {
			return false
		}
		m, _ := x.Float64()
		n, _ := y.Float64()
		return m == n
	case []any:
		y, ok := b.([]any)
		if !ok || len(x) != len(y) {
			return false
		}
		for i := range x {
			if !sameJSON(x[i], y[i]) {
				return false
			}
		}
		return true
	case map[string]any:
		y, ok := b.(map[string]any)
		if !ok || len(x) != len(y) {
			return false
		}
		for key := range x {
			if _, ok := y[key]; !ok || !sameJSON(x[key], y[key]) {
				return false
			}
		}
		return true
	default:
		return a == b
	}
}

// isSameLongKey: a long integer as key keeps its digits with us, and becomes a short float with them.
func isSameLongKey(ours, theirs any) bool {
	x, isMap := ours.(map[string]any)
	y, isTheirs := theirs.(map[string]any)
	if !isMap || !isTheirs || len(x) != 1 || len(y) != 1 {
		return false
	}
	for key := range x {
		value, err := strconv.ParseFloat(key, 64)
		if err != nil || !longInteger.MatchString(key) {
			return false
		}
		text := strconv.FormatFloat(value, 'g', -1, 32)
		if float32(value) > math.MaxFloat32 || float32(value) < -math.MaxFloat32 {
			text = map[bool]string{true: ".inf", false: "-.inf"}[value > 0]
		}
		_, isThere := y[text]
		return isThere
	}
	return false
}

var longInteger = regexp.MustCompile(`^-?[0-9]{19,}$`)

// signInBinary: `0b-1` is a text to us; the parser of theirs takes a sign there.
var signInBinary = regexp.MustCompile(`(?m)^(- )?[_]*0b_*[-+]_*[01][01_]*(: x)?$`)

func judgeKubernetes(input []byte, answer string) string {
	theirs, err := yaml.YAMLToJSON(input)
	if err != nil {
		if strings.HasPrefix(answer, "!") {
			return ""
		}
		// A key of 64 bits is a key like others for us.
		if strings.Contains(err.Error(), "unsupported map key of type: uint64") {
			onPurpose++
			return ""
		}
		return fmt.Sprintf("ours:   %s\ntheirs: %v", answer, err)
	}
	ours, err := decodeJSON([]byte(answer))
	if err != nil {
		return fmt.Sprintf("ours:   %s\ntheirs: %s", answer, theirs)
	}
	if value, _ := decodeJSON(theirs); !sameJSON(ours, value) {
		if isSameLongKey(ours, value) || signInBinary.Match(input) {
			onPurpose++
			return ""
		}
		return fmt.Sprintf("ours:   %s\ntheirs: %s", answer, theirs)
	}
	return ""
}

func typedFloat(value float64) string {
	switch text := strconv.FormatFloat(value, 'g', -1, 64); text {
	case "NaN":
		return "f.nan"
	case "+Inf":
		return "f.inf"
	case "-Inf":
		return "f-.inf"
	default:
		return "f" + text
	}
}

func typedString(s string) string {
	text, _ := json.Marshal(s)
	for _, pair := range [][2]string{{`\u003c`, "<"}, {`\u003e`, ">"}, {`\u0026`, "&"}} {
		text = bytes.ReplaceAll(text, []byte(pair[0]), []byte(pair[1]))
	}
	return "s" + string(text)
}

func typed(value any) string {
	switch v := value.(type) {
	case nil:
		return "n"
	case bool:
		return "b" + strconv.FormatBool(v)
	case int, int64, uint64:
		return fmt.Sprintf("i%d", v)
	case float64:
		return typedFloat(v)
	case time.Time:
		return "t" + v.Format(time.RFC3339Nano)
	case string:
		return typedString(v)
	case []any:
		text := "["
		for _, item := range v {
			text += typed(item) + ","
		}
		return text + "]"
	case map[string]any:
		return typedMap(v)
	case map[any]any:
		return typedMap(v)
	default:
		return fmt.Sprintf("?%T", value)
	}
}

func typedMap[K comparable](v map[K]any) string {
	var pairs []string
	for key, item := range v {
		pairs = append(pairs, typed(any(key))+"="+typed(item)+",")
	}
	sort.Strings(pairs)
	return "{" + strings.Join(pairs, "") + "}"
}

func judgeOmni(input []byte, answer string) string {
	var value any
	err := yaml4.Unmarshal(input, &value)
	if (err != nil) != strings.HasPrefix(answer, "!") {
		return fmt.Sprintf("ours:   %s\ntheirs: %v", answer, err)
	}
	if err == nil && typed(value) != answer {
		return fmt.Sprintf("ours:   %s\ntheirs: %s", answer, typed(value))
	}
	return ""
}
