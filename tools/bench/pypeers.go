package main

import (
	"fmt"
	"strconv"
	"strings"
)

// Names of the servers of Python applications.
const (
	peerHighballWSGI = "highball-wsgi"
	peerUWSGI        = "uwsgi"
	peerUWSGIOne     = "uwsgi-one-thread"
	peerGranian      = "granian"
	peerGranianFour  = "granian-four-threads"
	peerNginxUWSGI   = "nginx+uwsgi"
	peerGunicorn     = "gunicorn"
	peerWaitress     = "waitress"
)

// application is a Python application and how it is to be run. The zero value stands for none.
type application struct {
	target  string // module:callable
	workers int
	threads int // of each of Highball's workers, where the other servers have some; 0 is one
	// shared lets server, workers and load run on both cores.
	shared bool
}

const (
	// threadsOfUWSGI is one for each connection of the workloads: with --http11-socket a thread keeps to its connection as
	// long as that is open, and connections beyond the number of threads wait until others are closed.
	threadsOfUWSGI = 32
	// threadsOfPool is what gunicorn and waitress are fastest with, and waitress's default.
	threadsOfPool = 4
)

// pythonPeers returns the servers of Python applications. All of them are told the same: no log of requests, keep-alive
// where the server speaks HTTP itself, so many worker processes. What has no default of its own has the setting that
// was fastest.
func pythonPeers() []peer {
	return []peer{
		{name: peerHighballWSGI, wsgi: true, install: "make build", args: highballWSGIArgs},
		{
			name: peerUWSGI, wsgi: true, python: "uwsgi",
			args: func(s setting) []string {
				return append(uwsgiArgs(s), "--http11-socket", s.address(), "--threads", strconv.Itoa(threadsOfUWSGI))
			},
		},
		{
			name: peerUWSGIOne, wsgi: true, python: "uwsgi",
			args: func(s setting) []string { return append(uwsgiArgs(s), "--http11-socket", s.address()) },
		},
		{
			name: peerGranian, wsgi: true, python: "granian",
			args: granianArgs,
		},
		{
			name: peerGranianFour, wsgi: true, python: "granian",
			args: func(s setting) []string {
				return append(granianArgs(s), "--blocking-threads", strconv.Itoa(threadsOfPool))
			},
		},
		{
			name: peerNginxUWSGI, wsgi: true, program: "nginx", install: "apt-get install nginx-light", python: "uwsgi",
			files: nginxUWSGIFiles, args: nginxUWSGIArgs,
		},
		{
			name: peerGunicorn, wsgi: true, python: "gunicorn",
			args: func(s setting) []string {
				return []string{
					"--bind", s.address(), "--workers", strconv.Itoa(s.app.workers), "--worker-class", "gthread",
					"--threads", strconv.Itoa(threadsOfPool), "--keep-alive", "300", "--worker-tmp-dir", "/dev/shm", "--no-control-socket",
					"--chdir", s.env.apps, s.app.target,
				}
			},
		},
		{
			// It has one process; where others have several workers it has as many threads, and no fewer than by default.
			name: peerWaitress, wsgi: true, python: "python",
			args: func(s setting) []string {
				start := fmt.Sprintf("import sys; sys.path.insert(0, %q); from waitress.runner import run; run()", s.env.apps)
				return []string{
					"-c", start, "--listen", s.address(), "--threads", strconv.Itoa(max(s.app.workers, threadsOfPool)),
					"--channel-timeout", "300", s.app.target,
				}
			},
		},
	}
}

func highballWSGIArgs(s setting) []string {
	return []string{
		s.app.target, "--chdir", s.env.apps, "--python", s.env.program("python"), "--workers", strconv.Itoa(s.app.workers),
		"--threads", strconv.Itoa(max(s.app.threads, 1)), "--port", strconv.Itoa(s.port), "--bind", "127.0.0.1", "--access-log", "off",
	}
}

func granianArgs(s setting) []string {
	return []string{
		s.app.target, "--interface", "wsgi", "--host", "127.0.0.1", "--port", strconv.Itoa(s.port), "--no-log", "--no-access-log",
		"--workers", strconv.Itoa(s.app.workers), "--working-dir", s.env.apps,
	}
}

func uwsgiArgs(s setting) []string {
	return []string{
		"--master", "--die-on-term", "--disable-logging", "--listen", "1024", "--need-app", "--workers", strconv.Itoa(s.app.workers),
		"--chdir", s.env.apps, "--wsgi", s.app.target,
	}
}

// nginxUWSGIArgs returns the arguments of a shell that starts uWSGI and becomes nginx once uWSGI listens. Both are in one
// process group.
func nginxUWSGIArgs(s setting) []string {
	socket := s.dir + "/uwsgi.sock"
	script := fmt.Sprintf(`%s "$@" & while [ ! -S %s ]; do sleep 0.05; done; exec %s %s`,
		s.env.program("uwsgi"), socket, s.program, strings.Join(nginxArgs(s), " "))
	return append([]string{"-c", script, "sh", "--socket", socket, "--chmod-socket=666"}, uwsgiArgs(s)...)
}

// nginxUWSGIFiles returns the configuration of nginx before uWSGI.
func nginxUWSGIFiles(s setting) map[string]string {
	return map[string]string{"nginx.conf": fmt.Sprintf(`%[1]s
daemon off;
worker_processes %[4]d;
pid %[2]s/nginx.pid;
error_log %[2]s/error.log crit;
events { worker_connections 12000; }
http {
    access_log off;
    tcp_nodelay on;
    keepalive_timeout 300;
    keepalive_requests 1000000000;
    client_body_buffer_size 1m;
    client_max_body_size 16m;
    client_body_temp_path %[2]s/client;
    proxy_temp_path %[2]s/proxy;
    fastcgi_temp_path %[2]s/fastcgi;
    uwsgi_temp_path %[2]s/uwsgi;
    scgi_temp_path %[2]s/scgi;
    uwsgi_buffers 16 16k;
    server {
        listen %[3]s backlog=4096;
        location / {
            uwsgi_pass unix:%[2]s/uwsgi.sock;
            uwsgi_param QUERY_STRING $query_string;
            uwsgi_param REQUEST_METHOD $request_method;
            uwsgi_param CONTENT_TYPE $content_type;
            uwsgi_param CONTENT_LENGTH $content_length;
            uwsgi_param REQUEST_URI $request_uri;
            uwsgi_param PATH_INFO $document_uri;
            uwsgi_param DOCUMENT_ROOT $document_root;
            uwsgi_param SERVER_PROTOCOL $server_protocol;
            uwsgi_param REQUEST_SCHEME $scheme;
            uwsgi_param REMOTE_ADDR $remote_addr;
            uwsgi_param REMOTE_PORT $remote_port;
            uwsgi_param SERVER_PORT $server_port;
            uwsgi_param SERVER_NAME $server_name;
        }
    }
}
`, nginxUser(), s.dir, s.address(), min(s.app.workers, 2))}
}
