// Package policy holds what is so for requests and responses whatever handles them: who is let in, how often, from which other
// origins, what a request may weigh and how long it may take, and what every head says. A [Config] and a handler make a
// handler:
//
//	h, err := policy.New(policy.Config{
//		Auth: &policy.Auth{Users: "/etc/shop/users", Realm: "shop"},
//		Rate: &policy.Rate{Requests: 10, Per: time.Second, Burst: 20, Key: policy.Address()},
//	}, shop)
//
// The conditions of a request are asked in this order, and the first that refuses it answers it:
//
//  1. maintenance: 503, but for the addresses that are let through;
//  2. access by address: 403;
//  3. the rate of an address, or of the value of a field: 429;
//  4. preflight requests of CORS, which ask for no user: 204;
//  5. the user: 401;
//  6. the rate of the user: 429;
//  7. the limit of the body: 413; the deadline of the handler.
//
// Then the prefix is stripped from the path, and the inner handler answers. Every head that leaves, refusals included, gets
// the fields of CORS first, then Cache-Control, then what [Edit] says.
//
// The handler answers on the event loop whatever it can refuse there and whatever the inner handler answers there, without
// allocating. Two things never happen on a loop: hashing a password, and looking at a file. What needs them is declined, and
// settled in Serve. A limit of rate counts a request once: on the loop it is only asked, and charged when an answer is certain.
package policy
