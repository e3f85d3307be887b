package h1

// statusTexts are the registered reason phrases (RFC 9110 section 15 and the IANA registry), by status minus 100.
var statusTexts = [...]string{
	0: "Continue", 1: "Switching Protocols", 2: "Processing", 3: "Early Hints",

	100: "OK", 101: "Created", 102: "Accepted", 103: "Non-Authoritative Information", 104: "No Content",
	105: "Reset Content", 106: "Partial Content", 107: "Multi-Status", 108: "Already Reported", 126: "IM Used",

	200: "Multiple Choices", 201: "Moved Permanently", 202: "Found", 203: "See Other", 204: "Not Modified",
	205: "Use Proxy", 207: "Temporary Redirect", 208: "Permanent Redirect",

	300: "Bad Request", 301: "Unauthorized", 302: "Payment Required", 303: "Forbidden", 304: "Not Found",
	305: "Method Not Allowed", 306: "Not Acceptable", 307: "Proxy Authentication Required", 308: "Request Timeout",
	309: "Conflict", 310: "Gone", 311: "Length Required", 312: "Precondition Failed", 313: "Content Too Large",
	314: "URI Too Long", 315: "Unsupported Media Type", 316: "Range Not Satisfiable", 317: "Expectation Failed",
	321: "Misdirected Request", 322: "Unprocessable Content", 323: "Locked", 324: "Failed Dependency",
	325: "Too Early", 326: "Upgrade Required", 328: "Precondition Required", 329: "Too Many Requests",
	331: "Request Header Fields Too Large", 351: "Unavailable For Legal Reasons",

	400: "Internal Server Error", 401: "Not Implemented", 402: "Bad Gateway", 403: "Service Unavailable",
	404: "Gateway Timeout", 405: "HTTP Version Not Supported", 406: "Variant Also Negotiates",
	407: "Insufficient Storage", 408: "Loop Detected", 411: "Network Authentication Required",
}

// statusLines are the complete status lines of the codes above.
var statusLines = composeStatusLines()

func composeStatusLines() (lines [len(statusTexts)]string) {
	for i, text := range statusTexts {
		if text != "" {
			lines[i] = string(AppendStatusLineText(nil, 100+i, text))
		}
	}
	return lines
}

// StatusText returns the reason phrase of a registered status code, and "" for any other code.
func StatusText(code int) string {
	if i := code - 100; i >= 0 && i < len(statusTexts) {
		return statusTexts[i]
	}
	return ""
}

// AppendStatusLine appends an HTTP/1.1 status line with the registered reason phrase, which is empty for a code that
// is not registered. It panics unless status has three digits.
func AppendStatusLine(dst []byte, status int) []byte {
	if i := status - 100; i >= 0 && i < len(statusLines) && statusLines[i] != "" {
		return append(dst, statusLines[i]...)
	}
	return AppendStatusLineText(dst, status, "")
}

// AppendStatusLineText is AppendStatusLine with a reason phrase of the caller's, who has checked it with ValidFieldValue.
func AppendStatusLineText(dst []byte, status int, reason string) []byte {
	if status < 100 || status > 999 {
		panic("h1: status code without three digits")
	}
	dst = append(dst, "HTTP/1.1 "...)
	dst = append(dst, byte('0'+status/100), byte('0'+status/10%10), byte('0'+status%10), ' ')
	dst = append(dst, reason...)
	return append(dst, "\r\n"...)
}
