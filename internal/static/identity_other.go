//go:build !linux && !darwin

package static

import (
	"io/fs"
	"os"
)

const openFlags = os.O_RDONLY

// inodeOf knows nothing here: size and modification time alone tell versions of a file apart.
func inodeOf(fs.FileInfo) (inode uint64, changed int64) { return 0, 0 }

// now returns the version that the open file has at the moment.
func (rep *representation) now() (version, error) {
	info, err := rep.file.Stat()
	if err != nil {
		return version{}, err
	}
	return versionOf(info), nil
}
