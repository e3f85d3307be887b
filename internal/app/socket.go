package app

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// longestSocketPath is what a unix socket's name may have of bytes on Linux; elsewhere it is a little less, and binding says so.
const longestSocketPath = 107

// socketName returns the name of the control socket of the configuration at an absolute path: one that a person knows it by, and that no other
// configuration has.
func socketName(file string) string {
	readable := strings.TrimSuffix(filepath.Base(file), filepath.Ext(file))
	if filepath.Base(file) == FileName {
		readable = filepath.Base(filepath.Dir(file)) // by which they differ
	}
	readable = strings.Map(func(r rune) rune {
		if strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.", r) {
			return r
		}
		return '-'
	}, readable)
	sum := sha256.Sum256([]byte(file))
	return readable[:min(len(readable), 32)] + "-" + hex.EncodeToString(sum[:4]) + ".sock"
}

// processSocketName returns the name of the control socket of a server that runs no configuration file.
func processSocketName(pid int) string { return "process-" + strconv.Itoa(pid) + ".sock" }

// socketFolders returns the folders that control sockets lie in by default, the first for a server of this user and with this environment to
// put its own into, all for a command to look in.
func socketFolders(environ []string, uid int) (folders []string) {
	add := func(dir string) {
		if filepath.IsAbs(dir) {
			folders = append(folders, dir)
		}
	}
	const system = "/run/highball"
	dir, _, _ := strings.Cut(variable(environ, "RUNTIME_DIRECTORY"), ":") // systemd has made it for the service
	add(dir)
	if uid == 0 {
		add(system)
	}
	if dir := variable(environ, "XDG_RUNTIME_DIR"); dir != "" && uid != 0 {
		add(filepath.Join(dir, "highball"))
	}
	add(filepath.Join(temporaryFolder(environ), "highball-"+strconv.Itoa(uid)))
	if uid != 0 {
		add(system) // of a service that runs as this user
	}
	return folders
}

func temporaryFolder(environ []string) string {
	if dir := variable(environ, "TMPDIR"); dir != "" {
		return dir
	}
	return os.TempDir()
}

// makeSocketFolder makes a folder that nobody else may put anything into, or makes sure that one which is there is so: another user could have
// made it first.
func makeSocketFolder(dir string) error {
	err := os.Mkdir(dir, 0o700)
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	info, err := os.Lstat(dir)
	switch {
	case err != nil:
		return err
	case !info.IsDir():
		return fmt.Errorf("%s is a %s and no folder", quoted(dir), kindOf(info))
	case !belongsToUs(info):
		return fmt.Errorf("%s belongs to another user", quoted(dir))
	case info.Mode().Perm()&0o022 != 0:
		return fmt.Errorf("others may write to %s (mode %#o)", quoted(dir), info.Mode().Perm())
	}
	return nil
}

// sweep removes the sockets from a folder that servers have left which were killed. Those made since are left alone: between the steps of making one, it
// looks like one that was left.
func sweep(dir string, since time.Time) {
	names, _ := filepath.Glob(filepath.Join(dir, "*.sock")) // the pattern is a good one
	for _, name := range names {
		info, err := os.Lstat(name)
		if err != nil || info.Mode()&fs.ModeSocket == 0 || !info.ModTime().Before(since) {
			continue
		}
		c, err := net.Dial("unix", name)
		if err == nil {
			_ = c.Close() // a server is there
		} else if errors.Is(err, syscall.ECONNREFUSED) {
			_ = os.Remove(name) // another server may do so at the same time
		}
	}
}
