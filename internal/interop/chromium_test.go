package interop

import (
	"context"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// chromium is a real browser with one tab, which ends with the test.
type chromium struct {
	t   *testing.T
	tab context.Context //nolint:containedctx // chromedp's handle of a tab

	mu            sync.Mutex
	complaints    []string // what the browser held against a page
	codes, states []string // that went through its address bar
}

// startChromium starts a browser with an empty profile.
func startChromium(t *testing.T) *chromium {
	t.Helper()
	program, err := exec.LookPath("chromium")
	if err != nil {
		skip(t, "it needs Chromium: "+err.Error())
	}
	home := t.TempDir()
	options := []chromedp.ExecAllocatorOption{
		chromedp.ExecPath(program), chromedp.UserDataDir(filepath.Join(home, "profile")),
		chromedp.Env("HOME="+home, "XDG_CONFIG_HOME="+home, "XDG_CACHE_HOME="+home, "DBUS_SESSION_BUS_ADDRESS=disabled:"),
		chromedp.Flag("headless", "new"), chromedp.Flag("hide-scrollbars", true),
		chromedp.Flag("password-store", "basic"), // it leaves the keyring alone
	}
	for _, flag := range []string{
		"no-first-run", "disable-gpu", "disable-quic", "disable-background-networking",
		"disable-component-update", "disable-sync", "disable-dev-shm-usage",
	} {
		options = append(options, chromedp.Flag(flag, true))
	}
	if os.Getuid() == 0 {
		options = append(options, chromedp.NoSandbox) // it has no sandbox for root
	}
	ctx, end := context.WithTimeout(context.WithoutCancel(t.Context()), time.Minute) // t's ends before the cleanup, and kills it
	allocator, stop := chromedp.NewExecAllocator(ctx, options...)
	tab, _ := chromedp.NewContext(allocator)
	t.Cleanup(func() {
		_ = chromedp.Cancel(tab) // closes the browser and waits for its end
		stop()
		end()
	})
	c := &chromium{t: t, tab: tab}
	must(t, chromedp.Listen(tab, c.hear))
	c.do(
		send(network.Enable, network.EnableParams{}), send(log.Enable, cdp.Empty{}), send(runtime.Enable, cdp.Empty{}),
		send(emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: "light"}},
		}),
		chromedp.EmulateViewport(900, 720),
	)
	return c
}

func (c *chromium) hear(event any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch e := event.(type) {
	case *log.EventEntryAdded:
		c.complaints = append(c.complaints, e.Entry.Text+" "+e.Entry.URL)
	case *runtime.EventExceptionThrown:
		c.complaints = append(c.complaints, e.ExceptionDetails.Text)
	case *network.EventRequestWillBeSent:
		u, err := url.Parse(e.Request.URL)
		if err != nil {
			return
		}
		if code := u.Query().Get("code"); code != "" {
			c.codes = append(c.codes, code)
		}
		if state := u.Query().Get("state"); state != "" {
			c.states = append(c.states, state)
		}
	}
}

func (c *chromium) do(steps ...chromedp.Action[chromedp.Void]) {
	c.t.Helper()
	if err := chromedp.Do(c.tab, steps...); err != nil {
		c.t.Fatalf("chromium: %v", err)
	}
}

func ask[T any](c *chromium, question chromedp.Action[T]) T {
	c.t.Helper()
	answer, err := chromedp.Run(c.tab, question)
	if err != nil {
		c.t.Fatalf("chromium: %v", err)
	}
	return answer
}

func send[P, R any](command cdp.Command[P, R], params P) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, command, params)
		return err
	})
}

// lastPage waits for keyfob's last page and checks it. That many codes have come to keyfob.
func (c *chromium) lastPage(heading string, codes int) {
	c.t.Helper()
	c.do(chromedp.WaitVisible(`//h1[text()="` + heading + `"]`))
	address := ask(c, chromedp.Location())
	if u, err := url.Parse(address); err != nil || u.Hostname() != "localhost" || u.Path != "/done" || u.RawQuery != "" || u.Fragment != "" {
		c.t.Errorf("the address bar says %s", address)
	}
	title, text := ask(c, chromedp.Title()), ask(c, chromedp.Text(chromedp.CSS("main")))
	if title != "keyfob" || !strings.Contains(text, "You can close this tab and return to the terminal") {
		c.t.Errorf("the page %q says %q", title, text)
	}
	if width := ask(c, chromedp.Evaluate[string](`getComputedStyle(document.querySelector("main")).maxWidth`)); width != "416px" {
		c.t.Errorf("the page is at most %s wide: its style was not let in", width)
	}
	history := ask(c, chromedp.NavigationEntries())
	if slices.ContainsFunc(history.Entries, func(e *page.NavigationEntry) bool { return strings.Contains(e.URL, "code=") }) {
		c.t.Error("the code is in the history of the tab")
	}
	html := ask(c, chromedp.OuterHTML(chromedp.CSS("html")))
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.codes) != codes || len(c.states) != 2 || c.states[0] != c.states[1] {
		c.t.Errorf("%d codes and %d states went through the browser; want %d, and one state forth and back", len(c.codes), len(c.states), codes)
	}
	if slices.ContainsFunc(slices.Concat(c.codes, c.states), func(secret string) bool { return strings.Contains(html, secret) }) {
		c.t.Errorf("the page has a code or a state in it: %s", html)
	}
	if len(c.complaints) > 0 {
		c.t.Errorf("the browser complains: %q", c.complaints)
	}
}

// screenshot keeps a picture of the page for people to look at.
func (c *chromium) screenshot(name string) {
	c.t.Helper()
	dir := os.Getenv("KEYFOB_SCREENSHOTS")
	if dir == "" {
		dir = c.t.TempDir()
	}
	must(c.t, os.MkdirAll(dir, 0o755))
	must(c.t, os.WriteFile(filepath.Join(dir, name+".png"), ask(c, chromedp.CaptureScreenshot()), 0o644))
}
