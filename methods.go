package highball

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
)

// Methods returns a handler that answers requests by the methods of v of their names: Get, Head, Post, Put, Patch, Delete and
// Options, each of the signature
//
//	func(w *Response, r *Request) error
//
// v has those that it wants to answer; they are found once, by this call. They run as Handler.Serve does, at the same
// time for several requests: what v holds is shared by all of them.
//
// HEAD is answered by Get where there is no Head, and OPTIONS by the list of what there is (RFC 9110, section 9.3.7). A
// method that v does not have is answered by 405 with that list in Allow, any other than these by 501.
//
// It is an error if v has none of the methods, one with another signature, or one that only a pointer to v has.
func Methods(v any) (Handler, error) {
	value := reflect.ValueOf(v)
	if !value.IsValid() {
		return nil, errors.New("highball: Methods of nil")
	}
	pointer := reflect.New(value.Type())
	m := new(methods)
	var allow []string
	// The names are constants, so that the linker can still drop methods that nobody calls.
	for _, one := range []struct {
		request     string
		name        string
		serve       *HandlerFunc
		own, beyond reflect.Value // of v, and of a pointer to it
	}{
		{"GET", "Get", &m.get, value.MethodByName("Get"), pointer.MethodByName("Get")},
		{"HEAD", "Head", &m.head, value.MethodByName("Head"), pointer.MethodByName("Head")},
		{"POST", "Post", &m.post, value.MethodByName("Post"), pointer.MethodByName("Post")},
		{"PUT", "Put", &m.put, value.MethodByName("Put"), pointer.MethodByName("Put")},
		{"PATCH", "Patch", &m.patch, value.MethodByName("Patch"), pointer.MethodByName("Patch")},
		{"DELETE", "Delete", &m.delete, value.MethodByName("Delete"), pointer.MethodByName("Delete")},
		{"OPTIONS", "Options", &m.options, value.MethodByName("Options"), pointer.MethodByName("Options")},
	} {
		switch {
		case one.own.IsValid():
			serve, ok := one.own.Interface().(func(w *Response, r *Request) error)
			if !ok {
				return nil, fmt.Errorf("highball: method %s of %T is a %v, not a func(*Response, *Request) error", one.name, v, one.own.Type())
			}
			*one.serve = serve
		case one.beyond.IsValid():
			return nil, fmt.Errorf("highball: %T has its method %s by a pointer only: Methods needs the pointer", v, one.name)
		}
		if *one.serve != nil || one.request == "OPTIONS" || one.request == "HEAD" && m.get != nil {
			allow = append(allow, one.request)
		}
	}
	if len(allow) == 1 && m.options == nil {
		return nil, fmt.Errorf("highball: %T has none of the methods Get, Head, Post, Put, Patch, Delete and Options", v)
	}
	if m.head == nil {
		m.head = m.get
	}
	m.allow = strings.Join(allow, ", ")
	return m, nil
}

// methods are those of a value; nil for what it does not have.
type methods struct {
	get, head, post, put, patch, delete, options HandlerFunc

	allow string
}

// Serve implements Handler.
func (m *methods) Serve(w *Response, r *Request) error {
	var serve HandlerFunc
	switch method := r.Method(); method {
	case "GET":
		serve = m.get
	case "HEAD":
		serve = m.head
	case "POST":
		serve = m.post
	case "PUT":
		serve = m.put
	case "PATCH":
		serve = m.patch
	case "DELETE":
		serve = m.delete
	case "OPTIONS":
		if serve = m.options; serve == nil {
			w.Header().Set("Allow", m.allow)
			w.SetStatus(204)
			return nil
		}
	default:
		return &Error{Status: 501, Err: fmt.Errorf("unknown method %s", method)}
	}
	if serve == nil {
		w.Header().Set("Allow", m.allow)
		return &Error{Status: 405}
	}
	return serve(w, r)
}
