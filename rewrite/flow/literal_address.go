package flow

import (
	"encoding/base64"
	"net/url"
	"strings"

	"github.com/unbake-dev/unbake/compose"
	"github.com/unbake-dev/unbake/rewrite/dockerfile"
	"github.com/unbake-dev/unbake/rules/detect"
)

// authHeader is the secret that BuildKit looks for, with the host behind it, when it
// downloads what ADD names: it is sent as the Authorization header. BuildKit makes the
// same header of the user and password of an address.
const authHeader = "HTTP_AUTH_HEADER_"

// addresses finds the credentials in the addresses of ADD, one secret a host.
func (a *analysis) addresses(others []*Secret) []*Secret {
	var secrets []*Secret
	byHost := map[string]*Secret{}
	var all []address
	for _, in := range a.file.Instructions {
		if in.Name != "add" || in.Stage == nil {
			continue
		}
		words, ok := in.Paths()
		if !ok {
			continue
		}
		for _, w := range words[:max(0, len(words)-1)] {
			if x, ok := readAddress(in, w); ok {
				all = append(all, x)
			}
		}
	}
	for _, x := range all {
		found := detect.Scan([]byte(x.word.Text))
		if len(found) == 0 || x.user == "" {
			continue
		}
		s := byHost[x.host]
		value := "Basic " + base64.StdEncoding.EncodeToString([]byte(x.user+":"+x.password))
		if s == nil {
			s = &Secret{File: a.file, ID: authHeader + x.host, Value: NewValue(value), Verdict: detect.Exposed, Builders: compose.Builders(a.project.Compose(), a.file.Path)}
			s.Name = a.literalName(hostName(x.host)+"_"+upper(strings.TrimPrefix(found[0].Kind, "URL ")), append(others, secrets...))
			byHost[x.host] = s
			secrets = append(secrets, s)
		} else if s.Value.Reveal() != value {
			s.doubt(x.in, "another ADD has another credential for this host, and BuildKit sends one")
		}
		o := Origin{Kind: Literal, In: x.in, What: found[0].Kind, Value: NewValue(x.word.Text[found[0].Start:found[0].End])}
		o.At.Start, o.At.End = x.in.Span(x.start+found[0].Start, x.start+found[0].End)
		o.Label.Start, o.Label.End = x.in.Span(x.start, x.start+strings.IndexByte(x.word.Text, ':'))
		s.Origins = append(s.Origins, o)
		start, end := x.in.Span(x.start, x.start+len(x.word.Text))
		switch {
		case x.in.OnBuild:
			s.doubt(x.in, "builds of other projects, FROM this image, download it (ONBUILD)")
		case string(a.file.Src[start:end]) != x.word.Text:
			s.doubt(x.in, "its address is written with escapes or over several lines")
		case x.git:
			s.doubt(x.in, "BuildKit reads it with git: take the credential out, and give the build the secret GIT_AUTH_HEADER or GIT_AUTH_TOKEN")
		case strings.Contains(x.word.Text, "$") || strings.Trim(x.host, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-") != "":
			s.doubt(x.in, "its address holds a variable, or no plain host")
		}
	}
	for _, s := range secrets {
		for _, x := range all {
			switch {
			case strings.Contains(x.host, "$"):
				s.doubt(x.in, "an ADD from a variable host may be from this one")
			case authHeader+x.host == s.ID && x.user == "" && !x.git:
				s.doubt(x.in, "another ADD from this host has no credential, and would be sent this one")
			}
		}
	}
	return secrets
}

// address is what ADD downloads.
type address struct {
	in                   *dockerfile.Instruction
	word                 dockerfile.Word
	start                int // of the address in the instruction's text
	user, password, host string
	git                  bool
}

func readAddress(in *dockerfile.Instruction, w dockerfile.Word) (x address, ok bool) {
	lower := strings.ToLower(w.Text)
	if !strings.HasPrefix(lower, "http://") && !strings.HasPrefix(lower, "https://") {
		return x, false
	}
	x = address{in: in, word: w, start: w.Start}
	if in.JSON() {
		x.start++
	}
	u, err := url.Parse(w.Text)
	if err != nil {
		_, rest, _ := strings.Cut(w.Text, "://")
		at := strings.LastIndexByte(rest, '@')
		x.user = rest[:max(0, at)]
		x.host, _, _ = strings.Cut(rest[at+1:], "/")
		return x, true
	}
	x.host, x.git = u.Hostname(), strings.HasSuffix(u.Path, ".git")
	if u.User != nil {
		x.user = u.User.Username()
		x.password, _ = u.User.Password()
	}
	return x, true
}
