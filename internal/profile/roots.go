package profile

import (
	"crypto/x509"
	"fmt"
	"path/filepath"
)

// maxRoots is the most that is read of a file of certificates; those of whole systems have 250 KiB.
const maxRoots = 2 << 20

// checkCAFile leaves the file itself to ReadRoots: a profile is looked at more often than used.
func checkCAFile(path string) error {
	if !filepath.IsAbs(path) {
		return fmt.Errorf("%s is no absolute path", quoted(path))
	}
	return checkPrintable(path)
}

// ReadRoots reads a file of certificates (PEM), of which there must be one. The errors name the file.
func ReadRoots(path string) (*x509.CertPool, error) {
	data, _, err := readRegular(path, maxRoots)
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(data) {
		return nil, fmt.Errorf("%s holds no certificate (-----BEGIN CERTIFICATE-----)", shown(path))
	}
	return roots, nil
}

// CAFileOf gives the file of certificates that the strongest layer names, "" for none.
func CAFileOf(layers ...Settings) (string, error) {
	p, err := only("ca_file", layers)
	return p.CAFile, err
}
