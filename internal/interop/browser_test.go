package interop

import (
	"bytes"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/creack/pty"
)

// TestDemo is a person with a terminal and a real browser who tries keyfob out.
func TestDemo(t *testing.T) {
	needKeyring(t)
	const noProfile = "KEYFOB_PROFILE=no-such-profile" // it is the same for everybody
	t.Run("allow", func(t *testing.T) {
		c, d := startChromium(t), startDemo(t, noProfile, "demo")
		c.do(chromedp.Navigate(d.address(t)), chromedp.Click(chromedp.CSS(`input[value="ada-1815"]`)))
		c.screenshot("consent")
		c.do(chromedp.Click(chromedp.CSS(`button[value="allow"]`)))
		c.lastPage(successTitle, 1)
		c.do(chromedp.EmulateViewport(900, 420))
		c.screenshot("signed-in")
		d.end(t, 0,
			"The tokens are kept in the keyring of this system",
			"Signed in as ada@example.com", "ada@example.com (Ada Lovelace)", "asked now",
			"Renewed; valid until", "Signed out ada@example.com: revoked at ", "nothing is left behind", "!"+c.codes[0])
	})
	t.Run("deny", func(t *testing.T) {
		c, d := startChromium(t), startDemo(t, noProfile, "demo")
		c.do(chromedp.Navigate(d.address(t)), chromedp.Click(chromedp.CSS(`button[value="deny"]`)))
		c.lastPage("Access was refused", 0)
		c.screenshot("refused")
		d.end(t, 4, "access_denied", "!Signed in")
	})
}

// TestDoctorSignIn is a person who wants to know whether all of it works here, and sees it.
func TestDoctorSignIn(t *testing.T) {
	needKeyring(t)
	c, d := startChromium(t), startDemo(t, "", "doctor", "--sign-in")
	c.do(
		chromedp.Navigate(d.address(t)),
		chromedp.Click(chromedp.CSS(`input[value="ada-1815"]`)), chromedp.Click(chromedp.CSS(`button[value="allow"]`)),
	)
	c.lastPage(successTitle, 1)
	d.end(t, 0, "login, whoami, token, refresh and logout worked, with the keyring and the browser", "!"+c.codes[0])
}

// TestBrowserSignIn goes from the form of a provider of another origin to keyfob's last page.
func TestBrowserSignIn(t *testing.T) {
	needKeyring(t)
	c, port := startChromium(t), freePort(t)
	op := startProvider(t, true, "http://localhost:"+port+"/oauth2callback")
	k := newKeyfob(t, "interop-browser")
	login := k.login(nil, func(address string) {
		c.do(
			chromedp.Navigate(address),
			chromedp.SendKeys(chromedp.CSS("#username"), userName), chromedp.SendKeys(chromedp.CSS("#password"), password),
			chromedp.Click(chromedp.CSS("button")),
		)
		c.lastPage(successTitle, 1)
	}, "--issuer", op.issuer, "--client-id", nativeClient, "--port", port)
	login.want(0, "Signed in as "+email, "!"+c.codes[0])
	op.wantAsked(t, loginRequests("")...)
	k.use(op)
	k.logout(op, "")
	wantItems(t, k.profile)
}

// A person types the short address instead: it leads to the provider's form, and on as ever.
func TestBrowserAtShortAddress(t *testing.T) {
	needKeyring(t)
	c, port := startChromium(t), freePort(t)
	op := startProvider(t, true, "http://localhost:"+port+"/oauth2callback")
	k := newKeyfob(t, "interop-short")
	login := k.login(nil, func(string) {
		c.do(
			chromedp.Navigate("http://localhost:"+port+"/"),
			chromedp.SendKeys(chromedp.CSS("#username"), userName), chromedp.SendKeys(chromedp.CSS("#password"), password),
			chromedp.Click(chromedp.CSS("button")),
		)
		c.lastPage(successTitle, 1)
	}, "--issuer", op.issuer, "--client-id", nativeClient, "--port", port)
	login.want(0, "http://localhost:"+port+"/\n", "Signed in as "+email, "!"+c.codes[0])
	k.run("logout").want(0)
}

// demo is a command of keyfob on a terminal of its own, which brings its own provider.
type demo struct {
	handed   <-chan string
	read     chan struct{} // closed when all output is there
	output   bytes.Buffer
	status   func() int
	terminal *os.File
}

func startDemo(t *testing.T, env string, args ...string) *demo {
	t.Helper()
	k := newKeyfob(t, "interop-demo")
	command := k.command(bounded(t), args...)
	command.Env = k.environ("DISPLAY=:99", "TERM=xterm", env)
	terminal, err := pty.StartWithSize(command, &pty.Winsize{Rows: 40, Cols: 100})
	must(t, err)
	d := &demo{handed: k.handed, read: make(chan struct{}), terminal: terminal}
	d.status = func() int {
		_ = command.Wait()
		return command.ProcessState.ExitCode()
	}
	t.Cleanup(func() {
		if command.ProcessState == nil {
			_ = command.Process.Kill()
			_ = command.Wait()
		}
		_ = terminal.Close()
	})
	go func() { // ends when the demo does: reading fails then
		defer close(d.read)
		_, _ = io.Copy(&d.output, terminal)
	}()
	return d
}

// address gives what the demo opened.
func (d *demo) address(t *testing.T) string {
	t.Helper()
	select {
	case address := <-d.handed:
		return address
	case <-d.read:
		t.Fatalf("it ended: %s", &d.output)
	case <-bounded(t).Done():
		t.Fatal("it opens no browser")
	}
	return ""
}

func (d *demo) end(t *testing.T, status int, texts ...string) {
	t.Helper()
	<-d.read
	if got := d.status(); got != status {
		t.Errorf("exit %d; want %d\n%s", got, status, &d.output)
	}
	for _, text := range texts {
		text, unwanted := strings.CutPrefix(text, "!")
		if strings.Contains(d.output.String(), text) == unwanted {
			t.Errorf("%q is on the terminal: %v\n%s", text, unwanted, &d.output)
		}
	}
}
