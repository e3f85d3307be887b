// Package compress encodes the bodies of answers for clients that accept it: by Zstandard, Brotli or gzip (RFC 9110, section
// 8.4.1; RFC 8878 and 9659; RFC 7932; RFC 1952). It stands around the handler whose answers it encodes:
//
//	handler = compress.New(compress.Config{Encodings: []string{"zstd", "gzip"}}, handler)
//
// # Which answers
//
// Those to a request whose Accept-Encoding names a coding that is switched on, with a media type of the list and a body
// of some length or of one that is not known. Left alone is what is encoded already, a part of something (206), and what the
// handler has forbidden to transform (Cache-Control: no-transform). What depends on Accept-Encoding says so by Vary, also to the
// clients that get it plain.
//
// An encoded body is another sequence of bytes than the handler's, so a strong entity tag becomes a weak one: "x" becomes
// W/"x". Handlers find their tag in If-None-Match by the weak comparison all the same (RFC 9110, section 13.1.2), and the 304 that they
// answer names the weak one to a client that has it. If-Match and If-Range compare strongly and do not match: such a
// request gets 412, or the whole.
//
// # Streams
//
// A flush of the response flushes the encoder: what the handler has written until then can be decoded by the client.
//
// # Memory
//
// An encoder is in use from the head of a response to its end, slow clients included, and is then used again. How much it holds
// depends on the body, in KiB, measured on HTML and JSON, with the bytes that are left of 100 and the speed of one processor:
//
//	          4 KiB           32 KiB          200 KiB         megabytes
//	zstd      1460  33  150   1520  20  195   1990  12  275   2140  15  180 MB/s
//	brotli     600  29   20   1580  19   37   2300  11   62   3260  14   53 MB/s
//	gzip      1060  31  120   1060  19  140   1060  12  190   1060  16  150 MB/s
//
// Windows are 256 KiB, beyond which little was gained; with Brotli's own choice of a window an encoder held 13 MB.
package compress
