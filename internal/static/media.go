package static

import "strings"

// mediaTypes are the types of files by extension, after the IANA registry. A client is never left to guess, since every
// answer says nosniff: a script or style with another type would not run.
var mediaTypes = map[string]string{
	// text
	"html": "text/html", "htm": "text/html", "xhtml": "application/xhtml+xml", "css": "text/css",
	"js": "text/javascript", "mjs": "text/javascript", "cjs": "text/javascript", "txt": "text/plain", "text": "text/plain",
	"log": "text/plain", "conf": "text/plain", "cfg": "text/plain", "ini": "text/plain", "diff": "text/plain",
	"patch": "text/plain", "sh": "text/plain", "bash": "text/plain", "py": "text/plain", "pl": "text/plain",
	"rb": "text/plain", "go": "text/plain", "mod": "text/plain", "sum": "text/plain", "c": "text/plain", "h": "text/plain",
	"cc": "text/plain", "cpp": "text/plain", "hpp": "text/plain", "s": "text/plain", "rs": "text/plain",
	"java": "text/plain", "kt": "text/plain", "swift": "text/plain", "lua": "text/plain", "sql": "text/plain",
	"ts": "text/plain", "tsx": "text/plain", "jsx": "text/plain", "tex": "text/plain", "rst": "text/plain", "adoc": "text/plain",
	"bat": "text/plain", "ps1": "text/plain", "srt": "text/plain", "gitignore": "text/plain", "gitattributes": "text/plain",
	"editorconfig": "text/plain", "md": "text/markdown", "markdown": "text/markdown", "csv": "text/csv",
	"tsv": "text/tab-separated-values", "ics": "text/calendar", "vcf": "text/vcard", "vtt": "text/vtt",
	"toml": "application/toml", "yaml": "application/yaml", "yml": "application/yaml",
	// data
	"json": "application/json", "map": "application/json", "jsonld": "application/ld+json", "geojson": "application/geo+json",
	"ndjson": "application/x-ndjson", "webmanifest": "application/manifest+json", "xml": "application/xml",
	"xsl": "application/xslt+xml", "xsd": "application/xml", "dtd": "application/xml-dtd", "rss": "application/rss+xml",
	"atom": "application/atom+xml", "gpx": "application/gpx+xml", "kml": "application/vnd.google-earth.kml+xml",
	"wasm": "application/wasm", "sqlite": "application/vnd.sqlite3", "parquet": "application/vnd.apache.parquet",
	// images
	"png": "image/png", "apng": "image/apng", "jpg": "image/jpeg", "jpeg": "image/jpeg", "jpe": "image/jpeg",
	"gif": "image/gif", "webp": "image/webp", "avif": "image/avif", "heic": "image/heic", "heif": "image/heif",
	"jxl": "image/jxl", "svg": "image/svg+xml", "ico": "image/vnd.microsoft.icon", "bmp": "image/bmp", "tif": "image/tiff",
	"tiff": "image/tiff",
	// audio and video
	"mp3": "audio/mpeg", "m4a": "audio/mp4", "aac": "audio/aac", "ogg": "audio/ogg", "oga": "audio/ogg", "opus": "audio/ogg",
	"flac": "audio/flac", "wav": "audio/wav", "mid": "audio/midi", "midi": "audio/midi", "weba": "audio/webm",
	"mp4": "video/mp4", "m4v": "video/mp4", "webm": "video/webm", "ogv": "video/ogg", "mov": "video/quicktime",
	"avi": "video/x-msvideo", "mkv": "video/matroska", "mpeg": "video/mpeg", "mpg": "video/mpeg", "3gp": "video/3gpp",
	"m3u8": "application/vnd.apple.mpegurl", "mpd": "application/dash+xml", "m2ts": "video/mp2t",
	// fonts
	"woff": "font/woff", "woff2": "font/woff2", "ttf": "font/ttf", "otf": "font/otf", "ttc": "font/collection",
	"eot": "application/vnd.ms-fontobject",
	// documents
	"pdf": "application/pdf", "epub": "application/epub+zip", "ps": "application/postscript", "eps": "application/postscript",
	"rtf": "application/rtf", "doc": "application/msword", "xls": "application/vnd.ms-excel",
	"ppt":  "application/vnd.ms-powerpoint",
	"docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
	"xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
	"pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
	"odt":  "application/vnd.oasis.opendocument.text", "ods": "application/vnd.oasis.opendocument.spreadsheet",
	"odp": "application/vnd.oasis.opendocument.presentation",
	// archives and programs
	"zip": "application/zip", "gz": "application/gzip", "tgz": "application/gzip", "tar": "application/x-tar",
	"bz2": "application/x-bzip2", "xz": "application/x-xz", "zst": "application/zstd", "br": "application/octet-stream",
	"7z": "application/x-7z-compressed", "rar": "application/vnd.rar", "jar": "application/java-archive",
	"deb": "application/vnd.debian.binary-package", "rpm": "application/x-rpm", "iso": "application/vnd.efi.iso",
	"apk": "application/vnd.android.package-archive", "exe": "application/vnd.microsoft.portable-executable",
	"swf": "application/vnd.adobe.flash.movie", "torrent": "application/x-bittorrent", "asc": "application/pgp-signature",
	"sig": "application/pgp-signature", "pem": "application/x-pem-file", "crt": "application/x-x509-ca-cert",
}

// textNames are names without an extension, in lower case, that are of text by custom.
var textNames = map[string]bool{
	"readme": true, "license": true, "licence": true, "copying": true, "copyright": true, "makefile": true,
	"gnumakefile": true, "dockerfile": true, "containerfile": true, "changelog": true, "changes": true, "authors": true,
	"contributors": true, "maintainers": true, "notice": true, "install": true, "news": true, "todo": true, "version": true,
	"history": true, "thanks": true, "patents": true, "rakefile": true, "gemfile": true, "procfile": true,
	"jenkinsfile": true, "vagrantfile": true, "codeowners": true, "security": true, "contributing": true,
}

// mediaType returns the Content-Type of a file by its name.
func (s *Site) mediaType(name string) string {
	name = name[strings.LastIndexByte(name, '/')+1:]
	dot := strings.LastIndexByte(name, '.')
	if dot < 0 && textNames[strings.ToLower(name)] {
		return withCharset("text/plain")
	}
	if dot >= 0 {
		extension := strings.ToLower(name[dot+1:])
		if t, ok := s.cfg.MediaTypes[extension]; ok {
			return withCharset(t)
		}
		if t, ok := mediaTypes[extension]; ok {
			return withCharset(t)
		}
	}
	return withCharset(s.cfg.DefaultMediaType)
}

// withCharset names UTF-8 for types that are text, unless they have a parameter already.
func withCharset(mediaType string) string {
	if strings.Contains(mediaType, ";") {
		return mediaType
	}
	switch {
	case strings.HasPrefix(mediaType, "text/"), mediaType == "application/toml", mediaType == "application/yaml":
		return mediaType + "; charset=utf-8"
	}
	return mediaType
}
