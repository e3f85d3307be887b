package main

import (
	"fmt"
	"os"
)

// nginxFiles returns nginx's configuration with sendfile "on" or "off". Both have open_file_cache, errors included,
// since it makes nginx faster either way, and neither has tcp_nopush, which costs two system calls per response: what
// is compared is nginx as somebody sets it up who wants it fast.
func nginxFiles(sendfile string) func(setting) map[string]string {
	return func(s setting) map[string]string {
		return map[string]string{"nginx.conf": fmt.Sprintf(`%[1]s
daemon off;
worker_processes 1;
pid %[2]s/nginx.pid;
error_log %[2]s/error.log crit;
events { worker_connections 12000; }
http {
    access_log off;
    log_not_found off;
    sendfile %[3]s;
    tcp_nodelay on;
    keepalive_timeout 300;
    keepalive_requests 1000000000;
    open_file_cache max=1000 inactive=60s;
    open_file_cache_valid 30s;
    open_file_cache_errors on;
    types { text/html html; application/octet-stream bin; }
    client_body_temp_path %[2]s/client;
    proxy_temp_path %[2]s/proxy;
    fastcgi_temp_path %[2]s/fastcgi;
    uwsgi_temp_path %[2]s/uwsgi;
    scgi_temp_path %[2]s/scgi;
    server {
        listen %[4]s backlog=4096;
        root %[5]s;
    }
}
`, nginxUser(), s.dir, sendfile, s.address(), s.docs)}
	}
}

// nginxUser returns the line that keeps nginx's workers from becoming somebody else, which only root's could.
func nginxUser() string {
	if os.Geteuid() == 0 {
		return "user root;"
	}
	return ""
}

// lighttpdFiles returns lighttpd's configuration. 65535 requests per connection is the most that it can be told; the
// check of keep-alive stays below, and a client that meets the limit opens another connection. It takes half as many
// connections as it may have descriptors, and as root raises its limit itself.
func lighttpdFiles(s setting) map[string]string {
	return map[string]string{"lighttpd.conf": fmt.Sprintf(`server.document-root = "%[1]s"
server.bind = "127.0.0.1"
server.port = %[2]d
server.errorlog = "%[3]s/error.log"
server.upload-dirs = ( "%[3]s" )
server.event-handler = "linux-sysepoll"
server.network-backend = "sendfile"
server.stat-cache-engine = "simple"
server.max-fds = 24576
server.max-connections = 12000
server.listen-backlog = 4096
server.max-keep-alive-requests = 65535
server.max-keep-alive-idle = 300
mimetype.assign = ( ".html" => "text/html", ".bin" => "application/octet-stream" )
`, s.docs, s.port, s.dir)}
}

// h2oFiles returns h2o's configuration; without access-log it writes none.
func h2oFiles(s setting) map[string]string {
	user := ""
	if os.Geteuid() == 0 {
		user = "user: root\n"
	}
	return map[string]string{"h2o.conf": fmt.Sprintf(`%[1]snum-threads: 1
max-connections: 12000
http1-request-timeout: 300
pid-file: %[2]s/h2o.pid
error-log: %[2]s/error.log
listen:
  host: 127.0.0.1
  port: %[3]d
hosts:
  default:
    paths:
      "/":
        file.dir: %[4]s
`, user, s.dir, s.port, s.docs)}
}

// caddyFiles returns a Caddyfile that switches off what a benchmark does not want: the control port and certificates.
func caddyFiles(s setting) map[string]string {
	return map[string]string{"Caddyfile": fmt.Sprintf(`{
	admin off
	auto_https off
	storage file_system %[1]s/storage
	log {
		level ERROR
	}
}

:%[2]d {
	bind 127.0.0.1
	root * %[3]s
	file_server
}
`, s.dir, s.port, s.docs)}
}
