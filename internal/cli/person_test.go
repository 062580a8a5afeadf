package cli_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"sync"
	"time"

	"github.com/keyfob/keyfob/internal/idp"
	"github.com/keyfob/keyfob/internal/idp/idptest"
	"github.com/keyfob/keyfob/internal/profile"
)

// person is in front of the browser that keyfob opens.
//
//	PERSON=ada, bob  signs in as that one
//	PERSON=deny      says no
//	PERSON=nobody    does nothing
//	PERSON=fail      there is no browser to open
//	PERSON=stranger  has another tab that calls the redirect address, then signs in as Ada
//	PERSON=answer    gets ANSWER from the provider: the query of the callback, to which the right
//	                 state is added, and the right issuer unless there is one
//
// BROWSER_LOG gets each address that is opened, BROWSER_COMMAND the commands to open it with, PAGE the last page that is shown.
type person struct {
	getenv func(string) string
	visits sync.WaitGroup
}

func (p *person) open(_ context.Context, address, command string) error {
	if err := appendLine(p.getenv("BROWSER_LOG"), address); err != nil {
		return err
	}
	if command != "" {
		if err := appendLine(p.getenv("BROWSER_COMMAND"), command); err != nil {
			return err
		}
	}
	switch p.getenv("PERSON") {
	case "fail":
		return errors.New("no browser found")
	case "nobody":
		return nil
	}
	p.visits.Go(func() { // ends with the last page, or when its server is gone
		page, err := p.visit(address)
		if err != nil {
			page = "no page: " + err.Error()
		}
		if err := os.WriteFile(p.getenv("PAGE"), []byte(page), 0o600); err != nil {
			panic(err)
		}
	})
	return nil
}

func (p *person) leave() { p.visits.Wait() }

func (p *person) visit(address string) (page string, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	client, err := p.browser()
	if err != nil {
		return "", err
	}
	callback, err := p.decide(ctx, client, address)
	if err != nil {
		return "", err
	}
	return read(ctx, client, callback)
}

// browser trusts whom BROWSER_CA names, and goes through a proxy if there is one.
func (p *person) browser() (*http.Client, error) {
	t := &http.Transport{Proxy: http.ProxyFromEnvironment}
	if file := p.getenv("BROWSER_CA"); file != "" {
		roots, err := profile.ReadRoots(file)
		if err != nil {
			return nil, err
		}
		t.TLSClientConfig = &tls.Config{RootCAs: roots}
	}
	return &http.Client{Transport: t}, nil
}

// decide gives the address that the provider sends the browser to.
func (p *person) decide(ctx context.Context, client *http.Client, address string) (string, error) {
	switch p.getenv("PERSON") {
	case "bob":
		return idp.Approve(ctx, client, address, idptest.Bob, true)
	case "deny":
		return idp.Approve(ctx, client, address, idptest.Ada, false)
	case "answer":
		return answer(address, p.getenv("ANSWER"), p.getenv("ISSUER"))
	case "stranger":
		wrong, err := answer(address, "code=stolen", "")
		if err != nil {
			return "", err
		}
		if _, err := read(ctx, client, wrong+"x"); err != nil { // another state
			return "", err
		}
	}
	return idp.Approve(ctx, client, address, idptest.Ada, true)
}

// answer makes the callback that a provider would send the browser to.
func answer(address, query, issuer string) (string, error) {
	u, err := url.Parse(address)
	if err != nil {
		return "", err
	}
	values, err := url.ParseQuery(query)
	if err != nil {
		return "", err
	}
	if !values.Has("iss") {
		query += "&iss=" + url.QueryEscape(issuer)
	}
	asked := u.Query()
	return asked.Get("redirect_uri") + "?" + query + "&state=" + url.QueryEscape(asked.Get("state")), nil
}

func read(ctx context.Context, client *http.Client, address string) (string, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return "", err
	}
	r.Header.Set("Sec-Fetch-Mode", "navigate")
	resp, err := client.Do(r)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return string(body), err
}

func appendLine(path, line string) error {
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(f, line)
	return errors.Join(err, f.Close())
}
