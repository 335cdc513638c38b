//go:build linux

package main_test

import (
	"bytes"
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"log"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// registry is the private side of one case: the hosts that its package managers ask, all on one loopback address of the
// daemon's network, with the ports that everybody uses. Every request needs one of the case's credentials, in whatever
// place its kind of client puts it. It offers one project in every ecosystem: hello, of acme.
type registry struct {
	canaries     []string // what is, or holds, a credential
	repositories string   // a folder of git's

	address string
	mutex   sync.Mutex
	shown   map[string]bool // of the canaries
	log     []string
}

// sites are the hosts.
var sites = map[string]func(*registry, http.ResponseWriter, *http.Request){
	"npm.example.com":      (*registry).serveNPM,
	"pypi.example.com":     (*registry).servePyPI,
	"goproxy.example.com":  (*registry).serveGoProxy,
	"git.example.com":      (*registry).serveGit,
	"files.example.com":    (*registry).serveFiles,
	"gems.example.com":     (*registry).serveGems,
	"composer.example.com": (*registry).serveComposer,
	"apt.example.com":      (*registry).serveApt,
	"github.example.com":   (*registry).serveGitHub,
	"sentry.example.com":   (*registry).serveSentry,
	"crates.example.com":   (*registry).serveCrates,
	"maven.example.com":    (*registry).serveMaven,
	"s3.example.com":       (*registry).serveS3,
}

// serve starts the registry of a case, for the length of the test. The authority is one that the case's base trusts.
func (b *buildkit) serve(t *testing.T, ca *authority, r *registry) {
	t.Helper()
	r.address = fmt.Sprintf("127.0.1.%d", b.servers.Add(1))
	var protocols http.Protocols
	protocols.SetHTTP1(true) // CGI wants it
	server := &http.Server{
		Handler:   r,
		Protocols: &protocols,
		TLSConfig: &tls.Config{Certificates: []tls.Certificate{ca.leaf}},
		ErrorLog:  log.New(noise{}, "", 0),
	}
	listen := func(port string, serve func(net.Listener) error) {
		l, err := b.listen(net.JoinHostPort(r.address, port))
		if err != nil {
			t.Fatal(err)
		}
		go serve(l) // until it is closed
	}
	listen("80", server.Serve)
	listen("443", func(l net.Listener) error { return server.ServeTLS(l, "", "") })
	t.Cleanup(func() {
		server.Close()
		if t.Failed() {
			r.mutex.Lock()
			defer r.mutex.Unlock()
			t.Logf("requests:\n%s", strings.Join(r.log, "\n"))
		}
	})
}

// noise swallows what net/http says of clients that hang up.
type noise struct{}

func (noise) Write(p []byte) (int, error) { return len(p), nil }

// hosts is what a build is told: NAME=ADDRESS of all sites.
func (r *registry) hosts() string {
	var list []string
	for name := range sites {
		list = append(list, name+"="+r.address)
	}
	slices.Sort(list)
	return strings.Join(list, ",")
}

// took returns the canaries that were shown since it was last called.
func (r *registry) took() map[string]bool {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	shown := r.shown
	r.shown = nil
	return shown
}

func (r *registry) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	host, _, err := net.SplitHostPort(q.Host)
	if err != nil {
		host = q.Host
	}
	status := &statusWriter{ResponseWriter: w, status: http.StatusOK}
	site, ok := sites[host]
	switch {
	case !ok:
		http.Error(status, "no such host", http.StatusNotFound)
	case isPublic(host, q) || isS3(host) && r.signed(q) || !isS3(host) && r.authorized(q):
		site(r, status, q)
	default:
		challenge := `Basic realm="` + host + `"`
		if strings.HasPrefix(host, "crates.") {
			challenge = `Cargo login_url="https://` + host + `/me"`
		}
		w.Header().Set("WWW-Authenticate", challenge)
		http.Error(status, "a credential is needed", http.StatusUnauthorized)
	}
	r.record(fmt.Sprintf("%s %s%s: %d", q.Method, host, q.URL.Path, status.status))
}

func (r *registry) record(line string) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.log = append(r.log, line)
}

// show takes down the canaries that were shown, and says whether there are any.
func (r *registry) show(isShown func(canary string) bool) bool {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	found := false
	for _, canary := range r.canaries {
		if isShown(canary) {
			found = true
			if r.shown == nil {
				r.shown = map[string]bool{}
			}
			r.shown[canary] = true
		}
	}
	return found
}

// isPublic says whether everybody may have it: where go finds the repository of a module, on any forge.
func isPublic(host string, q *http.Request) bool {
	return host == "git.example.com" && q.URL.Query().Get("go-get") == "1"
}

// authorized says whether a request shows a credential, and takes down which: a canary or, where that is a URL, say, or
// a whole file, the part of it that is told from the rest by its mark.
func (r *registry) authorized(q *http.Request) bool {
	texts := slices.DeleteFunc(credentials(q), func(text string) bool { return !strings.Contains(text, "c4n4ry") })
	return r.show(func(canary string) bool {
		return slices.ContainsFunc(texts, func(text string) bool { return strings.Contains(canary, text) })
	})
}

// signed says whether a request is signed with a canary. Its key's name, and the token of its session, are shown with it.
func (r *registry) signed(q *http.Request) bool {
	return slices.ContainsFunc(r.canaries, func(secret string) bool { return signedBy(q, secret) }) &&
		r.show(func(canary string) bool {
			return signedBy(q, canary) || strings.Contains(q.Header.Get("Authorization"), "Credential="+canary+"/") ||
				q.Header.Get("X-Amz-Security-Token") == canary
		})
}

// credentials are all texts in a request that may be one: user and password, what stands behind the scheme, the value
// of any header (PRIVATE-TOKEN, X-JFrog-Art-Api …) or of any key of the query.
func credentials(q *http.Request) (all []string) {
	for _, values := range q.Header {
		all = append(all, values...)
	}
	for _, values := range q.URL.Query() {
		all = append(all, values...)
	}
	_, rest, _ := strings.Cut(q.Header.Get("Authorization"), " ")
	all = append(all, rest)
	if user, password, ok := q.BasicAuth(); ok {
		all = append(all, user, password, user+":"+password)
	}
	// npm's _auth is base64 of user:password; a client may also hold the text for the token itself.
	if text, err := base64.StdEncoding.DecodeString(rest); err == nil {
		all = append(all, string(text))
	}
	return slices.DeleteFunc(all, func(s string) bool { return s == "" })
}

type statusWriter struct {
	http.ResponseWriter
	status int
}

func (w *statusWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

// send answers with content, and with 404 where there is none.
func send(w http.ResponseWriter, q *http.Request, contentType string, content []byte) {
	if content == nil {
		http.NotFound(w, q)
		return
	}
	w.Header().Set("Content-Type", contentType)
	http.ServeContent(w, q, "", time.Time{}, bytes.NewReader(content))
}
