package cli

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"rsc.io/qr"
)

// quiet is the light margin that a QR code needs, in modules.
const quiet = 2 // of 4: the terminal around it has one colour, too, and addresses are long

// qrCode draws a QR code for terminals: two modules a character, one above the other, the light
// ones drawn. On a light background it is inverted, which readers know.
func qrCode(address string) (string, error) {
	code, err := qr.Encode(address, qr.L)
	if err != nil {
		return "", fmt.Errorf("make a QR code: %w", err)
	}
	light := func(x, y int) bool { return !code.Black(x, y) } // outside of the code, all is light
	var b strings.Builder
	for y := -quiet; y < code.Size+quiet; y += 2 {
		for x := -quiet; x < code.Size+quiet; x++ {
			b.WriteString(halves(light(x, y), light(x, y+1) && y+1 < code.Size+quiet))
		}
		b.WriteByte('\n')
	}
	return b.String(), nil
}

func halves(upper, lower bool) string {
	switch {
	case upper && lower:
		return "█"
	case upper:
		return "▀"
	case lower:
		return "▄"
	}
	return " "
}

// sayQR shows a QR code if this is a terminal that has the room.
func (a *app) sayQR(address string) {
	switch text, err := qrCode(address); {
	case err != nil:
		a.say("warning: %v", err)
	case !a.Terminal || a.Getenv("TERM") == "dumb":
		a.say("warning: there is no terminal to show a QR code")
	default:
		first, _, _ := strings.Cut(text, "\n")
		if width := utf8.RuneCountInString(first); width > a.Width() {
			a.say("warning: the QR code needs a terminal that is %d characters wide", width)
			return
		}
		for line := range strings.Lines(text) {
			a.say("%s", strings.TrimSuffix(line, "\n"))
		}
	}
}
