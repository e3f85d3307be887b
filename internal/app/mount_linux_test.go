package app

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// mountSmall mounts a volume of 1 MB at a folder. The error is errNotMounted where that is not permitted, which in the project's own tests it has to be
// wherever this process may administer the system.
func mountSmall(dir string) (unmount func(), err error) {
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=1m"); err != nil {
		if os.Getenv("HIGHBALL_CI") != "" && mayMount() {
			return nil, fmt.Errorf("mount: %w", err)
		}
		return nil, fmt.Errorf("%w: %v", errNotMounted, err)
	}
	return func() { _ = syscall.Unmount(dir, syscall.MNT_DETACH) }, nil
}

// mayMount reports whether this process is root with CAP_SYS_ADMIN, the capability number 21.
func mayMount() bool {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil || os.Geteuid() != 0 {
		return false
	}
	_, rest, _ := strings.Cut(string(status), "CapEff:")
	line, _, _ := strings.Cut(rest, "\n")
	set, err := strconv.ParseUint(strings.TrimSpace(line), 16, 64)
	return err == nil && set&(1<<21) != 0
}
