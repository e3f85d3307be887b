// Package static serves a folder: files whole and in ranges, precompressed variants, folder listings and, where asked
// for, uploads.
//
// A [Site] is a handler like any other; it has the folder open until it is closed:
//
//	site, err := static.New(static.Config{Root: "public", Listing: true})
//	if err != nil {
//		return err
//	}
//	defer site.Close()
//	return highball.ListenAndServe("127.0.0.1:8000", site)
//
// # What a path stands for
//
// The canonical path of a request is looked up in the folder, never outside of it (open.go). A file is answered with its
// bytes; a folder with its index file or its listing, after a redirect to the path with a slash; everything else with an
// error page. Names that begin with a dot are as good as absent unless Config.Hidden says otherwise, but for the
// folder /.well-known (RFC 8615).
//
// # How a file is answered
//
// The representation is selected first (encoding.go), then the conditions are evaluated against it (conditions.go, RFC
// 9110 section 13.2.2), then the ranges are cut out of it (ranges.go, section 14). An entity tag is made of the file's
// inode, size and modification time, so it is strong, changes with every replacement, and is not the same on two machines.
//
// # Memory
//
// Small files, and the fact that a path stands for nothing, are kept in memory for at most a second without a look at
// the disk (cache.go). ServeInline answers from there and only from there; Serve does everything else and fills it.
package static
