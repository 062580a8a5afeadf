package main

import (
	"regexp"

	"github.com/keyfob/keyfob/internal/idp/idptest"
)

// secretPattern finds tokens, codes and client secrets of the test provider.
func secretPattern() *regexp.Regexp {
	return regexp.MustCompile(`(at|rt|dc)-[A-Z2-7]{20,}|4(/|%2F)[A-Z2-7]{20,}|eyJ[\w-]{10,}\.eyJ|` + idptest.Secret)
}
