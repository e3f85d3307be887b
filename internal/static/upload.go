package static

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"time"

	"highball"
)

// Uploads: PUT of one file, POST of a form with any number. A file is complete before it gets its name (stage.go), so
// that nobody ever reads half of one, and an upload that fails leaves nothing.

// put stores the body as the file that the path names.
func (s *Site) put(w *highball.Response, r *highball.Request) error {
	if status := s.refusal(r); status != 0 {
		return s.refuse(w, status)
	}
	path := s.within(r.Path())
	parent, base := path[:strings.LastIndexByte(path, '/')+1], path[strings.LastIndexByte(path, '/')+1:]
	switch {
	case base == "":
		return s.refuse(w, http.StatusConflict) // a folder is no file
	case s.hidden(path) || !s.nameable(base):
		return s.refuse(w, http.StatusForbidden)
	case r.Header().Has("Content-Range") || r.Header().Has("Content-Encoding"):
		// A part, or a coded form, would be stored as if it were the file: RFC 9110, section 14.5.
		return s.refuse(w, http.StatusBadRequest)
	}
	if conditionsOf(r.Header()).evaluate("PUT", s.validatorsOf(nameOf(path))) != proceed {
		return s.refuse(w, http.StatusPreconditionFailed)
	}
	u, err := s.begin(nameOf(parent), r)
	if err != nil {
		return s.failUpload(w, err)
	}
	defer u.close()
	if err := u.stage(base, u.body); err != nil {
		return s.failUpload(w, err)
	}
	created, err := u.publish()
	s.forget(s.cfg.Prefix+parent, u)
	if err != nil {
		return s.failUpload(w, err)
	}
	if created == 0 {
		w.SetStatus(http.StatusNoContent)
		return nil
	}
	w.Header().Set("Location", escapePath(r.Path()))
	w.SetStatus(http.StatusCreated)
	return nil
}

// formField is the name of the form's field whose files are stored; others are passed over.
const formField = "file"

// post stores the files of a form in the folder that the path names.
func (s *Site) post(w *highball.Response, r *highball.Request) error {
	if status := s.refusal(r); status != 0 {
		return s.refuse(w, status)
	}
	path := r.Path()
	mediaType, parameters, err := mime.ParseMediaType(r.Header().Value("Content-Type"))
	switch {
	case !strings.HasSuffix(path, "/"):
		w.Header().Set("Allow", s.allow)
		return s.refuse(w, http.StatusMethodNotAllowed)
	case s.hidden(s.within(path)):
		return s.refuse(w, http.StatusNotFound)
	case err != nil || mediaType != "multipart/form-data":
		return s.refuse(w, http.StatusUnsupportedMediaType)
	}
	u, err := s.begin(nameOf(s.within(path)), r)
	if err != nil {
		return s.failUpload(w, err)
	}
	defer u.close()
	if err := s.stageForm(u, multipart.NewReader(u.body, parameters["boundary"])); err != nil {
		return s.failUpload(w, err)
	}
	created, err := u.publish()
	s.forget(path, u)
	if err != nil {
		return s.failUpload(w, err)
	}
	location := escapePath(path)
	accept, _ := r.Header().Joined("Accept")
	if _, browser := mediaWeight(accept, "text/html"); browser {
		w.Header().Set("Location", location)
		w.SetStatus(http.StatusSeeOther)
		return nil
	}
	if created == 0 {
		w.SetStatus(http.StatusNoContent)
		return nil
	}
	if len(u.staged) == 1 {
		location += escapePath(u.staged[0].name)
	}
	w.Header().Set("Location", location)
	w.SetStatus(http.StatusCreated)
	return nil
}

// stageForm stages every file of a form.
func (s *Site) stageForm(u *upload, form *multipart.Reader) error {
	for {
		part, err := form.NextRawPart()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return u.bodyError(err)
		}
		name := baseName(part)
		if part.FormName() != formField || name == "" {
			continue
		}
		if !s.nameable(name) || s.hiddenName(name) {
			return &highball.Error{Status: http.StatusBadRequest, Err: fmt.Errorf("static: file name %q", name)}
		}
		if err := u.stage(name, part); err != nil {
			return err
		}
	}
	if len(u.staged) == 0 {
		return &highball.Error{Status: http.StatusBadRequest, Err: errors.New("static: a form without a file")}
	}
	return nil
}

// baseName returns the name of a part's file without the folders that some clients send with it.
func baseName(part *multipart.Part) string {
	_, parameters, err := mime.ParseMediaType(part.Header.Get("Content-Disposition"))
	if err != nil {
		return ""
	}
	name := parameters["filename"]
	return name[strings.LastIndexAny(name, `/\`)+1:]
}

// nameable reports whether an upload may have a name: no path, and nothing that a terminal or another system would
// take for more than a name.
func (s *Site) nameable(name string) bool {
	return name != "" && len(name) <= 255 && name != "." && name != ".." && !strings.HasPrefix(name, stagedPrefix) &&
		strings.IndexFunc(name, func(r rune) bool { return r < 0x20 || r == 0x7f || r == '/' || r == '\\' }) < 0
}

// refusal returns the status that answers an upload which is not even looked at, or 0.
func (s *Site) refusal(r *highball.Request) int {
	switch {
	case !sameSite(r.Header(), r.Host()):
		return http.StatusForbidden
	case s.cfg.UploadLimit > 0 && r.ContentLength() > s.cfg.UploadLimit:
		return http.StatusRequestEntityTooLarge
	}
	return 0
}

// sameSite reports whether a request does not come from a page of another origin, which a browser would send without
// asking its user. Clients that are no browsers say nothing about it.
func sameSite(h *highball.Header, host string) bool {
	switch h.Value("Sec-Fetch-Site") {
	case "same-origin", "none":
		return true
	case "":
	default:
		return false
	}
	if !h.Has("Origin") {
		return true
	}
	origin, err := url.Parse(h.Value("Origin"))
	return err == nil && origin.Host != "" && strings.EqualFold(origin.Host, host)
}

// validatorsOf returns what conditions on the replacement of a file are evaluated against.
func (s *Site) validatorsOf(name string) validators {
	info, err := s.tree.stat(name)
	if err != nil || !info.Mode().IsRegular() {
		return validators{}
	}
	v := versionOf(info)
	return validators{etag: v.etag(identity), modified: time.Unix(0, v.modified).Truncate(time.Second)}
}

// forget drops what memory has for the files of an upload, for what they are variants of, and for the folder.
func (s *Site) forget(folder string, u *upload) {
	s.forgetPath(folder)
	for _, staged := range u.staged {
		for _, suffix := range suffixes {
			s.forgetPath(folder + strings.TrimSuffix(staged.name, suffix))
		}
	}
}

// failUpload answers an upload that went wrong.
func (s *Site) failUpload(w *highball.Response, err error) error {
	var known *highball.Error
	switch {
	case errors.As(err, &known) && known.Status < 500:
		return s.refuse(w, known.Status)
	case errors.As(err, &known):
		return s.fail(w, known.Status, err)
	case errors.Is(err, errBody):
		return err // the client has left, or was too slow: the server knows what to do
	case errors.Is(err, fs.ErrExist), errors.Is(err, syscall.EISDIR):
		return s.refuse(w, http.StatusConflict)
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return s.fail(w, http.StatusInsufficientStorage, err)
	case errors.Is(err, syscall.EROFS):
		return s.refuse(w, http.StatusForbidden)
	}
	return s.fail(w, statusOf(err), absence(err).cause)
}

// forgetPath drops what memory has for a path, and the file kept open for it.
func (s *Site) forgetPath(path string) {
	s.cache.remove(path)
	s.opened.forget(path)
}
