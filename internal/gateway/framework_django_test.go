//go:build linux

package gateway_test

import (
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// migrate makes the database, and an account for the admin, in one process since Django takes long to load.
func migrate(t *testing.T, python, dir string) {
	run(t, dir, python, "-c", `
import os
import django
from django.core.management import call_command

os.environ["DJANGO_SETTINGS_MODULE"] = "shop.settings"
os.environ["DJANGO_SUPERUSER_PASSWORD"] = "lovelace"
django.setup()
call_command("migrate", verbosity=0)
call_command("createsuperuser", interactive=False, verbosity=0, username="ada", email="ada@example.org")
`)
}

var stylesheets = regexp.MustCompile(`<link rel="stylesheet" href="([^"]*)"`)

func TestDjango(t *testing.T) {
	t.Parallel()
	p := project{folder: "django", target: "manage.py", reference: "shop.wsgi:application", workers: 2, prepare: migrate}
	p.converse(t, func(t *testing.T, b *browser) {
		sheet := blocks(200 << 10) // goes through a file, in Highball and in Django
		t.Run("sessions in the database", func(t *testing.T) {
			b.get(t, "/").want(t, 200, "Visit 1<", "<ul>\n</ul>")
			b.get(t, "/").want(t, 200, "Visit 2<")
			b.do(t, "HEAD", "/", nil).want(t, 200)
			b.get(t, "/").want(t, 200, "Visit 4<")
			b.do(t, "OPTIONS", "/", nil).want(t, 405).field(t, "Allow", "GET, HEAD")
		})
		t.Run("a form with an upload and a token", func(t *testing.T) {
			token := b.get(t, "/products/add").want(t, 200, `type="file"`).token(t)
			forged, contentType := multipartForm(t, part{"name", "", "Forged"}, part{"price", "", "1"}, part{"sheet", "a.txt", "a"})
			b.do(t, "POST", "/products/add", forged, contentType).want(t, 403, "CSRF verification failed")
			lacking, contentType := multipartForm(t, part{"csrfmiddlewaretoken", "", token}, part{"name", "", "Kettle"}, part{"price", "", "x"})
			b.do(t, "POST", "/products/add", lacking, contentType).want(t, 422, "Enter a number.", "This field is required.")
			good, contentType := multipartForm(t, part{"csrfmiddlewaretoken", "", token},
				part{"name", "", "Kettle ☕"}, part{"price", "", "19.90"}, part{"sheet", "kettle.txt", sheet})
			b.do(t, "POST", "/products/add", good, contentType).want(t, 302).field(t, "Location", "/")
			b.get(t, "/").want(t, 200, "Kettle ☕ was added", `<a href="/products/1/sheet">Kettle ☕</a> 19.90`)
			stored, err := os.ReadFile(filepath.Join(b.dir, "media", "sheets", "kettle.txt"))
			if err != nil || string(stored) != sheet {
				t.Errorf("%d bytes were stored instead of %d, %v", len(stored), len(sheet), err)
			}
		})
		t.Run("files and streams", func(t *testing.T) {
			a := b.get(t, "/products/1/sheet").want(t, 200).field(t, "Content-Length", "204800").
				field(t, "Content-Disposition", "attachment; filename*=utf-8''Kettle%20%E2%98%95.txt")
			if a.body != sheet {
				t.Errorf("%d bytes differ from what was handed in", len(a.body))
			}
			b.do(t, "HEAD", "/products/1/sheet", nil).want(t, 200).field(t, "Content-Length", "204800")
			b.get(t, "/products/2/sheet").want(t, 404)
			if got := b.get(t, "/products.csv").want(t, 200).body; got != "name,price\r\nKettle ☕,19.90\r\n" {
				t.Errorf("%q", got)
			}
		})
		// Without ranges: WhiteNoise's file for these is closed again by the garbage collector, whose time is any, and Django
		// then closes the database below the request that runs.
		t.Run("static files", func(t *testing.T) {
			for _, m := range stylesheets.FindAllStringSubmatch(b.get(t, "/").body+b.get(t, "/admin/login/").body, -1) {
				a := b.get(t, m[1]).want(t, 200, "{").field(t, "Content-Type", `text/css; charset="utf-8"`)
				b.get(t, m[1], "If-Modified-Since: "+a.header.Get("Last-Modified")).want(t, 304)
			}
			b.get(t, "/static/catalogue/none.css").want(t, 404)
		})
		t.Run("admin", func(t *testing.T) {
			b.get(t, "/admin/").want(t, 302).field(t, "Location", "/admin/login/?next=/admin/")
			login := func(password string) answer {
				token := b.get(t, "/admin/login/?next=/admin/").want(t, 200, "Django administration").token(t)
				return b.post(t, "/admin/login/?next=/admin/", url.Values{
					"csrfmiddlewaretoken": {token}, "username": {"ada"}, "password": {password}, "next": {"/admin/"}})
			}
			login("wrong").want(t, 200, "Please enter the correct username and password")
			login("lovelace").want(t, 302).field(t, "Location", "/admin/")
			b.get(t, "/admin/").want(t, 200, "Site administration", "Products")
			b.get(t, "/admin/catalogue/product/?q=kett").want(t, 200, "1 product", "Kettle ☕")
			token := b.get(t, "/admin/catalogue/product/1/change/").want(t, 200, `value="19.90"`).token(t)
			form, contentType := multipartForm(t, part{"csrfmiddlewaretoken", "", token},
				part{"name", "", "Kettle"}, part{"price", "", "24.50"}, part{"sheet", "", ""}, part{"_save", "", "Save"})
			b.do(t, "POST", "/admin/catalogue/product/1/change/", form, contentType).want(t, 302)
			b.get(t, "/admin/catalogue/product/").want(t, 200, "was changed successfully", "24.50")
			b.get(t, "/").want(t, 200, " of ada<", "Kettle</a> 24.50")
			token = b.get(t, "/admin/").token(t)
			b.post(t, "/admin/logout/", url.Values{"csrfmiddlewaretoken": {token}}).want(t, 200, "Logged out")
			b.get(t, "/admin/").want(t, 302)
		})
		t.Run("errors and foreign names", func(t *testing.T) {
			b.get(t, "/fail").want(t, 500, "Server Error (500)")
			b.get(t, "/nowhere").want(t, 404)
			b.get(t, "/admin").want(t, 301).field(t, "Location", "/admin/")
			b.get(t, "/", "If-None-Match: *", "Accept-Language: de").want(t, 304)
			if got := strings.Count(b.get(t, "/products.csv").body, "\n"); got != 2 {
				t.Errorf("%d lines", got)
			}
		})
	})
}
