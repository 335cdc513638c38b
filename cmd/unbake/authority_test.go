//go:build linux

package main_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"time"
)

// authority is what a root file system trusts, and a certificate by it for the sites.
type authority struct {
	leaf tls.Certificate
}

func openAuthority(dir string) (*authority, error) {
	decode := func(name string) ([]byte, error) {
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			return nil, err
		}
		block, _ := pem.Decode(text)
		if block == nil {
			return nil, fmt.Errorf("%s: no PEM block", name)
		}
		return block.Bytes, nil
	}
	certificate, errCertificate := decode("ca.pem")
	encodedKey, errKey := decode("ca.key")
	if err := errors.Join(errCertificate, errKey); err != nil {
		return nil, err
	}
	parent, err := x509.ParseCertificate(certificate)
	if err != nil {
		return nil, err
	}
	signer, err := x509.ParsePKCS8PrivateKey(encodedKey)
	if err != nil {
		return nil, err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	leaf, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()),
		Subject:      pkix.Name{CommonName: "example.com"},
		DNSNames:     []string{"*.example.com"},
		NotBefore:    parent.NotBefore,
		NotAfter:     time.Now().Add(48 * time.Hour),
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}, parent, key.Public(), signer.(crypto.Signer))
	if err != nil {
		return nil, err
	}
	return &authority{leaf: tls.Certificate{Certificate: [][]byte{leaf}, PrivateKey: key}}, nil
}
