//go:build unix

package app

import (
	"errors"
	"fmt"
	"os"
	"os/user"
	"strconv"
	"strings"
	"syscall"

	"highball/internal/config"
	"highball/internal/gateway"
)

// identity is a user to run as.
type identity struct {
	name   string
	home   string
	uid    int
	gid    int
	groups []int
}

// identityOf looks up the user and the group of a configuration, each a name or a number. Without a group it is the user's own; of the user's
// other groups all are kept.
func identityOf(name, group string) (identity, error) {
	u, err := user.Lookup(name)
	if err != nil {
		if u, err = user.LookupId(name); err != nil {
			return identity{}, fmt.Errorf("user: there is no user %q on this machine", name)
		}
	}
	who := identity{name: u.Username, home: u.HomeDir}
	if group != "" {
		g, err := user.LookupGroup(group)
		if err != nil {
			if g, err = user.LookupGroupId(group); err != nil {
				return identity{}, fmt.Errorf("group: there is no group %q on this machine", group)
			}
		}
		u.Gid = g.Gid
	}
	who.uid, err = strconv.Atoi(u.Uid)
	if err != nil {
		return identity{}, fmt.Errorf("user %q has the number %q: %w", name, u.Uid, err)
	}
	who.gid, err = strconv.Atoi(u.Gid)
	if err != nil {
		return identity{}, fmt.Errorf("group %q has the number %q: %w", group, u.Gid, err)
	}
	others, err := u.GroupIds()
	if err != nil {
		others = nil // it has its own group in any case
	}
	who.groups = []int{who.gid}
	for _, other := range others {
		if n, err := strconv.Atoi(other); err == nil && n != who.gid {
			who.groups = append(who.groups, n)
		}
	}
	return who, nil
}

// become gives up root's rights for those of the user that the configuration names, for good and in every thread. What was made as root before and is needed
// later, the logs' files and unix sockets, is given to that user. It is called when the addresses are bound and before anything else
// runs. A server that is that user already stays as it is.
func (a *App) become(c *config.Config) error {
	name, group := c.User, c.Group
	if name == "" {
		if group != "" {
			return errors.New(`group: there is no user; write user = "www-data"`)
		}
		return nil
	}
	who, err := identityOf(name, group)
	switch {
	case err != nil:
		return err
	case os.Geteuid() != 0 && os.Geteuid() == who.uid && (group == "" || os.Getegid() == who.gid):
		return nil
	case os.Geteuid() != 0:
		return fmt.Errorf("only root can become the user %q; start the server as root, or leave user out", name)
	case who.uid == 0:
		return nil
	}
	if err := a.give(who, c.Log); err != nil {
		return err
	}
	if err := syscall.Setgroups(who.groups); err != nil {
		return fmt.Errorf("become the user %q: setgroups: %w", name, err)
	}
	if err := syscall.Setgid(who.gid); err != nil {
		return fmt.Errorf("become the user %q: setgid: %w", name, err)
	}
	if err := syscall.Setuid(who.uid); err != nil {
		return fmt.Errorf("become the user %q: setuid: %w", name, err)
	}
	return who.verify()
}

// verify makes sure that the process is who and cannot be root again.
func (who identity) verify() error {
	switch {
	case os.Getuid() != who.uid || os.Geteuid() != who.uid || os.Getgid() != who.gid || os.Getegid() != who.gid:
		return fmt.Errorf("this process did not become the user %q", who.name)
	case syscall.Setuid(0) == nil || syscall.Setgid(0) == nil && who.gid != 0:
		return fmt.Errorf("this process became the user %q, but could be root again", who.name)
	}
	return nil
}

// give gives what this process has made to who.
func (a *App) give(who identity, log config.Log) error {
	var errs []error
	for _, file := range log.Files() {
		errs = append(errs, os.Lchown(file, who.uid, who.gid))
	}
	for _, l := range a.listening {
		if l.named && !strings.HasPrefix(l.Address, "@") {
			errs = append(errs, os.Lchown(l.Address, who.uid, who.gid))
		}
	}
	return errors.Join(errs...)
}

// workerIdentity returns whom the workers of an application run as, nil where that is as the server does, and the variables that tell them.
func workerIdentity(a *config.App) (*gateway.Identity, []string, error) {
	if a.User == "" {
		if a.Group != "" {
			return nil, nil, errors.New("group: there is no user for the workers; write both")
		}
		return nil, nil, nil
	}
	who, err := identityOf(a.User, a.Group)
	switch {
	case err != nil:
		return nil, nil, err
	case os.Geteuid() == who.uid && os.Getegid() == who.gid:
		return nil, nil, nil
	case os.Geteuid() != 0:
		return nil, nil, fmt.Errorf("only a server that runs as root can run workers as the user %q", a.User)
	}
	as := &gateway.Identity{User: uint32(who.uid), Group: uint32(who.gid)}
	for _, group := range who.groups {
		as.Groups = append(as.Groups, uint32(group))
	}
	return as, []string{"HOME=" + who.home, "USER=" + who.name, "LOGNAME=" + who.name}, nil
}

// rootNotice is a line for who runs a server as root without need, else "".
func rootNotice(name string) string {
	if os.Geteuid() != 0 || name != "" {
		return ""
	}
	return `running as root, applications included; write user = "www-data" in the configuration to give that up once the addresses are bound`
}
