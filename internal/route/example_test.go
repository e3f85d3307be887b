package route_test

import (
	"fmt"

	"highball/internal/route"
)

func ExampleTree() {
	var t route.Tree[string]
	for _, r := range []struct{ pattern, value string }{
		{"/items/", "list"},
		{"GET /items/{id}", "show"},
		{"PUT /items/{id}", "store"},
		{"*.example.org/", "below example.org"},
	} {
		if err := t.Add(r.pattern, r.value); err != nil {
			fmt.Println(err)
		}
	}

	var m route.Match[string]
	if t.Lookup("PUT", "localhost", "/items/7", &m) {
		id, _ := m.PathValue("id")
		fmt.Println(m.Value, id)
	}
	if !t.Lookup("GET", "localhost", "/items", &m) && m.TrailingSlash {
		fmt.Println("redirect, for", m.Pattern)
	}
	if t.Lookup("GET", "www.example.org", "/items", &m) {
		fmt.Println(m.Value)
	}
	fmt.Println(t.Add("/{kind}/7", "sevens"))

	// Output:
	// store 7
	// redirect, for /items/
	// below example.org
	// pattern "/{kind}/7" conflicts with pattern "/items/": both match "/items/7" and neither is more specific; make the method or the path of one narrower
}
