package config

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"sort"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/pelletier/go-toml/v2/unstable"
)

// The schema that editors have of a highball.toml says the same as the decoder. Only so much of JSON Schema (draft 2020-12) is read here as it
// uses; what is not known is a fault of the schema, or of this test.

// schema is a schema in a document.
type schema struct {
	root  map[string]any
	words map[string]any
}

func loadSchema(t *testing.T) schema {
	t.Helper()
	var root map[string]any
	if err := json.Unmarshal(read(t, "../../docs/highball.schema.json"), &root); err != nil {
		t.Fatal(err)
	}
	return schema{root, root}
}

// sub returns the schema that a keyword has, or one in the list that it has.
func (s schema) sub(words any) schema { return schema{s.root, words.(map[string]any)} }

// referred returns what a schema refers to, in which the keywords beside the reference are left out.
func (s schema) referred() (schema, bool) {
	ref, ok := s.words["$ref"].(string)
	if !ok {
		return s, false
	}
	name := strings.TrimPrefix(ref, "#/$defs/")
	return s.sub(s.root["$defs"].(map[string]any)[name]), true
}

// every calls f for a schema and all that it is made of, with the path of the keys that lead there.
func (s schema) every(path string, f func(string, schema)) {
	f(path, s)
	if to, ok := s.referred(); ok {
		to.every(path, f)
	}
	for _, one := range s.list("oneOf") {
		one.every(path, f)
	}
	if items, ok := s.words["items"]; ok {
		s.sub(items).every(path, f)
	}
	if free, ok := s.words["additionalProperties"].(map[string]any); ok {
		s.sub(free).every(path+".*", f)
	}
	properties, _ := s.words["properties"].(map[string]any)
	for key, of := range properties {
		s.sub(of).every(strings.TrimPrefix(path+"."+key, "."), f)
	}
}

func (s schema) list(word string) (all []schema) {
	of, _ := s.words[word].([]any)
	for _, one := range of {
		all = append(all, s.sub(one))
	}
	return all
}

func TestSchemaHasTheKeysOfTheDecoder(t *testing.T) {
	described, keys := make(map[string]bool), make(map[string]bool)
	loadSchema(t).every("", func(path string, s schema) {
		if text, _ := s.words["description"].(string); text != "" {
			described[path] = true
		}
		if s.words["properties"] != nil && s.words["additionalProperties"] != false {
			t.Errorf("the schema of %q takes keys that it does not know", path)
		}
		if !strings.HasSuffix(path, "*") {
			keys[path] = true
		}
	})
	delete(keys, "")
	var got []string
	for key := range keys {
		got = append(got, key)
		if !described[key] {
			t.Errorf("%s has no description", key)
		}
	}
	want := everyKey(t)
	sort.Strings(got)
	sort.Strings(want)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-decoder +schema):\n%s", diff)
	}
}

// plain returns a value as JSON has it.
func plain(v value) any {
	switch v.kind {
	case unstable.Table:
		object := make(map[string]any)
		for _, e := range v.table.entries {
			object[e.key] = plain(e.value)
		}
		return object
	case unstable.Array:
		array := []any{}
		for _, item := range v.items {
			array = append(array, plain(item))
		}
		return array
	case unstable.Bool:
		return v.text == "true"
	case unstable.Integer:
		return float64(integer(value{text: strings.ReplaceAll(v.text, "_", "")}))
	case unstable.Float:
		n, _ := strconv.ParseFloat(v.text, 64)
		return n
	}
	return v.text
}

// check returns what is wrong with a value, or "".
func (s schema) check(at string, v any) string {
	for word, of := range s.words {
		wrong := ""
		switch word {
		case "$schema", "$id", "$defs", "title", "description", "default", "examples", "required":
		case "$ref":
			to, _ := s.referred()
			wrong = to.check(at, v)
		case "oneOf":
			wrong = s.checkOneOf(at, v)
		case "type":
			kinds := map[string]string{"bool": "boolean", "float64": "integer", "string": "string", "[]interface {}": "array", "map[string]interface {}": "object"}
			if kind := kinds[fmt.Sprintf("%T", v)]; kind != of && (kind != "integer" || of != "number") {
				wrong = fmt.Sprintf("%s is %v, want a value of type %v", at, v, of)
			}
		case "enum":
			if !slices.Contains(of.([]any), v) {
				wrong = fmt.Sprintf("%s is %v, want one of %v", at, v, of)
			}
		case "const":
			if of != v {
				wrong = fmt.Sprintf("%s is %v, want %v", at, v, of)
			}
		case "pattern":
			if text, ok := v.(string); ok && !regexp.MustCompile(of.(string)).MatchString(text) {
				wrong = fmt.Sprintf("%s is %q, which %q does not match", at, text, of)
			}
		case "minimum", "maximum":
			if n, ok := v.(float64); ok && (word == "minimum" && n < of.(float64) || word == "maximum" && n > of.(float64)) {
				wrong = fmt.Sprintf("%s is %v, and its %s is %v", at, n, word, of)
			}
		case "minItems":
			if array, ok := v.([]any); ok && float64(len(array)) < of.(float64) {
				wrong = at + " is empty"
			}
		case "items":
			array, _ := v.([]any)
			for _, item := range array {
				if wrong == "" {
					wrong = s.sub(of).check(at, item)
				}
			}
		case "properties", "additionalProperties", "propertyNames":
			wrong = s.checkObject(at, word, v)
		default:
			wrong = "unknown keyword " + word
		}
		if wrong != "" {
			return wrong
		}
	}
	return ""
}

func (s schema) checkOneOf(at string, v any) string {
	var wrong []string
	for _, one := range s.list("oneOf") {
		if w := one.check(at, v); w != "" {
			wrong = append(wrong, w)
		}
	}
	if right := len(s.list("oneOf")) - len(wrong); right != 1 {
		return fmt.Sprintf("%s is as %d of the schemas want: %v", at, right, wrong)
	}
	return ""
}

func (s schema) checkObject(at, word string, v any) string {
	object, _ := v.(map[string]any)
	properties, _ := s.words["properties"].(map[string]any)
	required, _ := s.words["required"].([]any)
	for _, key := range required {
		if _, ok := object[key.(string)]; !ok && object != nil {
			return fmt.Sprintf("%s has no %s", at, key)
		}
	}
	for key, inside := range object {
		known, there := properties[key]
		free, open := s.words["additionalProperties"].(map[string]any)
		wrong := ""
		switch {
		case word == "propertyNames":
			wrong = s.sub(s.words[word]).check(at+"."+key, key)
		case there && word == "properties":
			wrong = s.sub(known).check(at+"."+key, inside)
		case !there && open && word == "additionalProperties":
			wrong = s.sub(free).check(at+"."+key, inside)
		case !there && !open:
			wrong = at + " has the unknown key " + key
		}
		if wrong != "" {
			return wrong
		}
	}
	return ""
}

// The schema takes what the decoder takes.
func TestSchemaTakesTheGoodFiles(t *testing.T) {
	s := loadSchema(t)
	for _, pattern := range []string{"testdata/good/*.toml", "testdata/good/part/*.toml"} {
		each(t, pattern, func(t *testing.T, path string) {
			root, _ := document(path, read(t, path))
			if wrong := s.check("the file", plain(value{kind: unstable.Table, table: root})); wrong != "" {
				t.Error(wrong)
			}
		})
	}
}

// It refuses most of what the decoder refuses: keys that there are not, values of another type, and words that nobody knows.
func TestSchemaRefuses(t *testing.T) {
	s := loadSchema(t)
	for _, text := range []string{
		"lisen = '8000'", "listen = 8000", "listen = []", "listen = [{ tcp = 80 }]", "listen = [{ unix = 'x', mode = '999' }]", "proxy_header = 'x'",
		"timeouts.head = 10", "timeouts.head = 'long'", "limits.fields = 0", "limits.body = 'much'", "log.access = 'comon'", "app.shop.workers = 0",
		"app.shop.wokers = 1", "app.'a b'.wsgi = 'x'", "site = {}", "site = [{ lisitng = true }]", "site = [{ listing = 'yes' }]", "site = [{ error_pages = { 200 = 'x' } }]",
		"site = [{ route = [{ app = 'x' }] }]", "site = [{ route = [{ path = 'x' }] }]", "site = [{ route = [{ path = '/', warm = 1 }] }]",
		"site = [{ rewrite = [{ match = 'x' }] }]", "site = [{ rewrite = [{ match = 'x', to = '/', status = 200 }] }]", "site = [{ cors = 'x' }]", "site = [{ cors = { origins = ['x'] } }]",
		"site = [{ auth = true }]", "site = [{ auth = {} }]", "site = [{ rate = 'of' }]", "site = [{ rate = { requests = 0 } }]", "site = [{ compress = { encodings = ['x'] } }]",
		"site = [{ maintenance = { off = true } }]", "site = [{ headers = { set = { A = 1 } } }]", "site = [{ max_body = true }]", "site = [{ timeout = 5 }]",
	} {
		root, syntax := document("", []byte(text))
		if syntax != nil {
			t.Fatalf("%s: %v", text, syntax)
		}
		if s.check("", plain(value{kind: unstable.Table, table: root})) == "" {
			t.Errorf("%s is not refused", text)
		}
	}
}
