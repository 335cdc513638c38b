//go:build linux

package main_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"sync"
)

// isS3 says whether requests to the host are signed with a secret that they do not show.
func isS3(host string) bool { return host == "s3.example.com" }

// serveS3 has an object at each path, in each bucket.
func (r *registry) serveS3(w http.ResponseWriter, q *http.Request) {
	w.Header().Set("ETag", `"00000000000000000000000000000001"`)
	w.Header().Set("Last-Modified", released.Format(http.TimeFormat))
	send(w, q, "application/octet-stream", []byte("the object "+q.URL.Path+"\n"))
}

var s3Authorization = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^AWS4-HMAC-SHA256 Credential=([^/]+)/(([^/]+)/([^/]+)/([^/]+)/aws4_request), ?SignedHeaders=([^,]+), ?Signature=([0-9a-f]+)$`)
})

// signedBy says whether a request has a signature (AWS, version 4) made with a secret.
func signedBy(q *http.Request, secret string) bool {
	parts := s3Authorization().FindStringSubmatch(q.Header.Get("Authorization"))
	if parts == nil {
		return false
	}
	scope, date, region, service, names, signature := parts[2], parts[3], parts[4], parts[5], parts[6], parts[7]
	var headers strings.Builder
	for name := range strings.SplitSeq(names, ";") {
		value := q.Header.Get(name)
		if name == "host" {
			value = q.Host
		}
		fmt.Fprintf(&headers, "%s:%s\n", name, strings.TrimSpace(value))
	}
	request := strings.Join([]string{q.Method, q.URL.EscapedPath(), q.URL.Query().Encode(), headers.String(), names, q.Header.Get("X-Amz-Content-Sha256")}, "\n")
	hash := sha256.Sum256([]byte(request))
	sign := func(key []byte, text string) []byte {
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(text))
		return mac.Sum(nil)
	}
	key := []byte("AWS4" + secret)
	for _, text := range []string{date, region, service, "aws4_request"} {
		key = sign(key, text)
	}
	text := strings.Join([]string{"AWS4-HMAC-SHA256", q.Header.Get("X-Amz-Date"), scope, hex.EncodeToString(hash[:])}, "\n")
	return hex.EncodeToString(sign(key, text)) == signature
}
